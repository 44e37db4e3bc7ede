"""Queries about the workers on this state."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from syncd.store.rows import upsert
from syncd.store.tables import worker


def beat(connection: Connection, name: str, started_at: int, now: int, version: str) -> None:
    upsert(connection, worker, [{"id": name, "started_at": started_at, "seen_at": now, "version": version}])


def silent_workers(connection: Connection, before: int) -> list[str]:
    """Return the workers that were last alive before then (ms)."""
    return list(connection.execute(select(worker.c.id).where(worker.c.seen_at < before)).scalars())


def count_workers(connection: Connection, since: int) -> int:
    """Return how many were alive since then (ms)."""
    return int(connection.execute(select(func.count()).where(worker.c.seen_at >= since)).scalar_one())


def forget_worker(connection: Connection, name: str) -> None:
    connection.execute(delete(worker).where(worker.c.id == name))
