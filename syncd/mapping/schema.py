"""What the definition, mapping and case files may say: one model per kind of file, and their JSON Schemas.

Whether names agree between the files is checked where they are compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, WithJsonSchema

from syncd.config.check import Duration, Section, kind_of, plain_error, read_duration
from syncd.config.settings import ConfigFile
from syncd.lead.definition import WEIGHED, EntityKind, FieldType, Merge, Sense
from syncd.mapping.model import Conflict, Create, Method
from syncd.mapping.wording import KEYS

NAME = r"[a-z][a-z0-9_]{0,59}"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each kind of file, for editors."""
    files: dict[str, type[BaseModel]] = {
        "config": ConfigFile,
        "definition": DefinitionFile,
        "mapping": MappingFile,
        "cases": CasesFile,
    }
    schemas = {}
    for name, model in files.items():
        schema = model.model_json_schema(by_alias=True)
        if name != "config":  # whose models describe their keys themselves
            _describe(schema)
        schemas[name] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return schemas


def _describe(schema: dict[str, Any]) -> None:
    for section, one in {str(schema.get("title")): schema, **schema.get("$defs", {})}.items():
        for key, words in KEYS.get(section, {}).items():
            one["properties"][key].setdefault("description", words)


def _words(enum: Any) -> Any:
    """An Enum written as its value."""
    allowed = tuple(member.value for member in enum)
    return Annotated[Literal[allowed], Field()]


def _one_or_more(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        raise plain_error(f"expected text or a list of texts, got {kind_of(value)}; put it in quotes")
    return [value] if isinstance(value, str) else value


_TEXTS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
OneOrMore = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(_one_or_more),
    Field(min_length=1),
    WithJsonSchema(_TEXTS_SCHEMA),
]


def _identifies(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in _ENTITIES:
        return True
    raise plain_error(f"expected true, got {kind_of(value)}; write 'identifies: true'")


_ENTITIES = tuple(kind.value for kind in EntityKind)


def _merge(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _MERGES:
            raise plain_error(f"{value!r} is not allowed here; allowed: {', '.join(_MERGES)}, or {{rank: [...]}}")
        return {"rule": value}
    ranks = value["rank"] if isinstance(value, Mapping) and set(value) == {"rank"} else None
    if isinstance(ranks, list) and ranks and all(isinstance(one, str) for one in ranks):
        return {"rule": Merge.RANK.value, "ranks": ranks}
    raise plain_error(f"expected one of {', '.join(_MERGES)}, or {{rank: [system, ...]}}")


_MERGES = tuple(merge.value for merge in Merge if merge is not Merge.RANK)


class MergeRule(Section):
    rule: str
    ranks: list[str] = Field(default_factory=list)


_MERGE_SCHEMA = {
    "anyOf": [
        {"enum": list(_MERGES)},
        {
            "type": "object",
            "properties": {"rank": {"type": "array", "items": {"type": "string"}}},
            "required": ["rank"],
            "additionalProperties": False,
        },
    ]
}


def _decay(value: Any) -> Any:
    found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]+)?) ?% ?/ ?(.+)", value) if isinstance(value, str) else None
    if not found:
        raise plain_error("expected a share per time; write it as 15% / 14d")
    return {"share": float(found[1]) / 100, "per": read_duration(found[2])}


class Decay(Section):
    share: float
    per: timedelta


def _within(value: Any) -> Any:
    found = re.fullmatch(r"([0-9]{1,4}) business (hours?|days?)", value) if isinstance(value, str) else None
    if found:
        return {"limit": timedelta(**{found[2].rstrip("s") + "s": int(found[1])}), "business": True}
    return {"limit": read_duration(value), "business": False}


class Within(Section):
    limit: timedelta
    business: bool


def _date(value: Any) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise plain_error("expected a date; write it as 2026-11-02")


