"""What handoff knows of an entity, and everything a decision about it can be; values only.

Working a decision out is syncd.pipeline's, carrying it out is syncd.stages.deliver's. What every lead of a batch has is
a named tuple: it is made and amended several times as fast as a dataclass that cannot be changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from syncd.lead.definition import EntityKind


class Fate(StrEnum):
    """How an entity's turn in handoff ended; every one has exactly one. What hangs on a write is true once written."""

    HANDED_OVER = "handed over"  # a complete lead was created in the CRM, or handed over on the record it had there
    UPDATED = "updated"  # something was written, nothing handed over
    UNCHANGED = "unchanged"  # every side already holds what it should
    COMPLETE = "complete"  # the gate says yes, and nothing is made: so the mapping or a person says
    REFUSED = "refused"  # the gate says no; what is missing stands on the contact
    REVIEW = "review"  # a person must say who this is, or whether it is made
    REJECTED = "rejected"  # a system refuses the record as it is
    DEFERRED = "deferred"  # a system could not take it now; it is tried again
    HELD = "held"  # a brake holds it until it is approved
    GONE = "gone"  # the record to write to was deleted over there; it is not made anew


class Lack(StrEnum):
    """What is wrong with a fact that the gate asks for."""

    MISSING = "missing"
    INVALID = "invalid"
    STALE = "stale"
    SOURCE = "not accepted"  # known, but from a system whose word the definition does not take for it
    UNSTATED = "not stated"  # known, but nobody said it, and the definition demands that


