"""Brakes: what one run may do, who waits beyond that, and what lets them through.

What waits is in the state and off handoff's list. It is decided again when something of it changes, when the files do,
and when a person lets it through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from syncd.lead.decision import Decision, Fate
from syncd.lead.definition import EntityKind
from syncd.log import logger
from syncd.pipeline.succession import RANK
from syncd.store import handoff, held, inbox, intake
from syncd.store.database import from_ms

KEY = "brake|"  # and the brake's name: of the one problem that asks about it
_EXAMPLES = 3
_PLURAL = {EntityKind.ACCOUNT.value: "accounts", EntityKind.BRANCH.value: "branches", EntityKind.LEAD.value: "leads"}


@dataclass
class Brake:
    """How many records one run may create, overwrite, clear, give to another owner, move on the ladder; None: any."""

    creates: int | None = None
    overwrites: int | None = None
    clears: int | None = None
    owners: int | None = None
    stages: int | None = None
    _spent: dict[str, int] = field(default_factory=dict)

    def cap(self, name: str) -> int | None:
        found: int | None = getattr(self, name, None)
        return found

    def stops(self, wanted: Mapping[str, int], closed: Collection[str]) -> set[str]:
        """Count what one entity's writes cost, unless that is too much; return the brakes that it meets."""
        met = set()
        for name, records in wanted.items():
            cap = self.cap(name)
            if cap is not None and (name in closed or self._spent.get(name, 0) + records > cap):
                met.add(name)
        if not met:
            for name, records in wanted.items():
                self._spent[name] = self._spent.get(name, 0) + records
        return met

    def spent(self) -> dict[str, int]:
        return dict(self._spent)

    def take_back(self, spent: Mapping[str, int]) -> None:
        """Be as when so much was spent: what was counted since is not stored."""
        self._spent = dict(spent)


def hold_back(connection: Connection, brake: Brake, decisions: Sequence[Decision], now: int) -> set[str]:
    """Return the entities that must wait for a person; what was held before and is wanted no more is let go."""
    anything = not held.is_empty(connection)
    before = held.totals(connection) if anything else {}
    rows = held.rows_of(connection, [one.entity for one in decisions]) if anything else {}
    closed = set(before)
    holds: list[tuple[str, str, int]] = []
    drops: list[tuple[str, str]] = []
    for one in decisions:
        if _has_no_say_yet(one):
            continue
        kept, wanted = rows.get(one.entity, {}), _cost(one)
        met = brake.stops({name: count for name, count in wanted.items() if not _passes(kept.get(name))}, closed)
        closed |= met
        holds += [(one.entity, name, wanted[name]) for name in sorted(met)]
        # An approval is used up by the answers to all the writes, which may not come at the first try.
        drops += [(one.entity, name) for name, row in kept.items() if name not in (wanted if row.approved else met)]
    held.keep(connection, holds, now)
    held.drop(connection, drops)
    if holds or drops:
        _tell(connection, brake, before, now)
    return {entity for entity, _, _ in holds}


def approve_held(connection: Connection, by: str, now: int) -> dict[str, int]:
    """Let through what the brakes hold now; return brake -> entities, empty where nothing is held."""
    waiting = held.waiting(connection)
    let = held.approve(connection, by, now)
    _mark_due(connection, waiting, now, "let through by hand")
    for name in let:
        inbox.close_problems(connection, key=KEY + name)
    if let:
        logger().info("what the brakes held was let through", action="approve", by=by, **let)
    return let


def settle_brakes(connection: Connection, brake: Brake, now: int) -> None:
    """Open the brakes that nobody sets any more, and close what is asked about those that hold nothing."""
    closed = held.totals(connection)
    for name in [name for name in closed if brake.cap(name) is None]:
        _open(connection, name, now)
        del closed[name]
    for key in inbox.open_keys(connection, KEY):
        if key.removeprefix(KEY) not in closed:
            inbox.close_problems(connection, key=key)


# ---------------------------------------------------------------------------------------------------------------------


def _has_no_say_yet(decision: Decision) -> bool:
    """Whatever is held or approved of it stays so: what it wants to write beside an opt-out is seen at a later try."""
    return decision.looks_first or decision.fate is Fate.DEFERRED


def _passes(kept: held.Kept | None) -> bool:
    return kept is not None and kept.approved


def _cost(decision: Decision) -> dict[str, int]:
    """Return brake -> records that this decision would spend of it."""
    writes = decision.writes
    spent = {
        "creates": sum(one.creates for one in writes),
        "overwrites": sum(one.overwrites for one in writes),
        "clears": sum(one.clears for one in writes),
        "owners": sum(one.moves_owner for one in writes),
        "stages": sum(one.from_stage is not None for one in decision.moves[:1]),
    }
    return {name: count for name, count in spent.items() if count}


def _tell(connection: Connection, brake: Brake, before: Mapping[str, int], now: int) -> None:
    """Ask about each brake that holds more or less than before; open what has shrunk to what a run may do anyway."""
    after = held.totals(connection)
    for name in sorted({*before, *after}):
        was, records, cap = before.get(name, 0), after.get(name, 0), brake.cap(name) or 0
        if not records:
            inbox.close_problems(connection, key=KEY + name)
        elif records <= cap < was:
            _open(connection, name, now)
        elif records != was:
            _ask(connection, name, cap, now)
        if records and not was:
            logger().warning("a brake is closed until a person lets through what it holds", action="hold", brake=name)


def _ask(connection: Connection, name: str, cap: int, now: int) -> None:
    told = held.closed(connection, [name], _EXAMPLES)[name]
    kinds = " and ".join(f"{count:,} {_PLURAL[kind] if count > 1 else kind}" for kind, count in told.kinds.items())
    inbox.open_problem(
        connection,
        key=KEY + name,
        kind="brake",
        message=f"the brake on {name} ({cap:,} in a run) is closed since {from_ms(told.since):%Y-%m-%d %H:%M} UTC: "
        f"{kinds} wait, those that came since too; nothing of them but an opt-out is written, all else goes on. Look "
        f"with `syncd explain` ({', '.join(told.examples)}), let them through with `syncd approve`; it opens by itself "
        f"once no more of them want that than one run may do",
        now=now,
    )


def _open(connection: Connection, name: str, now: int) -> None:
    waiting = held.waiting(connection, name)
    held.open_brake(connection, name)
    _mark_due(connection, waiting, now, "a brake opened")
    inbox.close_problems(connection, key=KEY + name)
    logger().info("a brake is open again", action="resume", brake=name, entities=len(waiting))


def _mark_due(connection: Connection, entities: Collection[str], now: int, why: str) -> None:
    kinds = handoff.kinds_of(connection, entities)
    intake.mark_due(connection, {one: RANK[EntityKind(kind)] for one, kind in kinds.items()}, now, why)
