"""`syncd setup` on systems as a company has them before syncd: nothing of ours is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import support.world
from support.world import World

from syncd.cli import run_command_line


@pytest.fixture
def bare(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Both CRMs without any field of ours."""
    monkeypatch.setattr(support.world, "define_hubspot", lambda _: None)
    monkeypatch.setattr(support.world, "define_salesforce", lambda _: None)
    made = support.world.make(tmp_path, sqlite_url)
    yield made
    made.stop()


def _run(made: World, *arguments: str) -> int:
    return run_command_line([*arguments, "--config", str(made.config)])


def test_setup_makes_what_the_api_allows_and_names_the_rest(bare: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Afterwards `check` finds only what an admin must do by hand; a second run has nothing left to make."""
    bare.salesforce.define_object("Branch__c", [], "a0B")
    assert _run(bare, "check") == 2
    assert "contacts has no field 'syncd_stage'" in capsys.readouterr().err
    assert _run(bare, "setup", "hubspot") == 0
    assert "contacts.syncd_handoff_missing: created" in capsys.readouterr().out
    assert _run(bare, "setup", "salesforce") == 0
    assert "created Lead.Syncd_Key__c" in capsys.readouterr().out
    assert _run(bare, "check") == 0, capsys.readouterr().err
    capsys.readouterr()
    assert _run(bare, "setup", "salesforce") == 0
    assert capsys.readouterr().out == "salesforce has every field that the mapping needs\n"


def test_a_dry_run_makes_nothing(bare: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the list is printed."""
    before = {name: set(server.board.calls) for name, server in bare.servers.items()}
    assert _run(bare, "setup", "hubspot", "--dry-run") == 0
    assert "contacts.syncd_stage: would be created as text" in capsys.readouterr().out
    made = {label for label in bare.servers["hubspot"].board.calls if label.startswith(("POST properties", "PUT"))}
    assert made - before["hubspot"] == set()


def test_a_standard_object_that_nobody_granted_is_not_to_be_created(
    bare: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It looks just like one that is not there; but every org has it, so what lacks is a right."""
    bare.salesforce.deny("Account", "read")
    assert _run(bare, "setup", "salesforce", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "syncd's user may not see the object Account: grant it Read and View All by hand, and Read on Name" in told
    assert "no object Account" not in told


def test_an_object_that_no_api_can_make_is_named_and_packaged(
    bare: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Branch__c is for an admin: the sentence says so, the package holds it with its key and permission set."""
    assert _run(bare, "setup", "salesforce", "--dry-run") == 0
    assert "there is no object Branch__c, and it cannot be created over this API" in capsys.readouterr().out
    assert _run(bare, "setup", "salesforce", "--package", str(tmp_path / "package")) == 0
    files = {path.name for path in (tmp_path / "package").rglob("*.xml")}
    assert {"Branch__c.object-meta.xml", "Syncd_Key__c.field-meta.xml", "syncd.permissionset-meta.xml"} <= files
