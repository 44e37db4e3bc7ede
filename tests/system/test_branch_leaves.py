"""A branch that closes, moves or is blocked: what stands of it on the leads who sat there, in both systems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.world import World, add_branch, laid_out, world

SITE = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
GARY = {"street": "7 Lake Rd", "city": "Gary", "postcode": "46402", "state": "IN", "phone": "219 555 0100"}


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A company with a plant in Chicago, where Ann sits, and one in Gary."""
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as made:
        made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
        made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
        add_branch(made, "S1", "Works Chicago", last_shipment="2026-10-01")
        add_branch(made, "S2", "Works Gary", **GARY)
        made.contact(**SITE)
        made.settle()
        assert shown(made) == {"linked": True, "flag": True, "shipped": "2026-10-01", "list": "Works Chicago"}
        yield made


def shown(made: World) -> dict[str, Any]:
    """What a rep's list view and marketing's list hold of the branch where Ann sits."""
    (lead,) = made.leads()
    (contact,) = [row["hs_object_id"] for row in made.hubspot.all("contacts")]
    told = made.told(contact)
    linked = bool(list(made.hubspot.linked("contacts", contact, "branch")))
    assert linked is bool(lead.get("Branch__c"))
    assert bool(told.get("syncd_branch_number")) is linked
    return {
        "linked": linked,
        "flag": lead["At_Branch__c"],
        "shipped": lead.get("Branch_Last_Shipment__c"),
        "list": told.get("syncd_branch") or None,
    }


NOWHERE = {"linked": False, "flag": False, "shipped": None, "list": None}


def in_erp(made: World, statement: str, **values: Any) -> None:
    with made.erp.begin() as connection:
        connection.execute(sa.text(statement), {"now": datetime.now(UTC).replace(tzinfo=None), **values})


def test_who_sat_at_a_branch_that_left_the_erp_sits_nowhere(made: World) -> None:
    """The look-up, the flags, marketing's list and its link: nobody has to edit the lead for that."""
    in_erp(made, "delete from ship_to where ship_to_no = 'S1'")
    made.cycle(sweeping=True)
    made.settle()
    assert shown(made) == NOWHERE


def test_who_sat_at_a_branch_that_moved_away_sits_nowhere(made: World) -> None:
    moved = "street = '9 Birch Rd', city = 'Joliet', postcode = '60432', phone = '312 555 0999', changed_at = :now"
    in_erp(made, f"update ship_to set {moved} where ship_to_no = 'S1'")
    made.settle()
    assert shown(made) == NOWHERE


def test_a_look_up_that_a_person_set_stays(made: World) -> None:
    """Only what syncd wrote, and what still holds it, is emptied."""
    (gary,) = [row["Id"] for row in made.salesforce.all("Branch__c") if row["Ship_To__c"] == "S2"]
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Branch__c": gary})
    made.settle()
    in_erp(made, "delete from ship_to where ship_to_no = 'S1'")
    made.cycle(sweeping=True)
    made.settle()
    assert made.leads()[0]["Branch__c"] == gary


def test_a_branch_that_becomes_blocked_is_marked_where_the_erp_had_said_nothing(made: World) -> None:
    """Salesforce's checkbox said no by itself: that was nobody's word."""
    in_erp(made, "update ship_to set blocked = 1, changed_at = :now where ship_to_no = 'S2'")
    made.settle()
    assert {row["Ship_To__c"]: row["Blocked__c"] for row in made.salesforce.all("Branch__c")} == {
        "S1": False,
        "S2": True,
    }
    (gary,) = [row["Id"] for row in made.salesforce.all("Branch__c") if row["Ship_To__c"] == "S2"]
    made.salesforce.edit("Branch__c", gary, {"Blocked__c": False})
    in_erp(made, "update ship_to set name = 'Works at Gary', changed_at = :now where ship_to_no = 'S2'")
    made.settle()
    assert made.salesforce.get("Branch__c", gary)["Blocked__c"] is False  # that is somebody's


