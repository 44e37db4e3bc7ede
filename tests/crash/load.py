"""The real `syncd run` as a process, and people who edit at random while it is killed, stopped and started."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from crash.checker import Seen, check
from crash.harness import make_email_optional
from crash.journal import Entry, Journal
from crash.scenario import FULL
from support.world import World, add_branch, make

PEOPLE = 120
QUIET = 3.0  # seconds without a write, with polls every second
LONGEST = 240.0  # to become quiet; a lead that was put off waits 30 s


@dataclass
class Crowd:
    """A company of many contacts under edit. `first_calls`: seconds from each start to the first call."""

    world: World
    seed: int
    lock: threading.RLock
    entries: list[Entry] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    first_calls: list[float] = field(default_factory=list)
    _number: int = 0

    def fill(self) -> None:
        chance = random.Random(self.seed)
        self.world.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "BillingCountry": "US"}])
        for number in range(12):
            add_branch(
                self.world, f"S{number}", f"Works {number}", street=f"{number} Main St", postcode=f"606{number:02}"
            )
        self.world.contacts([self._person(number, chance) for number in range(PEOPLE)])
        for journal in self.journals:
            journal.note(api=False)

    def _person(self, number: int, chance: random.Random) -> dict[str, str]:
        lacking = {name: "" for name in ("budget_amount", "authority", "email") if chance.random() < 0.15}
        own = {
            "lastname": f"Person{number}",
            "email": f"p{number}@works.example",
            "mobilephone": f"(312) 555-{number:04}",
        }
        return {**FULL, **own, "problem": "problem 0", "budget_amount": "50000", **lacking}

    def add_person(self, number: int) -> None:
        """Let somebody new be known to both systems at once, as after a list was given to both."""
        fields = self._person(number, random.Random(number))
        fields |= {"email": f"p{number}@works.example", "budget_amount": "50000", "authority": "decides"}
        lead = {"LastName": fields["lastname"], "Email": fields["email"], "Company": "Works Inc"}
        with self.lock:
            self.world.contacts([fields])
            self.world.salesforce.seed("Lead", [lead])

    @contextmanager
    def people(self) -> Iterator[None]:
        """Let people edit while the block runs."""
        end = threading.Event()
        thread = threading.Thread(target=self._edit, args=(end, random.Random(self.seed + 1)))
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def _edit(self, end: threading.Event, chance: random.Random) -> None:
        contacts = [row["hs_object_id"] for row in self.world.hubspot.all("contacts")]
        while not end.wait(chance.uniform(0.02, 0.2)):
            self._number += 1
            with self.lock:  # an edit in the middle of a call would stand in the history as the call's own
                self._edit_one(chance.choice(contacts), self._number, chance)

    def _edit_one(self, contact: str, number: int, chance: random.Random) -> None:
        match chance.randrange(5):
            case 0 | 1:
                self.world.hubspot.edit("contacts", contact, {"problem": f"problem {number}"})
            case 2:
                self.world.hubspot.edit("contacts", contact, {"budget_amount": f"{50_000 + number}"})
            case 3:
                self.world.hubspot.edit("contacts", contact, {"authority": "decides"})
            case _:
                leads = self.world.leads()
                if leads:
                    self.world.salesforce.edit("Lead", chance.choice(leads)["Id"], {"Title": f"Title {number}"})

    @contextmanager
    def daemon(self, worker: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Run `syncd run`, under a name of its own if one is given; at the end it is killed if it still lives."""
        config = self.world.config
        if worker:
            config = config.with_name(f"{worker}.yaml")
            config.write_text(
                f"{self.world.config.read_text(encoding='utf-8')}\nexecutor: {worker}\n", encoding="utf-8"
            )
        before, began = self._calls(), time.monotonic()
        log = (self.world.folder / "syncd.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        watch = threading.Thread(target=self._time_first_call, args=(process, before, began))
        watch.start()
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            watch.join()

    def _time_first_call(self, process: subprocess.Popen[bytes], before: int, began: float) -> None:
        while process.poll() is None:
            if self._calls() > before:
                self.first_calls.append(time.monotonic() - began)
                return
            time.sleep(0.01)

    def wait_for_a_call(self, process: subprocess.Popen[bytes]) -> None:
        before, end = len(self.first_calls), time.monotonic() + 120
        while len(self.first_calls) == before and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)

    def _calls(self) -> int:
        return sum(server.board.total() for server in self.world.servers.values())

    def become_quiet(self) -> None:
        """Wait until all is done that could be: nothing was due, under way or written for a while."""
        end, still, before = time.monotonic() + LONGEST, time.monotonic(), self.world.writes()
        while time.monotonic() - still < QUIET:
            assert time.monotonic() < end, f"not quiet after {LONGEST} s; {self._left()} are due or under way"
            time.sleep(0.2)
            now = self.world.writes()
            if now != before or self._left():
                still, before = time.monotonic(), now

    def _left(self) -> int:
        """Return how many entities are due, and writes that were planned and not answered."""
        left = "select (select count(*) from due) + (select count(*) from intent where state = 'planned')"
        engine = sa.create_engine(self.world.state.replace("postgresql://", "postgresql+psycopg://", 1))
        try:
            with engine.connect() as state:
                return int(state.execute(sa.text(left)).scalar_one())
        finally:
            engine.dispose()

    def verify(self) -> None:
        """Check every invariant; raise AssertionError that names the broken ones."""
        for journal in self.journals:
            journal.note(api=False)
        seen = Seen(
            contacts=self.world.hubspot.all("contacts"),
            leads=self.world.salesforce.all("Lead"),
            branches=self.world.salesforce.all("Branch__c"),
            history=list(self.entries),
            state=self.world.state,
        )
        broken = check(seen)
        assert not broken, f"seed {self.seed}:\n" + "\n".join(broken)


@contextmanager
def crowd(folder: Path, state: str, seed: int) -> Iterator[Crowd]:
    """Start a company with its people; the daemon is started by the test."""
    world = make(folder, state, {"poll: 5s": "poll: 1s", "poll: 15s": "poll: 1s", "batch: 1000": "batch: 25"})
    make_email_optional(folder / "mappings" / "definition.yaml")
    lock = threading.RLock()
    made = Crowd(world, seed, lock)
    for simulator, kinds in ((world.hubspot, ("contacts",)), (world.salesforce, ("Lead", "Branch__c"))):
        journal = Journal(simulator, kinds, made.entries, lock)
        made.journals.append(journal)
        world.servers[simulator.name].simulator = journal
    try:
        made.fill()
        yield made
    finally:
        world.stop()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
