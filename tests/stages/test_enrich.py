"""The account somebody belongs to and the branch they sit at: certain or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import related

from syncd.lead.decision import Question
from syncd.lead.definition import EntityKind, Matching, Preference, Sense
from syncd.matching import COMPANY, SITE
from syncd.stages.enrich import (
    account_of_branch,
    find_account,
    find_branch,
    kept_keys,
    sought_keys,
    with_stated,
)

HERE: dict[str, Any] = {"street": "400 North Industrial Road, Suite 3", "postcode": "12345-6789"}
SAME = {"street": "400 N Industrial Rd", "postcode": "12345"}
ELSEWHERE = {"street": "9 Elm St", "postcode": "54321"}
ACME = related("A", name="Acme Inc")
ACME_HERE = related("B", account="A", **SAME)


def asked(found: object) -> list[str]:
    """Whom a person is asked about, the likeliest first."""
    assert isinstance(found, Question)
    return [one.id for one in found.candidates]


# --- accounts


def test_the_one_account_of_a_mail_domain_is_the_leads() -> None:
    assert find_account({}, [ACME], [related("B")]) == ("A", "mail domain")


def test_a_domain_of_several_accounts_says_nothing_and_the_name_decides() -> None:
    assert find_account({}, [related("B"), related("C")], [ACME]) == ("A", "company name")


def test_several_accounts_of_one_name_are_none() -> None:
    assert find_account({}, [], [ACME, related("B")]) is None
    assert find_account({}, [], []) is None


def prefer(*ties: str) -> Matching:
    words = [tie.split() for tie in ties]
    return Matching(prefer=[Preference(sense=Sense(sense), field=name) for sense, name in words])


PLANTS = [
    related("HQ", name="Acme Inc", domain="acme.com", erp_customer="7", created="2019-01-01"),
    related("P1", name="Acme Inc", domain="acme.com", parent="HQ", created="2018-01-01", revenue=5),
    related("P2", name="Acme", domain="acme.com", parent="HQ", created="2020-01-01", revenue=9),
]


@pytest.mark.parametrize(
    ("ties", "chosen"),
    [
        (["has erp_customer"], "HQ"),
        (["lacks parent"], "HQ"),
        (["has parent", "least created"], "P1"),
        (["most created"], "P2"),
        (["most revenue"], "P2"),
        (["least revenue"], "P1"),
        (["has domain", "most created"], "P2"),
    ],
)
def test_stated_tie_breakers_decide_between_accounts_of_one_company(ties: list[str], chosen: str) -> None:
    """Each leaves the best for the next; a candidate without the value comes last; the reason tells the runner-up."""
    mine = {"company": "Acme", "email": "a@acme.com", "domain": "acme.com"}
    rules = with_stated(COMPANY, prefer(*ties))
    for domain in (PLANTS, []):  # by mail domain and name, and by the name alone
        values = mine if domain else {"company": "Acme"}
        found = find_account(values, domain, PLANTS, (), rules)
        assert isinstance(found, tuple)
        assert found[0] == chosen
        assert found[1].endswith(f"preferred: {ties[-1]}")
        assert "0.0 bits from " in found[1]


def test_tie_breakers_that_tie_leave_the_question() -> None:
    rules = with_stated(COMPANY, prefer("has domain", "lacks phone"))
    values = {"company": "Acme", "email": "a@acme.com", "domain": "acme.com"}
    assert sorted(asked(find_account(values, PLANTS, PLANTS, (), rules)))[:1] == ["HQ"]


def test_a_tie_breaker_links_nothing_that_is_not_as_likely() -> None:
    """The account at the lead's own address is meant, whatever the other one has."""
    here = related("HERE", name="Acme Inc", city="Springfield", **SAME)
    there = related("THERE", name="Acme Inc", city="Dover", erp_customer="7", **ELSEWHERE)
    values = {"company": "Acme Inc", "city": "Springfield", **SAME}
    found = find_account(values, [], [here, there], (), with_stated(COMPANY, prefer("has erp_customer")))
    assert isinstance(found, tuple)
    assert found[0] == "HERE"


