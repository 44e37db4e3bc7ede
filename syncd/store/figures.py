"""Queries that count what the state holds, for the status page, its metrics and the commands that show figures.

They only read, on a connection with `reads_only`; putting the numbers into words is the callers'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from syncd.lead.definition import EntityKind
from syncd.store.rows import chunks
from syncd.store.tables import cursor, due, entity, link, problem, run, verdict


@contextmanager
def reads_only(engine: Engine) -> Iterator[Connection]:
    """Open one consistent view that takes no write lock and never waits for a writer."""
    quiet = engine.execution_options(syncd_reads_only=True)
    if engine.dialect.name == "postgresql":
        quiet = quiet.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with quiet.begin() as connection:
        yield connection


def touch_store(connection: Connection) -> None:
    """Prove that the tables can be read; raises SQLAlchemyError."""
    connection.execute(select(run.c.id).limit(1)).first()


def count_leads(connection: Connection) -> list[Any]:
    """Return rows of (stage or None, handed over?, has a branch?, count); one pass over the leads."""
    stage = entity.c.state["stage"].as_string()
    handed = entity.c.state["handed_at"].as_string().is_not(None)
    placed = entity.c["values"]["branch"].as_string().is_not(None)
    # Labels, because PostgreSQL takes the bound JSON keys of a repeated expression for different expressions.
    each = (
        select(stage.label("stage"), handed.label("handed"), placed.label("placed"))
        .where(entity.c.kind == EntityKind.LEAD.value)
        .subquery()
    )
    query = select(each.c.stage, each.c.handed, each.c.placed, func.count().label("leads"))
    return list(connection.execute(query.group_by(each.c.stage, each.c.handed, each.c.placed)))


def count_unmade(connection: Connection) -> dict[str, int]:
    """Return why complete leads are not made in the CRM, in words -> how many."""
    why = entity.c.state["unmade"].as_string()
    each = select(why.label("why")).where(entity.c.kind == EntityKind.LEAD.value, why.is_not(None)).subquery()
    query = select(each.c.why, func.count()).group_by(each.c.why).order_by(func.count().desc(), each.c.why)
    return {str(words): int(count) for words, count in connection.execute(query)}


def count_overdue(connection: Connection, now: int) -> dict[str, int]:
    """Return stage -> how many leads should have left it by now."""
    stage, due_by = entity.c.state["stage"].as_string(), entity.c.state["due_by"].as_float()
    late = select(stage.label("stage")).where(entity.c.kind == EntityKind.LEAD.value, due_by <= now).subquery()
    query = select(late.c.stage, func.count()).group_by(late.c.stage).order_by(late.c.stage)
    return {name: int(count) for name, count in connection.execute(query)}


def count_entities(connection: Connection) -> dict[str, int]:
    """Return kind of entity -> number."""
    query = select(entity.c.kind, func.count()).group_by(entity.c.kind)
    return {kind: int(count) for kind, count in connection.execute(query)}


def count_placed_branches(connection: Connection) -> int:
    """Return how many branches are matched to an account."""
    account = entity.c["values"]["account"].as_string()
    query = select(func.count()).where(entity.c.kind == EntityKind.BRANCH.value, account.is_not(None))
    return int(connection.execute(query).scalar_one())


def count_in_review(connection: Connection) -> int:
    """Return how many leads wait for a person to say who they are."""
    query = (
        select(func.count(problem.c.entity.distinct()))
        .join(entity, entity.c.id == problem.c.entity)
        .where(problem.c.open.is_(True), problem.c.kind == "review", entity.c.kind == EntityKind.LEAD.value)
    )
    return int(connection.execute(query).scalar_one())


def count_waiting(connection: Connection) -> int:
    """Return how many entities handoff must still look at, those that wait for a later try included."""
    return int(connection.execute(select(func.count()).select_from(due)).scalar_one())


def polled_at(connection: Connection) -> dict[str, int]:
    """Return system -> start of the latest complete read (ms) of any of its kinds."""
    query = select(cursor.c.system, func.max(cursor.c.polled_at)).group_by(cursor.c.system)
    return {system: int(at) for system, at in connection.execute(query)}


def kept_where(connection: Connection) -> dict[str, str]:
    """Return system -> what its connector tells of where it keeps a kind of record."""
    words = cursor.c.position["kept"].as_string()
    query = select(cursor.c.system, words.label("words")).where(words.is_not(None)).order_by(cursor.c.kind)
    return {row.system: row.words for row in connection.execute(query)}


def count_written_branches(connection: Connection) -> dict[str, int]:
    """Return system -> how many branches have a record there that syncd made."""
    query = (
        select(link.c.system, func.count())
        .join(entity, entity.c.id == link.c.entity)
        .where(entity.c.kind == EntityKind.BRANCH.value, link.c.rule.in_(("created", "own key")))
        .group_by(link.c.system)
    )
    return {system: int(count) for system, count in connection.execute(query)}


def open_facts(connection: Connection) -> Iterator[list[dict[str, str]]]:
    """Yield what each refusal in force lacks: dictionaries of field, label, lack, who, why."""
    query = select(verdict.c.facts).where(*_IN_FORCE).execution_options(yield_per=1000)
    for (facts,) in connection.execute(query):
        yield facts


def open_refusals(
    connection: Connection, limit: int, *, who: str | None = None, fact: str | None = None
) -> tuple[list[Any], int]:
    """Return (lead, cycle, at, facts) of the first refusals in force, the oldest first, and how many there are.

    `who` and `fact` keep those that one fact of that filler, of that field, or of that filler's field stands in.
    """
    query = (
        select(verdict.c.lead, verdict.c.cycle, verdict.c.at, verdict.c.facts)
        .where(*_IN_FORCE)
        .order_by(verdict.c.at, verdict.c.id)
        .execution_options(yield_per=1000)
    )
    found: list[Any] = []
    count = 0
    with connection.execute(query) as rows:
        for row in rows:
            if any(_wanted(one, who, fact) for one in row.facts) or (who is None and fact is None):
                count += 1
                if count <= limit:
                    found.append(row)
    return found, count


def records_of(connection: Connection, entities: Sequence[str]) -> dict[str, list[str]]:
    """Return entity -> the records it stands on, as "system kind id"."""
    found: dict[str, list[str]] = {}
    for some in chunks(entities):
        query = select(link.c.entity, link.c.system, link.c.kind, link.c.record_id).where(link.c.entity.in_(some))
        for row in connection.execute(query.order_by(link.c.system, link.c.kind, link.c.record_id)):
            found.setdefault(row.entity, []).append(f"{row.system} {row.kind} {row.record_id}")
    return found


def problem_groups(connection: Connection, examples: int) -> dict[str, tuple[int, list[Any]]]:
    """Return kind -> (number of open problems, the latest of them), the largest kind first."""
    place = func.row_number().over(partition_by=problem.c.kind, order_by=(problem.c.last_seen.desc(), problem.c.id))
    size = func.count().over(partition_by=problem.c.kind)
    ranked = select(problem, place.label("place"), size.label("size")).where(problem.c.open.is_(True)).subquery()
    query = select(ranked).where(ranked.c.place <= examples)
    groups: dict[str, tuple[int, list[Any]]] = {}
    for row in connection.execute(query.order_by(ranked.c.size.desc(), ranked.c.kind, ranked.c.place)):
        groups.setdefault(row.kind, (int(row.size), []))[1].append(row)
    return groups


# ---------------------------------------------------------------------------------------------------------------------

_IN_FORCE = (verdict.c.outcome == "refused", verdict.c.released_at.is_(None))


def _wanted(fact: dict[str, str], who: str | None, field: str | None) -> bool:
    return (who is None or fact["who"] == who) and (field is None or fact["field"] == field)
