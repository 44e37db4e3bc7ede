"""What marketing reads of a lead, and what a rep reads; never a guess, never a date relative to today."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import ENTITY, definition, related, touch
from support.clock import NOW, days_ago

from syncd.lead.brief import write_brief
from syncd.lead.decision import Lack, LackingFact, LeadState, Verdict
from syncd.lead.definition import CONDITION_FACTS, HANDOFF_FACTS
from syncd.stages.feedback import handoff_facts

WAITING = LeadState(stage="mql", cycle=2, since=NOW)
HANDED = WAITING._replace(handed_at=NOW)
REFUSAL = Verdict(passed=False, lacking=(LackingFact("budget", "budget", Lack.MISSING, "marketing"),))
PASSED = Verdict(passed=True)
SCORED = {"score": 55, "score_why": "fit 30, engagement 25 from 5 touches", "market": "plants", "in_market": True}


def facts(state: LeadState, verdict: Verdict | None = None, **other: Any) -> dict[str, Any]:
    given = {"values": {}, "scored": SCORED, "branch": None, "touches": [], "crm_id": None, **other}
    return handoff_facts(definition(), ENTITY, state=state, verdict=verdict, **given)


def test_every_fact_that_a_mapping_or_condition_may_name_is_there() -> None:
    """`now` is the conditions' own, `vanished` a branch's; whether a lead is `overdue` its decision knows."""
    assert set(facts(WAITING)) == {*HANDOFF_FACTS, *CONDITION_FACTS} - {"now", "vanished", "overdue"}


@pytest.mark.parametrize(("state", "verdict", "expected"), [
    (WAITING._replace(stage="inquiry"), None, "not due"),
    (WAITING, REFUSAL, "refused"),
    (WAITING, PASSED, "handed over"),
    (HANDED, None, "handed over"),
    (HANDED._replace(decision="accepted"), None, "accepted"),
    (HANDED._replace(decision="rejected"), None, "rejected"),
    (HANDED._replace(decision="disqualified"), None, "disqualified"),
])  # fmt: skip
def test_the_status_is_where_the_lead_stands(state: LeadState, verdict: Verdict | None, expected: str) -> None:
    assert facts(state, verdict)["handoff_status"] == expected


def test_a_refusal_stands_in_words_and_is_gone_when_nothing_is_missing() -> None:
    assert facts(WAITING, REFUSAL)["refusal"] == "budget: missing, marketing can fill it"
    assert facts(WAITING, PASSED)["refusal"] is None
    assert facts(HANDED)["refusal"] is None


def test_a_rejection_is_told_with_its_code_its_label_and_the_reps_words() -> None:
    found = facts(HANDED._replace(decision="rejected", reason="early", reason_text="call in May"))
    assert (found["rejection_reason"], found["rejection_text"]) == ("early", "not ready to talk: call in May")
    unknown = facts(HANDED._replace(decision="rejected", reason="made up"))
    assert (unknown["rejection_reason"], unknown["rejection_text"]) == ("made up", None)


def test_an_accepted_lead_has_no_rejection() -> None:
    found = facts(HANDED._replace(decision="accepted", reason="early", reason_text="x"))
    assert (found["rejection_reason"], found["rejection_text"]) == (None, None)


def test_progress_begins_with_the_handover() -> None:
    assert facts(WAITING, PASSED)["progress"] is None
    assert facts(HANDED)["progress"] == "mql (cycle 2), waiting for sales"
    assert facts(HANDED._replace(stage="sql", decision="accepted"))["progress"] == "sql (cycle 2), sales accepted"


def test_times_are_written_in_utc_to_the_second() -> None:
    assert facts(HANDED)["handed_over_at"] == "2026-05-28T20:26:40Z"
    assert facts(WAITING)["handed_over_at"] is None


def test_the_branch_is_told_with_the_reason() -> None:
    found = facts(HANDED, branch=(related("B", name="Works 1"), "same telephone"))
    assert (found["branch_name"], found["branch_why"]) == ("Works 1", "same telephone")


def test_the_latest_five_touches_are_told_newest_first() -> None:
    read = [touch(days_ago(n), "visit", f"page {n}") for n in range(7)]
    assert facts(HANDED, touches=read)["last_touches"].splitlines() == [
        "2026-05-28 visit: page 0",
        "2026-05-27 visit: page 1",
        "2026-05-26 visit: page 2",
        "2026-05-25 visit: page 3",
        "2026-05-24 visit: page 4",
    ]
    assert facts(HANDED)["last_touches"] is None


FULL = {
    "first_name": "Ann",
    "last_name": "Smith",
    "title": "Plant Manager",
    "company": "Plant Inc",
    "industry": "Energy",
    "employees": 900,
    "problem": "scrap rate",
    "authority": "decides",
    "budget": 1500000.0,
    "decision_date": "2026-09-01",
    "buying_group": ["CFO", "COO"],
    "competitors": "none considered",
}


def test_a_rep_reads_why_this_lead_and_why_now() -> None:
    known = {**SCORED, "branch_name": "Works 1", "branch_why": "same telephone"}
    assert write_brief(FULL, known, [touch(NOW, "form", "Catalogue")]).splitlines() == [
        "Who: Ann Smith, Plant Manager, Plant Inc (Energy, 900 employees)",
        "Why: faces: scrap rate; role in the decision: decides; budget: 1,500,000; target market: plants; "
        "score 55 (fit 30, engagement 25 from 5 touches)",
        "Why now: decides by 2026-09-01; latest: 2026-05-28 form: Catalogue",
        "Sits at: Works 1 (same telephone)",
        "Also: others involved: CFO, COO; also considering: none considered",
    ]


def test_a_brief_leaves_out_what_is_not_known() -> None:
    assert write_brief({}, {}, []) == ""
    assert write_brief({"budget": 0}, {}, []) == "Why: budget: 0"
    assert facts(WAITING, scored={"score": None})["brief"] is None
