"""Reads what changed: keyset pages over (SystemModstamp, Id), and a look back for rows that were committed late.

A cursor is `stamp` and `id`, the place after the last row that is settled, and `checked`, the stamp that the cursor had
when the window behind it was last found complete. Storing pages and cursors is the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import Cursor, Page, Reading, Record, Seen
from connectors.errors import ConfigProblem, ConnectorError, Unavailable
from connectors.salesforce import soql
from connectors.salesforce.client import LISTS, Answer, Client
from connectors.salesforce.records import columns, is_full, read_records, rows_of
from connectors.salesforce.soql import PAGE, Position
from connectors.salesforce.verdicts import NARROWER, refused_call, troubles

_FEWEST = 100  # rows; a query that times out below this is not helped by asking for less
_SECOND = timedelta(seconds=1)
_ORDER = "SystemModstamp ASC, Id ASC"


class Poller:
    """Remembers between polls whose turn the look back is, and what it found; loses nothing when made anew.

    A row takes its stamp when it is saved, not when its transaction commits, so rows can appear behind the cursor. The
    rows of a window behind the cursor are counted, by Salesforce and in the store, and read again when the counts
    differ. The counts ride in sub-requests that the poll leaves free, so each kind has its turn within as many polls as
    there are kinds; a window reaches back to the kind's last turn, so a late row is found however rarely polls come.
    """

    def __init__(self, client: Client, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._turn = secrets.randbelow(LISTS * 12)  # so that kinds share the turns of processes that poll once
        self._checked: dict[str, datetime] = {}
        self._surplus: dict[str, int] = {}  # stored rows that Salesforce has purged or hides, and so no longer counts

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield the new pages of every kind, then windows found incomplete; raise the kinds' troubles at the end."""
        lanes = [self._lane(reading) for reading in readings]
        watched = self._choose(lanes)
        yield from self._read_on(lanes, watched)
        for lane in watched:
            if lane.trouble is None:
                yield from self._look_back(lane, seen)
        _raise_all([lane.trouble for lane in lanes if lane.trouble is not None])

    def _lane(self, reading: Reading) -> _Lane:
        kind, after = soql.object_name(reading.kind), reading.after
        if after is None:
            return _Lane(reading=reading)
        start = Position(datetime.fromisoformat(after["stamp"]), after["id"])
        known = self._checked.get(kind) or datetime.fromisoformat(after.get("checked") or after["stamp"])
        checked = min(known, start.stamp)
        return _Lane(
            reading=reading, start=start, place=start, settled=start, checked=checked, low=checked - self._overlap
        )

    def _choose(self, lanes: Sequence[_Lane]) -> list[_Lane]:
        """Return the kinds whose window is counted in this poll: as many as sub-requests are free, in turn."""
        started = [lane for lane in lanes if lane.start is not None]
        if not started or not self._overlap:
            return []
        free = -(-(len(lanes) + 1) // LISTS) * LISTS - len(lanes)
        chosen = [started[(self._turn + n) % len(started)] for n in range(min(free, len(started)))]
        self._turn += len(chosen)
        return chosen

    def _read_on(self, lanes: Sequence[_Lane], watched: Sequence[_Lane]) -> Iterator[Page]:
        """Yield pages of all kinds until each is read up to now; the first calls also count the watched windows."""
        active, counting = list(lanes), list(watched)
        while active:
            texts = [lane.query() for lane in active] + [lane.window_count() for lane in counting]
            answers, settled = self._client.queries(texts, deleted_too=True)
            for lane, answer in zip(counting, answers[len(active) :], strict=True):
                lane.counted = self._count(lane, answer)
            for lane, answer in zip(active, answers, strict=False):
                page = self._take(lane, answer, settled)
                if page is not None:
                    yield page
            active, counting = [lane for lane in active if lane.more], []

    def _take(self, lane: _Lane, answer: Answer, settled: datetime | None) -> Page | None:
        if not answer.ok:
            lane.narrow_or_give_up(self._client.name, answer)
            return None
        rows = rows_of(answer)
        lane.more = is_full(answer, lane.limit) and bool(rows)
        if not rows:
            return None
        records = read_records(rows, lane.reading.fields)
        lane.move(Position(records[-1].modified, records[-1].id), settled)
        return lane.page(records)

    def _count(self, lane: _Lane, answer: Answer) -> int | None:
        """Return the count, or None for a window that is too large to be counted and must be read."""
        if answer.ok:
            return int(answer.body["totalSize"])
        if not any(trouble.code in NARROWER for trouble in troubles(answer.body)):
            lane.trouble = refused_call(self._client.name, answer.status, answer.body, lane.reading.kind)
        return None

    def _look_back(self, lane: _Lane, seen: Seen) -> Iterator[Page]:
        """Compare the counts of the window behind the cursor; where they differ, yield the window's rows again."""
        kind, start = lane.reading.kind, lane.start
        assert start is not None
        stored = seen.count(kind, since=lane.low, before=start.stamp + _SECOND)
        if lane.counted is None or stored - lane.counted != self._surplus.get(kind, 0):
            yield from self._read_window(lane, start)
            if lane.trouble is not None:
                return
            stored = seen.count(kind, since=lane.low, before=start.stamp + _SECOND)
            self._surplus[kind] = stored - lane.window_rows
        self._checked[kind] = start.stamp

    def _read_window(self, lane: _Lane, start: Position) -> Iterator[Page]:
        place = Position(lane.low)
        while True:
            text = lane.select(f"{place.after()} AND SystemModstamp <= {soql.literal(start.stamp)}", PAGE)
            (answer,), _ = self._client.queries([text], deleted_too=True)
            if not answer.ok:
                lane.trouble = refused_call(self._client.name, answer.status, answer.body, lane.reading.kind)
                return
            records = read_records(rows_of(answer), lane.reading.fields)
            if not records:
                return
            lane.window_rows += len(records)
            place = Position(records[-1].modified, records[-1].id)
            yield lane.page(records)
            if not is_full(answer):
                return


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class _Lane:
    """How far one kind has been read in this poll."""

    reading: Reading
    start: Position | None = None  # where the poll before ended
    place: Position | None = None  # the last row read
    settled: Position | None = None  # the last row that needs no second look; what the cursor says
    checked: datetime | None = None
    low: datetime = datetime.min
    limit: int = PAGE
    more: bool = True
    counted: int | None = None
    window_rows: int = 0
    trouble: ConnectorError | None = None

    def select(self, where: str, limit: int) -> str:
        return soql.select(self.reading.kind, columns(self.reading.kind, self.reading.fields), where, _ORDER, limit)

    def query(self) -> str:
        return self.select(self.place.after() if self.place else "", self.limit)

    def window_count(self) -> str:
        assert self.start is not None
        window = f"SystemModstamp >= {soql.literal(self.low)} AND SystemModstamp <= {soql.literal(self.start.stamp)}"
        return soql.count(self.reading.kind, window)

    def move(self, last: Position, settled: datetime | None) -> None:
        """Read on after `last`, but keep the cursor at what is settled: a running second is read again."""
        self.place = last
        if settled is None or last.stamp <= settled:
            self.settled = last
        elif self.settled is None or settled > self.settled.stamp:
            self.settled = Position(settled)

    def page(self, records: Sequence[Record]) -> Page:
        assert self.settled is not None
        cursor: dict[str, Any] = {"stamp": self.settled.stamp.isoformat(), "id": self.settled.id}
        if self.checked is not None:
            cursor["checked"] = self.checked.isoformat()
        told: Cursor = cursor
        return Page(kind=self.reading.kind, records=records, cursor=told)

    def narrow_or_give_up(self, system: str, answer: Answer) -> None:
        code = next((trouble.code for trouble in troubles(answer.body)), "")
        if code in NARROWER and self.limit > _FEWEST:
            self.limit //= 4
            return
        self.trouble = refused_call(system, answer.status, answer.body, self.reading.kind)
        self.more = False


def _raise_all(found: Sequence[ConnectorError]) -> None:
    if not found:
        return
    if len(found) == 1:
        raise found[0]
    lasting = [error for error in found if not isinstance(error, Unavailable)]
    words = "; ".join(dict.fromkeys(error.message for error in found))
    if lasting:
        raise ConfigProblem(words, system=found[0].system)
    raise Unavailable(words, system=found[0].system, retry_after=30.0)
