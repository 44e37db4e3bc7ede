"""Both versions on the same stored records at the same moment, and what they come to.

Whom to decide for is syncd.edits.reach's, in how many processes syncd.edits.shares'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from sqlalchemy import Connection

from syncd.edits.difference import Edit
from syncd.edits.effects import effects_of, effects_once_made
from syncd.edits.tally import Closer, Tally
from syncd.lead.decision import Decision
from syncd.lead.definition import EntityKind
from syncd.mapping.gaps import NO_GAP, Gap, Gaps, gap_of, narrow
from syncd.mapping.model import KindMap, Mappings
from syncd.mapping.owners import bind, people_of
from syncd.mapping.reality import SeenField, compare_kind
from syncd.pipeline import Stored, decide_stored, load_stored, once_made
from syncd.store import people, systems

Fields: TypeAlias = Mapping[str, Any]
# A version without what cannot be written now, and (system, kind) of which it makes records.
Usable: TypeAlias = tuple[Mappings, Sequence[tuple[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The running version and the edited one. `due`: those at whom handoff would look in any case.

    `gaps`: what of the systems the running version cannot use; `gaps_then`: what the edited one cannot.
    """

    running: Mappings
    edited: Mappings
    edit: Edit
    gaps: Gaps
    gaps_then: Gaps
    now: int
    due: frozenset[str]

    def tally(self, connection: Connection, ids: Sequence[str], closer: Closer) -> Tally:
        """Decide for these and add up what would change."""
        found = Tally()
        stored = load_stored(connection, ids)
        after = self._under(connection, self._then, stored)
        # For who is not due, the running version has nothing to do: it is asked only where the edited one has.
        told = [one for one in after if _says_something(one) or one.entity in self.due]
        before = {one.entity: one for one in told}
        if self.running.digest != self.edited.digest:
            same = stored.only(before.keys())
            before = {one.entity: one for one in self._under(connection, self._now, same)}
        then, held_then = self._once_made(connection, self._then, stored, told)
        then_before = then
        if self.running.digest != self.edited.digest:
            then_before, _ = self._once_made(connection, self._now, stored, list(before.values()))
        held = _held(stored)
        for one in told:
            was, next_one = before[one.entity], then.get(one.entity)
            effects = list(effects_of(one, was, held[one.entity], self.edited, self.edit, next_one))
            if next_one is not None:
                was = then_before.get(one.entity, was)
                effects += effects_once_made(next_one, was, held_then[one.entity], self.edited, self.edit)
            found.add(one.writes, effects, closer, next_one.writes if next_one is not None else ())
        return found

    @cached_property
    def _now(self) -> Usable:
        return narrow(self.running, self.gaps), made_by(self.running, self.gaps)

    @cached_property
    def _then(self) -> Usable:
        return narrow(self._shared(), self.gaps_then), made_by(self.edited, self.gaps_then)

    def _shared(self) -> Mappings:
        """Return the edited version with the running one's kinds where they are alike: those are read once for both."""
        if self.running.definition.fields != self.edited.definition.fields:
            return self.edited  # conditions go by the types of fields in any line
        systems = {
            name: replace(
                one,
                kinds={
                    kind: (self.running.kind(name, kind) if (name, kind) not in self.edit.kinds else None) or kind_map
                    for kind, kind_map in one.kinds.items()
                },
            )
            for name, one in self.edited.systems.items()
        }
        return replace(self.edited, systems=systems)

    def _under(self, connection: Connection, version: Usable, stored: Stored) -> list[Decision]:
        mappings, makes = version
        return decide_stored(connection, mappings, stored, self.now, makes, shown_only=True)

    def _once_made(
        self, connection: Connection, version: Usable, stored: Stored, decisions: Sequence[Decision]
    ) -> tuple[dict[str, Decision], Mapping[str, Mapping[str, Fields]]]:
        """Return of the leads that are made what is decided next, and what their records hold by then."""
        made = once_made(stored, decisions, self.now)
        found = self._under(connection, version, made) if made.views else []
        return {one.entity: one for one in found}, _held(made)


def known_owners(connection: Connection, mappings: Mappings) -> Mappings:
    """Return the mappings going by who can own records, as last read."""
    return bind(mappings, people_of(people.read_people(connection))) if mappings.owned else mappings


def read_gaps(connection: Connection) -> Gaps:
    """Return what of the systems cannot be used now, as the daemon last found it."""
    found = {key: Gap.of_json(plain) for key, (plain, _, _) in systems.read_gaps(connection).items()}
    return {key: gap for key, gap in found.items() if gap != NO_GAP}


def gaps_after(connection: Connection, edit: Edit, running: Mappings, edited: Mappings, gaps: Gaps) -> Gaps:
    """Return what the edited version cannot use: of a kind that it edits, by what was last seen of that kind."""
    found = dict(gaps)
    stored = systems.read_descriptions(connection) if edit.kinds.keys() & gaps.keys() else {}
    for key in edit.kinds.keys() & gaps.keys() & stored.keys():
        one, then = running.kind(*key), edited.kind(*key)
        # A kind that is gone is stored as it was last seen: it stays gone whatever the edit says.
        if one is None or then is None or (gaps[key].whole and not _gap_by(connection, one, stored[key]).whole):
            continue
        found[key] = _gap_by(connection, then, stored[key])
    return found


def made_by(mappings: Mappings, gaps: Gaps) -> list[tuple[str, str]]:
    """Return (system, kind) of which records are made, once the systems are read freshly."""
    found = []
    for one in (one for kind in EntityKind for one in mappings.of_entity(kind)):
        gap = gaps.get((one.system, one.kind), Gap())
        if one.makes and not (gap.creates or gap.whole):
            found.append((one.system, one.kind))
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _gap_by(connection: Connection, kind_map: KindMap, seen: systems.Described) -> Gap:
    infos = [info for name, plain in seen.fields.items() if (info := SeenField.of_json(name, plain)) is not None]
    there = seen.fields.keys() | systems.fields_read(connection, kind_map.system, kind_map.kind)
    return gap_of(kind_map, compare_kind(kind_map, {kind_map.kind: infos}), there)


def _held(stored: Stored) -> dict[str, dict[str, Fields]]:
    return {view.id: {f"{one.system} {one.kind} {one.id}": one.fields for one in view.records} for view in stored.views}


def _says_something(one: Decision) -> bool:
    return bool(one.writes or one.changes or one.moves or one.verdict)
