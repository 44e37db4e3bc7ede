"""What a person enters while the answer to a write is lost stays: nothing that may have been written is sent again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from dbos import DBOS
from support.world import World

from connectors.errors import Unavailable
from sandbox.wire import Request, Response
from syncd.cli.common import make_work
from syncd.daemon import engine
from syncd.health import Health

pytestmark = pytest.mark.usefixtures("process_as_before")


def lose_the_answer(simulator: Any, path: str, meanwhile: Callable[[], None]) -> list[str]:
    """Carry out the next write to this path, have somebody edit, and answer 502; return what was called there."""
    real, calls = simulator.handle, []

    def handle(request: Request) -> Response:
        answer: Response = real(request)
        if not request.path.endswith(path) or (b"PATCH" not in request.body and path.endswith("composite")):
            return answer
        calls.append(request.path)
        if len(calls) > 1:
            return answer
        meanwhile()
        return Response(502, "Bad Gateway")

    simulator.handle = handle
    return calls


def a_second_later(system: Any, correct: Callable[[], None], seconds: float = 1) -> None:
    """Somebody corrects what the other side entered: within one second the CRM would be right."""
    now, system.clock = system.clock, lambda: time.time() + seconds
    correct()
    system.clock = now


def test_nothing_is_decided_at_a_start_before_each_system_was_read(made: World) -> None:
    """A process was killed with something due; marketing changed the same field while it was away."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"Title": "Buyer"})
    made.work.poll("salesforce")
    made.hubspot.edit("contacts", contact, {"problem": "Downtime of the press"})
    started = make_work(made.app, Health())
    for system in started.polls:
        assert started.due() == 1
        with made.app.engine.begin() as connection:
            assert started.decide(connection)["batch"] is None
        started.poll(system)
    with made.app.engine.begin() as connection:
        assert started.decide(connection)["batch"] is not None


def test_what_a_rep_entered_meanwhile_stays(made: World) -> None:
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    calls = lose_the_answer(
        made.salesforce, "/composite", lambda: made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "77000"})
    )
    made.hubspot.edit("contacts", contact, {"budget_amount": "60000"})
    made.cycle()
    assert len(calls) == 1
    made.wait_is_over()
    made.settle()
    assert made.leads()[0]["Budget__c"] == "77000"
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"


@pytest.mark.parametrize("told", [{}, {"httpStatusCode": 502, "body": "<html>"}, {"httpStatusCode": 200, "body": []}])
def test_what_a_rep_entered_while_a_part_of_a_call_went_unanswered_stays(made: World, told: dict[str, Any]) -> None:
    """The call as a whole is answered; whether this part of it was carried out, nobody says."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    real, calls = made.salesforce.handle, []

    def handle(request: Request) -> Response:
        answer: Response = real(request)
        if request.path.endswith("/composite") and b"PATCH" in request.body:
            calls.append(request.path)
            if len(calls) == 1:
                made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "77000"})
                answer.body = {"compositeResponse": [{"referenceId": "p0", **told}]}
        return answer

    made.salesforce.handle = handle  # type: ignore[method-assign]
    made.hubspot.edit("contacts", contact, {"budget_amount": "60000"})
    made.cycle()
    assert len(calls) == 1
    made.wait_is_over()
    made.settle()
    assert made.leads()[0]["Budget__c"] == "77000"
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"


def test_what_marketing_entered_meanwhile_stays(made: World) -> None:
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    corrects = partial(made.hubspot.edit, "contacts", contact, {"budget_amount": "77000"})
    calls = lose_the_answer(
        made.hubspot, "/contacts/batch/update", partial(a_second_later, made.hubspot.portal, corrects)
    )
    made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "60000"})
    made.cycle()
    assert len(calls) == 1
    made.wait_is_over()
    made.settle()
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
    assert made.leads()[0]["Budget__c"] == "77000"


def test_what_a_rep_entered_since_the_crm_was_read_stays(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """HubSpot is polled often, the CRM seldom: before the handoff it is read once more."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    monkeypatch.setattr("syncd.daemon.work.LOOK_SECONDS", 0.0)
    made.work.polls = {**made.work.polls, "hubspot": timedelta(0)}
    made.hubspot.edit("contacts", contact, {"budget_amount": "60000"})
    a_second_later(made.salesforce.org, partial(made.salesforce.edit, "Lead", lead["Id"], {"Budget__c": "77000"}))
    made.calls()
    DBOS.start_workflow(engine.poll, "hubspot").get_result()
    while engine._is_handing_over():
        time.sleep(0.05)
    assert made.leads()[0]["Budget__c"] == "77000"
    made.settle()
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"


