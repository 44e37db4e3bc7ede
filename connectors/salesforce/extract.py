"""Reads many rows of one object by a Bulk query job, in pieces that are kept in a temporary file.

When that is worth it, and where reading goes on afterwards, is polling.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from connectors.contract import Cursor, Reading, Record
from connectors.errors import Unavailable
from connectors.http import understood
from connectors.salesforce import soql
from connectors.salesforce.cells import Unfit, column_types, read_table
from connectors.salesforce.client import Client
from connectors.salesforce.jobs import Direction, Jobs, Refused, State, Table
from connectors.salesforce.judge import Trouble, refused_call
from connectors.salesforce.records import columns, is_full, parse_stamp, read_records, rows_of
from connectors.salesforce.soql import ORDER, PAGE, Position

PATIENCE = 900.0  # seconds that one poll waits for a job
_FIRST_PIECE = 5_000  # rows; how wide they are shows how many the next pieces may have
_MOST_ROWS = 50_000
_PIECE_BYTES = 32 * 1024 * 1024
_LONGEST_KEPT = timedelta(days=1)  # what was read longer ago has changed too much to be worth giving out
_MOMENTS = ("high", "checked", "newest")
_HOPELESS = frozenset({State.FAILED.value, State.ABORTED.value})


class Lost(Exception):
    """The job cannot be read to its end; what it did not give out is still to be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extract:
    """A job, and how far its result was given out: `given` rows of the piece at `locator`, none saved after `newest`.

    Its rows were saved before `high`. Once they are given out, all before `checked` is known to be complete.
    """

    job: str
    high: datetime
    checked: datetime
    newest: datetime
    columns: str  # a hash of what was asked for
    locator: str = ""
    given: int = 0

    def after(self, records: Sequence[Record], given: int) -> Extract:
        """Return where the job stands when these were given out, too."""
        newest = max((record.modified for record in records), default=self.newest)
        return replace(self, given=given, newest=max(newest, self.newest))

    @property
    def end(self) -> Position:
        """Where to read on after the last row: behind the newest second, which was over when the job was opened.

        It is taken from the rows, so that it does not depend on how well Salesforce's clocks agree.
        """
        return Position(self.newest + timedelta(seconds=1))

    def to_json(self) -> dict[str, Any]:
        """Return it as a part of a cursor."""
        moments = {name: getattr(self, name).isoformat() for name in _MOMENTS}
        return {"job": self.job, "columns": self.columns, "locator": self.locator, "given": self.given, **moments}

    @classmethod
    def from_json(cls, told: Cursor) -> Extract:
        moments = {name: datetime.fromisoformat(told[name]) for name in _MOMENTS}
        return cls(job=told["job"], columns=told["columns"], locator=told["locator"], given=told["given"], **moments)


