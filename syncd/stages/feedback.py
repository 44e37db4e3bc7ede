"""What marketing and sales are told of a lead: its stage, its refusal in words, what sales said, its progress.

These facts become fields only where a mapping writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from syncd.lead.brief import describe_touches, write_brief
from syncd.lead.decision import BY_CONVERSION, LeadState, Related, Touch, Verdict
from syncd.lead.definition import Definition


def handoff_facts(
    definition: Definition,
    key: str,
    values: Mapping[str, Any],
    scored: Mapping[str, Any],
    state: LeadState,
    verdict: Verdict | None,
    branch: tuple[Related, str] | None,
    touches: Sequence[Touch],
    crm_id: str | None,
) -> dict[str, Any]:
    """Return every handoff fact of a lead; None where there is nothing to say."""
    code = definition.reasons.get(state.reason or "")
    facts: dict[str, Any] = {
        **scored,
        "key": key,
        "stage": state.stage,
        "cycle": state.cycle,
        "stage_since": moment(state.since),
        "due_by": moment(state.due_by),
        "handoff_status": _status(state, verdict),
        "refusal": verdict.words() if verdict is not None and not verdict.passed else None,
        "waived": state.waived,
        "handed_over_at": moment(state.handed_at),
        "rejection_reason": None if state.decision in (None, "accepted") else state.reason,
        "rejection_text": None if state.decision in (None, "accepted") else _reason_words(code, state),
        "progress": _progress(state),
        "crm_id": crm_id,
        "branch_name": branch[0].values.get("name") if branch else None,
        "branch_number": branch[0].values.get("ship_to") if branch else None,
        "branch_city": branch[0].values.get("city") if branch else None,
        "branch_last_shipment": branch[0].values.get("last_shipment") if branch else None,
        "branch_why": branch[1] if branch else None,
        "last_touches": describe_touches(touches) or None,
        "handoff.passed": (verdict is not None and verdict.passed) or state.handed_at is not None,
        "handoff.accepted": state.decision == "accepted",
        "handoff.rejected": state.decision == "rejected",
        "touches": len(touches),
    }
    facts["brief"] = write_brief(values, facts, touches) or None
    return facts


def facts_once_deleted(state: LeadState) -> dict[str, Any]:
    """Return what else is said of a lead that sales deleted, or merged away, without a word about it: nobody waits."""
    if state.decision is not None:
        return {}
    progress = None if state.handed_at is None else f"{state.stage} (cycle {state.cycle}), deleted by sales"
    return {"handoff_status": "deleted by sales", "progress": progress}


@lru_cache(maxsize=1024)
def moment(ms: int | None) -> str | None:
    """Return a time in ms as a datetime of ours."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ms is not None else None


# ---------------------------------------------------------------------------------------------------------------------


def _status(state: LeadState, verdict: Verdict | None) -> str:
    if state.decision is not None:
        return state.decision
    if state.handed_at is not None:
        return "handed over"
    if verdict is None:
        return "not due"
    return "handed over" if verdict.passed else "refused"


def _reason_words(code: Any, state: LeadState) -> str | None:
    parts = [code.label if code is not None else None, state.reason_text]
    return ": ".join(part for part in parts if part) or None


def _progress(state: LeadState) -> str | None:
    if state.handed_at is None:
        return None
    said = f"sales {state.decision}" if state.decision else "waiting for sales"
    if state.decision == "accepted" and state.reason_text == BY_CONVERSION:
        said += f" {BY_CONVERSION}"
    return f"{state.stage} (cycle {state.cycle}), {said}"
