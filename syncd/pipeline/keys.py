"""Keeps the keys of entities true: what no record tells any more is let go, and who hangs on it is looked at again.

What the keys are, and what one that was told once still says, is syncd.stages.match's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.lead.branch import LONGEST_KEY
from syncd.lead.decision import EntityView, SourceRecord
from syncd.lead.definition import EntityKind, FieldType
from syncd.mapping.model import KindMap, Mappings
from syncd.pipeline.succession import RANK
from syncd.stages.map import map_keys
from syncd.stages.match import Key, is_that_person, keys_of, remembers, told_kinds
from syncd.store import intake
from syncd.store.intake import MatchKey
from syncd.store.views import load_views

# What a key is made of; mapping only these keeps intake cheap.
KEY_FIELDS = {
    EntityKind.LEAD: ("phone", "last_name", "email"),
    EntityKind.ACCOUNT: ("name", "street", "postcode"),
    EntityKind.BRANCH: ("customer", "ship_to", "street", "postcode"),
}


def key_names(mappings: Mappings, kind_map: KindMap) -> list[str]:
    names = mappings.definition.identifying[kind_map.entity]
    return list(dict.fromkeys((*names, *KEY_FIELDS[kind_map.entity])))


def keys_in(mappings: Mappings, kind_map: KindMap, fields: Mapping[str, Any]) -> list[Key]:
    """Return the keys that a record tells, the most certain first."""
    return keys_of(mappings.definition, kind_map.entity, map_keys(kind_map, fields, key_names(mappings, kind_map)))


def telling_fields(mappings: Mappings, kind_map: KindMap) -> frozenset[str]:
    """Return the system's fields without which a record would tell other keys; a telephone is one of its country."""
    names = key_names(mappings, kind_map)
    lines = [one for one in kind_map.fields.values() if one.name in names or one.type is FieldType.COUNTRY]
    return frozenset(field for one in lines for field in (*one.reads, *one.needs, one.writes) if field)


def key_rows(kind_map: KindMap, entity: str, keys: Iterable[Key], fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of one record's keys, with those of what it refers to."""
    found = list(keys)
    for line in kind_map.referring:
        if line.refers_to is not None and line.reads and (raw := fields.get(line.reads[0])):
            found.append(("ref", f"{kind_map.system}|{line.refers_to[1]}|{raw}"[:LONGEST_KEY]))
    kind = kind_map.entity.value
    return [{"entity_kind": kind, "key": key, "value": value, "entity": entity} for key, value in found]


def key_rows_of(mappings: Mappings, view: EntityView) -> list[dict[str, Any]]:
    """Return the keys under which an entity's living records say that it can be found."""
    rows = []
    for one in view.records:
        kind_map = mappings.kind(one.system, one.kind)
        if kind_map is not None and not one.deleted:
            rows += key_rows(kind_map, view.id, keys_in(mappings, kind_map, one.fields), one.fields)
    return rows


def let_go(
    connection: Connection,
    mappings: Mappings,
    kind: EntityKind,
    told: Mapping[str, Collection[Key]],
    now: int,
) -> tuple[list[str], set[Key]]:
    """Let go what no record of these entities tells any more; return the entities that lost a key, and the keys.

    `told`: entity -> the keys that a record of it tells now, which need not be looked for elsewhere.
    """
    held = intake.keys_held(connection, told, told_kinds(mappings.definition, kind)) if told else {}
    doubtful = {one: left for one, keys in held.items() if (left := keys.difference(told[one]))}
    if not doubtful:
        return [], set()
    gone: list[tuple[str, MatchKey]] = []
    for view in load_views(connection, list(doubtful)):
        telling = [one for one in view.records if _tells(one)]
        if not telling:
            continue  # the last word of somebody who is gone everywhere stands
        still = {key for one in telling for key in _keys_of_record(mappings, one)}
        gone += [(view.id, key) for key in sorted(doubtful[view.id] - still)]
    intake.outdate_keys(connection, [one for one in gone if remembers(mappings.definition, kind, one[1])])
    intake.drop_keys(connection, [one for one in gone if not remembers(mappings.definition, kind, one[1])])
    if kind is EntityKind.ACCOUNT:
        _wake_members(connection, [one for one in gone if one[1][0] not in ("site", "nowhere")], now)
    return sorted({one for one, _ in gone}), {key for _, key in gone}


def who_had(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    fresh: Mapping[str, tuple[Sequence[Key], Mapping[str, Any]]],
    once: Mapping[Key, Sequence[str]],
) -> dict[str, dict[Key, dict[str, bool | None]]]:
    """Return record -> key -> who told that key once -> whether the record is theirs. `fresh`: its keys and fields."""
    if not once:
        return {}
    views = load_views(connection, sorted({one for held in once.values() for one in held}))
    theirs = {view.id: [_names(mappings, one) for one in view.records] for view in views}
    found: dict[str, dict[Key, dict[str, bool | None]]] = {}
    for record, (keys, fields) in fresh.items():
        mine = _named(mappings, kind_map, fields)
        for key in keys:
            held = [one for one in once.get(key, ()) if one in theirs]
            if held:
                found.setdefault(record, {})[key] = {one: is_that_person(mine, theirs[one]) for one in held}
    return found


# ---------------------------------------------------------------------------------------------------------------------

# A key of an account -> those who are placed by it, and the key under which they stand.
_PLACES = {"erp_customer": (EntityKind.BRANCH, "customer"), "domain": (EntityKind.LEAD, "company")}


def _tells(one: SourceRecord) -> bool:
    """Whether it counts what a record says: while it lives, and for what was merged, which a person called the same.

    What a converted Lead said, its Contact says.
    """
    return not one.deleted if one.survivor is None else ":" not in one.survivor


def _keys_of_record(mappings: Mappings, one: SourceRecord) -> list[Key]:
    kind_map = mappings.kind(one.system, one.kind)
    return keys_in(mappings, kind_map, one.fields) if kind_map is not None else []


def _names(mappings: Mappings, one: SourceRecord) -> Mapping[str, Any]:
    kind_map = mappings.kind(one.system, one.kind)
    return _named(mappings, kind_map, one.fields) if kind_map is not None else {}


def _named(mappings: Mappings, kind_map: KindMap, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    values = map_keys(kind_map, fields, ("first_name", "last_name", "phone"))
    blank = mappings.definition.placeholders
    return {name: value for name, value in values.items() if str(value).strip().casefold() not in blank}


def _wake_members(connection: Connection, gone: Sequence[tuple[str, MatchKey]], now: int) -> None:
    """Have those decided again whom an account's key had placed, or may have."""
    for kind in (EntityKind.BRANCH, EntityKind.LEAD):
        keys = {("account", one) for one, _ in gone}
        keys |= {(_PLACES[name][1], value) for _, (name, value) in gone if name in _PLACES and _PLACES[name][0] is kind}
        members = {one for held in intake.holders_of(connection, kind.value, keys).values() for one in held}
        intake.mark_due(connection, dict.fromkeys(members, RANK[kind]), now, "its account is told otherwise")
