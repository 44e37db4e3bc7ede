"""Rows of one id become one record, in databases and files alike: by rules, whole, and never silently the last one."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Cursor, Page, Reading, Record, Unfit
from connectors.errors import ConfigProblem
from connectors.table import files, sql
from connectors.table.groups import RULES, Disagreement, joined_row
from connectors.table.rows import row_of

Source = sql.SqlSource | files.FileSource
Line = tuple[str | None, ...]
COLUMNS = ("no", "role", "name", "blocked", "shipped", "volume", "place", "at")
FIELDS = COLUMNS[1:-1]
GROUP = {"role": "all", "blocked": "every", "shipped": "max", "volume": "sum", "place": "filled"}
MAY, JUNE = "2026-05-01 00:00:00", "2026-06-01 00:00:00"
ULM: list[Line] = [
    ("1", "WE", "Ulm", "X", "20260901", "1200.5", None, MAY),
    ("1", "RE", "Ulm", None, None, None, "ULM-2", JUNE),
    ("1", "WE", "Ulm", "X", "20261002", "300", None, MAY),
]
OF_ULM = {"role": ["RE", "WE"], "name": "Ulm", "blocked": False, "shipped": "20261002", "volume": 1500.5,
          "place": "ULM-2"}  # fmt: skip
ELGIN: Line = ("2", "WE", "Elgin", "01", "20260105", "7", "E", MAY)
OF_ELGIN = {"role": ["WE"], "name": "Elgin", "blocked": True, "shipped": "20260105", "volume": 7, "place": "E"}


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


class Table:
    """The lines of a table, and the source that reads them."""

    def __init__(self, put: Callable[[list[Line]], None], connect: Callable[[], Source], table: dict[str, Any]) -> None:
        self._put, self._connect = put, connect
        self.table = {**table, "id": "no", "group": dict(GROUP)}
        self.cursor: Cursor | None = None
        self.lines: list[Line] = []

    def source(self) -> Source:
        one = self._connect()
        one.define("k", self.table)
        return one

    def poll(self) -> tuple[dict[str, dict[str, Any]], list[Unfit] | None]:
        """Return (id -> fields of what came, what is said to be unfit)."""
        self._put(self.lines)
        pages: list[Page] = list(
            self.source().changes([Reading(kind="k", fields=FIELDS, after=self.cursor)], NothingSeen())
        )
        if pages:
            self.cursor = json.loads(json.dumps(pages[-1].cursor))
        records = [one for page in pages for one in page.records]
        assert len({one.id for one in records}) == len(records)
        told = [page.unfit for page in pages if page.unfit is not None]
        return {one.id: dict(one.fields) for one in records}, list(told[-1]) if told else None

    def ids(self) -> list[str]:
        return sorted(id for roll in self.source().ids("k") for id in roll.alive)


@pytest.fixture(params=["csv", "xlsx", "parquet", "sql", "sql in pages of 2", "sql with a time"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    kind, at = request.param, 1_700_000_000

    def write(lines: list[Line]) -> None:
        nonlocal at
        at += 10
        path = tmp_path / f"k.{kind}"
        if kind == "csv":
            text = [",".join(cell or "" for cell in line) for line in [COLUMNS, *lines]]
            path.write_text("\n".join(text) + "\n")
        elif kind == "xlsx":
            book = openpyxl.Workbook()
            for line in [COLUMNS, *lines]:
                book.active.append(list(line))
            book.save(path)
        else:
            columns = zip(*lines, strict=True) if lines else [()] * len(COLUMNS)
            pq.write_table(
                pa.table({name: pa.array(cells, pa.string()) for name, cells in zip(COLUMNS, columns, strict=True)}),
                path,
            )
        os.utime(path, (at, at))

    def insert(lines: list[Line]) -> None:
        with closing(sqlite3.connect(tmp_path / "erp.db")) as db, db:
            db.execute("drop table if exists k")
            db.execute(f"create table k ({', '.join(f'{name} text' for name in COLUMNS)})")
            db.executemany(f"insert into k values ({', '.join('?' * len(COLUMNS))})", lines)

    if kind.startswith("sql"):
        made = sql.Settings(url=f"sqlite:///{tmp_path}/erp.db", page=2 if "2" in kind else 1000)
        timed = {"modified": "at"} if "time" in kind else {}
        return Table(insert, lambda: sql.connect("erp", made), {"query": "select * from k", **timed})
    return Table(write, lambda: files.connect("erp", files.Settings(folder=tmp_path)), {"file": f"k.{kind}"})


def test_rows_of_one_id_are_one_record_wherever_they_stand(table: Table) -> None:
    """Between others, at the end, more of them than a page holds; a single row has the same types."""
    table.lines = [ULM[0], ELGIN, ULM[1], ("3", "WE", "Bonn", None, None, None, None, MAY), ULM[2]]
    found, unfit = table.poll()
    assert found["1"] == OF_ULM
    assert found["2"] == OF_ELGIN
    assert found["3"] == {**OF_ELGIN, "name": "Bonn", "blocked": False, "shipped": None, "volume": None, "place": None}
    assert not unfit
    assert table.poll() == ({}, None)
    assert {one.id: dict(one.fields) for one in table.source().fetch("k", ["1", "3", "4"], FIELDS)} == {
        key: found[key] for key in ("1", "3")
    }
    assert table.source().check().problems == ()


def test_the_order_of_the_rows_is_no_change(table: Table) -> None:
    table.lines = [*ULM, ELGIN]
    table.poll()
    table.lines = [ULM[2], ELGIN, ULM[0], ULM[1]]
    assert table.poll() == ({}, None)


def test_a_row_that_leaves_or_joins_its_group_is_a_change_that_moves_no_time(table: Table) -> None:
    table.lines = [*ULM, ELGIN]
    table.poll()
    table.lines = [ULM[0], ULM[1], ELGIN]
    found, _ = table.poll()
    assert found["1"] == {**OF_ULM, "shipped": "20260901", "volume": 1200.5}
    table.lines = [*ULM, ELGIN]
    assert table.poll()[0]["1"] == OF_ULM


def test_an_id_is_gone_with_its_last_row(table: Table) -> None:
    table.lines = [*ULM, ELGIN]
    table.poll()
    table.lines = [ULM[1], ELGIN]
    table.poll()
    assert table.ids() == ["1", "2"]
    table.lines = [ELGIN]
    table.poll()
    assert table.ids() == ["2"]


def test_rows_that_disagree_where_no_rule_decides_wait_and_are_told(table: Table) -> None:
    """Also a blank beside a value. None of them is taken, all others are, and it closes once they agree."""
    table.lines = [*ULM, ELGIN]
    table.poll()
    table.lines = [*ULM[:2], ("1", "AG", "Neu-Ulm", None, None, "heaps", None, MAY), ("2", *ELGIN[1:5], "8", "E", MAY)]
    found, unfit = table.poll()
    assert found == {"2": {**OF_ELGIN, "volume": 8}}
    assert unfit is not None
    (told,) = unfit
    assert told.id == "1"
    assert "disagree in name; hold no plain numbers (1234.5) in volume; mend them" in told.message
    assert ("lines 2, 3, 4 (1)" if "xlsx" in str(table.table) or "csv" in str(table.table) else "1") in told.message
    assert "what was read of 1 before stays" in told.message
    assert "Neu-Ulm" not in told.message
    assert "heaps" not in told.message
    assert table.poll() == ({}, None)
    assert table.ids() == ["1", "2"]
    assert table.source().fetch("k", ["1"], FIELDS) == []
    table.lines[2] = ("1", "AG", None, None, None, None, None, MAY)
    assert table.poll()[1] is None  # the same id, and still not one
    table.lines[2] = ("1", "AG", "Ulm", None, None, None, None, MAY)
    found, unfit = table.poll()
    assert found["1"]["role"] == ["AG", "RE", "WE"]
    assert unfit == []


def test_another_rule_is_news_though_nothing_was_touched(table: Table) -> None:
    table.lines = [*ULM, ELGIN]
    table.poll()
    table.table["group"]["volume"] = "max"
    table._put = lambda lines: None
    found, _ = table.poll()
    assert found["1"]["volume"] == "1200.5"


def test_ids_that_a_database_holds_to_be_equal_stay_apart_each_with_all_its_rows(tmp_path: Path) -> None:
    """Its order has them mixed, and they may be more than a page."""
    with closing(sqlite3.connect(tmp_path / "erp.db")) as db, db:
        db.execute("create table k (no text collate nocase, volume integer)")
        db.executemany("insert into k values (?, ?)", [(no, 1) for no in ("a", "A", "b", "a", "A", "a", "B")])
    one = sql.connect("erp", sql.Settings(url=f"sqlite:///{tmp_path}/erp.db", page=2))
    one.define("k", {"query": "select * from k", "id": "no", "group": {"volume": "sum"}})
    pages = list(one.changes([Reading(kind="k", fields=["volume"], after=None)], NothingSeen()))
    assert {r.id: r.fields["volume"] for page in pages for r in page.records} == {"a": 3, "A": 2, "b": 1, "B": 1}


def test_of_all_files_the_newest_one_that_has_an_id_has_all_its_rows(tmp_path: Path) -> None:
    for at, (name, text) in enumerate({"b": "1,4\n1,5\n2,6\n2,6\n", "a": "1,7\n3,1\n"}.items()):
        (tmp_path / f"{name}.csv").write_text("no,volume\n" + text)
        os.utime(tmp_path / f"{name}.csv", (1_700_000_000 + at, 1_700_000_000 + at))
    one = files.connect("erp", files.Settings(folder=tmp_path))
    one.define("k", {"file": "*.csv", "take": "all", "id": "no", "group": {"volume": "sum"}})
    pages = list(one.changes([Reading(kind="k", fields=["volume"], after=None)], NothingSeen()))
    assert {r.id: r.fields["volume"] for page in pages for r in page.records} == {"1": 7, "2": 12, "3": 1}


def test_a_group_with_a_row_that_cannot_be_read_waits(tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_text("no,volume,at\n1,4,2026-05-01\n1,5,last week\n2,6,2026-05-01\n")
    os.utime(tmp_path / "k.csv", (1_700_000_000, 1_700_000_000))
    one = files.connect("erp", files.Settings(folder=tmp_path))
    one.define("k", {"file": "k.csv", "modified": "at", "id": "no", "group": {"volume": "sum"}})
    pages = list(one.changes([Reading(kind="k", fields=["volume"], after=None)], NothingSeen()))
    assert [r.id for page in pages for r in page.records] == ["2"]
    assert sorted(told.id or "" for told in pages[-1].unfit or ()) == ["", "1"]


def test_a_record_is_as_new_as_the_newest_of_its_rows(tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_text("no,volume,at\n1,4,2026-05-01\n1,5,2026-06-01\n1,1,2026-04-01\n")
    os.utime(tmp_path / "k.csv", (1_700_000_000, 1_700_000_000))
    one = files.connect("erp", files.Settings(folder=tmp_path))
    one.define("k", {"file": "k.csv", "modified": "at", "id": "no", "group": {"volume": "sum"}})
    (record,) = one.fetch("k", ["1"], ["volume"])
    assert (record.modified, record.fields) == (datetime(2026, 6, 1, tzinfo=UTC), {"volume": 10})


@pytest.mark.parametrize(
    ("group", "word"),
    [
        ({"volume": "summ"}, r"no rule 'summ' for volume \(did you mean sum\?\); the rules are all, every, filled"),
        ({"no": "max"}, "no is part of `id`"),
        ("sum", "must give columns their rules"),
    ],
)
def test_a_wrong_rule_is_refused(tmp_path: Path, group: object, word: str) -> None:
    with pytest.raises(ConfigProblem, match=word):
        files.connect("erp", files.Settings(folder=tmp_path)).define("k", {"file": "k", "id": "no", "group": group})


# --- the rules


def joined(values: Sequence[object], rule: str | None) -> object:
    rows = [row_of(Record(id="1", modified=datetime(2026, 1, 1, tzinfo=UTC), fields={"V": one})) for one in values]
    return joined_row(rows, {"v": rule} if rule else {}).record.fields["V"]


@pytest.mark.parametrize(
    ("rule", "values", "result"),
    [
        ("all", [["b", "a"], "a", " ", None], ["a", "b"]),
        ("all", [None, ""], None),
        ("every", ["X", "01", True, 2], True),
        ("every", ["X", "X", 0], False),
        ("every", ["yes", "No"], False),
        ("every", [None], False),
        ("filled", [None, " ", "a", "a"], "a"),
        ("filled", [None, ""], None),
        ("max", ["9", "10", None], "10"),
        ("max", [9.5, 10, "2"], 10),
        ("max", [False, True], True),
        ("max", ["2026-05-01", "2026-06-01T08:00:00Z"], "2026-06-01T08:00:00Z"),
        ("max", ["31.12.2025", "31.12.2025"], "31.12.2025"),
        ("max", [None], None),
        ("sum", [0.1, "0.2", 0.3, None], 0.6),
        ("sum", ["-1", 1], 0),
        ("sum", [2**63, 1], str(2**63 + 1)),
        ("sum", [None], None),
        (None, [1, 1.0], 1),
        (None, [None, ""], None),
    ],
)
def test_each_rule(rule: str | None, values: list[object], result: object) -> None:
    assert joined(values, rule) == result
    assert repr(joined(values[::-1], rule)) == repr(joined(values, rule))


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (None, ["a", "b"]),
        (None, ["a", None]),
        ("filled", ["a", None, "A"]),
        ("max", ["31.12.2025", "05.01.2026"]),
        ("max", ["9", "1,000"]),
        ("sum", ["1.234,5"]),
        ("sum", [1, "n/a"]),
    ],
)
def test_what_a_rule_cannot_say_for_sure_it_refuses(rule: str | None, values: list[object]) -> None:
    with pytest.raises(Disagreement, match=r"V$"):
        joined(values, rule)


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "X", "1", "1.0", "01", "2026-05-01", "20260501", "no", "a"]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(cells, min_size=1, max_size=5), st.sampled_from([None, *RULES]))
def test_no_rule_depends_on_the_order_of_the_rows(data: st.DataObject, values: list[object], rule: str | None) -> None:
    def outcome(of: Sequence[object]) -> str:
        try:
            return repr(joined(of, rule))
        except Disagreement as error:
            return f"refused: {error}"

    assert outcome(values) == outcome(data.draw(st.permutations(values)))
