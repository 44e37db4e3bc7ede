"""A mapping against the fields that the live system has: what is missing, read-only, too short or no choice there.

Asking the system is left to the caller; this compares values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from syncd.config.check import nearest, nearest_name
from syncd.config.yaml import Place, Problem
from syncd.lead.definition import FieldType
from syncd.mapping.model import BadValue, Create, FieldMap, KindMap, SystemMap


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
    OPTIONS = "options"  # any text is written where few values are allowed
    READING = "reading"  # what it holds can never be read


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
    def label(self) -> str: ...
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
    @property
    def unique(self) -> bool: ...
    @property
    def offered(self) -> Sequence[str]: ...
    @property
    def offered_by(self) -> str: ...
    @property
    def calculated(self) -> bool: ...
    @property
    def coded_by(self) -> str: ...


MOST_OPTIONS = 1000
# A field that syncd's user may not read is described by no system.
_NOT_THERE = "create it (`syncd setup`), give syncd's user the right to read it, or correct the name"

_REFERS = "it takes an id: say 'as: owner' of an e-mail address or 'as: link KIND', or choose another field"

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


@dataclass(frozen=True, kw_only=True)
class SeenField:
    """A field as it was described once and stored."""

    name: str
    label: str
    type: SeenType
    writable: bool = True
    required: bool = False
    unique: bool = False
    length: int | None = None
    choices: tuple[str, ...] = ()
    restricted: bool = False
    offered: tuple[str, ...] = ()
    offered_by: str = ""
    calculated: bool = False
    coded_by: str = ""

    @classmethod
    def of_json(cls, name: str, plain: Mapping[str, Any]) -> SeenField | None:
        """Return the field; None where it was stored without all that a comparison takes, or is gone."""
        if "writable" not in plain or "gone" in plain:
            return None
        known = {key: plain[key] for key in _STORED if key in plain}
        return cls(
            **{**known, "choices": tuple(plain["choices"]), "offered": tuple(plain.get("offered", ()))},
            name=name,
            label=plain["label"],
            type=SeenType(plain["type"]),
        )


@dataclass(frozen=True)
class SeenType:
    value: str


_STORED = (
    *("writable", "required", "unique", "length", "choices", "restricted", "offered", "offered_by", "calculated"),
    "coded_by",
)


def as_json(info: LiveField) -> dict[str, Any]:
    """Return a described field as it is stored."""
    plain = {key: getattr(info, key) for key in _STORED}
    lists = {"choices": list(info.choices), "offered": list(info.offered)}
    return {"type": info.type.value, "label": info.label, **plain, **lists}


def compare(
    system: SystemMap, infos: Mapping[str, Sequence[LiveField]], missing: Mapping[str, str] | None = None
) -> list[Problem]:
    """Return everything in which the mapping and the live system disagree, at the mapping line it concerns.

    `infos` has the fields of each kind; a kind that it lacks is one that the system lacks, or does not describe for the
    reason that `missing` tells.
    """
    return [
        finding.problem
        for kind in system.kinds.values()
        for finding in compare_kind(kind, infos, (missing or {}).get(kind.kind, ""))
    ]


def compare_kind(kind: KindMap, infos: Mapping[str, Sequence[LiveField]], why: str = "") -> list[Finding]:
    """Return the same for one kind, each with what is lacking."""
    if kind.kind not in infos:
        told = f"{kind.system}: {why.removeprefix(f'{kind.system}: ')}" if why else ""
        words = told or f"{kind.system} has no kind {kind.kind!r}"
        problem = Problem(kind.place, words, "" if why else nearest(kind.kind, infos))
        return [Finding(kind=kind.kind, lack=Lack.KIND, problem=problem)]
    live = {info.name: info for info in infos[kind.kind]}
    return [*_missing(kind, live), *_unfit(kind, live), *_unreadable(kind, live), *_uncreatable(kind, live)]


def unread_options(line: FieldMap, name: str, options: Sequence[str]) -> list[str]:
    """Return the options of a field that its line cannot read."""
    if line.read is None or line.reads != (name,):
        return []
    return [option for option in options[:MOST_OPTIONS] if _read_alone(line, name, option) is not None]


def advise(system: SystemMap, infos: Mapping[str, Sequence[LiveField]]) -> list[Problem]:
    """Return what may become a trouble for single records: options that cannot be read, fields that must be unique."""
    found: list[Problem] = []
    for kind in system.kinds.values():
        live = {info.name: info for info in infos.get(kind.kind, ())}
        for line in kind.fields.values():
            found += (one for name in line.reads if name in live for one in _odd_options(kind, line, live[name]))
            found += _shared(kind, line, live.get(line.writes or ""))
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _missing(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    told: set[str] = set()
    for line in kind.fields.values():
        for name in dict.fromkeys((*line.reads, *line.needs, *((line.writes,) if line.writes else ()))):
            if name not in live:
                told.add(name)
                yield _finding(kind, line.place, Lack.FIELD, name, f"has no field {name!r}", _near(name, live))
    for name in kind.read_fields():
        if name not in live and name not in told:
            place = kind.places.get(name, kind.place)
            yield _finding(kind, place, Lack.FIELD, name, f"has no field {name!r}", _near(name, live))


def _unfit(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    for line in kind.fields.values():
        info = live.get(line.writes or "")
        if info is None:
            continue
        if info.calculated and not info.writable:
            words = "is calculated over there and cannot be written"
            yield _finding(kind, line.place, Lack.RIGHT, info.name, words, "use 'from' only", of_field=True)
        elif not info.writable:
            remedy = "give syncd's user the right, where anybody can have it, or use 'from' only"
            yield _finding(kind, line.place, Lack.RIGHT, info.name, "cannot be written", remedy, of_field=True)
        else:
            options, whose = _options(kind, info)
            for one in (line, *line.markets.values()):
                yield from _unfit_for(kind, one, info, options, whose)


def _options(kind: KindMap, info: LiveField) -> tuple[Sequence[str], str]:
    """Return the options that the field has for records that we make, and in what words, where they are but some."""
    if info.offered_by and kind.create is not Create.NEVER:
        return info.offered, f" in {info.offered_by}"
    return info.choices, ""


def _unfit_for(kind: KindMap, line: FieldMap, info: LiveField, options: Sequence[str], whose: str) -> Iterable[Finding]:
    held, name = info.type.value, info.name
    if line.owner and held == "choice":
        return  # HubSpot's owner field: its options are the owners
    if held not in _FITS.get(line.holds, _TEXTS):
        words = f"holds {held}, and {line.name} writes {line.holds.value}"
        remedy = _REFERS if held == "reference" else "write it 'as: text' into a text field, or choose another field"
        yield _finding(kind, line.place, Lack.TYPE, name, words, remedy, of_field=True)
    if info.coded_by and _writes_codes(line):
        words = f"takes only the org's own names, and {line.name} writes a code"
        remedy = f"write it into {info.coded_by}, or say 'as: {line.type.value} name'"
        yield _finding(kind, line.place, Lack.TYPE, name, words, remedy, of_field=True)
    if line.free and info.restricted and info.choices:
        words = f"takes only its {len(options)} options{whose}, and {line.name} writes any text"
        remedy = "give the line a table (values: tables/....csv), or write it into a text field"
        yield _finding(kind, line.place, Lack.OPTIONS, name, words, remedy, of_field=True)
    allowed = set(options) if info.restricted and info.choices else set(line.choices)
    for raw in line.choices:
        if raw not in allowed:
            hint = nearest(raw, allowed, what="allowed")
            words = f"does not allow the choice {raw!r}{whose}"
            yield _finding(kind, line.place, Lack.CHOICE, name, words, hint, of_field=True, choice=raw)
    if info.length is not None and line.longest is not None and line.longest > info.length:
        words = f"takes {info.length} characters, and {line.name} may have {line.longest}"
        remedy = f"lengthen the field, or cut with 'truncate: {info.length}'"
        yield _finding(kind, line.place, Lack.LENGTH, name, words, remedy, of_field=True)


# Codes of which a line that writes names writes at least one as a name, whatever its region.
_CODES: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.COUNTRY: ("DE",),
    FieldType.STATE: ("MA", "ON", "NSW"),
}


def _writes_codes(line: FieldMap) -> bool:
    write, codes = line.write, _CODES.get(line.type, ())
    return write is not None and bool(codes) and all(write(code) == code for code in codes)


# What a field of each type may hold, to see whether a line can read it at all.
_SAMPLES: Mapping[str, Any] = {
    "boolean": True,
    "number": 6175550123,
    "date": "2027-03-31",
    "datetime": "2027-03-31T14:30:00Z",
}


def _unreadable(kind: KindMap, live: Mapping[str, LiveField]) -> Iterable[Finding]:
    for line in kind.fields.values():
        for name in line.reads if line.plain else ():
            sample = _sample(line, live[name]) if name in live else None
            why = _read_alone(line, name, sample) if sample is not None else None
            if why is not None:
                words = f"holds {live[name].type.value}, and {line.name} reads {line.type.value}: {why}"
                remedy = "read another field, or say 'as:'"
                yield _finding(kind, line.place, Lack.READING, name, words, remedy, of_field=True)


def _sample(line: FieldMap, info: LiveField) -> Any:
    """Return a value as such a field holds it; many databases have no yes and no but 1 and 0."""
    if line.type is FieldType.BOOLEAN and info.type.value == "number":
        return 1
    return _SAMPLES.get(info.type.value)


def _read_alone(line: FieldMap, name: str, raw: Any) -> str | None:
    """Return why this value of this field cannot be read, None where it can."""
    assert line.read is not None
    value = line.read({**dict.fromkeys((*line.reads, *line.needs)), name: raw})
    return value.why if isinstance(value, BadValue) else None


def _odd_options(kind: KindMap, line: FieldMap, info: LiveField) -> Iterable[Problem]:
    odd = unread_options(line, info.name, info.choices)
    if odd:
        shown = ", ".join(map(repr, odd[:5])) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
        words = f"{kind.system} {kind.kind}.{info.name} has options that {line.name} cannot read: {shown}"
        yield Problem(line.place, words, "give them rows in a value table; until then such a value counts as invalid")


def _shared(kind: KindMap, line: FieldMap, info: LiveField | None) -> Iterable[Problem]:
    if info is not None and info.unique and not line.identifies:
        words = f"{kind.system} {kind.kind}.{info.name} is unique over there, and two may have the same {line.name}"
        yield Problem(line.place, words, "the second of them will be refused")


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
    if key is not None and not key.unique:
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
    near = nearest_name(name, live)
    return _NOT_THERE if near is None else f"did you mean {near!r}?"
