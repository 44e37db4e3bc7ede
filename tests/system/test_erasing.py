"""`syncd erase` forgets a person wholly, `syncd undo` puts back what was replaced, `syncd backup` copies the state."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from support.commands import Said, say
from support.world import World, world

from sandbox.wire import Fault
from syncd.pipeline.sending import send_rows
from syncd.store.tables import intent

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("process_as_before")]
ANN = "ann.lee@works.example"
_NO_RIGHT = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "The REST API is not enabled for this org."}]


class Killed(BaseException):
    """What ends a process in a test."""


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        yield one


def do(made: World, capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> Said:
    return say(capsys, command, "--config", str(made.config), *arguments)


def test_whoever_is_erased_is_in_no_table_and_no_page_of_the_file(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values, keys, history, what sales wrote of the person and why a fact was waived; also in what SQLite freed."""
    contact = made.contact(email="canary@erased.example", buying_group="Quetzalcoatl Jones", budget_amount="")
    made.contacts([{"email": "p1@works.example", "lastname": "Other"}])
    why = ("--until", "2099-12-31", "--reason", "Xochimilco told me", "--by", "Kim Vance")
    made.settle()
    do(made, capsys, "waive", "canary@erased.example", *why)
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {
        "Syncd_Decision__c": "rejected", "Syncd_Reason__c": "rej.out_of_target", "Syncd_Reason_Text__c": "Popocatepetl",
    })  # fmt: skip
    made.settle()
    assert {"stage_event", "waiver"} <= {*made.holding("Popocatepetl", "Xochimilco")}
    kept = do(made, capsys, "erase", "canary@erased.example", "--yes")
    assert (kept.code, "still there" in kept.err, "hubspot contacts" in kept.err) == (2, True, True), kept
    assert made.holding("canary")
    made.hubspot.archive("contacts", contact)
    made.salesforce.delete("Lead", lead["Id"])
    made.cycle(sweeping=True)
    done = do(made, capsys, "erase", "canary@erased.example", "--yes")
    assert (done.code, "is forgotten" in done.out) == (0, True), done
    words = ("canary", "Quetzalcoatl", "Popocatepetl", "Xochimilco")
    assert made.holding(*words) == []
    raw = b"".join(file.read_bytes() for file in made.folder.rglob("*.db*"))
    assert [word for word in words if word.encode() in raw] == []
    assert do(made, capsys, "erase", "canary@erased.example", "--yes").code == 2


