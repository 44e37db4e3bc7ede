"""Owners by their e-mail address: the lines that say `as: owner`, bound to who the systems' people are.

Who they are is read by syncd.daemon.people and kept in the state; without it such a line knows nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from syncd.mapping.model import ABSENT, BadValue, FieldMap, Fields, KindMap, Mappings, ReadField, WriteField
from syncd.mapping.readers import identifier, reader

OWNER = "owner"  # the transform's name


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can own records, as one system knows them. `email` is lower-case; a queue has none."""

    id: str
    email: str | None
    active: bool


@dataclass(frozen=True)
class Owners:
    """One system's people."""

    people: tuple[Person, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Person]:
        return {one.id: one for one in self.people}

    @cached_property
    def active_by_email(self) -> Mapping[str, tuple[Person, ...]]:
        found: dict[str, tuple[Person, ...]] = {}
        for one in self.people:
            if one.active and one.email:
                found[one.email] = (*found.get(one.email, ()), one)
        return found


People = Mapping[str, Owners]  # system -> its people; a system that was never asked is left out
NOBODY: People = {}


def bind(mappings: Mappings, people: People) -> Mappings:
    """Return the mappings with each owner's line going by these people."""
    if not mappings.owned:
        return mappings
    systems = dict(mappings.systems)
    for system, kind in mappings.owned:
        one = systems[system]
        bound = _bound(one.kinds[kind], people.get(system))
        systems[system] = replace(one, kinds={**one.kinds, kind: bound})
    return replace(mappings, systems=systems)


def bind_kind(kind: KindMap, emails: Mapping[str, str | None]) -> KindMap:
    """Return the kind with its owner's lines going by these people, all active: id -> e-mail address."""
    people = (Person(id, email.strip().lower() if email else None, active=True) for id, email in emails.items())
    return _bound(kind, Owners(tuple(people)))


def unbound(system: str, names: tuple[str, ...], written: str | None) -> dict[str, Any]:
    """Return read, write and read_back of an owner's line while nobody is known."""
    return _ways(system, names, written, None)


# ---------------------------------------------------------------------------------------------------------------------


def _bound(kind: KindMap, owners: Owners | None) -> KindMap:
    def line(one: FieldMap) -> FieldMap:
        if not one.owner:
            return one
        markets = {name: line(other) for name, other in one.markets.items()}
        return replace(one, markets=markets, **_ways(kind.system, one.reads, one.writes, owners))

    return replace(kind, fields={name: line(one) for name, one in kind.fields.items()})


def _ways(system: str, names: tuple[str, ...], written: str | None, owners: Owners | None) -> dict[str, Any]:
    back = reader((written,), identifier, None) if written else None
    return {
        "read": _reading(system, reader(names, identifier, None), owners) if names else None,
        "write": _writing(system, owners) if written else None,
        "read_back": _reading_back(back, owners) if back else None,
    }


def _reading(system: str, read_id: ReadField, owners: Owners | None) -> ReadField:
    def read(fields: Fields) -> Any:
        raw = read_id(fields)
        if raw is None or raw is ABSENT:
            return raw
        if owners is None:
            return BadValue(f"the owners of {system} were not read yet")
        one = owners.by_id.get(raw)
        return one.email if one is not None else BadValue(f"{system} told of no such owner")

    return read


def _writing(system: str, owners: Owners | None) -> WriteField:
    def write(email: Any) -> Any:
        if owners is None:
            return BadValue(f"the owners of {system} were not read yet")
        found = owners.active_by_email.get(str(email).strip().lower(), ())
        if len(found) == 1:
            return found[0].id
        who = "several active people" if found else "nobody active"
        return BadValue(f"{who} in {system} {'have' if found else 'has'} the owner's e-mail address")

    return write


def _reading_back(read_id: ReadField, owners: Owners | None) -> ReadField:
    """Whoever owns it over there, known or not, owns it: the field is not empty."""

    def read(fields: Fields) -> Any:
        raw = read_id(fields)
        one = owners.by_id.get(raw) if owners is not None and isinstance(raw, str) else None
        return one.email or raw if one is not None else raw

    return read


def people_of(rows: Iterable[tuple[str, str, str | None, bool]]) -> People:
    """Make People of (system, id, email, active)."""
    found: dict[str, list[Person]] = {}
    for system, id, email, active in rows:
        found.setdefault(system, []).append(Person(id, email, active))
    return {system: Owners(tuple(people)) for system, people in found.items()}
