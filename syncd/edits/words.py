"""How a plan reads in a terminal: the gravest first, each group with its line, its count and examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_GROUPS = 40
LONGEST = 160
SHORT = 40


def plan_words(told: Mapping[str, Any], *, whole: bool = False) -> str:
    """Return a plan's JSON as text; `whole`: also every effect that it holds."""
    lines = [*head_words(told), ""]
    without = told["from"] == told["to"]
    edited = [one for one in told["groups"] if one["edited"] or without]
    chief = [one for one in edited if not one["once_made"]]
    risk = None
    for one in chief if whole else chief[:MOST_GROUPS]:
        if one["risk"] != risk:
            risk = one["risk"]
            lines.append(f"{risk}:")
        lines += _group(one)
    if len(chief) > MOST_GROUPS and not whole:
        lines.append(f"  and {counted(len(chief) - MOST_GROUPS, 'more group')} (--all shows them)")
    lines += _once_made([one for one in edited if one["once_made"]])
    if not without:
        lines += _anyway([one for one in told["groups"] if not one["edited"]])
    if not told["groups"]:
        lines.append("nothing would change")
    if told["effects"]:
        lines += ["", *_effects(told["effects"])]
    return "\n".join([*lines, *foot_words(told)])


def head_words(told: Mapping[str, Any]) -> list[str]:
    """Return what was edited, whom it reaches, and what it costs."""
    if told["from"] == told["to"]:
        lines = [f"the files are version {told['to']}, which is in force; this is what is due now"]
    else:
        lines = [f"plan {told['id']}: version {told['from']} -> {told['to']}"]
        lines += [f"  {one['line']}  {one['what']} {one['how']}" for one in told["lines"]]
        lines.append(
            f"reaches {told['reached']:,}, changes {told['leads']:,} of them; {counted(told['records'], 'record')} "
            f"would be written because of it"
        )
    calls = ", ".join(f"{count:,} of {system}" for system, count in told["calls"].items())
    if calls:
        lines.append(f"costs {calls} in calls, about {_seconds(told['seconds'])}, with all that is due")
    lines += [
        f"not read yet, so taken for empty and not yet written in what follows: {text}" for text in told["unread"]
    ]
    lines += [f"cannot be foreseen: {text}" for text in told["unforeseen"]]
    if told["from"] != told["to"] and "held" in told:
        lines += [f"not compared with the system: {text}" for text in told["compared_not"]]
        lines += _verdict(told["wrong"], told["held"], told["unread"])
    return lines


def foot_words(told: Mapping[str, Any]) -> list[str]:
    if told["from"] == told["to"]:
        return []
    name = told["id"]
    closer = f"closer: syncd plan {name} --lead L, --field F, --all"
    through = f"      let it through: syncd approve {name}" if told.get("approvable", True) else ""
    return ["", closer + through] if told.get("kept", True) else []


def first_words(one: Mapping[str, Any]) -> dict[str, str]:
    """Return an effect as the row of a table."""
    old, new = sides(one)
    return {
        "risk": f"{one['risk']}, once made" if one["once_made"] else one["risk"],
        "who": _who(one),
        "field": one["field"],
        "old": old,
        "new": new,
    }


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun. `many`: the noun for any number but 1, else `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shown(value: Any, most: int = LONGEST) -> str:
    """Return a value for people, on one line."""
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(one)}" for name, one in value.items())
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}..."


def sides(one: Mapping[str, Any]) -> tuple[str, str]:
    """Return an effect's old and new value for people: two long texts from where they differ, a new record whole."""
    if one["risk"] == "created":
        return shown(one["old"]), shown(one["new"])
    before, after = shown(one["old"], most=10_000), shown(one["new"], most=10_000)
    if min(len(before), len(after)) > SHORT:
        same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
        if same > SHORT:
            start = before.rfind(" ", 0, same - SHORT // 2) + 1
            before, after = f"... {before[start:]}", f"... {after[start:]}"
    old, new = (text if len(text) <= LONGEST else f"{text[:LONGEST]}..." for text in (before, after))
    return old, new


# ---------------------------------------------------------------------------------------------------------------------


def _verdict(wrong: Sequence[str], held: Sequence[str], unread: Sequence[str]) -> list[str]:
    """Return what the daemon would say to the edit."""
    if wrong:
        return ["would be refused, nothing of it would take effect:", *(f"  {one}" for one in wrong)]
    if held:
        return [f"would be held for approval: {'; '.join(held)}"]
    if unread:
        return ["is planned anew once that was read by the daemon's polls; until then nothing of it takes effect"]
    return ["within what `edits` lets through: the daemon puts it in force as soon as it sees it"]


def _group(one: Mapping[str, Any]) -> list[str]:
    name = f"{one['of']} {one['field']}".strip()
    by = f"  by {one['line']}" if one["line"] else ""
    lines = [f"  {one['count']:7,}  {name}{by}"]
    return lines + [f"           {_example(effect)}" for effect in one["samples"]]


def _once_made(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what follows once the CRM gave an id: by kind of record, as the fields of each go together."""
    lines = []
    kinds = dict.fromkeys(one["of"] for one in groups if one["field"])
    for kind in kinds:
        theirs = [one for one in groups if one["of"] == kind and one["risk"] != "value of ours"]
        if theirs:
            fields = ", ".join(dict.fromkeys(one["field"] for one in theirs))
            lines.append(f"  {max(one['count'] for one in theirs):7,}  {kind} get {fields}")
            lines += [
                f"           {_who(one)} {one['field']}: {_told(one)}"
                for group in theirs
                for one in group["samples"][:1]
            ]
    return ["and, once the CRM has made the lead:", *lines] if lines else []


def _anyway(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is due and would be done without the edit too, in numbers."""
    counts: Counter[str] = Counter()
    for one in groups:
        if one["risk"] != "value of ours":
            counts[f"{one['risk']}: {one['of']}"] += one["count"]
    lines = [f"  {count:7,}  {name}" for name, count in counts.items()]
    return ["without the edit too (fields):", *lines] if lines else []


def _example(one: Mapping[str, Any]) -> str:
    return f"{_who(one)}: {_told(one)}"


def _told(one: Mapping[str, Any]) -> str:
    old, new = sides(one)
    return new if one["risk"] == "created" else f"{old} -> {new}"


def _who(one: Mapping[str, Any]) -> str:
    return one["where"] if one["where"] and not one["where"].endswith("(new)") else f"{one['kind']} {one['entity']}"


def _effects(effects: Iterable[Mapping[str, Any]]) -> list[str]:
    lines, entity = [], None
    for one in effects:
        if one["entity"] != entity:
            entity = one["entity"]
            lines.append(f"{one['kind']} {entity}")
        name = f"{one['where']} {one['field']}{', once made' if one['once_made'] else ''}".strip()
        lines.append(f"  {one['risk']}: {name}: {_told(one)}")
        why = ", ".join(part for part in (one["source"] and f"from {one['source']}", one["rule"], one["line"]) if part)
        lines.append(f"      {why}" + ("" if one["edited"] else "  (without the edit too)"))
    return lines


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
