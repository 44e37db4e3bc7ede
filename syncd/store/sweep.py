"""Queries of sweeps: which ids are stored, tombstones, records that nobody is linked to, and forgetting the erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from syncd.store import held, inbox
from syncd.store.intake import ERASED, SHUT_OUT
from syncd.store.rows import chunks, upsert
from syncd.store.tables import (
    agreed,
    due,
    entity,
    intent,
    ledger,
    link,
    match_key,
    pairing,
    problem,
    record,
    stage_event,
    sweep,
    touch,
    waiver,
)

VANISHED = "vanished"  # begins the keys of what a sweep asks about, and is what an approval of it is called
_STEP = 10_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored record that was listed; `deleted` is None of one that is shut out, `modified` in ms."""

    deleted: bool | None
    modified: int


@dataclass(frozen=True, slots=True)
class Known:
    """A stored record, as far as a sweep cares."""

    id: str
    deleted: bool
    survivor: str | None
    erased: bool


def latest_sweeps(connection: Connection, system: str) -> dict[str, int]:
    """Return kind -> when it was last swept, in ms."""
    query = select(sweep.c.kind, sweep.c.at).where(sweep.c.system == system)
    return {row.kind: row.at for row in connection.execute(query)}


def save_sweep(connection: Connection, system: str, kind: str, at: int, theirs: int, ours: int) -> None:
    upsert(connection, sweep, [{"system": system, "kind": kind, "at": at, "theirs": theirs, "ours": ours}])


def gone_lately(connection: Connection, system: str, kind: str, since: int) -> tuple[int, int] | None:
    """Return (how many were gone, of how many known then) in a day that began after `since` (ms); None: none were."""
    query = select(sweep.c.gone, sweep.c.gone_of).where(sweep.c.system == system, sweep.c.kind == kind)
    row = connection.execute(query.where(sweep.c.gone_since > since)).first()
    return (row.gone, row.gone_of) if row is not None else None


def note_gone(connection: Connection, system: str, kind: str, gone: int, of: int, since: int | None) -> None:
    """Add to those that are gone; with `since` (ms) a day begins. The kind must have a sweep saved."""
    there = (sweep.c.system == system, sweep.c.kind == kind)
    added = {"gone": sweep.c.gone + gone} if since is None else {"gone": gone, "gone_of": of, "gone_since": since}
    connection.execute(update(sweep).where(*there).values(added))


def known_among(connection: Connection, system: str, kind: str, ids: Iterable[str]) -> dict[str, Stored]:
    """Return those of `ids` that are stored."""
    found: dict[str, Stored] = {}
    for part in chunks(ids):
        query = select(record.c.id, record.c.deleted, record.c.modified, record.c.digest)
        rows = connection.execute(query.where(*_of(system, kind), record.c.id.in_(part)))
        found.update((key, Stored(None if mark == SHUT_OUT else gone, at)) for key, gone, at, mark in rows)
    return found


def all_known(connection: Connection, system: str, kind: str) -> Iterator[Known]:
    """Yield every stored record, without its fields."""
    after = ""
    while True:
        query = select(record.c.id, record.c.deleted, record.c.survivor, record.c.digest.in_((ERASED, SHUT_OUT)))
        query = query.where(*_of(system, kind), record.c.id > after).order_by(record.c.id).limit(_STEP)
        rows = connection.execute(query).all()
        yield from (Known(*row) for row in rows)
        if len(rows) < _STEP:
            return
        after = rows[-1][0]


def count_alive(connection: Connection, system: str, kind: str) -> int:
    query = select(func.count()).where(*_of(system, kind), record.c.deleted.is_(False))
    return int(connection.execute(query).scalar_one())


def newest(connection: Connection, system: str, kind: str) -> int:
    """Return the latest modified time that is stored, by the system's clock, in ms."""
    return connection.execute(select(func.max(record.c.modified)).where(*_of(system, kind))).scalar() or 0


def unlinked(connection: Connection, system: str, kind: str) -> list[str]:
    """Return the living records that belong to no entity."""
    join = and_(link.c.system == record.c.system, link.c.kind == record.c.kind, link.c.record_id == record.c.id)
    query = select(record.c.id).outerjoin(link, join)
    query = query.where(*_of(system, kind), record.c.deleted.is_(False), link.c.entity.is_(None))
    return list(connection.execute(query).scalars())


