"""When a lead is looked at again: not before its score is another, and never for what does not count any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.builders import definition, touch
from support.clock import DAY, NOW, days_ago

from syncd.lead.decision import LeadState
from syncd.lead.definition import EngagementRule, Stage
from syncd.stages.qualify import score_lead
from syncd.stages.wait import due_by, next_look

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


@pytest.mark.parametrize(("handed", "due"), [
    ("2026-11-18T10:00", "2026-11-19T10:00"),  # a Wednesday
    ("2026-11-20T16:00", "2026-11-23T16:00"),  # over the weekend
    ("2026-11-21T09:00", "2026-11-24T00:00"),  # on a Saturday
])  # fmt: skip
def test_working_time_runs_on_weekdays_only(handed: str, due: str) -> None:
    """24 business hours: the clock of Mondays to Fridays, in UTC, from the handover on."""
    steps = (Stage(name="mql"), Stage(name="sal", within=timedelta(hours=24), business_hours=True))
    known = definition(stages=steps)
    at = round(datetime.fromisoformat(handed).replace(tzinfo=UTC).timestamp() * 1000)
    assert due_by(known, HERE) is None
    told = due_by(known, HERE._replace(handed_at=at))
    assert told == round(datetime.fromisoformat(due).replace(tzinfo=UTC).timestamp() * 1000)
