"""What the values of a line are: kinds and steps, tables, locales and zones, checked against the field they are for.

What one raw value becomes is left to syncd.mapping.transforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

from syncd.config.check import nearest
from syncd.config.yaml import Document, Path_, Place, Problem, Problems
from syncd.lead.definition import Definition, SharedField
from syncd.mapping import readers, transforms
from syncd.mapping.files import FileSet
from syncd.mapping.model import BadValue
from syncd.mapping.owners import OWNER
from syncd.mapping.schema import FieldMapSection
from syncd.mapping.tables import inline_table, read_table
from syncd.mapping.transforms import KINDS, STEPS, STYLES, Style, Wanted
from syncd.mapping.transforms.choices import ANYTHING, Table


class Context(Protocol):
    """What the lines of a kind are compiled in; problems are told through `say`."""

    definition: Definition
    document: Document
    files: FileSet
    system: str
    connector: str
    tables: dict[str, object]

    def say(self, place: Place, message: str, hint: str = "") -> None: ...

    def told(self, problems: Sequence[Problem]) -> None: ...

    def kind_name(self, section_name: str) -> str: ...


@dataclass
class Spot:
    """A block of a mapping file; places and problems are told by the path below it."""

    context: Context
    path: Path_

    def place(self, *below: Any) -> Place:
        return self.context.document.place((*self.path, *below))

    def key_place(self, *below: Any) -> Place:
        return self.context.document.key_place((*self.path, *below))

    def say(self, below: Path_, message: str, hint: str = "", *, key: bool = False) -> None:
        self.context.say(self.key_place(*below) if key else self.place(*below), message, hint)


class Values:
    """Checks what the lines of one kind say of their values."""

    def __init__(self, context: Context, spot: Spot) -> None:
        self._context, self._spot = context, spot
        self._style = STYLES.get(context.connector, Style.PLAIN)

    def wanted(self, name: str, section: FieldMapSection, field: SharedField) -> Wanted | None:
        table = self._table(name, section, field)
        kind, steps, ok = self._transforms(name, section, field)
        if not ok:
            return None
        if kind == "keyword" and section.values is None:
            self._spot.say((name, "as"), "'keyword' needs a table of keywords", "add 'values: tables/....csv'")
            return None
        if section.format is not None and "%" not in section.format:
            hint = "write it as in strptime: %d.%m.%Y for 31.03.2026, %H:%M for 14:30"
            self._spot.say((name, "format"), "the format names no part of a date", hint)
            return None
        wanted = Wanted(
            type=field.type,
            choices=field.choices,
            or_none=field.or_none,
            kind=kind,
            steps=steps,
            style=self._style,
            table=table,
            locale=self._locale(name, section.locale),
            form=section.format,
            zone=self._zone(name, section.zone),
            separator=section.separator or (", " if kind == "text" else ";"),
            truncate=section.truncate,
            region=section.region if section.region and section.region.isupper() else self._context.definition.region,
        )
        if section.to is not None and not transforms.holds_answer(wanted):
            message = f"{name!r} may be {field.or_none!r}, which a {field.type.value} field cannot hold"
            self._spot.say((name, "to"), message, "write it 'as: text' into a text field")
        return wanted

    def _transforms(self, name: str, section: FieldMapSection, field: SharedField) -> tuple[str, tuple[str, ...], bool]:
        kind, steps, ok = "", [], True
        known = [*KINDS, *STEPS, "part 1", "last part", "join", "link ...", OWNER]
        for i, one in enumerate(section.as_ or []):
            path = (
                (name, "as", i) if (*self._spot.path, name, "as", i) in self._context.document.values else (name, "as")
            )
            step = transforms.step_of(one, section.separator or ";")
            if step is not None:
                steps.append(one)
                if transforms.PART.fullmatch(one) and section.separator is None:
                    self._spot.say(path, f"{one!r} of what stands between what?", 'say it: separator: "/"')
                    ok = False
                if section.to is not None and step.back is None:
                    self._spot.say(
                        path, f"{one!r} has no way back, and the field is written too", "read and write two fields"
                    )
                    ok = False
            elif one == "join":
                if section.to is not None:
                    self._spot.say(path, "'join' has no way back, and the field is written too", "use 'from' only")
                    ok = False
            elif one not in KINDS:
                self._spot.say(path, f"unknown transform {one!r}", nearest(one, known, what="there are"))
                ok = False
            elif field.type not in KINDS[one]:
                self._spot.say(
                    path, f"{one!r} does not give {field.type.value}", f"as: {field.type.value}, or leave it out"
                )
                ok = False
            elif kind:
                self._spot.say(path, f"{one!r} after {kind!r}: a value has one kind", "keep one")
                ok = False
            else:
                kind = one
        return kind, tuple(steps), ok

    def _table(self, name: str, section: FieldMapSection, field: SharedField) -> Table | None:
        if section.values is None:
            return None
        place = self._context.document.place((*self._spot.path, name, "values"))
        if isinstance(section.values, str):
            try:
                table, places = read_table(self._context.files, section.values, place)
            except Problems as error:
                for problem in error.problems:
                    self._context.say(problem.place, problem.message, problem.hint)
                return None
            self._context.tables[section.values] = table.rows
        else:
            table = inline_table(section.values)
            places = tuple(
                self._context.document.place((*self._spot.path, name, "values", key)) for key in section.values
            )
        self._check_table(table, places, field, section, place)
        return table

    def _check_table(
        self, table: Table, places: Sequence[Place], field: SharedField, section: FieldMapSection, place: Place
    ) -> None:
        if not field.choices:
            return
        for (_, ours), where in zip(table.rows, places, strict=True):
            if ours not in field.choices:
                hint = nearest(ours, field.choices, what="choices")
                self._context.say(where, f"{ours!r} is no choice of {field.name!r}", hint)
        if section.to is not None:
            written = {ours for theirs, ours in table.rows if theirs != ANYTHING}
            lacking = [choice for choice in field.choices if choice not in written]
            if lacking:
                names = ", ".join(map(repr, lacking))
                self._context.say(place, f"the table has no row for {names}, which then cannot be written", "add rows")

    def fixed(self, name: str, key: str, value: Any, wanted: Wanted) -> Any:
        if value is None:
            return None
        usual = self._context.definition.region
        canonical = readers.converter(replace(wanted, steps=(), table=None), readers.fixed_region(usual))(value, {})
        if canonical is None or canonical.__class__ is BadValue:
            why = canonical.why if canonical.__class__ is BadValue else "it is blank"
            self._spot.say((name, key), f"cannot be read as {wanted.type.value}: {why}", "correct it")
            return None
        return canonical

    def _locale(self, name: str, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            Locale.parse(given)
        except (UnknownLocaleError, ValueError, TypeError):
            self._spot.say((name, "locale"), f"unknown locale {given!r}", "for example de, en_US or fr_CH")
            return None
        return given

    def _zone(self, name: str, given: str | None) -> ZoneInfo | None:
        if given is None:
            return None
        try:
            return ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._spot.say((name, "zone"), f"unknown time zone {given!r}", "for example Europe/Berlin or UTC")
            return None
