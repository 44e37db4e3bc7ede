"""Handoff, second half: decisions and intents are committed, then sent, then their answers are committed.

A process that dies between any two of these lines leaves intents that `settle_leftovers` turns into new decisions:
every request is idempotent, an update names its record and a create our own key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine

from connectors.contract import Deferred, Destination, Policy, Rejected, WriteRequest, WriteResult, Written
from connectors.errors import ConnectorError, Unavailable
from syncd.lead.decision import Decision, Fate, LackingFact, LeadState, Write, agreed_raw
from syncd.lead.definition import EntityKind
from syncd.log import logger
from syncd.mapping.model import BESIDE, Mappings
from syncd.pipeline.asking import tell_questions
from syncd.pipeline.resembling import keep_keys
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake
from syncd.store.database import new_id, now_ms, to_ms
from syncd.store.doubts import settle_doubts

RETRY_MS = 30_000  # for a deferral that names no time
LONGEST_RETRY_MS = 3_600_000
LONG_REST = 600.0  # seconds; a system that asks for so much is in trouble, a shorter one may be over by the next poll
FLIP_WINDOW_MS = 86_400_000


@dataclass
class Brake:
    """How many records one run may still create, overwrite and clear; what is beyond waits for `syncd approve`.

    None: no limit.
    """

    creates: int | None = None
    overwrites: int | None = None
    clears: int | None = None
    approved: bool = False

    def stops(self, writes: Sequence[Write]) -> bool:
        """Count one entity's writes; return whether they are too many. What is stopped is not counted."""
        if self.approved:
            return False
        spent = {
            "creates": sum(one.creates for one in writes),
            "overwrites": sum(one.overwrites for one in writes),
            "clears": sum(one.clears for one in writes),
        }
        left = {name: getattr(self, name) for name in spent}
        if any(left[name] is not None and count > left[name] for name, count in spent.items() if count):
            return True
        for name, count in spent.items():
            if left[name] is not None:
                setattr(self, name, left[name] - count)
        return False


def store_decisions(
    connection: Connection,
    mappings: Mappings,
    decisions: Sequence[Decision],
    looked_at: Mapping[str, int],
    now: int,
    brake: Brake,
) -> tuple[str, Counter[str]]:
    """Commit what was decided, before any of it is sent; return (the batch's id, counts by fate)."""
    batch = new_id(now)
    fates: Counter[str] = Counter()
    held: set[str] = set()
    intents: list[dict[str, Any]] = []
    for decision in decisions:
        fate = decision.fate
        if brake.stops(decision.writes):
            held.add(decision.entity)
            fates[Fate.HELD.value] += 1
            continue
        if not decision.looks_first:  # it has its fate after the look
            fates[fate.value] += 1
        intents += [_intent(batch, decision, write, now) for write in decision.writes]
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
    _save_places(connection, kept, now)
    _tell(connection, decisions, held, now)
    tell_questions(connection, kept, now)
    waiting = {one.entity for one in kept if one.fate is Fate.DEFERRED and not one.writes}
    next_turn = {one.entity for one in kept if one.looks_first}
    later = (waiting | held) - next_turn
    done = {one: since for one, since in looked_at.items() if one not in later and one not in next_turn}
    handoff.forget_due(connection, done)
    handoff.put_off(connection, sorted(later), now + RETRY_MS)
    return batch, fates


def send_batch(
    engine: Engine, destinations: Mapping[str, Destination], batch: str
) -> tuple[Counter[str], list[ConnectorError]]:
    """Send a batch's intents and commit each system's answers; return (counts by outcome, systems in trouble).

    May run again after a crash at any point: what was answered is not sent again.
    """
    with engine.begin() as connection:
        planned = handoff.planned_intents(connection, batch)
    outcomes: Counter[str] = Counter()
    troubles: list[ConnectorError] = []
    by_target: dict[tuple[str, str], list[Any]] = {}
    for row in planned:
        by_target.setdefault((row.system, row.kind), []).append(row)
    by_system: dict[str, list[Any]] = {}
    for (system, _), rows in sorted(by_target.items()):
        by_system.setdefault(system, []).extend(rows)
    for system, rows in by_system.items():
        results, trouble = _send(destinations.get(system), system, rows)
        if trouble is not None:
            troubles.append(trouble)
        else:
            _say_put_off(system, results)
        with engine.begin() as connection:
            outcomes += _settle(connection, rows, results, now_ms())
    return outcomes, troubles


def settle_leftovers(connection: Connection, now: int) -> int:
    """Make entities due whose intents a stopped process left unanswered; return how many."""
    left = handoff.lapse_intents(connection, now)
    kinds = handoff.kinds_of(connection, left)
    intake.mark_due(connection, {one: RANK[EntityKind(kind)] for one, kind in kinds.items()}, now, "left unanswered")
    return len(left)


# ---------------------------------------------------------------------------------------------------------------------


