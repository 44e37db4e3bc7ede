"""What will be stored of a lead once the CRM has made it: so that what marketing is told then can be decided now.

It says beforehand what syncd.pipeline.answered does with the answers; an id that nobody knows yet reads as NEW.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.lead.decision import Decision, EntityView, LeadState, SourceRecord, Write
from syncd.lead.definition import EntityKind
from syncd.pipeline.answered import agree_once_written
from syncd.pipeline.deciding import Stored
from syncd.pipeline.meanwhile import fields_once_written

NEW = "(new)"


def once_made(stored: Stored, decisions: Sequence[Decision], now: int) -> Stored:
    """Return those leads for which a record is to be made, as they are once all that was decided is written."""
    views = {view.id: view for view in stored.views}
    made = [one for one in decisions if one.kind is EntityKind.LEAD and any(write.creates for write in one.writes)]
    return Stored(views=[_view(views[one.entity], one, now) for one in made], doubts={}, heard=stored.heard)


# ---------------------------------------------------------------------------------------------------------------------


def _view(view: EntityView, decision: Decision, now: int) -> EntityView:
    records = {(one.system, one.kind, one.id): one for one in view.records}
    for key, agreed in decision.reads.items():
        records[key] = records[key]._replace(agreed=agreed)
    for write in decision.writes:
        key = (write.system, write.kind, write.record_id or NEW)
        records[key] = _written(records.get(key) or _record(write, now), write, now)
    return view._replace(
        values=decision.values,
        provenance=decision.provenance,
        state=LeadState.load(decision.state)._replace(handed_at=now).dump(),
        records=list(records.values()),
        known=True,
    )


def _record(write: Write, now: int) -> SourceRecord:
    return SourceRecord(
        system=write.system,
        kind=write.kind,
        id=NEW,
        fields={},
        changed={},
        first_modified=now,
        modified=0,
        deleted=False,
        survivor=None,
        agreed={},
    )


def _written(record: SourceRecord, write: Write, now: int) -> SourceRecord:
    request: dict[str, Any] = {"fields": write.fields, "agrees": write.agrees, "key": write.key}
    return record._replace(
        fields={**record.fields, **fields_once_written(request)},
        agreed=agree_once_written(record.agreed, request, now),
    )
