"""Intake: poll -> map -> match; what is news in a page is stored, linked and marked due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from connectors.contract import Page, Record
from syncd.lead.definition import EntityKind
from syncd.mapping.model import KindMap, Mappings
from syncd.pipeline.keys import key_rows, keys_in, let_go, telling_fields, who_had
from syncd.pipeline.meanwhile import without_the_past
from syncd.pipeline.succession import RANK, follow_conversions, follow_keys, follow_losses, follow_merges, tell_twins
from syncd.stages.match import LONE, RELATING, SHARED, Key, Linked, Several, match_record, nowhere
from syncd.stages.poll import News, sift, survivor_of, touches_in
from syncd.store import inbox, intake, succession, sweep
from syncd.store.database import from_ms, new_id, serialise_intake
from syncd.store.figures import records_of
from syncd.store.succession import RecordKey


def take_in(
    connection: Connection, mappings: Mappings, system: str, page: Page, now: int, asked: int | None = None
) -> int:
    """Store what is new in a page: records, links, keys, touches, and mark their entities due; return how many.

    Must run in one transaction with the page's cursor. `asked`: since when (ms) its records may have been read.
    """
    kind_map = mappings.kind(system, page.kind)
    if kind_map is None or not page.records:
        return 0
    serialise_intake(connection)
    ids = [record.id for record in page.records]
    stored = intake.stored_records(connection, system, page.kind, ids)
    records = without_the_past(connection, kind_map, page.records, stored, now if asked is None else asked, now)
    news, rows, stamps = sift(system, page.kind, records, stored)  # poll
    intake.save_records(connection, rows)
    intake.move_stamps(connection, stamps)
    if not news:
        return 0
    links = _link(connection, mappings, kind_map, news, now, stored)  # map, match
    due = {links[one.record.id]: RANK[kind_map.entity] for one in news if one.matters and one.record.id in links}
    touched = [
        row for one in news if one.record.id in links for row in touches_in(one, kind_map.touches, links[one.record.id])
    ]
    intake.save_touches(connection, touched)
    intake.mark_due(connection, due, now, f"{system} {page.kind}")
    _wake_referrers(connection, kind_map, news, links, now)
    _settle_gone(connection, kind_map, news, now)
    came_or_went = [
        one for one in news if one.record.deleted or (one.record.id in stored and stored[one.record.id].deleted)
    ]
    tell_twins(connection, kind_map, {links[one.record.id] for one in came_or_went if one.record.id in links}, now)
    return len(due)


def link_again(connection: Connection, mappings: Mappings, system: str, kind: str, ids: Sequence[str], now: int) -> int:
    """Look once more whose these stored records are, which belong to nobody so far; return how many found a place."""
    kind_map = mappings.kind(system, kind)
    if kind_map is None or not ids:
        return 0
    serialise_intake(connection)
    stored = intake.stored_records(connection, system, kind, ids)
    news = [_as_news(connection, system, kind, one) for one in stored.values() if not one.deleted]
    links = _link(connection, mappings, kind_map, news, now)
    intake.mark_due(connection, dict.fromkeys(links.values(), RANK[kind_map.entity]), now, "linked at last")
    return len(links)


def follow_gone(connection: Connection, mappings: Mappings, kind_map: KindMap, ids: Collection[str], now: int) -> None:
    """Let go what these records alone told, which are gone without a page that says so; who waited for that goes on."""
    serialise_intake(connection)
    entities = set(intake.links_of(connection, kind_map.system, kind_map.kind, ids).values())
    lost, freed = let_go(connection, mappings, kind_map.entity, dict.fromkeys(entities, ()), now)
    waited = succession.waiting_records(connection, lost) if lost else []
    left = follow_losses(connection, mappings, kind_map, entities, freed, now)
    for waiting in dict.fromkeys((*left.settled, *waited)):
        link_again(connection, mappings, waiting[0], waiting[1], [waiting[2]], now)


# ---------------------------------------------------------------------------------------------------------------------

_NOTHING: Mapping[str, intake.StoredRecord] = MappingProxyType({})
_TELL_MORE = "Give it a first and a last name over there, or a telephone; if they are one, merge the two"


def _link(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    news: Sequence[News],
    now: int,
    before: Mapping[str, intake.StoredRecord] = _NOTHING,
) -> dict[str, str]:
    """Return record id -> entity for all news that have one, making links and entities where that is certain.

    `before`: the records as they were stored until now.
    """
    system, kind = kind_map.system, kind_map.kind
    followed = follow_merges(connection, mappings, kind_map, news, before, now)
    links = intake.links_of(connection, system, kind, [one.record.id for one in news])
    buried = {one.record.id for one in news if _was_ours(kind_map, one)}
    known = [one for one in news if not one.record.deleted or one.record.id in buried]
    keys = {one.record.id: keys_in(mappings, kind_map, one.fields) for one in known}
    _save_keys(connection, kind_map, known, links, keys)
    waited, freed = _let_go(connection, mappings, kind_map, news, links, keys, before, now)
    fresh = [one for one in news if one.record.id in keys and one.record.id not in links.keys() | followed.disputed]
    added = _place(connection, mappings, kind_map, fresh, keys, now)
    links |= added
    _save_keys(connection, kind_map, [one for one in fresh if one.record.id in added], links, keys)
    _retire_merged(connection, kind_map, news)
    converted = follow_conversions(connection, mappings, kind_map, news, links, now)
    met = follow_keys(connection, mappings, kind_map, _told_anew(mappings, kind_map, known, added, keys, before), now)
    gone = [
        key for one in news for key in (one.record.id, *one.record.merged) if one.record.deleted or one.record.merged
    ]
    losers = set(intake.links_of(connection, system, kind, gone).values())
    left = follow_losses(connection, mappings, kind_map, losers, freed, now)
    found = (followed, converted, met, left)
    for waiting in dict.fromkeys((*(record for one in found for record in one.settled), *waited)):
        link_again(connection, mappings, waiting[0], waiting[1], [waiting[2]], now)
    moved = converted.joined or met.joined or left.joined
    return intake.links_of(connection, system, kind, list(links)) if moved else links


def _place(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    fresh: Sequence[News],
    keys: Mapping[str, Sequence[Key]],
    now: int,
) -> dict[str, str]:
    """Return whose these records without a link are, as far as that is certain; link them, ask about the others."""
    system, kind = kind_map.system, kind_map.kind
    sought = {key for one in fresh for key in _sought(keys[one.record.id])}
    known = intake.all_holders(connection, kind_map.entity.value, sought)
    holders = known.now
    told = {one.record.id: (keys[one.record.id], one.fields) for one in fresh}
    once = who_had(connection, mappings, kind_map, told, known.once)
    mentioned = {e for found in (*holders.values(), *known.once.values()) for e in found}
    taken = intake.taken_by(connection, system, kind, mentioned)
    own = _own_keys(connection, kind_map, fresh)
    links: dict[str, str] = {}
    entities: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    crowded: set[str] = set()
    for one in fresh:
        record = one.record.id
        entity, rule = _whose(one, keys[record], holders, taken, own, once.get(record, {}))
        if isinstance(entity, Several):
            if not one.record.deleted:
                _ask_who(connection, mappings, kind_map, one, entity, taken, now)
            continue
        if entity is None:
            entity, rule = new_id(), "new"
            entities.append(_new_entity(entity, kind_map.entity, now))
        links[record] = entity
        if not one.record.deleted and taken.setdefault(entity, record) != record:
            crowded.add(entity)  # creates of two that were joined since
        for key in keys[record]:
            held = holders.setdefault(key, [])
            if entity not in held:
                held.append(entity)
        made.append({"system": system, "kind": kind, "record_id": record, "entity": entity, "rule": rule, "since": now})
        if not one.new:
            waited = inbox.settle_record(connection, f"{system} {kind} {record}")
            intake.mark_due(connection, dict.fromkeys(waited, RANK[kind_map.entity]), now, "its twin found a place")
    intake.save_entities(connection, entities)
    intake.save_links(connection, made)
    tell_twins(connection, kind_map, crowded, now)
    return links


def _let_go(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    news: Sequence[News],
    links: Mapping[str, str],
    keys: Mapping[str, Sequence[Key]],
    before: Mapping[str, intake.StoredRecord],
    now: int,
) -> tuple[list[RecordKey], set[Key]]:
    """Let go the keys that changed records told alone; return the records that waited for that, and the keys."""
    told: dict[str, set[Key]] = {}
    telling = telling_fields(mappings, kind_map)
    for one in news:
        record, old = one.record, before.get(one.record.id)
        if record.id not in links or old is None or not _tells_otherwise(mappings, kind_map, one, old, keys, telling):
            continue
        told.setdefault(links[record.id], set()).update(keys.get(record.id, ()))
    lost, freed = let_go(connection, mappings, kind_map.entity, told, now)
    return (succession.waiting_records(connection, lost) if lost else []), freed


def _told_anew(
    mappings: Mappings,
    kind_map: KindMap,
    known: Sequence[News],
    added: Collection[str],
    keys: Mapping[str, Sequence[Key]],
    before: Mapping[str, intake.StoredRecord],
) -> dict[str, set[Key]]:
    """Return record id -> the identifying keys that it tells only now, of people's records whose place was known."""
    if kind_map.entity is not EntityKind.LEAD:
        return {}
    names = mappings.definition.identifying[kind_map.entity]
    raw = {field for name in names if name in kind_map.fields for field in kind_map.fields[name].reads}
    told: dict[str, set[Key]] = {}
    for one in known:
        record, old = one.record, before.get(one.record.id)
        if record.deleted or record.id in added or not (one.new or raw.intersection(one.changed)):
            continue
        former = keys_in(mappings, kind_map, old.fields) if old is not None else ()
        if fresh := {key for key in keys[record.id] if key[0] in names and key not in former}:
            told[record.id] = fresh
    return told


