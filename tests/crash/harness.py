"""A company whose daemon can be stopped for good at any outside effect, started again, and looked at afterwards.

A kill -9 leaves what stands in the files and in the systems at that instant, and nothing else. So the scenario is
played once, the daemon is made to stand still at each effect, and everything outside it is kept; every kill is then a
start of a new daemon on what was kept. The time in between counts as time in which no daemon ran.

The simulators live in this process; the daemon is child.py in a process of its own. What must hold afterwards is
checker.py's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
from crash.checker import Seen, check
from crash.journal import Entry, Journal
from crash.people import People
from crash.scenario import ACTS
from support.world import World, make

CHILD = Path(__file__).with_name("child.py")
POLL_MS = 60_000
RAREST_MS = 15 * 60_000  # between two readings of what is read least often
MOST_CYCLES = 2  # after which everything must have converged
Rows = dict[str, Any]
IDLE = re.compile(r"commit( (INSERT|UPDATE|DELETE) ((main|dbos)\W*\.\W*\w+|cursor|run|budget))*")


class Died(Exception):
    """The daemon's process ended; the argument is its exit status, negative for a signal."""


class State(Protocol):
    """The state database as it stands in its files, without what a process holds in memory."""

    url: str

    def save(self, name: str) -> None: ...

    def load(self, name: str) -> None: ...


@dataclass(frozen=True)
class Point:
    """A place to be killed at: before or after the effect `number` of the run that follows the act `act`.

    After an effect is where people go on before the daemon is back: the next act happens meanwhile.
    """

    act: int
    number: int
    after: bool
    what: str = field(compare=False)

    def __str__(self) -> str:
        side = "after" if self.after else "before"
        return f"{ACTS[self.act].__name__}, {side} effect {self.number} ({self.what})"


