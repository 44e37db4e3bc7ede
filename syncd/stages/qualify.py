"""Which market, which score, which stage, in which cycle - under which definition.

The ladder is walked from stored events; what a vendor's stage field says is a projection of it, never its source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.lead.decision import LeadState, Move, Touch
from syncd.lead.definition import DISQUALIFIED, RECYCLED, Definition, ReasonCode

DAY_MS = 86_400_000


def score_lead(definition: Definition, values: Mapping[str, Any], touches: Sequence[Touch], now: int) -> dict[str, Any]:
    """Return the facts in_market, market, score and score_why."""
    scope = dict(values)
    market = next((m.name for m in definition.markets if m.when.met(scope)), None)
    scope["market"], scope["in_market"] = market, market is not None
    fit = sum(rule.points for rule in definition.fit if rule.when.met(scope))
    engaged = 0.0
    for rule in definition.engagement:
        period = rule.decay_per.total_seconds() * 1000
        for touch in touches:
            age = max(0, now - touch.at) / period
            engaged += rule.points * (1 - rule.decay) ** int(age)
    score = fit + round(engaged)
    why = f"fit {fit}, engagement {round(engaged)} from {len(touches)} touches"
    return {"market": market, "in_market": market is not None, "score": score, "score_why": why}


def walk_ladder(
    definition: Definition,
    state: LeadState,
    scope: Mapping[str, Any],
    sales: Mapping[str, Any],
    decided_at: int,
    fresh_evidence: Callable[[], int],
    now: int,
) -> tuple[LeadState, list[Move]]:
    """Move a lead on the ladder as far as the definition says, after what sales said of it.

    `scope`: values and facts for the conditions. `decided_at`: when sales entered its decision, `fresh_evidence`:
    tells the latest change of a fact or touch, both in ms; only a lead that came back is asked for it.
    """
    moves: list[Move] = []
    if state.stage is None:
        state = _move(state, moves, definition.stages[0].name, 1, "syncd", now)
    place = _place_of(definition, state, scope, sales.get("sales_stage") or "", now)
    if place != state.stage:
        renamed = (state.stage or "") in definition.stages[definition.stage_order(place)].was
        since = state.since if renamed else now
        state = _move(state, moves, place, state.cycle, f"definition {definition.version}", now)
        state = state._replace(since=since)
    state = _hear_sales(definition, state, moves, sales, decided_at, now)
    if state.stage == RECYCLED:
        state = _try_again(definition, state, moves, scope, fresh_evidence, now)
    state, more = climb(definition, state, scope, now)
    return state, moves + more


def climb(definition: Definition, state: LeadState, scope: Mapping[str, Any], now: int) -> tuple[LeadState, list[Move]]:
    """Move a lead up as far as the conditions hold.

    Past the gate only those come who were handed over, or whom sales took up by itself.
    """
    moves: list[Move] = []
    known = {
        **scope,
        "handoff.accepted": state.decision == "accepted",
        "handoff.rejected": state.decision == "rejected",
        "handoff.passed": state.handed_at is not None,
    }
    place = definition.stage_order(state.stage or "")
    while 0 <= place < len(definition.stages) - 1 and not _is_held(definition, state):
        place += 1
        stage = definition.stages[place]
        if stage.when is None or not stage.when.met(known):
            break
        state = _move(state, moves, stage.name, state.cycle, "syncd", now)
    return state, moves


def left_over(state: LeadState, sales: Mapping[str, Any], decided_at: int) -> Sequence[str]:
    """Return what sales said of an earlier cycle and still stands there, of a lead that was handed over again."""
    if state.cycle < 2 or state.handed_at is None or state.decision is not None:
        return ()
    if (entry := entry_of(sales, decided_at)) is None or entry != state.seen_decision:
        return ()
    return [one for one in ("sales_decision", "sales_reason", "sales_reason_text") if sales.get(one)]


def entry_of(sales: Mapping[str, Any], decided_at: int) -> str | None:
    """Name one entry of sales: the same words entered anew are another."""
    decision = sales.get("sales_decision")
    return f"{decision}|{sales.get('sales_reason')}|{decided_at}" if decision else None


def at_gate(definition: Definition, state: LeadState) -> bool:
    """Return whether the gate has a say: at the stage that handoff starts from, not yet handed over."""
    return state.stage == definition.handoff_from and state.handed_at is None


# ---------------------------------------------------------------------------------------------------------------------


def _move(
    state: LeadState,
    moves: list[Move],
    stage: str,
    cycle: int,
    by: str,
    now: int,
    reason: str | None = None,
    reason_text: str | None = None,
) -> LeadState:
    moves.append(
        Move(from_stage=state.stage, to_stage=stage, cycle=cycle, by=by, reason=reason, reason_text=reason_text)
    )
    return state._replace(stage=stage, cycle=cycle, since=now)


def _hear_sales(
    definition: Definition,
    state: LeadState,
    moves: list[Move],
    sales: Mapping[str, Any],
    decided_at: int,
    now: int,
) -> LeadState:
    decision, reason = sales.get("sales_decision"), sales.get("sales_reason")
    entry = entry_of(sales, decided_at)
    if entry is not None and entry != state.seen_decision:
        state = state._replace(
            seen_decision=entry,
            decision=decision,
            reason=reason,
            reason_text=sales.get("sales_reason_text"),
            decided_at=now,
        )
        if decision in ("rejected", "recycled", "disqualified"):
            state = _send_back(definition, state, moves, str(decision), now)
        elif decision == "accepted" and state.handed_at is not None and definition.stage_order(state.stage or "") < 0:
            # Sales takes its word back: the lead stands again where it was handed over.
            state = _move(state, moves, definition.handoff_from, state.cycle, "sales", now)
    wanted = sales.get("sales_stage")
    if wanted and definition.stage_order(wanted) > definition.stage_order(state.stage or "") >= 0:
        state = _move(state, moves, wanted, state.cycle, "sales", now)
    return state


def _send_back(definition: Definition, state: LeadState, moves: list[Move], decision: str, now: int) -> LeadState:
    """A rejection comes before contact, a disqualification after; the code says where the lead goes."""
    code: ReasonCode | None = definition.reasons.get(state.reason or "")
    closed = decision != "recycled" and (code.goes_to == "closed" if code is not None else decision == "disqualified")
    stage = DISQUALIFIED if closed else RECYCLED
    if stage != state.stage:
        state = _move(state, moves, stage, state.cycle, "sales", now, state.reason, state.reason_text)
    wait = code.retry_after.total_seconds() * 1000 if code is not None and code.retry_after else 0
    return state._replace(retry_from=int(now + wait))


def _try_again(
    definition: Definition,
    state: LeadState,
    moves: list[Move],
    scope: Mapping[str, Any],
    fresh_evidence: Callable[[], int],
    now: int,
) -> LeadState:
    """A recycled lead qualifies again on evidence younger than its return, and that is a new cycle."""
    place = definition.stage_order(definition.handoff_from)
    condition = definition.stages[place].when
    if now < (state.retry_from or 0) or fresh_evidence() <= (state.since or 0):
        return state
    if condition is None or not condition.met(scope):
        return state
    state = _move(state, moves, definition.handoff_from, state.cycle + 1, "syncd", now)
    return state._replace(
        handed_at=None,
        outcome=None,
        refused=None,
        waived=None,
        decision=None,
        reason=None,
        reason_text=None,
        decided_at=None,
        retry_from=None,
    )


def _place_of(definition: Definition, state: LeadState, scope: Mapping[str, Any], said: str, now: int) -> str:
    """Return where a lead stands on this ladder, which may be another than the one it climbed.

    Who is past the gate was handed over, or is there by a word of sales; `said`: the stage that sales moved it to.
    """
    stage = state.stage or ""
    if stage in (RECYCLED, DISQUALIFIED):
        return stage
    here = next((one.name for one in definition.stages if stage == one.name or stage in one.was), None)
    if here is None:
        lowest = definition.stages[0].name if state.handed_at is None else definition.handoff_from
        here = climb(definition, state._replace(stage=lowest), scope, now)[0].stage or lowest
    gate = definition.stage_order(definition.handoff_from)
    by_sales = state.decision == "accepted" or definition.stage_order(said) > gate
    if definition.stage_order(here) > gate and state.handed_at is None and not by_sales:
        return definition.handoff_from
    return here


def _is_held(definition: Definition, state: LeadState) -> bool:
    return at_gate(definition, state) and state.decision != "accepted"
