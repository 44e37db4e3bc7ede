"""A sandbox org with the key field that syncd creates through, on a clock that a test moves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from salesforce_wire import Stored, connector_to

from connectors.contract import Reading
from connectors.salesforce import SalesforceConnector
from sandbox.salesforce import Salesforce
from sandbox.wire import Server

APP = {"client_id": "sandbox", "client_secret": "sandbox-secret"}
KINDS = ("Lead", "Contact", "Account", "Branch__c")


class Clock:
    """An hour behind the wall, so that the seconds it shows are over for the server that stamps the answers."""

    def __init__(self) -> None:
        self.now = time.time() - 3600

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Sandbox:
    """The org, the server before it, a connector to it, and a store that the connector's pages are kept in."""

    def __init__(self, org: Salesforce, server: Server, clock: Clock) -> None:
        self.org, self.server, self.clock = org, server, clock
        self.bodies: list[Any] = []
        self.sf = self.connect()
        self.store = Stored()

    def connect(self, **settings: Any) -> SalesforceConnector:
        """Return a fresh connector, as a restart makes one."""
        made = connector_to(self.server, **{"auth": APP, **settings})
        made.session.hooks["response"].append(self._note)
        return made

    def _note(self, answer: Any, **_: Any) -> None:
        if answer.request.path_url.endswith("/composite"):
            self.bodies.append(json.loads(answer.request.body))

    def calls(self) -> int:
        return self.server.board.total() - self.server.board.total("oauth2")

    def parts(self) -> list[dict[str, Any]]:
        """Return the parts of all composite calls so far."""
        return [part for body in self.bodies for part in body["compositeRequest"]]

    def poll(self, kinds: Sequence[str] = ("Lead",), fields: Sequence[str] = ()) -> dict[str, list[str]]:
        """Poll once, store every page as it comes, and return the ids that came, per kind."""
        came: dict[str, list[str]] = {}
        readings = [Reading(kind=kind, fields=fields, after=self.store.cursors.get(kind)) for kind in kinds]
        for page in self.sf.changes(readings, self.store):
            self.store.take(page)
            came.setdefault(page.kind, []).extend(record.id for record in page.records)
        return came


@contextmanager
def sandbox(**options: Any) -> Iterator[Sandbox]:
    clock = Clock()
    org = Salesforce(**{"clock": clock, **options})
    org.define_field("Lead", "Syncd_Key__c", "string", length=64, unique=True, external_id=True)
    org.define_object("Branch__c")
    org.define_field("Branch__c", "Branch_Key__c", "string", length=64, unique=True, external_id=True)
    org.define_field("Branch__c", "Account__c", "reference", reference_to="Account")
    with Server(org) as server:
        yield Sandbox(org, server, clock)


def people(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"LastName": f"Test {n}", "Company": "Acme", **fields} for n in range(count)]


def one_of(kind: str) -> dict[str, Any]:
    """Return fields that make a valid row of any of KINDS."""
    own = {"Lead": {"LastName": "L", "Company": "C"}, "Contact": {"LastName": "L"}}
    return own.get(kind, {"Name": "N"})
