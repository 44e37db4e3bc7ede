"""Puts back what our writes replaced: each value as it stood over there before, where ours still stands.

The writes are in the journal like any other; both sides then follow them as they follow a person's entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from connectors.contract import Destination, Rejected, Written
from connectors.errors import ConnectorError
from syncd.lead.decision import Write
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Conflict, FieldMap, Mappings
from syncd.pipeline.acting import planned_intent, send_rows
from syncd.store import handoff, replaced, sent
from syncd.store.database import new_id, now_ms
from syncd.store.replaced import Replaced


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """What can be put back, and what is left as it is, with the reason."""

    wanted: Sequence[Replaced]
    left: Sequence[tuple[Replaced, str]]


def find_replaced(
    connection: Connection, mappings: Mappings, *, entity: str | None, since: int, fields: Collection[str] = ()
) -> Undoing:
    """Look for values that were replaced since then (ms). `fields`: names of ours or theirs; none means all."""
    wanted: list[Replaced] = []
    left: list[tuple[Replaced, str]] = []
    for one in replaced.replaced_since(connection, since, entity):
        kind_map = mappings.kind(one.system, one.kind)
        lines = [line for line in kind_map.fields.values() if line.writes == one.field] if kind_map is not None else []
        if fields and not {one.field, *(line.name for line in lines)} & set(fields):
            continue
        no = next((line for line in lines if line.yes_holds and _reads(line, one) is True), None)
        ours = next((line for line in lines if line.conflict is Conflict.OURS), None)
        if one.moved:
            left.append((one, "the record was converted or merged there"))
        elif one.gone:
            left.append((one, "the record is deleted there"))
        elif not one.stands:
            left.append((one, "it was changed there since"))
        elif no is not None:
            left.append((one, f"{no.place} says `merge: any` of {no.name}: an opt-out is never taken back"))
        elif ours is not None:
            left.append((one, f"{ours.place} says `conflict: ours` and would write it again: change that line first"))
        else:
            wanted.append(one)
    return Undoing(wanted=wanted, left=left)


def put_back(
    engine: Engine, destinations: Mapping[str, Destination], wanted: Sequence[Replaced]
) -> tuple[Counter[str], list[ConnectorError]]:
    """Write the values as they were; return (counts by outcome, systems in trouble).

    What both sides agreed on stays as it is, so that the next poll shows a change of theirs.
    """
    now = now_ms()
    batch = new_id(now)
    records: dict[tuple[str, str, str, str], list[Replaced]] = {}
    for one in wanted:
        records.setdefault((one.entity, one.system, one.kind, one.record_id), []).append(one)
    with engine.begin() as connection:
        kinds = handoff.kinds_of(connection, {one.entity for one in wanted})
        writes = [(entity, EntityKind(kinds[entity]), _write(ones)) for (entity, *_), ones in records.items()]
        handoff.save_intents(connection, [planned_intent(batch, *one, now) for one in writes])
        planned = handoff.planned_intents(connection, batch)
    outcomes: Counter[str] = Counter()
    troubles: list[ConnectorError] = []
    for system in sorted({row.system for row in planned}):
        of_system = [row for row in planned if row.system == system]
        results, trouble = send_rows(destinations.get(system), system, of_system)
        troubles += [trouble] if trouble is not None else []
        answers = []
        for row, result in zip(of_system, results, strict=True):
            if isinstance(result, Written):
                state, answer = "done", {}
            elif isinstance(result, Rejected):
                state, answer = "refused", {"code": result.code, "field": result.field, "message": result.message}
            else:
                state, answer = "lapsed", {"reason": result.reason}
            outcomes[state] += 1
            told = {"b_id": row.id, "b_state": state, "b_answer": answer, "b_record_id": row.record_id}
            answers.append({**told, "b_at": now_ms()})
        with engine.begin() as connection:
            sent.answer_intents(connection, answers)
    return outcomes, troubles


# ---------------------------------------------------------------------------------------------------------------------


def _reads(line: FieldMap, one: Replaced) -> Any:
    return line.read_back({one.field: one.ours}) if line.read_back is not None else None


def _write(ones: Sequence[Replaced]) -> Write:
    return Write(
        system=ones[0].system,
        kind=ones[0].kind,
        record_id=ones[0].record_id,
        fields={one.field: one.was for one in ones},
        agrees={},
        was={one.field: one.ours for one in ones},
    )
