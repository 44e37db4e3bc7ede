"""A few leads in two systems, settled under one set of files, then the same under another: without any network.

The systems take whatever they are told; what is decided and stored is the daemon's own.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from support.builders import polled

from connectors.contract import Capabilities, Page, WriteRequest, WriteResult, Written
from syncd.edits import passing
from syncd.edits.plan import Plan, make_plan
from syncd.edits.tally import Closer
from syncd.mapping.files import of_texts
from syncd.mapping.loader import compile_files
from syncd.mapping.model import Mappings
from syncd.pipeline import Brake, decide_batch, send_batch, store_decisions, take_in
from syncd.store import handoff
from syncd.store.database import now_ms, open_store
from syncd.store.tables import intent, ledger, link, record, stage_event, verdict

SYSTEMS = {"hub": "hubspot", "crm": "salesforce"}
PROPERTIES = ("email", "phone", "lastname", "company", "jobtitle", "city", "budget", "employees", "optout")
CRM_FIELDS = ("Email", "LastName", "Company", "Title", "City", "Budget", "Employees", "OptOut", "Decision", "Key__c")
SPARE = ("last_name__c", "company__c", "title__c", "city__c", "budget__c", "employees__c", "opted_out__c")
FACTS = ("score__c", "stage__c", "refusal__c")
OURS = ("missing", "stage", "score", "status", "handed", "crm_id")
FILES: Mapping[str, str] = {
    "definition.yaml": """\
version: 1
lead:
  email: {type: email, identifies: true}
  phone: {type: phone}
  last_name: {type: text}
  company: {type: text}
  title: {type: text}
  city: {type: text}
  budget: {type: money, or_none: not set yet}
  employees: {type: integer}
  opted_out: {type: boolean, merge: any}
account:
  name: {type: text}
  domain: {type: domain, identifies: true}
markets:
  big: employees >= 200
score:
  fit:
    - {points: 30, when: in_market}
    - {points: 20, when: has(title)}
stages:
  - {name: inquiry, owner: marketing}
  - {name: mql, when: score >= 30}
  - {name: sal, owner: sales, when: handoff.accepted}
handoff:
  from: mql
  requires:
    - [email, company]
    - [budget]
""",
    "hub.yaml": """\
system: hub
contact:
  is: lead
  kind: contacts
  fields:
    email: {from: email}
    phone: {from: phone}
    last_name: {from: lastname}
    company: {from: company}
    title: {from: jobtitle, to: jobtitle, conflict: newest}
    city: {from: city}
    budget: {from: budget, to: budget, as: text}
    employees: {from: employees}
    opted_out: {from: optout}
    refusal: {to: missing}
    stage: {to: stage}
    score: {to: score}
    handoff_status: {to: status}
    handed_over_at: {to: handed}
    crm_id: {to: crm_id}
""",
    "crm.yaml": """\
system: crm
Lead:
  is: lead
  create: allowed
  create_when: handoff.passed && has(last_name)
  key: Key__c
  fields:
    email: {from: Email, to: Email}
    last_name: {to: LastName}
    company: {from: Company, to: Company}
    title: {to: Title}
    city: {from: City, to: City, conflict: ours}
    budget: {to: Budget, as: text}
    employees: {to: Employees}
    opted_out: {from: OptOut, to: OptOut}
    sales_decision: {from: Decision}
Contact:
  is: lead
  fields:
    email: {from: Email}
