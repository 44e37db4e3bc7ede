"""The field lines of one record kind, checked against the definition and compiled into readers and writers.

What one raw value becomes is left to syncd.mapping.transforms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.config.check import nearest
from syncd.config.yaml import Path_
from syncd.lead.definition import (
    HANDOFF_FACTS,
    SALES_DECISIONS,
    SALES_FACTS,
    EntityKind,
    FieldType,
    Merge,
    SharedField,
)
from syncd.mapping import readers, transforms
from syncd.mapping.formulas import Formulas
from syncd.mapping.model import BESIDE, Conflict, FieldMap, Method, ReadField, as_choice
from syncd.mapping.owners import OWNER, unbound
from syncd.mapping.schema import NAME, FieldMapSection
from syncd.mapping.transforms import KINDS, REGIONAL, Wanted
from syncd.mapping.transforms.places import region_exists
from syncd.mapping.values import Context, Spot, Values


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What of ours a line is about: a shared field, or a fact that syncd keeps."""

    field: SharedField
    reads: bool = True
    said_by_sales: bool = False


class Lines:
    def __init__(
        self, context: Context, entity: EntityKind, path: Path_, method: Method, kinds: Mapping[str, str]
    ) -> None:
        self.context = context
        self.entity = entity
        self._spot = Spot(context, (*path, "fields"))
        self._values = Values(context, self._spot)
        self.method = method
        self.kinds = kinds
        self.readers: dict[str, ReadField] = {}
        self.sections: Mapping[str, FieldMapSection] = {}
        self.formulas = Formulas(context.document, context.definition.fields[entity], context.told)

    def compile(self, sections: Mapping[str, FieldMapSection]) -> dict[str, FieldMap]:
        """Return the lines by our field; those with problems are left out."""
        fields: dict[str, FieldMap] = {}
        self.sections = sections
        # A line that takes its region from another line needs that one's reader first.
        for name in sorted(sections, key=lambda one: self._needs_region(one, sections[one])):
            target = self._target(name, sections[name])
            line = self._line(name, sections[name], target, sections) if target else None
            if line:
                fields[name] = line
                if line.read:
                    self.readers[name] = line.read
        return {name: fields[name] for name in sections if name in fields}

    def _target(self, name: str, section: FieldMapSection) -> _Target | None:
        shared = self.context.definition.fields[self.entity]
        if name in shared:
            return _Target(field=shared[name])
        if name in HANDOFF_FACTS:
            return _Target(field=SharedField(name=name, type=HANDOFF_FACTS[name], label=name), reads=False)
        if name in SALES_FACTS:
            choices: tuple[str, ...] = SALES_DECISIONS if name == "sales_decision" else ()
            if name == "sales_stage":
                choices = tuple(stage.name for stage in self.context.definition.stages)
            field = SharedField(name=name, type=SALES_FACTS[name], label=name, choices=choices)
            return _Target(field=field, said_by_sales=True)
        if section.to and section.from_ is None and (section.value is not None or section.constant is not None):
            return self._own_target(name, section)
        self._spot.say(
            (name,),
            f"unknown {self.entity.value} field {name!r}",
            nearest(name, [*shared, *(HANDOFF_FACTS if self.entity is EntityKind.LEAD else ())]),
            key=True,
        )
        return None

    def _own_target(self, name: str, section: FieldMapSection) -> _Target | None:
        """Return what a line writes that is no field of the definition: its name serves this file only."""
        if not re.fullmatch(NAME, name):
            self._spot.say(
                (name,), f"{name!r} cannot be a line's name", "use lower-case letters, digits and _", key=True
            )
            return None
        type_ = _type_of(section.constant)
        if section.value is not None:
            formula = self.formulas.of_ours(section.value, (*self._spot.path, name, "value"))
            type_ = formula.type if formula is not None else type_
        return _Target(field=SharedField(name=name, type=type_, label=name))

    def _line(
        self, name: str, section: FieldMapSection, target: _Target, sections: Mapping[str, FieldMapSection]
    ) -> FieldMap | None:
        if not self._directions(name, section, target):
            return None
        field = target.field
        if field.type is FieldType.REFERENCE:
            return self._reference(name, section, field)
        if OWNER in (section.as_ or ()):
            return self._owner(name, section, field)
        wanted = self._values.wanted(name, section, field)
        if wanted is None:
            return None
        region = self._region(name, section, wanted, sections)
        fallback = self._values.fixed(name, "default", section.default, wanted)
        fixed = self._values.fixed(name, "constant", section.constant, wanted)
        reads, needs, read = self._reading(name, section, readers.converter(wanted, region), fallback, fixed)
        read_back = readers.reader((section.to,), readers.converter(wanted, region), None) if section.to else None
        return replace(
            self._plain_line(name, section, field),
            reads=reads,
            read=read,
            write=transforms.writer(wanted) if section.to else None,
            read_back=read_back,
            truncate=section.truncate,
            needs=(*self._raw_region(section), *needs),
            holds=transforms.held_type(wanted),
            choices=() if target.said_by_sales else self._choices(name, section, wanted, fixed),
            longest=transforms.longest(wanted),
            plain=section.from_ is not None and section.values is None and field.type is not FieldType.CHOICE,
            free=field.type is FieldType.TEXT and self._is_free(name, section),
            identifies=field.identifies or name == "key",
            yes_holds=field.merge is Merge.ANY,
            when=self.formulas.condition(section.when, (*self._spot.path, name, "when")) if section.to else None,
            derive=self._derived(name, section, wanted, fixed, fallback) if section.to else None,
            markets=self._markets(name, section, target, sections),
        )

    def _plain_line(self, name: str, section: FieldMapSection, field: SharedField) -> FieldMap:
        """Return what every line has, whatever its values are; it neither reads nor writes yet."""
        return FieldMap(
            name=name,
            place=self._spot.key_place(name),
            rule=_rule(section),
            reads=tuple(section.from_ or ()),
            writes=section.to,
            conflict=Conflict(section.conflict or Conflict.THEIRS.value),
            method=Method(section.method) if section.method else self.method,
            type=field.type,
        )

    def _reading(
        self, name: str, section: FieldMapSection, convert: readers.Converter, fallback: Any, fixed: Any
    ) -> tuple[tuple[str, ...], tuple[str, ...], ReadField | None]:
        """Return (their fields that make the value, further ones that it takes, how it is read)."""
        reads, read = tuple(section.from_ or ()), None
        if section.value is not None and not section.to:
            formula = self.formulas.of_theirs(section.value, (*self._spot.path, name, "value"))
            if formula is None:
                return (), (), None
            reads, read = tuple(sorted(formula.references)), readers.computed(formula, convert, fallback)
        elif fixed is not None and not section.to:
            read = readers.constant(fixed)
        elif reads:
            mark = (section.separator or " ") if "join" in (section.as_ or ()) else None
            read = readers.reader(reads, convert, fallback, joined=mark)
        if read is None or section.only is None:
            return reads, (), read
        only = self.formulas.only(section.only, (*self._spot.path, name, "only"))
        return reads, tuple(sorted(only.references)), readers.only_where(only, read)

    def _derived(
        self, name: str, section: FieldMapSection, wanted: Wanted, fixed: Any, fallback: Any
    ) -> Callable[[Mapping[str, Any]], Any] | None:
        """Return what is written in place of our own value, where the line says so."""
        if fixed is not None:
            return lambda _: fixed
        if section.value is not None:
            formula = self.formulas.of_ours(section.value, (*self._spot.path, name, "value"))
            usual = readers.fixed_region(self.context.definition.region)
            convert = readers.converter(replace(wanted, steps=(), table=None, choices=()), usual)
            return readers.computed(formula, convert, fallback, whole=False) if formula is not None else None
        if fallback is not None and section.from_ is None:
            return lambda values: fallback if values.get(name) in (None, "", []) else values[name]
        return None

    def _markets(
        self, name: str, section: FieldMapSection, target: _Target, sections: Mapping[str, FieldMapSection]
    ) -> dict[str, FieldMap]:
        """Return the line as it is in each market that says something of its own."""
        known = [market.name for market in self.context.definition.markets]
        found = {}
        base = self._spot.path
        for market, other in section.markets.items():
            if self.entity is not EntityKind.LEAD or market not in known:
                message = f"no market {market!r} in the definition"
                self._spot.say((name, "markets", market), message, nearest(market, known), key=True)
                continue
            told = other.model_dump(exclude_unset=True)
            replaced = {"constant": None, "value": None} if {"constant", "value"} & told.keys() else {}
            self._spot.path = (*base, name, "markets", market)
            line = self._line(name, section.model_copy(update={**replaced, **told, "markets": {}}), target, sections)
            self._spot.path = base
            if line is not None:
                found[market] = line
        return found

    def _directions(self, name: str, section: FieldMapSection, target: _Target) -> bool:
        writes = section.to is not None
        made = [key for key in ("constant", "value") if getattr(section, key) is not None]
        reads = section.from_ is not None or (bool(made) and not writes)
        if not reads and not writes:
            self._spot.say((name,), f"{name!r} is neither read nor written", "give 'from', 'to' or both", key=True)
            return False
        if reads and not target.reads:
            key = "from" if section.from_ is not None else made[0]
            self._spot.say((name, key), f"{name!r} is syncd's own word and cannot be read", "use 'to' only", key=True)
            return False
        if writes and target.said_by_sales and section.from_ != [section.to]:
            message = f"{name!r} is what sales says; it is only emptied, where it was read"
            self._spot.say((name, "to"), message, "name the field of 'from', or use 'from' only", key=True)
            return False
        if made and (section.from_ is not None or len(made) > 1):
            other = "from" if section.from_ is not None else made[1]
            self._spot.say((name, made[0]), f"'{made[0]}' beside '{other}'", "keep one of the two", key=True)
            return False
        for option in ("conflict", "truncate", "when", "markets"):
            if getattr(section, option) and not writes:
                self._spot.say((name, option), f"'{option}' on a field that is never written", "delete it", key=True)
        if section.only is not None and not reads:
            self._spot.say(
                (name, "only"), "'only' on a field that is never read", "for what is written say 'when'", key=True
            )
        return True

    def _choices(self, name: str, section: FieldMapSection, wanted: Wanted, fixed: Any) -> tuple[str, ...]:
        """Return the values that a line is sure to write some day, as a choice of theirs would be called."""
        if fixed is not None and wanted.type in (FieldType.TEXT, FieldType.BOOLEAN):
            return (as_choice(transforms.writer(wanted)(fixed)),)
        if section.values is None and section.value is None and name in ("stage", "market"):
            named = self.context.definition.stages if name == "stage" else self.context.definition.markets
            return tuple(one.name for one in named)
        return _raw_choices(wanted)

    def _is_free(self, name: str, section: FieldMapSection) -> bool:
        """Whether the line may write any text. Of a formula that chooses between texts nobody knows."""
        if section.values is not None or section.constant is not None:
            return False
        if section.value is None:
            return name not in _FEW_WORDS
        formula = self.formulas.of_ours(section.value, (*self._spot.path, name, "value")) if section.to else None
        return formula is not None and "?" not in section.value and self.formulas.takes_text(formula, _FEW_WORDS)

    def _reference(self, name: str, section: FieldMapSection, field: SharedField) -> FieldMap | None:
        given = section.as_ or []
        kind = given[0].removeprefix("link ").strip() if len(given) == 1 and given[0].startswith("link ") else ""
        place = (name, "as") if section.as_ else (name,)
        if not kind:
            hint = "say to which kind: as: link Account"
            self._spot.say(place, f"{name!r} refers to another record", hint, key=not section.as_)
            return None
        target = self.kinds.get(kind) or self.kinds.get(self.context.kind_name(kind))
        if target is None:
            self._spot.say(place, f"this file has no kind {kind!r} to link to", nearest(kind, set(self.kinds)))
            return None
        assert field.refers_to is not None
        line = self._plain_line(name, section, field)
        beside = section.to is not None and section.to.startswith(BESIDE)
        return replace(
            line,
            read=readers.reader(line.reads, readers.identifier, None) if line.reads else None,
            write=readers.itself if section.to else None,
            read_back=readers.reader((section.to,), readers.identifier, None) if section.to and not beside else None,
            refers_to=(field.refers_to, target),
            holds=FieldType.REFERENCE,
        )

    def _owner(self, name: str, section: FieldMapSection, field: SharedField) -> FieldMap | None:
        """Return a line that travels as an id of each system's people; who they are is bound later."""
        alone = {"from", "from_", "to", "as", "as_", "conflict", "method"}
        beside = section.model_dump(exclude_unset=True).keys() - alone
        if beside or section.as_ != [OWNER] or len(section.from_ or [OWNER]) > 1:
            hint = "keep 'from' one field, 'to', 'conflict' and 'method'"
            self._spot.say((name, "as"), f"{OWNER!r} takes nothing beside it", hint)
            return None
        if field.type is not FieldType.EMAIL:
            self._spot.say(
                (name, "as"), f"{OWNER!r} does not give {field.type.value}", "an owner is an e-mail address here"
            )
            return None
        line = self._plain_line(name, section, field)
        bound = unbound(self.context.system, line.reads, section.to)
        return replace(line, holds=FieldType.REFERENCE, owner=True, **bound)

    def _needs_region(self, name: str, section: FieldMapSection) -> bool:
        return self._kind_of(name, section) in REGIONAL

    def _kind_of(self, name: str, section: FieldMapSection) -> FieldType | None:
        shared = self.context.definition.fields[self.entity].get(name)
        if shared is None:
            return None
        names = [one for one in section.as_ or [] if one in KINDS]
        return transforms.effective_type(Wanted(type=shared.type, kind=names[0] if names else ""))

    def _region(
        self, name: str, section: FieldMapSection, wanted: Wanted, sections: Mapping[str, FieldMapSection]
    ) -> readers.RegionOf | None:
        if transforms.effective_type(wanted) not in REGIONAL:
            if section.region is not None:
                self._spot.say(
                    (name, "region"), f"a region on a field of type {wanted.type.value}", "delete it", key=True
                )
            return None
        usual = self.context.definition.region
        given = section.region
        if given is None:
            country = self.readers.get("country")
            return readers.region_of(country, usual) if country and section.from_ else readers.fixed_region(usual)
        if given.isupper() and region_exists(given):
            return readers.fixed_region(given, stated=True)
        country = self.readers.get(given)
        if country is not None and self._kind_of(given, sections[given]) is FieldType.COUNTRY:
            return readers.region_of(country, usual)
        if self._raw_region(section):
            raw = Wanted(type=FieldType.COUNTRY, kind="country")
            return readers.region_of(readers.reader((given,), readers.converter(raw, None), None), usual)
        known = [one for one in self.readers if self._kind_of(one, sections[one]) is FieldType.COUNTRY]
        self._spot.say(
            (name, "region"), f"{given!r} is no country that this kind reads", nearest(given, [*known, "US", "DE"])
        )
        return readers.fixed_region(usual)

    def _raw_region(self, section: FieldMapSection) -> tuple[str, ...]:
        """Return the system's own field that a region is taken from, where this kind maps no country for it."""
        given = section.region
        if given is None or given in self.sections or given.isupper() or not given.isidentifier():
            return ()
        mapped = any(self._kind_of(one, section) is FieldType.COUNTRY for one, section in self.sections.items())
        return () if mapped else (given,)


