"""Two versions of the admins' files side by side: which lines differ, and what of the leads such a line can reach.

Pure values; which stored leads that are is syncd.edits.reach's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import orjson

from syncd.config.yaml import parse
from syncd.lead.definition import Definition, EntityKind, SharedField
from syncd.mapping.files import DEFINITION
from syncd.mapping.model import FieldMap, KindMap, Mappings, Place, SystemMap
from syncd.mapping.transforms import REGIONAL
from syncd.pipeline.keys import key_names
from syncd.stages.match import KEYS

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS

Kind = tuple[str, str]  # (system, kind of record)


@dataclass(frozen=True, kw_only=True)
class EditedLine:
    """One line or section that differs. `place` is in the edited files; for what was deleted, in the running ones."""

    what: str  # as people name it: hubspot contact.phone, definition handoff
    place: Place
    how: str  # added, changed or removed


@dataclass(frozen=True, kw_only=True)
class KindEdit:
    """What differs for one kind of record. `lines`: our fields whose line differs, in any way."""

    lines: frozenset[str] = frozenset()
    whole: bool = False  # every record of it is looked at
    only: bool = False
    creates: bool = False  # who has no such record may get one, or not


@dataclass(frozen=True, kw_only=True)
class Edit:
    """All that differs. `unforeseen`: what no plan can tell, each a sentence."""

    lines: tuple[EditedLine, ...] = ()
    kinds: Mapping[Kind, KindEdit] = field(default_factory=dict)
    golden: Mapping[EntityKind, frozenset[str]] = field(default_factory=dict)  # fields whose value is chosen otherwise
    leads: bool = False  # score, markets, ladder: every lead
    placed: bool = False  # how likeness is judged: every lead and every branch
    gate: bool = False  # what the gate asks for: those that stand before it
    unforeseen: tuple[str, ...] = ()

    def place_of(self, system: str, kind: str, name: str) -> Place | None:
        """Return where the edited line of this field stands."""
        return next((one.place for one in self.lines if one.what == f"{system} {kind}.{name}"), None)


def compare_versions(running: Mappings, edited: Mappings) -> Edit:
    """Return what an edit changes; an Edit without lines changes nothing but layout, comments or cases."""
    if running.digest == edited.digest:
        return Edit()
    edit = _definition(running, edited)
    kinds: dict[Kind, KindEdit] = {}
    lines = list(edit.lines)
    unforeseen = list(edit.unforeseen)
    for system in running.systems.keys() - edited.systems.keys():
        line, note = _gone(running.systems[system])
        lines.append(line)
        unforeseen.append(note)
        kinds |= {(system, kind): KindEdit(whole=True) for kind in running.systems[system].kinds}
    for key in (_kinds_of(running) | _kinds_of(edited)) - kinds.keys():
        before, after = _of(running, key), _of(edited, key)
        found, changed, notes = _kind(running, edited, key, before, after)
        lines += changed
        unforeseen += notes
        if found != KindEdit():
            kinds[key] = found
    lines.sort(key=lambda one: (one.place.file, one.place.line, one.what))
    return replace(edit, lines=tuple(lines), kinds=kinds, unforeseen=tuple(sorted(unforeseen)))


def telling(mappings: Mappings, key: Kind) -> str:
    """Return what differs with whatever decides which keys a kind's records tell: 32 hexadecimal digits."""
    system, kind = mappings.systems[key[0]], mappings.systems[key[0]].kinds[key[1]]
    definition = mappings.definition
    names = key_names(mappings, kind)
    lines = {
        name: (raw, tables, reading, regional)
        for name, (raw, tables, reading, _, regional) in _prints(mappings, system, kind)
        if name in names or kind.fields[name].refers_to is not None
    }
    told = [KEYS, definition.identifying[kind.entity], sorted(definition.placeholders), lines]
    return blake2b(orjson.dumps(told, default=_plain, option=_SORTED), digest_size=16).hexdigest()


# ---------------------------------------------------------------------------------------------------------------------


def _kinds_of(mappings: Mappings) -> set[Kind]:
    return {(name, kind) for name, one in mappings.systems.items() for kind in one.kinds}


def _of(mappings: Mappings, key: Kind) -> tuple[SystemMap, KindMap] | None:
    kind_map = mappings.kind(*key)
    return (mappings.systems[key[0]], kind_map) if kind_map is not None else None


