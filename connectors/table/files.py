"""Read records from files: CSV, Excel and Parquet, in a folder or on an SFTP server; read only when one has changed.

Where files lie is left to connectors.table.folder, what their cells hold to connectors.table.sheets, and comparing rows
with those of the last read to connectors.table.changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.contract import Capabilities, FieldInfo, FieldType, Page, Readiness, Reading, Record, Roll, Seen
from connectors.errors import ConfigProblem, ConnectorError, Unavailable, joined, unexpected
from connectors.table import changes as finding
from connectors.table import sheets
from connectors.table.folder import FileStore, Folder, Found, Sftp, SftpSettings
from connectors.table.groups import Disagreement, check_rules, joined_row
from connectors.table.rows import (
    NoId,
    OddId,
    Row,
    Seconds,
    TableKind,
    batches,
    join_id,
    make_row,
    parse_time,
    pick_columns,
    table_kind,
)
from connectors.table.unfit import Unfits

_SETTLED = 2.0  # seconds: a file touched later than that may change again within the same tick of its clock


class Settings(BaseModel):
    """Where the files are, and how text is written in them.

    `encoding` is Python's name of it; a file that is not in it is refused, never guessed at. `rest`: a file that was
    written more recently is still being written, and is not opened.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = None
    sftp: SftpSettings | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    page: int = Field(default=1000, ge=1, le=100_000)
    rest: Seconds = 5.0

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            "".encode(name)
        except (LookupError, ValueError) as error:
            raise ValueError("no such encoding; utf-8, cp1252 and utf-16 are usual ones") from error
        return name


