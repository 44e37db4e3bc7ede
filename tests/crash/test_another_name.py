"""A daemon that died goes on under another name: a container with a new host name, or `syncd once` from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.harness import MOST_CYCLES, Lane, Point, SqliteState, lane

pytestmark = pytest.mark.slow


def first_write(made: Lane, act: int, kept: list[Point]) -> Point:
    """The point just after the first write whose answer is not stored yet."""
    effects = made.effects[act]
    return next(one for one in kept if one.after and "UPDATE intent" in effects[one.number])


def test_another_name_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    """What the dead one had under way neither blocks the queue nor is lost."""
    with lane(tmp_path, SqliteState(tmp_path)) as made:
        acts = made.rehearse(every=1, wanted=lambda one: one.act == 1 and one.what.startswith("POST"))
        next(acts)
        point = first_write(made, 1, next(acts))
        made.take_up(point)
        with made.daemon(executor="another") as daemon:
            for _ in range(MOST_CYCLES):
                made.cycle(daemon)
            made.verify(str(point))
