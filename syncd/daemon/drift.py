"""What the systems have changed since the mappings were written: found by describing them, kept as gaps, told once.

A gap is the smallest part that cannot go on: a field not read, a field or choice not written, creates, or a whole kind.
Reading, deciding and sending around the gaps is left to work.py.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine

from connectors.contract import FieldInfo, Page, Source, unused_kinds
from connectors.errors import ConfigProblem, ConnectorError, NoEntry
from syncd.config.check import nearest_name
from syncd.edits.force import Running
from syncd.lead.definition import EntityKind
from syncd.log import logger
from syncd.mapping.gaps import NO_GAP, Gap, gap_of, narrow
from syncd.mapping.model import KindMap, Mappings
from syncd.mapping.reality import Finding, Lack, as_json, compare_kind, unread_options
from syncd.pipeline.succession import RANK
from syncd.store import inbox, intake, systems
from syncd.store.rows import chunks
from syncd.store.systems import Described

DAY_MS = 86_400_000
# A kind in trouble is described again after this long, and not sooner.
PATIENCE_MS = 600_000

# Answers to a write that blame the field and not its value.
BLAMES = frozenset(
    {
        "INVALID_FIELD",
        "FIELD_INTEGRITY_EXCEPTION",  # a code of a state for a field of the org's names, among others
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "REQUIRED_FIELD_MISSING",
        "PROPERTY_DOESNT_EXIST",
        "READ_ONLY_VALUE",
        "INVALID_OPTION",
    }
)

Fields = Mapping[str, Mapping[str, Any]]


class Drift:
    """The gaps of all kinds, as stored; every worker on a state goes by the same."""

    def __init__(self, engine: Engine, running: Running, sources: Mapping[str, Source]) -> None:
        self._engine = engine
        self._running = running
        self._sources = sources
        self._lock = threading.Lock()
        self._gaps: dict[tuple[str, str], Gap] = {}
        self._next: dict[tuple[str, str], int] = {}  # when a kind is to be described again
        self._found_for: dict[tuple[str, str], str] = {}  # for which version of its system's file a gap was found
        self._looked_for: dict[tuple[str, str], str] = {}  # for which version a kind was last to be described
        self._asked: dict[tuple[str, str], int] = {}  # when trouble last made us describe a kind
        self._watching = False

    @property
    def _mappings(self) -> Mappings:
        return self._running.mappings

    def watch(self) -> None:
        """Describe every kind at its next poll and then each day; without this, only what is in trouble."""
        self._watching, self._next = True, {}

    def refresh(self) -> None:
        """Take over what other workers found."""
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            stored = systems.read_gaps(connection)
        self._gaps = {key: gap for key, (plain, _, _) in stored.items() if (gap := Gap.of_json(plain)) != NO_GAP}
        self._found_for = {key: stored[key][2] for key in self._gaps}
        if self._watching:
            return
        self._next = {key: at + PATIENCE_MS for key, (_, at, _) in stored.items() if key in self._gaps}

    def gap(self, system: str, kind: str) -> Gap:
        return self._gaps.get((system, kind), NO_GAP)

    def mappings(self) -> Mappings:
        """Return the mappings without what cannot be written now."""
        return narrow(self._mappings, self._gaps)

    def readable(self, system: str) -> dict[str, tuple[str, ...]]:
        """Return kind -> the fields to read of it, also for an edit that waits; kinds that are gone are left out."""
        found = {}
        for kind, kind_map in self._kinds(system).items():
            gap = self.gap(system, kind)
            if not gap.whole:
                ahead = self._running.ahead.get((system, kind), frozenset())
                names = sorted({*kind_map.read_fields(), *ahead}) if ahead else kind_map.read_fields()
                found[kind] = tuple(name for name in names if name not in gap.unread)
        return found

    def keep_known(self, connection: Connection, system: str, page: Page) -> Page:
        """Give records the values that were last read of fields which cannot be read now: unread is not empty."""
        unread = self.gap(system, page.kind).unread
        if not unread or not page.records:
            return page
        stored = intake.stored_records(connection, system, page.kind, [one.id for one in page.records])
        records = []
        for one in page.records:
            known = stored[one.id].fields if one.id in stored else {}
            kept = {name: known[name] for name in unread if name in known and name not in one.fields}
            records.append(replace(one, fields={**one.fields, **kept}) if kept else one)
        return replace(page, records=records)

    def in_the_dark(self, connection: Connection, entities: Collection[str]) -> set[str]:
        """Return those of which a field was never read that cannot be read now; to decide would be to guess."""
        found: set[str] = set()
        for (system, kind), gap in self._gaps.items():
            kind_map = self._mappings.kind(system, kind)
            needed = {n for line in kind_map.fields.values() for n in line.reads} & gap.unread if kind_map else set()
            for part in chunks(entities) if needed else ():
                rows = systems.fields_of_linked(connection, system, kind, part)
                found |= {entity for entity, fields in rows if not needed <= fields.keys()}
        return found

    def what_waits(self, system: str, kinds: Collection[str]) -> str:
        """Return, in words, what is not made while these kinds cannot be read."""
        known = self._kinds(system)
        dark = {known[kind].entity for kind in kinds if kind in known}
        made = [kind for kind, one in known.items() if one.makes and one.entity in dark]
        if not made:
            return ""
        return f", but no new {' or '.join(made)} is made: whoever it is might be there already, out of sight"

    # --- looking

    def look_when_due(self, system: str, now: int) -> None:
        """Describe what is to be looked at again: all of a system at a daemon's start and each day, gaps more often.

        A gap of an edited file is looked at once the edit is in force: it may be closed by that.
        """
        due = [kind for kind in self._kinds(system) if self._watching or (system, kind) in self._gaps]
        due = [kind for kind in due if now >= self._next.get((system, kind), 0) or self._is_edited(system, kind)]
        if due:
            self._look(system, due, now)

    def look_after(self, system: str, kinds: Iterable[str], now: int, *, unreadable: bool = True) -> bool:
        """Describe kinds that are in trouble, each at most once in a while; return whether their gaps changed.

        `unreadable`: they could not be read either, so one that cannot be described is gone.
        """
        asked = {kind: self._asked.get((system, kind), 0) for kind in kinds}
        due = [kind for kind, at in asked.items() if now - at >= PATIENCE_MS]
        for kind in asked.keys() - set(due):
            again = asked[kind] + PATIENCE_MS
            self._next[(system, kind)] = min(again, self._next.get((system, kind), again))
        self._asked.update({(system, kind): now for kind in due})
        before = {kind: self.gap(system, kind) for kind in due}
        if due:
            self._look(system, due, now, unreadable=unreadable)
        return any(self.gap(system, kind) != gap for kind, gap in before.items())

    def look_after_writes(self, batch: str, now: int) -> None:
        """See whether fields were to blame for refused writes; then those are decided again, without the fields."""
        with self._engine.execution_options(syncd_reads_only=True).connect() as connection:
            refused = [row for row in systems.refused_writes(connection, batch) if row.answer.get("code") in BLAMES]
        for system in sorted({row.system for row in refused}):
            rows = [row for row in refused if row.system == system]
            before = {row.kind: self.gap(system, row.kind) for row in rows}
            self.look_after(system, before, now, unreadable=False)
            again = [row for row in rows if self.gap(system, row.kind) != before[row.kind]]
            with self._engine.begin() as connection:
                due = {row.entity: rank for row in again for rank in [_rank(row.request)]}
                intake.mark_due(connection, due, now, "a field of it is gone")
                # What is told of the field says it for all; whatever is refused again is told again.
                inbox.close_problems(connection, entities=sorted(due), kinds=("rejected",), system=system)

    def _is_edited(self, system: str, kind: str) -> bool:
        """Tell whether a gap was found for another version than the one in force, which was not looked at yet."""
        known = {self._found_for.get((system, kind)), self._looked_for.get((system, kind))}
        return (system, kind) in self._gaps and self._mappings.systems[system].digest not in known

    def _kinds(self, system: str) -> dict[str, KindMap]:
        """Return the mapped kinds but for those that the system's settings rule out."""
        known = self._mappings.systems.get(system)
        unused = unused_kinds(self._sources.get(system))
        return {kind: one for kind, one in known.kinds.items() if kind not in unused} if known else {}

    def _look(self, system: str, kinds: Sequence[str], now: int, *, unreadable: bool = False) -> None:
        """Describe kinds, store what was seen and tell what is wrong; a system that cannot answer changes nothing.

        A kind that is read well and cannot be described lacks a right that only describing needs.
        """
        source = self._sources[system]
        self._next.update({(system, kind): now + PATIENCE_MS for kind in kinds})
        self._looked_for.update(
            dict.fromkeys(((system, kind) for kind in kinds), self._mappings.systems[system].digest)
        )
        infos: dict[str, Sequence[FieldInfo]] = {}
        missing: dict[str, str] = {}
        for kind in kinds:
            try:
                infos[kind] = source.fields(kind)
            except NoEntry:
                return
            except ConfigProblem as error:
                missing[kind] = error.message
            except ConnectorError:
                return
        kinds = [kind for kind in kinds if kind in infos or unreadable or self.gap(system, kind).whole]
        with self._lock:
            with self._engine.begin() as connection:
                stored = systems.read_descriptions(connection)
                for kind in kinds:
                    self._take(connection, self._mappings.systems[system].kinds[kind], infos, stored, missing, now)
            self.refresh()
        well = [(system, kind) for kind in kinds if (system, kind) not in self._gaps]
        self._next.update(dict.fromkeys(well, now + DAY_MS))

    def _take(
        self,
        connection: Connection,
        kind_map: KindMap,
        infos: Mapping[str, Sequence[FieldInfo]],
        stored: Mapping[tuple[str, str], Described],
        missing: Mapping[str, str],
        now: int,
    ) -> None:
        system, kind = kind_map.system, kind_map.kind
        before = stored.get((system, kind))
        was = before.fields if before else {}
        seen = set(was) | systems.fields_read(connection, system, kind)
        findings = compare_kind(kind_map, infos)
        fields = _remember(kind_map, infos[kind], was, seen, now) if kind in infos else was
        if before is not None and before.mapping == self._mappings.systems[system].digest:
            retyped = _retyped(kind_map, fields, was, {one.field for one in findings})
            fields = {
                name: {**one, "type": was[name]["type"]} if name in retyped else one for name, one in fields.items()
            }
        else:
            retyped = {}
        gap = gap_of(kind_map, findings, seen)
        waits = self.what_waits(system, [kind])
        told = [_tell(kind_map, one, fields, gap, missing.get(kind), waits) for one in findings if _is_told(one, seen)]
        told += [(f"drift|{system}|{kind}|type|{name}", words) for name, words in retyped.items()]
        news = _new_options(kind_map, fields, was)
        fields = {name: {**one, "new": news[name][0]} if name in news else one for name, one in fields.items()}
        told += [(f"drift|{system}|{kind}|option|{name}", words) for name, (_, words) in news.items()]
        for key, words in told:
            inbox.open_problem(connection, key=key, kind="drift", system=system, message=words, now=now)
        systems.close_problems_but(connection, f"drift|{system}|{kind}|", {key[:255] for key, _ in told})
        digest = self._mappings.systems[system].digest
        systems.save_description(
            connection, system, kind, Described(fields=fields, gaps=gap.as_json(), mapping=digest, seen_at=now)
        )
        old = Gap.of_json(before.gaps) if before else NO_GAP
        if old != gap:
            _log(system, kind, gap)
            _wake(connection, system, kind, kind_map, gap, old, now)