def connect(name: str, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> FileSource:
    """Return the source without touching a file."""
    del sleep  # waiting for a file that is away is the caller's
    return FileSource(name, settings)


class FileSource:
    """A folder of files seen as a source; `define` says which files are which kind."""

    capabilities = Capabilities()

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        folder = settings.folder or Path()
        self.store: FileStore = Sftp(name, settings.sftp, folder) if settings.sftp else Folder(name, folder)
        self._kinds: dict[str, TableKind] = {}
        self._unchanged: dict[Found, float] = {}  # file as it was seen -> since when, by our own clock

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Say what `kind` is: {file, id, modified, group, sheet, take, done}; raise ConfigProblem."""
        defined = table_kind(self.name, kind, table, "file", ("sheet", "take", "done"))
        group = check_rules(self.name, f"{self.name}, kind {kind}", defined.group, defined.ids)
        self._kinds[kind] = replace(defined, group=group)

    def check(self) -> Readiness:
        problems: list[str] = []
        for kind in self._kinds.values():
            try:
                with self._opened(kind, ()) as rows:
                    for _ in rows.all():
                        pass
                    problems += [one.message for one in rows.unfit.found.values()]
            except ConnectorError as problem:
                problems.append(problem.message)
            except Exception as error:
                problems.append(self._unexpected(kind.kind, error).message)
        return Readiness(problems=tuple(dict.fromkeys(problems)))

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        try:
            with self._opened(self._kind(kind), ()) as rows:
                header = rows.header()
        except Unavailable as error:
            raise ConfigProblem(error.message, system=self.name) from error
        return [FieldInfo(name=name, label=name, type=FieldType.TEXT, writable=False) for name in header]

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield changed rows; a file that was not touched is not opened."""
        del seen  # an equal count would hide a row that changed
        troubles: dict[str, ConnectorError] = {}
        for reading in (one for one in readings if not one.rests):
            try:
                yield from self._changes(reading)
            except (ConfigProblem, Unavailable) as error:
                troubles[reading.kind] = error
            except ConnectorError:
                raise
            except Exception as error:
                troubles[reading.kind] = self._unexpected(reading.kind, error)
        if troubles:
            raise joined(troubles)

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        wanted = set(ids)
        with self._opened(self._kind(kind), fields) as rows:
            return [row.record for row in rows.all() if row.record.id in wanted]

    def ids(self, kind: str) -> Iterator[Roll]:
        with self._opened(self._kind(kind), ()) as rows:
            for records in batches(rows.all(), self.settings.page):
                yield Roll(alive=[record.id for record in records])
            if shared := rows.unfit.listed():
                yield Roll(alive=shared)

    def close(self) -> None:
        self.store.close()

    def _changes(self, reading: Reading) -> Iterator[Page]:
        kind = self._kind(reading.kind)
        try:
            found = self._complete(kind)
        except _NotWhole:
            if reading.after is None:
                raise
            return  # as good as no news yet
        known = self._trusted(found, kind, reading.fields)
        old = reading.after or {"rows": ""}  # not None: the whole file is checked before its first row is given out
        if known is not None and old.get("file") == known:
            return
        last: Page | None = None
        with self._opened(kind, reading.fields, found) as rows:
            for page in finding.by_fingerprint(replace(reading, after=old), rows.all, rows.unfit, self.settings.page):
                if last is not None:
                    yield last
                last = page
        if last is None:  # touched, but the same rows: say so once, so that the next poll need not read
            if known is not None:
                yield Page(kind=reading.kind, records=(), cursor={**old, "file": known})
            return
        yield replace(last, cursor={**last.cursor, "file": known})

    def _complete(self, kind: TableKind) -> list[Found]:
        """Return the files to read, the oldest first: whole ones only; raise Unavailable when there is none."""
        listed = self.store.look(kind.source)
        marks = {one.name for one in self.store.look(kind.source + kind.done)} if kind.done else set()
        whole = [one for one in listed if self._is_whole(one, kind, marks)]
        where = f"{self.name}, kind {kind.kind}"
        if not listed:
            raise Unavailable(
                f"{where}: there is no file {kind.source} in {self.store.address}; put it there, or mend `file` or "
                f"`folder`. It is tried again",
                system=self.name,
            )
        if not whole:
            wait = f"its mark {kind.done} is not there" if kind.done else "it was written a moment ago"
            raise _NotWhole(
                f"{where}: {listed[-1].name} is not whole yet ({wait}); it is read once it is", system=self.name
            )
        whole.sort(key=lambda one: (one.modified, one.name))
        return whole if kind.take == "all" else whole[-1:]

    def _is_whole(self, one: Found, kind: TableKind, marks: set[str]) -> bool:
        if kind.done:
            return one.name + kind.done in marks
        age = time.time() - one.modified / 1e9
        if age >= self.settings.rest:
            return True
        # The clock of another machine may be ahead of ours: a file that stays as it is has come to rest all the same.
        since = self._unchanged.setdefault(one, time.monotonic())
        return time.monotonic() - since >= self.settings.rest

    def _trusted(self, found: Sequence[Found], kind: TableKind, fields: Sequence[str]) -> list[Any] | None:
        """Return what a cursor can trust, for these fields and rules; None when one was touched a moment ago."""
        if any(time.time_ns() - one.modified < _SETTLED * 1e9 for one in found):
            return None
        rules = [] if kind.group is None else [dict(kind.group)]
        return [[[one.name, one.size, one.modified] for one in found], list(fields), *rules]

    @contextmanager
    def _opened(self, kind: TableKind, fields: Sequence[str], found: Sequence[Found] | None = None) -> Iterator[_Rows]:
        found = self._complete(kind) if found is None else found
        with self.store.fetched(found) as paths:
            yield _Rows(self, kind, fields, list(zip(found, paths, strict=True)))

    def _unexpected(self, kind: str, error: Exception) -> ConnectorError:
        return unexpected(self.name, f"{self.name}, kind {kind}", error)

    def _kind(self, kind: str) -> TableKind:
        if kind not in self._kinds:
            raise ConfigProblem(
                f"{self.name} has no kind {kind}; give it `file` and `id` in the mapping", system=self.name
            )
        return self._kinds[kind]


# ---------------------------------------------------------------------------------------------------------------------


class _NotWhole(Unavailable):
    """There are files, but each is still being written."""


class _NoTime(Exception):
    """A row's column of the time of change holds something else."""


class _Rows:
    """One kind's rows, read from the start each time; of several files the latest row of an id counts."""

    def __init__(
        self, source: FileSource, kind: TableKind, fields: Sequence[str], files: list[tuple[Found, Path]]
    ) -> None:
        self._source = source
        self._kind = kind
        self._fields = tuple(dict.fromkeys(fields))
        self._files = files
        self.unfit = Unfits(source.name, f"{source.name}, kind {kind.kind}: ")
        self._looked = False
        self._rows_of: dict[Found, dict[str, int]] = {}  # how many an id has that has several

    def header(self) -> list[str]:
        return self._sheet(*self._files[-1]).header

    def all(self) -> Iterator[Row]:
        """Yield every row that can be taken, and note the others."""
        if not self._looked:  # which of its rows share an id is known at the end of a file only
            for found, path in self._files:
                self._find_doubles(found, path)
            self._looked = True
        if len(self._files) == 1:
            yield from self._of(*self._files[0])
            return
        newest: dict[str, Row] = {}
        for found, path in self._files:
            newest.update((row.record.id, row) for row in self._of(found, path))
        yield from newest.values()

    def _of(self, found: Found, path: Path) -> Iterator[Row]:
        lines = self._lines_of(found, path)
        if self._kind.group is None:
            yield from (row for row, _ in lines if row.record.id not in self.unfit.found)
            return
        held: dict[str, list[tuple[Row, int]]] = {}
        for row, line in lines:
            id = row.record.id
            same = held.setdefault(id, [])
            same.append((row, line))
            if len(same) < self._rows_of[found].get(id, 1):
                continue
            del held[id]
            try:
                yield joined_row([one for one, _ in same], self._kind.group)
            except Disagreement as error:
                self.unfit.differing(id, f"{_lines(found, same)} ({id}) {error}")
        for id, same in held.items():
            self.unfit.differing(id, f"{_lines(found, same)} ({id}) cannot join a row that cannot be read")

    def _lines_of(self, found: Found, path: Path) -> Iterator[tuple[Row, int]]:
        sheet = self._sheet(found, path)
        touched = datetime.fromtimestamp(found.modified // 10**9, UTC)
        wanted = [*self._fields, *self._kind.ids, *([self._kind.modified] if self._kind.modified else [])]
        columns = pick_columns(self._source.name, self._kind.kind, list(dict.fromkeys(wanted)), sheet.header)
        places = {name: sheet.header.index(column) for name, column in columns.items()}
        for cells, line in sheet.rows():
            at = f"{found.name}, line {line}"
            if len(cells) != len(sheet.header):
                what = f"{at} has {len(cells)} cells where the first line names {len(sheet.header)} columns"
                self.unfit.unreadable(what, [found.name, line, *cells])
                continue
            try:
                row = self._row(places, cells, touched)
            except NoId as error:
                self.unfit.lacking(f"{at} has {error}", [found.name, line, *cells])
                continue
            except OddId as error:
                self.unfit.unreadable(f"{at}: {error}: give it as text", [found.name, line, *cells])
                continue
            except _NoTime:
                what = f"{at}: {self._kind.modified} is no ISO 8601 time"
                self.unfit.unreadable(what, [found.name, line, *cells])
                continue
            except ConnectorError:
                raise
            except Exception as error:
                self.unfit.unreadable(f"{at} cannot be read ({type(error).__name__})", [found.name, line])
                continue
            yield row, line
        self._source.store.still(found)

    def _find_doubles(self, found: Found, path: Path) -> None:
        sheet = self._sheet(found, path)
        columns = pick_columns(self._source.name, self._kind.kind, self._kind.ids, sheet.header)
        places = [sheet.header.index(columns[name]) for name in self._kind.ids]
        lines: dict[str, int] = {}
        times = self._rows_of.setdefault(found, {})
        for cells, line in sheet.rows():
            if len(cells) != len(sheet.header):
                continue
            with suppress(NoId, OddId):
                id = join_id(self._kind, [cells[place] for place in places])
                if id in lines:
                    times[id] = times.get(id, 1) + 1
                if id in lines and self._kind.group is None:
                    self.unfit.doubled(id, f"{found.name}, line {line} has the same id as line {lines[id]} ({id})")
                lines[id] = line

    def _sheet(self, found: Found, path: Path) -> sheets.Sheet:
        return sheets.open_sheet(
            path,
            where=f"{self._source.name}, kind {self._kind.kind}: {found.name}",
            system=self._source.name,
            wanted=self._kind.ids,
            sheet=self._kind.sheet,
            encoding=self._source.settings.encoding,
            delimiter=self._source.settings.delimiter,
        )

    def _row(self, places: Mapping[str, int], cells: Sequence[Any], touched: datetime) -> Row:
        ids = [cells[places[name]] for name in self._kind.ids]
        at = touched
        if self._kind.modified:
            value = cells[places[self._kind.modified]]
            if value is not None and str(value).strip():
                found = parse_time(value)
                if found is None:
                    raise _NoTime
                at = found
        fields = {name: None if cells[places[name]] == "" else cells[places[name]] for name in self._fields}
        return make_row(self._kind, ids, at, fields)


def _lines(found: Found, rows: Sequence[tuple[Row, int]]) -> str:
    numbers = [str(line) for _, line in rows[:5]]
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"{found.name}, line{'s' if len(rows) > 1 else ''} {', '.join(numbers)}{more}"
