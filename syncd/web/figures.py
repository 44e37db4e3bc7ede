"""What the state and the process have to show, as one value for the page, its JSON and `syncd status`.

The queries are syncd.store's; wording is left to whoever shows the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from syncd.health import Health, SystemHealth
from syncd.store import figures, held, inbox
from syncd.store.database import from_ms, now_ms
from syncd.store.systems import Spending, read_spending

DAY_MS = 86_400_000
EXAMPLES = 5
# The first minutes after a start tell no rate.
SHORTEST_SPAN_MS = 1_800_000
RUNS = 15
APPROVALS = 5


@dataclass(frozen=True, kw_only=True)
class SystemFigures:
    """One system. `up` is None where no daemon was there to ask; `budget`: the calls a day at which syncd stops.

    `spent_at`: when the calls of the day will be spent if it goes on like this; None when they will last.
    """

    name: str
    up: bool | None
    trouble: str | None
    last_poll: datetime | None
    calls_today: int
    budget: int | None
    spent_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LackFigures:
    """One fact that stands in the way. `leads` it stops; `lacks`: missing, invalid, stale, not stated -> number."""

    field: str
    label: str
    who: str
    leads: int
    lacks: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ProblemLine:
    message: str
    count: int
    last_seen: datetime
    system: str | None
    entity: str | None
    record: str | None


@dataclass(frozen=True, kw_only=True)
class ProblemFigures:
    """Open problems of one kind; `latest` are the few seen last."""

    kind: str
    open: int
    latest: tuple[ProblemLine, ...]


@dataclass(frozen=True, kw_only=True)
class BrakeFigures:
    """A brake that is closed. `kinds` of entity that wait -> how many, since the first of them was held."""

    name: str
    kinds: Mapping[str, int]
    since: datetime


@dataclass(frozen=True, kw_only=True)
class ApprovalFigures:
    """What a person let through: how many that a brake held, or what a sweep asked about ("vanished")."""

    what: str
    by: str
    at: datetime
    entities: int | None


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    what: str
    started_at: datetime
    ended_at: datetime | None
    fates: Mapping[str, int]
    calls: Mapping[str, int]
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the status page shows, of one moment. `started` is None where no daemon was there to ask.

    `stages` counts leads by where they stand, None for those that stand nowhere yet. `fates` are of the last 24 hours.
    """

    at: datetime
    started: datetime | None
    systems: tuple[SystemFigures, ...]
    leads: int
    stages: Mapping[str | None, int]
    handed_over: int
    refused: int
    in_review: int
    waiting: int
    branches: int
    branches_placed: int
    leads_with_branch: int
    refusals: tuple[LackFigures, ...]
    problems: tuple[ProblemFigures, ...]
    fates: Mapping[str, int]
    runs: tuple[RunFigures, ...]
    kept: Mapping[str, str] = field(default_factory=dict)  # system -> where it keeps branches, in words
    branches_written: Mapping[str, int] = field(default_factory=dict)  # system -> branches that syncd made there
    overdue: Mapping[str, int] = field(default_factory=dict)  # stage -> leads that should have left it by now
    unmade: Mapping[str, int] = field(default_factory=dict)  # why complete leads are not made in the CRM -> how many
    brakes: tuple[BrakeFigures, ...] = ()  # those that are closed
    approvals: tuple[ApprovalFigures, ...] = ()  # the latest

    @property
    def troubled(self) -> tuple[SystemFigures, ...]:
        return tuple(one for one in self.systems if one.trouble)

    @property
    def open_problems(self) -> int:
        return sum(group.open for group in self.problems)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601 in UTC, the stage of leads without one as an empty name."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def read_figures(engine: Engine, health: Health | None, now: int | None = None) -> Figures:
    """Read everything in one view of the state; raises SQLAlchemyError where it cannot be read."""
    at = now if now is not None else now_ms()
    with figures.reads_only(engine) as connection:
        leads = figures.count_leads(connection)
        kinds = figures.count_entities(connection)
        refused, lacks = _refusals(figures.open_facts(connection))
        stages: dict[str | None, int] = {}
        for row in leads:
            stages[row.stage] = stages.get(row.stage, 0) + row.leads
        return Figures(
            at=from_ms(at),
            started=datetime.fromtimestamp(health.started, UTC) if health is not None else None,
            systems=_systems(connection, health, at),
            leads=sum(row.leads for row in leads),
            stages=dict(sorted(stages.items(), key=lambda one: (-one[1], one[0] or ""))),
            handed_over=sum(row.leads for row in leads if row.handed),
            refused=refused,
            unmade=figures.count_unmade(connection),
            overdue=figures.count_overdue(connection, at),
            in_review=figures.count_in_review(connection),
            waiting=figures.count_waiting(connection),
            branches=kinds.get("branch", 0),
            branches_placed=figures.count_placed_branches(connection),
            leads_with_branch=sum(row.leads for row in leads if row.placed),
            refusals=lacks,
            problems=_problems(connection),
            fates=_largest_first(inbox.fates_since(connection, at - DAY_MS)),
            runs=_runs(connection),
            kept=figures.kept_where(connection),
            branches_written=figures.count_written_branches(connection),
            brakes=tuple(
                BrakeFigures(name=name, kinds=one.kinds, since=from_ms(one.since))
                for name, one in held.closed(connection).items()
            ),
            approvals=tuple(
                ApprovalFigures(what=row.what, by=row.by, at=from_ms(row.at), entities=row.entities)
                for row in held.latest_approvals(connection, APPROVALS)
            ),
        )


