"""What an edit would do: the leads it reaches, decided under both versions on the same stored records, and added up.

It calls no system and stores nothing. Which edit is let through is syncd.edits.passing's.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from syncd.edits.difference import Edit, compare_versions
from syncd.edits.effects import Risk
from syncd.edits.pair import Pair, gaps_after, known_owners, read_gaps
from syncd.edits.reach import count_entities, due_now, kinds_of_all, reached_by, unread
from syncd.edits.shares import Sharing, crew_for
from syncd.edits.tally import Closer, Group, Tally, effect_json
from syncd.edits.words import counted, first_words
from syncd.mapping.model import Mappings
from syncd.store.database import now_ms
from syncd.store.tables import run

USUAL_BATCH = 100
FIRST = 8  # lines of a plan that stand beside the button that lets it through
USUAL_SECONDS = 0.5  # of one call, where none was made lately

Progress = Callable[[int, int], None]  # (done, all)
NOTHING_CLOSER = Closer()


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Fields that the edit would read and that were never read: nothing can be told of them yet."""

    system: str
    kind: str
    fields: tuple[str, ...]
    records: int

    def __str__(self) -> str:
        names = ", ".join(self.fields)
        return f"{self.system} {self.kind}: {names} of {counted(self.records, 'record')}"


@dataclass(kw_only=True)
class Plan(Tally):
    """The whole of it."""

    base: str
    target: str
    edit: Edit
    looked_at: int = 0
    reached: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # until all is written
    took: float = 0.0
    unread: tuple[Unread, ...] = ()

    @property
    def id(self) -> str:
        """Name exactly this: from which version to which, and everything the edit would change."""
        content = hashlib.sha256(f"{self.base} {self.target}".encode())
        for one, (names, digests) in sorted(self.marks.items()):
            content.update(orjson.dumps([one, names]) + digests)
        return content.hexdigest()[:12]

    @property
    def ordered(self) -> list[Group]:
        """The groups, the gravest first; what would be done without the edit too comes last."""
        return sorted(
            self.groups.values(),
            key=lambda one: (not one.edited, one.once_made, one.risk.order, -one.count, one.field),
        )

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
            "overwrites": self.totals["overwrites"],
            "anyway": self.totals["anyway"],
            "changes": {risk.value: self.totals[risk.value] for risk in Risk if self.totals[risk.value]},
            "calls": dict(self.calls),
            "seconds": round(self.seconds, 1),
            "took": round(self.took, 2),
            "unread": [str(one) for one in self.unread],
            "unforeseen": list(self.edit.unforeseen),
            "lines": [{"what": one.what, "line": str(one.place), "how": one.how} for one in self.edit.lines],
        }

    def first(self) -> list[dict[str, str]]:
        """Return the first of what the edit changes, old -> new, one of each group, the gravest first; as text."""
        groups = [one for one in self.ordered if one.edited][:FIRST]
        return [first_words(effect_json(one.samples[0])) for one in groups]

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
    closer: Closer = NOTHING_CLOSER,
    on_progress: Progress = lambda _done, _all: None,
    sharing: Sharing | None = None,
) -> Plan:
    """Decide for whom the edit reaches and for whom is due, under both versions.

    `batches`: system -> records that one call writes. `everyone`: also those whom nothing reaches. `only`: nobody else.
    `sharing`: the processes that may share the work; only the machine of a person who waits has them to spare.
    """
    began = time.monotonic()
    plan = Plan(base=running.digest, target=edited.digest, edit=compare_versions(running, edited))
    whole = count_entities(engine) if sharing is not None and only is None else 0
    with (
        crew_for(engine, sharing, whole, (running, edited)) as crew,
        engine.execution_options(syncd_reads_only=True).connect() as connection,
    ):
        crew.join(connection)
        running, edited = (known_owners(connection, one) for one in (running, edited))
        now, gaps, due = now_ms(), read_gaps(connection), due_now(connection, now_ms())
        reached = reached_by(connection, plan.edit, running, edited)
        plan.unread = _unread(connection, running, edited)
        wanted = None if everyone else reached | due
        ids = [one for one, _ in kinds_of_all(connection, wanted if only is None else only)]
        plan.looked_at, plan.reached = len(ids), len(reached)
        then = gaps_after(connection, plan.edit, running, edited, gaps)
        pair = Pair(running=running, edited=edited, edit=plan.edit, gaps=gaps, gaps_then=then, now=now, due=due)
        crew.begin(pair, closer)
        done = 0
        for count, told in crew.tallies(connection, pair, ids, closer):
            plan.take(told, closer)
            done += count
            on_progress(done, len(ids))
        plan.calls = _calls(plan.writes, batches or {})
        plan.took = time.monotonic() - began
        plan.seconds = plan.took + sum(plan.calls.values()) * _seconds_of_a_call(connection)
    return plan


# ---------------------------------------------------------------------------------------------------------------------


def _unread(connection: Connection, running: Mappings, edited: Mappings) -> tuple[Unread, ...]:
    return tuple(
        Unread(system=key[0], kind=key[1], fields=tuple(sorted(names)), records=count)
        for key, (names, count) in unread(connection, running, edited).items()
    )


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
