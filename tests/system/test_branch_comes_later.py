"""A lead that was there before its branch: released by the branch, with an account and without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.world import add_branch, world

SITE = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601", "numberofemployees": "1500"}


@pytest.mark.parametrize("with_account", [True, False])
def test_a_lead_refused_for_its_branch_is_released_when_the_branch_comes(
    tmp_path: Path, sqlite_url: str, *, with_account: bool
) -> None:
    """Nobody touches the lead. Without an account it is known by its address, spelled as the ERP has it or not."""
    with world(tmp_path, sqlite_url) as made:
        if with_account:
            made.salesforce.seed("Account", [{"Name": "Zenith Foundry", "AccountNumber": "C9"}])
        contact = made.contact(
            **{**SITE, "address": "100 West Main Street"}, company="Zenith Foundry", email="a@gmail.com"
        )
        made.settle()
        assert made.leads() == []
        assert made.told(contact)["syncd_handoff_missing"].startswith("ship-to branch: missing")
        add_branch(made, "S9", "Zenith Foundry", customer="C9")
        made.settle()
        assert len(made.leads()) == 1


def test_a_switchboard_at_another_address_is_asked_about(tmp_path: Path, sqlite_url: str) -> None:
    """A rep's lead in Joliet is not shown the branch in Chicago because both give headquarters' number."""
    with world(tmp_path, sqlite_url) as made:
        made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
        add_branch(made, "S1", "Works Chicago", phone="312 555 0142")
        made.settle()
        made.contact(address="9 Birch Rd", city="Joliet", state="IL", zip="60432")
        made.settle()
        (lead,) = made.leads()
        assert lead.get("Branch__c") is None
        (question,) = made.problems()
        assert "same telephone" in question
        assert "not linked because the address is another" in question


def test_a_branch_whose_look_failed_is_made_once_one_succeeds(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where branches are kept nobody could look just now: it is put off, not forgotten."""
    with world(tmp_path, sqlite_url) as made:
        made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
        made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
        made.settle()
        monkeypatch.setattr(made.work.reader, "poll", fails_to_look(made.work.reader.poll))
        add_branch(made, "S1", "Works Chicago")
        made.cycle()
        assert made.salesforce.all("Branch__c") == []
        monkeypatch.undo()
        made.wait_is_over()
        made.settle()
        assert len(made.salesforce.all("Branch__c")) == len(made.hubspot.all("branch")) == 1


def fails_to_look(real: Callable[..., int]) -> Callable[..., int]:
    def poll(system: str, *, whole: bool = False) -> int:
        return 0 if whole else real(system)

    return poll
