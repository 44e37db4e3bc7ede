"""Raw values into canonical ones and back: examples by type, and the laws that hold for all of them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.lead.definition import FieldType
from syncd.mapping.model import BadValue
from syncd.mapping.transforms import (
    STEPS,
    Style,
    Wanted,
    numbers,
    places,
    postcodes,
    regional_reader,
    text,
    times,
    writer,
)
from syncd.mapping.transforms import reader as plain_reader
from syncd.mapping.transforms.choices import Table

BAD = "a bad value"


def read(wanted: Wanted, raw: Any, region: str = "US") -> Any:
    plain = plain_reader(wanted)
    return plain(raw) if plain else regional_reader(wanted)(raw, region)


def got(value: Any) -> Any:
    return BAD if isinstance(value, BadValue) else value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("  Ann\t", "Ann"),
        ("a\r\nb", "a\nb"),
        ("Zoe\u0308", "Zoë"),
        ("a\0b\u200b", "ab"),
        ("😀 & co", "😀 & co"),
        ("\ud800x", "x"),
        (" \n\u00a0", None),
        (5, "5"),
        (5.0, "5"),
        (True, "true"),
        ("x" * 32_000, "x" * 32_000),
        ("x" * 32_001, BAD),
        ("x" * 1_000_000, BAD),
        (["a"], BAD),
        ({"a": 1}, BAD),
    ],
)
def test_text(raw: Any, value: Any) -> None:
    """NFC, no control characters, outer white space gone; 1 MB is refused, not cut."""
    assert got(text.read_text(raw)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Ann@Example.COM ", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@münchen.de", "ann@xn--mnchen-3ya.de"),
        ("ann+tag@sub.example.co.uk", "ann+tag@sub.example.co.uk"),
        ("ann@plant.test", "ann@plant.test"),
        ("ann", BAD),
        ("ann@", BAD),
        ("a@b@c.de", BAD),
        ("ann..lee@example.com", BAD),
        ("ann@example..com", BAD),
        ("ann@-example.com", BAD),
        ("ann@example.com, bob@example.com", BAD),
        ("x" * 300 + "@example.com", BAD),
        ("\0", None),
    ],
)
def test_email(raw: Any, value: Any) -> None:
    """Lower case, the domain in ASCII; two addresses are not one."""
    assert got(text.read_email(raw)) == value


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        ("(617) 555-0123", "US", "+16175550123"),
        ("617.555.0123", "CA", "+16175550123"),
        ("1-617-555-0123", "US", "+16175550123"),
        ("+1 617 555 0123", "DE", "+16175550123"),
        ("617-555-0123 x45", "US", "+16175550123"),
        ("617-555-0123 ext. 45", "US", "+16175550123"),
        ("089 12345678", "DE", "+498912345678"),
        ("0049 89 12345678", "US", "+498912345678"),
        ("+49 (0)89 12345678", "US", "+498912345678"),
        ("+44 (0)20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        (6175550123, "US", "+16175550123"),
        ("000-0000", "US", "+10000000"),
        ("n/a", "US", BAD),
        ("12", "US", BAD),
        ("617-555-0123 or 617-555-0199", "US", BAD),
        ("call Ann", "US", BAD),
        ("9" * 100, "US", BAD),
        ("１２３", "US", BAD),
    ],
)
def test_phone(raw: Any, region: str, value: Any) -> None:
    """E.164; the extension is dropped, two numbers are not one, placeholders are left to the gate."""
    assert got(places.read_phone(raw, region)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("US", "US"),
        ("us", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("U. S.", "US"),
        ("United States of America", "US"),
        ("the United States", "US"),
        ("UK", "GB"),
        ("England", "GB"),
        ("NO", "NO"),
        ("Norge", "NO"),
        ("Deutschland", "DE"),
        ("DEUTSCHLAND ", "DE"),
        ("Allemagne", "DE"),
        ("Österreich", "AT"),
        ("Schweiz", "CH"),
        ("México", "MX"),
        ("Mexico", "MX"),
        ("日本", "JP"),
        ("Россия", "RU"),
        ("Côte d'Ivoire", "CI"),
        ("South Korea", "KR"),
        ("Czech Republic", "CZ"),
        ("Türkiye", "TR"),
        ("Holland", "NL"),
        ("Bolivia", "BO"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("Narnia", BAD),
        ("Europe", BAD),
        ("XX", BAD),
        (True, BAD),
    ],
)
def test_country(raw: Any, value: Any) -> None:
    """ISO codes from codes and from names in many languages."""
    assert got(places.read_country(raw)) == value


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        ("Massachusetts", "US", "MA"),
        ("ma", "US", "MA"),
        ("Mass.", "US", "Mass."),
        ("Ontario", "CA", "ON"),
        ("Québec", "CA", "QC"),
        ("Bayern", "DE", "Bayern"),
        ("New  South Wales", "AU", "NSW"),
    ],
)
def test_state(raw: str, region: str, value: str) -> None:
    """A code where a country's states have one that everybody uses, else the text."""
    assert places.read_state(raw, region) == value


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        ("01234", "US", "01234"),
        (1234, "US", "01234"),
        (1234.0, "US", "01234"),
        ("012345678", "US", "01234-5678"),
        ("01234-5678", "US", "01234-5678"),
        ("k1a0b1", "CA", "K1A 0B1"),
        ("sw1a 1aa", "GB", "SW1A 1AA"),
        (1234, "NO", "1234"),
        ("x" * 30, "US", BAD),
    ],
)
def test_postcode(raw: Any, region: str, value: Any) -> None:
    """A leading zero is never lost, and comes back when a number column lost it."""
    assert got(postcodes.read_postcode(raw, region)) == value


