"""Admins change the systems under a running daemon: each change is told once, and only what it touches stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from support.world import COMPLETE, World, add_branch, laid_out, world

from sandbox.wire import Fault
from syncd.daemon import drift
from syncd.store.database import now_ms

TOKEN_BYTES = b"pat-na1-sandbox"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        yield one


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in trouble is described again at each poll instead of every ten minutes."""
    monkeypatch.setattr(drift, "PATIENCE_MS", 0)


def ann(made: World, **changes: str) -> str:
    """Bring one lead all the way into the CRM, described as a daemon does at its start."""
    made.work.watch()
    contact = made.contact(**changes)
    made.settle()
    assert len(made.leads()) == 1
    assert made.problems() == []
    return contact


def drop(made: World, kind: str, name: str) -> Any:
    """Archive a HubSpot property, values and all; return its definition."""
    with made.hubspot.portal.lock:
        table = made.hubspot.portal.table(kind)
        found = table.definitions[name]
        table.define(replace(found, archived=made.hubspot.portal.now()))
    return found


def restore(made: World, kind: str, definition: Any) -> None:
    with made.hubspot.portal.lock:
        made.hubspot.portal.table(kind).define(definition)


def lead(made: World) -> dict[str, Any]:
    (one,) = made.leads()
    return one


# --- Salesforce


def test_a_hidden_field_pauses_its_own_line_and_nothing_else(made: World, impatient: None) -> None:
    """Field-level security taken away: found by the next poll, in one problem with the line; all other fields flow."""
    contact = ann(made)
    made.salesforce.hide_field("Lead", "Problem__c")
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4", "jobtitle": "Plant manager"})
    made.settle()
    assert (lead(made)["Title"], lead(made)["Problem__c"]) == ("Plant manager", "Downtime of the paint line")
    (problem,) = made.problems()
    assert "mappings/salesforce.yaml:" in problem
    assert "salesforce Lead has no field 'Problem__c'" in problem
    assert "neither read nor written meanwhile" in problem
    made.salesforce.show_field("Lead", "Problem__c")
    made.settle()
    assert lead(made)["Problem__c"] == "Scrap on line 4"
    assert made.problems() == []


def test_a_right_to_write_that_is_lost_is_found_by_the_write(made: World, impatient: None) -> None:
    """The row that Salesforce refused goes again in the same handoff, without the field."""
    contact = ann(made)
    made.salesforce.lock_field("Lead", "Problem__c")
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4", "jobtitle": "Plant manager"})
    made.cycle()
    assert (lead(made)["Title"], lead(made)["Problem__c"]) == ("Plant manager", "Downtime of the paint line")
    (problem,) = made.problems()
    assert "salesforce Lead.Problem__c cannot be written; give syncd's user the right" in problem
    made.salesforce.show_field("Lead", "Problem__c")
    made.settle()
    assert lead(made)["Problem__c"] == "Scrap on line 4"
    assert made.problems() == []


def test_a_lead_made_meanwhile_lacks_the_field_and_gets_it_later(made: World, impatient: None) -> None:
    ann(made)
    made.salesforce.lock_field("Lead", "Buying_Group__c")
    made.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
    made.settle()
    (bob,) = [one for one in made.leads() if one["LastName"] == "Ray"]
    assert bob.get("Buying_Group__c") is None
    made.salesforce.show_field("Lead", "Buying_Group__c")
    made.settle()
    (bob,) = [one for one in made.leads() if one["LastName"] == "Ray"]
    assert bob["Buying_Group__c"] == "plant manager, purchasing"


