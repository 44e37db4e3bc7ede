"""The sql connector on a real MariaDB: its types, its time zones, its collations, its read-only lock, its refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import pymysql
import pytest

from connectors.contract import Cursor, FieldType, Page, Reading
from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, Unavailable
from connectors.table.sql import Settings, SqlSource, connect


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


@pytest.fixture
def db(mariadb_url: str, mariadb_admin: Callable[..., pymysql.Connection]) -> Iterator[pymysql.cursors.Cursor]:
    with closing(mariadb_admin("erp")) as connection, connection.cursor() as cursor:
        cursor.execute("set session sql_mode = ''")  # an old ERP's: it takes the day 0000-00-00
        cursor.execute("set session time_zone = '+05:00'")
        cursor.execute(
            "create table ship_to (no char(10) primary key, name varchar(80), volume decimal(12,2), seen date, "
            "open bit(1), flags bit(12), active tinyint(1), raw binary(2), at time, "
            "stamped timestamp null default null, changed_at datetime(6)) collate utf8mb4_general_ci"
        )
        yield cursor


def put(db: pymysql.cursors.Cursor, no: str, name: str, at: str | None = "2026-03-01 12:00:00") -> None:
    db.execute("replace into ship_to (no, name, changed_at) values (%s, %s, %s)", (no, name, at))


def source(url: str, query: str = "select * from ship_to", *, modified: bool = True, **settings: object) -> SqlSource:
    source = connect("erp", Settings(url=url, **settings))
    source.define("ship_to", {"query": query, "id": "no"} | ({"modified": "changed_at"} if modified else {}))
    return source


def poll(
    source: SqlSource, after: Cursor | None = None, fields: Sequence[str] = ("name",)
) -> tuple[list[Page], Cursor | None]:
    pages = list(source.changes([Reading(kind="ship_to", fields=fields, after=after)], NothingSeen()))
    return pages, json.loads(json.dumps(pages[-1].cursor)) if pages else after


def names(pages: Sequence[Page]) -> list[object]:
    return [r.fields["name"] for page in pages for r in page.records]


def test_values_come_as_plain_json(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    """A TIMESTAMP is a moment whatever zone the session that wrote it had; a DATETIME without a zone is UTC."""
    db.execute(
        "insert into ship_to values ('A1 ', 'Zoë 🏭', 12.50, '2026-01-02', b'1', b'101', 0, 0x00ff, '25:00:00', "
        "'2026-03-01 17:00:00', '2026-03-01 14:00:00')"
    )
    wanted = ["name", "volume", "seen", "open", "flags", "active", "raw", "at", "stamped", "changed_at"]
    record = poll(source(mariadb_url), None, wanted)[0][0].records[0]
    assert (record.id, record.modified) == ("A1", datetime(2026, 3, 1, 14, tzinfo=UTC))
    assert list(record.fields.values()) == [
        "Zoë 🏭", 12.5, "2026-01-02", 1, 5, 0, "00ff", 90000.0, "2026-03-01T12:00:00Z", "2026-03-01T14:00:00Z",
    ]  # fmt: skip
    described = {f.name: f.type for f in source(mariadb_url).fields("ship_to")}
    assert described["volume"] is FieldType.NUMBER
    assert described["changed_at"] is FieldType.DATETIME


def test_the_day_that_is_none_is_nothing(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    db.execute("insert into ship_to (no, name, seen, changed_at) values ('A1', 'n', '0000-00-00', '0000-00-00')")
    (record,) = poll(source(mariadb_url), None, ["seen", "changed_at"])[0][0].records
    assert record.fields == {"seen": None, "changed_at": None}


def test_pages_and_polls_lose_nothing_and_an_idle_poll_gives_nothing(
    mariadb_url: str, db: pymysql.cursors.Cursor
) -> None:
    for number in range(10):
        put(db, f"P{number}", str(number))
    put(db, "none", "undated", None)
    put(db, "late", "ahead", "2099-01-01")
    pages, cursor = poll(source(mariadb_url, page=3))
    assert sorted(map(str, names(pages))) == [*map(str, range(10)), "ahead", "undated"]
    assert poll(source(mariadb_url, page=3), cursor)[0] == []
    put(db, "P3", "changed", "2026-03-01 12:00:01.5")
    put(db, "P10", "late", "2026-03-01 11:55:00")
    pages, cursor = poll(source(mariadb_url, page=3), cursor)
    assert {"changed", "late"} <= set(names(pages))
    assert poll(source(mariadb_url, page=3), cursor)[0] == []


def test_fetch_finds_rows_by_the_text_of_their_id(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    put(db, "A1", "one")
    assert [r.fields["name"] for r in source(mariadb_url).fetch("ship_to", ["A1", "B2"], ["name"])] == ["one"]


def test_keys_that_the_database_takes_for_one_are_named(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    """Its collation knows no case: A1 and a1 would stand in no order, and one of them be passed over."""
    db.execute("create table loose as select no, name, changed_at from ship_to")
    db.execute("insert into loose (no, name) values ('A1', 'one'), ('a1', 'two')")
    (problem,) = source(mariadb_url, "select * from loose").check().problems
    assert "several rows have the same no" in problem
    exact = "select no collate utf8mb4_bin as no, name, changed_at from loose"
    assert source(mariadb_url, exact).check().problems == ()
    found, _ = poll(source(mariadb_url, exact, page=1))
    assert sorted(map(str, names(found))) == ["one", "two"]


def test_the_session_cannot_write(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    """A function may write where no word of the query shows it, and syncd's user may be given too much."""
    db.execute(
        "create function sneak() returns varchar(9) modifies sql data "
        "begin insert into ship_to (no) values ('1'); return 'x'; end"
    )
    for ask in (lambda s: s.check().problems[0], poll):
        with pytest.raises(ConfigProblem, match="would write"):
            raise ConfigProblem(str(ask(source(mariadb_url, "select sneak() as no, now() as changed_at, '' as name"))))
    db.execute("select count(*) from ship_to")
    assert db.fetchone() == (0,)


