"""Queries of handoff: what is due, all that is known of it, and storing decisions, intents and answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, literal, or_, select, update

from syncd.lead.definition import EntityKind
from syncd.store.rows import (
    Among,
    chunks,
    execute_among,
    execute_many,
    insert_rows,
    insert_selected,
    upsert,
)
from syncd.store.tables import (
    agreed,
    due,
    entity,
    held,
    intent,
    ledger,
    problem,
    record,
    stage_event,
    verdict,
)

LONGEST_WAIT_MS = 3_600_000  # nothing is put off for longer


def next_due(connection: Connection, now: int, limit: int) -> dict[str, int]:
    """Return entity -> since of what handoff should look at, all of one rank, accounts and branches first."""
    rows = connection.execute(_NEXT_DUE, {"now": now, "limit": limit}).all()
    return {row.entity: row.since for row in rows if row.rank == rows[0].rank}


def count_due(connection: Connection, now: int | None = None, ranks: Iterable[int] | None = None) -> int:
    if ranks is None and now is not None:
        return int(connection.execute(_COUNT_DUE_NOW, {"now": now}).scalar_one())
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
        found.update(execute_among(connection, _due_among, part, now=now).scalars())
    return found


def mend_waits(connection: Connection, now: int) -> None:
    """Let be due now what waits for a time that a clock told before it was set back."""
    connection.execute(_MEND_WAITS, {"b_now": now, "b_latest": now + LONGEST_WAIT_MS})


def wake(connection: Connection, now: int, rank: int) -> None:
    """Let be due, in this rank, what is to be looked at again because time has passed; whom a brake holds waits on."""
    if connection.execute(_LOOKS_PAST, {"now": now}).first() is None:
        return
    told = [literal(rank), literal(now), literal("time has passed"), literal(0), literal(0)]
    listed = select(due.c.entity).where(due.c.entity == entity.c.id).exists()
    waits = select(held.c.entity).where(held.c.entity == entity.c.id, held.c.approved_at.is_(None)).exists()
    risen = select(entity.c.id, *told).where(entity.c.look_at <= now, ~listed, ~waits)
    insert_selected(connection, due, ["entity", "rank", "since", "why", "attempts", "not_before"], risen)


def count_records(connection: Connection, systems: Sequence[str]) -> int:
    """Return how many records of these systems are known."""
    return int(execute_among(connection, _count_records, systems).scalar_one())


def count_leads(connection: Connection) -> int:
    return int(connection.execute(_COUNT_LEADS).scalar_one())


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
    return list(connection.execute(_INTENTS_OF, {"batch": batch, "state": state}))


def as_they_stand(connection: Connection, rows: Sequence[Any]) -> list[Any]:
    """Return these intents with the entities they belong to by now: two may have become one since they were sent."""
    owners: dict[str, str] = {}
    for part in chunks([row.id for row in rows]):
        owners.update((one, owner) for one, owner in execute_among(connection, _owners, part).all())
    moved = [row.id for row in rows if owners.get(row.id, row.entity) != row.entity]
    again: dict[str, Any] = {}
    for part in chunks(moved):
        again.update((row.id, row) for row in execute_among(connection, _intents, part))
    return [again.get(row.id, row) for row in rows]


def planned_for(connection: Connection, one: str) -> bool:
    """Return whether something of this entity is on its way."""
    query = select(intent.c.id).where(intent.c.entity == one, intent.c.state == "planned").limit(1)
    return connection.execute(query).first() is not None


def count_planned(connection: Connection) -> int:
    return int(connection.execute(_COUNT_PLANNED).scalar_one())


def lapse_intents(connection: Connection, now: int) -> list[str]:
    """Give up intents that nobody will answer any more; return their entities, which must be decided again.

    Safe because every request is idempotent: an update names its record, a create our own key.
    """
    left = list(connection.execute(_PLANNED).scalars())
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
        found.update((one, state) for one, state in execute_among(connection, _states, part))
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
        found.update((one, attempts) for one, attempts in execute_among(connection, _attempts, part))
    return found


def kinds_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(ids):
        found.update((one, kind) for one, kind in execute_among(connection, _kinds, part).all())
    return found


def with_problems(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Return which of these entities have an open problem."""
    found: set[str] = set()
    for part in chunks(ids):
        found.update(execute_among(connection, _with_problems, part).scalars())
    return found


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
    found: dict[tuple[str, str], list[str]] = {}
    for system, kind, record_id in connection.execute(_FOUND_GONE, {"batch": batch}):
        found.setdefault((system, kind), []).append(record_id)
    return found


def dependents_of(connection: Connection, account_ids: Iterable[str]) -> set[str]:
    """Return the leads of these accounts: what they may say changed with the account or its branches."""
    from syncd.store.intake import holders_of

    found = holders_of(connection, EntityKind.LEAD.value, [("account", one) for one in account_ids])
    return {lead for leads in found.values() for lead in leads}


# ---------------------------------------------------------------------------------------------------------------------


def _due_among(among: Among) -> Select[Any]:
    return select(due.c.entity).where(among(due.c.entity), due.c.not_before <= bindparam("now"))


def _attempts(among: Among) -> Select[Any]:
    return select(due.c.entity, due.c.attempts).where(among(due.c.entity))


def _count_records(among: Among) -> Select[Any]:
    return select(func.count()).where(among(record.c.system), record.c.deleted.is_(False))


def _kinds(among: Among) -> Select[Any]:
    return select(entity.c.id, entity.c.kind).where(among(entity.c.id))


def _states(among: Among) -> Select[Any]:
    return select(entity.c.id, entity.c.state).where(among(entity.c.id))


def _with_problems(among: Among) -> Select[Any]:
    return select(problem.c.entity).where(among(problem.c.entity), problem.c.open.is_(True))


def _owners(among: Among) -> Select[Any]:
    return select(intent.c.id, intent.c.entity).where(among(intent.c.id))


def _intents(among: Among) -> Select[Any]:
    return select(intent).where(among(intent.c.id))


_NEXT_DUE = (
    select(due.c.entity, due.c.since, due.c.rank)
    .where(due.c.not_before <= bindparam("now"))
    .order_by(due.c.rank, due.c.since, due.c.entity)
    .limit(bindparam("limit"))
)
_COUNT_DUE_NOW = select(func.count()).select_from(due).where(due.c.not_before <= bindparam("now"))
_MEND_WAITS = (
    update(due)
    .where(
        due.c.not_before > bindparam("b_now"),
        or_(due.c.since > bindparam("b_now"), due.c.not_before > bindparam("b_latest")),
    )
    .values(not_before=bindparam("b_now"), since=bindparam("b_now"))
)
_LOOKS_PAST = select(entity.c.id).where(entity.c.look_at <= bindparam("now")).limit(1)
_COUNT_LEADS = select(func.count()).where(entity.c.kind == EntityKind.LEAD.value)
_INTENTS_OF = (
    select(intent)
    .where(intent.c.batch == bindparam("batch"), intent.c.state == bindparam("state"))
    .order_by(intent.c.id)
)
_PLANNED = select(intent.c.entity).where(intent.c.state == "planned").distinct()
_COUNT_PLANNED = select(func.count()).select_from(intent).where(intent.c.state == "planned")
_FOUND_GONE = select(intent.c.system, intent.c.kind, intent.c.record_id).where(
    intent.c.batch == bindparam("batch"), intent.c.state == "gone", intent.c.record_id.is_not(None)
)
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
