"""Queries that find what shall be decided once more, and put it on handoff's list."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, select

from syncd.lead.definition import EntityKind
from syncd.store import handoff, intake
from syncd.store.rows import chunks
from syncd.store.tables import intent, ledger, link, problem

_RANKS = {EntityKind.ACCOUNT: 0, EntityKind.BRANCH: 1, EntityKind.LEAD: 2}


def open_problems(
    connection: Connection, *, ids: Collection[int] = (), kind: str | None = None, since: int | None = None
) -> list[Any]:
    """Return (id, key, entity, record) of the open problems that fit every condition given; `since` in ms."""
    query = select(problem.c.id, problem.c.key, problem.c.entity, problem.c.record).where(problem.c.open.is_(True))
    if ids:
        query = query.where(problem.c.id.in_(ids))
    if kind is not None:
        query = query.where(problem.c.kind == kind)
    if since is not None:
        query = query.where(problem.c.last_seen >= since)
    return list(connection.execute(query.order_by(problem.c.id)))


def entity_of_record(connection: Connection, words: str) -> str | None:
    """Return whose record this is, named as problems name it: "hubspot contacts 51"."""
    system, _, rest = words.partition(" ")
    kind, _, record = rest.partition(" ")
    query = select(link.c.entity)
    here = and_(link.c.system == system, link.c.kind == kind, link.c.record_id == record)
    found = connection.execute(query.where(here)).scalars().all()
    return found[0] if len(found) == 1 else None


def acted_on_since(connection: Connection, since: int) -> set[str]:
    """Return the entities of which a value was decided or a write was planned since then (ms)."""
    decided = connection.execute(select(ledger.c.entity).where(ledger.c.at >= since).distinct()).scalars()
    written = connection.execute(select(intent.c.entity).where(intent.c.at >= since).distinct()).scalars()
    return {*decided, *written}


def make_due(connection: Connection, entities: Collection[str], now: int) -> int:
    """Put them on handoff's list, to be looked at at once; return how many there are."""
    kinds = handoff.kinds_of(connection, entities)
    for part in chunks(kinds.items()):
        ranks = {one: _RANKS[EntityKind(kind)] for one, kind in part}
        intake.mark_due(connection, ranks, now, "asked for by hand")
    return len(kinds)
