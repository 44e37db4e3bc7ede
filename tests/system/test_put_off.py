"""What an admin must mend, and what fails again and again, is tried again by itself; a person is told meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.commands import say
from support.world import COMPLETE, World, world

from connectors.errors import AuthExpired, ConfigProblem, Unavailable
from sandbox.wire import Fault, Request, Response
from syncd.cli.common import make_work
from syncd.health import Health
from syncd.store import inbox
from syncd.store.tables import due, entity, intent

pytestmark = pytest.mark.usefixtures("process_as_before")

MINUTE = 60_000


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        monkeypatch.setattr(one.work.destinations["salesforce"]._writer, "_sleep", lambda _: None)
        one.cycle()
        yield one


@contextmanager
def refusing(made: World, code: str, text: str = "") -> Iterator[list[int]]:
    """Refuse every row that is written to Salesforce; yields a list with one number for each call: its rows."""
    real, calls = made.salesforce.handle, []
    told_alone = [{"errorCode": code, "message": text, "fields": []}]
    error = {"success": False, "errors": [{"statusCode": code, "message": text, "fields": []}]}

    def handle(request: Request) -> Response:
        parts = request.json()["compositeRequest"] if request.path.endswith("/composite") else []
        if not any(part["method"] == "PATCH" for part in parts):
            return real(request)
        rows = [len(part["body"]["records"]) if "records" in part["body"] else None for part in parts]
        calls.append(sum(count or 1 for count in rows))
        told = [
            {"httpStatusCode": 200, "body": [error] * count} if count else {"httpStatusCode": 400, "body": told_alone}
            for count in rows
        ]
        named = [one | {"referenceId": part["referenceId"]} for part, one in zip(parts, told, strict=True)]
        return Response(200, {"compositeResponse": named})

    made.salesforce.handle = handle  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        made.salesforce.handle = real  # type: ignore[method-assign]


def waits(made: World, turns: int) -> list[float]:
    """Try so often; return the minutes that are to pass after each."""
    found = []
    for _ in range(turns):
        made.cycle()
        with made.app.engine.connect() as connection:
            (row,) = connection.execute(sa.select(due))
        found.append((row.not_before - row.since) / MINUTE)
        made.wait_is_over()
    return found


def test_a_limit_of_the_whole_org_pauses_it_until_it_is_mended(made: World) -> None:
    """One call, then quiet; what waited is written by itself afterwards, though no value of it changed."""
    with refusing(made, "LIMIT_EXCEEDED") as calls:
        made.contact()
        for _ in range(3):
            made.cycle()
            made.wait_is_over()
        (problem,) = made.problems()
        assert problem.startswith("salesforce cannot be used")
        assert "limit" in problem
        assert len(calls) == 1
    made.work.troubles.forget()
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


def test_a_right_that_is_missing_is_named_and_what_waits_for_it_comes_by_itself(made: World) -> None:
    """The Create right of a kind: nothing parked for ever, nothing silent, and tried every quarter of an hour."""
    made.salesforce.deny("Lead", "create")
    made.contact()
    assert [round(one) for one in waits(made, 4)] == [15] * 4
    (problem,) = made.problems()
    assert "INSUFFICIENT_ACCESS_OR_READONLY: syncd's user lacks the right to create such records" in problem
    made.salesforce.org.denied.clear()
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


def crowd(made: World, count: int) -> None:
    made.contacts(
        [
            {**COMPLETE, "email": f"p{n}@mills.example", "lastname": f"Lee{n}", "mobilephone": f"(312) 555-{1000 + n}"}
            for n in range(count)
        ]
    )


def quarters_of_an_hour(made: World, turns: int) -> None:
    for _ in range(turns):
        made.wait_is_over()
        made.cycle()


def intents(made: World) -> int:
    with made.app.engine.connect() as connection:
        query = sa.select(sa.func.count()).where(intent.c.system == "salesforce", intent.c.kind == "Lead")
        return int(connection.execute(query).scalar_one())


def test_what_is_lacking_for_all_is_told_once_and_a_few_try_for_all(made: World) -> None:
    """60 leads, storage full: 60 rows at first, 10 in each quarter of an hour, one problem; then all 60 at once."""
    with refusing(made, "STORAGE_LIMIT_EXCEEDED") as calls:
        crowd(made, 60)
        made.cycle()
        quarters_of_an_hour(made, 3)
        (told,) = made.problems()
        assert told.startswith("salesforce Lead: nothing can be created: STORAGE_LIMIT_EXCEEDED")
        assert calls == [60, 10, 10, 10]
        assert intents(made) == 60  # one each, however often it was tried
    quarters_of_an_hour(made, 1)
    made.settle()
    assert (len(made.leads()), made.problems()) == (60, [])


def test_full_storage_stops_no_change(made: World) -> None:
    """A lead that is there is still read and written."""
    contact = made.contact()
    made.settle()
    with refusing(made, "STORAGE_LIMIT_EXCEEDED"):
        crowd(made, 2)
        made.cycle()
    made.hubspot.edit("contacts", contact, {"jobtitle": "Buyer"})
    made.cycle()
    assert [lead["Title"] for lead in made.leads()] == ["Buyer"]


def test_one_record_that_is_refused_for_a_right_stops_no_other(made: World) -> None:
    """A right that is lacking for all would have stopped the others of the same call too."""
    real = made.salesforce.handle
    bad: list[str] = []

    def handle(request: Request) -> Response:
        answer = real(request)
        parts = request.json()["compositeRequest"] if request.path.endswith("/composite") else []
        for part, told in zip(parts, (answer.body or {}).get("compositeResponse", ()), strict=False):
            for number, row in enumerate(part["body"]["records"] if part["method"] == "PATCH" else ()):
                if row.get("LastName") == "Lee0":
                    bad.append(told["body"][number].pop("id", ""))
                    error = {"statusCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "", "fields": []}
                    told["body"][number] = {"success": False, "errors": [error]}
        return answer

    made.salesforce.handle = handle  # type: ignore[method-assign]
    crowd(made, 5)
    made.cycle()
    assert bad
    (told,) = made.problems()
    assert told.startswith("salesforce Lead (new) of lead")


def test_not_always_the_same_try_a_shut_door(made: World) -> None:
    """12 refused for themselves keep none of the others out: whoever tried in vain is tried again last."""
    with refusing(made, "STORAGE_LIMIT_EXCEEDED"):
        crowd(made, 60)
        made.cycle()
    with made.app.engine.connect() as connection:
        first = sa.select(entity.c["values"]).join(due, due.c.entity == entity.c.id).order_by(due.c.since, due.c.entity)
        oldest = {values["last_name"] for values in connection.execute(first.limit(12)).scalars()}
    made.salesforce.add_validation_rule("Lead", lambda row: row["LastName"] in oldest, "no", "LastName")
    real = made.salesforce.handle

    def handle(request: Request) -> Response:
        """Tell of a right where the rule says no."""
        answer = real(request)
        text = json.dumps(answer.body) if isinstance(answer.body, dict) else ""
        if "FIELD_CUSTOM_VALIDATION_EXCEPTION" in text:
            answer.body = json.loads(text.replace("FIELD_CUSTOM_VALIDATION_EXCEPTION", "INSUFFICIENT_ACCESS"))
        return answer

    made.salesforce.handle = handle  # type: ignore[method-assign]
    quarters_of_an_hour(made, 3)
    assert len(made.leads()) == 60 - len(oldest)


def test_a_shut_door_is_tried_at_once_when_asked_for(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """`syncd replay --problem`: who granted the right need not wait for the quarter of an hour."""
    made.salesforce.deny("Lead", "create")
    crowd(made, 3)
    made.cycle()
    made.salesforce.org.denied.clear()
    made.cycle()
    assert made.leads() == []
    said = say(capsys, "replay", "-c", str(made.config), "--kind", "put off")
    assert said.out.startswith("3 to be decided again")
    made.settle()
    assert (len(made.leads()), made.problems()) == (3, [])


def test_a_row_that_fails_again_and_again_is_tried_ever_less_often_and_told(made: World) -> None:
    """A trigger that always runs out of time: five tries tell an admin, and the mended trigger closes it."""
    text = "LeadTrigger: execution of BeforeInsert caused by: System.LimitException: Apex CPU time limit exceeded"
    with refusing(made, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text) as calls:
        made.contact()
        assert waits(made, 4) == [0.5, 2, 10, 60]
        assert made.problems() == []
        assert waits(made, 2) == [60, 60]
        assert len(calls) == 6 * 3
        (problem,) = made.problems()
        assert "a trigger or flow of the org failed: LeadTrigger" in problem
        assert "it was tried 6 times and is tried again by itself, at least hourly" in problem
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


def test_what_was_written_at_last_begins_anew(made: World) -> None:
    contact = made.contact()
    made.settle()
    for title in ("Plant manager", "Buyer"):
        with refusing(made, "UNABLE_TO_LOCK_ROW"):
            made.hubspot.edit("contacts", contact, {"jobtitle": title})
            assert waits(made, 2) == [0.5, 2]
        made.settle()
        assert made.leads()[0]["Title"] == title


def test_an_outage_lets_nobody_wait_longer_than_itself(made: World) -> None:
    """Salesforce has no time for anybody: each try is as soon as the first, and no record is blamed."""
    with refusing(made, "SERVER_UNAVAILABLE"):
        made.contact()
        assert waits(made, 4) == [0.5] * 4
        assert made.problems() == []
        assert waits(made, 2) == [0.5] * 2
        (problem,) = made.problems()
        assert problem.startswith("salesforce takes no writes: ")
        assert intents(made) == 1  # what may have been done is known once, however long it lasts
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


def test_what_an_outage_put_off_goes_on_with_the_first_poll_after_it(made: World) -> None:
    """Nobody waits out a time of his own: a few try at each poll, and once these go through all the others follow."""
    with refusing(made, "SERVER_UNAVAILABLE") as calls:
        crowd(made, 30)
        for _ in range(3):
            made.cycle()
        assert calls == [30] * 3 + [10] * 6  # three tries each
    made.cycle()
    assert len(made.leads()) == 30


def test_a_long_rest_that_ends_early_keeps_nobody_waiting(made: World) -> None:
    """The org has spent its calls of the day while another poll of it was about to end well; the daemon is killed."""
    contact = made.contact()
    made.settle()
    made.cycle()  # what was written is read back
    made.hubspot.edit("contacts", contact, {"jobtitle": "Buyer"})
    troubles, reader = made.work.troubles, made.work.reader
    real = reader._read

    def read(system: str, *args: Any) -> Any:
        found = real(system, *args)
        if system == "salesforce":
            troubles.met(system, Unavailable("the calls of the day are spent", system=system, retry_after=900))
        return found

    reader._read = read  # type: ignore[method-assign]
    made.cycle()
    assert (made.leads()[0]["Title"], troubles.rests("salesforce")) == (COMPLETE["jobtitle"], True)
    (told,) = made.problems()
    assert told.startswith("salesforce cannot be used: the calls of the day are spent")
    assert made.work.health.ready() != []
    with made.app.engine.begin() as connection:
        inbox.close_problems(connection, key="system|salesforce")
    started = make_work(made.app, Health())
    for system in started.polls:
        started.poll(system)
    assert started.due() == 1


def test_what_waited_for_a_look_at_the_crm_goes_on_with_the_first_poll_after_it(made: World) -> None:
    fault = Fault("status", "POST composite", times=999, status=503, body={})
    made.servers["salesforce"].board.add(fault)
    made.work.poll("salesforce", even_if_paused=True)
    crowd(made, 3)
    made.cycle()
    with made.app.engine.connect() as connection:
        assert all(row.not_before > row.since for row in connection.execute(sa.select(due)))
    fault.times = fault.fired
    made.cycle()
    assert len(made.leads()) == 3


def test_a_system_that_does_not_answer_is_asked_every_other_poll(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long outage makes no long pause; who is not let in is asked ever less often, for a person must act."""
    troubles = made.work.troubles
    now = time.monotonic()
    for every, last in ((2, 5.0), (60, 120.0), (900, 300.0)):
        monkeypatch.setattr(troubles, "_polls", {"salesforce": timedelta(seconds=every)})
        for error, pause in ((Unavailable("503"), last), (AuthExpired("401"), 300.0)):
            troubles.forget()
            for _ in range(6):
                troubles.met("salesforce", error)
            assert round(troubles._met["salesforce"][1] - now, -1) == pytest.approx(pause, abs=5)