def _gone(system: SystemMap) -> tuple[EditedLine, str]:
    """Tell of a mapping file that is not there any more, once for all its kinds."""
    place = Place(system.file, 1, 1)
    kinds = ", ".join(system.kinds)
    note = (
        f"{system.file} is gone: what {system.system} {kinds} said counts no longer; what follows in others that lean "
        f"on it shows only then"
    )
    return EditedLine(what=f"the file is gone, and with it {system.system} {kinds}", place=place, how="removed"), note


def _kind(
    running: Mappings,
    edited: Mappings,
    key: Kind,
    before: tuple[SystemMap, KindMap] | None,
    after: tuple[SystemMap, KindMap] | None,
) -> tuple[KindEdit, list[EditedLine], list[str]]:
    name = " ".join(key)
    if before is None and after is not None:
        line = EditedLine(what=name, place=after[1].place, how="added")
        note = f"{line.place}: all records of {name} are read; whose they are and what they change shows only then"
        # Whole: it may have been read before, by a version that is come back to.
        return KindEdit(whole=True), [line], [note]
    if after is None:
        assert before is not None
        line = EditedLine(what=name, place=before[1].place, how="removed")
        note = (
            f"{line.place}: what {name} said counts no longer; what follows in others that lean on it shows only then"
        )
        return KindEdit(whole=True), [line], [note]
    assert before is not None
    found = _sections(before, after)
    lines = [EditedLine(what=f"{name} {one}", place=after[1].place, how="changed") for one in found]
    fields, edited_lines = _field_lines(running, edited, before, after, name)
    notes = []
    if found & {"table", "is"}:
        notes.append(f"{after[1].place}: other records are {name} now; what they change shows once they are read")
    edit = KindEdit(
        lines=fields,
        whole=bool(found & {"is", "method", "table"}),
        only="only" in found,
        creates=bool(found & {"create", "create_when", "key"}),
    )
    return edit, lines + edited_lines, notes


def _sections(before: tuple[SystemMap, KindMap], after: tuple[SystemMap, KindMap]) -> set[str]:
    """Return the keys of the kind's section that differ, its lines left out."""
    old, new = (one.source.get(kind.section, {}) for one, kind in (before, after))
    return {key for key in {*old, *new} - {"fields"} if old.get(key) != new.get(key)}


def _field_lines(
    running: Mappings, edited: Mappings, before: tuple[SystemMap, KindMap], after: tuple[SystemMap, KindMap], name: str
) -> tuple[frozenset[str], list[EditedLine]]:
    fields: set[str] = set()
    lines = []
    old, new = dict(_prints(running, *before)), dict(_prints(edited, *after))
    for one in {*old, *new}:
        if old.get(one) == new.get(one):
            continue
        fields.add(one)
        line = (after if one in new else before)[1].fields[one]
        how = "changed" if one in old and one in new else "added" if one in new else "removed"
        if _text(before, one) == _text(after, one):
            continue  # what it stands on differs: its table, its field, its region; that line is told by itself
        lines.append(EditedLine(what=f"{name}.{one}", place=line.place, how=how))
    tables = {table for table in {*before[0].tables, *after[0].tables} if _rows(before, table) != _rows(after, table)}
    for table in sorted(tables):
        used = [one for one in fields if _uses(after, one, table) or _uses(before, one, table)]
        if used:
            folder = edited.files.path(table)
            lines.append(EditedLine(what=f"{name} {table}", place=Place(folder, 1, 1), how="changed"))
    return frozenset(fields), lines


def _prints(mappings: Mappings, system: SystemMap, kind: KindMap) -> Iterator[tuple[str, Any]]:
    """Yield our field and all that decides how its line travels."""
    lines = _texts(system, kind)
    fields = mappings.definition.fields[kind.entity]
    countries = [lines.get(one) for one, shared in fields.items() if shared.type.value == "country"]
    for name, line in kind.fields.items():
        raw = lines.get(name)
        shared = fields.get(name)
        regional = _is_regional(line)
        yield (
            name,
            (
                raw,
                [system.tables.get(table) for table in _tables_of(raw)],
                _reading(shared),
                line.choices,
                (mappings.definition.region, countries) if regional else None,
            ),
        )


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else sorted(value) if isinstance(value, Set) else str(value)


def _is_regional(line: FieldMap) -> bool:
    return line.type in REGIONAL or line.holds in REGIONAL


def _reading(shared: SharedField | None) -> Any:
    return (shared.type, shared.choices, shared.or_none, shared.refers_to) if shared is not None else None


