"""What stands close together and is not one: tenants of one door, sites of one company, houses of one street.

No postcode, no country, sometimes no telephone, as in the lists that towns and guides publish.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.matching import COMPANY, Band, Hold, Index, Party, Sign, compare
from syncd.matching.bulk import match_all

BAR = Party(
    id="bar", name="Harbour Lantern Court", street="3570 Quay Blvd", city="Wexmouth", phone="+13125550101"
)  # fmt: skip
DEPOT = Party(id="d", name="Tannhill Freight Kedzie", street="2610 N Alder Ave", city="Wexmouth", phone="+13125550110")


def linked(*rows: Party) -> set[frozenset[str]]:
    return {frozenset((one, other)) for one, other, said in Index(rows).pairs() if said.band is Band.LINK}


def test_half_a_name_and_another_telephone_at_one_door_is_another_tenant() -> None:
    """A casino holds a Palace Court and an Empress Court; without the telephones nobody could tell."""
    court = replace(BAR, name="Lantern Court", postcode="60614")
    other = replace(court, name="Meadow Court", phone="+13125550102")
    assert compare(court, other).band is not Band.LINK
    assert compare(court, replace(other, phone=None)).band is Band.LINK


def test_without_postcodes_a_name_agrees_by_half_only_when_it_begins_alike() -> None:
    """The word that names a company stands first: Vogel Bakery and Vogel Foods, not Vogel Foods and Sommer Foods."""
    bakery = Party(name="Voltaform Bakery", street="12 Alder St", city="Wexmouth")
    assert compare(bakery, replace(bakery, name="Voltaform Confectionery")).band is Band.LINK
    assert compare(bakery, replace(bakery, name="Sommerwind Bakery")).band is not Band.LINK


def test_the_name_of_the_town_makes_two_companies_no_more_alike() -> None:
    """Every second shop of a town is called after it, in brackets or not."""
    one = Party(name="Lantern (East Wexmouth)", street="3200 Quay Blvd", city="East Wexmouth")
    other = Party(name="Saffron (East Wexmouth)", street="3500 Quay Blvd", city="East Wexmouth")
    assert compare(one, other).band is Band.NO
    assert compare(one, replace(one, name="Lantern")).band is Band.LINK


@pytest.mark.parametrize("name", ["Tannhill Freight Kedzie", "Tannhill Freight Fullerton"])
def test_a_switchboards_number_says_nothing_of_the_place(name: str) -> None:
    """Headquarters give one number for all their sites; so it does not outweigh another street and house."""
    sites = [replace(DEPOT, id=str(n), street=f"{n}75 Birch Rd", name=f"Tannhill Freight {n}") for n in range(3)]
    found = Index([DEPOT, *sites]).find(replace(DEPOT, id="new", name=name, street="3255 W Maple St"))
    assert found.band is not Band.LINK


def test_a_number_of_ones_own_holds_although_the_company_moved() -> None:
    """The name is the same to the word and nobody else has the number: a new address, not a new site."""
    moved = replace(DEPOT, id="new", street="3255 W Maple St")
    assert Index([DEPOT]).find(moved).band is Band.LINK
    assert compare(DEPOT, replace(moved, name="Tannhill Freight Fullerton")).hold is Hold.OTHER_PLACE


def test_another_house_and_another_telephone_are_another_site() -> None:
    """Chains stand twice in one street; one sign alone may be a slip, and two are not."""
    depot = replace(DEPOT, postcode="60614")
    next_door = replace(depot, street="2690 N Alder Ave", phone="+13125550119")
    assert compare(depot, next_door).hold is Hold.OTHER_PLACE
    assert compare(depot, replace(next_door, phone=None)).band is Band.LINK


def test_neighbouring_postcodes_are_no_slip_where_street_and_house_differ() -> None:
    """In a city most postcodes are one digit apart."""
    depot = replace(DEPOT, postcode="60623", city=None)
    other = replace(depot, name="Tannhill Freight Fullerton", street="3443 N Maple St", postcode="60629")
    assert compare(depot, other).hold is Hold.OTHER_PLACE
    assert compare(depot, replace(depot, postcode="60629")).band is Band.LINK


def test_tenants_of_one_name_are_paired_with_their_own_doubles_only() -> None:
    """A hotel's café, its dining room, and each once more as somebody else wrote it; the number is the hotel's."""
    hotel = Party(street="3434 Alder Rd", city="Wexmouth", phone="+13125550120")
    cafe, room = (
        replace(hotel, id="a", name="Grand Lantern Cafe Wexmouth"),
        replace(hotel, id="b", name="Grand Lantern Ballroom Wexmouth"),
    )
    again = [
        replace(cafe, id="a2", name="Cafe, Grand Lantern (Wexmouth)"),
        replace(room, id="b2", name="Ballroom, Grand Lantern"),
    ]
    assert linked(cafe, room, *again) == {frozenset(("a", "a2")), frozenset(("b", "b2"))}
    asked = {said.hold for _, _, said in Index([cafe, room, *again]).pairs() if said.hold}
    assert asked == {Hold.OUTDONE}


def test_words_that_each_name_has_for_itself_are_said() -> None:
    found = compare(replace(BAR, name="Harbour Lantern Bakery"), BAR)
    assert Sign.NAME_MIXED in {reason.sign for reason in found.reasons}
    assert Sign.NAME_PART in {reason.sign for reason in compare(replace(BAR, name="Harbour Lantern"), BAR).reasons}


def test_two_companies_of_one_town_that_share_a_word_are_a_question() -> None:
    """With a name and a town and nothing else, a word that each has for itself is what tells them apart."""
    one = Party(name="Voltaform Lantern Bakery", city="Wexmouth")
    other = replace(one, name="Voltaform Lantern Garage")
    assert compare(one, other, COMPANY).hold is Hold.ONE_KIND
    assert compare(one, replace(one, name="Voltaform Lantern"), COMPANY).band is Band.LINK
    assert compare(replace(one, phone=BAR.phone), replace(other, phone=BAR.phone), COMPANY).band is Band.LINK


def test_three_copies_of_one_row_are_all_paired() -> None:
    """What is only shorter or longer is outdone by nobody."""
    rows = (BAR, replace(BAR, id="b", name="Harbour Lantern"), replace(BAR, id="c"))
    assert len(linked(*rows)) == 3


def test_one_door_in_two_towns_is_seen_where_towns_stand_in_the_line() -> None:
    """Guides write street and town into one field, without a postcode; every town has an Alder Street."""
    for comma in (",", ""):
        shop = Party(name="Voltaform Bakery", street=f"12 Alder St{comma} Wexmouth")
        found = compare(shop, replace(shop, street=f"12 Alder St{comma} Norbury"))
        assert found.hold is Hold.OTHER_PLACE
        assert compare(shop, replace(shop, street="12 Alder Street")).band is Band.LINK
    house = Party(name="Voltaform Bakery", street="12 Alder St, Wexmouth, IL 60605")
    assert compare(house, replace(house, street="90 Alder St, Wexmouth, IL 60605")).signs != compare(house, house).signs


def test_a_point_of_the_compass_may_be_glued_to_the_streets_name() -> None:
    one = Party(name="Voltaform Bakery", street="804 Northpoint", city="Wexmouth")
    assert compare(one, replace(one, street="804 North Point St")).band is Band.LINK
    assert compare(one, replace(one, street="804 South Point St")).band is not Band.LINK


@pytest.mark.parametrize("street", ["804 Southpoint St", "804 Westpoint St"])
def test_opposite_ends_of_the_compass_are_no_slip(street: str) -> None:
    """Northpoint and Southpoint are two letters apart, and two miles."""
    one = Party(name="Voltaform Bakery", street="804 Northpoint St", city="Wexmouth")
    assert compare(one, replace(one, street=street)).band is not Band.LINK
    assert compare(one, replace(one, street="804 Norhtpoint St")).band is Band.LINK


def test_records_that_stand_twice_on_the_other_side_are_no_tie() -> None:
    """A table with doubles: the row is linked to each; two branches at one door still are a question."""
    rows = [BAR, replace(BAR, id="again", name="HARBOUR LANTERN COURT"), DEPOT]
    found, doubles = Index(rows).find_doubles(replace(BAR, id="new"))
    assert (found.band, {found.best and found.best.id, *(one.id for one in doubles)}) == (Band.LINK, {"bar", "again"})
    assert Index(rows).find(replace(BAR, id="new")).band is Band.REVIEW
    tenants = [replace(BAR, id=name, name=f"Harbour Lantern Wexmouth {name}") for name in ("Bakery", "Ballroom")]
    found, doubles = Index(tenants).find_doubles(replace(BAR, id="new", name="Harbour Lantern"))
    assert (found.band, doubles) == (Band.REVIEW, ())


def test_of_two_rows_the_one_that_fits_takes_the_record() -> None:
    """The dining room is in one table only; the café is in both and is not given to it."""
    cafe = Party(id="c", name="Grand Lantern Cafe", street="3434 Alder Rd", city="Wexmouth", phone="+13125550120")
    room = replace(cafe, id="r", name="Grand Lantern Ballroom")
    said = {one.id: one for one in match_all([room, replace(cafe, id="c2")], [cafe, DEPOT])}
    assert (said["c2"].band, said["c2"].best) == (Band.LINK, "c")
    assert (said["r"].band, said["r"].hold) == (Band.REVIEW, Hold.OUTDONE.value)
    assert match_all([room], [cafe, DEPOT])[0].band is Band.LINK


def test_the_line_of_a_site_that_moved_is_outdone_by_the_site_itself() -> None:
    depot = replace(DEPOT, id="there", street="3255 W Maple St")
    old, new = replace(DEPOT, id="old"), replace(depot, id="new", name="Tannhill Freight")
    said = {one.id: one for one in match_all([old, new], [depot])}
    assert (said["new"].band, said["old"].band) == (Band.LINK, Band.REVIEW)


SISTER = Party(id="sister", name="Turner Finance Ltd", street="12 Quay Blvd", city="Wexmouth", postcode="60614")


def sisters(*names: str, phone: str | None = None) -> Index:
    return Index([replace(SISTER, id=str(at), name=name, phone=phone) for at, name in enumerate(names)])


def test_sister_companies_at_one_door_are_not_linked() -> None:
    """Registers hold them by the thousand; words that many names have tell two companies apart, be it alone there."""
    found = sisters("Turner Properties Ltd").find(SISTER)
    assert (found.band, found.best and found.best.comparison.hold) == (Band.REVIEW, Hold.NAMES_DIFFER)
    usual = [f"{one} Beteiligungs" for one in ("Alder", "Sommerwind", "Lantern")]
    assert sisters("Turner Beteiligungs", *usual).find(SISTER).band is Band.REVIEW
    assert sisters("Turner Beteiligungs", *[usual[0]] * 3).find(SISTER).band is Band.LINK, "one name with its doubles"


@pytest.mark.parametrize("name", ["Turner Finanse Ltd", "Turner Finance London", "Turner Beteiligungs"])
def test_a_word_that_no_other_name_has_may_be_a_slip_or_a_longer_name(name: str) -> None:
    assert sisters(name).find(SISTER).band is Band.LINK


def test_what_names_a_site_outweighs_a_word_of_the_name() -> None:
    phone = "+13125550144"
    assert sisters("Turner Properties Ltd", phone=phone).find(replace(SISTER, phone=phone)).band is Band.LINK


def test_a_chains_next_shop_in_the_street_is_another() -> None:
    """Three quarters have shops of that name, so it says not which; where it stands once the number is a slip."""
    shop = Party(name="Acorn Coffee", street="1204 Peterson St", city="Wexmouth", postcode="60614")
    next_one = replace(shop, id="next", street="1698 Peterson St")
    far = [replace(shop, id=f"f{at}", street=f"{at} Alder Ave", postcode=f"6012{at}") for at in (7, 9)]
    found = Index([next_one, *far]).find(shop)
    assert (found.band, found.best and found.best.comparison.hold) == (Band.REVIEW, Hold.OTHER_PLACE)
    assert Index([next_one]).find(shop).band is Band.LINK
    assert Index([replace(next_one, street="1205 Peterson St"), *far]).find(shop).band is Band.LINK
