"""Read records from the result of an admin's SELECT, on any database SQLAlchemy speaks with; it never writes.

Which column means what is the mapping's. Finding changes among the rows is in connectors.table.changes.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.contract import Capabilities, FieldInfo, FieldType, Page, Readiness, Reading, Record, Roll, Seen
from connectors.errors import ConfigProblem, ConnectorError, joined, unexpected
from connectors.table import changes as finding
from connectors.table.database import LOCKED, open_read_only
from connectors.table.groups import Disagreement, check_rules, folded, joined_row
from connectors.table.query import single_select
from connectors.table.rows import (
    NoId,
    OddId,
    Row,
    Seconds,
    TableKind,
    batches,
    make_row,
    parse_time,
    pick_columns,
    split_id,
    table_kind,
)
from connectors.table.times import as_read, as_sorted, described
from connectors.table.trouble import in_words
from connectors.table.unfit import MOST, Unfits

_FETCH = 200  # ids in one query: some databases take no more than 999 parameters
_SAMPLE = 100
_ID = sa.Unicode(1000)  # Oracle casts to no text without a length
_OFFSET = re.compile(r"\d\d:\d\d.*[+-](?!00:?00$)\d\d:?\d\d$")


class Settings(BaseModel):
    """A database to read from.

    `url` is SQLAlchemy's form, e.g. postgresql://user:secret@host/db or sqlite:////data/erp.db. `statement_timeout`:
    a query that runs longer is stopped. `look_back`: how late a row may appear after the time written in its `modified`
    column and still be found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr
    statement_timeout: Seconds = 60.0
    page: int = Field(default=1000, ge=1, le=100_000)
    look_back: Seconds = 600.0