def test_who_sits_at_a_blocked_branch_only_is_linked_where_it_stands_and_flagged_nowhere_else(made: World) -> None:
    """Salesforce never got the one that was blocked from the start: no look-up, no flag, no shipment of it."""
    there = {"street": "1 Elm St", "city": "Peoria", "postcode": "61602", "state": "IL", "phone": "309 555 0100"}
    add_branch(made, "S3", "Works Peoria", blocked=True, last_shipment="2026-09-01", **there)
    home = {"address": "1 Elm St", "city": "Peoria", "state": "IL", "zip": "61602"}
    made.contact(**home, email="bob.roe@works.example", firstname="Bob", lastname="Roe", mobilephone="(312) 555-0177")
    made.settle()
    (bob,) = [row for row in made.leads() if row["LastName"] == "Roe"]
    assert (bob.get("Branch__c"), bob["At_Branch__c"], bob.get("Branch_Last_Shipment__c")) == (None, False, None)
    in_erp(made, "update ship_to set blocked = 1, changed_at = :now where ship_to_no = 'S1'")
    made.settle()
    assert shown_of_ann(made) == (True, True)  # nothing else fits, and Salesforce has it
    add_branch(made, "S4", "Works Chicago North", last_shipment="2026-11-01")
    made.settle()
    made.settle()
    (ann,) = [row for row in made.leads() if row["LastName"] == "Lee"]
    (open_one,) = [row["Id"] for row in made.salesforce.all("Branch__c") if row["Ship_To__c"] == "S4"]
    assert ann["Branch__c"] == open_one


def shown_of_ann(made: World) -> tuple[bool, bool]:
    (ann,) = [row for row in made.leads() if row["LastName"] == "Lee"]
    return bool(ann.get("Branch__c")), ann["At_Branch__c"]


def test_a_place_that_is_no_branch_any_more_is_marked_as_gone(tmp_path: Path, sqlite_url: str) -> None:
    """By the rule of the mapping: an address that became a PO box, or a customer of our own group."""
    with laid_out(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as made:
        file = made.folder / "mappings" / "erp.yaml"
        file.write_text(
            file.read_text().replace("  method: observed\n", "  method: observed\n  only: has(street)\n", 1)
        )
        made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
        add_branch(made, "S1", "Works Chicago")
        made.contact(**SITE)
        with made.running():
            made.settle()
            assert made.leads()[0]["At_Branch__c"] is True
            in_erp(made, "update ship_to set street = null, changed_at = :now")
            made.settle()
            (branch,) = made.salesforce.all("Branch__c")
            assert branch["Vanished__c"] is True
            assert (made.leads()[0].get("Branch__c"), made.leads()[0]["At_Branch__c"]) == (None, False)
            in_erp(made, "update ship_to set street = '100 W Main St', changed_at = :now")
            made.settle()
            assert made.salesforce.all("Branch__c")[0]["Vanished__c"] is False
            assert made.leads()[0]["At_Branch__c"] is True


def test_a_branch_that_was_deleted_where_it_is_wanted_is_asked_about_until_it_is_back(made: World) -> None:
    """In either system: nobody makes it anew, and nobody is left to find that out by himself."""
    (chicago,) = [row["Id"] for row in made.salesforce.all("Branch__c") if row["Name"] == "Works Chicago"]
    made.salesforce.delete("Branch__c", chicago)
    made.settle()
    (told,) = made.problems()
    assert told.startswith(f"salesforce Branch__c {chicago} of branch ")
    assert "its source lists it as before, and it is not made anew. Restore the record there" in told
    assert len([row for row in made.salesforce.all("Branch__c") if not row["IsDeleted"]]) == 1
    (there,) = [row["hs_object_id"] for row in made.hubspot.all("branch") if row["name"] == "Works Chicago"]
    made.hubspot.archive("branch", there)
    made.cycle(sweeping=True)
    made.settle()
    assert len(made.problems()) == 2
    made.salesforce.undelete("Branch__c", chicago)
    made.settle()
    (told,) = made.problems()
    assert told.startswith(f"hubspot branch {there} of branch ")
    made.hubspot.restore("branch", there)
    made.cycle(sweeping=True)
    made.settle()
    assert made.problems() == []


def test_a_deleted_branch_that_left_the_erp_too_is_no_question(made: World) -> None:
    (gary,) = [row["Id"] for row in made.salesforce.all("Branch__c") if row["Name"] == "Works Gary"]
    made.salesforce.delete("Branch__c", gary)
    in_erp(made, "delete from ship_to where ship_to_no = 'S2'")
    made.cycle(sweeping=True)
    made.settle()
    assert made.problems() == []