# ---------------------------------------------------------------------------------------------------------------------


def _rank(request: Mapping[str, Any]) -> int:
    return next(rank for entity, rank in RANK.items() if entity.value == request["of"])


def _remember(
    kind_map: KindMap, infos: Sequence[FieldInfo], was: Fields, seen: Collection[str], now: int
) -> dict[str, dict[str, Any]]:
    """Return the fields as they are; mapped ones that are gone are kept, with the new field that may be their heir."""
    fields: dict[str, dict[str, Any]] = {one.name: as_json(one) for one in infos}
    fresh = {name: one for name, one in fields.items() if was and name not in was}
    for name in kind_map.read_fields():
        if name in fields or name not in seen:
            continue
        known = was.get(name, {"type": None, "label": None})
        heir = known.get("heir") or _heir(name, known, fresh)
        fields[name] = {**known, "gone": known.get("gone") or now, "heir": heir}
    return fields


def _heir(name: str, known: Mapping[str, Any], fresh: Fields) -> str | None:
    """Return which new field seems to be a renamed one: the same label, else a name like it, of the same type."""
    alike = {new: one for new, one in fresh.items() if known["type"] in (None, one["type"])}
    same = [new for new, one in alike.items() if one["label"] == known["label"]]
    if same:
        return same[0]
    return nearest_name(name, alike)


