"""Bulk jobs when calls fail: each kind of fault at each call of a job, both ways; and jobs in the whole daemon."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.world import COMPLETE, world

from connectors.contract import Deferred, Page, Policy, Reading, Record, WriteRequest, Written
from connectors.errors import AuthExpired, Unavailable
from connectors.salesforce import SalesforceConnector, Settings, connect
from connectors.salesforce.records import columns
from sandbox.salesforce import Salesforce
from sandbox.wire import Fault, Server

ROWS = 6_000
FIELDS = ("LastName", "City")
READS = ("POST jobs/query", "GET jobs/query/{id}", "GET jobs/query/{id}/results", "DELETE jobs/query/{id}")
WRITES = (
    "POST jobs/ingest",
    "PUT jobs/ingest/{id}/batches",
    "PATCH jobs/ingest/{id}",
    "GET jobs/ingest/{id}",
    "GET jobs/ingest/{id}/successfulResults",
    "GET jobs/ingest/{id}/failedResults",
    "DELETE jobs/ingest/{id}",
)
FAULTS = {
    "500": Fault("status", status=500),
    "503 after the work": Fault("after", status=503),
    "lost answer": Fault("lost"),
    "reset": Fault("reset"),
    "half of the answer": Fault("truncated"),
    "a page in place of the answer": Fault("html"),
    "token": Fault("status", status=401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]),
}


def fault(name: str, match: str, *, first: int = 1, times: int = 1) -> Fault:
    one = FAULTS[name]
    return Fault(one.kind, match, status=one.status, body=one.body, first=first, times=times)


class Box:
    """One org with a thousand ways to fail, a connector to it, and what was stored of its pages."""

    def __init__(self, org: Salesforce, server: Server) -> None:
        self.org, self.server = org, server
        self.cursor: dict[str, object] | None = None
        self.records: dict[str, Record] = {}
        self.given: list[str] = []
        self.sf = self.connect()

    def seed(self, count: int) -> list[str]:
        return self.org.seed("Lead", [{"LastName": "L", "Company": "C"}] * count, modified=1_000_000_000)

    def connect(self) -> SalesforceConnector:
        auth = {"client_id": "sandbox", "client_secret": "sandbox-secret"}
        bulk = {"reads": 2_000, "writes": 20}
        given = {"instance_url": self.server.url, "auth": auth, "bulk_from": bulk}
        return connect("sf", Settings.model_validate(given), sleep=lambda _: None)

    def count(self, kind: str, since: object, before: object) -> int:
        return sum(since <= one.modified < before for one in self.records.values())  # type: ignore[operator]

    def take(self, page: Page) -> None:
        self.records.update((one.id, one) for one in page.records)
        self.given += [one.id for one in page.records]
        self.cursor = dict(page.cursor)

    def poll(self) -> None:
        reading = Reading(kind="Lead", fields=FIELDS, after=self.cursor)
        for page in self.sf.changes([reading], self):
            self.take(page)


@contextmanager
def box() -> Iterator[Box]:
    org = Salesforce()
    org.define_field("Lead", "Key__c", "string", length=64, unique=True, external_id=True)
    with Server(org) as server:
        made = Box(org, server)
        yield made
        made.sf.session.close()


def creates(count: int = 40) -> list[WriteRequest]:
    """Return creates of which the last is refused, so that both results are fetched."""
    fields = [{"LastName": f"L{n}", "Company": "C", "Email": None if n else "wrong"} for n in range(count)]
    return [
        WriteRequest(token=str(n), kind="Lead", policy=Policy.CREATE, fields=one, key=("Key__c", f"k{n}"))
        for n, one in enumerate(fields)
    ]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_each_call_of_a_query_job_costs_a_repetition(name: str) -> None:
    """Waited out within the same poll: each row comes once, and the next poll is quiet."""
    with box() as made:
        seeded = made.seed(ROWS)
        met = [made.server.board.add(fault(name, call)) for call in READS]
        made.poll()
        assert [one.fired for one in met] == [1] * len(READS)
        assert sorted(made.given) == sorted(seeded)
        made.given.clear()
        made.poll()
        assert made.given == []


@pytest.mark.parametrize(("call", "rows", "calls"), [(READS[0], 9_000, 8), (READS[1], ROWS, 1), (READS[2], ROWS, 1)])
def test_calls_of_a_query_job_that_fail_for_long_lose_nothing(call: str, rows: int, calls: int) -> None:
    """The poll gives up; a job that was made stays in the cursor, and a later process goes on with it."""
    with box() as made:
        seeded = made.seed(rows)
        made.server.board.add(Fault("status", call, status=503, times=8))
        for _ in range(2):
            with pytest.raises(Unavailable):
                made.poll()
            made.sf = made.connect()
        made.poll()
        assert set(made.records) == set(seeded)
        assert made.server.board.calls["POST jobs/query"] == calls


@pytest.mark.parametrize(
    "answer",
    [
        Fault("status", "query/{id}/results", status=200, body={"state": "JobComplete"}),
        Fault(
            "status",
            "query/{id}/results",
            status=200,
            body=",".join(columns("Lead", FIELDS)).encode() + b"\n",
            headers={"Content-Type": "text/csv", "Sforce-NumberOfRecords": "5000", "Sforce-Locator": "MTAw"},
        ),
    ],
    ids=["no table", "a table that lacks rows"],
)
def test_a_part_that_is_not_what_it_should_be_is_fetched_again_by_the_next_poll(answer: Fault) -> None:
    """It neither counts as read nor as a sign that Bulk cannot read the object: the job is gone on with."""
    with box() as made:
        seeded = made.seed(ROWS)
        met = made.server.board.add(replace(answer))
        with pytest.raises(Unavailable):
            made.poll()
        made.poll()
        assert met.fired == 1
        assert sorted(made.given) == sorted(seeded)
        assert made.server.board.calls["POST jobs/query"] == 1


def test_a_log_in_that_is_refused_for_good_while_a_job_runs_stops_and_goes_on_later() -> None:
    with box() as made:
        seeded = made.seed(ROWS)
        met = made.server.board.add(fault("token", "GET jobs/query/{id}/results", times=2))
        with pytest.raises(AuthExpired):
            made.poll()
        assert met.fired == 2
        made.poll()
        assert sorted(made.records) == sorted(seeded)


def test_a_full_disk_stops_the_poll_with_a_remedy_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the result has no place to be kept; it is fetched again once there is one."""
    with box() as made:
        seeded = made.seed(ROWS)

        def full() -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("connectors.salesforce.jobs.tempfile.TemporaryFile", full)
            with pytest.raises(Unavailable, match=r"No space left on device.*TMPDIR"):
                made.poll()
        made.poll()
        assert sorted(made.given) == sorted(seeded)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("call", WRITES)
