"""Queries of the inbox and of runs: problems open, counted and closed; what each run did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from syncd.store.rows import chunks, insert_rows
from syncd.store.tables import problem, run

# What a problem can be of; an alarm asks for one of them by name.
KINDS = frozenset(
    {
        *("system", "mapping", "row", "rejected", "put off", "value does not fit", "conflict", "review", "duplicate"),
        *("match", "person", "create", "waits", "deleted", "oscillates", "drift", "sweep", "gap", "owners", "defect"),
        *("edit", "files", "brake"),
    }
)


def open_problem(
    connection: Connection,
    *,
    key: str,
    kind: str,
    message: str,
    now: int,
    system: str | None = None,
    entity: str | None = None,
    record: str | None = None,
) -> None:
    """Open a problem, or count it once more. `key` tells the same trouble from another."""
    key = key[:255]
    seen = connection.execute(_OF_KEY, {"key": key}).first()
    values = {"message": message[:4000], "last_seen": now, "open": True}
    if seen is not None:
        connection.execute(update(problem).where(problem.c.id == seen.id).values(**values, count=problem.c.count + 1))
        return
    connection.execute(
        problem.insert().values(
            **values, key=key, kind=kind, system=system, entity=entity, record=record, first_seen=now, count=1
        )
    )


def settle_record(connection: Connection, record: str) -> list[str]:
    """Close the problems about a record that is gone or found its place; return the entities that waited for that."""
    about = (problem.c.record == record, problem.c.open.is_(True))
    waited = list(connection.execute(_WAITED, {"record": record}).scalars())
    if waited:
        connection.execute(update(problem).where(*about).values(open=False))
    return waited


def settle_disputes(connection: Connection, entity: str) -> None:
    """Close what was asked about a record of several entities that are one by now: all its questions are `entity`'s."""
    still_open = (problem.c.key.startswith("who|"), problem.c.open.is_(True))
    asked = select(problem.c.record).where(*still_open, problem.c.entity == entity)
    others = select(problem.c.record).where(*still_open, problem.c.entity != entity)
    records = set(connection.execute(asked).scalars()) - set(connection.execute(others).scalars())
    for record in sorted(records):
        connection.execute(update(problem).where(*still_open, problem.c.record == record).values(open=False))


def close_problems(
    connection: Connection,
    *,
    entities: Sequence[str] = (),
    kinds: Sequence[str] = (),
    system: str | None = None,
    key: str | None = None,
    record: str | None = None,
) -> None:
    """Close what is settled: problems of these kinds of these entities, one by its key, or all about a record.

    `system`: only what these entities' problems ask about this system.
    """
    still_open = problem.c.open.is_(True)
    if key is not None:
        connection.execute(update(problem).where(problem.c.key == key[:255], still_open).values(open=False))
    if record is not None:
        connection.execute(update(problem).where(problem.c.record == record, still_open).values(open=False))
    there = (problem.c.system == system,) if system is not None else ()
    for part in chunks(entities):
        theirs = (problem.c.entity.in_(part), problem.c.kind.in_(kinds), still_open, *there)
        connection.execute(update(problem).where(*theirs).values(open=False))


def open_keys(connection: Connection, prefix: str) -> dict[str, int]:
    """Return the keys of the open problems that begin so, and when each was last met (ms)."""
    rows = connection.execute(_OPEN_KEYS, {"prefix": prefix, "length": len(prefix)})
    return {key: int(seen) for key, seen in rows}


def problem_of(connection: Connection, number: int) -> Any:
    """Return the problem of this number, open or not; None when there is none."""
    return connection.execute(select(problem).where(problem.c.id == number)).first()


def list_problems(
    connection: Connection, *, kind: str | None = None, kinds: Sequence[str] = (), limit: int = 200
) -> list[Any]:
    query = select(problem).where(problem.c.open.is_(True)).order_by(problem.c.kind, problem.c.last_seen.desc())
    wanted = [kind] if kind else list(kinds)
    if wanted:
        query = query.where(problem.c.kind.in_(wanted))
    return list(connection.execute(query.limit(limit)))


def count_problems(connection: Connection) -> dict[str, int]:
    """Return kind -> number of open problems."""
    query = select(problem.c.kind, func.count()).where(problem.c.open.is_(True)).group_by(problem.c.kind)
    return {kind: int(count) for kind, count in connection.execute(query)}


def save_run(connection: Connection, row: Mapping[str, Any]) -> None:
    insert_rows(connection, run, [row])


def latest_runs(connection: Connection, limit: int = 20) -> list[Any]:
    return list(connection.execute(select(run).order_by(run.c.started_at.desc()).limit(limit)))


def calls_since(connection: Connection, since: int) -> dict[str, int]:
    """Return system -> API calls spent in runs that started since then (ms)."""
    spent: dict[str, int] = {}
    for (calls,) in connection.execute(select(run.c.calls).where(run.c.started_at >= since)):
        for system, count in calls.items():
            spent[system] = spent.get(system, 0) + count
    return spent


def fates_since(connection: Connection, since: int, what: str = "handoff") -> dict[str, int]:
    """Return fate -> number, over handoffs (or sends: outcome -> number) that started since then (ms)."""
    total: dict[str, int] = {}
    for (fates,) in connection.execute(select(run.c.fates).where(run.c.started_at >= since, run.c.what == what)):
        for fate, count in fates.items():
            total[fate] = total.get(fate, 0) + count
    return total


def forget_runs(connection: Connection, before: int) -> None:
    """Drop the runs that began before then (ms)."""
    connection.execute(run.delete().where(run.c.started_at < before))


# ---------------------------------------------------------------------------------------------------------------------


_OF_KEY = select(problem.c.id).where(problem.c.key == bindparam("key"))
_WAITED = select(problem.c.entity).where(
    problem.c.record == bindparam("record"), problem.c.open.is_(True), problem.c.entity.is_not(None)
)
_OPEN_KEYS = select(problem.c.key, problem.c.last_seen).where(
    problem.c.open.is_(True), func.substr(problem.c.key, 1, bindparam("length")) == bindparam("prefix")
)
