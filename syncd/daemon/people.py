"""Who can own records in each system: asked now and then, kept, and whoever a change concerns is decided again.

What a mapping makes of them is syncd.mapping.owners'.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine

from connectors.contract import Source
from connectors.errors import ConnectorError, Unavailable
from syncd.edits.force import Running
from syncd.log import logger
from syncd.mapping.model import Mappings
from syncd.pipeline.succession import RANK
from syncd.store import inbox, intake, people

# Somebody who was hired, or left, is known after this long; it costs a call or two of each system.
EVERY_MS = 3_600_000
PATIENCE_MS = 600_000  # after a failure


class Staff:
    """Looks at the people of each system of which a mapping line says `as: owner`."""

    def __init__(self, engine: Engine, running: Running, sources: Mapping[str, Source]) -> None:
        self._engine = engine
        self._running = running
        self._sources = sources
        self._next: dict[str, int] = {}

    def look_when_due(self, system: str, now: int) -> None:
        mappings = self._running.mappings
        ask = getattr(self._sources[system], "people", None)
        if not any(one == system for one, _ in mappings.owned) or ask is None or now < self._next.get(system, 0):
            return
        key = f"people|{system}"
        try:
            found = [(one.id, one.email.lower() if one.email else None, one.active) for one in ask()]
        except ConnectorError as error:
            self._next[system] = now + PATIENCE_MS
            if not isinstance(error, Unavailable):
                self._tell(key, system, error.message, now)
            return
        self._next[system] = now + EVERY_MS
        with self._engine.begin() as connection:
            inbox.close_problems(connection, key=key)
            changed = people.save_people(connection, system, found)
            due = _concerned(connection, mappings, system, changed) if changed else {}
            intake.mark_due(connection, due, now, "an owner is known otherwise")
        if changed:
            logger().info("who can own records changed", action="people", system=system, people=len(changed))

    def _tell(self, key: str, system: str, why: str, now: int) -> None:
        with self._engine.begin() as connection:
            inbox.open_problem(
                connection,
                key=key,
                kind="owners",
                system=system,
                message=f"the owners of {system} cannot be read: {why}. Whom syncd knew counts on, whoever is new is "
                f"taken for nobody, and nobody's owner is guessed; it goes on by itself once mended",
                now=now,
            )


# ---------------------------------------------------------------------------------------------------------------------


def _concerned(connection: Connection, mappings: Mappings, system: str, changed: set[people.Row]) -> dict[str, int]:
    """Return entity -> rank of those owned by whoever differs, over there or by what we know."""
    ids, emails = {row[0] for row in changed}, {row[1] for row in changed if row[1]}
    found: dict[str, int] = {}
    for name, kind in mappings.owned:
        kind_map = mappings.systems[name].kinds[kind]
        if name != system:
            continue
        lines = [one for one in kind_map.fields.values() if one.owner]
        fields = {field for one in lines for field in (*one.reads, one.writes) if field}
        of_kind = people.records_owned(connection, name, kind, fields, ids)
        of_kind |= people.entities_owned(connection, kind_map.entity.value, [one.name for one in lines], emails)
        found |= dict.fromkeys(of_kind, RANK[kind_map.entity])
    return found
