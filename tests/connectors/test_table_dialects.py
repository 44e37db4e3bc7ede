"""What is asked of SQL Server and of Oracle, for which no server is at hand: each statement, in their own words.

The ready-made queries are read by the grammars of the databases that hold those tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
import sqlglot
import yaml
from sqlalchemy.dialects import mssql, oracle
from sqlglot import exp

from connectors.contract import Reading
from connectors.table import database
from connectors.table.query import single_select
from connectors.table.sql import Settings, SqlSource
from connectors.table.times import described

EXAMPLES = Path(__file__).parents[2] / "connectors" / "table" / "examples"
DIALECTS: dict[str, Callable[[], sa.Dialect]] = {"mssql": mssql.dialect, "oracle": oracle.dialect}
GRAMMARS = {"mssql": "tsql", "oracle": "oracle"}
KINDS = {
    "plain": {"query": "select no, name, changed from t", "id": "no"},
    "timed": {"query": 'select no, "Code", name, changed from t', "id": ["no", "Code"], "modified": "changed"},
}
COLUMNS = {"plain": ("no", "name", "changed"), "timed": ("no", "Code", "name", "changed")}
AT = datetime(2026, 3, 1, 12, 0, 0, 3000)


@dataclass
class Asked:
    """A source whose database is one table of two rows; every statement is noted in its dialect's words."""

    dialect: str
    time_type: str = ""
    times: set[str] = field(default_factory=set)  # as what kinds of values times are bound
    statements: list[str] = field(default_factory=list)
    pages: Counter[str] = field(default_factory=Counter)

    def source(self) -> SqlSource:
        made = SqlSource("erp", Settings(url="sqlite:///none.db", page=2))  # type: ignore[arg-type]
        made._engine = cast(sa.Engine, SimpleNamespace(dialect=DIALECTS[self.dialect]()))
        made._run = self._run  # type: ignore[method-assign]
        made._described = self._described  # type: ignore[method-assign]
        for kind, table in KINDS.items():
            made.define(kind, table)
        return made

    def _described(self, statement: sa.Select[Any], kind: Any) -> tuple[tuple[str, ...], dict[str, str]]:
        self._note(statement)
        return COLUMNS[kind.kind], {"changed": self.time_type}

    def _run(self, statement: sa.Select[Any], kind: Any) -> Sequence[Any]:
        text = self._note(statement)
        if "count(" in text:
            return [] if "HAVING" in text else [(0,)]
        self.pages[kind.kind] += 1
        if self.pages[kind.kind] % 2 == 0:  # after a page that is full comes an empty one
            return []
        names = COLUMNS[kind.kind]
        rows = ({"no": one, "Code": "W", "name": "Works", "changed": AT} for one in ("C1", "C2"))
        told = sa.engine.result.SimpleResultMetaData(list(names))
        return sa.engine.result.IteratorResult(told, iter([tuple(row[name] for name in names) for row in rows])).all()

    def _note(self, statement: sa.Select[Any]) -> str:
        said = statement.compile(dialect=DIALECTS[self.dialect](), compile_kwargs={"render_postcompile": True})
        text = str(said)
        self.statements.append(text)
        self.times |= {type(one.type).__name__ for one in said.binds.values() if isinstance(one.value, datetime)}
        return text


@pytest.fixture(params=sorted(DIALECTS))
def asked(request: pytest.FixtureRequest) -> Asked:
    return read_all(Asked(request.param))


def read_all(made: Asked) -> Asked:
    source, seen = made.source(), SimpleNamespace()
    for kind in KINDS:
        list(source.changes([Reading(kind=kind, fields=["name"], after=None)], seen))  # type: ignore[arg-type]
        source.fetch(kind, ["C1" if kind == "plain" else "C1/W"], ["name"])
        list(source.ids(kind))
        source.fields(kind)
    source.check()
    assert made.pages["timed"] > 3
    return made


def test_each_statement_is_one_that_the_database_reads(asked: Asked) -> None:
    assert len(asked.statements) >= 16
    for text in asked.statements:
        (read,) = sqlglot.parse(text, read=GRAMMARS[asked.dialect])
        assert isinstance(read, exp.Select), text
        assert " LIMIT " not in text
        inner = text.replace("select no", "")
        assert not re.search(r"\(\s*SELECT[^()]*ORDER BY", inner), text  # SQL Server takes no order in a subquery
    pages = [text for text in asked.statements if "ORDER BY" in text]
    assert pages
    limit = "SELECT TOP" if asked.dialect == "mssql" else "FETCH FIRST"
    assert all(limit in text for text in pages)
    if asked.dialect == "oracle":
        assert not any(re.search(r"\)\s+AS\s+q\b", text, re.IGNORECASE) for text in asked.statements)


def test_ids_are_compared_as_texts_of_a_length(asked: Asked) -> None:
    """A cast to VARCHAR2 without one is an error in Oracle; SQL Server's VARCHAR loses letters."""
    casts = [text for text in asked.statements if "trim(" in text]
    assert len(casts) == len(KINDS)
    kind = r"NVARCHAR\(1000\)" if asked.dialect == "mssql" else r"VARCHAR2\(1000 CHAR\)"
    for text in casts:
        assert re.search(rf"trim\(CAST\(\S+ AS {kind}\)\)", text), text


