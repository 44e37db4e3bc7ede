"""R1 and R33: `syncd run` under load is killed, or asked to stop, at any moment; nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from crash.load import crowd, kill
from crash.progress import Progress
from support.long import LONG, times

pytestmark = pytest.mark.slow
ROUND = 20  # kills of one company, then its invariants are checked
AT_WORK = 0.8  # the share of kills that fall after the first call; the others may fall into the start
# Seconds to stop in. Beside other workers on two cores a process may get no turn for a while; by itself it has five.
MOST = 5.0 if LONG else 15.0
LONGEST_LIFE = 3.0  # seconds until the kill, from the first call or from the start
SEED = int(os.environ.get("SYNCD_SEED", "1"))


def kill_often(folder: Path, state: str, seed: int, kills: int) -> list[float]:
    """Kill `kills` times while people edit, let the last start finish, check; return start -> first call in seconds."""
    chance = random.Random(seed)
    with crowd(folder, state, seed) as made:
        with made.people():
            for _ in range(kills):
                with made.daemon() as process:
                    if chance.random() < AT_WORK:
                        made.wait_for_a_call(process)
                    time.sleep(chance.uniform(0.0, LONGEST_LIFE))
                    assert process.poll() is None, "the daemon ended by itself; see syncd.log"
                    kill(process)
        with made.daemon() as process:
            made.wait_for_a_call(process)
            made.become_quiet()
        made.verify()
        return made.first_calls


def stop_often(folder: Path, seed: int, stops: int) -> list[float]:
    """Stop `stops` times while people edit, let the last start finish, check; return start -> first call in seconds."""
    chance = random.Random(seed)
    with crowd(folder, f"sqlite:///{folder}/state.db", seed) as made:
        with made.people():
            for _ in range(stops):
                with made.daemon() as process:
                    made.wait_for_a_call(process)
                    time.sleep(chance.uniform(0.0, LONGEST_LIFE))
                    process.send_signal(signal.SIGTERM)
                    began = time.monotonic()
                    try:
                        code = process.wait(timeout=30)
                    except subprocess.TimeoutExpired:
                        code = None
                    took = time.monotonic() - began
                    assert (code, took <= MOST) == (0, True), f"exit {code} after {took:.1f} s"
        with made.daemon() as process:
            made.wait_for_a_call(process)
            made.become_quiet()
        made.verify()
        return made.first_calls


def rounds(name: str, kills: int, run: Callable[[int, int], list[float]]) -> None:
    """Run so many kills in rounds; a long run skips the rounds that an earlier one finished."""
    progress, first_calls = Progress(name), []
    for number, at in enumerate(range(0, kills, ROUND)):
        seed = (0 if LONG else SEED) + number
        if progress.has(str(seed)):
            continue
        first_calls += run(seed, min(ROUND, kills - at))
        progress.add(str(seed))
    if first_calls:
        print(f"\n{name}: start to first call {sorted(first_calls)[len(first_calls) // 2]:.1f} s in the median")  # noqa: T201 - noted, not asserted


def test_random_kills_lose_and_double_nothing_on_sqlite(tmp_path: Path) -> None:
    """Any number of kill -9 under load, then one start: every invariant holds."""

    def run(seed: int, kills: int) -> list[float]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return kill_often(folder, f"sqlite:///{folder}/state.db", seed, kills)

    rounds("random-kills-sqlite", times(5, 1000), run)


def test_random_kills_lose_and_double_nothing_on_postgresql(
    tmp_path: Path, postgres_server: Callable[[str], str]
) -> None:
    """The same with the state on PostgreSQL."""

    def run(seed: int, kills: int) -> list[float]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        name = f"kills_{seed}"
        with psycopg.connect(postgres_server("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE syncd_template")  # type: ignore[arg-type]
        return kill_often(folder, postgres_server(name), seed, kills)

    rounds("random-kills-postgresql", times(2, 200), run)


def test_sigterm_at_any_moment_ends_well_within_five_seconds(tmp_path: Path) -> None:
    """Asked to stop while it works, it exits 0 in time; what was under way is done, or taken up at the next start."""

    def run(seed: int, stops: int) -> list[float]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return stop_often(folder, seed, stops)

    rounds("stops", times(3, 1000), run)