@dataclass
class Daemon:
    """One running child. `stand`: called for each place at which it stands still."""

    process: subprocess.Popen[bytes]
    stand: Callable[[int, bool, str], None]
    _place: dict[str, Any] = field(default_factory=dict)  # an answer may come between a place and the stand at it

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer; raise Died when it is gone."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            answer = self._read()
            if "at" in answer:
                self._place = answer
            elif "stands" in answer:
                self.stand(self._place["at"], self._place["after"], self._place["what"])
                os.kill(answer["stands"], signal.SIGCONT)
            elif "died" in answer:
                raise Died(answer["died"])
            else:
                return answer

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
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
    _saved: dict[str, tuple[int, list[Entry]]] = field(default_factory=dict)

    # --- people

    def wait_a_second(self) -> None:
        time.sleep(1.0 - time.time() % 1.0)

    # --- time

    def play(self, act: int) -> None:
        """Let people do an act."""
        ACTS[act](self)
        for journal in self.journals:
            journal.note(api=False)

    def save(self, name: str) -> None:
        """Keep everything outside the daemon as it is."""
        self.world.hubspot.save(self.folder / f"hubspot-{name}.json")
        self.world.salesforce.save(self.folder / f"salesforce-{name}.json")
        self.world.erp.dispose()
        shutil.copy(self.folder / "erp.db", self.folder / f"erp-{name}.db")
        self.state.save(name)
        self._saved[name] = (self.clock, list(self.entries))

    def load(self, name: str) -> None:
        """Set everything back to what was kept, and keep it no longer."""
        kept = [self.folder / f"hubspot-{name}.json", self.folder / f"salesforce-{name}.json"]
        self.world.hubspot.load(kept[0])
        self.world.salesforce.load(kept[1])
        self.world.erp.dispose()
        shutil.move(self.folder / f"erp-{name}.db", self.folder / "erp.db")
        self.state.load(name)
        self.clock, saved = self._saved.pop(name)
        self.entries[:] = saved
        for journal in self.journals:
            journal.forget()
        for file in kept:
            file.unlink()

    # --- the daemon

    @contextmanager
    def daemon(
        self,
        executor: str = "worker",
        stops: tuple[int, int, int] | None = None,
        stand: Callable[[int, bool, str], None] = lambda number, after, what: None,
    ) -> Iterator[Daemon]:
        """Start the daemon, standing still at `stops` (see child.Effects); end it without letting it tidy up."""
        log = self.folder / "effects.log"
        log.unlink(missing_ok=True)
        order = {
            "config": str(self.world.config),
            "clock": self.clock,
            "stops": stops,
            "log": str(log),
            "executor": executor,
        }
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(json.dumps(order).encode() + b"\n")
        self.zygote.stdin.flush()
        running = Daemon(self.zygote, stand)
        try:
            yield running
        except Died as died:
            raise AssertionError(f"the daemon ended by itself: {died.args[0]}; see {self.folder}/child.log") from died
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

    def rehearse(
        self, every: int = 0, at: int = 0, wanted: Callable[[Point], bool] = lambda point: True
    ) -> Iterator[list[Point]]:
        """Play all acts with nothing in the way; yield after each the points that were kept of it.

        Of all places before and after effects it stops at those whose number divided by `every` leaves `at`; 0: none.
        """
        with self.daemon() as daemon:
            self.cycle(daemon)
        for act in range(len(ACTS)):
            self.play(act)
            kept: list[Point] = []

            def keep(number: int, after: bool, what: str, act: int = act, kept: list[Point] = kept) -> None:
                point = Point(act, number, after, what)
                if wanted(point):
                    kept.append(point)
                    self.save(_name(point))

            first = 2 * sum(len(effects) for effects in self.effects)
            with self.daemon(stops=(first, every, at) if every else None, stand=keep) as daemon:
                for _ in range(MOST_CYCLES):
                    self.cycle(daemon)
            self.effects.append((self.folder / "effects.log").read_text(encoding="utf-8").splitlines())
            self.verify(f"rehearsal, {ACTS[act].__name__}")
            self.save("next")
            yield kept
            self.load("next")

    def take_up(self, point: Point) -> None:
        """Set everything back to a point that was kept."""
        self.load(_name(point))

    def go_on_from(self, point: Point) -> None:
        """Start the daemon where it was killed and check; let all that is left happen at once, and check again.

        Raises AssertionError.
        """
        self.take_up(point)
        left = range(point.act + 1, len(ACTS))
        if point.after and left:
            self.play(left[0])
            left = left[1:]
        with self.daemon() as daemon:
            for _ in range(MOST_CYCLES):
                self.cycle(daemon)
            self.verify(f"{point}, at once")
            for act in left:
                self.play(act)
            for _ in range(MOST_CYCLES if left else 0):
                self.cycle(daemon)
            self.be_idle(daemon, point)
        self.verify(str(point))

    def be_idle(self, daemon: Daemon, point: Point) -> None:
        """I4: two more cycles write nothing anywhere, but for the engine's notes and how far was read, and when."""
        self.clock += RAREST_MS
        self.cycle(daemon)  # in which the echo of the last write is read
        before, log = self.writes(), self.folder / "effects.log"
        done = len(log.read_text(encoding="utf-8").splitlines())
        for _ in range(2):
            self.cycle(daemon)
        assert self.writes() == before, f"{point}: I4 an idle daemon writes to a system"
        idle = log.read_text(encoding="utf-8").splitlines()[done:]
        odd = [one for one in idle if one.startswith("commit") and not IDLE.fullmatch(one)]
        assert not odd, f"{point}: I4 an idle daemon writes to its state: {odd}"

    def verify(self, when: str) -> None:
        """Check all invariants; raise AssertionError that names every broken one."""
        with self.world.hubspot.portal.lock, self.world.salesforce.lock:
            seen = Seen(
                contacts=self.world.hubspot.all("contacts"),
                leads=self.world.salesforce.all("Lead"),
                branches=self.world.salesforce.all("Branch__c"),
                history=list(self.entries),
                state=self.state.url,
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
    """A state file and its copies; of the three parts the third is made anew from the second, as after a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/state.db"

    def save(self, name: str) -> None:
        for part in ("", "-wal"):
            if (self.folder / f"state.db{part}").exists():
                shutil.copy(self.folder / f"state.db{part}", self.folder / f"saved-{name}.db{part}")

    def load(self, name: str) -> None:
        for part in ("", "-wal", "-shm"):
            (self.folder / f"state.db{part}").unlink(missing_ok=True)
            if (kept := self.folder / f"saved-{name}.db{part}").exists():
                kept.rename(self.folder / f"state.db{part}")


class PostgresState:
    """A database on the tests' server; what is kept of it are the committed rows, which is what a kill leaves."""

    def __init__(self, server: Any, name: str) -> None:
        self.url = str(server(name))
        self._name = name
        self._saved: dict[str, Rows] = {}
        with psycopg.connect(server("postgres"), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]
            admin.execute(f"CREATE DATABASE {name} TEMPLATE syncd_template")  # type: ignore[arg-type]

    def save(self, name: str) -> None:
        with psycopg.connect(self.url) as state:
            state.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._saved[name] = self._rows(state)

    def load(self, name: str) -> None:
        kept = self._saved.pop(name)
        with psycopg.connect(self.url) as state:
            state.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                (self._name,),
            )
            state.execute("SET LOCAL session_replication_role = replica")  # rows come in any order of their tables
            there = self._rows(state)
            for table, rows in kept.items():
                if rows != there[table]:
                    self._replace(state, table, rows)

    def _rows(self, state: psycopg.Connection[Any]) -> Rows:
        """Return table or sequence -> what it holds."""
        kinds = state.execute(
            "SELECT c.oid::regclass::text, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
        found: Rows = {}
        for name, kind in kinds:
            if kind == "S":
                found[name] = state.execute(f"SELECT last_value, is_called FROM {name}").fetchone()  # type: ignore[arg-type]
            else:
                with state.cursor().copy(f"COPY {name} TO STDOUT") as copy:  # type: ignore[arg-type]
                    found[name] = b"".join(bytes(part) for part in copy)
        return found

    def _replace(self, state: psycopg.Connection[Any], table: str, rows: Any) -> None:
        if not isinstance(rows, bytes):
            state.execute("SELECT setval(%s::regclass, %s, %s)", (table, *rows))
            return
        state.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
        with state.cursor().copy(f"COPY {table} FROM STDIN") as copy:  # type: ignore[arg-type]
            copy.write(rows)


# ---------------------------------------------------------------------------------------------------------------------


def _name(point: Point) -> str:
    return f"{point.act}-{point.number}-{'after' if point.after else 'before'}"


def make_email_optional(definition: Path) -> None:
    """Let leads without an e-mail address be handed over: nothing but our own key keeps them from being doubled."""
    text = definition.read_text(encoding="utf-8")
    facts = "[first_name, last_name, phone, email]"
    assert facts in text
    definition.write_text(text.replace(facts, "[first_name, last_name, phone]"), encoding="utf-8")
