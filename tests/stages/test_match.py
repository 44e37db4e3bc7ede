"""Which entity a record is: certain, unknown, or a person's to say."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import definition, field

from syncd.lead.definition import KEPT_KEYS, EntityKind
from syncd.stages.match import KEYS, LONE, RELATING, SHARED, Key, Linked, Several, Unknown, keys_of, match_record

MAIL: Key = ("email", "ann@plant.example")
PHONE: Key = ("phone", "+16175550123|smith")


def keys(kind: EntityKind, **values: Any) -> list[Key]:
    return keys_of(definition(), kind, values)


def test_a_leads_keys_are_ordered_from_certain_to_relating() -> None:
    found = keys(EntityKind.LEAD, email="ann@plant.example", phone="+16175550123", last_name="Smith", account="A")
    assert found == [MAIL, PHONE, ("account", "A"), ("company", "plant.example")]


def test_empty_values_make_no_key() -> None:
    assert keys(EntityKind.LEAD, email="", phone="+16175550123", last_name=None, account=None) == []
    assert keys(EntityKind.LEAD) == []


def test_an_account_is_found_by_its_domain_and_its_name() -> None:
    named = [("domain", "plant.example"), ("name", "plant")]
    found = keys(EntityKind.ACCOUNT, domain="plant.example", name="Plant, Inc.", street="9 Elm St", postcode="60601")
    assert found == [*named, ("site", "60601|9 elm st")]
    nowhere = [("nowhere", "domain plant.example"), ("nowhere", "name plant")]
    assert keys(EntityKind.ACCOUNT, domain="plant.example", name="Plant, Inc.") == named + nowhere


@pytest.mark.parametrize("host", ["facebook.com", "ymail.com", "orange.fr"])
def test_an_account_is_not_found_by_what_whoever_likes_has(host: str) -> None:
    """A page or a mailbox at a host of everybody's, and a name that names nobody; the host itself has its domain."""
    assert keys(EntityKind.ACCOUNT, domain=host, name="N/A") == []
    assert keys(EntityKind.ACCOUNT, domain="amazon.com", name="Amazon.com LLC")[0] == ("domain", "amazon.com")


def test_a_branch_is_identified_by_its_own_key_and_only_related_by_customer_and_place() -> None:
    found = keys(EntityKind.BRANCH, branch_key="S1|7|2", customer="7", street="4 Elm St", postcode="12345", account="A")
    assert found == [("branch_key", "S1|7|2"), ("account", "A"), ("customer", "7"), ("site", "12345|4 elm st")]
    assert {key for key, _ in found[1:]} <= RELATING


def test_a_branch_is_known_by_its_numbers_where_its_own_key_is_lacking() -> None:
    """The CRM holds the numbers only; two ERPs may give the same ones to two branches."""
    numbers, lone, own = ("ship_to", "7|2"), ("lone ship_to", "7|2"), ("branch_key", "erp/7/2")
    known = {"customer": "7", "ship_to": "2"}
    assert keys(EntityKind.BRANCH, **known)[:2] == [lone, numbers]
    assert keys(EntityKind.BRANCH, branch_key="erp/7/2", **known)[:2] == [own, numbers]
    assert match_record([lone, numbers], {numbers: ["A"]}, {}, "1") == Linked("A", "ship_to")
    assert match_record([own, numbers], {numbers: ["A"], lone: ["A"]}, {}, "1") == Linked("A", "ship_to")
    assert match_record([own, numbers], {numbers: ["A"]}, {}, "1") == Unknown()


def test_a_number_is_found_as_it_stands_and_without_leading_zeros() -> None:
    """ERPs pad numbers and people do not; the spelling that is the same comes first, and only digits are padded."""
    known = definition(field("tax_id", identifies=True))
    assert keys_of(known, EntityKind.LEAD, {"tax_id": "0000104711"}) == [("tax_id", "0000104711"), ("tax_id", "104711")]
    assert keys_of(known, EntityKind.LEAD, {"tax_id": "000"}) == [("tax_id", "000")]
    assert keys_of(known, EntityKind.LEAD, {"tax_id": "00C1"}) == [("tax_id", "00C1")]
    assert keys(EntityKind.BRANCH, customer="007", ship_to="02") == [
        ("lone ship_to", "007|02"),
        ("lone ship_to", "7|2"),
        ("ship_to", "007|02"),
        ("ship_to", "7|2"),
        ("customer", "007"),
        ("customer", "7"),
    ]


def test_every_identifying_field_is_a_key_in_the_order_of_the_definition() -> None:
    known = definition(field("tax_id", identifies=True))
    assert keys_of(known, EntityKind.LEAD, {"tax_id": 7, "email": "a@b.example"})[:2] == [
        ("email", "a@b.example"),
        ("tax_id", "7"),
    ]


def test_a_key_fits_its_column() -> None:
    """512 characters; a value as long as an attacker likes must not stop the page it came in."""
    found = keys(EntityKind.LEAD, email="x" * 9_000, phone="1" * 9_000, last_name="s")
    assert [len(value) for _, value in found] == [512, 512]


def test_nobody_known_is_a_new_entity() -> None:
    assert match_record([MAIL, PHONE], {}, {}, "1") == Unknown()
    assert match_record([], {MAIL: ["A"]}, {}, "1") == Unknown()


