"""Readers of one field out of a record: which of the system's fields counts, what blank and unread mean.

What one raw value becomes is left to syncd.mapping.transforms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from syncd.lead.definition import Condition, FieldType
from syncd.mapping import transforms
from syncd.mapping.expr import Formula
from syncd.mapping.model import ABSENT, BadValue, Fields, ReadField
from syncd.mapping.transforms import Wanted

# The country that a record's numbers without one are of, and whether it is stated or only presumed.
RegionOf = Callable[[Fields], tuple[str, bool]]
Converter = Callable[[Any, Fields], Any]

SHORT = 100  # characters of a text whose reading is remembered


def converter(wanted: Wanted, region: RegionOf | None) -> Converter:
    plain = transforms.reader(wanted)
    if plain is not None:
        return _Remembering(plain) if wanted.type is not FieldType.LIST else lambda raw, _: plain(raw)
    assert region is not None
    regional, country = transforms.regional_reader(wanted), region
    return lambda raw, fields: regional(raw, *country(fields))


class _Remembering:
    """Keep the latest answers for short texts: a value is read several times on its way, and most are common."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert
        self.known = lru_cache(maxsize=2048)(convert)

    def __call__(self, raw: Any, _: Fields) -> Any:
        return self.known(raw) if raw.__class__ is str and len(raw) <= SHORT else self.convert(raw)


def reader(names: tuple[str, ...], convert: Converter, fallback: Any, *, joined: str | None = None) -> ReadField:
    """Return a reader of these fields: the first that is not blank, or all with `joined` between them."""
    if joined is not None and len(names) > 1:
        return _joined_reader(names, convert, fallback, joined)
    if len(names) > 1:
        return _first_reader(names, convert, fallback)
    (name,) = names
    if isinstance(convert, _Remembering):
        return _short_reader(name, convert, fallback)

    def read(fields: Fields) -> Any:
        raw = fields.get(name, ABSENT)
        if raw is ABSENT:
            return ABSENT
        if raw is None or raw == "":
            return fallback
        value = convert(raw, fields)
        return fallback if value is None else value

    return read


def _short_reader(name: str, converter: _Remembering, fallback: Any) -> ReadField:
    """Return a reader of one field without a call in between: nearly all that deciding does is reading such."""
    known, convert = converter.known, converter.convert

    def read(fields: Fields) -> Any:
        raw = fields.get(name, ABSENT)
        if raw.__class__ is str:
            if not raw:
                return fallback
            value = known(raw) if len(raw) <= SHORT else convert(raw)
        elif raw is ABSENT:
            return ABSENT
        else:
            value = convert(raw) if raw is not None else None
        return fallback if value is None else value

    return read


def _first_reader(names: tuple[str, ...], convert: Converter, fallback: Any) -> ReadField:
    def read(fields: Fields) -> Any:
        bad = None
        for name in names:
            raw = fields.get(name, ABSENT)
            if raw is ABSENT:
                return ABSENT  # it may hold the value that wins
            if raw is None or raw == "":
                continue
            value = convert(raw, fields)
            if value.__class__ is BadValue:
                bad = bad or value
            elif value is not None:
                return value
        return bad or fallback

    return read


def _joined_reader(names: tuple[str, ...], convert: Converter, fallback: Any, mark: str) -> ReadField:
    def read(fields: Fields) -> Any:
        parts = []
        for name in names:
            raw = fields.get(name, ABSENT)
            if raw is ABSENT:
                return ABSENT
            if raw is not None and raw != "":
                parts.append(str(raw).strip())
        value = convert(mark.join(parts), fields) if parts else None
        return fallback if value is None else value

    return read


def computed(formula: Formula, convert: Converter, fallback: Any, *, whole: bool = True) -> ReadField:
    """Return a reader of what a formula makes of the fields; with `whole` nothing unless all of them were read."""
    names = tuple(formula.references) if whole else ()

    def read(fields: Fields) -> Any:
        if any(name not in fields for name in names):
            return ABSENT
        raw = formula.value(fields)
        value = None if raw is None or raw == "" else convert(raw, fields)
        return fallback if value is None else value

    return read


def only_where(condition: Condition, read: ReadField) -> ReadField:
    """Return a reader that finds nothing in records for which the condition does not hold."""
    names = tuple(condition.references)

    def read_where(fields: Fields) -> Any:
        if any(name not in fields for name in names):
            return ABSENT
        return read(fields) if condition.met(fields) else None

    return read_where


def constant(value: Any) -> ReadField:
    return lambda _: value


def fixed_region(region: str, *, stated: bool = False) -> RegionOf:
    found = (region, stated)
    return lambda _: found


def region_of(country: ReadField, usual: str) -> RegionOf:
    presumed = (usual, False)

    def region(fields: Fields) -> tuple[str, bool]:
        value = country(fields)
        return (value, True) if value.__class__ is str else presumed

    return region


def identifier(raw: Any, _: Fields) -> Any:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return str(raw).strip() or None


def itself(value: Any) -> Any:
    return value
