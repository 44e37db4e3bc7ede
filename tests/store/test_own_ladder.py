"""A ladder of the company's own: nobody climbs past the gate, and nobody is left behind when a step is gone."""

from __future__ import annotations

import pytest
import seam as usual
from seam import Seam

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
