"""The HubSpot connector: contacts, companies and any other CRM object, read by search and written by batch.

Which object is a lead, and what its properties mean, is left to the mapping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
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
from connectors.errors import AuthExpired, ConfigProblem, ConnectorError
from connectors.http import Session
from connectors.hubspot.branches import BRANCH, Home
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.destination import HubSpotWriter
from connectors.hubspot.links import link_fields
from connectors.hubspot.oauth import OAuthToken
from connectors.hubspot.properties import describe
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.setup import prepare
from connectors.hubspot.source import HubSpotReader

__all__ = ["HubSpotConnector", "HubSpotSettings", "Settings", "connect"]

Settings = HubSpotSettings

_HOME, _OBJECT = "home", "object"  # in the cursor of branches

_REPLACED = (
    "HubSpot gave another refresh token than the configured one, which may be refused from now on; install the app "
    "again and set oauth.refresh_token to its new one, or better use a service key (access_token)"
)


def connect(name: str, settings: HubSpotSettings, *, sleep: Callable[[float], None] = time.sleep) -> HubSpotConnector:
    """Return the connector for one account; nothing is sent yet. `name` is what the operator calls the system."""
    return HubSpotConnector(name, settings, sleep=sleep)


class HubSpotConnector:
    """connectors.contract.Destination for one HubSpot account."""

    capabilities = Capabilities(writes=True, erases=True, write_batch=BATCH, spares_changed=True)

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
        """Return the id of the account that the token belongs to, empty where that is not told; one call."""
        told = self._client.account()
        self._note_offset(told)
        return str(told.get("portalId", ""))

    def check(self) -> Readiness:
        try:
            self._note_offset(self._client.account())
            self._client.properties("contacts")
            notes = self._notes()
        except (AuthExpired, ConfigProblem) as error:
            return Readiness(problems=(error.message,))
        return Readiness(notes=notes)

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        return [*describe(self._client, kind), *link_fields(kind)]

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Note that a mapping names this kind; see wiring."""
        del table
        self._client.branches.mapped = self._client.branches.mapped or kind == BRANCH

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        for one in readings:
            if one.kind == BRANCH and one.after and _OBJECT in one.after:
                self._client.branches.remember(str(one.after[_HOME]), one.after[_OBJECT])
        moved = [one for one in readings if one.kind == BRANCH and self._has_moved(one)]
        try:
            awake = [one for one in readings if one not in moved and not one.rests]
            for page in self._reader.changes(awake, seen):
                yield page if page.kind != BRANCH else replace(page, cursor={**page.cursor, **self._told()})
        except ConnectorError as error:
            if BRANCH in error.kinds:
                self._client.branches.doubt()
            if moved and error.kinds:
                error.kinds = (*error.kinds, BRANCH)
            raise
        if moved:
            raise self._moved(moved[0])

    @property
    def unused(self) -> frozenset[str]:
        """Kinds that the settings rule out: mappings of them are left alone."""
        return self._client.branches.unused

    def _notes(self) -> tuple[str, ...]:
        branches, credential = self._client.branches, self._client.session.credential
        kept = (branches.choose(self._client, again=True).words(),) if branches.mapped else ()
        replaced = isinstance(credential, OAuthToken) and credential.replaced
        return (*kept, _REPLACED) if replaced else kept

    @property
    def _home(self) -> Home:
        return self._client.branches.choose(self._client).home

    def _told(self) -> dict[str, str | None]:
        choice = self._client.branches.choose(self._client)
        return {_HOME: choice.home.value, _OBJECT: choice.object, "kept": choice.words()}

    def _has_moved(self, reading: Reading) -> bool:
        """Tell whether branches were kept elsewhere when they were last read: ids there say nothing here."""
        before = (reading.after or {}).get(_HOME)
        self._writer.moved = before is not None and before != self._home.value
        return self._writer.moved

    def _moved(self, reading: Reading) -> ConfigProblem:
        before = (reading.after or {}).get(_HOME)
        problem = ConfigProblem(
            f"branches were kept as {before} so far and now would be as {self._home.value}: nothing of them is read or "
            f"written. Set branches: {before} again, or begin a new state",
            system=self.name,
        )
        problem.kinds = (BRANCH,)
        return problem

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        return self._reader.fetch(kind, ids, fields)

    def ids(self, kind: str) -> Iterator[Roll]:
        return self._reader.ids(kind)

    def people(self) -> Sequence[Person]:
        return self._reader.people()

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
