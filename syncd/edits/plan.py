"""What an edit would do: the leads it reaches, decided under both versions on the same stored records, and added up.

It calls no system and stores nothing. Which edit is let through is syncd.edits.passing's.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as own
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from syncd.edits.difference import Edit, compare_versions
from syncd.edits.effects import Effect, Risk, effects_of
from syncd.edits.reach import due_now, kinds_of_all, reached_by, unread
from syncd.lead.decision import Decision
from syncd.lead.definition import EntityKind
from syncd.mapping.gaps import Gap, Gaps, narrow
from syncd.mapping.model import Create, Mappings
from syncd.pipeline import decide_batch
from syncd.store import systems
from syncd.store.database import now_ms
from syncd.store.intake import stored_records
from syncd.store.tables import run

BATCH = 500
SAMPLES = 3
USUAL_BATCH = 100
USUAL_SECONDS = 0.5  # of one call, where none was made lately

Progress = Callable[[int, int], None]  # (done, all)
Keep = Callable[[Effect], bool]


@dataclass
class Group:
    """Changes of one kind to one field by one line."""

    risk: Risk
    edited: bool
    group: str
    field: str
    ours: str
    line: str
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
            "count": self.count,
            "samples": [effect_json(one) for one in self.samples],
        }


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Fields that the edit would read and that were never read: nothing can be told of them yet."""

    system: str
    kind: str
    fields: tuple[str, ...]
    records: int

    def __str__(self) -> str:
        names = ", ".join(self.fields)
        return f"{self.system} {self.kind}: {names} of {self.records:,} records"


@dataclass(kw_only=True)
class Plan:
    """The whole of it. `marks`: entity -> what the edit changes of it -> digest; `effects`: those asked for."""

    base: str
    target: str
    edit: Edit
    looked_at: int = 0
    reached: int = 0
    totals: Counter[str] = own(default_factory=Counter)
    writes: Counter[str] = own(default_factory=Counter)  # records to write, by system
    calls: dict[str, int] = own(default_factory=dict)
    seconds: float = 0.0  # until all is written
    took: float = 0.0
    groups: dict[tuple[Any, ...], Group] = own(default_factory=dict)
    marks: dict[str, dict[str, str]] = own(default_factory=dict)
    effects: list[Effect] = own(default_factory=list)
    unread: tuple[Unread, ...] = ()

    @property
    def id(self) -> str:
        """Name exactly this: from which version to which, and everything the edit would change."""
        content = orjson.dumps([self.base, self.target, self.marks], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()[:12]

    @property
    def ordered(self) -> list[Group]:
        """The groups, the gravest first; what would be done without the edit too comes last."""
        return sorted(self.groups.values(), key=lambda one: (not one.edited, one.risk.order, -one.count, one.field))

    def add(self, effects: Sequence[Effect], keep: Keep) -> None:
        """Count one lead's effects in."""
        edited = [one for one in effects if one.edited]
        if edited:
            self.totals["leads"] += 1
            self.marks[edited[0].entity] = {one.key: one.mark() for one in edited}
        elif effects:
            self.totals["anyway"] += 1
        for risk in Risk:
            self.totals[risk.value] += sum(one.risk is risk for one in edited)
        self.totals["records"] += len({one.where for one in edited if one.where and one.risk is not Risk.KEPT})
        for one in effects:
            key = (one.risk, one.edited, one.group, one.field, one.ours, one.line)
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = Group(one.risk, one.edited, one.group, one.field, one.ours, one.line)
            group.count += 1
            if len(group.samples) < SAMPLES:
                group.samples.append(one)
            if keep(one):
                self.effects.append(one)

    def summary(self) -> dict[str, Any]:
        """Return what a page or an inbox shows of it."""
        return {
            "id": self.id,
            "from": self.base,
            "to": self.target,
            "looked_at": self.looked_at,
            "reached": self.reached,
            "leads": self.totals["leads"],
            "records": self.totals["records"],
            "anyway": self.totals["anyway"],
            "changes": {risk.value: self.totals[risk.value] for risk in Risk if self.totals[risk.value]},
            "calls": dict(self.calls),
            "seconds": round(self.seconds, 1),
            "took": round(self.took, 2),
            "unread": [str(one) for one in self.unread],
            "unforeseen": list(self.edit.unforeseen),
            "lines": [{"what": one.what, "line": str(one.place), "how": one.how} for one in self.edit.lines],
        }

    def as_json(self) -> dict[str, Any]:
        return {
            **self.summary(),
            "groups": [one.as_json() for one in self.ordered],
            "effects": [effect_json(one) for one in self.effects],
        }


def make_plan(
    engine: Engine,
    running: Mappings,
    edited: Mappings,
    *,
    batches: Mapping[str, int] | None = None,
    everyone: bool = False,
    only: set[str] | None = None,
    keep: Keep = lambda _: False,
    on_progress: Progress = lambda _done, _all: None,
) -> Plan:
    """Decide for whom the edit reaches and for whom is due, under both versions.

    `batches`: system -> records that one call writes. `everyone`: also those whom nothing reaches. `only`: nobody else.
    """
    began = time.monotonic()
    plan = Plan(base=running.digest, target=edited.digest, edit=compare_versions(running, edited))
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        now, gaps = now_ms(), read_gaps(connection)
        reached = reached_by(connection, plan.edit, running, edited)
        plan.unread = tuple(
            Unread(system=key[0], kind=key[1], fields=tuple(sorted(names)), records=count)
            for key, (names, count) in unread(connection, running, edited).items()
        )
        due = due_now(connection, now)
        wanted = None if everyone else reached | due
        ids = [one for one, _ in kinds_of_all(connection, wanted if only is None else only)]
        plan.looked_at, plan.reached = len(ids), len(reached)
        pair = _Pair(connection, narrow(running, gaps), narrow(edited, gaps), gaps, now, due)
        for start in range(0, len(ids), BATCH):
            for decision, before, held in pair.decide(ids[start : start + BATCH]):
                plan.add(list(effects_of(decision, before, held, edited, plan.edit)), keep)
                plan.writes.update(f"{one.system} {one.kind}" for one in decision.writes)
            on_progress(min(start + BATCH, len(ids)), len(ids))
        plan.calls = _calls(plan.writes, batches or {})
        plan.took = time.monotonic() - began
        plan.seconds = plan.took + sum(plan.calls.values()) * _seconds_of_a_call(connection)
    return plan


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
    }