@dataclass(frozen=True, slots=True)
class LackingFact:
    """One fact the gate asks for and does not have. `who` can fill it; `why` says more, never a value."""

    field: str
    label: str
    lack: Lack
    who: str
    why: str = ""

    def words(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        said = f"{self.label}: {self.lack.value}{reason}, {self.who} can fill it"
        # A value is as old as its last change, and the same value entered again is none.
        return f"{said} (if it still holds: empty it, wait a few minutes, enter it again)" if self.stale else said

    @property
    def stale(self) -> bool:
        return self.lack is Lack.STALE


@dataclass(frozen=True, slots=True)
class Waiver:
    """A named person lets a lead pass without `facts` (none named: without any) until `until`, in ms."""

    by: str
    reason: str
    until: int
    facts: tuple[str, ...] = ()

    def covers(self, fact: str, now: int) -> bool:
        return now < self.until and (not self.facts or fact in self.facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the gate said, under the definition in force. `waived`: what lacks too, and who let it pass.

    `until`: when a fact goes stale or a waiver ends, in ms.
    """

    passed: bool
    lacking: tuple[LackingFact, ...] = ()
    waived: tuple[tuple[LackingFact, Waiver], ...] = ()
    until: int | None = None

    def words(self) -> str:
        return "; ".join(fact.words() for fact in self.lacking)

    def waived_words(self) -> str:
        return "; ".join(f"{fact.label} ({waiver.by}: {waiver.reason})" for fact, waiver in self.waived)


class SourceRecord(NamedTuple):
    """A linked record as stored, with what was last agreed with it.

    `agreed`: their field -> [our value, "w" or "r"], and of those that were written more than once or are held in
    another form over there [.., .., times written again, value before, ms, their value].
    """

    system: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    changed: Mapping[str, int]
    first_modified: int
    modified: int
    deleted: bool
    survivor: str | None
    agreed: Mapping[str, Sequence[Any]]

    def changed_at(self, names: Sequence[str]) -> int:
        """Return when one of these fields last changed, in ms, as far as was seen."""
        changed, first = self.changed, self.first_modified
        if not changed:
            return first
        if len(names) == 1:
            return changed.get(names[0], first)
        return max((changed.get(name, first) for name in names), default=first)


def agreed_raw(agreed: Sequence[Any]) -> Any:
    """Return what was agreed as the system held it then."""
    return agreed[5] if len(agreed) > 5 else agreed[0]


class Origin(NamedTuple):
    """Where a value comes from: the record that says it, how it is read, since when (ms).

    It is stored, and kept with the values, as a list of the same order: of all that a decision reads and compares it is
    the largest part, and hardly ever looked into.
    """

    system: str
    kind: str
    id: str
    at: int
    rule: str
    method: int
    insists: bool = False  # changed over there, and the mapping lets that side win

    def words(self) -> str:
        return source_words(self)


def source_words(source: Sequence[Any]) -> str:
    """Return which record an Origin names, be it as a list."""
    return f"{source[0]} {source[1]} {source[2]}".strip()


Provenance: TypeAlias = Mapping[str, Sequence[Any]]  # our field -> Origin, as a list


@dataclass(frozen=True, slots=True)
class Touch:
    kind: str
    at: int
    what: str | None
    campaign: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One step on the ladder, or off it."""

    from_stage: str | None
    to_stage: str
    cycle: int
    by: str
    reason: str | None = None
    reason_text: str | None = None


BY_CONVERSION = "by conversion"  # how an acceptance is told that a rep never entered


class LeadState(NamedTuple):
    """The folded stage events and verdicts of a lead; ms for times."""

    stage: str | None = None
    cycle: int = 0
    since: int | None = None
    handed_at: int | None = None  # in this cycle
    decision: str | None = None  # what sales said in this cycle
    reason: str | None = None
    reason_text: str | None = None
    decided_at: int | None = None
    retry_from: int | None = None
    due_by: int | None = None  # when the next step should be reached
    seen_decision: str | None = None  # the last sales entry acted on, so that it acts once
    seen_conversion: str | None = None  # ids of the CRM's records known to be converted, so that each is heard once
    outcome: str | None = None  # the latest verdict of this cycle: refused or passed
    refused: str | None = None  # the refusal in force, in words
    unmade: str | None = None  # why nothing is made of it in the CRM though it is complete, in words
    waived: str | None = None  # what lacked when the gate let it pass, and who said so, in words

    @staticmethod
    def load(stored: Mapping[str, Any]) -> LeadState:
        known: dict[str, Any] = {name: value for name, value in stored.items() if name in _STATE and value is not None}
        return LeadState(**known)

    def dump(self) -> dict[str, Any]:
        return {name: value for name, value in zip(self._fields, self, strict=True) if value is not None}


_STATE = frozenset(LeadState._fields)


class EntityView(NamedTuple):
    """All that is stored about one entity, read for one decision."""

    id: str
    kind: EntityKind
    values: Mapping[str, Any]
    provenance: Provenance
    state: Mapping[str, Any]
    records: Sequence[SourceRecord]
    touches: Sequence[Touch] = ()
    in_review: bool = False
    known: bool = True  # False: the entity has never been decided
    look_at: int | None = None  # when it is to be looked at again though nothing changed, in ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """An account or branch as another entity sees it. `records`: (system, kind) -> record id."""

    id: str
    values: Mapping[str, Any]
    records: Mapping[tuple[str, str], str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=dict)


class Write(NamedTuple):
    """One record to write, in the system's own names, and what both sides will agree on once it is written."""

    system: str
    kind: str
    record_id: str | None  # None: create
    fields: Mapping[str, Any]
    agrees: Mapping[str, Any]  # their field -> canonical value
    key: tuple[str, str] | None = None
    was: Mapping[str, Any] = MappingProxyType({})  # field -> the raw value that is lost; own facts left out
    fills: tuple[str, ...] = ()  # fields that were empty
    noes: tuple[str, ...] = ()  # fields by which somebody says no: carried though all else is refused
    groups: tuple[tuple[str, ...], ...] = ()  # fields of which none is written without the others, as of an address
    moves_owner: bool = False  # takes the record from whom it belongs to
    modified: int | None = None  # when the record was modified last, by its system's clock, in ms

    @property
    def creates(self) -> bool:
        return self.record_id is None

    @property
    def overwrites(self) -> bool:
        return any(self.fields[name] not in (None, "") for name in self.was)

    @property
    def clears(self) -> bool:
        return any(self.fields[name] in (None, "") for name in self.was)


class Change(NamedTuple):
    """One field of the golden values, old -> new, and where the new one came from."""

    field: str
    old: Any
    new: Any
    source: str
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Something only a person can settle; shows in the inbox."""

    kind: str
    message: str
    system: str | None = None
    record: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Likely:
    """An account or branch that somebody may belong to, or a lead that may be the same person.

    `signs`: (reason, bits); no reason holds a field's value.
    """

    id: str
    weight: float
    signs: tuple[tuple[str, float], ...]
    hold: str | None = None  # why the weight alone does not do

    def words(self) -> str:
        said = ", ".join(sign for sign, weight in self.signs if weight > 0) or "nothing for it"
        against = ", ".join(sign for sign, weight in self.signs if weight < 0)
        return said + (f"; against it {against}" if against else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Which of these is the one, if any? Only a person can tell; the likeliest comes first, and nothing is linked."""

    about: EntityKind
    candidates: tuple[Likely, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """Records of one system and kind that a person said are of one person, though two leads hold them."""

    system: str
    kind: str
    record: str
    other: str
    other_lead: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubles:
    """Who else a lead may be. `keys`: what others find it by from now on.

    `likely`: of whom nobody said whether they are, the likeliest first.
    """

    keys: tuple[str, ...]
    likely: tuple[Likely, ...] = ()
    merges: tuple[Merge, ...] = ()


class Decision(NamedTuple):
    """What every side should hold, why, and the writes that bring it about."""

    entity: str
    kind: EntityKind
    values: Mapping[str, Any]
    provenance: Provenance
    state: Mapping[str, Any]
    changes: tuple[Change, ...] = ()
    moves: tuple[Move, ...] = ()
    verdict: Verdict | None = None
    withdrawn: bool = False  # the refusal in force ends without another verdict: nobody is left to refuse
    writes: tuple[Write, ...] = ()
    reads: Mapping[tuple[str, str, str], Mapping[str, Any]] = MappingProxyType({})  # agreed by reading
    asks: tuple[Ask, ...] = ()
    question: Question | None = None
    doubles: Doubles | None = None  # None: nothing that tells who it is has changed
    facts: Mapping[str, Any] = MappingProxyType({})
    bad: Mapping[str, str] = MappingProxyType({})
    fate: Fate = Fate.UNCHANGED
    stored: bool = True  # False: nothing of it differs from what is stored
    looks_first: bool = False  # a record is to be made, once the system was read again
    look_at: int | None = None  # the earliest moment at which it could come out otherwise by itself, in ms
