"""Queries of handoff: what is due, all that is known of it, and storing decisions, intents and answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, literal, or_, select, update

from syncd.lead.decision import EntityView, Related, SourceRecord, Touch
from syncd.lead.definition import EntityKind
from syncd.store.rows import chunks, execute_many, insert_rows, insert_selected, one_of, upsert
from syncd.store.tables import (
    agreed,
    due,
    entity,
    held,
    intent,
    ledger,
    link,
    problem,
    record,
    stage_event,
    touch,
    verdict,
)

LONGEST_WAIT_MS = 3_600_000  # nothing is put off for longer


def next_due(connection: Connection, now: int, limit: int) -> dict[str, int]:
    """Return entity -> since of what handoff should look at, all of one rank, accounts and branches first."""
    query = (
        select(due.c.entity, due.c.since, due.c.rank)
        .where(due.c.not_before <= now)
        .order_by(due.c.rank, due.c.since, due.c.entity)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    return {row.entity: row.since for row in rows if row.rank == rows[0].rank}


def count_due(connection: Connection, now: int | None = None, ranks: Iterable[int] | None = None) -> int:
    query = select(func.count()).select_from(due)
    if ranks is not None:
        query = query.where(due.c.rank.in_(list(ranks)))
    if now is not None:
        query = query.where(due.c.not_before <= now)
    return int(connection.execute(query).scalar_one())


def due_among(connection: Connection, entities: Collection[str], now: int) -> set[str]:
    """Return which of these may be looked at now."""
    found: set[str] = set()
    for part in chunks(entities):
        query = select(due.c.entity).where(due.c.entity.in_(part), due.c.not_before <= now)
        found.update(connection.execute(query).scalars())
    return found


def mend_waits(connection: Connection, now: int) -> None:
    """Let be due now what waits for a time that a clock told before it was set back."""
    told_otherwise = or_(due.c.since > now, due.c.not_before > now + LONGEST_WAIT_MS)
    connection.execute(update(due).where(due.c.not_before > now, told_otherwise).values(not_before=now, since=now))


def wake(connection: Connection, now: int, rank: int) -> None:
    """Let be due, in this rank, what is to be looked at again because time has passed; whom a brake holds waits on."""
    told = [literal(rank), literal(now), literal("time has passed"), literal(0), literal(0)]
    listed = select(due.c.entity).where(due.c.entity == entity.c.id).exists()
    waits = select(held.c.entity).where(held.c.entity == entity.c.id, held.c.approved_at.is_(None)).exists()
    risen = select(entity.c.id, *told).where(entity.c.look_at <= now, ~listed, ~waits)
    insert_selected(connection, due, ["entity", "rank", "since", "why", "attempts", "not_before"], risen)


def count_records(connection: Connection, systems: Sequence[str]) -> int:
    """Return how many records of these systems are known."""
    query = select(func.count()).where(record.c.system.in_(systems), record.c.deleted.is_(False))
    return int(connection.execute(query).scalar_one())


def count_leads(connection: Connection) -> int:
    query = select(func.count()).where(entity.c.kind == EntityKind.LEAD.value)
    return int(connection.execute(query).scalar_one())


def load_views(connection: Connection, ids: Sequence[str]) -> list[EntityView]:
    """Return all that is stored about these entities, in the order given; unknown ids are left out."""
    records = _records_of(connection, ids)
    touches = _touches_of(connection, ids)
    asked = _in_review(connection, ids)
    views: dict[str, EntityView] = {}
    for part in chunks(ids):
        query = select(
            entity.c.id,
            entity.c.kind,
            entity.c["values"],
            entity.c.provenance,
            entity.c.state,
            entity.c.definition,
            entity.c.look_at,
        ).where(one_of(connection, entity.c.id, part))
        for one, kind, values, provenance, state, definition, look_at in connection.execute(query).all():
            views[one] = EntityView(
                id=one,
                kind=EntityKind(kind),
                values=values,
                provenance=provenance,
                state=state,
                records=records.get(one, ()),
                touches=touches.get(one, ()),
                in_review=one in asked,
                known=definition is not None,
                look_at=look_at,
            )
    return [views[one] for one in ids if one in views]


def load_related(connection: Connection, ids: Iterable[str]) -> dict[str, Related]:
    """Return accounts and branches as others see them."""
    wanted = list(ids)
    records: dict[str, dict[tuple[str, str], str]] = {}
    for part in chunks(wanted):
        query = (
            select(link.c.entity, link.c.system, link.c.kind, link.c.record_id)
            .join(
                record,
                and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
            )
            .where(link.c.entity.in_(part), record.c.deleted.is_(False))
        )
        for row in connection.execute(query):
            records.setdefault(row.entity, {})[(row.system, row.kind)] = row.record_id
    found: dict[str, Related] = {}
    for part in chunks(wanted):
        told = select(entity.c.id, entity.c["values"], entity.c.provenance).where(entity.c.id.in_(part))
        for one, values, provenance in connection.execute(told):
            found[one] = Related(id=one, values=values, records=records.get(one, {}), provenance=provenance)
    return found


def parents_of(connection: Connection, accounts: Iterable[str]) -> dict[str, str]:
    """Return account -> the account above it, of those that have one."""
    parent = entity.c["values"]["parent"].as_string()
    found: dict[str, str] = {}
    for part in chunks(accounts):
        query = select(entity.c.id, parent).where(entity.c.id.in_(part), entity.c.kind == EntityKind.ACCOUNT.value)
        found.update((one, above) for one, above in connection.execute(query) if above is not None and above != one)
    return found


def save_decisions(
    connection: Connection,
    *,
    entities: Sequence[Mapping[str, Any]],
    agreements: Sequence[Mapping[str, Any]],
    intents: Sequence[Mapping[str, Any]],
    moves: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
    withdrawn: Mapping[str, int],
    changes: Sequence[Mapping[str, Any]],
) -> None:
    """Store everything that a batch of decisions changed, before any of it is acted on."""
    execute_many(connection, _SAVE_ENTITY, entities)
    upsert(connection, agreed, agreements)
    for table, rows in ((intent, intents), (stage_event, moves), (ledger, changes)):
        insert_rows(connection, table, rows)
    ended = {**{row["lead"]: row["at"] for row in verdicts}, **withdrawn}
    execute_many(connection, _RELEASE, [{"b_lead": lead, "b_at": at} for lead, at in ended.items()])
    insert_rows(connection, verdict, verdicts)


def save_intents(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(connection, intent, rows)


def forget_due(connection: Connection, looked_at: Mapping[str, int]) -> None:
    """Take entities off the list, unless they became due again meanwhile. `looked_at`: entity -> since."""
    rows = [{"b_entity": one, "b_since": since} for one, since in looked_at.items()]
    execute_many(connection, _FORGET_DUE, rows)


def planned_intents(connection: Connection, batch: str) -> list[Any]:
    return intents_of(connection, batch, "planned")


def intents_of(connection: Connection, batch: str, state: str) -> list[Any]:
    query = select(intent).where(intent.c.batch == batch, intent.c.state == state).order_by(intent.c.id)
    return list(connection.execute(query))


def as_they_stand(connection: Connection, rows: Sequence[Any]) -> list[Any]:
    """Return these intents with the entities they belong to by now: two may have become one since they were sent."""
    owners: dict[str, str] = {}
    for part in chunks([row.id for row in rows]):
        query = select(intent.c.id, intent.c.entity).where(one_of(connection, intent.c.id, part))
        owners.update((one, owner) for one, owner in connection.execute(query).all())
    moved = [row.id for row in rows if owners.get(row.id, row.entity) != row.entity]
    again: dict[str, Any] = {}
    for part in chunks(moved):
        query = select(intent).where(one_of(connection, intent.c.id, part))
        again.update((row.id, row) for row in connection.execute(query))
    return [again.get(row.id, row) for row in rows]


def planned_for(connection: Connection, one: str) -> bool:
    """Return whether something of this entity is on its way."""
    query = select(intent.c.id).where(intent.c.entity == one, intent.c.state == "planned").limit(1)
    return connection.execute(query).first() is not None


def count_planned(connection: Connection) -> int:
    query = select(func.count()).select_from(intent).where(intent.c.state == "planned")
    return int(connection.execute(query).scalar_one())


def lapse_intents(connection: Connection, now: int) -> list[str]:
    """Give up intents that nobody will answer any more; return their entities, which must be decided again.

    Safe because every request is idempotent: an update names its record, a create our own key.
    """
    left = list(connection.execute(select(intent.c.entity).where(intent.c.state == "planned").distinct()).scalars())
    if left:
        connection.execute(update(intent).where(intent.c.state == "planned").values(state="lapsed", answered_at=now))
    return left


def unwritten_intents(connection: Connection, batches: Sequence[str]) -> list[Any]:
    """Return (batch, entity, state, request) of the intents of these batches that ended otherwise than written."""
    columns = select(intent.c.batch, intent.c.entity, intent.c.state, intent.c.request)
    ended = intent.c.state.in_(("refused", "gone", "deferred", "lapsed"))
    return [
        row for part in chunks(batches) for row in connection.execute(columns.where(intent.c.batch.in_(part), ended))
    ]


def load_states(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in chunks(ids):
        query = select(entity.c.id, entity.c.state).where(one_of(connection, entity.c.id, part))
        found.update((one, state) for one, state in connection.execute(query))
    return found


def save_states(connection: Connection, states: Mapping[str, Any], now: int) -> None:
    rows = [{"b_id": one, "b_state": state, "b_at": now} for one, state in states.items()]
    execute_many(connection, _SAVE_STATE, rows)


def save_agreed(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    upsert(connection, agreed, rows)


def put_off(connection: Connection, entities: Sequence[str], until: int, why: str = "") -> None:
    """Leave entities on the list, to be looked at again from `until` (ms). `why`: empty, as it was."""
    told = {due.c.why: why} if why else {}
    for part in chunks(entities):
        values = {due.c.not_before: until, due.c.attempts: due.c.attempts + 1, **told}
        connection.execute(update(due).where(due.c.entity.in_(part)).values(values))


def attempts_of(connection: Connection, entities: Sequence[str]) -> dict[str, int]:
    """Return how often each was put off since it last became due."""
    found: dict[str, int] = {}
    for part in chunks(entities):
        query = select(due.c.entity, due.c.attempts).where(due.c.entity.in_(part))
        found.update((one, attempts) for one, attempts in connection.execute(query))
    return found


def kinds_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(ids):
        query = select(entity.c.id, entity.c.kind).where(one_of(connection, entity.c.id, part))
        found.update((one, kind) for one, kind in connection.execute(query).all())
    return found


def with_problems(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Return which of these entities have an open problem."""
    found: set[str] = set()
    for part in chunks(ids):
        query = select(problem.c.entity).where(one_of(connection, problem.c.entity, part), problem.c.open.is_(True))
        found.update(connection.execute(query).scalars())
    return found


