"""What the records at one door say of each other: which words tell neighbours apart, when half a name is too little."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.matching import SITE, Band, Hold, Index, Party, Sign, compare
from syncd.matching.bulk import match_all

MERCY = Party(id="mercy", name="Mercy Hospital", street="12 Alder St", city="Wexmouth", postcode="60605")


def _hospitals(*further: str) -> list[Party]:
    """Five hospitals, each with its further records at the same door."""
    names = ("Mercy", "Kestrel", "Brightwater", "Ashgrove", "Tannhill")
    doors = [
        replace(MERCY, id=name, name=f"{name} Hospital", street=f"{place}7 Alder St", postcode=f"6060{place}")
        for place, name in enumerate(names, 1)
    ]
    return [
        *doors,
        *(replace(one, id=f"{one.id} {word}", name=f"{one.name} {word}") for one in doors for word in further),
    ]


def test_a_word_by_which_records_of_one_door_differ_elsewhere_tells_these_apart_too() -> None:
    """The list has hospitals beside their pharmacies, so the pharmacy that it lacks is not the hospital."""
    rows = _hospitals("Pharmacy")
    lacking = rows.pop()
    found = Index(rows).find(replace(lacking, id="new"))
    assert found.best is not None
    assert (found.band, found.best.comparison.hold) == (Band.REVIEW, Hold.NAMES_DIFFER)
    assert Index(_hospitals()).find(replace(lacking, id="new")).band is Band.LINK


def test_a_word_that_tells_nobody_apart_may_be_left_out() -> None:
    rows = _hospitals("Pharmacy")
    found = Index(rows).find(replace(rows[0], id="new", name="Mercy Hospital Campus"))
    assert found.best is not None
    assert (found.band, found.best.id) == (Band.LINK, "Mercy")


def test_neighbours_that_are_told_apart_are_no_rivals() -> None:
    """Neither ties: each record is linked to the one of its own name, a slip or an abbreviation notwithstanding."""
    rows = _hospitals("Pharmacy", "Emergency Department")
    asked = [replace(row, id=f"new {row.id}", name=(row.name or "").replace("Department", "Dept")) for row in rows]
    linked = {one.id: one.best for one in match_all(asked, rows, SITE) if one.band is Band.LINK}
    assert linked == {f"new {row.id}": row.id for row in rows}


def test_within_one_table_they_may_be_doubles_as_before() -> None:
    """Who looks for what stands twice expects names with a word more at one door."""
    pairs = Index(_hospitals("Pharmacy")).pairs()
    assert sum(said.band is Band.LINK for _, _, said in pairs) == 5


def test_half_a_name_is_too_little_where_several_stand_at_one_door() -> None:
    """Two jewellers in one arcade; at a door of its own the same half would do, for it may be a new owner's name."""
    mine = Party(id="mine", name="Brindlemead Jewelers", street="9 Quay Blvd", city="Wexmouth", postcode="60614")
    other = replace(mine, id="other", name="Nathaniels Jewelers")
    baker = replace(mine, id="baker", name="Harbour Bakery")
    assert Index([other]).find(mine).band is Band.LINK
    assert Index([other, baker]).find(mine).band is not Band.LINK


def test_funds_of_a_series_are_told_apart_by_roman_numerals() -> None:
    second = replace(MERCY, name="Tannhill Growth Fund II LP")
    assert compare(second, replace(MERCY, name="Tannhill Growth Fund III, L.P.")).hold is Hold.NAMES_DIFFER
    assert compare(second, replace(MERCY, name="Tannhill Growth Fund 2")).band is Band.LINK


def test_units_of_an_estate_are_as_houses() -> None:
    """Where no house has a number the unit tells the doors apart, and finds who is misspelt among a hundred."""
    unit = Party(id="5", name="Tannhill", street="Unit 5, Quay Business Park, Harbour Way", postcode="BS7 5AS")
    namesake = replace(unit, id="11", street="Unit 11, Quay Business Park, Harbour Way")
    again = replace(unit, id="new", name="Tamnhill", street="UNIT 5 QUAY BUSINESS PARK HARBOUR WAY")
    others = [
        replace(unit, id=str(at), name=f"Other {at}", street=f"Unit {at}, Quay Business Park, Harbour Way")
        for at in range(20, 120)
    ]
    found = Index([namesake, *others, unit]).find(again)
    assert (found.band, found.best and found.best.id) == (Band.LINK, "5")
    assert Sign.HOUSE_OTHER in {sign for sign, _ in compare(unit, namesake).signs}
    assert Sign.HOUSE_SAME in {sign for sign, _ in compare(unit, again).signs}
    numbered = [replace(one, street=f"9 {one.street}") for one in (unit, namesake)]
    assert Sign.UNIT_OTHER in {sign for sign, _ in compare(*numbered).signs}