@pytest.mark.parametrize(
    ("raw", "locale", "value"),
    [
        ("50000", None, 50000),
        ("$50,000", None, 50000),
        ("USD 50,000.50", None, 50000.5),
        ("50.000,50 €", None, 50000.5),
        ("1.234.567", None, 1234567),
        ("12,5", None, 12.5),
        ("1'250.50", None, 1250.5),
        ("1 250 000", None, 1250000),
        ("50k", None, 50000),
        ("1.2 million", None, 1200000),
        ("-5", None, -5),
        ("−5", None, -5),
        ("45%", None, 45),
        ("1.234", None, 1.234),
        ("1.234", "de", 1234),
        ("1.234,5", "de", 1234.5),
        ("1,234", "en_US", 1234),
        ("100.0", None, 100),
        ("1e3", None, 1000),
        (50.0, None, 50),
        (Decimal("12.50"), None, 12.5),
        ("10-20k", None, BAD),
        ("201-500", None, BAD),
        ("about 50", None, BAD),
        ("50 to 60", None, BAD),
        ("1,23,456", None, BAD),
        ("inf", None, BAD),
        ("nan", None, BAD),
        (float("nan"), None, BAD),
        (float("inf"), None, BAD),
        ("1e999", None, BAD),
        ("9" * 30, None, BAD),
        (10**30, None, BAD),
        (True, None, BAD),
        ("not set yet", None, BAD),
        ("12,5", "en_US", BAD),
    ],
)
def test_number(raw: Any, locale: str | None, value: Any) -> None:
    """Only what can mean one thing is read; whole numbers are int."""
    result = got(numbers.read_number(raw, locale))
    assert (type(result), result) == (type(value), value)


def test_a_whole_number_is_never_rounded() -> None:
    """2.5 employees are a mistake in the source."""
    assert got(numbers.read_integer("2.5")) == BAD
    assert numbers.read_integer("2.0") == 2


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("Yes", True),
        (1, True),
        ("X", True),
        ("false", False),
        ("0", False),
        (0.0, False),
        (" ", None),
        ("maybe", BAD),
        (2, BAD),
        ("NO", False),
    ],
)
def test_boolean(raw: Any, value: Any) -> None:
    """Every system's way to say yes and no."""
    result = got(numbers.read_boolean(raw))
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2027-03-31", "2027-03-31"),
        ("1806451200000", "2027-03-31"),
        (1806451200000, "2027-03-31"),
        (date(2027, 3, 31), "2027-03-31"),
        (datetime(2027, 3, 31), "2027-03-31"),
        ("2027-03-31T00:00:00", "2027-03-31"),
        ("1806451200001", BAD),
        ("2027-03-31T14:00:00Z", BAD),
        (datetime(2027, 3, 31, 14), BAD),
        ("2027-02-30", BAD),
        ("2027-13-01", BAD),
        ("31.03.2027", BAD),
        ("03/04/2027", BAD),
        ("2027", BAD),
        ("20270331", BAD),
        ("99999999999999", BAD),
        (True, BAD),
    ],
)
def test_date(raw: Any, value: Any) -> None:
    """A date has no zone and is never guessed from an undeclared form."""
    assert got(times.read_date(raw)) == value


