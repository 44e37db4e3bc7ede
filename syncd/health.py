"""How each system and the store are doing, kept in memory for /healthz, /readyz, /metrics and the log."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


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
    budget: int | None = None  # calls allowed a day
    spent_today: int = 0


@dataclass
class Health:
    """The whole process; safe to use from any thread."""

    systems: dict[str, SystemHealth] = field(default_factory=dict)
    store_trouble: str | None = None
    started: float = field(default_factory=time.time)

    def expect(self, names: Iterable[str]) -> None:
        """Say which systems there are; each is not ready until it was polled."""
        with self._lock:
            for name in names:
                self.systems.setdefault(name, SystemHealth(name=name))

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
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

    def polled(self, name: str, *, calls: int, budget: int | None, spent_today: int) -> bool:
        """Note a complete poll; return whether the system had been in trouble."""
        with self._lock:
            before = self.systems.get(name, SystemHealth(name=name))
            self.systems[name] = replace(
                before,
                trouble=None,
                trouble_kind=None,
                since=None,
                last_poll=time.time(),
                calls=calls,
                budget=budget,
                spent_today=spent_today,
            )
        self.up.labels(name).set(1)
        self.calls.labels(name).set(calls)
        return before.trouble is not None

    def troubled(self, name: str, kind: str, sentence: str) -> bool:
        """Note that a system cannot be used; return whether that is new."""
        with self._lock:
            before = self.systems.get(name, SystemHealth(name=name))
            new = before.trouble_kind != kind
            since = time.time() if new else before.since
            self.systems[name] = replace(before, trouble=sentence, trouble_kind=kind, since=since)
        self.up.labels(name).set(0)
        return new

    def ready(self) -> list[str]:
        """Return why this process is not ready to work; empty when it is."""
        reasons = [self.store_trouble] if self.store_trouble else []
        with self._lock:
            systems = list(self.systems.values())
        reasons += [named(one.name, one.trouble) for one in systems if one.trouble]
        reasons += [f"{one.name}: not polled yet" for one in systems if one.last_poll is None and not one.trouble]
        return reasons

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
