"""Queries of intake: what was seen before, who holds a key, and storing a page with its cursor in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    literal,
    select,
    true,
    update,
)

from syncd.store.database import to_ms
from syncd.store.rows import (
    Among,
    chunks,
    execute_among,
    execute_many,
    insert_into,
    insert_missing,
    insert_selected,
    narrowed,
    upsert,
)
from syncd.store.tables import cursor, due, entity, link, match_key, record, touch

# What stands where a record's digest would.
ERASED = "erased"  # over there; should it be seen again after all, it is read like any other
SHUT_OUT = "shut out"  # by a person's word: it is let in never again
MatchKey: TypeAlias = tuple[str, str]  # (kind of key, canonical value)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What intake compares a polled record with."""

    id: str
    fields: Mapping[str, Any]
    changed: Mapping[str, int]
    first_modified: int
    modified: int
    deleted: bool
    survivor: str | None
    digest: str


class SeenRecords:
    """How many stored records of a system fall into a span of modified times (connectors.contract.Seen)."""

    def __init__(self, engine: Engine, system: str) -> None:
        self._engine = engine.execution_options(syncd_reads_only=True)
        self._system = system

    def count(self, kind: str, since: datetime, before: datetime) -> int:
        span = {"system": self._system, "kind": kind, "since": to_ms(since), "before": to_ms(before)}
        with self._engine.connect() as connection:
            return int(connection.execute(_COUNT_SEEN, span).scalar_one())


def read_cursors(connection: Connection, system: str) -> dict[str, tuple[Any, list[str], int, bool]]:
    """Return kind -> (position, fields that were read, polled_at, complete)."""
    rows = connection.execute(_CURSORS, {"system": system})
    return {row.kind: (row.position, row.fields, row.polled_at, row.complete) for row in rows}