def test_a_fault_at_any_call_of_an_ingest_job_loses_and_doubles_nothing(name: str, call: str) -> None:
    """Every row has its fate in the same call of `write`, and no job is left that could still write."""
    with box() as made:
        met = made.server.board.add(fault(name, call))
        answers = made.sf.write(creates())
        assert met.fired == 1
        assert [type(answer).__name__ for answer in answers] == ["Rejected", *["Written"] * 39]
        assert sorted(row["Key__c"] for row in made.org.all("Lead")) == sorted(f"k{n}" for n in range(1, 40))
        assert made.org.writes["Lead"].created == 39
        assert not going_on(made)


@pytest.mark.parametrize("call", WRITES[:-1])
def test_calls_of_an_ingest_job_that_fail_for_long_defer_its_rows(call: str) -> None:
    """What the job did is seen when Salesforce is back, before anything else is written."""
    with box() as made:
        made.server.board.add(Fault("status", call, status=503, times=4))
        made.server.board.add(Fault("after", "PATCH jobs/ingest/{id}", status=503, times=4))
        answers = made.sf.write(creates())
        assert {type(answer) for answer in answers} <= {Deferred, Written, type(answers[0])}
        assert any(isinstance(answer, Deferred) for answer in answers) or call == WRITES[0]
        made.server.board.faults.clear()
        again = made.sf.write([creates()[5]])
        assert isinstance(again[0], Written)
        assert not going_on(made)
        made.sf.write(creates())
        assert made.org.writes["Lead"].created == 39


def going_on(made: Box) -> list[str]:
    return [job["id"] for job in made.org.org.jobs.values() if job["state"] in ("UploadComplete", "InProgress")]


# --- the whole daemon -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_first_load_by_jobs_is_stored_whole_and_wakes_nobody_when_read_again(tmp_path: Path) -> None:
    """Half a thousand Leads by a job, into the store of the daemon; a load anew, by pages, finds nothing new."""
    by_jobs = {"    instance_url:": "    bulk_from: {reads: 2000, writes: null}\n    instance_url:"}
    with world(tmp_path, f"sqlite:///{tmp_path}/state.db", by_jobs) as made:
        rows = [{"LastName": f"L{n}", "Company": "C", "AnnualRevenue": 1.5 * n} for n in range(4_500)]
        seeded = made.salesforce.seed("Lead", rows, modified=1_000_000_000)
        made.contact(**{**COMPLETE, "email": "new@works.example"})
        made.settle()
        assert made.servers["salesforce"].board.calls["POST jobs/query"] == 1
        assert set(seeded) <= set(made.stored("salesforce")["Lead"])
        before = made.writes()
        with made.app.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cursor SET position = NULL WHERE system = 'salesforce'")
        sources = made.work.sources["salesforce"]
        sources._poller._large = None  # type: ignore[attr-defined]
        made.work.poll("salesforce")
        assert made.work.due() == 0
        made.cycle()
        assert made.writes() == before


@pytest.mark.slow
def test_a_large_handoff_goes_by_a_job_and_its_feedback_goes_back(tmp_path: Path) -> None:
    """2,100 leads decided together: one job creates them, HubSpot is told, and the next cycle is silent."""
    changes = {
        "    instance_url:": "    bulk_from: {reads: null, writes: 2001}\n    instance_url:",
        "batch: 1000": "batch: 3000",
    }
    with world(tmp_path, f"sqlite:///{tmp_path}/state.db", changes) as made:
        made.contacts(
            [
                {**COMPLETE, "email": f"p{n}@works.example", "mobilephone": f"(312) 555-{n:04}", "lastname": f"L{n}"}
                for n in range(2_100)
            ]
        )
        made.settle()
        assert made.servers["salesforce"].board.calls["POST jobs/ingest"] == 1
        assert len(made.leads()) == 2_100
        told = {row.get("syncd_crm_id") for row in made.hubspot.all("contacts")}
        assert told == {row["Id"] for row in made.leads()}
        before = made.writes()
        made.cycle()
        assert made.writes() == before
