"""Queries of all that is known of entities: their records, what was agreed with them, touches; and how others see them.

What is due, decided and sent is syncd.store.handoff's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select

from syncd.lead.decision import EntityView, Related, SourceRecord, Touch
from syncd.lead.definition import EntityKind
from syncd.store.rows import Among, chunks, execute_among, narrowed
from syncd.store.tables import agreed, entity, link, problem, record, touch


def load_views(connection: Connection, ids: Sequence[str]) -> list[EntityView]:
    """Return all that is stored about these entities, in the order given; unknown ids are left out."""
    records = _records_of(connection, ids)
    touches = _touches_of(connection, ids)
    asked = _in_review(connection, ids)
    views: dict[str, EntityView] = {}
    for part in chunks(ids):
        rows = execute_among(connection, _views, part).all()
        for one, kind, values, provenance, state, definition, look_at in rows:
            views[one] = EntityView(
                id=one,
                kind=EntityKind(kind),
                values=values,
                provenance=provenance,
                state=state,
                records=records.get(one, ()),
                touches=touches.get(one, ()),
                in_review=one in asked,
                known=definition is not None,
                look_at=look_at,
            )
    return [views[one] for one in ids if one in views]


def load_related(connection: Connection, ids: Iterable[str]) -> dict[str, Related]:
    """Return accounts and branches as others see them."""
    wanted = list(ids)
    records: dict[str, dict[tuple[str, str], str]] = {}
    for part in chunks(wanted):
        for one, system, kind, record_id in execute_among(connection, _living_records, part):
            records.setdefault(one, {})[(system, kind)] = record_id
    found: dict[str, Related] = {}
    for part in chunks(wanted):
        for one, values, provenance in execute_among(connection, _told, part):
            found[one] = Related(id=one, values=values, records=records.get(one, {}), provenance=provenance)
    return found


def parents_of(connection: Connection, accounts: Iterable[str]) -> dict[str, str]:
    """Return account -> the account above it, of those that have one."""
    found: dict[str, str] = {}
    for part in chunks(accounts):
        rows = execute_among(connection, _parents, part)
        found.update((one, above) for one, above in rows if above is not None and above != one)
    return found


def agreed_with(system: Any, kind: Any, record_id: Any) -> ColumnElement[bool]:
    """Return the condition that joins `agreed` to a record."""
    return and_(agreed.c.system == system, agreed.c.kind == kind, agreed.c.record_id == record_id)


# ---------------------------------------------------------------------------------------------------------------------


def _records_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[SourceRecord]]:
    """Return entity -> its linked records, in a fixed order."""
    found: dict[str, list[SourceRecord]] = {}
    for part in chunks(ids):
        for row in execute_among(connection, _linked, part).all():
            found.setdefault(row[0], []).append(
                SourceRecord(
                    system=row[1],
                    kind=row[2],
                    id=row[3],
                    fields=row[4],
                    changed=row[5],
                    first_modified=row[6],
                    modified=row[7],
                    deleted=row[8],
                    survivor=row[9],
                    agreed=row[10] or {},
                )
            )
    return found


def _touches_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Touch]]:
    found: dict[str, list[Touch]] = {}
    for part in chunks(ids):
        for row in execute_among(connection, _touches, part):
            found.setdefault(row.lead, []).append(Touch(row.kind, row.at, row.what, row.campaign))
    return found


def _in_review(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(ids):
        found.update(execute_among(connection, _asked_about, part).scalars())
    return found


_SAME_RECORD = and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id)


def _views(among: Among) -> Select[Any]:
    told = (entity.c["values"], entity.c.provenance, entity.c.state, entity.c.definition, entity.c.look_at)
    return select(entity.c.id, entity.c.kind, *told).where(among(entity.c.id))


def _told(among: Among) -> Select[Any]:
    return select(entity.c.id, entity.c["values"], entity.c.provenance).where(among(entity.c.id))


def _parents(among: Among) -> Select[Any]:
    parent = entity.c["values"]["parent"].as_string()
    return select(entity.c.id, parent).where(among(entity.c.id), narrowed(entity.c.kind) == EntityKind.ACCOUNT.value)


def _living_records(among: Among) -> Select[Any]:
    columns = (link.c.entity, link.c.system, link.c.kind, link.c.record_id)
    return select(*columns).join(record, _SAME_RECORD).where(among(link.c.entity), record.c.deleted.is_(False))


def _linked(among: Among) -> Select[Any]:
    return (
        select(
            link.c.entity,
            record.c.system,
            record.c.kind,
            record.c.id,
            record.c.fields,
            record.c.changed,
            record.c.first_modified,
            record.c.modified,
            record.c.deleted,
            record.c.survivor,
            agreed.c["values"],
        )
        .select_from(link)
        .join(record, _SAME_RECORD)
        .outerjoin(agreed, agreed_with(link.c.system, link.c.kind, link.c.record_id))
        .where(among(link.c.entity))
        .order_by(link.c.entity, link.c.system, link.c.kind, link.c.record_id)
    )


def _touches(among: Among) -> Select[Any]:
    return select(touch).where(among(touch.c.lead)).order_by(touch.c.lead, touch.c.at.desc(), touch.c.kind)


def _asked_about(among: Among) -> Select[Any]:
    about = (problem.c.open.is_(True), problem.c.kind == "review")
    return select(problem.c.entity).where(among(problem.c.entity), *about)
