"""Queries of the systems' people: who can own records, as they were last read, and whose records they own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, and_, delete, select

from syncd.store.rows import insert_rows
from syncd.store.tables import entity, link, person, record

Row = tuple[str, str | None, bool]  # (id, e-mail address in lower case, active)
PAGE = 5_000


def read_people(connection: Connection) -> list[tuple[str, str, str | None, bool]]:
    """Return (system, id, e-mail, active) of everybody."""
    query = select(person.c.system, person.c.id, person.c.email, person.c.active).order_by(person.c.system, person.c.id)
    return [(row.system, row.id, row.email, row.active) for row in connection.execute(query)]


def save_people(connection: Connection, system: str, people: Sequence[Row]) -> set[Row]:
    """Put these in place of whom the system had; return whoever differs, as before and as now."""
    before = {row[1:] for row in read_people(connection) if row[0] == system}
    now = set(people)
    if before != now:
        connection.execute(delete(person).where(person.c.system == system))
        rows = [{"system": system, "id": id, "email": email, "active": active} for id, email, active in now]
        insert_rows(connection, person, sorted(rows, key=lambda one: str(one["id"])))
    return before ^ now


def records_owned(
    connection: Connection, system: str, kind: str, fields: Collection[str], ids: Collection[str]
) -> set[str]:
    """Return the entities with a living record in which one of these fields holds one of these ids."""
    query = (
        select(link.c.entity, record.c.fields)
        .join(
            record,
            and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
        )
        .where(link.c.system == system, link.c.kind == kind, record.c.deleted.is_(False))
    )
    rows = connection.execute(query.execution_options(yield_per=PAGE))
    return {one for one, held in rows if any(str(held.get(name)) in ids for name in fields)}


def entities_owned(connection: Connection, kind: str, names: Iterable[str], emails: Collection[str]) -> set[str]:
    """Return the entities of a kind in which one of these fields of ours holds one of these addresses."""
    wanted = list(names)
    query = select(entity.c.id, entity.c["values"]).where(entity.c.kind == kind)
    rows = connection.execute(query.execution_options(yield_per=PAGE))
    return {one for one, values in rows if any(values.get(name) in emails for name in wanted)}
