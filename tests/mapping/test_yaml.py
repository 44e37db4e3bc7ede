"""YAML as syncd reads it: plain values, each with its place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config.yaml import Problems, parse, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("01234", "01234"),
        ("0", 0),
        ("-12", -12),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1.50", 1.5),
        ("01.5", "01.5"),
        (".5", ".5"),
        ("1e5", "1e5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("12:30:00", "12:30:00"),
        ("190:20:30", "190:20:30"),
        ("2026-11-02", "2026-11-02"),
        ("2026-11-02T10:00:00Z", "2026-11-02T10:00:00Z"),
        ("true", True),
        ("True", "True"),
        ("TRUE", "TRUE"),
        ("false", False),
        ("null", None),
        ("~", None),
        ("Null", "Null"),
        ("<<", "<<"),
        ("=", "="),
        ("9" * 30, "9" * 30),
    ],
)
def test_an_unquoted_word_is_what_it_looks_like(text: str, value: object) -> None:
    """Only true, false, null, and numbers written the plain way are anything but text."""
    got = parse(f"a: {text}\n".encode(), "f").data["a"]
    assert (type(got), got) == (type(value), value)


def test_quoted_words_are_text() -> None:
    """Quotes always mean text."""
    assert parse(b"""a: ["true", '12', "null", ""]""", "f").data == {"a": ["true", "12", "null", ""]}


def test_keys_are_always_text() -> None:
    """A table may say `NO: Norway` or `1: low`."""
    assert parse(b"{NO: a, 1: b, true: c, null: d}", "f").data == {"NO": "a", "1": "b", "true": "c", "null": "d"}


def test_merge_keys_are_plain_keys() -> None:
    """`<<` has no power here."""
    assert parse(b"a: {<<: {b: 1}}", "f").data == {"a": {"<<": {"b": 1}}}


def test_places_count_characters_from_one() -> None:
    """Also after letters that take several bytes."""
    document = parse("é: [😀, {ключ: 'v'}]\n".encode(), "f")
    assert str(document.place(("é", 1, "ключ"))) == "f:1:15"
    assert str(document.key_place(("é", 1, "ключ"))) == "f:1:9"


@pytest.mark.parametrize(
    ("yaml", "place"),
    [
        ("a: one two X", "f:1:12"),
        ("a: 'it''s X'", "f:1:11"),
        (r'a: "tab\tone X"', "f:1:14"),
        ("a: |\n  one\n  two X\n", "f:3:7"),
        ("a: >\n  one\n  two X\n", "f:3:7"),
        ("a: one\n  two\n   X\n", "f:3:4"),
        ("a: 'one\n  two X'", "f:2:7"),
        ('a: "X"', "f:1:5"),
    ],
)
def test_a_character_inside_a_text_has_its_place(yaml: str, place: str) -> None:
    """Through quotes, escapes, blocks and folded lines."""
    document = parse(yaml.encode(), "f")
    assert str(document.inside(("a",), document.data["a"].index("X"))) == place


def test_both_places_of_a_duplicate_key_are_told() -> None:
    """The second is where the problem stands, the first is in the sentence."""
    document = parse(b"a: 1\nb: 2\na: {c: 3}\n", "f")
    assert [str(one) for one in document.problems] == [
        "f:3:1: duplicate key 'a', first given at line 1, column 1; keep one of the two"
    ]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Nothing but Problems comes out, whatever stands in the file."""
    with contextlib.suppress(Problems):
        parse(raw, "f")


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers_are_read_as_they_are_written(number: int) -> None:
    """Up to 18 digits, which every engine behind it takes."""
    assert resolve(str(number)) == number
