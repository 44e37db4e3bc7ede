"""Queries for what our writes replaced over there: the value before the first of them, and ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select

from syncd.store.tables import intent, record


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """One field of one record. `was`, `ours`: raw values; `at`: when it was first replaced, in ms."""

    entity: str
    system: str
    kind: str
    record_id: str
    field: str
    was: Any
    ours: Any
    at: int
    gone: bool
    moved: bool  # it lives on as another record


def replaced_since(connection: Connection, since: int, entity: str | None = None) -> Iterator[Replaced]:
    """Yield what was replaced since then (ms), in the order in which it was."""
    here = and_(record.c.system == intent.c.system, record.c.kind == intent.c.kind, record.c.id == intent.c.record_id)
    query = (
        select(intent, record.c.deleted, record.c.survivor)
        .join(record, here)
        .where(intent.c.at >= since, intent.c.state == "done")
        .order_by(intent.c.at, intent.c.id)
    )
    if entity is not None:
        query = query.where(intent.c.entity == entity)
    first: dict[tuple[str, str, str, str], tuple[Any, Any]] = {}  # record and field -> (row, value before it)
    latest: dict[tuple[str, str, str, str], Any] = {}
    for row in connection.execute(query):
        was = row.request.get("was") or {}
        for field, ours in row.request["fields"].items():
            key = (row.system, row.kind, row.record_id, field)
            if field in was:
                first.setdefault(key, (row, was[field]))
            if key in first:
                latest[key] = ours
    for key, (row, before) in first.items():
        ours = latest[key]
        if ours == before:
            continue  # put back already
        yield Replaced(
            entity=row.entity,
            system=row.system,
            kind=row.kind,
            record_id=row.record_id,
            field=key[3],
            was=before,
            ours=ours,
            at=row.at,
            gone=row.deleted,
            moved=row.survivor is not None,
        )
