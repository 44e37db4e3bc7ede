"""What is decided of one lead: its place on the ladder, the gate's verdict, what sales said, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple

from syncd.lead.decision import Decision, EntityView, Fate, LeadState, Move, Origin, Provenance, Verdict
from syncd.lead.definition import SALES_FACTS
from syncd.mapping.model import BadValue
from syncd.pipeline.batch import Batch
from syncd.pipeline.conversion import hear_conversion, settle_conversion
from syncd.pipeline.doubles import ask_before_creating, find_doubles
from syncd.pipeline.making import ASKED, ask_buried_lead, ask_whether_to_make, why_not_made
from syncd.pipeline.namesakes import ask_about_namesake
from syncd.pipeline.placing import fill_from_account, place_lead
from syncd.pipeline.writes import Planned, plan_writes, sum_up
from syncd.stages.feedback import facts_once_deleted, handoff_facts, moment
from syncd.stages.gate import check_handoff
from syncd.stages.merge import Said, sales_facts
from syncd.stages.qualify import at_gate, climb, left_over, score_lead, walk_ladder
from syncd.stages.wait import due_by, next_look


def decide_lead(
    batch: Batch,
    view: EntityView,
    said: Sequence[Said],
    values: dict[str, Any],
    provenance: dict[str, Any],
    bad: dict[str, str],
) -> Decision:
    """Decide for one lead of the batch; `values` and `provenance` are completed from its account."""
    branch, question = place_lead(batch, view, values, provenance)
    fill_from_account(batch, values, provenance)
    stand = _stand(batch, view, said, values, provenance, bad)
    before, verdict = stand.before, stand.verdict
    facts = handoff_facts(
        batch.mappings.definition,
        view.id,
        values,
        stand.scored,
        stand.state,
        verdict,
        branch,
        view.touches,
        _crm_id(batch, view),
    )
    facts["overdue"] = stand.state.due_by is not None and stand.state.due_by <= batch.now
    passed = bool(facts["handoff.passed"]) and not stand.alone
    buried = passed and _buried(batch, view)
    if buried:
        facts |= facts_once_deleted(stand.state)
    unmade = None
    if passed and stand.state.handed_at is None and not buried:
        unmade = why_not_made(batch, view, {**values, **facts})
    if unmade is not None:
        facts["handoff_status"] = f"complete; not made: {unmade}"
    state = stand.state if stand.state.unmade == unmade else stand.state._replace(unmade=unmade)
    doubles = find_doubles(batch, view)
    waits = None
    if passed and not batch.is_there(view):
        waits = ask_about_namesake(batch, view, values) or ask_before_creating(batch, view, doubles)
    if waits is not None:
        view = view._replace(in_review=True)
    waiting = passed and state.handed_at is None and unmade is None
    held = {**values, **_unknown_owners(batch, bad), **facts, **dict.fromkeys(stand.left_over)}
    if waiting:
        held["handed_over_at"] = moment(batch.now)  # what a create tells, which hands it over
    planned = plan_writes(batch, view, held, provenance, allowed=passed, waiting=waiting)
    planned.asks.extend([waits] if waits is not None else [])
    if waits is None and unmade == ASKED:
        planned.asks.append(ask_whether_to_make(batch, view))
    if buried:
        planned.asks.append(ask_buried_lead(batch, view))
    spoke = (state.outcome, state.refused, state.cycle) != (before.outcome, before.refused, before.cycle)
    return sum_up(
        view,
        values,
        provenance,
        bad,
        state.dump(),
        planned,
        facts,
        moves=tuple(stand.moves),
        verdict=verdict if spoke else None,
        withdrawn=before.outcome == "refused" and state.outcome is None,
        fate=_fate_at_gate(view, state, verdict, planned),
        question=question,
        doubles=doubles,
        look_at=_next_look(batch, view, state, verdict),
    )


# ---------------------------------------------------------------------------------------------------------------------


class _Stand(NamedTuple):
    """Where a lead stands. `alone`: only the CRM still knows it. `left_over`: what sales said of an earlier cycle."""

    before: LeadState
    state: LeadState
    moves: Sequence[Move]
    verdict: Verdict | None
    scored: Mapping[str, Any]
    alone: bool
    left_over: Sequence[str]


def _stand(
    batch: Batch,
    view: EntityView,
    said: Sequence[Said],
    values: Mapping[str, Any],
    provenance: Provenance,
    bad: Mapping[str, str],
) -> _Stand:
    definition, now = batch.mappings.definition, batch.now
    scored = score_lead(definition, values, view.touches, now)
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
        state = state._replace(outcome=outcome, refused=verdict.words() or None, waived=waived)
    else:
        if not alone and _taken_up(batch, view, state, judge):
            state = state._replace(handed_at=now, outcome="passed")
        said_last = None if alone and state.handed_at is None else state.outcome
        if (state.refused, state.outcome) != (None, said_last):
            state = state._replace(refused=None, outcome=said_last)
    if verdict is not None and verdict.passed and batch.is_there(view):
        state, more = climb(definition, state._replace(handed_at=now), scope, now)
        moves += more
    if (until := due_by(definition, state)) != state.due_by:
        state = state._replace(due_by=until)
    return _Stand(before, state, moves, verdict, scored, alone, left_over(state, sales, decided_at))


def _unknown_owners(batch: Batch, bad: Mapping[str, str]) -> dict[str, BadValue]:
    """An owner whom nobody knows is written nowhere, and no record is made that would fall to somebody else."""
    return {name: BadValue(bad[name]) for name in batch.mappings.owner_names if name in bad}


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


def _crm_id(batch: Batch, view: EntityView) -> str | None:
    crm = batch.crm
    return next((one.id for one in view.records if one.system in crm and not one.deleted and not one.survivor), None)


def _fate_at_gate(view: EntityView, state: LeadState, verdict: Verdict | None, planned: Planned) -> Fate | None:
    """Return what became of a lead that the gate had a say on; None for any other."""
    if verdict is None:
        return None
    if not verdict.passed:
        return Fate.REFUSED
    if view.in_review:
        return None
    if state.handed_at is not None or any(write.creates for write in planned.writes):
        return Fate.HANDED_OVER
    if any(ask.kind == "deleted" for ask in planned.asks):
        return Fate.GONE
    if state.unmade is not None:
        return Fate.REVIEW if any(ask.kind == "create" for ask in planned.asks) else Fate.COMPLETE
    return Fate.REJECTED if planned.asks else Fate.DEFERRED