def test_of_two_branches_at_one_address_a_tie_breaker_says_which() -> None:
    """One address twice in the ERP: the one that was shipped to last."""
    twins = [related("B1", account="A", last_shipment="2024-01-01", **SAME)]
    twins.append(related("B2", account="A", last_shipment="2026-01-01", **SAME))
    rules = with_stated(SITE, prefer("most last_shipment"))
    found = find_branch(HERE, ACME, twins, (), rules)
    assert isinstance(found, tuple)
    assert found[0].id == "B2"
    assert sorted(asked(find_branch(HERE, ACME, twins))) == ["B1", "B2"]


def test_stated_thresholds_and_weights_take_the_place_of_the_usual() -> None:
    rules = with_stated(SITE, Matching(link=9.0, margin=2.0, weights={"phone": 3.0, "name": 12.0}))
    assert (rules.link, rules.review, rules.margin) == (9.0, SITE.review, 2.0)
    assert (rules.phone, rules.name_most, rules.street) == ((3.0, SITE.phone[1]), 12.0, SITE.street)
    assert with_stated(SITE, Matching()) is SITE


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"), [("US", "US", True), ("US", "DE", False), (None, "DE", True), ("US", None, True)]
)
def test_a_name_in_another_country_is_another_company(mine: str | None, theirs: str | None, fits: bool) -> None:
    found = find_account({"country": mine}, [], [related("A", country=theirs)])
    assert (found is not None) is fits


def test_a_branch_belongs_to_the_account_of_its_customer_number() -> None:
    assert account_of_branch({}, [ACME], [related("B")]) == ("A", "ERP customer number")


def test_a_branch_whose_number_is_unknown_belongs_to_the_account_of_its_customers_name() -> None:
    assert account_of_branch({}, [], [ACME]) == ("A", "customer name")
    assert account_of_branch({}, [related("B"), related("C")], [ACME]) == ("A", "customer name")


def test_of_several_accounts_of_one_name_the_one_at_the_address_is_meant() -> None:
    twins = [related("A", **SAME), related("B", **ELSEWHERE)]
    assert account_of_branch(HERE, [], twins) == ("A", "customer name and address")
    assert account_of_branch({}, [], twins) is None
    assert asked(account_of_branch(HERE, [], [related("A", **SAME), related("B", **SAME)])) == ["A", "B"]


def test_an_account_of_that_name_in_another_country_is_no_candidate() -> None:
    twins = [related("A", country="US"), related("B", country="DE")]
    assert account_of_branch({"country": "DE"}, [], twins) == ("B", "customer name")


# --- branches


def test_street_and_postcode_in_any_spelling_find_the_branch() -> None:
    assert find_branch(HERE, ACME, [ACME_HERE]) == (ACME_HERE, "same street and postcode")


SWITCHBOARD = "+16175550123"


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"city": "Peoria"},
        {"postcode": "54321"},
        {"street": "9 Elm St", "city": "Peoria"},
        {"street": "9 Elmm Street", "postcode": "54321"},
    ],
)
def test_the_telephone_finds_the_branch_where_no_address_says_otherwise(stated: dict[str, Any]) -> None:
    branch = related("B", account="A", phone=SWITCHBOARD, city="Peoria", **ELSEWHERE)
    assert find_branch({"phone": SWITCHBOARD, **stated}, ACME, [branch]) == (branch, "same telephone")


def test_another_telephone_finds_no_branch() -> None:
    branch = related("B", account="A", phone=SWITCHBOARD, city="Peoria", **ELSEWHERE)
    assert find_branch({"phone": "+16175550199", **HERE}, ACME, [branch]) is None


@pytest.mark.parametrize(
    "stated",
    [HERE, {"city": "Joliet"}, {"postcode": "60432"}, {"street": "11 Elm St", "postcode": "54321"}],
)
def test_a_switchboard_does_not_outweigh_somebodys_own_address(stated: dict[str, Any]) -> None:
    """It is asked about, and no tie-breaker links it; the site that somebody states besides does."""
    branch = related("B", account="A", phone=SWITCHBOARD, city="Peoria", **ELSEWHERE)
    found = find_branch({"phone": SWITCHBOARD, **stated}, ACME, [branch])
    assert asked(found) == ["B"]
    assert isinstance(found, Question)
    assert found.candidates[0].hold == "the address is another"
    said = {"phone": SWITCHBOARD, "site": "Peoria", **stated}
    assert find_branch(said, ACME, [branch]) == (branch, "same telephone, stated site")
    prefer = Matching(prefer=(Preference(sense=Sense.MOST, field="last_shipment"),))
    here, late = related("H", account="A", **HERE), related("B", **{**branch.values, "last_shipment": "2026-10-01"})
    found = find_branch({"phone": SWITCHBOARD, **HERE}, ACME, [late, here], rules=with_stated(SITE, prefer))
    assert sorted(asked(found)) == ["B", "H"]


