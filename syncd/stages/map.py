"""A system's record -> our fields; what could not be read is named, never guessed.

Which record belongs to which lead is syncd.stages.match's question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncd.mapping.model import ABSENT, BadValue, KindMap


def map_record(kind_map: KindMap, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (canonical values, unreadable fields with the reason). Empty is None; a field not read is left out."""
    return map_fields(kind_map, fields, kind_map.fields)


def map_fields(
    kind_map: KindMap, fields: Mapping[str, Any], names: Iterable[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Map only these of our fields."""
    values: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for name in names:
        one = kind_map.fields.get(name)
        if one is None or one.read is None:
            continue
        value = one.read(fields)
        if value is ABSENT:
            continue
        if type(value) is BadValue:
            bad[name] = value.why
            value = None
        values[name] = value
    return values, bad
