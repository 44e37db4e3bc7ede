"""The two halves of the pipeline on a small pair of systems: what is polled, and a CRM that answers as it is told.

Only the CRM's answers are made up here; mappings are read from YAML and the store is real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import time_machine
from sqlalchemy import Engine, Table, select
from support.builders import polled
from support.clock import MINUTE

from connectors.contract import (
    Capabilities,
    FieldInfo,
    FieldWanted,
    Page,
    Readiness,
    Reading,
    Record,
    Seen,
    WriteRequest,
    WriteResult,
    Written,
)
from connectors.errors import ConnectorError
from syncd.lead.decision import Decision
from syncd.mapping.loader import load
from syncd.mapping.model import Mappings
from syncd.pipeline import Brake, amend_fates, decide_batch, send_batch, settle_leftovers, store_decisions, take_in
from syncd.store import handoff, intake
from syncd.store.database import now_ms
from syncd.store.tables import due, entity, intent, link, match_key, problem, record

DEFINITION = """\
version: 1
lead:
  email: {type: email, identifies: true}
  phone: {type: phone}
  last_name: {type: text}
  company: {type: text}
  budget: {type: money, or_none: not set yet}
  account: {type: reference, refers_to: account}
account:
  name: {type: text}
  domain: {type: domain, identifies: true}
stages:
  - {name: inquiry, owner: marketing}
  - {name: mql, when: has(company)}
  - {name: sal, owner: sales, when: handoff.accepted}
handoff:
  from: mql
  requires: [[email, budget]]
"""
HUB = """\
system: hub
contact:
  is: lead
  kind: contacts
  fields:
    email: {from: email}
    phone: {from: phone}
    last_name: {from: lastname}
    company: {from: company}
    budget: {from: budget}
    refusal: {to: missing}
    crm_id: {to: crm_id}
"""
CRM = """\
system: crm
Lead:
  is: lead
  create: allowed
  create_when: handoff.passed
  key: Key__c
  fields:
    email: {from: Email, to: Email}
    last_name: {to: LastName}
    company: {from: Company, to: Company}
    budget: {to: Budget, as: text}
    sales_decision: {from: Decision}
Contact:
  is: lead
  fields:
    email: {from: Email}
