"""Puts back what our writes replaced: each value as it stood over there before, where ours still stands.

Whether it does is read over there, for the plan and again right before each portion is written. The writes are in the
journal like any other; both sides then follow them as they follow a person's entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from connectors.contract import Destination, Record, Rejected, Source, Written
from connectors.errors import ConnectorError
from syncd.lead.decision import Write
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Conflict, FieldMap, Mappings
from syncd.pipeline.acting import planned_intent
from syncd.pipeline.sending import send_rows
from syncd.store import handoff, replaced, sent
from syncd.store.database import new_id, now_ms
from syncd.store.replaced import Replaced
from syncd.store.rows import chunks

PORTION = (
    2_000  # values read in one go right before they are written: at most one call of Salesforce, twenty of HubSpot
)


@dataclass(kw_only=True)
class Undoing:
    """What can be put back, and what is left as it is, with the reason. `troubles`: systems that could not be read."""

    wanted: list[Replaced] = field(default_factory=list)
    left: list[tuple[Replaced, str]] = field(default_factory=list)
    troubles: dict[str, ConnectorError] = field(default_factory=dict)


@dataclass(kw_only=True)
class PutBack:
    """What became of it: records by outcome, and what was changed or not to be had only now."""

    outcomes: Counter[str] = field(default_factory=Counter)
    left: list[tuple[Replaced, str]] = field(default_factory=list)
    troubles: dict[str, ConnectorError] = field(default_factory=dict)


def find_replaced(
    engine: Engine,
    systems: Mapping[str, Source],
    mappings: Mappings,
    *,
    entity: str | None,
    since: int,
    fields: Collection[str] = (),
) -> Undoing:
    """Look for values that were replaced since then (ms). `fields`: names of ours or theirs; none means all."""
    wanted: list[Replaced] = []
    left: list[tuple[Replaced, str]] = []
    with engine.begin() as connection:
        found = list(replaced.replaced_since(connection, since, entity))
    for one in found:
        kind_map = mappings.kind(one.system, one.kind)
        lines = [line for line in kind_map.fields.values() if line.writes == one.field] if kind_map is not None else []
        if fields and not {one.field, *(line.name for line in lines)} & set(fields):
            continue
        no = next((line for line in lines if line.yes_holds and _reads(line, one) is True), None)
        ours = next((line for line in lines if line.conflict is Conflict.OURS), None)
        if one.moved:
            left.append((one, _MOVED))
        elif one.gone:
            left.append((one, _GONE))
        elif no is not None:
            left.append((one, f"{no.place} says `merge: any` of {no.name}: an opt-out is never taken back"))
        elif ours is not None:
            left.append((one, f"{ours.place} says `conflict: ours` and would write it again: change that line first"))
        else:
            wanted.append(one)
    undoing = Undoing(left=left)
    for of_kind in _by_kind(wanted):
        _look(systems, of_kind, undoing)
    return undoing


def put_back(engine: Engine, destinations: Mapping[str, Destination], wanted: Sequence[Replaced]) -> PutBack:
    """Write the values as they were, where ours stands at this moment.

    What both sides agreed on stays as it is, so that the next poll shows a change of theirs.
    """
    done = PutBack()
    for of_kind in _by_kind(wanted):
        for portion in chunks(of_kind, PORTION):
            now = Undoing()
            _look(destinations, portion, now)
            done.left += now.left
            done.troubles |= now.troubles
            if now.wanted:
                _write(engine, destinations, now.wanted, done)
    return done


# ---------------------------------------------------------------------------------------------------------------------


_MOVED = "the record was converted or merged there"
_GONE = "the record is deleted there"


def _by_kind(ones: Iterable[Replaced]) -> list[list[Replaced]]:
    """Return them by system and kind, the values of one record side by side."""
    found: dict[tuple[str, str], dict[str, list[Replaced]]] = {}
    for one in ones:
        found.setdefault((one.system, one.kind), {}).setdefault(one.record_id, []).append(one)
    return [[one for of_record in records.values() for one in of_record] for _, records in sorted(found.items())]


def _look(systems: Mapping[str, Source], ones: Sequence[Replaced], into: Undoing) -> None:
    """Read the records of one kind as they are now; add to what can be put back, or is left."""
    system, kind = ones[0].system, ones[0].kind
    source = systems.get(system)
    if source is None:
        into.left += [(one, f"{system} is not configured") for one in ones]
        return
    ids = list(dict.fromkeys(one.record_id for one in ones))
    try:
        found = {read.id: read for read in source.fetch(kind, ids, sorted({one.field for one in ones}))}
    except ConnectorError as error:
        error.system = error.system or system
        into.troubles[system] = error
        into.left += [(one, f"{system} cannot be read now, and what stands there is not known") for one in ones]
        return
    for one in ones:
        read = found.get(one.record_id)
        why = _why_left(one, read)
        if why is not None:
            into.left.append((one, why))
        elif read is not None and _value(read.fields.get(one.field)) != _value(one.was):
            into.wanted.append(one)  # else it was put back already, though perhaps no answer said so


def _why_left(one: Replaced, read: Record | None) -> str | None:
    if read is None or read.deleted:
        return _GONE
    if read.converted_to is not None:
        return _MOVED
    stands = _value(read.fields.get(one.field)) in (_value(one.ours), _value(one.was))
    return None if stands else "it was changed there since"


def _value(raw: Any) -> Any:
    return None if raw == "" else raw


def _write(engine: Engine, destinations: Mapping[str, Destination], ones: Sequence[Replaced], done: PutBack) -> None:
    now = now_ms()
    batch = new_id(now)
    records: dict[tuple[str, str], list[Replaced]] = {}
    for one in ones:
        records.setdefault((one.entity, one.record_id), []).append(one)
    with engine.begin() as connection:
        kinds = handoff.kinds_of(connection, {one.entity for one in ones})
        gone = [one for one in ones if one.entity not in kinds]
        done.left += [(one, "it was joined with another meanwhile: run the command again") for one in gone]
        intents = [
            planned_intent(batch, entity, EntityKind(kinds[entity]), _write_of(of_record), now)
            for (entity, _), of_record in records.items()
            if entity in kinds
        ]
        # Not `planned`: no handoff waits for these or takes them up, whatever becomes of this process. What they may
        # have done without an answer, the next poll reads as a change of theirs, which it is meant to be.
        handoff.save_intents(connection, [{**row, "state": "settled", "answered_at": now} for row in intents])
        rows = handoff.intents_of(connection, batch, "settled")
    system = ones[0].system
    results, trouble = send_rows(destinations.get(system), system, rows)
    if trouble is not None:
        done.troubles[system] = trouble
    answers = []
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, Written):
            state, answer, why = "done", {}, ""
        elif isinstance(result, Rejected):
            state, answer, why = "refused", {"code": result.code, "field": result.field}, result.message
        else:
            state, answer, why = "settled", {}, result.reason
        done.outcomes["not done" if state == "settled" else state] += 1
        # Told and not kept: the words may hold a value, and somebody may have erased the person meanwhile.
        done.left += [(one, f"{system} did not take it: {why}") for one in records[row.entity, row.record_id] if why]
        told = {"b_id": row.id, "b_state": state, "b_answer": answer, "b_record_id": row.record_id}
        answers.append({**told, "b_at": now_ms()})
    with engine.begin() as connection:
        sent.answer_intents(connection, answers)


def _reads(line: FieldMap, one: Replaced) -> Any:
    return line.read_back({one.field: one.ours}) if line.read_back is not None else None


def _write_of(ones: Sequence[Replaced]) -> Write:
    return Write(
        system=ones[0].system,
        kind=ones[0].kind,
        record_id=ones[0].record_id,
        fields={one.field: one.was for one in ones},
        agrees={},
        was={one.field: one.ours for one in ones},
    )
