"""What a rep reads: why this lead, why now, in a few plain lines; no dates relative to today, so that it stays put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.lead.decision import Touch

MOST_TOUCHES = 5


def write_brief(values: Mapping[str, Any], facts: Mapping[str, Any], touches: Sequence[Touch]) -> str:
    """Return the brief for the rep, each line one reason; unknown facts are left out, never guessed."""
    lines = [_who(values), _why(values, facts), _now(values, touches), _where(facts), _others(values), _without(facts)]
    return "\n".join(line for line in lines if line)


def describe_touches(touches: Sequence[Touch]) -> str:
    """Return what the contact read and did, newest first."""
    return "\n".join(_touch_words(touch) for touch in touches[:MOST_TOUCHES])


# ---------------------------------------------------------------------------------------------------------------------


def _who(values: Mapping[str, Any]) -> str:
    name = " ".join(str(values[part]) for part in ("first_name", "last_name") if values.get(part))
    parts = [part for part in (name, values.get("title"), values.get("company")) if part]
    size = values.get("employees")
    about = [str(part) for part in (values.get("industry"), f"{size} employees" if size else None) if part]
    return "Who: " + ", ".join(str(p) for p in parts) + (f" ({', '.join(about)})" if about else "") if parts else ""


def _why(values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    reasons = []
    if values.get("problem"):
        reasons.append(f"faces: {values['problem']}")
    if values.get("authority"):
        reasons.append(f"role in the decision: {values['authority']}")
    if values.get("budget") is not None:
        reasons.append(f"budget: {_plain(values['budget'])}")
    if facts.get("market"):
        reasons.append(f"target market: {facts['market']}")
    if facts.get("score") is not None:
        reasons.append(f"score {facts['score']}" + (f" ({facts['score_why']})" if facts.get("score_why") else ""))
    return "Why: " + "; ".join(reasons) if reasons else ""


def _now(values: Mapping[str, Any], touches: Sequence[Touch]) -> str:
    reasons = []
    if values.get("decision_date"):
        reasons.append(f"decides by {values['decision_date']}")
    if touches:
        reasons.append("latest: " + _touch_words(touches[0]))
    return "Why now: " + "; ".join(reasons) if reasons else ""


def _where(facts: Mapping[str, Any]) -> str:
    if not facts.get("branch_name"):
        return ""
    return f"Sits at: {facts['branch_name']}" + (f" ({facts['branch_why']})" if facts.get("branch_why") else "")


def _others(values: Mapping[str, Any]) -> str:
    reasons = [
        f"{label}: {_plain(values[name])}"
        for name, label in (("buying_group", "others involved"), ("competitors", "also considering"))
        if values.get(name)
    ]
    return "Also: " + "; ".join(reasons) if reasons else ""


def _without(facts: Mapping[str, Any]) -> str:
    return f"Handed over without: {facts['waived']}" if facts.get("waived") else ""


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _touch_words(touch: Touch) -> str:
    day = datetime.fromtimestamp(touch.at / 1000, UTC).date().isoformat()
    return f"{day} {touch.kind}" + (f": {touch.what}" if touch.what else "")
