"""Merges, conversions, addresses that become one: two entities are joined, unless two live CRM records differ.

Nobody is ever merged over there by us; who is who without such a sign is syncd.stages.match's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import LeadState
from syncd.lead.definition import EntityKind
from syncd.mapping.model import KindMap, Mappings
from syncd.stages.map import map_fields, map_keys
from syncd.stages.match import Key, keys_of
from syncd.stages.poll import News
from syncd.store import handoff, inbox, intake, succession
from syncd.store.succession import RecordKey

RANK = {EntityKind.ACCOUNT: 0, EntityKind.BRANCH: 1, EntityKind.LEAD: 2}


@dataclass
class Followed:
    """What came of it: records left to a person, and records about which a person need not be asked any more."""

    disputed: set[str] = field(default_factory=set)
    settled: list[RecordKey] = field(default_factory=list)
    joined: bool = False


def follow_merges(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    news: Sequence[News],
    before: Mapping[str, intake.StoredRecord],
    now: int,
) -> Followed:
    """Link every survivor of a merge to the entity of those merged into it; join entities that became one.

    `before`: the records of this page as they were stored until now.
    """
    claims: dict[str, set[str]] = {}
    for one in news:
        if one.record.merged:
            claims.setdefault(one.record.id, set()).update(one.record.merged)
    lost = [one for one in news if one.record.deleted and one.record.survivor]
    for loser, winner in _winners(connection, kind_map, lost).items():
        claims.setdefault(winner, set()).add(loser)
    followed = Followed()
    if not claims:
        return followed
    losers = {loser for found in claims.values() for loser in found}
    links = intake.links_of(connection, kind_map.system, kind_map.kind, [*claims, *losers])
    raw = {one.record.id: one.fields for one in news}
    for survivor, merged in claims.items():
        target = (kind_map.system, kind_map.kind, survivor)
        entities = {links[loser] for loser in merged if loser in links}
        besides = {target, *((kind_map.system, kind_map.kind, loser) for loser in merged)}
        keeper = _settle(connection, mappings, kind_map, target, links.get(survivor), entities, besides, now, followed)
        if keeper is None and survivor not in links:
            keeper = _link_heir(connection, mappings, kind_map, survivor, raw.get(survivor, {}), entities, now)
            merged = {one for one in merged if links.get(one) == keeper}
        if keeper is not None:
            links.update({one: keeper for one in (*merged, survivor) if one in links or one == survivor})
            _hand_down(connection, kind_map, survivor, sorted(merged), raw.get(survivor, {}))
            _keep_noes(connection, mappings, kind_map, keeper, sorted(merged - {survivor}), before)
    return followed


def follow_conversions(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    news: Sequence[News],
    links: Mapping[str, str],
    now: int,
) -> Followed:
    """Link the Contact that a converted Lead lives on as to the Lead's entity."""
    followed = Followed()
    for one in news:
        target = one.record.converted_to
        heir = mappings.kind(kind_map.system, target[0]) if target is not None else None
        if target is None or heir is None or one.record.id not in links or heir.entity is not kind_map.entity:
            continue
        # Joining may have moved the Lead's own link since.
        (entity,) = intake.links_of(connection, kind_map.system, kind_map.kind, [one.record.id]).values() or (None,)
        own = intake.links_of(connection, kind_map.system, target[0], [target[1]]).get(target[1])
        key = (kind_map.system, *target)
        besides = {key, (kind_map.system, kind_map.kind, one.record.id)}
        claimed = {entity} if entity is not None else set()
        _settle(connection, mappings, heir, key, own, claimed, besides, now, followed, rule="converted")
    return followed


def follow_keys(
    connection: Connection, mappings: Mappings, kind_map: KindMap, told: Mapping[str, Collection[Key]], now: int
) -> Followed:
    """Join a lead with the one other that states an identifying key which a record of it tells only now.

    It is what linking at first sight would have done. Of two that live in one system nothing is joined; whether the one
    is made in the CRM beside the other is then asked (syncd.pipeline.namesakes). `told`: record id -> such keys.
    """
    followed = Followed()
    kind = kind_map.entity.value
    holders = intake.holders_of(connection, kind, {key for keys in told.values() for key in keys}) if told else {}
    if all(len(held) < 2 for held in holders.values()):
        return followed
    for record, keys in told.items():
        # Joining may have moved links and keys since.
        (own,) = intake.links_of(connection, kind_map.system, kind_map.kind, [record]).values() or (None,)
        held = {one for found in intake.holders_of(connection, kind, keys).values() for one in found} - {own}
        others = held & succession.living_records(connection, held).keys() or held
        if own is not None and len(others) == 1:
            _unite(connection, mappings, kind_map, {own, *others}, own, now, followed)
    return followed


