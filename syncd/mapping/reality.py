"""A mapping against the fields that the live system has: what is missing, read-only, too short or no choice there.

Asking the system is left to the caller; this compares values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from syncd.config.check import nearest
from syncd.config.yaml import Problem
from syncd.lead.definition import FieldType
from syncd.mapping.model import Create, FieldMap, KindMap, SystemMap


class LiveField(Protocol):
    """A field as the system describes it; `type` is an Enum whose value is one of the words of `_FITS`."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> Any: ...
    @property
    def writable(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    @property
    def length(self) -> int | None: ...
    @property
    def choices(self) -> Sequence[str]: ...
    @property
    def restricted(self) -> bool: ...


# What a field of ours can be written into without being refused.
_TEXTS = frozenset({"text", "choice", "other"})
_FITS: Mapping[FieldType, frozenset[str]] = {
    FieldType.INTEGER: frozenset({"number", "text", "other"}),
    FieldType.NUMBER: frozenset({"number", "text", "other"}),
    FieldType.MONEY: frozenset({"number", "text", "other"}),
    FieldType.PERCENT: frozenset({"number", "text", "other"}),
    FieldType.BOOLEAN: frozenset({"boolean", "choice", "text", "other"}),
    FieldType.DATE: frozenset({"date", "text", "other"}),
    FieldType.DATETIME: frozenset({"datetime", "text", "other"}),
    FieldType.LIST: frozenset({"choices", "text", "other"}),
    FieldType.REFERENCE: frozenset({"reference", "text", "number", "other"}),
}


def compare(system: SystemMap, infos: Mapping[str, Sequence[LiveField]]) -> list[Problem]:
    """Return everything in which the mapping and the live system disagree, at the mapping line it concerns.

    `infos` has the fields of each kind; a kind that it lacks is one that the system lacks.
    """
    problems: list[Problem] = []
    for kind in system.kinds.values():
        if kind.kind not in infos:
            hint = nearest(kind.kind, infos)
            problems.append(Problem(kind.place, f"{system.system} has no kind {kind.kind!r}", hint))
            continue
        live = {info.name: info for info in infos[kind.kind]}
        problems += _compare_kind(system.system, kind, live)
    return problems


def _compare_kind(system: str, kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Problem]:
    told: set[str] = set()
    for line in kind.fields.values():
        for name in dict.fromkeys((*line.reads, *((line.writes,) if line.writes else ()))):
            if name not in live:
                told.add(name)
                yield Problem(line.place, f"{system} {kind.kind} has no field {name!r}", _near(name, live))
        if line.writes and line.writes in live:
            yield from _compare_written(system, kind, line, live[line.writes])
    for name in kind.read_fields():
        if name not in live and name not in told:
            yield Problem(kind.place, f"{system} {kind.kind} has no field {name!r}", _near(name, live))
    yield from _compare_create(system, kind, live)


def _compare_written(system: str, kind: KindMap, line: FieldMap, info: LiveField) -> Iterable[Problem]:
    where = f"{system} {kind.kind}.{info.name}"
    if not info.writable:
        yield Problem(line.place, f"{where} cannot be written", "give syncd's user the right, or use 'from' only")
        return
    held = info.type.value
    if held not in _FITS.get(line.holds, _TEXTS):
        yield Problem(
            line.place,
            f"{where} holds {held}, and {line.name} writes {line.holds.value}",
            "write it 'as: text' into a text field, or choose another field",
        )
    if info.restricted and info.choices:
        allowed = set(info.choices)
        for raw in line.choices:
            if raw not in allowed:
                hint = nearest(raw, allowed, what="allowed")
                yield Problem(line.place, f"{where} does not allow the choice {raw!r}", hint)
    if info.length is not None and line.longest is not None and line.longest > info.length:
        yield Problem(
            line.place,
            f"{where} takes {info.length} characters, and {line.name} may have {line.longest}",
            f"lengthen the field, or cut with 'truncate: {info.length}'",
        )


def _compare_create(system: str, kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Problem]:
    if kind.create is Create.NEVER:
        return
    written = {line.writes for line in kind.fields.values()} | {kind.key}
    for info in live.values():
        if info.required and info.writable and info.name not in written:
            yield Problem(
                kind.place,
                f"{system} {kind.kind} cannot be created without {info.name!r}, which no line writes",
                f"map a field: ...: {{to: {info.name}}}",
            )
    key = live.get(kind.key or "")
    if key is not None and not getattr(key, "unique", True):
        yield Problem(kind.place, f"{system} {kind.kind}.{key.name} is the key, but is not unique", "make it unique")


def _near(name: str, live: Mapping[str, LiveField]) -> str:
    near = nearest(name, live)
    return near if near.startswith("did you mean") else "create it (`syncd setup`), or correct the name"
