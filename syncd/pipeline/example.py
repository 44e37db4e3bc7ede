"""One record by itself on the ladder and before the gate: what a case may ask beside values.

What other records of the lead say is left out: a case is about one record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.lead.decision import LeadState, Origin, Touch
from syncd.lead.definition import Definition, EntityKind
from syncd.mapping.model import KindMap
from syncd.stages.gate import check_handoff
from syncd.stages.qualify import at_gate, score_lead, walk_ladder


def judge_example(
    definition: Definition, kind: KindMap, values: Mapping[str, Any], bad: Mapping[str, str], touches: int, now: int
) -> tuple[str, list[str] | None]:
    """Return (the stage a new lead of these values reaches, what the gate finds lacking).

    None for a lead that does not stand before the gate. `touches` happened just now; values are as old as that.
    """
    fields = definition.fields[EntityKind.LEAD]
    known = {name: value for name, value in values.items() if name in fields and value is not None}
    seen = [Touch("case", now, None, None)] * touches
    scope = {**known, **score_lead(definition, known, seen, now), "touches": touches, "now": now}
    state, _ = walk_ladder(definition, LeadState(), scope, {}, 0, lambda: now, now)
    stage = state.stage or ""
    if not at_gate(definition, state):
        return stage, None
    lines = {name: kind.fields[name] for name in known}
    source = {name: Origin(kind.system, kind.kind, "", now, one.rule, one.method.rank) for name, one in lines.items()}
    verdict = check_handoff(definition, known, source, bad, scope, now)
    return stage, [fact.field for fact in verdict.lacking]