class Extractor:
    """Opens query jobs and gives out their rows; remembers which objects Bulk cannot read."""

    def __init__(self, client: Client, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._jobs = Jobs(client, sleep)
        self._unfit: set[str] = set()

    def can_read(self, reading: Reading) -> bool:
        """Tell whether no job for this was refused, or failed, since the start."""
        return _hash(reading) not in self._unfit

    def begin(self, reading: Reading, low: Position, high: datetime, checked: datetime) -> Extract | None:
        """Open a job for the rows from `low` to before `high`; None when Salesforce refuses, or CSV cannot carry them.

        No ORDER BY: it would keep Salesforce from dividing the work.
        """
        kind = reading.kind
        text = soql.select(kind, columns(kind, reading.fields), f"{low.after()} AND SystemModstamp < {_text(high)}")
        try:
            self._types(reading)
            job = self._jobs.open(Direction.QUERY, {"operation": "queryAll", "query": text, "lineEnding": "LF"})
        except (Refused, Unfit):
            self._unfit.add(_hash(reading))
            return None
        return Extract(job=job, high=high, checked=checked, newest=low.stamp, columns=_hash(reading))

    def read(self, reading: Reading, extract: Extract) -> Iterator[tuple[list[Record], Extract]]:
        """Yield pages and where the job then stands; raise Lost when it is gone, failed, or asked for other fields.

        A row that was changed since the job read it is left out: its present version comes after `high`, and the older
        one must not follow what somebody else may have stored meanwhile. While the job runs, empty pages are yielded.
        """
        if extract.columns != _hash(reading):
            raise Lost("other fields are wanted now")
        try:
            for told in self._jobs.watch(Direction.QUERY, extract.job, PATIENCE):
                if told.get("state") in _HOPELESS:
                    raise Refused(Trouble(str(told["state"])))
                yield [], extract
            if self._is_old(extract):
                raise Lost("it was made too long ago")
            types = self._types(reading)
            changed = _Changed(self._client, reading.kind, extract.high)
            most: int = _FIRST_PIECE
            more = True
            while more:
                path = f"{Direction.QUERY.value}/{extract.job}/results?maxRecords={most}"
                with self._jobs.table(path + (f"&locator={extract.locator}" if extract.locator else "")) as table:
                    changed.look()
                    for records, place in self._give_out(reading, extract, table, types, changed.ids):
                        extract = place
                        yield records, extract
                    if table.rows and table.bytes:
                        most = max(PAGE, min(_MOST_ROWS, _PIECE_BYTES * table.rows // table.bytes))
                    more = table.next is not None
                    extract = replace(extract, locator=table.next or "", given=0)
        except Refused as refusal:
            if refusal.trouble.code in _HOPELESS:
                self._unfit.add(extract.columns)
            raise Lost(refusal.trouble.code) from refusal
        except Unfit as error:
            self._unfit.add(extract.columns)
            raise Lost(str(error)) from error
        self._jobs.forget(Direction.QUERY, extract.job)

    def _give_out(
        self, reading: Reading, extract: Extract, table: Table, types: Mapping[str, str], changed: set[str]
    ) -> Iterator[tuple[list[Record], Extract]]:
        """Yield the rows of one piece that were not given out before."""
        page: list[dict[str, Any]] = []
        before, count = extract.given, 0
        for count, row in enumerate(read_table(table.lines, types), 1):
            if count > before and row["Id"] not in changed:
                page.append(row)
            if len(page) == PAGE:
                records = read_records(page, reading.fields)
                extract = extract.after(records, count)
                yield records, extract
                page = []
        if table.rows is not None and count != table.rows:
            name = self._client.name
            raise Unavailable(f"{name} sent a part of a bulk job's result that lacks rows", system=name)
        if page:
            records = read_records(page, reading.fields)
            yield records, extract.after(records, count)

    def _is_old(self, extract: Extract) -> bool:
        now = self._client.session.server_time
        return now is not None and now - extract.high > _LONGEST_KEPT

    def _types(self, reading: Reading) -> dict[str, str]:
        known: dict[str, Mapping[str, Any]] = {}

        def describe(kind: str) -> Mapping[str, Any]:
            if kind not in known:
                known[kind] = self._client.call("GET", f"sobjects/{kind}/describe", what=f"object {kind}")
            return known[kind]

        with understood(f"object {reading.kind}"):
            return column_types(describe, soql.object_of(reading.kind), columns(reading.kind, reading.fields))


# ---------------------------------------------------------------------------------------------------------------------


class _Changed:
    """The rows that were saved since a moment, listed a little further with every look."""

    def __init__(self, client: Client, kind: str, since: datetime) -> None:
        self._client = client
        self._kind = kind
        self._since = since
        self.ids: set[str] = set()

    def look(self) -> None:
        place: Position | None = Position(self._since)
        while place is not None:
            text = soql.select(self._kind, ("Id", "SystemModstamp"), place.after(), ORDER, PAGE)
            (answer,), _ = self._client.queries([text], deleted_too=True)
            if not answer.ok:
                raise refused_call(self._client.name, answer.status, answer.body, self._kind)
            rows = rows_of(answer)
            self.ids.update(row["Id"] for row in rows)
            if rows:
                self._since = parse_stamp(rows[-1]["SystemModstamp"])
            place = Position(self._since, rows[-1]["Id"]) if rows and is_full(answer) else None


def _hash(reading: Reading) -> str:
    asked = ",".join((reading.kind, *sorted(reading.fields))).lower()
    return blake2b(asked.encode(), digest_size=8).hexdigest()


def _text(moment: datetime) -> str:
    return soql.literal(moment)