def follow_losses(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    entities: Collection[str],
    freed: Collection[Key],
    now: int,
) -> Followed:
    """Join the two leads that are left of an identifying key, where a third or a record of one stood between them.

    `entities` lost a record, `freed` are keys that somebody tells no longer. Whoever states such a key is looked at
    again: its create may have waited.
    """
    followed = Followed()
    if kind_map.entity is not EntityKind.LEAD:
        return followed
    names = mappings.definition.identifying[kind_map.entity]
    told = intake.keys_held(connection, entities, names).values()
    keys = {key for key in freed if key[0] in names}.union(*told)
    holders = intake.holders_of(connection, kind_map.entity.value, keys)
    due = {one: RANK[kind_map.entity] for key, held in holders.items() if key in freed or len(held) > 1 for one in held}
    intake.mark_due(connection, due, now, "another lead of its address changed")
    for key in sorted(holders):
        if len(holders[key]) > 1 and len(living := succession.living_records(connection, holders[key])) == 2:
            _unite(connection, mappings, kind_map, living, None, now, followed)
    return followed


def tell_twins(connection: Connection, kind_map: KindMap, entities: Iterable[str], now: int) -> None:
    """Ask about entities with two living records of one kind: one was restored after its twin had taken its place."""
    for entity, keys in succession.living_records(connection, entities).items():
        twins = [key for key in keys if key[:2] == (kind_map.system, kind_map.kind)]
        key = f"twins|{entity}|{kind_map.system}|{kind_map.kind}"
        if len(twins) < 2:
            inbox.close_problems(connection, key=key)
            continue
        inbox.open_problem(
            connection,
            key=key,
            kind="duplicate",
            system=kind_map.system,
            entity=entity,
            message=f"{' and '.join(' '.join(one) for one in twins)} are one {kind_map.entity.value} ({entity}), and "
            f"both live; both are kept up to date. Merge them over there, or delete one",
            now=now,
        )


# ---------------------------------------------------------------------------------------------------------------------


def _winners(connection: Connection, kind_map: KindMap, lost: Sequence[News]) -> dict[str, str]:
    """Return loser -> the record it lives on as in the end; a winner may have been merged away in its turn."""
    step = {one.record.id: str(one.record.survivor) for one in lost}
    found = dict(step)
    open_ones = set(found)
    seen: dict[str, set[str]] = {loser: {loser} for loser in found}
    while open_ones:
        beyond = {**succession.survivors_of(connection, kind_map.system, kind_map.kind, set(found.values())), **step}
        moved = set()
        for loser in open_ones:
            winner = beyond.get(found[loser])
            if winner is not None and winner not in seen[loser]:
                seen[loser].add(found[loser])
                found[loser] = winner
                moved.add(loser)
        open_ones = moved
    return found


def _settle(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    target: RecordKey,
    own: str | None,
    claimed: Iterable[str],
    besides: set[RecordKey],
    now: int,
    followed: Followed,
    rule: str = "merged",
) -> str | None:
    """Give the record to the one entity that it belongs to; return that, None when nobody can tell or claims it."""
    entities = sorted({*claimed, *([own] if own is not None else [])})
    if not entities or entities == [own]:
        return own
    keeper = entities[0] if len(entities) == 1 else _keeper(connection, mappings, entities, own, besides)
    if keeper is None:
        followed.disputed.add(target[2])
        _ask(connection, kind_map, target, entities, rule, now)
        return None
    others = [one for one in entities if one != keeper]
    if others:
        followed.joined = True
        followed.settled += succession.waiting_records(connection, entities)
        _join(connection, mappings, kind_map, keeper, others, now)
    if own != keeper:
        row = {"system": target[0], "kind": target[1], "record_id": target[2], "entity": keeper}
        succession.set_link(connection, {**row, "rule": rule, "since": now})
    waited = inbox.settle_record(connection, " ".join(target))
    intake.mark_due(connection, dict.fromkeys(waited, RANK[kind_map.entity]), now, "merged over there")
    return keeper


def _unite(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    both: Iterable[str],
    own: str | None,
    now: int,
    followed: Followed,
) -> None:
    entities = sorted(both)
    keeper = _keeper(connection, mappings, entities, own, set())
    if keeper is not None:
        followed.joined = True
        followed.settled += succession.waiting_records(connection, entities)
        _join(connection, mappings, kind_map, keeper, [one for one in entities if one != keeper], now)


def _keeper(
    connection: Connection, mappings: Mappings, entities: Sequence[str], own: str | None, besides: set[RecordKey]
) -> str | None:
    """Return the entity that the others may join; None when two of them have a living record in one system.

    The one whose record over there carries our key keeps its id, for that key is the id.
    """
    living = succession.living_records(connection, entities)
    others = {one: [key for key in living.get(one, ()) if key not in besides] for one in entities}
    systems = [system for keys in others.values() for system in {key[0] for key in keys}]
    if len(systems) != len(set(systems)):
        return None

    def standing(one: str) -> tuple[bool, int, bool, str]:
        keyed = any((found := mappings.kind(key[0], key[1])) is not None and found.key for key in others[one])
        return (not keyed, -len(others[one]), one != own, one)

    return min(entities, key=standing)