def last_readings(connection: Connection, kinds: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return (system, kind) -> when its latest reading that came to an end began, in ms, of these."""
    told = {(row.system, row.kind): row.polled_at for row in connection.execute(_LAST_READINGS)}
    return {key: at for key, at in told.items() if key in kinds}


def save_cursor(
    connection: Connection, system: str, kind: str, position: Any, fields: Sequence[str], polled_at: int, complete: bool
) -> None:
    row = {
        "system": system,
        "kind": kind,
        "position": position,
        "fields": list(fields),
        "polled_at": polled_at,
        "complete": complete,
    }
    upsert(connection, cursor, [row])


def mark_polled(connection: Connection, system: str, kinds: Sequence[str], polled_at: int) -> None:
    """Note that these kinds were read to their end."""
    rows = [{"b_system": system, "b_kind": kind, "b_at": polled_at} for kind in kinds]
    execute_many(connection, _MARK_POLLED, rows)


def is_complete(connection: Connection, system: str, kind: str) -> bool:
    """Return whether this kind was ever read to its end."""
    return bool(connection.execute(_IS_COMPLETE, {"system": system, "kind": kind}).scalar())


def stored_records(connection: Connection, system: str, kind: str, ids: Sequence[str]) -> dict[str, StoredRecord]:
    found: dict[str, StoredRecord] = {}
    for part in chunks(ids):
        rows = execute_among(connection, _stored_records, part, system=system, kind=kind).all()
        found.update((row[0], StoredRecord(*row)) for row in rows)
    return found


def links_of(connection: Connection, system: str, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Return record id -> entity."""
    found: dict[str, str] = {}
    for part in chunks(ids):
        rows = execute_among(connection, _links_of, part, system=system, kind=kind).all()
        found.update((one, owner) for one, owner in rows)
    return found


def taken_by(connection: Connection, system: str, kind: str, entities: Iterable[str]) -> dict[str, str]:
    """Return entity -> id of its record of this system and kind, deleted ones left out."""
    found: dict[str, str] = {}
    for part in chunks(entities):
        rows = execute_among(connection, _taken_by, part, system=system, kind=kind)
        found.update((row.entity, row.record_id) for row in rows)
    return found


@dataclass(frozen=True, slots=True)
class Holders:
    """Key -> the entities whose records tell it, and those whose records told it once and tell it no longer."""

    now: dict[MatchKey, list[str]] = field(default_factory=dict)
    once: dict[MatchKey, list[str]] = field(default_factory=dict)


def all_holders(connection: Connection, entity_kind: str, keys: Iterable[MatchKey]) -> Holders:
    """Return who has each key, or had it."""
    by_kind: dict[str, set[str]] = {}
    for key, value in keys:
        by_kind.setdefault(key, set()).add(value)
    found = Holders()
    for key, values in by_kind.items():
        for part in chunks(values):
            rows = execute_among(connection, _holders, part, entity_kind=entity_kind, key=key).all()
            for value, one, stated in rows:
                (found.now if stated else found.once).setdefault((key, value), []).append(one)
    return found


def holders_of(connection: Connection, entity_kind: str, keys: Iterable[MatchKey]) -> dict[MatchKey, list[str]]:
    """Return key -> the entities that have it."""
    return all_holders(connection, entity_kind, keys).now


def keys_held(connection: Connection, entities: Iterable[str], kinds: Iterable[str]) -> dict[str, set[MatchKey]]:
    """Return entity -> its keys of these kinds that count as told now."""
    found: dict[str, set[MatchKey]] = {}
    wanted = list(kinds)
    for part in chunks(entities):
        for one, key, value in execute_among(connection, _keys_held, part, kinds=wanted):
            found.setdefault(one, set()).add((key, value))
    return found


def save_records(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    upsert(connection, record, rows, keep=("first_modified",))


def move_stamps(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note new modified times of records whose mapped fields did not change."""
    execute_many(connection, _MOVE_STAMP, rows)


def save_entities(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_missing(connection, entity, rows)


def save_links(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store links; one that is there stays as it is."""
    insert_missing(connection, link, rows)


def save_keys(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store keys that are told now; one that was told no longer is again."""
    execute_many(connection, _state_keys(connection.dialect.name), rows)


def drop_keys(connection: Connection, gone: Iterable[tuple[str, MatchKey]]) -> None:
    """Forget these keys of these entities."""
    execute_many(connection, _DROP_KEY, [_bound(*one) for one in gone])


def outdate_keys(connection: Connection, gone: Iterable[tuple[str, MatchKey]]) -> None:
    """Keep these keys of these entities as what they told once."""
    execute_many(connection, _OUTDATE_KEY, [_bound(*one) for one in gone])


def retire_records(connection: Connection, system: str, kind: str, gone: Mapping[str, str]) -> None:
    """Mark records that were merged into another. `gone`: their id -> the survivor's."""
    for merged, survivor in gone.items():
        connection.execute(
            update(record)
            .where(record.c.system == system, record.c.kind == kind, record.c.id == merged, record.c.survivor.is_(None))
            .values(deleted=True, survivor=survivor, digest="")
        )


def save_touches(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_missing(connection, touch, rows)


def mark_all_due(connection: Connection, kind: str, rank: int, now: int, why: str) -> None:
    """Ask handoff to look at every account, branch or lead there is."""
    told = [literal(rank), literal(now), literal(why), literal(0), literal(0)]
    missing = select(entity.c.id, *told).where(entity.c.kind == kind, entity.c.id.not_in(select(due.c.entity)))
    insert_selected(connection, due, ["entity", "rank", "since", "why", "attempts", "not_before"], missing)


def mark_due(connection: Connection, entities: Mapping[str, int], now: int, why: str, not_before: int = 0) -> None:
    """Ask handoff to look at these entities. `entities`: id -> rank."""
    rows = [
        {"entity": one, "rank": rank, "since": now, "why": why[:64], "attempts": 0, "not_before": not_before}
        for one, rank in entities.items()
    ]
    upsert(connection, due, rows)


# ---------------------------------------------------------------------------------------------------------------------


def _stored_records(among: Among) -> Select[Any]:
    return select(
        record.c.id,
        record.c.fields,
        record.c.changed,
        record.c.first_modified,
        record.c.modified,
        record.c.deleted,
        record.c.survivor,
        record.c.digest,
    ).where(record.c.system == bindparam("system"), record.c.kind == bindparam("kind"), among(record.c.id))


def _links_of(among: Among) -> Select[Any]:
    here = (link.c.system == bindparam("system"), link.c.kind == bindparam("kind"))
    return select(link.c.record_id, link.c.entity).where(*here, among(link.c.record_id))


def _taken_by(among: Among) -> Select[Any]:
    same = and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id)
    here = (narrowed(link.c.system) == bindparam("system"), narrowed(link.c.kind) == bindparam("kind"))
    living = record.c.deleted.is_(False)
    return select(link.c.entity, link.c.record_id).join(record, same).where(*here, among(link.c.entity), living)


def _holders(among: Among) -> Select[Any]:
    here = (match_key.c.entity_kind == bindparam("entity_kind"), match_key.c.key == bindparam("key"))
    return select(match_key.c.value, match_key.c.entity, match_key.c.stated).where(*here, among(match_key.c.value))


def _keys_held(among: Among) -> Select[Any]:
    columns = (match_key.c.entity, match_key.c.key, match_key.c.value)
    wanted = match_key.c.key.in_(bindparam("kinds", expanding=True))
    return select(*columns).where(among(match_key.c.entity), wanted, match_key.c.stated)


_CURSORS = select(cursor).where(cursor.c.system == bindparam("system"))
_LAST_READINGS = select(cursor.c.system, cursor.c.kind, cursor.c.polled_at).where(cursor.c.complete.is_(True))
_IS_COMPLETE = select(cursor.c.complete).where(
    cursor.c.system == bindparam("system"), cursor.c.kind == bindparam("kind")
)
_MARK_POLLED = (
    update(cursor)
    .where(cursor.c.system == bindparam("b_system"), cursor.c.kind == bindparam("b_kind"))
    .values(polled_at=bindparam("b_at"), complete=True)
)
_COUNT_SEEN = select(func.count()).where(
    record.c.system == bindparam("system"),
    record.c.kind == bindparam("kind"),
    record.c.modified >= bindparam("since"),
    record.c.modified < bindparam("before"),
)
_MOVE_STAMP = (
    update(record)
    .where(
        record.c.system == bindparam("b_system"),
        record.c.kind == bindparam("b_kind"),
        record.c.id == bindparam("b_id"),
    )
    .values(modified=bindparam("b_modified"))
)
_ONE_KEY = (
    match_key.c.entity == bindparam("b_entity"),
    match_key.c.key == bindparam("b_key"),
    match_key.c.value == bindparam("b_value"),
)
_DROP_KEY = delete(match_key).where(*_ONE_KEY)
_OUTDATE_KEY = update(match_key).where(*_ONE_KEY).values(stated=false())


def _bound(entity_id: str, key: MatchKey) -> dict[str, Any]:
    return {"b_entity": entity_id, "b_key": key[0], "b_value": key[1]}


@lru_cache(maxsize=4)
def _state_keys(dialect: str) -> Any:
    statement = insert_into(match_key, dialect)
    return statement.on_conflict_do_update(
        index_elements=list(match_key.primary_key.columns),
        set_={"stated": true()},
        where=match_key.c.stated.is_(false()),
    )
