"""A brake as its operator meets it: it holds over runs and restarts, says so everywhere, and opens in two ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import say
from support.world import COMPLETE, World, laid_out

from syncd.store import handoff

pytestmark = pytest.mark.usefixtures("process_as_before")
LOOSE = {"creates: 20000": "creates: 1", "creates: 0": "creates: null", "flips: 0": "flips: null"}


def somebody(number: int, **changes: str) -> dict[str, str]:
    phone = f"(312) 555-01{40 + number}"
    return {"email": f"p{number}@works.example", "lastname": f"Lee{number}x", "mobilephone": phone, **changes}


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url, LOOSE) as one:
        yield one


def test_a_brake_holds_over_runs_and_restarts_until_a_person_says_so(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of three is made, however often it is run and by whichever process; then all three."""
    config = ("--config", str(made.config))
    for number in range(3):
        made.contact(**somebody(number))
    with made.running():
        for _ in range(2):
            made.cycle()
            made.wait_is_over()
            assert len(made.leads()) == 1
    once = say(capsys, "once", "--json", *config)
    assert (once.code, json.loads(once.out)["problems"], len(made.leads())) == (1, 1, 1)
    assert "creates      2 lead since " in say(capsys, "status", *config).out
    let = say(capsys, "approve", *config)
    assert (let.code, let.out) == (0, "the next handoff lets through 2 records that the brake on creates held\n")
    assert say(capsys, "once", *config).code == 0
    assert len(made.leads()) == 3
    again = say(capsys, "approve", *config)
    assert (again.code, "no brake holds anything" in again.err) == (2, True)
    assert "2 that the brake on creates held by " in say(capsys, "status", *config).out


def test_a_handoff_that_begins_while_a_start_is_settled_stops_nobody(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine takes up at once what a kill cut off, in a thread of its own."""
    count = handoff.count_records

    def begins(*args: Any) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(made.work, "settle", lambda: 0)
            made.work.start_handoff()
        return count(*args)

    monkeypatch.setattr(handoff, "count_records", begins)
    with made.running():
        made.work.start_handoff()
        assert made.work.settle() == 0


def test_a_bad_edit_that_is_taken_back_opens_the_brake_by_itself(made: World) -> None:
    """The gate asked for no budget for a moment: one lead slipped through; the others, two of them new, are refused."""
    for number in range(2):
        made.contact(**somebody(number, budget_amount=""))
    with made.running():
        made.cycle()
        file = made.app.config.mappings / "definition.yaml"
        good = file.read_text(encoding="utf-8")
        assert ", budget," in good
        file.write_text(good.replace(", budget,", ","), encoding="utf-8")
        made.cycle()
        made.contacts([{**COMPLETE, **somebody(number, budget_amount="")} for number in (2, 3)])
        made.cycle()
        assert (len(made.leads()), [text[:20] for text in made.problems()]) == (1, ["the brake on creates"])
        file.write_text(good, encoding="utf-8")
        made.cycle()
        assert (len(made.leads()), made.problems()) == (1, [])