Date = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Condition = Annotated[str, Field(description="CEL, for example: employees >= 200 && has(budget)")]
Formula = Annotated[str, Field(description='CEL, for example: first_name + " " + last_name')]
Scalar = Annotated[
    str | int | float | bool,
    BeforeValidator(lambda value: _scalar(value)),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


def _scalar(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)):
        return value
    raise plain_error(f"expected a single value, got {kind_of(value)}")


class FieldSection(Section):
    """One field of the shared definition."""

    type: _words(FieldType)  # type: ignore[valid-type]
    label: str | None = Field(default=None, description="how people read it; default: the name with spaces")
    group: str | None = None
    choices: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    shelf_life: Duration | None = Field(default=None, description="older values are stale at the gate")
    stated: bool = Field(default=False, description="only a person's own word counts at the gate")
    sources: list[str] = Field(default_factory=list, description="only the word of these systems counts at the gate")
    or_none: str | None = Field(default=None, min_length=1, description="the answer that says: asked, there is none")
    merge: Annotated[MergeRule, BeforeValidator(_merge), WithJsonSchema(_MERGE_SCHEMA)] = MergeRule(rule="newest")
    identifies: Annotated[
        bool,
        BeforeValidator(_identifies),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": list(_ENTITIES)}]}),
    ] = Field(default=False, description="two records with the same value are the same lead, account or branch")
    who: str = Field(default="marketing", description="who can fill it in, for the refusal")
    refers_to: _words(EntityKind) | None = None  # type: ignore[valid-type]
    from_account: str | None = None
    personal: bool = Field(default=False, description="marks what is about a person; nothing acts on it")
    together: str | None = Field(default=None, min_length=1)


class AgreementSection(Section):
    by: str = Field(min_length=1)
    on: Date


class FitSection(Section):
    points: int
    when: Condition


class EngagementSection(Section):
    points: int
    per: Literal["touch"] = "touch"
    decay: Annotated[
        Decay | None,
        BeforeValidator(_decay),
        WithJsonSchema({"type": "string", "examples": ["15% / 14d"]}),
    ] = None


class ScoreSection(Section):
    fit: list[FitSection] = Field(default_factory=list)
    engagement: list[EngagementSection] = Field(default_factory=list)


class StageSection(Section):
    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    was: OneOrMore = Field(default=[], description="what it was called before: who stands there stands here")
    owner: str | None = None
    when: Condition | None = None
    within: Annotated[
        Within | None, BeforeValidator(_within), WithJsonSchema({"type": "string", "examples": ["24 business hours"]})
    ] = None
    terminal: bool = False


class AlsoSection(Section):
    when: Condition
    requires: list[str] = Field(min_length=1)


class HandoffSection(Section):
    from_: str = Field(alias="from", description="the stage from which leads are handed over")
    requires: list[list[str]] = Field(default_factory=list)
    also: list[AlsoSection] = Field(default_factory=list)


class ReasonSection(Section):
    label: str | None = None
    goes_to: Literal["nurture", "fix", "closed"]
    retry_after: Duration | None = None
    who: str = "marketing"


Fields = dict[str, FieldSection]


def _preference(value: Any) -> Any:
    sense, _, name = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if sense in _SENSES and re.fullmatch(NAME, name.strip()):
        return {"sense": sense, "field": name.strip()}
    raise plain_error(f"expected one of {', '.join(_SENSES)}, and a field; write it as 'has erp_customer'")


_SENSES = tuple(one.value for one in Sense)


class PreferenceSection(Section):
    sense: str
    field: str


Bits = Annotated[float, Field(ge=-40, le=60)]