def _link_heir(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    survivor: str,
    fields: Mapping[str, Any],
    entities: set[str],
    now: int,
) -> str | None:
    """Link a survivor with a new id to that one of the disputed entities which goes by its address; None: to nobody.

    Else its edits, and its opt-out, would reach neither until a person has settled the dispute.
    """
    own = mappings.definition.identifying[kind_map.entity]
    keys = keys_of(mappings.definition, kind_map.entity, map_keys(kind_map, fields, own))
    holders = intake.holders_of(connection, kind_map.entity.value, [key for key in keys if key[0] in own]).values()
    heirs = {one for held in holders for one in held if one in entities}
    if len(heirs) != 1:
        return None
    (heir,) = heirs
    row = {"system": kind_map.system, "kind": kind_map.kind, "record_id": survivor, "entity": heir}
    succession.set_link(connection, {**row, "rule": "merged", "since": now})
    return heir


def _join(
    connection: Connection, mappings: Mappings, kind_map: KindMap, keeper: str, others: Sequence[str], now: int
) -> None:
    states = handoff.load_states(connection, [keeper, *others])
    ours = LeadState.load(states.get(keeper, {}))
    further = [states[one] for one in others if LeadState.load(states.get(one, {})).handed_at is not None]
    state = further[0] if further and ours.handed_at is None else states.get(keeper, {})
    noes = mappings.definition.noes[kind_map.entity]
    succession.join_entities(connection, keeper, others, state, noes, now)
    inbox.settle_disputes(connection, keeper)
    intake.mark_due(connection, {keeper: RANK[kind_map.entity]}, now, "two became one")
    if kind_map.entity is EntityKind.ACCOUNT:
        members = succession.members_of(connection, keeper)
        due = {entity: RANK[EntityKind(kind)] for kind, entity in members}
        intake.mark_due(connection, due, now, "its account was merged")


def _hand_down(
    connection: Connection, kind_map: KindMap, survivor: str, losers: Sequence[str], fields: Mapping[str, Any]
) -> None:
    """Let a survivor that never agreed on anything take over what it still holds of the losers' agreements.

    Otherwise our own words would come back as somebody's.
    """
    known = succession.agreements_of(connection, kind_map.system, kind_map.kind, [survivor, *losers])
    if survivor in known or not fields:
        return
    taken: dict[str, Any] = {}
    for loser in losers:
        for name, agreed in known.get(loser, {}).items():
            line = kind_map.writers.get(name)
            if line is not None and line.read_back is not None and line.read_back(fields) == agreed[0]:
                taken.setdefault(name, agreed)
    if taken:
        row = {"system": kind_map.system, "kind": kind_map.kind, "record_id": survivor, "values": taken}
        handoff.save_agreed(connection, [row])


def _keep_noes(
    connection: Connection,
    mappings: Mappings,
    kind_map: KindMap,
    keeper: str,
    losers: Sequence[str],
    before: Mapping[str, intake.StoredRecord],
) -> None:
    """Let the keeper bear an opt-out that one of these records said until now; perhaps nobody was decided by it yet."""
    noes = [name for name in mappings.definition.noes[kind_map.entity] if name in kind_map.fields]
    if not noes:
        return
    stored = intake.stored_records(connection, kind_map.system, kind_map.kind, losers)
    for loser in losers:
        former = before.get(loser, stored.get(loser))
        if former is None or former.deleted or former.survivor is not None:
            continue  # it said nothing of late: who took that back since did so on another record
        values, _ = map_fields(kind_map, stored[loser].fields, noes)
        if said := [name for name in noes if values.get(name) is True]:
            succession.bear_noes(connection, keeper, said, (kind_map.system, kind_map.kind, loser), former.modified)


def _ask(
    connection: Connection, kind_map: KindMap, target: RecordKey, entities: Sequence[str], rule: str, now: int
) -> None:
    """Name both sides. It holds nothing up: whoever has a live record keeps being written there."""
    record = " ".join(target)
    living = succession.living_records(connection, entities)
    sides = [
        f"{one} ({', '.join(' '.join(key) for key in living.get(one, ())) or 'no live record'})" for one in entities
    ]
    for entity in entities:
        inbox.open_problem(
            connection,
            key=f"who|{record}|{entity}",
            kind="duplicate",
            system=target[0],
            entity=entity,
            record=record,
            now=now,
            message=f"{record} was {rule} from records of several {kind_map.entity.value}s: {' and '.join(sides)}. "
            f"Each has a live record of its own elsewhere, so nothing was joined and nothing is written twice. If they "
            f"are one, merge those records over there as well; syncd follows by itself",
        )
