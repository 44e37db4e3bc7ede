"""Errors in prose, for people; the one function at the edge that makes it."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

from connectors.errors import ConnectorError
from syncd.config import Problems
from syncd.daemon.workers import EngineUnusable
from syncd.edits.passing import NotPassed
from syncd.health import named
from syncd.pipeline.reviewing import NoQuestion
from syncd.preview import NotFound
from syncd.store.database import StoreUnusable
from syncd.web.serve import WebUnusable


def explain_trouble(error: Exception) -> str | None:
    """Return what to print for an expected trouble, None for a defect of ours."""
    if isinstance(error, Problems):
        lines = [str(problem) for problem in error.problems]
        count = f"{len(lines)} problem{'s' if len(lines) != 1 else ''}"
        return "\n".join([*lines, f"syncd: {count}; nothing was read or written"])
    if isinstance(error, (NoQuestion, NotFound, NotPassed)):
        return f"Error: {error}"
    if isinstance(error, (StoreUnusable, EngineUnusable, WebUnusable)):
        return f"syncd: {error}"
    if isinstance(error, DBAPIError) and _is_of_the_store(error):
        return (
            f"syncd: the state database cannot be used ({str(error.orig).strip().splitlines()[0]}); what was stored is "
            f"kept, and what could not be stored is read or looked up again. Check that the database is reachable and "
            f"whole, that nothing else locks it and that its disk has room, then start again"
        )
    if isinstance(error, ConnectorError):
        reference = f" (their request id: {error.request_id})" if error.request_id else ""
        return f"syncd: {named(error.system, error.message) if error.system else error.message}{reference}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"syncd: {error.filename} cannot be read or written: {error.strerror}; correct the path or its rights"
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"syncd: what was to be printed cannot be written: {error.strerror}"
    return None


# ---------------------------------------------------------------------------------------------------------------------

# What SQLite says of its file and its disk; its other errors are of what we asked.
_OF_THE_FILE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)

# Of an output that a shell opened; other errors without a file's name are no fault of the output.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _is_of_the_store(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _OF_THE_FILE  # the low byte: without the detail
    return isinstance(error, OperationalError)
