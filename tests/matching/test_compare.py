"""What two records say about being one, with reasons; and when a good sum is still a question for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.matching import COMPANY, PERSON, SITE, Band, Hold, Party, Rules, Sign, compare, party_of

ACME = Party(
    id="1",
    name="Voltaform Castings Inc",
    street="4100 W Fillmore St",
    city="Peoria",
    state="IL",
    postcode="61604",
    country="US",
)
PERSON_ROW = Party(
    id="p", first_name="Lena", last_name="Brandstetter", email="lena@voltaform.example", phone="+13125550143"
)
RULES = (SITE, COMPANY, PERSON)
text = st.one_of(st.none(), st.text(max_size=40))
parties = st.builds(
    Party, name=text, first_name=text, last_name=text, street=text, city=text, state=text, postcode=text, country=text,
    phone=text, email=text, domain=text, number=text, born=text,
)  # fmt: skip


def signs(left: Party, right: Party, rules: Rules = SITE) -> set[Sign]:
    return {reason.sign for reason in compare(left, right, rules).reasons}


def test_the_same_company_at_the_same_door_is_linked_with_reasons() -> None:
    """Another legal form, short street words and capitals do not hide it."""
    other = replace(ACME, name="VOLTAFORM CASTINGS", street="4100 West Fillmore Street", postcode="61604-2211")
    found = compare(ACME, other)
    assert found.band is Band.LINK
    assert {Sign.NAME_BUT_LEGAL, Sign.STREET_SAME, Sign.HOUSE_SAME, Sign.POSTCODE_SAME} <= signs(ACME, other)
    assert "name agrees but for the legal form (+" in str(found)


def test_the_same_street_in_two_cities_is_never_linked() -> None:
    """A chain has a shop in the Main Street of every town."""
    other = replace(ACME, city="Joliet", postcode="60432")
    found = compare(ACME, other)
    assert found.band is not Band.LINK
    assert found.hold is Hold.OTHER_PLACE


@pytest.mark.parametrize(("city", "state", "linked"), [
    ("Springfield", "IL", True), ("Springfield", "MO", False), ("Springfeld", "IL", False),
])  # fmt: skip
def test_a_town_of_that_name_elsewhere_does_not_make_two_companies_one(city: str, state: str, linked: bool) -> None:
    """Another street and postcode, and another state or but nearly its name: only the company's name agrees."""
    mine = Party(name="Voltaform Castings", street="9 Oak St", city="Springfield", state="IL", postcode="62701")
    theirs = replace(mine, street="400 Birch Rd", city=city, state=state, postcode="65801")
    found = compare(mine, theirs, COMPANY)
    assert (found.band is Band.LINK, found.hold is Hold.ONE_KIND) == (linked, not linked)


def test_another_firm_at_the_same_address_is_not_linked() -> None:
    """Tenants share a building."""
    assert compare(ACME, replace(ACME, name="Brightwater Dental Group")).band is not Band.LINK


def test_a_name_alone_is_not_enough() -> None:
    """Two companies of one name exist; a second kind of evidence must speak."""
    found = compare(Party(name="Voltaform Castings Inc"), Party(name="Voltaform Castings Inc"), COMPANY)
    assert found.band is not Band.LINK


def test_the_erp_number_links_and_another_number_speaks_against() -> None:
    """A number both sides have from one system is the surest sign."""
    numbered = replace(ACME, number="0000104711")
    elsewhere = Party(name="Voltaform Castings", number="104711", city="Joliet", country="US")
    assert compare(numbered, elsewhere, COMPANY).band is Band.LINK
    assert Sign.NUMBER_OTHER in signs(numbered, replace(elsewhere, number="104712"), COMPANY)


def test_a_number_in_the_name_that_differs_is_another_place() -> None:
    """Plant 2 is not plant 3."""
    left, right = replace(ACME, name="Voltaform Plant 2"), replace(ACME, name="Voltaform Plant 3")
    assert compare(left, right).band is not Band.LINK


