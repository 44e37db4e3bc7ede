"""Branches that buy and where nobody is known: what is counted, and the page that lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event
from web_state import get, live

from syncd.store.database import now_ms, open_store
from syncd.store.figures import reads_only
from syncd.store.prospects import buying_branches, count_buying
from syncd.store.tables import entity
from syncd.web.serve import Running, start

BUYS = {"name": "Works <1>", "account": "A1", "city": "Peoria", "last_shipment": "2999-10-02", "volume": 7.5}
SINCE = "2999-01-01"


def fill(engine: Engine) -> None:
    rows = {
        ("A1", "account"): {"name": "Makers & Sons"},
        ("B1", "branch"): BUYS,
        ("B2", "branch"): {**BUYS, "name": "Known", "last_shipment": "2999-12-01"},
        ("B3", "branch"): {**BUYS, "name": "Blocked", "blocked": True},
        ("B4", "branch"): {**BUYS, "name": "Long ago", "last_shipment": "2998-12-31"},
        ("B5", "branch"): {**BUYS, "name": "Nobody's", "account": None},
        ("B6", "branch"): {**BUYS, "name": "Never", "last_shipment": None},
        ("B7", "branch"): {**BUYS, "name": "Later", "last_shipment": "2999-11-05", "blocked": False},
        ("L1", "lead"): {"branch": "B2", "email": "a@makers.example"},
        ("L2", "lead"): {"branch": "B2"},
        ("L3", "lead"): {"branch": None, "account": "A1"},
    }
    with engine.begin() as connection:
        connection.execute(entity.insert(), [_row(one, kind, values) for (one, kind), values in rows.items()])


def _row(one: str, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    at = now_ms()
    known = {name: value for name, value in values.items() if value is not None}
    told = {"id": one, "kind": kind, "values": known, "provenance": {}, "state": {}, "definition": "d"}
    return {**told, "created_at": at, "updated_at": at}


@pytest.fixture
def either(state_url: str) -> Iterator[Engine]:
    engine = open_store(state_url)
    fill(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def server(sqlite_url: str) -> Iterator[Running]:
    engine = open_store(sqlite_url)
    fill(engine)
    running = start(engine, live(), "127.0.0.1", 0)
    yield running
    running.stop()
    engine.dispose()


def test_branches_that_buy_and_where_nobody_is_known_come_latest_first(either: Engine) -> None:
    """Not the blocked, not those shipped to long ago or never, not those of no account."""
    with reads_only(either) as connection:
        found = buying_branches(connection, SINCE)
        assert [one.branch for one in found] == ["B7", "B1"]
        assert (found[1].account_name, found[1].name, found[1].volume) == ("Makers & Sons", "Works <1>", 7.5)
        assert [one.branch for one in buying_branches(connection, SINCE, limit=1)] == ["B7"]


def test_people_are_counted_at_the_branch_and_not_at_its_account(either: Engine) -> None:
    with reads_only(either) as connection:
        found = buying_branches(connection, SINCE, everybody=True)
    assert {one.branch: one.contacts for one in found} == {"B2": 2, "B7": 0, "B1": 0}


def test_what_buys_is_counted_with_what_belongs_to_no_account(either: Engine) -> None:
    with reads_only(either) as connection:
        assert count_buying(connection, SINCE) == (3, 2, 1)


def test_the_page_lists_the_prospects_and_escapes_what_the_erp_says(server: Running) -> None:
    answer = get(server.url, "branches")
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    for words in ("Makers &amp; Sons", "Works &lt;1&gt;", "2999-10-02", "none", "3 branches buy"):
        assert words in answer.text
    assert "Known" not in answer.text
    assert "a@makers.example" not in answer.text


def test_the_status_page_leads_there(server: Running) -> None:
    assert 'href="branches"' in get(server.url).text


def test_many_readers_of_the_page_cost_one_reading(sqlite_url: str) -> None:
    """A page that is open on ten desks does not pass over all leads ten times."""
    engine = open_store(sqlite_url)
    fill(engine)
    running = start(engine, live(), "127.0.0.1", 0)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    try:
        for _ in range(5):
            get(running.url, "branches")
    finally:
        running.stop()
        engine.dispose()
    assert sum("last_shipment" in told for told in asked) == 1