def test_a_time_is_sorted_compared_and_read_in_one_form(asked: Asked) -> None:
    """SQL Server holds fractions that its driver does not tell: a page would begin with the last one's rows again."""
    timed = [text for text in asked.statements if "ORDER BY" in text and "CASE WHEN" in text]
    assert timed
    exact = "CAST(switchoffset(CAST(q.changed AS DATETIMEOFFSET), '+00:00') AS DATETIME2(3))"
    for text in timed:
        assert text.count("q.changed") == (text.count(exact) if asked.dialect == "mssql" else text.count("q.changed"))
        if asked.dialect == "mssql":
            assert f"{exact} AS changed" in text
            assert f"ORDER BY CASE WHEN ({exact} IS NULL)" in text


@pytest.mark.parametrize("time_type", ["DB_TYPE_TIMESTAMP", "DB_TYPE_TIMESTAMP_TZ", "DB_TYPE_TIMESTAMP_LTZ"])
def test_oracle_is_given_and_gives_a_timestamp_as_it_sorts_it(time_type: str) -> None:
    """Its driver binds a time in whole seconds unless told, and hands one over without its zone."""
    asked = read_all(Asked("oracle", time_type))
    exact = "sys_extract_utc(CAST(q.changed AS TIMESTAMP WITH TIME ZONE))"
    timed = [text for text in asked.statements if "ORDER BY" in text and "CASE WHEN" in text]
    assert timed
    for text in timed:
        assert text.count("q.changed") == text.count(exact)
        assert f"{exact} AS changed" in text
        assert f"ORDER BY CASE WHEN ({exact} IS NULL)" in text
        assert isinstance(sqlglot.parse_one(text, read="oracle"), exp.Select)
    assert asked.times == {"TIMESTAMP"}


@pytest.mark.parametrize("time_type", ["DB_TYPE_DATE", "DB_TYPE_VARCHAR"])
def test_oracle_compares_a_date_and_a_text_as_they_are(time_type: str) -> None:
    """A DATE holds whole seconds, and its index serves; a text is no TIMESTAMP in every session."""
    asked = read_all(Asked("oracle", time_type))
    assert not any("CAST(q.changed" in text for text in asked.statements)


def test_what_the_driver_calls_a_type_is_told_by_column() -> None:
    told = [("CHANGED", SimpleNamespace(name="DB_TYPE_TIMESTAMP_TZ")), ("NO", 3), ("NAME", None)]
    result = SimpleNamespace(keys=lambda: ["changed", "no", "name"], cursor=SimpleNamespace(description=told))
    assert described(cast(Any, result)) == {"changed": "DB_TYPE_TIMESTAMP_TZ", "no": "", "name": ""}


@pytest.mark.parametrize("name", sorted(one.stem for one in EXAMPLES.glob("*.yaml") if one.stem != "firmographics"))
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_ready_made_query_is_read_by_both_grammars(name: str, dialect: str) -> None:
    """And calls nothing but what both know."""
    query = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))["ship_to"]["table"]["query"]
    single_select(query, "erp", dialect)
    (read,) = sqlglot.parse(query, read=GRAMMARS[dialect])
    assert isinstance(read, exp.Select)
    called = set(re.findall(r"\b([a-z_]+)\(", query))
    assert called <= {"coalesce", "nullif", "max", "min", "sum", "count", "trim"}
    assert not list(read.find_all(exp.Limit, exp.DPipe, exp.Boolean, exp.Cast))
    assert read.args.get("order") is None


@pytest.mark.parametrize("name", ["sap", "sap-business-partner"])
def test_what_sap_leaves_blank_is_compared_with_no_empty_text(name: str) -> None:
    """On Oracle an empty text is NULL, which nothing equals, and SAP keeps a blank there."""
    query = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))["ship_to"]["table"]["query"]
    (read,) = sqlglot.parse(query, read="oracle")
    for one in read.find_all(exp.EQ, exp.NEQ):
        assert "''" not in (one.left.sql(), one.right.sql()), one.sql()
    for one in read.find_all(exp.Nullif):
        if one.expression.sql() == "''":
            assert isinstance(one.this, exp.Trim), one.sql()


def test_what_runs_too_long_is_stopped_there_too() -> None:
    server, oracles, told = SimpleNamespace(timeout=0), SimpleNamespace(call_timeout=0), []

    class Cursor:
        def __enter__(self) -> Cursor:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, words: str) -> None:
            told.append(words)

    oracles.cursor = Cursor
    database._LOCKS["mssql"](60.0)(server, None)
    database._LOCKS["oracle"](60.0)(oracles, None)
    assert (server.timeout, oracles.call_timeout) == (60, 60_000)
    assert told == ["ALTER SESSION SET TIME_ZONE = '+00:00'"]
