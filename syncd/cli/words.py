"""How stories and figures read in a terminal, and their JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.cli.common import moment
from syncd.lead.decision import Origin, Write
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings, Method
from syncd.preview import Story
from syncd.store.pairings import MAKING


def story_json(story: Story, mappings: Mappings) -> dict[str, Any]:
    """Return everything that is known of one entity, with the versions that decided it."""
    decision, history = story.decision, story.history
    known = mappings.definition.fields[decision.kind]
    versions = {name: one.digest for name, one in mappings.systems.items()}
    return {
        "id": decision.entity,
        "kind": decision.kind.value,
        "definition": {"version": mappings.definition.version, "digest": mappings.definition.digest},
        "mappings": versions,
        "records": [
            {**dict(row), "since": moment(row["since"]), "deleted": bool(row["deleted"])} for row in history.records
        ],
        "fields": {
            name: _field(decision.values.get(name), decision.provenance.get(name), decision.bad.get(name), versions)
            for name in known
            if name in decision.values or name in decision.bad
        },
        "facts": {name: value for name, value in decision.facts.items() if value is not None and "." not in name},
        "state": dict(decision.state),
        "moves": [
            {
                "at": moment(row["at"]),
                "cycle": row["cycle"],
                "from": row["from_stage"],
                "to": row["to_stage"],
                "by": row["by"],
                "reason": row["reason"],
            }
            for row in history.moves
        ],
        "verdicts": [
            {
                "at": moment(row["at"]),
                "cycle": row["cycle"],
                "outcome": row["outcome"],
                "lacking": row["facts"],
                "released": moment(row["released_at"]) if row["released_at"] else None,
            }
            for row in history.verdicts
        ],
        "waivers": [waiver_json(row) for row in history.waivers],
        "writes": [_sent(row) for row in history.writes],
        "pending": [_write(one, {}) for one in decision.writes],
        "ledger": [
            {
                "at": moment(row["at"]),
                "field": name,
                "old": c[0],
                "new": c[1],
                "source": c[2],
                "rule": c[3],
                "mapping": row["mapping"],
            }
            for row in history.ledger
            for name, c in row["changes"].items()
        ],
        "reviews": [
            {
                "at": moment(row["at"]),
                "by": row["by"],
                "question": row["problem"],
                "says": _said(decision.entity, row),
            }
            for row in history.said
        ],
        "problems": [row["message"] for row in history.problems],
    }


def _said(entity: str, row: Mapping[str, Any]) -> str:
    if row["about"] == MAKING:
        return f"is {'' if row['same'] else 'not '}made in the CRM"
    if row["about"] != EntityKind.LEAD.value:
        return f"{'belongs' if row['same'] else 'does not belong'} to {row['about']} {row['candidate']}"
    other = row["candidate"] if row["entity"] == entity else row["entity"]
    return f"is {'' if row['same'] else 'not '}the same person as lead {other}"


def waiver_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one stored waiver for machines."""
    told = {name: row[name] for name in ("lead", "by", "facts", "reason", "ended_by")}
    return {**told, "at": moment(row["at"]), "until": moment(row["until"])}


def story_words(told: Mapping[str, Any]) -> str:
    """Return the story as text; the order is the road a lead takes."""
    lines = [
        f"{told['kind']} {told['id']}",
        f"definition {told['definition']['version']} ({told['definition']['digest'][:12]})",
        "",
        "records",
        *(
            f"  {r['system']} {r['kind']} {r['record_id']}  linked by {r['rule']} since {r['since']}"
            + ("  (deleted there)" if r["deleted"] else "")
            for r in told["records"]
        ),
        "",
        "fields",
    ]
    for name, one in told["fields"].items():
        lines.append(f"  {name} = {_shown(one['value'])}")
        lines.append(f"      from {one['source']}, {one['at']}, {one['method']}")
        if one["rule"]:
            lines.append(f"      rule {one['rule']}" + (f" (mapping {one['version'][:12]})" if one["version"] else ""))
        if one["unreadable"]:
            lines.append(f"      could not be read: {one['unreadable']}")
    lines += ["", "facts", *(f"  {name} = {_shown(value)}" for name, value in told["facts"].items())]
    if told["moves"]:
        lines += ["", "stages"]
        lines += [
            f"  {m['at']}  cycle {m['cycle']}: {m['from'] or '(new)'} -> {m['to']} by {m['by']}"
            + (f", {m['reason']}" if m["reason"] else "")
            for m in told["moves"]
        ]
    if told["verdicts"]:
        lines += ["", "gate"]
        for v in told["verdicts"]:
            lacking = "; ".join(_lack_words(fact) for fact in v["lacking"])
            lines.append(f"  {v['at']}  cycle {v['cycle']}: {v['outcome']}" + (f": {lacking}" if lacking else ""))
            if v["released"]:
                lines.append(f"      released {v['released']}")
    if told["waivers"]:
        lines += ["", "waivers", *(waiver_words(one) for one in told["waivers"])]
    lines += ["", "writes", *(_sent_words(one) for one in told["writes"])]
    lines += [_write_words(one, "would now ") for one in told["pending"]]
    if told["reviews"]:
        lines += ["", "reviews"]
        lines += [
            f"  {r['at']}  {r['by']}: {r['says']} (undo: syncd review undo {r['question']})" for r in told["reviews"]
        ]
    if told["problems"]:
        lines += ["", "problems", *(f"  {text}" for text in told["problems"])]
    return "\n".join(lines)


