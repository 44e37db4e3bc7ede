"""`syncd replay`: what a person mended is decided once more, by problem, by kind, by record or by time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import say
from support.world import World, world

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """Two complete leads, of which a validation rule refuses one; the rule is gone again."""
    with world(tmp_path, sqlite_url) as one:
        one.salesforce.add_validation_rule("Lead", lambda row: row["LastName"] == "Ray", "no Rays", "LastName")
        one.contact()
        one.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
        one.settle()
        assert [lead["LastName"] for lead in one.leads()] == ["Lee"]
        one.salesforce.org.validation_rules.clear()
        one.settle()
        assert [lead["LastName"] for lead in one.leads()] == ["Lee"]
        yield one


def problem_ids(made: World, capsys: pytest.CaptureFixture[str]) -> list[int]:
    return [row["id"] for row in json.loads(say(capsys, "problems", "-c", str(made.config), "--json").out)]


def names(made: World) -> list[str]:
    return sorted(lead["LastName"] for lead in made.leads())


def test_a_problem_is_replayed_by_its_number(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """`syncd problems` shows the number; afterwards the lead is in the CRM and the problem closed."""
    (number,) = problem_ids(made, capsys)
    assert f"{number:>5}  " in say(capsys, "problems", "-c", str(made.config)).out
    said = say(capsys, "replay", "-c", str(made.config), "--problem", str(number))
    assert (said.code, said.out) == (0, "1 to be decided again: the daemon does it by itself, or `syncd once`\n")
    assert '"action":"replay"' in said.err.replace(" ", "")
    made.settle()
    assert names(made) == ["Lee", "Ray"]
    assert made.problems() == []


@pytest.mark.parametrize("how", [
    ("--kind", "rejected"),
    ("--record", "bob.ray@mills.example"),
    ("--since", "2h"),
    ("--kind", "rejected", "--since", "2000-01-01T00:00"),
])  # fmt: skip
def test_leads_are_replayed_by_kind_record_and_time(
    made: World, capsys: pytest.CaptureFixture[str], how: tuple[str, ...]
) -> None:
    assert say(capsys, "replay", "-c", str(made.config), *how).code == 0
    made.settle()
    assert names(made) == ["Lee", "Ray"]


def test_a_replay_of_everything_writes_nothing_twice(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It decides again; what stands already is not written again."""
    say(capsys, "replay", "-c", str(made.config), "--since", "1d")
    made.settle()
    before = made.writes()
    said = json.loads(say(capsys, "replay", "-c", str(made.config), "--since", "1d", "--json").out)
    assert said["due"] >= 2
    once = made.cycle()
    assert sum(once.fates.values()) >= 2
    assert made.writes() == before


@pytest.mark.parametrize(("how", "told"), [
    ((), "say what: --problem, --kind, --record or --since"),
    (("--problem", "9999"), "there is no open problem 9999"),
    (("--record", "nobody@x.example"), "nothing is stored under 'nobody@x.example'"),
    (("--since", "yesterday"), "give a time ago (90m, 2h, 3d) or 2026-05-28T14:00"),
])  # fmt: skip
def test_what_cannot_be_found_is_said(
    made: World, capsys: pytest.CaptureFixture[str], how: tuple[str, ...], told: str
) -> None:
    said = say(capsys, "replay", "-c", str(made.config), *how)
    assert said.code == 2
    assert told in said.err


def test_nothing_open_of_a_kind_is_no_error(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "replay", "-c", str(made.config), "--kind", "conflict")
    assert (said.code, said.out) == (0, "nothing to decide again\n")
