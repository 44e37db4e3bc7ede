"""Opening the database: driver settings, file rights, migrations, and ids and times in the store's own form."""

from __future__ import annotations

import os
import secrets
import stat
import time
from base64 import b32encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import JSON, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

BUSY_SECONDS = 60
# Of each connection to SQLite. What a batch changes must fit: a page that does not is written more than once.
CACHE_KIB = 16_000
# Any number will do, as long as every worker on this database uses the same one.
INTAKE_LOCK = 7_203_101
READ_ONLY_TRANSACTION = "25006"  # SQLSTATE
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


class StoreUnusable(Exception):
    """The state cannot be opened; the text says which, why, and what to do."""


def open_store(url: str, *, migrate: bool = True) -> Engine:
    """Return an engine on the state database, its schema brought up to date.

    Raises StoreUnusable for a wrong address, a file that cannot be written, a server that is away, a schema that is
    newer than this program.
    """
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise StoreUnusable(f"`state` is not a database address: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise StoreUnusable(
                f"`state` {url} would be in memory and lost at the first stop; name a file: sqlite:///path"
            )
        engine = _open_sqlite(url, parsed.database)
    elif parsed.get_backend_name() == "postgresql":
        engine = _open_postgresql(parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    else:
        raise StoreUnusable(
            f"`state` names a {parsed.get_backend_name()} database; use sqlite:///path or postgresql://host/name"
        )
    if migrate:
        try:
            _migrate(engine, _shown(url))
        except BaseException:
            engine.dispose()  # nobody else can close what it opened
            raise
    return engine


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds; a time without a zone is a defect of the caller."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def new_id(ms: int | None = None) -> str:
    """Return a ULID: 26 letters and digits that sort by time."""
    number = ((ms if ms is not None else now_ms()) << 80) | secrets.randbits(80)
    return b32encode(number.to_bytes(20, "big"))[-26:].translate(_CROCKFORD).decode()


def serialise_intake(connection: Connection) -> None:
    """Let one transaction at a time link records to entities, so that two workers never make two of one person.

    SQLite needs nothing: its write transactions are one at a time already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INTAKE_LOCK})


def overwrite_what_is_freed(connection: Connection) -> None:
    """Let this connection leave nothing readable where a value stood; PostgreSQL vacuums by itself."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def give_back_what_is_freed(engine: Engine) -> None:
    """Empty SQLite's log of commits, in which values stand until it is written over."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def hold_snapshot(connection: Connection) -> Iterator[str]:
    """Begin the connection's transaction on a snapshot that others may join until the block ends; yield its name."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
        return
    with connection.engine.connect().execution_options(syncd_reads_only=False) as still:
        still.begin()  # SQLite's snapshots have no name: nobody commits while they are taken
        join_snapshot(connection, "")
        yield ""
        still.rollback()


def join_snapshot(connection: Connection, name: str) -> None:
    """Begin this connection's transaction on the snapshot that somebody holds."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        connection.execute(text("SET TRANSACTION SNAPSHOT '" + name.replace("'", "") + "'"))
    else:
        connection.execute(text("SELECT 1 FROM alembic_version")).all()


# ---------------------------------------------------------------------------------------------------------------------


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


class _Json(sqlite.JSON):
    """Reads and writes without the calls in between that SQLAlchemy makes for each value; None is null."""

    def bind_processor(self, *_: object) -> Callable[[Any], str | None]:
        return lambda value: None if value is None else dumps(value)

    def result_processor(self, *_: object) -> Callable[[Any], Any]:
        return lambda raw: None if raw is None else orjson.loads(raw)


def _open_sqlite(url: str, path: str) -> Engine:
    _prepare_file(Path(path))
    engine = create_engine(
        url,
        # No limit: one that waits for SQLite's lock keeps its connection, and the holder of the lock may need one more.
        max_overflow=-1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,  # they are people's values, and an error is logged
    )

    engine.dialect.colspecs = {**engine.dialect.colspecs, JSON: _Json}

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see _begin
        # FULL: an intent must be on the disk before its call is made, also when the power fails.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A write transaction that starts as a reader fails at its first write when another has written meanwhile.
        reads_only = connection.get_execution_options().get("syncd_reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _prepare_file(path: Path) -> None:
    """Create the state file for this user only; personal data lives in it."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise StoreUnusable(
            f"the state file {path} cannot be created ({error.strerror}); nothing was read or written. "
            f"Give this user the right to write there, or name another place under `state`"
        ) from error
    if path.is_dir():
        raise StoreUnusable(
            f"the state file {path} is a folder; nothing was read or written. Name a file in it under `state`, such as "
            f"sqlite:///{path}/state.db"
        )
    if mode & 0o077:
        raise StoreUnusable(
            f"the state file {path} can be read by other users (mode {mode:04o}) and holds personal data; "
            f"run: chmod 600 {path}"
        )
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StoreUnusable(
            f"the state file {path} or its folder cannot be written by this user; nothing was read or written. "
            f"Mend the rights, or name another place under `state`"
        )


def _open_postgresql(url: str) -> Engine:
    from psycopg.types.json import set_json_dumps, set_json_loads

    set_json_dumps(dumps)
    set_json_loads(orjson.loads)
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        json_serializer=dumps,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": 10},
        hide_parameters=True,
    )
    leave_what_cannot_write(engine)
    return engine


def leave_what_cannot_write(engine: Engine) -> None:
    """Give up a session to a PostgreSQL server that became read-only, as one to the old primary after a failover."""

    @event.listens_for(engine, "handle_error")
    def _give_up(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_TRANSACTION:
            context.is_disconnect = True


def alembic_config(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _migrate(engine: Engine, shown: str) -> None:
    try:
        with engine.begin() as connection:
            serialise_intake(connection)
            command.upgrade(alembic_config(connection), "head")
    except (OperationalError, DBAPIError) as error:
        raise StoreUnusable(
            f"the state database {shown} cannot be used ({_first_line(error)}); nothing was read or written. "
            f"Check that it is there and is syncd's, that no other process locks it, and that its disk has room"
        ) from error
    except Exception as error:
        if type(error).__name__ == "CommandError" or "Can't locate revision" in str(error):
            raise StoreUnusable(
                f"the state database {shown} was written by a newer syncd; start that version, or restore a backup"
            ) from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


Clock = Callable[[], int]  # -> milliseconds
