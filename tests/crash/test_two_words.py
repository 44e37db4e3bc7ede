"""What the crash tests found beside crashes: both sides say something between two polls."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.world import world


@pytest.mark.parametrize("rep_first", [True, False])
def test_both_sides_hold_the_same_after_both_changed_a_two_way_field(
    tmp_path: Path, sqlite_url: str, rep_first: bool
) -> None:
    """The rep's side says `theirs`, marketing's `newest`: whoever was earlier, the rep's word ends up on both."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        lead = made.leads()[0]["Id"]
        if rep_first:
            made.salesforce.edit("Lead", lead, {"Authority__c": "pays"})
            time.sleep(1.0 - time.time() % 1.0)  # Salesforce stamps whole seconds
        made.hubspot.edit("contacts", contact, {"authority": "uses"})
        if not rep_first:
            time.sleep(1.0 - time.time() % 1.0)  # Salesforce stamps whole seconds
            made.salesforce.edit("Lead", lead, {"Authority__c": "pays"})
        made.settle()
        assert made.leads()[0]["Authority__c"] == "pays"
        assert made.hubspot.get("contacts", contact)["authority"] == "pays"