@pytest.mark.parametrize("name", ["VoltaformCastings", "Volta Form Castings", "Voltaform Casttings"])
def test_a_space_or_letter_more_or_less_is_no_other_name(name: str) -> None:
    """Forms glue words together, and one word that begins another is not the half of it."""
    assert compare(Party(name=name, city="Peoria", phone="+13125550143"), replace(ACME, phone="+13125550143")).band is (
        Band.LINK
    )
    found = {reason.sign: reason.weight for reason in compare(Party(name=name), Party(name=ACME.name), COMPANY).reasons}
    assert found[Sign.NAME_CLOSE] > 11.0


def test_free_mail_says_nothing_about_the_company() -> None:
    """Half a country has its mail at one host."""
    left, right = Party(name="Voltaform", email="a@gmail.com"), Party(name="Voltaform", email="b@gmail.com")
    assert not {Sign.DOMAIN_SAME, Sign.DOMAIN_OTHER} & signs(left, right, COMPANY)


def test_the_domain_and_the_name_link_a_lead_to_its_account() -> None:
    """Lead to account: what a form usually holds."""
    lead = Party(name="Voltaform Castings", email="lena@voltaform.example")
    account = Party(name="Voltaform Castings, Inc.", domain="https://www.voltaform.example", city="Peoria")
    assert compare(lead, account, COMPANY).band is Band.LINK


def test_two_of_one_household_are_for_a_person_to_settle() -> None:
    """Same last name and address, other first name: a family, or an office."""
    home = replace(ACME, name=None, first_name="Lena", last_name="Brandstetter")
    found = compare(home, replace(home, first_name="Otto"), PERSON)
    assert found.hold is Hold.HOUSEHOLD
    assert found.band is Band.REVIEW


def test_first_and_last_name_swapped_are_the_same_person() -> None:
    """Imports swap them."""
    swapped = replace(PERSON_ROW, first_name="Brandstetter", last_name="Lena", email=None)
    assert compare(PERSON_ROW, swapped, PERSON).band is Band.LINK


@pytest.mark.parametrize("way", ["4100 E Fillmore St", "4100 East Fillmore"])
def test_the_other_end_of_a_street_is_another_place(way: str) -> None:
    """West and East Fillmore are miles apart."""
    found = compare(ACME, replace(ACME, street=way))
    assert Sign.WAY_OTHER in signs(ACME, replace(ACME, street=way))
    assert found.hold is Hold.OTHER_PLACE


def test_other_countries_are_for_a_person_to_settle() -> None:
    """Peoria lies in Illinois and in Arizona, and Paris in many places."""
    assert compare(ACME, replace(ACME, country="CA")).band is not Band.LINK


def test_no_reason_holds_a_value_of_the_record() -> None:
    """Reasons go into logs and provenance; names and addresses do not."""
    said = str(compare(replace(ACME, phone="+13125550143"), replace(ACME, phone="+13125550143"))).lower()
    assert not any(word in said for word in ("voltaform", "fillmore", "peoria", "61604", "555"))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(parties, parties, st.sampled_from(RULES))
def test_comparing_is_the_same_from_both_sides_and_never_raises(left: Party, right: Party, rules: Rules) -> None:
    """Whatever the fields hold, and whichever record comes first."""
    forth, back = compare(left, right, rules), compare(right, left, rules)
    assert forth.band is back.band
    assert forth.weight == pytest.approx(back.weight, abs=0.01)
    assert {reason.sign for reason in forth.reasons} == {reason.sign for reason in back.reasons}


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(parties, st.sampled_from(RULES))
def test_nothing_is_never_linked(party: Party, rules: Rules) -> None:
    """An empty record is like no other."""
    assert compare(party, Party(), rules).band is Band.NO
    assert compare(Party(), Party(), rules).band is Band.NO


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["name", "street", "phone", "employees"]),
        st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans(), st.lists(st.text())),
    )
)
def test_any_record_makes_a_party(values: dict[str, object]) -> None:
    """Numbers, lists and what a schema does not know do no harm."""
    compare(party_of(values), party_of(values, "x"))
