"""The funnel is counted by rounds: entered, went on, sent back with its reason, still there, days."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from syncd.store.funnel import DAY_MS, count_funnel
from syncd.store.tables import stage_event

LADDER = ("inquiry", "mql", "sal")
OFF = ("recycled", "disqualified")
NOW = 1_800_000_000_000


def move(lead: str, days: float, before: str | None, after: str, **more: Any) -> dict[str, Any]:
    at = NOW + int(days * DAY_MS)
    told = {"cycle": 1, "by": "rules", "reason": None, "reason_text": None, "definition": "d"}
    return {**told, "lead": lead, "from_stage": before, "to_stage": after, "at": at, **more}


@pytest.fixture
def counted(engine: sa.Engine) -> Any:
    def count(*moves: dict[str, Any], since: int = NOW) -> Any:
        with engine.begin() as connection:
            connection.execute(sa.insert(stage_event), list(moves))
            return count_funnel(connection, LADDER, OFF, since)

    return count


def test_each_round_is_followed_to_where_it_stands(counted: Any) -> None:
    """A climbs to sales; B is sent back and begins a second round; C waits; D began before the time asked about."""
    found = counted(
        move("A", 0, None, "inquiry"),
        move("A", 2, "inquiry", "mql"),
        move("A", 2.5, "mql", "sal"),
        move("B", 0, None, "inquiry"),
        move("B", 4, "inquiry", "mql"),
        move("B", 5, "mql", "recycled", by="sales", reason="rej.too_early"),
        move("B", 40, "recycled", "mql", cycle=2),
        move("C", 1, None, "inquiry"),
        move("D", -1, None, "inquiry"),
        move("D", 3, "inquiry", "mql"),
    )
    told = {one.name: (one.entered, one.went_on, one.sent_back, one.waiting, one.median_days) for one in found.steps}
    assert told == {"inquiry": (3, 2, 0, 1, 3.0), "mql": (3, 1, 1, 1, 0.75), "sal": (1, 0, 0, 1, None)}
    assert found.reasons == {("mql", "sales", "rej.too_early"): 1}
    assert found.rounds == 4


def test_a_step_that_is_left_and_entered_again_in_one_round_counts_once(counted: Any) -> None:
    found = counted(
        move("A", 0, None, "mql"),
        move("A", 1, "mql", "sal"),
        move("A", 2, "sal", "mql", by="sales"),
        move("A", 3, "mql", "sal"),
    )
    told = {one.name: (one.entered, one.went_on, one.sent_back, one.waiting) for one in found.steps}
    assert told == {"inquiry": (0, 0, 0, 0), "mql": (1, 1, 0, 0), "sal": (1, 0, 0, 1)}
    assert found.steps[1].median_days == 3.0


def test_a_step_that_the_ladder_has_no_more_is_passed_over(counted: Any) -> None:
    found = counted(move("A", 0, None, "old"), move("A", 1, "old", "mql"))
    assert [(one.name, one.entered) for one in found.steps] == [("inquiry", 0), ("mql", 1), ("sal", 0)]
