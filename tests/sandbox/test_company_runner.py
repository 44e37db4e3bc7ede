"""The sandbox as a process and as a box: ports, state, signals, the control server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.box import Box, Plan, PortTaken, StateUnreadable

ROOT = Path(__file__).parents[2]


def plan(folder: Path, **more: Any) -> Plan:
    return Plan(**{"state": folder, "people": 40, "actors": False, **more})


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with Box(plan(tmp_path / "state")) as box:
        yield box


def control(box: Box, method: str, path: str, **more: Any) -> Any:
    return requests.request(method, f"{box.servers['control'].url}{path}", timeout=60, **more)


def search(box: Box) -> requests.Response:
    return requests.post(
        f"{box.servers['hubspot'].url}/crm/v3/objects/contacts/search",
        json={"limit": 1},
        headers={"Authorization": "Bearer pat-na1-sandbox"},
        timeout=60,
    )


# --- state


def test_a_restart_goes_on_with_the_same_records_ids_and_counters(tmp_path: Path) -> None:
    with Box(plan(tmp_path)) as first:
        assert not first.restored
        contacts, leads = first.hubspot.all("contacts"), first.salesforce.all("Lead")
        new = control(
            first,
            "POST",
            "/seed",
            json={"system": "hubspot", "kind": "contacts", "rows": [{"email": "new@example.com"}]},
        )
        assert search(first).status_code == 200
        calls = control(first, "GET", "/counters").json()["hubspot"]["calls"]
        shipped = (tmp_path / "erp.db").read_bytes()
    with Box(plan(tmp_path, people=5, seed=99)) as again:
        assert again.restored
        assert again.hubspot.all("contacts")[: len(contacts)] == contacts
        assert again.salesforce.all("Lead") == leads
        assert control(again, "GET", "/counters").json()["hubspot"]["calls"] == calls
        assert (tmp_path / "erp.db").read_bytes() == shipped
        (more,) = again.hubspot.seed("contacts", [{"email": "newer@example.com"}])
        assert int(more) > int(new.json()["ids"][0])


def test_a_first_start_that_was_cut_off_founds_the_company_anew(tmp_path: Path) -> None:
    with Box(plan(tmp_path)):
        pass
    (tmp_path / "sandbox.json").unlink()
    (tmp_path / "hubspot.json").write_text('{"half')
    with Box(plan(tmp_path)) as box:
        assert not box.restored
        assert len(box.hubspot.all("contacts")) >= 40


@pytest.mark.parametrize("harm", ["hubspot.json", "erp.db"])
def test_a_damaged_state_is_said_in_one_sentence(tmp_path: Path, harm: str) -> None:
    with Box(plan(tmp_path)):
        pass
    (tmp_path / harm).unlink()
    with pytest.raises(StateUnreadable, match="remove it to start anew"):
        Box(plan(tmp_path))


def test_changes_are_saved_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.box.AUTOSAVE", 0.05)
    with Box(plan(tmp_path)) as box:
        before = (tmp_path / "hubspot.json").stat().st_mtime_ns
        search(box)
        time.sleep(0.3)
        assert (tmp_path / "hubspot.json").stat().st_mtime_ns == before  # reading is no change
        key = box.hubspot.all("contacts")[0]["hs_object_id"]
        edit = {"system": "hubspot", "kind": "contacts", "id": key, "fields": {"city": "Elgin"}}
        assert control(box, "POST", "/edit", json=edit).json()["city"] == "Elgin"
        end = time.monotonic() + 60
        while (tmp_path / "hubspot.json").stat().st_mtime_ns == before:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_people_work_by_themselves(tmp_path: Path) -> None:
    with Box(plan(tmp_path, actors=True, pace=500)) as box:
        end = time.monotonic() + 60
        while not box.actors.done:
            assert time.monotonic() < end
            time.sleep(0.02)


# --- the control server


def test_records_are_found_by_id_and_by_a_field(box: Box) -> None:
    contact = next(r for r in box.hubspot.all("contacts") if r.get("email"))
    by_id = control(
        box, "GET", "/records", params={"system": "hubspot", "kind": "contacts", "id": contact["hs_object_id"]}
    )
    assert by_id.json() == contact
    query = {"system": "hubspot", "kind": "contacts", "field": "email", "value": contact["email"]}
    assert control(box, "GET", "/records", params=query).json() == [contact]
    assert len(control(box, "GET", "/records", params={"system": "erp", "kind": "ship_to"}).json()) == 942
    assert len(control(box, "GET", "/records", params={"system": "salesforce", "kind": "Account"}).json()) == 686


def test_an_erp_edit_moves_its_time(box: Box) -> None:
    before = control(box, "GET", "/records", params={"system": "erp", "kind": "ship_to", "id": "100001/0001"}).json()
    edit = {"system": "erp", "kind": "ship_to", "id": "100001/0001", "fields": {"street": "1 NEW ST"}}
    after = control(box, "POST", "/edit", json=edit).json()
    assert after["street"] == "1 NEW ST"
    assert after["changed_at"] > before["changed_at"]


def test_a_fault_set_from_outside_fires_and_is_forgotten(box: Box) -> None:
    fault = {"system": "hubspot", "kind": "status", "status": 503, "match": "search", "times": 1}
    assert control(box, "POST", "/faults", json=fault).status_code == 200
    assert [search(box).status_code, search(box).status_code] == [503, 200]
    (told,) = control(box, "GET", "/faults", params={"system": "hubspot"}).json()
    assert told["fired"] == 1
    control(box, "DELETE", "/faults", params={"system": "hubspot"})
    assert control(box, "GET", "/faults", params={"system": "hubspot"}).json() == []


def test_calls_are_counted_by_label(box: Box) -> None:
    search(box)
    search(box)
    calls = control(box, "GET", "/counters").json()["hubspot"]["calls"]
    assert [n for label, n in calls.items() if "search" in label] == [2]
    control(box, "DELETE", "/counters")
    assert control(box, "GET", "/counters").json()["hubspot"]["calls"] == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/records?system=sap&kind=x", None, 404),
        ("GET", "/records?system=erp&kind=order", None, 404),
        ("GET", "/records?system=hubspot&kind=contacts&id=999999999", None, 404),
        ("POST", "/edit", {"system": "hubspot", "kind": "contacts", "id": "1"}, 400),
        ("POST", "/edit", {"system": "salesforce", "kind": "Lead", "id": "x", "fields": {}}, 400),
        ("POST", "/faults", {"system": "hubspot", "kin": "status"}, 400),
        ("POST", "/faults", {"system": "sap", "kind": "status"}, 404),
        ("POST", "/seed", [], 400),
    ],
)
def test_a_wrong_control_call_is_answered_and_not_a_crash(
    box: Box, method: str, path: str, body: object, status: int
) -> None:
    answer = control(box, method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


# --- ports and the process


def test_a_port_in_use_is_one_sentence_and_frees_the_ones_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        with pytest.raises(PortTaken, match="--salesforce-port"):
            Box(plan(tmp_path, hubspot_port=free, salesforce_port=taken))
        with socket.socket() as again:
            again.bind(("127.0.0.1", free))
    assert not (tmp_path / "hubspot.json").exists()


@contextmanager
def run(*arguments: str, by: Sequence[str] = ("-m", "sandbox")) -> Iterator[subprocess.Popen[str]]:
    """Start the process; one that a failed test leaves behind is killed, or a later test would answer for it."""
    ports = ["--hubspot-port", "0", "--salesforce-port", "0", "--control-port", "0", "--people", "20", "--no-actors"]
    command = [sys.executable, *by, *ports, *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_process_says_one_ready_line_and_a_signal_ends_it_well(tmp_path: Path) -> None:
    for number, words in ((signal.SIGTERM, "sandbox ready: hubspot http://"), (signal.SIGINT, "sandbox ready again: ")):
        with run("--state", str(tmp_path)) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(words)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    assert json.loads((tmp_path / "sandbox.json").read_text())["calls"] == {"hubspot": {}, "salesforce": {}}


def test_a_signal_to_the_command_ends_the_systems_too(tmp_path: Path) -> None:
    with run("--state", str(tmp_path), by=("-m", "syncd", "sandbox")) as process:
        assert process.stdout is not None
        (url,) = re.findall(r"hubspot (http://\S+?),?\s", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_a_port_in_use_ends_the_process_with_2(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with run("--state", str(tmp_path), "--hubspot-port", str(other.getsockname()[1])) as process:
            out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "cannot be taken for hubspot" in err
