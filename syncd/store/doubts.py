"""Queries on writes that may have been applied though no answer says so; what follows from them is syncd.pipeline's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Update, bindparam, func, select, update

from syncd.store.rows import Among, chunks, execute_among, narrowed
from syncd.store.tables import cursor, intent

IN_DOUBT = ("lapsed", "deferred")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A write that may have been applied. `record_id`: None for a create; `agrees`: their field -> canonical value.

    `key`: their field and its value, by which nobody but us makes a record.
    """

    system: str
    kind: str
    record_id: str | None
    agrees: Mapping[str, Any]
    key: tuple[str, str] | None = None


def load_doubts(connection: Connection, entities: Iterable[str]) -> dict[str, list[Doubt]]:
    """Return entity -> its writes in doubt, the earliest first."""
    if connection.execute(_ANY_DOUBT).first() is None:
        return {}  # nearly always
    found: dict[str, list[Doubt]] = {}
    for part in chunks(list(entities)):
        query = select(intent).where(intent.c.entity.in_(part), intent.c.state.in_(IN_DOUBT)).order_by(intent.c.id)
        for row in connection.execute(query):
            key = row.request["key"]
            doubt = Doubt(row.system, row.kind, row.record_id, row.request["agrees"], tuple(key) if key else None)
            found.setdefault(row.entity, []).append(doubt)
    return found


def kinds_in_doubt(connection: Connection, system: str) -> set[str]:
    return set(connection.execute(_KINDS_IN_DOUBT, {"system": system}).scalars())


def is_unanswered(connection: Connection, system: str) -> bool:
    """Tell whether a write is under way to a system, or one that it put off still stands."""
    return connection.execute(_UNANSWERED, {"system": system}).first() is not None


def settle_doubts(connection: Connection, entities: Collection[str]) -> None:
    """End the doubts of entities that were decided now, where the system was read to its end since they arose."""
    if connection.execute(_ANY_DOUBT).first() is None:
        return  # nearly always
    for part in chunks(list(entities)):
        execute_among(connection, _settle, part)


# ---------------------------------------------------------------------------------------------------------------------


def _settle(among: Among) -> Update:
    read_since = (
        select(cursor.c.kind)
        .where(
            cursor.c.system == intent.c.system,
            cursor.c.kind == intent.c.kind,
            cursor.c.complete.is_(True),
            cursor.c.polled_at > func.coalesce(intent.c.answered_at, intent.c.at),
        )
        .exists()
    )
    doubted = (among(intent.c.entity), narrowed(intent.c.state).in_(IN_DOUBT), read_since)
    return update(intent).where(*doubted).values(state="settled")


_ANY_DOUBT = select(intent.c.id).where(intent.c.state.in_(IN_DOUBT)).limit(1)
_OF_SYSTEM = intent.c.system == bindparam("system")
_KINDS_IN_DOUBT = select(intent.c.kind).where(intent.c.state.in_(IN_DOUBT), _OF_SYSTEM).distinct()
_UNANSWERED = select(intent.c.id).where(intent.c.state.in_(("planned", *IN_DOUBT)), _OF_SYSTEM).limit(1)
