"""What a plan tells of the second step: what marketing is told once the CRM has made a lead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_world import FILES, OURS, PROPERTIES, SmallWorld, compiled

from syncd.cli.plan_page import plan_page
from syncd.edits.passing import Limits, beyond
from syncd.edits.words import plan_words
from syncd.store import held
from syncd.store.database import now_ms
from syncd.store.tables import due, run

# A lead that the gate refuses for its budget alone is made in the CRM once nobody asks for that.
GATE_WIDER = compiled({**FILES, "definition.yaml": FILES["definition.yaml"].replace("    - [budget]\n", "")})


@pytest.fixture
def refused(template: Path, tmp_path: Path) -> Iterator[SmallWorld]:
    made = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    said = {"email": "a@x.example", "lastname": "Ray", "company": "Ax", "employees": "500"}
    made.hears("hub", "contacts", {"51": {**dict.fromkeys((*OURS, *PROPERTIES)), **said}})
    made.settle()
    yield made
    made.engine.dispose()


def test_a_plan_tells_what_the_contact_is_told_after_the_create(refused: SmallWorld) -> None:
    """Status and id, with the records and calls that it costs, in the terminal and on the page."""
    plan = refused.plan(GATE_WIDER, batches={"hub": 100, "crm": 200})
    told = plan.as_json()
    text = plan_words(told)
    assert "and, once the CRM has made the lead:\n        1  hub contacts get missing, status, crm_id, handed\n" in text
    assert "hub contacts 51 status: refused -> handed over" in text
    assert "hub contacts 51 crm_id: (empty) -> (new)" in text
    assert "hub contacts status, once made" in plan_page(told)
    assert (plan.totals["records"], plan.calls) == (2, {"crm": 1, "hub": 1})


def test_a_plan_tells_the_time_by_how_long_calls_took_of_late(refused: SmallWorld) -> None:
    """Two calls of 1.5 s, on top of the time that deciding took."""
    sent = {"what": "send", "started_at": 1_000, "ended_at": 7_000, "fates": {}, "calls": {"crm": 3, "hub": 1}}
    with refused.engine.begin() as connection:
        connection.execute(run.delete())
        connection.execute(run.insert().values(id="1", **sent))
        connection.execute(run.insert().values({**sent, "id": "2", "what": "poll", "ended_at": 90_000}))
    plan = refused.plan(GATE_WIDER)
    assert plan.seconds - plan.took == pytest.approx(3.0)
    plan.seconds = 3.0
    assert "costs 1 of crm, 1 of hub in calls, about 3 s, with all that is due" in plan_words(plan.as_json())


def test_a_refusal_taken_back_with_the_create_holds_no_edit(refused: SmallWorld) -> None:
    """Who allows creates allows what belongs to them."""
    plan = refused.plan(GATE_WIDER)
    assert beyond(plan, Limits(creates=5, flips=5)) == []


def test_what_follows_a_create_without_the_edit_too_is_not_its_doing(refused: SmallWorld) -> None:
    """Both versions make the lead: only what the edited line writes differs."""
    said = {"email": "b@x.example", "lastname": "Lee", "company": "Ax", "employees": "500", "budget": "5"}
    refused.hears("hub", "contacts", {"52": {**dict.fromkeys((*OURS, *PROPERTIES)), **said}})
    hub = FILES["hub.yaml"].replace("    score: {to: score}\n", "    score: {to: jobtitle}\n")
    hub = hub.replace("{from: jobtitle, to: jobtitle, conflict: newest}", "{from: jobtitle}")
    plan = refused.plan(compiled({**FILES, "hub.yaml": hub}))
    then = {one.field: one.edited for one in plan.effects if one.once_made and one.where == "hub contacts 52"}
    assert then == {"jobtitle": True, "stage": False, "status": False, "crm_id": False, "handed": False}


def test_whom_a_brake_holds_is_decided_again_under_another_version(refused: SmallWorld) -> None:
    """Nothing of it is stored yet by which it could be known whether the edit reaches it."""
    refused.hears("hub", "contacts", {"53": {**dict.fromkeys((*OURS, *PROPERTIES)), "email": "c@x.example"}})
    (new,) = (row.entity for row in refused.rows(due))
    with refused.engine.begin() as connection:
        held.keep(connection, [(new, "creates", 1)], now_ms())
        connection.execute(due.delete())
    refused.put_in_force(refused.plan(GATE_WIDER), GATE_WIDER)
    assert new in {row.entity for row in refused.rows(due)}
