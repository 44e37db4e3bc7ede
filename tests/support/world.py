"""A small world: both CRMs simulated over real HTTP, an ERP database, the shipped mappings, the daemon's own cycle.

What people do in it is written by the tests, through the simulators' own methods.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sandbox.fields import define_hubspot, define_salesforce
from sandbox.hubspot import HubSpot
from sandbox.salesforce import Salesforce
from sandbox.wire import Server
from syncd.cli.common import make_work
from syncd.daemon import Once, Work, cycle, opened
from syncd.daemon.engine import BRISKLY
from syncd.health import Health
from syncd.pipeline.doors import REST_MS
from syncd.store.inbox import list_problems
from syncd.store.tables import cursor, due, metadata, problem, record
from syncd.wiring import App, build

ROOT = Path(__file__).parents[2]
TOKEN = "pat-na1-sandbox"
NO_LIMITS = "{burst: null, search_per_second: null}"

# Everything the gate of the shipped definition asks for, of somebody in a target market with a score of 50 and more.
COMPLETE: Mapping[str, str] = {
    "email": "ann.lee@works.example",
    "firstname": "Ann",
    "lastname": "Lee",
    "mobilephone": "(312) 555-0142",
    "jobtitle": "VP Operations",
    "company": "Works Inc.",
    "industry": "manufacturing",
    "numberofemployees": "500",
    "country": "USA",
    "problem": "Downtime of the paint line",
    "authority": "decides",
    "buying_group": "plant manager, purchasing",
    "budget_amount": "50000",
    "competitors_considered": "none considered",
    "decision_date": "2027-03-31",
}


@dataclass
class World:
    """The simulators, their servers, and the application wired to them."""

    folder: Path
    state: str
    hubspot: HubSpot
    salesforce: Salesforce
    servers: Mapping[str, Server]
    erp: sa.Engine
    changes: dict[str, str] = field(default_factory=dict)
    limited: bool = False  # HubSpot is called no faster than it allows
    app: App = field(init=False, repr=False)
    work: Work = field(init=False, repr=False)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def contact(self, **changes: str) -> str:
        """Seed one HubSpot contact, complete but for the changes; return its id."""
        return self.contacts([{**COMPLETE, **changes}])[0]

    def contacts(self, rows: list[dict[str, str]]) -> list[str]:
        return list(self.hubspot.seed("contacts", rows))

    def cycle(self, *, sweeping: bool = False) -> Once:
        """One poll (and sweep) of every system and one handoff of all that is due."""
        return cycle(self.work, sweeping=sweeping)

    def wait_is_over(self) -> None:
        """Let all that is put off be due now, also what waits at a shut door."""
        with self.app.engine.begin() as connection:
            connection.execute(due.update().values(not_before=0))
            shut = problem.c.key.startswith("shut|")
            connection.execute(problem.update().where(shut).values(last_seen=problem.c.last_seen - REST_MS))

    def rest_is_over(self, system: str, kind: str) -> None:
        """Let a kind that is read less often than its system be read at the next poll."""
        with self.app.engine.begin() as connection:
            row = (cursor.c.system == system) & (cursor.c.kind == kind)
            connection.execute(cursor.update().where(row).values(polled_at=0))

    def settle(self, most: int = 4) -> None:
        """Cycle until nothing is written any more."""
        for _ in range(most):
            before = self.writes()
            self.cycle()
            if self.writes() == before:
                return
        raise AssertionError(f"still writing after {most} cycles")

    def writes(self) -> Counter[str]:
        """Records written through the APIs so far, by system and kind; a write that changed nothing counts."""
        counts: Counter[str] = Counter({f"hubspot {kind}": n for kind, n in self.hubspot.writes.items()})
        for kind, one in self.salesforce.writes.items():
            counts[f"salesforce {kind}"] = one.created + one.updated + one.unchanged + one.deleted
        return counts

    def calls(self) -> dict[str, Counter[str]]:
        """Calls so far, by system and label; forgets them."""
        found = {name: Counter(server.board.calls) for name, server in self.servers.items()}
        for server in self.servers.values():
            server.board.clear()
        return found

    def leads(self) -> list[dict[str, Any]]:
        return [row for row in self.salesforce.all("Lead") if not row.get("IsDeleted")]

    def told(self, contact: str) -> dict[str, str]:
        """Return what syncd wrote on a contact."""
        return {name: value for name, value in self.hubspot.get("contacts", contact).items() if "syncd" in name}

    def stop(self) -> None:
        self.erp.dispose()
        for server in self.servers.values():
            server.stop()

    def problems(self) -> list[str]:
        """Return what the inbox asks, in words."""
        with self.app.engine.connect() as connection:
            return [row.message for row in list_problems(connection)]

    def stored(self, system: str) -> dict[str, list[str]]:
        """Return the records of a system that syncd has stored: kind -> ids."""
        query = sa.select(record.c.kind, record.c.id).where(record.c.system == system).order_by(record.c.id)
        found: dict[str, list[str]] = {}
        with self.app.engine.connect() as connection:
            for kind, key in connection.execute(query):
                found.setdefault(kind, []).append(key)
        return found

    def holding(self, *words: str) -> list[str]:
        """Return the tables of the state that hold one of these words in any column, in any case."""
        found = []
        with self.app.engine.connect() as connection:
            for table in metadata.sorted_tables:
                text = " ".join(str(row) for row in connection.execute(sa.select(table))).lower()
                found += [table.name for word in words if word.lower() in text]
        return found

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the daemon's engine run on the files as they are now."""
        self.app = build(self.config, {})
        self.work = make_work(self.app, Health())
        try:
            with opened(self.work, self.state, "test", look=BRISKLY):
                yield
        finally:
            self.app.engine.dispose()
            for source in self.app.sources.values():
                close(source)

    def begin(self) -> None:
        """Make the state, as a start does before it reads anything: the files are its first version."""
        build(self.config, {}).engine.dispose()

    def write_config(self) -> None:
        """Write config.example.yaml with this world's addresses, and the changes asked for (text -> text)."""
        text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:8101", self.servers["hubspot"].url)
        text = text.replace("http://127.0.0.1:8102", self.servers["salesforce"].url)
        text = re.sub(r"(?m)^state: .*$", f"state: {self.state}", text)
        text = re.sub(r"(?m)^    url: .*$", f"    url: sqlite:///{self.folder}/erp.db", text)
        text = text.replace("listen: 127.0.0.1:8080", "listen: 127.0.0.1:0")
        for old, new in self.changes.items():
            assert old in text, old
            text = text.replace(old, new)
        if not self.limited:  # a turn to wait for is time in which nothing is tested
            text = re.sub(r"(?m)^    # budget: \{per_day: 200000\}.*$", f"    budget: {NO_LIMITS}", text, count=1)
        self.config.write_text(text, encoding="utf-8")


