"""The shared lead definition, checked and compiled: fields, target markets, score, ladder, handoff list, reason codes.

Reading it from YAML and compiling the conditions is left to syncd.mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from syncd.lead.together import Together


class EntityKind(StrEnum):
    """What a record can be, on our side."""

    LEAD = "lead"
    ACCOUNT = "account"
    BRANCH = "branch"


class FieldType(StrEnum):
    """The type of a shared field and so its canonical form, which is always plain JSON.

    text, email, phone (E.164), url, domain, country (ISO 3166-1 alpha-2), state, postcode, choice: str. integer: int.
    number, money, percent: int or float. boolean: bool. date: "YYYY-MM-DD", without a zone. datetime:
    "YYYY-MM-DDTHH:MM:SSZ", always UTC. list: list of str, sorted, each once. reference: the id of another entity.
    A field of any type may instead hold its `or_none` answer, as exactly that text.
    """

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    DOMAIN = "domain"
    COUNTRY = "country"
    STATE = "state"
    POSTCODE = "postcode"
    CHOICE = "choice"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    LIST = "list"
    REFERENCE = "reference"


# Fields that identify nobody by themselves, though they help to find somebody -> why, and how.
NOT_ALONE: Mapping[EntityKind, Mapping[str, tuple[str, str]]] = {
    EntityKind.LEAD: {
        "phone": ("several people share a line", "with last_name it is looked up already"),
        "company": ("several leads have one", "what it is looked up by is the domain of the e-mail address"),
        "account": ("several leads have one", "by what identifies the account, it is found already"),
    },
    EntityKind.ACCOUNT: {"name": ("several companies share one", "with its address it is looked up already")},
    EntityKind.BRANCH: {
        "customer": ("a customer has several", "with ship_to it is looked up already"),
        "ship_to": ("each customer counts his own", "with customer it is looked up already"),
        "account": ("a company has several", "with an address it is looked up already"),
    },
}
# Names of keys that are made in other ways (syncd.stages.match).
KEPT_KEYS = frozenset(
    {"account", "asked", "company", "customer", "domain", "double", "like", "name", "nowhere", "phone", "ref"}
    | {"ship_to", "site"}
)


class Merge(StrEnum):
    """How one field's golden value is chosen among what the sources say."""

    NEWEST = "newest"  # the latest change, among the most trusted methods
    RANK = "rank"  # the first source of `ranks` that has a value
    ANY = "any"  # true if any source says true (an opt-out always wins)
    UNION = "union"  # lists: everything anyone said, in a stable order
    MAX = "max"
    MIN = "min"


