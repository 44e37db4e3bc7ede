"""A daemon that died goes on under another name: a container with a new host name, or `syncd once` from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.harness import MOST_CYCLES, Lane, Point, SqliteState, lane

pytestmark = [pytest.mark.slow, pytest.mark.system]


def first_write(made: Lane, act: int) -> Point:
    """The point just after the first write whose answer is not stored yet."""
    effects = made.effects[act]
    number = next(n for n, one in enumerate(effects, 1) if one.startswith("POST") and "UPDATE intent" in effects[n])
    return Point(act, number, after=True)


def test_another_name_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    """What the dead one had under way neither blocks the queue nor is lost."""
    with lane(tmp_path, SqliteState(tmp_path)) as made:
        made.rehearse()
        point = first_write(made, 1)
        made.load(point.act)
        made.play(point.act)
        with made.daemon(point) as daemon:
            for _ in range(MOST_CYCLES):
                made.cycle(daemon)
        with made.daemon(executor="another") as daemon:
            for _ in range(MOST_CYCLES):
                made.cycle(daemon)
            made.verify(str(point))
