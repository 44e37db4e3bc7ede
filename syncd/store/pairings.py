"""Queries of what people said of two that resemble each other: storing, taking back, obeying, handing on in a merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, or_, select

from syncd.lead.definition import EntityKind
from syncd.store.rows import chunks, insert_missing, upsert
from syncd.store.tables import pairing

MAKING = "create"  # what an answer is about that lets a lead be made in the CRM, or not; the lead is its own candidate

_ANYTHING = select(pairing.c.entity).limit(1)

Said = tuple[dict[tuple[str, EntityKind], tuple[str, str]], dict[str, frozenset[str]]]


def read_said(connection: Connection, entities: Sequence[str]) -> Said:
    """Return ((entity, kind) -> (candidate, why), entity -> those it does not belong to)."""
    yes: dict[tuple[str, EntityKind], tuple[str, str]] = {}
    no: dict[str, frozenset[str]] = {}
    if connection.execute(_ANYTHING).first() is None:
        return yes, no  # nearly always
    for part in chunks(entities):
        theirs = (pairing.c.entity.in_(part), pairing.c.about != MAKING)
        for row in connection.execute(select(pairing).where(*theirs).order_by(pairing.c.at)):
            if row.same:
                yes[(row.entity, EntityKind(row.about))] = (row.candidate, f"accepted in review by {row.by}")
            else:
                no[row.entity] = no.get(row.entity, frozenset()) | {row.candidate}
    return yes, no


def said_of_people(connection: Connection, leads: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Return lead -> other lead -> whether a person said that they are one, whichever of the two was asked about."""
    found: dict[str, dict[str, bool]] = {}
    if connection.execute(_ANYTHING).first() is None:
        return found  # nearly always
    for part in chunks(leads):
        ours = or_(pairing.c.entity.in_(part), pairing.c.candidate.in_(part))
        for row in connection.execute(select(pairing).where(pairing.c.about == EntityKind.LEAD.value, ours)):
            found.setdefault(row.entity, {})[row.candidate] = row.same
            found.setdefault(row.candidate, {})[row.entity] = row.same
    return found


def said_of_making(connection: Connection, leads: Sequence[str]) -> dict[str, bool]:
    """Return lead -> whether a person said that it is made in the CRM."""
    found: dict[str, bool] = {}
    for part in chunks(leads):
        query = select(pairing.c.entity, pairing.c.same).where(pairing.c.entity.in_(part), pairing.c.about == MAKING)
        found.update((one, bool(same)) for one, same in connection.execute(query))
    return found


def save_said(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store answers; a later one about the same two takes the place of the earlier."""
    upsert(connection, pairing, rows)


def undo(connection: Connection, problem: int) -> list[Any]:
    """Take back what was said to a question; return it."""
    said = pairing.c.problem == problem
    rows = list(connection.execute(select(pairing).where(said)))
    connection.execute(delete(pairing).where(said))
    return rows


def all_said(connection: Connection) -> list[Any]:
    """Return everything that was said, the earliest first."""
    return list(connection.execute(select(pairing).order_by(pairing.c.at, pairing.c.entity, pairing.c.candidate)))


def said_of(connection: Connection, entity: str) -> list[Any]:
    return list(connection.execute(select(pairing).where(pairing.c.entity == entity).order_by(pairing.c.at)))


def hand_on(connection: Connection, keeper: str, others: Sequence[str]) -> None:
    """Let what was said of entities that became one hold for the one that is left; a yes outweighs a no."""
    about = or_(pairing.c.entity.in_(others), pairing.c.candidate.in_(others))
    rows = [dict(row._mapping) for row in connection.execute(select(pairing).where(about))]
    if not rows:
        return
    for row in rows:
        for name in ("entity", "candidate"):
            row[name] = keeper if row[name] in others else row[name]
    connection.execute(delete(pairing).where(about))
    # Two leads that are one now are not asked about any more.
    rows = [row for row in rows if row["entity"] != row["candidate"] or row["about"] == MAKING]
    insert_missing(connection, pairing, [row for row in rows if not row["same"]])
    upsert(connection, pairing, [row for row in rows if row["same"]])