def _rule(section: FieldMapSection) -> str:
    parts = []
    if section.constant is not None:
        parts.append("constant")
    if section.value is not None:
        parts.append(f"computed {section.value}")
    if section.from_:
        parts.append("from " + " or ".join(section.from_))
    if section.to:
        parts.append(f"to {section.to}")
    if section.as_:
        parts.append("as " + ", ".join(section.as_))
    if section.region:
        parts.append(f"region {section.region}")
    if section.values is not None:
        parts.append("values " + (section.values if isinstance(section.values, str) else "of its own table"))
    return ", ".join(parts)


def _type_of(constant: Any) -> FieldType:
    if isinstance(constant, bool):
        return FieldType.BOOLEAN
    return FieldType.NUMBER if isinstance(constant, (int, float)) else FieldType.TEXT


# Facts of which few words are written.
_FEW_WORDS = frozenset({"stage", "market", "handoff_status"}) | SALES_FACTS.keys()


def _raw_choices(wanted: Wanted) -> tuple[str, ...]:
    """Return a line's choices, yes and no, of a text what its table has rows for, each as it is written."""
    if wanted.type is FieldType.BOOLEAN:
        return tuple(map(as_choice, map(transforms.writer(wanted), (True, False))))
    choices, type_ = wanted.choices, FieldType.CHOICE
    if not choices and wanted.table is not None and wanted.type is FieldType.TEXT:
        choices, type_ = tuple(dict.fromkeys(ours for _, ours in wanted.table.rows)), wanted.type
    write = transforms.writer(replace(wanted, truncate=None, type=type_))
    raw = [write(choice) for choice in choices]
    return tuple(one for one in raw if isinstance(one, str))