def agreed_with(system: Any, kind: Any, record_id: Any) -> ColumnElement[bool]:
    """Return the condition that joins `agreed` to a record."""
    return and_(agreed.c.system == system, agreed.c.kind == kind, agreed.c.record_id == record_id)


def bury(connection: Connection, gone: Sequence[tuple[str, str, str]]) -> None:
    """Mark records as deleted over there; the tombstone keeps them from being made anew."""
    for system, kind, record_id in gone:
        connection.execute(
            update(record)
            .where(record.c.system == system, record.c.kind == kind, record.c.id == record_id)
            .values(deleted=True, digest="")
        )


def found_gone(connection: Connection, batch: str) -> dict[tuple[str, str], list[str]]:
    """Return (system, kind) -> the records that a batch's writes found gone."""
    query = select(intent.c.system, intent.c.kind, intent.c.record_id).where(
        intent.c.batch == batch, intent.c.state == "gone", intent.c.record_id.is_not(None)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for system, kind, record_id in connection.execute(query):
        found.setdefault((system, kind), []).append(record_id)
    return found


def dependents_of(connection: Connection, account_ids: Iterable[str]) -> set[str]:
    """Return the leads of these accounts: what they may say changed with the account or its branches."""
    from syncd.store.intake import holders_of

    found = holders_of(connection, EntityKind.LEAD.value, [("account", one) for one in account_ids])
    return {lead for leads in found.values() for lead in leads}


# ---------------------------------------------------------------------------------------------------------------------


def _records_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[SourceRecord]]:
    """Return entity -> its linked records, in a fixed order."""
    found: dict[str, list[SourceRecord]] = {}
    for part in chunks(ids):
        query = (
            select(
                link.c.entity,
                record.c.system,
                record.c.kind,
                record.c.id,
                record.c.fields,
                record.c.changed,
                record.c.first_modified,
                record.c.modified,
                record.c.deleted,
                record.c.survivor,
                agreed.c["values"],
            )
            .select_from(link)
            .join(
                record,
                and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
            )
            .outerjoin(agreed, agreed_with(link.c.system, link.c.kind, link.c.record_id))
            .where(one_of(connection, link.c.entity, part))
            .order_by(link.c.entity, link.c.system, link.c.kind, link.c.record_id)
        )
        for row in connection.execute(query).all():
            found.setdefault(row[0], []).append(
                SourceRecord(
                    system=row[1],
                    kind=row[2],
                    id=row[3],
                    fields=row[4],
                    changed=row[5],
                    first_modified=row[6],
                    modified=row[7],
                    deleted=row[8],
                    survivor=row[9],
                    agreed=row[10] or {},
                )
            )
    return found


