"""A company on a clock that tests move, its daemon's hands without the engine, and what an outsider may check.

The scenario, the history and the invariants are those of the crash tests; faults are the servers' (sandbox/wire.py).
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from crash.checker import Seen, check
from crash.journal import Entry, Journal
from crash.people import People
from support.world import World, close, make

from connectors import registry
from connectors.http import Session
from sandbox.wire import Request, Response
from syncd.cli.common import make_work
from syncd.daemon import Work
from syncd.health import Health
from syncd.wiring import build

MINUTE = 60.0
CHANGES = {
    "batch: 1000": "batch: 4",
    "overwrites: 25%": "overwrites: 100%",
}


class Clock:
    """One clock for the daemon and the systems; it runs, and sleeping moves it instead of waiting."""

    def __init__(self, traveller: time_machine.Coordinates) -> None:
        self._traveller = traveller
        self._ahead = 0.0
        self.naps: list[float] = []
        self.apart = {"hubspot": 0.0, "salesforce": 0.0, "erp": 0.0}

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self._ahead += seconds
        self._traveller.shift(seconds)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def jump(self, seconds: float) -> None:
        """Set the daemon's clock, and nobody else's, so much forward."""
        self._traveller.shift(seconds)
        for system in self.apart:
            self.apart[system] -= seconds

    def of(self, system: str) -> Callable[[], float]:
        """Return the clock of a system: so many seconds apart from the daemon's as `apart` says."""
        return lambda: time.time() + self.apart[system]


class _Time:
    """Stands where a module of ours says `time`."""

    def __init__(self, clock: Clock) -> None:
        self.monotonic, self.sleep = clock.monotonic, clock.sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Front:
    """A simulator's front door that tells Salesforce's joined reads from joined writes, and can lock every row."""

    def __init__(self, simulator: Any) -> None:
        self.name: str = simulator.name
        self.simulator = simulator
        self.locks_rows: Callable[[], bool] = lambda: False

    def label(self, request: Request) -> str:
        label = str(self.simulator.label(request))
        if label != "POST composite":
            return label
        return "POST composite write" if b'"method":"PATCH"' in request.body else "POST composite read"

    def handle(self, request: Request) -> Response:
        if self.label(request) == "POST composite write" and self.locks_rows():
            return Response(200, {"compositeResponse": [_locked(part) for part in request.json()["compositeRequest"]]})
        response: Response = self.simulator.handle(request)
        return response


@dataclass
class Town(People):
    """A world with people in it. `entries`: everything that happened to contacts, leads and branches."""

    world: World
    clock: Clock
    fronts: Mapping[str, Front]
    entries: list[Entry] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    said: list[Mapping[str, Any]] = field(default_factory=list)
    cycles: int = 0
    work: Work = field(init=False)

    # --- people

    def wait_a_second(self) -> None:
        self.clock.move(1.0)

    def erp_time(self) -> datetime:
        return datetime.fromtimestamp(self.clock.of("erp")(), UTC).replace(tzinfo=None)

    def play(self, act: Callable[[Any], None]) -> None:
        """Let people do an act."""
        act(self)
        self.note()

    def note(self) -> None:
        for journal in self.journals:
            journal.note(api=False)

    # --- the daemon

    @contextmanager
    def running(self) -> Iterator[Work]:
        """Build the application on the files as they are now; a process that starts."""
        self.world.app = build(self.world.config, {})
        self.work = self.world.work = make_work(self.world.app, Health())
        try:
            self.work.settle()
            yield self.work
        finally:
            self.stop()

    def stop(self) -> None:
        """End the process, as far as files and sockets go."""
        self.world.app.engine.dispose()
        for source in self.world.app.sources.values():
            close(source)

    def cycle(self, *, even_if_paused: bool = True, after: float = MINUTE) -> Counter[str]:
        """A minute later, one poll of everything and one handoff of all that is due; return the outcomes.

        Calls that the daemon gave up end within that minute, before people do anything else.
        """
        outcomes = self._cycle(even_if_paused, after)
        for server in self.world.servers.values():
            server.board.wait_until_none_is_under_way()
        return outcomes

    def _cycle(self, even_if_paused: bool, after: float) -> Counter[str]:
        self.clock.move(after)
        self.cycles += 1
        outcomes: Counter[str] = Counter()
        for system in self.work.polls:
            self.work.poll(system, even_if_paused=even_if_paused)
        self.work.start_handoff()
        while self.work.due():
            with self.work.engine.begin() as connection:
                decided = self.work.decide(connection)
            if decided["batch"] is None:
                break
            outcomes.update(self.work.send(decided["batch"]))
            if decided["unseen"]:
                self.work.look_before_creating()
        return outcomes

    def session(self, system: str) -> Session:
        session: Session = self.work.sources[system].session  # type: ignore[attr-defined]
        return session

    # --- outsiders

    def calls(self, match: str = "") -> int:
        return sum(server.board.total(match) for server in self.world.servers.values())

    def writes(self) -> int:
        return sum(self.world.writes().values())

    def warnings(self) -> Counter[tuple[str, str, str]]:
        """Return how often the log said that a system went or returned: (action, system, kind of trouble)."""
        told = [one for one in self.said if one.get("action") in ("pause", "resume")]
        return Counter((one["action"], one["system"], one.get("kind", "")) for one in told)

    def seen(self) -> Seen:
        """Return what an outsider sees now."""
        self.note()
        return Seen(
            contacts=self.world.hubspot.all("contacts"),
            leads=self.world.leads(),
            branches=self.world.salesforce.all("Branch__c"),
            history=list(self.entries),
            state=self.world.state,
        )

    def verify(self, when: str) -> None:
        """Check every invariant."""
        broken = check(self.seen())
        assert not broken, f"{when}:\n" + "\n".join(broken)