@contextmanager
def world(folder: Path, state: str, changes: Mapping[str, str] | None = None, **hubspot: Any) -> Iterator[World]:
    """Start a world that is empty but for its fields; the daemon's engine runs while the block does."""
    with laid_out(folder, state, changes, **hubspot) as made:
        file = Path(make_url(state).database or "")
        if make_url(state).get_backend_name() == "sqlite" and not file.exists():
            file.touch(0o600)
            file.write_bytes(_fresh_state())
        with made.running():
            yield made


@cache
def _fresh_state() -> bytes:
    """Return the state as a start leaves it that found nothing; the engine takes a second to set one up."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "state.db"
        with laid_out(Path(name), f"sqlite:///{file}") as made, made.running():
            pass
        return file.read_bytes()


@contextmanager
def laid_out(folder: Path, state: str, changes: Mapping[str, str] | None = None, **hubspot: Any) -> Iterator[World]:
    """Start the systems and write the files, for commands to work on: no daemon, no state."""
    made = make(folder, state, changes, **hubspot)
    try:
        yield made
    finally:
        made.stop()


def empty_erp(folder: Path) -> Path:
    """Make an ERP database without a row; return its file."""
    file = folder / "erp.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        for statement in _ERP:
            connection.execute(sa.text(statement))
    engine.dispose()
    return file


def close(source: Any) -> None:
    """Close a connector's HTTP session or database, so that no socket outlives its test."""
    for name in ("session", "engine"):
        part = getattr(source, name, None)
        if part is not None:
            getattr(part, "close", getattr(part, "dispose", lambda: None))()


def make(folder: Path, state: str, changes: Mapping[str, str] | None = None, **options: Any) -> World:
    """Start the systems and write the config; the daemon is not built."""
    hubspot, salesforce = HubSpot(token=TOKEN, **options), Salesforce()
    define_hubspot(hubspot)
    define_salesforce(salesforce)
    shutil.copytree(ROOT / "mappings", folder / "mappings", dirs_exist_ok=True)
    erp = sa.create_engine(f"sqlite:///{empty_erp(folder)}")
    servers = {"hubspot": Server(hubspot).start(), "salesforce": Server(salesforce).start()}
    limited = bool({"burst", "search_per_second"} & options.keys())
    made = World(folder, state, hubspot, salesforce, servers, erp, dict(changes or {}), limited)
    made.write_config()
    return made


def add_branch(made: World, number: str, name: str, *, customer: str = "C1", **fields: str) -> None:
    """Add a ship-to branch and, at its first, the customer it belongs to."""
    row = {
        "customer_no": customer,
        "ship_to_no": number,
        "name": name,
        "street": "100 W Main St",
        "city": "Chicago",
        "state": "IL",
        "postcode": "60601",
        "country": "US",
        "phone": "312 555 0100",
        "changed_at": datetime.now(UTC).replace(tzinfo=None),
        **fields,
    }
    with made.erp.begin() as connection:
        there = connection.execute(sa.text("select 1 from customer where customer_no = :c"), {"c": customer}).first()
        if there is None:
            connection.execute(
                sa.text("insert into customer (customer_no, name, country) values (:c, :n, 'US')"),
                {"c": customer, "n": "Works Incorporated"},
            )
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text(f"insert into ship_to ({columns}) values ({values})"), row)


_ERP = (
    "create table customer (customer_no text primary key, name text, street text, city text, state text, "
    "postcode text, country text, phone text, changed_at timestamp)",
    "create table ship_to (customer_no text, ship_to_no text, name text, street text, city text, state text, "
    "postcode text, country text, phone text, roles text, blocked boolean, last_shipment date, "
    "shipped_volume numeric, changed_at timestamp)",
)
