"""When a lead is looked at again: not before its score is another, and never for what does not count any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import definition, touch
from support.clock import DAY, NOW, days_ago

from syncd.lead.decision import LeadState
from syncd.lead.definition import EngagementRule
from syncd.stages.qualify import score_lead
from syncd.stages.wait import next_look

KNOWN = definition(engagement=(EngagementRule(points=5, decay=0.15, decay_per=timedelta(days=14)),))
HERE = LeadState(stage="mql", cycle=1, since=NOW)


@pytest.mark.parametrize("ages", [[0], [1, 3, 13.5], [0, 200, 13], [30, 31, 45, 100, 101.5, 170]])
def test_no_score_changes_before_the_moment_that_is_told(ages: list[float]) -> None:
    """Tried hour by hour; each look is at least a day after the last."""
    touches = [touch(days_ago(age)) for age in ages]
    now, looks = NOW, 0
    while (at := next_look(KNOWN, HERE, None, touches, None, now)) is not None:
        assert at >= now + DAY
        score = score_lead(KNOWN, {}, touches, now)["score"]
        for hour in range(now + DAY, at, DAY // 24):
            assert score_lead(KNOWN, {}, touches, hour)["score"] == score
        now, looks = at, looks + 1
    assert score_lead(KNOWN, {}, touches, now)["score"] == 0
    assert looks <= 15 * len(ages)


def test_points_that_do_not_decay_need_no_look() -> None:
    known = definition(engagement=(EngagementRule(points=5),))
    assert next_look(known, HERE, None, [touch(NOW)], None, NOW) is None
