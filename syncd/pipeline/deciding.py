"""Handoff, first half: merge -> enrich -> qualify -> gate -> deliver -> feedback; a plain value, nothing done yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import starmap
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import (
    Ask,
    Decision,
    Doubles,
    EntityView,
    Fate,
    LeadState,
    Move,
    Origin,
    Provenance,
    Question,
    Verdict,
    Write,
)
from syncd.lead.definition import SALES_FACTS, EntityKind, Merge
from syncd.mapping.model import BadValue, Create, FieldMap, KindMap, Mappings
from syncd.pipeline.batch import Batch, with_references, with_related
from syncd.pipeline.conversion import hear_conversion, settle_conversion
from syncd.pipeline.doubles import ask_before_creating, find_doubles
from syncd.pipeline.making import ASKED, ask_whether_to_make, may_be_made, why_not_made
from syncd.pipeline.placing import fill_from_account, place_branch, place_lead, seen_from
from syncd.pipeline.unanswered import keep, own_up
from syncd.stages.deliver import plan_create, plan_update
from syncd.stages.feedback import handoff_facts, moment
from syncd.stages.gate import check_handoff
from syncd.stages.map import map_record
from syncd.stages.merge import Said, changes_between, merge_values, sales_facts
from syncd.stages.qualify import at_gate, climb, left_over, score_lead, walk_ladder
from syncd.stages.wait import due_by, next_look
from syncd.store import handoff
from syncd.store.doubts import Doubt, load_doubts
from syncd.store.waivers import in_force


def decide_batch(
    connection: Connection,
    mappings: Mappings,
    ids: Sequence[str],
    now: int,
    may_create: Iterable[tuple[str, str]],
    unseen: Collection[str] = (),
) -> list[Decision]:
    """Read all that is known about these entities and decide for each; writes nothing.

    `may_create`: (system, kind) of which records may be made. `unseen`: entities about which those systems were not
    read since they became due; for them nothing is made yet.
    """
    return decide_stored(connection, mappings, load_stored(connection, ids), now, may_create, unseen)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is stored about some entities themselves, whatever version it is decided under."""

    views: Sequence[EntityView]
    doubts: Mapping[str, Sequence[Doubt]]
    heard: dict[tuple[str, str, str], Said] = field(default_factory=dict)  # record -> as it was last read

    def only(self, ids: Collection[str]) -> Stored:
        return replace(self, views=[view for view in self.views if view.id in ids])


def load_stored(connection: Connection, ids: Sequence[str]) -> Stored:
    return Stored(views=handoff.load_views(connection, ids), doubts=load_doubts(connection, ids))


