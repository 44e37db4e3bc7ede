"""API calls are the currency of this field: what a poll, a change and a quiet cycle cost, counted by the simulators."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import COMPLETE, World, add_branch, world

MANY = 1000


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        yield one


def _crowd(count: int) -> list[dict[str, str]]:
    return [
        {
            **COMPLETE,
            "email": f"p{i}@works{i % 50}.example",
            "firstname": f"Given{i}",
            "lastname": f"Family{i}",
            "mobilephone": f"(312) 555-{i:04d}",
        }
        for i in range(count)
    ]


def test_a_quiet_cycle_costs_one_call_per_system_and_writes_nothing(made: World) -> None:
    """Nothing changed: one search per HubSpot kind that people edit, one composite for all of Salesforce, no write."""
    made.contacts(_crowd(20))
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    add_branch(made, "S1", "Works Chicago")
    made.settle()
    made.cycle()
    before = made.writes()
    for _ in range(2):
        made.calls()
        once = made.cycle()
        assert made.calls() == {
            "hubspot": {"POST contacts/search": 1, "POST companies/search": 1},
            "salesforce": {"POST composite": 1},
        }
        assert (dict(once.fates), dict(once.outcomes)) == ({}, {})
    assert made.writes() == before


def test_a_thousand_changes_cost_five_searches_and_one_composite(made: World) -> None:
    """One way, for 1,000 changed contacts that are in the CRM already."""
    contacts = made.contacts(_crowd(MANY))
    made.settle()
    time.sleep(1.0)  # of a second that is not over more rows may come, so it would be read once more
    made.cycle()
    for contact in contacts:
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.calls()
    made.cycle()
    calls = made.calls()
    assert calls["hubspot"]["POST contacts/search"] == MANY / 200
    assert calls["salesforce"] == {"POST composite": 2}  # the poll of all kinds, and 1,000 rows written
    assert {row["Problem__c"] for row in made.leads()} == {"Scrap on line 4"}
    before = made.writes()
    made.cycle()
    made.calls()
    made.cycle()
    assert made.calls()["hubspot"]["POST contacts/search"] == 1
    assert made.writes() == before


def test_noise_in_fields_nobody_maps_is_read_and_not_written(made: World) -> None:
    """Most modified times move for reasons that are not ours; such a record goes no further."""
    contacts = made.contacts(_crowd(30))
    made.settle()
    before = made.writes()
    for contact in contacts:
        made.hubspot.noise("contacts", contact)
    once = made.cycle()
    assert dict(once.fates) == {}
    assert made.writes() == before
