"""A mapping, checked and compiled: which record kinds of a system are what, and how each field travels.

Pure values and functions; reading YAML is the loader's, applying the result is the stages'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from syncd.config.yaml import Place, Problem, Problems
from syncd.lead.definition import SALES_FACTS, Condition, Definition, EntityKind, FieldType
from syncd.mapping.files import NO_FILES, FileSet

__all__ = [
    "ABSENT",
    "BESIDE",
    "NEVER_STALE",
    "BadValue",
    "Conflict",
    "Create",
    "FieldMap",
    "Fields",
    "KindMap",
    "Mappings",
    "Method",
    "Place",
    "Problem",
    "Problems",
    "ReadField",
    "SystemMap",
    "TouchMap",
    "WriteField",
]


class Create(StrEnum):
    """May syncd create records of this kind?"""

    ALLOWED = "allowed"
    NEVER = "never"
    REVIEW = "review"


class Conflict(StrEnum):
    """Who wins when both sides changed a field since they last agreed."""

    THEIRS = "theirs"
    OURS = "ours"
    NEWEST = "newest"
    FILL = "fill"  # ours only into an empty field
    ASK = "ask"


class Method(StrEnum):
    """How a source came to know a value, most trusted first; a person's entry outranks bought data."""

    STATED = "stated"
    OBSERVED = "observed"
    INFERRED = "inferred"
    BOUGHT = "bought"

    rank: int

    def __init__(self, _: str) -> None:
        self.rank = len(type(self).__members__)


@dataclass(frozen=True, slots=True)
class BadValue:
    """A raw value that could not be read as its field's type; `why` never repeats the value."""

    why: str


class _Absent:
    """The value of a field that was not read: nothing is known of it."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()

# A field of such a name is a link that a system keeps beside its records: written, and never read with them. Its raw
# value is [id to link, id to unlink].
BESIDE = "associations."

Fields = Mapping[str, Any]  # a system's raw fields
ReadField = Callable[[Fields], Any]  # -> canonical value, None when empty, ABSENT when not read, or BadValue
WriteField = Callable[[Any], Any]  # canonical value -> raw value for the system; or BadValue when it cannot be held


def as_choice(raw: Any) -> str:
    """Return a written value as an option of theirs is called."""
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


@dataclass(frozen=True, kw_only=True)
class FieldMap:
    """How one shared field travels between an entity and one kind of record.

    `reads` are the system's fields it is read from (first non-blank wins), `writes` the one it is written to. `read`
    and `write` are compiled from the transform. `rule` is how the mapping line reads, for explain. `refers_to`:
    (entity kind, record kind) of a reference; its raw value is the id of the linked record of that kind in the same
    system. `holds` is the type that the system's written field needs: text for a budget written `as: text`.
    """

    name: str
    place: Place
    rule: str
    reads: tuple[str, ...] = ()
    writes: str | None = None
    read: ReadField | None = None
    write: WriteField | None = None
    read_back: ReadField | None = None  # canonical value of `writes` as the system holds it now
    conflict: Conflict = Conflict.THEIRS
    method: Method = Method.STATED
    type: FieldType = FieldType.TEXT
    refers_to: tuple[EntityKind, str] | None = None
    truncate: int | None = None
    needs: tuple[str, ...] = ()  # further fields of the system that reading it takes, such as a country
    holds: FieldType = FieldType.TEXT
    choices: tuple[str, ...] = ()  # the raw values it may write, where those are known
    longest: int | None = None  # characters that it may write, where that is bounded
    plain: bool = False  # read by its type alone: no table, no formula
    identifies: bool = False  # no two of ours have the same value
    free: bool = False  # it may write any text
    owner: bool = False  # an id of one of the system's people, and their e-mail address here
    yes_holds: bool = False  # `merge: any`: a yes of any side is written over every no
    when: Condition | None = None  # over our values: written only where it holds
    derive: Callable[[Mapping[str, Any]], Any] | None = None  # our values -> what is written in place of our own
    markets: Mapping[str, FieldMap] = field(default_factory=dict)  # the line as it is for leads of a market

    @property
    def beside(self) -> bool:
        """Whether it is written as a link beside the record."""
        return self.writes is not None and self.writes.startswith(BESIDE)

    @property
    def varies(self) -> bool:
        """Whether what is written depends on more than the line's own field."""
        return self.when is not None or self.derive is not None or bool(self.markets)


