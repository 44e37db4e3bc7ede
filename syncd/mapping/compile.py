"""One record kind of a mapping file, checked against the definition and compiled into a KindMap.

Reading files is left to syncd.mapping.loader, the single field lines to syncd.mapping.lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.config.check import nearest
from syncd.config.yaml import Document, Path_, Place, Problem
from syncd.lead.definition import Definition, EntityKind
from syncd.mapping.files import FileSet
from syncd.mapping.lines import Lines
from syncd.mapping.model import Create, FieldMap, KindMap, Method, TouchMap
from syncd.mapping.schema import KindSection

_PLURALS: Mapping[str, Mapping[str, str]] = {
    "hubspot": {"contact": "contacts", "company": "companies", "deal": "deals", "ticket": "tickets", "lead": "leads"},
}
# connector -> where the rows of a kind come from
_TABLES: Mapping[str, str] = {"sql": "query", "files": "file", "csv": "file"}

# connector -> the kinds that hold people, and the field of each that has their e-mail address
_PEOPLE: Mapping[str, Mapping[str, str]] = {"salesforce": {"Lead": "Email", "Contact": "Email"}}


class KindCompiler:
    """Compiles the kinds of one mapping file; every problem found is kept in `problems`."""

    def __init__(self, definition: Definition, document: Document, files: FileSet, system: str, connector: str) -> None:
        self.definition = definition
        self.document = document
        self.files = files
        self.system = system
        self.connector = connector
        self.problems: list[Problem] = []
        self.tables: dict[str, object] = {}  # the content of every table used, for the digest

    def kind_name(self, section_name: str, section: KindSection | None = None) -> str:
        """Return the system's own name of a kind: HubSpot's `contact` is `contacts` on the wire."""
        if section is not None and section.kind:
            return section.kind
        return _PLURALS.get(self.connector, {}).get(section_name, section_name)

    def compile(self, name: str, section: KindSection, kinds: Mapping[str, str]) -> KindMap:
        """Compile one section. `kinds` are all kinds of the file, by section name and by the system's name."""
        path: Path_ = (name,)
        entity = EntityKind(section.is_)
        create = Create(section.create)
        self._check_section(section, path, entity, create)
        lines = Lines(self, entity, path, Method(section.method), kinds)
        formulas = lines.formulas
        fields = lines.compile(section.fields)
        self._check_targets(fields, section, path)
        kind_map = KindMap(
            system=self.system,
            kind=self.kind_name(name, section),
            entity=entity,
            place=self.document.key_place(path),
            section=name,
            create=create,
            create_when=formulas.condition(section.create_when, (*path, "create_when")),
            only=formulas.only(section.only, (*path, "only")) if section.only is not None else None,
            key=section.key,
            method=Method(section.method),
            every=section.every,
            fields=fields,
            touches=[
                TouchMap(
                    kind=one.kind,
                    watch=one.watch,
                    place=self.document.place((*path, "touches", i)),
                    at=one.at,
                    what=one.what,
                    campaign=one.campaign,
                )
                for i, one in enumerate(section.touches)
            ],
            table=self._table(section),
        )
        kind_map = replace(kind_map, places=self._places(kind_map, path))
        self._check_group(section, kind_map, path)
        return kind_map

    def lacking_look_ups(self, compiled: Mapping[str, KindMap]) -> tuple[Problem, ...]:
        """Return where people may be made who may be there as a record of another kind that is not read."""
        people = _PEOPLE.get(self.connector, {})
        names = self.definition.identifying[EntityKind.LEAD]
        found = []
        for made in (one for kind, one in compiled.items() if kind in people and one.makes):
            if made.entity is not EntityKind.LEAD or not names:
                continue
            for kind, field in people.items():
                if not _finds_people(compiled.get(kind), names):
                    line = f"email: {{from: {field}}}" if "email" in names else f"{names[0]}: {{from: ...}}"
                    message = f"{made.kind} may be made, and nobody is looked up among the {kind}s that are there"
                    hint = f"add to this file: {kind}: {{is: lead, fields: {{{line}}}}}"
                    found.append(Problem(self.document.place((made.section, "create")), message, hint))
        return tuple(found)

    def say(self, place: Place, message: str, hint: str = "") -> None:
        self.problems.append(Problem(place, message, hint))

    def _check_section(self, section: KindSection, path: Path_, entity: EntityKind, create: Create) -> None:
        if create is Create.NEVER and section.create_when is not None:
            self.say(
                self.document.place((*path, "create_when")),
                "create_when, but create is never",
                "delete it, or create: allowed",
            )
        if create is not Create.NEVER and section.key is None:
            self.say(
                self.document.place((*path, "create")),
                "creating needs 'key', the unique field that holds our key",
                "without it a repeated create could make a second record",
            )
        if create is Create.REVIEW and entity is not EntityKind.LEAD:
            self.say(
                self.document.place((*path, "create")),
                f"a person is asked of leads only, and this kind is {entity.value}",
                "create: allowed, or never",
            )
        if section.touches and entity is not EntityKind.LEAD:
            self.say(self.document.place((*path, "touches")), f"touches on a kind that is {entity.value}", "is: lead")
        wanted = _TABLES.get(self.connector)
        if wanted is None and section.table is not None:
            self.say(
                self.document.key_place((*path, "table")),
                f"'table' is for sql and files systems, and {self.system} is {self.connector}",
                "delete it",
            )
        if wanted is not None and getattr(section.table, wanted, None) is None:
            place = self.document.key_place((*path, "table") if section.table else path)
            self.say(place, f"missing '{wanted}' in 'table'", f"say where its rows come from: table: {{{wanted}: ...}}")
        if wanted is not None and section.table is not None:
            for other in ("file", "sheet", "take", "done") if wanted == "query" else ("query",):
                if getattr(section.table, other) is not None:
                    where = self.document.key_place((*path, "table", other))
                    self.say(where, f"'{other}' does not belong to a {self.connector} system", f"use '{wanted}'")

    def _check_group(self, section: KindSection, kind_map: KindMap, path: Path_) -> None:
        if section.table is None or section.table.group is None:
            return
        read = {name.casefold(): name for name in kind_map.read_fields()}
        for column in section.table.group:
            place = self.document.key_place((*path, "table", "group", column))
            if column.casefold() in {one.casefold() for one in section.table.id}:
                self.say(place, f"'{column}' is part of 'id', which the rows of a group share", "delete it here")
            elif column.casefold() not in read:
                self.say(place, f"no line reads the column {column!r}", nearest(column, read.values()))

    def _check_targets(self, fields: Mapping[str, FieldMap], section: KindSection, path: Path_) -> None:
        taken: dict[str, str] = {}
        if section.key is not None:
            taken[section.key] = "the kind's key"
        for one in fields.values():
            if one.writes is None:
                continue
            if one.writes in taken:
                self.say(
                    self.document.place((*path, "fields", one.name, "to")),
                    f"{one.writes!r} is written twice: by {taken[one.writes]} and by {one.name}",
                    "keep one of the two",
                )
            taken[one.writes] = one.name

    def _places(self, kind_map: KindMap, path: Path_) -> dict[str, Place]:
        """Return where the fields of theirs stand that are named beside the lines."""
        named = [(name, "only") for name in (kind_map.only.references if kind_map.only is not None else ())]
        named += [(kind_map.key, "key")] if kind_map.key is not None else []
        places = {name: self.document.place((*path, key)) for name, key in named}
        for i, touch in enumerate(kind_map.touches):
            for key in ("watch", "at", "what", "campaign"):
                name = getattr(touch, key)
                if name is not None:
                    places.setdefault(name, self.document.place((*path, "touches", i, key)))
        return places

    def told(self, problems: Sequence[Problem]) -> None:
        self.problems += problems

    def _table(self, section: KindSection) -> dict[str, object]:
        table = section.table
        if table is None:
            return {}
        content: dict[str, object] = {"id": table.id[0] if len(table.id) == 1 else list(table.id)}
        for key in ("query", "file", "modified", "sheet", "take", "done", "group"):
            if getattr(table, key) is not None:
                content[key] = getattr(table, key)
        return content


def _finds_people(kind_map: KindMap | None, names: Sequence[str]) -> bool:
    """Whether a person can be found among these records: by a field that identifies, or telephone and last name."""
    if kind_map is None or kind_map.entity is not EntityKind.LEAD:
        return False
    told = {one.name for one in kind_map.fields.values() if one.read is not None or one.read_back is not None}
    return bool(told.intersection(names)) or {"phone", "last_name"} <= told


def answers_left(compiled: Mapping[str, KindMap]) -> list[Problem]:
    """Return where sales answers and its answer is never emptied."""
    lines = [one.fields["sales_decision"] for one in compiled.values() if "sales_decision" in one.fields]
    message = (
        "sales_decision is read here and never emptied: on a lead that is handed over again the last answer still "
        "stands, and the same words said again are not heard"
    )
    hint = "name the field in `to` as well; so too for sales_reason and sales_reason_text"
    return [Problem(one.place, message, hint) for one in lines if one.writes is None]


def unknown_system(document: Document, name: str, systems: Mapping[str, str]) -> Problem:
    return Problem(document.place(("system",)), f"no system {name!r} in the config", nearest(name, systems))
