"""The second lane of reading: single fields of records that are known already, after the polls and page by page.

For fields that were mapped only now, and for those that change without moving the modified time. When a field is asked
for is decided by work.py and sweep.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Engine

from connectors.contract import Page, Record, Source
from syncd.edits.force import Running
from syncd.pipeline import take_in_each
from syncd.store import filling, intake, systems
from syncd.store.database import from_ms, now_ms, serialise_intake, to_ms
from syncd.store.filling import Filling
from syncd.store.intake import StoredRecord
from syncd.store.rows import chunks

STEP = 2_000  # records: one call of Salesforce, twenty of HubSpot
SECONDS = 10.0  # of one poll; the live lane has its turn again after it


class Filler:
    """Fills fields in; where it stands is stored with what it read."""

    def __init__(
        self, engine: Engine, running: Running, sources: Mapping[str, Source], stopping: threading.Event
    ) -> None:
        self._engine = engine
        self._running = running
        self._sources = sources
        self._stopping = stopping
        self.seconds = SECONDS
        self.step = STEP

    def ask(self, system: str, kind: str, fields: Sequence[str], *, again: bool = False) -> None:
        with self._engine.begin() as connection:
            filling.ask_for(connection, system, kind, fields, again=again, now=now_ms())

    def in_the_dark(self, connection: Connection, entities: Collection[str]) -> set[str]:
        """Return those of which a field is not read yet that is being read for them; blank is not unread."""
        found: set[str] = set()
        for (system, kind), fields in filling.fields_under_way(connection).items():
            kind_map = self._running.mappings.kind(system, kind)
            needed = {name for line in kind_map.fields.values() for name in line.reads} & fields if kind_map else set()
            for part in chunks(entities) if needed else ():
                rows = systems.fields_of_linked(connection, system, kind, part)
                found |= {entity for entity, known in rows if not needed <= known.keys()}
        return found

    def fill(self, system: str, readable: Mapping[str, Sequence[str]]) -> int:
        """Read on for as long as one poll allows; return how many entities became due. Raises ConnectorError."""
        with self._engine.begin() as connection:
            under_way = filling.read_fillings(connection, system)
        end, news = time.monotonic() + self.seconds, 0
        for kind, one in under_way.items():
            fields = [name for name in one.fields if name in readable.get(kind, ())]
            if not one.again and fields:
                news += self._fill_due(system, kind, one, fields)
            for due in self._steps(system, kind, one, fields, end):
                news += due
        return news

    def _fill_due(self, system: str, kind: str, one: Filling, fields: Sequence[str]) -> int:
        """Complete first what is decided next: a fact that was not read yet would be taken for missing."""
        with self._engine.begin() as connection:
            ids = filling.records_of_due(connection, system, kind, now_ms(), self.step)
        return self._read(system, kind, ids, one, fields, None)

    def _steps(self, system: str, kind: str, one: Filling, fields: Sequence[str], end: float) -> Iterator[int]:
        while True:
            with self._engine.begin() as connection:
                ids = filling.records_after(connection, system, kind, one.after, self.step) if fields else []
                if not ids:
                    filling.finish(connection, system, kind, one)
                    return
            yield self._read(system, kind, ids, one, fields, ids[-1])
            one = replace(one, after=ids[-1])
            if time.monotonic() >= end or self._stopping.is_set():
                return

    def _read(
        self, system: str, kind: str, ids: Sequence[str], one: Filling, fields: Sequence[str], reached: str | None
    ) -> int:
        with self._engine.begin() as connection:
            known = intake.stored_records(connection, system, kind, ids)
        wanted = [key for key, record in known.items() if one.again or not set(fields) <= set(record.fields)]
        asked = now_ms()
        found = self._sources[system].fetch(kind, wanted, fields) if wanted else ()
        with self._engine.begin() as connection:
            serialise_intake(connection)
            stored = intake.stored_records(connection, system, kind, [record.id for record in found])
            records = [_filled(record, stored[record.id]) for record in found if _fits(record, stored.get(record.id))]
            page = Page(kind=kind, records=records, cursor={})
            news = take_in_each(connection, self._running.mappings, system, page, now_ms(), asked=asked, in_part=True)
            if reached is not None:
                filling.move_on(connection, system, kind, one, reached)
        return news


# ---------------------------------------------------------------------------------------------------------------------


def _fits(read: Record, stored: StoredRecord | None) -> bool:
    """A record that a poll has read since says more than what was read before."""
    return stored is not None and not stored.deleted and stored.modified <= to_ms(read.modified)


def _filled(read: Record, stored: StoredRecord) -> Record:
    """Return the stored record with the fields read; its modified time stays, so that its other changes are news."""
    return replace(read, modified=from_ms(stored.modified), fields={**stored.fields, **read.fields})