class Voice(NamedTuple):
    """What a merge must know of a mapping line.

    `insists`: a change made over there wins. `field` and `others`: theirs that it reads, that it writes too first; of
    each it may have been agreed what it holds.
    """

    method: int
    rule: str
    reads: tuple[str, ...]
    insists: bool
    field: str
    others: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TouchMap:
    """A change of `watch` on a record is a touch: something the person read or did.

    `at`, `what` and `campaign` name the system's fields that hold its time, its name and its campaign.
    """

    kind: str
    watch: str
    place: Place
    at: str | None = None
    what: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, kw_only=True)
class KindMap:
    """One kind of record of one system. `key`: the system's external-id field that holds our own key."""

    system: str
    kind: str
    entity: EntityKind
    place: Place
    section: str = ""  # its name in the mapping file: contact, where the system says contacts
    create: Create = Create.NEVER
    create_when: Condition | None = None  # over the entity's values and handoff facts
    only: Condition | None = None  # records for which it does not hold are left alone; over the raw fields
    key: str | None = None
    method: Method = Method.STATED
    every: timedelta | None = None  # how often it is read; None: at each poll of its system
    fields: Mapping[str, FieldMap] = field(default_factory=dict)
    touches: Sequence[TouchMap] = ()
    table: Mapping[str, Any] = field(default_factory=dict)  # sql and files: query or file, id, modified, ...
    places: Mapping[str, Place] = field(default_factory=dict)  # their fields that it names beside its lines -> where

    @property
    def makes(self) -> bool:
        """Whether such records may be made, be it only once a person said so."""
        return self.create is not Create.NEVER

    @property
    def of_sales(self) -> bool:
        """Whether leads are handed over to its system: it may make them, bears our key, or hears what sales decides.

        Another word of sales says so too, unless it is read where refusals are told: that is marketing's.
        """
        heard = {one.name for one in self.fields.values() if one.read is not None} & SALES_FACTS.keys()
        told = any(one.name == "refusal" for one in self.fields.values())
        return self.makes or self.key is not None or "sales_decision" in heard or (bool(heard) and not told)

    @cached_property
    def readers(self) -> Sequence[tuple[str, ReadField]]:
        """Our fields that are read from this kind, and how."""
        return [(one.name, one.read) for one in self.fields.values() if one.read is not None]

    @cached_property
    def voices(self) -> Mapping[str, Voice]:
        """With what weight this kind speaks of each of our fields."""
        return {name: _voice(one) for name, one in self.fields.items()}

    @cached_property
    def written(self) -> Sequence[tuple[str, str, ReadField, FieldMap]]:
        """Our fields that are written to this kind, into which of theirs, and how the value there is read back."""
        return [
            (one.name, one.writes, one.read_back, one)
            for one in self.fields.values()
            if one.writes is not None and one.read_back is not None
        ]

    @cached_property
    def writers(self) -> Mapping[str, FieldMap]:
        """Their fields that are written, each by one line."""
        return {one.writes: one for one in self.fields.values() if one.writes is not None}

    @cached_property
    def referring(self) -> Sequence[FieldMap]:
        """The lines whose raw value is the id of another record of the system."""
        return [one for one in self.fields.values() if one.refers_to is not None]

    @cached_property
    def linked(self) -> Sequence[FieldMap]:
        """The lines that are written as links beside the records."""
        return [one for one in self.fields.values() if one.beside]

    def applied(self, values: Mapping[str, Any]) -> tuple[KindMap, Mapping[str, Any]]:
        """Return the kind as it is in the lead's market, and what each of its lines writes: our values, and computed.

        What a line does not write of this lead, because its `when` does not hold, is left out.
        """
        if not self._varying:
            return self, values
        found = dict(values)
        here = self._in_markets.get(str(values.get("market")), self)
        for name in self._varying:
            line = here.fields[name]
            if line.when is not None and not line.when.met(values):
                found.pop(name, None)
            elif line.derive is not None:
                found[name] = line.derive(values)
        return here, found

    @cached_property
    def _varying(self) -> Sequence[str]:
        return [one.name for one in self.fields.values() if one.varies and one.writes is not None]

    @cached_property
    def _in_markets(self) -> Mapping[str, KindMap]:
        names = {market for one in self.fields.values() for market in one.markets}
        lines = self.fields.items()
        return {
            market: replace(self, fields={name: one.markets.get(market, one) for name, one in lines})
            for market in names
        }

    def read_fields(self) -> tuple[str, ...]:
        """Return every field of the system that must be read: mapped, written, watched, judged by `only`, the key."""
        names: dict[str, None] = {}
        for one in self.fields.values():
            names.update(dict.fromkeys((*one.reads, *one.needs)))
            if one.writes and not one.beside:
                names[one.writes] = None
        for touch in self.touches:
            names.update(dict.fromkeys(n for n in (touch.watch, touch.at, touch.what, touch.campaign) if n))
        if self.key:
            names[self.key] = None
        if self.only:
            names.update(dict.fromkeys(self.only.references))
        return tuple(sorted(names))


