"""Kinds that are a part of an object, such as the Accounts that are branches: `Account:Syncd_Branch_Key__c`.

Whatever reads the whole object then reads the rest of it, so that no record is of two kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from connectors.contract import FieldWanted, Policy, Reading, Seen, WriteRequest
from connectors.errors import ConfigProblem, ConnectorError
from connectors.salesforce.soql import object_of


class Parts:
    """Which parts the mappings name, and which record type a record gets that is made as one."""

    def __init__(self, record_types: Mapping[str, str]) -> None:
        self._record_types = record_types
        self._fields: dict[str, str] = {}  # object -> the field that tells its part

    def note(self, kind: str) -> None:
        """Take over that a mapping names this kind."""
        _, divided, field = kind.partition(":")
        if divided:
            self._fields[object_of(kind)] = field

    def narrowed(self, kind: str) -> str:
        """Return a kind as it is asked for: without the part that is a kind of its own."""
        return f"{kind}:!{self._fields[kind]}" if kind in self._fields else kind

    def readings(self, readings: Sequence[Reading]) -> list[Reading]:
        return [replace(one, kind=self.narrowed(one.kind)) for one in readings]

    def seen(self, seen: Seen) -> Seen:
        return _Seen(seen)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let an error name the kinds as the mappings do."""
        try:
            yield
        except ConnectorError as error:
            error.kinds = tuple(map(plain, error.kinds))
            raise

    def wanted(self, wanted: Sequence[FieldWanted]) -> list[FieldWanted]:
        """Return the fields at the objects where they are to be made."""
        return [
            replace(one, kind=object_of(one.kind), references=object_of(one.references) if one.references else None)
            for one in wanted
        ]

    def record_type(self, kind: str) -> str | None:
        """Return the API name of the record type that records of a kind are made with, where one is set."""
        return self._record_types.get(kind)

    def typed(self, requests: Sequence[WriteRequest], infos: Mapping[str, Mapping[str, str]]) -> list[WriteRequest]:
        """Give what is created its record type. `infos`: kind -> API name of a record type -> id."""
        return [
            replace(one, fields={**one.fields, "RecordTypeId": self._type(one.kind, infos[one.kind])})
            if one.policy is Policy.CREATE and one.kind in self._record_types
            else one
            for one in requests
        ]

    def to_describe(self, requests: Sequence[WriteRequest]) -> set[str]:
        """Return the kinds whose record types are needed now."""
        return {one.kind for one in requests if one.policy is Policy.CREATE} & self._record_types.keys()

    def _type(self, kind: str, known: Mapping[str, str]) -> str:
        name = self._record_types[kind]
        if name not in known:
            raise ConfigProblem(
                f"{object_of(kind)} has no record type {name} that syncd's user may use; correct record_types, or "
                f"assign it to the user's profile"
            )
        return known[name]


def plain(kind: str) -> str:
    """Return the kind as the mappings name it."""
    return kind.partition(":!")[0]


class _Seen:
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return self._seen.count(plain(kind), since, before)
