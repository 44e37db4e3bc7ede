"""The HubSpot connector: contacts, companies and any other CRM object, read by search and written by batch.

Which object is a lead, and what its properties mean, is left to the mapping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.contract import (
    Capabilities,
    FieldInfo,
    FieldWanted,
    Page,
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
from connectors.http import Session
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.destination import HubSpotWriter
from connectors.hubspot.properties import describe, prepare
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.source import HubSpotReader

__all__ = ["HubSpotConnector", "HubSpotSettings", "Settings", "connect"]

Settings = HubSpotSettings


def connect(name: str, settings: HubSpotSettings, *, sleep: Callable[[float], None] = time.sleep) -> HubSpotConnector:
    """Return the connector for one account; nothing is sent yet. `name` is what the operator calls the system."""
    return HubSpotConnector(name, settings, sleep=sleep)


class HubSpotConnector:
    """connectors.contract.Destination for one HubSpot account."""

    capabilities = Capabilities(reads=True, writes=True, deletes=False, erases=True, write_batch=BATCH, upsert=True)

    def __init__(self, name: str, settings: HubSpotSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = name
        self._client = HubSpotClient(name, settings, sleep=sleep)
        self._reader = HubSpotReader(self._client, settings.overlap)
        self._writer = HubSpotWriter(self._client)

    @property
    def session(self) -> Session:
        return self._client.session

    def usage(self) -> Usage:
        return self._client.usage()

    def account(self) -> str:
        """Return the id of the account that the token belongs to; one call."""
        told = self._client.account()
        self._note_offset(told)
        return str(told["portalId"])

    def check(self) -> Readiness:
        account = ""
        try:
            told = self._client.account()
            account = str(told["portalId"])
            self._note_offset(told)
            self._client.properties("contacts")
        except (AuthExpired, ConfigProblem) as error:
            return Readiness(problems=(error.message,), account=account)
        return Readiness(account=account)

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        return describe(self._client, kind)

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        return self._reader.changes(readings, seen)

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        return self._reader.fetch(kind, ids, fields)

    def ids(self, kind: str) -> Iterator[Roll]:
        return self._reader.ids(kind)

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        return self._reader.find(kind, field, values, fields)

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        return self._writer.write(requests)

    def _note_offset(self, told: Mapping[str, Any]) -> None:
        offset = told.get("utcOffsetMilliseconds")
        if isinstance(offset, int):
            self._client.judge.utc_offset = timedelta(milliseconds=offset)

    def prepare(self, wanted: Sequence[FieldWanted], *, apply: bool) -> Sequence[str]:
        return prepare(self._client, wanted, apply=apply)
