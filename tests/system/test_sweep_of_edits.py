"""Edits that no poll saw: the sweep compares when each record was changed, not its id alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.world import COMPLETE, World, world

pytestmark = pytest.mark.slow
DAY, LATE = 86_400, 1_800


def sweeps(made: World, system: str) -> dict[str, int]:
    return made.work.sweep(system, even_if_fresh=True)


def test_an_edit_that_hubspots_index_never_shows_is_read_by_the_sweep(tmp_path: Path, sqlite_url: str) -> None:
    """The list knows no index; what was changed since the last poll is left to the next one."""
    blind: set[str] = set()
    with world(tmp_path, sqlite_url, index_lag=lambda _, id: 3_600.0 if id in blind else 0.0) as made:
        old = int(time.time() * 1000) - 1000 * DAY
        (contact,) = made.hubspot.seed("contacts", [dict(COMPLETE)], modified=old)
        made.settle()
        blind.add(contact)
        made.hubspot.edit("contacts", contact, {"jobtitle": "Plant Manager"})
        made.calls()
        assert sweeps(made, "hubspot") == {}
        assert "POST contacts/batch/read" not in made.calls()["hubspot"]
        made.contact(email="bob.ray@mill.example", lastname="Ray", mobilephone="(312) 555-0100")
        made.settle()
        assert {lead["Title"] for lead in made.leads()} == {"VP Operations"}
        assert sweeps(made, "hubspot") == {}
        made.settle()
        assert {lead["LastName"]: lead["Title"] for lead in made.leads()}["Lee"] == "Plant Manager"
        made.calls()
        assert sweeps(made, "hubspot") == {}
        assert "POST contacts/batch/read" not in made.calls()["hubspot"]


def test_an_edit_committed_long_behind_the_cursor_is_read_by_the_sweep_and_told(
    tmp_path: Path, sqlite_url: str
) -> None:
    """A transaction that took longer than the look-back reaches shows its row with a stamp that no poll asks for."""
    with world(tmp_path, sqlite_url) as made:
        (account,) = made.salesforce.seed("Account", [{"Name": "Works"}], modified=time.time() - DAY)
        made.salesforce.seed("Account", [{"Name": "Mill"}])
        made.settle()
        made.salesforce.late_commit("Account", {"Name": "Works Ltd"}, age=LATE, id=account)
        made.settle()
        assert sweeps(made, "salesforce") == {"gap": 1}
        (problem,) = made.problems()
        assert problem.startswith(f"salesforce Account: 1 of 2 records were missed by the polls ({account})")
        assert made.holding("Works Ltd")
        assert sweeps(made, "salesforce") == {}
        assert made.problems() == []