def test_a_lead_without_telephone_is_not_at_a_branch_without_one() -> None:
    assert find_branch({"phone": None}, ACME, [related("B", account="A", phone=None)]) is None


def test_the_branch_of_another_account_at_the_same_address_is_not_the_leads() -> None:
    assert find_branch(HERE, ACME, [related("B", account="Z", **SAME)]) is None


def test_a_branch_of_the_same_tree_of_accounts_is_the_leads_where_its_own_account_has_none() -> None:
    """Headquarters buys, the brand's people work there; the reason says whose branch it is."""
    theirs, kin = related("B", account="HQ", phone="+16175550123", **SAME), {"HQ": "its parent account"}
    why = "same street and postcode, a branch of its parent account"
    assert find_branch(HERE, ACME, [theirs], kin=kin) == (theirs, why)
    assert find_branch(HERE, ACME, [theirs, ACME_HERE], kin=kin) == (ACME_HERE, "same street and postcode")
    assert find_branch({"phone": "+16175550123"}, ACME, [theirs], kin=kin) == (
        theirs,
        "same telephone, a branch of its parent account",
    )
    stated = related("P", account="HQ", name="Holding Peoria", city="Peoria")
    found = find_branch({"site": "Peoria"}, ACME, [stated], kin=kin)
    assert found == (stated, "stated site, a branch of its parent account")
    assert find_branch(HERE, ACME, [theirs], kin={"Z": "a subsidiary"}) is None
    assert find_branch(HERE, ACME, [theirs]) is None


PEORIA = related("P", account="A", name="Acme Peoria", city="Peoria", ship_to="0001003", phone="+16175550100")
JOLIET = related("J", account="A", name="Acme Works 2", city="St. Louis", ship_to="0001004", phone="+16175550100")


@pytest.mark.parametrize(
    ("site", "branch"),
    [
        ("Peoria plant", PEORIA),
        ("ACME PEORIA", PEORIA),
        ("1003", PEORIA),
        ("Ship-to 0001004", JOLIET),
        ("Saint Louis", JOLIET),
        ("Works 2", JOLIET),
    ],
)
def test_the_site_that_somebody_states_is_the_branch(site: str, branch: object) -> None:
    """By number, name or town, as they wrote it into a form; only among the branches of their account."""
    assert find_branch({"site": site}, ACME, [PEORIA, JOLIET]) == (branch, "stated site")
    assert find_branch({"site": site}, related("Z", name="Acme"), [PEORIA, JOLIET]) is None
    assert find_branch({"site": site, "company": "Acme"}, None, [PEORIA, JOLIET]) is None


@pytest.mark.parametrize(
    "site", ["Acme", "main plant", "", "Boston", "Peoria and Saint Louis", "Peoria 1004", "100", 1003]
)
def test_a_statement_that_names_no_one_site_places_nobody(site: object) -> None:
    assert find_branch({"site": site}, ACME, [PEORIA, JOLIET]) is None


def test_a_stated_site_chooses_between_those_that_fit_and_is_a_question_where_it_contradicts() -> None:
    """Headquarters' telephone is that of both; another branch's own address is something else."""
    shared = {"phone": "+16175550100"}
    assert asked(find_branch(shared, ACME, [PEORIA, JOLIET])) == ["J", "P"]
    assert find_branch({**shared, "site": "Peoria"}, ACME, [PEORIA, JOLIET]) == (PEORIA, "same telephone, stated site")
    assert asked(find_branch({**HERE, "site": "Peoria"}, ACME, [ACME_HERE, PEORIA])) == ["B", "P"]
    assert find_branch({**HERE, "site": "Boston"}, ACME, [ACME_HERE, PEORIA]) == (ACME_HERE, "same street and postcode")
    twins = [PEORIA, related("P2", account="A", city="Peoria")]
    assert asked(find_branch({"site": "Peoria"}, ACME, twins)) == ["P", "P2"]


