"""Takes a value that we may have written, and that stands over there, for ours and not for somebody's word.

Without it a write whose answer was lost would look like a change made over there: it would win over what its own source
says next. Which writes are in doubt, and for how long, is syncd.store.doubts'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.lead.decision import Decision, EntityView, SourceRecord
from syncd.mapping.model import KindMap, Mappings
from syncd.store.doubts import Doubt


def own_up(mappings: Mappings, view: EntityView, doubts: Sequence[Doubt]) -> EntityView:
    """Return the view with every write in doubt agreed as far as its values stand in the record."""
    records = [
        _owned(kind_map, record, [one for one in doubts if _concerns(one, record)])
        if (kind_map := mappings.kind(record.system, record.kind)) is not None
        else record
        for record in view.records
    ]
    return view._replace(records=records)


def keep(decision: Decision, before: EntityView, after: EntityView) -> Decision:
    """Return the decision with what `own_up` found among the agreements to store."""
    found = {
        (new.system, new.kind, new.id): new.agreed
        for old, new in zip(before.records, after.records, strict=True)
        if new.agreed != old.agreed
    }
    return decision._replace(reads={**found, **decision.reads}) if found else decision


# ---------------------------------------------------------------------------------------------------------------------


def _concerns(doubt: Doubt, record: SourceRecord) -> bool:
    same = (doubt.system, doubt.kind) == (record.system, record.kind)
    return same and doubt.record_id in (None, record.id)


def _made(doubt: Doubt, record: SourceRecord) -> bool:
    return doubt.record_id is None and doubt.key is not None and record.fields.get(doubt.key[0]) == doubt.key[1]


def _is_new(kind_map: KindMap, name: str, agreed: Mapping[str, Any]) -> bool:
    line = kind_map.writers.get(name)
    return name not in agreed and line is not None and line.read_back is not None


def _owned(kind_map: KindMap, record: SourceRecord, doubts: Sequence[Doubt]) -> SourceRecord:
    agreed: dict[str, Any] = dict(record.agreed)
    made = [one for one in doubts if _made(one, record)]
    if len(made) == 1:  # it began with all that was sent: what differs by now is somebody's change
        agreed |= {name: [value, "w"] for name, value in made[0].agrees.items() if _is_new(kind_map, name, agreed)}
    for doubt in doubts:
        for name, value in doubt.agrees.items():
            line = kind_map.writers.get(name)
            if line is not None and line.beside and record.agreed.get(name, [None])[0] is None:
                agreed[name] = [None, "w", 0, value, 0]  # linked perhaps: unlinked with the next change
            if line is None or line.read_back is None or line.read_back(record.fields) != value:
                continue
            if name not in agreed or agreed[name][0] != value:
                agreed[name] = [value, "w"]
    return record if agreed == record.agreed else record._replace(agreed=agreed)