@dataclass
class Place:
    """The systems, kept for many runs, each of which begins with empty ones."""

    town: Town
    folder: Path

    @contextmanager
    def fresh(self) -> Iterator[Town]:
        """Empty everything and let the daemon start on it."""
        world, town = self.town.world, self.town
        world.erp.dispose()
        shutil.copy(self.folder / "empty-erp.db", self.folder / "erp.db")
        for part in ("", "-wal", "-shm"):
            (self.folder / f"state.db{part}").unlink(missing_ok=True)
        shutil.copy(self.folder / "empty-state.db", self.folder / "state.db")
        world.hubspot.load(self.folder / "empty-hubspot.json")
        world.salesforce.load(self.folder / "empty-salesforce.json")
        for server in world.servers.values():
            server.board.clear()
        for front in town.fronts.values():
            front.locks_rows = lambda: False
        town.entries.clear()
        town.said.clear()
        town.clock.naps.clear()
        for system in town.clock.apart:
            town.clock.apart[system] = 0.0
        town.cycles = 0
        for journal in town.journals:
            journal.forget()
        with town.running():
            yield town


@contextmanager
def place(
    folder: Path, changes: Mapping[str, str] | None = None, *, history: bool = True, **options: Any
) -> Iterator[Place]:
    """Start the systems on a clock of their own; leads may lack an e-mail address, as the story's do.

    Without `history`, which takes time by the number of records, invariants cannot be verified. `options`: HubSpot's.
    """
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        clock = Clock(traveller)
        _take_over(patch, clock)
        config = {**CHANGES, **(changes or {})}
        world = make(folder, f"sqlite:///{folder}/state.db", config, clock=clock.of("hubspot"), **options)
        try:
            _set_clocks(world, clock)
            _make_email_optional(folder / "mappings" / "definition.yaml")
            town = _town(world, clock, history=history)
            for module in ("work", "trouble"):
                patch.setattr(f"syncd.daemon.{module}.logger", lambda: _Log(town.said))
            world.hubspot.save(folder / "empty-hubspot.json")
            world.salesforce.save(folder / "empty-salesforce.json")
            shutil.copy(folder / "erp.db", folder / "empty-erp.db")
            build(world.config, {}).engine.dispose()
            shutil.copy(folder / "state.db", folder / "empty-state.db")
            yield Place(town, folder)
        finally:
            world.stop()


# ---------------------------------------------------------------------------------------------------------------------


def _town(world: World, clock: Clock, *, history: bool) -> Town:
    fronts: dict[str, Front] = {}
    town = Town(world, clock, fronts)
    lock = threading.RLock()
    for simulator, kinds in ((world.hubspot, ("contacts",)), (world.salesforce, ("Lead", "Branch__c"))):
        behind: Any = simulator
        if history:
            behind = Journal(simulator, kinds, town.entries, lock)
            town.journals.append(behind)
        fronts[simulator.name] = world.servers[simulator.name].simulator = Front(behind)
    return town


def _set_clocks(world: World, clock: Clock) -> None:
    world.salesforce.org.clock = world.salesforce.sessions.clock = clock.of("salesforce")
    for name, server in world.servers.items():
        server.clock = clock.of(name)


def _take_over(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let the daemon and its connectors live on this clock, and never wait."""
    find = registry.find

    def sleepless(name: str) -> registry.Connector:
        found = find(name)
        return replace(found, connect=lambda system, settings: found.connect(system, settings, sleep=clock.sleep))

    patch.setattr(registry, "find", sleepless)
    clocked = (
        "connectors.http",
        "connectors.salesforce.client",
        "connectors.salesforce.lookback",
        "syncd.daemon.trouble",
        "syncd.daemon.work",
    )
    for module in clocked:
        patch.setattr(f"{module}.time", _Time(clock))


class _Log:
    def __init__(self, said: list[Mapping[str, Any]]) -> None:
        self._said = said

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **facts: self._said.append({"event": event, "level": level, **facts})


def _locked(part: Mapping[str, Any]) -> dict[str, Any]:
    code, error = "UNABLE_TO_LOCK_ROW", {"message": "unable to obtain exclusive access", "fields": []}
    told = {"referenceId": part["referenceId"], "httpHeaders": {}}
    if "records" not in part["body"]:
        return {**told, "httpStatusCode": 400, "body": [{"errorCode": code, **error}]}
    rows = [{"success": False, "errors": [{"statusCode": code, **error}]} for _ in part["body"]["records"]]
    return {**told, "httpStatusCode": 200, "body": rows}


def _make_email_optional(definition: Path) -> None:
    text = definition.read_text(encoding="utf-8")
    facts = "[first_name, last_name, phone, email]"
    assert facts in text
    definition.write_text(text.replace(facts, "[first_name, last_name, phone]"), encoding="utf-8")
