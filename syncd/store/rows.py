"""What every group of queries needs: a statement for many rows, insert-or-update, and rows by a list of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

# SQLite takes 32,766 bound values in a statement; a tenth of it keeps statements small enough to be cached.
MOST_KEYS = 1_000
NUL = "\\u0000"  # as JSON spells it; there a text of SQLite's ends


def execute_many(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement for each of the rows, which all have the same keys; `statement` is made once and kept.

    The driver is given its own form of the rows: SQLAlchemy takes longer to make that anew than SQLite to write them.
    """
    if rows:
        prepared = _prepared(statement, connection.dialect, tuple(rows[0]))
        connection.exec_driver_sql(prepared.sql, prepared.parameters(rows))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that are not there."""
    execute_many(connection, insert_into(table, connection.dialect.name), rows)


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, keep: Sequence[str] = ()
) -> None:
    """Insert rows, or overwrite those that are there; columns in `keep` hold on to the value that is there.

    One executemany: six times as fast as one statement with many VALUES on SQLite.
    """
    if rows:
        execute_many(connection, _upsert(table, connection.dialect.name, tuple(sorted(rows[0])), tuple(keep)), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; leave those alone that are there."""
    execute_many(connection, _insert_missing(table, connection.dialect.name), rows)


def insert_selected(connection: Connection, table: Table, columns: Sequence[str], query: Select[Any]) -> None:
    """Insert what the query finds; leave rows alone that are there, or that another transaction brings just now."""
    statement = insert_into(table, connection.dialect.name).from_select(list(columns), query)
    connection.execute(statement.on_conflict_do_nothing())


Among: TypeAlias = Callable[[Any], ColumnElement[bool]]  # column of text -> whether it holds one of the keys


def execute_among(
    connection: Connection, build: Callable[[Among], Any], keys: Sequence[str], **values: Any
) -> CursorResult[*tuple[Any, ...]]:
    """Execute the statement that `build` makes about these keys; `values` are its other parameters.

    It is made once for each kind of database: to make a statement takes five times as long as to carry it out.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(_built(build, connection.dialect.name), {"among": list(keys), **values})
    listed = orjson.dumps(keys).decode()
    if NUL in listed:
        return connection.execute(build(lambda column: column.in_(keys)), values)
    return connection.execute(_built(build, "sqlite"), {"among": listed, **values})


def narrowed(column: Any) -> ColumnElement[str]:
    """Return a column of text for a condition that no index shall be asked for.

    SQLite, which does not count what its tables hold, would rather look through all records of a kind, or all writes
    that were taken, than look up a thousand keys.
    """
    return func.coalesce(column, "")


def chunks(values: Iterable[Any], size: int = MOST_KEYS) -> Iterator[list[Any]]:
    """Split keys for an IN list."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


@lru_cache(maxsize=64)
def insert_into(table: Table, dialect: str) -> Any:
    """Return an insert of the dialect's own, which can say what happens where a row is there."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


# ---------------------------------------------------------------------------------------------------------------------


@cache
def _built(build: Callable[[Among], Any], dialect: str) -> Any:
    return build(_in_list_of_json if dialect == "sqlite" else _in_array)


def _in_list_of_json(column: Any) -> ColumnElement[bool]:
    """SQLite gets them as one list in JSON: to bind a thousand parameters takes longer than to look the rows up."""
    listed = func.json_each(bindparam("among")).table_valued("value")
    return column.in_(select(listed.c.value))  # type: ignore[no-any-return]


def _in_array(column: Any) -> ColumnElement[bool]:
    return column == any_(bindparam("among", type_=postgresql.ARRAY(Text)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Prepared:
    """A statement in a driver's words. `places`: (name of the parameter, what makes the driver's value of ours)."""

    sql: str
    places: Sequence[tuple[str, Callable[[Any], Any] | None]]
    constants: Mapping[str, Any]
    by_position: bool

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        columns = [self._column(name, convert, rows) for name, convert in self.places]
        if self.by_position:
            return list(zip(*columns, strict=True))
        names = [name for name, _ in self.places]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _column(self, name: str, convert: Callable[[Any], Any] | None, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        if name in self.constants:
            value = self.constants[name]
            return [convert(value) if convert else value] * len(rows)
        return [convert(row[name]) for row in rows] if convert else [row[name] for row in rows]


@lru_cache(maxsize=256)
def _prepared(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    types = {name: bound.type.dialect_impl(dialect) for bound, name in compiled.bind_names.items()}
    order = compiled.positiontup if compiled.positional else list(types)
    return _Prepared(
        sql=str(compiled),
        places=[(name, types[name].bind_processor(dialect)) for name in order],
        constants={name: value for name, value in compiled.params.items() if name not in names},
        by_position=bool(compiled.positional),
    )


@lru_cache(maxsize=64)
def _upsert(table: Table, dialect: str, columns: tuple[str, ...], keep: tuple[str, ...]) -> Any:
    statement = insert_into(table, dialect)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in columns if name not in keys and name not in keep}
    if not changed:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@lru_cache(maxsize=64)
def _insert_missing(table: Table, dialect: str) -> Any:
    return insert_into(table, dialect).on_conflict_do_nothing()
