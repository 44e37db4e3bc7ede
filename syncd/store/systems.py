"""Queries about the systems themselves: how they were described, whose account they are, how many calls were spent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, func, or_, select, update

from syncd.store.rows import execute_many, insert_into, upsert
from syncd.store.tables import account, budget, cursor, description, due, intent, link, problem, record

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, kw_only=True)
class Described:
    """A kind as it was last described; see the table."""

    fields: Mapping[str, Mapping[str, Any]]
    gaps: Mapping[str, Any]
    mapping: str
    seen_at: int


@dataclass(frozen=True, kw_only=True)
class Spending:
    """One system's calls: of the present day (UTC), and of the span that tells the present rate."""

    today: int
    lately: int
    since: int  # ms; `lately` counts from here
    allowed: int | None
    remaining: int | None


# --- descriptions


def read_descriptions(connection: Connection) -> dict[tuple[str, str], Described]:
    """Return (system, kind) -> how it was last described."""
    return {
        (row.system, row.kind): Described(fields=row.fields, gaps=row.gaps, mapping=row.mapping, seen_at=row.seen_at)
        for row in connection.execute(select(description))
    }


def read_gaps(connection: Connection) -> dict[tuple[str, str], tuple[Mapping[str, Any], int, str]]:
    """Return (system, kind) -> (what of it cannot be used, when it was described, for which mapping)."""
    return {(row.system, row.kind): (row.gaps, row.seen_at, row.mapping) for row in connection.execute(_GAPS)}


def save_description(connection: Connection, system: str, kind: str, one: Described) -> None:
    row = {"fields": one.fields, "gaps": one.gaps, "mapping": one.mapping, "seen_at": one.seen_at}
    upsert(connection, description, [{"system": system, "kind": kind, **row}])


def fields_read(connection: Connection, system: str, kind: str) -> set[str]:
    """Return the fields that the latest read of this kind came with."""
    fields = connection.execute(
        select(cursor.c.fields).where(cursor.c.system == system, cursor.c.kind == kind)
    ).scalar()
    return set(fields or ())


def close_problems_but(connection: Connection, prefix: str, keep: Collection[str]) -> None:
    """Close the open problems whose key begins so, except those in `keep`."""
    like = problem.c.key.startswith(prefix, autoescape=True)
    found = connection.execute(select(problem.c.id, problem.c.key).where(like, problem.c.open.is_(True)))
    gone = [row.id for row in found if row.key not in keep]
    if gone:
        connection.execute(update(problem).where(problem.c.id.in_(gone)).values(open=False))


def is_open(connection: Connection, key: str) -> bool:
    """Return whether the problem of this key is open."""
    found = connection.execute(select(problem.c.id).where(problem.c.key == key, problem.c.open.is_(True))).first()
    return found is not None


def refused_writes(connection: Connection, batch: str) -> list[Any]:
    """Return (system, kind, entity, request, answer) of the writes of a batch that were refused."""
    query = select(intent.c.system, intent.c.kind, intent.c.entity, intent.c.request, intent.c.answer)
    return list(connection.execute(query.where(intent.c.batch == batch, intent.c.state == "refused")))


def refused_of_kind(connection: Connection, system: str, kind: str, codes: Collection[str]) -> list[str]:
    """Return the entities whose latest write to a record of this kind was refused with one of these codes."""
    later = intent.alias("later")
    followed = exists().where(
        later.c.entity == intent.c.entity,
        later.c.system == intent.c.system,
        later.c.kind == intent.c.kind,
        or_(later.c.record_id == intent.c.record_id, intent.c.record_id.is_(None)),
        later.c.id > intent.c.id,
    )
    query = select(intent.c.entity, intent.c.answer).where(
        intent.c.state == "refused", intent.c.system == system, intent.c.kind == kind, ~followed
    )
    return [one for one, answer in connection.execute(query) if answer.get("code") in codes]


def fields_of_linked(connection: Connection, system: str, kind: str, entities: Collection[str]) -> list[Any]:
    """Return (entity, fields) of the live records of this kind that belong to these entities."""
    query = (
        select(link.c.entity, record.c.fields)
        .join(
            record,
            (record.c.system == link.c.system) & (record.c.kind == link.c.kind) & (record.c.id == link.c.record_id),
        )
        .where(link.c.system == system, link.c.kind == kind, link.c.entity.in_(entities), record.c.deleted.is_(False))
    )
    return list(connection.execute(query))


def entities_of_kind(connection: Connection, system: str, kind: str) -> list[str]:
    """Return every entity that has a record of this kind."""
    query = select(link.c.entity).where(link.c.system == system, link.c.kind == kind).distinct()
    return list(connection.execute(query).scalars())


