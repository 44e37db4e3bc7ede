"""Which stored leads, accounts and branches an edit reaches: those whose records an edited line treats otherwise.

Values are compared, not only lines: a line that gives the same value for a record as before does not reach it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, select

from syncd.edits.difference import Edit, Kind, KindEdit
from syncd.edits.force import read_ahead
from syncd.lead.definition import HANDOFF_FACTS, EntityKind
from syncd.mapping.model import ABSENT, BadValue, FieldMap, KindMap, Mappings
from syncd.store import filling, intake
from syncd.store.tables import due, entity, link, record

PAGE = 500


def reached_by(connection: Connection, edit: Edit, running: Mappings, edited: Mappings) -> set[str]:
    """Return the entities that must be decided again once the edit is in force."""
    found: set[str] = set()
    for key, one in edit.kinds.items():
        found |= _of_kind(connection, key, one, running, edited)
        if one.creates:
            kind_map = edited.kind(*key) or running.kind(*key)
            found |= _without_record(connection, key, kind_map) if kind_map is not None else set()
    if edit.leads or edit.placed or running.crm != edited.crm:
        kinds = [EntityKind.LEAD.value, *([EntityKind.BRANCH.value] if edit.placed else [])]
        found |= set(connection.execute(select(entity.c.id).where(entity.c.kind.in_(kinds))).scalars())
    elif edit.gate:
        found |= _before_the_gate(connection, {running.definition.handoff_from, edited.definition.handoff_from})
    for kind, names in edit.golden.items():
        found |= _holding(connection, kind, names)
    return found


def count_entities(engine: Engine) -> int:
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        return int(connection.execute(select(func.count()).select_from(entity)).scalar_one())


def due_now(connection: Connection, now: int) -> frozenset[str]:
    """Return those that handoff would look at in any case."""
    return frozenset(connection.execute(select(due.c.entity).where(due.c.not_before <= now)).scalars())


def kinds_of_all(connection: Connection, ids: set[str] | None) -> list[tuple[str, EntityKind]]:
    """Return (id, kind) of these entities, of all for None: in the order of handoff, accounts first and leads last."""
    found: list[tuple[str, EntityKind]] = []
    for kind in (EntityKind.ACCOUNT, EntityKind.BRANCH, EntityKind.LEAD):
        query = select(entity.c.id).where(entity.c.kind == kind.value).order_by(entity.c.id)
        rows = connection.execute(query.execution_options(yield_per=PAGE)).scalars()
        found += [(one, kind) for one in rows if ids is None or one in ids]
    return found


def unread(connection: Connection, running: Mappings, edited: Mappings) -> dict[Kind, tuple[frozenset[str], int]]:
    """Return (fields, how many living records lack one) of the kinds of which the edit reads more than was ever read.

    Reading is done once the polls come with the fields and no filling of them is under way.
    """
    found: dict[Kind, tuple[frozenset[str], int]] = {}
    filled = filling.fields_under_way(connection)
    for key, further in read_ahead(running, edited).items():
        cursors = intake.read_cursors(connection, key[0])
        if key[1] not in cursors:
            continue  # nothing of it was ever read
        left = {name for name in further if name not in cursors[key[1]][1]} | (further & filled.get(key, frozenset()))
        if not left:
            continue
        lacking = sum(not left <= fields.keys() for fields in _living_fields(connection, *key))
        if lacking:
            found[key] = (frozenset(left), lacking)
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _living_fields(connection: Connection, system: str, kind: str) -> Iterator[Mapping[str, Any]]:
    query = select(record.c.fields).where(record.c.system == system, record.c.kind == kind, record.c.deleted.is_(False))
    yield from connection.execute(query.execution_options(yield_per=PAGE)).scalars()


def _of_kind(connection: Connection, key: Kind, edit: KindEdit, running: Mappings, edited: Mappings) -> set[str]:
    before, after = running.kind(*key), edited.kind(*key)
    found: set[str] = set()
    bound = _taken_with(edit.lines, running, edited, after.entity) if after is not None else frozenset()
    query = (
        select(link.c.entity, record.c.fields, entity.c["values"])
        .join(
            record,
            and_(record.c.system == link.c.system, record.c.kind == link.c.kind, record.c.id == link.c.record_id),
        )
        .join(entity, entity.c.id == link.c.entity)
        .where(link.c.system == key[0], link.c.kind == key[1], record.c.deleted.is_(False))
    )
    for one, fields, values in connection.execute(query.execution_options(yield_per=PAGE)):
        if one in found:
            continue
        chosen_together = any(values.get(name) is not None for name in bound)
        if edit.whole or before is None or after is None or chosen_together:
            found.add(one)
            continue
        if _differs(edit, before, after, fields, values):
            found.add(one)
    return found


def _taken_with(lines: frozenset[str], running: Mappings, edited: Mappings, kind: EntityKind) -> frozenset[str]:
    """Return the fields that are taken together with one of these: a line of one may choose or hold back the others."""
    groups = [one.names for known in (running, edited) for one in known.definition.together[kind]]
    return frozenset(name for names in groups if not lines.isdisjoint(names) for name in names)


def _differs(
    edit: KindEdit, before: KindMap, after: KindMap, fields: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    if edit.only and _met(before, fields) != _met(after, fields):
        return True
    return any(
        _reads_otherwise(before.fields.get(name), after.fields.get(name), fields)
        or _writes_otherwise(before.fields.get(name), after.fields.get(name), fields, values)
        for name in edit.lines
    )


def _met(kind_map: KindMap, fields: Mapping[str, Any]) -> bool:
    return kind_map.only is None or kind_map.only.met(fields)


def _reads_otherwise(before: FieldMap | None, after: FieldMap | None, fields: Mapping[str, Any]) -> bool:
    old, new = _read(before, fields), _read(after, fields)
    if old != new or type(old) is not type(new):
        return True
    if before is None or after is None or old is None:
        return False
    return before.method is not after.method or before.refers_to != after.refers_to


def _read(line: FieldMap | None, fields: Mapping[str, Any]) -> Any:
    value = line.read(fields) if line is not None and line.read is not None else None
    return None if value is ABSENT else value


def _writes_otherwise(
    before: FieldMap | None, after: FieldMap | None, fields: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    if after is None or after.writes is None:
        return False  # what is not written any more stays over there as it is
    if after.varies or (before is not None and before.varies):
        return True  # what it writes depends on more than one value, and on facts that are known at handoff only
    value = values.get(after.name)
    if value is None and after.name not in HANDOFF_FACTS:
        return False
    if before is None or before.writes != after.writes or before.conflict is not after.conflict:
        return True
    if after.name in HANDOFF_FACTS or after.write is None or before.write is None:
        return before.rule != after.rule or before.truncate != after.truncate
    if _plain(before.write(value)) != _plain(after.write(value)):
        return True
    old, new = (one.read_back(fields) if one.read_back else None for one in (before, after))
    return bool(_plain(old) != _plain(new))


def _plain(value: Any) -> Any:
    return ("cannot be held", value.why) if isinstance(value, BadValue) else value


def _without_record(connection: Connection, key: Kind, kind_map: KindMap) -> set[str]:
    """Return the entities that have no record in this system, so that one may be made."""
    there = select(link.c.entity).where(link.c.system == key[0])
    query = select(entity.c.id).where(entity.c.kind == kind_map.entity.value, entity.c.id.not_in(there))
    return set(connection.execute(query).scalars())


def _before_the_gate(connection: Connection, stages: set[str]) -> set[str]:
    query = select(entity.c.id, entity.c.state).where(entity.c.kind == EntityKind.LEAD.value)
    rows = connection.execute(query.execution_options(yield_per=PAGE))
    return {one for one, state in rows if state.get("stage") in stages and not state.get("handed_at")}


def _holding(connection: Connection, kind: EntityKind, names: frozenset[str]) -> set[str]:
    """Return the entities in which one of these fields holds something; what a new field holds is its lines' matter."""
    query = select(entity.c.id, entity.c["values"]).where(entity.c.kind == kind.value)
    rows = connection.execute(query.execution_options(yield_per=PAGE))
    return {one for one, values in rows if any(values.get(name) is not None for name in names)}
