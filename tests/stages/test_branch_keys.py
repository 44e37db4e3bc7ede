"""Keys that survive spelling: of a street address, of a company's name, of a person, of a mail address."""

from __future__ import annotations

import pytest

from syncd.lead.branch import LONGEST_KEY, name_key, person_key, site_key
from syncd.matching import mail_domain

ONE_PLACE = "12345|400 n industrial rd"


@pytest.mark.parametrize(("street", "postcode"), [
    ("400 N Industrial Rd", "12345"),
    ("400 North Industrial Road", "12345"),
    ("400 n. industrial rd.", "12345-6789"),
    ("400 N INDUSTRIAL RD", "123456789"),
    ("400 N Industrial Rd Suite 12", "12345"),
    ("400 N Industrial Rd, Ste. 12", "12345"),
    ("400 N Industrial Rd #12", "12345"),
    ("400 N Industrial Rd\nDock 4", "12345"),
    ("400 N Industrial Rd, Building B, Floor 2", "12345"),
    ("  400   N  Industrial\tRd ", " 12345 "),
    ("４００ N Industrial Rd", "１２３４５"),
])  # fmt: skip
def test_spellings_of_one_address_share_a_key(street: str, postcode: str) -> None:
    assert site_key(street, postcode) == ONE_PLACE


@pytest.mark.parametrize(("street", "postcode"), [
    ("401 N Industrial Rd", "12345"),
    ("400 S Industrial Rd", "12345"),
    ("400 N Industrial Ave", "12345"),
    ("400 N Industrial Rd", "12346"),
    ("400 N Industrial Park Rd", "12345"),
])  # fmt: skip
def test_another_address_has_another_key(street: str, postcode: str) -> None:
    assert site_key(street, postcode) not in (None, ONE_PLACE)


@pytest.mark.parametrize(("street", "postcode"), [
    (None, "12345"),
    ("400 N Industrial Rd", None),
    ("", "12345"),
    ("400 N Industrial Rd", ""),
    ("400 N Industrial Rd", "---"),
    ("Industrial Rd", "12345"),  # no number
    ("400", "12345"),  # no street
    ("Suite 12", "12345"),  # nothing but a unit
    ("\x00", "\x00"),
])  # fmt: skip
def test_half_an_address_has_no_key(street: str | None, postcode: str | None) -> None:
    assert site_key(street, postcode) is None


@pytest.mark.parametrize("postcode", ["SW1A 1AA", "sw1a1aa", "SW1A-1AA"])
def test_postcodes_of_other_countries_are_compared_without_blanks(postcode: str) -> None:
    assert site_key("10 Downing Street", postcode) == "sw1a1aa|10 downing st"


@pytest.mark.parametrize("name", [
    "Müller & Söhne GmbH",
    "muller and sohne",
    "MULLER AND SOHNE GMBH",
    "  Müller   &  Söhne,  GmbH. ",
    "Mu\u0308ller & So\u0308hne GmbH",
])  # fmt: skip
def test_spellings_of_one_company_share_a_key(name: str) -> None:
    assert name_key(name) == "muller and sohne"


@pytest.mark.parametrize(("name", "expected"), [
    ("Acme, Inc.", "acme"),
    ("ACME INCORPORATED", "acme"),
    ("Acme Company LLC", "acme"),
    ("Acme Ltd", "acme"),
    ("AT&T Corp.", "at and t"),
    ("3M Co", "3m"),
    ("Limited", "limited"),  # a name that is nothing but a legal form stays a name
    ("株式会社日本製鋼所", "株式会社日本製鋼所"),
    ("日立", "日立"),
    ("ＡＣＭＥ", "acme"),
    ("Straße AG", "strasse"),
])  # fmt: skip
def test_a_company_is_its_name_without_case_accents_and_legal_form(name: str, expected: str) -> None:
    assert name_key(name) == expected


@pytest.mark.parametrize("name", [None, "", "  ", "---", "…", "\x00"])
def test_no_name_has_no_key(name: str | None) -> None:
    assert name_key(name) is None


def test_four_kilobytes_are_a_name_like_any_other() -> None:
    """A site is cut to what a key may be, for PostgreSQL stores no more; any other key is cut where it is told."""
    assert name_key("x" * 4096) == "x" * 4096
    long_street = site_key("1 " + "y" * 4096, "12345")
    assert long_street is not None
    assert long_street.endswith("y" * 400)
    assert len(long_street) == LONGEST_KEY


def test_a_person_is_a_number_and_a_last_name() -> None:
    """A number alone may be a switchboard."""
    assert person_key("+16175550123", "O'Brién") == "+16175550123|o brien"
    assert person_key("+16175550123", None) is None
    assert person_key(None, "O'Brien") is None


@pytest.mark.parametrize(("email", "expected"), [
    ("ann@Plant.Example.com", "plant.example.com"),
    ('"a@b"@c.example', "c.example"),
    ("ann@gmail.com", None),
    ("ann@mail.yahoo.co.uk", None),
    ("ann@verizon.net", None),
    ("ann@verizon.com", "verizon.com"),
    ("ann@amazon.com", "amazon.com"),
    ("no address", None),
    ("", None),
    (None, None),
])  # fmt: skip
def test_a_mail_domain_says_where_somebody_works_unless_anyone_can_have_it(
    email: str | None, expected: str | None
) -> None:
    assert mail_domain(email) == expected
