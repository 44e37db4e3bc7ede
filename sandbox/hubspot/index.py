"""The search index of one object type: what search sees, in the orders it needs, as late as it is told to be.

What a query means is in search.py; the records themselves are in table.py and are always current.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from operator import attrgetter

from sandbox.hubspot.records import Record

_WINDOWS_KEPT = 4


class Index:
    """Records by id, by last-modified and, once asked for, by the folded value of a property."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.ids: list[int] = []
        self.stamps: list[tuple[int, int]] = []  # (modified, id)
        self._windows: dict[tuple[int, int], list[int]] = {}
        self._values: dict[str, dict[str, set[int]]] = {}
        self._waiting: list[tuple[float, int, int, Record | None]] = []
        self._turn = 0
        self._applied: dict[int, int] = {}  # id -> turn of its newest change applied while others still waited

    def load(self, records: Iterable[Record]) -> None:
        """Add records nobody has seen yet; for many at once."""
        fresh = list(records)
        self.records.update((record.id, record) for record in fresh)
        self.ids = sorted([*self.ids, *map(attrgetter("id"), fresh)])
        self.stamps = sorted([*self.stamps, *((record.modified, record.id) for record in fresh)])
        self._windows.clear()
        self._values.clear()

    def take(self, record_id: int, record: Record | None, due: float, now: float) -> None:
        """Show a record's new state (None: gone) from `due` on; times in seconds of the simulator's clock."""
        self._turn += 1
        if due <= now and not self._waiting:
            self._apply(record_id, record)
        else:
            heapq.heappush(self._waiting, (due, self._turn, record_id, record))
            self.settle(now)

    def settle(self, now: float) -> None:
        """Apply every change that is due."""
        while self._waiting and self._waiting[0][0] <= now:
            _, turn, record_id, record = heapq.heappop(self._waiting)
            if turn > self._applied.get(record_id, 0):
                self._applied[record_id] = turn
                self._apply(record_id, record)
        if not self._waiting:
            self._applied.clear()

    def window(self, low: int, high: int) -> Sequence[int]:
        """Return the ids modified in [low, high] milliseconds, ascending; kept between calls and kept current."""
        if (low, high) not in self._windows:
            while len(self._windows) >= _WINDOWS_KEPT:
                del self._windows[next(iter(self._windows))]
            self._windows[(low, high)] = sorted([record_id for _, record_id in self.modified(low, high)])
        return self._windows[(low, high)]

    def modified(self, low: int, high: int) -> Sequence[tuple[int, int]]:
        """Return (modified, id) in [low, high], ascending."""
        start = bisect_left(self.stamps, (low, -1))
        return self.stamps[start : bisect_left(self.stamps, (high + 1, -1))]

    def having(self, name: str, folded: Iterable[str]) -> list[int]:
        """Return the ids whose text property is one of the lower-case values, ascending."""
        if name not in self._values:
            table: dict[str, set[int]] = {}
            for record in self.records.values():
                if value := record.properties.get(name):
                    table.setdefault(value.lower(), set()).add(record.id)
            self._values[name] = table
        held = self._values[name]
        return sorted(set().union(*(held.get(value, ()) for value in folded)))

    def _apply(self, record_id: int, record: Record | None) -> None:
        before = self.records.get(record_id)
        if before is not None:
            del self.stamps[bisect_left(self.stamps, (before.modified, record_id))]
        if record is None:
            self.records.pop(record_id, None)
        else:
            self.records[record_id] = record
            insort(self.stamps, (record.modified, record_id))
        if (before is None) != (record is None):
            _place(self.ids, record_id, present=record is not None)
        for (low, high), ids in self._windows.items():
            inside = record is not None and low <= record.modified <= high
            if inside != (before is not None and low <= before.modified <= high):
                _place(ids, record_id, present=inside)
        self._revalue(record_id, before, record)

    def _revalue(self, record_id: int, before: Record | None, record: Record | None) -> None:
        for name, table in self._values.items():
            old = (before.properties.get(name) or "").lower() if before else ""
            new = (record.properties.get(name) or "").lower() if record else ""
            if old != new:
                if old:
                    table[old].discard(record_id)
                if new:
                    table.setdefault(new, set()).add(record_id)


def above(ids: Sequence[int], low: int, high: int) -> Sequence[int]:
    """Return the part of an ascending sequence that lies in [low, high]."""
    return ids[bisect_left(ids, low) : bisect_right(ids, high)]


def _place(ids: list[int], record_id: int, *, present: bool) -> None:
    if present:
        insort(ids, record_id)
    else:
        del ids[bisect_left(ids, record_id)]
