"""Finds rows that were committed behind the cursor by comparing a window of Salesforce with what is stored.

A row takes its stamp when it is saved and appears when its transaction commits, so it can appear behind rows that were
read before it. Reading forward is polling.py's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.contract import Reading, Record, Seen
from connectors.http import understood
from connectors.salesforce import soql
from connectors.salesforce.client import Answer, Client
from connectors.salesforce.judge import refused_call
from connectors.salesforce.records import columns, fewer, is_full, parse_stamp, read_records, rows_of, total_of
from connectors.salesforce.soql import ORDER, PAGE, Position

_SECOND = timedelta(seconds=1)
_NOTHING = (0, 0)

Mark = tuple[int, int]  # how many rows bear one stamp, and a hash over their ids


@dataclass(kw_only=True, slots=True)
class Window:
    """The rows of one kind from `low` to `high`, both included, as far as they are listed."""

    reading: Reading
    low: datetime
    high: datetime
    total: int = 0
    marks: dict[datetime, Mark] = field(default_factory=dict)
    last: Position | None = None
    more: bool = False
    limit: int | None = None  # rows that are asked for at once, where more took too long

    def query(self) -> str:
        """Return the query for ids and stamps. Without LIMIT the first page also tells how many rows there are."""
        return soql.select(self.reading.kind, ("Id", "SystemModstamp"), self._where(self.last), ORDER, self.limit)

    def whole_rows(self, after: Position | None) -> str:
        """Return the query for a page of whole rows after a position."""
        kind, fields = self.reading.kind, self.reading.fields
        return soql.select(kind, columns(kind, fields), self._where(after), ORDER, self.limit or PAGE)

    def take(self, answer: Answer) -> None:
        """Note a page of ids and stamps."""
        rows = rows_of(answer)
        if self.last is None:
            self.total = total_of(answer)
        with understood("a query"):
            self.note([(row["Id"], parse_stamp(row["SystemModstamp"])) for row in rows])
            self.more = bool(rows) and (is_full(answer, self.limit) if self.limit else not answer.body["done"])

    def note(self, rows: Sequence[tuple[str, datetime]]) -> None:
        for id, stamp in rows:
            count, ids = self.marks.get(stamp, _NOTHING)
            self.marks[stamp] = (count + 1, ids ^ hash(id))
        if rows:
            self.last = Position(rows[-1][1], rows[-1][0])

    def narrow(self, answer: Answer) -> bool:
        """Ask for fewer rows from now on, if that is what the answer calls for and they are not few already."""
        limit = fewer(answer, self.limit or PAGE)
        if limit is None:
            return False
        self.limit, self.more = limit, True
        return True

    def _where(self, after: Position | None) -> str:
        return f"{(after or Position(self.low)).after()} AND SystemModstamp <= {soql.literal(self.high)}"


class LookBack:
    """What is known about the window behind each kind's cursor; a fresh one loses nothing and compares everything.

    Stored rows can outnumber Salesforce's: purged rows, and rows that sharing hides, leave without a sign. Such a
    surplus is remembered once the rows were read again, so that it costs one look and not one in every poll.
    """

    def __init__(self, client: Client, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._memories: dict[str, _Memory] = {}

    def window(self, reading: Reading, cursor: datetime, checked: datetime) -> Window | None:
        """Return the window to compare; None when no transaction can be open any more that would change it.

        `checked` is where the cursor stood when a window was last found complete. The window reaches back from there,
        so no late row is missed however rarely this kind has its turn.
        """
        if not self._overlap:
            return None
        memory = self._memories.setdefault(reading.kind, _Memory())
        if memory.cursor != cursor:
            memory.cursor, memory.since, memory.closed = cursor, time.monotonic(), False
        if memory.closed:
            return None
        return Window(reading=reading, low=checked - self._overlap, high=cursor, limit=memory.limit)

    def checked(self, kind: str) -> datetime | None:
        """Return where the cursor of `kind` stood when its window was last found complete, if this process knows."""
        memory = self._memories.get(kind)
        return memory.checked if memory else None

    def learn(self, kind: str, checked: datetime) -> None:
        """Take over that all of `kind` before `checked` was read long enough after it was saved."""
        self._memories.setdefault(kind, _Memory()).checked = checked

    def compare(self, window: Window, seen: Seen) -> Iterator[list[Record]]:
        """Yield the window's rows again, page by page, when they are not the rows that are stored."""
        kind, now = window.reading.kind, time.monotonic()
        memory = self._memories[kind]
        differs = False
        memory.limit = window.limit
        if window.more:
            counted = window.limit is None  # else the first page does not tell the number of all
            stored = seen.count(kind, window.low, window.high + _SECOND) if counted else 0
            differs = counted and stored - window.total != memory.surplus_total
            if not differs and not memory.is_due(window, now, self._overlap):
                return  # too many rows to list in every poll: the count must do until then
        if not differs:
            while window.more:
                window.take(self._ask(window, window.query))
            changed = {stamp: mark for stamp, mark in window.marks.items() if memory.marks.get(stamp) != mark}
            differs = any(
                extra != memory.surplus.get(stamp, 0) for stamp, extra in _surplus(kind, changed, seen).items()
            )
        if differs:
            window = Window(reading=window.reading, low=window.low, high=window.high, limit=memory.limit)
            yield from self._read(window)
            memory.surplus = _surplus(kind, window.marks, seen)
            memory.surplus_total = sum(memory.surplus.values())
        memory.marks, memory.checked, memory.listed = window.marks, window.high, now
        memory.closed = now - memory.since > self._overlap.total_seconds()

    def _read(self, window: Window) -> Iterator[list[Record]]:
        more = True
        while more:
            answer = self._ask(window, lambda: window.whole_rows(window.last))
            records = read_records(rows_of(answer), window.reading.fields)
            more = bool(records) and is_full(answer, window.limit or PAGE)
            if records:
                yield records
                window.note([(record.id, record.modified) for record in records])

    def _ask(self, window: Window, query: Callable[[], str]) -> Answer:
        while True:
            (answer,), _ = self._client.queries([query()], deleted_too=True)
            if answer.ok:
                return answer
            if not window.narrow(answer):
                raise refused_call(self._client.name, answer.status, answer.body, window.reading.kind)
            self._memories[window.reading.kind].limit = window.limit


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Memory:
    cursor: datetime | None = None
    since: float = 0.0  # monotonic: when the cursor first stood there
    closed: bool = False
    checked: datetime | None = None
    listed: float | None = None  # monotonic: when the window was last compared row by row
    marks: Mapping[datetime, Mark] = field(default_factory=dict)  # that were compared and found right
    surplus: Mapping[datetime, int] = field(default_factory=dict)  # stored rows beyond Salesforce's, by stamp
    surplus_total: int = 0
    limit: int | None = None  # rows; more at once took too long

    def is_due(self, window: Window, now: float, overlap: timedelta) -> bool:
        """Tell whether a window of many rows must be listed: once in an overlap, and before it grows."""
        if self.listed is None:
            self.listed = now
            return window.high - window.low > 2 * overlap
        return now - self.listed >= overlap.total_seconds()


def _surplus(kind: str, marks: Mapping[datetime, Mark], seen: Seen) -> dict[datetime, int]:
    """Return, for each stamp, how many more rows are stored than Salesforce has."""
    return {stamp: seen.count(kind, stamp, stamp + _SECOND) - count for stamp, (count, _) in marks.items()}
