"""A small state with something of everything that the figures count, and a client for the pages."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from sqlalchemy import Engine

from syncd.health import Health
from syncd.store import inbox, systems
from syncd.store.tables import cursor, due, entity, verdict

NOW = 1_780_000_000_000  # 2026-05-28T20:26:40Z
MINUTE = 60_000
CANARY = "zuzana.canary@example.com"
BUDGET = {"field": "budget", "label": "Budget", "lack": "missing", "who": "marketing", "why": ""}
OLD_BUDGET = {**BUDGET, "lack": "stale", "why": "older than 180 days"}
AUTHORITY = {"field": "authority", "label": "Authority", "lack": "missing", "who": "the <rep>", "why": ""}
AWAY = "login.example refused the connection; nothing is read from salesforce until it is back"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


def get(url: str, path: str = "", *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Ask once, whatever the answer; `Host` can be set like any other header."""
    request = urllib.request.Request(url + path, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read().decode())


def fill(engine: Engine, now: int = NOW) -> None:
    """Seven leads, three refused; two branches; four problems; two runs."""
    with engine.begin() as connection:
        connection.execute(
            entity.insert(),
            [
                _lead(1, now, "sql", handed_at=now, branch="B1"),
                _lead(2, now, "sql", handed_at=now),
                _lead(3, now, "mql", branch="B1"),
                _lead(4, now, "mql"),
                _lead(5, now, "mql"),
                _lead(6, now, None),
                _lead(7, now, None),
                _entity("B1", "branch", now, {"name": "Works 1"}),
                _entity("B2", "branch", now, {"name": "Works 2"}),
                _entity("A1", "account", now, {"name": "Makers"}),
            ],
        )
        connection.execute(
            verdict.insert(),
            [
                _verdict("L3", now - 3 * MINUTE, "refused", [BUDGET, AUTHORITY]),
                _verdict("L4", now - 2 * MINUTE, "refused", [OLD_BUDGET]),
                _verdict("L5", now - 1 * MINUTE, "refused", [BUDGET]),
                _verdict("L1", now - 9 * MINUTE, "refused", [AUTHORITY], released_at=now - 8 * MINUTE),
                _verdict("L1", now - 8 * MINUTE, "passed", []),
            ],
        )
        connection.execute(
            due.insert(),
            [
                {"entity": f"L{n}", "rank": 1, "since": now, "why": "new", "attempts": 0, "not_before": now}
                for n in (6, 7)
            ],
        )
        connection.execute(
            cursor.insert(),
            [_cursor("hubspot", "contacts", now - MINUTE), _cursor("hubspot", "companies", now - 5 * MINUTE)],
        )
        systems.spend(connection, "hubspot", 120, now, 500, 380)
        _problems(connection, now)
        _runs(connection, now)


def live(now: int = NOW) -> Health:
    """A process that has HubSpot up and Salesforce in trouble."""
    health = Health()
    health.polled("hubspot", calls=12)
    health.troubled("salesforce", "Unavailable", AWAY)
    return health


# ---------------------------------------------------------------------------------------------------------------------


def _lead(number: int, now: int, stage: str | None, *, branch: str | None = None, **state: Any) -> dict[str, Any]:
    values = {"email": CANARY, "first_name": "Zuzana", "branch": branch}
    return _entity(f"L{number}", "lead", now, values, {"cycle": 1, **({"stage": stage} if stage else {}), **state})


def _entity(
    one: str, kind: str, now: int, values: Mapping[str, Any], state: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "id": one,
        "kind": kind,
        "values": dict(values),
        "provenance": {},
        "state": dict(state or {}),
        "definition": "d1",
        "created_at": now,
        "updated_at": now,
    }


def _verdict(lead: str, at: int, outcome: str, facts: list[dict[str, str]], released_at: int | None = None) -> Any:
    return {
        "lead": lead,
        "cycle": 1,
        "at": at,
        "outcome": outcome,
        "facts": facts,
        "definition": "d1",
        "released_at": released_at,
    }


def _cursor(system: str, kind: str, at: int) -> dict[str, Any]:
    return {"system": system, "kind": kind, "position": {}, "fields": [], "polled_at": at, "complete": True}


def _problems(connection: Any, now: int) -> None:
    for lead in ("L6", "L7"):
        inbox.open_problem(
            connection,
            key=f"who|{lead}",
            kind="review",
            entity=lead,
            message=f"hubspot contacts 51 has the same phone as lead {lead} <and others>",
            now=now - 2 * MINUTE,
        )
    for _ in range(3):
        inbox.open_problem(
            connection,
            key="odd",
            kind="conflict",
            entity="B1",
            system="salesforce",
            message="both changed name",
            now=now,
        )
    inbox.open_problem(
        connection, key="twin", kind="review", entity="B2", message="two of one branch", now=now - MINUTE
    )
    inbox.open_problem(connection, key="past", kind="rejected", entity="L1", message="was settled", now=now)
    inbox.close_problems(connection, key="past")


def _runs(connection: Any, now: int) -> None:
    inbox.save_run(
        connection,
        {
            "id": "R1",
            "what": "handoff",
            "started_at": now - 4 * MINUTE,
            "ended_at": now - 4 * MINUTE + 2_300,
            "fates": {"refused": 3, "handed over": 2, "unchanged": 0},
            "calls": {"hubspot": 4, "salesforce": 2},
            "error": None,
        },
    )
    inbox.save_run(
        connection,
        {
            "id": "R2",
            "what": "poll salesforce",
            "started_at": now - 2 * MINUTE,
            "ended_at": None,
            "fates": {},
            "calls": {"salesforce": 1},
            "error": "Unavailable: " + AWAY,
        },
    )
