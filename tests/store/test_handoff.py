"""Handoff on both databases: decided, committed, sent, answered - and what a crash between any two of them leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import seam as usual
from seam import ANN, Seam
from sqlalchemy import text, update
from support.builders import polled
from support.clock import MINUTE, NOW, SECOND
from support.processes import wait_for

from connectors.contract import Deferred, Policy, Rejected, WriteRequest, WriteResult, Written
from connectors.errors import Unavailable
from syncd.lead.decision import Fate
from syncd.pipeline import Brake, decide_batch, sending, store_decisions
from syncd.pipeline.undoing import find_replaced
from syncd.store import handoff, inbox, intake, replaced, sent, sweep
from syncd.store.tables import due, entity, ledger, problem, run, stage_event, verdict


def created(seam: Seam) -> list[WriteRequest]:
    return [one for one in seam.crm.requests if one.policy is Policy.CREATE]


# --- the straight road


def test_a_complete_lead_is_created_once_under_our_key_and_marketing_hears_its_id(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    (ann,) = seam.entities()
    assert [(one.kind, one.key, dict(one.fields)) for one in seam.crm.requests] == [
        ("Lead", ("Key__c", ann), {"Email": ANN["email"], "LastName": "Smith", "Company": "Plant", "Budget": "5"})
    ]
    assert [(one.id, dict(one.fields)) for one in seam.hub.requests] == [("51", {"crm_id": "00Q0"})]
    assert seam.links() == {"hub contacts 51": ann, "crm Lead 00Q0": ann}
    assert seam.rows(entity)[0].state["handed_at"] == NOW
    assert [(row.from_stage, row.to_stage) for row in seam.rows(stage_event)] == [(None, "inquiry"), ("inquiry", "mql")]


def test_of_two_leads_of_one_address_that_are_complete_at_once_one_is_made(seam: Seam) -> None:
    """Each has a contact of its own, so nothing is joined; the other waits beside it, with a question."""
    seam.contact("51", {"company": None})
    seam.contact("52", {"company": None, "email": "bob@plant.example"})
    seam.until_quiet()
    seam.contact("52", {"email": ANN["email"]})
    seam.contact("51", {"company": "Plant"})
    seam.contact("52", {"company": "Plant"})
    seam.turn()
    assert (len(created(seam)), dict(seam.fates)) == (1, {"handed over": 1, "deferred": 1})
    seam.later()
    seam.until_quiet()
    assert len(created(seam)) == 1
    assert "has the same email and is there already (Lead 00Q0)" in seam.message()


def test_our_own_writes_polled_back_wake_nobody(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    assert (seam.contact("51"), seam.crm_lead("00Q0"), seam.due()) == (0, 0, [])


def test_two_quiet_turns_write_nothing(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    asked = len(seam.crm.requests) + len(seam.hub.requests)
    for _ in range(2):
        seam.later()
        seam.contact("51")
        seam.crm_lead("00Q0")
        seam.turn()
    assert len(seam.crm.requests) + len(seam.hub.requests) == asked


def test_an_incomplete_lead_is_refused_told_and_released_by_itself_when_filled(seam: Seam) -> None:
    seam.contact("51", {"budget": None})
    seam.until_quiet()
    assert seam.crm.requests == []
    assert seam.hub.requests[0].fields == {"missing": "budget: missing, marketing can fill it"}
    seam.later()
    seam.contact("51", {"budget": 7})
    seam.until_quiet()
    assert len(created(seam)) == 1
    assert seam.hub.held["51"]["missing"] is None
    assert [(row.outcome, row.released_at) for row in seam.rows(verdict)] == [
        ("refused", seam.now),
        ("passed", None),
    ]


def test_a_change_in_marketing_updates_only_that_field(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    last = seam.crm.requests[-1]
    assert (last.policy, last.id, last.fields) == (Policy.UPDATE, "00Q0", {"Company": "Plant Two"})


def test_a_correction_by_sales_stays_and_is_not_overwritten(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00Q0", {"Company": "Plant GmbH"})
    seam.until_quiet()
    assert len(seam.crm.requests) == 1
    assert seam.values(seam.entities()[0])["company"] == "Plant GmbH"


def test_every_change_stands_in_the_ledger_with_its_source(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    last = seam.rows(ledger)[-1]
    assert (last.at, last.changes["company"][:3]) == (seam.now, ["Plant", "Plant Two", "hub contacts 51"])


def test_a_lead_without_a_fresh_look_at_the_crm_is_not_created_and_tried_again(seam: Seam) -> None:
    """The CRM may hold this person already; what is known of it is too old to say no."""
    seam.contact("51")
    seam.turn(may_create=())
    assert (seam.crm.requests, dict(seam.fates), seam.due()) == ([], {Fate.DEFERRED.value: 1}, [])
    seam.later(30 * SECOND)
    seam.until_quiet()
    assert len(created(seam)) == 1


def test_a_lead_that_the_crm_has_already_is_handed_over_there_and_not_created(seam: Seam) -> None:
    seam.crm_lead("00Q7", {"Email": "ann@plant.example"})
    seam.contact("51")
    seam.until_quiet()
    assert created(seam) == []
    assert seam.hub.held["51"]["crm_id"] == "00Q7"


def test_a_person_known_as_a_contact_in_the_crm_is_not_created_as_a_lead(seam: Seam) -> None:
    seam.hears("Contact", polled("0031", {"Email": "ann@plant.example"}), system="crm")
    seam.contact("51")
    seam.until_quiet()
    assert seam.crm.requests == []


# --- a record deleted over there


def test_a_lead_deleted_in_the_crm_is_never_made_anew(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00Q0", deleted=True)
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    assert len(seam.crm.requests) == 1


def test_a_lead_deleted_in_the_crm_before_it_was_ready_is_asked_about(seam: Seam) -> None:
    seam.crm_lead("00Q7", {"Email": "ann@plant.example"})
    seam.crm_lead("00Q7", deleted=True)
    seam.contact("51")
    seam.turn()
    (ann,) = seam.entities()
    assert dict(seam.fates) == {Fate.GONE.value: 1}
    assert [(kind, one) for kind, _, one in seam.problems()] == [("deleted", ann)]
    assert seam.crm.requests == []


def test_a_record_found_gone_by_a_write_is_buried(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.crm.answer = lambda _: Rejected("ENTITY_IS_DELETED", "entity is deleted", gone=True)
    seam.contact("51", {"company": "Plant Two"})
    assert seam.turn()["gone"] == 1
    assert seam.stored("00Q0", "Lead", "crm").deleted
    assert [kind for kind, _, _ in seam.problems()] == ["deleted"]


# --- answers


def test_a_rejected_row_is_a_problem_and_is_not_sent_again_until_it_changes(seam: Seam) -> None:
    seam.crm.answer = lambda _: Rejected("FIELD_INTEGRITY", "no such value", field="Company")
    seam.contact("51")
    seam.until_quiet()
    assert seam.intents()[0] == "refused"
    assert [(kind, record) for kind, record, _ in seam.problems()] == [("rejected", "crm Lead (new)")]
    told = seam.message()
    assert all(part in told for part in ("crm Lead (new)", "field Company", "FIELD_INTEGRITY: no such value"))
    assert told.endswith("What is known of it is kept; it is tried again when a value of it changes")
    seam.later(60 * MINUTE)
    assert (seam.contact("51"), seam.due(), len(created(seam))) == (0, [], 1)
    seam.crm.answer = seam.crm.writes
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    assert (len(created(seam)), seam.problems()) == (2, [])


def test_what_a_system_takes_none_of_while_it_takes_the_rest_is_told_and_follows_by_itself(seam: Seam) -> None:
    """A part of it that answers 503 for ever: no other write's success hides that, nor a time when it took nothing."""
    down: WriteResult = Deferred("HTTP 503", at_large=True)
    seam.contact("51")
    seam.until_quiet()
    seam.contact("52", {"email": "bob@plant.example"})
    for turn in range(7):
        assert seam.problems() == []
        for_all = turn in (2, 4)
        seam.crm.answer = lambda one, all_=for_all: (
            down if all_ or one.policy is Policy.CREATE else seam.crm.writes(one)
        )
        seam.contact("51", {"company": f"Plant {turn}"})
        seam.turn()
        seam.later(10 * MINUTE)
    assert "crm Lead: nothing can be created: HTTP 503. What is to be written waits" in seam.message()
    seam.crm.answer = seam.crm.writes
    seam.later(15 * MINUTE)
    seam.until_quiet()
    assert (seam.problems(), "crm Lead 00Q1" in seam.links()) == ([], True)


