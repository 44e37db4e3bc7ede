"""Writes many rows of one object by a Bulk ingest job; each row gets the fate that a collection would give it.

What CSV cannot carry, and rows that are worth another try, go back to destination.py. A job is never left behind
unwatched: it might write its values after newer ones.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.contract import Deferred
from connectors.errors import ConnectorError, Unavailable
from connectors.http import understood
from connectors.salesforce import soql
from connectors.salesforce.cells import Unfit, cell_of
from connectors.salesforce.client import Client
from connectors.salesforce.fates import Work, settle_row
from connectors.salesforce.jobs import Direction, Jobs, Refused, State, StillRunning
from connectors.salesforce.rows import Row

PATIENCE = 600.0  # seconds that a write waits for its job; what is not written then is taken back
_PATIENCE_WITH_OTHERS = 60.0
_TRIES = 2
_JOB_BYTES = 90_000_000  # of one upload, which may have 100 MB
_JOB_ROWS = 10_000  # Salesforce works by so many; more in one job would only lose more with it
_RECORD_CHARACTERS = 400_000
_LATER = 30.0  # seconds
_TO_QUOTE = re.compile(r'[",\r\n]')
_ERROR = re.compile(r"([A-Z0-9_]+):(.*):([^:]*?)\s*--\s*", re.DOTALL)


class Ingester:
    """Takes the large groups of a turn's rows; `bulk_from.writes` says what is large."""

    def __init__(self, client: Client, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._jobs = Jobs(client, sleep)
        # A job runs no assignment rule that it does not name, so with auto_assign rows go the other way.
        self._large = None if client.settings.auto_assign else client.settings.bulk_from.writes
        # Jobs that may still write -> whether this process made them. None: nobody looked for those of others yet.
        self._left: dict[str, bool] | None = None

    def settle_left(self) -> None:
        """See to it that no earlier job is still writing, be it this process's or one that was killed.

        Ours is waited for, then aborted. Others of syncd's own user are waited for only: they may be another program's.
        Raises Unavailable while one of them goes on, or while it cannot be seen what they do.
        """
        if self._large is None:
            return
        if self._left is None:
            with understood("the list of bulk jobs"):
                self._left = {str(told["id"]): False for told in self._running()}
        for job, ours in list(self._left.items()):
            try:
                self._settle_job(job, ours)
            except Refused as refusal:
                if refusal.trouble.code != "NOT_FOUND":
                    name, code = self._client.name, refusal.trouble.code
                    message = f"{name}: it cannot be seen what bulk job {job} does ({code}), so nothing else is written"
                    raise Unavailable(message, system=name, retry_after=_LATER) from refusal
            self._left.pop(job, None)

    def _settle_job(self, job: str, ours: bool) -> None:
        state = self._jobs.state(Direction.INGEST, job)
        if state is State.OPEN:
            self._abort(job)
        elif not state.is_over and ours:
            self._end(job)
        elif not state.is_over:
            for _ in self._jobs.watch(Direction.INGEST, job, _PATIENCE_WITH_OTHERS):
                pass

    def write(self, rows: Sequence[Row], work: Work) -> list[Row]:
        """Write the rows of every large group; return the other rows, and those that are to go by collections."""
        if self._large is None or len(rows) < self._large:
            return list(rows)
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row.path, row.kind.lower()), []).append(row)
        rest: list[Row] = []
        for group in groups.values():
            if len(group) < self._large:
                rest += group
                continue
            lines, unfit = _lines(group)
            rest += unfit
            for part in _parts(lines):
                rest += self._write_part(part, work)
        return rest

    def _write_part(self, part: _Part, work: Work) -> list[Row]:
        job = self._send(part, work)
        if job is None:
            return list(part.rows.values())
        assert self._left is not None
        again: list[Row] = []
        told: Mapping[str, Any] = {}
        try:
            told = self._end(job)
            self._settle(part, job, told, work, again)
            self._jobs.forget(Direction.INGEST, job)
        except Refused as refusal:
            why = f"Salesforce does not tell what its bulk job did ({refusal.trouble.code})"
        else:
            why = "Salesforce's bulk job ended before it came to this record"
        self._left.pop(job, None)
        later = {row.index for row in again}
        open_rows = [row for row in part.rows.values() if work.answers[row.index] is None and row.index not in later]
        if told.get("state") == State.FAILED.value and len(open_rows) == len(part.rows):
            return open_rows  # refused as a whole: collections find out for which row or field
        for row in open_rows:
            work.answers[row.index] = Deferred(why, _LATER)
        return again

    def _send(self, part: _Part, work: Work) -> str | None:
        """Make a job, fill it and close it; None when Salesforce takes no such job."""
        for _ in range(_TRIES):
            job = ""
            try:
                job = self._jobs.open(Direction.INGEST, part.job)
                work.answered = True
                self._jobs.upload(job, part.table())
            except Refused:
                # An upload whose answer was lost is refused when repeated. What is in the job is not known for sure.
                if not job:
                    return None
                self._give_up(job)
                continue
            except ConnectorError:
                if job:
                    self._give_up(job)
                raise
            return job if self._close(job) else None
        return None

    def _close(self, job: str) -> bool:
        """Let a job begin; tell whether it did, however the call for it ended."""
        assert self._left is not None
        self._left[job] = True
        try:
            self._jobs.set_state(Direction.INGEST, job, State.QUEUED)
        except Refused:
            if self._jobs.state(Direction.INGEST, job) is State.OPEN:
                self._give_up(job)
                self._left.pop(job, None)
                return False
        return True

    def _end(self, job: str) -> Mapping[str, Any]:
        """Wait for the end of a job, abort it when that takes too long, and return what it says of itself."""
        told: Mapping[str, Any] = {}
        try:
            for latest in self._jobs.watch(Direction.INGEST, job, PATIENCE):
                told = latest
        except StillRunning:
            self._abort(job)
            told = self._jobs.look(Direction.INGEST, job)
        return told

    def _abort(self, job: str) -> None:
        try:
            self._jobs.set_state(Direction.INGEST, job, State.ABORTED)
        except Refused:
            return  # it came to its end just now

    def _give_up(self, job: str) -> None:
        """Abort a job that was not closed; it would never begin, so it does no harm if that fails."""
        try:
            self._abort(job)
        except ConnectorError:
            return

    def _settle(self, part: _Part, job: str, told: Mapping[str, Any], work: Work, again: list[Row]) -> None:
        """Note the fate of each row that a result names by its key; results come in no order."""
        with understood(f"bulk job {job}"):
            failed, processed = int(told.get("numberRecordsFailed") or 0), int(told.get("numberRecordsProcessed") or 0)
        if processed > failed:
            for result in self._results(job, "successfulResults"):
                self._note(part, result, {"success": True, **_success(result)}, work, again)
        if failed:
            for result in self._results(job, "failedResults"):
                error = _error(result.get("sf__Error") or "")
                self._note(part, result, {"success": False, "errors": [error]}, work, again)

    def _note(
        self, part: _Part, result: Mapping[str, str], told: Mapping[str, Any], work: Work, again: list[Row]
    ) -> None:
        row = part.rows.get(result.get(part.key, ""))
        if row is not None:
            settle_row(row, told, work, again)

    def _results(self, job: str, which: str) -> Iterator[dict[str, str]]:
        with self._jobs.table(f"{Direction.INGEST.value}/{job}/{which}/") as table:
            yield from csv.DictReader(table.lines)

    def _running(self) -> Iterator[Mapping[str, Any]]:
        """Yield the ingest jobs of syncd's own user that are queued or under way."""
        user = soql.full_id(self._client.identity().user)
        path = f"{Direction.INGEST.value}?jobType=V2Ingest" if user else ""  # a given session id does not tell whose
        while path:
            told = self._client.call("GET", path, what="bulk jobs")
            for job in told.get("records") or ():
                going_on = job.get("state") in (State.QUEUED.value, State.RUNNING.value)
                if going_on and soql.full_id(str(job.get("createdById"))) == user:
                    yield job
            path = str(told.get("nextRecordsUrl") or "").removeprefix(self._client.root)


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What one job takes: rows by the value of their key column, and the lines that carry them."""

    key: str
    columns: Sequence[str]
    rows: Mapping[str, Row]
    lines: Sequence[Mapping[str, str]]

    @property
    def job(self) -> dict[str, str]:
        row = next(iter(self.rows.values()))
        body = {"object": row.kind, "contentType": "CSV", "lineEnding": "LF", "operation": "update"}
        return body | ({} if row.id else {"operation": "upsert", "externalIdFieldName": row.key_field})

    def table(self) -> bytes:
        lines = [self.columns, *([line.get(name, "") for name in self.columns] for line in self.lines)]
        return "".join(",".join(map(_quoted, cells)) + "\n" for cells in lines).encode()


def _lines(rows: Sequence[Row]) -> tuple[list[tuple[Row, dict[str, str]]], list[Row]]:
    """Return (row, its line) for those that CSV can carry, children of one parent together; and the other rows."""
    spelled: dict[str, str] = {}
    lines, unfit = [], []
    for row in rows:
        key = "Id" if row.id else row.key_field
        try:
            line = {key: cell_of(row.id or row.key_value)}
            for name, value in row.fields.items():
                column = spelled.setdefault(name.lower(), name)
                if column in line or (value is None and "." in name):
                    raise Unfit("a field that stands there twice, or a parent that is taken away by its key")
                line[column] = cell_of(value)
            if sum(map(len, line.values())) > _RECORD_CHARACTERS:
                raise Unfit("a record is longer than Bulk takes")
            lines.append((row, line))
        except Unfit:
            unfit.append(row)
    # Batches run side by side: two that hold children of one parent would lock each other out.
    lines.sort(key=lambda pair: [cell for name, cell in sorted(pair[1].items()) if "." in name or name.endswith("Id")])
    return lines, unfit


def _parts(lines: Sequence[tuple[Row, dict[str, str]]]) -> Iterator[_Part]:
    part: list[tuple[Row, dict[str, str]]] = []
    size = 0
    for row, line in lines:
        # quotes double, and each cell has two of its own and a comma
        length = sum(4 * len(cell) + cell.count('"') + 3 for cell in line.values())
        if part and (size + length > _JOB_BYTES or len(part) == _JOB_ROWS):
            yield _part(part)
            part, size = [], 0
        part.append((row, line))
        size += length
    if part:
        yield _part(part)


def _part(lines: Sequence[tuple[Row, dict[str, str]]]) -> _Part:
    key = "Id" if lines[0][0].id else lines[0][0].key_field
    columns = dict.fromkeys(name for _, line in lines for name in line)
    return _Part(
        key=key,
        columns=list(columns),
        rows={line[key]: row for row, line in lines},
        lines=[line for _, line in lines],
    )


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _TO_QUOTE.search(cell) else cell


def _success(result: Mapping[str, str]) -> dict[str, Any]:
    return {"id": result.get("sf__Id"), "created": result.get("sf__Created") == "true"}


def _error(text: str) -> dict[str, Any]:
    """Take `CODE:message:Field,Field --` apart; the message may have colons of its own."""
    found = _ERROR.fullmatch(text)
    if found is None:
        code, _, message = text.partition(":")
        return {"statusCode": code or "NO_REASON_GIVEN", "message": message, "fields": []}
    fields = [name.strip() for name in found[3].split(",") if name.strip()]
    return {"statusCode": found[1], "message": found[2], "fields": fields}