def test_a_second_right_lost_within_ten_minutes_strands_nobody(made: World) -> None:
    """A lead refused while its kind is not described again is made once that shows why, complete with the rights."""
    ann(made)
    made.salesforce.lock_field("Lead", "Problem__c")
    made.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
    made.settle()
    assert len(made.leads()) == 2
    made.salesforce.lock_field("Lead", "Authority__c")
    made.contact(email="cy.orr@forge.example", firstname="Cy", lastname="Orr", mobilephone="(312) 555-0177")
    made.settle()
    assert len(made.leads()) == 2
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True) as clock:
        made.settle()
        assert len(made.leads()) == 3
        assert all("cannot be written; give syncd's user the right" in one for one in made.problems())
        made.salesforce.show_field("Lead", "Problem__c")
        made.salesforce.show_field("Lead", "Authority__c")
        clock.shift(timedelta(minutes=11))
        made.settle()
    (orr,) = [one for one in made.leads() if one["LastName"] == "Orr"]
    assert (orr["Problem__c"], orr["Authority__c"]) == ("Downtime of the paint line", "decides")
    assert made.problems() == []


def test_a_right_lost_just_after_a_look_is_found_ten_minutes_later(made: World) -> None:
    """A kind that was well when it was described is described again in time, not the next day."""
    ann(made)
    made.work.drift.look_after("salesforce", ["Lead"], now_ms())
    made.salesforce.lock_field("Lead", "Problem__c")
    made.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
    made.settle()
    assert len(made.leads()) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        made.settle()
    assert len(made.leads()) == 2


def test_a_new_required_field_holds_creates_and_lets_updates_through(made: World, impatient: None) -> None:
    contact = ann(made)
    made.salesforce.define_field("Lead", "Region__c", "string", length=40, nillable=False)
    made.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
    made.cycle()
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert lead(made)["Title"] == "Plant manager"
    (problem,) = [one for one in made.problems() if "Region__c" in one and "cannot be created" in one]
    assert "salesforce Lead cannot be created without 'Region__c', which no line writes" in problem
    made.contact(email="cy.fox@mills.example", firstname="Cy", lastname="Fox", mobilephone="(312) 555-0198")
    assert made.cycle().outcomes.get("rejected", 0) == 0, "it is not tried while it cannot be"
    made.salesforce.define_field("Lead", "Region__c", "string", length=40)
    made.settle()
    assert len(made.leads()) == 3


@pytest.mark.parametrize("lack", ["a field that is required", "the object"])
def test_a_branch_that_comes_while_none_can_be_made_is_made_once_that_is_mended(
    made: World, impatient: None, lack: str
) -> None:
    made.work.watch()
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    made.settle()
    kinds = made.salesforce.org.types
    hidden = kinds.pop("branch__c") if lack == "the object" else None
    if hidden is None:
        made.salesforce.define_field("Branch__c", "Zone__c", "string", length=10, nillable=False)
        made.work.watch()
    add_branch(made, "S1", "Works Chicago")
    made.settle()
    made.wait_is_over()
    made.settle()
    if hidden is None:
        assert made.salesforce.all("Branch__c") == []
        made.salesforce.define_field("Branch__c", "Zone__c", "string", length=10)
    else:
        kinds["branch__c"] = hidden
    made.settle()
    assert len(made.salesforce.all("Branch__c")) == 1
    assert made.problems() == []


def test_a_changed_type_is_told_and_pauses_the_writes_of_its_line(made: World, impatient: None) -> None:
    contact = ann(made)
    made.salesforce.define_field("Lead", "Problem__c", "double")
    made.work.watch()
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4", "jobtitle": "Plant manager"})
    made.settle()
    assert lead(made)["Title"] == "Plant manager"
    (problem,) = made.problems()
    assert "salesforce Lead.Problem__c holds number, and problem writes text" in problem


def test_an_object_that_is_gone_pauses_itself(made: World, impatient: None) -> None:
    """Account is hidden: contacts and leads go on, and the poll asks for no Account again."""
    contact = ann(made)
    hidden = made.salesforce.org.types.pop("account")
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert lead(made)["Title"] == "Plant manager"
    (problem,) = made.problems()
    assert ": salesforce: there is no object Account that syncd's user may see" in problem
    assert "salesforce: salesforce" not in problem
    assert "Nothing of this kind is read or written meanwhile" in problem
    made.salesforce.org.types["account"] = hidden
    made.settle()
    assert made.problems() == []