def _tells_otherwise(
    mappings: Mappings,
    kind_map: KindMap,
    one: News,
    old: intake.StoredRecord,
    keys: Mapping[str, Sequence[Key]],
    telling: frozenset[str],
) -> bool:
    """Whether a record may have told a key that it does not tell now.

    What we wrote stands in the store before its echo comes: its digest is empty then, and what was there is not known.
    """
    if one.record.deleted:
        return not old.deleted
    if not old.digest and old.modified:
        return True
    if telling.isdisjoint(one.changed):
        return False
    return not set(keys_in(mappings, kind_map, old.fields)) <= set(keys[one.record.id])


def _save_keys(
    connection: Connection,
    kind_map: KindMap,
    news: Sequence[News],
    links: Mapping[str, str],
    keys: Mapping[str, Sequence[Key]],
) -> None:
    linked = [(one, links[one.record.id]) for one in news if one.record.id in links]
    rows = [row for one, entity in linked for row in key_rows(kind_map, entity, keys[one.record.id], one.fields)]
    intake.save_keys(connection, rows)


def _was_ours(kind_map: KindMap, one: News) -> bool:
    """Tell whether a person deleted a record that a lost state of ours had made; its tombstone must find its entity."""
    if not (one.new and one.record.deleted) or kind_map.key is None or survivor_of(one.record) is not None:
        return False
    return bool(one.fields.get(kind_map.key))


