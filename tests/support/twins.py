"""A branch that may belong to either of two accounts: one address, and a name between both of theirs."""

from __future__ import annotations

from support.world import World, add_branch

BILLED = {
    "BillingStreet": "400 North Industrial Road",
    "BillingCity": "Peoria",
    "BillingState": "IL",
    "BillingPostalCode": "61604",
    "BillingCountry": "US",
}
ADDRESS = {"street": "400 N Industrial Rd", "city": "Peoria", "state": "IL", "postcode": "61604"}


def seed_twins(made: World, second: str = "Voltaform Casting LLC") -> None:
    for name in ("Voltaform Castings Inc", second):
        made.salesforce.seed("Account", [{"Name": name, **BILLED}])
    add_branch(made, "S1", "Voltaforn Casting", customer="C9", **ADDRESS)
