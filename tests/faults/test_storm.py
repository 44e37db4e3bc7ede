"""Limits: a storm of 429s that name a time, and a day's limit that is spent; nobody knocks before the time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from crash.scenario import ACTS
from faults.town import Place, Town, place

from connectors.salesforce.judge import DAILY_WAIT
from sandbox.wire import Fault, Request, Response
from syncd.daemon.work import WRITES_REST_SECONDS

MINUTES = 10
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("storm")) as made:
        yield made


@dataclass
class Storm:
    """Answers a share of one system's calls with 429 and a Retry-After, and notes who called before it was over."""

    town: Town
    system: str
    share: float
    draw: random.Random
    until: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    early: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._front = self.town.fronts[self.system]
        self._simulator = self._front.simulator
        self.name, self.label = self._simulator.name, self._simulator.label
        self._front.simulator = self

    def handle(self, request: Request) -> Response:
        lane = "search" if request.path.endswith("/search") else "other"  # HubSpot limits searches apart
        now = self.town.clock.monotonic()
        if now < self.until.get(lane, 0.0) - 0.05:
            self.early.append(f"{self.label(request)}: {self.until[lane] - now:.1f} s early")
        if self.draw.random() < self.share:
            wait = self.draw.randrange(31)
            self.until[lane] = now + wait
            self.refused += 1
            body = {"status": "error", "message": "You have reached your secondly limit.", "errorType": "RATE_LIMIT"}
            return Response(429, body, {"Retry-After": str(wait)})
        answer: Response = self._simulator.handle(request)
        return answer

    def end(self) -> None:
        self._front.simulator = self._simulator


@pytest.mark.parametrize(("system", "label"), [("salesforce", "composite write"), ("hubspot", "contacts/batch/update")])
def test_a_system_that_takes_no_write_is_tried_with_one_batch_between_two_polls(
    somewhere: Place, system: str, label: str
) -> None:
    """Batch after batch waits; the repetitions of one are all that is asked before the next poll, and then all goes."""
    with somewhere.fresh() as town:
        town.cycle()
        town.play(ACTS[0])
        town.work.batch = 2
        fault = town.world.servers[system].board.add(Fault("status", label, times=999))
        town.cycle()
        assert 0 < fault.fired <= 4
        fault.times = 0
        for _ in range(2):
            town.cycle()
        town.verify("two polls after it was over")


def test_writes_that_rest_go_on_though_another_worker_does_all_the_polls(somewhere: Place) -> None:
    with somewhere.fresh() as town:
        town.cycle()
        town.play(ACTS[0])
        fault = town.world.servers["salesforce"].board.add(Fault("status", "composite write", times=999))
        town.cycle()
        fault.times = 0
        town.work.polls = {}
        assert town.cycle(after=WRITES_REST_SECONDS / 2)["created"] == 0
        assert town.cycle(after=WRITES_REST_SECONDS)["created"] > 0


@pytest.mark.parametrize("seed", range(2))
def test_a_storm_of_429s_is_waited_out_call_by_call(somewhere: Place, seed: int) -> None:
    """30 % of all calls for ten minutes: all data is in, and no call falls into a time that was asked for."""
    with somewhere.fresh() as town:
        town.cycle()
        draw = random.Random(seed)
        storms = [Storm(town, system, 0.3, draw) for system in ("hubspot", "salesforce")]
        began, acts = town.clock.monotonic(), list(ACTS)
        while acts or town.clock.monotonic() - began < MINUTES * 60:
            if acts:
                town.play(acts.pop(0))
            town.cycle(even_if_paused=False)
        for storm in storms:
            storm.end()
            assert storm.early == []
        assert sum(storm.refused for storm in storms) > 10
        for _ in range(2):
            town.cycle()
        town.verify("after the storm")
        assert len(town.world.problems()) == 1  # the lead that sales deleted


def test_hubspots_spent_day_is_not_knocked_at_before_midnight(somewhere: Place) -> None:
    """DAILY without a Retry-After: one refused call tells it; nobody asks again until the account's day begins."""
    with somewhere.fresh() as town:
        limits = town.world.hubspot.limits
        town.clock.move(DAY + HOUR - limits.clock() % DAY)  # the account's day, UTC, is young: no new one begins here
        try:
            _live_through_a_spent_day(town, "hubspot", lambda: _spend_hubspot(limits), most=1)
        finally:
            limits.daily = None


def test_salesforces_spent_day_is_asked_about_at_its_own_pace(somewhere: Place) -> None:
    """REQUEST_LIMIT_EXCEEDED: its window rolls, so that capacity comes back bit by bit; no call between the looks."""
    with somewhere.fresh() as town:
        org, router = town.world.salesforce.org, town.world.salesforce.router
        usual = router.daily

        def spend() -> None:
            org.calls_by_hour[org.now() // 3600] += usual - org.calls_today()

        _live_through_a_spent_day(town, "salesforce", spend, most=int(3 * HOUR / DAILY_WAIT) + 1)


# ---------------------------------------------------------------------------------------------------------------------


def _spend_hubspot(limits: Any) -> None:
    limits.daily = 1


def _live_through_a_spent_day(town: Town, system: str, spend: Callable[[], None], *, most: int) -> None:
    town.cycle()
    town.play(ACTS[0])
    for _ in range(2):
        town.cycle()
    spend()
    town.play(ACTS[1])
    board = town.world.servers[system].board
    before = board.total()
    town.cycle(even_if_paused=False)
    for _ in range(18):
        town.cycle(even_if_paused=False, after=600.0)
    assert 1 <= board.total() - before <= most, board.calls
    assert sum(one.get("system") == system for one in town.said if one["action"] == "pause") == 1
    assert [one for one in town.world.problems() if one.lower().startswith(system)], town.world.problems()
    town.clock.move(25 * HOUR)
    if system == "hubspot":
        town.world.hubspot.limits.daily = None
    for _ in range(3):
        town.cycle(even_if_paused=False)
    town.verify("the day after")
    assert town.world.problems() == []
    assert sum(one.get("system") == system for one in town.said if one["action"] == "resume") == 1
