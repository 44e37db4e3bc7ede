"""What our own code fails on, of whatever kind, holds up nobody else, is told, and comes by itself once it can."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from support.commands import process_as_before  # noqa: F401 - a fixture
from support.world import World, world

from syncd.log import set_up
from syncd.pipeline import each_apart, intake, judging
from syncd.store.database import now_ms
from syncd.store.tables import due, intent, run

pytestmark = pytest.mark.usefixtures("process_as_before")
CANARY = "p1@works.example"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        yield one


@pytest.fixture
def log() -> io.StringIO:
    written = io.StringIO()
    set_up("info", "json", stream=written)
    return written


def crowd(made: World, size: int = 5) -> list[str]:
    return [
        made.contact(email=f"p{one}@works.example", lastname=f"Lee{one}x", mobilephone=f"(312) 555-014{one}")
        for one in range(size)
    ]


def waits_until(made: World) -> int:
    with made.app.engine.connect() as connection:
        return int(connection.execute(select(due.c.not_before).where(due.c.attempts > 0)).scalar_one())


def test_a_lead_that_cannot_be_decided_holds_up_no_other(
    made: World, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """It is told by its id, the kind of failure and our own place, never by a value; mended, it comes by itself."""
    real = judging.score_lead

    def fails(definition: Any, values: Any, *rest: Any) -> Any:
        if values.get("email") == CANARY:
            raise TypeError(f"cannot compare {CANARY}")
        return real(definition, values, *rest)

    monkeypatch.setattr(judging, "score_lead", fails)
    crowd(made)
    made.cycle()
    assert len(made.leads()) == 4
    (told,) = made.problems()
    assert "cannot be decided" in told
    assert "TypeError at syncd/pipeline/judging.py:" in told
    assert '"error": "TypeError"' in log.getvalue()
    assert CANARY not in told + log.getvalue()
    for wait in (60_000, 600_000, 3_600_000):
        assert 0 <= now_ms() + wait - waits_until(made) < 60_000
        made.wait_is_over()
        made.cycle()
    monkeypatch.undo()
    made.wait_is_over()
    made.cycle()
    assert (len(made.leads()), made.problems()) == (5, [])


def test_a_record_that_cannot_be_taken_in_holds_up_no_other(
    made: World, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """The rest of its page comes; it does with its next change."""
    real = intake.sift

    def fails(system: str, kind: str, records: Sequence[Any], stored: Any) -> Any:
        if any(one.fields.get("email") == CANARY for one in records):
            raise ValueError(f"no such thing as {CANARY}")
        return real(system, kind, records, stored)

    monkeypatch.setattr(intake, "sift", fails)
    contacts = crowd(made)
    made.cycle()
    assert len(made.leads()) == 4
    (told,) = made.problems()
    assert told.startswith(f"hubspot contacts {contacts[1]} cannot be taken in: ")
    assert "ValueError at syncd/pipeline/intake.py:" in told
    assert CANARY not in told + log.getvalue()
    monkeypatch.undo()
    made.hubspot.edit("contacts", contacts[1], {"jobtitle": "VP"})
    made.cycle()
    assert (len(made.leads()), made.problems()) == (5, [])


def test_trouble_with_the_database_is_no_record_s() -> None:
    asked = []

    def act(items: Sequence[int]) -> None:
        asked.append(len(items))
        raise OperationalError("select", {}, Exception("the disk is full"))

    with pytest.raises(OperationalError):
        each_apart([1, 2, 3], act)
    assert asked == [3]


def test_a_handoff_that_fails_as_a_whole_makes_it_not_ready_until_one_does_not(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError(CANARY)

    made.contact()
    monkeypatch.setattr("syncd.daemon.work.store_decisions", fails)
    with pytest.raises(RuntimeError):
        made.cycle()
    (told,) = made.work.health.ready()
    assert told.startswith("the last handoff failed: RuntimeError at syncd/daemon/work.py:")
    monkeypatch.undo()
    made.cycle()
    assert (made.work.health.ready(), len(made.leads())) == ([], 1)


def test_what_the_daemon_tidies_up_every_hour_leaves_what_is_recent(made: World) -> None:
    """A run is kept for 30 days, a write that was done for 90."""
    made.contact()
    made.cycle()
    made.cycle()
    for days, left in ((29, (True, True)), (31, (False, True)), (91, (False, False))):
        made.work.forget(now_ms() + days * 86_400_000)
        with made.app.engine.connect() as connection:
            assert tuple(connection.execute(select(one).limit(1)).first() is not None for one in (run, intent)) == left
