"""A company whose daemon can be killed at any outside effect, set back to any act, and looked at afterwards.

The simulators live in this process and survive every kill; the daemon is child.py in a process of its own. What must
hold afterwards is checker.py's.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from crash.checker import Seen, check
from crash.journal import Entry, Journal
from crash.people import People
from crash.scenario import ACTS
from support.world import World, make

CHILD = Path(__file__).with_name("child.py")
POLL_MS = 60_000
MOST_CYCLES = 2  # after which everything must have converged
IDLE = re.compile(r"commit( (INSERT|UPDATE|DELETE) ((main|dbos)\W*\.\W*\w+|cursor|run|budget))*")


class Died(Exception):
    """The daemon's process ended; the argument is its exit status, negative for a signal."""


class State(Protocol):
    """The state database, as far as it must be set back."""

    url: str

    def save(self, name: str) -> None: ...

    def load(self, name: str) -> None: ...


@dataclass(frozen=True)
class Point:
    """A place at which to kill: before or after the effect `number` of the run that follows the act `act`.

    `meanwhile`: the next act happens before the daemon is started again.
    """

    act: int
    number: int
    after: bool
    meanwhile: bool = False

    def __str__(self) -> str:
        side = "after" if self.after else "before"
        return f"{ACTS[self.act].__name__}, {side} effect {self.number}" + (", people go on" if self.meanwhile else "")


@dataclass
class Daemon:
    """One running child; reading what it says raises Died when it is gone."""

    process: subprocess.Popen[bytes]

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "died" in answer:
            raise Died(answer["died"])
        return answer


@dataclass
class Lane(People):
    """One company and its daemon. `effects`: per act, what its run did, in order, when nothing was in its way."""

    folder: Path
    world: World
    state: State
    zygote: subprocess.Popen[bytes]
    entries: list[Entry] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    effects: list[list[str]] = field(default_factory=list)
    clock: int = 0
    _saved: list[tuple[int, list[Entry]]] = field(default_factory=list)

    # --- people

    def wait_a_second(self) -> None:
        time.sleep(1.0 - time.time() % 1.0)

    # --- time

    def play(self, act: int) -> None:
        """Let people do an act."""
        ACTS[act](self)
        for journal in self.journals:
            journal.note(api=False)

    def save(self, act: int) -> None:
        """Keep everything as it is before an act."""
        self.world.hubspot.save(self.folder / f"hubspot-{act}.json")
        self.world.salesforce.save(self.folder / f"salesforce-{act}.json")
        self.world.erp.dispose()
        shutil.copy(self.folder / "erp.db", self.folder / f"erp-{act}.db")
        self.state.save(str(act))
        self._saved[act:] = [(self.clock, list(self.entries))]

    def load(self, act: int) -> None:
        """Set everything back to before an act."""
        self.world.hubspot.load(self.folder / f"hubspot-{act}.json")
        self.world.salesforce.load(self.folder / f"salesforce-{act}.json")
        self.world.erp.dispose()
        shutil.copy(self.folder / f"erp-{act}.db", self.folder / "erp.db")
        self.state.load(str(act))
        self.clock, saved = self._saved[act]
        self.entries[:] = saved
        for journal in self.journals:
            journal.forget()

    # --- the daemon

    @contextmanager
    def daemon(
        self, point: Point | None = None, log: str = "effects.log", executor: str = "worker"
    ) -> Iterator[Daemon]:
        """Start the daemon, armed to kill itself at `point`; end it without letting it tidy up."""
        (self.folder / log).unlink(missing_ok=True)
        order = {
            "config": str(self.world.config),
            "clock": self.clock,
            "stop_at": point.number if point else None,
            "after": point.after if point else False,
            "log": str(self.folder / log),
            "executor": executor,
        }
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(json.dumps(order).encode() + b"\n")
        self.zygote.stdin.flush()
        running = Daemon(self.zygote)
        try:
            yield running
        except Died as died:
            if died.args[0] != -signal.SIGKILL or point is None:
                raise AssertionError(
                    f"the daemon ended by itself: {died.args[0]}; see {self.folder}/child.log"
                ) from died
            return
        except BaseException:
            self._end(running)
            raise
        self._end(running)

    def _end(self, running: Daemon) -> None:
        with suppress(Died):
            running.ask({"do": "end"})

    def cycle(self, daemon: Daemon) -> dict[str, Any]:
        """One poll of everything and one handoff, a minute of the daemon's own clock later."""
        self.clock += POLL_MS
        return daemon.ask({"do": "cycle", "clock": self.clock})

    def writes(self) -> int:
        return sum(self.world.writes().values())

    def rehearse(self) -> None:
        """Play all acts with nothing in the way; note the effects of each and keep a copy of everything before it."""
        with self.daemon() as daemon:
            self.cycle(daemon)
        for act in range(len(ACTS)):
            self.save(act)
            self.play(act)
            with self.daemon() as daemon:
                for _ in range(MOST_CYCLES):
                    self.cycle(daemon)
            self.effects.append((self.folder / "effects.log").read_text(encoding="utf-8").splitlines())
        self.save(len(ACTS))
        self.verify("rehearsal")

    def kill_at(self, point: Point) -> None:
        """Kill at a point, start again, let the rest of the acts happen, and check; raise AssertionError."""
        self.load(point.act)
        self.play(point.act)
        with self.daemon(point, "killed.log") as daemon:
            for _ in range(2 * MOST_CYCLES):  # a second that runs over may move the last effects into the next cycle
                self.cycle(daemon)
            raise AssertionError(f"{point}: the daemon got past it; its effects have another order today")
        left = range(point.act + 1, len(ACTS))
        if point.meanwhile and left:
            self.play(left[0])
            left = left[1:]
        with self.daemon() as daemon:
            for _ in range(MOST_CYCLES):
                self.cycle(daemon)
            self.verify(f"{point}, at once", ended=not left)
            for act in left:
                self.play(act)
                self.cycle(daemon)
            if left:
                self.cycle(daemon)
            self.be_idle(daemon, point)
        self.verify(str(point), ended=True)

    def be_idle(self, daemon: Daemon, point: Point) -> None:
        """I4: two more cycles write nothing anywhere, but for the engine's notes and how far was read, and when."""
        self.cycle(daemon)  # in which the echo of the last write is read
        before, log = self.writes(), self.folder / "effects.log"
        done = len(log.read_text(encoding="utf-8").splitlines())
        for _ in range(2):
            self.cycle(daemon)
        assert self.writes() == before, f"{point}: I4 an idle daemon writes to a system"
        idle = log.read_text(encoding="utf-8").splitlines()[done:]
        odd = [one for one in idle if one.startswith("commit") and not IDLE.fullmatch(one)]
        assert not odd, f"{point}: I4 an idle daemon writes to its state: {odd}"

    def verify(self, when: str, *, ended: bool = True) -> None:
        """Check all invariants; raise AssertionError that names every broken one."""
        with self.world.hubspot.portal.lock, self.world.salesforce.lock:
            seen = Seen(
                contacts=self.world.hubspot.all("contacts"),
                leads=self.world.salesforce.all("Lead"),
                branches=self.world.salesforce.all("Branch__c"),
                history=list(self.entries),
                state=self.state.url,
                ended=ended,
            )
        broken = check(seen)
        assert not broken, f"{when}:\n" + "\n".join(broken)


