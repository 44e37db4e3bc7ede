"""Two workers on one PostgreSQL, one of which dies now and then: what one does the other does not do again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest
from crash.load import PEOPLE, Crowd, crowd, kill
from support.long import times

pytestmark = pytest.mark.slow
SEED = 7


def test_two_workers_on_one_state_double_nothing(tmp_path: Path, postgres_server: Callable[[str], str]) -> None:
    """Both poll, both hand over, people come and edit, one worker is killed and comes back."""
    chance, newcomers = random.Random(SEED), count(PEOPLE)
    with psycopg.connect(postgres_server("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE two_workers TEMPLATE syncd_template")
    with crowd(tmp_path, postgres_server("two_workers"), SEED) as made:
        with made.people(), made.daemon("first") as first:
            for _ in range(times(2, 40)):
                with made.daemon("second") as second:
                    made.wait_for_a_call(second)
                    end = time.monotonic() + chance.uniform(2.0, 5.0)
                    while time.monotonic() < end:
                        made.add_person(next(newcomers))
                        time.sleep(0.05)
                    assert (first.poll(), second.poll()) == (None, None), "one ended by itself; see syncd.log"
                    kill(second)
        with ExitStack() as both:
            since = time.time()
            for name in ("first", "second"):
                both.enter_context(made.daemon(name))
            _wait_until_at_work(made, since)
            made.become_quiet()
        made.verify()


def _wait_until_at_work(made: Crowd, since: float) -> None:
    """Wait for the first sign of life of both: until then, what the killed one had begun may hold up the other."""
    end = time.monotonic() + 180
    with psycopg.connect(made.world.state, autocommit=True) as state:
        query = "select count(*) from worker where started_at >= %s"
        while state.execute(query, (int(since * 1000),)).fetchall() != [(2,)]:
            assert time.monotonic() < end, "not both workers came up"
            time.sleep(0.2)
