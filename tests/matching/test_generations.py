"""Father and son share a name and a door: what tells them apart, and dates of birth as lists spell them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.matching import PERSON, Band, Hold, Index, Named, Party, Sign, compare, form_of, named
from syncd.matching.birth import read_born

SON = Party(
    id="s", first_name="John", last_name="Whitfield", street="12 Oak St", city="Elgin", postcode="60120",
    born="1978-11-21",
)  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"born": "1950-03-07"}, {}),
        ({"born": "1950"}, {"born": "1978"}),
        ({"last_name": "Whitfield Sr.", "born": None}, {"last_name": "Whitfield, Jr"}),
        ({"born": None}, {"last_name": "Whitfield III"}),
    ],
)
def test_father_and_son_at_one_door_are_for_a_person(theirs: dict[str, str | None], mine: dict[str, str]) -> None:
    found = compare(replace(SON, **theirs), replace(SON, **mine), PERSON)
    assert (found.band, found.hold) == (Band.REVIEW, Hold.GENERATIONS)


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({}, {"last_name": "Whitfield Jr"}),
        ({"last_name": "Whitfield II", "born": None}, {"last_name": "Whitfield junior"}),
        ({"born": "1978-11-12"}, {}),
        ({"born": "1950-11-07"}, {}),
        ({"born": "1950-03-07", "email": "jw@oak.example"}, {"email": "jw@oak.example"}),
    ],
)
def test_one_person_stays_one(theirs: dict[str, str | None], mine: dict[str, str]) -> None:
    """By the date of birth, the same generation in another word, a slip in a date, or an address of their own."""
    assert compare(replace(SON, **theirs), replace(SON, **mine), PERSON).band is Band.LINK


def test_where_both_stand_in_the_table_each_finds_himself() -> None:
    rows = [replace(SON, born=None), replace(SON, id="f", last_name="Whitfield Sr", born=None)]
    index = Index(rows, PERSON)
    for row in rows:
        found = index.find(replace(row, id="?"))
        assert (found.band, found.candidates[0].id) == (Band.LINK, row.id)


def test_two_generations_are_two_names() -> None:
    """Whoever comes with the other's old e-mail address is not taken for him."""
    junior, senior = (form_of(replace(SON, last_name=f"Whitfield {one}")) for one in ("Jr.", "Sr."))
    assert named(junior, senior) is Named.OTHER
    assert named(junior, form_of(replace(SON, last_name="WHITFIELD II"))) is Named.SAME


@pytest.mark.parametrize(
    "spelled", ["19781121", "21.11.1978", "11/21/1978", "21/11/78", "1978-11-21 00:00:00", "21111978"]
)
def test_a_date_of_birth_is_the_same_in_any_spelling(spelled: str) -> None:
    found = compare(SON, replace(SON, born=spelled), PERSON)
    assert Sign.BORN_SAME in {sign for sign, _ in found.signs}


def test_a_year_alone_says_little_and_what_is_no_date_nothing() -> None:
    weights = dict(compare(SON, replace(SON, born="1978"), PERSON).signs)
    assert weights[Sign.BORN_YEAR] == 4.0
    assert read_born("3/7/1950") == ("19500307", "19500703")
    assert read_born("in spring") == read_born("31/31/1950") == ()


def test_an_initial_and_another_date_of_birth_are_another_of_the_family() -> None:
    one = Party(first_name="K", last_name="Whitfield", street="12 Alder St", postcode="60605", born="1973-08-20")
    other = replace(one, first_name="Kendrick", born="1953-11-16")
    assert compare(one, other, PERSON).hold is Hold.HOUSEHOLD
    assert compare(one, replace(other, born="1973-08-20"), PERSON).band is Band.LINK


def test_who_moved_is_known_by_name_and_date_of_birth() -> None:
    """Street, house, postcode and town change together, and say but once that somebody moved."""
    one = Party(
        first_name="Kendrick", last_name="Whitfield", street="12 N Alder St", city="Wexmouth", postcode="60605",
        born="1973-08-20",
    )  # fmt: skip
    moved = replace(one, street="88 S Birch Ave", city="Norbury", postcode="71234")
    rows = Index(
        [one, *(replace(one, id=str(n), first_name=f"Ann{n}", born=f"19{n + 10}-01-02") for n in range(50))], PERSON
    )
    assert rows.find(replace(moved, id="new")).band is Band.LINK
    assert rows.find(replace(moved, id="new", born=None)).band is not Band.LINK


def test_a_number_that_only_one_person_has_outweighs_another_first_name() -> None:
    """FEBRL's are social security numbers; a twin has another."""
    one = Party(first_name="Kendrick", last_name="Whitfield", street="12 Alder St", postcode="60605", number="5304218")
    other = replace(one, first_name="Mae")
    assert compare(one, other, PERSON).band is Band.LINK
    assert compare(one, replace(other, number=None), PERSON).hold is Hold.HOUSEHOLD


def test_twins_who_stand_there_twice_are_each_one_with_itself() -> None:
    """Of one who stands there once the other first name may be a slip of whoever typed it."""
    twin = replace(SON, id="john")
    sister = replace(SON, id="ann", first_name="Ann")
    again = [replace(twin, id="john again", street="12 Oak Street"), replace(sister, id="ann again")]

    def linked(*rows: Party) -> set[frozenset[str]]:
        pairs = Index(rows, PERSON).pairs()
        return {frozenset((one, other)) for one, other, said in pairs if said.band is Band.LINK}

    own = {frozenset(("john", "john again")), frozenset(("ann", "ann again"))}
    assert linked(twin, sister, *again) == own
    assert frozenset(("john", "ann")) in linked(twin, sister, again[0])
