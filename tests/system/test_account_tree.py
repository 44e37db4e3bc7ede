"""A company of several accounts: whoever works for a brand sits at the branch that headquarters buys for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.world import World, add_branch, world

from syncd.store.prospects import buying_branches

SITE = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
ANN = {"email": "ann.lee@zenith.example", "company": "Zenith Brand", "mobilephone": "(773) 555-0142", **SITE}


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """Headquarters is the ERP's customer; its brand is an account of its own, with a domain of its own."""
    with world(tmp_path, sqlite_url) as made:
        (headquarters,) = made.salesforce.seed(
            "Account", [{"Name": "Works Holding", "AccountNumber": "C2", "Website": "https://holding.example"}]
        )
        made.headquarters = headquarters  # type: ignore[attr-defined]
        add_branch(made, "S1", "Plant Chicago", customer="C2", last_shipment="2026-10-01")
        yield made


def brand(made: World, **more: Any) -> str:
    row = {"Name": "Zenith Brand", "Website": "https://zenith.example", **more}
    return made.salesforce.seed("Account", [row])[0]


def contacts_there(made: World) -> int:
    with made.app.engine.connect() as connection:
        (branch,) = buying_branches(connection, "2026-01-01", everybody=True)
    return branch.contacts


def test_a_lead_of_a_brand_sits_at_the_branch_that_headquarters_buys_for(made: World) -> None:
    """The gate of large companies counts it, the rep reads why, the list of prospects counts the contact."""
    brand(made, ParentId=made.headquarters)  # type: ignore[attr-defined]
    made.contact(**ANN, numberofemployees="1500")
    made.settle()
    (lead,) = made.leads()
    (branch,) = made.salesforce.all("Branch__c")
    assert (lead["Branch__c"], lead["At_Branch__c"]) == (branch["Id"], True)
    assert branch["Account__c"] == made.headquarters  # type: ignore[attr-defined]
    assert "same street and postcode, a branch of its parent account" in lead["Syncd_Brief__c"]
    assert contacts_there(made) == 1
    assert made.problems() == []


def test_a_tree_that_is_known_later_places_the_lead_and_one_that_ends_takes_it_away(made: World) -> None:
    zenith = brand(made)
    made.contact(**ANN)
    made.settle()
    assert made.leads()[0]["At_Branch__c"] is False
    (holding,) = made.salesforce.seed("Account", [{"Name": "Zenith Works Group"}])
    made.salesforce.edit("Account", made.headquarters, {"ParentId": holding})  # type: ignore[attr-defined]
    made.salesforce.edit("Account", zenith, {"ParentId": holding})
    made.settle()
    assert made.leads()[0]["At_Branch__c"] is True
    assert "a branch of another account of its group" in made.leads()[0]["Syncd_Brief__c"]
    made.salesforce.edit("Account", zenith, {"ParentId": None})
    made.settle()
    assert (made.leads()[0].get("Branch__c"), made.leads()[0]["At_Branch__c"]) == (None, False)
    assert contacts_there(made) == 0


def test_the_brands_of_an_account_that_is_merged_away_keep_its_branches(made: World) -> None:
    """Headquarters stands twice in the CRM; marketing's company is the other one, which goes."""
    (gone,) = made.salesforce.seed("Account", [{"Name": "Works Group", "Website": "https://group.example"}])
    made.hubspot.seed("companies", [{"name": "Works Group", "domain": "group.example"}])
    brand(made, ParentId=made.headquarters)  # type: ignore[attr-defined]
    made.contact(**ANN)
    made.settle()
    assert made.leads()[0]["At_Branch__c"] is True
    made.salesforce.merge("Account", made.headquarters, gone)  # type: ignore[attr-defined]
    made.settle(6)
    assert made.leads()[0]["At_Branch__c"] is True
    made.salesforce.edit("Account", made.headquarters, {"AccountNumber": "C9"})  # type: ignore[attr-defined]
    made.settle(6)
    assert made.leads()[0]["At_Branch__c"] is False


def test_a_new_branch_of_headquarters_is_seen_by_the_brands_leads(made: World) -> None:
    brand(made, ParentId=made.headquarters)  # type: ignore[attr-defined]
    made.contact(**{**ANN, "address": "1 Elm St", "city": "Peoria", "zip": "61602"})
    made.settle()
    assert made.leads()[0]["At_Branch__c"] is False
    there = {"street": "1 Elm St", "city": "Peoria", "postcode": "61602", "phone": "309 555 0100"}
    add_branch(made, "S2", "Plant Peoria", customer="C2", **there)
    made.settle()
    assert made.leads()[0]["At_Branch__c"] is True