def test_of_two_branches_that_fit_a_person_says_which() -> None:
    second = related("C", account="A", phone="+16175550123", **ELSEWHERE)
    found = find_branch({"phone": "+16175550123", **HERE}, ACME, [ACME_HERE, second])
    assert sorted(asked(found)) == ["B", "C"]


def test_a_blocked_branch_is_meant_where_no_open_one_fits() -> None:
    blocked = related("Z", account="A", blocked=True, **SAME)
    assert find_branch(HERE, ACME, [blocked, ACME_HERE]) == (ACME_HERE, "same street and postcode")
    assert find_branch(HERE, ACME, [blocked]) == (blocked, "same street and postcode")
    slip = {**HERE, "street": str(HERE["street"]).replace("a", "e", 1)}
    found = find_branch(slip, ACME, [blocked, ACME_HERE])
    assert found == find_branch(slip, ACME, [ACME_HERE])


def test_one_branch_named_twice_is_one() -> None:
    assert find_branch(HERE, ACME, [ACME_HERE, ACME_HERE]) is not None


@pytest.mark.parametrize("known_as", ["name", "customer_name"])
def test_without_an_account_the_company_must_be_the_branchs(known_as: str) -> None:
    branch = related("B", **{known_as: "ACME Incorporated"}, **SAME)
    assert find_branch({"company": "Acme, Inc.", **HERE}, None, [branch]) is not None
    assert find_branch({"company": "Other", **HERE}, None, [branch]) is None
    assert find_branch(HERE, None, [branch]) is None


def test_a_branch_without_an_account_is_found_by_its_name_for_a_lead_with_one() -> None:
    branch = related("B", name="Acme", **SAME)
    assert find_branch({"company": "Acme Inc", **HERE}, ACME, [branch]) is not None


def test_nameless_company_and_nameless_branch_do_not_agree() -> None:
    assert find_branch({"company": None, **HERE}, None, [related("B", name=None, **SAME)]) is None


# --- what is only alike


def test_of_several_accounts_at_one_domain_the_name_and_town_decide_and_the_reasons_say_so() -> None:
    """One company, several accounts: regional ones after a merger."""
    lead = {
        "company": "Voltaform Castings", "email": "jo@voltaform.example", "street": "400 N Industrial Rd",
        "city": "Peoria", "postcode": "61604", "country": "US",
    }  # fmt: skip
    here = related(
        "A", name="Voltaform Castings Inc", domain="voltaform.example", street="400 North Industrial Road",
        city="Peoria", postcode="61604", country="US",
    )  # fmt: skip
    there = related(
        "B", name="Voltaform Iberia SL", domain="voltaform.example", city="Bilbao", postcode="48001", country="ES"
    )
    found = find_account(lead, [here, there], [])
    assert found is not None
    assert found[0] == "A"
    assert "same web or mail domain" in found[1]
    assert "same street" in found[1]
    assert "Peoria" not in found[1]


def test_accounts_that_fit_equally_are_left_to_a_person() -> None:
    """The same account twice: neither."""
    lead = {"company": "Voltaform Castings", "email": "jo@voltaform.example", "city": "Peoria", "postcode": "61604"}
    twin = {"name": "Voltaform Castings", "domain": "voltaform.example", "city": "Peoria", "postcode": "61604"}
    found = find_account(lead, [related("A", **twin), related("B", **twin)], [])
    assert asked(found) == ["A", "B"]
    assert isinstance(found, Question)
    assert found.candidates[0].hold == "a second candidate is about as likely"
    assert "same name" in found.candidates[0].words()
    assert "Voltaform" not in str(found)


def test_a_branch_is_found_despite_a_slip_in_its_street() -> None:
    """Two systems, two typists; inside the account only."""
    lead = {"street": "400 North Industral Road", "postcode": "12345", "city": "Troy"}
    branch = related("B", account="A", street="400 N Industrial Rd", postcode="12345", city="TROY")
    found = find_branch(lead, ACME, [branch, related("C", account="A", city="Troy", **ELSEWHERE)])
    assert found is not None
    assert (found[0].id, found[1]) == ("B", "street is spelled alike, same house number, same postcode, same town")
    assert find_branch(lead, related("Z", name="Other"), [branch]) is None


