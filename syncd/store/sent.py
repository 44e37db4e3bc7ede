"""Queries of what follows an answer to a write: the intent's end, and what the record holds now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from syncd.store.rows import Among, chunks, execute_among, execute_many, insert_rows, narrowed, upsert
from syncd.store.succession import RecordKey
from syncd.store.tables import agreed, intent, link, record
from syncd.store.views import agreed_with

Target: TypeAlias = tuple[str, str, str, str | None]  # entity, system, kind, record id (None: to be made)

LONGEST_BATCH_MS = 3_600_000  # from when a write is decided to its answer


class Held(NamedTuple):
    """A record as stored, with what was last agreed with it."""

    fields: Mapping[str, Any]
    modified: int
    agreed: Mapping[str, Sequence[Any]]


NOTHING_HELD = Held({}, 0, {})


def forget_tries(connection: Connection, before: int) -> None:
    """Drop what was tried before then (ms) and is settled; what was written stays, with what it replaced."""
    settled = intent.c.state.in_(("refused", "gone", "settled"))
    connection.execute(delete(intent).where(settled, intent.c.answered_at < before))


def plan_intents(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(connection, intent, rows)


def answer_intents(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store answers: rows of b_id, b_state, b_answer, b_record_id, b_at."""
    execute_many(connection, _ANSWER, rows)


def drop_repeated(connection: Connection, rows: Sequence[Any]) -> None:
    """Of writes put off now, drop what the same write was put off before: one of them says what may have been done."""
    now = {(row.entity, row.system, row.kind, row.record_id): row for row in rows}
    repeated: list[str] = []
    for part in chunks({row.entity for row in rows}):
        for row in execute_among(connection, _put_off, part):
            latest = now.get((row.entity, row.system, row.kind, row.record_id))
            if latest is not None and row.id < latest.id and row.request["agrees"] == latest.request["agrees"]:
                repeated.append(row.id)
    for part in chunks(repeated):
        connection.execute(delete(intent).where(intent.c.id.in_(part)))


def put_off_before(connection: Connection, entities: Iterable[str]) -> dict[Target, int]:
    """Return target -> how often in a row its writes were put off, as the answer to the latest says."""
    found: dict[Target, int] = {}
    for part in chunks(list(entities)):
        for row in execute_among(connection, _latest, part):
            found[(row.entity, row.system, row.kind, row.record_id)] = (row.answer or {}).get("tries", 0)
    return found


def load_held(connection: Connection, keys: Iterable[RecordKey]) -> dict[RecordKey, Held]:
    """Return the records that are stored, as they are."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for system, kind, record_id in keys:
        by_kind.setdefault((system, kind), []).append(record_id)
    found: dict[RecordKey, Held] = {}
    for (system, kind), ids in by_kind.items():
        for part in chunks(ids):
            rows = execute_among(connection, _held, part, system=system, kind=kind).all()
            for one, fields, modified, values in rows:
                found[(system, kind, one)] = Held(fields, modified, values or {})
    return found


def written_since(
    connection: Connection, system: str, kind: str, ids: Iterable[str], since: int, now: int
) -> dict[str, list[Mapping[str, Any]]]:
    """Return record id -> what was asked of it, where a write was taken between these times (ms)."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    span = {"since": since, "decided": since - LONGEST_BATCH_MS, "now": now}
    for part in chunks(list(ids)):
        for one, request in execute_among(connection, _written_since, part, system=system, kind=kind, **span).all():
            found.setdefault(one, []).append(request)
    return found


def save_written(
    connection: Connection,
    written: Mapping[RecordKey, tuple[Mapping[str, Any], int]],
    held: Collection[RecordKey],
    now: int,
) -> None:
    """Store what records hold after a write of ours, and the modified time of that; `held`: those stored before.

    An index that lags shows for a while what stood there before; being older than the write, that is no news.
    Their digest is cleared so that the next poll stores the whole record; with the values known here already, that
    echo changes nothing and wakes nobody. A record that is not stored yet gets a modified time of 0: outside every
    span of time that a look back counts.
    """
    there = [
        {"b_system": key[0], "b_kind": key[1], "b_id": key[2], "b_fields": fields, "b_modified": modified}
        for key, (fields, modified) in written.items()
        if key in held
    ]
    execute_many(connection, _NOTE_WRITTEN, there)
    made = [
        {
            "system": key[0],
            "kind": key[1],
            "id": key[2],
            "fields": fields,
            "changed": {},
            "first_modified": now,
            "modified": 0,
            "deleted": False,
            "survivor": None,
            "digest": "",
        }
        for key, (fields, _) in written.items()
        if key not in held
    ]
    upsert(connection, record, made, keep=("first_modified",))  # a poll beside may have stored it meanwhile


# ---------------------------------------------------------------------------------------------------------------------


def _held(among: Among) -> Select[Any]:
    return (
        select(record.c.id, record.c.fields, record.c.modified, agreed.c["values"])
        .select_from(record)
        .outerjoin(agreed, agreed_with(record.c.system, record.c.kind, record.c.id))
        .where(record.c.system == bindparam("system"), record.c.kind == bindparam("kind"), among(record.c.id))
    )


def _written_since(among: Among) -> Select[Any]:
    system: Any = bindparam("system")
    kind: Any = bindparam("kind")
    return (
        select(intent.c.record_id, intent.c.request)
        .join(link, link.c.entity == intent.c.entity)
        .where(link.c.system == system, link.c.kind == kind, among(link.c.record_id))
        .where(intent.c.system == system, intent.c.kind == kind, intent.c.record_id == link.c.record_id)
        .where(intent.c.at >= bindparam("decided"), intent.c.answered_at > bindparam("since"))
        .where(intent.c.answered_at <= bindparam("now"), narrowed(intent.c.state) == "done")
        .order_by(intent.c.id)
    )


def _latest(among: Among) -> Select[Any]:
    latest = (
        select(func.max(intent.c.id))
        .where(among(intent.c.entity), intent.c.state.not_in(("planned", "lapsed")))
        .group_by(intent.c.entity, intent.c.system, intent.c.kind, intent.c.record_id)
    )
    return select(intent).where(intent.c.id.in_(latest))


def _put_off(among: Among) -> Select[Any]:
    return select(intent).where(among(intent.c.entity), narrowed(intent.c.state).in_(("deferred", "settled")))


_NOTE_WRITTEN = (
    update(record)
    .where(
        record.c.system == bindparam("b_system"),
        record.c.kind == bindparam("b_kind"),
        record.c.id == bindparam("b_id"),
    )
    .values(fields=bindparam("b_fields"), modified=bindparam("b_modified"), digest="")
)
_ANSWER = (
    update(intent)
    .where(intent.c.id == bindparam("b_id"))
    .values(
        {
            intent.c.state: bindparam("b_state"),
            intent.c.answer: bindparam("b_answer"),
            intent.c.record_id: bindparam("b_record_id"),
            intent.c.answered_at: bindparam("b_at"),
        }
    )
)
