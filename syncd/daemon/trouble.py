"""The one place that decides what follows trouble with a system: how long it is left alone, and who is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from connectors.errors import (
    AuthExpired,
    ConfigProblem,
    ConnectorError,
    ContractBroken,
    ReadingRests,
    Unavailable,
)
from syncd.health import Health
from syncd.log import logger
from syncd.pipeline.answered import LONG_REST
from syncd.pipeline.doors import TRIED
from syncd.pipeline.sending import PutOff
from syncd.store import doubts, inbox, systems
from syncd.store.database import from_ms, now_ms

# A system in trouble is asked again after these seconds, the last for as long as it lasts. One that merely does not
# answer is asked every other poll at the least: what is over is seen then.
PAUSES = (5.0, 15.0, 60.0, 300.0)
# A pause that a system asks for is kept to, also by sends, and told to a person when it is as long as LONG_REST.
LONGEST_PAUSE = 86_400.0
# While reading rests for the sake of handoffs, it is seen this often whether these need a look at what is there.
REST = 60.0


class Paused(Unavailable):
    """A pause that is under way already."""


class Troubles:
    """The systems that are in trouble; safe to use from any thread."""

    def __init__(self, engine: Engine, health: Health, polls: Mapping[str, timedelta]) -> None:
        self._engine, self._health, self._polls = engine, health, polls
        self._lock = threading.Lock()
        self._met: dict[str, tuple[int, float]] = {}  # system -> (times in a row, not before, monotonic)
        self._closed: dict[str, float] = {}  # system -> until when it asked to be left alone (monotonic)
        self._partly: dict[str, tuple[int, str]] = {}  # system -> (times in a row, why) some kinds cannot be read
        self._unwritten: dict[str, tuple[int, bool]] = {}  # system -> (times in a row, told) no write was taken
        self._well: set[str] = set()  # systems about which the inbox asks nothing

    def rests(self, system: str, *, even_if_paused: bool = False) -> bool:
        """Return whether a poll must wait; the pause that the system itself asked for holds in any case."""
        until = 0.0 if even_if_paused else self._met.get(system, (0, 0.0))[1]
        return time.monotonic() < max(until, self._closed.get(system, 0.0))

    def are_of(self, system: str) -> bool:
        """Return whether the latest poll of a system failed as a whole."""
        return system in self._met

    def closed(self, system: str) -> Paused | None:
        """Return why nothing at all may be asked of the system now, or None."""
        left = self._closed.get(system, 0.0) - time.monotonic()
        return Paused(f"{system} asked for a pause", system=system, retry_after=left) if left > 0 else None

    def forget(self) -> None:
        """Let every system be asked again at once."""
        self._met.clear()
        self._closed.clear()

    def met(self, system: str, error: ConnectorError) -> None:
        """Pause a system for a while; a person is asked where waiting will not mend it."""
        told = error.retry_after or 0.0
        rests = isinstance(error, ReadingRests)
        with self._lock:
            times = self._met.get(system, (0, 0.0))[0]
            pause = REST if rests else max(self._pause(system, error, times), min(told, LONGEST_PAUSE))
            self._met[system] = (times + 1, time.monotonic() + pause)
            if pause >= LONG_REST:
                self._closed[system] = time.monotonic() + pause
        self._well.discard(system)
        if isinstance(error, AuthExpired) and self._unwritten.pop(system, (0, False))[1]:  # it is one question
            with self._engine.begin() as connection:
                inbox.close_problems(connection, key=f"writing|{system}")
        reason = error.message.removeprefix(f"{system}: ")
        if self._health.troubled(system, type(error).__name__, reason):
            logger().warning(
                "a system cannot be used; the others go on",
                action="pause",
                system=system,
                kind=type(error).__name__,
                reason=reason,
                request_id=error.request_id,
                exc_info=error.__cause__,
            )
        if _needs_a_person(error, told, times):
            when = f"at {from_ms(now_ms() + int(1000 * told)):%Y-%m-%d %H:%M} UTC"
            self._ask(
                system,
                "system",
                f"{system} {'is not read' if rests else 'cannot be used'}: {reason}. Its data waits, nothing is lost; "
                f"it goes on by itself {when if told >= LONG_REST else 'once this is mended'}",
            )

    def met_in_writing(self, system: str, error: ConnectorError) -> None:
        """Count that a system took no write; a person is asked as `met` asks. A poll that goes well ends nothing of it.

        Reading goes on meanwhile, but for a pause that the system asks for.
        """
        long = (error.retry_after or 0.0) >= LONG_REST
        if long or system in self._met:  # that is not about writes alone; a token that is dead, the next poll meets too
            self.met(system, error)
            return
        with self._lock:
            times, told = self._unwritten.get(system, (0, False))
            told = told or _needs_a_person(error, 0.0, times)
            self._unwritten[system] = (times + 1, told)
        reason = error.message.removeprefix(f"{system}: ")
        if not told and isinstance(error, PutOff):
            return
        if self._health.troubled(system, type(error).__name__, f"takes no writes: {reason}"):
            logger().warning(
                "a system takes no writes; reading goes on",
                action="pause",
                system=system,
                kind=type(error).__name__,
                reason=reason,
                request_id=error.request_id,
                exc_info=error.__cause__,
            )
        if told:
            words = f"{system} takes no writes: {reason}. What is to be written waits, nothing is lost; it goes on by"
            self._ask(system, "system", f"{words} itself once this is mended", key=f"writing|{system}")

    def let_go_on(self, system: str, *, was_away: bool, blind: bool) -> None:
        """Let be due, after a poll, what was put off because a system could not be used; a few try where it was read.

        `was_away`: the poll before failed. `blind`: creates wait because nobody could look who is there.
        """
        if system in self._met:
            return
        whys = [systems.took_nothing(system), *([systems.UNSEEN] if was_away or blind else [])]
        most = TRIED if system in self._unwritten and not was_away else None
        with self._engine.begin() as connection:
            systems.wake_put_off(connection, whys, now_ms(), most)

    def wrote(self, system: str) -> None:
        """Note that a system took a write up; what waited for that is tried at once."""
        with self._lock:
            times, told = self._unwritten.pop(system, (0, False))
        if not times:
            return
        if system not in self._met:
            self._health.recovered(system)
        with self._engine.begin() as connection:
            systems.wake_put_off(connection, [systems.took_nothing(system)], now_ms())
        if told:
            logger().info("a system takes writes again", action="resume", system=system)
            with self._engine.begin() as connection:
                inbox.close_problems(connection, key=f"writing|{system}")
                systems.wake_waiting(connection, now_ms())

    def met_in_part(self, system: str, error: ConnectorError, waits: str) -> None:
        """Leave out the kinds of record that cannot be read; the system's others go on. `waits`: what else does not.

        A person is asked as `met` asks; a long pause that the system asks for in a part of an answer is all of it's.
        """
        told = error.retry_after or 0.0
        if told >= LONG_REST:
            self.met(system, error)
            return
        self._well.discard(system)
        names = ", ".join(error.kinds)
        reason = error.message.removeprefix(f"{system}: ")
        times, why = self._partly.get(system, (0, ""))
        self._partly[system] = (times + 1, error.message)
        if why != error.message:
            logger().warning(
                "some kinds of record cannot be read; the others go on",
                action="pause",
                system=system,
                kinds=names,
                reason=reason,
                exc_info=error.__cause__,
            )
        if not _needs_a_person(error, told, times):
            return
        self._ask(
            system,
            "mapping",
            f"{system} {names} cannot be read: {reason}. Their data waits, nothing is lost; the other kinds go on"
            f"{waits}. All of it goes on by itself once this is mended",
        )

    def not_stored(self, system: str, error: SQLAlchemyError) -> None:
        """Note that what was read of a system could not be stored; the next poll reads it again."""
        reason = f"what was read of it cannot be stored ({str(getattr(error, 'orig', error)).splitlines()[0]})"
        if self._health.troubled(system, type(error).__name__, reason):
            logger().error("a poll was not stored; it is read again", action="pause", system=system, reason=reason)

    def answered(self, system: str, *, calls: int) -> None:
        """Note that a system can be used, all of it or in part."""
        unwritten = self._unwritten.get(system, (0, False))[1]
        was = self._health.polled(system, calls=calls, unwritten=unwritten and self._waits(system))
        with self._lock:
            had = self._met.pop(system, None)
        if was or had:
            logger().info("a system can be used again", action="resume", system=system)

    def is_whole(self, system: str) -> None:
        """Close what was asked about a system; at the first poll also what an earlier process asked."""
        if self._partly.pop(system, None) is not None:
            logger().info("all kinds of record can be read again", action="resume", system=system)
        if system in self._well:
            return
        self._well.add(system)
        with self._engine.begin() as connection:
            keys = [f"system|{system}", *([] if system in self._unwritten else [f"writing|{system}"])]
            if keys := [key for key in keys if systems.is_open(connection, key)]:
                for key in keys:
                    inbox.close_problems(connection, key=key)
                systems.wake_waiting(connection, now_ms())

    def _pause(self, system: str, error: ConnectorError, times: int) -> float:
        pause = PAUSES[min(times, len(PAUSES) - 1)]
        if not isinstance(error, Unavailable) or system not in self._polls:
            return pause
        return min(pause, max(PAUSES[0], 2 * self._polls[system].total_seconds()))

    def _ask(self, system: str, kind: str, message: str, *, key: str = "") -> None:
        with self._engine.begin() as connection:
            inbox.open_problem(
                connection, key=key or f"system|{system}", kind=kind, system=system, message=message, now=now_ms()
            )

    def _waits(self, system: str) -> bool:
        """Tell whether anything is still to be written; if nothing is, whether it could be is nobody's question."""
        with self._engine.connect() as connection:
            waits = doubts.is_unanswered(connection, system)
        if not waits:
            self.wrote(system)
        return waits


# ---------------------------------------------------------------------------------------------------------------------


def _needs_a_person(error: ConnectorError, told: float, times: int) -> bool:
    """`told`: the seconds that the system asked for; `times`: how often in a row it had been in trouble before."""
    if isinstance(error, ReadingRests):
        return times == 0
    if isinstance(error, Unavailable):
        return told >= LONG_REST or times >= len(PAUSES)
    return isinstance(error, (AuthExpired, ConfigProblem, ContractBroken))
