"""What our own code fails on, of whatever kind, holds up nobody else, is told, and comes by itself once it can."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from support.world import World

from connectors.contract import Deferred, WriteRequest
from syncd.config.settings import Brakes
from syncd.log import set_up
from syncd.pipeline import each_apart, intake, judging, sending
from syncd.store.database import new_id, now_ms
from syncd.store.intake import mark_due
from syncd.store.tables import due, intent, run

pytestmark = pytest.mark.usefixtures("process_as_before")
CANARY = "p1@works.example"


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


def puts_off(made: World, email: str) -> Callable[[Sequence[WriteRequest]], list[Any]]:
    """Return a `write` that defers the record of this address."""
    real = made.work.destinations["salesforce"].write

    def write(requests: Sequence[WriteRequest]) -> list[Any]:
        def is_it(one: WriteRequest) -> bool:
            return one.fields.get("Email") == email

        answers = iter(real([one for one in requests if not is_it(one)]))
        return [Deferred("hold on") if is_it(one) else next(answers) for one in requests]

    return write


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


@pytest.mark.parametrize("where", ["syncd.pipeline.acting.planned_intent", "syncd.pipeline.answered._wait_of"])
def test_a_decision_or_an_answer_that_cannot_be_kept_holds_up_no_other(
    made: World, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, where: str
) -> None:
    """The others are written, the brake counts them once, and what fails comes by itself."""
    module, name = where.rsplit(".", 1)
    real = getattr(sys.modules[module], name)
    made.work.brakes = Brakes(creates=5)

    def fails(*told: Any) -> Any:
        if CANARY in str(told) or "hold on" in str(told):
            raise KeyError(CANARY)
        return real(*told)

    monkeypatch.setattr(where, fails)
    if name == "_wait_of":
        monkeypatch.setattr(made.work.destinations["salesforce"], "write", puts_off(made, CANARY))
    crowd(made)
    made.cycle()
    assert len(made.leads()) == 4
    (told,) = made.problems()
    assert "KeyError at syncd/pipeline/" in told
    assert CANARY not in told + log.getvalue()
    monkeypatch.undo()
    made.wait_is_over()
    made.cycle()
    assert (len(made.leads()), made.problems()) == (5, [])


def test_a_write_that_cannot_be_built_holds_up_no_other(
    made: World, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """The connector fails on one record: the rest of the batch goes out, the one is told and tried again."""
    crm = made.work.destinations["salesforce"]
    real = crm.write

    def fails(requests: Sequence[WriteRequest]) -> Any:
        if any(one.fields.get("Email") == CANARY for one in requests):
            raise IndexError(CANARY)
        return real(requests)

    monkeypatch.setattr(crm, "write", fails)
    crowd(made)
    made.cycle()
    assert len(made.leads()) == 4
    (told,) = made.problems()
    assert "is not written: a defect of syncd or of a setting it did not refuse, IndexError at " in told
    assert CANARY not in told + log.getvalue()
    monkeypatch.undo()
    made.wait_is_over()
    made.cycle()
    assert (len(made.leads()), made.problems()) == (5, [])


def test_where_every_write_fails_not_each_is_tried_alone(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector fails on whatever Salesforce answers: that would be two calls a record."""
    asked = []

    def fails(requests: Sequence[WriteRequest]) -> Any:
        asked.append(len(requests))
        raise IndexError

    monkeypatch.setattr(made.work.destinations["salesforce"], "write", fails)
    monkeypatch.setattr(sending, "FAILURES_IN_A_ROW", 4)
    crowd(made)
    made.cycle()
    assert asked == [5, 2, 1, 1, 3]
    assert len(made.problems()) == 5
    assert all("IndexError at " in told for told in made.problems())
    monkeypatch.undo()
    made.wait_is_over()
    made.cycle()
    assert (len(made.leads()), made.problems()) == (5, [])


