"""People by their names: short ones, slips, and what two records of one person are found by."""

from __future__ import annotations

import pytest

from benchmarks.labelled import febrl_within
from syncd.matching import (
    MOST_PER_KEY,
    PERSON,
    Band,
    Form,
    Named,
    Party,
    Purpose,
    compare,
    form_of,
    named,
    person_keys,
    shortlist,
)
from syncd.matching.evidence import Sign


def person(first: str, last: str, **more: str) -> Form:
    return form_of(Party(first_name=first, last_name=last, **more))


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        (("Bill", "Smith"), ("William", "Smith"), Named.SAME),
        (("Bob", "Smith"), ("Robbie", "Smith"), Named.SAME),
        (("Hans-Peter", "Müller"), ("Hans", "Mueller"), Named.SAME),
        (("Smith", "Anna"), ("Anna", "Smith"), Named.SAME),
        (("Anna", "van der Berg"), ("Anna", "Vanderberg"), Named.SAME),
        (("W.", "Smith"), ("William", "Smith"), Named.CLOSE),
        (("W.", "Smith"), ("Bill", "Smith"), Named.CLOSE),
        (("Maria", "Garcia"), ("Mario", "Garcia"), Named.CLOSE),
        (("Sophie", "Conboy"), ("Sophie", "Cnoboy"), Named.CLOSE),
        (("Maria", "Garcia"), ("Mario", "Garcio"), Named.OTHER),
        (("John", "Smith"), ("Peter", "Smith"), Named.OTHER),
        (("John", "Smith"), ("John", "Miller"), Named.OTHER),
        (("Given1", "Family1"), ("Given2", "Family1"), Named.OTHER),
        (("Given1", "Family1"), ("Given1", "Family2"), Named.OTHER),
        (("", "Smith"), ("", "Smith"), Named.OTHER),
    ],
)
def test_names_of_one_person_and_of_two(left: tuple[str, str], right: tuple[str, str], alike: Named) -> None:
    """Whichever of the two comes first."""
    assert named(person(*left), person(*right)) is alike
    assert named(person(*right), person(*left)) is alike


def test_a_short_first_name_speaks_for_the_full_one() -> None:
    """And is no longer a reason to hold the link."""
    both = {"last_name": "Smith", "name": "Works Inc.", "phone": "+13125550142"}
    found = compare(Party(first_name="Bill", **both), Party(first_name="William", **both), PERSON)
    assert Sign.FIRST_SHORT in {sign for sign, _ in found.signs}
    assert found.band is Band.LINK
    assert compare(Party(first_name="Bill", **both), Party(first_name="Peter", **both), PERSON).band is Band.REVIEW


def test_most_who_are_twice_are_found_by_their_keys() -> None:
    """FEBRL 2, made by others: of the pairs whose names are alike nine in ten, by name and address alone."""
    data = febrl_within(2, person=True, born=False)
    forms = {row.id: form_of(row) for row in data.rows}
    alike = {
        (one, other)
        for one, others in data.truth.items()
        for other in others
        if named(forms[one], forms[other]) is not Named.OTHER
    }
    holders: dict[str, list[str]] = {}
    for one, form in forms.items():
        for key in person_keys(form):
            holders.setdefault(key, []).append(one)
    found = {
        (one, other)
        for one, form in forms.items()
        for other in shortlist({key: holders[key] for key in person_keys(form)}, Purpose.PERSON)
        if named(form, forms[other]) is not Named.OTHER and other != one
    }
    assert found <= alike
    assert len(found) >= 0.9 * len(alike)


def test_colleagues_stand_under_keys_of_their_own() -> None:
    """A switchboard and an address that thousands share find nobody by themselves."""
    names = [(f"{one}{a}n", f"{two}{b}er") for one in "BDFGKLMPRST" for a in "aeiou" for two in "BDFGKL" for b in "aio"]
    shared = {"name": "Works Inc.", "phone": "+13125550100", "street": "12 Oak St", "postcode": "60601"}
    held: dict[str, int] = {}
    for first, last in names:
        for key in person_keys(person(first, last, **shared)):
            held[key] = held.get(key, 0) + 1
    assert len(names) == 990
    assert max(held.values()) <= MOST_PER_KEY
