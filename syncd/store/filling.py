"""Queries of fields that are read beside the polls, for records that are known already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from syncd.store.rows import upsert
from syncd.store.tables import due, filling, link, record


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """Which fields of a kind are read; `again`: also where they are known. `after` is the last record done."""

    fields: tuple[str, ...]
    again: bool
    after: str
    since: int  # when it was last asked for; ms


def read_fillings(connection: Connection, system: str) -> dict[str, Filling]:
    """Return kind -> what is under way."""
    rows = connection.execute(_OF_SYSTEM, {"system": system})
    return {
        row.kind: Filling(fields=tuple(row.fields), again=row.again, after=row.after, since=row.since) for row in rows
    }


def fields_under_way(connection: Connection) -> dict[tuple[str, str], frozenset[str]]:
    """Return (system, kind) -> the fields that are read for the first time."""
    rows = connection.execute(_UNDER_WAY)
    return {(system, kind): frozenset(fields) for system, kind, fields in rows}


def ask_for(connection: Connection, system: str, kind: str, fields: Collection[str], *, again: bool, now: int) -> None:
    """Ask for these fields of all known records; what is under way and covers them is left to go on."""
    there = read_fillings(connection, system).get(kind)
    if there is not None and set(fields) <= set(there.fields) and (there.again or not again):
        return
    wanted = sorted({*fields, *(there.fields if there is not None else ())})
    row = {"fields": wanted, "again": again or (there is not None and there.again), "after": "", "since": now}
    upsert(connection, filling, [{"system": system, "kind": kind, **row}])


def move_on(connection: Connection, system: str, kind: str, before: Filling, after: str) -> None:
    """Note the last record done, unless the fields were asked for anew meanwhile."""
    here = (filling.c.system == system, filling.c.kind == kind, filling.c.since == before.since)
    connection.execute(update(filling).where(*here).values(after=after))


def finish(connection: Connection, system: str, kind: str, before: Filling) -> None:
    here = (filling.c.system == system, filling.c.kind == kind, filling.c.since == before.since)
    connection.execute(delete(filling).where(*here))


def records_after(connection: Connection, system: str, kind: str, after: str, limit: int) -> list[str]:
    """Return the next living records, by id."""
    query = select(record.c.id).where(
        record.c.system == system, record.c.kind == kind, record.c.id > after, record.c.deleted.is_(False)
    )
    return list(connection.execute(query.order_by(record.c.id).limit(limit)).scalars())


def records_of_due(connection: Connection, system: str, kind: str, now: int, limit: int) -> Sequence[str]:
    """Return living records of entities that are to be decided next."""
    query = (
        select(record.c.id)
        .join(
            link,
            and_(link.c.system == record.c.system, link.c.kind == record.c.kind, link.c.record_id == record.c.id),
        )
        .join(due, due.c.entity == link.c.entity)
        .where(record.c.system == system, record.c.kind == kind, record.c.deleted.is_(False), due.c.not_before <= now)
    )
    return list(connection.execute(query.limit(limit)).scalars())


# ---------------------------------------------------------------------------------------------------------------------


_OF_SYSTEM = select(filling).where(filling.c.system == bindparam("system"))
_UNDER_WAY = select(filling.c.system, filling.c.kind, filling.c.fields).where(filling.c.again.is_(False))
