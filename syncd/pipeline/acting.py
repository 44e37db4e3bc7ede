"""Handoff, second half: decisions and intents are committed; then they are sent (sending.py).

A process that dies between any two of these lines leaves intents that `settle_leftovers` turns into new decisions:
every request is idempotent, an update names its record and a create our own key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from syncd.lead.branch import site_key
from syncd.lead.decision import Decision, Fate, LackingFact, Write
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.pipeline.answered import RETRY_MS, wake_leads
from syncd.pipeline.apart import KIND, each_apart, in_savepoint, set_aside
from syncd.pipeline.asking import tell_doubles, tell_questions
from syncd.pipeline.braking import Brake, hold_back
from syncd.pipeline.doors import Doors, hangs_on
from syncd.pipeline.kin import PARENT, read_tree
from syncd.pipeline.resembling import keep_keys
from syncd.pipeline.succession import RANK
from syncd.pipeline.writes import only_opt_outs
from syncd.store import handoff, inbox, intake, systems
from syncd.store.database import new_id
from syncd.store.doubts import settle_doubts

_ENDS = {"refused": Fate.REJECTED, "gone": Fate.GONE}  # state of an intent -> fate; any other is tried again
_LONGEST_REASON = 64  # characters of a code; a mapping may take it from what people write as they like


def store_decisions(
    connection: Connection,
    mappings: Mappings,
    decisions: Sequence[Decision],
    looked_at: Mapping[str, int],
    now: int,
    brake: Brake,
    read_at: Mapping[tuple[str, str], int] = MappingProxyType({}),
) -> tuple[str, Counter[str]]:
    """Commit what was decided, before any of it is sent; return (the batch's id, counts by fate).

    `read_at`: (system, kind) -> when the reading began on which the decisions rest, in ms, where that is of use to
    whoever writes there. What our own code fails on is set aside.
    """
    batch = new_id(now)

    def store(some: Sequence[Decision]) -> Counter[str]:
        spent = brake.spent()
        try:
            since = {one.entity: looked_at[one.entity] for one in some}
            return _store(connection, mappings, batch, some, since, now, brake, read_at)
        except Exception:
            brake.take_back(spent)
            raise

    fates, failed = each_apart(decisions, in_savepoint(connection, store))
    set_aside(connection, [(one.entity, error) for one, error in failed], now)
    return batch, sum(fates, Counter({Fate.DEFERRED.value: len(failed)} if failed else {}))


def planned_intent(
    batch: str,
    entity: str,
    of: EntityKind,
    write: Write,
    now: int,
    fate: Fate | None = None,
    read_at: int | None = None,
) -> dict[str, Any]:
    """Return the row of a write that is to be sent. `fate`: what the entity's decision says of it."""
    return {
        "id": new_id(now),
        "batch": batch,
        "entity": entity,
        "system": write.system,
        "kind": write.kind,
        "record_id": write.record_id,
        "request": {
            "fields": dict(write.fields),
            "agrees": dict(write.agrees),
            **({"was": dict(write.was)} if write.was else {}),
            **({"fills": list(write.fills)} if write.fills and not write.creates else {}),
            **({"noes": list(write.noes)} if write.noes else {}),
            **({"groups": [list(one) for one in write.groups]} if write.groups else {}),
            **({"seen": [read_at, write.modified]} if read_at is not None and not write.creates else {}),
            "key": list(write.key) if write.key else None,
            "of": of.value,
            "fate": fate.value if fate is not None and hangs_on(write, fate) else None,
        },
        "state": "planned",
        "answer": None,
        "at": now,
        "answered_at": None,
    }


def amend_fates(connection: Connection, batches: Sequence[str], decided: Mapping[str, int]) -> dict[str, int]:
    """Return the fates of these batches as they ended: a lead is handed over, a record updated, when it was written."""
    ended: dict[tuple[str, str], tuple[str, Fate]] = {}
    for row in handoff.unwritten_intents(connection, batches):
        hoped, fate = row.request.get("fate"), _ENDS.get(row.state, Fate.DEFERRED)
        if hoped is not None and ended.get((row.batch, row.entity), (hoped, Fate.DEFERRED))[1] is Fate.DEFERRED:
            ended[(row.batch, row.entity)] = (hoped, fate)
    fates = Counter(decided)
    fates.subtract(Counter(hoped for hoped, _ in ended.values()))
    fates.update(Counter(fate.value for _, fate in ended.values()))
    return dict(+fates)


def settle_leftovers(connection: Connection, now: int) -> int:
    """Make entities due whose intents a stopped process left unanswered; return how many."""
    left = handoff.lapse_intents(connection, now)
    kinds = handoff.kinds_of(connection, left)
    intake.mark_due(connection, {one: RANK[EntityKind(kind)] for one, kind in kinds.items()}, now, "left unanswered")
    return len(left)


# ---------------------------------------------------------------------------------------------------------------------


def _store(
    connection: Connection,
    mappings: Mappings,
    batch: str,
    decisions: Sequence[Decision],
    looked_at: Mapping[str, int],
    now: int,
    brake: Brake,
    read_at: Mapping[tuple[str, str], int],
) -> Counter[str]:
    fates: Counter[str] = Counter()
    held = hold_back(connection, brake, decisions, now)
    intents: list[dict[str, Any]] = []
    decisions = [only_opt_outs(mappings, one) if one.entity in held else one for one in decisions]
    decisions, turned_away = _admitted(connection, decisions, now)
    for decision in decisions:
        fate = Fate.HELD if decision.entity in held else decision.fate
        if not decision.looks_first:  # it has its fate after the look
            fates[fate.value] += 1
        intents += [
            planned_intent(
                batch, decision.entity, decision.kind, write, now, fate, read_at.get((write.system, write.kind))
            )
            for write in decision.writes
        ]
    kept = [decision for decision in decisions if decision.entity not in held]
    handoff.save_decisions(
        connection,
        entities=[_entity_row(mappings, one, now) for one in kept if one.stored],
        agreements=[
            {"system": key[0], "kind": key[1], "record_id": key[2], "values": values}
            for one in kept
            for key, values in one.reads.items()
        ],
        intents=intents,
        moves=[row for one in kept for row in _move_rows(mappings, one, now)],
        verdicts=[row for one in kept for row in _verdict_rows(mappings, one, now)],
        withdrawn={one.entity: now for one in kept if one.withdrawn},
        changes=[_ledger_row(mappings, one, now) for one in kept if one.changes],
    )
    settle_doubts(connection, [one.entity for one in kept])
    keep_keys(connection, kept)
    _save_places(connection, mappings, kept, now)
    _tell(connection, list(mappings.systems), decisions, held, now)
    tell_questions(connection, kept, now)
    tell_doubles(connection, kept, now)
    waiting = {one.entity for one in kept if one.fate is Fate.DEFERRED}  # also one of which an opt-out is written
    next_turn = {one.entity for one in kept if one.looks_first}
    later = (waiting | turned_away.keys()) - next_turn
    done = {one: since for one, since in looked_at.items() if one not in later and one not in next_turn}
    handoff.forget_due(connection, done)
    handoff.put_off(connection, sorted(later - turned_away.keys()), now + RETRY_MS, systems.UNSEEN)
    for until in set(turned_away.values()):
        handoff.put_off(connection, sorted(one for one, at in turned_away.items() if at == until), until)
    return fates


def _admitted(connection: Connection, decisions: Sequence[Decision], now: int) -> tuple[list[Decision], dict[str, int]]:
    """Return the decisions without the writes that would come to a shut door, and until when their entities wait."""
    doors = Doors(connection, now)
    admitted = [doors.admit(one) for one in decisions]
    return [one for one, _ in admitted], {one.entity: until for one, until in admitted if until is not None}


def _entity_row(mappings: Mappings, one: Decision, now: int) -> dict[str, Any]:
    return {
        "b_id": one.entity,
        "b_values": one.values,
        "b_provenance": one.provenance,
        "b_state": one.state,
        "b_definition": mappings.definition.digest,
        "b_look_at": one.look_at,
        "b_at": now,
    }


def _move_rows(mappings: Mappings, one: Decision, now: int) -> list[dict[str, Any]]:
    return [
        {
            "lead": one.entity,
            "cycle": move.cycle,
            "from_stage": move.from_stage,
            "to_stage": move.to_stage,
            "at": now,
            "by": move.by,
            "reason": move.reason[:_LONGEST_REASON] if move.reason else None,
            "reason_text": move.reason_text,
            "definition": mappings.definition.digest,
        }
        for move in one.moves
    ]


def _verdict_rows(mappings: Mappings, one: Decision, now: int) -> list[dict[str, Any]]:
    if one.verdict is None:
        return []
    return [
        {
            "lead": one.entity,
            "cycle": one.state.get("cycle", 1),
            "at": now,
            "outcome": "passed" if one.verdict.passed else "refused",
            "facts": [
                *(_fact_row(fact) for fact in one.verdict.lacking),
                *({**_fact_row(fact), "waived_by": waiver.by} for fact, waiver in one.verdict.waived),
            ],
            "definition": mappings.definition.digest,
            "released_at": None,
        }
    ]


def _fact_row(fact: LackingFact) -> dict[str, str]:
    return {"field": fact.field, "label": fact.label, "lack": fact.lack.value, "who": fact.who, "why": fact.why}


def _ledger_row(mappings: Mappings, one: Decision, now: int) -> dict[str, Any]:
    return {
        "entity": one.entity,
        "at": now,
        "changes": {c.field: [c.old, c.new, c.source, c.rule] for c in one.changes},
        "mapping": mappings.digest,
        "definition": mappings.definition.digest,
    }


def _save_places(connection: Connection, mappings: Mappings, kept: Sequence[Decision], now: int) -> None:
    """Make entities findable by the account they are of, leads without one by their address; wake those concerned."""
    placed = [(one, c) for one in kept for c in one.changes if c.field in ("account", PARENT)]
    intake.save_keys(
        connection,
        [
            {"entity_kind": one.kind.value, "key": c.field, "value": str(c.new), "entity": one.entity}
            for one, c in placed
            if c.new
        ]
        + [
            {"entity_kind": EntityKind.LEAD.value, "key": "site", "value": site, "entity": one.entity}
            for one in kept
            if one.kind is EntityKind.LEAD and one.changes and not one.values.get("account")
            if (site := site_key(one.values.get("street"), one.values.get("postcode"))) is not None
        ],
    )
    branches = [one for one in kept if one.kind is EntityKind.BRANCH and one.changes]
    moved = {str(one.values["account"]) for one in branches if one.values.get("account")}
    # One that left the ERP, or went to another account, has leads under the account that it had.
    moved |= {str(c.old) for one in branches for c in one.changes if c.field == "account" and c.old}
    moved |= {str(each) for one, c in placed if c.field == PARENT for each in (one.entity, c.old, c.new) if each}
    if moved and PARENT in mappings.definition.fields[EntityKind.ACCOUNT]:
        moved |= read_tree(connection, moved).members
    moved |= {one.entity for one in kept if one.kind is EntityKind.ACCOUNT and one.changes}
    sites = {site for one in branches if (site := site_key(one.values.get("street"), one.values.get("postcode")))}
    wake_leads(connection, moved, now, sites)


def _tell(
    connection: Connection, systems: Sequence[str], decisions: Sequence[Decision], held: Collection[str], now: int
) -> None:
    asked = {one.entity for one in decisions if one.asks}
    told = handoff.with_problems(connection, [one.entity for one in decisions])
    inbox.close_problems(
        connection,
        entities=sorted(told),
        kinds=("value does not fit", "conflict", "deleted", "oscillates", "waits", "create", KIND),
    )
    settled = told - asked
    for system in systems if settled else ():
        wanted = {one.entity for one in decisions if any(write.system == system for write in one.writes)}
        unwanted = settled - wanted - set(held) - {one.entity for one in decisions if one.fate is Fate.DEFERRED}
        inbox.close_problems(connection, entities=sorted(unwanted), kinds=("put off",), system=system)
    for one in decisions:
        for ask in one.asks:
            inbox.open_problem(
                connection,
                key=f"{ask.kind}|{one.entity}|{ask.system}|{ask.message}",
                kind=ask.kind,
                system=ask.system,
                entity=one.entity,
                record=ask.record,
                message=ask.message,
                now=now,
            )
