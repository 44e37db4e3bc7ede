"""Handoff, first half: merge -> enrich -> qualify -> gate -> deliver -> feedback; a plain value, nothing done yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import Decision, EntityView, Fate
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Create, Mappings
from syncd.pipeline.batch import Batch, with_references, with_related
from syncd.pipeline.judging import decide_lead
from syncd.pipeline.making import ask_buried, is_made_soon
from syncd.pipeline.namesakes import identifying_keys
from syncd.pipeline.placing import place_branch
from syncd.pipeline.unanswered import keep, own_up
from syncd.pipeline.writes import plan_writes, sum_up
from syncd.stages.map import map_record
from syncd.stages.match import Key
from syncd.stages.merge import Said, keep_noes, merge_values
from syncd.store.doubts import Doubt, load_doubts
from syncd.store.views import load_views
from syncd.store.waivers import in_force


def decide_batch(
    connection: Connection,
    mappings: Mappings,
    ids: Sequence[str],
    now: int,
    may_create: Iterable[tuple[str, str]],
    unseen: Collection[str] = (),
    soon: Collection[tuple[str, str]] = (),
) -> list[Decision]:
    """Read all that is known about these entities and decide for each; writes nothing.

    `may_create`: (system, kind) of which records may be made; `soon`: of which they may once a look there succeeds.
    `unseen`: entities about which those systems were not read since they became due; for them nothing is made yet.
    """
    return decide_stored(connection, mappings, load_stored(connection, ids), now, may_create, unseen, soon)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is stored about some entities themselves, whatever version it is decided under."""

    views: Sequence[EntityView]
    doubts: Mapping[str, Sequence[Doubt]]
    heard: dict[tuple[str, str, str], Said] = field(default_factory=dict)  # record -> as it was last read

    def only(self, ids: Collection[str]) -> Stored:
        return replace(self, views=[view for view in self.views if view.id in ids])


def load_stored(connection: Connection, ids: Sequence[str]) -> Stored:
    return Stored(views=load_views(connection, ids), doubts=load_doubts(connection, ids))


def decide_stored(
    connection: Connection,
    mappings: Mappings,
    stored: Stored,
    now: int,
    may_create: Iterable[tuple[str, str]],
    unseen: Collection[str] = (),
    soon: Collection[tuple[str, str]] = (),
    *,
    shown_only: bool = False,
) -> list[Decision]:
    """Do the same with what is read already; only whom they stand near is looked up.

    `shown_only`: nobody acts on it, so that other leads are looked at as the same person only where a create may wait.
    """
    doubts = stored.doubts
    views = [own_up(mappings, view, doubts[view.id]) if view.id in doubts else view for view in stored.views]
    heard = {view.id: _listen(mappings, view, stored.heard) for view in views}
    waivers = in_force(connection, [view.id for view in views], now)
    batch = Batch(mappings=mappings, now=now, may_create=frozenset(may_create), soon=frozenset(soon), waivers=waivers)
    batch = with_references(connection, batch, views, heard)
    merged = {view.id: _merge(batch, view, heard[view.id]) for view in views}
    batch = with_related(connection, batch, views, merged, shown_only=shown_only)
    decisions = [_look_first(_decide(batch, view, heard[view.id], *merged[view.id]), unseen) for view in views]
    decisions = _one_of_each_address(batch, decisions)
    return [keep(*of_one) for of_one in zip(decisions, stored.views, views, strict=True)] if doubts else decisions


# ---------------------------------------------------------------------------------------------------------------------


def _look_first(decision: Decision, unseen: Collection[str]) -> Decision:
    if decision.entity not in unseen or not any(write.creates for write in decision.writes):
        return decision
    return decision._replace(writes=(), fate=Fate.DEFERRED, looks_first=True)


def _one_of_each_address(batch: Batch, decisions: list[Decision]) -> list[Decision]:
    """Make one lead of each address; once it is there, a person is asked about the others (pipeline.namesakes)."""
    contested = {key for kind, key in batch.holders if kind is EntityKind.LEAD}
    made: set[Key] = set()
    for place, one in enumerate(decisions if contested else ()):
        if one.kind is EntityKind.LEAD and any(write.creates for write in one.writes):
            keys = contested.intersection(identifying_keys(batch.mappings, one.values))
            if keys & made:
                decisions[place] = one._replace(writes=(), fate=Fate.DEFERRED)
            made |= keys
    return decisions


def _listen(mappings: Mappings, view: EntityView, heard: dict[tuple[str, str, str], Said]) -> list[Said]:
    said = []
    for record in view.records:
        kind_map = mappings.kind(record.system, record.kind)
        if kind_map is None or record.deleted:
            continue
        if kind_map.only is not None and not kind_map.only.met(record.fields):
            continue
        key = (record.system, record.kind, record.id)
        known = heard.get(key)
        if known is None or known.kind_map is not kind_map or known.record is not record:
            known = heard[key] = Said(record, kind_map, *map_record(kind_map, record.fields))
        said.append(known)
    return said


def _merge(
    batch: Batch, view: EntityView, said: Sequence[Said]
) -> tuple[dict[str, Any], dict[str, Sequence[Any]], dict[str, str]]:
    resolved = [_resolve(batch, one) for one in said]
    values, provenance, bad = merge_values(batch.mappings.definition, view.kind, resolved, view.provenance, view.values)
    keep_noes(batch.mappings.definition, view, said, values, provenance)
    return values, provenance, bad


def _resolve(batch: Batch, one: Said) -> Said:
    """Put entity ids where a record holds ids of its own system."""
    lines = [line for line in one.kind_map.referring if line.name in one.values]
    if not lines:
        return one
    values = dict(one.values)
    for line in lines:
        raw, target = values[line.name], line.refers_to
        values[line.name] = batch.references.get((one.record.system, target[1], str(raw))) if raw and target else None
    return replace(one, values=values)


def _decide(
    batch: Batch,
    view: EntityView,
    said: Sequence[Said],
    values: dict[str, Any],
    provenance: dict[str, Any],
    bad: dict[str, str],
) -> Decision:
    if view.kind is EntityKind.LEAD:
        return decide_lead(batch, view, said, values, provenance, bad)
    question = place_branch(batch, view, values, provenance) if view.kind is EntityKind.BRANCH else None
    facts: dict[str, Any] = {"key": view.id}
    if view.kind is EntityKind.BRANCH:
        facts["vanished"] = _vanished(batch, view)
    placed = _placed(view.kind, values)
    planned = plan_writes(batch, view, {**values, **facts}, provenance, allowed=placed)
    if view.kind is EntityKind.BRANCH and placed:
        planned.asks.extend(ask_buried(batch, view, {**values, **facts}))
    fate = Fate.DEFERRED if placed and is_made_soon(batch, view, {**values, **facts}) else None
    return sum_up(view, values, provenance, bad, dict(view.state), planned, facts, fate=fate, question=question)


def _vanished(batch: Batch, view: EntityView) -> bool:
    """Return whether no source that told of this branch lists it as one: it is deleted there, or no branch any more."""
    told = [
        one.deleted or (kind_map.only is not None and not kind_map.only.met(one.fields))
        for one in view.records
        if (kind_map := batch.mappings.kind(one.system, one.kind)) is not None and kind_map.create is Create.NEVER
    ]
    return bool(told) and all(told)


def _placed(kind: EntityKind, values: Mapping[str, Any]) -> bool:
    """A branch is written only under the account it belongs to."""
    return kind is not EntityKind.BRANCH or values.get("account") is not None
