"""The Salesforce connector: Leads, Contacts, Accounts and any other object, read by keyset and written by collections.

It speaks Salesforce's own names; what they mean to syncd is said in mappings/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.contract import (
    Capabilities,
    FieldInfo,
    FieldWanted,
    Page,
    Person,
    Readiness,
    Reading,
    Record,
    Roll,
    Seen,
    Usage,
    WriteRequest,
    WriteResult,
)
from connectors.errors import AuthExpired, ConfigProblem
from connectors.http import Session, understood
from connectors.salesforce.client import Client
from connectors.salesforce.destination import CALL_ROWS, Writer
from connectors.salesforce.extract import Extractor
from connectors.salesforce.package import write_package
from connectors.salesforce.parts import Parts, plain
from connectors.salesforce.polling import Poller
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.setup import Preparer
from connectors.salesforce.source import Reader

__all__ = ["SalesforceConnector", "Settings", "connect", "write_package"]

Settings = SalesforceSettings

_FEW_CALLS = 0.1  # of the day's calls; with less left an operator should know before the start


def connect(
    name: str, settings: SalesforceSettings, *, sleep: Callable[[float], None] = time.sleep
) -> SalesforceConnector:
    """Return a connector; nothing is sent until it is first asked something."""
    return SalesforceConnector(name, settings, sleep)


class SalesforceConnector:
    """A contract.Destination over one org."""

    capabilities = Capabilities(writes=True, write_batch=CALL_ROWS, free_account=True, spares_changed=True)

    def __init__(self, name: str, settings: SalesforceSettings, sleep: Callable[[float], None]) -> None:
        self.name = name
        self._client = Client(name, settings, sleep)
        self._reader = Reader(self._client)
        self._poller = Poller(self._client, Extractor(self._client, sleep))
        self._writer = Writer(self._client, sleep)
        self._parts = Parts(settings.record_types)
        self._record_types: dict[str, Mapping[str, str]] = {}

    @property
    def session(self) -> Session:
        """The HTTP session of all calls, with its counters."""
        return self._client.session

    def usage(self) -> Usage:
        """Return what the org has spent of its daily calls, as its latest answer told."""
        return self._client.meter.usage()

    def account(self) -> str:
        """Return the id of the org that the token belongs to; costs no call of its own."""
        return self._client.identity().org

    def check(self) -> Readiness:
        """Log in, check the org, and look at its limits where the user may see them."""
        notes: list[str] = []
        try:
            self._client.identity()
            answer = self._client.answer("GET", "limits")
        except (AuthExpired, ConfigProblem) as error:
            return Readiness(problems=(error.message,))
        if answer.status == 404:
            version = self._client.settings.api_version
            return Readiness(problems=(f"{self.name}: the org knows no API version {version}; correct api_version",))
        calls = answer.body.get("DailyApiRequests") if answer.ok and isinstance(answer.body, dict) else None
        if calls is None:
            notes.append(
                f"{self.name}: syncd's user may not read the org's limits (View Setup and Configuration); the figures "
                f"that come with every answer are used instead"
            )
        else:
            with understood("the org's limits"):
                if calls["Remaining"] < calls["Max"] * _FEW_CALLS:
                    notes.append(f"{self.name}: only {calls['Remaining']} of {calls['Max']} API calls are left today")
        return Readiness(notes=tuple(notes))

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Note that a mapping names this kind, which may be a part of an object; see wiring."""
        del table
        self._parts.note(kind)

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        return self._reader.fields(kind, self._parts.record_type(kind))

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        with self._parts.told():
            awake = [one for one in readings if not one.rests]
            for page in self._poller.changes(self._parts.readings(awake), self._parts.seen(seen)):
                yield replace(page, kind=plain(page.kind))

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        return self._reader.fetch(kind, ids, fields)

    def ids(self, kind: str) -> Iterator[Roll]:
        return self._reader.ids(self._parts.narrowed(kind))

    def people(self) -> Sequence[Person]:
        return self._reader.people()

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        return self._reader.find(self._parts.narrowed(kind), field, values, fields)

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        for kind in self._parts.to_describe(requests) - self._record_types.keys():
            self._record_types[kind] = self._reader.record_types(kind)
        return self._writer.write(self._parts.typed(requests, self._record_types))

    def prepare(self, wanted: Sequence[FieldWanted], *, apply: bool) -> Sequence[str]:
        with understood("setup"):
            return Preparer(self._client, self._reader).prepare(self._parts.wanted(wanted), apply=apply)

    def write_package(self, wanted: Sequence[FieldWanted], directory: Path) -> Sequence[Path]:
        """Write an SFDX source package that an admin deploys instead of `prepare`; return its files."""
        return write_package(self._parts.wanted(wanted), directory)
