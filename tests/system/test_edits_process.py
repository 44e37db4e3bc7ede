"""The real `syncd run` while an admin edits its files: what the CRM's records hold after each edit."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.folders import as_config_map, swap
from support.processes import Daemon, sandbox
from support.processes import wait_for as wait
from support.world import COMPLETE

pytestmark = [pytest.mark.system, pytest.mark.slow]
CHANGES = {"overwrites: 25%": "overwrites: 100%", "look: 3s": "look: 1s"}
TITLE = "title: {from: jobtitle}"
BUDGET = "buying_group, budget, competitors"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Three leads in the CRM, and a fourth person whom the gate refuses for want of a budget."""
    with sandbox(tmp_path) as box, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        made = Daemon(tmp_path, box, port, CHANGES)
        shutil.rmtree(tmp_path / "mappings" / "cases")  # they would speak against these edits
        people = [
            {**COMPLETE, "email": f"p{n}@works{n}.example", "lastname": f"Roe{n}", "mobilephone": f"(312) 555-014{n}"}
            for n in range(4)
        ]
        made.first, *_ = box.seed([*people[:3], {**people[3], "budget_amount": ""}])  # type: ignore[attr-defined]
        with made.started():
            yield made


wait_for = partial(wait, pace=0.4)


def edit(daemon: Daemon, file: str, old: str, new: str) -> None:
    path = daemon.folder / "mappings" / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def titles(daemon: Daemon) -> list[str]:
    leads = [one for one in daemon.box.leads() if str(one["Email"]).startswith("p")]
    return sorted(str(one["Title"]) for one in leads)


def problem(daemon: Daemon, kind: str) -> str | None:
    """Return what the inbox asks; by the command itself it would cost a process for each look."""
    with sqlite3.connect(f"file:{daemon.folder}/state.db?mode=ro", uri=True) as connection:
        found = connection.execute("select message from problem where open and kind = ?", (kind,)).fetchone()
    connection.close()
    return str(found[0]) if found else None


def test_edits_under_a_running_daemon(daemon: Daemon) -> None:
    """A harmless one is applied, a bad one refused, a wide one held until it is approved; one comes by a ConfigMap."""
    wait_for("three leads are in the CRM", lambda: titles(daemon) == ["VP Operations"] * 3)

    edit(daemon, "hubspot.yaml", TITLE, "title: {from: jobtitle, as: upper}")
    wait_for("the harmless edit is applied", lambda: titles(daemon) == ["VP OPERATIONS"] * 3)

    edit(daemon, "hubspot.yaml", "title: {from: jobtitle, as: upper}", "title: {from: jobtitle, as: uper}")
    bad = wait_for("the bad edit is told", lambda: problem(daemon, "files"))
    assert bad.startswith(f"{daemon.folder}/mappings/hubspot.yaml:12:")
    assert "did you mean 'upper'?" in bad
    daemon.box.edit(daemon.first, jobtitle="Plant manager")  # type: ignore[attr-defined]
    wait_for("the old version goes on", lambda: titles(daemon) == ["PLANT MANAGER", *["VP OPERATIONS"] * 2])
    edit(daemon, "hubspot.yaml", "as: uper}", "as: upper}")
    wait_for("the problem closes", lambda: problem(daemon, "files") is None)

    edit(daemon, "definition.yaml", BUDGET, "buying_group, competitors")
    held = wait_for("the wide edit is held", lambda: problem(daemon, "edit"))
    assert "1 record created (at once: 0)" in held
    assert len(titles(daemon)) == 3
    name = held.split()[1]
    assert daemon.command("approve", name).returncode == 0
    wait_for("whom it lets pass is in the CRM", lambda: len(titles(daemon)) == 4)
    assert problem(daemon, "edit") is None

    folder = daemon.folder / "mappings"
    as_config_map(folder)
    swap(folder, "hubspot.yaml", "title: {from: jobtitle, as: upper}", TITLE)
    wait_for("the edit by ConfigMap is applied", lambda: titles(daemon) == ["Plant manager", *["VP Operations"] * 3])
