"""Poll one system: what can be read is read and stored page by page, and what cannot holds up nothing else."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Page, Reading, Source
from connectors.errors import ConfigProblem, ConnectorError, ReadingRests, unexpected
from syncd.daemon.accounts import Accounts
from syncd.daemon.budgets import Budgets
from syncd.daemon.creating import Creating
from syncd.daemon.drift import Drift
from syncd.daemon.filling import Filler
from syncd.daemon.keying import Keyer
from syncd.daemon.people import Staff
from syncd.daemon.trouble import Troubles
from syncd.daemon.unfit import tell_unfit
from syncd.edits.force import Running
from syncd.health import Health
from syncd.lead.definition import EntityKind
from syncd.pipeline import take_in_each
from syncd.pipeline.succession import RANK
from syncd.store import inbox, intake
from syncd.store.database import new_id, now_ms, serialise_intake
from syncd.store.doubts import kinds_in_doubt


class Reader:
    """Reads the systems' changes; cursor and records are committed together, so a poll cut off is simply done again."""

    def __init__(
        self,
        engine: Engine,
        running: Running,
        sources: Mapping[str, Source],
        health: Health,
        stopping: threading.Event,
        *,
        troubles: Troubles,
        drift: Drift,
        staff: Staff,
        accounts: Accounts,
        budgets: Budgets,
        filler: Filler,
        keyer: Keyer,
        creating: Creating,
    ) -> None:
        self._engine, self._running, self._sources = engine, running, sources
        self._health, self._stopping = health, stopping
        self._troubles, self._drift, self._staff = troubles, drift, staff
        self._accounts, self._budgets, self._creating = accounts, budgets, creating
        self._filler, self._keyer = filler, keyer

    def poll(self, system: str, *, whole: bool = False) -> int:
        """Read what changed in one system, page by page; return how many entities became due.

        `whole`: also of the kinds that are read less often.
        """
        source, started = self._sources[system], now_ms()
        before = calls_of(source)
        with self._running.unit():
            try:
                self._keyer.catch_up(system)
                news, error = self._read_around(system, source, started, whole)
            except SQLAlchemyError as ours:  # a source puts its own database's into words
                self._troubles.not_stored(system, ours)
                raise
            except Exception as unforeseen:
                news, error = 0, unexpected(system, system, unforeseen)
        self._budgets.settle(system, now_ms())
        well = not self._troubles.closed(system)  # else it began before the system asked to be left alone
        if well and (error is None or error.kinds):
            self._troubles.answered(system, calls=calls_of(source))
        if error is None:
            if well:
                self._troubles.is_whole(system)
        elif error.kinds:
            self._troubles.met_in_part(system, error, self._drift.what_waits(system, error.kinds))
        else:
            self._troubles.met(system, error)
        self._note(system, started, news, calls_of(source) - before, error)
        return news

    def _read_around(self, system: str, source: Source, started: int, whole: bool) -> tuple[int, ConnectorError | None]:
        """Read what can be read: not a stranger's account, not what is gone, and not on the calls of the handoff."""
        systems = self._running.mappings.systems
        kinds = systems[system].kinds if system in systems else {}
        self._drift.refresh()
        with self._budgets.reading(system):
            try:
                self._accounts.admit(system)
            except ConnectorError as refused:
                return 0, refused
            self._drift.look_when_due(system, started)
            self._staff.look_when_due(system, started)
            news, error = self._read(system, source, started, whole)
            if isinstance(error, ConfigProblem) and self._running.give_up_ahead(system):
                more, error = self._read(system, source, started, whole)
                news += more
            if isinstance(error, ConfigProblem) and self._drift.look_after(system, error.kinds or kinds, started):
                more, error = self._read(system, source, started, whole)
                news += more
        if isinstance(error, ReadingRests) and self._creates_wait(system):
            more, trouble = self._read(system, source, started, whole)
            return news + more, trouble or error
        return news, error

    def _creates_wait(self, system: str) -> bool:
        with self._engine.begin() as connection:
            return self._creating.waits_for(connection, system)

    def _read(self, system: str, source: Source, started: int, whole: bool) -> tuple[int, ConnectorError | None]:
        """Read all kinds; return (entities that became due, the trouble if any: its kinds were not read to the end)."""
        kinds = self._drift.readable(system)
        with self._engine.begin() as connection:
            cursors = intake.read_cursors(connection, system)
            resting = set() if whole else self._resting(connection, system, kinds, cursors, started)
        readings = self._readings(system, kinds, cursors, resting)
        asked = {one.kind: one.fields for one in readings if not one.rests}
        news, error = 0, None
        try:
            for page in source.changes(readings, intake.SeenRecords(self._engine, system)) if asked else ():
                news += self._store(system, page, asked[page.kind], started)
                if self._stopping.is_set():
                    return news, None
            news += self._filler.fill(system, kinds)
        except ConnectorError as trouble:
            error = trouble
            if set(error.kinds) == set(asked):
                error.kinds = ()  # nothing of the system is left that could go on
        if error is None or error.kinds:
            done = [kind for kind in asked if error is None or kind not in error.kinds]
            self._mark_read(system, done, asked, started)
            self._open_for(system, [kind for kind in done if kind not in cursors or not cursors[kind][3]])
        return news, error

    def _resting(
        self,
        connection: Connection,
        system: str,
        kinds: Mapping[str, Sequence[str]],
        cursors: Mapping[str, tuple[Any, list[str], int, bool]],
        now: int,
    ) -> set[str]:
        """Return the kinds that were read not long ago for how often they are, with all their fields, none in doubt."""
        mapped = self._running.mappings.systems
        resting = {
            kind
            for kind, one in (mapped[system].kinds.items() if system in mapped else ())
            if one.every is not None
            and kind in cursors
            and cursors[kind][3]
            and set(kinds.get(kind, ())) <= set(cursors[kind][1])
            and 0 <= now - cursors[kind][2] < one.every.total_seconds() * 1000
        }
        return resting - kinds_in_doubt(connection, system) if resting else resting

    def _readings(
        self,
        system: str,
        kinds: Mapping[str, Sequence[str]],
        cursors: Mapping[str, tuple[Any, list[str], int, bool]],
        resting: Collection[str],
    ) -> list[Reading]:
        readings = []
        for kind, names in kinds.items():
            wanted = list(names)
            position, fields, _, _ = cursors.get(kind, (None, wanted, 0, False))
            added = set(wanted) - set(fields)
            if added and position is not None:  # of the records known already, only what was mapped now is read
                self._filler.ask(system, kind, sorted(added))
            readings.append(Reading(kind=kind, fields=wanted, after=position, rests=kind in resting))
        return readings

    def _open_for(self, system: str, kinds: Sequence[str]) -> None:
        """Let handoff look at all that may be made there, of kinds that were read to their end for the first time."""
        made = {one.entity for one in self._creating.kinds(system) if one.kind in kinds}
        made.discard(EntityKind.LEAD)  # those that could not be made wait for a later try by themselves
        if made:
            with self._engine.begin() as connection:
                serialise_intake(connection)
                for entity in made:
                    intake.mark_all_due(connection, entity.value, RANK[entity], now_ms(), f"{system} takes them now")

    def _mark_read(self, system: str, kinds: Sequence[str], asked: Mapping[str, Sequence[str]], started: int) -> None:
        with self._engine.begin() as connection:
            there = intake.read_cursors(connection, system)
            for kind in kinds:
                if kind not in there:
                    intake.save_cursor(connection, system, kind, None, asked[kind], started, complete=True)
            intake.mark_polled(connection, system, kinds, started)

    def _store(self, system: str, page: Page, fields: Sequence[str], started: int) -> int:
        with self._engine.begin() as connection:
            page = self._drift.keep_known(connection, system, page)
            news = take_in_each(connection, self._running.mappings, system, page, now_ms(), asked=started)
            tell_unfit(connection, system, page, now_ms())
            complete = intake.is_complete(connection, system, page.kind)
            intake.save_cursor(connection, system, page.kind, page.cursor, fields, started, complete=complete)
        self._health.records.labels(system).inc(news)
        return news

    def _note(self, system: str, started: int, news: int, spent: int, error: ConnectorError | None) -> None:
        """Write a run down, unless it was a quiet one."""
        if not news and error is None and spent <= 1:
            return
        with self._engine.begin() as connection:
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


# ---------------------------------------------------------------------------------------------------------------------


def calls_of(system: Any) -> int:
    """Return the API calls of a source or destination since the start; a file makes none."""
    session = getattr(system, "session", None)
    return int(session.calls) if session is not None else 0
