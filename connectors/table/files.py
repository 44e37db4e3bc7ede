"""Read records from CSV files; a file is read only when its size or time has changed.

Which column means what is the mapping's; comparing rows with those of the last read is in connectors.table.changes.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.contract import Capabilities, FieldInfo, FieldType, Page, Readiness, Reading, Record, Roll, Seen
from connectors.errors import ConfigProblem, ConnectorError, Unavailable, joined
from connectors.table import changes as finding
from connectors.table.rows import Row, TableKind, batches, make_row, parse_time, pick_columns, table_kind

_SETTLED = 2.0  # seconds: a file touched later than that may change again within the same tick of its clock
csv.field_size_limit(64 * 1024 * 1024)  # characters; the module's own limit of 128 KB refuses long notes


class Settings(BaseModel):
    """Where the files are. `encoding` is Python's name of it; a file that is not in it is refused, never guessed at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    page: int = Field(default=1000, ge=1, le=100_000)

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            "".encode(name)
        except (LookupError, ValueError) as error:
            raise ValueError("no such encoding; utf-8, cp1252 and utf-16 are usual ones") from error
        return name


def connect(name: str, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> CsvSource:
    """Return the source without touching a file."""
    del sleep  # waiting for a file that is away is the caller's
    return CsvSource(name, settings)


class CsvSource:
    """A folder of CSV files seen as a source; `define` says which file is which kind."""

    capabilities = Capabilities(reads=True)

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._kinds: dict[str, TableKind] = {}

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Say what `kind` is: {file, id: column or columns, modified: column or nothing}; raise ConfigProblem."""
        self._kinds[kind] = table_kind(self.name, kind, table, "file")

    def check(self) -> Readiness:
        problems: list[str] = []
        for kind in self._kinds.values():
            try:
                for _ in _File(self, kind, ()).rows():
                    pass
            except ConnectorError as problem:
                problems.append(problem.message)
        return Readiness(problems=tuple(problems), account=str(self.settings.folder or ""))

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        try:
            header = _File(self, self._kind(kind), ()).header()
        except Unavailable as error:
            raise ConfigProblem(error.message, system=self.name) from error
        return [FieldInfo(name=name, label=name, type=FieldType.TEXT, writable=False) for name in header]

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield changed rows; a file that was not touched is not opened."""
        del seen  # an equal count would hide a row that changed
        troubles: dict[str, ConnectorError] = {}
        for reading in readings:
            try:
                yield from self._changes(reading)
            except ConfigProblem as error:
                troubles[reading.kind] = error
        if troubles:
            raise joined(troubles)

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        wanted = set(ids)
        return [row.record for row in _File(self, self._kind(kind), fields).rows() if row.record.id in wanted]

    def ids(self, kind: str) -> Iterator[Roll]:
        for records in batches(_File(self, self._kind(kind), ()).rows(), self.settings.page):
            yield Roll(alive=[record.id for record in records])

    def _changes(self, reading: Reading) -> Iterator[Page]:
        file = _File(self, self._kind(reading.kind), reading.fields)
        stamp = file.stamp()
        known = stamp.settled(reading.fields)
        old = reading.after or {"rows": ""}  # not None: the whole file is checked before its first row is given out
        if known is not None and old.get("file") == known:
            return
        last: Page | None = None
        for page in finding.by_fingerprint(replace(reading, after=old), file.rows, self.settings.page):
            if last is not None:
                yield last
            last = page
        if last is None:  # touched, but the same rows: say so once, so that the next poll need not read
            if known is not None:
                yield Page(kind=reading.kind, records=(), cursor={**old, "file": known})
            return
        yield replace(last, cursor={**last.cursor, "file": known})

    def _kind(self, kind: str) -> TableKind:
        if kind not in self._kinds:
            raise ConfigProblem(
                f"{self.name} has no kind {kind}; give it `file` and `id` in the mapping", system=self.name
            )
        return self._kinds[kind]


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stamp:
    size: int
    modified: int  # nanoseconds

    def settled(self, fields: Sequence[str]) -> list[Any] | None:
        """Return what a cursor can trust, for these fields; None for a file touched a moment ago."""
        young = time.time_ns() - self.modified < _SETTLED * 1e9
        return None if young else [self.size, self.modified, *fields]


class _File:
    """One kind's file, read from the start each time."""

    def __init__(self, source: CsvSource, kind: TableKind, fields: Sequence[str]) -> None:
        self._system = source.name
        self._settings = source.settings
        self._kind = kind
        self._fields = tuple(dict.fromkeys(fields))
        self._path = (source.settings.folder or Path()) / kind.source
        self._where = f"{source.name}, kind {kind.kind}: {kind.source}"

    def stamp(self) -> _Stamp:
        """Return size and time; raise Unavailable when there is no file (an export may be replacing it)."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise Unavailable(
                f"{self._where} cannot be read ({error.strerror}); put the file there, or mend `file` or `folder`. "
                f"It is tried again",
                system=self._system,
            ) from error
        return _Stamp(found.st_size, found.st_mtime_ns)

    def header(self) -> list[str]:
        for cells, line in self._lines():
            self._check_header(cells, line)
            return cells
        raise Unavailable(
            f"{self._where} is empty: not even a line of column names; write the file again. It is tried again",
            system=self._system,
        )

    def rows(self) -> Iterator[Row]:
        """Yield every row; raise ConfigProblem with the line of the first that cannot be one."""
        before = self.stamp()
        touched = datetime.fromtimestamp(before.modified // 10**9, UTC)
        header = self.header()
        wanted = [*self._fields, *self._kind.ids, *([self._kind.modified] if self._kind.modified else [])]
        columns = pick_columns(self._system, self._kind.kind, list(dict.fromkeys(wanted)), header)
        lines: dict[str, int] = {}
        for number, (cells, line) in enumerate(self._lines()):
            if number == 0:
                continue
            row = self._row(header, columns, cells, line, touched)
            if row.record.id in lines:
                raise self._wrong(f"line {line} has the same id as line {lines[row.record.id]} ({row.record.id})")
            lines[row.record.id] = line
            yield row
        if self.stamp() != before:
            raise Unavailable(f"{self._where} changed while it was read; it is tried again", system=self._system)

    def _row(
        self, header: list[str], columns: Mapping[str, str], cells: list[str], line: int, touched: datetime
    ) -> Row:
        if len(cells) != len(header):
            raise self._wrong(f"line {line} has {len(cells)} cells where the first line names {len(header)} columns")
        values = dict(zip(header, cells, strict=True))
        ids = [values[columns[name]] for name in self._kind.ids]
        empty = [name for name, value in zip(self._kind.ids, ids, strict=True) if not value.strip()]
        if empty:
            raise self._wrong(f"line {line} has no value in the id column {empty[0]}")
        at = touched
        if self._kind.modified and (text := values[columns[self._kind.modified]].strip()):
            found = parse_time(text)
            if found is None:
                raise self._wrong(f"line {line}: {self._kind.modified} is no ISO 8601 time")
            at = found
        fields = {name: values[columns[name]] or None for name in self._fields}
        return make_row(self._system, self._kind, ids, at, fields)

    def _lines(self) -> Iterator[tuple[list[str], int]]:
        """Yield the cells and the number of each line that is not blank."""
        encoding = "utf-8-sig" if self._settings.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else None
        line = 0
        try:
            with self._path.open(encoding=encoding or self._settings.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self._settings.delimiter, strict=True)
                for cells in reader:
                    line = reader.line_num
                    if cells:
                        yield cells, line
        except UnicodeError as error:
            raise self._wrong(
                f"line {self._bad_line()} is not {self._settings.encoding} text; save the file as UTF-8, or set "
                f"`encoding` (cp1252 for one from Windows)"
            ) from error
        except csv.Error as error:
            raise self._wrong(
                f"line {line + 1} or what follows is no CSV: a quote stands amid a cell or does not close"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"{self._where} cannot be read ({error.strerror}); check the path and its permissions. It is "
                f"tried again",
                system=self._system,
            ) from error

    def _bad_line(self) -> int:
        """Return the number of the first line that does not decode."""
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode(self._settings.encoding)
                except UnicodeError:
                    return number
        return 1

    def _check_header(self, names: list[str], line: int) -> None:
        for place, name in enumerate(names):
            if not name.strip():
                raise self._wrong(f"line {line}: column {place + 1} has no name")
            if name in names[:place]:
                raise self._wrong(f"line {line} names the column {name} twice")

    def _wrong(self, what: str) -> ConfigProblem:
        return ConfigProblem(
            f"{self._where}, {what}. Mend the file; nothing of it is taken until then", system=self._system
        )
