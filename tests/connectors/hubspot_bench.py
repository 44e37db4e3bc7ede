"""A HubSpot simulator on loopback, a connector on it, and a store that keeps what the connector yields."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.contract import Page, Reading, Record
from connectors.hubspot import HubSpotConnector, Settings, connect
from sandbox.hubspot import HubSpot
from sandbox.wire import Server

TOKEN = "pat-na1-canary-7c1f"
FIELDS = ("email", "firstname", "lifecyclestage")


class Store:
    """What syncd does with pages: records by id, the cursor with them, JSON in between."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Record] = {}
        self.cursors: dict[str, Any] = {}
        self.stored = 0  # records stored, repeats included
        self.pages = 0

    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return sum(since <= record.modified < before for (k, _), record in self.records.items() if k == kind)

    def keep(self, page: Page) -> None:
        for record in page.records:
            known = self.records.get((page.kind, record.id))
            if known is None or known.modified <= record.modified:
                self.records[page.kind, record.id] = record
        self.stored += len(page.records)
        self.pages += 1
        self.cursors[page.kind] = json.dumps(page.cursor)

    def reading(self, kind: str, fields: tuple[str, ...] = FIELDS) -> Reading:
        cursor = self.cursors.get(kind)
        return Reading(kind=kind, fields=fields, after=json.loads(cursor) if cursor else None)


@dataclass
class Bench:
    sim: HubSpot
    server: Server
    connector: HubSpotConnector
    store: Store = field(default_factory=Store)
    slept: list[float] = field(default_factory=list)

    def poll(self, kind: str = "contacts", fields: tuple[str, ...] = FIELDS, *, pages: int | None = None) -> int:
        """Poll once, or until `pages` pages are stored as if killed then; return the calls it took."""
        before = self.server.board.total()
        for number, page in enumerate(self.connector.changes([self.store.reading(kind, fields)], self.store), 1):
            self.store.keep(page)
            if number == pages:
                break
        return self.server.board.total() - before

    def wrong(self, kind: str = "contacts", name: str = "firstname") -> list[str]:
        """Return the ids whose stored value is not HubSpot's."""
        return [
            row["hs_object_id"]
            for row in self.sim.all(kind)
            if (kind, row["hs_object_id"]) not in self.store.records
            or self.store.records[kind, row["hs_object_id"]].fields.get(name) != row.get(name)
        ]


@contextmanager
def bench(
    overlap: float = 600.0,
    settings: dict[str, Any] | None = None,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> Iterator[Bench]:
    sim = HubSpot(token=TOKEN, **options)
    with Server(sim, tls=tls) as server:
        slept: list[float] = []
        told = {
            "access_token": TOKEN,
            "base_url": server.url,
            "overlap": overlap,
            "budget": {"burst": None, "search_per_second": None},
            **(settings or {}),
        }
        connector = connect("hubspot", Settings(**told), sleep=slept.append)
        try:
            yield Bench(sim, server, connector, slept=slept)
        finally:
            connector.session.close()


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"email": f"p{n}@example.com", "firstname": f"first{n}"} for n in range(start, start + count)]


def old(minutes: float = 60.0) -> int:
    """Return epoch milliseconds some time ago."""
    return int((time.time() - minutes * 60) * 1000)
