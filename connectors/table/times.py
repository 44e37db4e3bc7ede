"""Say how a column of times is asked for, so that its driver hands a time back exactly as the database compares it.

A page that is to begin beyond a time would else begin with the same rows again, or pass some over.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, oracle

_OFFSET = mssql.DATETIMEOFFSET()  # type: ignore[no-untyped-call]
_MILLISECONDS = mssql.DATETIME2(3)  # type: ignore[no-untyped-call]


def described(result: sa.CursorResult[Any]) -> dict[str, str]:
    """Return the driver's name of each column's type, where it has names: Oracle's has, others give an empty text."""
    told = result.cursor.description if result.cursor is not None else ()
    return {name: str(getattr(one[1], "name", "")) for name, one in zip(result.keys(), told or (), strict=False)}


def as_read(column: sa.ColumnElement[Any], dialect: str, type_name: str) -> sa.ColumnElement[Any]:
    """Return a column as it is to be read; `type_name`: of `described`.

    Oracle's driver hands the hours of a TIMESTAMP WITH TIME ZONE over without their zone.
    """
    if dialect == "oracle" and type_name.startswith("DB_TYPE_TIMESTAMP"):
        zoned = sa.cast(column, oracle.TIMESTAMP(timezone=True))  # what has no zone is in the session's, which is UTC
        return sa.func.sys_extract_utc(zoned, type_=oracle.TIMESTAMP())
    return column


def as_sorted(column: sa.ColumnElement[Any], dialect: str, type_name: str) -> sa.ColumnElement[Any]:
    """Return a column as rows are sorted by it and as a time is compared with it.

    Oracle's driver binds a time in whole seconds where nothing says that it is a TIMESTAMP. SQL Server keeps thirds of
    hundredths, or tenths of microseconds, and pyodbc reads and binds neither.
    """
    if dialect == "mssql":
        zoned = sa.cast(column, _OFFSET)  # what has no zone is UTC
        return sa.cast(sa.func.switchoffset(zoned, sa.literal_column("'+00:00'")), _MILLISECONDS)
    return as_read(column, dialect, type_name)
