"""Ship-to branches in Salesforce as child Accounts, and what Lead and Contact say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.world import ROOT, World, add_branch, laid_out

SITE = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
SECTION = (ROOT / "docs" / "examples" / "salesforce-child-accounts.yaml").read_text(encoding="utf-8")
AUTH = "    auth:\n      client_id: ${SALESFORCE_CLIENT_ID:-sandbox}"
TYPED = f"    record_types: {{Account:Syncd_Branch_Key__c: Ship_To}}\n{AUTH}"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    """An org whose branches are child Accounts with a record type, by the example of the documents."""
    changes = {"overwrites: 25%": "overwrites: 100%", AUTH: TYPED}
    with laid_out(tmp_path, f"sqlite:///{tmp_path}/state.db", changes) as world:
        sim = world.salesforce
        sim.define_field("Account", "Syncd_Branch_Key__c", "string", length=64, unique=True, external_id=True)
        for name, kind in (("Blocked__c", "boolean"), ("Vanished__c", "boolean"), ("Last_Shipment__c", "date")):
            sim.define_field("Account", name, kind)
        for name in ("Lead", "Contact"):
            sim.define_field(name, "Branch_Account__c", "reference", reference_to="Account")
        sim.add_record_type("Account", "Ship_To")
        file = tmp_path / "mappings" / "salesforce.yaml"
        text = file.read_text(encoding="utf-8")
        text = text[: text.index("Branch__c:\n  is: branch")] + SECTION
        file.write_text(text.replace("{to: Branch__c, as: link Branch__c}", "{to: Branch_Account__c, as: link Branch}"))
        (tmp_path / "mappings" / "cases" / "salesforce.yaml").unlink()
        world.headquarters = sim.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])[0]  # type: ignore[attr-defined]
        world.contact(**SITE)
        add_branch(world, "S1", "Works Inc", last_shipment="2026-10-01")
        with world.running():
            yield world


def accounts(made: World) -> dict[str, dict[str, Any]]:
    return {row["Id"]: row for row in made.salesforce.all("Account")}


def child(made: World) -> dict[str, Any]:
    (found,) = [row for row in accounts(made).values() if row.get("ParentId")]
    return found


def test_a_branch_is_a_child_account_with_its_record_type(made: World) -> None:
    made.settle()
    made.settle()
    branch = child(made)
    assert branch["ParentId"] == made.headquarters  # type: ignore[attr-defined]
    shown = {name: branch[name] for name in ("Name", "Site", "ShippingCity", "Last_Shipment__c")}
    assert shown == {"Name": "Works Inc", "Site": "S1", "ShippingCity": "Chicago", "Last_Shipment__c": "2026-10-01"}
    (kind,) = [row["Id"] for row in made.salesforce.all("RecordType") if row["DeveloperName"] == "Ship_To"]
    assert branch["RecordTypeId"] == kind
    (lead,) = made.leads()
    assert (lead["Branch_Account__c"], lead["At_Branch__c"]) == (branch["Id"], True)
    assert lead["Branch_Last_Shipment__c"] == "2026-10-01"
    assert made.problems() == []


def test_a_child_account_that_syncd_made_is_neither_a_twin_of_its_parent_nor_anybodys_account(made: World) -> None:
    """It has its very name; after a sweep and an edit of it by a person it is a branch and no account."""
    made.settle()
    made.cycle(sweeping=True)
    branch = child(made)["Id"]
    made.salesforce.edit("Account", branch, {"Website": "https://works.example", "AccountNumber": "C1"})
    made.contact(email="bob.roe@works.example", firstname="Bob", lastname="Roe", mobilephone="(312) 555-0177")
    made.settle()
    made.cycle(sweeping=True)
    stored = made.stored("salesforce")
    assert stored["Account"] == [made.headquarters]  # type: ignore[attr-defined]
    assert stored["Account:Syncd_Branch_Key__c"] == [branch]
    assert made.problems() == []


def test_two_quiet_cycles_write_nothing_and_cost_one_call_a_system(made: World) -> None:
    made.settle()
    made.cycle()
    before = made.writes()
    for _ in range(2):
        made.calls()
        made.cycle()
        assert made.calls()["salesforce"] == Counter({"POST composite": 1})
    assert made.writes() == before


def test_a_converted_leads_contact_keeps_the_branch(made: World) -> None:
    """The look-up and the flags stand on the Contact too, once the Lead became one."""
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"Syncd_Decision__c": "accepted"})
    made.settle()
    made.salesforce.convert(lead["Id"], account=made.headquarters)  # type: ignore[attr-defined]
    made.settle()
    (contact,) = made.salesforce.all("Contact")
    assert (contact["Branch_Account__c"], contact["At_Branch__c"]) == (child(made)["Id"], True)
