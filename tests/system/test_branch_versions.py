"""An ERP that moves a branch to another street moves the branch, and makes none."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.commands import say
from support.world import World, add_branch

pytestmark = pytest.mark.usefixtures("process_as_before")


def test_an_address_change_is_a_version_of_the_branch_and_not_a_new_one(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same record in Salesforce has the new street, and explain shows both with the time."""
    made.salesforce.seed("Account", [{"Name": "Works Inc.", "AccountNumber": "C1", "BillingCountry": "US"}])
    add_branch(made, "S1", "Works North")
    made.settle()
    (before,) = made.salesforce.all("Branch__c")
    with made.erp.begin() as connection:
        connection.execute(
            sa.text("update ship_to set street = '9 Mill Rd', changed_at = datetime(changed_at, '+1 second')")
        )
    made.settle()
    (after,) = made.salesforce.all("Branch__c")
    assert (after["Id"], after["Street__c"]) == (before["Id"], "9 Mill Rd")
    assert before["Street__c"] == "100 W Main St"
    said = say(capsys, "explain", "--config", str(made.config), "erp:ship_to:C1/S1")
    assert said.code == 0
    assert "100 W Main St" in said.out
    assert "9 Mill Rd" in said.out


def test_a_branch_that_moves_to_a_country_without_states_leaves_its_state_behind(made: World) -> None:
    """What syncd wrote of the address that was is emptied in Salesforce: nobody reads Berlin, IL."""
    made.salesforce.seed("Account", [{"Name": "Works Inc.", "AccountNumber": "C1", "BillingCountry": "US"}])
    add_branch(made, "S1", "Works North")
    made.settle()
    (before,) = made.salesforce.all("Branch__c")
    assert before["State__c"] == "IL"
    moved = "street = 'Hauptstr. 5', city = 'Berlin', state = null, postcode = 'D-10115', country = 'Germany'"
    with made.erp.begin() as connection:
        connection.execute(sa.text(f"update ship_to set {moved}, changed_at = datetime(changed_at, '+1 second')"))
    made.settle()
    (after,) = made.salesforce.all("Branch__c")
    found = [after.get(f"{name}__c") for name in ("Street", "City", "State", "Postal_Code", "Country")]
    assert found == ["Hauptstr. 5", "Berlin", None, "10115", "Germany"]
