"""The mappings in force: one place for all of a worker, swapped between two units of work, the same for all workers.

Who may put a version in force, and when, is syncd.edits.passing's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from syncd.config.yaml import Problems
from syncd.log import logger
from syncd.mapping.loader import compile_files
from syncd.mapping.model import Mappings
from syncd.store import versions

Ahead = Mapping[tuple[str, str], frozenset[str]]  # (system, kind) -> fields read for the sake of an edit that waits


class Running:
    """What one worker goes by. `on_swap` is told of every version before it is used."""

    def __init__(self, engine: Engine, mappings: Mappings, on_swap: Callable[[Mappings], None]) -> None:
        self._engine = engine
        self._latest = mappings
        self._on_swap = on_swap
        self._unit = threading.local()
        self._lock = threading.Lock()
        self._unusable: str | None = None
        self._waiting: str | None = None  # the version whose further fields are read ahead
        self._ahead: Ahead = {}

    @property
    def mappings(self) -> Mappings:
        """The version of the unit that this thread is in; outside of any, the latest known."""
        held: Mappings | None = getattr(self._unit, "mappings", None)
        return held or self._latest

    @property
    def ahead(self) -> Ahead:
        return self._ahead

    @property
    def waiting(self) -> str | None:
        """The version of the edit that waits, as far as was seen."""
        return self._waiting

    @contextmanager
    def unit(self, connection: Connection | None = None) -> Iterator[Mappings]:
        """Begin a unit of work on what is in force now; until it ends nothing is swapped under it."""
        if getattr(self._unit, "mappings", None) is not None:
            yield self._unit.mappings
            return
        self.follow(connection)
        self._unit.mappings = self._latest
        try:
            yield self._unit.mappings
        finally:
            self._unit.mappings = None

    def follow(self, connection: Connection | None = None) -> None:
        """Take over what was put in force since, by whichever process."""
        if connection is None:
            with self._engine.execution_options(syncd_reads_only=True).connect() as own:
                self.follow(own)
            return
        version = versions.running_version(connection)
        waiting = versions.waiting_version(connection)
        with self._lock:
            if version is not None and version not in (self._latest.digest, self._unusable):
                self._take(connection, version)
            if waiting != self._waiting:
                self._waiting, self._ahead = waiting, {}
                edited = load_version(connection, waiting) if waiting else None
                self._ahead = read_ahead(self._latest, edited) if edited is not None else {}

    def renew(self, mappings: Mappings) -> None:
        """Take the same version from files that differ only in comments, so that places point at the right lines."""
        with self._lock:
            if mappings.digest == self._latest.digest:
                self._latest = mappings

    def give_up_ahead(self, system: str) -> bool:
        """Stop reading ahead in a system that refuses; return whether anything was."""
        was = any(key[0] == system and fields for key, fields in self._ahead.items())
        self._ahead = {key: fields for key, fields in self._ahead.items() if key[0] != system}
        return was

    def _take(self, connection: Connection, version: str) -> None:
        try:
            found = load_version(connection, version)
        except Problems as error:
            self._unusable = version
            logger().error(
                "this worker cannot use the version in force and keeps its own; give it the same config as the others",
                action="swap",
                version=version,
                reason=str(error.problems[0]),
            )
            return
        if found is not None:
            self._on_swap(found)
            self._latest, self._waiting = found, None
            self._ahead = {}
            logger().info("a new version of the mappings is in force", action="swap", version=version)


def load_version(connection: Connection, version: str) -> Mappings | None:
    """Return a version that is kept, compiled; None for one that is not. Raises Problems."""
    stored = versions.load_set(connection, version)
    return compile_files(stored.files, stored.systems) if stored is not None else None


def read_ahead(running: Mappings, edited: Mappings) -> dict[tuple[str, str], frozenset[str]]:
    """Return what an edit would have read beyond what is read now, of kinds that are read now."""
    found = {}
    for name, one in edited.systems.items():
        for kind, kind_map in one.kinds.items():
            now = running.kind(name, kind)
            further = set(kind_map.read_fields()) - set(now.read_fields()) if now is not None else set()
            if further:
                found[(name, kind)] = frozenset(further)
    return found
