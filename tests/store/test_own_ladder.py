"""A ladder of the company's own: nobody climbs past the gate, and nobody is left behind when a step is gone."""

from __future__ import annotations

from typing import Any

import pytest
import seam as usual
from seam import Seam
from support.clock import DAY

from syncd.store.tables import stage_event

OWN = usual.DEFINITION.replace(
    """\
  - {name: inquiry, owner: marketing}
  - {name: mql, when: has(company)}
  - {name: sal, owner: sales, when: handoff.accepted}
""",
    """\
  - {name: attention, owner: marketing}
  - {name: interest, owner: marketing, when: has(company)}
  - {name: conviction, owner: sales, when: has(budget)}
  - {name: desire, owner: sales}
  - {name: sale, owner: sales}
""",
).replace("from: mql", "from: interest")


@pytest.fixture
def own(seam: Seam) -> Seam:
    seam.edit(definition=OWN)
    return seam


def moves(seam: Seam) -> list[tuple[str | None, str]]:
    return [(one.from_stage, one.to_stage) for one in seam.rows(stage_event)]


def test_a_complete_lead_is_handed_over_before_it_climbs_past_the_gate(own: Seam) -> None:
    """The step after the gate would take it as well; climbed there unjudged, no rep would ever get it."""
    own.contact("51")
    own.turn()
    assert (own.state()["stage"], [one.key is not None for one in own.crm.requests]) == ("interest", [True])
    own.until_quiet()
    assert own.state()["stage"] == "conviction"
    assert moves(own) == [(None, "attention"), ("attention", "interest"), ("interest", "conviction")]


def test_a_refused_lead_stands_at_the_gate_until_it_is_complete(own: Seam) -> None:
    """What lacks is no condition of the next step, which it would otherwise have passed to."""
    own.edit(definition=OWN.replace("[[email, budget]]", "[[email, budget, phone]]"))
    own.contact("51")
    own.until_quiet()
    assert (own.state()["stage"], own.crm.requests) == ("interest", [])
    assert own.hub.held["51"]["missing"] == "phone: missing, marketing can fill it"
    own.later()
    own.contact("51", {"phone": "+16175550123"})
    own.until_quiet()
    assert (own.state()["stage"], len(own.crm.requests), own.hub.held["51"]["missing"]) == ("conviction", 1, None)


def test_a_lead_that_the_crm_has_climbs_on_in_the_decision_that_hands_it_over(own: Seam) -> None:
    """Nothing would make it due once more."""
    own.crm_lead("00Q7", {"Email": "ann@plant.example"})
    own.contact("51")
    own.turn()
    assert (own.state()["stage"], own.state()["handed_at"]) == ("conviction", own.now)


# --- a ladder that is edited


def renamed(step: str = "{name: conviction, when: has(company)}") -> str:
    return (
        usual.DEFINITION.replace("version: 1", "version: 2")
        .replace("from: mql", "from: conviction")
        .replace("{name: mql, when: has(company)}", step)
    )


@pytest.mark.parametrize("step", ["{name: conviction, when: has(company)}", "{name: conviction, was: mql}"])
def test_who_stands_on_a_step_that_was_renamed_is_judged_where_it_stands_now(seam: Seam, step: str) -> None:
    """Refused before and complete after: it is handed over, and nothing of the refusal is forgotten meanwhile."""
    seam.contact("51", {"budget": None})
    seam.until_quiet()
    seam.later()
    seam.edit(definition=renamed(step))
    seam.until_quiet()
    assert (seam.state()["stage"], seam.hub.held["51"]["missing"]) == (
        "conviction",
        "budget: missing, marketing can fill it",
    )
    last = seam.rows(stage_event)[-1]
    assert (last.from_stage, last.to_stage, last.by) == ("mql", "conviction", "definition 2")
    seam.contact("51", {"budget": 5})
    seam.until_quiet()
    assert len(seam.crm.requests) == 1


def test_a_step_that_is_gone_leaves_its_leads_on_the_highest_whose_condition_holds(seam: Seam) -> None:
    seam.contact("51", {"budget": None, "phone": "+16175550123"})
    seam.until_quiet()
    seam.later()
    seam.edit(
        definition=renamed("{name: known, when: has(email)}\n  - {name: conviction, when: has(company) && has(budget)}")
    )
    seam.until_quiet()
    assert moves(seam)[-1] == ("mql", "known")


@pytest.mark.parametrize(("decision", "stands"), [(None, "conviction"), ("accepted", "sal"), ("rejected", "recycled")])
def test_who_was_handed_over_stays_with_sales(seam: Seam, decision: Any, stands: str) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00Q0", {"Decision": decision})
    seam.until_quiet()
    seam.later(DAY)
    seam.edit(definition=renamed('{name: conviction, when: phone == "none"}'))
    seam.until_quiet()
    assert (seam.state()["stage"], len([one for one in seam.crm.requests if one.key])) == (stands, 1)


def test_a_gate_that_moves_down_judges_who_stands_above_it(seam: Seam) -> None:
    """They were never handed over: past the gate nobody would look at them again."""
    seam.edit(definition=usual.DEFINITION.replace("from: mql", "from: sal").replace("handoff.accepted", "has(company)"))
    seam.contact("51", {"budget": None})
    seam.until_quiet()
    assert seam.state()["stage"] == "sal"
    seam.edit()
    seam.until_quiet()
    assert (seam.state()["stage"], seam.state()["outcome"]) == ("mql", "refused")
