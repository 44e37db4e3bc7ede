"""Forgets what an erased record told: its fields, what is known only from it, the keys and the past values.

Noticing that a record was erased is syncd.daemon.sweep's. The id stays, so that nobody makes the record anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import Origin
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.pipeline.intake import key_rows_of
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, likeness, succession, sweep
from syncd.store.database import serialise_intake


def forget_erased(
    connection: Connection, mappings: Mappings, system: str, kind: str, ids: Sequence[str], now: int
) -> None:
    """Empty these records, those once merged into them, and all that is known of their entities from them alone."""
    serialise_intake(connection)
    kind_map = mappings.kind(system, kind)
    gone = sorted({*ids, *sweep.merged_into(connection, system, kind, ids)})
    entities = sorted(set(intake.links_of(connection, system, kind, gone).values()))
    sweep.blank_records(connection, system, kind, gone)
    living = succession.living_records(connection, entities)
    for view in handoff.load_views(connection, entities):
        _, asking = likeness.doubles_of(connection, [view.id])
        rank = RANK[EntityKind.LEAD]
        intake.mark_due(connection, dict.fromkeys(asking.get(view.id, ()), rank), now, "another lead was erased")
        sweep.forget_traces(connection, view.id)
        inbox.close_problems(connection, entities=[view.id], kinds=("match", "person"))
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


def _speaks(source: Sequence[Any], living: Sequence[succession.RecordKey]) -> bool:
    return Origin(*source)[:3] in living
