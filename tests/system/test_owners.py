"""Owners by their e-mail address, from the live systems: carried, kept, never guessed, never taken from anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from support.commands import say
from support.world import World, world

from sandbox.wire import Fault
from syncd.config.settings import Brakes

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """HubSpot says who owns a contact, and the Salesforce Lead is made for the same person."""
    with world(tmp_path, sqlite_url) as one:
        for file, line, further in (
            ("definition.yaml", "  title: {type: text, personal: true}\n", "  owner: {type: email}\n"),
            ("hubspot.yaml", "    title: {from: jobtitle}\n", "    owner: {from: hubspot_owner_id, as: owner}\n"),
            ("salesforce.yaml", "    title: {to: Title, truncate: 128}\n", "    owner: {to: OwnerId, as: owner}\n"),
        ):
            path = one.folder / "mappings" / file
            text = path.read_text(encoding="utf-8")
            assert line in text
            path.write_text(text.replace(line, line + further, 1), encoding="utf-8")
        one.ann = one.hubspot.define_owner("Ann.Lee@acme.example", "Ann", "Lee")  # type: ignore[attr-defined]
        one.rep = one.salesforce.add_user("Ann", "Lee")  # type: ignore[attr-defined]
        one.other = one.salesforce.add_user("Bob", "Ray")  # type: ignore[attr-defined]
        yield one


def test_a_lead_is_made_for_the_same_person_and_is_hers_until_somebody_over_there_moves_it(made: World) -> None:
    """Another owner in HubSpot takes nobody's lead, and a rep's own choice stays."""
    bob = made.hubspot.define_owner("bob.ray@acme.example", "Bob", "Ray")
    contact = made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    made.cycle()

    assert [lead["OwnerId"] for lead in made.leads()] == [made.rep]  # type: ignore[attr-defined]
    made.hubspot.edit("contacts", contact, {"hubspot_owner_id": bob})
    made.settle()
    assert [lead["OwnerId"] for lead in made.leads()] == [made.rep]  # type: ignore[attr-defined]


def test_an_owner_whom_nobody_knows_over_there_is_said_and_the_lead_waits(made: World) -> None:
    """It is made once the person is a user there, an hour later at most, without anybody's help."""
    carl = made.hubspot.define_owner("carl.sims@acme.example", "Carl", "Sims")
    made.contact(hubspot_owner_id=carl)
    made.cycle()

    assert made.leads() == []
    assert [
        one for one in made.problems() if "owner cannot be written to Lead.OwnerId: nobody active in salesforce" in one
    ]
    assert "carl" not in " ".join(made.problems()).lower()
    user = made.salesforce.add_user("Carl", "Sims")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        made.cycle()
        made.cycle()
    assert [lead["OwnerId"] for lead in made.leads()] == [user]


def test_people_are_asked_for_once_an_hour_with_three_calls(made: World) -> None:
    made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    made.cycle()
    calls = made.calls()
    assert sum(count for name, count in calls["hubspot"].items() if "owners" in name) == 2
    made.cycle()
    assert not [name for name in made.calls()["hubspot"] if "owners" in name]


def test_owners_that_cannot_be_read_are_said_whatever_the_reason(made: World) -> None:
    """A refusal that waiting does not mend; an outage is the system's own trouble, and is told as that."""
    made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    board = made.servers["hubspot"].board
    board.add(Fault("status", "GET owners", status=400, times=99))
    made.cycle()
    assert [one for one in made.problems() if one.startswith("the owners of hubspot cannot be read: ")]
    board.clear()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        made.cycle()
        assert not [one for one in made.problems() if one.startswith("the owners of")]
        board.add(Fault("status", "GET owners", status=503, times=99))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=4), tick=True):
        made.cycle()
        assert not [one for one in made.problems() if one.startswith("the owners of")]


def test_records_that_a_mapping_moves_to_other_owners_are_held_by_their_brake(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    bob = made.hubspot.define_owner("bob.ray@acme.example", "Bob", "Ray")
    path = made.folder / "mappings" / "salesforce.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("as: owner}", "as: owner, conflict: ours}", 1), encoding="utf-8")
    made.work.brakes = Brakes(owners=0)
    contact = made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    made.settle()
    made.hubspot.edit("contacts", contact, {"hubspot_owner_id": bob})
    made.settle()
    assert [lead["OwnerId"] for lead in made.leads()] == [made.rep]  # type: ignore[attr-defined]
    (problem,) = made.problems()
    assert problem.startswith("the brake on owners (0 in a run) is closed")
    assert say(capsys, "approve", "--config", str(made.config)).code == 0
    made.settle()
    assert [lead["OwnerId"] for lead in made.leads()] == [made.other]  # type: ignore[attr-defined]
    assert made.problems() == []


def test_a_plan_knows_owners_with_no_system_at_hand(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What a mapping that moves records would do is told, each record with both owners, without a call."""
    made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    made.cycle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"OwnerId": made.other})  # type: ignore[attr-defined]
    made.settle()
    made.calls()
    path = made.folder / "mappings" / "salesforce.yaml"
    text = path.read_text(encoding="utf-8")
    ours = "owner: {to: OwnerId, as: owner, conflict: ours}"
    path.write_text(text.replace("owner: {to: OwnerId, as: owner}", ours, 1), encoding="utf-8")
    shown = say(capsys, "plan", "--config", str(made.config)).out
    assert f"{made.other} -> {made.rep}" in shown  # type: ignore[attr-defined]
    assert not any(made.calls().values())


def test_a_case_made_of_a_lead_knows_its_owner_by_a_made_up_address(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """And holds: the command writes none that does not."""
    contact = made.contact(hubspot_owner_id=made.ann)  # type: ignore[attr-defined]
    made.cycle()
    said = say(capsys, "case", f"hubspot:contacts:{contact}", "--print", "--config", str(made.config))
    assert said.code == 0
    assert "owner: owner1@example.com" in said.out
    assert "acme.example" not in said.out