def test_the_next_shop_of_one_name_in_a_street_is_no_double_of_the_first() -> None:
    shop = Party(id="one", name="Lantern Hardware", street="9 Quay Blvd", city="Wexmouth", postcode="60614")
    rows = [
        shop,
        replace(shop, id="two", street="2310 Quay Blvd"),
        replace(shop, id="again", name="Lantern Hardware Inc"),
    ]
    [matched] = match_all([replace(shop, id="new")], rows, SITE)
    assert {matched.best, *(one.id for one in matched.doubles)} == {"one", "again"}


def test_a_name_often_in_one_town_is_no_chain() -> None:
    """What stands there several times may be its own double; a chain has shops in several towns."""
    shop = Party(id="a", name="Lantern Hardware", street="9 Quay Blvd", city="Wexmouth", postcode="60614")
    here = [replace(shop, id=str(place)) for place in range(3)]
    elsewhere = [replace(one, city=f"Port {one.id}", postcode=f"7000{one.id}") for one in here]
    asked = replace(shop, id="new", street="2310 Quay Blvd")
    assert Index(here[:1]).find(asked).band is Band.LINK
    found = Index([*here[:1], *elsewhere]).find(asked)
    assert found.best is not None
    assert found.best.comparison.hold is Hold.OTHER_PLACE
    assert Sign.HOUSE_OTHER in {sign for sign, _ in found.best.comparison.signs}
    assert all(said.band is Band.LINK for _, _, said in Index([asked, *here]).pairs())


def _within(rows: list[Party]) -> set[frozenset[str]]:
    return {frozenset((one, other)) for one, other, said in Index(rows).pairs() if said.band is Band.LINK}


def test_within_one_table_what_stands_twice_tells_neighbours_apart() -> None:
    """Two records have the word and two do not, at three doors; so it does at the other doors, where one does."""
    rows = _hospitals("Pharmacy")
    again = [
        replace(row, id=f"again {row.id}", street=f"{row.street} Suite 4") for row in rows if "Mercy" not in row.id
    ]
    twice = {frozenset((row.id, f"again {row.id}")) for row in rows if "Mercy" not in row.id}
    assert _within([*rows, *again]) == twice
    slips = [
        replace(row, name=(row.name or "").replace("Pharmacy", "Pharmcy")) if row.id == "Mercy Pharmacy" else row
        for row in rows
    ]
    assert _within([*slips, *again]) == twice
    assert frozenset(("Mercy", "Mercy Pharmacy")) in _within(rows)


def test_a_word_more_is_no_double_where_both_have_one_of_their_own() -> None:
    """At a single door nothing is to be learned; each fits its own double better."""
    hospital, pharmacy = MERCY, replace(MERCY, id="pharmacy", name="Mercy Hospital Pharmacy")
    copies = [replace(hospital, id="hospital again"), replace(pharmacy, id="pharmacy again")]
    own = {frozenset(("mercy", "hospital again")), frozenset(("pharmacy", "pharmacy again"))}
    assert _within([hospital, pharmacy, *copies]) == own
    assert frozenset(("pharmacy", "mercy")) in _within([hospital, pharmacy, copies[0]])


def test_within_one_table_half_a_name_is_too_little_at_a_crowded_door() -> None:
    """Three names that begin otherwise, or two that stand there twice."""
    mine = Party(id="mine", name="Brindlemead Jewelers", street="9 Quay Blvd", city="Wexmouth", postcode="60614")
    other, baker = (
        replace(mine, id="other", name="Nathaniels Jewelers"),
        replace(mine, id="baker", name="Harbour Bakery"),
    )
    assert _within([mine, other]) == {frozenset(("mine", "other"))}
    assert _within([mine, other, baker]) == set()