@contextmanager
def lane(folder: Path, state: State) -> Iterator[Lane]:
    """Start a company and its daemon's zygote."""
    world = make(folder, state.url, {"batch: 1000": "batch: 4", "poll: 15s": "poll: 60s"})
    make_email_optional(folder / "mappings" / "definition.yaml")
    with (folder / "child.log").open("wb") as log:
        zygote = subprocess.Popen([sys.executable, str(CHILD)], stdin=-1, stdout=-1, stderr=log, cwd=folder)
    try:
        made = Lane(folder, world, state, zygote)
        lock = threading.RLock()
        for simulator, kinds in ((world.hubspot, ("contacts",)), (world.salesforce, ("Lead", "Branch__c"))):
            journal = Journal(simulator, kinds, made.entries, lock)
            made.journals.append(journal)
            world.servers[simulator.name].simulator = journal
        assert zygote.stdin is not None
        zygote.stdin.write(json.dumps({"config": str(world.config)}).encode() + b"\n")
        zygote.stdin.flush()
        yield made
    finally:
        zygote.kill()
        zygote.wait()
        for pipe in (zygote.stdin, zygote.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        world.stop()


class SqliteState:
    """A state file and its copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/state.db"

    def save(self, name: str) -> None:
        for part in ("", "-wal", "-shm"):
            _copy(self.folder / f"state.db{part}", self.folder / f"saved-{name}.db{part}")

    def load(self, name: str) -> None:
        for part in ("", "-wal", "-shm"):
            _copy(self.folder / f"saved-{name}.db{part}", self.folder / f"state.db{part}")


class PostgresState:
    """A database on the tests' server, copied by the server."""

    def __init__(self, server: Any, name: str) -> None:
        self._server, self._name = server, name
        self.url = str(server(name))
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE syncd_template")

    def save(self, name: str) -> None:
        self._copy(self._name, f"{self._name}_{name}")

    def load(self, name: str) -> None:
        self._copy(f"{self._name}_{name}", self._name)

    def _copy(self, source: str, target: str) -> None:
        self._run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'",
            f"DROP DATABASE IF EXISTS {target} WITH (FORCE)",
            f"CREATE DATABASE {target} TEMPLATE {source}",
        )

    def _run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._server("postgres"), autocommit=True) as admin:
            for statement in statements:
                admin.execute(statement)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------------


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    if source.exists():
        shutil.copy(source, target)


def make_email_optional(definition: Path) -> None:
    """Let leads without an e-mail address be handed over: nothing but our own key keeps them from being doubled."""
    text = definition.read_text(encoding="utf-8")
    facts = "[first_name, last_name, phone, email]"
    assert facts in text
    definition.write_text(text.replace(facts, "[first_name, last_name, phone]"), encoding="utf-8")
