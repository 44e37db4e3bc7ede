"""A decision -> the writes that bring each linked record about, three-way per field; then requests -> answers.

Only what differs is written; what a person changed over there is not overwritten unless the mapping says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.lead.decision import Ask, Origin, Provenance, SourceRecord, Write, agreed_raw
from syncd.lead.definition import SAID_BY_US, EntityKind
from syncd.lead.together import Together
from syncd.mapping.model import ABSENT, BadValue, Conflict, FieldMap, KindMap

# Written again so often within a day, somebody over there disagrees by machine.
MOST_FLIPS = 5

_LEFT_ALONE = (Conflict.THEIRS, Conflict.FILL)

Translate = Callable[[FieldMap, str], str | None]  # (line with a reference, entity id) -> record id over there


def plan_update(
    kind_map: KindMap,
    record: SourceRecord,
    values: Mapping[str, Any],
    provenance: Provenance,
    translate: Translate,
    together: Sequence[Together] = (),
) -> tuple[Write | None, dict[str, Any], list[Ask]]:
    """Return (the write, if any; values that both sides hold already and were not yet agreed; questions)."""
    fields: dict[str, Any] = {}
    agrees: dict[str, Any] = {}
    equal: dict[str, Any] = {}
    was: dict[str, Any] = {}
    fills: list[str] = []
    asks: list[Ask] = []
    moves_owner = False
    held, agreed = record.fields, record.agreed
    made_by_us = kind_map.key is not None and bool(held.get(kind_map.key))
    kind_map, values = kind_map.applied(values)
    for one in together:
        values, emptied = _of_one_place(one, kind_map, record, values)
        fields.update(dict.fromkeys(emptied))
        agrees.update(dict.fromkeys(emptied))
        was.update((name, held.get(name)) for name in emptied)
    for name, field, read_back, line in kind_map.written:
        if name not in values and not _points_at_branch(line):
            continue
        ours = values.get(name)
        theirs = read_back(held)
        base = agreed.get(field)
        if theirs == ours and ours is not None and line.refers_to is None:
            if base is None or base[0] != ours or (len(base) > 2 and _is_frozen(base)):
                equal[field] = ours
            continue
        if line.owner and theirs not in (None, "") and line.conflict in _LEFT_ALONE:
            continue  # nobody loses a record unless the mapping says so
        if ours is None and _points_at_branch(line) and theirs and _is_ours(base, theirs):
            raw = None  # where somebody sits is our own finding
        else:
            raw, ours = _raw(line, ours, translate, asks, kind_map)
        if raw is ABSENT or theirs is ABSENT:
            continue
        if type(theirs) is BadValue:
            theirs = held.get(field)
        if theirs != ours:
            ours = _held(line, raw, ours)
        if theirs == ours or (ours is None and theirs in (None, "")):
            if base is None or base[0] != ours or _is_frozen(base):
                equal[field] = ours
            continue
        untouched = made_by_us and base is None and field not in record.changed
        if untouched and (theirs, ours) == (False, True):
            theirs = None  # a checkbox is never empty: what nobody set says no by itself
        if _ours_wins(line, name, ours, theirs, base, provenance.get(name), record, asks):
            if _is_frozen(base):
                asks.append(_ask_frozen(line, name, record))
                continue
            fields[field] = raw
            agrees[field] = ours
            moves_owner |= line.owner and theirs not in (None, "")
            if theirs in (None, ""):
                fills.append(field)
            elif name not in SAID_BY_US and not _says_no(line, ours):
                was[field] = held.get(field)
    for line in kind_map.linked:
        link = _link(line, values.get(line.name), agreed.get(str(line.writes)), translate)
        if link is not None:
            fields[str(line.writes)] = link
            agrees[str(line.writes)] = link[0]
    if not fields:
        return None, equal, asks
    return (
        Write(
            system=record.system,
            kind=record.kind,
            record_id=record.id,
            fields=fields,
            agrees=agrees,
            was=was,
            fills=tuple(fills),
            moves_owner=moves_owner,
            modified=record.modified or None,
        ),
        equal,
        asks,
    )


def plan_create(
    kind_map: KindMap, entity: str, values: Mapping[str, Any], translate: Translate
) -> tuple[Write | None, list[Ask]]:
    """Return the write that creates a record, if the mapping makes any and says under which key."""
    if not kind_map.makes or kind_map.key is None:
        return None, []
    if kind_map.create_when is not None and not kind_map.create_when.met(values):
        return None, []
    key = (kind_map.key, entity)
    kind_map, values = kind_map.applied(values)
    fields: dict[str, Any] = {}
    agrees: dict[str, Any] = {}
    asks: list[Ask] = []
    for name, line in kind_map.fields.items():
        if line.writes is None or line.writes == kind_map.key or values.get(name) is None:
            continue
        raw, ours = _raw(line, values[name], translate, asks, kind_map)
        if raw is ABSENT or raw is None:
            continue
        fields[line.writes] = [raw, None] if line.beside else raw
        agrees[line.writes] = _held(line, raw, ours)
    if asks:
        return None, asks
    return (
        Write(
            system=kind_map.system,
            kind=kind_map.kind,
            record_id=None,
            fields=fields,
            agrees=agrees,
            key=key,
        ),
        [],
    )


# ---------------------------------------------------------------------------------------------------------------------


def _of_one_place(
    one: Together, kind_map: KindMap, record: SourceRecord, values: Mapping[str, Any]
) -> tuple[Mapping[str, Any], list[str]]:
    """Return (the values to write, their fields to empty): no record shall hold parts of two addresses.

    What we ourselves wrote of the address that was is emptied; with what somebody else wrote the whole of it stays.
    """
    lines = [line for name in one.names if (line := kind_map.fields.get(name)) is not None and line.read_back]
    lacking = [line for line in lines if values.get(line.name) is None]
    if len(lacking) in (0, len(lines)):
        return values, []
    held = {line.name: theirs for line in lines if _says(theirs := line.read_back(record.fields))}  # type: ignore[misc]
    left = [line for line in lacking if line.name in held]
    if not left or not one.is_other(values, held):
        return values, []
    other = [line for line in lines if line.name in held and held[line.name] != values.get(line.name)]
    if all(_is_ours(record.agreed.get(str(line.writes)), held[line.name]) for line in other):
        return values, [str(line.writes) for line in left]
    return {name: value for name, value in values.items() if name not in one.names}, []


def _says(theirs: Any) -> bool:
    return theirs not in (None, "") and theirs is not ABSENT and type(theirs) is not BadValue


def _is_ours(base: Sequence[Any] | None, theirs: Any) -> bool:
    return base is not None and base[0] == theirs and base[1] == "w"


def _points_at_branch(line: FieldMap) -> bool:
    return line.refers_to is not None and line.refers_to[0] is EntityKind.BRANCH


def _raw(line: FieldMap, ours: Any, translate: Translate, asks: list[Ask], kind_map: KindMap) -> tuple[Any, Any]:
    """Return (raw value for the system, canonical value to compare); ABSENT when there is nothing to say."""
    if line.refers_to is not None:
        if ours is None:
            return ABSENT, None
        target = translate(line, ours)
        # Not there yet: the record pointed at is written first, and this entity is due again after it.
        return (ABSENT, None) if target is None else (target, target)
    if ours is None:
        # Only our own facts may empty a field; what we merely do not know clears nobody's.
        return (line.write(None), None) if line.write is not None and line.name in SAID_BY_US else (ABSENT, None)
    if line.write is None:
        return ABSENT, None
    raw = ours if type(ours) is BadValue else line.write(ours)
    if type(raw) is BadValue:
        asks.append(
            Ask(
                kind="value does not fit",
                system=kind_map.system,
                message=f"{line.place}: {line.name} cannot be written to {kind_map.kind}.{line.writes}: {raw.why}; "
                f"the record stays as it is until the value or the mapping line is mended",
            )
        )
        return ABSENT, None
    return raw, ours


def _link(line: FieldMap, ours: Any, base: Sequence[Any] | None, translate: Translate) -> list[str | None] | None:
    """Return [id to link, id to unlink], None when nothing is to be done; only what was agreed is known of it."""
    assert line.refers_to is not None
    linked = base[0] if base is not None else None
    perhaps = base[3] if base is not None and linked is None and len(base) > 3 else None  # a write in doubt
    target = translate(line, ours) if ours is not None else None
    if ours is not None:
        return [target, linked or perhaps] if target is not None and target != linked else None
    # Where somebody sits is our own finding; whose branch it is we may merely not know now.
    old = linked or perhaps
    return [None, old] if old is not None and _points_at_branch(line) else None


def _held(line: FieldMap, raw: Any, ours: Any) -> Any:
    """Return our value as the system holds it: what the way there cuts or joins is no difference between the sides."""
    if ours is None or line.read_back is None or line.writes is None:
        return ours
    held = line.read_back({line.writes: raw})
    return ours if held is None or held is ABSENT or type(held) is BadValue else held


def _says_no(line: FieldMap, ours: Any) -> bool:
    """Whether it is an opt-out: what it replaces is nobody's to keep, and no brake counts it."""
    return line.yes_holds and ours is True


