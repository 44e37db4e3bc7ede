"""Keeps the keys of stored records as the version in force reads them, without a call.

An edit that makes another field identify, or a newer build that makes other keys of the same values, would else leave
whoever is stored already to be found by what was read once: the next record of theirs would be somebody new.
"""

from __future__ import annotations

import threading
import time
from functools import partial

from sqlalchemy import Engine

from syncd.edits.difference import telling
from syncd.edits.force import Running
from syncd.log import logger
from syncd.pipeline.apart import each_apart, in_savepoint, say_set_aside
from syncd.pipeline.rekeying import read_keys_anew
from syncd.store import filling, keyed
from syncd.store.database import now_ms
from syncd.store.rows import MOST_KEYS

SECONDS = 10.0  # of one poll


class Keyer:
    """Reads keys anew, page by page; how far it came is committed with what it found."""

    def __init__(self, engine: Engine, running: Running, stopping: threading.Event) -> None:
        self._engine = engine
        self._running = running
        self._stopping = stopping
        self._done: dict[str, str] = {}  # system -> the version by which nothing is left
        self.seconds = SECONDS
        self.step = MOST_KEYS

    def catch_up(self, system: str) -> None:
        """Go on for as long as one poll allows: it links by these keys."""
        mappings = self._running.mappings
        if self._done.get(system) == mappings.digest or system not in mappings.systems:
            return
        end = time.monotonic() + self.seconds
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            known = keyed.keyed_up_to(connection, system)
        for kind in mappings.systems[system].kinds:
            told = telling(mappings, (system, kind))
            by, after = known.get(kind, ("", None))
            if by == told and after is None:
                continue
            after = after if by == told and after is not None else ""
            while after is not None:
                after = self._step(system, kind, told, after)
                if after is not None and (time.monotonic() >= end or self._stopping.is_set()):
                    return
        self._done[system] = mappings.digest

    def _step(self, system: str, kind: str, told: str, after: str) -> str | None:
        mappings = self._running.mappings
        kind_map = mappings.kind(system, kind)
        assert kind_map is not None
        with self._engine.begin() as connection:
            ids = filling.records_after(connection, system, kind, after, self.step)
            read = partial(read_keys_anew, connection, mappings, kind_map, now=now_ms())
            done, failed = each_apart(ids, in_savepoint(connection, read)) if ids else ([0], [])
            reached = ids[-1] if len(ids) == self.step else None
            keyed.note_keyed(connection, system, kind, told, reached)
        changed = sum(done)
        say_set_aside("the keys of some records could not be read anew and stay as they were", failed)
        if changed:
            logger().info("keys were read anew", action="rekey", system=system, kind=kind, changed=changed)
        return reached
