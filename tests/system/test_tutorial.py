"""docs/tutorial.md does what it says: its files are written and its commands run, in its order, on a sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.commands import say
from support.pages import ROOT, Fence, fences

from sandbox.__main__ import _plan as plan_of
from sandbox.box import Box, Plan
from syncd.store.tables import due

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("process_as_before")]

TUTORIAL = ROOT / "docs" / "tutorial.md"
PLAN = "3f9c2a71b0de"  # stands on the page for whatever id the plan has


def steps(fence: Fence) -> list[tuple[str, list[str]]]:
    """Return (command, lines it prints) of one block."""
    found: list[tuple[str, list[str]]] = []
    for line in fence.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def half_a_minute_later() -> None:
    """A reader takes longer than that from one command to the next: what was put off is due."""
    if Path("state.db").exists():
        engine = sa.create_engine("sqlite:///state.db")
        with engine.begin() as connection:
            connection.execute(due.update().values(not_before=0))
        engine.dispose()


def pattern(lines: list[str]) -> str:
    """Return what the printed text must match as a whole; a line `...` stands for any number of lines."""
    parts = [
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in (one.replace(PLAN, "...") for one in lines)
    ]
    return "".join(parts)


def test_the_tutorial_goes_all_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an empty folder to leads in the CRM; each command prints what the page shows."""
    monkeypatch.chdir(tmp_path)
    plan = "none yet"
    ran = []
    with Box(Plan(state=tmp_path / "sandbox", people=200, actors=False)) as box:
        before = len(box.salesforce.all("Lead"))
        for fence in fences(TUTORIAL):
            if fence.language == "yaml":
                name = re.match(r"# ([\w./-]+)\n", fence.text)
                assert name is not None, fence.text[:60]
                text = fence.text.replace("http://127.0.0.1:8101", box.servers["hubspot"].url)
                Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
                Path(name[1]).write_text(text.replace("http://127.0.0.1:8102", box.servers["salesforce"].url), "utf-8")
                continue
            if fence.language == "sh":
                assert plan_of(fence.text.split()[2:]).people == 200
                continue
            assert fence.language == "console"
            for command, lines in steps(fence):
                half_a_minute_later()
                said = say(capsys, *command.replace(PLAN, plan).split()[1:])
                printed = "".join(line for line in (said.err + said.out).splitlines(True) if line[0] != "{")
                assert re.fullmatch(pattern(lines), printed), f"{command} printed:\n{printed}"
                made = re.match(r"plan (\w+): ", said.out)
                plan = made[1] if made else plan
                ran.append(command.split()[1])
        assert len(box.salesforce.all("Lead")) > before + 50
        assert {row["LeadSource"] for row in box.salesforce.all("Lead") if row.get("Syncd_Key__c")} == {"Web"}
    assert {"init", "test", "check", "once", "plan", "approve", "status", "versions"} <= set(ran)
