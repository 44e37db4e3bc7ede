"""Names, addresses, numbers and domains come out in one form, however they were typed."""

from __future__ import annotations

import pytest

from syncd.matching.company import company_words
from syncd.matching.place import read_place
from syncd.matching.reach import company_domain, phone_tail
from syncd.matching.text import skeleton


@pytest.mark.parametrize(
    "spellings",
    [
        ("Acme Holdings, L.L.C.", "ACME HOLDINGS LLC", "Acme Holdings"),
        ("Müller & Söhne GmbH & Co. KG", "Muller und Sohne GmbH"),
        ('ООО "Ромашка"', "Romashka OOO", "Romashka LLC"),
        ("株式会社トヨタ", "トヨタ株式会社", "Toyota Corporation"),
        ("Société Générale S.A.", "SOCIETE GENERALE SA"),
        ("J.P. Morgan & Co.", "JP Morgan"),
        ("The Coca-Cola Company", "Coca Cola Co"),
        ("Budex Sp. z o.o.", "Budex sp zoo", "BUDEX"),
        ("Sigma International Inc - Elk Grove Div", "Sigma International - Elk Grove Div"),
    ],
)
def test_spellings_of_one_name_have_the_same_words(spellings: tuple[str, ...]) -> None:
    """Legal form, case, accents, script and joining words are no part of a company's name."""
    assert len({company_words(spelling)[0] for spelling in spellings}) == 1


@pytest.mark.parametrize("name", ["The Limited", "Company Company", "SA", "The", "株式会社", "Co."])
def test_a_name_of_legal_forms_only_keeps_words(name: str) -> None:
    """Somebody is called The Limited; cutting everything would make all such companies one."""
    assert company_words(name)[0]


def test_sounds_written_differently_share_a_skeleton() -> None:
    """German umlauts and French or English transliteration meet."""
    assert skeleton("mueller") == skeleton("muller")
    assert skeleton("shevchenko") == skeleton("chevchenko".replace("ch", "sh", 1))
    assert skeleton("miller") != skeleton("muller")


def test_one_address_in_other_orders_and_spellings_has_the_same_parts() -> None:
    """House number first or last, street type in full or short, ZIP+4, and a unit that is no house number."""
    us = read_place("1605 E. Algonquin Road, Suite 200", "Arlington Heights", "IL", "60005-1234", "US")
    caps = read_place("1605 EAST ALGONQUIN RD #4", "ARLINGTON HTS", "il", "60005", "usa")
    assert (us.numbers, us.street, us.city, us.postcode) == (caps.numbers, caps.street, caps.city, caps.postcode)
    assert (us.country, caps.country) == ("us", "us")
    assert us.units == ("200",)
    german = read_place("Hauptstraße 5", "Berlin", None, "D-10115", "Deutschland")
    assert (german.numbers, german.street, german.postcode) == (("5",), ("haupt", "strasse"), "10115")
    assert german == read_place("5 HAUPTSTR.", "berlin", None, "10115", "DE")


def test_a_postcode_in_the_towns_field_is_found() -> None:
    """Fields get swapped on the way; their shape tells what they are."""
    swapped = read_place("12 Main St", "60005 Springfield", None, None, None)
    assert (swapped.city, swapped.postcode) == (("springfield",), "60005")
    assert read_place("12 Main St", "60005", None, "Springfield", None).postcode == "60005"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("12 Alder St, Suite 400, Wexmouth, IL 60605-1234, USA", ("wexmouth", "il", "60605", "us")),
        ("12 N Alder Ave Wexmouth, IL 60605", ("", "il", "60605", "")),
        ("Erlenweg 5, D-10115 Weksmund, Germany", ("weksmund", "", "10115", "de")),
        ("12 Alder Road, Wexmouth WX1 4AP", ("wexmouth", "", "wx14ap", "")),
        ("12 Alder St, Suite 4000", ("", "", "", "")),
        ("12 Alder St, # 4000", ("", "", "", "")),
        ("1 Plaza, 1200 Broad St", ("", "", "", "")),
        ("Alder Tower, 1200 Broad", ("", "", "", "")),
        ("12 Alder St, Wexmouth", ("wexmouth", "", "", "")),
        ("12 Alder St, Bldg B", ("", "", "", "")),
        ("12 Alder St, Birch Rd", ("", "", "", "")),
        ("12 Alder St, Level 7", ("", "", "", "")),
        ("Alder Tower, North Wing", ("", "", "", "")),
    ],
)
def test_a_whole_address_in_the_streets_field_is_taken_apart(line: str, said: tuple[str, ...]) -> None:
    """Only where its end tells: a suite is no postcode, and a building is no town."""
    place = read_place(line, None, None, None, None)
    assert (" ".join(place.city), place.state, place.postcode, place.country) == said
    assert read_place(line, "Wexmouth", None, "60605", None).postcode == "60605"


@pytest.mark.parametrize("text", ["P.O. Box 123", "PO BOX 123", "Postfach 123", "post office box 123"])
def test_a_post_box_is_no_house(text: str) -> None:
    """Goods are not shipped to a box, and its number is no house number."""
    place = read_place(text, "Springfield", None, "60005", None)
    assert (place.box, place.numbers) == ("123", ())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("+49 30 1234567", "030/1234567"),
        ("(312) 555-0143", "+1 312.555.0143 ext. 12"),
        ("0044 20 7946 0958", "020 7946 0958"),
    ],
)
def test_a_number_is_the_same_however_it_is_dialled(left: str, right: str) -> None:
    """Trunk zero, country code, punctuation and extension are no part of the line."""
    assert phone_tail(left) == phone_tail(right) != ""


@pytest.mark.parametrize("phone", ["", None, "12", "000-000-0000", "n/a", "5555555"])
def test_a_number_that_names_no_line_is_none(phone: str | None) -> None:
    """Placeholders agree with each other, which says nothing."""
    assert phone_tail(phone) == ""


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.acme.co.uk/contact?x=1", "acme.co.uk"),
        ("jo@mail.acme.com", "acme.com"),
        ("ACME.com", "acme.com"),
        ("someone@gmail.com", ""),
        ("someone@orange.fr", ""),
        ("orange.com", "orange.com"),
        ("yahoo.co.uk", ""),
        ("facebook.com/acme", ""),
        ("co.uk", ""),
        ("not a domain", ""),
        ("", ""),
    ],
)
def test_only_a_domain_of_ones_own_is_evidence(text: str, domain: str) -> None:
    """Free mail and hosts of other people's pages are shared by strangers."""
    assert company_domain(text) == domain
