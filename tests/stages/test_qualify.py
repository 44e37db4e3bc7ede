"""The score and the ladder: up by conditions, back by what sales says, round again on fresh evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.builders import ALWAYS, NEVER, When, definition, touch
from support.clock import DAY, NOW, days_ago

from syncd.lead.decision import LeadState, Move
from syncd.lead.definition import DISQUALIFIED, RECYCLED, EngagementRule, FitRule, Market, Stage
from syncd.stages.qualify import at_gate, score_lead, walk_ladder

KNOWN = definition()
FRESH = LeadState(stage="inquiry", cycle=1, since=days_ago(30))
HANDED = LeadState(stage="mql", cycle=1, since=days_ago(9), handed_at=days_ago(8), outcome="passed")


def walk(
    state: LeadState,
    scope: dict[str, Any] | None = None,
    sales: dict[str, Any] | None = None,
    *,
    decided: int = NOW,
    evidence: int = 0,
    now: int = NOW,
) -> tuple[LeadState, list[Move]]:
    return walk_ladder(KNOWN, state, scope or {}, sales or {}, decided, lambda: evidence, now)


def places(moves: list[Move]) -> list[tuple[str | None, str]]:
    return [(one.from_stage, one.to_stage) for one in moves]


# --- score


def test_the_first_market_that_fits_is_the_leads() -> None:
    known = definition(
        markets=(Market(name="a", when=NEVER), Market(name="b", when=ALWAYS), Market(name="c", when=ALWAYS))
    )
    found = score_lead(known, {}, [], NOW)
    assert (found["market"], found["in_market"]) == ("b", True)
    assert score_lead(definition(), {}, [], NOW)["in_market"] is False


def test_fit_points_add_up_and_may_ask_for_the_market() -> None:
    in_market = When(lambda values: values["in_market"] and values["market"] == "a")
    fit = (FitRule(points=30, when=in_market), FitRule(points=20, when=ALWAYS), FitRule(points=99, when=NEVER))
    known = definition(markets=(Market(name="a", when=ALWAYS),), fit=fit)
    assert score_lead(known, {}, [], NOW)["score"] == 50


@pytest.mark.parametrize(("age", "expected"), [(0, 20), (13.9, 20), (14, 15), (28, 11), (10_000, 0), (-3, 20)])
def test_a_touch_loses_its_share_with_every_period(age: float, expected: int) -> None:
    """A touch dated in the future counts as one of now."""
    known = definition(engagement=(EngagementRule(points=20, decay=0.25, decay_per=timedelta(days=14)),))
    assert score_lead(known, {}, [touch(days_ago(age))], NOW)["score"] == expected


def test_every_touch_counts_and_the_reason_says_so() -> None:
    known = definition(fit=(FitRule(points=7, when=ALWAYS),), engagement=(EngagementRule(points=5),))
    found = score_lead(known, {}, [touch(days_ago(n)) for n in range(3)], NOW)
    assert (found["score"], found["score_why"]) == (22, "fit 7, engagement 15 from 3 touches")


# --- up


def test_a_new_lead_enters_at_the_foot_in_its_first_cycle() -> None:
    state, moves = walk(LeadState())
    assert (state.stage, state.cycle, state.since) == ("inquiry", 1, NOW)
    assert moves == [Move(from_stage=None, to_stage="inquiry", cycle=1, by="syncd")]


def test_a_lead_climbs_as_far_as_the_conditions_reach_step_by_step() -> None:
    state, moves = walk(FRESH._replace(decision="accepted"), {"score": 60, "budget": 1})
    assert places(moves) == [("inquiry", "mql"), ("mql", "sal"), ("sal", "sql")]
    assert state.stage == "sql"


def test_no_step_is_skipped() -> None:
    """A budget is enough for sql, but nobody gets there past mql and sal."""
    assert walk(FRESH, {"budget": 1}) == (FRESH, [])


def test_a_step_without_a_condition_is_not_climbed() -> None:
    state, moves = walk(HANDED._replace(stage="sql"), {"score": 99, "budget": 1})
    assert (state.stage, moves) == ("sql", [])


def test_a_lead_does_not_fall_when_its_score_does() -> None:
    assert walk(FRESH._replace(stage="mql"), {"score": 0}) == (FRESH._replace(stage="mql"), [])


def test_conditions_see_that_the_lead_was_handed_over() -> None:
    steps = (Stage(name="in"), Stage(name="out", when=When(lambda values: values["handoff.passed"])))
    known = definition(stages=steps, handoff_from="in")
    waiting = LeadState(stage="in", cycle=1)
    assert walk_ladder(known, waiting, {}, {}, 0, lambda: 0, NOW)[1] == []
    assert walk_ladder(known, waiting._replace(handed_at=1), {}, {}, 0, lambda: 0, NOW)[0].stage == "out"


# --- what sales says


def test_an_accepted_lead_moves_to_sales() -> None:
    state, moves = walk(HANDED, sales={"sales_decision": "accepted"})
    assert (state.decision, state.decided_at) == ("accepted", NOW)
    assert places(moves) == [("mql", "sal")]


@pytest.mark.parametrize(("decision", "reason", "place", "wait"), [
    ("rejected", "early", RECYCLED, 90),
    ("rejected", "wrong", RECYCLED, 0),
    ("rejected", "twin", DISQUALIFIED, 0),
    ("rejected", "a code nobody agreed to", RECYCLED, 0),
    ("rejected", None, RECYCLED, 0),
    ("recycled", "early", RECYCLED, 90),
    ("recycled", "twin", RECYCLED, 0),
    ("disqualified", "early", RECYCLED, 90),
    ("disqualified", "twin", DISQUALIFIED, 0),
    ("disqualified", None, DISQUALIFIED, 0),
])  # fmt: skip
def test_a_lead_sent_back_goes_where_its_reason_says(decision: str, reason: str | None, place: str, wait: int) -> None:
    sales = {"sales_decision": decision, "sales_reason": reason, "sales_reason_text": "said so"}
    state, moves = walk(HANDED, {"score": 99}, sales)
    assert moves == [Move(from_stage="mql", to_stage=place, cycle=1, by="sales", reason=reason, reason_text="said so")]
    assert (state.stage, state.decision, state.reason, state.retry_from) == (place, decision, reason, NOW + wait * DAY)


def test_sales_may_take_its_word_back() -> None:
    """Rejected by mistake and then accepted: the lead stands where it was handed over, and climbs from there."""
    back, _ = walk(HANDED, sales={"sales_decision": "rejected", "sales_reason": "wrong"})
    state, moves = walk(back, sales={"sales_decision": "accepted"}, decided=NOW + 1)
    assert (state.stage, state.cycle, places(moves)) == ("sal", 1, [("recycled", "mql"), ("mql", "sal")])


def test_a_second_word_on_a_lead_already_sent_back_is_no_second_move() -> None:
    """Its reason is corrected; the funnel counts it once."""
    back, _ = walk(HANDED, sales={"sales_decision": "rejected", "sales_reason": "wrong"})
    state, moves = walk(back, sales={"sales_decision": "rejected", "sales_reason": "early"}, decided=NOW + 1)
    assert (moves, state.reason) == ([], "early")


def test_one_entry_of_sales_acts_once() -> None:
    """Seen again at every later decision, it does not send the lead back a second time."""
    sales = {"sales_decision": "rejected", "sales_reason": "wrong"}
    once, _ = walk(HANDED, {"score": 99}, sales, decided=days_ago(2), now=days_ago(1))
    again, moves = walk(once, {"score": 99}, sales, decided=days_ago(2), evidence=NOW)
    assert places(moves) == [(RECYCLED, "mql")]
    assert walk(again, {"score": 99}, sales, decided=days_ago(2)) == (again, [])


def test_the_same_words_entered_anew_act_anew() -> None:
    sales = {"sales_decision": "rejected", "sales_reason": "wrong"}
    once, _ = walk(HANDED, {"score": 99}, sales, decided=days_ago(9), now=days_ago(9))
    again, _ = walk(once, {"score": 99}, sales, decided=days_ago(9), evidence=days_ago(2), now=days_ago(2))
    assert again.stage == "mql"
    assert walk(again, {"score": 99}, sales, decided=NOW)[0].stage == RECYCLED


def test_sales_may_move_a_lead_up_and_never_down() -> None:
    state, moves = walk(HANDED._replace(stage="sal"), sales={"sales_stage": "opportunity"})
    assert moves == [Move(from_stage="sal", to_stage="opportunity", cycle=1, by="sales")]
    assert walk(state, sales={"sales_stage": "sal"}) == (state, [])
    assert walk(state, sales={"sales_stage": "no such stage"}) == (state, [])


def test_sales_cannot_move_a_lead_that_is_off_the_ladder() -> None:
    away = HANDED._replace(stage=DISQUALIFIED)
    assert walk(away, {"score": 99}, {"sales_stage": "won"}) == (away, [])


# --- round again

BACK = LeadState(
    stage=RECYCLED,
    cycle=1,
    since=days_ago(9),
    handed_at=days_ago(20),
    decision="rejected",
    reason="early",
    reason_text="later",
    decided_at=days_ago(9),
    retry_from=days_ago(1),
    seen_decision="rejected|early|1",
    outcome="passed",
)


def test_a_recycled_lead_with_fresh_evidence_begins_a_new_cycle_with_nothing_decided() -> None:
    state, moves = walk(BACK, {"score": 50}, evidence=days_ago(8))
    assert moves == [Move(from_stage=RECYCLED, to_stage="mql", cycle=2, by="syncd")]
    assert state == LeadState(stage="mql", cycle=2, since=NOW, seen_decision=BACK.seen_decision)


@pytest.mark.parametrize(("state", "score", "evidence"), [
    (BACK, 50, days_ago(9)),  # nothing learned since it came back
    (BACK, 50, 0),
    (BACK, 49, days_ago(8)),  # it does not qualify
    (BACK._replace(retry_from=NOW + 1), 50, days_ago(8)),  # too early
    (BACK._replace(stage=DISQUALIFIED), 99, days_ago(8)),  # closed
])  # fmt: skip
def test_a_lead_stays_away_without_evidence_score_and_time(state: LeadState, score: int, evidence: int) -> None:
    assert walk(state, {"score": score}, evidence=evidence) == (state, [])


def test_a_recycled_lead_waits_for_a_person_where_handoff_starts_without_a_condition() -> None:
    known = definition(stages=(Stage(name="in"), Stage(name="ready")), handoff_from="ready")
    assert walk_ladder(known, BACK, {"score": 99}, {}, 0, lambda: NOW, NOW) == (BACK, [])


# --- the gate's turn


@pytest.mark.parametrize(("state", "expected"), [
    (LeadState(stage="mql", cycle=1), True),
    (HANDED, False),
    (FRESH, False),
    (BACK, False),
])  # fmt: skip
def test_the_gate_has_a_say_at_its_stage_until_the_handover(state: LeadState, expected: bool) -> None:
    assert at_gate(KNOWN, state) is expected


def test_a_state_survives_storing() -> None:
    assert LeadState.load(BACK.dump()) == BACK
    assert LeadState.load({}) == LeadState()
    assert LeadState.load({**BACK.dump(), "of a later version": 1}) == BACK
