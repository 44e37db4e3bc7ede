"""Say in words why a database does not answer or refuses a query, and which kind of trouble that is.

No message holds a value of a record: what a database says is repeated only where it can name nothing but tables and
columns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, Unavailable


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

# What MySQL and Oracle call by numbers of their own, as SQLSTATE has it (PostgreSQL manual, appendix A). MySQL: "Server
# Error Message Reference"; 1969 is MariaDB's. Oracle: "Database Error Messages".
_STATES = {
    1045: "28000", 1698: "28000", 1862: "28000", 1044: "42501", 1142: "42501", 1143: "42501", 1370: "42501",
    1049: "3D000", 1792: "25006", 1969: "57014", 3024: "57014", 1317: "57014",
    1054: "42703", 1146: "42P01", 1064: "42601", 1060: "42701", 1052: "42702", 1305: "42883",
    1040: "53300", 1203: "53300", 1205: "55P03", 1213: "40P01", 1053: "57P01", 1927: "08006",
    2003: "08001", 2006: "08006", 2013: "08006", 1292: "22007", 1366: "22000", 1690: "22003",
    "ORA-01017": "28000", "ORA-28000": "28000", "ORA-28001": "28000", "ORA-01456": "25006", "ORA-00942": "42P01",
    "ORA-00904": "42703", "ORA-00918": "42702", "ORA-01013": "57014", "ORA-01031": "42501", "ORA-12514": "3D000",
    "DPY-4024": "57014",
}  # fmt: skip
# Sentences of databases that can hold nothing but names.
_NAMING = (
    "no such", "does not exist", "doesn't exist", "syntax error", "permission denied", "command denied", "ambiguous",
    "incomplete input", "Unknown column", "Duplicate column", "Access denied",
)  # fmt: skip
_LATER = ("08", "40", "53", "55", "57", "58", "XX")
_REFUSED = ("authentication failed", "no password supplied", 'FATAL:  role "')  # a failed connection has no SQLSTATE


def _problem(system: str, kind: str, error: exc.SQLAlchemyError) -> ConnectorError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else None
    text, state = _said(cause)
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


def _said(cause: BaseException | None) -> tuple[str, str]:
    """Return (the first line of what the driver says, SQLSTATE if there is one)."""
    args: tuple[object, ...] = getattr(cause, "args", ())
    first = args[0] if args else None
    code = first if isinstance(first, int) else getattr(first, "full_code", None)
    text = args[1] if isinstance(first, int) and len(args) > 1 else str(cause or "")
    state = _STATES.get(code) or getattr(cause, "sqlstate", None)
    if not state and isinstance(first, str) and len(first) == 5 and first.isalnum():
        state = first  # pyodbc
    if state == "HYT00":
        state = "08001" if "ogin timeout" in str(text) else "57014"
    return str(text).split("\n")[0].strip(), str(state or "")


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
    if "error in your SQL syntax" in text:
        return "a syntax error"  # what it goes on to quote is the query around it
    return text if any(sign in text for sign in _NAMING) and len(text) < 300 else "it gave a reason that may hold data"


def _reason(text: str, state: str) -> str:
    for sign in ("Connection refused", "timeout", "timed out", "could not translate host name", "resolve host"):
        if sign.lower() in text.lower():
            return sign.lower()
    return f"SQLSTATE {state}" if state else "connection failed"
