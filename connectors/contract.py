"""What a system must do for syncd, and the values that pass between them.

Field names in these values are the system's own. Raw values are what the system's JSON held: str, int, float, bool,
None, or a list of those; a connector converts nothing but times in the envelope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from connectors.http import Session

RawValue: TypeAlias = Any
# JSON-able; opaque to everyone but the connector that made it. Under `kept` it may tell an operator, in words, where
# the system keeps this kind.
Cursor: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record as the system holds it now.

    `modified` is the system's own modification time (UTC) and part of the cursor's order. `fields` holds only fields
    that were asked for; a field that the system has but that is empty is None, one that was not read is absent.
    """

    id: str
    modified: datetime
    fields: Mapping[str, RawValue]
    deleted: bool = False
    survivor: str | None = None  # the record this one was merged into
    merged: tuple[str, ...] = ()  # ids that were merged into this one
    converted_to: tuple[str, str] | None = None  # (kind, id) that lives on after a conversion


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfit:
    """Something that is there and cannot be taken for a record: what, where, and the remedy.

    `key` tells it from others for as long as it stays as it is; `id` is None where it has none.
    """

    key: str
    message: str
    id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Records of one kind, and the cursor to store in the transaction that stores them.

    `unfit`: all of the kind that cannot be taken now; None: the same as was said last.
    """

    kind: str
    records: Sequence[Record]
    cursor: Cursor
    unfit: Sequence[Unfit] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Roll:
    """Part of the list of all ids of one kind: those alive, and those that the system still lists as deleted.

    `modified`: when those alive were last changed, where the list tells it.
    """

    alive: Sequence[str]
    deleted: Sequence[str] = ()
    modified: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What to read of one kind: the fields, and where the last read ended (None: read everything once).

    One that `rests` is not read this time; its cursor may tell the connector what it noted there.
    """

    kind: str
    fields: Sequence[str]
    after: Cursor | None
    rests: bool = False


class Seen(Protocol):
    """What was already stored, so that a look back over late arrivals costs a count and not a read."""

    def count(self, kind: str, since: datetime, before: datetime) -> int:
        """Return how many stored records of `kind` have since <= modified < before."""
        ...


class FieldType(Enum):
    """A field's type in the words all connectors share."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    CHOICES = "choices"
    REFERENCE = "reference"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldInfo:
    """A field as the live system describes it."""

    name: str
    label: str
    type: FieldType
    writable: bool
    required: bool = False  # on create
    unique: bool = False
    length: int | None = None  # characters, UTF-16 units
    choices: tuple[str, ...] = ()  # the values allowed
    restricted: bool = False  # values outside `choices` are refused
    offered: tuple[str, ...] = ()  # those of `choices` that a record of ours may have, where that is only some:
    offered_by: str = ""  # why: "the record type Ship_To"
    calculated: bool = False  # may change without moving the modified time
    coded_by: str = ""  # the field for codes of states or countries, where this one takes only names of them


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldWanted:
    """A field that a mapping needs and `prepare` may create."""

    kind: str
    name: str
    label: str
    type: FieldType
    length: int | None = None
    choices: tuple[str, ...] = ()
    unique: bool = False
    references: str | None = None  # for REFERENCE: the kind pointed at


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """The answer to `check`: problems stop the start, notes do not. Each is one sentence that names the remedy."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What the connector can do, declared and never probed."""

    writes: bool = False
    erases: bool = False  # what is listed neither as alive nor as deleted was erased for good, for privacy's sake
    write_batch: int = 0  # rows that one call takes
    spares_changed: bool = False  # may leave alone what was changed since it was read; see WriteRequest
    free_account: bool = False  # whose account it is can be asked without a call


