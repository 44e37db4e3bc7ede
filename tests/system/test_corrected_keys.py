"""A number, a domain or an address that is corrected over there: what hung on it goes to whom it belongs to now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World, add_branch, world


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        yield one


def owners(made: World) -> dict[str, str | None]:
    """Return ship-to number -> Salesforce's account of the branch."""
    return {row["Ship_To__c"]: row.get("Account__c") for row in made.salesforce.all("Branch__c")}


def test_a_corrected_address_gives_no_strangers_lead_another_persons_context(made: World) -> None:
    """Ann was typed with Bob's address; a rep's Lead of Bob is Bob's, and Ann becomes a Lead of her own."""
    ann = made.contact(email="bob.roe@works.example", firstname="Ann", lastname="Lee", problem="")
    made.settle()
    made.hubspot.edit("contacts", ann, {"email": "ann.lee@works.example"})
    made.settle()
    (bob,) = made.salesforce.seed(
        "Lead", [{"FirstName": "Bob", "LastName": "Roe", "Email": "bob.roe@works.example", "Company": "Works Inc"}]
    )
    made.settle()
    made.hubspot.edit("contacts", ann, {"problem": "Downtime of the paint line"})
    made.settle()
    context = {row["Id"] == bob: row.get("Problem__c") for row in made.leads()}
    assert context == {True: None, False: "Downtime of the paint line"}
    assert made.problems() == []


def test_a_corrected_number_gives_its_branches_to_the_account_that_has_it_now(made: World) -> None:
    """An account that was given a customer's number by mistake keeps neither its branches nor the next one."""
    (works,) = made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    add_branch(made, "S1", "Plant Chicago")
    with made.erp.begin() as connection:
        connection.exec_driver_sql("update customer set name = 'Zenith Foundry'")
    made.settle()
    assert owners(made) == {"S1": works}
    made.salesforce.edit("Account", works, {"AccountNumber": "C7"})
    made.settle()
    (zenith,) = made.salesforce.seed("Account", [{"Name": "Zenith Casting", "AccountNumber": "C1"}])
    made.settle()
    add_branch(made, "S2", "Plant Gary", street="7 Lake Rd", city="Gary", postcode="46402", state="IN")
    made.settle()
    assert owners(made) == {"S1": zenith, "S2": zenith}
    assert made.problems() == []


def test_the_right_account_that_came_first_gets_its_branches_when_the_other_is_corrected(made: World) -> None:
    """Two accounts of one number in one system: the second waits, and is asked about no longer."""
    (works,) = made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    add_branch(made, "S1", "Plant Chicago")
    made.settle()
    (zenith,) = made.salesforce.seed("Account", [{"Name": "Zenith Casting", "AccountNumber": "C1"}])
    made.settle()
    assert len(made.problems()) == 1
    made.salesforce.edit("Account", works, {"AccountNumber": "C7", "Name": "Alder Mills"})
    made.settle()
    assert owners(made) == {"S1": zenith}
    assert made.problems() == []


def test_a_corrected_domain_is_the_companys_whose_it_is(made: World) -> None:
    (alder,) = made.hubspot.seed("companies", [{"name": "Alder Mills", "domain": "zenith.example"}])
    made.settle()
    made.hubspot.edit("companies", alder, {"domain": "alder.example"})
    made.settle()
    made.salesforce.seed("Account", [{"Name": "Zenith Foundry", "Website": "https://zenith.example"}])
    made.settle()
    assert made.hubspot.get("companies", alder)["name"] == "Alder Mills"
    assert {row["Name"] for row in made.salesforce.all("Account")} == {"Zenith Foundry"}
    with made.app.engine.connect() as connection:
        links = connection.exec_driver_sql("select entity from link where kind in ('companies', 'Account')").all()
    assert len(set(links)) == 2


def test_a_number_that_the_erp_pads_with_zeros_finds_the_account(made: World) -> None:
    """SAP's 0000104711 is what people type as 104711; whichever comes first, and where both stand the same spelling."""
    (works,) = made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "104711"}])
    there = {"street": "9 Nowhere Rd", "city": "Elgin", "postcode": "60120", "phone": ""}
    add_branch(made, "0000104712", "Zorro Depot", customer="0000104711", **there)
    add_branch(made, "0000104714", "Alder Mill", customer="0000104713", **there)
    made.settle()
    assert owners(made)["0000104712"] == works
    (alder,) = made.salesforce.seed("Account", [{"Name": "Alder Mills", "AccountNumber": "104713"}])
    made.settle()
    assert owners(made) == {"0000104712": works, "0000104714": alder}
    assert made.problems() == []
