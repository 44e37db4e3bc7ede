"""What one decision would change, field by field, and which of it an edit brings about: values only.

Deciding is syncd.pipeline's, adding up over all leads syncd.edits.plan's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson

from syncd.edits.difference import Edit
from syncd.lead.decision import Decision, Origin, Write
from syncd.lead.definition import EntityKind
from syncd.mapping.model import FieldMap, Mappings
from syncd.store.versions import MARK

# They hold the moment of the decision itself, so that two plans of the same world would differ in nothing else.
MOMENTS = frozenset({"stage_since", "due_by", "handed_over_at"})


# Which sections of the definition decide on what of a lead, the nearest first.
_JUDGED = ("handoff", "placeholders", "stages", "score", "markets")
_SECTIONS = {
    "stage": ("stages", "score", "markets", "reasons"),
    "score": ("score", "markets"),
    "market": ("markets",),
    **dict.fromkeys(("handoff", "handoff_status", "refusal"), _JUDGED),
}


class Risk(StrEnum):
    """What a change is to those who work over there, the gravest first."""

    CLEARED = "cleared"
    CREATED = "created"
    WITHDRAWN = "no longer passed"  # the gate let it pass, and would refuse it
    PASSED = "newly passed"
    MOVED = "stage moved"
    OVERWRITTEN = "overwritten"
    REFUSED = "newly refused"  # the gate was not asked, or it was another way
    OTHERWISE = "refused for other facts"
    RELEASED = "no longer refused"  # and not passed: the gate is not asked any more
    FILLED = "filled"
    KEPT = "no longer written"  # what the running version would write now
    VALUE = "value of ours"  # known to syncd, written nowhere by itself

    order: int

    def __init__(self, _: str) -> None:
        self.order = len(type(self).__members__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One field of one record, or of the lead itself, old -> new.

    `field` is the system's name, `ours` ours. `line` is the place of the mapping line or section that did it. `edited`:
    the edit brings it about; what is not would be done without the edit too. `once_made`: it follows once the CRM has
    made the lead and gave an id.
    """

    entity: str
    kind: EntityKind
    risk: Risk
    where: str  # "salesforce Lead 00Q...", "salesforce Lead (new)", "" for the lead itself
    group: str  # the same without the record
    field: str
    ours: str
    old: Any
    new: Any
    source: str
    rule: str
    line: str
    edited: bool = True
    once_made: bool = False

    @property
    def name(self) -> str:
        """What of the lead changes, without the record."""
        name = f"{self.group} {self.field}".strip()
        return f"{name}, once made" if self.once_made else name

    def mark(self) -> bytes:
        """Return a digest of record, old and new value, by which a later plan can tell whether they are the same."""
        values = (self.risk.value, self.where, self.old, "now" if self.ours in MOMENTS else self.new)
        return blake2b(orjson.dumps(values, default=str), digest_size=MARK).digest()


def effects_of(
    decision: Decision,
    before: Decision,
    held: Mapping[str, Mapping[str, Any]],
    edited: Mappings,
    edit: Edit,
    then: Decision | None = None,
) -> Iterator[Effect]:
    """Yield everything that the decision changes. `before`: the running version's decision.

    `held`: "system kind id" -> the record's fields as they are. `then`: what is decided next, once the CRM has made it.
    """
    one = _Reader(decision, before, held, edited, edit)
    yield from one.of_writes()
    yield from one.of_state()
    yield from one.of_values()
    yield from one.of_withheld(then.writes if then is not None else ())


def effects_once_made(
    decision: Decision, before: Decision, held: Mapping[str, Mapping[str, Any]], edited: Mappings, edit: Edit
) -> Iterator[Effect]:
    """Yield what the decision changes that follows on a create; `before` is the running version's last one."""
    one = _Reader(decision, before, held, edited, edit)
    for effect in (*one.of_writes(), *one.of_values()):
        yield replace(effect, once_made=True)


