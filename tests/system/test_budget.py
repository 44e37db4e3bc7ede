"""Calls are bounded: one budget over all processes, a reserve for handoffs, the systems' own limits, no 429 of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from support.commands import say
from support.long import times
from support.world import COMPLETE, World, laid_out, world

from connectors.contract import Policy, WriteRequest
from sandbox.wire import Request, Response
from syncd.edits.passing import LATER
from syncd.store import systems
from syncd.store.database import now_ms
from syncd.store.tables import due

HUBSPOT_BUDGET = "# budget: {per_day: 200000}"
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def midday() -> Iterator[None]:
    """Days of calls end at midnight; these tests are of the time before."""
    with time_machine.travel(datetime.now(UTC).replace(hour=12), tick=True):
        yield


def spent(made: World, system: str = "hubspot") -> int:
    with made.app.engine.connect() as connection:
        return systems.spent_today(connection, now_ms()).get(system, 0)


def test_the_budget_counts_every_process_on_one_state(tmp_path: Path, sqlite_url: str) -> None:
    """What stands in the state equals what HubSpot counted, over two processes one after the other."""
    with laid_out(tmp_path, sqlite_url) as made:
        made.contact()
        for _ in range(2):
            with made.running():
                made.cycle()
                assert spent(made) == made.servers["hubspot"].board.total()
                assert spent(made, "salesforce") == made.salesforce.api_calls + made.servers["salesforce"].board.total(
                    "token"
                )


def test_another_workers_calls_count_at_once(tmp_path: Path, sqlite_url: str) -> None:
    """Two workers on one state: the second learns at its next poll what the first spent."""
    with world(tmp_path, sqlite_url) as made:
        made.cycle()
        with made.app.engine.begin() as connection:
            systems.spend(connection, "hubspot", 500, now_ms(), None, None)
        made.cycle()
        assert made.app.sources["hubspot"].session.used_today == 500 + made.servers["hubspot"].board.total()


def test_reading_stops_at_the_reserve_and_handoffs_go_on(tmp_path: Path, sqlite_url: str) -> None:
    """Nine tenths spent: HubSpot is not read any more, and is still told what became of its leads."""
    with world(tmp_path, sqlite_url, {HUBSPOT_BUDGET: "budget: {per_day: 50}"}) as made:
        contact = made.contact()
        made.work.poll("hubspot")
        left = 45 - spent(made)
        with made.app.engine.begin() as connection:
            systems.spend(connection, "hubspot", left, now_ms(), 50, None)
        made.work.poll("hubspot")  # learns of it
        made.calls()
        made.cycle()
        made.cycle()
        calls = made.calls()["hubspot"]
        assert not [label for label in calls if "search" in label]
        assert calls["POST contacts/batch/update"] >= 1
        assert made.told(contact)["syncd_handoff_status"] == "handed over"
        (problem,) = made.problems()
        assert "hubspot is not read:" in problem
        assert "of the budget of 50 calls a day are spent, and the rest is kept for handoffs" in problem


def test_a_spent_budget_costs_no_call(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, {HUBSPOT_BUDGET: "budget: {per_day: 6, reserve: 0}"}) as made:
        made.contacts([{**COMPLETE, "email": f"p{n}@x.example", "lastname": f"Lee{n}"} for n in range(3)])
        for _ in range(5):
            made.cycle()
        assert made.servers["hubspot"].board.total() == 6


@pytest.mark.parametrize("rank", [2, LATER + 2])
def test_creates_get_their_fresh_look_out_of_the_reserve(tmp_path: Path, sqlite_url: str, rank: int) -> None:
    """A complete lead waits for Salesforce to be known freshly: that read is for the handoff, and is made; also where
    time or an edit alone made it due."""
    with world(tmp_path, sqlite_url, {"# budget: {share: 0.2}": "budget: {per_day: 40}"}) as made:
        made.cycle()
        left = 36 - spent(made, "salesforce")
        with made.app.engine.begin() as connection:
            systems.spend(connection, "salesforce", left, now_ms(), 40, None)
            connection.exec_driver_sql("UPDATE cursor SET polled_at = 1 WHERE system = 'salesforce'")
        made.app.sources["salesforce"].session.count_all(36, made.app.sources["salesforce"].session.calls)
        made.work.poll("hubspot")
        made.calls()
        made.cycle()
        assert set(made.calls()["salesforce"]) == set()
        made.contact()
        made.work.poll("hubspot")
        with made.app.engine.begin() as connection:
            connection.execute(due.update().values(rank=rank))
        made.cycle()
        assert len(made.leads()) == 1


def test_a_daily_limit_of_hubspot_stops_every_call_until_its_reset(tmp_path: Path, sqlite_url: str) -> None:
    """One 429 says it; neither polls nor writes knock again within the time it names. One problem, closed by itself."""
    with laid_out(tmp_path, sqlite_url, daily=8, retry_after=True) as made:
        with made.running():
            made.contacts([{**COMPLETE, "email": f"p{n}@x.example", "lastname": f"Lee{n}"} for n in range(3)])
            for _ in range(6):
                made.cycle()
            board = made.servers["hubspot"].board
            assert [status for _, status in board.journal].count(429) == 1
            (problem,) = made.problems()
            assert "HubSpot's daily limit of the account is reached" in problem
            assert "it goes on by itself at " in problem
        made.hubspot.limits.daily = None
        with made.running():
            made.cycle()
            assert made.problems() == []


def test_a_daily_limit_of_salesforce_leaves_hubspot_alone(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        made.salesforce.router.daily = 1
        for _ in range(2):
            made.cycle()
        refused = [status for _, status in made.servers["salesforce"].board.journal].count(403)
        assert refused <= 1
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
        assert made.cycle().news["hubspot"] == 1
        (problem,) = made.problems()
        assert problem.startswith("salesforce ")


DAILY_429 = {"message": "You have reached your daily limit.", "policyName": "DAILY"}
DAILY_403 = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


@pytest.mark.parametrize(
    ("system", "sign", "refusal"),
    [("hubspot", b'"inputs"', Response(429, DAILY_429)), ("salesforce", b'"PATCH"', Response(403, DAILY_403))],
)
def test_a_daily_limit_that_a_write_meets_is_told_and_nobody_waits_once_it_is_gone(
    tmp_path: Path, sqlite_url: str, system: str, sign: bytes, refusal: Response
) -> None:
    """The polls before it went well, so nobody else would say why nothing is written. A new process asks at once."""
    with laid_out(tmp_path, sqlite_url) as made:
        simulator = made.hubspot if system == "hubspot" else made.salesforce
        handle, spent_up = simulator.handle, [True]

        def limited(request: Request) -> Response:
            return refusal if spent_up[0] and sign in request.body else handle(request)

        simulator.handle = limited  # type: ignore[method-assign]
        contact = made.contact()
        with made.running():
            assert set(made.cycle().troubles) == {system}
            (problem,) = made.problems()
            assert problem.startswith(f"{system} cannot be used: ")
            assert "daily" in problem
        spent_up[0] = False
        with made.running():
            made.settle()
            assert made.problems() == []
            assert made.told(contact)["syncd_handoff_status"] == "handed over"


@pytest.mark.slow
def test_our_own_normal_work_meets_no_429(tmp_path: Path, sqlite_url: str) -> None:
    """At HubSpot's own limits (5 searches a second, 100 calls in 10 s): polls in a loop beside thousands of writes."""
    rows, rounds = times(3000, 30_000), times(1, 4)
    with world(tmp_path, sqlite_url, search_per_second=5, burst=100) as made:
        ids = made.contacts([{"email": f"p{n}@x.example"} for n in range(rows)])
        source = made.app.destinations["hubspot"]
        done = threading.Event()

        def tell() -> None:
            for round_ in range(rounds):
                requests = [
                    WriteRequest(
                        token=one, kind="contacts", policy=Policy.UPDATE, id=one, fields={"syncd_score": str(round_)}
                    )
                    for one in ids
                ]
                source.write(requests)
            done.set()

        writer = threading.Thread(target=tell)
        writer.start()
        polls = 0
        while not done.is_set() or polls < 8:
            made.work.poll("hubspot")
            polls += 1
        writer.join()
        journal = made.servers["hubspot"].board.journal
        assert [label for label, status in journal if status == 429] == []
        assert sum(label.endswith("batch/update") for label, _ in journal) == rounds * rows // 100


@pytest.mark.usefixtures("process_as_before")
def test_status_tells_when_the_calls_will_be_spent(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The forecast is of the rate of the last hours, over all processes."""
    with world(tmp_path, sqlite_url) as made:
        made.cycle()
        now = now_ms()
        with made.app.engine.begin() as connection:
            systems.spend(connection, "hubspot", 1_000_000, now, 1_000_100, None)
        out = say(capsys, "status", "-c", str(made.config)).out
        late = datetime.fromtimestamp(now / 1000, UTC).strftime("%H:%M") > "23:50"
        assert late or "of 1,000,100 calls today, at this rate spent at " in out
        line = next(line for line in out.splitlines() if "salesforce" in line)
        assert "at this rate" not in line


@pytest.fixture
def two(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, burst=100) as made:
        yield made


def test_workers_share_the_burst_limits(two: World) -> None:
    """Four workers on one account take a quarter each; one of them alone takes all of it again."""
    session = two.app.sources["hubspot"].session
    two.work.budgets.share(4)
    assert [bucket.limit for bucket in session._burst.buckets()[0].rates] == [25]
    two.work.budgets.share(1)
    assert [bucket.limit for bucket in session._burst.buckets()[0].rates] == [100]