def _touches_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Touch]]:
    found: dict[str, list[Touch]] = {}
    for part in chunks(ids):
        query = (
            select(touch)
            .where(one_of(connection, touch.c.lead, part))
            .order_by(touch.c.lead, touch.c.at.desc(), touch.c.kind)
        )
        for row in connection.execute(query):
            found.setdefault(row.lead, []).append(Touch(row.kind, row.at, row.what, row.campaign))
    return found


def _in_review(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(ids):
        query = select(problem.c.entity).where(
            one_of(connection, problem.c.entity, part), problem.c.open.is_(True), problem.c.kind == "review"
        )
        found.update(connection.execute(query).scalars())
    return found


_SAVE_ENTITY = (
    update(entity)
    .where(entity.c.id == bindparam("b_id"))
    .values(
        {
            entity.c["values"]: bindparam("b_values"),
            entity.c.provenance: bindparam("b_provenance"),
            entity.c.state: bindparam("b_state"),
            entity.c.definition: bindparam("b_definition"),
            entity.c.look_at: bindparam("b_look_at"),
            entity.c.updated_at: bindparam("b_at"),
        }
    )
)
_SAVE_STATE = (
    update(entity)
    .where(entity.c.id == bindparam("b_id"))
    .values({entity.c.state: bindparam("b_state"), entity.c.updated_at: bindparam("b_at")})
)
_RELEASE = (
    update(verdict)
    .where(verdict.c.lead == bindparam("b_lead"), verdict.c.outcome == "refused", verdict.c.released_at.is_(None))
    .values(released_at=bindparam("b_at"))
)
_FORGET_DUE = delete(due).where(due.c.entity == bindparam("b_entity"), due.c.since == bindparam("b_since"))
