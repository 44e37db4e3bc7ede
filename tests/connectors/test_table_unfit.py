"""Rows without an id, or several with one: they wait and are told, and every other row goes on."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Cursor, Page, Reading, Unfit
from connectors.errors import ConfigProblem
from connectors.table import files, sql
from connectors.table.unfit import MOST

Source = sql.SqlSource | files.FileSource
EARLY, LATE = "2026-03-01 12:00:00", "2026-03-05 12:00:00"


class NothingSeen:
    def count(self, kind: str, since: object, before: object) -> int:
        return 0


class Table:
    """Rows of (customer, number, name, time), and the source that reads them."""

    def __init__(self, put: Callable[[list[tuple[Any, ...]]], None], source: Callable[[], Source]) -> None:
        self._put, self.source = put, source
        self.cursor: Cursor | None = None
        self.rows: list[tuple[Any, ...]] = []

    def poll(self) -> tuple[dict[str, Any], list[Unfit] | None]:
        """Return (id -> name of what came, what is said to be unfit)."""
        self._put(self.rows)
        pages: list[Page] = list(
            self.source().changes([Reading(kind="k", fields=["name"], after=self.cursor)], NothingSeen())
        )
        if pages:
            self.cursor = json.loads(json.dumps(pages[-1].cursor))
        told = [page.unfit for page in pages if page.unfit is not None]
        assert len(told) <= 1
        found = {one.id: one.fields["name"] for page in pages for one in page.records}
        return found, list(told[0]) if told else None

    def ids(self) -> list[str]:
        return sorted(id for roll in self.source().ids("k") for id in roll.alive)


@pytest.fixture(params=["timed", "whole", "whole in small pages", "timed in small pages", "file"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    at = 1_700_000_000

    def write(rows: list[tuple[Any, ...]]) -> None:
        nonlocal at
        at += 10
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        (tmp_path / "k.csv").write_text("\n".join(["c,n,name,at", *lines]) + "\n")
        os.utime(tmp_path / "k.csv", (at, at))

    def of_file() -> Source:
        source = files.connect("erp", files.Settings(folder=tmp_path))
        source.define("k", {"file": "k.csv", "id": ["c", "n"]})
        return source

    def insert(rows: list[tuple[Any, ...]]) -> None:
        with sqlite3.connect(tmp_path / "erp.db") as db:
            db.execute("create table if not exists k (c text, n text, name, at text)")
            db.execute("delete from k")
            db.executemany("insert into k values (?, ?, ?, ?)", rows)
        db.close()

    def of_database() -> Source:
        page = 2 if "small" in request.param else 1000
        source = sql.connect("erp", sql.Settings(url=f"sqlite:///{tmp_path}/erp.db", page=page))
        timed = {"modified": "at"} if "timed" in request.param else {}
        source.define("k", {"query": "select c, n, name, at from k", "id": ["c", "n"], **timed})
        return source

    return Table(write, of_file) if request.param == "file" else Table(insert, of_database)


def test_a_row_without_an_id_waits_and_the_others_come(table: Table) -> None:
    """Also when its mending moves no time, and long after newer rows were read."""
    table.rows = [("C1", "1", "one", EARLY), ("C1", None, "lost", EARLY), ("C1", "3", "three", LATE)]
    found, unfit = table.poll()
    assert found == {"C1/1": "one", "C1/3": "three"}
    assert unfit is not None
    (told,) = unfit
    assert "no value in its id column n" in told.message
    assert "lost" not in told.message
    assert "by itself once it is mended" in told.message
    assert table.poll() == ({}, None)
    table.rows[1] = ("C1", "2", "two", EARLY)
    found, unfit = table.poll()
    assert found["C1/2"] == "two"
    assert unfit == []
    assert table.poll() == ({}, None)


@pytest.mark.parametrize("number", ["9" * 254, "1\x002"])
def test_a_row_whose_id_no_database_could_keep_waits_and_the_others_come(table: Table, number: str) -> None:
    """PostgreSQL would take none of its page."""
    table.rows = [("C1", number, "odd", EARLY), ("C1", "3", "three", LATE)]
    found, unfit = table.poll()
    assert found == {"C1/3": "three"}
    assert unfit is not None
    (told,) = unfit
    assert "no value that could be kept in its id column" in told.message
    assert "\0" not in told.message
    table.rows[0] = ("C1", "9" * 252, "longest", EARLY)
    found, unfit = table.poll()
    assert (found["C1/" + "9" * 252], unfit) == ("longest", [])


def test_none_of_several_rows_with_one_id_is_taken(table: Table) -> None:
    """What is left of them when it is mended comes, whichever it is."""
    twins = [("C1", "2", "a", EARLY), ("C1", "2", "b", EARLY)]
    table.rows = [("C1", "1", "one", EARLY), *twins, ("C1", "3", "three", LATE)]
    found, unfit = table.poll()
    assert found == {"C1/1": "one", "C1/3": "three"}
    assert unfit is not None
    assert [(one.id, "C1/2" in one.message) for one in unfit] == [("C1/2", True)]
    assert table.source().fetch("k", ["C1/2"], ["name"]) == []
    table.rows.remove(twins[1])
    found, unfit = table.poll()
    assert found["C1/2"] == "a"
    assert unfit == []


def test_a_list_of_ids_has_those_of_several_rows_and_none_where_one_is_nameless(table: Table) -> None:
    """What is listed nowhere counts as deleted; a row without an id may be any of them."""
    table.rows = [("C1", "1", "one", EARLY), ("C1", "2", "a", EARLY), ("C1", "2", "b", EARLY)]
    table.poll()
    assert table.ids() == ["C1/1", "C1/2"]
    table.rows.append(("C1", None, "lost", LATE))
    table.poll()
    with pytest.raises(ConfigProblem, match="nothing counts as deleted"):
        table.ids()


def test_many_rows_without_an_id_stop_their_kind(table: Table) -> None:
    """So many are no slip in a row: a wrong query, or a file half written."""
    table.rows = [("C1", None, f"row {n}", EARLY) for n in range(MOST)] + [("C1", "1", "one", LATE)]
    found, unfit = table.poll()
    assert found == {"C1/1": "one"}
    assert unfit is not None
    assert len(unfit) == MOST
    table.rows.append((None, "7", "one more", LATE))
    with pytest.raises(ConfigProblem, match=f"more than {MOST} rows"):
        table.poll()