def connect(name: str, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> SqlSource:
    """Return the source without touching the database; raise ConfigProblem when the URL can never work."""
    del sleep  # waiting for a database that is away is the caller's
    return SqlSource(name, settings)


class SqlSource:
    """A database seen as a source; `define` says which kinds it holds."""

    capabilities = Capabilities()

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._engine = open_read_only(name, settings.url.get_secret_value(), settings.statement_timeout)
        self._kinds: dict[str, TableKind] = {}
        self._columns: dict[str, dict[str, str]] = {}  # of each kind, with their types

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Say what `kind` is: {query, id: column or columns, modified, group}; raise ConfigProblem."""
        defined = table_kind(self.name, kind, table, "query")
        where = f"{self.name}, kind {kind}"
        query = single_select(defined.source, where, self._engine.dialect.name)
        group = check_rules(self.name, where, defined.group, defined.ids)
        self._kinds[kind] = replace(defined, source=query, group=group)
        self._columns.pop(kind, None)

    def check(self) -> Readiness:
        problems: list[str] = []
        for kind in self._kinds.values():
            try:
                self._check_ids(kind)
            except ConnectorError as problem:
                problems.append(problem.message)
            except Exception as error:
                problems.append(self._unexpected(kind.kind, error).message)
        notes: tuple[str, ...] = ()
        if self._engine.dialect.name not in LOCKED:
            notes = (f"{self.name}: syncd cannot lock this database against writing; use a user that may only read",)
        return Readiness(problems=tuple(dict.fromkeys(problems)), notes=notes)

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        table = self._kind(kind)
        columns = self._present(table)
        sample = self._run(sa.select(*self._base(table).c).limit(_SAMPLE), table)
        return [
            FieldInfo(name=column, label=column, type=_type_of(row[i] for row in sample), writable=False)
            for i, column in enumerate(columns)
        ]

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield changed rows; see connectors.table.changes. A kind without a change costs one query."""
        del seen  # an equal count would hide a row whose time moved inside the look-back
        troubles: dict[str, ConnectorError] = {}
        for reading in (one for one in readings if not one.rests):
            try:
                yield from self._changes(reading)
            except ConfigProblem as error:
                troubles[reading.kind] = error
            except ConnectorError:
                raise
            except Exception as error:
                troubles[reading.kind] = self._unexpected(reading.kind, error)
        if troubles:
            raise joined(troubles)

    def _changes(self, reading: Reading) -> Iterator[Page]:
        kind = self._kind(reading.kind)
        scan = _Scan(self, kind, reading.fields)
        # A row that leaves its group moves no time: what is grouped is compared in full.
        if kind.modified is None or kind.group is not None:
            yield from finding.by_fingerprint(reading, scan.all, scan.unfit, self.settings.page)
        else:
            yield from finding.by_time(reading, scan, self.settings.page, self.settings.look_back)

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        table = self._kind(kind)
        scan = _Scan(self, table, fields)
        found: list[Record] = []
        wanted = [(i, parts) for i in ids if "\0" not in i and (parts := split_id(table, i)) is not None]
        for start in range(0, len(wanted), _FETCH):
            found += scan.by_ids([parts for _, parts in wanted[start : start + _FETCH]])
        return found

    def ids(self, kind: str) -> Iterator[Roll]:
        scan = _Scan(self, self._kind(kind), ())
        for records in batches(scan.all(), self.settings.page):
            yield Roll(alive=[record.id for record in records])
        if shared := scan.unfit.listed():
            yield Roll(alive=shared)

    def close(self) -> None:
        self._engine.dispose()

    def _unexpected(self, kind: str, error: Exception) -> ConnectorError:
        return unexpected(self.name, f"{self.name}, kind {kind}", error)

    def _kind(self, kind: str) -> TableKind:
        if kind not in self._kinds:
            raise ConfigProblem(
                f"{self.name} has no kind {kind}; give it `query` and `id` in the mapping", system=self.name
            )
        return self._kinds[kind]

    def _present(self, kind: TableKind) -> Mapping[str, str]:
        """Return the columns of the kind's query and the types that the driver names, asked for once."""
        if kind.kind not in self._columns:
            whole = _text(kind.source).columns().subquery("q")
            nothing: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(whole).where(sa.literal(1) == 0)
            names, types = self._described(nothing, kind)
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ConfigProblem(
                    f"{self.name}, kind {kind.kind}: the query returns {', '.join(twice)} more than once; give each "
                    f"column its own name with AS",
                    system=self.name,
                )
            pick_columns(self.name, kind.kind, [*kind.ids, *([kind.modified] if kind.modified else [])], names)
            self._columns[kind.kind] = {name: types.get(name, "") for name in names}
        return self._columns[kind.kind]

    def _base(self, kind: TableKind) -> sa.Subquery:
        return _text(kind.source).columns(*(sa.column(name) for name in self._present(kind))).subquery("q")

    def _described(self, statement: sa.Select[Any], kind: TableKind) -> tuple[tuple[str, ...], dict[str, str]]:
        with in_words(self.name, kind.kind), self._engine.connect() as connection:
            result = connection.execute(statement)
            return tuple(result.keys()), described(result)

    def _run(self, statement: sa.Select[Any], kind: TableKind) -> Sequence[sa.Row[Any]]:
        try:
            with in_words(self.name, kind.kind), self._engine.connect() as connection:
                return connection.execute(statement).all()
        except ConfigProblem:
            self._columns.pop(kind.kind, None)  # the table may have been altered
            raise

    def _check_ids(self, kind: TableKind) -> None:
        """Raise ConfigProblem when a row has no id, or two rows that are not grouped have one."""
        base = self._base(kind)
        columns = [base.c[c] for c in pick_columns(self.name, kind.kind, kind.ids, tuple(self._present(kind))).values()]
        empty = sa.select(sa.func.count()).select_from(base).where(sa.or_(*(c.is_(None) for c in columns)))
        double = sa.select(sa.func.count()).group_by(*columns).having(sa.func.count() > 1).select_from(base).limit(1)
        named = ", ".join(kind.ids)
        if count := self._run(empty, kind)[0][0]:
            raise ConfigProblem(
                f"{self.name}, kind {kind.kind}: {count} rows have no value in {named}; leave them out of the query, "
                f"or name other columns under `id`",
                system=self.name,
            )
        if kind.group is None and self._run(double, kind):
            raise ConfigProblem(
                f"{self.name}, kind {kind.kind}: several rows have the same {named}; make the query return one row "
                f"each (DISTINCT or GROUP BY), name more columns under `id`, or say under `group` how they become one",
                system=self.name,
            )


# ---------------------------------------------------------------------------------------------------------------------


class _Scan:
    """One reading's queries: rows in the order of (time, id), a page and a short connection at a time."""

    def __init__(self, source: SqlSource, kind: TableKind, fields: Sequence[str]) -> None:
        self._source = source
        self._kind = kind
        self._base = source._base(kind)
        present = source._present(kind)
        wanted = dict.fromkeys([*fields, *kind.ids, *([kind.modified] if kind.modified else [])])
        self._columns = pick_columns(source.name, kind.kind, list(wanted), tuple(present))
        self._fields = tuple(dict.fromkeys(fields))
        self._dialect, self._types = source._engine.dialect.name, present
        self._ids = [self._read(self._columns[name]) for name in kind.ids]
        self._time_name = name = self._columns[kind.modified] if kind.modified else ""
        self._time = as_sorted(self._base.c[name], self._dialect, present[name]) if name else None
        self.unfit = Unfits(source.name, f"{source.name}, kind {kind.kind}: ")

    def all(self) -> Iterator[Row]:
        """Yield every row in the order of its id."""
        ids = len(self._ids)
        yield from (one.row for one in self._walk([], self._ids, lambda place: _after(self._ids, place[-ids:])))

    def timed(self, since: Any, place: tuple[Any, ...] | None) -> Iterator[finding.Timed]:
        """Yield rows by time then id, from `since` on or after `place` (time, ids...); rows without a time last."""
        assert self._time is not None
        last = sa.case((self._time.is_(None), 1), else_=0)
        where = [] if since is None else [sa.or_(self._time >= since, self._time.is_(None))]
        if place is not None:
            where = [self._beyond(place)]
        latest: datetime | None = None
        for one in self._walk(where, [last, self._time, *self._ids], self._beyond):
            latest = self._refuse_disorder(latest, one.at)
            yield one

    def _walk(
        self,
        where: Sequence[sa.ColumnElement[bool]],
        order: Sequence[sa.ColumnElement[Any]],
        beyond: Callable[[tuple[Any, ...]], sa.ColumnElement[bool]],
    ) -> Iterator[finding.Timed]:
        """Yield the rows that can be taken, by pages of which each begins beyond the last row; note the others."""
        if self._kind.group is not None:
            for _, near in groupby(self._with_id(where, order, beyond), key=_folded_id):
                yield from self._grouped(near)
            return
        for _, group in groupby(self._with_id(where, order, beyond), key=lambda one: one.row.record.id):
            one, *more = group
            if more:
                at = one.place[0] if self._time is not None else None
                self.unfit.doubled(one.row.record.id, f"several rows have the id {one.row.record.id}", at)
            else:
                yield one

    def _grouped(self, rows: Iterable[finding.Timed]) -> Iterator[finding.Timed]:
        """Yield one row for each id, and note those whose rows do not come together."""
        same: dict[str, list[finding.Timed]] = {}
        for one in rows:
            same.setdefault(one.row.record.id, []).append(one)
        for id, of_one in same.items():
            try:
                row = joined_row([one.row for one in of_one], self._kind.group or {})
            except Disagreement as error:
                self.unfit.differing(id, f"the {len(of_one)} rows with the id {id} {error}")
                continue
            yield replace(of_one[-1], row=row)

    def _with_id(
        self,
        where: Sequence[sa.ColumnElement[bool]],
        order: Sequence[sa.ColumnElement[Any]],
        beyond: Callable[[tuple[Any, ...]], sa.ColumnElement[bool]],
    ) -> Iterator[finding.Timed]:
        now = datetime.now(UTC).replace(microsecond=0)
        size, page, place = self._source.settings.page, list(where), None
        while True:
            raw = self._page(page, order, size)
            rows = [one for values in raw if (one := self._timed(values, now)) is not None]
            if len(raw) == size and rows:  # the next page may begin with more rows of the last one's id
                together: Callable[[finding.Timed], Any] = _place if self._kind.group is None else _folded_id
                whole = [one for one in rows if together(one) != together(rows[-1])]
                if not whole and self._kind.group is not None:
                    size *= 2
                    continue
                rows = whole or rows
            yield from rows
            if len(raw) < size:
                break
            size, place = self._source.settings.page, rows[-1].place if rows else place
            # Nothing comes after a value that is not there, in SQL: such rows are asked for by themselves.
            page = [*([beyond(place)] if place is not None else where), *(column.is_not(None) for column in self._ids)]
        if len(page) > len(where):
            for values in self._page([*where, sa.or_(*(c.is_(None) for c in self._ids))], order, MOST + 1):
                self._timed(values, now)

    def by_ids(self, wanted: Sequence[Sequence[str]]) -> list[Record]:
        # Ids are compared as text, so that one form fits numbers and texts on every database.
        texts = [sa.func.trim(sa.cast(column, _ID)) for column in self._ids]
        if len(texts) == 1:
            condition: sa.ColumnElement[bool] = texts[0].in_([parts[0] for parts in wanted])
        else:
            condition = sa.or_(
                *(sa.and_(*(t == part for t, part in zip(texts, parts, strict=True))) for parts in wanted)
            )
        now = datetime.now(UTC).replace(microsecond=0)
        raw = self._source._run(self._select().where(condition), self._kind)
        rows = [one for row in raw if (one := self._timed(row._asdict(), now)) is not None]
        if self._kind.group is not None:
            return [one.row.record for one in self._grouped(rows)]
        found = [one.row.record for one in rows]
        times = Counter(record.id for record in found)
        return [record for record in found if times[record.id] == 1]

    def _beyond(self, place: tuple[Any, ...]) -> sa.ColumnElement[bool]:
        assert self._time is not None
        at, ids = place[0], place[1:]
        if at is None:
            return sa.and_(self._time.is_(None), _after(self._ids, ids))
        return sa.or_(_after([self._time, *self._ids], place), self._time.is_(None))

    def _page(
        self, where: Sequence[sa.ColumnElement[bool]], order: Sequence[sa.ColumnElement[Any]], size: int
    ) -> Sequence[Mapping[str, Any]]:
        statement = self._select().where(*where).order_by(*order).limit(size)
        return [row._asdict() for row in self._source._run(statement, self._kind)]

    def _select(self) -> sa.Select[Any]:
        return sa.select(*(self._shown(name) for name in dict.fromkeys(self._columns.values())))

    def _shown(self, name: str) -> sa.ColumnElement[Any]:
        read = self._time if name == self._time_name and self._time is not None else self._read(name)
        return read if read is self._base.c[name] else read.label(name)

    def _read(self, name: str) -> sa.ColumnElement[Any]:
        return as_read(self._base.c[name], self._dialect, self._types[name])

    def _column(self, name: str) -> str:
        return self._columns[name]

    def _timed(self, values: Mapping[str, Any], now: datetime) -> finding.Timed | None:
        """Return the row; None, and a note, where it has no id."""
        at = self._when(values) if self._time is not None else None
        stamp = (values[self._column(self._kind.modified)],) if self._kind.modified else ()
        ids = tuple(values[self._column(name)] for name in self._kind.ids)
        fields = {name: _unpadded(values[self._column(name)]) for name in self._fields}
        try:
            row = make_row(self._kind, ids, at or now, fields)
        except OddId as error:
            raise ConfigProblem(
                f"{self._source.name}, kind {self._kind.kind}: {error}; cast it to text. Nothing of this page was "
                f"stored",
                system=self._source.name,
            ) from error
        except NoId as error:
            told = [
                (name, str(value or "").replace("\0", "").strip()[:80])
                for name, value in zip(self._kind.ids, ids, strict=True)
            ]
            known = [f"{name} {value}" for name, value in told if value]
            about = ", ".join([*known, *(f"{self._kind.modified} {one}" for one in stamp)])
            self.unfit.lacking(
                f"a row has {error}" + (f" ({about})" if about else ""),
                values.values(),
                stamp[0] if stamp else None,
            )
            return None
        return finding.Timed(row=row, at=at, place=(*stamp, *ids))

    def _when(self, values: Mapping[str, Any]) -> datetime | None:
        raw = values[self._column(self._kind.modified or "")]
        at = parse_time(raw)
        if isinstance(raw, str) and _OFFSET.search(raw.strip()):
            raise ConfigProblem(
                f"{self._source.name}, kind {self._kind.kind}: the column {self._kind.modified} holds times as text "
                f"with different zones, which do not sort; cast it to UTC in the query",
                system=self._source.name,
            )
        if at is None and raw is not None:
            raise ConfigProblem(
                f"{self._source.name}, kind {self._kind.kind}: the column {self._kind.modified} holds a "
                f"{type(raw).__name__} that is no date and time (ISO 8601); cast it in the query, or leave `modified` "
                f"out to have every row compared",
                system=self._source.name,
            )
        return at

    def _refuse_disorder(self, latest: datetime | None, at: datetime | None) -> datetime | None:
        """Return the later time; raise when the database's order is not that of time, which would lose rows."""
        if latest is not None and at is not None and (latest - at).total_seconds() > self._source.settings.look_back:
            raise ConfigProblem(
                f"{self._source.name}, kind {self._kind.kind}: the times in {self._kind.modified} are text in several "
                f"forms, which do not sort; cast it to one form in the query",
                system=self._source.name,
            )
        return at if latest is None or (at is not None and at > latest) else latest


def _after(columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return the condition of a row coming after `place` in the order of the columns."""
    steps = [
        sa.and_(*(c == v for c, v in zip(columns[:i], place[:i], strict=True)), columns[i] > place[i])
        for i in range(len(columns))
    ]
    return sa.or_(*steps)


def _place(one: finding.Timed) -> tuple[Any, ...]:
    return one.place


def _folded_id(one: finding.Timed) -> str:
    return folded(one.row.record.id)


def _text(query: str) -> sa.TextClause:
    """Wrap the admin's words: a colon in them is never a parameter, and a comment at the end ends."""
    return sa.text(query.replace(":", r"\:") + "\n")


def _unpadded(value: Any) -> Any:
    """A CHAR column fills up with blanks what was shorter, on some databases; they are no part of the value."""
    return value.rstrip(" ") if isinstance(value, str) else value


def _type_of(values: Iterator[Any]) -> FieldType:
    kinds = {_word(value) for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else FieldType.TEXT


def _word(value: Any) -> FieldType:
    for python, word in (
        (bool, FieldType.BOOLEAN),
        (int | float | Decimal, FieldType.NUMBER),
        (datetime, FieldType.DATETIME),
    ):
        if isinstance(value, python):
            return word
    return FieldType.DATE if type(value).__name__ == "date" else FieldType.TEXT