def test_an_outage_shuts_no_door_for_one_record_that_was_put_off_before(seam: Seam) -> None:
    """Who waits for an approval since long says nothing of the others when all of the system answers 503."""
    seam.contact("51")
    seam.contact("52", {"email": "bob@plant.example"})
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Plant 1"})
    seam.crm.answer = lambda _: Deferred("locked by an approval")
    for _ in range(5):
        seam.turn()
        seam.later(60 * MINUTE)
    told = seam.message()
    seam.contact("52", {"company": "Plant 2"})
    seam.crm.answer = lambda _: Deferred("HTTP 503", at_large=True)
    seam.turn()
    assert seam.message() == told
    seam.crm.answer = seam.crm.writes
    for minutes, companies in ((1, {"Plant", "Plant 2"}), (9, {"Plant 1", "Plant 2"})):
        seam.later(minutes * MINUTE)
        seam.until_quiet()
        assert {one["Company"] for one in seam.crm.held.values()} == companies
    assert seam.problems() == []


def test_a_refusal_as_duplicate_names_whom_it_duplicates(seam: Seam) -> None:
    seam.crm.answer = lambda _: Rejected("DUPLICATES_DETECTED", "a duplicate", matches=(("Lead", "00Q9"),))
    seam.contact("51")
    seam.until_quiet()
    assert "it is said to duplicate Lead 00Q9" in seam.message()


