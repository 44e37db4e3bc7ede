"""What the commands that only look say: the whole number, the records by their own ids, and no comfort by a slip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from support.commands import say
from support.world import World, laid_out

from syncd.store.database import open_store

pytestmark = pytest.mark.usefixtures("process_as_before")


def test_refusals_tell_all_of_them_and_whom_in_the_systems_own_ids(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    contacts = [made.contact(email=f"ann{n}@works{n}.example", firstname=f"A{n}", budget_amount="") for n in range(3)]
    made.settle()
    some = say(capsys, "refusals", "-c", str(made.config), "--limit", "2")
    assert some.out.splitlines()[-1] == "3 refused, the first 2 of them shown (--limit)"
    whole = say(capsys, "refusals", "-c", str(made.config), "--fact", "budget")
    assert whole.out.splitlines()[-1] == "3 refused"
    assert all(f"hubspot contacts {one}  since" in whole.out for one in contacts)
    machines = json.loads(say(capsys, "refusals", "-c", str(made.config), "--json").out)
    assert {record for row in machines for record in row["records"]} == {f"hubspot contacts {one}" for one in contacts}
    by_label = say(capsys, "refusals", "-c", str(made.config), "--fact", "buying group")
    assert (by_label.code, by_label.out) == (0, "nothing is refused\n")


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        (["--fact", "budgett"], "--fact budgett: the definition has no such field; did you mean 'budget'?"),
        (["--who", "nobody"], "--who nobody: nobody called so fills a field; known: "),
        (["--limit", "0"], "0 is not in the range x>=1"),
    ],
)
def test_a_slip_is_no_silence(made: World, capsys: pytest.CaptureFixture[str], slip: list[str], says: str) -> None:
    """An alarm by exit code goes off, where it read that nothing is refused."""
    said = say(capsys, "refusals", "-c", str(made.config), *slip)
    assert said.code == 2
    assert says in said.err


@pytest.mark.parametrize("command", [["status"], ["problems"], ["versions"], ["plan"], ["report", "funnel"]])
def test_a_state_that_is_not_there_is_said_and_not_made(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """By a slip in its address all would look well, and the state would be that of whoever looked."""
    with laid_out(tmp_path, sqlite_url) as made:
        said = say(capsys, *command, "-c", str(made.config))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"syncd: there is no state yet at {sqlite_url}; nothing was read or written. ")
    assert not Path(str(make_url(sqlite_url).database)).exists()


def test_an_empty_state_is_none(tmp_path: Path, state_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a start that was stopped leaves one, and a new database of a server is."""
    open_store(state_url).dispose()
    with laid_out(tmp_path, state_url) as made:
        said = say(capsys, "status", "-c", str(made.config))
    assert said.code == 2
    assert said.err.startswith("syncd: there is no state yet at ")


def test_what_cannot_be_written_is_said_and_ends_with_2(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "report", "branches", "-c", str(made.config), "--csv", "/nonexistent/x.csv")
    assert said.code == 2
    assert said.err.startswith("syncd: /nonexistent/x.csv cannot be read or written: No such file or directory; ")


def test_a_full_disk_behind_the_output_is_said_and_ends_with_2() -> None:
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-m", "syncd", "schema", "config"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
            check=False,
        )
    assert said.stderr == "syncd: what was to be printed cannot be written: No space left on device\n"
    assert said.returncode == 2
