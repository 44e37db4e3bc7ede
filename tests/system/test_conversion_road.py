"""A rep converts what she was handed and never touches our picklist: marketing hears it, and her."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World, world


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        yield one


def test_a_conversion_is_an_acceptance_and_the_contact_is_heard_after_it(made: World) -> None:
    contact = made.contact()
    made.settle()
    _, person, _ = made.salesforce.convert(made.leads()[0]["Id"])
    made.settle()
    told = made.told(contact)
    assert (told["syncd_handoff_status"], told["syncd_crm_id"]) == ("accepted", person)
    assert told["syncd_progress"].endswith("(cycle 1), sales accepted by conversion")
    answer = {
        "Syncd_Decision__c": "recycled",
        "Syncd_Reason__c": "dq.timing",
        "Syncd_Reason_Text__c": "after the merger",
    }
    made.salesforce.edit("Contact", person, answer)
    made.settle()
    told = made.told(contact)
    assert (told["syncd_stage"], told["syncd_rejection_reason"]) == ("recycled", "dq.timing")
    assert told["syncd_rejection_text"] == "not now: after the merger"
    assert made.problems() == []