def _retyped(kind_map: KindMap, fields: Fields, was: Fields, told: Collection[str]) -> dict[str, str]:
    """Return field -> words for those that are read and hold another type than when the mapping was written."""
    found = {}
    for line in kind_map.fields.values():
        for name in line.reads:
            old, new = was.get(name, {}).get("type"), fields.get(name, {}).get("type")
            if old and new and old != new and name not in told and "gone" not in fields[name]:
                found[name] = (
                    f"{line.place}: {kind_map.system} {kind_map.kind}.{name} held {old} and now holds {new}; it is "
                    f"read on, and a value that cannot be read counts as missing. Change it back, or edit the line: an "
                    f"edit takes the type as it is then"
                )
    return found


def _new_options(kind_map: KindMap, fields: Fields, was: Fields) -> dict[str, tuple[list[str], str]]:
    """Return field -> (options that came since it was first described and that its line cannot read, words)."""
    found = {}
    for line in kind_map.fields.values():
        for name in line.reads:
            known, now = was.get(name, {}), fields.get(name, {}).get("choices") or ()
            before = set(known.get("choices") or now) - set(known.get("new", ()))
            new = unread_options(line, name, [one for one in now if one not in before])
            if new:
                more = f" and {len(new) - 5} more" if len(new) > 5 else ""
                words = (
                    f"{line.place}: {kind_map.system} {kind_map.kind}.{name} has new options that {line.name} cannot "
                    f"read: {', '.join(map(repr, new[:5]))}{more}. Give them rows in a value table; until then such a "
                    f"value counts as invalid, and all others are read"
                )
                found[name] = (new, words)
    return found