@pytest.mark.parametrize(
    "street",
    ["402 North Industral Road", "400 South Industral Road", "400 Elm Road", "PO Box 400"],
)
def test_another_door_in_the_same_postcode_is_not_the_branch(street: str) -> None:
    """The neighbour is no customer."""
    branch = related("B", account="A", street="400 N Industrial Rd", postcode="12345", city="Troy")
    assert find_branch({"street": street, "postcode": "12345", "city": "Troy"}, ACME, [branch]) is None


def test_an_address_without_its_house_number_is_for_a_person_to_place() -> None:
    """The street alone may be any of its doors."""
    branch = related("B", account="A", street="400 N Industrial Rd", postcode="12345", city="Troy")
    found = find_branch({"street": "North Industral Road", "postcode": "12345", "city": "Troy"}, ACME, [branch])
    assert asked(found) == ["B"]


# --- whom no exact key finds

PLANT: dict[str, Any] = {
    "street": "400 North Industrial Road", "city": "Peoria", "state": "IL", "postcode": "61604", "country": "US",
}  # fmt: skip
VOLTAFORM = related("A", name="Voltaform Castings Inc", **PLANT)


def test_a_name_with_a_slip_at_the_same_address_is_the_account() -> None:
    """Two typists, one plant."""
    lead = {"company": "Voltaforn Casting", **PLANT, "street": "400 N Industrial Rd"}
    found = find_account(lead, [], [], [VOLTAFORM, related("B", name="Voltaform Iberia", city="Bilbao", country="ES")])
    assert isinstance(found, tuple)
    assert found[0] == "A"
    assert "name is spelled alike" in found[1]
    branch = {"name": "VOLTAFORM CASTINGS PLANT 2", "customer": "9", **PLANT}
    assert isinstance(account_of_branch(branch, [], [], [VOLTAFORM]), tuple)


def test_a_name_alone_is_for_a_person() -> None:
    """A namesake in another state is seldom the company."""
    found = find_account({"company": "Voltaforn Castings", "country": "US"}, [], [], [VOLTAFORM])
    assert asked(found) == ["A"]


def test_what_has_nothing_but_a_town_in_common_is_nobody() -> None:
    assert find_account({"company": "Elm Street Bakery", "city": "Peoria"}, [], [], [VOLTAFORM]) is None


def test_a_lead_without_an_account_sits_at_the_branch_of_its_name_and_address() -> None:
    """The branch brings its account along."""
    branch = related("B", name="Voltaform Castings Peoria", **PLANT)
    lead = {"company": "Voltaforn Castings", **PLANT, "street": "400 N. Industrial Rd."}
    found = find_branch(lead, None, [], [branch])
    assert isinstance(found, tuple)
    assert found[0] is branch
    assert find_branch({**lead, "company": "Elm Street Bakery"}, None, [], [branch]) is None


def test_what_is_alike_shares_a_key_of_likeness() -> None:
    """A slip in one word hides nobody."""
    account = kept_keys(EntityKind.ACCOUNT, VOLTAFORM.values)
    lead = {"company": "Voltaforn Castings", "city": "Peoria", "postcode": "61604"}
    assert set(account) & set(sought_keys(EntityKind.LEAD, lead, EntityKind.ACCOUNT))
    branch = kept_keys(EntityKind.BRANCH, {"name": "Plant", **PLANT})
    assert set(branch) & set(sought_keys(EntityKind.LEAD, PLANT, EntityKind.BRANCH))


def test_a_branch_is_kept_under_keys_of_its_place_only() -> None:
    """A hundred thousand of them have few names among them."""
    assert kept_keys(EntityKind.BRANCH, {"name": "Voltaform", "city": "Peoria"}) == []


def test_a_field_that_holds_a_page_makes_no_long_key() -> None:
    """A database's index takes no key of any length."""
    keys = kept_keys(EntityKind.ACCOUNT, {"name": "x" * 4_000, "street": "1 " + "y" * 4_000, "postcode": "z" * 4_000})
    assert keys
    assert max(map(len, keys)) <= 100
