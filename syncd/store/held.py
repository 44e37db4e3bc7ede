"""Queries about what the brakes hold, and about what a person let through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from syncd.store.rows import chunks, execute_many, upsert
from syncd.store.tables import approval, due, entity, held


@dataclass(frozen=True, slots=True)
class Kept:
    """What one brake holds of an entity. `approved`: it may pass."""

    records: int
    since: int
    approved: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """All that one brake holds. `kinds`: kind of entity -> how many; `examples`: some of their ids."""

    records: int
    since: int
    kinds: Mapping[str, int]
    examples: Sequence[str]


def is_empty(connection: Connection) -> bool:
    return connection.execute(_ANYTHING).first() is None


def totals(connection: Connection) -> dict[str, int]:
    """Return closed brake -> records that it holds."""
    return {name: int(records) for name, records in connection.execute(_TOTALS)}


def rows_of(connection: Connection, entities: Iterable[str]) -> dict[str, dict[str, Kept]]:
    """Return entity -> brake -> what it holds, approved or not."""
    found: dict[str, dict[str, Kept]] = {}
    for part in chunks(entities):
        for row in connection.execute(select(held).where(held.c.entity.in_(part))):
            found.setdefault(row.entity, {})[row.brake] = Kept(row.records, row.since, row.approved_at is not None)
    return found


def keep(connection: Connection, rows: Sequence[tuple[str, str, int]], now: int) -> None:
    """Hold entities: (entity, brake, records). One that is held already stays so since then."""
    told = [
        {"entity": one, "brake": name, "records": records, "since": now, "approved_at": None}
        for one, name, records in rows
    ]
    upsert(connection, held, told, keep=("since",))


def drop(connection: Connection, rows: Collection[tuple[str, str]]) -> None:
    """Forget what is no longer wanted: (entity, brake)."""
    execute_many(connection, _DROP, [{"b_entity": one, "b_brake": name} for one, name in rows])


def use_up(connection: Connection) -> None:
    """Forget the approvals of entities of which all was written that an approval let through.

    Who is due, or is held for something else, still has something to write.
    """
    if is_empty(connection):
        return
    other = held.alias()
    waits = select(other.c.entity).where(other.c.entity == held.c.entity, other.c.approved_at.is_(None))
    listed = select(due.c.entity).where(due.c.entity == held.c.entity)
    connection.execute(delete(held).where(held.c.approved_at.is_not(None), ~listed.exists(), ~waits.exists()))


def forget(connection: Connection, entities: Iterable[str]) -> None:
    """Hold nothing any more of entities that are no longer."""
    for part in chunks(entities):
        connection.execute(delete(held).where(held.c.entity.in_(part)))


def waiting(connection: Connection, brake: str | None = None) -> list[str]:
    """Return the entities that wait, for any brake or for one."""
    query = select(held.c.entity).where(_WAITS).distinct().order_by(held.c.entity)
    return list(connection.execute(query if brake is None else query.where(held.c.brake == brake)).scalars())


def open_brake(connection: Connection, brake: str) -> None:
    connection.execute(delete(held).where(held.c.brake == brake, _WAITS))


def closed(connection: Connection, brakes: Collection[str] | None = None, examples: int = 0) -> dict[str, Closed]:
    """Return brake -> all that it holds, of the brakes named or of every one that is closed."""
    kinds: dict[str, dict[str, int]] = {}
    summed: dict[str, tuple[int, int]] = {}
    query = (
        select(held.c.brake, entity.c.kind, func.count(), func.sum(held.c.records), func.min(held.c.since))
        .join(entity, entity.c.id == held.c.entity)
        .where(_WAITS)
        .group_by(held.c.brake, entity.c.kind)
        .order_by(held.c.brake, entity.c.kind)
    )
    for name, kind, count, records, since in connection.execute(query):
        kinds.setdefault(name, {})[kind] = int(count)
        before = summed.get(name, (0, since))
        summed[name] = (before[0] + int(records), min(before[1], since))
    return {
        name: Closed(records=records, since=since, kinds=kinds[name], examples=_first(connection, name, examples))
        for name, (records, since) in summed.items()
        if brakes is None or name in brakes
    }


def approve(connection: Connection, by: str, now: int) -> dict[str, int]:
    """Let through what is held now, and nothing that comes later; return brake -> entities."""
    query = select(held.c.brake, func.count()).where(_WAITS).group_by(held.c.brake).order_by(held.c.brake)
    found = {name: int(count) for name, count in connection.execute(query)}
    connection.execute(update(held).where(_WAITS).values(approved_at=now))
    for name, count in found.items():
        note_approval(connection, name, by, now, count)
    return found


def note_approval(connection: Connection, what: str, by: str, now: int, entities: int | None = None) -> None:
    connection.execute(insert(approval).values(what=what, by=by, at=now, entities=entities))


def approved_at(connection: Connection, what: str) -> int | None:
    """Return when a person last let this through, in ms."""
    at: int | None = connection.execute(select(func.max(approval.c.at)).where(approval.c.what == what)).scalar()
    return at


def latest_approvals(connection: Connection, limit: int) -> list[Any]:
    """Return (what, by, at, entities), the latest first."""
    return list(connection.execute(select(approval).order_by(approval.c.id.desc()).limit(limit)))


# ---------------------------------------------------------------------------------------------------------------------


_ANYTHING = select(held.c.entity).limit(1)
_WAITS = held.c.approved_at.is_(None)
_TOTALS = select(held.c.brake, func.sum(held.c.records)).where(_WAITS).group_by(held.c.brake)
_DROP = delete(held).where(held.c.entity == bindparam("b_entity"), held.c.brake == bindparam("b_brake"))


def _first(connection: Connection, brake: str, limit: int) -> list[str]:
    query = select(held.c.entity).where(held.c.brake == brake, _WAITS).order_by(held.c.since, held.c.entity)
    return list(connection.execute(query.limit(limit)).scalars()) if limit else []