def test_many_that_fail_side_by_side_hold_up_none_behind_them(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures in a row are no sign that every write fails: the next part is tried, and goes out."""
    crm = made.work.destinations["salesforce"]
    real, failing = crm.write, set[str]()

    def fails(requests: Sequence[WriteRequest]) -> Any:
        failing.update(failing or [one.fields["Email"] for one in requests[:2]])
        if any(one.fields["Email"] in failing for one in requests):
            raise IndexError
        return real(requests)

    monkeypatch.setattr(crm, "write", fails)
    monkeypatch.setattr(sending, "FAILURES_IN_A_ROW", 2)
    crowd(made)
    made.cycle()
    assert len(made.leads()) == 3
    assert len(made.problems()) == 2


def test_a_handoff_that_the_database_fails_while_answers_are_kept_is_taken_up_by_the_next_poll(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is due and nobody starts anew: what was planned and never answered makes the next handoff by itself."""
    real, failed = sending.settle_answers, []

    def fails(*told: Any) -> Any:
        if not failed:
            failed.append(True)
            raise OperationalError("update intent", {}, Exception("database is locked"))
        return real(*told)

    made.contact()
    monkeypatch.setattr(sending, "settle_answers", fails)
    with pytest.raises(OperationalError):
        made.cycle()
    assert made.work.due() == 1
    assert made.work.health.ready() != []
    made.cycle()
    assert (len(made.leads()), made.problems(), made.work.health.ready(), made.work.due()) == (1, [], [], 0)
    with made.app.engine.connect() as connection:
        assert "planned" not in connection.execute(select(intent.c.state)).scalars().all()


def test_whoever_is_due_and_is_nobody_any_more_holds_up_no_other(made: World) -> None:
    """Two leads may become one between the moment that somebody asks for one of them and the handoff."""
    with made.app.engine.begin() as connection:
        mark_due(connection, {new_id(now_ms()): 1}, now_ms(), "a field of it is gone")
    made.contact()
    made.cycle()
    assert len(made.leads()) == 1
    assert made.work.due() == 0


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


def test_a_change_that_cannot_be_taken_in_is_told_until_a_sweep_can(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the latest of its kind; that calculated fields of it are read again after a sweep mends nothing."""
    contacts = crowd(made, 2)
    made.settle()
    real = intake.sift

    def fails(system: str, kind: str, records: Sequence[Any], stored: Any) -> Any:
        if any(one.fields.get("jobtitle") == "CTO" for one in records):
            raise ValueError
        return real(system, kind, records, stored)

    monkeypatch.setattr(intake, "sift", fails)
    made.hubspot.edit("contacts", contacts[1], {"jobtitle": "CTO"})
    for sweeping in (False, True, False):
        made.cycle(sweeping=sweeping)
        assert [one.split(":")[0] for one in made.problems()] == [f"hubspot contacts {contacts[1]} cannot be taken in"]
    monkeypatch.undo()
    made.cycle(sweeping=True)
    made.cycle()
    assert ("CTO" in [one["Title"] for one in made.leads()], made.problems()) == (True, [])


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
    monkeypatch.setattr("syncd.daemon.work.known_owners", fails)
    with pytest.raises(RuntimeError):
        made.cycle()
    (told,) = made.work.health.ready()
    assert told.startswith("the last handoff failed: RuntimeError at syncd/daemon/work.py:")
    monkeypatch.undo()
    made.cycle()
    assert (made.work.health.ready(), len(made.leads())) == ([], 1)


def test_what_the_daemon_tidies_up_every_hour_leaves_what_is_recent(made: World) -> None:
    """A run is kept for 30 days, a write that was done for as long as the lead."""
    made.contact()
    made.cycle()
    made.cycle()
    for days, left in ((29, (True, True)), (31, (False, True)), (400, (False, True))):
        made.work.forget(now_ms() + days * 86_400_000)
        with made.app.engine.connect() as connection:
            assert tuple(connection.execute(select(one).limit(1)).first() is not None for one in (run, intent)) == left
