"""Of which records may be made now: only where all that could be the same person was read a moment ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection

from connectors.contract import Destination, Source, unused_kinds
from syncd.daemon.drift import Drift
from syncd.edits.force import Running
from syncd.edits.passing import LATER
from syncd.lead.definition import EntityKind
from syncd.mapping.model import KindMap
from syncd.pipeline.succession import RANK
from syncd.store import handoff, intake

# A create needs the CRM's own records to be known at least as freshly as this many polls.
FRESH_POLLS = 3
_FRESH = 120.0  # seconds that are fresh enough however often a system is polled


class Creating:
    """Where records are made, and since when nobody looked there. `polls`: system -> how often it is polled."""

    def __init__(
        self,
        running: Running,
        drift: Drift,
        sources: Mapping[str, Source],
        destinations: Mapping[str, Destination],
        polls: Mapping[str, timedelta],
    ) -> None:
        self._running, self._drift = running, drift
        self._sources, self._destinations, self._polls = sources, destinations, polls

    def kinds(self, system: str) -> list[KindMap]:
        """Return the kinds of which records may be made in a system, if it takes any."""
        systems = self._running.mappings.systems
        if system not in self._destinations or system not in systems:
            return []
        unused = unused_kinds(self._sources[system])
        return [one for one in systems[system].kinds.values() if one.makes and one.kind not in unused]

    def waits_for(self, connection: Connection, system: str) -> bool:
        """Return whether anything waits to be made there, which takes a fresh look at what is there."""
        ranks = {RANK[one.entity] for one in self.kinds(system)}
        ranks |= {LATER + rank for rank in ranks}
        return bool(ranks) and handoff.count_due(connection, ranks=ranks) > 0

    def allowed(self, connection: Connection, now: int, *, however_old: bool = False) -> dict[tuple[str, str], int]:
        """Return (system, kind) of which records may be made -> when those of the same entity there were read, in ms.

        Not of what was read too long ago: nobody could say that somebody is not among them. `however_old`: of that too,
        as it may be made after a look.
        """
        fresh: dict[tuple[str, str], int] = {}
        for system in self._destinations:
            makes = self.kinds(system)
            cursors = intake.read_cursors(connection, system) if makes else {}
            age = max(self._polls[system].total_seconds() * FRESH_POLLS, _FRESH) * 1000
            known = {
                kind: at
                for kind, (_, _, at, complete) in cursors.items()
                if complete and (however_old or abs(now - at) < age)
            }
            for made in makes:
                gap = self._drift.gap(system, made.kind)
                if gap.creates or gap.whole:
                    continue
                mapped = self._running.mappings.systems[system].kinds
                alike = [kind for kind, one in mapped.items() if one.entity is made.entity]
                if all(kind in known for kind in alike):
                    fresh[(system, made.kind)] = min(known[kind] for kind in alike)
        return fresh

    def last_looks(self, allowed: Mapping[tuple[str, str], int]) -> dict[EntityKind, int]:
        """Return since when nobody looked, in any place where such an entity may be made; `allowed` as of `allowed`."""
        found: dict[EntityKind, int] = {}
        for key, at in allowed.items():
            entity = self.entity(key)
            found[entity] = min(at, found.get(entity, at))
        return found

    def entity(self, key: tuple[str, str]) -> EntityKind:
        """Return what records of this (system, kind) are."""
        system, kind = key
        return self._running.mappings.systems[system].kinds[kind].entity
