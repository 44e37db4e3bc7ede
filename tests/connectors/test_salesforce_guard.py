"""A few updates are not written over what somebody changed since the caller read, and at no call more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from salesforce_sandbox import Sandbox, people, sandbox
from salesforce_wire import Scripted, connector_to, lead, refusal, update

from connectors.contract import Deferred, Rejected, WriteRequest, Written
from connectors.salesforce.destination import GUARDED
from sandbox.wire import Server

READ = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def read_now(box: Sandbox) -> datetime:
    """Poll, so that the connector knows how the clocks stand; return when that began by our clock."""
    box.server.clock = box.clock
    began = datetime.now(UTC)
    box.poll()
    return began


def knowing(request: WriteRequest, read_at: datetime, modified: datetime | None = None) -> WriteRequest:
    return replace(request, read_at=read_at, modified=modified)


def companies(box: Sandbox) -> list[Any]:
    return [row["Company"] for row in box.org.all("Lead")]


def test_what_was_changed_since_it_was_read_is_not_written_and_the_others_are() -> None:
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3))
        box.clock.forward(60)
        read_at = read_now(box)
        box.clock.forward(2)
        box.org.edit("Lead", ids[1], {"Company": "Rep's"})
        before = box.calls()
        answers = box.sf.write([knowing(update(n, id, Company="Ours"), read_at) for n, id in enumerate(ids)])
        assert [type(one) for one in answers] == [Written, Deferred, Written]
        assert isinstance(answers[1], Deferred)
        assert answers[1].changed
        assert companies(box) == ["Ours", "Rep's", "Ours"]
        assert box.calls() == before + 1


def test_a_change_of_the_second_before_the_reading_that_was_read_holds_nothing_up() -> None:
    """One that was not read does: what was saved so shortly before may not have been visible yet."""
    with sandbox() as box:
        (id,) = box.org.seed("Lead", people(1))
        modified = datetime.fromtimestamp(box.clock.now, UTC)
        box.clock.forward(1)
        read_at = read_now(box)
        (later,) = box.sf.write([knowing(update(0, id, Company="Ours"), read_at)])
        assert isinstance(later, Deferred)
        (answer,) = box.sf.write([knowing(update(0, id, Company="Ours"), read_at, modified)])
        assert answer == Written(id)


def test_our_own_writes_are_no_change() -> None:
    """What was made or written since the reading may be written again, whichever way it went."""
    with sandbox() as box:
        (there,) = box.org.seed("Lead", people(1))
        box.clock.forward(60)
        read_at = read_now(box)
        box.clock.forward(5)
        (made,) = box.sf.write([lead(1)])
        assert isinstance(made, Written)
        for company in ("A", "B"):
            box.clock.forward(5)
            requests = [knowing(update(n, id, Company=company), read_at) for n, id in enumerate((there, made.id))]
            assert all(isinstance(one, Written) for one in box.sf.write(requests))
        assert companies(box) == ["B", "B"]


def test_many_updates_go_as_collections_at_no_call_more() -> None:
    with sandbox() as box:
        ids = box.org.seed("Lead", people(GUARDED + 1))
        read_at = read_now(box)
        box.clock.forward(2)
        before = box.calls()
        answers = box.sf.write([knowing(update(n, id, Company="Ours"), read_at) for n, id in enumerate(ids)])
        assert all(isinstance(one, Written) for one in answers)
        assert box.calls() == before + 1
        assert len(box.bodies[-1]["compositeRequest"]) == 1


def test_updates_go_beside_what_is_made_in_one_call() -> None:
    with sandbox() as box:
        ids = box.org.seed("Lead", people(GUARDED))
        box.clock.forward(60)
        read_at = read_now(box)
        before = box.calls()
        made = [lead(n) for n in range(900)]
        known = [knowing(update(900 + n, id, Company="Ours"), read_at) for n, id in enumerate(ids)]
        answers = box.sf.write(made + known)
        assert all(isinstance(one, Written) for one in answers)
        assert box.calls() == before + 1


def test_clocks_that_stand_wrong_hold_a_record_up_twice_at_the_most() -> None:
    """The records' stamps run ahead of the clock that answers bear, and no record was read that could tell."""
    with sandbox() as box:
        (id,) = box.org.seed("Lead", people(1))
        read_at = read_now(box) - timedelta(hours=3)
        tries = [box.sf.write([knowing(update(0, id, Company="Ours"), read_at)])[0]]
        tries.append(box.sf.write([knowing(update(0, id, Company="Ours"), read_at)])[0])
        tries += [
            box.sf.write([knowing(update(0, id, Company="Ours"), read_at + timedelta(minutes=n))])[0] for n in (1, 2)
        ]
        assert [type(one) for one in tries] == [Deferred, Deferred, Deferred, Written]


def test_stamps_that_run_ahead_of_the_clock_of_the_answers_are_allowed_for() -> None:
    with sandbox() as box:
        (id,) = box.org.seed("Lead", people(1))
        box.server.clock = lambda: box.clock() - 90
        box.poll()
        box.clock.forward(60)
        read_at = datetime.now(UTC)
        box.poll()
        (answer,) = box.sf.write([knowing(update(0, id, Company="Ours"), read_at)])
        assert answer == Written(id)


@pytest.mark.parametrize(
    ("status", "code", "fate", "gone"),
    [
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Rejected, False),
        (404, "ENTITY_IS_DELETED", Rejected, True),
        (400, "CANNOT_UPDATE_CONVERTED_LEAD", Rejected, True),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", Deferred, None),
        (400, "ENTITY_IS_LOCKED", Deferred, None),
    ],
)
def test_a_row_that_went_by_itself_is_refused_for_what_it_is(
    status: int, code: str, fate: type[Any], gone: bool | None
) -> None:
    scripted = Scripted(lambda part: (status, refusal(code)))
    with Server(scripted) as server:
        (answer,) = connector_to(server).write([knowing(update(0, "00Q000000000001AAA", Company="A"), READ, READ)])
    assert isinstance(answer, fate)
    assert getattr(answer, "gone", None) is gone
    assert len(scripted.calls) == 1


def test_what_is_not_found_by_itself_is_asked_of_a_collection() -> None:
    """It may be the object that syncd's user lost the sight of: no reason to take the record for deleted."""

    def part(sent: dict[str, Any]) -> tuple[int, Any]:
        assert ("records" in sent["body"]) is sent["url"].endswith("composite/sobjects")
        return 404, refusal("NOT_FOUND")

    scripted = Scripted(part)
    with Server(scripted) as server:
        (answer,) = connector_to(server).write([knowing(update(0, "00Q000000000001AAA", Company="A"), READ, READ)])
    assert isinstance(answer, Deferred)
    assert answer.stuck
    assert len(scripted.calls) == 2


def test_a_row_lock_is_waited_for_under_the_same_condition() -> None:
    told = [(400, refusal("UNABLE_TO_LOCK_ROW")), (412, None)]
    scripted = Scripted(lambda part: told.pop(0))
    with Server(scripted) as server:
        (answer,) = connector_to(server).write([knowing(update(0, "00Q000000000001AAA", Company="A"), READ, READ)])
    assert isinstance(answer, Deferred)
    assert answer.changed
    (first,), (second,) = scripted.calls
    assert first["httpHeaders"]["If-Unmodified-Since"] == second["httpHeaders"]["If-Unmodified-Since"]
    assert first["method"] == "PATCH"
    assert first["body"] == {"Company": "A"}