def test_whoever_is_erased_anyway_is_let_in_by_no_poll_and_no_sweep(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    contact = made.contact(lastname="Quetzalcoatl")
    made.contacts([{"email": "p1@works.example", "lastname": "Other"}])
    made.settle()
    (before,) = made.leads()
    done = do(made, capsys, "erase", ANN, "--anyway", "--yes")
    assert (done.code, "Still in: hubspot contacts" in done.out) == (0, True), done
    made.hubspot.edit("contacts", contact, {"jobtitle": "Quetzalcoatl of all"})
    made.salesforce.edit("Lead", before["Id"], {"Title": "Quetzalcoatl"})
    for sweeping in (False, True, False):
        made.cycle(sweeping=sweeping)
    assert made.holding("Quetzalcoatl") == []
    assert [one["Title"] for one in made.leads()] == ["Quetzalcoatl"]
    assert made.problems() == []


def test_what_was_replaced_is_shown_and_put_back_and_stays(
    made: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rep's word comes back, flows to marketing as if typed, and a second run finds nothing to put back.

    One that is killed in its call blocks nothing, and what it did is not taken for a person's change.
    """
    contact = made.contact(firstname="Ann")
    made.settle()
    (lead,) = made.leads()
    made.hubspot.edit("contacts", contact, {"firstname": "Anneliese", "jobtitle": "Chief"})
    made.settle()
    assert "FirstName = Ann -> Anneliese" in do(made, capsys, "explain", ANN).out
    shown = do(made, capsys, "undo", ANN, "--field", "first_name")
    assert (shown.code, "nothing was put back; --yes does it" in shown.out) == (1, True), shown
    assert made.salesforce.get("Lead", lead["Id"])["FirstName"] == "Anneliese"
    done = do(made, capsys, "undo", ANN, "--field", "first_name", "--yes")
    assert (done.code, "1 done" in done.out) == (0, True), done
    made.settle()
    assert made.salesforce.get("Lead", lead["Id"])["FirstName"] == "Ann"
    again = do(made, capsys, "undo", ANN, "--field", "first_name", "--yes")
    assert (again.code, "nothing was replaced" in again.out) == (0, True), again

    def dies(*rows: Any) -> Any:
        send_rows(*rows)
        assert (made.work.due(), made.work.settle()) == (0, 0)  # a daemon beside it takes nothing of it up
        raise Killed

    monkeypatch.setattr("syncd.pipeline.undoing.send_rows", dies)
    with pytest.raises(Killed):
        do(made, capsys, "undo", ANN, "--yes")
    monkeypatch.undo()
    assert made.salesforce.get("Lead", lead["Id"])["Title"] == "VP Operations"
    again = do(made, capsys, "undo", ANN, "--yes")
    assert (again.code, "nothing was replaced" in again.out) == (0, True), again
    assert do(made, capsys, "erase", ANN, "--anyway", "--yes").code == 0


def test_what_a_person_changed_since_is_not_put_back(
    made: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what no poll has read, what is changed while the question waits, and what cannot be read over there."""
    contact = made.contact(firstname="Ann")
    made.settle()
    (lead,) = made.leads()
    made.hubspot.edit("contacts", contact, {"firstname": "Anneliese"})
    made.settle()
    made.salesforce.edit("Lead", lead["Id"], {"FirstName": "Annette"})
    left = do(made, capsys, "undo", "--since", "1h", "--yes")
    assert (left.code, "FirstName: left as it is, it was changed there since" in left.out) == (0, True), left
    made.salesforce.edit("Lead", lead["Id"], {"FirstName": "Anneliese"})

    def asks(words: str) -> bool:
        made.salesforce.edit("Lead", lead["Id"], {"FirstName": "Annette"})
        return words == "Put 1 values back?"

    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin.isatty", lambda: True)
        patch.setattr(click, "confirm", asks)
        left = do(made, capsys, "undo", "--since", "1h")
    shown = ("'Anneliese' back to 'Ann'" in left.out, "it was changed there since" in left.out)
    assert (left.code, *shown) == (0, True, True), left
    made.salesforce.edit("Lead", lead["Id"], {"FirstName": "Anneliese"})
    board = made.servers["salesforce"].board
    write = board.add(Fault("status", "composite", 403, _NO_RIGHT, first=3, times=9))  # after two reads
    left = do(made, capsys, "undo", "--since", "1h", "--yes")
    assert (left.code, "did not take it: " in left.out, "1 not done" in left.out) == (1, True, True), (left, write)
    board.clear()
    board.add(Fault("status", "composite", 403, _NO_RIGHT, times=9))
    left = do(made, capsys, "undo", "--since", "1h", "--yes")
    assert (left.code, "salesforce cannot be read now" in left.out, "API_DISABLED" in left.err) == (1, True, True), left
    assert made.salesforce.get("Lead", lead["Id"])["FirstName"] == "Anneliese"


def test_what_a_line_would_write_again_is_not_put_back_but_named(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    file = made.folder / "mappings" / "salesforce.yaml"
    line = "first_name: {to: FirstName, conflict: ours}"
    file.write_text(file.read_text(encoding="utf-8").replace("first_name: {to: FirstName}", line), encoding="utf-8")
    contact = made.contact(firstname="Ann")
    made.settle()
    made.hubspot.edit("contacts", contact, {"firstname": "Anneliese"})
    made.settle()
    before = made.writes()
    left = do(made, capsys, "undo", ANN, "--yes")
    assert (left.code, "salesforce.yaml:10:5 says `conflict: ours`" in left.out) == (0, True), left
    assert made.writes() == before


def test_an_opt_out_is_never_taken_back(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts as no value that was replaced; where a state of before kept one, it is left and named."""
    contact = made.contact(firstname="Ann")
    made.settle()
    (lead,) = made.leads()
    made.hubspot.edit("contacts", contact, {"firstname": "Anneliese", "hs_email_optout": "true"})
    made.settle()
    assert "HasOptedOutOfEmail" not in do(made, capsys, "undo", ANN).out
    with made.app.engine.begin() as connection:
        (row,) = [one for one in connection.execute(intent.select()) if one.request.get("was")]
        request = {**row.request, "was": {**row.request["was"], "HasOptedOutOfEmail": False}}
        connection.execute(intent.update().where(intent.c.id == row.id).values(request=request))
    done = do(made, capsys, "undo", "--since", "1h", "--yes")
    assert "`merge: any` of opted_out: an opt-out is never taken back" in done.out, done
    told = made.salesforce.get("Lead", lead["Id"])
    assert (told["FirstName"], told["HasOptedOutOfEmail"]) == ("Ann", True)


def test_a_backup_is_whole_and_for_its_owner_only(
    made: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.contact()
    made.settle()
    copy = tmp_path / "copy.db"
    done = do(made, capsys, "backup", str(copy))
    assert (done.code, copy.stat().st_mode & 0o777) == (0, 0o600), done
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM intent").fetchone()[0] > 0
    assert do(made, capsys, "backup", str(copy)).code == 2
    if os.geteuid():
        assert do(made, capsys, "backup", "/proc/none/copy.db").code == 2
