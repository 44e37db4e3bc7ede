"""Queries of waivers: who lets which lead pass without which facts, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from syncd.lead.decision import Waiver
from syncd.store.rows import chunks
from syncd.store.tables import waiver


def grant(connection: Connection, lead: str, granted: Waiver, now: int) -> None:
    row = {"lead": lead, "by": granted.by, "reason": granted.reason, "facts": list(granted.facts)}
    connection.execute(insert(waiver).values(**row, until=granted.until, at=now))


def end(connection: Connection, lead: str, by: str, now: int) -> int:
    """End the waivers of a lead that are in force; return how many. They stay in its story."""
    in_force = (waiver.c.lead == lead, waiver.c.until > now)
    return connection.execute(update(waiver).where(*in_force).values(until=now, ended_by=by)).rowcount


def in_force(connection: Connection, leads: Sequence[str], now: int) -> dict[str, list[Waiver]]:
    """Return lead -> its waivers, the earliest first."""
    found: dict[str, list[Waiver]] = {}
    if connection.execute(_ANY_IN_FORCE, {"now": now}).first() is None:
        return found  # nearly always
    for part in chunks(leads):
        query = select(waiver).where(waiver.c.lead.in_(part), waiver.c.until > now).order_by(waiver.c.id)
        for row in connection.execute(query):
            found.setdefault(row.lead, []).append(Waiver(row.by, row.reason, row.until, tuple(row.facts)))
    return found


def all_in_force(connection: Connection, now: int) -> list[Any]:
    """Return every waiver in force, the one that ends first before the others."""
    return list(connection.execute(select(waiver).where(waiver.c.until > now).order_by(waiver.c.until, waiver.c.id)))


# ---------------------------------------------------------------------------------------------------------------------


_ANY_IN_FORCE = select(waiver.c.id).where(waiver.c.until > bindparam("now")).limit(1)
