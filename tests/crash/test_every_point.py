"""R2: the daemon is killed before and after every single outside effect of a scenario, and every invariant holds.

The suite takes a sample, another one with another SYNCD_SEED; SYNCD_LONG=1 takes all. A failure names its point, and
the same point alone is run by SYNCD_POINT="edits, after effect 34 " (the space keeps 340 out).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from crash.harness import Lane, Point, PostgresState, SqliteState, lane
from crash.progress import Progress
from support.long import times

pytestmark = pytest.mark.slow
PARTS = times(1, 2)  # of the long run, for two processors: each plays the whole scenario once
DAY = int(os.environ.get("SYNCD_SEED", "1"))


def kill_at_all(made: Lane, step: int, part: int) -> None:
    progress = Progress(f"every-point-{made.state.url.partition(':')[0]}-{part}")
    only = os.environ.get("SYNCD_POINT")

    def wanted(point: Point) -> bool:
        return str(point).startswith(only) if only else not progress.has(str(point))

    every, at = (1, 0) if only else (step * PARTS, DAY % step + step * part)
    failed = []
    for kept in made.rehearse(every, at, wanted):
        for point in kept:
            try:
                made.go_on_from(point)
            except AssertionError as error:
                failed.append(str(error))
            else:
                progress.add(str(point))
    assert not failed, f"{len(failed)} points:\n" + "\n\n".join(failed)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_effect_breaks_no_invariant_on_sqlite(tmp_path: Path, part: int) -> None:
    """Nothing lost, doubled, invented, unsaid or unexplained; both sides agree two polls after the restart."""
    with lane(tmp_path, SqliteState(tmp_path)) as made:
        kill_at_all(made, times(61, 1), part)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_effect_breaks_no_invariant_on_postgresql(
    tmp_path: Path, part: int, postgres_server: Callable[[str], str]
) -> None:
    """The same with the state on PostgreSQL."""
    with lane(tmp_path, PostgresState(postgres_server, f"crash_{part}")) as made:
        kill_at_all(made, times(201, 1), part)