class MatchSection(Section):
    """How it is judged which account, or branch, somebody belongs to. In bits: 10 are a thousand to one."""

    link: Bits | None = Field(default=None, description="from here on it is linked; usually 5")
    review: Bits | None = Field(default=None, description="from here on a person is asked; usually -2")
    margin: Annotated[float, Field(ge=0, le=40)] | None = Field(
        default=None, description="how far ahead of the second; usually 4"
    )
    prefer: list[
        Annotated[
            PreferenceSection,
            BeforeValidator(_preference),
            WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(_SENSES)}) [a-z][a-z0-9_]*$"}),
        ]
    ] = Field(
        default_factory=list,
        description="tie-breakers between those as likely: 'has', 'lacks', 'most', 'least' and a field",
    )
    weights: dict[Literal[WEIGHED], Annotated[float, Field(ge=0, le=60)]] = Field(  # type: ignore[valid-type]
        default_factory=dict, description="what agreeing says at most, by sign"
    )


class PersonSection(Section):
    """How it is judged which leads are one person. In bits: 10 are a thousand to one."""

    link: Bits | None = Field(default=None, description="from here on it is likely; usually 5")
    review: Bits | None = Field(default=None, description="from here on a person is asked; usually -2")
    creates_wait: bool = Field(
        default=False,
        description="a lead that is likely another one too is made in the CRM only once a person said whether it is",
    )


class MatchingSection(Section):
    """How likeness is judged; see docs/matching.md."""

    account: MatchSection = Field(default=MatchSection(), description="which account a lead or branch belongs to")
    branch: MatchSection = Field(default=MatchSection(), description="which branch a lead sits at")
    lead: PersonSection = Field(default=PersonSection(), description="which leads are one person")


class DefinitionFile(Section):
    """definition.yaml: the shared lead definition, for both teams"""

    version: Annotated[int, Field(ge=1)]
    agreed: dict[str, AgreementSection] = Field(default_factory=dict)
    lead: Fields = Field(min_length=1)
    account: Fields = Field(default_factory=dict)
    branch: Fields = Field(default_factory=dict)
    markets: dict[str, Condition] = Field(default_factory=dict)
    score: ScoreSection = ScoreSection()
    stages: list[StageSection] = Field(min_length=1)
    handoff: HandoffSection
    reasons: dict[str, ReasonSection] = Field(default_factory=dict)
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = Field(
        default="US", description="for phones without a country"
    )
    placeholders: list[str] = Field(
        default=[], description="what people type to get past a form; invalid at the gate, in capitals too"
    )
    matching: MatchingSection = Field(default=MatchingSection(), description="how it is judged who belongs where")


_INLINE_TABLE = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}


def _values(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, Mapping) and all(isinstance(one, (str, int, float, bool)) for one in value.values()):
        return {key: str(one).lower() if isinstance(one, bool) else str(one) for key, one in value.items()}
    raise plain_error(f"expected a table file or a section 'theirs: ours', got {kind_of(value)}")


class LineOverride(Section):
    """What of a written line is otherwise in one market."""

    as_: Annotated[OneOrMore | None, Field(alias="as", description="transforms, in order")] = None
    values: Annotated[str | dict[str, str] | None, BeforeValidator(_values), WithJsonSchema(_INLINE_TABLE)] = None
    truncate: Annotated[int, Field(ge=1, le=131_072)] | None = None
    default: Scalar | None = None
    constant: Scalar | None = None
    value: Formula | None = None
    when: Condition | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=3)


