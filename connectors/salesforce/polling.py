"""Reads what changed: keyset pages over (SystemModstamp, Id), all objects of a poll in one call.

A cursor is `stamp` and `id`, the place after the last row that is settled, `checked`, where `stamp` stood when the
window behind it was last found complete (lookback.py), and `extract` while a bulk job brings what follows (extract.py).
Storing pages and cursors is the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import Page, Reading, Record, Seen
from connectors.errors import ConnectorError, joined
from connectors.salesforce import soql
from connectors.salesforce.client import LISTS, Answer, Client
from connectors.salesforce.extract import Extract, Extractor, Lost
from connectors.salesforce.jobs import StillRunning
from connectors.salesforce.judge import NARROWER, refused_call, troubles
from connectors.salesforce.lookback import LookBack, Window
from connectors.salesforce.records import columns, fewer, is_full, read_records, rows_of, total_of
from connectors.salesforce.soql import ORDER, PAGE, Position

_UNCOUNTED = 5 * PAGE  # rows after which those that are left are counted even if that takes a call of its own
_JOBS = 2  # that are opened for one object in one poll; after that it is read page by page


class Poller:
    """Reads forward in every poll; looks back in the sub-requests that a poll leaves free, each kind in its turn."""

    def __init__(self, client: Client, extractor: Extractor) -> None:
        self._client = client
        self._extractor = extractor
        self._large = client.settings.bulk_from.reads
        self._overlap = timedelta(seconds=client.settings.overlap)
        self._look_back = LookBack(client, self._overlap)
        self._turn = secrets.randbelow(60)  # so that kinds share the turns of processes that poll once

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield the new pages of every kind, then windows found incomplete; raise the kinds' troubles at the end."""
        lanes = [self._lane(reading) for reading in readings]
        watched = self._choose(lanes)
        yield from self._read_on([lane for lane in lanes if lane.extract is None], watched)
        yield from self._load(lanes)
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
        soql.object_of(reading.kind)
        kind, after = reading.kind, reading.after
        if after is None:
            return _Lane(reading=reading)
        start = Position(datetime.fromisoformat(after["stamp"]), after["id"])
        told = datetime.fromisoformat(after.get("checked") or after["stamp"])
        checked = min(self._look_back.checked(kind) or told, start.stamp)
        lane = _Lane(reading=reading, place=start, settled=start, checked=checked, told=told)
        if after.get("extract"):
            lane.extract, lane.jobs = Extract.from_json(after["extract"]), 1
        else:
            lane.window = self._look_back.window(reading, start.stamp, checked)
        return lane

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
            counted = self._to_count(active, len(listing))
            texts = [lane.query() for lane in active] + [window.query() for window in listing]
            texts += [lane.count() for lane in counted]
            answers, settled = self._client.queries(texts, deleted_too=True)
            windows, counts = answers[len(active) : len(texts) - len(counted)], answers[len(texts) - len(counted) :]
            for lane, answer in zip(watched if listing else (), windows, strict=True):
                self._list(lane, answer)
            for lane, answer in zip(active, answers, strict=False):
                page = self._take(lane, answer, settled)
                if page is not None:
                    yield page
            for lane, answer in zip(counted, counts, strict=True):
                if self._is_large(lane, answer):
                    self._turn_to_bulk(lane, settled)
            active, listing = [lane for lane in active if lane.more and lane.extract is None], []

    def _to_count(self, active: Sequence[_Lane], windows: int) -> list[_Lane]:
        """Return the kinds whose remaining rows are counted along with the next pages, where that is for nothing."""
        waiting = [
            lane
            for lane in active
            if self._large is not None
            and lane.rows >= PAGE
            and not lane.counted
            and self._extractor.can_read(lane.reading)
        ]
        free = -(len(active) + windows) % LISTS
        if not free and any(lane.rows >= _UNCOUNTED for lane in waiting):
            free = LISTS
        return waiting[:free]

    def _is_large(self, lane: _Lane, answer: Answer) -> bool:
        lane.counted = True
        if answer.ok:
            return self._large is not None and total_of(answer) >= self._large
        # too many to be counted in time
        return any(trouble.code in NARROWER for trouble in troubles(answer.body))

    def _turn_to_bulk(self, lane: _Lane, settled: datetime | None) -> None:
        """Open a job for all rows after what is stored, if Salesforce takes one.

        With a window to look back over, the job begins there: it then finds what was late, too.
        """
        if not lane.more or settled is None or lane.place is None or lane.place.stamp >= settled:
            return
        assert lane.settled is not None
        low, began = lane.settled, lane.began or settled
        if lane.checked is not None and self._overlap:
            low = Position(min(lane.checked - self._overlap, low.stamp))
        lane.extract = self._extractor.begin(lane.reading, low, settled, min(began, settled))
        lane.jobs += lane.extract is not None

    def _load(self, lanes: Sequence[_Lane]) -> Iterator[Page]:
        """Yield what the jobs of a poll bring, and after each what was changed since it was opened."""
        while loading := [lane for lane in lanes if lane.extract is not None and lane.trouble is None]:
            for lane in loading:
                yield from self._give_out(lane)
            yield from self._read_on([lane for lane in loading if lane.trouble is None], ())

    def _give_out(self, lane: _Lane) -> Iterator[Page]:
        assert lane.extract is not None
        try:
            for records, place in self._extractor.read(lane.reading, lane.extract):
                lane.extract = place
                yield lane.page(records)
        except Lost:
            lane.place, lane.extract = lane.settled, None
            lane.counted = lane.jobs >= _JOBS
        except StillRunning as error:
            lane.trouble = error
        else:
            lane.place = lane.settled = lane.extract.end
            lane.checked = min(lane.extract.checked, lane.extract.newest)
            lane.extract = lane.window = None
            self._look_back.learn(lane.reading.kind, lane.checked)
            yield lane.page(())
        lane.more = True

    def _take(self, lane: _Lane, answer: Answer, settled: datetime | None) -> Page | None:
        if not answer.ok:
            lane.narrow_or_give_up(self._client.name, answer)
            return None
        try:
            rows = rows_of(answer)
            records = read_records(rows, lane.reading.fields)
        except ConnectorError as error:
            lane.trouble, lane.more = error, False
            return None
        lane.more = is_full(answer, lane.limit) and bool(rows)
        if not rows:
            return None
        self._client.guard.saw(records[-1].modified)
        lane.rows += len(rows)
        lane.began = lane.began or settled
        lane.move(Position(records[-1].modified, records[-1].id), settled)
        return lane.page(records)

    def _list(self, lane: _Lane, answer: Answer) -> None:
        assert lane.window is not None
        if answer.ok:
            try:
                lane.window.take(answer)
            except ConnectorError as error:
                lane.trouble = error
        elif not lane.window.narrow(answer):
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
    extract: Extract | None = None
    began: datetime | None = None  # what was visible when the first page was read was saved before this
    rows: int = 0
    counted: bool = False
    jobs: int = 0
    limit: int = PAGE
    more: bool = True
    trouble: ConnectorError | None = None

    def query(self) -> str:
        kind, fields = self.reading.kind, self.reading.fields
        return soql.select(kind, columns(kind, fields), self.place.after() if self.place else "", ORDER, self.limit)

    def count(self) -> str:
        """Return the query that counts what is still to be read."""
        assert self.place is not None
        where = " AND ".join(one for one in (soql.part_of(self.reading.kind), self.place.after()) if one)
        return f"SELECT COUNT() FROM {soql.object_of(self.reading.kind)} WHERE {where}"  # noqa: S608

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
            self.told = self.checked
        if self.extract is not None:
            cursor["extract"] = self.extract.to_json()
        return Page(kind=self.reading.kind, records=records, cursor=cursor)

    def narrow_or_give_up(self, system: str, answer: Answer) -> None:
        if limit := fewer(answer, self.limit):
            self.limit = limit
            return
        self.trouble = refused_call(system, answer.status, answer.body, self.reading.kind)
        self.more = False
