"""The account somebody belongs to and the branch they sit at: certain or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import related

from syncd.stages.enrich import account_of_branch, find_account, find_branch

HERE: dict[str, Any] = {"street": "400 North Industrial Road, Suite 3", "postcode": "12345-6789"}
SAME = {"street": "400 N Industrial Rd", "postcode": "12345"}
ELSEWHERE = {"street": "9 Elm St", "postcode": "54321"}
ACME = related("A", name="Acme Inc")
ACME_HERE = related("B", account="A", **SAME)


# --- accounts


def test_the_one_account_of_a_mail_domain_is_the_leads() -> None:
    assert find_account({}, [ACME], [related("B")]) == ("A", "mail domain")


def test_a_domain_of_several_accounts_says_nothing_and_the_name_decides() -> None:
    assert find_account({}, [related("B"), related("C")], [ACME]) == ("A", "company name")


def test_several_accounts_of_one_name_are_none() -> None:
    assert find_account({}, [], [ACME, related("B")]) is None
    assert find_account({}, [], []) is None


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
    assert account_of_branch(HERE, [], [related("A", **SAME), related("B", **SAME)]) is None


def test_an_account_of_that_name_in_another_country_is_no_candidate() -> None:
    twins = [related("A", country="US"), related("B", country="DE")]
    assert account_of_branch({"country": "DE"}, [], twins) == ("B", "customer name")


# --- branches


def test_street_and_postcode_in_any_spelling_find_the_branch() -> None:
    assert find_branch(HERE, ACME, [ACME_HERE]) == (ACME_HERE, "same street and postcode")


def test_the_telephone_finds_the_branch_where_the_address_does_not() -> None:
    branch = related("B", account="A", phone="+16175550123", **ELSEWHERE)
    assert find_branch({"phone": "+16175550123", **HERE}, ACME, [branch]) == (branch, "same telephone")
    assert find_branch({"phone": "+16175550199", **HERE}, ACME, [branch]) is None


def test_a_lead_without_telephone_is_not_at_a_branch_without_one() -> None:
    assert find_branch({"phone": None}, ACME, [related("B", account="A", phone=None)]) is None


def test_the_branch_of_another_account_at_the_same_address_is_not_the_leads() -> None:
    assert find_branch(HERE, ACME, [related("B", account="Z", **SAME)]) is None


def test_two_branches_that_fit_are_none() -> None:
    second = related("C", account="A", phone="+1", **ELSEWHERE)
    assert find_branch({"phone": "+1", **HERE}, ACME, [ACME_HERE, second]) is None


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