def test_leads_that_wait_for_a_sight_of_contacts_are_told_of(made: World, impatient: None) -> None:
    """Nobody is made whom the CRM may have already, where that cannot be seen; the problem says so, and it ends."""
    ann(made)
    hidden = made.salesforce.org.types.pop("contact")
    made.contact(email="bob@works.example", lastname="Vance", mobilephone="(312) 555-0188")
    made.cycle()
    (problem,) = made.problems()
    assert "but no new Lead is made: whoever it is might be there already, out of sight" in problem
    assert len(made.leads()) == 1
    made.salesforce.org.types["contact"] = hidden
    made.cycle()
    made.wait_is_over()
    made.settle()
    assert (len(made.leads()), made.problems()) == (2, [])


# --- HubSpot


def test_an_archived_property_counts_on_with_what_was_read_of_it(made: World, impatient: None) -> None:
    """No lead is refused for a fact that nobody can see any more, and none is emptied in the CRM."""
    contact = ann(made)
    definition = drop(made, "contacts", "problem")
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert (lead(made)["Title"], lead(made)["Problem__c"]) == ("Plant manager", "Downtime of the paint line")
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    (problem,) = made.problems()
    assert "mappings/hubspot.yaml:" in problem
    assert "hubspot contacts has no field 'problem'" in problem
    restore(made, "contacts", definition)
    made.settle()
    assert made.problems() == []


def test_who_was_never_read_with_the_property_waits(made: World, impatient: None) -> None:
    """Not refused: that nobody can see what stands in the property says nothing about the lead."""
    ann(made)
    definition = drop(made, "contacts", "problem")
    bob = made.contact(email="bob.ray@mills.example", firstname="Bob", lastname="Ray", mobilephone="(312) 555-0199")
    for _ in range(3):
        made.cycle()
    assert made.told(bob) == {}
    assert len(made.leads()) == 1
    restore(made, "contacts", definition)
    made.settle()
    assert made.told(bob)["syncd_handoff_status"] == "handed over"
    assert len(made.leads()) == 2


def test_a_renamed_property_is_told_with_its_new_name(made: World, impatient: None) -> None:
    contact = ann(made)
    definition = drop(made, "contacts", "problem")
    made.hubspot.define_property("contacts", "main_pain", "string", "textarea", label=definition.label)
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    for _ in range(2):
        made.cycle()
        (problem,) = made.problems()
        assert "hubspot contacts has no field 'problem'; the new field 'main_pain' may be it" in problem


def test_an_option_that_is_gone_is_left_out_of_the_write(made: World, impatient: None) -> None:
    """The rest of the record is written, and the other options too."""
    contact = ann(made)
    made.salesforce.define_field("Lead", "Industry", "picklist", picklist=["Banking"], restricted=True)
    made.work.watch()
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager", "industry": "banking"})
    made.cycle()
    assert lead(made)["Title"] == "Plant manager"
    assert any("salesforce Lead.Industry does not allow the choice 'Manufacturing'" in one for one in made.problems())


def test_a_new_option_that_its_line_cannot_read_is_told_until_it_can_or_is_gone(made: World, impatient: None) -> None:
    """Once, also by the looks after it; all other options are read on."""
    ann(made)
    table = made.hubspot.portal.table("contacts")
    known = table.definitions["authority"]
    with made.hubspot.portal.lock:
        table.define(
            replace(known, options=(*known.options, replace(known.options[0], value="vetoes", label="Vetoes")))
        )
    for _ in range(2):
        made.work.watch()
        made.cycle()
    (problem,) = made.problems()
    assert "mappings/hubspot.yaml:" in problem
    assert "hubspot contacts.authority has new options that authority cannot read: 'vetoes'. Give them rows" in problem
    with made.hubspot.portal.lock:
        table.define(known)
    made.work.watch()
    made.cycle()
    assert made.problems() == []


