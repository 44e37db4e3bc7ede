"""A system's record -> our fields; what could not be read is named, never guessed.

Which record belongs to which lead is syncd.stages.match's question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncd.mapping.model import ABSENT, BadValue, KindMap, ReadField


def map_record(kind_map: KindMap, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (canonical values, unreadable fields with the reason). Empty is None; a field not read is left out."""
    return _map(kind_map.readers, fields)


def map_fields(
    kind_map: KindMap, fields: Mapping[str, Any], names: Iterable[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Map only these of our fields."""
    wanted = set(names)
    return _map([one for one in kind_map.readers if one[0] in wanted], fields)


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


# ---------------------------------------------------------------------------------------------------------------------


def _map(readers: Iterable[tuple[str, ReadField]], fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for name, read in readers:
        value = read(fields)
        if value is ABSENT:
            continue
        if type(value) is BadValue:
            bad[name] = value.why
            value = None
        values[name] = value
    return values, bad
