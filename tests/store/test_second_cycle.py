"""A lead that is handed over again: the rep is told, and what she said of the cycle before is no answer to this one."""

from __future__ import annotations

import pytest
import seam as usual
from seam import Seam
from support.clock import DAY

from connectors.contract import Deferred
from syncd.store.tables import stage_event

CRM = usual.CRM.replace(
    "    sales_decision: {from: Decision}\n",
    """\
    cycle: {to: Cycle}
    handed_over_at: {to: Handed}
    sales_decision: {from: Decision, to: Decision}
    sales_reason: {from: Reason, to: Reason}
    sales_reason_text: {from: Note, to: Note}
""",
)
NO = {"Decision": "rejected", "Reason": "rej.too_early", "Note": "in spring"}


@pytest.fixture
def seam(seam: Seam) -> Seam:
    seam.edit(crm=CRM)
    seam.contact("51")
    seam.until_quiet()
    seam.crm_lead("00Q0", {**dict.fromkeys(("Cycle", "Handed", *NO)), **seam.crm.held["00Q0"]})
    seam.until_quiet()
    return seam


def send_back(seam: Seam, **words: str) -> None:
    seam.later(DAY)
    seam.crm_lead("00Q0", {**NO, **words})
    seam.until_quiet()
    seam.later(DAY)


def test_the_create_tells_cycle_and_time_and_nothing_is_written_after_it(seam: Seam) -> None:
    (made,) = seam.crm.requests
    assert (made.fields["Cycle"], made.fields["Handed"]) == (1, "2026-05-28T20:26:40Z")


def test_a_new_cycle_tells_the_rep_and_empties_her_last_answer_once(seam: Seam) -> None:
    send_back(seam)
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    told = seam.crm.requests[1:]
    assert [dict(one.fields) for one in told] == [
        {"Company": "Plant Two", "Cycle": 2, "Handed": "2026-05-30T20:26:40Z", "Decision": None, "Reason": None,
         "Note": None},
    ]  # fmt: skip
    seam.crm_lead("00Q0")
    seam.contact("51")
    seam.until_quiet()
    assert (len(seam.crm.requests), seam.state()["stage"]) == (2, "mql")
    assert [one.reason_text for one in seam.rows(stage_event) if one.by == "sales"] == ["in spring"]


def test_the_same_words_said_again_are_heard_again(seam: Seam) -> None:
    send_back(seam)
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    send_back(seam)
    assert (seam.state()["stage"], seam.state()["cycle"]) == ("recycled", 2)
    assert [one.cycle for one in seam.rows(stage_event) if one.by == "sales"] == [1, 2]
    assert seam.crm.held["00Q0"]["Decision"] == "rejected"


def test_an_answer_that_came_before_the_emptying_was_taken_is_kept(seam: Seam) -> None:
    """The CRM puts the write off; the rep says no to the second round meanwhile, in the same words."""
    send_back(seam)
    seam.crm.answer = lambda one: Deferred("busy")
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    seam.crm.answer = seam.crm.writes
    seam.crm_lead("00Q0", {"Decision": None})
    seam.later()
    seam.crm_lead("00Q0", NO)
    seam.later(DAY)
    seam.until_quiet()
    assert (seam.state()["stage"], seam.crm.held["00Q0"]["Decision"]) == ("recycled", "rejected")


def test_a_write_that_was_lost_is_sent_again(seam: Seam) -> None:
    send_back(seam)
    seam.contact("51", {"company": "Plant Two"})
    seam.decide()
    seam.later()
    seam.settle()
    seam.until_quiet()
    assert [one.fields["Decision"] for one in seam.crm.requests[1:]] == [None]