def test_one_bad_row_fails_alone(seam: Seam) -> None:
    def picky(request: WriteRequest) -> WriteResult:
        return Rejected("BAD", "no") if request.fields["LastName"] == "Bad" else Written("00Q9", created=True)

    seam.crm.answer = picky
    seam.contact("51", {"lastname": "Bad"})
    seam.contact("52", {"email": "bob@plant.example"})
    assert seam.turn() == {"created": 1, "rejected": 1}
    links = seam.links()
    assert links["crm Lead 00Q9"] == links["hub contacts 52"]
    assert [one for _, _, one in seam.problems()] == [links["hub contacts 51"]]


@pytest.mark.parametrize(("told", "wait"), [(90.0, 90 * SECOND), (0.0, 30 * SECOND), (99_999.0, 60 * MINUTE)])
def test_a_deferred_row_is_due_again_when_the_system_said(seam: Seam, told: float, wait: int) -> None:
    """After 30 s where it named no time, and within the hour in any case."""
    seam.crm.answer = lambda _: Deferred("row lock", told)
    seam.contact("51")
    assert seam.turn() == {"deferred": 1}
    assert [(row.not_before, row.why) for row in seam.rows(due)] == [(NOW + wait, "a system could not take it")]
    seam.crm.answer = seam.crm.writes
    seam.later(wait - 1)
    assert seam.due() == []
    seam.later(1)
    seam.until_quiet()
    assert seam.intents()[:2] == ["deferred", "done"]
    assert len({one.key for one in created(seam)}) == 1


def test_a_change_that_comes_while_a_write_is_put_off_does_not_wait_with_it(seam: Seam) -> None:
    def answer(_: WriteRequest) -> WriteResult:
        seam.contact("51", {"company": "Plant Two"})
        return Deferred("locked by an approval", 3_600)

    seam.contact("51")
    seam.crm.answer = answer
    assert seam.turn() == {"deferred": 1}
    assert len(seam.due()) == 1
    seam.crm.answer = lambda _: Deferred("locked by an approval", 3_600)
    assert seam.turn() == {"deferred": 1}
    assert seam.due() == []


def test_what_people_write_without_end_is_cut_and_stops_nobody(seam: Seam) -> None:
    """A street, a reason, and what a lead refers to: each longer than what is kept of it in a key or a move."""
    said = "{from: Decision}\n    sales_reason: {from: Reason}"
    address = "  street: {type: text}\n  postcode: {type: text}\n"
    place = "    street: {from: street}\n    postcode: {from: zip}\n    account: {from: firm, as: link companies}\n"
    seam.edit(
        definition=usual.DEFINITION.replace("account:\n  name", f"{address}account:\n  name"),
        hub=usual.HUB + place + "company:\n  is: account\n  kind: companies\n  fields:\n    name: {from: name}\n",
        crm=usual.CRM.replace("{from: Decision}", said),
    )
    long = "100 Main Street behind the hall " * 40
    seam.contact("51", {"street": long, "zip": "60601", "firm": long})
    seam.until_quiet()
    seam.crm_lead("00Q0", {"Decision": "rejected", "Reason": long})
    seam.contact("52", {"email": "bob@plant.example"})
    seam.until_quiet()
    assert len(created(seam)) == 2
    assert [row.reason for row in seam.rows(stage_event) if row.reason] == [long[:64]]
    known = dict.fromkeys(seam.entities(), 2)
    with seam.engine.begin() as connection:
        intake.mark_due(connection, known, seam.now, long)
    assert {row.why for row in seam.rows(due)} == {long[:64]}