def test_what_stands_before_a_name_tells_apart_as_what_stands_behind_it() -> None:
    hotels = [
        replace(MERCY, id=name, name=f"Hotel {name}", street=f"{at}7 Alder St", postcode=f"6060{at}")
        for at, name in enumerate(("Kestrel", "Brightwater", "Ashgrove", "Tannhill"), 1)
    ]
    terraces = [replace(hotel, id=f"t{hotel.id}", name=f"Terrace at {hotel.name}") for hotel in hotels]
    assert Index([*hotels, *terraces[1:]]).find(terraces[0]).band is Band.REVIEW
    assert Index(hotels).find(terraces[0]).band is Band.LINK


@pytest.mark.parametrize(
    ("name", "linked"),
    [
        ("Mercy Hospital Pharmcy", False),  # a slip of the word that tells
        ("Mercy Hosp", True),  # rather the hospital than its hospice
        ("Mercy Hosp Pharm", False),
    ],
)
def test_a_word_that_tells_is_known_by_its_slips_and_short_forms(name: str, linked: bool) -> None:
    rows = [
        row
        for row in _hospitals("Pharmacy", "Hospice")
        if row.id in ("Mercy", "Mercy Hospice") or "Mercy" not in row.id
    ]
    found = Index(rows).find(replace(MERCY, id="new", name=name, street="17 Alder St", postcode="60601"))
    assert (found.band is Band.LINK, found.best and found.best.id) == (linked, "Mercy")


def test_a_short_form_of_a_word_that_both_have_tells_nothing() -> None:
    """Each word counts once: in "Medical Center Imaging Cntr" the second is what is left."""
    rows = [row for row in _hospitals("Sleep Center") if "Mercy" not in row.id]
    center = replace(MERCY, name="Mercy Center")
    found = Index([*rows, center]).find(replace(center, id="new", name="Mercy Center Cntr"))
    assert (found.band, found.best and found.best.id) == (Band.LINK, "mercy")


def test_the_number_of_a_road_is_no_house() -> None:
    shop = Party(name="Lantern Hardware", street="4018 State Route 7", city="Wexmouth", postcode="35614")
    signs = {sign for sign, _ in compare(shop, replace(shop, street="27 State Rte 7 Hwy")).signs}
    assert Sign.HOUSE_OTHER in signs
    assert compare(shop, replace(shop, street="4018 State Hwy 7")).band is Band.LINK
    assert Sign.STREET_OTHER in {sign for sign, _ in compare(shop, replace(shop, street="4018 US 41")).signs}


def test_two_plants_in_one_street_are_no_doubles_where_each_has_one() -> None:
    plant = Party(id="a", name="Tannhill Castings", street="4211 W Madison St", city="Wexmouth", postcode="60162")
    next_one = replace(plant, id="b", street="4300 W Madison St")
    copies = [replace(plant, id="a2", name="Tannhill Castings Inc"), replace(next_one, id="b2")]
    assert _within([plant, next_one, *copies]) == {frozenset(("a", "a2")), frozenset(("b", "b2"))}
    assert _within([plant, next_one]) == {frozenset(("a", "b"))}


def _german(*forms: str) -> list[Party]:
    doors = [
        replace(MERCY, id=name, name=name, street=f"Ahornweg {at}7", city="Wexmouth", postcode=f"1011{at}")
        for at, name in enumerate(("Vogel Bau", "Sommer Logistik", "Krug", "Tannhill Elektro"), 1)
    ]
    return [replace(one, id=f"{one.id} {form}", name=f"{one.name} {form}") for one in doors for form in forms]


def test_legal_forms_tell_apart_where_companies_of_one_name_share_a_door() -> None:
    """The general partner is a company of its own; a list without such pairs only spells forms in two ways."""
    rows = _german("GmbH", "GmbH & Co. KG")
    lacking = rows.pop(0)
    asked = replace(lacking, id="new")
    assert Index(rows).find(asked).band is Band.REVIEW
    found = Index(rows).find(replace(asked, name="Vogel Bau GmbH u. Co. KG"))
    assert (found.band, found.best and found.best.id) == (Band.LINK, "Vogel Bau GmbH & Co. KG")
    assert Index(_german("GmbH & Co. KG")).find(asked).band is Band.LINK


def test_the_legal_form_breaks_a_tie() -> None:
    """Two accounts of one name at one door; which is meant is said by the form, and without one a person is asked."""
    rows = _german("GmbH", "AG")[:2]
    [matched] = match_all([replace(rows[0], id="new")], rows, SITE)
    assert (matched.band, matched.best, matched.doubles) == (Band.LINK, rows[0].id, ())
    assert Index(rows).find(replace(rows[0], id="new", name="Vogel Bau")).band is Band.REVIEW
