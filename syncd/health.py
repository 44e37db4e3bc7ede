"""How each system and the store are doing, kept in memory for /healthz, /readyz, /metrics and the log."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from syncd.log import own_place

PATIENCE = 3  # polls that may be missed
SHORTEST_PATIENCE = 120.0  # seconds, however often a system is polled


def named(system: str, message: str) -> str:
    """Return a trouble's message with the system's name in front, unless it begins with that name."""
    return message if re.match(rf"{re.escape(system)}\b", message, re.IGNORECASE) else f"{system}: {message}"


@dataclass(frozen=True, kw_only=True)
class SystemHealth:
    """One system as last seen. `trouble` is a sentence while it cannot be used, else None. Times: epoch seconds."""

    name: str
    trouble: str | None = None
    trouble_kind: str | None = None  # the ConnectorError's name
    since: float | None = None  # when the trouble began
    last_poll: float | None = None  # end of the latest complete poll
    calls: int = 0  # of this process


@dataclass
class Health:
    """The whole process; safe to use from any thread."""

    systems: dict[str, SystemHealth] = field(default_factory=dict)
    store_trouble: str | None = None
    handoff_trouble: str | None = None
    started: float = field(default_factory=time.time)

    def expect(self, polls: Mapping[str, timedelta]) -> None:
        """Say which systems there are and how often each is polled; none is ready until it was."""
        with self._lock:
            for name, every in polls.items():
                self.systems.setdefault(name, SystemHealth(name=name))
                self._polls[name] = every.total_seconds()

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._polls: dict[str, float] = {}
        self.registry = CollectorRegistry()
        make = self.registry
        self.fates = Counter("syncd_fates", "Entities by how their turn in handoff ended", ["fate"], registry=make)
        self.outcomes = Counter("syncd_writes", "Records by what the system answered", ["outcome"], registry=make)
        self.records = Counter("syncd_records_read", "Records read that were news", ["system"], registry=make)
        self.calls = Gauge("syncd_api_calls", "API calls of this process", ["system"], registry=make)
        self.up = Gauge("syncd_system_up", "1 while a system can be used", ["system"], registry=make)
        self.lag = Gauge(
            "syncd_seconds_since_poll", "Seconds since the latest complete poll", ["system"], registry=make
        )
        self.due = Gauge("syncd_due", "Entities waiting for handoff", registry=make)
        self.open_problems = Gauge("syncd_open_problems", "Problems that need a person", ["kind"], registry=make)

    def polled(self, name: str, *, calls: int, unwritten: bool = False) -> bool:
        """Note a complete poll; return whether that ended the system's trouble.

        `unwritten`: the trouble is with writing, of which a poll says nothing.
        """
        with self._lock:
            before = self.systems.get(name, SystemHealth(name=name))
            over = before.trouble is not None and not unwritten
            self.systems[name] = replace(
                before if unwritten else replace(before, trouble=None, trouble_kind=None, since=None),
                last_poll=time.time(),
                calls=calls,
            )
        if not unwritten:
            self.up.labels(name).set(1)
        self.calls.labels(name).set(calls)
        return over

    def recovered(self, name: str) -> None:
        """Note that a system takes writes again."""
        with self._lock:
            before = self.systems.get(name, SystemHealth(name=name))
            self.systems[name] = replace(before, trouble=None, trouble_kind=None, since=None)
        self.up.labels(name).set(1)

    def troubled(self, name: str, kind: str, sentence: str) -> bool:
        """Note that a system cannot be used; return whether that is new."""
        with self._lock:
            before = self.systems.get(name, SystemHealth(name=name))
            new = before.trouble_kind != kind
            since = time.time() if new else before.since
            self.systems[name] = replace(before, trouble=sentence, trouble_kind=kind, since=since)
        self.up.labels(name).set(0)
        return new

    def handoff_failed(self, error: Exception) -> None:
        self.handoff_trouble = (
            f"the last handoff failed: {type(error).__name__} at {own_place(error)}; the log says more, and it is "
            f"tried again by itself"
        )

    def ready(self, polled: Mapping[str, int] | None = None) -> list[str]:
        """Return why this process is not ready to work; empty when it is.

        `polled`: system -> when any worker last read a kind of it to its end, in ms.
        """
        reasons = [one for one in (self.store_trouble, self.handoff_trouble) if one]
        with self._lock:
            systems = list(self.systems.values())
        reasons += [named(one.name, one.trouble) for one in systems if one.trouble]
        for one in systems:
            if not one.trouble and (reason := self._stale(one, (polled or {}).get(one.name, 0) / 1000)) is not None:
                reasons.append(f"{one.name}: {reason}")
        return reasons

    def _stale(self, one: SystemHealth, elsewhere: float) -> str | None:
        """Return why a system that is in no trouble is not ready. `elsewhere`: another worker's poll, epoch seconds."""
        polled = max(one.last_poll or 0.0, elsewhere if elsewhere >= self.started else 0.0)
        if not polled:
            return "not polled yet"
        age = time.time() - polled
        if age <= max(PATIENCE * self._polls.get(one.name, 0.0), SHORTEST_PATIENCE):
            return None
        return f"not read to its end for {round(age / 60)} min, though it is in no trouble that was told"

    def snapshot(self) -> Mapping[str, SystemHealth]:
        with self._lock:
            return dict(self.systems)

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        now = time.time()
        for one in self.snapshot().values():
            if one.last_poll is not None:
                self.lag.labels(one.name).set(now - one.last_poll)
        return generate_latest(self.registry)
