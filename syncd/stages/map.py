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


def map_keys(kind_map: KindMap, fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Map what tells who a record is; a field that is only written tells it too."""
    values: dict[str, Any] = {}
    for name in names:
        one = kind_map.fields.get(name)
        read = (one.read or one.read_back) if one is not None else None
        value = read(fields) if read is not None else None
        if value is not None and value is not ABSENT and type(value) is not BadValue:
            values[name] = value
    return values
