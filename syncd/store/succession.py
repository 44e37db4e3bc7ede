"""Queries of merges and conversions: who claims a record, and joining two entities into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from syncd.store import held
from syncd.store.intake import save_keys
from syncd.store.likeness import DOUBLE, look_again
from syncd.store.pairings import hand_on
from syncd.store.rows import chunks, insert_missing, upsert
from syncd.store.tables import (
    agreed,
    due,
    entity,
    intent,
    ledger,
    link,
    match_key,
    problem,
    record,
    stage_event,
    touch,
    verdict,
    waiver,
)

RecordKey = tuple[str, str, str]  # (system, kind, id)
WAS = "was"  # -> the id, and so our key in the CRM, of an entity that was joined with this one
_NAMING_AN_ENTITY = ("account", "parent", "asked", "double")  # keys whose value is an entity's id


def survivors_of(connection: Connection, system: str, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Return id -> the record of the same kind that it was merged into, as far as stored."""
    found: dict[str, str] = {}
    for part in chunks(ids):
        query = select(record.c.id, record.c.survivor).where(
            record.c.system == system,
            record.c.kind == kind,
            record.c.id.in_(part),
            record.c.deleted.is_(True),
            record.c.survivor.is_not(None),
        )
        found.update((key, survivor) for key, survivor in connection.execute(query))
    return found


def records_of(connection: Connection, one: str) -> list[RecordKey]:
    """Return every record that is linked to this entity, deleted ones too."""
    query = select(link.c.system, link.c.kind, link.c.record_id).where(link.c.entity == one)
    return [(system, kind, key) for system, kind, key in connection.execute(query.order_by(*link.primary_key))]


def living_records(connection: Connection, entities: Iterable[str]) -> dict[str, list[RecordKey]]:
    """Return entity -> its records that are neither deleted nor live on as another."""
    found: dict[str, list[RecordKey]] = {}
    for part in chunks(entities):
        query = (
            select(link.c.entity, record.c.system, record.c.kind, record.c.id)
            .join(
                record,
                and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
            )
            .where(link.c.entity.in_(part), record.c.deleted.is_(False), record.c.survivor.is_(None))
            .order_by(record.c.system, record.c.kind, record.c.id)
        )
        for one, *key in connection.execute(query):
            found.setdefault(one, []).append((key[0], key[1], key[2]))
    return found


def join_entities(
    connection: Connection, keeper: str, others: Sequence[str], state: Mapping[str, Any], noes: Sequence[str], now: int
) -> None:
    """Give everything that is known of `others` to `keeper`, with the ladder state it shall have, and drop them.

    Of their values only the `noes` are: what else counts is decided anew, these may be known from nowhere else.
    """
    kept = _with_noes(connection, keeper, others, noes)
    for table, column in (
        (link, link.c.entity),
        (ledger, ledger.c.entity),
        (intent, intent.c.entity),
        (problem, problem.c.entity),
        (stage_event, stage_event.c.lead),
        (verdict, verdict.c.lead),
        (waiver, waiver.c.lead),
    ):
        connection.execute(update(table).where(column.in_(others)).values({column: keeper}))
    touches = connection.execute(select(touch).where(touch.c.lead.in_(others)))
    insert_missing(connection, touch, [{**row._mapping, "lead": keeper} for row in touches])
    connection.execute(delete(touch).where(touch.c.lead.in_(others)))
    keys = connection.execute(select(match_key).where(match_key.c.entity.in_(others))).all()
    insert_missing(connection, match_key, [{**row._mapping, "entity": keeper} for row in keys])
    kind = connection.execute(select(entity.c.kind).where(entity.c.id == keeper)).scalar_one()
    insert_missing(
        connection,
        match_key,
        [{"entity_kind": kind, "key": WAS, "value": one, "entity": keeper, "stated": True} for one in others],
    )
    save_keys(connection, [{**_key_of(row), "entity": keeper} for row in keys if row.stated])
    connection.execute(delete(match_key).where(match_key.c.entity.in_(others)))
    hand_on(connection, keeper, others)
    placed = and_(match_key.c.key.in_(_NAMING_AN_ENTITY), match_key.c.value.in_(others))
    members = connection.execute(select(match_key).where(placed)).all()
    insert_missing(connection, match_key, [{**row._mapping, "value": keeper} for row in members])
    connection.execute(delete(match_key).where(placed))
    connection.execute(delete(match_key).where(match_key.c.key == DOUBLE, match_key.c.value == match_key.c.entity))
    look_again(connection, [keeper])
    connection.execute(delete(due).where(due.c.entity.in_(others)))
    held.forget(connection, others)
    connection.execute(delete(entity).where(entity.c.id.in_(others)))
    connection.execute(update(entity).where(entity.c.id == keeper).values(state=dict(state), updated_at=now, **kept))


