"""Conditions: what they mean, and where their mistakes are shown."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config.yaml import Place, Problems
from syncd.lead.definition import FieldType
from syncd.mapping.expr import compile_condition, compile_raw_condition

TYPES = {
    "industry": FieldType.CHOICE,
    "employees": FieldType.INTEGER,
    "budget": FieldType.MONEY,
    "rivals": FieldType.LIST,
    "decision_date": FieldType.DATE,
    "seen_at": FieldType.DATETIME,
    "opted_out": FieldType.BOOLEAN,
    "in_market": FieldType.BOOLEAN,
    "score": FieldType.INTEGER,
    "handoff.accepted": FieldType.BOOLEAN,
    "now": FieldType.DATETIME,
}
AT = Place("f.yaml", 3, 7)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def met(text: str, **values: Any) -> bool:
    values = {name.replace("__", "."): value for name, value in values.items()}
    return compile_condition(text, TYPES, AT, or_none={"budget": "not set yet"}).met(values)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ('industry in ["Energy"] && employees >= 200', {"industry": "Energy", "employees": 200}, True),
        ('industry in ["Energy"] && employees >= 200', {"industry": "Energy", "employees": 199}, False),
        ("employees >= 200 || in_market", {"in_market": True}, True),
        ("budget > 4", {"budget": 5}, True),
        ("budget > 4.5", {"budget": 4.6}, True),
        ("budget * 1.5 > 4", {"budget": 3}, True),
        ("budget in [1, 2]", {"budget": 2}, True),
        ("employees > 2.5", {"employees": 3}, True),
        ('"Initech" in rivals', {"rivals": ["Initech"]}, True),
        ('rivals.exists(one, one == "Initech")', {"rivals": ["Initech"]}, True),
        ("size(rivals) > 1", {"rivals": ["a", "b"]}, True),
        ("decision_date < now", {"decision_date": "2026-11-22", "now": NOW}, True),
        ("decision_date < now", {"decision_date": "2026-11-23", "now": NOW}, False),
        ('decision_date < now + duration("720h")', {"decision_date": "2026-12-01", "now": NOW}, True),
        ("seen_at < now", {"seen_at": "2026-11-22T11:59:59Z", "now": NOW}, True),
        ("decision_date.getFullYear() == 2026", {"decision_date": "2026-12-01"}, True),
        ('industry.startsWith("En")', {"industry": "Energy"}, True),
        ("handoff.accepted", {"handoff__accepted": True}, True),
        ("handoff.accepted && score > 1", {"handoff__accepted": True, "score": 2}, True),
        ("!opted_out", {"opted_out": False}, True),
        ('"has(budget) bugdet" == industry', {"industry": "has(budget) bugdet"}, True),
        ("in_market // a note on has(nothing)", {"in_market": True}, True),
    ],
)
def test_a_condition_holds_or_not(text: str, values: dict[str, Any], holds: bool) -> None:
    """Over canonical values, as admins write them."""
    assert met(text, **values) is holds


@pytest.mark.parametrize(
    "text", ["employees > 5", "!opted_out", 'industry != "Energy"', "decision_date < now", "budget < 9"]
)
def test_a_condition_on_a_missing_value_is_not_met(text: str) -> None:
    """Unknown is never taken for true, not even in a negation."""
    assert met(text) is False
    assert met(text, employees=None, opted_out=None, industry=None, decision_date=None, budget=None, now=NOW) is False


@pytest.mark.parametrize(
    ("value", "present"),
    [(None, False), ("", False), ([], False), (0, True), (False, True), ("not set yet", True), (5, True)],
)
def test_has_asks_whether_a_value_is_present(value: Any, present: bool) -> None:
    """Zero and no are values, blank is not; has( name ) may hold spaces, and dotted names work."""
    assert met("has(budget)", budget=value) is present
    assert met("has( handoff.accepted )", handoff__accepted=value) is present


def test_the_answer_none_counts_as_present_and_compares_with_nothing() -> None:
    """Not set yet is an answer, but no amount."""
    assert met("has(budget)", budget="not set yet") is True
    assert met("budget > 0 || budget <= 0", budget="not set yet") is False


ROBUST = [
    "employees >= 200 && has(budget)",
    "decision_date < now",
    'industry in ["a"]',
    '"a" in rivals',
    "budget / 2.0 > 1",
]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text() | st.none()), st.binary()
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ROBUST),
    st.dictionaries(st.sampled_from(sorted(TYPES)), ODD),
)
def test_no_value_makes_a_condition_fail(text: str, values: dict[str, Any]) -> None:
    """Odd values, huge numbers, half surrogates: the answer is yes or no."""
    assert compile_condition(text, TYPES, AT).met(values) in (True, False)


def test_references_name_the_variables_that_are_used() -> None:
    """What a condition asks for, so that only that is read."""
    text = 'has(budget) && handoff.accepted && industry.startsWith("employees") && size(rivals) > 0'
    condition = compile_condition(text, TYPES, AT)
    assert condition.references == {"budget", "handoff.accepted", "industry", "rivals"}
    assert condition.text == text


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("bugdet > 4", 1, "unknown name 'bugdet'; did you mean 'budget'?"),
        ("score > 5 && has(bugdet)", 18, "unknown name 'bugdet'; did you mean 'budget'?"),
        ("score > 5 && handoff.acepted", 14, "unknown name 'handoff.acepted'; did you mean 'handoff.accepted'?"),
        ('"é😀" == industry && bugdet > 1', 21, "unknown name 'bugdet'; did you mean 'budget'?"),
        ("industry > 4", 10, "'>' does not work on text and number; both sides must be of one kind"),
        ("employees && in_market", 11, "'&&' does not work on number and true/false; each side must be a comparison"),
        ('budget in ["a"]', 8, "'in' does not work on number and list of text; both sides must be of one kind"),
        (
            "industry == null",
            10,
            "'==' does not work on text and null; ask has(name) or !has(name) for 'has a value' or 'has none'",
        ),
        ("decision_date > 5", 15, "'>' does not work on time and number; both sides must be of one kind"),
        ("budget / 2 > 1", 8, "'/' does not mix whole and decimal numbers; write 2.0 in place of 2"),
        ("employees", 1, "a condition must be true or false, this is a number; compare it"),
        ("employees = 4", 11, "a single '='; compare with '=='"),
        ("has(budget) and has(employees)", 13, "'and' is no operator; write '&&'"),
        ("has(budget) OR has(employees)", 13, "'OR' is no operator; write '||'"),
        ("employees > 4)", 14, "cannot be read from here on; check quotes, brackets and operators before it"),
        (
            "foo(budget)",
            4,
            "unknown function 'foo'; "
            "there are: has, size, contains, startsWith, endsWith, matches, exists, all, split, join, replace, trim, "
            "lowerAscii, upperAscii, substring, string, int, double, duration, timestamp",
        ),
        ("industry == 'Energy", 13, "cannot be read from here on; check quotes, brackets and operators before it"),
        ("  ", 1, "an empty condition; write one, or delete the key"),
        ("(" * 300 + "in_market" + ")" * 300, 1, "nested too deeply; make it simpler"),
        ("in_market || " * 400 + "in_market", 1, "a condition longer than 4000 characters; split it"),
    ],
)
def test_a_mistake_is_shown_at_its_character(text: str, column: int, message: str) -> None:
    """file:line:column of the character itself, with the line and a caret below."""
    with pytest.raises(Problems) as caught:
        compile_condition(text, TYPES, Place("f.yaml", 3, 1))
    problem = caught.value.problems[0]
    assert str(problem).split("\n")[0] == f"f.yaml:3:{column}: {message}"
    if problem.excerpt and len(text) < 100:
        line, caret = problem.excerpt.split("\n")
        assert (line, caret.index("^") + 1) == (text, column)


def test_every_mistake_of_a_condition_is_told() -> None:
    """Two misspelt names give two problems."""
    with pytest.raises(Problems) as caught:
        compile_condition("bugdet > 1 && scoer > 1", TYPES, AT)
    assert [problem.place.column for problem in caught.value.problems] == [7, 21]


def test_a_condition_over_raw_fields_takes_any_name() -> None:
    """What a system calls its fields is its own; dotted names are one field."""
    condition = compile_raw_condition('lifecyclestage != "other" && Owner.Name == "Ann" && zip.startsWith("0")', AT)
    assert condition.references == {"lifecyclestage", "Owner.Name", "zip"}
    assert condition.met({"lifecyclestage": "lead", "Owner.Name": "Ann", "zip": "01234"})
    assert not condition.met({"lifecyclestage": "other", "Owner.Name": "Ann", "zip": "01234"})


def test_an_empty_raw_field_is_null() -> None:
    """A record without a lifecycle stage is not left out by a rule about one stage."""
    assert compile_raw_condition('lifecyclestage != "other"', AT).met({"lifecyclestage": None})
    assert compile_raw_condition("lifecyclestage == null", AT).met({})


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abx.\"'()[]{}<>=!&|,:? 019\n\\é/", max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    """Never anything but Problems comes out."""
    with contextlib.suppress(Problems):
        compile_raw_condition(text, AT).met({})


def test_now_is_taken_as_the_clock_gives_it() -> None:
    """Milliseconds, as deciding passes them; a time in words as tests write it."""
    condition = compile_condition('decision_date < now + duration("240h")', TYPES, AT)
    for now in (1_795_000_000_000, "2026-11-18T12:26:40Z"):
        assert condition.met({"decision_date": "2026-11-20", "now": now})
        assert not condition.met({"decision_date": "2026-11-30", "now": now})