def decide_stored(
    connection: Connection,
    mappings: Mappings,
    stored: Stored,
    now: int,
    may_create: Iterable[tuple[str, str]],
    unseen: Collection[str] = (),
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
    batch = Batch(mappings=mappings, now=now, may_create=frozenset(may_create), waivers=waivers)
    batch = with_references(connection, batch, views, heard)
    merged = {view.id: _merge(batch, view, heard[view.id]) for view in views}
    batch = with_related(connection, batch, views, merged, shown_only=shown_only)
    decisions = [_look_first(_decide(batch, view, heard[view.id], *merged[view.id]), unseen) for view in views]
    return [keep(*of_one) for of_one in zip(decisions, stored.views, views, strict=True)] if doubts else decisions


# ---------------------------------------------------------------------------------------------------------------------


def _look_first(decision: Decision, unseen: Collection[str]) -> Decision:
    if decision.entity not in unseen or not any(write.creates for write in decision.writes):
        return decision
    return replace(decision, writes=(), fate=Fate.DEFERRED, looks_first=True)


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
    return merge_values(batch.mappings.definition, view.kind, resolved, view.provenance)


def _resolve(batch: Batch, one: Said) -> Said:
    """Put entity ids where a record holds ids of its own system."""
    lines = [line for line in one.kind_map.fields.values() if line.refers_to is not None and line.name in one.values]
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
        return _decide_lead(batch, view, said, values, provenance, bad)
    question = place_branch(batch, view, values, provenance) if view.kind is EntityKind.BRANCH else None
    facts: dict[str, Any] = {"key": view.id}
    if view.kind is EntityKind.BRANCH:
        facts["vanished"] = _vanished(batch, view)
    writes, reads, asks = _plan(batch, view, {**values, **facts}, provenance, allowed=_placed(view.kind, values))
    state = dict(view.state)
    return _sum_up(view, values, provenance, bad, state, writes, reads, asks, facts, question=question)


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


def _decide_lead(
    batch: Batch,
    view: EntityView,
    said: Sequence[Said],
    values: dict[str, Any],
    provenance: dict[str, Any],
    bad: dict[str, str],
) -> Decision:
    definition, now = batch.mappings.definition, batch.now
    branch, question = place_lead(batch, view, values, provenance)
    fill_from_account(batch, values, provenance)
    scored = score_lead(definition, values, view.touches, now)  # qualify
    sales, decided_at = sales_facts(said, SALES_FACTS)
    scope = {**values, **scored, "touches": len(view.touches), "now": now}
    before, sales, decided_at = hear_conversion(batch, view, LeadState.load(view.state), sales, decided_at)
    evidence = partial(_evidence, view, provenance, said)
    state, moves = walk_ladder(definition, before, scope, sales, decided_at, evidence, now)
    state, moves = settle_conversion(definition, state, before, moves)
    verdict = None
    alone = _only_in_crm(batch, view)
    judge = partial(check_handoff, definition, values, provenance, bad, scope, now, batch.waivers.get(view.id, ()))
    if at_gate(definition, state) and not alone:
        verdict = judge()
        outcome = "passed" if verdict.passed else "refused"
        waived = verdict.waived_words() or None
        state = replace(state, outcome=outcome, refused=verdict.words() or None, waived=waived)
    else:
        if not alone and _taken_up(batch, view, state, judge):
            state = replace(state, handed_at=now, outcome="passed")
        said_last = None if alone and state.handed_at is None else state.outcome
        if (state.refused, state.outcome) != (None, said_last):
            state = replace(state, refused=None, outcome=said_last)
    if verdict is not None and verdict.passed and batch.is_there(view):
        state, more = climb(definition, replace(state, handed_at=now), scope, now)
        moves += more
    state = replace(state, due_by=due_by(definition, state))
    facts = handoff_facts(
        definition, view.id, values, scored, state, verdict, branch, view.touches, _crm_id(batch, view)
    )
    facts["overdue"] = state.due_by is not None and state.due_by <= now
    passed = bool(facts["handoff.passed"]) and not alone
    buried = passed and _buried(batch, view)
    unmade = None
    if passed and state.handed_at is None and not buried:
        unmade = why_not_made(batch, view, {**values, **facts})
    if unmade is not None:
        facts["handoff_status"] = f"complete; not made: {unmade}"
    state = replace(state, unmade=unmade)
    waiting = passed and state.handed_at is None and unmade is None
    # An owner whom nobody knows is written nowhere, and no record is made that would fall to somebody else.
    unknown = {name: BadValue(bad[name]) for name in batch.mappings.owner_names if name in bad}
    held = {**values, **unknown, **facts, **dict.fromkeys(left_over(state, sales, decided_at))}
    if waiting:
        held["handed_over_at"] = moment(now)  # what a create tells, which hands it over
    doubles = find_doubles(batch, view)
    waits = ask_before_creating(batch, view, doubles) if passed and not batch.is_there(view) else None
    if waits is not None:
        view = replace(view, in_review=True)
    writes, reads, asks = _plan(batch, view, held, provenance, allowed=passed, waiting=waiting)
    asks += [waits] if waits is not None else []
    if waits is None and unmade == ASKED:
        asks.append(ask_whether_to_make(batch, view))
    if buried:
        asks.append(_ask_buried(batch, view))
    spoke = (state.outcome, state.refused, state.cycle) != (before.outcome, before.refused, before.cycle)
    return _sum_up(
        view,
        values,
        provenance,
        bad,
        state.dump(),
        writes,
        reads,
        asks,
        facts,
        moves=moves,
        verdict=verdict if spoke else None,
        withdrawn=before.outcome == "refused" and state.outcome is None,
        fate=_fate_at_gate(view, state, verdict, writes, asks),
        question=question,
        doubles=doubles,
        look_at=_next_look(batch, view, state, verdict),
    )


def _next_look(batch: Batch, view: EntityView, state: LeadState, verdict: Verdict | None) -> int | None:
    if all(one.deleted for one in view.records):
        return None
    verdict = verdict if state.handed_at is None else None
    return next_look(batch.mappings.definition, state, verdict, view.touches, view.look_at, batch.now)


def _evidence(view: EntityView, provenance: Provenance, said: Sequence[Said]) -> int:
    """Return when marketing last learned something of this lead, in ms."""
    crm = {one.record.system for one in said for name in SALES_FACTS if name in one.kind_map.fields}
    crm.add("syncd")
    learned = [one.at for one in starmap(Origin, provenance.values()) if one.system not in crm]
    return max([*learned, *(touch.at for touch in view.touches)], default=0)


def _taken_up(batch: Batch, view: EntityView, state: LeadState, verdict: Callable[[], Verdict]) -> bool:
    """Return whether sales decided on a lead that we did not know to be with them.

    It is a rep's own and complete, or one of ours whose create was never answered. Past the gate nobody else would say
    so, and what is known of the lead would never reach them.
    """
    if state.handed_at is not None or state.decision is None or not batch.is_there(view):
        return False
    return (state.cycle == 1 and _is_ours(batch, view)) or verdict().passed


def _is_ours(batch: Batch, view: EntityView) -> bool:
    """Return whether a record in the CRM carries our key: it was made by us, so the gate had let it pass."""
    return any(
        kind_map.key is not None and record.fields.get(kind_map.key) == view.id
        for record in view.records
        if record.system in batch.crm and not record.deleted
        if (kind_map := batch.mappings.kind(record.system, record.kind)) is not None
    )


def _only_in_crm(batch: Batch, view: EntityView) -> bool:
    """Return whether all that told of this lead outside the CRM is deleted: nothing is left to refuse, or to write."""
    told = [one for one in view.records if one.system not in batch.crm and one.survivor is None]
    return bool(told) and all(one.deleted for one in told)


def _buried(batch: Batch, view: EntityView) -> bool:
    """Return whether sales deleted this lead in the CRM; then nobody but a person makes it anew."""
    crm = batch.crm
    return any(one.system in crm and one.deleted for one in view.records) and not batch.is_there(view)


def _ask_buried(batch: Batch, view: EntityView) -> Ask:
    record = next(one for one in view.records if one.deleted and one.system in batch.crm)
    name = f"{record.system} {record.kind} {record.id}"
    words = (
        f"was merged there into {record.kind} {record.survivor}, which another lead is known by; this lead is complete "
        f"and is not made anew. Merge the two leads where marketing keeps them as well"
        if record.survivor
        else "was deleted there; the lead is complete and is not made anew. Restore the record there if sales should "
        "have it"
    )
    return Ask(kind="deleted", system=record.system, record=name, message=f"{name} {words}")


def _crm_id(batch: Batch, view: EntityView) -> str | None:
    crm = batch.crm
    return next((one.id for one in view.records if one.system in crm and not one.deleted and not one.survivor), None)


def _plan(
    batch: Batch,
    view: EntityView,
    values: Mapping[str, Any],
    provenance: Provenance,
    *,
    allowed: bool,
    waiting: bool = False,
) -> tuple[list[Write], dict[tuple[str, str, str], Any], list[Ask]]:
    """Plan the writes of one entity.

    `allowed`: the gate let it pass; without that the CRM hears of nothing but an opt-out. `waiting`: it passed and the
    CRM has not taken it yet; marketing hears of the handover once, with the id that the CRM gave, and before of an
    opt-out alone.
    """
    guarded = batch.crm if view.kind is EntityKind.LEAD else frozenset()
    noes = _noes(batch, view, values)
    together = batch.mappings.definition.together[view.kind]
    writes: list[Write] = []
    reads: dict[tuple[str, str, str], Any] = {}
    asks: list[Ask] = []
    for record in view.records:
        in_crm = record.system in guarded
        kind_map = batch.mappings.kind(record.system, record.kind)
        if kind_map is None or record.deleted or record.survivor:
            continue
        if kind_map.only is not None and not kind_map.only.met(record.fields):
            continue
        held = view.in_review or not allowed if in_crm else waiting
        if held and not noes:
            continue
        translate = _translator(batch, record.system)
        write, equal, asked = plan_update(
            kind_map, record, seen_from(batch, kind_map, values), provenance, translate, together
        )
        if held:
            write, equal, asked = _opt_outs(kind_map, write, noes), {}, []
        writes += [write] if write is not None else []
        asks += asked
        if equal:
            agreed = {field: [value, "r"] for field, value in equal.items()}
            reads[(record.system, record.kind, record.id)] = {**record.agreed, **agreed}
    if allowed and not view.in_review:
        created, asked = _plan_creates(batch, view, values)
        writes += created
        asks += asked
    return writes, reads, asks


def _noes(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> set[str]:
    """Return the fields in which the lead said no: whatever else waits, that is carried at once."""
    shared = batch.mappings.definition.fields[view.kind]
    return {name for name, one in shared.items() if one.merge is Merge.ANY and values.get(name) is True}


def _opt_outs(kind_map: KindMap, write: Write | None, noes: Collection[str]) -> Write | None:
    """Return what is left of a write to a record that the gate, a question, or the handover itself holds."""
    names = {field: line.name for field, line in kind_map.writers.items()}
    kept = {field: raw for field, raw in (write.fields if write else {}).items() if names.get(field) in noes}
    if write is None or not kept:
        return None
    was = {field: value for field, value in write.was.items() if field in kept}
    return replace(write, fields=kept, agrees={field: write.agrees[field] for field in kept}, was=was)


def _plan_creates(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> tuple[list[Write], list[Ask]]:
    there = {record.system for record in view.records}  # a deleted one counts: it is not made anew
    writes: list[Write] = []
    asks: list[Ask] = []
    for kind_map in batch.mappings.of_entity(view.kind):
        if kind_map.system in there or not may_be_made(batch, view, kind_map):
            continue
        if (kind_map.system, kind_map.kind) not in batch.may_create:
            continue
        write, asked = plan_create(
            kind_map, view.id, seen_from(batch, kind_map, values), _translator(batch, kind_map.system)
        )
        writes += [write] if write is not None else []
        asks += asked
    return writes, asks


def _translator(batch: Batch, system: str) -> Any:
    def translate(line: FieldMap, entity: str) -> str | None:
        target = batch.related.get(entity)
        assert line.refers_to is not None
        return target.records.get((system, line.refers_to[1])) if target is not None else None

    return translate


def _sum_up(
    view: EntityView,
    values: dict[str, Any],
    provenance: dict[str, Any],
    bad: Mapping[str, str],
    state: dict[str, Any],
    writes: Sequence[Write],
    reads: Mapping[tuple[str, str, str], Any],
    asks: Sequence[Ask],
    facts: Mapping[str, Any],
    *,
    moves: Sequence[Move] = (),
    verdict: Verdict | None = None,
    withdrawn: bool = False,
    fate: Fate | None = None,
    question: Question | None = None,
    doubles: Doubles | None = None,
    look_at: int | None = None,
) -> Decision:
    changes = changes_between(view.values, values, provenance)
    if fate is None:
        fate = Fate.UPDATED if writes else Fate.REVIEW if view.in_review else Fate.UNCHANGED
    return Decision(
        entity=view.id,
        kind=view.kind,
        values=values,
        provenance=provenance,
        state=state,
        changes=changes,
        moves=tuple(moves),
        verdict=verdict,
        withdrawn=withdrawn,
        writes=tuple(writes),
        reads=reads,
        asks=tuple(asks),
        question=question,
        doubles=doubles,
        facts=facts,
        bad=bad,
        fate=fate,
        look_at=look_at,
        stored=bool(changes)
        or state != view.state
        or not view.known
        or provenance != view.provenance
        or look_at != view.look_at,
    )


def _fate_at_gate(
    view: EntityView, state: LeadState, verdict: Verdict | None, writes: Sequence[Write], asks: Sequence[Ask]
) -> Fate | None:
    """Return what became of a lead that the gate had a say on; None for any other."""
    if verdict is None:
        return None
    if not verdict.passed:
        return Fate.REFUSED
    if view.in_review:
        return None
    if state.handed_at is not None or any(write.creates for write in writes):
        return Fate.HANDED_OVER
    if any(ask.kind == "deleted" for ask in asks):
        return Fate.GONE
    if state.unmade is not None:
        return Fate.REVIEW if any(ask.kind == "create" for ask in asks) else Fate.COMPLETE
    return Fate.REJECTED if asks else Fate.DEFERRED