def test_a_declared_form_of_dates_is_read() -> None:
    """`format` says which number is the day; `as: date of datetime` takes the day as it is written."""
    assert times.read_date("31.03.2027", form="%d.%m.%Y") == "2027-03-31"
    assert got(times.read_date("03/31/2027", form="%d.%m.%Y")) == BAD
    assert times.read_date("2027-03-31T23:30:00-07:00", of_datetime=True) == "2027-03-31"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("1767323045000", "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5), BAD),
        ("2026-01-02T03:04:05", BAD),
        ("2026-01-02T25:04:05Z", BAD),
        ("0001-01-01T00:00:00+14:00", BAD),
        ("yesterday", BAD),
    ],
)
def test_datetime(raw: Any, value: Any) -> None:
    """Always UTC; a time without a zone is refused unless one is declared."""
    assert got(times.read_datetime(raw)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("acme.com", "acme.com"),
        ("https://www.Acme.com/about?x=1", "acme.com"),
        ("http://acme.com:8080", "acme.com"),
        ("ann@acme.com", "acme.com"),
        ("www.bücher.de", "xn--bcher-kva.de"),
        ("acme", BAD),
        ("n/a", BAD),
        ("acme .com", BAD),
    ],
)
def test_domain(raw: str, value: Any) -> None:
    """The host, whatever it was written in."""
    assert got(text.read_domain(raw)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Acme.com", "https://acme.com"),
        ("HTTP://Acme.com/A?b=C#d", "http://acme.com/A?b=C#d"),
        ("https://acme.com/", "https://acme.com"),
        ("javascript:alert(1)", BAD),
        ("acme com", BAD),
    ],
)
def test_url(raw: str, value: Any) -> None:
    """With a scheme; nothing that runs."""
    assert got(text.read_url(raw)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<script>x()</script><b>bold</b>", "bold"),
        ("5 &lt; 6", "5 < 6"),
        ("no tags", "no tags"),
    ],
)
def test_html(raw: str, value: str) -> None:
    """Tags go, their text stays, scripts do not count as text."""
    assert text.html_to_text(raw) == value


@pytest.mark.parametrize(
    ("full", "first", "last"),
    [
        ("Ann Lee", "Ann", "Lee"),
        ("Dr. Ann Marie Lee-Smith, PhD", "Ann Marie", "Lee-Smith"),
        ("Lee, Ann", "Ann", "Lee"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Cher", "", "Cher"),
        ("John Smith Jr.", "John", "Smith"),
    ],
)
def test_names(full: str, first: str, last: str) -> None:
    """A full name splits into first and last."""
    assert text.split_name(full) == (first, last)


TABLE = Table.of([("MACHINERY", "Manufacturing"), ("Industrial", "Manufacturing"), ("OIL_ENERGY", "Energy")])
CHOICES = ("Manufacturing", "Energy")


@pytest.mark.parametrize(
    ("raw", "value"),
    [("machinery", "Manufacturing"), ("oil energy", "Energy"), (" ENERGY ", "Energy"), ("Farming", BAD), ("", None)],
)
def test_choice(raw: str, value: Any) -> None:
    """Through the table, then by the definition's own words, in any case; never anything else."""
    assert got(read(Wanted(type=FieldType.CHOICE, choices=CHOICES, table=TABLE), raw)) == value


def test_a_choice_is_written_in_their_words() -> None:
    """The first row with our value is the way back."""
    write = writer(Wanted(type=FieldType.CHOICE, choices=CHOICES, table=TABLE))
    assert write("Manufacturing") == "MACHINERY"
    assert got(write("Farming")) == BAD


def test_a_star_is_whatever_no_row_names() -> None:
    """An explicit rest, for admins who want one."""
    table = Table.of([("a", "Energy"), ("*", "Manufacturing")])
    assert read(Wanted(type=FieldType.CHOICE, choices=CHOICES, table=table), "zzz") == "Manufacturing"


def test_the_answer_none_is_read_and_written_by_every_type() -> None:
    """It is exactly the definition's text, whatever case it was typed in."""
    for kind in FieldType:
        if kind is FieldType.REFERENCE:
            continue
        wanted = Wanted(type=kind, or_none="not set yet", style=Style.STRINGS)
        assert read(wanted, " NOT set yet ") == "not set yet"
        assert writer(wanted)("not set yet") == "not set yet"


def test_an_answer_in_words_is_not_written_into_a_number() -> None:
    """Salesforce would refuse the whole row."""
    assert got(writer(Wanted(type=FieldType.MONEY, or_none="none", style=Style.NATIVE))("none")) == BAD
    assert writer(Wanted(type=FieldType.MONEY, or_none="none", style=Style.NATIVE, kind="text"))("none") == "none"


def test_a_cut_counts_as_the_systems_count() -> None:
    """UTF-16 units: an emoji is two."""
    write = writer(Wanted(type=FieldType.TEXT, truncate=6))
    assert write("abcdef") == "abcdef"
    assert write("abcdefg") == "abcde…"
    assert write("😀😀😀") == "😀😀😀"
    assert write("😀😀😀😀") == "😀😀…"


def test_no_bad_value_repeats_the_value() -> None:
    """Reasons go into logs and reports; people's data does not."""
    canary = "Xq7canary"
    for kind in TYPES:
        wanted = Wanted(type=kind, choices=("a",) if kind is FieldType.CHOICE else (), style=Style.NATIVE, kind="text")
        results = [read(wanted, raw) for raw in (canary * 4000, f"{canary} {canary}", [canary], {canary: 1})]
        results += [writer(wanted)(value) for value in ([f"{canary};,"], canary)]
        bad = [value for value in results if isinstance(value, BadValue)]
        assert bad, kind
        assert canary not in repr(bad)


CANONICAL: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.text(min_size=1, max_size=80).map(text.read_text).filter(lambda value: value is not None),
    FieldType.EMAIL: st.emails().map(text.read_email).filter(lambda value: isinstance(value, str)),
    FieldType.PHONE: st.integers(2_000_000, 9_999_999).map(lambda n: f"+1617{n}"),
    FieldType.URL: st.from_regex(r"https?://[a-z]{2,9}\.(com|de)(/[A-Za-z0-9]{1,9})?", fullmatch=True),
    FieldType.DOMAIN: st.from_regex(r"[a-z]{4,9}\.(com|de)", fullmatch=True),
    FieldType.COUNTRY: st.sampled_from(sorted(places._codes())),
    FieldType.STATE: st.sampled_from(["MA", "IL", "CA", "Bayern"]),
    FieldType.POSTCODE: st.from_regex(r"[0-9]{5}(-[0-9]{4})?", fullmatch=True),
    FieldType.CHOICE: st.sampled_from(CHOICES),
    FieldType.INTEGER: st.integers(-(2**53), 2**53),
    FieldType.NUMBER: st.one_of(
        st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9).filter(lambda f: not f.is_integer() and abs(f) > 1e-15)
    ),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.dates(date(1900, 1, 1)).map(date.isoformat),
    FieldType.DATETIME: st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
        lambda moment: moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ),
    FieldType.LIST: st.sets(st.from_regex(r"[A-Za-z0-9é,]{1,9}", fullmatch=True), min_size=1, max_size=4).map(sorted),
}
CANONICAL[FieldType.MONEY] = CANONICAL[FieldType.PERCENT] = CANONICAL[FieldType.NUMBER]
TYPES = sorted(CANONICAL, key=lambda kind: kind.value)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back_the_same(data: st.DataObject) -> None:
    """For every type, every system's style and every transform with a way back: the echo of a write is silence."""
    kind = data.draw(st.sampled_from(TYPES))
    value = data.draw(CANONICAL[kind])
    extra = {
        FieldType.TEXT: [{}, {"steps": ("html",)}],
        FieldType.COUNTRY: [{}, {"kind": "country name"}],
        FieldType.BOOLEAN: [{}, {"kind": "not"}],
        FieldType.CHOICE: [{"choices": CHOICES}, {"choices": CHOICES, "table": TABLE}],
    }.get(kind, [{}])
    options = data.draw(st.sampled_from([*extra, {**extra[0], "kind": "text"}]))
    wanted = Wanted(type=kind, style=data.draw(st.sampled_from(Style)), **options)
    raw = writer(wanted)(value)
    assert read(wanted, raw) == value
    assert type(read(wanted, raw)) is type(value)


