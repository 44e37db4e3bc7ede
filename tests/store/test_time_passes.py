"""What the passing of time alone changes is done when it is time, with no word from any system, and costs no more."""

from __future__ import annotations

import seam as usual
from seam import Seam
from support.clock import DAY, HOUR

from syncd.lead.decision import Waiver
from syncd.store import figures, waivers
from syncd.store.tables import due, entity, stage_event

SCORED = "score:\n  engagement: [{points: 50, per: touch, decay: 15% / 14d}]\n"
FORMS = "  touches:\n    - {kind: form, watch: form, at: form}\n"
REASONS = "reasons:\n  rej.too_early: {label: not ready, goes_to: nurture, retry_after: 90d}\n"


def look_at(seam: Seam) -> int | None:
    (row,) = seam.rows(entity, kind="lead")
    return row.look_at


def asked(seam: Seam) -> int:
    return len(seam.crm.requests) + len(seam.hub.requests)


def test_a_lead_that_was_told_to_wait_qualifies_again_when_the_wait_is_over(seam: Seam) -> None:
    """What marketing learned meanwhile counts then, with no edit after it."""
    reading = usual.CRM.replace("{from: Decision}", "{from: Decision}\n    sales_reason: {from: Reason}")
    seam.edit(definition=usual.DEFINITION + REASONS, crm=reading)
    seam.contact("51")
    seam.until_quiet()
    seam.later(DAY)
    seam.crm_lead("00Q0", {"Decision": "rejected", "Reason": "rej.too_early"})
    seam.until_quiet()
    seam.later(30 * DAY)
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    assert (seam.state()["stage"], seam.rows(due)) == ("recycled", [])
    seam.later(60 * DAY - HOUR)
    assert seam.due() == []
    seam.later(HOUR)
    seam.until_quiet()
    assert (seam.state()["stage"], seam.state()["cycle"]) == ("mql", 2)
    assert look_at(seam) is None


def test_a_fact_that_goes_stale_before_the_handover_is_told_on_that_day(seam: Seam) -> None:
    shelf = usual.DEFINITION.replace("or_none: not set yet}", "or_none: not set yet, shelf_life: 30d}")
    seam.edit(definition=shelf.replace("[[email, budget]]", "[[email, budget, phone]]"))
    seam.contact("51")
    seam.until_quiet()
    seam.later(30 * DAY)
    assert (seam.due(), seam.hub.held["51"]["missing"]) == ([], "phone: missing, marketing can fill it")
    seam.later(1)
    seam.until_quiet()
    assert "budget: stale" in seam.hub.held["51"]["missing"]
    assert look_at(seam) is None


def test_what_a_waiver_lets_pass_is_asked_for_again_when_it_ends(seam: Seam) -> None:
    """It ends before the CRM could be asked whether it has the lead."""
    seam.contact("51", {"budget": None})
    (ann,) = seam.entities()
    with seam.engine.begin() as connection:
        waivers.grant(connection, ann, Waiver("Bo", "a fair", seam.now + 2 * DAY), seam.now)
    seam.turn(may_create=())
    assert look_at(seam) == seam.now + 2 * DAY
    seam.later(2 * DAY)
    seam.turn(may_create=())
    assert (seam.state()["outcome"], look_at(seam)) == ("refused", None)


def test_a_score_decays_by_itself_and_is_looked_at_once_a_day_at_most(seam: Seam) -> None:
    """Week by week for over a year: the score falls over there to nothing, by few looks; then nobody looks."""
    hub = usual.HUB.replace("    crm_id:", "    score: {to: score}\n    crm_id:") + FORMS
    seam.edit(definition=usual.DEFINITION + SCORED, hub=hub)
    seam.contact("51", {"form": "2026-05-20T00:00:00Z", "score": None})
    seam.until_quiet()
    assert seam.hub.held["51"]["score"] == "50"
    seen, turns = [50], 0
    for _ in range(31 * 2):
        seam.later(7 * DAY)
        turns += seam.until_quiet()
        seen.append(int(seam.hub.held["51"]["score"]))
    assert seen == sorted(seen, reverse=True)
    assert (seen[2], seen[-1], look_at(seam)) == (42, 0, None)
    assert turns < 40


