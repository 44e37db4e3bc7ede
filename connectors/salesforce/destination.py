"""Writes records: up to 1,000 rows in one call, and one answer for each row whatever happens to the others.

A few updates go row by row in that call, so that none is written over what somebody changed since it was read; more
go as collections, which know no such condition (contract, section 11). What is worth writing was decided before;
nothing here compares values. Many rows of one object are ingest.py's.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from connectors.contract import Deferred, Rejected, WriteRequest, WriteResult
from connectors.errors import ConnectorError, Unavailable
from connectors.salesforce.client import LISTS, ROWS, Answer, Client, Part
from connectors.salesforce.fates import Work, settle_row, written
from connectors.salesforce.ingest import Ingester
from connectors.salesforce.judge import (
    FOR_ALL,
    Trouble,
    is_passing,
    is_spent,
    is_transient,
    may_be_its_rows,
    refusal,
    spent,
    troubles,
    unknown_field,
)
from connectors.salesforce.rows import Row, prepare_row

COLLECTION = 200  # the collections limit
CALL_ROWS = COLLECTION * LISTS
GUARDED = ROWS - LISTS  # updates in a `write` at the most that are refused where somebody changed the record meanwhile
_CHANGED = 412  # the status where the condition of a call is not met
_TYPES_IN_ONE = 10  # the most runs of different objects that one collection takes
_TRIES = 3


class Writer:
    """Sends write requests as collections inside composite calls."""

    def __init__(self, client: Client, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._sleep = sleep
        self._ingester = Ingester(client, sleep)
        self._at_most: dict[tuple[str, ...], int] = {}  # target -> rows that its next part may hold, where not 200

    def write(self, requests: Sequence[WriteRequest]) -> list[WriteResult]:
        """Write them; see contract.Destination. Every call may be repeated, since no row is created but by its key."""
        work = Work(answers=[None] * len(requests))
        self._client.identity()  # a login that fails tried no row, nor does what follows
        self._ingester.settle_left()
        before = self._client.session.calls
        try:
            for turn in _turns(requests, work):
                self._send(self._ingester.write(turn, work), work)
            self._ask_duplicates(work)
        except ConnectorError as error:
            sent = self._client.session.calls > before and isinstance(error, Unavailable)
            if not work.answered and not sent:
                raise
            work.defer_rest(error)
        return [answer or Deferred("Salesforce gave no answer for this record") for answer in work.answers]

    def _send(self, rows: Sequence[Row], work: Work) -> None:
        """Send rows of which no two are the same record; rows that may go through a moment later are sent again."""
        for attempt in range(_TRIES):
            if attempt:
                # spread, so that workers that blocked each other do not meet again
                self._sleep(2.0**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            alone, others = self._guarded(rows)
            queue = deque(_collections(others, self._at_most))
            left = _Left()
            while queue or alone:
                for batch, answer in self._call(queue, alone):
                    queue.extend(_settle(batch, answer, work, left))
                alone = []
            if attempt:
                for batch in left.broken:
                    self._isolate(batch, work, left)
            else:
                left.again += [row for batch in left.broken for row in batch.rows]
            self._doubt(left)
            rows = left.again
            if not rows:
                return
        for row in rows:
            words = f"{row.transient}; not written after {_TRIES} tries"
            work.answers[row.index] = Deferred(words) if row.blamed else Deferred(words, at_large=True)

    def _guarded(self, rows: Sequence[Row]) -> tuple[list[_Batch], Sequence[Row]]:
        """Return the updates that go by themselves, under a condition, and the rows that go as collections."""
        if sum(bool(row.id) for row in rows) > GUARDED:
            return [], rows
        for row in rows:
            row.since = self._client.guard.since(row.asked)
        alone = [_Batch(path, [row]) for row in rows if row.since is not None and (path := row.alone_path())]
        return alone, [row for row in rows if row.since is None]

    def _call(self, queue: deque[_Batch], alone: Sequence[_Batch] = ()) -> list[tuple[_Batch, Answer]]:
        """Send as much of the queue as one call takes, and up to GUARDED single rows beside it."""
        batches = [*(queue.popleft() for _ in range(min(LISTS, len(queue)))), *alone]
        parts = [batch.part(past_alerts=self._passes_alerts(batch.rows[0])) for batch in batches]
        with self._client.session.writing():
            answers = self._client.composite(parts)
        return [(batch, self._noted(batch, answer)) for batch, answer in zip(batches, answers, strict=True)]

    def _noted(self, batch: _Batch, answer: Answer) -> Answer:
        """Return the answer in the form of a collection's; keep in mind which records our own write moved."""
        row, guard = batch.rows[0], self._client.guard
        if row.since is not None:
            answer = _as_of_collection(row, answer)
            if answer.status == _CHANGED:
                guard.spared.note(row.asked)
        for told in answer.body if answer.ok and isinstance(answer.body, list) else ():
            if isinstance(told, dict) and told.get("success") and told.get("id"):
                guard.wrote(str(told["id"]))
        return answer

    def _doubt(self, left: _Left) -> None:
        """Let what had no usable answer go in smaller parts the next time, lest one row should hold up 199 for ever.

        Where it went in smaller parts already and nothing else passed, it is none of its rows that is to blame.
        """
        for row in left.told:
            self._at_most.pop(row.target, None)
        for batch in left.unanswered:
            for row in batch.rows:
                if left.told or row.target not in self._at_most:
                    self._at_most[row.target] = -(-len(batch.rows) // LISTS)
                elif len(batch.rows) > 1:
                    del self._at_most[row.target]

    def _isolate(self, batch: _Batch, work: Work, left: _Left) -> None:
        """Divide a part that came to nothing twice until what fails stands alone: the others are not to suffer for it.

        Where nothing of it passes, it is none of its rows that is to blame.
        """
        if len(batch.rows) == 1:
            batch.rows[0].blamed = True
            left.again.append(batch.rows[0])
            return
        alone: list[_Batch] = []
        queue, passed = deque(batch.split()), False
        while queue:
            for part, answer in self._call(queue):
                found = _Left(again=left.again, unanswered=left.unanswered, told=left.told)
                queue.extend(_settle(part, answer, work, found))
                passed = passed or not found.broken
                alone += [one for one in found.broken if len(one.rows) == 1]
                queue.extend(half for one in found.broken if len(one.rows) > 1 for half in one.split())
            if not passed:
                for row in batch.rows:
                    words = f"{row.transient}; so it is with every {row.kind} sent"
                    work.answers[row.index] = Deferred(words, 30.0, alike=True)
                return
        for one in alone:
            (row,) = one.rows
            work.answers[row.index] = Deferred(f"{row.transient}; a trigger or flow may break off at this record")

    def _ask_duplicates(self, work: Work) -> None:
        """Send rows that a duplicate rule stopped once more by themselves: only then are the matches named."""
        rows = [row for row in work.duplicates if row.since is None and row.alone_path() is not None]
        for start in range(0, len(rows), ROWS):
            now = rows[start : start + ROWS]
            try:
                with self._client.session.writing():
                    answers = self._client.composite([row.alone(past_alerts=self._passes_alerts(row)) for row in now])
            except ConnectorError:
                return  # they keep their refusal, without the matches
            for row, answer in zip(now, answers, strict=True):
                found = troubles(answer.body)
                if answer.ok:
                    work.answers[row.index] = written(row, answer.body if isinstance(answer.body, Mapping) else {})
                elif found and not is_transient(found[0]):
                    work.answers[row.index] = refusal(row.kind, found, creates=not row.id)

    def _passes_alerts(self, row: Row) -> bool:
        """An update doubles nobody; a create may, and only an operator says whether it should be made all the same."""
        return bool(row.id) or self._client.settings.create_despite_alerts


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Batch:
    path: str
    rows: Sequence[Row]

    def part(self, *, past_alerts: bool) -> Part:
        if self.rows[0].since is not None:
            return self.rows[0].alone(past_alerts=past_alerts)
        return Part("PATCH", self.path, {"allOrNone": False, "records": [row.json for row in self.rows]}, past_alerts)

    def split(self) -> Iterator[_Batch]:
        """Yield LISTS smaller batches: they fit one call, so a bad row among 200 is alone after four calls."""
        size = -(-len(self.rows) // LISTS)
        for start in range(0, len(self.rows), size):
            yield _Batch(self.path, self.rows[start : start + size])


@dataclass(slots=True)
class _Left:
    """What is to be done about the rows of one round. `broken`: parts that failed, maybe for one of their rows."""

    again: list[Row] = field(default_factory=list)
    broken: list[_Batch] = field(default_factory=list)
    unanswered: list[_Batch] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)  # rows that had an answer each


def _turns(requests: Sequence[WriteRequest], work: Work) -> Iterator[list[Row]]:
    """Yield rows in groups that hold no record twice, as a collection forbids; unfit rows are answered at once.

    A record whose earlier request is still open waits with its later one, lest the earlier one should win.
    """
    rows: list[Row] = []
    for index, request in enumerate(requests):
        row = prepare_row(index, request)
        if isinstance(row, Rejected):
            work.answers[index] = row
        else:
            rows.append(row)
    before: dict[tuple[str, ...], int] = {}
    while rows:
        turn: dict[tuple[str, ...], Row] = {}
        later: list[Row] = []
        for row in rows:
            earlier = work.answers[before[row.target]] if row.target in before else None
            if isinstance(earlier, Deferred):
                work.answers[row.index] = earlier
            elif row.target in turn:
                later.append(row)
            else:
                turn[row.target] = row
        yield list(turn.values())
        before |= {target: row.index for target, row in turn.items()}
        rows = later


def _collections(rows: Iterable[Row], at_most: Mapping[tuple[str, ...], int]) -> Iterator[_Batch]:
    """Yield batches within the collections limits: upserts by object and key, updates by runs of one object.

    `at_most`: target -> rows that its batch may hold, where that is fewer.
    """

    def size_and_path(row: Row) -> tuple[int, str]:
        return at_most.get(row.target, COLLECTION), row.path

    ordered = sorted(rows, key=lambda row: (size_and_path(row), row.kind.lower()))
    for (size, path), same_path in groupby(ordered, key=size_and_path):
        part: list[Row] = []
        kinds: set[str] = set()
        for row in same_path:
            if len(part) == size or (row.kind not in kinds and len(kinds) == _TYPES_IN_ONE):
                yield _Batch(path, part)
                part, kinds = [], set()
            part.append(row)
            kinds.add(row.kind)
        yield _Batch(path, part)


def _settle(batch: _Batch, answer: Answer, work: Work, left: _Left) -> list[_Batch]:
    """Note what became of a batch; return the smaller batches to send in place of one that was refused as a whole.

    One that came to nothing is put on `broken` where one of its rows may be the cause, else they are sent again. One
    without a usable answer may have been carried out, and somebody may have changed the same since: its rows wait.
    """
    work.answered = True
    row = batch.rows[0]
    if row.since is not None and answer.status == _CHANGED:
        work.answers[row.index] = Deferred("somebody changed the record since it was read", changed=True)
        left.told.append(row)
        return []
    if row.since is not None and answer.status == 404:  # a record that is lost, or a right: a collection tells
        row.since = None
        return [_Batch(row.path, [row])]
    rows_told = answer.body if isinstance(answer.body, list) else []
    if answer.ok and len(rows_told) == len(batch.rows) and all(isinstance(told, dict) for told in rows_told):
        for row, told in zip(batch.rows, answer.body, strict=True):
            settle_row(row, told, work, left.again)
        left.told.extend(batch.rows)
        return []
    found = troubles(answer.body)
    if not found and (answer.ok or answer.status == 0 or answer.status >= 500):
        at_large = len(batch.rows) > 1 or not may_be_its_rows(answer.status, found)
        for row in batch.rows:
            work.answers[row.index] = Deferred(f"no usable answer (HTTP {answer.status})", at_large=at_large)
        if may_be_its_rows(answer.status, found):
            left.unanswered.append(batch)
        return []
    if found and is_spent(found[0]):
        for row in batch.rows:
            work.answers[row.index] = spent()
        return []
    too_large = bool(found) and found[0].code == "OPERATION_TOO_LARGE" and len(batch.rows) == 1
    if is_passing(answer.status) or too_large or (found and is_transient(found[0])):
        for row in batch.rows:
            row.transient = found[0].code if found else f"HTTP {answer.status}"
            row.blamed = too_large
        if not too_large and may_be_its_rows(answer.status, found):
            left.broken.append(batch)
        else:
            left.again.extend(batch.rows)
        return []
    return _split_refused(batch, found or [Trouble(f"HTTP_{answer.status}")], work)


def _as_of_collection(row: Row, answer: Answer) -> Answer:
    """Return what a row was answered that went by itself as a collection of it alone would have been."""
    if answer.ok:
        return answer if isinstance(answer.body, list) else Answer(200, [{"id": row.id, "success": True}])
    found = troubles(answer.body)
    if not found or is_passing(answer.status) or answer.status == _CHANGED or found[0].code == "NOT_FOUND":
        return answer
    return Answer(200, [{"success": False, "errors": answer.body}])


def _split_refused(batch: _Batch, found: Sequence[Trouble], work: Work) -> list[_Batch]:
    refused: Sequence[Row] = ()
    if found[0].code == "INVALID_FIELD":
        name = unknown_field(found[0])[0]
        refused = [row for row in batch.rows if row.has_field(name)]
    if found[0].code in FOR_ALL or len(batch.rows) == 1:
        refused = batch.rows
    for row in refused:
        work.answers[row.index] = refusal(row.kind, found, creates=not row.id, as_a_whole=True)
    if refused:
        rest = [row for row in batch.rows if work.answers[row.index] is None]
        return [_Batch(batch.path, rest)] if rest else []
    return list(batch.split())
