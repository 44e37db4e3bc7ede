"""Forgets what an erased record told: its fields, what is known only from it, the keys and the past values.

Noticing that a record was erased is syncd.daemon.sweep's; a person's word erases whole entities. The ids stay, so that
nobody makes the records anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import Origin
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.pipeline.keys import key_rows_of
from syncd.pipeline.succession import RANK
from syncd.store import inbox, intake, likeness, succession, sweep
from syncd.store.database import overwrite_what_is_freed, serialise_intake
from syncd.store.views import load_views


def forget_erased(
    connection: Connection, mappings: Mappings, system: str, kind: str, ids: Sequence[str], now: int
) -> None:
    """Empty these records, those once merged into them, and all that is known of their entities from them alone."""
    serialise_intake(connection)
    overwrite_what_is_freed(connection)
    kind_map = mappings.kind(system, kind)
    gone = sorted({*ids, *sweep.merged_into(connection, system, kind, ids)})
    entities = sorted(set(intake.links_of(connection, system, kind, gone).values()))
    sweep.blank_records(connection, system, kind, gone)
    living = succession.living_records(connection, entities)
    for view in load_views(connection, entities):
        _forget_past(connection, view.id, now)
        if not living.get(view.id):
            sweep.empty_entity(connection, view.id, now)
            continue
        # What syncd found by matching was found from values that may be gone; the next decision finds it again.
        left = [name for name, source in view.provenance.items() if _speaks(source, living[view.id])]
        values = {name: view.values[name] for name in left if name in view.values}
        sweep.keep_values(connection, view.id, values, {name: view.provenance[name] for name in left}, now)
        intake.save_keys(connection, key_rows_of(mappings, view))
        if kind_map is not None:
            intake.mark_due(connection, {view.id: RANK[kind_map.entity]}, now, "a record of it was erased")


def forget_entity(connection: Connection, one: str, now: int) -> None:
    """Forget all that is known of this entity and let none of its records in again, wherever they may still be."""
    serialise_intake(connection)
    overwrite_what_is_freed(connection)
    for system, kind, record in succession.records_of(connection, one):
        ids = {record, *sweep.merged_into(connection, system, kind, [record])}
        sweep.blank_records(connection, system, kind, ids, intake.SHUT_OUT)
    _forget_past(connection, one, now)
    sweep.empty_entity(connection, one, now)


# ---------------------------------------------------------------------------------------------------------------------


def _forget_past(connection: Connection, one: str, now: int) -> None:
    _, asking = likeness.doubles_of(connection, [one])
    rank = RANK[EntityKind.LEAD]
    intake.mark_due(connection, dict.fromkeys(asking.get(one, ()), rank), now, "another lead was erased")
    sweep.forget_traces(connection, one)
    inbox.close_problems(connection, entities=[one], kinds=("match", "person"))


def _speaks(source: Sequence[Any], living: Sequence[succession.RecordKey]) -> bool:
    return Origin(*source)[:3] in living
