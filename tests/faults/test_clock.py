"""Clocks that jump and clocks that differ: the daemon never takes its own for the measure of what was read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
import time_machine
from crash.scenario import ACTS
from faults.serving import company, has_leads, people, serving, wait_until
from faults.town import Place, Town, place
from support.long import times

from syncd.cli.common import make_work
from syncd.daemon import Work, engine
from syncd.health import Health
from syncd.store.tables import cursor

HOUR = 3600.0
JUMPS = (-24 * HOUR, -HOUR, HOUR, 24 * HOUR)


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("clock")) as made:
        yield made


def _live(town: Town, jump: float = 0.0, at: int = -1, *, between: bool = False) -> None:
    """Play the story; before the act number `at` the daemon's clock is set (`between`: only after the first cycle)."""
    town.cycle()
    for number, act in enumerate(ACTS):
        if number == at and not between:
            town.clock.jump(jump)
        town.play(act)
        town.cycle()
        if number == at and between:
            town.clock.jump(jump)
        town.cycle()
        town.verify(f"after {act.__name__}")


def _is_silent(town: Town) -> None:
    before = town.writes()
    for _ in range(2):
        assert not town.cycle()
    assert town.writes() == before


_POINTS = [*product(JUMPS, range(len(ACTS)), (False, True))]
_SHOWN = [point for number, point in enumerate(_POINTS) if number % times(7, 1) == 0]


@pytest.mark.parametrize(("jump", "at", "between"), _SHOWN)
def test_the_daemons_clock_is_set(somewhere: Place, jump: float, at: int, between: bool) -> None:
    """An hour or a day, forward or back, before any act or between its two polls: both sides agree in two polls."""
    with somewhere.fresh() as town:
        _live(town, jump, at, between=between)
        _is_silent(town)
        assert len(town.world.problems()) == 1  # the lead that sales deleted


@pytest.mark.slow
@pytest.mark.parametrize("jump", [-24 * HOUR, 24 * HOUR])
def test_polls_go_on_whatever_the_clock_is_set_to(tmp_path: Path, sqlite_url: str, jump: float) -> None:
    """Set back by a day, the next poll comes as ever; set forward, what was missed is asked for once."""
    with company(tmp_path, sqlite_url) as made, serving(made) as served:
        people(made, 0, 1)
        wait_until("the first lead", has_leads(made, 1))
        before, calls = workflows(served.work), made.servers["hubspot"].board.total("")
        with time_machine.travel(time.time() + jump, tick=True):
            wait_until("three polls", lambda: made.servers["hubspot"].board.total("search") >= calls + 3)
            assert workflows(served.work) - before < 100


def test_workers_whose_turns_differ_poll_as_one_does(somewhere: Place) -> None:
    """What somebody has read less than half an interval ago is not read again, unless the clock was set back since."""
    with somewhere.fresh() as town:
        town.cycle()
        every = 3600.0  # of which the test itself takes no part
        town.work.polls = {**town.work.polls, "hubspot": timedelta(seconds=every)}
        seen = []
        for passing in (0.0, 0.4 * every, 0.2 * every):
            town.clock.move(passing)
            seen.append(was_just_read(town.work))
        assert seen == [True, True, False]
        town.cycle()
        town.clock.jump(-HOUR)
        assert not was_just_read(town.work)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_ask_that_meets_the_stop_is_no_trouble(monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    asked, told, stop = [], [], threading.Event()

    def fails(*what: object) -> None:
        asked.append(what)
        if stopped or len(asked) > 1:
            stop.set()
        raise RuntimeError("no engine")

    log = SimpleNamespace(exception=lambda *words, **_: told.append(words))
    monkeypatch.setattr(engine, "_enqueue", fails)
    monkeypatch.setattr(engine, "logger", lambda: log)
    engine._ask_regularly({"hubspot": timedelta(0), "salesforce": timedelta(0)}, stop)
    assert (len(asked), len(told)) == ((1, 0) if stopped else (2, 1))


def test_a_reading_that_was_cut_off_goes_on_at_once(somewhere: Place) -> None:
    """At a worker's start, or where one takes over from another: not only when the next poll's time comes."""
    with somewhere.fresh() as town:
        town.cycle()
        assert not was_just_read(make_work(town.world.app, Health()))
        assert was_just_read(town.work)
        contacts = sa.update(cursor).where(cursor.c.kind == "contacts")
        for long_ago in (0, 1):  # what was cut off then, and is read no more, keeps nobody
            with town.work.engine.begin() as connection:
                connection.execute(contacts.values(complete=False, polled_at=cursor.c.polled_at - long_ago))
            assert was_just_read(town.work) == bool(long_ago)


def was_just_read(work: Work) -> bool:
    """Return whether a poll of HubSpot whose turn has come would leave it."""
    return work.looks.was_read("hubspot", work.polls["hubspot"].total_seconds() / 2)


def workflows(work: Work) -> int:
    """Return how many the engine has begun or queued."""
    with work.engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM workflow_status")).scalar_one())


@pytest.mark.parametrize("off", JUMPS)
def test_the_daemons_clock_is_wrong_all_the_time(somewhere: Place, off: float) -> None:
    """Reading is by the systems' own clocks, so a wrong one of ours loses nothing."""
    with somewhere.fresh() as town:
        town.clock.jump(off)
        _live(town)
        _is_silent(town)


@pytest.mark.parametrize(("hubspot", "salesforce"), [(90.0, 0.0), (-90.0, 0.0), (45.0, -45.0)])
def test_the_systems_clocks_differ_by_90_seconds(somewhere: Place, hubspot: float, salesforce: float) -> None:
    """Nothing lost, nothing reverted: times of two systems are compared with each other for `newest` only."""
    with somewhere.fresh() as town:
        town.clock.apart.update(hubspot=hubspot, salesforce=salesforce, erp=-hubspot)
        _live(town)
        _is_silent(town)


def test_a_record_put_off_before_the_clock_was_set_back_does_not_wait_for_it(somewhere: Place) -> None:
    """What a lock put off for half a minute is tried again within two polls, not a day later."""
    with somewhere.fresh() as town:
        town.cycle()
        town.fronts["salesforce"].locks_rows = lambda: True
        town.play(ACTS[0])
        town.cycle()
        town.fronts["salesforce"].locks_rows = lambda: False
        town.clock.jump(-24 * HOUR)
        for _ in range(2):
            town.cycle()
        town.verify("two polls after the lock")


def test_a_look_at_the_crm_does_not_stay_fresh_because_the_clock_was_set_back(somewhere: Place) -> None:
    """Nobody is created on knowledge that only looks new: somebody who came to the CRM meanwhile would be doubled."""
    from sandbox.wire import Fault

    with somewhere.fresh() as town:
        town.cycle()
        fault = town.world.servers["salesforce"].board.add(Fault("status", "POST composite read", times=1000))
        town.clock.jump(-24 * HOUR)
        for _ in range(5):
            town.cycle()
        town.play(ACTS[0])
        town.world.salesforce.seed("Lead", [{"LastName": "Plain", "Company": "Works", "Email": "plain@works.example"}])
        for _ in range(2):
            town.cycle()
        fault.times = 0
        for _ in range(2):
            town.cycle()
        assert len(town.leads("Plain")) == 1
