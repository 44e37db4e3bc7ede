"""Open a database so that it cannot be written.

Building the queries is left to connectors.table.sql, saying why a database does not answer to connectors.table.trouble.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool

from connectors.errors import ConfigProblem

CONNECT_TIMEOUT = 10  # seconds
# Those whose session is locked against writing, whatever its user may do.
LOCKED = frozenset({"sqlite", "postgresql", "mysql", "mariadb", "oracle"})

_STEPS = 20_000  # of SQLite's machine between two looks at the clock; some milliseconds
# Kind of database -> (driver, the extra of syncd that installs it). PostgreSQL's comes with syncd.
_DRIVERS = {
    "postgresql": ("psycopg", ""),
    "mysql": ("pymysql", "mysql"),
    "mariadb": ("pymysql", "mysql"),
    "mssql": ("pyodbc", "mssql"),
    "oracle": ("oracledb", "oracle"),
}


def open_read_only(system: str, url: str, statement_timeout: float) -> sa.Engine:
    """Return an engine whose connections live for one query; raise ConfigProblem for a URL that can never work."""
    address = _address(system, url)
    backend = address.get_backend_name()
    if backend == "sqlite":
        path = _sqlite_path(system, address)
        return sa.create_engine(
            address, creator=lambda: _open_sqlite(path, statement_timeout), poolclass=NullPool, hide_parameters=True
        )
    try:
        engine = sa.create_engine(
            address, poolclass=NullPool, hide_parameters=True, connect_args=_connect_args(address.get_driver_name())
        )
    except ImportError as error:
        raise ConfigProblem(_missing(system, address, error), system=system) from error
    lock = _LOCKS.get(backend)
    if lock is not None:
        sa.event.listen(engine, "connect", lock(statement_timeout))
    if backend == "oracle":
        # Oracle knows no read-only session: each transaction is made so when it begins.
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("SET TRANSACTION READ ONLY"))
    return engine


# ---------------------------------------------------------------------------------------------------------------------


def _address(system: str, url: str) -> sa.URL:
    if url.startswith("postgres://"):  # the older spelling that many hosts still hand out
        url = "postgresql" + url[len("postgres") :]
    try:
        address = sa.make_url(url)
        if address.drivername in _DRIVERS:
            address = address.set(drivername=f"{address.drivername}+{_DRIVERS[address.drivername][0]}")
        address.get_dialect()
    except exc.NoSuchModuleError as error:
        raise ConfigProblem(
            f"{system}: no such kind of database in `url`; it starts with postgresql://, mysql://, mariadb://, "
            f"mssql://, oracle:// or sqlite:///",
            system=system,
        ) from error
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigProblem(
            f"{system}: `url` is no database address; write postgresql://user:password@host/database or "
            f"sqlite:///path/to/file.db",
            system=system,
        ) from error
    return address


def _missing(system: str, address: sa.URL, error: ImportError) -> str:
    backend, driver = address.get_backend_name(), address.get_driver_name()
    if not isinstance(error, ModuleNotFoundError):  # it is there, and a library of the machine is not
        return f"{system}: the driver {driver} for {backend} does not load ({error}); install what it names"
    usual, extra = _DRIVERS.get(backend, ("", ""))
    remedy = f'pip install "syncd[{extra}]"' if extra and driver == usual else "install it beside syncd"
    return f"{system}: the driver {error.name or driver} for {backend} is not installed; {remedy}"


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


def _connect_args(driver: str) -> dict[str, Any]:
    match driver:
        case "psycopg":
            return {"connect_timeout": CONNECT_TIMEOUT}
        case "pymysql":
            return {"connect_timeout": CONNECT_TIMEOUT, "conv": _mysql_values()}
        case "pyodbc":
            return {"timeout": CONNECT_TIMEOUT}
        case "oracledb":
            return {"tcp_connect_timeout": float(CONNECT_TIMEOUT)}
    return {}


def _mysql_values() -> dict[Any, Any]:
    """Return how the driver reads values: BIT is a number, and MySQL's day 0000-00-00 is none."""
    try:
        from pymysql import converters
        from pymysql.constants import FIELD_TYPE
    except ImportError:
        return {}
    values = dict(converters.conversions)
    values[FIELD_TYPE.BIT] = lambda raw: int.from_bytes(raw, "big")
    for kind in (FIELD_TYPE.DATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        values[kind] = _unless_zero(converters.conversions[kind])
    return values


def _unless_zero(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The driver hands a day that no calendar has back as text."""

    def read(raw: Any) -> Any:
        value = convert(raw)
        return None if isinstance(value, str) else value

    return read


def _lock_postgresql(timeout: float) -> Any:
    def lock(connection: Any, record: Any) -> None:
        del record
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute(f"SET statement_timeout = {int(timeout * 1000)}")
            cursor.execute("SET application_name = 'syncd'")
        connection.commit()

    return lock


def _lock_mysql(timeout: float) -> Any:
    def lock(connection: Any, record: Any) -> None:
        del record
        mariadb = "mariadb" in connection.get_server_info().lower()
        limit = f"max_statement_time = {timeout:f}" if mariadb else f"max_execution_time = {int(timeout * 1000)}"
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute(f"SET SESSION {limit}")
            cursor.execute("SET SESSION time_zone = '+00:00'")  # a TIMESTAMP column comes in the session's zone
        connection.commit()

    return lock


def _limit_mssql(timeout: float) -> Any:
    def limit(connection: Any, record: Any) -> None:
        del record
        connection.timeout = max(1, round(timeout))  # seconds, of each query

    return limit


def _limit_oracle(timeout: float) -> Any:
    def limit(connection: Any, record: Any) -> None:
        del record
        connection.call_timeout = int(timeout * 1000)
        with connection.cursor() as cursor:
            # A TIMESTAMP WITH LOCAL TIME ZONE comes in the session's zone.
            cursor.execute("ALTER SESSION SET TIME_ZONE = '+00:00'")

    return limit


_LOCKS = {
    "postgresql": _lock_postgresql,
    "mysql": _lock_mysql,
    "mariadb": _lock_mysql,
    "mssql": _limit_mssql,
    "oracle": _limit_oracle,
}