def _is_frozen(base: Sequence[Any] | None) -> bool:
    return base is not None and len(base) > 2 and base[2] >= MOST_FLIPS


def _ask_frozen(line: FieldMap, name: str, record: SourceRecord) -> Ask:
    return Ask(
        kind="oscillates",
        system=record.system,
        record=f"{record.system} {record.kind} {record.id}",
        message=f"{line.place}: {name} was written {MOST_FLIPS} times a day to {record.system} {record.kind} "
        f"{record.id} and changed back over there each time; it is not written any more, both sides keep what they "
        f"have. Find what changes {line.writes} there, or mend the mapping line; it goes on when both sides hold the "
        f"same value",
    )


def _ours_wins(
    line: FieldMap,
    name: str,
    ours: Any,
    theirs: Any,
    base: Sequence[Any] | None,
    source: Sequence[Any] | None,
    record: SourceRecord,
    asks: list[Ask],
) -> bool:
    """The three-way rule. `base`: what both sides last held, None when they never agreed."""
    if name in SAID_BY_US:
        return True  # nobody else's to say
    if _says_no(line, ours):
        return True  # a checkbox that nobody touched says no as well
    if theirs in (None, ""):
        # Never filled, or emptied by a person since we agreed: the second is their say.
        return base is None or base[0] is None or base[0] != ours
    if base is not None and (base[0] == theirs or agreed_raw(base) == record.fields.get(str(line.writes))):
        return True  # we alone changed: what is said of the lead, or the line that writes it
    if base is not None and base[0] == ours:
        return line.conflict is Conflict.OURS  # they alone changed
    if line.conflict is Conflict.OURS:
        return True
    if line.conflict is Conflict.NEWEST:
        # Whoever insists keeps the value over there in any case; only following makes both sides the same.
        origin = Origin(*source) if source is not None else None
        return origin is not None and (origin.insists or origin.at > record.changed_at((line.writes or "",)))
    if line.conflict is Conflict.ASK:
        asks.append(
            Ask(
                kind="conflict",
                system=record.system,
                record=f"{record.kind} {record.id}",
                message=f"{line.place}: {name} was changed on both sides and the mapping says `conflict: ask`; "
                f"both keep their value until one side is edited",
            )
        )
    return False