def test_what_a_rep_entered_after_the_crm_was_read_stays(made: World) -> None:
    """Between the reading and the write: Salesforce is asked to write only what nobody changed since."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    real, writes = made.salesforce.handle, []

    def handle(request: Request) -> Response:
        if request.path.endswith("/composite") and b"PATCH" in request.body:
            writes.append(request.path)
            if len(writes) == 1:
                edits = partial(made.salesforce.edit, "Lead", lead["Id"], {"Budget__c": "77000"})
                a_second_later(made.salesforce.org, edits, seconds=5)
        return real(request)

    made.salesforce.handle = handle  # type: ignore[method-assign]
    made.hubspot.edit("contacts", contact, {"budget_amount": "60000"})
    made.cycle()
    assert made.leads()[0]["Budget__c"] == "77000"
    made.settle()
    assert made.leads()[0]["Budget__c"] == "77000"
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
    assert not made.problems()


def test_what_marketing_entered_after_it_was_read_stays(made: World) -> None:
    """The same on the other side, where one call more asks for what is to be replaced."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    real, calls = made.hubspot.handle, []

    def handle(request: Request) -> Response:
        if "/contacts/batch/" in request.path:
            calls.append(request.path.rpartition("/")[2])
            if len(calls) == 1:
                corrects = partial(made.hubspot.edit, "contacts", contact, {"budget_amount": "77000"})
                a_second_later(made.hubspot.portal, corrects, seconds=5)
        return real(request)

    made.hubspot.handle = handle  # type: ignore[method-assign]
    made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "60000"})
    made.cycle()
    assert calls == ["read"]
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
    made.settle()
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
    assert made.leads()[0]["Budget__c"] == "77000"
    assert not made.problems()


def test_nothing_is_read_anew_that_was_read_just_now_or_cannot_be(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made.settle()
    made.calls()
    monkeypatch.setattr("syncd.daemon.work.LOOK_SECONDS", 3600.0)
    made.work.look_around("hubspot")
    assert not made.calls()["salesforce"]
    monkeypatch.setattr("syncd.daemon.work.LOOK_SECONDS", 0.0)
    with made.work.looks.turn("salesforce"):  # its reading takes long
        made.work.look_around("hubspot")
    assert not made.calls()["salesforce"]
    made.work.look_around("hubspot")
    calls = made.calls()
    assert calls["salesforce"].total() == 1
    assert not calls["hubspot"]
    made.work.troubles.met("salesforce", Unavailable("salesforce answered 503", system="salesforce"))
    made.work.troubles._met["salesforce"] = (1, 0.0)  # the pause is over
    made.work.look_around("hubspot")
    assert not made.calls()["salesforce"]


def test_rows_that_were_asked_for_before_a_write_do_not_undo_it(made: World) -> None:
    """The poll's answer takes its time; in between a handoff writes another field of the same contact."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "60000"})
    made.work.poll("salesforce")
    made.hubspot.edit("contacts", contact, {"decision_date": "2027-05-05"})
    real, read = made.hubspot.handle, []

    def handle(request: Request) -> Response:
        answer: Response = real(request)
        if not read and request.path.endswith("contacts/search"):
            read.append(request.path)
            _hand_over(made)
        return answer

    made.hubspot.handle = handle  # type: ignore[method-assign]
    made.work.poll("hubspot")
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "60000"
    _hand_over(made)
    held = made.leads()[0]
    assert (held["Budget__c"], held["Decision_Date__c"]) == ("60000", "2027-05-05")


# ---------------------------------------------------------------------------------------------------------------------


def _hand_over(made: World) -> None:
    """Decide and send what is due, without reading anything before."""
    with made.app.engine.begin() as connection:
        batch = made.work.decide(connection)["batch"]
    made.work.send(batch)
