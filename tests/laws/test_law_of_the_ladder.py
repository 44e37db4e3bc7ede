"""Laws of the ladder: a second walk changes nothing, cycles only grow, one entry of sales acts once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders import REASONS, definition
from support.clock import DAY, NOW

from syncd.lead.decision import LeadState, Move
from syncd.lead.definition import DISQUALIFIED, RECYCLED, SALES_DECISIONS
from syncd.stages.qualify import walk_ladder

KNOWN = definition()
PLACES = [*(stage.name for stage in KNOWN.stages), RECYCLED, DISQUALIFIED]
TIMES = st.integers(NOW - 9 * DAY, NOW)
SCOPES = st.fixed_dictionaries({"score": st.sampled_from([0, 50])}, optional={"budget": st.just(1)})
SALES = st.fixed_dictionaries(
    {},
    optional={
        "sales_decision": st.sampled_from(SALES_DECISIONS),
        "sales_reason": st.sampled_from([*REASONS, "unknown code"]),
        "sales_stage": st.sampled_from([stage.name for stage in KNOWN.stages]),
    },
)
STEPS = st.lists(st.tuples(SCOPES, SALES, TIMES, TIMES, st.integers(0, 200)), max_size=8)


def walk(
    state: LeadState, step: tuple[dict[str, Any], dict[str, Any], int, int, int], now: int
) -> tuple[LeadState, list[Move]]:
    scope, sales, decided, evidence, _ = step
    return walk_ladder(KNOWN, state, scope, sales, decided, lambda: evidence, now)


@given(STEPS)
def test_a_second_walk_over_the_same_facts_moves_nothing(steps: list[Any]) -> None:
    """A doubled trigger does no harm, wherever the lead came to stand."""
    state, now = LeadState(), NOW
    for step in steps:
        now += step[4] * DAY
        state, _ = walk(state, step, now)
        assert walk(state, step, now) == (state, [])


@given(STEPS)
def test_moves_form_one_chain_and_cycles_only_grow_by_coming_back(steps: list[Any]) -> None:
    state, now = LeadState(), NOW
    for step in steps:
        now += step[4] * DAY
        before = state
        state, moves = walk(state, step, now)
        here, cycle = before.stage, before.cycle
        for move in moves:
            assert move.from_stage == here
            begins = here is None or (here == RECYCLED and move.to_stage == KNOWN.handoff_from)
            assert move.cycle == (cycle + 1 if begins else cycle)
            assert move.to_stage in PLACES
            here, cycle = move.to_stage, move.cycle
        assert (state.stage, state.cycle) == (here, cycle)


@given(STEPS)
def test_a_lead_comes_down_by_what_sales_says_or_to_the_gate_that_never_judged_it(steps: list[Any]) -> None:
    state, now = LeadState(), NOW
    for step in steps:
        now += step[4] * DAY
        state, moves = walk(state, step, now)
        down = [one for one in moves if KNOWN.stage_order(one.to_stage) < KNOWN.stage_order(one.from_stage or "")]
        assert all(
            one.to_stage in (RECYCLED, DISQUALIFIED) if one.by == "sales" else one.to_stage == KNOWN.handoff_from
            for one in down
        )


@given(STEPS)
def test_a_closed_lead_stays_closed_until_sales_says_something_new(steps: list[Any]) -> None:
    state, now = LeadState(stage=DISQUALIFIED, cycle=1, since=NOW), NOW
    for step in steps:
        now += step[4] * DAY
        state, moves = walk(state, (step[0], {}, *step[2:]), now)
        assert (state.stage, moves) == (DISQUALIFIED, [])