def test_one_holder_is_certain_and_the_rule_is_the_key() -> None:
    assert match_record([MAIL], {MAIL: ["A"]}, {}, "1") == Linked("A", "email")
    assert match_record([PHONE], {PHONE: ["A"]}, {}, "1") == Linked("A", "phone")


def test_a_number_speaks_only_where_an_address_is_lacking() -> None:
    """Two people with two addresses may share a line and a last name."""
    lone = ("lone phone", PHONE[1])
    assert match_record([MAIL, PHONE], {PHONE: ["A"]}, {}, "1") == Unknown()
    assert match_record([MAIL, PHONE], {PHONE: ["A"], lone: ["A"]}, {}, "1") == Linked("A", "phone")
    assert match_record([PHONE, lone], {PHONE: ["A"]}, {}, "1") == Linked("A", "phone")


def test_only_a_lead_without_an_address_is_known_by_its_number_alone() -> None:
    known = {"phone": "+16175550123", "last_name": "Smith"}
    assert keys(EntityKind.LEAD, **known) == [PHONE, ("lone phone", PHONE[1])]
    assert keys(EntityKind.LEAD, email=MAIL[1], **known)[:2] == [MAIL, PHONE]


def test_the_more_certain_key_decides() -> None:
    assert match_record([MAIL, PHONE], {MAIL: ["A"], PHONE: ["B", "C"]}, {}, "1") == Linked("A", "email")


def test_several_holders_are_for_a_person_in_a_fixed_order() -> None:
    assert match_record([MAIL], {MAIL: ["C", "A", "B"]}, {}, "1") == Several(("A", "B", "C"), "email")


def test_an_entity_that_has_such_a_record_takes_no_second_one() -> None:
    assert match_record([MAIL], {MAIL: ["A"]}, {"A": "9"}, "1") == Several(("A",), "email")


def test_a_record_meets_itself_without_trouble() -> None:
    assert match_record([MAIL], {MAIL: ["A"]}, {"A": "1"}, "1") == Linked("A", "email")


@pytest.mark.parametrize("kind", sorted(RELATING))
def test_a_relating_key_never_links(kind: str) -> None:
    """Colleagues share an account, a company, a site; they are not one person."""
    assert match_record([(kind, "x")], {(kind, "x"): ["A"]}, {}, "1") == Unknown()


# --- accounts of one company

HERE = ("site", "61604|400 n industrial rd")
THERE = ("site", "60601|9 elm st")


def test_two_accounts_of_one_system_share_a_name_at_two_addresses() -> None:
    """Plants of one company: a second record of that system is an account of its own, and nobody is asked."""
    holders = {("name", "acme"): ["A"], ("domain", "acme.com"): ["A"], HERE: ["A"]}
    keys = [("domain", "acme.com"), ("name", "acme"), THERE]
    assert match_record(keys, holders, {"A": "001"}, "002") == Unknown()
    assert match_record(keys, holders, {}, "002") == Linked("A", "domain")  # of another system: one of the two


def test_two_accounts_of_one_system_at_one_address_are_asked_about() -> None:
    holders = {("name", "acme"): ["A", "B"], HERE: ["A"], THERE: ["B"]}
    assert match_record([("name", "acme"), HERE], holders, {"A": "001", "B": "002"}, "003") == Several(("A",), "name")


@pytest.mark.parametrize("keys", [[("name", "acme")], [("name", "acme"), THERE]])
def test_an_account_without_an_address_may_be_any_of_its_name(keys: list[Key]) -> None:
    """Nothing says that it is another one, whichever side lacks the address."""
    holders = {("name", "acme"): ["A"], ("nowhere", "name acme"): ["A"]}
    assert match_record(keys, holders, {"A": "001"}, "002") == Several(("A",), "name")


def test_of_several_accounts_of_one_name_the_address_says_which() -> None:
    """A company of the other system that stands at one of the plants."""
    holders = {("name", "acme"): ["A", "B"], HERE: ["A"], THERE: ["B"]}
    assert match_record([("name", "acme"), THERE], holders, {}, "77") == Linked("B", "name")


def test_no_field_may_identify_by_the_name_of_another_key() -> None:
    assert RELATING | LONE.keys() | SHARED == KEPT_KEYS


def test_other_keys_of_the_same_values_are_another_version() -> None:
    """Where this changes, KEYS goes up by one, or whoever is stored already is found by his former keys only."""
    person = {"phone": "+13125550100", "last_name": "Lée-Müller"}
    branch = {"customer": "0004711", "ship_to": "002", "street": "Hauptstr. 5", "postcode": "D-80331"}
    found = [
        *keys(EntityKind.LEAD, email="ann@works.example", **person),
        *keys(EntityKind.LEAD, **person),
        *keys(EntityKind.ACCOUNT, name="Müller & Söhne GmbH & Co. KG", street="12, Main Street", postcode="60601-1234"),
        *keys(EntityKind.BRANCH, **branch),
    ]
    assert KEYS == 1
    assert found == [
        ("email", "ann@works.example"),
        ("phone", "+13125550100|lee muller"),
        ("company", "works.example"),
        ("phone", "+13125550100|lee muller"),
        ("lone phone", "+13125550100|lee muller"),
        ("name", "muller and sohne"),
        ("site", "60601|12 main st"),
        ("lone ship_to", "0004711|002"),
        ("lone ship_to", "4711|2"),
        ("ship_to", "0004711|002"),
        ("ship_to", "4711|2"),
        ("customer", "0004711"),
        ("customer", "4711"),
        ("site", "d80331|hauptstr 5"),
    ]
