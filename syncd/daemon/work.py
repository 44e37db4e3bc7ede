"""What one worker does when told to: poll a system, decide a batch, send it; and what follows each kind of trouble."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from connectors.contract import Destination, Source, WriteRequest, WriteResult
from connectors.errors import ConnectorError
from syncd.config.settings import Brakes
from syncd.daemon.accounts import Accounts
from syncd.daemon.budgets import Budgets
from syncd.daemon.creating import Creating
from syncd.daemon.drift import PATIENCE_MS, Drift
from syncd.daemon.filling import Filler
from syncd.daemon.keying import Keyer
from syncd.daemon.live import Live
from syncd.daemon.looks import Looks, kinds_to_spare
from syncd.daemon.people import Staff
from syncd.daemon.reading import Reader, calls_of
from syncd.daemon.sweep import Sweeper
from syncd.daemon.trouble import Paused, Troubles
from syncd.edits.force import Running
from syncd.edits.pair import known_owners
from syncd.edits.passing import LATER, Folder
from syncd.health import Health
from syncd.lead.decision import Fate
from syncd.lead.definition import EntityKind
from syncd.log import logger
from syncd.mapping.model import Mappings
from syncd.pipeline import (
    Brake,
    amend_fates,
    decide_batch,
    each_apart,
    follow_gone,
    send_batch,
    set_aside,
    settle_brakes,
    settle_leftovers,
    store_decisions,
)
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, sent, systems, workers
from syncd.store.database import new_id, now_ms

# A share of a small CRM would stop ordinary work.
FEWEST_OF_A_SHARE = 1_000
DAY_MS = 86_400_000
LOOK_SECONDS = 10.0  # what was read so long ago is read anew before a handoff; and as long a poll is waited for
WRITES_REST_SECONDS = 600.0  # at most, where a system is polled less often, or by other workers
KEEP_SPENDING_MS = 40 * DAY_MS
KEEP_RUNS_MS = 30 * DAY_MS
KEEP_TRIES_MS = 90 * DAY_MS


@dataclass
class Work:
    """One worker's hands. `polls`: system -> how often it is polled; `brakes`: of one run."""

    engine: Engine
    running: Running
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    polls: Mapping[str, timedelta]
    health: Health
    batch: int = 1000
    brakes: Brakes = field(default_factory=Brakes)
    stopping: threading.Event = field(default_factory=threading.Event)  # set: begin no page and no batch any more
    account_settings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    folder: Folder | None = None  # where the admins' files are; None: nobody edits
    _brake: Brake | None = None
    _looks_for: set[EntityKind] = field(default_factory=set)  # of what is to be made once its like were read again
    _blind: set[EntityKind] = field(default_factory=set)  # where these are made could not be read just now
    # System that took no write since this worker polled it last -> until when none is tried, at most (monotonic).
    _unwritable: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.health.expect(self.polls)
        self.troubles = Troubles(self.engine, self.health, self.polls)
        self.drift = Drift(self.engine, self.running, self.sources)
        self.staff = Staff(self.engine, self.running, self.sources)
        self.looks = Looks(self.engine, self.polls)
        self.accounts = Accounts(self.engine, self.sources, self.account_settings)
        self.budgets = Budgets(self.engine, self.sources)
        self.filler = Filler(self.engine, self.running, self.sources, self.stopping)
        self.sweeper = Sweeper(
            self.engine, self.running, self.sources, self.filler, self.stopping, self.brakes.vanished
        )
        self.live = Live(self.engine, self.running, self.sources, self.folder, self.stopping) if self.folder else None
        self.creating = Creating(self.running, self.drift, self.sources, self.destinations, self.polls)
        self.reader = Reader(
            self.engine,
            self.running,
            self.sources,
            self.health,
            self.stopping,
            troubles=self.troubles,
            drift=self.drift,
            staff=self.staff,
            accounts=self.accounts,
            budgets=self.budgets,
            filler=self.filler,
            keyer=Keyer(self.engine, self.running, self.stopping),
            creating=self.creating,
        )

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

    def forget(self, now: int) -> None:
        """Drop what nobody asks about any more."""
        with self.engine.begin() as connection:
            systems.forget_spending(connection, now - KEEP_SPENDING_MS)
            inbox.forget_runs(connection, now - KEEP_RUNS_MS)
            sent.forget_tries(connection, now - KEEP_TRIES_MS)

    # --- intake

    def poll_in_turn(self, system: str) -> int:
        """Poll one system, unless somebody read it less than half its interval ago: workers in turn poll once."""
        with self.looks.turn(system):
            if self.looks.was_read(system, self.polls[system].total_seconds() / 2):
                return 0
            return self.poll(system)

    def look_around(self, besides: str = "") -> None:
        """Read what can be written to and was not read a moment ago, `besides` left out.

        Before what one system said is written into another: somebody may have changed the same there since. A system in
        trouble holds up nobody, nor does one whose reading takes long.
        """
        for system in self.destinations.keys() & self.polls.keys() - {besides}:
            with self.looks.turn(system, LOOK_SECONDS) as alone:
                stale = alone and self.looks.knows(system) and not self.looks.was_read(system, LOOK_SECONDS)
                if stale and not self.troubles.are_of(system):
                    self.poll(system)

    def poll(self, system: str, *, even_if_paused: bool = False, whole: bool = False) -> int:
        """Read what changed in one system, unless it is left alone now; return how many entities became due.

        `whole`: also of the kinds that are read less often than the system.
        """
        if self.troubles.rests(system, even_if_paused=even_if_paused):
            return 0
        self._unwritable.pop(system, None)
        was_away = self.troubles.are_of(system)
        news = self.reader.poll(system, whole=whole)
        self.looks.note(system)
        if system in self.destinations:
            self.troubles.let_go_on(system, was_away=was_away, blind=bool(self._blind))
        return news

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

    # --- handoff

    def due(self) -> int:
        """Return how many entities may be looked at now, and writes that a handoff planned and has not ended."""
        with self.engine.begin() as connection:
            handoff.mend_waits(connection, now_ms())
            handoff.wake(connection, now_ms(), LATER + RANK[EntityKind.LEAD])
            due = handoff.count_due(connection, now_ms()) + handoff.count_planned(connection)
        if not due:  # whoever did it, what failed is done
            self.health.handoff_trouble = None
        return due

    def start_handoff(self) -> None:
        """Begin a run: its brakes are fresh, and what a handoff that failed had planned is decided again."""
        self._brake = None
        self._blind = set()
        self.drift.refresh()
        self.settle()

    def decide(self, connection: Connection) -> dict[str, Any]:
        """Decide the next due batch and store decisions and intents; must run in one transaction.

        Returns {"batch": id or None when nothing is due, "fates": counts, "unseen": how many wait for
        `look_before_creating`}.
        """
        with self.running.unit(connection):
            return self._decide(connection)

    def _decide(self, connection: Connection) -> dict[str, Any]:
        if not self.looks.were_at(self.polls):
            return {"batch": None, "fates": {}}
        now = now_ms()
        looked_at, kinds, dark = self._next_due(connection, now)
        if not looked_at:
            return {"batch": None, "fates": {}}
        mappings = known_owners(connection, self.drift.mappings())
        read_at = intake.last_readings(connection, kinds_to_spare(mappings, self.destinations))
        fresh = self.creating.allowed(connection, now)
        known = self.creating.allowed(connection, now, however_old=True)
        seen = self.creating.last_looks(fresh) | {self.creating.entity(key): 0 for key in known.keys() - fresh.keys()}
        unseen = {one for one, since in looked_at.items() if since > seen.get(EntityKind(kinds[one]), since)}
        makes = {key for key in known if not unseen or self.creating.entity(key) not in self._blind}
        soon = known.keys() - makes
        parts, failed = each_apart(
            list(looked_at), lambda ids: decide_batch(connection, mappings, ids, now, makes, unseen, soon)
        )
        decisions = [one for part in parts for one in part]
        set_aside(connection, failed, now)
        batch, fates = store_decisions(
            connection, self.mappings, decisions, looked_at, now, self._running_brake(connection), read_at
        )
        fates += Counter({Fate.DEFERRED.value: dark + len(failed)})
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
                looks = any(one.entity in self._looks_for for one in self.creating.kinds(system))
                if looks and not self.troubles.rests(system):
                    self.reader.poll(system, whole=True)
            with self.engine.connect() as connection:
                known = self.creating.allowed(connection, now_ms(), however_old=True)
                fresh = self.creating.allowed(connection, now_ms())
        seen = {self.creating.entity(key) for key in known}
        # Every place counts: one that was read just now says nothing of another that could not be.
        self._blind = self._looks_for - seen | {self.creating.entity(key) for key in known if fresh.get(key, 0) < began}

    def _next_due(self, connection: Connection, now: int) -> tuple[dict[str, int], dict[str, str], int]:
        """Return (what to decide next, the kinds of that, how many wait because a field of theirs cannot be read)."""
        put_off = 0
        while looked_at := handoff.next_due(connection, now, self.batch):
            there = handoff.kinds_of(connection, looked_at)
            if gone := {one: since for one, since in looked_at.items() if one not in there}:
                handoff.forget_due(connection, gone)  # joined with another after somebody asked for it
                continue
            dark = self.drift.in_the_dark(connection, looked_at) | self.filler.in_the_dark(connection, looked_at)
            if dark:
                handoff.put_off(connection, sorted(dark), now + PATIENCE_MS)
                put_off += len(dark)
            if len(dark) < len(looked_at):
                return {one: since for one, since in looked_at.items() if one not in dark}, there, put_off
        return {}, {}, put_off

    def send(self, batch: str) -> dict[str, int]:
        """Send a batch's intents; return counts by outcome. Safe to repeat."""
        before = {name: calls_of(one) for name, one in self.destinations.items()}
        started = now_ms()
        doors = {name: self._door(name) for name in self.destinations}
        outcomes, troubles, taken = send_batch(self.engine, doors, batch)
        for system in taken:
            self.troubles.wrote(system)
        for trouble in troubles:
            if not isinstance(trouble, Paused):
                self._unwritable[trouble.system] = time.monotonic() + WRITES_REST_SECONDS
                self.troubles.met_in_writing(trouble.system, trouble)
        if outcomes.get("rejected"):
            self.drift.look_after_writes(batch, started)
        self._follow_gone(batch)
        for name in self.destinations:
            self.budgets.settle(name, now_ms())
        for name, count in outcomes.items():
            self.health.outcomes.labels(name).inc(count)
        spent = {name: calls_of(one) - before[name] for name, one in self.destinations.items()}
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

    def _follow_gone(self, batch: str) -> None:
        """See what follows from records that a write found gone; a poll may say so late, or not at all.

        They are asked of the store: the answers may be those of a process that died before it came to this.
        """
        with self.engine.connect() as connection:
            gone = handoff.found_gone(connection, batch)
        if not gone:
            return
        with self.engine.begin() as connection, self.running.unit(connection) as mappings:
            for (system, kind), ids in gone.items():
                if (kind_map := mappings.kind(system, kind)) is not None:
                    follow_gone(connection, mappings, kind_map, ids, now_ms())

    def note_fates(self, decided: Mapping[str, int], batches: Sequence[str], started: int) -> dict[str, int]:
        """Write down how a handoff ended, by fate; return that."""
        with self.engine.begin() as connection:
            fates = amend_fates(connection, batches, decided)
        for fate, count in fates.items():
            self.health.fates.labels(fate).inc(count)
        if set(fates) <= {"unchanged"}:
            return fates
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
        return fates

    def settle(self) -> int:
        """Take up what a handoff left unanswered that stopped or failed; return how many entities."""
        with self.engine.begin() as connection:
            self._running_brake(connection)
            return settle_leftovers(connection, now_ms())

    def _door(self, system: str) -> Destination:
        """Return the destination; one that is closed now takes nothing and says why.

        After a batch of which it took nothing that is until its next poll. Were each batch tried, all their repetitions
        would take longer than the first of them waits, and a handoff would never end.
        """
        if (pause := self.troubles.closed(system)) is not None:
            return cast(Destination, _Closed(pause))
        if time.monotonic() < self._unwritable.get(system, 0.0):
            return cast(Destination, _Closed(Paused(f"{system} took no write just now", system=system)))
        try:
            self.accounts.admit(system)
        except ConnectorError as error:
            return cast(Destination, _Closed(error))
        return self.destinations[system]

    def _running_brake(self, connection: Connection) -> Brake:
        """Return the brake of this run; a handoff taken up at the start may begin its own meanwhile."""
        if (running := self._brake) is not None:
            return running
        brakes = self.brakes
        brake = Brake(creates=brakes.creates, clears=brakes.clears, owners=brakes.owners)
        if brakes.overwrites is not None:
            known = handoff.count_records(connection, list(self.destinations))
            brake.overwrites = max(FEWEST_OF_A_SHARE, int(brakes.overwrites * known))
        if brakes.stages is not None:
            brake.stages = max(FEWEST_OF_A_SHARE, int(brakes.stages * handoff.count_leads(connection)))
        settle_brakes(connection, brake, now_ms())
        self._brake = brake
        return brake

    @contextmanager
    def watching_the_store(self) -> Iterator[None]:
        """Note for /healthz whether the store did what the block asked of it, which is to write."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).splitlines()[0]
            if self.health.store_trouble is None:
                logger().error("the state database takes no writes; all waits", action="store", reason=reason)
            self.health.store_trouble = f"the state database cannot be used ({reason})"
            return
        if self.health.store_trouble is not None:
            logger().info("the state database takes writes again", action="store")
        self.health.store_trouble = None


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
