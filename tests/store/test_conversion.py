"""A conversion in the CRM: heard once, as an acceptance, where it answers a handover; then the Contact speaks.

Times are the seam's own, so that "before the handover" is days before.
"""

from __future__ import annotations

from typing import Any

import pytest
import seam as words
from seam import Seam
from support.builders import polled
from support.clock import DAY, MINUTE, SECOND

from syncd.mapping.loader import load
from syncd.store.tables import entity, stage_event

HUB = words.HUB.replace("    crm_id", "    handoff_status: {to: status}\n    progress: {to: progress}\n    crm_id")
SAYS = "    sales_decision: {from: Decision}\n    sales_reason: {from: Reason}\n    sales_reason_text: {from: Why}\n"
CRM = words.CRM.replace("    sales_decision: {from: Decision}\n", SAYS) + SAYS
REASONS = (
    "reasons:\n  dq.no_need: {label: no need, goes_to: nurture}\n  rej.incomplete: {label: lacking, goes_to: fix}\n"
)
SILENT = {"Decision": None, "Reason": None, "Why": None}


@pytest.fixture(autouse=True)
def _mappings(seam: Seam) -> None:
    for name, text in {"definition": words.DEFINITION + REASONS, "hub": HUB, "crm": CRM}.items():
        (seam.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    seam.mappings = load(seam.folder, {"hub": "hubspot", "crm": "salesforce"})


def convert(seam: Seam, lead: str = "00Q0", **fields: Any) -> None:
    """A rep converts; the Lead and its Contact come with the next poll."""
    seam.crm_lead(lead, {**SILENT, **fields}, converted_to=("Contact", "0031"))
    says(seam)


def says(seam: Seam, **fields: Any) -> None:
    """What sales enters on the Contact."""
    held = seam.crm.held.setdefault("0031", {"Email": words.ANN["email"], **SILENT})
    held.update(fields)
    seam.hears("Contact", polled("0031", dict(held), at=seam.now), system="crm")


def handed_over(seam: Seam) -> None:
    seam.contact("51", {"status": None, "progress": None})
    seam.until_quiet()
    seam.later(DAY)


def state(seam: Seam) -> dict[str, Any]:
    return dict(seam.rows(entity)[0].state)


def moves(seam: Seam) -> list[tuple[str | None, str, str, str | None]]:
    return [(row.from_stage, row.to_stage, row.by, row.reason_text) for row in seam.rows(stage_event)]


def told(seam: Seam) -> str:
    found: str = seam.hub.held["51"]["progress"]
    return found


def test_a_conversion_of_what_was_handed_over_is_an_acceptance_and_is_recorded_as_such(seam: Seam) -> None:
    handed_over(seam)
    convert(seam)
    seam.until_quiet()
    assert moves(seam)[-1] == ("mql", "sal", "sales", "by conversion")
    assert (seam.hub.held["51"]["status"], told(seam)) == ("accepted", "sal (cycle 1), sales accepted by conversion")
    count = len(moves(seam))
    seam.later(DAY)
    convert(seam)  # a maintenance job moves its modified time
    seam.contact("51", {"company": "Works"})
    seam.until_quiet()
    assert (len(moves(seam)), state(seam)["decision"]) == (count, "accepted")


def test_one_that_was_converted_before_it_was_handed_over_waits_for_sales(seam: Seam) -> None:
    """Whoever is a customer's contact already was converted for another reason."""
    seam.crm_lead("00Q1", {"Email": words.ANN["email"]})
    convert(seam, "00Q1")
    seam.until_quiet()
    seam.later(DAY)
    handed_over(seam)
    assert told(seam) == "mql (cycle 1), waiting for sales"
    convert(seam, "00Q1", Company="Plant Two")
    seam.until_quiet()
    assert told(seam) == "mql (cycle 1), waiting for sales"


def test_ours_that_was_converted_before_its_create_was_answered_is_accepted(seam: Seam) -> None:
    seam.contact("51", {"status": None, "progress": None})
    batch = seam.decide()
    assert seam.planned()
    seam.settle()
    (lead,) = seam.entities()
    seam.crm_lead("00Q9", {"Email": words.ANN["email"], "Key__c": lead})
    convert(seam, "00Q9")
    seam.until_quiet()
    assert (batch is not None, told(seam)) == (True, "sal (cycle 1), sales accepted by conversion")


def test_what_the_rep_entered_outranks_what_her_conversion_implies(seam: Seam) -> None:
    handed_over(seam)
    convert(seam, Decision="rejected", Reason="rej.incomplete", Why="wrong number")
    seam.until_quiet()
    assert (state(seam)["decision"], state(seam)["reason_text"]) == ("rejected", "wrong number")


def test_after_the_conversion_the_contact_is_heard_with_its_own_reason(seam: Seam) -> None:
    handed_over(seam)
    convert(seam, Decision="accepted", Why="call her in the morning")
    seam.until_quiet()
    seam.later(DAY)
    says(seam, Decision="disqualified", Reason="dq.no_need")
    seam.until_quiet()
    assert moves(seam)[-1][:3] == ("sal", "recycled", "sales")
    assert (state(seam)["reason"], state(seam).get("reason_text")) == ("dq.no_need", None)


def test_a_second_round_is_not_accepted_by_the_conversion_of_the_first(seam: Seam) -> None:
    handed_over(seam)
    convert(seam)
    seam.until_quiet()
    seam.later(DAY)
    says(seam, Decision="disqualified", Reason="dq.no_need")
    seam.until_quiet()
    seam.later(DAY)
    seam.contact("51", {"company": "Plant Three", "budget": 9})
    seam.until_quiet()
    seam.later(MINUTE)
    assert (state(seam)["cycle"], state(seam).get("decision")) == (2, None)
    convert(seam, Company="Plant Four")
    seam.until_quiet()
    assert told(seam) == "mql (cycle 2), waiting for sales"


def test_an_old_conversion_that_is_read_late_answers_nothing(seam: Seam) -> None:
    """Contacts may be read before Leads: who was handed over as a Contact had been converted long before."""
    says(seam)
    handed_over(seam)
    assert told(seam) == "mql (cycle 1), waiting for sales"
    old = polled(
        "00Q1", {"Email": words.ANN["email"], **SILENT}, at=seam.now - 30 * DAY, converted_to=("Contact", "0031")
    )
    seam.hears("Lead", old, system="crm")
    seam.until_quiet()
    assert told(seam) == "mql (cycle 1), waiting for sales"


def test_a_conversion_after_a_rejection_of_the_round_before_is_an_acceptance_that_stays(seam: Seam) -> None:
    """The old word still stands on the Lead; it was heard in its own round."""
    handed_over(seam)
    seam.crm_lead("00Q0", SILENT)
    seam.until_quiet()
    seam.later(DAY)
    seam.crm_lead("00Q0", {**SILENT, "Decision": "rejected", "Reason": "rej.incomplete"})
    seam.until_quiet()
    seam.later(SECOND)
    seam.contact("51", {"company": "Plant Three", "budget": 9})
    seam.until_quiet()
    assert told(seam) == "mql (cycle 2), waiting for sales"
    convert(seam, Decision="rejected", Reason="rej.incomplete")
    seam.until_quiet()
    assert told(seam) == "sal (cycle 2), sales accepted by conversion"
    seam.later(DAY)
    seam.contact("51", {"company": "Plant Four"})
    seam.until_quiet()
    assert told(seam) == "sal (cycle 2), sales accepted by conversion"