def test_a_system_that_is_read_well_and_takes_no_write_is_told_until_one_goes_through(made: World) -> None:
    """HubSpot answers 503 to each write: told at the fifth in a row, also by /readyz, and no record is blamed."""
    contact = made.contact()
    made.settle()
    board, health = made.servers["hubspot"].board, made.work.health
    fault = Fault("status", "POST contacts/batch/upd", times=999, status=503, body={})
    board.add(fault)
    made.hubspot.edit("contacts", contact, {"email": "", "phone": "", "mobilephone": ""})
    made.contact(email="b@mills.example", firstname="Bob", lastname="Bo", mobilephone="")
    assert waits(made, 4) == [0.5] * 4
    assert (made.problems(), health.ready()) == ([], [])
    assert waits(made, 2) == [0.5] * 2
    made.work.poll("hubspot", even_if_paused=True)
    (problem,), (reason,) = made.problems(), health.ready()
    assert problem.startswith("hubspot takes no writes: ")
    assert reason.startswith("hubspot")
    fault.times = fault.fired
    made.settle()
    assert (made.problems(), health.ready()) == ([], [])


def test_what_an_admin_must_mend_before_writes_go_is_not_closed_by_a_good_poll(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ConfigProblem("Lead has no record type Inbound; correct record_types", system="salesforce")

    made.contact()
    with monkeypatch.context() as patch:
        patch.setattr(made.work.destinations["salesforce"], "write", refuse)
        assert waits(made, 3) == [0.5] * 3
        made.work.poll("salesforce", even_if_paused=True)
        (problem,), (reason,) = made.problems(), made.work.health.ready()
        assert "no record type Inbound" in problem
        assert "no record type Inbound" in reason
    made.wait_is_over()
    made.settle()
    assert (len(made.leads()), made.problems(), made.work.health.ready()) == (1, [], [])


def test_a_write_elsewhere_does_not_close_what_is_refused(made: World) -> None:
    """That Salesforce took the lead says nothing about the feedback that HubSpot refused in the same turn."""
    contact = made.contact()
    made.settle()
    made.servers["hubspot"].board.add(Fault("status", "POST contacts/batch/update", times=99, status=400, body={}))
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.cycle()
    assert made.leads()[0]["Title"] == "Plant manager"
    (problem,) = made.problems()
    assert problem.startswith(f"hubspot contacts {contact}")


def test_what_is_wanted_no_longer_is_asked_no_longer(made: World) -> None:
    contact = made.contact()
    made.settle()
    made.salesforce.deny("Lead", "edit")
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert len(made.problems()) == 1
    made.hubspot.edit("contacts", contact, {"jobtitle": "VP Operations"})
    made.settle()
    assert made.problems() == []


def test_feedback_waits_for_a_scope_that_the_token_lacks(made: World) -> None:
    """It is named, HubSpot is read on, and the feedback comes by itself once the scope is granted."""
    body = {"category": "MISSING_SCOPES", "errors": [{"context": {"granular": ["crm.objects.contacts.write"]}}]}
    board = made.servers["hubspot"].board
    board.add(Fault("status", "POST contacts/batch/update", times=99, status=403, body=body))
    contact = made.contact()
    made.settle()
    assert len(made.leads()) == 1
    assert [round(one) for one in waits(made, 2)] == [15, 15]
    (problem,) = made.problems()
    assert "crm.objects.contacts.write" in problem
    board.clear()
    made.settle()
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    assert made.problems() == []
