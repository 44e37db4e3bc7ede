"""Every kind of fault, at every endpoint, at the first, a middle and the last call of a company's whole story.

While the fault lasts the daemon goes on for three cycles; when it is over it has two polls to converge.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from crash.scenario import ACTS
from faults.town import Place, Town, place
from support.long import LONG

from sandbox.wire import Fault

CYCLES = 2  # to converge in
OUTAGE = 3
TRIED = 4  # times in a cycle at the most: a call and its repetitions
SAMPLE = 20
LASTING = 10_000
WAITING = 8  # calls; each costs the real time-out
SHORT = {"read_timeout": 0.25, "total_timeout": 0.5}

HUBSPOT = {"contacts read": "POST contacts/search", "companies read": "POST companies/search"}
HUBSPOT_WRITE = {"contacts write": "POST contacts/batch/update"}
SALESFORCE = {
    "token": "POST oauth2/token",
    "composite read": "POST composite read",
    "composite write": "POST composite write",
}
ENDPOINTS = {**HUBSPOT, **HUBSPOT_WRITE, **SALESFORCE}
_ROLLING = {"status": "error", "message": "You have reached your ten_secondly limit.", "errorType": "RATE_LIMIT"}
_EXPIRED = {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "Authentication not found."}


def _limited(system: str, headers: Mapping[str, str]) -> dict[str, Any]:
    if system == "hubspot":
        return {"kind": "status", "status": 429, "body": _ROLLING, "headers": dict(headers)}
    words = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": words}]
    return {"kind": "status", "status": 403 if not headers else 429, "body": body, "headers": dict(headers)}


def _expired(system: str) -> dict[str, Any]:
    body = _EXPIRED if system == "hubspot" else [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]
    return {"kind": "status", "status": 401, "body": body}


KINDS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "429": lambda system: _limited(system, {}),
    "429 with Retry-After": lambda system: _limited(system, {"Retry-After": "7"}),
    "500": lambda _: {"kind": "status", "status": 500},
    "502": lambda _: {"kind": "status", "status": 502, "body": b"<html>Bad Gateway</html>"},
    "503": lambda _: {"kind": "status", "status": 503},
    "reset": lambda _: {"kind": "reset"},
    "hang": lambda _: {"kind": "hang", "seconds": 0.4, "times": WAITING},
    "late": lambda _: {"kind": "late", "seconds": 0.4, "times": WAITING},
    "drip": lambda _: {"kind": "drip", "seconds": 0.1, "times": WAITING},
    "truncated": lambda _: {"kind": "truncated"},
    "html": lambda _: {"kind": "html"},
    "lost": lambda _: {"kind": "lost"},
    "502 after the commit": lambda _: {"kind": "after", "status": 502, "body": b"<html>Bad Gateway</html>"},
    "token expired": _expired,
    "row locked": lambda _: {"kind": "status", "status": 423},
}
SLOW = ("hang", "late", "drip")


@dataclass(frozen=True)
class Case:
    """One cell. `meanwhile`: people go on while the fault lasts; `once`: only one call fails."""

    kind: str
    endpoint: str
    when: str
    meanwhile: bool
    once: bool

    def __str__(self) -> str:
        more = (", once" if self.once else "") + (", people go on" if self.meanwhile else "")
        return f"{self.kind}, {self.endpoint}, {self.when} call{more}"

    @property
    def system(self) -> str:
        return "salesforce" if self.endpoint in SALESFORCE else "hubspot"


def _cases() -> list[Case]:
    cells = []
    for kind in KINDS:
        for endpoint in ENDPOINTS:
            if kind == "row locked" and endpoint not in ("contacts write", "composite write"):
                continue
            if kind == "token expired" and endpoint == "token":
                continue
            for when in ("first", "middle", "last"):
                cells.append((kind, endpoint, when))
    shuffled = random.Random(3)
    cases = [Case(*cell, meanwhile=shuffled.random() < 0.4, once=shuffled.random() < 0.25) for cell in cells]
    return cases if LONG else shuffled.sample(cases, SAMPLE)


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@dataclass
class Quiet:
    """The story without a fault: calls by endpoint, all calls, and what the inbox asks at its end."""

    calls: Counter[str] = field(default_factory=Counter)
    total: int = 0
    cycles: int = 0
    problems: int = 0


@pytest.fixture(scope="module")
def quiet(somewhere: Place) -> Mapping[bool, Quiet]:
    """The story on a quiet day, and with tokens that live for a cycle."""
    return {expiring: _rehearse(somewhere, expiring) for expiring in (False, True)}


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_a_fault_anywhere_costs_nothing_but_time(somewhere: Place, quiet: Mapping[bool, Quiet], case: Case) -> None:
    """Nothing lost, doubled, reverted or let through; two polls to converge, then silence; told once, closed after."""
    usual = quiet[case.endpoint == "token"]
    with somewhere.fresh() as town:
        fault = _arm(town, case, usual)
        _live(town, case, fault)
        town.verify(str(case))
        _is_silent(town)
        _was_told_once(town, case, usual)
        spent, fair = town.calls() - fault.fired, 1.5 * usual.total * town.cycles / usual.cycles
        assert spent <= fair, f"{case}: I6 {spent} calls that were answered, {fair:.0f} are fair"
        most = TRIED * (OUTAGE + 1) * (2 if case.endpoint == "token" else 1)  # reading and writing each ask for one
        assert fault.fired <= most, f"{case}: I6 {fault.fired} calls met the fault, {most} are fair"


# ---------------------------------------------------------------------------------------------------------------------


def _rehearse(somewhere: Place, expiring: bool) -> Quiet:
    with somewhere.fresh() as town:
        town.cycle()
        for act in ACTS:
            town.play(act)
            for _ in range(CYCLES):
                if expiring:
                    town.world.salesforce.expire_tokens()
                town.cycle()
        town.verify("without a fault")
        calls = Counter({name: town.calls(match) for name, match in ENDPOINTS.items()})
        return Quiet(calls, town.calls(), town.cycles, len(town.world.problems()))


def _arm(town: Town, case: Case, quiet: Quiet) -> Fault:
    calls = quiet.calls[case.endpoint]
    # A story that runs faster than its rehearsal joins calls that were two there: `last` is one that comes in any case.
    number = {"first": 1, "middle": calls // 2, "last": calls - calls // 5 - 1}[case.when]
    options = {"times": LASTING, **KINDS[case.kind](case.system), **({"times": 1} if case.once else {})}
    fault = Fault(match=ENDPOINTS[case.endpoint], first=max(1, number), **options)
    session = town.session(case.system)
    if case.kind in SLOW:
        session.settings = replace(session.settings, **SHORT)
    if (case.kind, case.endpoint) == ("row locked", "composite write"):
        town.fronts["salesforce"].locks_rows = lambda: _is_due(fault)
        return fault
    return town.world.servers[case.system].board.add(fault)


def _is_due(fault: Fault) -> bool:
    fault.seen += 1
    due = fault.first <= fault.seen < fault.first + fault.times
    fault.fired += due
    return due


def _live(town: Town, case: Case, fault: Fault) -> None:
    """Play the whole story; where the fault comes up, live with it for a while."""
    acts, lifted = list(ACTS), False
    town.cycle()
    while acts:
        if not (fault.fired and not lifted):
            town.play(acts.pop(0))
        for _ in range(CYCLES):
            if case.endpoint == "token":
                town.world.salesforce.expire_tokens()
            town.cycle()
            if fault.fired and not lifted:
                break
        if fault.fired and not lifted:
            lifted = True
            if case.meanwhile and acts:
                town.play(acts.pop(0))
            for _ in range(OUTAGE - 1):
                town.cycle()
            _lift(town, case, fault)
            for _ in range(CYCLES):
                town.cycle()
            town.verify(f"{case}: two polls after it was over")
    assert fault.fired, f"{case}: the story did not come to that call"


def _lift(town: Town, case: Case, fault: Fault) -> None:
    fault.times = 0
    if case.kind in SLOW:
        session = town.session(case.system)
        session.settings = replace(session.settings, read_timeout=60.0, total_timeout=120.0)


def _is_silent(town: Town) -> None:
    """I4: with no change, no write, and no call beyond those that ask."""
    before, calls = town.writes(), town.calls()
    for _ in range(2):
        assert not town.cycle()
    assert town.writes() == before
    assert town.calls() - calls <= 2 * 4


def _was_told_once(town: Town, case: Case, quiet: Quiet) -> None:
    """Each trouble has one line when it came and one when it went, and nothing is left of it in the inbox."""
    told = town.warnings()
    went = sum(count for (action, *_), count in told.items() if action == "pause")
    came = sum(count for (action, *_), count in told.items() if action == "resume")
    assert went == came, f"{case}: {town.said}"
    # No real token is refused at one endpoint alone: whatever another takes up meanwhile ends the trouble for a while.
    most = 3 if (case.kind, case.endpoint) == ("token expired", "contacts write") else 1
    assert went <= most, f"{case}: {town.said}"
    assert all(one.trouble is None for one in town.work.health.snapshot().values())
    assert len(town.world.problems()) == quiet.problems, town.world.problems()
