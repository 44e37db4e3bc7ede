"""Putting a version in force: at once where an edit is harmless, by approval where it is held, by going back.

What an edit would do is syncd.edits.plan's; when files are looked at, syncd.daemon.live's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from syncd.edits.effects import Risk
from syncd.edits.force import load_version
from syncd.edits.pair import known_owners
from syncd.edits.plan import Plan, Progress, make_plan
from syncd.edits.reach import kinds_of_all, reached_by
from syncd.edits.shares import Sharing
from syncd.edits.words import counted
from syncd.mapping.model import Mappings
from syncd.pipeline.succession import RANK
from syncd.store import held, inbox, versions
from syncd.store.database import now_ms, serialise_intake
from syncd.store.rows import upsert
from syncd.store.tables import due
from syncd.store.versions import StoredPlan

# Of handoff's order: after all that changed over there, whatever it is.
LATER = 10
HELD_KEY = "edit"  # of the one problem that asks about an edit
FILES_KEY = "files"  # of the one problem that tells what is wrong with the files
APART_KEY = "files|"  # and a worker's name: its folder holds other files than the rest
MOST_TOLD = 20
Found = TypeVar("Found")


class NotPassed(Exception):
    """Nothing was put in force; the text says why and what to do."""


class Moved(NotPassed):
    """What the edit would do is not what the plan said. `plan` is what it is now, kept and held in its place."""

    def __init__(self, text: str, plan: Plan) -> None:
        super().__init__(text)
        self.plan = plan


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much an edit may change and still be let through at once; None: any number."""

    records: int | None = 100
    creates: int | None = 0
    overwrites: int | None = 20
    clears: int | None = 0
    flips: int | None = 0


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where the files of a worker are, for which systems (name -> connector), and what is let through at once."""

    path: Path
    systems: Mapping[str, str]
    limits: Limits
    look: float  # seconds between two looks
    worker: str


def beyond(plan: Plan, limits: Limits) -> list[str]:
    """Return why an edit is to be held, each reason in words; empty for one that is harmless."""
    return [*_too_many(plan.totals, limits), *plan.edit.unforeseen]


def keep_plan(
    connection: Connection, plan: Plan, edited: Mappings, systems: Mapping[str, str], state: str, by: str
) -> None:
    """Store a plan with the files it is of; one that is held supersedes whatever else waited."""
    now = now_ms()
    versions.save_set(connection, edited.digest, edited.files, systems, now, by)
    if state == versions.HELD:
        drop_waiting(connection, keep=plan.id)
    packed = versions.pack_marks(plan.marks) if state in (versions.HELD, versions.SHOWN) else None
    summary = {**plan.summary(), "first": plan.first()}
    versions.save_plan(
        connection,
        StoredPlan(id=plan.id, base=plan.base, target=plan.target, at=now, state=state, summary=summary, packed=packed),
    )


def drop_waiting(connection: Connection, *, keep: str | None = None) -> None:
    """Nothing waits any more, but for `keep`."""
    for state in (versions.HELD, versions.READING):
        for one in versions.read_plans(connection, state=state):
            if one.id != keep:
                versions.close_plan(connection, one.id, versions.SUPERSEDED)
    if keep is None:
        inbox.close_problems(connection, key=HELD_KEY)


def hold(connection: Connection, plan: Plan, reasons: Sequence[str]) -> None:
    """Ask a person about an edit."""
    inbox.open_problem(
        connection,
        key=HELD_KEY,
        kind="edit",
        message=f"plan {plan.id} is held: {_told(plan)}; {'; '.join(reasons[:5])}. Nothing of the edit is in force, "
        f"the version before it goes on. Look with `syncd plan {plan.id}`, let it through with `syncd approve "
        f"{plan.id}`",
        now=now_ms(),
    )


def put_in_force(
    engine: Engine,
    plan: Plan,
    running: Mappings,
    edited: Mappings,
    systems: Mapping[str, str],
    *,
    how: str,
    by: str,
) -> int:
    """Make a version the running one and have those that it reaches decided again; return how many.

    Raises NotPassed when another version was put in force meanwhile.
    """
    with engine.begin() as connection:
        serialise_intake(connection)
        if versions.running_version(connection) != plan.base:
            raise NotPassed("another version was put in force meanwhile; nothing was changed. Look with `syncd plan`")
        now = now_ms()
        keep_plan(connection, plan, edited, systems, versions.APPLIED, by)
        drop_waiting(connection)
        versions.put_in_force(connection, edited.digest, previous=plan.base, how=how, by=by, plan_id=plan.id, now=now)
        versions_of = (known_owners(connection, one) for one in (running, edited))
        reached = reached_by(connection, plan.edit, *versions_of) | set(held.waiting(connection))
        mark_later(connection, reached, now, "an edit of the mappings")
    return len(reached)


def mark_later(connection: Connection, entities: set[str], now: int, why: str) -> None:
    """Have these decided after whatever is due because it changed; who is due already keeps his place."""
    rows = [
        {
            "entity": one,
            "rank": LATER + RANK[kind],
            "since": now,
            "why": why,
            "attempts": 0,
            "not_before": 0,
        }
        for one, kind in kinds_of_all(connection, entities)
    ]
    upsert(connection, due, rows, keep=("rank", "attempts", "not_before"))


def approve(
    engine: Engine,
    named: str,
    by: str,
    batches: Mapping[str, int],
    on_progress: Progress = lambda _done, _all: None,
    sharing: Sharing | None = None,
    though_moved: Limits | None = None,
) -> tuple[Plan, int]:
    """Let a held plan through, exactly as it was shown; return it, and how many are decided again. Raises NotPassed.

    `though_moved`: also where it moved since, as long as what moved by itself is within these limits.
    """
    stored = find_plan(engine, named)
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        version = versions.running_version(connection)
        edited_set = versions.load_set(connection, stored.target)
        running, edited = (load_version(connection, one) for one in (stored.base, stored.target))
    if stored.state == versions.APPLIED or version == stored.target:
        raise NotPassed(f"plan {stored.id} is in force already; nothing was changed")
    if version != stored.base or running is None or edited is None or edited_set is None:
        raise NotPassed(
            f"plan {stored.id} starts from version {stored.base}, and {version} is in force; nothing was changed. "
            f"Look with `syncd plan`"
        )
    if stored.packed is None:
        raise NotPassed(f"plan {stored.id} does not wait any more ({stored.state}); look with `syncd plan`")
    plan = make_plan(engine, running, edited, batches=batches, on_progress=on_progress, sharing=sharing)
    if plan.unread:
        raise NotPassed(
            f"plan {stored.id} is not whole yet: {'; '.join(map(str, plan.unread))} are still to be read; the daemon "
            f"reads them with its polls. Nothing was changed"
        )
    if plan.id != stored.id:
        moved = {one for one, _ in moved_between(stored.marks, plan.marks)}
        beside = None
        if though_moved is not None:
            alone = make_plan(engine, running, edited, batches=batches, only=moved)
            beside = _too_many(alone.totals, though_moved)
        if beside != []:
            with engine.begin() as connection:
                keep_plan(connection, plan, edited, edited_set.systems, versions.HELD, by)
                hold(connection, plan, ["what it would do moved since it was last shown"])
            raise Moved(_moved_words(stored, plan, beside), plan)
    return plan, put_in_force(engine, plan, running, edited, edited_set.systems, how="approve", by=by)


def roll_back(engine: Engine, named: str, by: str, batches: Mapping[str, int]) -> tuple[Plan, int]:
    """Put a version in force that was before; return what that changes, and how many are decided again.

    Raises NotPassed.
    """
    digest = find_version(engine, named)
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        version = versions.running_version(connection)
        stored = versions.load_set(connection, digest)
        edited = load_version(connection, digest)
        running = load_version(connection, version) if version else None
    if version == digest:
        raise NotPassed(f"version {digest} is in force already; nothing was changed")
    if edited is None or stored is None or running is None:
        raise NotPassed(f"version {digest} is not kept; nothing was changed. `syncd versions` lists those that are")
    plan = make_plan(engine, running, edited, batches=batches)
    return plan, put_in_force(engine, plan, running, edited, stored.systems, how="rollback", by=by)


def find_plan(engine: Engine, named: str) -> StoredPlan:
    """Return the one plan whose id begins so. Raises NotPassed."""
    listed = "`syncd plan` shows what the files would do, with its id"
    return _only_one(engine, "plan", named, lambda one: {it.id: it for it in versions.read_plans(one, named)}, listed)


def find_version(engine: Engine, named: str) -> str:
    """Return the one version whose id begins so. Raises NotPassed."""
    listed = "`syncd versions` lists them"
    return _only_one(engine, "version", named, lambda one: {it: it for it in versions.find_set(one, named)}, listed)


def never_in_force(engine: Engine, on_disk: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Return the files on the disk that writing these texts would replace, and that no version in force ever held."""
    differing = {name: text for name, text in on_disk.items() if texts.get(name) != text}
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        for version in dict.fromkeys(one.version for one in versions.list_reigns(connection)) if differing else ():
            stored = versions.load_set(connection, version)
            known = stored.files.texts() if stored is not None else {}
            differing = {name: text for name, text in differing.items() if known.get(name) != text}
    return sorted(differing.keys() & texts.keys())


