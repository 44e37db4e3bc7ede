"""Queries of the keys under which accounts, branches and leads are found by what they resemble.

They stand beside the exact keys and never link, nor does the key of whoever a person is asked about; what they are made
of is syncd.matching's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Delete, Select, bindparam, delete, func, select

from syncd.lead.definition import EntityKind
from syncd.store.rows import Among, chunks, execute_among, execute_many, insert_missing, narrowed
from syncd.store.tables import match_key

LIKE = "like"
ASKED = "asked"  # -> the account or branch that somebody may belong to
DOUBLE = "double"  # -> the earlier lead that this one may be too
_NOTHING = ""  # kept for those that have no key, so that they are known to have been looked at


def any_kept(connection: Connection, kind: EntityKind, key: str = LIKE) -> bool:
    """Return whether anything of this kind can be found by likeness."""
    return connection.execute(_ANY_KEPT, {"kind": kind.value, "key": key}).first() is not None


def kept_of(connection: Connection, entities: Iterable[str]) -> set[str]:
    """Return those of these that were looked at."""
    found: set[str] = set()
    for part in chunks(entities):
        found.update(execute_among(connection, _kept, part).scalars())
    return found


def look_again(connection: Connection, leads: Iterable[str]) -> None:
    """Have these leads looked at when they are decided next, though nothing of them changed."""
    for part in chunks(leads):
        execute_among(connection, _look_again, part)


def doubles_of(connection: Connection, leads: Iterable[str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return of these leads (the earlier ones that each may be too, the later ones that may be it)."""
    earlier: dict[str, set[str]] = {}
    later: dict[str, set[str]] = {}
    if not any_kept(connection, EntityKind.LEAD, DOUBLE):
        return earlier, later  # nearly always
    for part in chunks(leads):
        for one, other in execute_among(connection, _earlier, part):
            earlier.setdefault(one, set()).add(other)
        for one, other in execute_among(connection, _later, part):
            later.setdefault(other, set()).add(one)
    return earlier, later


def holders(connection: Connection, kind: EntityKind, keys: Iterable[str]) -> dict[str, list[str]]:
    """Return key -> those under it. No key is stored for more than `keep` allows, so this costs what the keys cost."""
    found: dict[str, list[str]] = {}
    for part in chunks(keys):
        for value, one in execute_among(connection, _holders, part, kind=kind.value):
            found.setdefault(value, []).append(one)
    return found


def keys_of(connection: Connection, entities: Iterable[str]) -> dict[str, set[str]]:
    """Return entity -> its keys, for those that were looked at; the set may hold none."""
    found: dict[str, set[str]] = {}
    for part in chunks(entities):
        for one, value in execute_among(connection, _keys, part):
            found.setdefault(one, set()).add(value)
    return found


def keep(
    connection: Connection,
    kind: EntityKind,
    wanted: Mapping[str, Collection[str]],
    held: Mapping[str, Collection[str]],
    most: int,
) -> None:
    """Put these in place of the keys held. A key that `most` have already gets one holder more, and is then full."""
    due = {one: set(keys) or {_NOTHING} for one, keys in wanted.items()}
    gone = [{"b_entity": one, "b_value": key} for one, keys in held.items() for key in set(keys) - due[one]]
    execute_many(connection, _DROP, gone)
    fresh = {one: keys - {*held[one]} for one, keys in due.items()}
    count = _count(connection, kind, {key for keys in fresh.values() for key in keys if key})
    rows = []
    for one, keys in sorted(fresh.items()):
        for key in sorted(keys):
            if key and count[key] > most:
                continue
            count[key] += 1
            rows.append({"entity_kind": kind.value, "key": LIKE, "value": key, "entity": one})
    insert_missing(connection, match_key, rows)


def ask(connection: Connection, kind: EntityKind, entity: str, candidates: Iterable[str], key: str = ASKED) -> None:
    """Remember of whom a person is asked, so that a change of one of them leads to whoever asks."""
    rows = [{"entity_kind": kind.value, "key": key, "value": one, "entity": entity} for one in candidates]
    insert_missing(connection, match_key, rows)


def ask_no_more(connection: Connection, entities: Iterable[str], key: str = ASKED) -> None:
    for part in chunks(entities):
        execute_among(connection, _ask_no_more, part, key=key)


# ---------------------------------------------------------------------------------------------------------------------


def _count(connection: Connection, kind: EntityKind, keys: Iterable[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for part in chunks(keys):
        rows = execute_among(connection, _counted, part, kind=kind.value)
        found.update({value: int(count) for value, count in rows})
    return found


def _kept(among: Among) -> Select[Any]:
    return select(match_key.c.entity).where(among(match_key.c.entity), match_key.c.key == LIKE).distinct()


def _look_again(among: Among) -> Delete:
    return delete(match_key).where(among(match_key.c.entity), match_key.c.key == LIKE)


def _earlier(among: Among) -> Select[Any]:
    return _doubles(narrowed(match_key.c.entity_kind), among(match_key.c.entity))


def _later(among: Among) -> Select[Any]:
    return _doubles(match_key.c.entity_kind, among(match_key.c.value))


def _doubles(kind: ColumnElement[str], whose: ColumnElement[bool]) -> Select[Any]:
    doubles = (kind == EntityKind.LEAD.value, match_key.c.key == DOUBLE)
    return select(match_key.c.entity, match_key.c.value).where(*doubles, whose)


def _holders(among: Among) -> Select[Any]:
    here = (match_key.c.entity_kind == bindparam("kind"), match_key.c.key == LIKE)
    return select(match_key.c.value, match_key.c.entity).where(*here, among(match_key.c.value))


def _keys(among: Among) -> Select[Any]:
    return select(match_key.c.entity, match_key.c.value).where(among(match_key.c.entity), match_key.c.key == LIKE)


def _ask_no_more(among: Among) -> Delete:
    return delete(match_key).where(among(match_key.c.entity), match_key.c.key == bindparam("key"))


def _counted(among: Among) -> Select[Any]:
    here = (match_key.c.entity_kind == bindparam("kind"), match_key.c.key == LIKE)
    return select(match_key.c.value, func.count()).where(*here, among(match_key.c.value)).group_by(match_key.c.value)


_ANY_KEPT = (
    select(match_key.c.entity)
    .where(match_key.c.entity_kind == bindparam("kind"), match_key.c.key == bindparam("key"))
    .limit(1)
)
_DROP = delete(match_key).where(
    match_key.c.entity == bindparam("b_entity"), match_key.c.key == LIKE, match_key.c.value == bindparam("b_value")
)
