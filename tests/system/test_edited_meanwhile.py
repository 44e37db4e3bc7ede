"""What a person enters while the answer to a write is lost stays: nothing that may have been written is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.world import World

from sandbox.wire import Request, Response

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


def test_what_marketing_entered_meanwhile_stays(made: World) -> None:
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    calls = lose_the_answer(
        made.hubspot,
        "/contacts/batch/update",
        lambda: made.hubspot.edit("contacts", contact, {"budget_amount": "77000"}),
    )
    made.salesforce.edit("Lead", lead["Id"], {"Budget__c": "60000"})
    made.cycle()
    assert len(calls) == 1
    made.wait_is_over()
    made.settle()
    assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
    assert made.leads()[0]["Budget__c"] == "77000"