def refuse_to_overwrite(names: Sequence[str], otherwise: str) -> str:
    """Say why files are not written. `otherwise`: how to have it done all the same."""
    verb = "was edited and was" if len(names) == 1 else "were edited and were"
    return (
        f"nothing was done: {', '.join(names)} {verb} never in force, and would be overwritten. Save the edit "
        f"elsewhere or take it back; or {otherwise}: then a copy stays beside each, as NAME.1.edited"
    )


def begin(connection: Connection, mappings: Mappings, systems: Mapping[str, str]) -> None:
    """Put the first version of a state in force."""
    now = now_ms()
    versions.save_set(connection, mappings.digest, mappings.files, systems, now, "start")
    versions.put_in_force(connection, mappings.digest, previous=None, how="start", by="start", plan_id=None, now=now)


def moved_between(stored: versions.Marks, now: versions.Marks) -> list[tuple[str, str]]:
    """Return (lead, field) of everything that two plans do not tell alike."""
    found = []
    for one in sorted(one for one in {*stored, *now} if stored.get(one) != now.get(one)):
        old, new = (_by_name(marks.get(one)) for marks in (stored, now))
        found += [(one, name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _by_name(marked: tuple[tuple[str, ...], bytes] | None) -> dict[str, bytes]:
    names, digests = marked or ((), b"")
    return {name: digests[at * versions.MARK : (at + 1) * versions.MARK] for at, name in enumerate(names)}


def _too_many(totals: Mapping[str, int], limits: Limits) -> list[str]:
    found = (
        (totals["records"], limits.records, "record", "written"),
        (totals[Risk.CREATED.value], limits.creates, "record", "created"),
        (totals["overwrites"], limits.overwrites, "value", "overwritten"),
        (totals["clears"], limits.clears, "field", "emptied"),
        (totals["flips"], limits.flips, "verdict or stage", "changed"),
    )
    many = {"verdict or stage": "verdicts or stages"}
    return [
        f"{counted(count, noun, many.get(noun))} {what} (at once: {most})"
        for count, most, noun, what in found
        if most is not None and count > most
    ]


def _only_one(
    engine: Engine, what: str, named: str, find: Callable[[Connection], Mapping[str, Found]], listed: str
) -> Found:
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        found = find(connection) if named else {}
    if not found:
        raise NotPassed(f"there is no {what} {named!r}; {listed}")
    if len(found) > 1:
        raise NotPassed(f"{named!r} begins several {what}s: {', '.join(sorted(found)[:5])}; give more of it")
    return next(iter(found.values()))


def _told(plan: Plan) -> str:
    counts = [f"{plan.totals[risk.value]:,} {risk.value}" for risk in Risk if plan.totals[risk.value]]
    leads = plan.totals["leads"]
    verb = "changes" if leads == 1 else "change"
    return f"{counted(leads, 'lead')} {verb}" + (f" ({', '.join(counts)})" if counts else "")


def _moved_words(stored: StoredPlan, plan: Plan, beside: Sequence[str] | None) -> str:
    """`beside`: why what moved is too much by itself, None where nobody asked to let it through."""
    moved = moved_between(stored.marks, plan.marks)
    told = [f"  {one}: {name}" for one, name in moved[:MOST_TOLD]]
    more = [f"  and {len(moved) - MOST_TOLD} more"] if len(moved) > MOST_TOLD else []
    leads = len({one for one, _ in moved})
    return "\n".join(
        [
            f"plan {stored.id} was not let through: what it would do moved for {counted(leads, 'lead')} since it "
            f"was shown, and nothing was changed",
            f"It is plan {plan.id} now: look with `syncd plan {plan.id}`, let it through with `syncd approve "
            f"{plan.id}`",
            f"What moved is too much to go along: {'; '.join(beside)}"
            if beside
            else "Where leads change all the time, --though-moved lets it through with what moved, as far as that is "
            "within what `edits` lets through at once",
            "Moved:",
            *told,
            *more,
        ]
    )