def read_gaps(connection: Connection) -> Gaps:
    """Return what of the systems cannot be used now, as the daemon last found it."""
    return {key: Gap.of_json(plain) for key, (plain, _) in systems.read_gaps(connection).items()}


# ---------------------------------------------------------------------------------------------------------------------


class _Pair:
    """Both versions on the same records at the same moment."""

    def __init__(
        self, connection: Connection, running: Mappings, edited: Mappings, gaps: Gaps, now: int, due: set[str]
    ) -> None:
        self._connection = connection
        self._running = running
        self._edited = edited
        self._gaps = gaps
        self._now = now
        self._due = due

    def decide(self, ids: Sequence[str]) -> Iterator[tuple[Decision, Decision, dict[str, dict[str, Any]]]]:
        """Yield (decision, the running version's, what the records hold) for those of whom anything would change."""
        after = self._under(self._edited, ids)
        # For who is not due, the running version has nothing to do: it is asked only where the edited one has.
        told = [one for one in after if _says_something(one) or one.entity in self._due]
        before = {one.entity: one for one in told}
        if self._running.digest != self._edited.digest:
            before = {one.entity: one for one in self._under(self._running, [one.entity for one in told])}
        held = self._held([*told, *(before[one.entity] for one in told)])
        for one in told:
            yield one, before[one.entity], held

    def _under(self, mappings: Mappings, ids: Sequence[str]) -> list[Decision]:
        return decide_batch(self._connection, mappings, ids, self._now, made_by(mappings, self._gaps))

    def _held(self, decisions: Sequence[Decision]) -> dict[str, dict[str, Any]]:
        asked: dict[tuple[str, str], set[str]] = {}
        for write in (one for decision in decisions for one in decision.writes):
            if write.record_id is not None:
                asked.setdefault((write.system, write.kind), set()).add(write.record_id)
        return {
            f"{system} {kind} {one.id}": dict(one.fields)
            for (system, kind), ids in asked.items()
            for one in stored_records(self._connection, system, kind, sorted(ids)).values()
        }


def _says_something(one: Decision) -> bool:
    return bool(one.writes or one.changes or one.moves or one.verdict)


def made_by(mappings: Mappings, gaps: Gaps) -> list[tuple[str, str]]:
    """Return (system, kind) of which records are made, once the systems are read freshly."""
    found = []
    for one in (one for kind in EntityKind for one in mappings.of_entity(kind)):
        gap = gaps.get((one.system, one.kind), Gap())
        if one.create is Create.ALLOWED and not (gap.creates or gap.whole):
            found.append((one.system, one.kind))
    return found


def _calls(writes: Mapping[str, int], batches: Mapping[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, count in writes.items():
        system = name.partition(" ")[0]
        found[system] += -(-count // (batches.get(system) or USUAL_BATCH))
    return dict(found)


def _seconds_of_a_call(connection: Connection) -> float:
    """Return how long one call took in the latest sends."""
    query = select(run.c.started_at, run.c.ended_at, run.c.calls).where(run.c.what == "send")
    rows = connection.execute(query.order_by(run.c.started_at.desc()).limit(50)).all()
    calls = sum(sum(row.calls.values()) for row in rows)
    spent = sum((row.ended_at or row.started_at) - row.started_at for row in rows) / 1000
    return spent / calls if calls else USUAL_SECONDS