def _as_news(connection: Connection, system: str, kind: str, one: intake.StoredRecord) -> News:
    merged = sweep.merged_into(connection, system, kind, [one.id])
    record = Record(id=one.id, modified=from_ms(one.modified), fields=one.fields, merged=tuple(sorted(merged)))
    return News(record, one.fields, (), new=False, matters=True)


def _sought(keys: Sequence[Key]) -> list[Key]:
    """Return the keys by which somebody may be known: not those that a whole company shares.

    Of accounts of one name or domain the address says which.
    """
    own = [key for key in keys if key[0] not in RELATING]
    shared = [key for key in own if key[0] in SHARED]
    sites = [key for key in keys if shared and key[0] == "site"]
    return [
        *own,
        *((LONE[name], value) for name, value in own if name in LONE),
        *sites,
        *(nowhere(key) for key in shared if sites),
    ]


def _own_keys(connection: Connection, kind_map: KindMap, fresh: Sequence[News]) -> dict[str, str]:
    """Return record id -> entity for records that carry our own key: creates whose answer was lost."""
    if kind_map.key is None:
        return {}
    carried = {one.record.id: one.fields.get(kind_map.key) for one in fresh}
    known = succession.bearers_of(connection, {str(key) for key in carried.values() if key})
    return {record: known[str(key)] for record, key in carried.items() if key and str(key) in known}


