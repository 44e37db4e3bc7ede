"""The records and property definitions of one object type, with everything that must be found quickly.

It keeps what it is given: whether a write is allowed is decided in writing.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.hubspot.index import Index
from sandbox.hubspot.records import Record, Version
from sandbox.hubspot.schema import GROUPS, Property, standard_properties
from sandbox.hubspot.values import iso

_FIRST_ID = 101  # the same in every table: an id says nothing without its object type
_DEFAULTS = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage"),
}


class Table:
    """One object type. `delay` says how many seconds after a write search sees a record."""

    def __init__(self, kind: str, type_id: str, clock: Callable[[], float], delay: Callable[[str], float]) -> None:
        self.kind = kind
        self.type_id = type_id
        self.modified_name = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        self.stamps = ("createdate", "hs_object_id", self.modified_name)
        self.default_names = (*_DEFAULTS.get(kind, ()), *self.stamps)
        self.definitions: dict[str, Property] = standard_properties(kind)
        self.unique_names = self._find_unique()
        self.groups: dict[str, str] = {GROUPS.get(kind, f"{kind}_information"): kind.capitalize()}
        self.groups["analyticsinformation"] = "Analytics"
        self.records: dict[int, Record] = {}
        self.ids: list[int] = []
        self.archive: dict[int, Record] = {}
        self.merged: dict[int, int] = {}  # id that was merged away -> id it became
        self.next_id = _FIRST_ID
        self.index = Index()
        self._clock = clock
        self._delay = delay
        self._owners: dict[str, dict[str, int]] = {}  # unique property -> folded value -> id
        self._further: dict[str, int] = {}  # secondary address -> id

    @property
    def type_name(self) -> str:
        """The name inside error texts."""
        return {"contacts": "CONTACT", "companies": "COMPANY", "deals": "DEAL"}.get(self.kind, self.type_id)

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def live(self, name: str) -> Property | None:
        """Return the definition unless it is unknown or archived."""
        found = self.definitions.get(name)
        return found if found is not None and found.archived is None else None

    def define(self, definition: Property) -> None:
        """Add or replace a property definition."""
        self.definitions[definition.name] = definition
        unique = self._find_unique()
        if unique != self.unique_names:
            self.unique_names = unique
            self._owners.clear()
            self._further.clear()
            for record in self.records.values():
                self._claim(record)

    def owner(self, name: str, value: str) -> int | None:
        """Return the record that holds the value of a unique property, as its first or (email) a further value."""
        folded = value.strip().lower()
        found = self._owners.get(name, {}).get(folded)
        return self._further.get(folded) if found is None and name == "email" else found

    def secondary(self, address: str) -> bool:
        return address.strip().lower() in self._further

    def resolve(self, record_id: int) -> int:
        """Follow merges to the id that stands now."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        return record_id

    def put(self, record: Record) -> None:
        """Store a live record's new state."""
        before = self.records.get(record.id)
        if before is None:
            insort(self.ids, record.id)
        self._unclaim(before)
        self.records[record.id] = record
        self._claim(record)
        self._show(record.id, record)

    def drop(self, record_id: int) -> Record:
        """Take a record out of the live ones."""
        record = self.records.pop(record_id)
        del self.ids[bisect_left(self.ids, record_id)]
        self._unclaim(record)
        self._show(record_id, None)
        return record

    def load(self, records: Iterable[Record]) -> None:
        """Add many new live records; search sees them at once."""
        fresh = list(records)
        for record in fresh:
            self.records[record.id] = record
            self._claim(record)
        self.ids = sorted(self.records)
        self.next_id = max([self.next_id, *(record.id + 1 for record in fresh)])
        self.index.load(fresh)

    def body(
        self, record: Record, names: Sequence[str] = (), history: Sequence[str] = (), **more: Any
    ) -> dict[str, Any]:
        """Return the record as the wire shows it; names that are not defined are left out."""
        asked = (*(names or self.default_names), *history, *self.stamps)
        shown = sorted({name for name in asked if self.live(name)})
        envelope: dict[str, Any] = {
            "id": str(record.id),
            "properties": {name: record.value(name, self.modified_name) for name in shown},
            "createdAt": iso(record.created),
            "updatedAt": iso(record.modified),
            "archived": record.archived is not None,
        }
        if record.archived is not None:
            envelope["archivedAt"] = iso(record.archived)
        if history:
            envelope["propertiesWithHistory"] = {
                name: [_version(version) for version in record.versions(name)] for name in history if self.live(name)
            }
        return {**envelope, **more}

    def _find_unique(self) -> tuple[str, ...]:
        return tuple(name for name, definition in self.definitions.items() if definition.unique)

    def _show(self, record_id: int, record: Record | None) -> None:
        now = self._clock()
        self.index.take(record_id, record, now + self._delay(str(record_id)), now)

    def _claim(self, record: Record) -> None:
        for name in self.unique_names:
            if value := record.properties.get(name):
                self._owners.setdefault(name, {})[value.lower()] = record.id
        for address in self._addresses(record):
            self._further[address] = record.id

    def _unclaim(self, record: Record | None) -> None:
        if record is None:
            return
        for name, owners in self._owners.items():
            if owners.get((record.properties.get(name) or "").lower()) == record.id:
                del owners[record.properties[name].lower()]
        for address in self._addresses(record):
            self._further.pop(address, None)

    def _addresses(self, record: Record) -> list[str]:
        listed = record.properties.get("hs_additional_emails") if self.kind == "contacts" else None
        return [address.lower() for address in listed.split(";")] if listed else []


def _version(version: Version) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "value": version.value,
        "timestamp": iso(version.at),
        "sourceType": version.source.type,
        "sourceId": version.source.id,
    }
    if version.source.type == "CRM_UI":
        shown["updatedByUserId"] = int(version.source.id.rpartition(":")[2])
    return shown
