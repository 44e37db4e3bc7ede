"""Effects added up: totals, groups of like changes with examples, and a mark of everything that an edit changes.

Whose effects they are is syncd.edits.plan's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as own
from sys import intern
from typing import Any

from syncd.edits.effects import Effect, Risk
from syncd.lead.decision import Write
from syncd.lead.definition import HANDOFF_FACTS

SAMPLES = 3
ONCE_MADE = "once made"  # of writes that follow a create: they are calls of their own


@dataclass(frozen=True, kw_only=True)
class Closer:
    """Which effects are told one by one, beside their groups.

    `field`: named as theirs or as ours; `samples`: of each group.
    """

    field: str | None = None
    whole: bool = False
    most: int | None = None
    samples: int = SAMPLES

    def wants(self, one: Effect) -> bool:
        return self.whole or (self.field is not None and self.field in (one.field, one.ours))


@dataclass
class Group:
    """Changes of one kind to one field by one line."""

    risk: Risk
    edited: bool
    group: str
    field: str
    ours: str
    line: str
    once_made: bool = False
    count: int = 0
    samples: list[Effect] = own(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "risk": self.risk.value,
            "edited": self.edited,
            "of": self.group,
            "field": self.field,
            "ours": self.ours,
            "line": self.line,
            "once_made": self.once_made,
            "count": self.count,
            "samples": [effect_json(one) for one in self.samples],
        }


_FLIPS = frozenset({Risk.PASSED, Risk.WITHDRAWN, Risk.REFUSED, Risk.RELEASED, Risk.MOVED})


@dataclass(kw_only=True)
class Tally:
    """What some leads' effects come to. `marks`: entity -> what the edit changes of it, and a digest of each.

    `totals` counts each risk, and: leads (that the edit changes), anyway (that change without it), records (written
    because of it), overwrites (values of people's that it replaces: what syncd itself says of a lead is nobody's),
    clears (fields that it empties; that a refusal is taken back once the lead was made is part of making it), flips
    (leads whose stage or verdict it changes).
    """

    totals: Counter[str] = own(default_factory=Counter)
    writes: Counter[str] = own(default_factory=Counter)  # records to write, by system and kind, and whether by then
    groups: dict[tuple[Any, ...], Group] = own(default_factory=dict)
    marks: dict[str, tuple[tuple[str, ...], bytes]] = own(default_factory=dict)
    effects: list[Effect] = own(default_factory=list)  # those that were asked for

    def add(
        self, writes: Sequence[Write], effects: Sequence[Effect], closer: Closer, then: Sequence[Write] = ()
    ) -> None:
        """Count one lead in. `then`: what is written once the CRM has made it."""
        self.writes.update(f"{one.system} {one.kind}" for one in writes)
        self.writes.update(f"{one.system} {one.kind} {ONCE_MADE}" for one in then)
        marks: dict[str, bytes] = {}
        records: set[str] = set()
        for one in effects:
            self._count(one, closer.samples)
            if closer.wants(one):
                self.effects.append(one)
            if one.edited:
                name = one.name if one.name not in marks else f"{one.name} of {one.where}"
                marks[intern(name)] = one.mark()
                self.totals[one.risk.value] += 1
                said_by_us = one.ours in HANDOFF_FACTS
                self.totals["overwrites"] += one.risk is Risk.OVERWRITTEN and not said_by_us
                self.totals["clears"] += one.risk is Risk.CLEARED and not (one.once_made and said_by_us)
                if one.where and one.risk is not Risk.KEPT:
                    records.add(one.where)
        if marks:
            self.totals["leads"] += 1
            self.totals["flips"] += any(one.edited and one.risk in _FLIPS for one in effects)
            self.totals["records"] += len(records)
            names = tuple(sorted(marks))
            self.marks[effects[0].entity] = (names, b"".join(marks[name] for name in names))
        elif effects:
            self.totals["anyway"] += 1

    def take(self, other: Tally, closer: Closer) -> None:
        """Count in what comes after."""
        self.totals += other.totals
        self.writes += other.writes
        self.marks |= other.marks
        self.effects += other.effects[: None if closer.most is None else max(closer.most - len(self.effects), 0)]
        for key, one in other.groups.items():
            mine = self.groups.setdefault(key, one)
            if mine is not one:
                mine.count += one.count
                mine.samples += one.samples[: closer.samples - len(mine.samples)]

    def _count(self, one: Effect, samples: int) -> None:
        key = (one.risk, one.edited, one.group, one.field, one.ours, one.line, one.once_made)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(*key)
        group.count += 1
        if len(group.samples) < samples:
            group.samples.append(one)


def effect_json(one: Effect) -> dict[str, Any]:
    return {
        "entity": one.entity,
        "kind": one.kind.value,
        "risk": one.risk.value,
        "where": one.where,
        "field": one.field,
        "ours": one.ours,
        "old": one.old,
        "new": one.new,
        "source": one.source,
        "rule": one.rule,
        "line": one.line,
        "edited": one.edited,
        "once_made": one.once_made,
    }
