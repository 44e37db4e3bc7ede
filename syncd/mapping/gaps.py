"""What of a kind of record cannot be used now, and the mappings without it.

Asking the systems what they have is syncd.daemon.drift's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.mapping.model import ABSENT, FieldMap, KindMap, Mappings, WriteField, as_choice
from syncd.mapping.reality import Finding, Lack


@dataclass(frozen=True, kw_only=True)
class Gap:
    """What of one kind of record cannot be used now. Names are the system's."""

    unread: frozenset[str] = frozenset()
    unwritten: frozenset[str] = frozenset()
    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)  # written field -> values it refuses
    creates: bool = False  # no record can be made
    whole: bool = False  # neither read nor written

    def as_json(self) -> dict[str, Any]:
        return {
            "unread": sorted(self.unread),
            "unwritten": sorted(self.unwritten),
            "choices": {name: sorted(values) for name, values in self.choices.items()},
            "creates": self.creates,
            "whole": self.whole,
        }

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Gap:
        return cls(
            unread=frozenset(plain.get("unread", ())),
            unwritten=frozenset(plain.get("unwritten", ())),
            choices={name: frozenset(values) for name, values in plain.get("choices", {}).items()},
            creates=bool(plain.get("creates")),
            whole=bool(plain.get("whole")),
        )

    def writes_less_than(self, other: Gap) -> bool:
        """Return whether something can be written that could not with `other` in the way."""
        freed = other.unwritten - self.unwritten or (other.whole and not self.whole)
        return bool(freed) or any(
            values - self.choices.get(name, frozenset()) for name, values in other.choices.items()
        )


NO_GAP = Gap()

Gaps = Mapping[tuple[str, str], Gap]  # (system, kind) -> its gap


def gap_of(kind_map: KindMap, findings: Sequence[Finding], seen: Collection[str]) -> Gap:
    """Return what of a kind cannot be used after a comparison; `seen`: its fields that are known to have been there."""
    unread: set[str] = set()
    unwritten: set[str] = set()
    choices: dict[str, set[str]] = {}
    creates = whole = False
    vital = {kind_map.key, *(kind_map.only.references if kind_map.only else ())}
    for one in findings:
        match one.lack:
            case Lack.KIND:
                whole = whole or bool(seen)
            case Lack.FIELD:
                # A field that never was there is a mistake in the mapping, which stops its kind (`syncd check`).
                whole = whole or (one.field in seen and one.field in vital)
                unread |= {one.field} & set(seen)
                unwritten |= {one.field} & set(seen)
            case Lack.RIGHT | Lack.TYPE:
                unwritten.add(one.field)
            case Lack.CHOICE:
                choices.setdefault(one.field, set()).add(one.choice)
            case Lack.REQUIRED | Lack.KEY:
                creates = True
            case Lack.LENGTH | Lack.READING | Lack.OPTIONS:
                pass  # only the values that do not fit, or cannot be read, are refused, each by itself
    return Gap(
        unread=frozenset(unread),
        unwritten=frozenset(unwritten),
        choices={name: frozenset(values) for name, values in choices.items()},
        creates=creates,
        whole=whole,
    )


def narrow(mappings: Mappings, gaps: Gaps) -> Mappings:
    """Return the mappings without what cannot be written now."""
    if not gaps:
        return mappings
    narrowed = {}
    for name, one in mappings.systems.items():
        kinds = {kind: _narrow(kind_map, gaps.get((name, kind), NO_GAP)) for kind, kind_map in one.kinds.items()}
        narrowed[name] = replace(one, kinds=kinds)
    return replace(mappings, systems=narrowed)


# ---------------------------------------------------------------------------------------------------------------------


def _narrow(kind_map: KindMap, gap: Gap) -> KindMap:
    if gap == NO_GAP:
        return kind_map
    fields = {}
    for name, line in kind_map.fields.items():
        if line.writes is not None and (gap.whole or line.writes in gap.unwritten):
            line = replace(line, writes=None, write=None, read_back=None, markets={})
        elif line.writes is not None and line.writes in gap.choices:
            markets = {market: _refusing(one, gap.choices[line.writes]) for market, one in line.markets.items()}
            line = replace(_refusing(line, gap.choices[line.writes]), markets=markets)
        fields[name] = line
    return replace(kind_map, fields=fields)


def _refusing(line: FieldMap, choices: frozenset[str]) -> FieldMap:
    return replace(line, write=_without(line.write, choices)) if line.write is not None else line


def _without(write: WriteField, refused: frozenset[str]) -> WriteField:
    def narrowed(value: Any) -> Any:
        raw = write(value)
        values = raw if isinstance(raw, list) else [raw]
        return ABSENT if refused & {as_choice(one) for one in values} else raw

    return narrowed