def bury(connection: Connection, system: str, kind: str, ids: Iterable[str]) -> None:
    """Mark records as deleted over there; the tombstone keeps them from being made anew."""
    for part in chunks(ids):
        there = (*_of(system, kind), record.c.id.in_(part), record.c.deleted.is_(False))
        connection.execute(update(record).where(*there).values(deleted=True, digest=""))


def merged_into(connection: Connection, system: str, kind: str, ids: Iterable[str]) -> set[str]:
    """Return the records that were merged into these, over any number of merges."""
    found: set[str] = set()
    wanted = set(ids)
    while wanted:
        more: set[str] = set()
        for part in chunks(wanted):
            query = select(record.c.id).where(*_of(system, kind), record.c.survivor.in_(part))
            more.update(connection.execute(query).scalars())
        wanted = more - found
        found |= more
    return found


def open_problem_of(connection: Connection, key: str) -> Any:
    """Return the open problem of this key, if there is one."""
    return connection.execute(select(problem).where(problem.c.key == key[:255], problem.c.open.is_(True))).first()


def approve_vanished(connection: Connection, by: str, now: int) -> int:
    """Let the next sweep believe what the last ones asked about; return how many questions these are."""
    asked = len(inbox.open_keys(connection, f"{VANISHED}|"))
    if asked:
        held.note_approval(connection, VANISHED, by, now)
    return asked


# --- forgetting


def blank_records(connection: Connection, system: str, kind: str, ids: Iterable[str], mark: str = ERASED) -> None:
    """Keep of these records nothing but their ids."""
    empty = {"fields": {}, "changed": {}, "deleted": True, "digest": mark}
    for part in chunks(ids):
        connection.execute(update(record).where(*_of(system, kind), record.c.id.in_(part)).values(**empty))
        there = (agreed.c.system == system, agreed.c.kind == kind, agreed.c.record_id.in_(part))
        connection.execute(delete(agreed).where(*there))


def forget_traces(connection: Connection, one: str) -> None:
    """Drop the values and words that were kept of an entity's past: the names of what changed and why stay."""
    connection.execute(delete(touch).where(touch.c.lead == one))
    connection.execute(delete(match_key).where(match_key.c.entity == one))
    connection.execute(delete(pairing).where(or_(pairing.c.entity == one, pairing.c.candidate == one)))
    connection.execute(update(stage_event).where(stage_event.c.lead == one).values(reason_text=None))
    connection.execute(update(waiver).where(waiver.c.lead == one).values(reason=""))
    for row in connection.execute(select(ledger.c.id, ledger.c.changes).where(ledger.c.entity == one)).all():
        told = {name: [None, None, *change[2:]] for name, change in row.changes.items()}
        connection.execute(update(ledger).where(ledger.c.id == row.id).values(changes=told))
    connection.execute(update(problem).where(problem.c.entity == one).values(open=False, message="erased"))
    sent = select(intent.c.id, intent.c.request, intent.c.answer).where(
        intent.c.entity == one, intent.c.state != "planned"
    )
    for write in connection.execute(sent).all():
        emptied = {name: dict.fromkeys(write.request.get(name) or ()) for name in ("fields", "agrees")}
        answer = {name: told for name, told in (write.answer or {}).items() if name in ("code", "field", "tries")}
        request = {**write.request, **emptied, "was": {}}  # a value that is not known cannot be put back
        connection.execute(update(intent).where(intent.c.id == write.id).values(request=request, answer=answer))


def keep_values(
    connection: Connection, one: str, values: Mapping[str, Any], provenance: Mapping[str, Any], now: int
) -> None:
    changes = {entity.c["values"]: values, entity.c.provenance: provenance, entity.c.updated_at: now}
    connection.execute(update(entity).where(entity.c.id == one).values(changes))


def empty_entity(connection: Connection, one: str, now: int) -> None:
    """Leave of an entity that no living record speaks for only its id."""
    keep_values(connection, one, {}, {}, now)
    connection.execute(update(entity).where(entity.c.id == one).values(state={}, look_at=None))
    connection.execute(delete(due).where(due.c.entity == one))
    held.forget(connection, [one])


# ---------------------------------------------------------------------------------------------------------------------


def _of(system: str, kind: str) -> Sequence[Any]:
    return (record.c.system == system, record.c.kind == kind)