def flip(was: Mapping[str, Any], now: Mapping[str, Any]) -> Risk:
    """Return what becomes of a verdict at the gate; each state is what was decided of the lead."""
    if now.get("outcome") == "passed":
        return Risk.PASSED
    if was.get("outcome") == "passed":
        return Risk.WITHDRAWN
    if not now.get("refused"):
        return Risk.RELEASED
    return Risk.OTHERWISE if was.get("refused") else Risk.REFUSED


# ---------------------------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(
        self,
        decision: Decision,
        before: Decision,
        held: Mapping[str, Mapping[str, Any]],
        edited: Mappings,
        edit: Edit,
    ) -> None:
        self.decision = decision
        self.before = before
        self.held = held
        self.mappings = edited
        self.edit = edit
        self.writes = {_name(one): one for one in before.writes}

    def of_writes(self) -> Iterator[Effect]:
        for write in self.decision.writes:
            was = self.writes.get(_name(write))
            if write.creates:
                yield self._creation(write, edited=was is None)
            if was is None and write.creates:
                continue
            lines = self._lines(write)
            held = self.held.get(_name(write), {})
            for field, new in write.fields.items():
                line = lines.get(field)
                edited = was is None or field not in was.fields or not _same(line, was.fields[field], new)
                if write.creates and not edited:
                    continue  # told with the record
                yield self._of_field(write, field, line, held.get(field), new, edited)

    def of_state(self) -> Iterator[Effect]:
        """Yield stage moves and verdicts; an edit brings about what the running version decides otherwise."""
        if self.decision.kind is not EntityKind.LEAD:
            return
        now, was = self.decision.state, self.before.state
        moved = now.get("stage") != was.get("stage")
        if self.decision.moves or moved:
            path = " -> ".join([move.to_stage for move in self.decision.moves] or [str(now.get("stage"))])
            old = self.decision.moves[0].from_stage if self.decision.moves else was.get("stage")
            yield self._of_lead(Risk.MOVED, "stage", old, path, moved)
        judged = (now.get("outcome"), now.get("refused")) != (was.get("outcome"), was.get("refused"))
        if judged or self.decision.verdict is not None:
            old = _verdict(was) if judged else None
            yield self._of_lead(flip(was, now), "handoff", old, _verdict(now), judged)

    def of_values(self) -> Iterator[Effect]:
        for one in self.decision.changes:
            yield Effect(
                entity=self.decision.entity,
                kind=self.decision.kind,
                risk=Risk.VALUE,
                where="",
                group=self.decision.kind.value,
                field=one.field,
                ours=one.field,
                old=one.old,
                new=one.new,
                source=one.source,
                rule=one.rule,
                line=self._reading_line(one.field, self.decision.provenance.get(one.field)),
                edited=self.before.values.get(one.field) != one.new,
            )

    def of_withheld(self, then: Sequence[Write]) -> Iterator[Effect]:
        """Yield what only the running version would write."""
        now: dict[str, set[str]] = {}
        for one in (*self.decision.writes, *then):
            now.setdefault(_name(one), set()).update(one.fields)
        for name, write in self.writes.items():
            fields = set(write.fields) - now.get(name, set())
            for field in sorted(fields) if not write.creates or name not in now else ():
                held = self.held.get(name, {}).get(field)
                yield Effect(
                    entity=self.decision.entity,
                    kind=self.decision.kind,
                    risk=Risk.KEPT,
                    where=name,
                    group=f"{write.system} {write.kind}",
                    field=field,
                    ours=field,
                    old=write.fields[field],
                    new=held,
                    source="",
                    rule="",
                    line=self._some_place(),
                )

    def _creation(self, write: Write, *, edited: bool) -> Effect:
        kind_map = self.mappings.kind(write.system, write.kind)
        own = str(kind_map.place) if kind_map is not None else ""
        place = (self._some_place() or own) if edited else own
        return Effect(
            entity=self.decision.entity,
            kind=self.decision.kind,
            risk=Risk.CREATED,
            where=_name(write),
            group=f"{write.system} {write.kind}",
            field="",
            ours="",
            old=None,
            new={name: value for name, value in write.fields.items() if not self._is_moment(write, name)},
            source="",
            rule=f"create_when {kind_map.create_when.text}" if kind_map and kind_map.create_when else "",
            line=place,
            edited=edited,
        )

    def _of_field(self, write: Write, field: str, line: FieldMap | None, old: Any, new: Any, edited: bool) -> Effect:
        ours = line.name if line is not None else field
        if line is not None and line.beside:
            new, old = new  # the id to link, the id to unlink
        source = self.decision.provenance.get(ours)
        empty = old in (None, "", [])
        risk = Risk.CLEARED if new in (None, "") else Risk.FILLED if empty else Risk.OVERWRITTEN
        return Effect(
            entity=self.decision.entity,
            kind=self.decision.kind,
            risk=risk,
            where=_name(write),
            group=f"{write.system} {write.kind}",
            field=field,
            ours=ours,
            old=old,
            new=new,
            source=_source(source),
            rule=line.rule if line is not None else "",
            line=self._writing_line(write, line, source) if edited else str(line.place if line else ""),
            edited=edited,
        )

    def _of_lead(self, risk: Risk, what: str, old: Any, new: Any, edited: bool) -> Effect:
        return Effect(
            entity=self.decision.entity,
            kind=self.decision.kind,
            risk=risk,
            where="",
            group="lead",
            field=what,
            ours=what,
            old=old,
            new=new,
            source="",
            rule="",
            line=self._some_place(what) if edited else "",
            edited=edited,
        )

    # --- which line did it: the edited one of those that the value passes, else the one that writes it

    def _writing_line(self, write: Write, line: FieldMap | None, source: Sequence[Any] | None) -> str:
        if line is None:
            return ""
        own = self.edit.place_of(write.system, write.kind, line.name)
        if own is not None:
            return str(own)
        read = self.edit.place_of(*Origin(*source)[:2], line.name) if source is not None else None
        if read is not None:
            return str(read)
        return (
            str(line.place)
            if source is not None or not self.edit.lines
            else self._some_place(line.name) or str(line.place)
        )

    def _reading_line(self, name: str, source: Sequence[Any] | None) -> str:
        if source is None:
            return self._some_place(name)
        system, kind = Origin(*source)[:2]
        own = self.edit.place_of(system, kind, name)
        kind_map = self.mappings.kind(system, kind)
        line = kind_map.fields.get(name) if kind_map is not None else None
        return str(own or (line.place if line is not None else "")) or self._some_place(name)

    def _some_place(self, name: str = "") -> str:
        """Return where the edited line stands that is most likely at work: of this field, else of the definition."""
        named = [one for one in self.edit.lines if name and one.what.endswith(f".{name}")]
        changed = {one.field for one in self.decision.changes}
        through = [one for one in self.edit.lines if one.what.rpartition(".")[2] in changed]
        sections = [f"definition {one}" for one in _SECTIONS.get(name, ())]
        judged = sorted(
            (one for one in self.edit.lines if one.what in sections), key=lambda one: sections.index(one.what)
        )
        told = [one for one in self.edit.lines if one.what.startswith("definition")]
        found = named or judged or through or told or list(self.edit.lines)
        return str(found[0].place) if found else ""

    def _lines(self, write: Write) -> Mapping[str, FieldMap]:
        kind_map = self.mappings.kind(write.system, write.kind)
        return kind_map.writers if kind_map is not None else {}

    def _is_moment(self, write: Write, field: str) -> bool:
        line = self._lines(write).get(field)
        return line is not None and line.name in MOMENTS


def _name(write: Write) -> str:
    return f"{write.system} {write.kind} {write.record_id or '(new)'}"


def _source(source: Sequence[Any] | None) -> str:
    return Origin(*source).words() if source is not None else ""


def _same(line: FieldMap | None, old: Any, new: Any) -> bool:
    return old == new or (line is not None and line.name in MOMENTS)


def _verdict(state: Mapping[str, Any]) -> str | None:
    outcome = state.get("outcome")
    return f"refused: {state['refused']}" if state.get("refused") else outcome
