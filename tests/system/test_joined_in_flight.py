"""Two leads are joined while both are being made in the CRM and no answer came: what was made is told and stays one."""

from __future__ import annotations

import pytest
from support.world import World

from sandbox.wire import Request, Response


def lose_the_answer(made: World) -> None:
    """Carry out the next write to Salesforce and answer 502."""
    real, lost = made.salesforce.handle, []

    def handle(request: Request) -> Response:
        answer: Response = real(request)
        if not lost and request.path.endswith("/composite") and b"PATCH" in request.body:
            lost.append(request)
            return Response(502, "Bad Gateway")
        return answer

    made.salesforce.handle = handle  # type: ignore[method-assign]


@pytest.mark.parametrize("kept", ["first", "second"])
@pytest.mark.parametrize("read_first", ["hubspot", "salesforce"])
def test_both_that_were_made_are_told_and_no_third_is_made(made: World, kept: str, read_first: str) -> None:
    made.settle()
    ann = made.contact(email="a@works.example")
    anna = made.contact(email="b@home.example", firstname="Anna", lastname="Poole", mobilephone="(312) 555-0199")
    lose_the_answer(made)
    made.cycle()
    leads = sorted(row["Id"] for row in made.leads())
    assert len(leads) == 2
    merged = made.hubspot.merge("contacts", *((ann, anna) if kept == "first" else (anna, ann)))
    made.work.poll(read_first, even_if_paused=True)
    made.settle()
    assert sorted(row["Id"] for row in made.leads()) == leads
    assert made.hubspot.get("contacts", merged)["syncd_crm_id"] in leads
    told = [one for one in made.problems() if all(lead in one for lead in leads)]
    assert told, made.problems()
    made.salesforce.merge("Lead", *leads)
    made.settle()
    assert len(made.leads()) == 1
    assert made.problems() == []
