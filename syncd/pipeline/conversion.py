"""What a conversion in the CRM says of a lead: a rep who converts it has accepted it, whether or not she said so.

Why, and why not one before the handover: docs/decisions/0020.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syncd.lead.decision import BY_CONVERSION, EntityView, LeadState, Move, SourceRecord
from syncd.lead.definition import Definition
from syncd.pipeline.batch import Batch
from syncd.stages.qualify import entry_of

# A conversion so long before the handover, by another clock than ours, may have come after it; ms.
_CLOCKS_DIFFER = 60_000


def hear_conversion(
    batch: Batch, view: EntityView, state: LeadState, sales: dict[str, Any], decided_at: int
) -> tuple[LeadState, dict[str, Any], int]:
    """Return (the state with the conversions seen, what sales says, and since when in ms).

    Each conversion is heard once, as an acceptance, where it answers a handover of this cycle and sales said nothing
    else since.
    """
    converted = [one for one in view.records if one.system in batch.crm and ":" in (one.survivor or "")]
    seen = " ".join(one.id for one in converted) or None
    if seen == state.seen_conversion:
        return state, sales, decided_at
    fresh = [one for one in converted if one.id not in (state.seen_conversion or "").split()]
    state = state._replace(seen_conversion=seen)
    answers = [one for one in fresh if _answers(batch, one, state)]
    entry = entry_of(sales, decided_at)
    spoke = entry is not None and entry != state.seen_decision
    if not answers or spoke or state.decision is not None:
        return state, sales, decided_at
    said = {**sales, "sales_decision": "accepted", "sales_reason": None, "sales_reason_text": BY_CONVERSION}
    return state, said, max(one.modified for one in answers)


def settle_conversion(
    definition: Definition, state: LeadState, before: LeadState, moves: list[Move]
) -> tuple[LeadState, list[Move]]:
    """Let the moves that follow a conversion say so; what sales entered last is still what it was."""
    if state.reason_text != BY_CONVERSION or before.reason_text == BY_CONVERSION:
        return state, moves
    gate = definition.stage_order(definition.handoff_from)
    told = [
        replace(one, by="sales", reason_text=BY_CONVERSION)
        if definition.stage_order(one.from_stage or "") >= gate
        else one
        for one in moves
    ]
    return state._replace(seen_decision=before.seen_decision), told


# ---------------------------------------------------------------------------------------------------------------------


def _answers(batch: Batch, record: SourceRecord, state: LeadState) -> bool:
    """Whether the record was converted after the handover; one that bears our key was made by it."""
    if state.handed_at is not None and record.modified > state.handed_at - _CLOCKS_DIFFER:
        return True
    kind_map = batch.mappings.kind(record.system, record.kind)
    key = kind_map.key if kind_map is not None else None
    return state.cycle <= 1 and key is not None and bool(record.fields.get(key))
