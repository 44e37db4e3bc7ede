"""The values that stages take and give, each with a plain default for whatever a test does not care about.

Reading YAML is left to the tests of the whole road; conditions here are functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from support.clock import NOW, moment

from connectors.contract import Record
from syncd.lead.decision import EntityView, Origin, Related, SourceRecord, Touch
from syncd.lead.definition import (
    Agreement,
    Definition,
    EntityKind,
    FieldType,
    ReasonCode,
    Requirement,
    SharedField,
    Stage,
)
from syncd.mapping.model import (
    ABSENT,
    BadValue,
    Conflict,
    FieldMap,
    Fields,
    KindMap,
    Method,
    Place,
    TouchMap,
)
from syncd.stages.map import map_record
from syncd.stages.merge import Said

PLACE = Place("mappings/test.yaml", 1, 1)
ENTITY = "01JAAAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class When:
    """A condition that is a function of the values."""

    test: Callable[[Mapping[str, Any]], bool]
    text: str = "a condition"
    references: frozenset[str] = frozenset()

    def met(self, values: Mapping[str, Any]) -> bool:
        return bool(self.test(values))


ALWAYS = When(lambda _: True)
NEVER = When(lambda _: False)


def field(name: str, type_: FieldType = FieldType.TEXT, **other: Any) -> SharedField:
    return SharedField(name=name, type=type_, label=other.pop("label", name.replace("_", " ")), **other)


LEAD_FIELDS = (
    field("email", FieldType.EMAIL, identifies=True),
    field("phone", FieldType.PHONE),
    field("last_name"),
    field("company"),
    field("employees", FieldType.INTEGER),
    field("country", FieldType.COUNTRY),
    field("opted_out", FieldType.BOOLEAN),
    field("account", FieldType.REFERENCE, refers_to=EntityKind.ACCOUNT),
)
LADDER = (
    Stage(name="inquiry", owner="marketing"),
    Stage(name="mql", owner="marketing", when=When(lambda v: v.get("score", 0) >= 50)),
    Stage(name="sal", owner="sales", when=When(lambda v: v["handoff.accepted"])),
    Stage(name="sql", owner="sales", when=When(lambda v: v.get("budget") is not None)),
    Stage(name="opportunity", owner="sales"),
    Stage(name="won", terminal=True),
)
REASONS = {
    one.code: one
    for one in (
        ReasonCode(code="early", label="not ready to talk", goes_to="nurture", retry_after=timedelta(days=90)),
        ReasonCode(code="wrong", label="a fact is wrong", goes_to="fix"),
        ReasonCode(code="twin", label="already in the CRM", goes_to="closed"),
    )
}


def definition(*lead: SharedField, **other: Any) -> Definition:
    """Build a definition; `lead` replaces the usual lead fields, or one of them by its name."""
    fields = {one.name: one for one in (*LEAD_FIELDS, *lead)}
    usual = Definition(
        version=1,
        digest="d" * 32,
        agreed={"marketing": Agreement(by="somebody", on=date(2026, 1, 1))},
        fields={
            EntityKind.LEAD: fields,
            EntityKind.ACCOUNT: {"name": field("name"), "domain": field("domain", FieldType.DOMAIN, identifies=True)},
            EntityKind.BRANCH: {"branch_key": field("branch_key", identifies=True), "name": field("name")},
        },
        markets=(),
        fit=(),
        engagement=(),
        stages=LADDER,
        handoff_from="mql",
        requires=(Requirement(facts=("email",)),),
        reasons=REASONS,
        placeholders=frozenset({"n/a", "unknown"}),
    )
    return replace(usual, **other)


def reads_first(*names: str) -> Callable[[Fields], Any]:
    """Read the first of these that holds something; what starts with "bad" cannot be read."""

    def read(fields: Fields) -> Any:
        present = [fields[name] for name in names if name in fields]
        if not present:
            return ABSENT
        value = next((one for one in present if one not in (None, "")), None)
        return BadValue("not a value") if isinstance(value, str) and value.startswith("bad") else value

    return read


def line(name: str, *, reads: str | Sequence[str] = (), writes: str | None = None, **other: Any) -> FieldMap:
    """Map one of our fields to raw fields that hold the canonical value as it is."""
    sources = (reads,) if isinstance(reads, str) else tuple(reads)
    usual: dict[str, Any] = {
        "read": reads_first(*sources) if sources else None,
        "write": (lambda value: value) if writes else None,
        "read_back": reads_first(writes) if writes else None,
        "rule": f"{name} of the test",
    }
    return FieldMap(name=name, place=PLACE, reads=sources, writes=writes, **{**usual, **other})


def both(name: str, conflict: Conflict = Conflict.THEIRS, **other: Any) -> FieldMap:
    """Map a field that is read and written under its own name."""
    return line(name, reads=name, writes=name, conflict=conflict, **other)


def kind_map(*lines: FieldMap, **other: Any) -> KindMap:
    usual: dict[str, Any] = {"system": "crm", "kind": "Lead", "entity": EntityKind.LEAD}
    return KindMap(place=PLACE, fields={one.name: one for one in lines}, **{**usual, **other})


def watching(watch: str, **other: Any) -> TouchMap:
    return TouchMap(kind=other.pop("kind", "form"), watch=watch, place=PLACE, **other)


def stored(fields: Mapping[str, Any] | None = None, **other: Any) -> SourceRecord:
    usual: dict[str, Any] = {
        "system": "crm",
        "kind": "Lead",
        "id": "1",
        "changed": {},
        "first_modified": NOW,
        "modified": NOW,
        "deleted": False,
        "survivor": None,
        "agreed": {},
    }
    return SourceRecord(fields=fields or {}, **{**usual, **other})


def polled(record_id: str = "1", fields: Mapping[str, Any] | None = None, at: int = NOW, **other: Any) -> Record:
    return Record(id=record_id, modified=moment(at), fields=fields or {}, **other)


def says(record: SourceRecord, mapped: KindMap | None = None) -> Said:
    """What a record says; without a mapping each of its raw fields is our field of that name, read and written."""
    mapped = mapped or kind_map(*(both(name) for name in record.fields), system=record.system, kind=record.kind)
    return Said(record, mapped, *map_record(mapped, record.fields))


def came_from(at: int = NOW, method: Method = Method.STATED, system: str = "crm") -> list[Any]:
    """Where a golden value came from."""
    return [*Origin(system, "Lead", "1", at, "a rule", method.rank)]


def view(*records: SourceRecord, **other: Any) -> EntityView:
    usual: dict[str, Any] = {"id": ENTITY, "kind": EntityKind.LEAD, "values": {}, "provenance": {}, "state": {}}
    return EntityView(records=records, **{**usual, **other})


def related(entity: str, records: Mapping[tuple[str, str], str] | None = None, **values: Any) -> Related:
    return Related(id=entity, values=values, records=records or {})


def touch(at: int = NOW, kind: str = "form", what: str | None = None) -> Touch:
    return Touch(kind, at, what, None)
