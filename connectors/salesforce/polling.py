"""Reads what changed: keyset pages over (SystemModstamp, Id), all objects of a poll in one call.

A cursor is `stamp` and `id`, the place after the last row that is settled, and `checked`, where `stamp` stood when the
window behind it was last found complete (lookback.py). Storing pages and cursors is the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.contract import Page, Reading, Record, Seen
from connectors.errors import ConnectorError, joined
from connectors.salesforce import soql
from connectors.salesforce.client import LISTS, Answer, Client
from connectors.salesforce.lookback import LookBack, Window
from connectors.salesforce.records import columns, is_full, read_records, rows_of
from connectors.salesforce.soql import ORDER, PAGE, Position
from connectors.salesforce.verdicts import NARROWER, refused_call, troubles

_FEWEST = 100  # rows; a query that times out below this is not helped by asking for less


class Poller:
    """Reads forward in every poll; looks back in the sub-requests that a poll leaves free, each kind in its turn."""

    def __init__(self, client: Client, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._look_back = LookBack(client, overlap)
        self._turn = secrets.randbelow(60)  # so that kinds share the turns of processes that poll once

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield the new pages of every kind, then windows found incomplete; raise the kinds' troubles at the end."""
        lanes = [self._lane(reading) for reading in readings]
        watched = self._choose(lanes)
        yield from self._read_on(lanes, watched)
        for lane in watched:
            if lane.trouble is not None or lane.window is None:
                continue
            try:
                for records in self._look_back.compare(lane.window, seen):
                    yield lane.page(records)
            except ConnectorError as error:
                lane.trouble = error
            if self._should_tell(lane):
                yield lane.page(())
        troubles = {lane.reading.kind: lane.trouble for lane in lanes if lane.trouble is not None}
        if troubles:
            raise joined(troubles)

    def _lane(self, reading: Reading) -> _Lane:
        kind, after = soql.object_name(reading.kind), reading.after
        if after is None:
            return _Lane(reading=reading)
        start = Position(datetime.fromisoformat(after["stamp"]), after["id"])
        told = datetime.fromisoformat(after.get("checked") or after["stamp"])
        checked = min(self._look_back.checked(kind) or told, start.stamp)
        window = self._look_back.window(reading, start.stamp, checked)
        return _Lane(reading=reading, place=start, settled=start, checked=checked, told=told, window=window)

    def _should_tell(self, lane: _Lane) -> bool:
        """Tell whether the stored cursor lags so far behind what was checked that a page must carry it without records.

        A process that polls once would otherwise leave its successors an ever longer window.
        """
        lane.checked = self._look_back.checked(lane.reading.kind) or lane.checked
        return lane.checked is not None and lane.told is not None and lane.checked - lane.told > self._overlap

    def _choose(self, lanes: Sequence[_Lane]) -> list[_Lane]:
        """Return the kinds whose window is listed in this poll: as many as sub-requests are free, in turn."""
        open_lanes = [lane for lane in lanes if lane.window is not None]
        if not open_lanes:
            return []
        free = -(-(len(lanes) + 1) // LISTS) * LISTS - len(lanes)
        chosen = [open_lanes[(self._turn + n) % len(open_lanes)] for n in range(min(free, len(open_lanes)))]
        self._turn += len(chosen)
        return chosen

    def _read_on(self, lanes: Sequence[_Lane], watched: Sequence[_Lane]) -> Iterator[Page]:
        """Yield pages of all kinds until each is read up to now; the first calls also list the watched windows.

        Pages go on by keyset and never by nextRecordsUrl: a page fetched by cursor holds the rows' present values in
        their former order, and a row edited meanwhile would carry our place past its neighbours.
        """
        active, listing = list(lanes), [lane.window for lane in watched if lane.window is not None]
        while active:
            texts = [lane.query() for lane in active] + [window.query() for window in listing]
            answers, settled = self._client.queries(texts, deleted_too=True)
            for lane, answer in zip(watched if listing else (), answers[len(active) :], strict=True):
                self._list(lane, answer)
            for lane, answer in zip(active, answers, strict=False):
                page = self._take(lane, answer, settled)
                if page is not None:
                    yield page
            active, listing = [lane for lane in active if lane.more], []

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

    def _list(self, lane: _Lane, answer: Answer) -> None:
        assert lane.window is not None
        if answer.ok:
            lane.window.take(answer)
        else:
            lane.trouble = refused_call(self._client.name, answer.status, answer.body, lane.reading.kind)


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class _Lane:
    """How far one kind has been read in this poll."""

    reading: Reading
    place: Position | None = None  # the last row read
    settled: Position | None = None  # the last row that needs no second look; what the cursor says
    checked: datetime | None = None
    told: datetime | None = None  # what the stored cursor says of it
    window: Window | None = None
    limit: int = PAGE
    more: bool = True
    trouble: ConnectorError | None = None

    def query(self) -> str:
        kind, fields = self.reading.kind, self.reading.fields
        return soql.select(kind, columns(kind, fields), self.place.after() if self.place else "", ORDER, self.limit)

    def move(self, last: Position, settled: datetime | None) -> None:
        """Read on after `last`, but keep the cursor at what is settled: a running second is read again."""
        self.place = last
        if settled is None or last.stamp <= settled:
            self.settled = last
        elif self.settled is None or settled > self.settled.stamp:
            self.settled = Position(settled)

    def page(self, records: Sequence[Record]) -> Page:
        assert self.settled is not None
        cursor = {"stamp": self.settled.stamp.isoformat(), "id": self.settled.id}
        if self.checked is not None:
            cursor["checked"] = self.checked.isoformat()
            self.told = self.checked
        return Page(kind=self.reading.kind, records=records, cursor=cursor)

    def narrow_or_give_up(self, system: str, answer: Answer) -> None:
        code = next((trouble.code for trouble in troubles(answer.body)), "")
        if code in NARROWER and self.limit > _FEWEST:
            self.limit //= 4
            return
        self.trouble = refused_call(system, answer.status, answer.body, self.reading.kind)
        self.more = False