class Condition(Protocol):
    """A compiled CEL condition over an entity's values and facts; a value that is missing makes it not met."""

    @property
    def text(self) -> str: ...

    @property
    def references(self) -> frozenset[str]: ...

    def met(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition holds; never raises for missing or odd values."""
        ...


@dataclass(frozen=True, kw_only=True)
class SharedField:
    """One field of the shared definition.

    `or_none` is the answer that says "we asked, there is none"; it counts as filled where blank does not. `shelf_life`
    is how long a fact stays fresh. `stated` demands that a person said it, `sources` that one of these systems
    did; empty: any. `who` can fill it, in words for the refusal.
    `identifies`: an exact key for matching entities of this kind.
    """

    name: str
    type: FieldType
    label: str
    group: str | None = None
    choices: tuple[str, ...] = ()
    shelf_life: timedelta | None = None
    stated: bool = False
    sources: tuple[str, ...] = ()
    or_none: str | None = None
    merge: Merge = Merge.NEWEST
    ranks: tuple[str, ...] = ()
    identifies: bool = False
    who: str = "marketing"
    refers_to: EntityKind | None = None
    from_account: str | None = None  # of a lead: the account's field that fills it where the lead itself says nothing
    personal: bool = False
    together: str | None = None  # fields of a kind with the same word are taken from one record


@dataclass(frozen=True, kw_only=True)
class Market:
    name: str
    when: Condition


@dataclass(frozen=True, kw_only=True)
class FitRule:
    points: int
    when: Condition


@dataclass(frozen=True, kw_only=True)
class EngagementRule:
    """`points` per touch, of which the share `decay` is lost in every `decay_per`."""

    points: int
    decay: float = 0.0
    decay_per: timedelta = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the ladder. `when` moves a lead up to it; a stage without one is entered by events only.

    `was`: what the step was called before.
    """

    name: str
    was: tuple[str, ...] = ()
    owner: str | None = None
    when: Condition | None = None
    within: timedelta | None = None
    business_hours: bool = False  # `within` counts only hours in which people work
    terminal: bool = False


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Facts that the gate demands; with `when`, only of the leads for which it holds."""

    facts: tuple[str, ...]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class ReasonCode:
    """Why sales sent a lead back. `goes_to`: nurture, fix or closed; `retry_after`: earliest new try."""

    code: str
    label: str
    goes_to: str
    retry_after: timedelta | None = None
    who: str = "marketing"


class Sense(StrEnum):
    """What of a candidate's field speaks for it when several are as likely."""

    HAS = "has"
    LACKS = "lacks"
    MOST = "most"
    LEAST = "least"


@dataclass(frozen=True, kw_only=True)
class Preference:
    """One tie-breaker, such as `has erp_customer`; numbers and dates can be the most (the latest) or the least."""

    sense: Sense
    field: str

    def __str__(self) -> str:
        return f"{self.sense.value} {self.field}"


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What differs from the usual when likeness is judged; see docs/matching.md. None: as usual.

    `weights`: sign -> bits where it agrees, at most.
    """

    link: float | None = None
    review: float | None = None
    margin: float | None = None
    prefer: Sequence[Preference] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    creates_wait: bool = False  # of leads only: none is made in the CRM while it may be somebody who is known


# The signs whose weight may be stated.
WEIGHED = ("number", "domain", "phone", "name", "street", "city")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    by: str
    on: date


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The whole definition at one version. `digest` names its exact content."""

    version: int
    digest: str
    agreed: Mapping[str, Agreement]
    fields: Mapping[EntityKind, Mapping[str, SharedField]]
    markets: Sequence[Market]
    fit: Sequence[FitRule]
    engagement: Sequence[EngagementRule]
    stages: Sequence[Stage]
    handoff_from: str
    requires: Sequence[Requirement]
    reasons: Mapping[str, ReasonCode] = field(default_factory=dict)
    currency: str = "USD"
    placeholders: frozenset[str] = frozenset()
    region: str = "US"  # for phone numbers without a country
    matching: Mapping[EntityKind, Matching] = field(default_factory=dict)  # lead: who is the same person

    @cached_property
    def identifying(self) -> Mapping[EntityKind, Sequence[str]]:
        """The fields of each kind that are exact keys for matching."""
        return {kind: [name for name, one in fields.items() if one.identifies] for kind, fields in self.fields.items()}

    @cached_property
    def noes(self) -> Mapping[EntityKind, Sequence[str]]:
        """The fields of each kind that are yes as soon as anybody says so, as an opt-out is."""
        return {
            kind: [n for n, one in fields.items() if one.merge is Merge.ANY] for kind, fields in self.fields.items()
        }

    @cached_property
    def names_now(self) -> bool:
        """Whether a condition asks for the time."""
        conditions = [one.when for part in (self.markets, self.fit, self.stages, self.requires) for one in part]
        return any(one is not None and "now" in one.references for one in conditions)

    @cached_property
    def together(self) -> Mapping[EntityKind, Sequence[Together]]:
        """Return the fields of each kind that are taken together."""
        return {kind: _together(fields) for kind, fields in self.fields.items()}

    def is_placeholder(self, text: object) -> bool:
        """Whether this is a text that people type to get past a form."""
        if not isinstance(text, str):
            return False
        return text.strip().casefold() in self.placeholders or not any(ch.isalnum() for ch in text)

    def stage_order(self, name: str) -> int:
        """Return a stage's place on the ladder, from 0; -1 for the two places off it (recycled, disqualified)."""
        for place, stage in enumerate(self.stages):
            if stage.name == name:
                return place
        return -1


def _together(fields: Mapping[str, SharedField]) -> tuple[Together, ...]:
    groups: dict[str, list[SharedField]] = {}
    for one in fields.values():
        if one.together is not None:
            groups.setdefault(one.together, []).append(one)

    def of_type(group: Sequence[SharedField], type_: FieldType) -> tuple[str, ...]:
        return tuple(one.name for one in group if one.type is type_)

    return tuple(
        Together(
            names=tuple(one.name for one in group),
            countries=of_type(group, FieldType.COUNTRY),
            states=of_type(group, FieldType.STATE),
            postcodes=of_type(group, FieldType.POSTCODE),
            cities=tuple(one.name for one in group if one.name == "city"),
            ranks=group[0].ranks,
        )
        for group in groups.values()
    )


RECYCLED = "recycled"
DISQUALIFIED = "disqualified"

# Facts that syncd itself knows of a lead; conditions may name them and mappings may write them.
# name -> type. They are not fields of any system and cannot be read from one.
HANDOFF_FACTS: Mapping[str, FieldType] = {
    "key": FieldType.TEXT,  # our own id of the entity: what external-id fields hold
    "stage": FieldType.TEXT,
    "cycle": FieldType.INTEGER,
    "stage_since": FieldType.DATETIME,
    "due_by": FieldType.DATETIME,  # when the next step should be reached, by its `within`
    "overdue": FieldType.BOOLEAN,
    "score": FieldType.INTEGER,
    "score_why": FieldType.TEXT,
    "in_market": FieldType.BOOLEAN,
    "market": FieldType.TEXT,
    # not due | refused | complete; not made: ... | handed over | accepted | rejected | recycled | disqualified
    "handoff_status": FieldType.TEXT,
    "refusal": FieldType.TEXT,  # the refusal in words; empty when nothing is missing
    "waived": FieldType.TEXT,  # what lacks and a person let pass, with name and reason
    "handed_over_at": FieldType.DATETIME,
    "rejection_reason": FieldType.TEXT,
    "rejection_text": FieldType.TEXT,
    "progress": FieldType.TEXT,
    "crm_id": FieldType.TEXT,
    "branch_name": FieldType.TEXT,
    "branch_number": FieldType.TEXT,  # the ship-to number of the branch that the lead sits at
    "branch_city": FieldType.TEXT,
    "branch_last_shipment": FieldType.DATE,
    "branch_why": FieldType.TEXT,
    "vanished": FieldType.BOOLEAN,  # of a branch: no source lists it any more
    "last_touches": FieldType.TEXT,  # what the contact read and did, newest first
    "brief": FieldType.TEXT,  # why this lead, why now
}

# What sales says of a lead in the CRM; mappings read these, the ladder acts on them. Where a mapping writes
# them, they are emptied of an answer to an earlier cycle.
SALES_FACTS: Mapping[str, FieldType] = {
    "sales_decision": FieldType.CHOICE,  # accepted | rejected | recycled | disqualified
    "sales_reason": FieldType.TEXT,  # a reason code of the definition
    "sales_reason_text": FieldType.TEXT,
    "sales_stage": FieldType.CHOICE,  # a stage of the ladder that sales moved the lead to
}
SAID_BY_US = HANDOFF_FACTS.keys() | SALES_FACTS.keys()  # nobody else's to write, or ours to empty
# What conditions may ask beyond the fields and facts above: keys of `values`, dotted ones written as they stand.
CONDITION_FACTS: Mapping[str, FieldType] = {
    "handoff.passed": FieldType.BOOLEAN,  # the gate lets the lead through
    "handoff.accepted": FieldType.BOOLEAN,  # sales said yes in this cycle
    "handoff.rejected": FieldType.BOOLEAN,  # sales said no in this cycle
    "touches": FieldType.INTEGER,
    "now": FieldType.DATETIME,
}
SALES_DECISIONS = ("accepted", "rejected", "recycled", "disqualified")
