"""What follows each answer to a write: ids, agreements, tombstones and problems are kept, the rest is tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from connectors.contract import Deferred, Rejected, WriteResult, Written
from syncd.lead.decision import LeadState, agreed_raw
from syncd.lead.definition import EntityKind
from syncd.pipeline.doors import REST_MS, Door, door_of, open_again, shut
from syncd.pipeline.meanwhile import fields_once_answered
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, sent, systems
from syncd.store.database import new_id, to_ms
from syncd.store.succession import RecordKey
from syncd.store.views import load_related

RETRY_MS = 30_000  # for what is put off and names no time
LONGEST_RETRY_MS = 3_600_000
LONG_REST = 600.0  # seconds; a system that asks for so much is in trouble, a shorter one may be over by the next poll
# A record that is put off again and again for a reason of its own waits ever longer, and in the end a person is told.
_WAITS_MS = (RETRY_MS, 120_000, 600_000, LONGEST_RETRY_MS)
_STUCK_WAITS_MS = (900_000, 1_800_000, LONGEST_RETRY_MS)
_PARTLY_MS = 600_000  # at most, where the system takes other writes meanwhile
_TOLD_AFTER = 5
_WITH_THE_OTHERS = 2  # tries; who is put off more often while the system takes other writes waits by himself
FLIP_WINDOW_MS = 86_400_000
_MOST_LEFT_OUT = 6  # fields that one record may be written without; each costs a further call


def settle_answers(
    connection: Connection, rows: Sequence[Any], results: Sequence[WriteResult], now: int
) -> Counter[str]:
    """Commit the answers of one system: ids at once, agreements, tombstones, problems, what is tried again."""
    outcomes: Counter[str] = Counter()
    written: list[tuple[Any, Written]] = []
    refused: list[tuple[Any, Rejected]] = []
    put_off: list[tuple[Any, Deferred, int]] = []
    through = {door_of(row) for row, one in zip(rows, results, strict=True) if isinstance(one, Written)}
    before = _tries_before(connection, rows, results)
    answers = []
    for row, result in zip(rows, results, strict=True):
        state = "done"
        answer: dict[str, Any] = {}
        if isinstance(result, Written):
            written.append((row, result))
            outcomes["created" if result.created else "written"] += 1
        elif isinstance(result, Rejected):
            refused.append((row, result))
            state = "gone" if result.gone else "refused"
            answer = {"code": result.code, "field": result.field, "message": result.message}
            outcomes["gone" if result.gone else "rejected"] += 1
        else:
            state, answer = "deferred", {"reason": result.reason}
            tries = before.get(_target(row), 0) + (not result.changed and _is_its_own(row, result, through))
            answer |= {"tries": tries} if tries else {}
            put_off.append((row, result, tries))
            outcomes["deferred"] += 1
        record_id = result.id if isinstance(result, Written) else row.record_id
        answers.append({"b_id": row.id, "b_state": state, "b_answer": answer, "b_record_id": record_id, "b_at": now})
    sent.answer_intents(connection, answers)
    _remember_written(connection, written, now)
    _remember_refused(connection, refused, now)
    _plan_what_is_left(connection, refused, now)
    _remember_put_off(connection, put_off, through, now)
    open_again(connection, through, now)
    return outcomes


def wake_leads(connection: Connection, accounts: Iterable[str], now: int, sites: Iterable[str] = ()) -> None:
    """Have the leads of these accounts decided again, and those without an account at these addresses."""
    leads = handoff.dependents_of(connection, accounts)
    at_site = intake.holders_of(connection, EntityKind.LEAD.value, [("site", one) for one in sites])
    leads |= {lead for found in at_site.values() for lead in found}
    intake.mark_due(connection, dict.fromkeys(leads, RANK[EntityKind.LEAD]), now, "its account or branch changed")


def agree_once_written(before: Mapping[str, Any], request: Mapping[str, Any], now: int) -> dict[str, Any]:
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


# ---------------------------------------------------------------------------------------------------------------------


def _target(row: Any) -> sent.Target:
    return row.entity, row.system, row.kind, row.record_id


def _tries_before(
    connection: Connection, rows: Sequence[Any], results: Sequence[WriteResult]
) -> Mapping[sent.Target, int]:
    own = {row.entity for row, one in zip(rows, results, strict=True) if isinstance(one, Deferred)}
    return sent.put_off_before(connection, own) if own else {}


def _remember_put_off(
    connection: Connection, put_off: Sequence[tuple[Any, Deferred, int]], through: Collection[Door], now: int
) -> None:
    sent.drop_repeated(connection, [row for row, _, _ in put_off])
    soonest: dict[str, tuple[int, int, str]] = {}
    shut_now: dict[Door, str] = {}
    for row, result, tries in put_off:
        wait = min(_wait_of(result, tries), LONGEST_RETRY_MS)
        told = result.stuck or (tries >= _TOLD_AFTER and _is_its_own(row, result, through))
        # What is said of the system, which takes other writes, is said of the kind.
        alike = told and (result.alike or result.at_large) and door_of(row) not in through
        if alike:
            shut_now[door_of(row)] = result.reason
            wait = REST_MS
        why = "a system could not take it"
        # While a long rest lasts, nobody polls it either: a poll that goes well says that it is over before its time.
        rests = result.retry_after >= LONG_REST
        if result.changed or (
            result.at_large and (rests or not result.retry_after) and not alike and tries <= _WITH_THE_OTHERS
        ):
            why = systems.took_nothing(row.system)
        soonest[row.entity] = min(
            (wait, RANK[EntityKind(row.request["of"])], why), soonest.get(row.entity, (wait, 99, why))
        )
        if told and not alike:
            name = f"{row.system} {row.kind} {row.record_id or '(new)'}"
            inbox.open_problem(
                connection,
                key=f"put off|{row.entity}|{row.system}|{row.kind}",
                kind="put off",
                system=row.system,
                entity=row.entity,
                record=name,
                message=f"{name} of {row.request['of']} {row.entity} is not written: {result.reason}. Nothing of it "
                f"is lost; it was tried {tries} times and is tried again by itself, at least hourly",
                now=now,
            )
    shut(connection, shut_now, now)
    for entity in handoff.due_among(connection, soonest, now):  # something of it changed while it was sent
        del soonest[entity]
    for entity, (wait, rank, why) in soonest.items():
        intake.mark_due(connection, {entity: rank}, now, why, now + wait)


def _is_its_own(row: Any, result: Deferred, through: Collection[Door]) -> bool:
    """Whether a write was put off for a reason of its own, or while the system took others."""
    return not result.at_large or any(system == row.system for system, _, _ in through)


def _wait_of(result: Deferred, tries: int) -> int:
    """Return ms; `tries`: how often it was put off for a reason of its own, or while the system took other writes."""
    if result.retry_after:
        return int(result.retry_after * 1000)
    waits = _STUCK_WAITS_MS if result.stuck else _WAITS_MS
    wait = waits[min(max(tries, 1), len(waits)) - 1]
    return min(wait, _PARTLY_MS) if result.at_large else wait


def _remember_written(connection: Connection, written: Sequence[tuple[Any, Written]], now: int) -> None:
    if not written:
        return
    told = {(row.system, row.kind, result.id): (row.request, result.modified) for row, result in written}
    held = sent.load_held(connection, told)
    agreements: list[dict[str, Any]] = []
    records: dict[RecordKey, tuple[Mapping[str, Any], int]] = {}
    for key, (request, at) in told.items():
        before = held.get(key, sent.NOTHING_HELD)
        agrees = agree_once_written(before.agreed, request, now)
        agreements.append({"system": key[0], "kind": key[1], "record_id": key[2], "values": agrees})
        records[key] = (fields_once_answered(before, request), max(before.modified, to_ms(at) if at else 0))
    handoff.save_agreed(connection, agreements)
    sent.save_written(connection, records, held, now)
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
    handed = {row.entity: row.at for row, _ in created if row.request["of"] == EntityKind.LEAD.value}
    _hand_over(connection, handed, now)
    branches = [row.entity for row, _ in created if row.request["of"] == EntityKind.BRANCH.value]
    accounts = {one.values.get("account") for one in load_related(connection, branches).values()}
    wake_leads(connection, {str(one) for one in accounts if one}, now)
    whole = [row for row, _ in written if "without" not in row.request]
    settled = handoff.with_problems(connection, [row.entity for row in whole])
    for system in {row.system for row in whole}:
        theirs = {row.entity for row in whole if row.system == system} & settled
        inbox.close_problems(connection, entities=sorted(theirs), kinds=("rejected", "put off"), system=system)


def _hand_over(connection: Connection, leads: Mapping[str, int], now: int) -> None:
    """A lead is handed over when the CRM gave an id, not before; marketing is told next.

    `leads`: id -> when the create was decided, in ms, which is the time that it told the rep.
    """
    states = handoff.load_states(connection, leads)
    handed = {lead: LeadState.load(state)._replace(handed_at=leads[lead]).dump() for lead, state in states.items()}
    handoff.save_states(connection, handed, now)
    intake.mark_due(connection, dict.fromkeys(leads, RANK[EntityKind.LEAD]), now, "handed over")


def _plan_what_is_left(connection: Connection, refused: Sequence[tuple[Any, Rejected]], now: int) -> None:
    """Plan anew what may go without the part that was refused; it is sent in the same handoff."""
    rows = []
    for row, result in refused:
        left = _left_of(row, result)
        if not left:
            continue
        told = ((name, row.request.get(name, {})) for name in ("fields", "agrees", "was"))
        parts = {name: {field: value for field, value in of.items() if field in left} for name, of in told}
        without = sorted({*row.request.get("without", ()), *row.request["fields"]} - set(left))
        request = {**row.request, **parts, "without": without, "fate": None}
        rows.append(
            {
                "id": new_id(now),
                "batch": row.batch,
                "entity": row.entity,
                "system": row.system,
                "kind": row.kind,
                "record_id": row.record_id,
                "request": request,
                "state": "planned",
                "answer": None,
                "at": now,
                "answered_at": None,
            }
        )
    sent.plan_intents(connection, rows)


def _left_of(row: Any, result: Rejected) -> set[str]:
    """Return the fields of a record that may be written though the request was refused; empty for none.

    Where the system names a field, those are all the others, but no part of an address without the rest of it. Else it
    is what must arrive in any case, that somebody said no.
    """
    request = row.request
    if row.record_id is None or result.gone:
        return set()
    fields = set(request["fields"])
    left = fields & set(request.get("noes", ()))
    if result.field in fields and len(request.get("without", ())) < _MOST_LEFT_OUT:
        left = fields.difference({result.field}, *(one for one in request.get("groups", ()) if result.field in one))
    return left if left != fields else set()


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
            + (". What else was to be written goes without it" if _left_of(row, result) else "")
            + ". What is known of it is kept; it is tried again when a value of it changes",
            now=now,
        )
        inbox.close_problems(connection, key=f"put off|{row.entity}|{row.system}|{row.kind}")
    gone = [(row.system, row.kind, row.record_id) for row, result in refused if result.gone and row.record_id]
    handoff.bury(connection, gone)
