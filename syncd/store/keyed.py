"""Queries of how far the keys of stored records were read anew."""

from __future__ import annotations

from sqlalchemy import Connection, select

from syncd.store.rows import upsert
from syncd.store.tables import keyed


def keyed_up_to(connection: Connection, system: str) -> dict[str, tuple[str, str | None]]:
    """Return kind -> (by which reading of the keys, the last record that was looked at; None: all were)."""
    rows = connection.execute(select(keyed.c.kind, keyed.c.told, keyed.c.after).where(keyed.c.system == system))
    return {kind: (told, after) for kind, told, after in rows}


def note_keyed(connection: Connection, system: str, kind: str, told: str, after: str | None) -> None:
    upsert(connection, keyed, [{"system": system, "kind": kind, "told": told, "after": after}])