"""
ANN = {"email": "ann@plant.example", "lastname": "Smith", "company": "Plant", "budget": 5}


def mappings(folder: Path, **edited: str) -> Mappings:
    for name, text in {"definition": DEFINITION, "hub": HUB, "crm": CRM, **edited}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load(folder, {"hub": "hubspot", "crm": "salesforce"})


class Crm:
    """A destination that remembers what it was asked and what it holds; `answer` is its say on each request."""

    name = "crm"
    capabilities = Capabilities(writes=True)

    def __init__(self) -> None:
        self.requests: list[WriteRequest] = []
        self.held: dict[str, dict[str, Any]] = {}
        self.trouble: ConnectorError | None = None
        self.answer: Callable[[WriteRequest], WriteResult] = self.writes

    def writes(self, request: WriteRequest) -> WriteResult:
        """A create by a key that was seen before finds the record it made then."""
        if request.id is not None:
            return Written(request.id)
        seen = [one.key for one in self.requests if one.key is not None]
        return Written(f"00Q{seen.index(request.key)}", created=seen.count(request.key) == 1)

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        if self.trouble is not None:
            raise self.trouble
        self.requests += requests
        results = [self.answer(one) for one in requests]
        for one, result in zip(requests, results, strict=True):
            if isinstance(result, Written):
                key = {one.key[0]: one.key[1]} if one.key else {}
                self.held.setdefault(result.id, {}).update(one.fields, **key)
        return results

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        raise AssertionError("the pipeline does not look up")

    def check(self) -> Readiness:
        raise AssertionError("the pipeline does not check")

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        raise AssertionError("the pipeline does not describe")

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Any:
        raise AssertionError("the pipeline does not poll")

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        raise AssertionError("the pipeline does not fetch")

    def prepare(self, wanted: Sequence[FieldWanted], *, apply: bool) -> Sequence[str]:
        raise AssertionError("the pipeline does not set up")


class Seam:
    """One state, its mappings, and both systems; time stands still unless a test moves it."""

    def __init__(self, engine: Engine, folder: Path, clock: time_machine.Traveller) -> None:
        self.engine, self.folder = engine, folder
        self.mappings = mappings(folder)
        self.crm, self.hub = Crm(), Crm()
        self.clock = clock

    @property
    def now(self) -> int:
        return now_ms()

    def later(self, ms: int = MINUTE) -> None:
        self.clock.shift(ms / 1000)

    def edit(self, **files: str) -> None:
        """Go by these files from now on, and have every lead decided again."""
        self.mappings = mappings(self.folder, **files)
        known = dict.fromkeys(self.entities(), 2)
        with self.engine.begin() as connection:
            intake.mark_due(connection, known, self.now, "an edit")

    # --- intake

    def hears(self, kind: str, *records: Record, system: str = "hub", asked: int | None = None) -> int:
        page = Page(kind=kind, records=records, cursor={"n": 1})
        with self.engine.begin() as connection:
            return take_in(connection, self.mappings, system, page, self.now, asked)

    def contact(self, one: str, fields: Mapping[str, Any] | None = None, **other: Any) -> int:
        """Poll a contact: as the test says now, else as it was."""
        held = self.hub.held.setdefault(one, {**ANN, "missing": None, "crm_id": None})
        held.update(fields or {})
        return self.hears("contacts", polled(one, dict(held), at=self.now, **other))

    def crm_lead(self, one: str, fields: Mapping[str, Any] | None = None, **other: Any) -> int:
        """Poll a CRM Lead: as the test says now, else as it was."""
        usual = dict.fromkeys(("Email", "LastName", "Company", "Budget", "Decision", "Key__c"))
        held = self.crm.held.setdefault(one, {})
        held.update({**usual, **held, **(fields or {})})
        return self.hears("Lead", polled(one, dict(held), at=self.now, **other), system="crm")

    # --- handoff

    def decide(self, *, brake: Brake | None = None, may_create: Sequence[tuple[str, str]] = (("crm", "Lead"),)) -> str:
        """Decide everything that is due and store it; return the batch."""
        with self.engine.begin() as connection:
            looked_at = handoff.next_due(connection, self.now, 1_000)
            decisions = decide_batch(connection, self.mappings, list(looked_at), self.now, may_create)
            batch, self.fates = store_decisions(
                connection, self.mappings, decisions, looked_at, self.now, brake or Brake()
            )
        self.decisions: dict[str, Decision] = {one.entity: one for one in decisions}
        return batch

    def amended(self, batch: str) -> dict[str, int]:
        """Return the fates that the batch was decided with, as they ended."""
        with self.engine.begin() as connection:
            return amend_fates(connection, [batch], self.fates)

    def send(self, batch: str) -> Counter[str]:
        outcomes, self.troubles, _ = send_batch(self.engine, {"crm": self.crm, "hub": self.hub}, batch)
        return outcomes

    def settle(self) -> int:
        with self.engine.begin() as connection:
            return settle_leftovers(connection, self.now)

    def turn(self, **how: Any) -> Counter[str]:
        """Decide and send once."""
        return self.send(self.decide(**how))

    def until_quiet(self) -> int:
        """Take turns until nothing is due; return how many."""
        for turns in range(9):
            if not self.due():
                return turns
            self.turn()
        raise AssertionError("it never falls silent")

    # --- what the state holds

    def rows(self, table: Table, **where: Any) -> list[Any]:
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.engine.begin() as connection:
            return list(connection.execute(query.order_by(*table.primary_key.columns)))

    def links(self) -> dict[str, str]:
        return {f"{one.system} {one.kind} {one.record_id}": one.entity for one in self.rows(link)}

    def entities(self) -> list[str]:
        return [one.id for one in self.rows(entity)]

    def due(self) -> list[str]:
        """What may be looked at now."""
        with self.engine.begin() as connection:
            handoff.wake(connection, self.now, 12)
        return [one.entity for one in self.rows(due) if one.not_before <= self.now]

    def state(self, one: str = "") -> dict[str, Any]:
        """Where a lead stands; without its id the only one there is."""
        (row,) = self.rows(entity, kind="lead", **({"id": one} if one else {}))
        return dict(row.state)

    def values(self, one: str) -> dict[str, Any]:
        return dict(self.rows(entity, id=one)[0]._mapping["values"])

    def keys(self, one: str) -> set[tuple[str, str]]:
        return {(row.key, row.value) for row in self.rows(match_key, entity=one)}

    def problems(self) -> list[tuple[str, str | None, str | None]]:
        return [(one.kind, one.record, one.entity) for one in self.rows(problem, open=True)]

    def message(self) -> str:
        (one,) = self.rows(problem, open=True)
        return str(one.message)

    def planned(self) -> list[Any]:
        """The writes that were decided and not answered."""
        return self.rows(intent, state="planned")

    def intents(self) -> list[str]:
        """What became of every write, in the order in which they were decided."""
        return [one.state for one in sorted(self.rows(intent), key=lambda one: (one.at, one.id))]

    def stored(self, one: str, kind: str = "contacts", system: str = "hub") -> Any:
        (row,) = self.rows(record, system=system, kind=kind, id=one)
        return row
