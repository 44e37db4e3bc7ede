"""Find what changed among ordered rows: by their time where they have one, else by comparing everything.

It knows neither SQL nor files; a scan gives it rows, and it gives pages whose cursors lose nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any, Protocol
from uuid import UUID

from connectors.contract import Cursor, Page, Reading, Record, Unfit
from connectors.errors import ConfigProblem
from connectors.table.rows import Fingerprint, Row, batches, parse_time
from connectors.table.unfit import Unfits


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """A row with its time (None: it has none) and its raw place in the order: (time, ids...)."""

    row: Row
    at: datetime | None
    place: tuple[Any, ...]


class Scan(Protocol):
    unfit: Unfits

    def timed(self, since: Any, place: tuple[Any, ...] | None) -> Iterator[Timed]:
        """Yield rows by time then id: from `since` on, or those after `place`; rows without a time come last."""
        ...


def by_fingerprint(reading: Reading, scan: Callable[[], Iterator[Row]], unfit: Unfits, size: int) -> Iterator[Page]:
    """Yield the rows in those 256ths of the table where something differs from the last read; `scan` reads all rows.

    The fingerprint stored is of the first pass: a row that changes before the second is found by the next poll.
    """
    old, known = _fingerprint(reading.after, "rows"), (reading.after or {}).get("unfit", ())
    unfinished: Cursor = {"rows": ""}
    now = Fingerprint()

    def end() -> tuple[Cursor, list[Unfit] | None]:
        return {"rows": now.text(), **({"unfit": unfit.keys()} if unfit.found else {})}, unfit.news(known)

    if old is None:
        yield from _paged(reading.kind, _counted(scan(), now), size, unfinished, end)
        return
    for _ in _counted(scan(), now):
        pass
    changed = now.changed(old)
    if changed or unfit.news(known) is not None:
        rows = (row for row in scan() if row.bucket in changed)
        yield from _paged(reading.kind, rows, size, reading.after or unfinished, end)


def by_time(reading: Reading, scan: Scan, size: int, look_back: float) -> Iterator[Page]:
    """Yield rows after the cursor's (time, id), and of the look-back before it those that are not as they were.

    Rows without a time, or with one that lies ahead of the clock, would spoil the order: they are compared in full.
    """
    yield from _ByTime(reading, scan, size, timedelta(seconds=look_back)).pages()


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """What the cursor holds: the last row's place, the rows of the look-back before it, the rows outside the order."""

    place: tuple[Any, ...] | None = None
    window: Fingerprint = field(default_factory=Fingerprint)
    ahead: Fingerprint = field(default_factory=Fingerprint)
    unfit: tuple[str, ...] = ()  # what could not be taken, and the earliest time of it
    unfit_since: Any = None

    @classmethod
    def load(cls, cursor: Cursor | None) -> _Mark:
        """Read a cursor; one of another shape (the mapping changed) counts as none, so that everything is read."""
        window, ahead = _fingerprint(cursor, "window"), _fingerprint(cursor, "ahead")
        if cursor is None or window is None or ahead is None:
            return cls()
        try:
            place = tuple(_unpack(part) for part in cursor["place"]) if cursor.get("place") else None
            unfit, since = tuple(cursor.get("unfit", ())), _unpack(cursor.get("unfit_since", ["", None]))
        except (KeyError, TypeError, ValueError, ArithmeticError):
            return cls()
        if place is not None and parse_time(place[0]) is None:
            return cls()
        return cls(place=place, window=window, ahead=ahead, unfit=unfit, unfit_since=since)

    def dump(self) -> Cursor:
        place = [_pack(part) for part in self.place] if self.place is not None else None
        unfit = {"unfit": list(self.unfit), "unfit_since": _pack(self.unfit_since)} if self.unfit else {}
        return {"place": place, "window": self.window.text(), "ahead": self.ahead.text(), **unfit}


class _Window:
    """The rows of the look-back before the newest one, kept as sums per time and bucket."""

    def __init__(self, look_back: timedelta) -> None:
        self._look_back = look_back
        self._sums: OrderedDict[datetime, dict[int, int]] = OrderedDict()

    def add(self, at: datetime, row: Row, raw: Any) -> None:
        sums = self._sums.setdefault(at, {})
        sums[row.bucket] = sums.get(row.bucket, 0) + row.digest
        start = parse_time(_earlier(raw, self._look_back))
        while start is not None and self._sums and next(iter(self._sums)) < start:
            self._sums.popitem(last=False)

    def fingerprint(self) -> Fingerprint:
        result = Fingerprint()
        for sums in self._sums.values():
            for bucket, digest in sums.items():
                result.add(bucket, digest)
        return result


