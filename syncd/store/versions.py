"""Queries of versions: the sets of the admins' files, which of them was in force when, and what edits would do.

What a set means, and whether it may be put in force, is syncd.edits'.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, delete, func, select, update

from syncd.mapping.files import FileSet, of_texts
from syncd.store.rows import upsert
from syncd.store.tables import in_force, plan, version

SET = "set"
READING = "reading"  # fields that the edit maps anew are read, so that a plan can tell what they change
HELD = "held"
SHOWN = "shown"
SUPERSEDED = "superseded"
APPLIED = "applied"
KEPT_PLANS = 50

MARK = 6  # bytes of one digest
# Entity -> (what of it would change, a digest of record, old and new value of each, end to end). Of very many leads
# nearly all change in the same few fields: those names are shared.
Marks: TypeAlias = Mapping[str, tuple[tuple[str, ...], bytes]]


@dataclass(frozen=True, kw_only=True)
class StoredSet:
    """One set as it was read. `systems`: name -> connector, as configured then."""

    digest: str
    files: FileSet
    systems: Mapping[str, str]
    at: int
    by: str


@dataclass(frozen=True, kw_only=True)
class Reign:
    """One row of in_force."""

    id: int
    version: str
    previous: str | None
    at: int
    how: str
    by: str
    plan: str | None


@dataclass(frozen=True, kw_only=True)
class StoredPlan:
    id: str
    base: str
    target: str
    at: int
    state: str
    summary: Mapping[str, Any]
    packed: bytes | None  # its marks, for as long as it can be let through

    @cached_property
    def marks(self) -> Marks:
        return unpack_marks(self.packed) if self.packed is not None else {}


# --- sets of files


def save_set(
    connection: Connection, digest: str, files: FileSet, systems: Mapping[str, str], now: int, by: str
) -> None:
    """Keep a set under its digest; comments and cases of one that is there are brought up to date."""
    content = orjson.dumps({"files": files.texts(), "systems": dict(systems), "folder": files.folder}).decode()
    row = {"kind": SET, "digest": digest, "file": "", "content": content, "at": now, "by": by[:128]}
    upsert(connection, version, [row], keep=("at", "by"))


def load_set(connection: Connection, digest: str) -> StoredSet | None:
    row = connection.execute(select(version).where(version.c.kind == SET, version.c.digest == digest)).first()
    if row is None:
        return None
    content = orjson.loads(row.content)
    files = of_texts(content["folder"], content["files"])
    return StoredSet(digest=digest, files=files, systems=content["systems"], at=row.at, by=row.by)


def find_set(connection: Connection, beginning: str) -> list[str]:
    """Return the digests of the sets that begin so."""
    like = version.c.digest.startswith(beginning, autoescape=True)
    return list(connection.execute(select(version.c.digest).where(version.c.kind == SET, like)).scalars())


# --- what is in force


def running_version(connection: Connection) -> str | None:
    found: str | None = connection.execute(_RUNNING).scalar()
    return found


def latest_reign(connection: Connection) -> Reign | None:
    row = connection.execute(select(in_force).order_by(in_force.c.id.desc()).limit(1)).first()
    return _reign(row) if row is not None else None


def waiting_version(connection: Connection) -> str | None:
    """Return the version that an edit waits with: its further fields are being read, or it is held."""
    found: str | None = connection.execute(_WAITING).scalar()
    return found


def list_reigns(connection: Connection, limit: int | None = None) -> list[Reign]:
    """Return what was in force, the latest first."""
    query = select(in_force).order_by(in_force.c.id.desc())
    return [_reign(row) for row in connection.execute(query.limit(limit) if limit else query)]


def ran_before(connection: Connection, digest: str) -> bool:
    query = select(func.count()).select_from(in_force).where(in_force.c.version == digest)
    return bool(connection.execute(query).scalar())


def put_in_force(
    connection: Connection, digest: str, *, previous: str | None, how: str, by: str, plan_id: str | None, now: int
) -> None:
    row = {"version": digest, "previous": previous, "at": now, "how": how, "by": by[:128], "plan": plan_id}
    connection.execute(in_force.insert().values(**row))


# --- plans


def save_plan(connection: Connection, one: StoredPlan) -> None:
    """Keep a plan; the oldest that nobody waits for are dropped."""
    row = {"id": one.id, "base": one.base, "target": one.target, "at": one.at, "state": one.state}
    upsert(connection, plan, [{**row, "summary": dict(one.summary), "marks": one.packed}])
    old = select(plan.c.id).where(plan.c.state != HELD).order_by(plan.c.at.desc()).offset(KEPT_PLANS).limit(1_000)
    connection.execute(delete(plan).where(plan.c.id.in_(list(connection.execute(old).scalars()))))


def read_plans(connection: Connection, beginning: str = "", *, state: str | None = None) -> Sequence[StoredPlan]:
    """Return the plans whose id begins so, the latest first."""
    query = select(plan).where(plan.c.id.startswith(beginning, autoescape=True)).order_by(plan.c.at.desc())
    if state is not None:
        query = query.where(plan.c.state == state)
    return [_plan(row) for row in connection.execute(query)]


def pack_marks(marks: Marks) -> bytes:
    places = {names: place for place, names in enumerate(dict.fromkeys(names for names, _ in marks.values()))}
    told = {
        "names": list(places),
        "of": {one: [places[names], digests.hex()] for one, (names, digests) in marks.items()},
    }
    return zlib.compress(orjson.dumps(told), 1)


def unpack_marks(packed: bytes) -> Marks:
    told = orjson.loads(zlib.decompress(packed))
    if "names" not in told:
        return {}  # another form, of a version of syncd before this: whatever was told then is to be looked at again
    names = [tuple(one) for one in told["names"]]
    return {one: (names[place], bytes.fromhex(digests)) for one, (place, digests) in told["of"].items()}


def close_plan(connection: Connection, plan_id: str, state: str) -> None:
    """Say how a plan ended; its marks are needed no more."""
    connection.execute(update(plan).where(plan.c.id == plan_id).values(state=state, marks=None))


# ---------------------------------------------------------------------------------------------------------------------


_RUNNING = select(in_force.c.version).order_by(in_force.c.id.desc()).limit(1)
_WAITING = (
    select(plan.c.target)
    .where(plan.c.state.in_((READING, HELD)), plan.c.base == _RUNNING.scalar_subquery())
    .order_by(plan.c.at.desc())
    .limit(1)
)


def _reign(row: Any) -> Reign:
    return Reign(**dict(row._mapping))


def _plan(row: Any) -> StoredPlan:
    return StoredPlan(
        id=row.id,
        base=row.base,
        target=row.target,
        at=row.at,
        state=row.state,
        summary=row.summary,
        packed=row.marks,
    )