def test_a_lead_is_made_without_an_option_that_its_record_type_leaves_out(made: World, impatient: None) -> None:
    """No lead is lost for it: told once, with the record type, and written once the type has the option again."""
    options = ["Manufacturing", "Banking"]
    made.salesforce.define_field("Lead", "Industry", "picklist", picklist=options, restricted=True)
    made.salesforce.add_record_type("Lead", "Inbound", picklists={"Industry": ["Banking"]}, default=True)
    made.contact()
    made.settle()
    assert lead(made).get("Industry") is None
    (problem,) = [one for one in made.problems() if "'Manufacturing'" in one]
    assert "does not allow the choice 'Manufacturing' in the record type Inbound; allowed: Banking" in problem
    assert "Records with this choice, new ones too, are written without the field meanwhile" in problem
    made.salesforce.org.subsets.clear()
    made.settle()
    assert lead(made)["Industry"] == "Manufacturing"
    assert not [one for one in made.problems() if "'Manufacturing'" in one or "Inbound" in one]


# --- what it costs


def test_trouble_is_described_once_in_ten_minutes_and_gaps_cost_no_call(made: World) -> None:
    """No call storm: after the one describe the polls cost what they cost before."""
    contact = ann(made)
    made.cycle()
    made.calls()
    made.cycle()
    quiet = made.calls()["salesforce"]
    made.salesforce.hide_field("Lead", "Problem__c")
    made.cycle()
    assert made.calls()["salesforce"]["GET sobjects/Lead/describe"] == 1
    for _ in range(3):
        made.cycle()
        assert made.calls()["salesforce"] == quiet
    made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
    made.settle()
    assert lead(made)["Title"] == "Plant manager"


def test_trouble_that_describing_does_not_explain_is_not_asked_about_each_time(tmp_path: Path, sqlite_url: str) -> None:
    """A mapped field that never was there stops its kind at every poll; the kind is described for it once."""
    with laid_out(tmp_path, sqlite_url) as made:
        path = tmp_path / "mappings" / "salesforce.yaml"
        path.write_text(
            path.read_text(encoding="utf-8").replace("{to: Problem__c}", "{to: Pains__c}"), encoding="utf-8"
        )
        with made.running():
            for _ in range(3):
                made.cycle()
            assert made.calls()["salesforce"]["GET sobjects/Lead/describe"] == 1


def test_an_answer_that_is_for_every_call_says_nothing_about_the_kinds(made: World, impatient: None) -> None:
    """A redirect of a proxy or an API that is off, for a moment: the next poll reads everything as before."""
    contact = ann(made)
    elsewhere = Fault(kind="status", status=302, headers={"Location": "https://elsewhere.example"}, times=10_000)
    off = [{"errorCode": "API_CURRENTLY_DISABLED", "message": "API is currently disabled for this organization."}]
    disabled = Fault(kind="status", status=403, body=off, times=10_000)
    gone = replace(disabled, status=410, body=[{"errorCode": "GONE", "message": "The version is not available."}])
    for system, fault, words, title in (
        ("hubspot", elsewhere, "answered with a redirect", "Plant manager"),
        ("salesforce", disabled, "the API is switched off for this org", "Buyer"),
        ("salesforce", gone, "this API version is gone", "Plant manager"),
    ):
        made.servers[system].board.add(fault)
        made.cycle()
        (problem,) = made.problems()
        assert f"{system} cannot be used" in problem
        assert words in problem
        made.servers[system].board.clear()
        made.hubspot.edit("contacts", contact, {"jobtitle": title})
        made.settle()
        assert lead(made)["Title"] == title
        assert made.problems() == []


def test_a_daemon_describes_every_kind_at_its_start_and_not_again(made: World) -> None:
    made.work.watch()
    made.cycle()
    calls = made.calls()
    assert calls["hubspot"]["GET contacts"] + calls["hubspot"]["GET properties/contacts"] == 1
    assert sum(n for name, n in calls["salesforce"].items() if name.endswith("/describe")) == 4
    made.cycle()
    assert not [name for name in made.calls()["salesforce"] if name.endswith("/describe")]


