"""A mapping against the fields that the live system has: what is missing, read-only, too short or no choice there.

Asking the system is left to the caller; this compares values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from syncd.config.check import nearest
from syncd.config.yaml import Place, Problem
from syncd.lead.definition import FieldType
from syncd.mapping.model import Create, FieldMap, KindMap, SystemMap


class Lack(StrEnum):
    """What the live system lacks that a mapping line needs."""

    KIND = "kind"
    FIELD = "field"
    RIGHT = "right"
    TYPE = "type"
    CHOICE = "choice"
    LENGTH = "length"
    REQUIRED = "required"  # a field that no line writes and without which nothing can be created
    KEY = "key"  # the key is not unique


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One disagreement. `field` is the system's name; empty where the whole kind is meant."""

    kind: str
    lack: Lack
    problem: Problem
    field: str = ""
    choice: str = ""


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
    return [finding.problem for kind in system.kinds.values() for finding in compare_kind(kind, infos)]


def compare_kind(kind: KindMap, infos: Mapping[str, Sequence[LiveField]]) -> list[Finding]:
    """Return the same for one kind, each with what is lacking."""
    if kind.kind not in infos:
        problem = Problem(kind.place, f"{kind.system} has no kind {kind.kind!r}", nearest(kind.kind, infos))
        return [Finding(kind=kind.kind, lack=Lack.KIND, problem=problem)]
    live = {info.name: info for info in infos[kind.kind]}
    return [*_missing(kind, live), *_unfit(kind, live), *_uncreatable(kind, live)]


# ---------------------------------------------------------------------------------------------------------------------


def _missing(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    told: set[str] = set()
    for line in kind.fields.values():
        for name in dict.fromkeys((*line.reads, *((line.writes,) if line.writes else ()))):
            if name not in live:
                told.add(name)
                yield _finding(kind, line.place, Lack.FIELD, name, f"has no field {name!r}", _near(name, live))
    for name in kind.read_fields():
        if name not in live and name not in told:
            yield _finding(kind, kind.place, Lack.FIELD, name, f"has no field {name!r}", _near(name, live))


def _unfit(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    for line in kind.fields.values():
        info = live.get(line.writes or "")
        if info is None:
            continue
        if not info.writable:
            remedy = "give syncd's user the right, or use 'from' only"
            yield _finding(kind, line.place, Lack.RIGHT, info.name, "cannot be written", remedy, of_field=True)
            continue
        yield from _unfit_for(kind, line, info)


def _unfit_for(kind: KindMap, line: FieldMap, info: LiveField) -> Iterable[Finding]:
    held, name = info.type.value, info.name
    if held not in _FITS.get(line.holds, _TEXTS):
        words = f"holds {held}, and {line.name} writes {line.holds.value}"
        remedy = "write it 'as: text' into a text field, or choose another field"
        yield _finding(kind, line.place, Lack.TYPE, name, words, remedy, of_field=True)
    allowed = set(info.choices) if info.restricted and info.choices else set(line.choices)
    for raw in line.choices:
        if raw not in allowed:
            hint = nearest(raw, allowed, what="allowed")
            words = f"does not allow the choice {raw!r}"
            yield _finding(kind, line.place, Lack.CHOICE, name, words, hint, of_field=True, choice=raw)
    if info.length is not None and line.longest is not None and line.longest > info.length:
        words = f"takes {info.length} characters, and {line.name} may have {line.longest}"
        remedy = f"lengthen the field, or cut with 'truncate: {info.length}'"
        yield _finding(kind, line.place, Lack.LENGTH, name, words, remedy, of_field=True)


def _uncreatable(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    if kind.create is Create.NEVER:
        return
    written = {line.writes for line in kind.fields.values()} | {kind.key}
    for info in live.values():
        if info.required and info.writable and info.name not in written:
            words = f"cannot be created without {info.name!r}, which no line writes"
            remedy = f"map a field: ...: {{to: {info.name}}}"
            yield _finding(kind, kind.place, Lack.REQUIRED, info.name, words, remedy)
    key = live.get(kind.key or "")
    if key is not None and not getattr(key, "unique", True):
        words = "is the key, but is not unique"
        yield _finding(kind, kind.place, Lack.KEY, key.name, words, "make it unique", of_field=True)


def _finding(
    kind: KindMap,
    place: Place,
    lack: Lack,
    field: str,
    words: str,
    hint: str,
    *,
    of_field: bool = False,
    choice: str = "",
) -> Finding:
    subject = f"{kind.system} {kind.kind}" + (f".{field}" if of_field else "")
    problem = Problem(place, f"{subject} {words}", hint)
    return Finding(kind=kind.kind, lack=lack, problem=problem, field=field, choice=choice)


def _near(name: str, live: Mapping[str, LiveField]) -> str:
    near = nearest(name, live)
    return near if near.startswith("did you mean") else "create it (`syncd setup`), or correct the name"