def _whose(
    one: News,
    keys: Sequence[Key],
    holders: Mapping[Key, Sequence[str]],
    taken: Mapping[str, str],
    own: Mapping[str, str],
    once: Mapping[Key, Mapping[str, bool | None]],
) -> tuple[str | Several | None, str]:
    if one.record.id in own:
        return own[one.record.id], "own key"
    match = match_record(keys, holders, taken, one.record.id, once)
    if isinstance(match, Linked):
        return match.entity, match.rule
    return (match, "") if isinstance(match, Several) else (None, "new")


def _ask_who(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    one: News,
    several: Several,
    taken: Mapping[str, str],
    now: int,
) -> None:
    """Put an ambiguous record in the inbox; where it could lead to a second CRM record, its candidates wait too."""
    blocks = any(k.makes for k in mappings.of_entity(kind_map.entity) if k.system == kind_map.system)
    record = f"{kind_map.system} {kind_map.kind} {one.record.id}"
    stands_on = records_of(connection, several.entities)
    for entity in several.entities:
        own = [f"{kind_map.system} {kind_map.kind} {taken[entity]}"] if entity in taken else stands_on.get(entity, [])
        inbox.open_problem(
            connection,
            key=f"who|{record}|{entity}",
            kind="review" if blocks else "duplicate",
            system=kind_map.system,
            entity=entity,
            record=record,
            now=now,
            message=f"{record} has the same {several.rule} as {kind_map.entity.value} {entity}"
            + (f" ({own[0]})" if own else "")
            + _why_asked(several)
            + "; it was linked to nobody and is kept. "
            + (_TELL_MORE if several.once else "Merge the two over there, or change one of them"),
        )


def _why_asked(several: Several) -> str:
    if several.once:
        return " had once, and nothing else tells whether they are one"
    return " and others" if len(several.entities) > 1 else ", which has such a record already"


def _new_entity(entity: str, kind: EntityKind, now: int) -> dict[str, Any]:
    return {
        "id": entity,
        "kind": kind.value,
        "values": {},
        "provenance": {},
        "state": {},
        "definition": None,
        "created_at": now,
        "updated_at": now,
    }


def _retire_merged(connection: Connection, kind_map: KindMap, news: Sequence[News]) -> None:
    gone = {merged: one.record.id for one in news for merged in one.record.merged}
    intake.retire_records(connection, kind_map.system, kind_map.kind, gone)


def _settle_gone(connection: Connection, kind_map: KindMap, news: Sequence[News], now: int) -> None:
    """A twin that was merged away or deleted is no question any more; whoever waited for the answer goes on."""
    gone = [one.record.id for one in news if one.record.deleted]
    gone += [merged for one in news for merged in one.record.merged]
    for record in gone:
        waited = inbox.settle_record(connection, f"{kind_map.system} {kind_map.kind} {record}")
        intake.mark_due(connection, dict.fromkeys(waited, RANK[kind_map.entity]), now, "its twin is gone")


def _wake_referrers(
    connection: Connection, kind_map: KindMap, news: Sequence[News], links: Mapping[str, str], now: int
) -> None:
    """Entities that point at a record which came only now must be looked at again."""
    if kind_map.entity is EntityKind.LEAD:
        return
    keys = [("ref", f"{kind_map.system}|{kind_map.kind}|{one.record.id}") for one in news if one.new]
    for kind in EntityKind:
        held = intake.holders_of(connection, kind.value, keys)
        waiting = {entity: RANK[kind] for entities in held.values() for entity in entities}
        intake.mark_due(connection, waiting, now, "what it refers to arrived")
    if kind_map.entity is EntityKind.ACCOUNT:  # its branches are written under a record of the same system
        owners = {("account", links[one.record.id]) for one in news if one.new and one.record.id in links}
        branches = {
            one for held in intake.holders_of(connection, EntityKind.BRANCH.value, owners).values() for one in held
        }
        waiting = dict.fromkeys(branches, RANK[EntityKind.BRANCH])
        intake.mark_due(connection, waiting, now, "its company arrived there")
