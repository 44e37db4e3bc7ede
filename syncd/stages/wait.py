"""When to look at a lead again though nothing changes: the passing of time alone can change what is decided.

Looking again is syncd.daemon's; what is decided then is decided as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from syncd.lead.decision import LeadState, Touch, Verdict
from syncd.lead.definition import RECYCLED, Definition

DAY_MS = 86_400_000


def next_look(
    definition: Definition,
    state: LeadState,
    verdict: Verdict | None,
    touches: Sequence[Touch],
    planned: int | None,
    now: int,
) -> int | None:
    """Return the earliest moment, in ms, at which a lead could be decided otherwise; None: never by itself.

    `planned`: when it would be looked at so far. It is kept where the score, or a condition that names `now`, is the
    only reason to look: for these once a day is enough.
    """
    times = [verdict.until] if verdict is not None and verdict.until is not None else []
    if state.stage == RECYCLED and state.retry_from is not None and state.retry_from > now:
        times.append(state.retry_from)
    if state.due_by is not None and state.due_by > now:
        times.append(state.due_by)
    slow = [now] if definition.names_now else []
    if (step := _next_step(definition, touches, now)) is not None:
        slow.append(step)
    if slow:
        daily = max(min(slow), now + DAY_MS)
        times.append(planned if planned is not None and now < planned < daily else daily)
    return min(times, default=None)


def due_by(definition: Definition, state: LeadState) -> int | None:
    """Return when the next step should be reached, in ms; at the gate the time runs from the handover on."""
    place = definition.stage_order(state.stage or "")
    if not 0 <= place < len(definition.stages) - 1:
        return None
    since = state.handed_at if state.stage == definition.handoff_from else state.since
    step = definition.stages[place + 1]
    if since is None or step.within is None:
        return None
    span = int(step.within.total_seconds() * 1000)
    return _on_weekdays(since, span) if step.business_hours else since + span


# ---------------------------------------------------------------------------------------------------------------------


def _on_weekdays(at: int, left: int) -> int:
    """Return when so much time (ms) of Mondays to Fridays, in UTC, has passed."""
    while True:
        midnight = (at // DAY_MS + 1) * DAY_MS
        works = (at // DAY_MS + 3) % 7 < 5  # 1970-01-01 was a Thursday
        if works and left <= midnight - at:
            return at + left
        left -= midnight - at if works else 0
        at = midnight


def _next_step(definition: Definition, touches: Sequence[Touch], now: int) -> int | None:
    """Return when the points of touches have decayed so far that the score is another, or a while before."""
    engaged = decaying = 0.0
    steps: list[tuple[float, float]] = []
    for rule in definition.engagement:
        period = rule.decay_per.total_seconds() * 1000
        for touch in touches:
            past = int(max(0, now - touch.at) / period)
            held = rule.points * (1 - rule.decay) ** past
            engaged += held
            if rule.decay:
                decaying += held
                steps.append((touch.at + (past + 1) * period, held * rule.decay))
    if decaying < 0.5:
        return None  # points are whole: what is left rounds to nothing and always will
    score = round(engaged)
    for at, loss in sorted(steps):
        engaged -= loss
        if round(engaged) != score:
            return ceil(at)
    return ceil(max(steps)[0])