def bear_noes(connection: Connection, one: str, names: Sequence[str], said_by: RecordKey, at: int) -> None:
    """Let an entity bear the yes of a record to these fields. `at`: when that was said, in ms."""
    row = connection.execute(select(entity.c["values"], entity.c.provenance).where(entity.c.id == one)).one()
    missing = [name for name in names if row[0].get(name) is not True]
    if missing:
        values = {**row[0], **dict.fromkeys(missing, True)}
        provenance = {**row[1], **{name: [*said_by, at, "any", 0, False] for name in missing}}
        connection.execute(update(entity).where(entity.c.id == one).values(values=values, provenance=provenance))


def members_of(connection: Connection, account: str) -> list[tuple[str, str]]:
    """Return (kind, entity) of those that belong to an account, or of which a person is asked whether they do."""
    query = select(match_key.c.entity_kind, match_key.c.entity).distinct()
    found = connection.execute(query.where(match_key.c.key.in_(_NAMING_AN_ENTITY), match_key.c.value == account))
    return [(kind, one) for kind, one in found]


def bearers_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return id -> the entity that bears it, or bears it since another one was joined with it."""
    found: dict[str, str] = {}
    for part in chunks(ids):
        found.update(
            (one, one) for one in connection.execute(select(entity.c.id).where(entity.c.id.in_(part))).scalars()
        )
        query = select(match_key.c.value, match_key.c.entity).where(match_key.c.key == WAS, match_key.c.value.in_(part))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def set_link(connection: Connection, row: Mapping[str, Any]) -> None:
    """Link a record, to another entity if it had one."""
    upsert(connection, link, [row])


def agreements_of(connection: Connection, system: str, kind: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for part in chunks(ids):
        query = select(agreed.c.record_id, agreed.c["values"]).where(
            agreed.c.system == system, agreed.c.kind == kind, agreed.c.record_id.in_(part)
        )
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def waiting_records(connection: Connection, entities: Sequence[str]) -> list[RecordKey]:
    """Return the records of which a person was asked whether they are one of these."""
    query = select(problem.c.record).where(
        problem.c.open.is_(True),
        problem.c.entity.in_(entities),
        problem.c.key.startswith("who|"),
        problem.c.record.is_not(None),
    )
    found = {tuple(told.split(" ", 2)) for told in connection.execute(query).scalars()}
    return sorted((one[0], one[1], one[2]) for one in found if len(one) == 3)


# ---------------------------------------------------------------------------------------------------------------------


def _with_noes(connection: Connection, keeper: str, others: Sequence[str], noes: Sequence[str]) -> dict[str, Any]:
    """Return the keeper's values and provenance with the yes to each of these fields that one of the others bears."""
    query = select(entity.c.id, entity.c["values"], entity.c.provenance).where(entity.c.id.in_([keeper, *others]))
    known = {one: (values, provenance) for one, values, provenance in connection.execute(query)}
    values, provenance = (dict(one) for one in known.get(keeper, ({}, {})))
    for one in sorted(known.keys() - {keeper}):
        for name in noes:
            if values.get(name) is not True and known[one][0].get(name) is True and name in known[one][1]:
                values[name], provenance[name] = True, known[one][1][name]
    return {"values": values, "provenance": provenance}


def _key_of(row: Any) -> dict[str, Any]:
    return {"entity_kind": row.entity_kind, "key": row.key, "value": row.value}
