"""Open a database so that it cannot be written, and say in words why one does not answer.

Building the queries is left to connectors.table.sql.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool

from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, Unavailable

CONNECT_TIMEOUT = 10  # seconds
_STEPS = 20_000  # of SQLite's machine between two looks at the clock; some milliseconds


def open_read_only(system: str, url: str, statement_timeout: float) -> sa.Engine:
    """Return an engine whose connections live for one query; raise ConfigProblem for a URL that can never work."""
    address = _address(system, url)
    if address.get_backend_name() == "sqlite":
        path = _sqlite_path(system, address)
        return sa.create_engine(
            address, creator=lambda: _open_sqlite(path, statement_timeout), poolclass=NullPool, hide_parameters=True
        )
    try:
        options = {"connect_timeout": CONNECT_TIMEOUT} if address.get_driver_name() == "psycopg" else {}
        engine = sa.create_engine(address, poolclass=NullPool, hide_parameters=True, connect_args=options)
    except ImportError as error:
        raise ConfigProblem(
            f"{system}: the driver {error.name or address.get_driver_name()} for {address.get_backend_name()} is not "
            f"installed; install it beside syncd (pip install) or choose another in `url`",
            system=system,
        ) from error
    if address.get_backend_name() == "postgresql":
        sa.event.listen(engine, "connect", _lock_postgresql(statement_timeout))
    return engine


@contextmanager
def in_words(system: str, kind: str) -> Iterator[None]:
    """Turn whatever the database throws into one of our kinds of error."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise _problem(system, kind, error) from error
    except (UnicodeError, OverflowError, ValueError) as error:
        raise ConfigProblem(
            f"{system}, kind {kind}: a value cannot be read ({type(error).__name__}); cast its column in the query. "
            f"Nothing of this page was stored",
            system=system,
        ) from error


# ---------------------------------------------------------------------------------------------------------------------


def _address(system: str, url: str) -> sa.URL:
    if url.startswith("postgres://"):  # the older spelling that many hosts still hand out
        url = "postgresql" + url[len("postgres") :]
    try:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect()
    except exc.NoSuchModuleError as error:
        raise ConfigProblem(
            f"{system}: no such kind of database in `url`; it starts with postgresql:// or sqlite:/// (others need "
            f"their SQLAlchemy driver installed)",
            system=system,
        ) from error
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigProblem(
            f"{system}: `url` is no database address; write postgresql://user:password@host/database or "
            f"sqlite:///path/to/file.db",
            system=system,
        ) from error
    return address


def _sqlite_path(system: str, address: sa.URL) -> Path:
    name = address.database
    if not name or name == ":memory:" or name.startswith("file:"):
        raise ConfigProblem(
            f"{system}: `url` must name a file: sqlite:///path/to/file.db (four slashes for a path from the root)",
            system=system,
        )
    return Path(name)


def _open_sqlite(path: Path, timeout: float) -> sqlite3.Connection:
    if not path.is_file():
        raise sqlite3.OperationalError(f"there is no file {path}")
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=min(timeout, 10.0))
    connection.execute("PRAGMA query_only = ON")
    end = time.monotonic() + timeout
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    return connection


def _lock_postgresql(timeout: float) -> Any:
    def lock(connection: Any, record: Any) -> None:
        del record
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute(f"SET statement_timeout = {int(timeout * 1000)}")
            cursor.execute("SET application_name = 'syncd'")
        connection.commit()

    return lock


# SQLSTATE classes and codes: PostgreSQL manual, appendix A.
_LATER = ("08", "40", "53", "55", "57", "58", "XX")
_REFUSED = ("authentication failed", "no password supplied", 'FATAL:  role "')  # a failed connection has no SQLSTATE


def _problem(system: str, kind: str, error: exc.SQLAlchemyError) -> ConnectorError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else None
    text = str(cause or "").split("\n")[0].strip()
    state = str(getattr(cause, "sqlstate", None) or "")
    where = f"{system}, kind {kind}"
    if isinstance(cause, sqlite3.Error):
        return _sqlite_problem(system, where, text)
    if state.startswith("28") or any(sign in text for sign in _REFUSED):
        return AuthExpired(f"{system}: the database refused the user or password in `url`; correct them", system=system)
    if state == "3D000" or ('database "' in text and "does not exist" in text):
        return ConfigProblem(f"{system}: there is no such database; correct the name in `url`", system=system)
    if state == "57014":
        return Unavailable(
            f"{where}: the query ran longer than `statement_timeout` and was stopped; index its columns, narrow it, or "
            f"raise the limit",
            system=system,
        )
    if state == "25006":
        return ConfigProblem(f"{where}: the query would write, and syncd only reads; mend the query", system=system)
    if state == "42501":
        return ConfigProblem(f"{where}: the user may not read this; grant SELECT ({_names(text)})", system=system)
    if state.startswith("42"):
        return ConfigProblem(f"{where}: the database does not accept the query: {_names(text)}", system=system)
    if state.startswith("22") or isinstance(error, exc.DataError):
        return ConfigProblem(
            f"{where}: a value cannot be converted as the query asks (SQLSTATE {state or 'unknown'}); mend the query",
            system=system,
        )
    if state.startswith(_LATER) or isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        return Unavailable(
            f"{system}: the database does not answer ({_reason(text, state)}); it is tried again. If it stays so, "
            f"check host, port and network in `url`",
            system=system,
        )
    name = type(cause or error).__name__
    return ConfigProblem(f"{where}: the database refused the query ({name} {state}".rstrip() + ")", system=system)


def _sqlite_problem(system: str, where: str, text: str) -> ConnectorError:
    if "locked" in text or "busy" in text:
        return Unavailable(
            f"{system}: the database file is locked by another program; it is tried again", system=system
        )
    if "interrupted" in text:
        return Unavailable(
            f"{where}: the query ran longer than `statement_timeout` and was stopped; index its columns, narrow it, or "
            f"raise the limit",
            system=system,
        )
    if "there is no file" in text or "unable to open" in text:
        return ConfigProblem(
            f"{system}: the database file cannot be opened; check the path in `url` and that it may be read (it is "
            f"never created)",
            system=system,
        )
    if "not a database" in text or "malformed" in text:
        return ConfigProblem(
            f"{system}: the file is no SQLite database or is damaged; check the path in `url`", system=system
        )
    if "readonly" in text or "query_only" in text:
        return ConfigProblem(f"{where}: the query would write, and syncd only reads; mend the query", system=system)
    if "decode" in text:
        return ConfigProblem(
            f"{where}: a text in the database is not UTF-8; convert its column in the query (hex(...))", system=system
        )
    if "disk I/O" in text:
        return Unavailable(
            f"{system}: the database file could not be read (disk I/O); it is tried again", system=system
        )
    return ConfigProblem(f"{where}: the database does not accept the query: {_names(text)}", system=system)


def _names(text: str) -> str:
    """Return the database's sentence when it can only hold names of tables and columns."""
    known = ("no such", "does not exist", "syntax error", "permission denied", "ambiguous", "incomplete input")
    return text if any(sign in text for sign in known) and len(text) < 300 else "it gave a reason that may hold data"


def _reason(text: str, state: str) -> str:
    for sign in ("Connection refused", "timeout", "timed out", "could not translate host name", "resolve host"):
        if sign.lower() in text.lower():
            return sign.lower()
    return f"SQLSTATE {state}" if state else "connection failed"
