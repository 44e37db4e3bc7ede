"""A few values are not replaced where somebody changed them since the caller read; one call tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hubspot_bench import Bench, bench, people

from connectors.contract import Deferred, Policy, WriteRequest, Written
from connectors.errors import Unavailable
from connectors.hubspot.client import BATCH
from sandbox.wire import Fault

READ = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOOK, UPDATE = "POST contacts/batch/read", "POST contacts/batch/update"


@pytest.fixture
def desk() -> Iterator[Bench]:
    with bench() as made:
        yield made


def pats(count: int) -> list[dict[str, Any]]:
    return [{**one, "firstname": "Pat"} for one in people(count)]


def replacing(id: str, was: str | None, read_at: datetime | None = READ) -> WriteRequest:
    return WriteRequest(
        token=id,
        kind="contacts",
        policy=Policy.UPDATE,
        fields={"firstname": "Ours", "city": "Ulm"},
        id=id,
        replaces={"firstname": was} if was is not None else {},
        read_at=read_at,
    )


def test_what_was_changed_since_it_was_read_is_not_replaced_and_the_others_are(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", pats(3))
    desk.sim.edit("contacts", ids[1], {"firstname": "Theirs"})
    answers = desk.connector.write([replacing(id, "Pat") for id in ids])
    assert [type(one) for one in answers] == [Written, Deferred, Written]
    assert isinstance(answers[1], Deferred)
    assert answers[1].changed
    assert [desk.sim.get("contacts", id)["firstname"] for id in ids] == ["Ours", "Theirs", "Ours"]
    assert desk.server.board.calls == {LOOK: 1, UPDATE: 1}


def test_what_replaces_nothing_or_is_of_many_costs_no_look(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", pats(BATCH + 1))
    desk.connector.write([replacing(ids[0], None), replacing(ids[1], "Pat", read_at=None)])
    desk.connector.write([replacing(id, "Pat") for id in ids])
    assert desk.server.board.total(LOOK) == 0


def test_a_value_that_always_reads_otherwise_is_replaced_after_two_readings(desk: Bench) -> None:
    (id,) = desk.sim.seed("contacts", pats(1))
    times = [READ, READ, READ + timedelta(minutes=1), READ + timedelta(minutes=2)]
    answers = [desk.connector.write([replacing(id, "pat", at)])[0] for at in times]
    assert [type(one) for one in answers] == [Deferred, Deferred, Deferred, Written]


def test_where_nobody_can_look_nothing_is_written(desk: Bench) -> None:
    (id,) = desk.sim.seed("contacts", pats(1))
    desk.server.board.add(Fault("status", LOOK, status=503, times=99))
    with pytest.raises(Unavailable):
        desk.connector.write([replacing(id, "Pat")])
    assert desk.server.board.total(UPDATE) == 0


def test_who_may_not_look_writes_all_the_same(desk: Bench) -> None:
    (id,) = desk.sim.seed("contacts", pats(1))
    body = {"status": "error", "category": "MISSING_SCOPES", "message": "scopes"}
    desk.server.board.add(Fault("status", LOOK, status=403, body=body, times=99))
    (answer,) = desk.connector.write([replacing(id, "Pat")])
    assert isinstance(answer, Written)