class FieldMapSection(Section):
    """How one of our fields travels. `from` = read, `to` = written, both = two-way."""

    from_: Annotated[OneOrMore | None, Field(alias="from", description="fields to read; the first non-blank wins")] = (
        None
    )
    to: str | None = Field(default=None, min_length=1, description="the field to write")
    as_: Annotated[OneOrMore | None, Field(alias="as", description="transforms, in order")] = None
    region: str | None = Field(default=None, description="a country code, or our field that holds the country")
    values: Annotated[str | dict[str, str] | None, BeforeValidator(_values), WithJsonSchema(_INLINE_TABLE)] = None
    conflict: _words(Conflict) | None = None  # type: ignore[valid-type]
    method: _words(Method) | None = None  # type: ignore[valid-type]
    truncate: Annotated[int, Field(ge=1, le=131_072)] | None = None
    default: Scalar | None = Field(
        default=None, description="what counts when theirs is blank; on a line that is only written, when ours is"
    )
    constant: Scalar | None = Field(default=None, description="always this: read, or with `to` written")
    value: Formula | None = Field(
        default=None, description="computed: of their fields when read, of ours when written with `to`"
    )
    only: Condition | None = Field(default=None, description="over their fields: read only where it holds")
    when: Condition | None = Field(default=None, description="over our fields: written only where it holds")
    markets: dict[str, LineOverride] = Field(
        default_factory=dict, description="keys of the line that are otherwise for the leads of a market"
    )
    format: str | None = Field(default=None, description="how dates are written, as in strptime: %d.%m.%Y")
    locale: str | None = Field(default=None, description="how numbers are written: de, en_US")
    separator: str | None = Field(default=None, min_length=1, max_length=3, description="between the items of a list")
    zone: str | None = Field(default=None, description="of times without one: Europe/Berlin")


class TouchSection(Section):
    kind: str = Field(min_length=1, max_length=32)
    watch: str = Field(min_length=1, description="a change of this field is a touch")
    at: str | None = None
    what: str | None = None
    campaign: str | None = None


class TableSection(Section):
    """For sql and files systems: where the rows come from."""

    query: str | None = None
    file: str | None = None
    id: OneOrMore
    modified: str | None = None
    sheet: str | None = Field(default=None, min_length=1)
    take: Literal["newest", "all"] | None = None
    done: str | None = Field(default=None, min_length=1)
    group: dict[str, Literal["all", "every", "filled", "max", "sum"]] | None = None


class KindSection(Section):
    """One kind of record."""

    is_: _words(EntityKind) = Field(alias="is")  # type: ignore[valid-type]
    kind: str | None = Field(default=None, description="the system's own name, where this section is named otherwise")
    create: _words(Create) = Create.NEVER.value  # type: ignore[valid-type]
    create_when: Condition | None = None
    only: Condition | None = None
    key: str | None = Field(default=None, description="the unique external-id field that holds our key")
    method: _words(Method) = Method.STATED.value  # type: ignore[valid-type]
    every: Duration | None = None
    fields: dict[str, FieldMapSection] = Field(min_length=1)
    touches: list[TouchSection] = Field(default_factory=list)
    table: TableSection | None = None


class MappingFile(Section):
    """A mapping: one file per system. Every key but `system` is a kind of record."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, KindSection]

    system: str


def _people(value: Any) -> Any:
    if not isinstance(value, Mapping) or not all(one is None or isinstance(one, str) for one in value.values()):
        raise plain_error(f"expected a section 'id: e-mail address', got {kind_of(value)}")
    return {str(key): one for key, one in value.items()}


class CaseSection(Section):
    """One example. `given` a record of theirs `expect` values of ours; or `ours` given, `writes` fields of theirs."""

    name: str = Field(min_length=1)
    kind: str | None = None
    given: dict[str, Any] | None = None
    expect: dict[str, Any] = Field(default_factory=dict)
    expect_problem: OneOrMore | None = Field(default=None, description="fields that cannot be read or written")
    people: Annotated[dict[str, str | None], BeforeValidator(_people)] = Field(
        default_factory=dict,
        description="for `as: owner`: who can own records there, id: e-mail address; null for a queue",
    )
    touches: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="how many touches the lead has, all new"
    )
    on: Annotated[Date | None, Field(description="the day on which it is judged; default: today")] = None
    stage: str | None = Field(default=None, description="the stage that a new lead with this record reaches")
    refused: list[str] | None = Field(
        default=None, description="the facts that the gate finds lacking; [] when it lets the lead through"
    )
    skipped: bool | None = Field(default=None, description="the mapping's `only` leaves this record alone")
    ours: dict[str, Any] | None = None
    writes: dict[str, Any] = Field(default_factory=dict)


class CasesFile(RootModel[list[CaseSection]]):
    """Examples beside a mapping file, run by `syncd test`"""
