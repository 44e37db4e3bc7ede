"""Handoff, its last part: intents are sent, and what each was answered is committed.

What they say was decided and committed before (acting.py); what follows from an answer is answered.py's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from connectors.contract import Deferred, Destination, Policy, WriteRequest, WriteResult
from connectors.errors import ConnectorError, Unavailable
from syncd.log import logger
from syncd.pipeline.answered import LONG_REST, settle_answers
from syncd.pipeline.apart import defect_words, each_apart, in_savepoint, say_set_aside
from syncd.store import handoff
from syncd.store.database import from_ms, now_ms, serialise_intake
from syncd.store.held import use_up

FAILURES_IN_A_ROW = 30  # to find one record among ten thousand takes 14


class PutOff(Unavailable):
    """A system put off all that was sent at once, for a reason that is no single record's."""


def send_batch(
    engine: Engine, destinations: Mapping[str, Destination], batch: str
) -> tuple[Counter[str], list[ConnectorError], set[str]]:
    """Send a batch's intents and commit each system's answers.

    Returns (counts by outcome, systems in trouble, systems that took up at least one write).

    May run again after a crash at any point: what was answered is not sent again.
    """
    with engine.begin() as connection:
        planned = handoff.planned_intents(connection, batch)
    outcomes: Counter[str] = Counter()
    troubles: list[ConnectorError] = []
    taken: set[str] = set()
    by_target: dict[tuple[str, str], list[Any]] = {}
    for row in planned:
        by_target.setdefault((row.system, row.kind), []).append(row)
    by_system: dict[str, list[Any]] = {}
    for (system, _), rows in sorted(by_target.items()):
        by_system.setdefault(system, []).extend(rows)
    for system, rows in by_system.items():
        while rows:
            results, trouble = send_rows(destinations.get(system), system, rows)
            if trouble is not None:
                troubles.append(trouble)
            else:
                _say_put_off(system, results)
                refusal = _none_taken(results) if system in destinations else None
                if refusal is not None:
                    troubles.append(PutOff(refusal.reason, system=system))
                else:
                    taken.add(system)
            with engine.begin() as connection:
                serialise_intake(connection)
                outcomes += _settle_each(connection, handoff.as_they_stand(connection, rows), results, now_ms())
                # Of what was refused, the part that may go without the rest is planned now.
                left = handoff.planned_intents(connection, batch)
                rows = [row for row in left if row.system == system]
    with engine.begin() as connection:
        use_up(connection)
    return outcomes, troubles, taken


def send_rows(
    destination: Destination | None, system: str, rows: Sequence[Any]
) -> tuple[Sequence[WriteResult], ConnectorError | None]:
    """Send the writes of one system; return (an answer for each, the trouble that met them all, if any)."""
    if destination is None:
        return [Deferred(f"{system} is not configured", at_large=True)] * len(rows), None
    requests = [
        WriteRequest(
            token=row.id,
            kind=row.kind,
            policy=Policy.UPDATE if row.record_id else Policy.CREATE,
            fields=row.request["fields"],
            id=row.record_id,
            key=tuple(row.request["key"]) if row.request["key"] else None,
            read_at=from_ms(seen[0]) if seen else None,
            modified=from_ms(seen[1]) if seen and seen[1] is not None else None,
            replaces=row.request.get("was", {}) if seen else {},
        )
        for row in rows
        for seen in (row.request.get("seen"),)
    ]
    try:
        results = _write_each(destination, requests)
    except ConnectorError as error:
        error.system = error.system or system
        wait = error.retry_after or 0.0
        return [Deferred(error.message, wait, at_large=True)] * len(rows), error
    long = (one for one in results if isinstance(one, Deferred) and one.at_large and one.retry_after >= LONG_REST)
    put_off = next(long, None)
    if put_off is None:
        return results, None
    return results, Unavailable(put_off.reason, system=system, retry_after=put_off.retry_after)


# ---------------------------------------------------------------------------------------------------------------------


def _write_each(destination: Destination, requests: Sequence[WriteRequest]) -> list[WriteResult]:
    """Write; what our own code fails on is put off alone. To send the others once more changes nothing over there.

    Where try upon try fails it is no single record's: what fails then is put off whole, and not tried in parts.
    """
    in_a_row = 0

    def write(some: Sequence[WriteRequest]) -> dict[str, WriteResult]:
        nonlocal in_a_row
        try:
            answers = {one.token: result for one, result in zip(some, destination.write(some), strict=True)}
        except ConnectorError:
            raise
        except Exception as error:
            in_a_row += 1
            if in_a_row <= FAILURES_IN_A_ROW:
                raise
            return {one.token: Deferred(defect_words(error), stuck=True) for one in some}
        in_a_row = 0
        return answers

    done, failed = each_apart(requests, write, but=ConnectorError)
    answers: dict[str, WriteResult] = {token: one for part in done for token, one in part.items()}
    answers |= {one.token: Deferred(defect_words(error), stuck=True) for one, error in failed}
    say_set_aside("some could not be written; the others go on", [(one.token, error) for one, error in failed])
    return [answers[one.token] for one in requests]


def _settle_each(connection: Connection, rows: Sequence[Any], results: Sequence[WriteResult], now: int) -> Counter[str]:
    """Commit the answers; one that our own code fails on is as if it had not come, and what it was is found out."""

    def settle(some: Sequence[tuple[Any, WriteResult]]) -> Counter[str]:
        return settle_answers(connection, [row for row, _ in some], [result for _, result in some], now)

    done, failed = each_apart(list(zip(rows, results, strict=True)), in_savepoint(connection, settle))
    for (row, _), error in failed:
        done.append(settle_answers(connection, [row], [Deferred(defect_words(error), stuck=True)], now))
    say_set_aside("some answers could not be kept; the others are", [(row.id, error) for (row, _), error in failed])
    return sum(done, Counter())


def _none_taken(results: Sequence[WriteResult]) -> Deferred | None:
    """Return the first answer where each says that the system takes nothing now, else None."""
    first = results[0] if results else None
    whole = all(isinstance(one, Deferred) and one.at_large for one in results)
    return first if whole and isinstance(first, Deferred) else None


def _say_put_off(system: str, results: Sequence[WriteResult]) -> None:
    for reason, count in Counter(one.reason for one in results if isinstance(one, Deferred)).most_common():
        logger().warning("writes were put off", action="retry", system=system, writes=count, reason=reason)