""",
}


def compiled(files: Mapping[str, str]) -> Mappings:
    return compile_files(of_texts("mappings", files), SYSTEMS)


class Taking:
    """A system that takes everything, and makes an id for what is created."""

    capabilities = Capabilities(writes=True)

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        return [Written(one.id) if one.id else Written(f"00Q{next(self._ids):05d}", created=True) for one in requests]


@dataclass
class SmallWorld:
    """One state and the version in force."""

    engine: Engine
    running: Mappings
    made: list[str] = field(default_factory=list)  # the ids given by the last that was sent
    systems: Mapping[str, Any] = field(default_factory=lambda: {"hub": Taking(), "crm": Taking()})

    @classmethod
    def begin(cls, template: Path, file: Path, files: Mapping[str, str]) -> SmallWorld:
        shutil.copy(template, file)
        file.chmod(0o600)
        made = cls(open_store(f"sqlite:///{file}", migrate=False), compiled(files))
        with made.engine.begin() as connection:
            passing.begin(connection, made.running, SYSTEMS)
        return made

    def hears(self, system: str, kind: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        records = [polled(one, dict(fields), at=now_ms()) for one, fields in rows.items()]
        with self.engine.begin() as connection:
            take_in(connection, self.running, system, Page(kind=kind, records=records, cursor={"n": 1}), now_ms())

    def decide(self) -> str:
        """Decide everything that is due, in one batch."""
        with self.engine.begin() as connection:
            due = handoff.next_due(connection, now_ms(), 10_000)
            decisions = decide_batch(connection, self.running, list(due), now_ms(), [("crm", "Lead")])
            self.looked_at = set(due)
            batch, _ = store_decisions(connection, self.running, decisions, due, now_ms(), Brake())
        return batch

    def decide_all(self) -> list[str]:
        """Decide batch after batch until nothing is due, live changes first; send nothing."""
        batches = []
        for _ in range(9):
            batches.append(self.decide())
            if not self.looked_at:
                return batches
        raise AssertionError("it is never done")

    def send_and_decide(self, batches: Sequence[str]) -> list[str]:
        """Send these and decide what follows on the answers; send nothing of that."""
        for batch in batches:
            send_batch(self.engine, self.systems, batch)  # type: ignore[arg-type]
        with self.engine.connect() as connection:
            sent = connection.execute(select(intent).where(intent.c.batch.in_(batches)))
            self.made = [row.record_id for row in sent if row.request["key"]]
        return self.decide_all()

    def settle(self) -> None:
        for _ in range(9):
            batch = self.decide()
            if not self.looked_at:
                return
            send_batch(self.engine, self.systems, batch)  # type: ignore[arg-type]
        raise AssertionError("it never falls silent")

    def plan(self, edited: Mappings, **options: Any) -> Plan:
        return make_plan(self.engine, self.running, edited, **{"closer": Closer(whole=True), **options})

    def put_in_force(self, plan: Plan, edited: Mappings) -> None:
        passing.put_in_force(self.engine, plan, self.running, edited, SYSTEMS, how="edit", by="test")
        self.running = edited

    # --- what the run did

    def written(self, batches: Sequence[str]) -> dict[tuple[str, str, str], Any]:
        """Return (entity, record, their field) -> value of every write of these batches."""
        found = {}
        with self.engine.connect() as connection:
            for row in connection.execute(select(intent).where(intent.c.batch.in_(batches))):
                name = f"{row.system} {row.kind} {self._known(row.record_id) or '(new)'}"
                fields = row.request["fields"]
                found.update({(row.entity, name, key): self._known(value) for key, value in fields.items()})
        return found

    def _known(self, value: Any) -> Any:
        """Return a value as a plan tells it: no id that was given since."""
        return "(new)" if value in self.made else value

    def count_written(self, batches: Sequence[str]) -> int:
        with self.engine.connect() as connection:
            query = select(intent.c.id).where(intent.c.batch.in_(batches))
            return len(connection.execute(query).all())

    def rows(self, table: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(table)))

    def changed(self, since: int) -> dict[tuple[str, str], tuple[Any, Any]]:
        """Return (entity, our field) -> (old, new) of the ledger rows after the first `since`."""
        rows = self.rows(ledger)[since:]
        return {(row.entity, name): (one[0], one[1]) for row in rows for name, one in row.changes.items()}

    def moves(self, since: int) -> list[tuple[str, str]]:
        return [(row.lead, row.to_stage) for row in self.rows(stage_event)[since:]]

    def verdicts(self, since: int) -> dict[str, str]:
        return {row.lead: row.outcome for row in self.rows(verdict)[since:]}

    def counts(self) -> tuple[int, int, int]:
        return len(self.rows(ledger)), len(self.rows(stage_event)), len(self.rows(verdict))

    def leads(self) -> dict[str, str]:
        """Return record -> entity."""
        return {f"{row.system} {row.kind} {row.record_id}": row.entity for row in self.rows(link)}

    def held(self, name: str) -> Mapping[str, Any]:
        system, kind, one = name.split(" ")
        rows = [row for row in self.rows(record) if (row.system, row.kind, row.id) == (system, kind, one)]
        return dict(rows[0].fields)
