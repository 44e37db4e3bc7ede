"""One entity followed from end to end: what is decided about it now, and everything that was.

The same deciding as the daemon's, on the same stored records; what an edit would do is syncd.edits.plan's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from syncd.edits.pair import known_owners, made_by
from syncd.lead.decision import Decision
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.pipeline import decide_batch
from syncd.store.database import now_ms
from syncd.store.history import History, read_history
from syncd.store.tables import entity, link, match_key, record


@dataclass(frozen=True, kw_only=True)
class Story:
    """One entity: what is decided about it now, and everything that was."""

    decision: Decision
    history: History


class NotFound(Exception):
    """Nothing is stored under that name; the text says what can be asked for."""


def tell(engine: Engine, mappings: Mappings, name: str) -> Story:
    """Follow one entity; `name` is its id, a record id of any system, or an e-mail address. Raises NotFound."""
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        found, mappings = find_entity(connection, name), known_owners(connection, mappings)
        made = made_by(mappings, {})
        decisions = decide_batch(connection, mappings, [found], now_ms(), made)
        return Story(decision=decisions[0], history=read_history(connection, found))


def find_entity(connection: Any, name: str) -> str:
    """Return the entity that somebody names by its id, a record id of any system, or an e-mail address."""
    asked = name.strip()
    found = _by_id(connection, asked) or _by_record(connection, asked) or _by_key(connection, asked)
    if len(found) > 1:
        # Two kinds of one system may use the same number; somebody who asks means a lead.
        found = {one: kind for one, kind in found.items() if kind == EntityKind.LEAD.value} or found
    if len(found) == 1:
        return next(iter(found))
    if not found and (alone := _linked_to_nobody(connection, asked)):
        raise NotFound(f"{alone} is kept and linked to nobody; `syncd problems` tells why where a person must say more")
    if not found:
        raise NotFound(
            f"nothing is stored under {asked!r}; give a lead's own id, a record id (51, hubspot:51 or "
            f"hubspot:contacts:51), or an e-mail address"
        )
    raise NotFound(f"{asked!r} names several: {', '.join(sorted(found))}; give one of these ids")


# ---------------------------------------------------------------------------------------------------------------------


def _by_id(connection: Any, asked: str) -> dict[str, str]:
    query = select(entity.c.id, entity.c.kind).where(entity.c.id == asked.upper())
    return {row.id: row.kind for row in connection.execute(query)}


def _by_record(connection: Any, asked: str) -> dict[str, str]:
    *where, one = asked.split(":")
    query = select(entity.c.id, entity.c.kind).join(link, link.c.entity == entity.c.id).where(link.c.record_id == one)
    if where:
        query = query.where(link.c.system == where[0])
    if len(where) > 1:
        query = query.where(link.c.kind == where[1])
    return {row.id: row.kind for row in connection.execute(query)}


def _linked_to_nobody(connection: Connection, asked: str) -> str | None:
    *where, one = asked.split(":")
    query = select(record.c.system, record.c.kind, record.c.id).where(record.c.id == one, record.c.deleted.is_(False))
    for column, said in zip((record.c.system, record.c.kind), where, strict=False):
        query = query.where(column == said)
    row = connection.execute(query.limit(1)).first()
    return f"{row.system} {row.kind} {row.id}" if row is not None else None


def _by_key(connection: Any, asked: str) -> dict[str, str]:
    query = (
        select(entity.c.id, entity.c.kind)
        .join(match_key, match_key.c.entity == entity.c.id)
        .where(
            or_(match_key.c.value == asked, match_key.c.value == asked.lower()),
            match_key.c.key.in_(("email", "erp_customer", "branch_key")),
        )
    )
    return {row.id: row.kind for row in connection.execute(query)}