UNSEEN = "nobody could look who is there"  # why a create is put off


def waiting(connection: Connection, now: int) -> list[str]:
    """Return the entities that wait for a later try."""
    return list(connection.execute(select(due.c.entity).where(due.c.not_before > now)).scalars())


def wake_waiting(connection: Connection, now: int) -> None:
    """Let handoff look at once at everything that waits for a later try."""
    connection.execute(update(due).where(due.c.not_before > now).values(not_before=now))


def took_nothing(system: str) -> str:
    """Return why that is put off which a system could not take, as it could nothing."""
    return f"{system} could not be used"[:64]


def wake_put_off(connection: Connection, whys: Collection[str], now: int, most: int | None = None) -> None:
    """Let be due now what was put off for one of these reasons, the longest on the list first."""
    if connection.execute(_ANY_PUT_OFF, {"now": now}).first() is None:
        return
    waits = due.c.why.in_(whys) & (due.c.not_before > now)
    if most is not None:
        waits &= due.c.entity.in_(select(due.c.entity).where(waits).order_by(due.c.since, due.c.entity).limit(most))
    connection.execute(update(due).where(waits).values(not_before=now))


# --- accounts


def read_account(connection: Connection, system: str) -> tuple[str, str] | None:
    """Return (account, seal); None when the state does not know the system's account yet."""
    row = connection.execute(_ACCOUNT, {"system": system}).first()
    return (row.account, row.seal) if row is not None else None


def save_account(connection: Connection, system: str, name: str, seal: str, now: int) -> None:
    """Remember a system's account; the time at which it was first known stays."""
    upsert(connection, account, [{"system": system, "account": name, "seal": seal, "since": now}], keep=("since",))


# --- calls


def spend(connection: Connection, system: str, calls: int, now: int, allowed: int | None, remaining: int | None) -> int:
    """Add calls to what all workers spent; return the total of the day (UTC) with them."""
    row = {"system": system, "hour": now - now % HOUR_MS, "used": calls, "allowed": allowed, "remaining": remaining}
    execute_many(connection, _spend(connection.dialect.name), [row])
    return spent_today(connection, now).get(system, 0)


def spent_today(connection: Connection, now: int) -> dict[str, int]:
    """Return system -> calls of the present day (UTC)."""
    rows = connection.execute(_SPENT, {"since": now - now % DAY_MS})
    return {system: int(used) for system, used in rows}


def read_spending(connection: Connection, now: int) -> dict[str, Spending]:
    """Return what each system spent, and what it may spend as last known."""
    midnight, lately = now - now % DAY_MS, now - now % HOUR_MS - HOUR_MS
    query = select(
        budget.c.system,
        func.sum(case((budget.c.hour >= midnight, budget.c.used), else_=0)).label("today"),
        func.sum(case((budget.c.hour >= lately, budget.c.used), else_=0)).label("lately"),
        func.min(case((budget.c.hour >= lately, budget.c.hour))).label("since"),
        func.max(budget.c.hour).label("latest"),
    ).where(budget.c.hour >= min(midnight, lately))
    found = list(connection.execute(query.group_by(budget.c.system)))
    known = select(budget.c.system, budget.c.hour, budget.c.allowed, budget.c.remaining).where(
        budget.c.hour >= min(midnight, lately)
    )
    limits = {(row.system, row.hour): (row.allowed, row.remaining) for row in connection.execute(known)}
    return {
        row.system: Spending(
            today=int(row.today),
            lately=int(row.lately),
            since=int(row.since) if row.since is not None else lately,
            allowed=limits[(row.system, row.latest)][0],
            remaining=limits[(row.system, row.latest)][1],
        )
        for row in found
    }


def forget_spending(connection: Connection, before: int) -> None:
    connection.execute(budget.delete().where(budget.c.hour < before))


# ---------------------------------------------------------------------------------------------------------------------


@cache
def _spend(dialect: str) -> Any:
    insert = insert_into(budget, dialect)
    return insert.on_conflict_do_update(
        index_elements=["system", "hour"],
        set_={
            "used": budget.c.used + insert.excluded.used,
            "allowed": insert.excluded.allowed,
            "remaining": insert.excluded.remaining,
        },
    )


_GAPS = select(
    description.c.system, description.c.kind, description.c.gaps, description.c.seen_at, description.c.mapping
)
_ACCOUNT = select(account.c.account, account.c.seal).where(account.c.system == bindparam("system"))
_SPENT = (
    select(budget.c.system, func.sum(budget.c.used))
    .where(budget.c.hour >= bindparam("since"))
    .group_by(budget.c.system)
)
_ANY_PUT_OFF = select(due.c.entity).where(due.c.not_before > bindparam("now")).limit(1)