def status_words(told: Mapping[str, Any]) -> str:
    """Return the figures as a page of text."""
    lines = ["systems"]
    for one in told["systems"]:
        budget = f" of {one['budget']:,}" if one["budget"] else ""
        state = one["trouble"] or f"last read {_when(one['last_poll'])}"
        forecast = f", at this rate spent at {one['spent_at'][11:16]} UTC" if one["spent_at"] else ""
        lines.append(f"  {one['name']:<12} {state}, {one['calls_today']:,}{budget} calls today{forecast}")
    lines += [f"  {system:<12} {words}" for system, words in told["kept"].items()]
    lines += ["", "leads"]
    for label, name in _LEAD_LINES:
        lines.append(f"  {told[name]:7,}  {label}")
    lines += [f"  {count:7,}  complete; not made: {why}" for why, count in told["unmade"].items()]
    lines += ["", "by stage", *(f"  {count:7,}  {stage or '(none yet)'}" for stage, count in told["stages"].items())]
    if told["overdue"]:
        lines += ["", "overdue", *(f"  {count:7,}  {stage}" for stage, count in told["overdue"].items())]
    if told["refusals"]:
        lines += ["", "refused for"]
        for one in told["refusals"]:
            lacks = ", ".join(f"{count:,} {lack}" for lack, count in one["lacks"].items())
            lines.append(f"  {one['leads']:7,}  {one['label']} ({lacks}); {one['who']} can fill it")
    if told["problems"]:
        lines += ["", "needs a person (syncd problems)"]
        lines += [f"  {one['open']:7,}  {one['kind']}" for one in told["problems"]]
    if told["brakes"]:
        lines += ["", "brakes that hold (syncd approve lets through)"]
        lines += [f"  {one['name']:<12} {_counts(one['kinds'])} since {_when(one['since'])}" for one in told["brakes"]]
    if told["approvals"]:
        lines += ["", "let through"]
        lines += [f"  {_when(one['at'])}  {_approved(one)} by {one['by']}" for one in told["approvals"]]
    if told["fates"]:
        lines += ["", "handoffs of the last 24 hours"]
        lines += [f"  {count:7,}  {fate}" for fate, count in told["fates"].items()]
    return "\n".join(lines)


_LEAD_LINES = (
    ("known", "leads"),
    ("handed over", "handed_over"),
    ("refused now", "refused"),
    ("in review", "in_review"),
    ("waiting for handoff", "waiting"),
    ("at a known branch", "leads_with_branch"),
)


def waiver_words(one: Mapping[str, Any]) -> str:
    """Return one waiver as a line of text."""
    facts = ", ".join(one["facts"]) or "any fact"
    ended = f", ended by {one['ended_by']}" if one["ended_by"] else ""
    return f"  {one['at']}  {one['by']}: may pass without {facts} until {one['until']}{ended} ({one['reason']})"


def _when(moment_text: str | None) -> str:
    return moment_text[:19].replace("T", " ") + " UTC" if moment_text else "never"


# ---------------------------------------------------------------------------------------------------------------------


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


def _approved(one: Mapping[str, Any]) -> str:
    if one["entities"] is None:
        return "what sweeps found missing"
    return f"{one['entities']:,} that the brake on {one['what']} held"


def _field(value: Any, source: Sequence[Any] | None, bad: str | None, versions: Mapping[str, str]) -> dict[str, Any]:
    origin = Origin(*source) if source is not None else None
    return {
        "value": value,
        "source": origin.words() if origin else "nobody",
        "at": moment(origin.at) if origin else "never",
        "method": list(Method)[origin.method].value if origin else "unknown",
        "rule": origin.rule if origin else "",
        "version": versions.get(origin.system, "") if origin else "",
        "unreadable": bad,
    }


def _write(write: Write, held: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "does": "create" if write.creates else "update",
        "system": write.system,
        "kind": write.kind,
        "id": write.record_id,
        "fields": {name: {"old": held.get(name), "new": value} for name, value in write.fields.items()},
    }


def _write_words(one: Mapping[str, Any], lead_in: str) -> str:
    head = f"  {lead_in}{one['does']} {one['system']} {one['kind']} {one['id'] or '(new)'}"
    body = [f"      {name}: {_shown(f['old'])} -> {_shown(f['new'])}" for name, f in one["fields"].items()]
    return "\n".join([head, *body])


def _sent(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": moment(row["at"]),
        "system": row["system"],
        "kind": row["kind"],
        "id": row["record_id"],
        "does": "create" if row["request"]["key"] else "update",
        "fields": row["request"]["fields"],
        "was": row["request"].get("was") or {},
        "state": row["state"],
        "answer": row["answer"],
    }


def _lack_words(fact: Mapping[str, Any]) -> str:
    said = f"waived by {fact['waived_by']}" if fact.get("waived_by") else f"{fact['who']} can fill it"
    return f"{fact['label']}: {fact['lack']}, {said}"


def _sent_words(one: Mapping[str, Any]) -> str:
    head = f"  {one['at']}  {one['does']} {one['system']} {one['kind']} {one['id'] or '(new)'}: {one['state']}"
    reason = (one["answer"] or {}).get("message") or (one["answer"] or {}).get("reason")
    was = {name: f"{_shown(value)} -> " for name, value in one["was"].items()}
    body = [f"      {name} = {was.get(name, '')}{_shown(value)}" for name, value in one["fields"].items()]
    return "\n".join([head + (f": {reason}" if reason else ""), *body])


def _shown(value: Any) -> str:
    if value is None:
        return "(empty)"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value).replace("\n", "\n        ")