class _ByTime:
    """One reading of a kind that has times; the phases follow the order of the rows."""

    def __init__(self, reading: Reading, scan: Scan, size: int, look_back: timedelta) -> None:
        self._kind = reading.kind
        self._scan = scan
        self._size = size
        self._look_back = look_back
        self._horizon = datetime.now(UTC) + look_back
        self._old = _Mark.load(reading.after)
        self._mark = self._old
        self._told = self._old.dump()
        self._window = _Window(look_back)

    def pages(self) -> Iterator[Page]:
        yield from self._mended()
        rows = self._scan.timed(self._since(), None)
        first_new = self._read_window(rows)
        stale = self._window.fingerprint().changed(self._old.window)
        if stale and self._old.place is not None:
            yield from self._window_again(stale)
        loose = Fingerprint()
        last = self._old.place
        batch: list[Record] = []
        for one in _chain(first_new, rows):
            if self._is_loose(one):
                loose.add(one.row.bucket, one.row.digest)
                continue
            assert one.at is not None
            self._window.add(one.at, one.row, one.place[0])
            last = one.place
            batch.append(one.row.record)
            if len(batch) >= self._size:
                self._mark = replace(self._mark, place=last, window=self._window.fingerprint())
                yield self._page(batch)
                batch = []
        end = _Mark(
            place=last,
            window=self._window.fingerprint(),
            ahead=self._old.ahead,
            unfit=tuple(self._scan.unfit.keys()),
            unfit_since=self._scan.unfit.since,
        )
        if batch or end.unfit != self._old.unfit:
            self._mark = end
            yield self._page(batch)
        if differing := loose.changed(self._old.ahead):
            yield from self._loose_again(differing, replace(end, ahead=loose))
        elif self._told != end.dump():
            self._mark = end
            yield self._page([])

    def _page(self, records: list[Record]) -> Page:
        self._told = self._mark.dump()
        news = self._scan.unfit.news(self._old.unfit) if self._mark.unfit != self._old.unfit else None
        return Page(kind=self._kind, records=records, cursor=self._told, unfit=news)

    def _mended(self) -> Iterator[Page]:
        """See what became of the rows that could not be taken: one that is mended may bear its old time."""
        if not self._old.unfit:
            return
        since = self._old.unfit_since
        for _ in self._scan.timed(since, None):
            pass
        if set(self._old.unfit) - self._scan.unfit.found.keys():
            for records in batches((one.row for one in self._scan.timed(since, None)), self._size):
                yield self._page(records)

    def _end(self) -> datetime:
        end = parse_time(self._old.place[0]) if self._old.place else None
        assert end is not None  # _Mark.load takes no other place
        return end

    def _since(self) -> Any:
        return _earlier(self._old.place[0], self._look_back) if self._old.place else None

    def _is_loose(self, one: Timed) -> bool:
        return one.at is None or one.at > self._horizon

    def _read_window(self, rows: Iterator[Timed]) -> Timed | None:
        """Read the rows up to the cursor's; return the first one after it."""
        if self._old.place is None:
            return None
        end, passed = self._end(), False
        for one in rows:
            if one.at is None or one.at > end or (passed and one.at == end):
                return one
            passed = passed or one.place == self._old.place
            self._window.add(one.at, one.row, one.place[0])
        return None

    def _window_again(self, stale: frozenset[int]) -> Iterator[Page]:
        end = self._end()
        rows = takewhile(lambda one: one.at is not None and one.at <= end, self._scan.timed(self._since(), None))
        late = (one.row for one in rows if one.row.bucket in stale)
        for records in batches(late, self._size):
            yield self._page(records)
        self._mark = replace(self._mark, window=self._window.fingerprint())

    def _loose_again(self, differing: frozenset[int], end: _Mark) -> Iterator[Page]:
        rows = self._scan.timed(None, end.place)
        loose = (one.row for one in rows if self._is_loose(one) and one.row.bucket in differing)
        before = replace(end, ahead=self._old.ahead)
        yield from _paged(self._kind, loose, self._size, before.dump(), lambda: (end.dump(), None))


def _paged(
    kind: str,
    rows: Iterator[Row],
    size: int,
    before: Cursor,
    after: Callable[[], tuple[Cursor, list[Unfit] | None]],
) -> Iterator[Page]:
    """Yield pages that carry `before`, and `after` on the last; at least one page, though it may be empty."""
    held: list[Any] | None = None
    for records in batches(rows, size):
        if held is not None:
            yield Page(kind=kind, records=held, cursor=before)
        held = records
    cursor, unfit = after()
    yield Page(kind=kind, records=held or (), cursor=cursor, unfit=unfit)


def _counted(rows: Iterator[Row], into: Fingerprint) -> Iterator[Row]:
    for row in rows:
        into.add(row.bucket, row.digest)
        yield row


def _chain(first: Timed | None, rest: Iterator[Timed]) -> Iterator[Timed]:
    if first is not None:
        yield first
    yield from rest


def _fingerprint(cursor: Cursor | None, key: str) -> Fingerprint | None:
    try:
        return Fingerprint(cursor[key]) if cursor is not None else None
    except (KeyError, TypeError, ValueError):
        return None


def _earlier(raw: Any, by: timedelta) -> Any:
    """Return the raw time `by` earlier, in the same written form, so that the database compares like with like."""
    if isinstance(raw, datetime):
        return raw - by if raw.replace(tzinfo=None) - datetime.min > by else raw
    if isinstance(raw, date):
        return raw - timedelta(days=by.days + 1) if raw.year > 1 else raw
    text = str(raw).strip()
    at = parse_time(text)
    if at is None or at.replace(tzinfo=None) - datetime.min <= by:
        return raw
    if len(text) <= 10:
        return (at - timedelta(days=by.days + 1)).strftime("%Y-%m-%d")
    seconds = text[13:14] != ":" or text[16:17] == ":"
    return (at - by).strftime(f"%Y-%m-%d{text[10]}%H:%M" + (":%S" if seconds else ""))


def _pack(value: Any) -> list[Any]:
    match value:
        case None | str() | int():
            return ["", value]
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case Decimal():
            return ["decimal", str(value)]
        case UUID():
            return ["uuid", str(value)]
    raise ConfigProblem(f"a column of type {type(value).__name__} cannot order rows; cast it in the query")


def _unpack(packed: Any) -> Any:
    tag, value = packed
    match tag:
        case "datetime":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "decimal":
            return Decimal(value)
        case "uuid":
            return UUID(value)
    return value
