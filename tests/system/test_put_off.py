"""What an admin must mend, and what fails again and again, is tried again by itself; a person is told meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.world import World, world

from sandbox.wire import Fault, Request, Response
from syncd.store.tables import due

MINUTE = 60_000


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 5%": "overwrites: 100%"}) as one:
        monkeypatch.setattr(one.work.destinations["salesforce"]._writer, "_sleep", lambda _: None)
        one.cycle()
        yield one


@contextmanager
def refusing(made: World, code: str, text: str = "") -> Iterator[list[int]]:
    """Refuse every row that is written to Salesforce; yields a list with one number for each call: its rows."""
    real, calls = made.salesforce.handle, []
    error = {"success": False, "errors": [{"statusCode": code, "message": text, "fields": []}]}

    def handle(request: Request) -> Response:
        parts = request.json()["compositeRequest"] if request.path.endswith("/composite") else []
        if not any(part["method"] == "PATCH" for part in parts):
            return real(request)
        rows = [len(part["body"]["records"]) for part in parts]
        calls.append(sum(rows))
        told = [
            {"referenceId": part["referenceId"], "httpStatusCode": 200, "body": [error] * count}
            for part, count in zip(parts, rows, strict=True)
        ]
        return Response(200, {"compositeResponse": told})

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


@pytest.mark.parametrize(
    ("code", "words"), [("STORAGE_LIMIT_EXCEEDED", "storage is full"), ("LIMIT_EXCEEDED", "limit")]
)
def test_a_limit_of_the_whole_org_pauses_it_until_it_is_mended(made: World, code: str, words: str) -> None:
    """One call, then quiet; what waited is written by itself afterwards, though no value of it changed."""
    with refusing(made, code) as calls:
        made.contact()
        for _ in range(3):
            made.cycle()
            made.wait_is_over()
        (problem,) = made.problems()
        assert problem.startswith("salesforce cannot be used")
        assert words in problem
        assert len(calls) == 1
    made.work.troubles.forget()
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


def test_a_right_that_is_missing_is_named_and_what_waits_for_it_comes_by_itself(made: World) -> None:
    """The Create right of a kind: nothing parked for ever, nothing silent, and tried ever less often."""
    made.salesforce.deny("Lead", "create")
    made.contact()
    assert waits(made, 4) == [15, 30, 60, 60]
    (problem,) = made.problems()
    assert "INSUFFICIENT_ACCESS_OR_READONLY: syncd's user lacks the right to create such records" in problem
    made.salesforce.org.denied.clear()
    made.settle()
    assert (len(made.leads()), made.problems()) == (1, [])


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
        assert waits(made, 6) == [0.5] * 6
        assert made.problems() == []


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
    assert waits(made, 2) == [30, 60]
    (problem,) = made.problems()
    assert "crm.objects.contacts.write" in problem
    board.clear()
    made.settle()
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    assert made.problems() == []
