"""What one worker does when told to: poll a system, decide a batch, send it; and what follows each kind of trouble."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from connectors.contract import Destination, Page, Reading, Source, WriteRequest, WriteResult, unused_kinds
from connectors.errors import (
    AuthExpired,
    ConfigProblem,
    ConnectorError,
    ContractBroken,
    ReadingRests,
    Unavailable,
)
from syncd.daemon.accounts import Accounts
from syncd.daemon.budgets import Budgets
from syncd.daemon.drift import PATIENCE_MS, Drift
from syncd.daemon.filling import Filler
from syncd.daemon.live import Live
from syncd.daemon.people import Staff
from syncd.daemon.sweep import Sweeper
from syncd.daemon.unfit import tell_unfit
from syncd.edits.force import Running
from syncd.edits.pair import known_owners
from syncd.edits.passing import Folder
from syncd.health import Health
from syncd.lead.decision import Fate
from syncd.lead.definition import EntityKind
from syncd.log import logger
from syncd.mapping.model import Create, KindMap, Mappings
from syncd.pipeline import Brake, decide_batch, send_batch, settle_leftovers, store_decisions, take_in
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, systems, workers
from syncd.store.database import from_ms, new_id, now_ms, serialise_intake

# A system in trouble is asked again after these seconds, the last for as long as it lasts.
PAUSES = (5.0, 15.0, 60.0, 300.0)
# A create needs the CRM's own records to be known at least as freshly as this many polls.
FRESH_POLLS = 3
# A pause that a system asks for is kept to, also by sends, and told to a person when it is as long as LONG_PAUSE.
LONG_PAUSE = 600.0
LONGEST_PAUSE = 86_400.0
# While reading rests for the sake of handoffs, it is seen this often whether these need a look at what is there.
REST = 60.0
# A share of a small CRM would stop ordinary work.
FEWEST_OVERWRITES = 100


@dataclass
class Work:
    """One worker's hands. `polls`: system -> how often it is polled; `brakes`: None for no limit."""

    engine: Engine
    running: Running
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    polls: Mapping[str, timedelta]
    health: Health
    batch: int = 1000
    creates: int | None = None  # brakes of one run; None: no limit
    overwrites: float | None = None
    clears: int | None = None
    stopping: threading.Event = field(default_factory=threading.Event)  # set: begin no page and no batch any more
    account_settings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    folder: Folder | None = None  # where the admins' files are; None: nobody edits
    _troubles: dict[str, tuple[int, float]] = field(default_factory=dict)  # system -> (times, not before, monotonic)
    _partly: dict[str, str] = field(default_factory=dict)  # system -> why some of its kinds cannot be read
    _well: set[str] = field(default_factory=set)  # systems about which the inbox asks nothing
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _brake: Brake | None = None
    _looks_for: set[EntityKind] = field(default_factory=set)  # of what is to be made once its like were read again
    _blind: set[EntityKind] = field(default_factory=set)  # where these are made could not be read just now

    def __post_init__(self) -> None:
        self.health.expect(self.polls)
        self.drift = Drift(self.engine, self.running, self.sources)
        self.staff = Staff(self.engine, self.running, self.sources)
        self.accounts = Accounts(self.engine, self.sources, self.account_settings)
        self.budgets = Budgets(self.engine, self.sources)
        self.filler = Filler(self.engine, self.running, self.sources, self.stopping)
        self.sweeper = Sweeper(self.engine, self.running, self.sources, self.filler, self.stopping)
        self.live = Live(self.engine, self.running, self.sources, self.folder, self.stopping) if self.folder else None
        self._closed: dict[str, float] = {}  # system -> until when it asked to be left alone (monotonic)

    @property
    def mappings(self) -> Mappings:
        """The version in force, of the unit of work that this thread is in."""
        return self.running.mappings

    def watch(self) -> None:
        """Work as a daemon does: ask each system whose account it is, and describe it now and then."""
        self.accounts.trusting = False
        self.drift.watch()

    def take_edits(self) -> None:
        """Do now whatever is to be done about the admins' files."""
        if self.live is not None:
            self.live.settle()

    def watch_edits(self, stop: threading.Event) -> None:
        """Look at the admins' files again and again, until `stop`."""
        if self.live is not None:
            self.live.watch(stop)

    def share_limits(self, alive_since: int) -> None:
        """Keep to our part of the limits; `alive_since` (ms) tells which workers count."""
        with self.engine.begin() as connection:
            self.budgets.share(workers.count_workers(connection, alive_since))

    def forget(self, before: int) -> None:
        with self.engine.begin() as connection:
            systems.forget_spending(connection, before)

    # --- intake

    def poll(self, system: str, *, even_if_paused: bool = False) -> int:
        """Read what changed in one system, page by page; return how many entities became due.

        Cursor and records are committed together, so a poll that dies half-way is simply done again.
        """
        until = 0.0 if even_if_paused else self._troubles.get(system, (0, 0.0))[1]
        if time.monotonic() < max(until, self._closed.get(system, 0.0)):
            return 0
        source, started, calls = self.sources[system], now_ms(), _calls(self.sources[system])
        with self.running.unit():
            news, error = self._read_around(system, source, started)
        self.budgets.settle(system, now_ms())
        if error is None:
            self._recovered(system)
            self._close_trouble(system)
        elif error.kinds:
            self._recovered(system)
            self._partly_troubled(system, error)
        else:
            self._troubled(system, error)
        self._note_poll(system, started, news, _calls(source) - calls, error)
        return news

    def _read_around(self, system: str, source: Source, started: int) -> tuple[int, ConnectorError | None]:
        """Read what can be read: not a stranger's account, not what is gone, and not on the calls of the handoff."""
        kinds = self.mappings.systems[system].kinds if system in self.mappings.systems else {}
        self.drift.refresh()
        with self.budgets.reading(system):
            try:
                self.accounts.admit(system)
            except ConnectorError as refused:
                return 0, refused
            self.drift.look_when_due(system, started)
            self.staff.look_when_due(system, started)
            news, error = self._read(system, source, started)
            if isinstance(error, ConfigProblem) and self.running.give_up_ahead(system):
                more, error = self._read(system, source, started)
                news += more
            if isinstance(error, ConfigProblem) and self.drift.look_after(system, error.kinds or kinds, started):
                more, error = self._read(system, source, started)
                news += more
        if isinstance(error, ReadingRests) and self._creates_wait(system):
            more, trouble = self._read(system, source, started)
            return news + more, trouble or error
        return news, error

    def sweep(self, system: str, *, even_if_fresh: bool = False) -> dict[str, int]:
        """Compare all ids of one system with what is stored; return counts by what was found."""
        with self.running.unit():
            return self._sweep(system, even_if_fresh)

    def _sweep(self, system: str, even_if_fresh: bool) -> dict[str, int]:
        kinds = self.drift.readable(system)
        if not even_if_fresh and not self.sweeper.is_due(system, kinds, now_ms()):
            return {}
        with self.budgets.reading(system):
            try:
                self.accounts.admit(system)
            except ConnectorError:
                return {}  # the poll says so
            found = self.sweeper.run(system, kinds)
        self.budgets.settle(system, now_ms())
        return found

    def _creates_wait(self, system: str) -> bool:
        """Return whether leads wait to be created there, which takes a fresh look at what is there."""
        if system not in self.destinations or not self._makes(system):
            return False
        ranks = {RANK[one.entity] for one in self._makes(system)}
        with self.engine.begin() as connection:
            return handoff.count_due(connection, ranks=ranks) > 0

    def _read(self, system: str, source: Source, started: int) -> tuple[int, ConnectorError | None]:
        """Read all kinds; return (entities that became due, the trouble if any: its kinds were not read to the end)."""
        kinds = self.drift.readable(system)
        with self.engine.begin() as connection:
            cursors = intake.read_cursors(connection, system)
        readings = []
        for kind, names in kinds.items():
            wanted = list(names)
            position, fields, _, _ = cursors.get(kind, (None, wanted, 0, False))
            added = set(wanted) - set(fields)
            if added and position is not None:  # of the records known already, only what was mapped now is read
                self.filler.ask(system, kind, sorted(added))
            readings.append(Reading(kind=kind, fields=wanted, after=position))
        asked = {one.kind: one.fields for one in readings}
        news, error = 0, None
        try:
            for page in source.changes(readings, intake.SeenRecords(self.engine, system)) if readings else ():
                news += self._store(system, page, asked[page.kind], started)
                if self.stopping.is_set():
                    return news, None
            news += self.filler.fill(system, kinds)
        except ConnectorError as trouble:
            error = trouble
            if set(error.kinds) == set(kinds):
                error.kinds = ()  # nothing of the system is left that could go on
        if error is None or error.kinds:
            done = [kind for kind in kinds if error is None or kind not in error.kinds]
            self._mark_read(system, done, asked, started)
            self._open_for(system, [kind for kind in done if kind not in cursors or not cursors[kind][3]])
        return news, error

    def _open_for(self, system: str, kinds: Sequence[str]) -> None:
        """Let handoff look at all that may be made there, of kinds that were read to their end for the first time."""
        made = {one.entity for one in self._makes(system) if one.kind in kinds}
        made.discard(EntityKind.LEAD)  # those that could not be made wait for a later try by themselves
        if made:
            with self.engine.begin() as connection:
                serialise_intake(connection)
                for entity in made:
                    intake.mark_all_due(connection, entity.value, RANK[entity], now_ms(), f"{system} takes them now")

    def _mark_read(self, system: str, kinds: Sequence[str], asked: Mapping[str, Sequence[str]], started: int) -> None:
        with self.engine.begin() as connection:
            there = intake.read_cursors(connection, system)
            for kind in kinds:
                if kind not in there:
                    intake.save_cursor(connection, system, kind, None, asked[kind], started, complete=True)
            intake.mark_polled(connection, system, kinds, started)

    def _store(self, system: str, page: Page, fields: Sequence[str], started: int) -> int:
        with self.engine.begin() as connection:
            page = self.drift.keep_known(connection, system, page)
            news = take_in(connection, self.mappings, system, page, now_ms())
            tell_unfit(connection, system, page, now_ms())
            complete = intake.is_complete(connection, system, page.kind)
            intake.save_cursor(connection, system, page.kind, page.cursor, fields, started, complete=complete)
        self.health.records.labels(system).inc(news)
        return news

    def _note_poll(self, system: str, started: int, news: int, spent: int, error: ConnectorError | None) -> None:
        """Write a run down, unless it was a quiet one."""
        if not news and error is None and spent <= 1:
            return
        with self.engine.begin() as connection:
            inbox.save_run(
                connection,
                {
                    "id": new_id(started),
                    "what": f"poll {system}",
                    "started_at": started,
                    "ended_at": now_ms(),
                    "fates": {"news": news} if news else {},
                    "calls": {system: spent} if spent else {},
                    "error": error.message if error is not None else None,
                },
            )

    # --- handoff

    def due(self) -> int:
        """Return how many entities may be looked at now."""
        with self.engine.begin() as connection:
            handoff.mend_waits(connection, now_ms())
            return handoff.count_due(connection, now_ms())

    def start_handoff(self) -> None:
        """Begin a run: its brakes are fresh."""
        self._brake = None
        self._blind = set()
        self.drift.refresh()

    def decide(self, connection: Connection) -> dict[str, Any]:
        """Decide the next due batch and store decisions and intents; must run in one transaction.

        Returns {"batch": id or None when nothing is due, "fates": counts, "unseen": how many wait for
        `look_before_creating`}.
        """
        with self.running.unit(connection):
            return self._decide(connection)

    def _decide(self, connection: Connection) -> dict[str, Any]:
        now = now_ms()
        looked_at, dark = self._next_due(connection, now)
        if not looked_at:
            return {"batch": None, "fates": {}}
        mappings = known_owners(connection, self.drift.mappings())
        kinds = handoff.kinds_of(connection, looked_at)
        fresh = self._may_create(connection, now)
        seen = self._last_looks(fresh)
        unseen = {one for one, since in looked_at.items() if since > seen.get(EntityKind(kinds[one]), since)}
        makes = {
            key for key in fresh if not unseen or self.mappings.systems[key[0]].kinds[key[1]].entity not in self._blind
        }
        decisions = decide_batch(connection, mappings, list(looked_at), now, makes, unseen)
        batch, fates = store_decisions(
            connection, self.mappings, decisions, looked_at, now, self._running_brake(connection)
        )
        fates += Counter({Fate.DEFERRED.value: dark} if dark else {})
        waits = sum(one.looks_first for one in decisions)
        self._looks_for = {one.kind for one in decisions if one.looks_first}
        return {"batch": batch, "fates": dict(fates), "started": now, "unseen": waits}

    def look_before_creating(self) -> None:
        """Read once more where leads are made: who came to be there since is not made a second time.

        Where that fails, what is to be made is put off.
        """
        began = now_ms()
        with self.running.unit():
            for system in self.destinations:
                if any(one.entity in self._looks_for for one in self._makes(system)):
                    self.poll(system)
            with self.engine.connect() as connection:
                seen = self._last_looks(self._may_create(connection, now_ms()))
        self._blind = {kind for kind in self._looks_for if seen.get(kind, 0) < began}

    def _last_looks(self, fresh: Mapping[tuple[str, str], int]) -> dict[EntityKind, int]:
        """Return since when nobody looked, in any place where such an entity may be made; `fresh` as of _may_create."""
        found: dict[EntityKind, int] = {}
        for (system, kind), at in fresh.items():
            entity = self.mappings.systems[system].kinds[kind].entity
            found[entity] = min(at, found.get(entity, at))
        return found

    def _next_due(self, connection: Connection, now: int) -> tuple[dict[str, int], int]:
        """Return (what to decide next, how many were put off because a field of theirs cannot be read)."""
        put_off = 0
        while looked_at := handoff.next_due(connection, now, self.batch):
            dark = self.drift.in_the_dark(connection, looked_at) | self.filler.in_the_dark(connection, looked_at)
            if dark:
                handoff.put_off(connection, sorted(dark), now + PATIENCE_MS)
                put_off += len(dark)
            if len(dark) < len(looked_at):
                return {one: since for one, since in looked_at.items() if one not in dark}, put_off
        return {}, put_off

    def send(self, batch: str) -> dict[str, int]:
        """Send a batch's intents; return counts by outcome. Safe to repeat."""
        before = {name: _calls(one) for name, one in self.destinations.items()}
        started = now_ms()
        outcomes, troubles = send_batch(self.engine, {name: self._door(name) for name in self.destinations}, batch)
        for trouble in troubles:
            if not isinstance(trouble, _Paused):
                self._troubled(trouble.system, trouble)
        if outcomes.get("rejected"):
            self.drift.look_after_writes(batch, started)
        for name in self.destinations:
            self.budgets.settle(name, now_ms())
        for name, count in outcomes.items():
            self.health.outcomes.labels(name).inc(count)
        spent = {name: _calls(one) - before[name] for name, one in self.destinations.items()}
        if outcomes:
            with self.engine.begin() as connection:
                inbox.save_run(
                    connection,
                    {
                        "id": new_id(started),
                        "what": "send",
                        "started_at": started,
                        "ended_at": now_ms(),
                        "fates": dict(outcomes),
                        "calls": {name: count for name, count in spent.items() if count},
                        "error": "; ".join(one.message for one in troubles) or None,
                    },
                )
        return dict(outcomes)

    def note_fates(self, fates: Mapping[str, int], started: int) -> None:
        """Write down how a handoff ended, by fate."""
        for fate, count in fates.items():
            self.health.fates.labels(fate).inc(count)
        if set(fates) <= {"unchanged"}:
            return
        logger().info("handoff", action="handoff", **{fate.replace(" ", "_"): n for fate, n in fates.items()})
        with self.engine.begin() as connection:
            inbox.save_run(
                connection,
                {
                    "id": new_id(started),
                    "what": "handoff",
                    "started_at": started,
                    "ended_at": now_ms(),
                    "fates": dict(fates),
                    "calls": {},
                    "error": None,
                },
            )

    def settle(self) -> int:
        """Take up what a stopped process left unanswered; return how many entities."""
        with self.engine.begin() as connection:
            return settle_leftovers(connection, now_ms())

    def _may_create(self, connection: Connection, now: int) -> dict[tuple[str, str], int]:
        """Return (system, kind) of which records may be made -> when those of the same entity there were read, in ms.

        Not of what was read too long ago: nobody could say that somebody is not among them.
        """
        fresh: dict[tuple[str, str], int] = {}
        for system in self.destinations:
            makes = self._makes(system)
            cursors = intake.read_cursors(connection, system) if makes else {}
            age = max(self.polls[system].total_seconds() * FRESH_POLLS, 120.0) * 1000
            known = {kind: at for kind, (_, _, at, complete) in cursors.items() if complete and abs(now - at) < age}
            for made in makes:
                gap = self.drift.gap(system, made.kind)
                if gap.creates or gap.whole:
                    continue
                alike = [kind for kind, one in self.mappings.systems[system].kinds.items() if one.entity is made.entity]
                if all(kind in known for kind in alike):
                    fresh[(system, made.kind)] = min(known[kind] for kind in alike)
        return fresh

    def _makes(self, system: str) -> list[KindMap]:
        """Return the kinds of which records may be made there."""
        kinds = self.mappings.systems[system].kinds if system in self.mappings.systems else {}
        unused = unused_kinds(self.sources[system]) if kinds else ()
        return [one for one in kinds.values() if one.create is Create.ALLOWED and one.kind not in unused]

    def _door(self, system: str) -> Destination:
        """Return the destination; one that is closed now takes nothing and says why."""
        left = self._closed.get(system, 0.0) - time.monotonic()
        if left > 0:
            return cast(Destination, _Closed(_Paused(f"{system} asked for a pause", system=system, retry_after=left)))
        try:
            self.accounts.admit(system)
        except ConnectorError as error:
            return cast(Destination, _Closed(error))
        return self.destinations[system]

    def _running_brake(self, connection: Connection) -> Brake:
        if self._brake is None:
            overwrites = None
            if self.overwrites is not None:
                known = handoff.count_records(connection, list(self.destinations))
                overwrites = max(FEWEST_OVERWRITES, int(self.overwrites * known))
            self._brake = Brake(creates=self.creates, overwrites=overwrites, clears=self.clears)
        if not self._brake.approved and workers.take_approval(connection, "brake") is not None:
            self._brake.approved = True
            inbox.close_problems(connection, key="brake")
        return self._brake

    # --- trouble: the one place that decides what now

    def _troubled(self, system: str, error: ConnectorError) -> None:
        """Pause a system for a while; a person is asked where waiting will not mend it."""
        with self._lock:
            times = self._troubles.get(system, (0, 0.0))[0]
            pause = PAUSES[min(times, len(PAUSES) - 1)]
            told = getattr(error, "retry_after", None)
            rests = isinstance(error, ReadingRests)
            pause = REST if rests else max(pause, min(told or 0.0, LONGEST_PAUSE))
            self._troubles[system] = (times + 1, time.monotonic() + pause)
            if pause >= LONG_PAUSE:
                self._closed[system] = time.monotonic() + pause
        self._well.discard(system)
        reason = error.message.removeprefix(f"{system}: ")
        new = self.health.troubled(system, type(error).__name__, reason)
        if new:
            logger().warning(
                "a system cannot be used; the others go on",
                action="pause",
                system=system,
                kind=type(error).__name__,
                reason=reason,
                request_id=error.request_id,
            )
        long = (told or 0.0) >= LONG_PAUSE
        if (
            isinstance(error, (AuthExpired, ConfigProblem, ContractBroken))
            or (rests and not times)
            or (isinstance(error, Unavailable) and not rests and (long or times >= len(PAUSES)))
        ):
            when = (
                f"at {from_ms(now_ms() + int(1000 * (told or 0))):%Y-%m-%d %H:%M} UTC"
                if long
                else "once this is mended"
            )
            with self.engine.begin() as connection:
                inbox.open_problem(
                    connection,
                    key=f"system|{system}",
                    kind="system",
                    system=system,
                    message=f"{system} {'is not read' if rests else 'cannot be used'}: {reason}. Its data waits, "
                    f"nothing is lost; it goes on by itself {when}",
                    now=now_ms(),
                )

    def _partly_troubled(self, system: str, error: ConnectorError) -> None:
        """Leave out the kinds of record that cannot be read; the system's others go on."""
        self._well.discard(system)
        names = ", ".join(error.kinds)
        reason = error.message.removeprefix(f"{system}: ")
        if self._partly.get(system) != error.message:
            self._partly[system] = error.message
            logger().warning(
                "some kinds of record cannot be read; the others go on",
                action="pause",
                system=system,
                kinds=names,
                reason=reason,
            )
        with self.engine.begin() as connection:
            inbox.open_problem(
                connection,
                key=f"system|{system}",
                kind="mapping",
                system=system,
                message=f"{system} {names} cannot be read: {reason}. Their data waits, nothing is lost; the "
                f"other kinds go on, and these do by themselves once this is mended",
                now=now_ms(),
            )

    def _recovered(self, system: str) -> None:
        source = self.sources[system]
        usage = source.usage() if hasattr(source, "usage") else None
        was = self.health.polled(
            system,
            calls=_calls(source),
            budget=usage.allowed if usage is not None else None,
            spent_today=usage.used if usage is not None else 0,
        )
        with self._lock:
            had = self._troubles.pop(system, None)
        if was or had:
            logger().info("a system can be used again", action="resume", system=system)

    def _close_trouble(self, system: str) -> None:
        """Close what was asked about a system; at the first poll also what an earlier process asked."""
        if self._partly.pop(system, None) is not None:
            logger().info("all kinds of record can be read again", action="resume", system=system)
        if system in self._well:
            return
        self._well.add(system)
        with self.engine.begin() as connection:
            if systems.is_open(connection, f"system|{system}"):
                inbox.close_problems(connection, key=f"system|{system}")
                systems.wake_waiting(connection, now_ms())

    def store_is_well(self) -> bool:
        """Try the store; note the answer for /healthz."""
        try:
            with self.engine.connect() as connection:
                handoff.count_due(connection)
        except DBAPIError as error:
            self.health.store_trouble = f"the state database cannot be used ({str(error.orig).splitlines()[0]})"
            return False
        self.health.store_trouble = None
        return True


class _Paused(Unavailable):
    """A pause that is under way already."""


class _Closed:
    """Stands where a destination that must not be called would."""

    def __init__(self, error: ConnectorError) -> None:
        self._error = error

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        del requests
        raise self._error


def total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up counts by name."""
    added: Counter[str] = Counter()
    for one in counts:
        added.update(one)
    return dict(added)


# ---------------------------------------------------------------------------------------------------------------------


def _calls(source: Any) -> int:
    session = getattr(source, "session", None)
    return int(session.calls) if session is not None else 0
