"""The funnel, counted from stage events: who entered each step, who went on, who was sent back and why.

It counts rounds, not leads: a lead that qualifies again begins a new round (cycle). It only reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median
from typing import Any

from sqlalchemy import Connection, func, select

from syncd.store.tables import stage_event

DAY_MS = 86_400_000


@dataclass(kw_only=True)
class Step:
    """One step of the ladder. `days`: of each round that left it, how long it stood there."""

    name: str
    entered: int = 0
    went_on: int = 0
    sent_back: int = 0
    days: list[float] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return self.entered - self.went_on - self.sent_back

    @property
    def median_days(self) -> float | None:
        return median(self.days) if self.days else None


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """`reasons`: (step, who sent it back, reason code or None) -> rounds. `rounds`: how many began."""

    rounds: int
    steps: Sequence[Step]
    reasons: Mapping[tuple[str, str, str | None], int]


def count_funnel(connection: Connection, ladder: Sequence[str], off: Sequence[str], since: int) -> Funnel:
    """Follow every round that began since then (ms). `ladder`: its steps in order; `off`: the places beside it."""
    steps = {name: Step(name=name) for name in ladder}
    reasons: Counter[tuple[str, str, str | None]] = Counter()
    rounds = 0
    for events in _rounds(connection, since):
        rounds += 1
        _follow(events, steps, off, reasons)
    return Funnel(rounds=rounds, steps=list(steps.values()), reasons=dict(reasons.most_common()))


# ---------------------------------------------------------------------------------------------------------------------


def _rounds(connection: Connection, since: int) -> Iterator[Iterable[Any]]:
    of_round = (stage_event.c.lead, stage_event.c.cycle)
    began = select(*of_round).group_by(*of_round).having(func.min(stage_event.c.at) >= since).subquery()
    same = (began.c.lead == stage_event.c.lead) & (began.c.cycle == stage_event.c.cycle)
    query = select(stage_event).join(began, same).order_by(*of_round, stage_event.c.id)
    for _, events in groupby(connection.execute(query), key=lambda row: (row.lead, row.cycle)):
        yield events


def _follow(
    events: Iterable[Any], steps: Mapping[str, Step], off: Sequence[str], reasons: Counter[tuple[str, str, str | None]]
) -> None:
    """Count one round; a step that is left and entered again within it counts once, as it was left last."""
    order = {name: place for place, name in enumerate(steps)}
    entered: dict[str, int] = {}
    left: dict[str, tuple[int, bool]] = {}  # step -> (when, did it go on)
    for event in events:
        before, after = event.from_stage, event.to_stage
        if before in entered:
            left[before] = (event.at, order.get(after, -1) > order[before])
            if after in off:
                reasons[(before, event.by, event.reason)] += 1
        if after in steps:
            entered.setdefault(after, event.at)
            left.pop(after, None)
    for name, at in entered.items():
        steps[name].entered += 1
        if name in left:
            when, on = left[name]
            steps[name].went_on += on
            steps[name].sent_back += not on
            steps[name].days.append((when - at) / DAY_MS)
