"""One CRM record as a value that is replaced, never changed; tables and indexes hold these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sandbox.hubspot.values import iso

_VERSIONS_KEPT = 45  # the cap seen on contacts


class Source(NamedTuple):
    """Who wrote a value, as property history tells it."""

    type: str
    id: str


API = Source("INTEGRATION", "4711")
PERSON = Source("CRM_UI", "userId:2001")
IMPORT = Source("IMPORT", "1")


class Version(NamedTuple):
    """One past or present value of a property; `at` is epoch milliseconds."""

    value: str
    at: int
    source: Source


class Record(NamedTuple):
    """A record at one moment. `created`, `modified` and `archived` are epoch milliseconds.

    `properties` holds what was ever set ("" once cleared); ids and stamps are only fields. `history` holds properties
    that were written after creation, newest first.
    """

    id: int
    properties: Mapping[str, str]
    created: int
    modified: int
    source: Source
    archived: int | None = None
    history: Mapping[str, tuple[Version, ...]] = {}

    def changed(self, values: Mapping[str, str], at: int, source: Source) -> Record:
        """Return the record after a write; `modified` moves even when no value differs, as it does in HubSpot."""
        differing = {name: value for name, value in values.items() if self.properties.get(name) != value}
        if not differing:
            return self._replace(modified=at)
        history = dict(self.history)
        for name, value in differing.items():
            history[name] = (Version(value, at, source), *self.versions(name))[:_VERSIONS_KEPT]
        return self._replace(properties={**self.properties, **differing}, modified=at, history=history)

    def versions(self, name: str) -> tuple[Version, ...]:
        if name in self.history:
            return self.history[name]
        if name in self.properties:
            return (Version(self.properties[name], self.created, self.source),)
        return ()

    def value(self, name: str, modified_name: str) -> str | None:
        """Return a property as the wire shows it, None when it was never set."""
        if name == "hs_object_id":
            return str(self.id)
        if name == "createdate":
            return iso(self.created)
        if name == modified_name:
            return iso(self.modified)
        return self.properties.get(name)