@dataclass(frozen=True, kw_only=True)
class SystemMap:
    """One mapping file. `digest` names its exact content, tables included; decisions record it."""

    system: str
    file: str
    digest: str
    kinds: Mapping[str, KindMap]
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the file's values as they were read
    tables: Mapping[str, Any] = field(default_factory=dict, repr=False)  # name -> rows of each value table it uses
    notes: Sequence[Problem] = ()  # what is allowed and may go wrong


@dataclass(frozen=True, kw_only=True)
class Mappings:
    """Everything the admins wrote, at one moment: the definition and all mapping files."""

    definition: Definition
    systems: Mapping[str, SystemMap]
    digest: str
    files: FileSet = field(default=NO_FILES, repr=False)  # what it was compiled from

    def kind(self, system: str, kind: str) -> KindMap | None:
        found = self.systems.get(system)
        return found.kinds.get(kind) if found else None

    @cached_property
    def owned(self) -> Sequence[tuple[str, str]]:
        """Return (system, kind) of the records of which a line says who owns them."""
        kinds = [kind for one in self.systems.values() for kind in one.kinds.values()]
        return [(kind.system, kind.kind) for kind in kinds if any(line.owner for line in kind.fields.values())]

    @cached_property
    def owner_names(self) -> frozenset[str]:
        """Our fields that say who owns a record."""
        lines = [line for system, kind in self.owned for line in self.systems[system].kinds[kind].fields.values()]
        return frozenset(line.name for line in lines if line.owner)

    def of_entity(self, entity: EntityKind) -> Sequence[KindMap]:
        """Return all record kinds that are this entity, in the order of the files."""
        return self._by_entity[entity]

    @cached_property
    def crm(self) -> frozenset[str]:
        """The systems that leads are handed over to, whether or not the mapping makes any there."""
        return frozenset(one.system for one in self.of_entity(EntityKind.LEAD) if one.of_sales)

    @cached_property
    def asks_to_make(self) -> bool:
        """Whether a person is asked before a lead is made."""
        return any(one.create is Create.REVIEW for one in self.of_entity(EntityKind.LEAD))

    @cached_property
    def _by_entity(self) -> Mapping[EntityKind, Sequence[KindMap]]:
        kinds = [kind for one in self.systems.values() for kind in one.kinds.values()]
        return {entity: [kind for kind in kinds if kind.entity is entity] for entity in EntityKind}


def _voice(line: FieldMap) -> Voice:
    field, *others = sorted(line.reads, key=lambda one: one != line.writes) or [""]
    insists = line.writes is not None and line.conflict is Conflict.THEIRS
    return Voice(line.method.rank, line.rule, line.reads, insists, field, tuple(others))


NEVER_STALE = timedelta.max
