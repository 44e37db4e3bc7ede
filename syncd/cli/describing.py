"""The systems' descriptions for commands that compare or complete: kept in the state, and read from it again.

Asking a system is left to syncd.wiring, the daemon's own daily look to syncd.daemon.drift.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.cli.common import moment
from syncd.config.check import nearest_name
from syncd.mapping.reality import LiveField, SeenField, advise, as_json, compare
from syncd.store import systems
from syncd.store.database import now_ms, open_store
from syncd.store.systems import Described
from syncd.wiring import state_is_there

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from syncd.config import Config
    from syncd.mapping.model import Mappings, SystemMap

BY_CHECK = ""  # stands where the daemon keeps which mapping it compared with
HOUR_MS = 3_600_000


@dataclass(kw_only=True)
class Seen:
    """What the state knows of the systems: system -> kind -> fields, and when each system was last described (ms)."""

    fields: dict[str, dict[str, Sequence[LiveField]]] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)


def keep_descriptions(config: Config, seen: Mapping[str, Mapping[str, Sequence[LiveField]]]) -> None:
    """Store what was described, where there is a state; what the daemon keeps of its daily look stays as it is."""
    if not seen or not state_is_there(config.state):
        return
    engine = open_store(config.state)
    try:
        with engine.begin() as connection:
            stored = systems.read_descriptions(connection)
            for system, kinds in seen.items():
                for kind, infos in kinds.items():
                    before = stored.get((system, kind))
                    if before is None or before.mapping == BY_CHECK:
                        fields = {info.name: as_json(info) for info in infos}
                        one = Described(fields=fields, gaps={}, mapping=BY_CHECK, seen_at=now_ms())
                        systems.save_description(connection, system, kind, one)
    finally:
        engine.dispose()


def last_seen(config: Config) -> Seen:
    """Return the descriptions that the state holds."""
    if not state_is_there(config.state):
        return Seen()
    engine = open_store(config.state)
    try:
        return seen_in(engine)
    finally:
        engine.dispose()


def seen_in(engine: Engine) -> Seen:
    """Return the descriptions that an open state holds."""
    seen = Seen()
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        stored = systems.read_descriptions(connection)
    for (system, kind), one in stored.items():
        fields = [info for name, plain in one.fields.items() if (info := SeenField.of_json(name, plain)) is not None]
        if fields:
            seen.fields.setdefault(system, {})[kind] = fields
            seen.at[system] = min(seen.at.get(system, one.seen_at), one.seen_at)
    return seen


def compare_with_seen(mappings: Mappings, seen: Seen) -> tuple[list[str], list[str]]:
    """Return (problems, notes) of the mappings against what was last seen; the notes say how old that is."""
    problems: list[str] = []
    notes = [str(note) for system in mappings.systems.values() for note in system.notes]
    for name, system in mappings.systems.items():
        known = seen.fields.get(name, {})
        if not known:
            notes.append(
                f"{name} was never described, so nothing was compared: start syncd, or run `syncd check` "
                "once there is a state"
            )
            continue
        notes.append(f"{name} as it was described at {moment(seen.at[name])}, {_age(now_ms() - seen.at[name])} ago")
        unknown = [kind for kind in system.kinds if kind not in known]
        slips = misspelt(system, known)
        notes += [f"{name} {kind} was not described then: not compared" for kind in unknown if kind not in slips]
        problems += map(str, compare(_only(system, {*known, *slips}), known))
        notes += map(str, advise(system, known))
    return problems, notes


def misspelt(system: SystemMap, known: Collection[str]) -> set[str]:
    """Return the kinds that were never described and resemble one that was, which no section maps."""
    left = set(known) - system.kinds.keys()
    return {one for one in system.kinds.keys() - set(known) if nearest_name(one, left) is not None}


# ---------------------------------------------------------------------------------------------------------------------


def _only(system: SystemMap, known: Collection[str]) -> SystemMap:
    return replace(system, kinds={name: kind for name, kind in system.kinds.items() if name in known})


def _age(ms: int) -> str:
    hours = ms // HOUR_MS
    if hours < 1:
        return f"{max(ms, 0) // 60_000} minutes"
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