def _texts(system: SystemMap, kind: KindMap) -> Mapping[str, Any]:
    lines: Mapping[str, Any] = system.source.get(kind.section, {}).get("fields") or {}
    return lines


def _text(one: tuple[SystemMap, KindMap], name: str) -> Any:
    return _texts(*one).get(name)


def _rows(one: tuple[SystemMap, KindMap], table: str) -> Any:
    return one[0].tables.get(table)


def _uses(one: tuple[SystemMap, KindMap], name: str, table: str) -> bool:
    return table in _tables_of(_text(one, name))


def _tables_of(raw: Any) -> list[str]:
    """Return the table files that a line names, for all leads and for those of a market."""
    if not isinstance(raw, dict):
        return []
    sections = [raw, *(raw.get("markets") or {}).values()]
    return [one["values"] for one in sections if isinstance(one.get("values"), str)]


# --- the definition


def _definition(running: Mappings, edited: Mappings) -> Edit:
    old, new = running.definition, edited.definition
    if old.digest == new.digest:
        return Edit()
    document = parse(edited.files.files[DEFINITION], edited.files.path(DEFINITION))

    def at(path: tuple[str, ...], what: str, how: str) -> EditedLine:
        return EditedLine(what=what, place=document.key_place(path), how=how)

    golden: dict[EntityKind, frozenset[str]] = {}
    lines: list[EditedLine] = []
    unforeseen: list[str] = []
    gate = False
    for kind in EntityKind:
        chosen, changed, asked = _fields(old, new, kind)
        golden |= {kind: chosen} if chosen else {}
        gate = gate or (asked and kind is EntityKind.LEAD)
        lines += [at((kind.value, name), f"definition {kind.value}.{name}", how) for name, how in changed]
        unforeseen += [
            f"{document.key_place((kind.value, name))}: a {kind.value} is known by other fields than before; which "
            f"records turn out to be of one {kind.value} shows only then"
            for name in sorted(set(old.identifying[kind]) ^ set(new.identifying[kind]))
        ]
    everyone = [name for name, differs in _EVERYONE.items() if differs(old) != differs(new)]
    asked_for = [name for name, differs in _GATE.items() if differs(old) != differs(new)]
    lines += [at((name,), f"definition {name}", "changed") for name in dict.fromkeys(everyone + asked_for)]
    if old.version != new.version or old.agreed != new.agreed:
        lines.append(at(("version",), "definition version", "changed"))
    matched = dict(old.matching) != dict(new.matching)
    if matched:
        lines.append(at(("matching",), "definition matching", "changed"))
    placed = matched or "placeholders" in asked_for
    return Edit(
        lines=tuple(lines),
        golden=golden,
        leads=bool(everyone),
        placed=placed,
        gate=gate or bool(asked_for),
        unforeseen=tuple(unforeseen),
    )


def _fields(old: Definition, new: Definition, kind: EntityKind) -> tuple[frozenset[str], list[tuple[str, str]], bool]:
    """Return (fields whose value is chosen otherwise, fields that differ and how, whether the gate may judge anew)."""
    before, after = old.fields[kind], new.fields[kind]
    chosen: set[str] = set()
    changed: list[tuple[str, str]] = []
    gate = False
    for name in {*before, *after}:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        changed.append((name, "changed" if was and now else "added" if now else "removed"))
        if was is None or now is None or _rule(was) != _rule(now):
            chosen.add(name)
        gate = gate or was is None or now is None or _asked(was) != _asked(now)
    return frozenset(chosen), changed, gate


def _rule(field: SharedField) -> Any:
    return (field.merge, field.ranks, field.together)


def _asked(field: SharedField) -> Any:
    return (field.type, field.or_none, field.shelf_life, field.stated, field.sources, field.who, field.label)


def _conditions(rules: Any) -> list[Any]:
    return [tuple(getattr(part, "text", part) for part in vars(one).values()) for one in rules]


Part = Callable[[Definition], Any]

_EVERYONE: Mapping[str, Part] = {
    "markets": lambda one: _conditions(one.markets),
    "score": lambda one: (_conditions(one.fit), _conditions(one.engagement)),
    "stages": lambda one: _conditions(one.stages),
    "reasons": lambda one: dict(one.reasons),
    "handoff": lambda one: one.handoff_from,
    "currency": lambda one: one.currency,
}
_GATE: Mapping[str, Part] = {
    "handoff": lambda one: _conditions(one.requires),
    "placeholders": lambda one: one.placeholders,
}