def test_a_daemon_describes_every_kind_again_after_a_day(made: World) -> None:
    """What no record has met yet is found by looking alone: an option that somebody added."""
    ann(made)
    table = made.hubspot.portal.table("contacts")
    known = table.definitions["authority"]
    with made.hubspot.portal.lock:
        table.define(
            replace(known, options=(*known.options, replace(known.options[0], value="vetoes", label="Vetoes")))
        )
    made.calls()
    for hours, described, told in ((23, 0, 0), (25, 4, 1), (26, 0, 1)):
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
            for system in made.work.polls:
                made.work.poll(system, even_if_paused=True)
        calls = made.calls()["salesforce"]
        assert sum(n for name, n in calls.items() if name.endswith("/describe")) == described, hours
        assert sum("'vetoes'" in one for one in made.problems()) == told, hours


def test_what_one_process_found_the_next_goes_by(tmp_path: Path, sqlite_url: str) -> None:
    """`syncd once` from cron: the second run neither fails on the field nor describes anything."""
    with laid_out(tmp_path, sqlite_url) as made:
        with made.running():
            made.contact()
            made.settle()
            made.salesforce.hide_field("Lead", "Problem__c")
            made.cycle()
        made.calls()
        with made.running():
            made.cycle()
            assert not [name for name in made.calls()["salesforce"] if name.endswith("/describe")]
            (problem,) = made.problems()
            assert "has no field 'Problem__c'" in problem


def test_an_account_other_than_the_one_the_state_knows_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    """Before anything is read or written; the other system goes on."""
    with laid_out(tmp_path, sqlite_url) as made:
        with made.running():
            made.work.watch()
            contact = made.contact()
            made.settle()
        first = made.hubspot.portal.portal_id
        made.hubspot.access.portal_id = made.hubspot.portal.portal_id = first + 1
        made.hubspot.edit("contacts", contact, {"jobtitle": "Plant manager"})
        made.calls()
        with made.running():
            made.work.watch()
            made.cycle()
            calls = made.calls()
            assert set(calls["hubspot"]) == {"GET account-info/details"}
            assert calls["salesforce"]["POST composite"] == 1
            (problem,) = made.problems()
            assert f"the state holds the records of account {first}, and account {first + 1} answered" in problem
            assert "Nothing of hubspot was read or written" in problem
        assert lead(made)["Title"] == COMPLETE["jobtitle"]


@pytest.mark.parametrize("status", [403, 404])
def test_where_hubspot_does_not_tell_whose_account_it_is_the_work_goes_on(
    tmp_path: Path, sqlite_url: str, status: int
) -> None:
    """It is asked for safety's sake; what the work itself needs is refused by its own calls."""
    with laid_out(tmp_path, sqlite_url) as made:
        refused = Fault(kind="status", status=status, match="account-info", body={"status": "error"}, times=99)
        made.servers["hubspot"].board.add(refused)
        with made.running():
            made.work.watch()
            made.contact()
            made.settle()
        assert [one["Email"] for one in made.leads()] == [COMPLETE["email"]]


def test_one_cycle_asks_hubspot_for_its_account_only_after_a_change_of_settings(
    tmp_path: Path, sqlite_url: str
) -> None:
    with laid_out(tmp_path, sqlite_url) as made:
        asked = []
        for again in (False, False, True):
            if again:
                text = made.config.read_text(encoding="utf-8").replace("    poll: 5s", "    poll: 5s", 1)
                made.config.write_text(text.replace("base_url: http://127.0.0.1", "base_url: http://localhost"))
            with made.running():
                made.cycle()
            asked.append(made.calls()["hubspot"]["GET account-info/details"])
        assert asked == [1, 0, 1]
        assert TOKEN_BYTES not in (tmp_path / "state.db").read_bytes()