def test_a_condition_that_asks_for_the_time_is_asked_every_day(seam: Seam) -> None:
    ripe = 'when: has(company) && now > timestamp("2026-06-01T00:00:00Z")'
    seam.edit(definition=usual.DEFINITION.replace("when: has(company)", ripe))
    seam.contact("51")
    seam.until_quiet()
    assert (seam.state()["stage"], look_at(seam)) == ("inquiry", seam.now + DAY)
    for _ in range(4):
        seam.later(DAY)
        seam.until_quiet()
    assert [one.to_stage for one in seam.rows(stage_event)] == ["inquiry", "mql"]


def test_a_wait_is_no_work_and_a_change_does_not_wait_for_it(seam: Seam) -> None:
    """Nothing stands on the list meanwhile; a decision in between keeps the moment, and a look that finds nothing new
    writes nothing."""
    seam.edit(definition=usual.DEFINITION + SCORED, hub=usual.HUB + FORMS)
    seam.contact("51", {"form": "2026-05-20T00:00:00Z"})
    seam.until_quiet()
    planned, before = look_at(seam), asked(seam)
    assert planned is not None
    assert seam.rows(due) == []
    seam.later(DAY)
    seam.contact("51", {"company": "Plant Two"})
    assert seam.until_quiet() == 1
    assert (look_at(seam), asked(seam)) == (planned, before + 1)
    seam.later(planned - seam.now)
    seam.until_quiet()
    seam.until_quiet()
    assert asked(seam) == before + 1


def test_who_is_gone_everywhere_is_not_looked_at(seam: Seam) -> None:
    seam.edit(definition=usual.DEFINITION + SCORED, hub=usual.HUB + FORMS)
    seam.contact("51", {"form": "2026-05-20T00:00:00Z", "company": None})
    seam.until_quiet()
    assert look_at(seam) is not None
    seam.contact("51", deleted=True)
    seam.until_quiet()
    assert look_at(seam) is None


def test_a_lead_that_sales_leaves_lying_is_overdue_when_its_time_is_up(seam: Seam) -> None:
    """From the handover on; once sales speaks it is not late any more."""
    timed = usual.DEFINITION.replace("when: handoff.accepted", "when: handoff.accepted, within: 4h")
    seam.edit(definition=timed, hub=usual.HUB.replace("    crm_id:", "    overdue: {to: late}\n    crm_id:"))
    seam.contact("51", {"late": None})
    seam.until_quiet()
    assert look_at(seam) == seam.now + 4 * HOUR
    seam.later(4 * HOUR)
    seam.until_quiet()
    assert seam.hub.held["51"]["late"] == "true"
    with seam.engine.connect() as connection:
        assert figures.count_overdue(connection, seam.now) == {"mql": 1}
    seam.crm_lead("00Q0", {"Decision": "accepted"})
    seam.until_quiet()
    assert seam.hub.held["51"]["late"] == "false"
    with seam.engine.connect() as connection:
        assert figures.count_overdue(connection, seam.now + DAY) == {}


def test_a_stale_fact_that_still_holds_is_confirmed_as_its_refusal_says(seam: Seam) -> None:
    seam.edit(definition=usual.DEFINITION.replace("not set yet}", "not set yet, shelf_life: 30d}"))
    seam.contact("51", {"company": None})
    seam.until_quiet()
    seam.later(40 * DAY)
    seam.contact("51", {"company": "Plant"})
    seam.until_quiet()
    assert "(if it still holds: empty it, wait a few minutes, enter it again)" in seam.hub.held["51"]["missing"]
    seam.contact("51", {"budget": None})
    seam.until_quiet()
    seam.later(5 * 60_000)
    seam.contact("51", {"budget": 5})
    seam.until_quiet()
    assert (len(seam.crm.requests), seam.hub.held["51"]["missing"]) == (1, None)
