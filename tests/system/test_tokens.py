"""Salesforce ends sessions whenever it likes: one log-in for each, nothing taken is sent twice, HubSpot goes on."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.world import COMPLETE, World, laid_out

from connectors.contract import Policy, WriteRequest, Written
from sandbox.wire import Request, Response


class Expiring:
    """Ends every session after each k-th call that a session carried."""

    def __init__(self, made: World, k: int) -> None:
        self.expiries = 0
        self.statuses: Counter[str] = Counter()
        self._k = k
        self._served = 0
        self._lock = threading.Lock()
        self._salesforce = made.salesforce
        self._handle = made.salesforce.handle
        made.salesforce.handle = self.handle  # type: ignore[method-assign]

    def handle(self, request: Request) -> Response:
        answer = self._handle(request)
        with self._lock:
            if request.path.startswith("/services/oauth2/"):
                self.statuses["log-in"] += 1
                return answer
            self.statuses["refused" if answer.status == 401 else "served"] += 1
            if answer.status != 401:
                self._served += 1
                if self._served % self._k == 0:
                    self._salesforce.expire_tokens()
                    self.expiries += 1
        return answer


def crowd(count: int) -> list[dict[str, str]]:
    return [
        {**COMPLETE, "email": f"p{n}@works{n}.example", "lastname": f"Family{n}", "mobilephone": f"(312) 555-{n:04d}"}
        for n in range(count)
    ]


@pytest.mark.parametrize("k", range(1, 11))
def test_one_log_in_for_each_session_that_ends(made: World, k: int) -> None:
    """Every call is served once: as many refusals as sessions ended in use, and as many log-ins plus the first."""
    sf: Any = made.app.destinations["salesforce"]
    expiring = Expiring(made, k)
    keys = [f"KEY{n:04d}" for n in range(12 * 25)]
    for start in range(0, len(keys), 25):
        part = keys[start : start + 25]
        fields = {"LastName": "Lee", "Company": "Works"}
        answers = sf.write(
            [
                WriteRequest(token=key, kind="Lead", policy=Policy.CREATE, fields=fields, key=("Syncd_Key__c", key))
                for key in part
            ]
        )
        assert all(isinstance(one, Written) and one.created for one in answers)
    assert expiring.statuses["served"] == 12
    in_use = expiring.expiries - (12 % k == 0)  # the last session may end after the last call
    assert expiring.statuses["refused"] == in_use
    assert expiring.statuses["log-in"] == in_use + 1
    written = made.salesforce.writes["Lead"]
    assert (written.created, written.updated, written.unchanged) == (len(keys), 0, 0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_whole_road_works_on_short_sessions(made: World, k: int) -> None:
    """Poll, create, feedback and the echo of it: each lead once, and no row written twice."""
    expiring = Expiring(made, k)
    contacts = made.contacts(crowd(20))
    made.settle()
    for contact in contacts:
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.settle()
    assert {lead["Problem__c"] for lead in made.leads()} == {"Scrap on line 4"}
    assert len(made.leads()) == 20
    assert made.salesforce.writes["Lead"].created == 20
    assert expiring.statuses["log-in"] >= 2
    assert made.problems() == []


def test_four_workers_log_in_once_for_one_ended_session(made: World) -> None:
    """No stampede: three wait for the log-in of the first."""
    sf: Any = made.app.destinations["salesforce"]
    sf.find("Lead", "Email", ["nobody@x.example"], ["Email"])
    expiring = Expiring(made, 10**9)
    for _ in range(5):
        made.salesforce.expire_tokens()
        start = threading.Barrier(4)

        def ask(start: threading.Barrier = start) -> None:
            start.wait()
            sf.find("Lead", "Email", ["nobody@x.example"], ["Email"])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert expiring.statuses["log-in"] == 5
    assert expiring.statuses["served"] == 20


def test_a_log_in_refused_for_good_pauses_salesforce_alone(tmp_path: Path, sqlite_url: str) -> None:
    """The secret was rotated under the daemon: HubSpot is read on, Salesforce asks a person once, and no call storm."""
    with laid_out(tmp_path, sqlite_url) as made:
        with made.running():
            contact = made.contact()
            made.settle()
            made.salesforce.sessions.client_secret = "rotated"
            made.salesforce.expire_tokens()
            made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
            made.calls()
            once = made.cycle()
            assert once.news["hubspot"] == 1
            (problem,) = made.problems()
            assert "salesforce cannot be used: the client id or secret was refused" in problem
            assert "check auth.client_secret" in problem
            for _ in range(20):
                made.work.poll("salesforce")
            assert made.servers["salesforce"].board.total("token") <= 3
        made.salesforce.sessions.client_secret = "sandbox-secret"
        with made.running():
            made.settle()
            (lead,) = made.leads()
            assert lead["Problem__c"] == "Scrap on line 4"
            assert made.problems() == []


def test_a_token_refused_while_writing_is_one_question_that_closes(made: World) -> None:
    """HubSpot's token is taken away between the poll and the feedback: one problem, of that system, that closes.

    One that reads and may not write is one question as well, however often it is polled meanwhile.
    """
    handle, refused = made.hubspot.handle, ["/batch/update"]

    def no_writes(request: Request) -> Response:
        if any(request.path.endswith(path) for path in refused):
            return Response(401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "no"})
        return handle(request)

    made.hubspot.handle = no_writes  # type: ignore[method-assign]
    contact = made.contact()
    for _ in range(3):
        assert set(made.cycle().troubles) == {"hubspot"}
        (problem,) = made.problems()
        assert problem.startswith("hubspot takes no writes: the token was refused")
    refused.append("/search")
    made.cycle()
    (problem,) = made.problems()
    assert problem.startswith("hubspot cannot be used: the token was refused")
    refused.clear()
    made.settle()
    assert made.problems() == []
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