class Policy(Enum):
    """May a write create the record? Creating must be asked for by name."""

    CREATE = "create"  # upsert by `key`: create, or find our own earlier create again
    UPDATE = "update"  # by `id` only; never creates


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteRequest:
    """One record to write.

    `token` is the caller's name for this request, unique in one `write` call and stable over retries. For CREATE `key`
    is (external-id field, value); for UPDATE `id` is set. `fields` holds only what is to change; None clears. A field
    `associations.<kind>` is a link kept beside the record: [id to link, id to unlink], each may be None.

    An UPDATE rests on a reading that began at `read_at` by our clock; the record was `modified` last as far as that
    told, by the system's, and held the values that it `replaces`. Where it is cheap to tell that somebody changed
    these since, the record is not written.
    """

    token: str
    kind: str
    policy: Policy
    fields: Mapping[str, RawValue]
    id: str | None = None
    key: tuple[str, str] | None = None
    read_at: datetime | None = None
    modified: datetime | None = None
    replaces: Mapping[str, RawValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """The record now holds the fields. `created` is False when it was there already."""

    id: str
    created: bool = False
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The system refuses this record as it is. Sending it again unchanged would be refused again."""

    code: str
    message: str
    field: str | None = None
    matches: tuple[tuple[str, str], ...] = ()  # (kind, id) of records it is said to duplicate
    gone: bool = False  # the target is deleted or merged away


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not written, or not known to be: try the same request again after `retry_after` seconds.

    0: the system named no time. `at_large`: the system could not be used, whatever the record. `stuck`: a person must
    mend over there first what `reason` names, a right for instance. `alike`: any other request of its kind and policy
    would fare the same, so trying a few of them is enough. `changed`: somebody changed the record since it was read;
    it is to be read and decided again.
    """

    reason: str
    retry_after: float = 0.0
    at_large: bool = False
    stuck: bool = False
    alike: bool = False
    changed: bool = False


WriteResult: TypeAlias = Written | Rejected | Deferred


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who can own records. `email` is None for a queue; `active`: may be given records now."""

    id: str
    email: str | None
    active: bool


class Peopled(Protocol):
    """What a Source does besides where its records have owners."""

    def people(self) -> Sequence[Person]:
        """Return everybody who can own records or could, each once."""
        ...


class Source(Protocol):
    """A system that can be read."""

    name: str
    capabilities: Capabilities

    def check(self) -> Readiness:
        """Try credentials, rights and limits before anything starts; raise nothing but ConnectorError."""
        ...

    def fields(self, kind: str) -> Sequence[FieldInfo]:
        """Describe `kind` as it is now; raise ConfigProblem when the system has no such kind."""
        ...

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Yield what changed since each reading's cursor; a kind with no change may yield no page.

        All readings of a poll come in one call so that a connector may join them in one request. The caller stores a
        page and its cursor before it asks for the next. Nothing may be skipped; anything may repeat.
        """
        ...

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        """Return these records as they are now; missing ids are left out."""
        ...

    def ids(self, kind: str) -> Iterator[Roll]:
        """Yield the ids of all records; a list that ends without an error is complete.

        A record that is created, deleted or restored meanwhile may be on it or not.
        """
        ...


def unused_kinds(source: object) -> frozenset[str]:
    """Return the kinds that a connector's settings rule out (`unused`): mappings of them are left alone."""
    return frozenset(getattr(source, "unused", ()))


@runtime_checkable
class Metered(Protocol):
    """A connector whose calls are counted and shared out."""

    @property
    def session(self) -> Session: ...


@runtime_checkable
class TakesTables(Protocol):
    """A connector that is told the `table` block of each kind before it starts."""

    def define(self, kind: str, table: Mapping[str, Any]) -> None:
        """Note where the rows of `kind` come from; raise ConfigProblem when the block is wrong."""
        ...


@runtime_checkable
class WritesPackage(Protocol):
    """A connector that writes what an admin can deploy in place of `prepare`."""

    def write_package(self, wanted: Sequence[FieldWanted], directory: Path) -> Sequence[Path]:
        """Return the files written."""
        ...


class Destination(Source, Protocol):
    """A system that can also be written."""

    def write(self, requests: Sequence[WriteRequest]) -> Sequence[WriteResult]:
        """Write them; return one answer per request, in the same order.

        Raise only when nothing at all was tried; once one call may have been applied, doubt is a Deferred.
        """
        ...

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> Sequence[Record]:
        """Return every record whose `field` equals one of `values`: 0, 1 or several for each; never "the first"."""
        ...

    def prepare(self, wanted: Sequence[FieldWanted], *, apply: bool) -> Sequence[str]:
        """Create the fields that are missing where the API allows; with apply=False only tell.

        Each line returned says what was created or what an admin must do by hand.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Usage:
    """API calls spent and allowed in the system's current day, as far as known."""

    used: int = 0
    allowed: int | None = None
    source: str = "own count"
    details: Mapping[str, Any] = field(default_factory=dict)