def _intent(batch: str, decision: Decision, write: Write, now: int) -> dict[str, Any]:
    return {
        "id": new_id(now),
        "batch": batch,
        "entity": decision.entity,
        "system": write.system,
        "kind": write.kind,
        "record_id": write.record_id,
        "request": {
            "fields": dict(write.fields),
            "agrees": dict(write.agrees),
            "key": list(write.key) if write.key else None,
            "of": decision.kind.value,
        },
        "state": "planned",
        "answer": None,
        "at": now,
        "answered_at": None,
    }


def _entity_row(mappings: Mappings, one: Decision, now: int) -> dict[str, Any]:
    return {
        "b_id": one.entity,
        "b_values": one.values,
        "b_provenance": one.provenance,
        "b_state": one.state,
        "b_definition": mappings.definition.digest,
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
            "reason": move.reason,
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


def _save_places(connection: Connection, kept: Sequence[Decision], now: int) -> None:
    """Make entities findable by their account, and wake the leads whose account's branches changed."""
    placed = [one for one in kept if any(c.field == "account" and c.new for c in one.changes)]
    intake.save_keys(
        connection,
        [
            {"entity_kind": one.kind.value, "key": "account", "value": str(one.values["account"]), "entity": one.entity}
            for one in placed
        ],
    )
    moved = {
        str(one.values["account"])
        for one in kept
        if one.kind is EntityKind.BRANCH and one.changes and one.values.get("account")
    }
    moved |= {one.entity for one in kept if one.kind is EntityKind.ACCOUNT and one.changes}
    _wake_leads(connection, moved, now)


def _wake_leads(connection: Connection, accounts: Iterable[str], now: int) -> None:
    leads = handoff.dependents_of(connection, accounts)
    intake.mark_due(connection, dict.fromkeys(leads, RANK[EntityKind.LEAD]), now, "its account or branch changed")


def _tell(connection: Connection, decisions: Sequence[Decision], held: Collection[str], now: int) -> None:
    asked = {one.entity for one in decisions if one.asks}
    settled = handoff.with_problems(connection, [one.entity for one in decisions if one.entity not in asked])
    inbox.close_problems(
        connection, entities=sorted(settled), kinds=("value does not fit", "conflict", "deleted", "oscillates")
    )
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
    if held:
        inbox.open_problem(
            connection,
            key="brake",
            kind="brake",
            message=f"{len(held)} or more records would be created or emptied beyond the brakes of one run; they "
            f"wait, nothing of them was written. Look with `syncd plan`, then let them through with `syncd approve`",
            now=now,
        )


def _send(
    destination: Destination | None, system: str, rows: Sequence[Any]
) -> tuple[Sequence[WriteResult], ConnectorError | None]:
    if destination is None:
        return [Deferred(f"{system} is not configured")] * len(rows), None
    requests = [
        WriteRequest(
            token=row.id,
            kind=row.kind,
            policy=Policy.UPDATE if row.record_id else Policy.CREATE,
            fields=row.request["fields"],
            id=row.record_id,
            key=tuple(row.request["key"]) if row.request["key"] else None,
        )
        for row in rows
    ]
    try:
        results = destination.write(requests)
    except ConnectorError as error:
        error.system = error.system or system
        wait = getattr(error, "retry_after", None) or 0.0
        return [Deferred(error.message, wait)] * len(rows), error
    long = (one for one in results if isinstance(one, Deferred) and one.at_large and one.retry_after >= LONG_REST)
    put_off = next(long, None)
    if put_off is None:
        return results, None
    return results, Unavailable(put_off.reason, system=system, retry_after=put_off.retry_after)


def _say_put_off(system: str, results: Sequence[WriteResult]) -> None:
    for reason, count in Counter(one.reason for one in results if isinstance(one, Deferred)).most_common():
        logger().warning("writes were put off", action="retry", system=system, writes=count, reason=reason)


def _settle(connection: Connection, rows: Sequence[Any], results: Sequence[WriteResult], now: int) -> Counter[str]:
    """Commit the answers of one system: ids at once, agreements, tombstones, problems, what is tried again."""
    outcomes: Counter[str] = Counter()
    written: list[tuple[Any, Written]] = []
    refused: list[tuple[Any, Rejected]] = []
    again: dict[str, tuple[int, int]] = {}
    answers = []
    for row, result in zip(rows, results, strict=True):
        state, answer = "done", {}
        if isinstance(result, Written):
            written.append((row, result))
            outcomes["created" if result.created else "written"] += 1
        elif isinstance(result, Rejected):
            refused.append((row, result))
            state, answer = "refused", {"code": result.code, "field": result.field, "message": result.message}
            outcomes["gone" if result.gone else "rejected"] += 1
        else:
            state, answer = "deferred", {"reason": result.reason}
            again[row.entity] = (RANK[EntityKind(row.request["of"])], int(result.retry_after * 1000) or RETRY_MS)
            outcomes["deferred"] += 1
        record_id = result.id if isinstance(result, Written) else row.record_id
        answers.append({"b_id": row.id, "b_state": state, "b_answer": answer, "b_record_id": record_id, "b_at": now})
    handoff.answer_intents(connection, answers)
    _remember_written(connection, written, now)
    _remember_refused(connection, refused, now)
    for entity, (rank, wait) in again.items():
        intake.mark_due(
            connection, {entity: rank}, now, "a system could not take it", now + min(wait, LONGEST_RETRY_MS)
        )
    return outcomes


def _remember_written(connection: Connection, written: Sequence[tuple[Any, Written]], now: int) -> None:
    if not written:
        return
    keys = [(row.system, row.kind, result.id) for row, result in written]
    agreed = handoff.load_agreed(connection, keys)
    handoff.save_agreed(
        connection,
        [
            {
                "system": row.system,
                "kind": row.kind,
                "record_id": result.id,
                "values": _agree(agreed.get((row.system, row.kind, result.id), {}), row.request, now),
            }
            for row, result in written
        ],
    )
    handoff.merge_into_records(
        connection,
        [
            (
                row.system,
                row.kind,
                result.id,
                _fields_written(row.request),
                to_ms(at) if (at := result.modified) else None,
            )
            for row, result in written
        ],
        now,
    )
    created = [(row, result) for row, result in written if row.record_id is None]
    intake.save_links(
        connection,
        [
            {
                "system": row.system,
                "kind": row.kind,
                "record_id": result.id,
                "entity": row.entity,
                "rule": "created",
                "since": now,
            }
            for row, result in created
        ],
    )
    _hand_over(connection, [row.entity for row, _ in created if row.request["of"] == EntityKind.LEAD.value], now)
    branches = [row.entity for row, _ in created if row.request["of"] == EntityKind.BRANCH.value]
    accounts = {one.values.get("account") for one in handoff.load_related(connection, branches).values()}
    _wake_leads(connection, {str(one) for one in accounts if one}, now)
    settled = handoff.with_problems(connection, [row.entity for row, _ in written])
    inbox.close_problems(connection, entities=sorted(settled), kinds=("rejected",))


def _agree(before: Mapping[str, Any], request: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return the agreements of one record after a write, in the form of SourceRecord's.

    A flip is a value that was written before and had to be written again, within a day.
    """
    after = dict(before)
    for field, value in request["agrees"].items():
        old, raw = before.get(field), request["fields"].get(field)
        flips, earlier, at = old[2:5] if old is not None and len(old) >= 5 else (0, None, 0)
        if old is None:
            after[field] = [value, "w"] if raw == value else [value, "w", 0, None, 0, raw]
            continue
        again = (value == old[0] and raw == agreed_raw(old)) or (len(old) >= 5 and value == earlier)
        told = [value, "w", flips + 1 if again and now - at < FLIP_WINDOW_MS else 0, old[0], now]
        after[field] = told if raw == value else [*told, raw]
    return after


def _fields_written(request: Mapping[str, Any]) -> dict[str, Any]:
    key = request["key"]
    fields = {name: value for name, value in request["fields"].items() if not name.startswith(BESIDE)}
    return {**fields, **({key[0]: key[1]} if key else {})}


def _hand_over(connection: Connection, leads: Sequence[str], now: int) -> None:
    """A lead is handed over when the CRM gave an id, not before; marketing is told next."""
    states = handoff.load_states(connection, leads)
    handed = {lead: replace(LeadState.load(state), handed_at=now).dump() for lead, state in states.items()}
    handoff.save_states(connection, handed, now)
    intake.mark_due(connection, dict.fromkeys(leads, RANK[EntityKind.LEAD]), now, "handed over")


def _why_refused(result: Rejected) -> str:
    return result.message if result.code in result.message else f"{result.code}: {result.message}"


def _remember_refused(connection: Connection, refused: Sequence[tuple[Any, Rejected]], now: int) -> None:
    for row, result in refused:
        name = f"{row.system} {row.kind} {row.record_id or '(new)'}"
        where = f" (field {result.field})" if result.field else ""
        twins = ", ".join(f"{kind} {record}" for kind, record in result.matches)
        kind = "deleted" if result.gone else "rejected"
        inbox.open_problem(
            connection,
            key=f"{kind}|{row.entity}|{row.system}|{row.kind}",
            kind=kind,
            system=row.system,
            entity=row.entity,
            record=name,
            message=f"{name} of {row.request['of']} {row.entity}{where}: {_why_refused(result)}"
            + (f"; it is said to duplicate {twins}" if twins else "")
            + ". What is known of it is kept; it is tried again when a value of it changes",
            now=now,
        )
    gone = [(row.system, row.kind, row.record_id) for row, result in refused if result.gone and row.record_id]
    handoff.bury(connection, gone)