def test_what_is_missing_is_named(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    (problem,) = source(mariadb_url, "select * from shipto").check().problems
    assert "shipto' doesn't exist" in problem
    (problem,) = source(mariadb_url, "select nr from ship_to").check().problems
    assert "Unknown column 'nr'" in problem
    (problem,) = source(mariadb_url, "select no from from ship_to").check().problems
    assert "a syntax error" in problem
    (problem,) = source(mariadb_url, "select s.*, s.name from ship_to s").check().problems
    assert "Duplicate column name 'name'" in problem
    (problem,) = source(mariadb_url.replace("/erp?", "/nowhere?")).check().problems
    assert "no such database" in problem or "may not read" in problem


def test_a_slow_query_is_stopped_and_tried_again(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    with pytest.raises(Unavailable, match="statement_timeout"):
        poll(source(mariadb_url, "select sleep(9) as no, now() as changed_at, '' as name", statement_timeout=0.2))


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer") as caught:
        poll(source("mysql://joe:hush@127.0.0.1:9/erp"))
    assert "hush" not in caught.value.message


def test_a_refused_password_pauses_the_system(mariadb_url: str, db: pymysql.cursors.Cursor) -> None:
    with pytest.raises(AuthExpired, match="refused the user") as caught:
        poll(source(mariadb_url.replace(":hush@", ":wrong-word@")))
    assert "wrong-word" not in caught.value.message


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as no /*! into outfile '/tmp/syncd' */",
        "select 1 as no /*M!100000 into outfile '/tmp/syncd' */",
        "select no, name, '\\\" into outfile '' from ship_to",
        "select 1 as no # '\n into outfile '/tmp/syncd' -- '",
        "select 1 --1 into outfile '/tmp/x'",
        "select 1 $$ into outfile 'x' $$",
        "select no from ship_to lock in share mode",
        "select get_lock('x', 1) as no",
        "select load_file('/etc/passwd') as no",
        "select next value for numbers as no",
    ],
)
def test_what_mariadb_alone_would_run_is_refused_when_defined(mariadb_url: str, query: str) -> None:
    with pytest.raises(ConnectorError, match=r"reads?\b|differently|MySQL runs"):
        source(mariadb_url, query)