def _is_told(one: Finding, seen: Collection[str]) -> bool:
    """Leave to the kind's own trouble what never was there."""
    if one.lack is Lack.KIND:
        return bool(seen)
    return one.lack is not Lack.FIELD or one.field in seen


def _tell(
    kind_map: KindMap, one: Finding, fields: Fields, gap: Gap, missing: str | None, waits: str
) -> tuple[str, str]:
    """Return (key, words) of one finding: where, what, what becomes of the data, what to do."""
    key = f"drift|{kind_map.system}|{kind_map.kind}|{one.lack}|{one.field}|{one.choice}"
    known = fields.get(one.field, {})
    hint = f"the new field {known['heir']!r} may be it" if known.get("heir") else one.problem.hint
    what = one.problem.message
    if missing and one.lack is Lack.KIND:
        what = f"{kind_map.system}: {missing.removeprefix(f'{kind_map.system}: ')}"
    words = f"{one.problem.place}: {what}" + (f"; {hint}" if hint and not missing else "")
    return key, f"{words}{'' if words.endswith('?') else '.'} {_consequence(one, gap, waits)}"


def _consequence(one: Finding, gap: Gap, waits: str) -> str:
    if gap.whole:
        return (
            f"Nothing of this kind is read or written meanwhile; the other kinds go on{waits}. All of it goes on by "
            f"itself once mended"
        )
    match one.lack:
        case Lack.FIELD:
            return (
                "It is neither read nor written meanwhile: what was read of it counts on, and who was never read with "
                "it waits. All else goes on, and this by itself once mended"
            )
        case Lack.RIGHT | Lack.TYPE:
            return "It is not written meanwhile; all other fields are, and this by itself once mended"
        case Lack.CHOICE:
            return (
                "Records with this choice, new ones too, are written without the field meanwhile; it is written by "
                "itself once mended"
            )
        case Lack.REQUIRED | Lack.KEY:
            return "No such record is made meanwhile: they wait. All else goes on, and this by itself once mended"
        case Lack.READING:
            return "It is read on, and each value that cannot be read counts as missing"
        case Lack.OPTIONS:
            return "Values that are none of its options are refused one by one"
    return "Values that are longer are refused one by one"


def _wake(connection: Connection, system: str, kind: str, kind_map: KindMap, gap: Gap, old: Gap, now: int) -> None:
    """Let handoff look again at what waited for a gap that is closed, and at what was refused for want of it."""
    refused = systems.refused_of_kind(connection, system, kind, BLAMES)
    intake.mark_due(connection, dict.fromkeys(refused, RANK[kind_map.entity]), now, "what can be written of it changed")
    if gap.writes_less_than(old):
        entities = dict.fromkeys(systems.entities_of_kind(connection, system, kind), RANK[kind_map.entity])
        intake.mark_due(connection, entities, now, "a field of it is back")
    mended = (old.creates or old.whole) and not (gap.creates or gap.whole)
    if mended and kind_map.makes and kind_map.entity is not EntityKind.LEAD:  # leads wait for a later try by themselves
        intake.mark_all_due(connection, kind_map.entity.value, RANK[kind_map.entity], now, "such records can be made")
    if (old.unread - gap.unread) or (old.creates and not gap.creates) or (old.whole and not gap.whole):
        systems.wake_waiting(connection, now)


def _log(system: str, kind: str, gap: Gap) -> None:
    facts = {name: value for name, value in gap.as_json().items() if value}
    if not facts:
        logger().info("all of a kind can be used again", action="resume", system=system, kind=kind)
        return
    logger().warning(
        "part of a kind cannot be used; the rest goes on", action="pause", system=system, kind=kind, **facts
    )
