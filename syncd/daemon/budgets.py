"""Calls spent, counted over all workers on one state; when they are spent is said by the sessions themselves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import Engine

from connectors.contract import Source
from syncd.store import systems


class Budgets:
    """Settles accounts with the other workers once for each poll and each batch sent, never for each call."""

    def __init__(self, engine: Engine, sources: Mapping[str, Source]) -> None:
        self._engine = engine
        self._sources = sources
        self._counted: dict[str, int] = {}  # system -> calls of this process that all know of
        self._lock = threading.Lock()

    def reading(self, system: str) -> AbstractContextManager[Any]:
        """Leave the reserve to writing, as long as this lasts."""
        session = self._session(system)
        return session.reading() if session is not None else nullcontext()

    def settle(self, system: str, now: int) -> None:
        """Tell the others what was spent, and take over what they spent."""
        session = self._session(system)
        if session is None:
            return
        with self._lock:
            own = session.calls
            spent = own - self._counted.get(system, 0)
            if not spent:
                return
            with self._engine.begin() as connection:
                total = systems.spend(
                    connection, system, spent, now, session.settings.per_day, _remaining(self._sources[system])
                )
            self._counted[system] = own
            session.count_all(total, own)

    def share(self, workers: int) -> None:
        """Divide the burst limits, which the systems count for all workers together."""
        for system in self._sources:
            session = self._session(system)
            if session is not None:
                session.share_among(max(1, workers))

    def _session(self, system: str) -> Any:
        return getattr(self._sources[system], "session", None)


# ---------------------------------------------------------------------------------------------------------------------


def _remaining(source: Source) -> int | None:
    """Return what the system itself says is left of its day, for all its clients."""
    usage = source.usage() if hasattr(source, "usage") else None
    if usage is None or usage.allowed is None or usage.source == "own count":
        return None
    return max(0, int(usage.allowed) - int(usage.used))
