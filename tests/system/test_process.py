"""The real programs: `syncd` beside `python -m sandbox`, started, asked over HTTP, stopped, killed, started again."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
from support.processes import Box, Daemon, get, sandbox, stop, wait_for
from support.world import COMPLETE, TOKEN

from sandbox.fields import define_hubspot
from sandbox.hubspot import HubSpot
from sandbox.wire import Server

CROWD = 120
STOP_SECONDS = 10.0  # five are promised; the suite may share its machine with more than it can carry


@dataclass
class Running:
    box: Box
    daemon: Daemon
    process: Popen[bytes]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One sandbox and one daemon for the tests that disturb neither."""
    folder = tmp_path_factory.mktemp("running")
    with sandbox(folder) as box:
        daemon = Daemon(folder, box, free_port())
        with daemon.started() as process:
            wait_for("the daemon is ready", daemon.is_ready)
            yield Running(box, daemon, process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def person(name: str, **changes: str) -> dict[str, str]:
    """Somebody complete whose keys and words are this name's own."""
    digits = f"{sum(map(ord, name)) % 10_000:04d}"
    own = {
        "email": f"{name.lower()}@works.example",
        "firstname": f"First{name}",
        "lastname": f"Last{name}",
        "mobilephone": f"(312) 555-{digits}",
    }
    return {**COMPLETE, **own, **changes}


def crowd(count: int) -> list[dict[str, str]]:
    return [person(f"Crowd{number}", mobilephone=f"(312) 556-{number:04d}") for number in range(count)]


def lead_with(box: Box, email: str) -> dict[str, object] | None:
    found = box.records("salesforce", "Lead", field="Email", value=email)
    return found[0] if found else None


def unanswered(daemon: Daemon) -> int:
    """Return how many writes were planned and have no answer."""
    with sqlite3.connect(f"file:{daemon.folder}/state.db?mode=ro", uri=True) as connection:
        (count,) = connection.execute("select count(*) from intent where state = 'planned'").fetchone()
    connection.close()
    return int(count)


def test_it_comes_up_and_says_so(running: Running) -> None:
    """Alive and ready over HTTP, figures for Prometheus, a page for people."""
    daemon = running.daemon
    assert get(f"{daemon.url}/healthz")[0] == get(f"{daemon.url}/readyz")[0] == 200
    up = 'syncd_system_up{system="hubspot"} 1.0'
    wait_for("HubSpot was polled", lambda: up in get(f"{daemon.url}/metrics")[1])
    assert get(daemon.url)[0] == 200


def test_a_fact_filled_in_hubspot_hands_the_lead_over_without_a_touch_of_syncd(running: Running) -> None:
    """The whole loop through the running programs: refused on the contact, filled, released, in Salesforce."""
    box = running.box
    (contact,) = box.seed([person("Filled", budget_amount="")])
    wait_for(
        "the refusal stands on the contact",
        lambda: "budget: missing" in box.records("hubspot", "contacts", id=contact).get("syncd_handoff_missing", ""),
    )
    assert lead_with(box, "filled@works.example") is None
    box.edit(contact, budget_amount="75000")
    lead = wait_for("the lead is in Salesforce", lambda: lead_with(box, "filled@works.example"))
    assert lead["Budget__c"] == "75000"
    wait_for(
        "marketing is told",
        lambda: box.records("hubspot", "contacts", id=contact).get("syncd_crm_id") == lead["Id"],
    )


def test_no_person_and_no_secret_is_in_log_metrics_or_page(running: Running) -> None:
    """Leads that arrive, are refused, rejected by the CRM and unreadable: facts with keys, never their values."""
    box, daemon = running.box, running.daemon
    box.seed(
        [
            person("Canary", mobilephone="(312) 555-7771"),
            person("Canaryrefused", mobilephone="(312) 555-7772", budget_amount=""),
            person("Canaryrejected", mobilephone="(312) 555-7773", competitors_considered="Canaryrival " * 40),
            person("Canaryodd", mobilephone="canarycall", decision_date="canaryday"),
        ]
    )
    wait_for("the first is in Salesforce", lambda: lead_with(box, "canary@works.example"))
    wait_for("the CRM has rejected one", lambda: 'kind="rejected"' in get(f"{daemon.url}/metrics")[1])
    wait_for("it has said so", lambda: {"start", "handoff"} <= {line.get("action") for line in daemon.lines()})
    said = {name: get(f"{daemon.url}{name}")[1] for name in ("/", "/metrics", "/healthz", "/readyz")}
    said["log"] = daemon.log.read_text(encoding="utf-8")
    for place, text in said.items():
        for secret in ("canary", "555-777", "555777", TOKEN, "sandbox-secret"):
            assert secret not in text.lower(), (place, secret)
    assert all({"event", "level", "timestamp"} <= line.keys() for line in daemon.lines())


def test_a_second_start_is_refused_and_disturbs_nothing(running: Running) -> None:
    """One process at a time works on an SQLite state; the second names the first."""
    said = running.daemon.command("once")
    assert said.returncode == 2
    assert f"another syncd (process {running.process.pid}) works on" in said.stderr
    assert "Traceback" not in said.stderr
    assert running.process.poll() is None
    assert running.daemon.is_up()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_in_the_middle_of_the_first_load_it_loses_and_doubles_nobody(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Killed or told to stop while leads are on their way; after the next start each is there once.

    Told to stop, it ends soon with code 0 and without a word of trouble.
    """
    with sandbox(tmp_path, "--latency=0.2") as box:
        box.seed(crowd(CROWD))
        daemon = Daemon(tmp_path, box, free_port(), {"batch: 1000": "batch: 5"})
        with daemon.started() as process:
            wait_for("some leads are in Salesforce", box.leads)
            asked = time.monotonic()
            process.send_signal(number)
            code = process.wait(30)
            took = time.monotonic() - asked
        before = len(box.leads())
        assert 0 < before < CROWD
        if number == signal.SIGTERM:
            assert (code, took < STOP_SECONDS) == (0, True)
            assert [line for line in daemon.lines() if line["level"] != "info"] == []
        daemon.config.write_text(daemon.config.read_text().replace("batch: 5 ", "batch: 1000 "))
        with daemon.started() as process:
            wait_for("all leads are in Salesforce", lambda: len(box.leads()) >= CROWD)
            wait_for("the daemon is ready", daemon.is_ready)
            wait_for("all is answered", lambda: unanswered(daemon) == 0)
            assert stop(process) == 0
        leads = box.leads()
        assert len(leads) == CROWD
        for field in ("Syncd_Key__c", "Email"):
            assert max(Counter(lead[field] for lead in leads).values()) == 1
        told = [row for row in box.records("hubspot", "contacts") if row.get("syncd_crm_id")]
        assert {row["syncd_crm_id"] for row in told} <= {lead["Id"] for lead in leads}


def test_once_tells_by_its_exit_code_how_it_ended(tmp_path: Path) -> None:
    """0: all well. 1: a person is needed. 2: it could not run."""
    with sandbox(tmp_path) as box:
        daemon = Daemon(tmp_path, box, free_port())
        (contact,) = box.seed([person("Once", budget_amount="")])
        refused = daemon.command("once")
        assert (refused.returncode, " refused" in refused.stdout) == (1, True), refused.stderr
        box.edit(contact, budget_amount="75000")
        passed = daemon.command("once")
        assert (passed.returncode, "1 handed over" in passed.stdout) == (0, True), passed.stdout + passed.stderr
        begun = ["a new state is begun: nothing is known of earlier runs" in one.stderr for one in (refused, passed)]
        assert begun == [True, False]
        assert lead_with(box, "once@works.example")
        daemon.config.unlink()
        broken = daemon.command("once")
        assert broken.returncode == 2
        assert "cannot be read: No such file or directory" in broken.stderr


def test_once_tells_what_became_of_a_handoff_that_was_killed(tmp_path: Path) -> None:
    """The killed process told nobody, so whoever finishes its handoff does."""
    with sandbox(tmp_path, "--latency=0.2") as box:
        box.seed(crowd(CROWD))
        daemon = Daemon(tmp_path, box, free_port(), {"batch: 1000": "batch: 5"})
        with daemon.started() as process:
            wait_for("some leads are in Salesforce", box.leads)
            process.kill()
            process.wait(30)
        once = daemon.command("once", "--json")
        assert once.returncode in (0, 1), once.stderr
        # Those that were on their way when it was killed are decided, and so counted, once more.
        assert CROWD <= json.loads(once.stdout)["fates"]["handed over"] <= CROWD + 5
        assert len(box.leads()) == CROWD


def test_hubspot_away_at_the_start_stops_nothing_else_and_is_taken_up_when_it_returns(tmp_path: Path) -> None:
    """Salesforce is read meanwhile; one line in the log when HubSpot is missed and one when it is back."""
    with sandbox(tmp_path) as box:
        port = free_port()
        away = {box.urls["hubspot"]: f"http://127.0.0.1:{port}"}
        daemon = Daemon(tmp_path, box, free_port(), away)
        with daemon.started() as process:
            reasons = wait_for("HubSpot is missed", lambda: _unready(daemon, "hubspot at"))
            assert "did not answer (connection refused)" in reasons
            assert daemon.is_up()
            wait_for("Salesforce is read", lambda: box.call("GET", "/counters")["salesforce"]["calls"])
            hubspot = HubSpot(token=TOKEN)
            define_hubspot(hubspot)
            hubspot.seed("contacts", [person("Back")])
            with Server(hubspot, port):
                wait_for("HubSpot is back", daemon.is_ready)
                wait_for("the lead is in Salesforce", lambda: lead_with(box, "back@works.example"))
                assert stop(process) == 0
        about = [(line["action"], line["level"]) for line in daemon.lines() if line.get("system") == "hubspot"]
        assert about == [("pause", "warning"), ("resume", "info")]


def _unready(daemon: Daemon, words: str) -> str:
    status, text = get(f"{daemon.url}/readyz")
    return text if status == 503 and words in text else ""
