"""When each system was read last: by one poll at a time, none sooner than need be, and none long before a handoff."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine

from connectors.contract import Destination
from syncd.mapping.model import Mappings
from syncd.store import intake
from syncd.store.database import now_ms

FIRST_SECONDS = 60.0  # a first load may take hours, and what else is due does not wait for it


class Looks:
    """What one worker knows of its polls; safe to use from any thread. `polls`: system -> how often it is polled."""

    def __init__(self, engine: Engine, polls: Mapping[str, timedelta]) -> None:
        self._engine = engine
        self._turns = {system: threading.Lock() for system in polls}
        self._read: set[str] = set()  # systems that this worker read
        self._began = time.monotonic()

    @contextmanager
    def turn(self, system: str, seconds: float = -1.0) -> Iterator[bool]:
        """Wait until nobody else of this worker polls a system, at most so long; tell whether that came about."""
        lock = self._turns[system]
        taken = lock.acquire(timeout=seconds)
        try:
            yield taken
        finally:
            if taken:
                lock.release()

    def note(self, system: str) -> None:
        """Note that this worker read a system."""
        self._read.add(system)

    def knows(self, system: str) -> bool:
        """Return whether this worker read a system since it started."""
        return system in self._read

    def were_at(self, systems: Collection[str]) -> bool:
        """Tell whether this worker read each of these since it started, or at least tried for a minute.

        What was due before may rest on what people changed while it was away; the
        poll that ends last asks for a handoff.
        """
        return self._read >= set(systems) or time.monotonic() - self._began > FIRST_SECONDS

    def was_read(self, system: str, seconds: float) -> bool:
        """Return whether some worker began to read a system at most so long ago, and read it to its end.

        A first reading that was cut off goes on at once; so does what a worker finds at its start, which may have been
        cut off too, or mended since.
        """
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            read = [(at, complete) for _, _, at, complete in intake.read_cursors(connection, system).values()]
        latest = max((at for at, _ in read), default=0)
        whole = system in self._read and all(complete for at, complete in read if at == latest)
        return whole and 0 <= now_ms() - latest < seconds * 1000


def kinds_to_spare(mappings: Mappings, destinations: Mapping[str, Destination]) -> set[tuple[str, str]]:
    """Return the (system, kind) whose records are not written where somebody changed them since they were read.

    What is read seldom nobody else writes: it is not worth a look before each write.
    """
    return {
        (system, kind)
        for system, one in destinations.items()
        if one.capabilities.spares_changed and system in mappings.systems
        for kind, kind_map in mappings.systems[system].kinds.items()
        if kind_map.every is None
    }