RAW = st.one_of(
    st.text(max_size=60),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.from_regex(r"[+(]?[0-9 .,()/$€k-]{1,20}", fullmatch=True),
    st.lists(st.text(max_size=5), max_size=3),
    st.datetimes(),
    st.dates(),
    st.decimals(),
    st.binary(max_size=8),
    st.none(),
)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(kind=st.sampled_from(TYPES), raw=RAW, region=st.sampled_from(["US", "DE", "CA", "GB"]), data=st.data())
def test_reading_is_total_and_idempotent(kind: FieldType, raw: Any, region: str, data: st.DataObject) -> None:
    """Any raw value gives a canonical one, none or a bad one; a canonical value reads as itself."""
    steps = data.draw(st.sampled_from([(), (), *((name,) for name in sorted(STEPS))]))
    wanted = Wanted(type=kind, choices=CHOICES if kind is FieldType.CHOICE else (), steps=steps)
    value = read(wanted, raw, region) if raw is not None else None
    if value is None or isinstance(value, BadValue):
        return
    assert value not in ("", [])
    assert not (isinstance(value, float) and not math.isfinite(value))
    again = Wanted(type=kind, choices=wanted.choices)
    assert read(again, value, region) == value


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@example(raw="000000", region="DE")
@given(raw=st.from_regex(r"[+(]?[0-9 .()/-]{6,18}", fullmatch=True), region=st.sampled_from(["US", "DE", "CA"]))
def test_a_phone_in_canonical_form_is_the_same_everywhere(raw: str, region: str) -> None:
    """Whoever reads it, with whatever region: this is what makes two systems comparable."""
    value = places.read_phone(raw, region)
    if isinstance(value, str):
        assert places.read_phone(value, "GB") == value