def test_why_rows_were_put_off_is_said_once(seam: Seam, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count alone would not tell an operator what to look at."""
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        sending, "logger", lambda: SimpleNamespace(warning=lambda _, **of: said.append(tuple(of.values())))
    )
    seam.crm.answer = lambda _: Deferred("row lock")
    seam.contact("51")
    seam.contact("52", {"email": "bob@plant.example"})
    assert seam.turn() == {"deferred": 2}
    assert said == [("retry", "crm", 2, "row lock")]


def test_a_system_in_trouble_defers_its_rows_and_only_those(seam: Seam) -> None:
    seam.crm.trouble = Unavailable("crm does not answer", system="crm", retry_after=45.0)
    seam.contact("51")
    seam.contact("52", {"email": "bob@plant.example", "budget": None})
    assert seam.turn() == {"deferred": 1, "written": 1}
    assert [str(one) for one in seam.troubles] == ["crm does not answer"]
    assert [row.not_before for row in seam.rows(due)] == [NOW + 45 * SECOND]


def test_only_what_was_written_counts_as_handed_over(seam: Seam) -> None:
    """A create that was refused or put off is not one, however the gate decided; nor is an update of what is gone."""
    answers = {
        "Bad": Rejected("BAD", "no"),
        "Late": Deferred("row lock"),
        "Fine": Written("00Q9", created=True),
    }
    seam.crm.answer = lambda request: answers[request.fields["LastName"]]
    for number, name in enumerate(answers):
        seam.contact(f"5{number}", {"email": f"{name}@plant.example", "lastname": name})
    batch = seam.decide()
    seam.send(batch)
    assert (dict(seam.fates), seam.amended(batch)) == (
        {"handed over": 3},
        {"handed over": 1, "rejected": 1, "deferred": 1},
    )


def test_an_update_of_what_was_deleted_over_there_counts_as_gone(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    seam.crm.answer = lambda _: Rejected("ENTITY_IS_DELETED", "entity is deleted", gone=True)
    seam.contact("51", {"company": "Plant Two"})
    batch = seam.decide()
    seam.send(batch)
    assert (dict(seam.fates), seam.amended(batch)) == ({"updated": 1}, {"gone": 1})


def test_what_a_stopped_process_left_counts_as_put_off(seam: Seam) -> None:
    seam.contact("51")
    batch = seam.decide()
    seam.settle()
    assert seam.amended(batch) == {"deferred": 1}


# --- crashes


def test_what_was_answered_is_not_sent_again(seam: Seam) -> None:
    seam.contact("51")
    batch = seam.decide()
    assert seam.send(batch) == {"created": 1}
    assert seam.send(batch) == {}
    assert len(seam.crm.requests) == 1


def test_a_decision_is_committed_before_it_is_sent(seam: Seam) -> None:
    seam.contact("51")
    seam.decide()
    assert (seam.intents(), seam.crm.requests, seam.due()) == (["planned"], [], [])


def test_a_batch_left_unsent_ends_in_one_create_under_the_same_key(seam: Seam) -> None:
    seam.contact("51")
    seam.decide()
    assert seam.settle() == 1
    assert len(seam.due()) == 1
    seam.until_quiet()
    (ann,) = seam.entities()
    assert [one.key for one in created(seam)] == [("Key__c", ann)]
    assert seam.intents().count("lapsed") == 1


def test_an_answer_that_was_lost_ends_in_one_record(seam: Seam) -> None:
    """Sent, written, and the process died before it could commit the id: the key finds it again."""
    seam.contact("51")
    seam.decide()
    (row,) = seam.planned()
    key = ("Key__c", row.entity)
    seam.crm.write([WriteRequest(token=row.id, kind="Lead", policy=Policy.CREATE, fields={}, key=key)])
    seam.settle()
    seam.until_quiet()
    assert [one.key for one in created(seam)] == [key, key]
    assert set(seam.links()) == {"hub contacts 51", "crm Lead 00Q0"}


def test_a_lapsed_intent_is_never_sent(seam: Seam) -> None:
    """A batch whose worker was slow, not dead, finds nothing left to send."""
    seam.contact("51")
    batch = seam.decide()
    seam.settle()
    assert seam.send(batch) == {}


def test_settling_with_nothing_left_does_nothing(seam: Seam) -> None:
    assert (seam.settle(), seam.due()) == (0, [])


def test_an_entity_that_became_due_again_while_it_was_decided_stays_due(seam: Seam) -> None:
    seam.contact("51")
    with seam.engine.begin() as connection:
        looked_at = handoff.next_due(connection, seam.now, 10)
    seam.later()
    seam.contact("51", {"company": "Plant Two"})
    with seam.engine.begin() as connection:
        decisions = decide_batch(connection, seam.mappings, list(looked_at), seam.now, [("crm", "Lead")])
        store_decisions(connection, seam.mappings, decisions, looked_at, seam.now, Brake())
    assert len(seam.due()) == 1


def test_what_time_wakes_may_be_woken_by_two_polls_at_once(seam: Seam) -> None:
    """On PostgreSQL the second waits for the first, finds the row there and goes on; SQLite has one writer."""
    seam.contact("51")
    seam.until_quiet()
    with seam.engine.begin() as connection:
        connection.execute(update(entity).values(look_at=seam.now))
    with ThreadPoolExecutor(1) as second, seam.engine.connect() as first:
        began = first.begin()
        handoff.wake(first, seam.now, 12)
        other = second.submit(wake, seam)
        if seam.engine.dialect.name == "postgresql":
            wait_for("the second waits for the first", lambda: blocked(seam))
        began.commit()
        other.result(60)
    assert len(seam.due()) == 1


def wake(seam: Seam) -> None:
    with seam.engine.begin() as connection:
        handoff.wake(connection, seam.now, 12)


def blocked(seam: Seam) -> bool:
    with seam.engine.connect() as connection:
        return bool(connection.execute(text("select count(*) from pg_locks where not granted")).scalar_one())


# --- problems


def test_a_problem_that_is_settled_is_closed_and_kept(seam: Seam) -> None:
    seam.crm.answer = lambda _: Rejected("BAD", "no")
    seam.contact("51")
    seam.until_quiet()
    seam.crm.answer = seam.crm.writes
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    assert [(row.kind, row.open) for row in seam.rows(problem)] == [("rejected", False)]


# --- what was replaced


def replaced_values(seam: Seam) -> list[tuple[Any, bool]]:
    with seam.engine.begin() as connection:
        return [(one.was, one.moved) for one in replaced.replaced_since(connection, 0)]


def test_what_was_forgotten_is_not_offered_as_what_was_replaced(seam: Seam) -> None:
    """Marketing erased the person, who then writes in again: the CRM held another value before our latest write."""
    seam.contact("51")
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Plant Two"})
    seam.until_quiet()
    assert replaced_values(seam) == [("Plant", False)]
    (ann,) = seam.entities()
    with seam.engine.begin() as connection:
        sweep.forget_traces(connection, ann)
    assert replaced_values(seam) == []
    seam.later()
    seam.contact("51", {"company": "Plant Three"})
    seam.until_quiet()
    assert replaced_values(seam) == [("Plant Two", False)]
    seam.crm_lead("00Q0", converted_to=("Contact", "0031"))
    assert replaced_values(seam) == [("Plant Two", True)]
    undoing = find_replaced(seam.engine, {}, seam.mappings, entity=None, since=0)
    assert (undoing.wanted, [why for _, why in undoing.left]) == ([], ["the record was converted or merged there"])


# --- what is forgotten


def test_tries_and_runs_of_long_ago_are_dropped_and_what_is_still_needed_stays(seam: Seam) -> None:
    """What was written stays, and with it the value that it replaced: that is the only evidence of it."""
    seam.contact("51")
    seam.until_quiet()
    seam.crm.answer = lambda _: Rejected("BAD", "no")
    seam.contact("52", {"email": "52@plant.example"})
    seam.until_quiet()
    told = {"ended_at": seam.now, "fates": {}, "calls": {}, "error": "away"}
    with seam.engine.begin() as connection:
        inbox.save_run(connection, {"id": "R1", "what": "poll hub", "started_at": seam.now, **told})
        sent.forget_tries(connection, seam.now)
        inbox.forget_runs(connection, seam.now)
    assert (sorted(seam.intents()), len(seam.rows(run))) == (["done", "done", "refused"], 1)
    with seam.engine.begin() as connection:
        sent.forget_tries(connection, seam.now + 1)
        inbox.forget_runs(connection, seam.now + 1)
    assert (seam.intents(), seam.rows(run)) == (["done", "done"], [])