# ---------------------------------------------------------------------------------------------------------------------


def _systems(connection: Connection, health: Health | None, at: int) -> tuple[SystemFigures, ...]:
    polled = figures.polled_at(connection)
    spent = inbox.calls_since(connection, at - at % DAY_MS)
    counted = read_spending(connection, at)
    live = health.snapshot() if health is not None else {}
    return tuple(
        _system(name, live.get(name), health is not None, polled.get(name), spent.get(name, 0), counted.get(name), at)
        for name in sorted({*polled, *spent, *live, *counted})
    )


def _system(
    name: str,
    live: SystemHealth | None,
    asked: bool,
    polled: int | None,
    spent: int,
    counted: Spending | None,
    at: int,
) -> SystemFigures:
    """The process knows of trouble, the state of what all processes did."""
    seen = live.last_poll if live is not None else None
    trouble = live.trouble if live is not None else None
    return SystemFigures(
        name=name,
        up=(trouble is None and seen is not None) if asked else None,
        trouble=trouble,
        last_poll=_last_poll(seen, polled),
        calls_today=max(spent, counted.today if counted is not None else 0),
        budget=counted.allowed if counted is not None else None,
        spent_at=_spent_at(counted, at) if counted is not None else None,
    )


def _spent_at(counted: Spending, at: int) -> datetime | None:
    """Return when the day's calls are spent at the rate of the last hour or two, unless the day ends before."""
    bounds = [counted.remaining, counted.allowed - counted.today if counted.allowed is not None else None]
    left = min((one for one in bounds if one is not None), default=None)
    if left is None or (left > 0 and not counted.lately):
        return None
    span = max(at - counted.since, SHORTEST_SPAN_MS)
    moment = at + max(0, left) * span // max(1, counted.lately)
    return from_ms(moment) if moment < at - at % DAY_MS + DAY_MS else None


def _last_poll(seen: float | None, stored: int | None) -> datetime | None:
    if seen is not None:
        return datetime.fromtimestamp(seen, UTC)
    return from_ms(stored) if stored is not None else None


def _refusals(facts: Iterator[list[dict[str, str]]]) -> tuple[int, tuple[LackFigures, ...]]:
    """Return (refusals in force, the facts they lack, the one that stops most leads first)."""
    refused = 0
    counted: dict[tuple[str, str, str], dict[str, int]] = {}
    for lacking in facts:
        refused += 1
        for one in lacking:
            lacks = counted.setdefault((one["field"], one["label"], one["who"]), {})
            lacks[one["lack"]] = lacks.get(one["lack"], 0) + 1
    found = [
        LackFigures(field=field, label=label, who=who, leads=sum(lacks.values()), lacks=_largest_first(lacks))
        for (field, label, who), lacks in counted.items()
    ]
    return refused, tuple(sorted(found, key=lambda one: (-one.leads, one.field)))


def _problems(connection: Connection) -> tuple[ProblemFigures, ...]:
    return tuple(
        ProblemFigures(
            kind=kind,
            open=size,
            latest=tuple(
                ProblemLine(
                    message=row.message,
                    count=row._mapping["count"],  # a row is a tuple, which has a count() of its own
                    last_seen=from_ms(row.last_seen),
                    system=row.system,
                    entity=row.entity,
                    record=row.record,
                )
                for row in rows
            ),
        )
        for kind, (size, rows) in figures.problem_groups(connection, EXAMPLES).items()
    )


def _runs(connection: Connection) -> tuple[RunFigures, ...]:
    return tuple(
        RunFigures(
            what=row.what,
            started_at=from_ms(row.started_at),
            ended_at=from_ms(row.ended_at) if row.ended_at is not None else None,
            fates=_largest_first(row.fates),
            calls=row.calls,
            error=row.error,
        )
        for row in inbox.latest_runs(connection, RUNS)
    )


def _largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key or "": _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
