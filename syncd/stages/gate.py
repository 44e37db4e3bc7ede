"""Complete enough to hand over? Else: what is missing, invalid, stale or of the wrong source, and who can fill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.lead.decision import Lack, LackingFact, Origin, Provenance, Verdict, Waiver
from syncd.lead.definition import Definition, EntityKind, FieldType, SharedField
from syncd.mapping.model import Method


def check_handoff(
    definition: Definition,
    values: Mapping[str, Any],
    provenance: Provenance,
    bad: Mapping[str, str],
    facts: Mapping[str, Any],
    now: int,
    waivers: Sequence[Waiver] = (),
) -> Verdict:
    """Judge a lead. `bad`: fields whose raw value could not be read, and why. `now` in ms."""
    lacking: dict[str, LackingFact] = {}
    fields = definition.fields[EntityKind.LEAD]
    scope = {**values, **facts}
    asked: set[str] = set()
    for requirement in definition.requires:
        if requirement.when is not None and not requirement.when.met(scope):
            continue
        asked.update(requirement.facts)
        for name in requirement.facts:
            if name not in lacking:
                found = _judge(definition, fields[name], values.get(name), provenance.get(name), bad.get(name), now)
                if found is not None:
                    lacking[name] = found
    waived = _waived(lacking.values(), waivers, now) if waivers else ()
    left = {fact.field for fact, _ in waived}
    fresh = (_goes_stale(fields[name], provenance.get(name), now) for name in asked)
    ends = [at for at in fresh if at is not None]
    ends += [waiver.until for _, waiver in waived]
    return Verdict(
        until=min(ends, default=None),
        passed=len(left) == len(lacking),
        lacking=tuple(fact for fact in lacking.values() if fact.field not in left),
        waived=waived,
    )


# ---------------------------------------------------------------------------------------------------------------------


def _waived(
    lacking: Iterable[LackingFact], waivers: Sequence[Waiver], now: int
) -> tuple[tuple[LackingFact, Waiver], ...]:
    found = ((fact, next((one for one in waivers if one.covers(fact.field, now)), None)) for fact in lacking)
    return tuple((fact, waiver) for fact, waiver in found if waiver is not None)


def _goes_stale(field: SharedField, source: Sequence[Any] | None, now: int) -> int | None:
    """Return when a fact that is fresh is so no longer, in ms."""
    if field.shelf_life is None or source is None:
        return None
    ends = Origin(*source).at + int(field.shelf_life.total_seconds() * 1000) + 1
    return ends if ends > now else None


def _judge(
    definition: Definition,
    field: SharedField,
    value: Any,
    source: Sequence[Any] | None,
    bad: str | None,
    now: int,
) -> LackingFact | None:
    if value is None or value == "" or value == []:
        if bad is not None:
            return LackingFact(field.name, field.label, Lack.INVALID, field.who, bad)
        return LackingFact(field.name, field.label, Lack.MISSING, field.who)
    if _is_placeholder(definition, field, value):
        return LackingFact(field.name, field.label, Lack.INVALID, field.who, "a placeholder")
    if source is None:
        return None
    origin = Origin(*source)
    if field.sources and origin.system not in field.sources:
        why = f"from {origin.system}, which the definition does not accept for this"
        return LackingFact(field.name, field.label, Lack.SOURCE, field.who, why)
    if field.shelf_life is not None and now - origin.at > field.shelf_life.total_seconds() * 1000:
        return LackingFact(field.name, field.label, Lack.STALE, field.who, f"older than {field.shelf_life.days} days")
    if field.stated and origin.method != Method.STATED.rank:
        return LackingFact(field.name, field.label, Lack.UNSTATED, field.who)
    return None


def _is_placeholder(definition: Definition, field: SharedField, value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_placeholder(definition, field, one) for one in value)
    if not isinstance(value, str):
        return False
    text = value.strip().casefold()
    if field.or_none is not None and text == field.or_none.casefold():
        return False
    if field.type is FieldType.PHONE:
        return len(set(text[-7:])) == 1  # 000-0000 and its like
    return definition.is_placeholder(text)
