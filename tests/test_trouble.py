"""What the command line says of a database that gives out under it, and what stays a defect of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from syncd.cli.trouble import explain_trouble


def trouble(path: Path, *statements: str) -> OperationalError:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            for one in statements:
                connection.execute(text(one))
    except OperationalError as error:
        return error
    finally:
        engine.dispose()
    pytest.fail("the database took it all")


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    error = trouble(tmp_path / "a.db", "PRAGMA max_page_count = 1", "CREATE TABLE a (b)", "CREATE TABLE c (d)")
    said = explain_trouble(error)
    assert said is not None
    assert said.startswith(
        "syncd: the state database cannot be used (database or disk is full); what was stored is kept"
    )


def test_a_statement_that_is_wrong_stays_a_defect(tmp_path: Path) -> None:
    assert explain_trouble(trouble(tmp_path / "a.db", "SELECT * FROM nowhere")) is None
