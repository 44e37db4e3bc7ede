"""The sql connector on a real SQLite file: what it reads, what it finds changed, and what it says when it cannot."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import registry
from connectors.contract import Cursor, FieldType, Page, Reading, Record
from connectors.errors import ConfigProblem, Unavailable
from connectors.table.query import single_select
from connectors.table.sql import Settings, SqlSource, connect

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = "select customer_no, ship_to_no, name, changed_at from ship_to"
TABLE = {"query": QUERY, "id": ["customer_no", "ship_to_no"], "modified": "changed_at"}
FIELDS = ("customer_no", "ship_to_no", "name")


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


class Erp:
    """A database file and one connection that writes to it, as an ERP would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path)
        self.db.execute("pragma synchronous = off")
        self.db.execute("create table ship_to (customer_no text, ship_to_no integer, name, changed_at text)")

    def put(self, number: int, name: object, at: datetime | str | None = START, customer: str = "C1") -> None:
        when = at.strftime("%Y-%m-%d %H:%M:%S") if isinstance(at, datetime) else at
        self.db.execute("delete from ship_to where customer_no = ? and ship_to_no = ?", (customer, number))
        self.db.execute("insert into ship_to values (?, ?, ?, ?)", (customer, number, name, when))
        self.db.commit()

    def source(self, *, table: dict[str, object] | None = None, page: int = 1000) -> SqlSource:
        source = connect("erp", Settings(url=f"sqlite:///{self.path}", page=page))
        source.define("ship_to", table or TABLE)
        return source


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Erp]:
    erp = Erp(tmp_path / "erp.db")
    yield erp
    erp.db.close()


def poll(source: SqlSource, after: Cursor | None, fields: Sequence[str] = FIELDS) -> tuple[list[Page], Cursor | None]:
    """Read all pages and return the cursor as a store would give it back: through JSON."""
    pages = list(source.changes([Reading(kind="ship_to", fields=fields, after=after)], NothingSeen()))
    return pages, json.loads(json.dumps(pages[-1].cursor)) if pages else after


def names(pages: Sequence[Page]) -> list[object]:
    return [record.fields["name"] for page in pages for record in page.records]


def records(pages: Sequence[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def count_queries(source: SqlSource) -> list[str]:
    from sqlalchemy import event

    seen: list[str] = []
    event.listen(source._engine, "before_cursor_execute", lambda c, cur, sql, *rest: seen.append(sql))
    return seen


# --- reading


def test_a_row_becomes_a_record_with_its_joined_id_and_its_time(erp: Erp) -> None:
    erp.put(7, "Plant Å", START)
    assert records(poll(erp.source(), None)[0]) == [
        Record(id="C1/7", modified=START, fields={"customer_no": "C1", "ship_to_no": 7, "name": "Plant Å"})
    ]


def test_a_slash_in_an_id_column_does_not_merge_two_rows(erp: Erp) -> None:
    erp.put(1, "a", customer="A/1")
    erp.put(1, "b", customer="A%2F1")
    found = records(poll(erp.source(), None)[0])
    assert len({r.id for r in found}) == 2
    assert {r.fields["name"] for r in erp.source().fetch("ship_to", [r.id for r in found], ["name"])} == {"a", "b"}


def test_every_value_is_json_able(erp: Erp) -> None:
    odd = [b"\x00\xff", "nul \0 inside", "x" * 1_000_000, 2**62, -1.5, float("inf"), None, "🏭"]
    for number, value in enumerate(odd):
        erp.put(number, value)
    found = names(poll(erp.source(), None)[0])
    assert found == ["00ff", "nul \0 inside", "x" * 1_000_000, 2**62, -1.5, None, None, "🏭"]
    json.dumps(found, allow_nan=False)


def test_fetch_returns_what_is_there_and_leaves_out_what_is_not(erp: Erp) -> None:
    erp.put(1, "one")
    erp.put(2, "two")
    found = erp.source().fetch("ship_to", ["C1/2", "C1/9", "nonsense", "a\0b/1"], ["name"])
    assert found == [Record(id="C1/2", modified=START, fields={"name": "two"})]


def test_fields_are_described_from_the_rows(erp: Erp) -> None:
    erp.put(1, "one")
    described = {f.name: (f.type, f.writable) for f in erp.source().fields("ship_to")}
    assert described["name"] == (FieldType.TEXT, False)
    assert described["ship_to_no"] == (FieldType.NUMBER, False)


def test_a_column_is_found_whatever_its_case(erp: Erp) -> None:
    erp.put(1, "one")
    source = erp.source(table={**TABLE, "id": ["CUSTOMER_NO", "Ship_To_No"]})
    assert records(poll(source, None, ["Name"])[0])[0].fields == {"Name": "one"}


def test_a_colon_and_a_comment_in_the_query_are_the_admins_own(erp: Erp) -> None:
    erp.put(1, "12:30 :x 100%")
    query = QUERY + " where name = '12:30 :x 100%' -- the night shift;"
    assert names(poll(erp.source(table={**TABLE, "query": query}), None)[0]) == ["12:30 :x 100%"]


# --- changes by time


def test_an_idle_poll_is_one_query_and_no_page(erp: Erp) -> None:
    for number in range(5):
        erp.put(number, "n")
    source = erp.source()
    _, cursor = poll(source, None)
    queries = count_queries(source)
    assert poll(source, cursor) == ([], cursor)
    assert len(queries) == 1


def test_pages_join_without_a_gap_when_all_rows_share_one_time(erp: Erp) -> None:
    for number in range(25):
        erp.put(number, number)
    pages, cursor = poll(erp.source(page=4), None)
    assert names(pages) == list(range(25))
    assert poll(erp.source(page=4), cursor)[0] == []


def test_a_read_that_stopped_after_any_page_goes_on_without_loss(erp: Erp) -> None:
    for number in range(25):
        erp.put(number, number, START + timedelta(seconds=number // 10))
    pages, _ = poll(erp.source(page=4), None)
    for stop in range(len(pages)):
        cursor = json.loads(json.dumps(pages[stop].cursor))
        rest, _ = poll(erp.source(page=4), cursor)
        assert {*names(pages[: stop + 1]), *names(rest)} == set(range(25))


def test_a_row_that_arrives_late_inside_the_look_back_is_found(erp: Erp) -> None:
    """A transaction stamps its rows when it begins and shows them when it commits."""
    erp.put(1, "on time", START)
    _, cursor = poll(erp.source(), None)
    erp.put(2, "late", START - timedelta(minutes=9))
    pages, cursor = poll(erp.source(), cursor)
    assert "late" in names(pages)
    assert poll(erp.source(), cursor)[0] == []


def test_a_row_changed_twice_in_one_second_is_found(erp: Erp) -> None:
    erp.put(1, "first", START)
    _, cursor = poll(erp.source(), None)
    erp.put(1, "second", START)
    assert names(poll(erp.source(), cursor)[0]) == ["second"]


def test_one_change_among_many_rows_of_one_time_repeats_only_a_few(erp: Erp) -> None:
    for number in range(2000):
        erp.put(number, number)
    _, cursor = poll(erp.source(), None)
    erp.put(1234, "moved", START + timedelta(minutes=1))
    found = names(poll(erp.source(), cursor)[0])
    assert "moved" in found
    assert len(found) < 40


def test_a_row_whose_time_lies_ahead_hides_no_later_change(erp: Erp) -> None:
    erp.put(1, "from the future", datetime(2099, 1, 1, tzinfo=UTC))
    erp.put(2, "now", START)
    pages, cursor = poll(erp.source(), None)
    assert set(names(pages)) == {"from the future", "now"}
    assert poll(erp.source(), cursor)[0] == []
    erp.put(3, "after", START + timedelta(days=1))
    assert names(poll(erp.source(), cursor)[0]) == ["after"]


def test_a_row_without_a_time_is_read_and_its_change_is_found(erp: Erp) -> None:
    erp.put(1, "dated")
    erp.put(2, "undated", None)
    pages, cursor = poll(erp.source(page=1), None)
    assert set(names(pages)) == {"dated", "undated"}
    assert poll(erp.source(page=1), cursor)[0] == []
    erp.put(2, "undated, changed", None)
    pages, cursor = poll(erp.source(page=1), cursor)
    assert names(pages) == ["undated, changed"]
    assert poll(erp.source(page=1), cursor)[0] == []


def test_a_cursor_of_another_shape_means_read_everything(erp: Erp) -> None:
    erp.put(1, "one")
    assert names(poll(erp.source(), {"rows": "", "place": "x"})[0]) == ["one"]


@pytest.mark.parametrize(
    ("times", "word"),
    [
        (["yesterday"], "no date and time"),
        ([20260301], "no date and time"),
        (["2026-03-01T12:00:00+02:00"], "different zones"),
        (["2026-03-01T01:00:00", "2026-03-01 23:00:00"], "several forms"),
    ],
)
def test_a_time_column_that_cannot_order_rows_is_refused(erp: Erp, times: list[str], word: str) -> None:
    for number, at in enumerate(times):
        erp.put(number, "n", at)
    erp.db.execute("create table other as select * from ship_to")
    if isinstance(times[0], int):
        erp.db.execute("create view v as select customer_no, ship_to_no, name, 20260301 as changed_at from ship_to")
        table = {**TABLE, "query": "select * from v"}
    else:
        table = TABLE
    with pytest.raises(ConfigProblem, match=word):
        poll(erp.source(table=table), None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_edited_between_polls_that_stop_anywhere_the_last_state_read_is_the_databases(
    erp: Erp, seed: int
) -> None:
    """Late rows, rows without a time, rows ahead of the clock, and a reader that is cut off after any page."""
    rng, held, cursor, clock = random.Random(seed), {}, None, START
    for _ in range(30):
        clock += timedelta(minutes=rng.choice((0, 0, 1, 30)))
        for _ in range(rng.randrange(6)):
            late = timedelta(seconds=rng.randrange(590))
            at = rng.choice((clock, clock - late, clock - late, None, datetime(2099, 1, 1, tzinfo=UTC)))
            erp.put(rng.randrange(40), rng.random(), at)
        for page in erp.source(page=3).changes([Reading(kind="ship_to", fields=FIELDS, after=cursor)], NothingSeen()):
            held.update({r.id: r.fields["name"] for r in page.records})
            cursor = json.loads(json.dumps(page.cursor))
            if rng.random() < 0.1:
                break
    held.update({r.id: r.fields["name"] for r in records(poll(erp.source(page=3), cursor)[0])})
    assert held == {f"C1/{no}": name for no, name in erp.db.execute("select ship_to_no, name from ship_to")}


# --- changes without a time column


def test_without_a_time_column_only_a_difference_makes_a_page(erp: Erp) -> None:
    table = {"query": QUERY, "id": ["customer_no", "ship_to_no"]}
    for number in range(1000):
        erp.put(number, number)
    source = erp.source(table=table, page=100)
    pages, cursor = poll(source, None)
    assert names(pages) == list(range(1000))
    assert poll(source, cursor)[0] == []
    erp.put(500, "changed")
    pages, cursor = poll(source, cursor)
    assert "changed" in names(pages)
    assert len(names(pages)) < 30
    assert poll(source, cursor)[0] == []


def test_a_full_read_that_stopped_early_starts_again(erp: Erp) -> None:
    table = {"query": QUERY, "id": ["customer_no", "ship_to_no"]}
    for number in range(10):
        erp.put(number, number)
    first = next(
        erp.source(table=table, page=3).changes([Reading(kind="ship_to", fields=FIELDS, after=None)], NothingSeen())
    )
    assert names(poll(erp.source(table=table, page=3), first.cursor)[0]) == list(range(10))


def test_an_unfinished_poll_is_one_query_when_nothing_changed(erp: Erp) -> None:
    erp.put(1, 1)
    source = erp.source(table={"query": QUERY, "id": ["customer_no", "ship_to_no"]})
    _, cursor = poll(source, None)
    queries = count_queries(source)
    poll(source, cursor)
    assert len(queries) == 1


# --- only reading


@pytest.mark.parametrize(
    "query",
    [
        "insert into ship_to values ('x', 1, 'y', 'z')",
        "select 1 as id; delete from ship_to",
        "with gone as (delete from ship_to returning *) select * from gone",
        "select * into copy from ship_to",
        "select * from ship_to for update",
        "pragma writable_schema = on",
        "select 1 as id) as q; drop table ship_to; --",
        "select 'it\\' ; delete from ship_to",
        "select 'open",
        "-- only a comment",
        "",
    ],
)
def test_anything_but_one_select_is_refused_when_defined(erp: Erp, query: str) -> None:
    with pytest.raises(ConfigProblem):
        erp.source(table={"query": query, "id": "id"})


@pytest.mark.parametrize(
    "query",
    [
        "select id, 'please delete; update' as note from t -- insert",
        'select "update", [delete] from t',
        "select replace(a, 'x', 'y') as id, updated_at, deleted from t;",
        "WITH x AS (select 1 as id) select * from x;  ",
        "/* drop */ select 1 as id",
    ],
)
def test_writing_words_in_texts_names_and_comments_are_no_writing(query: str) -> None:
    assert single_select(query, "erp").lower().lstrip().startswith(("select", "with", "/*"))


def test_the_connection_itself_cannot_write(erp: Erp) -> None:
    """The second lock, for what the first cannot know."""
    with erp.source()._engine.connect() as connection, pytest.raises(Exception, match=r"readonly|query_only"):
        connection.exec_driver_sql("insert into ship_to values ('x', 1, 'y', 'z')")


def test_a_missing_file_is_said_and_not_created(tmp_path: Path) -> None:
    source = connect("erp", Settings(url=f"sqlite:///{tmp_path}/none.db"))
    source.define("ship_to", TABLE)
    (problem,) = source.check().problems
    assert "cannot be opened" in problem
    assert not (tmp_path / "none.db").exists()


# --- what goes wrong


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({**TABLE, "query": "select * from ship_too"}, "no such table: ship_too"),
        ({**TABLE, "query": "select customer, name from ship_to"}, "no such column: customer"),
        ({**TABLE, "id": "ship_to_nr"}, "no column ship_to_nr \\(did you mean ship_to_no"),
        ({**TABLE, "modified": "changed"}, "no column changed"),
        ({**TABLE, "id": "customer_no"}, "several rows have the same"),
        ({**TABLE, "query": QUERY.replace("ship_to_no", "null as ship_to_no")}, "have no value in"),
    ],
)
def test_check_names_what_is_wrong_with_a_kind(erp: Erp, table: dict[str, object], word: str) -> None:
    erp.put(1, "one")
    erp.put(2, "two")
    problems = " ".join(erp.source(table=table).check().problems)
    with pytest.raises(ConfigProblem, match=word):
        raise ConfigProblem(problems)


def test_check_finds_nothing_wrong_with_a_good_kind(erp: Erp) -> None:
    erp.put(1, "one")
    assert erp.source().check().problems == ()


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"id": "a"}, "`query` is missing"),
        ({"query": "select 1"}, "`id` must name"),
        ({"query": "select 1", "id": []}, "`id` must name"),
        ({"query": "select 1 as a", "id": "a", "modifed": "b"}, "did you mean modified"),
    ],
)
def test_a_wrong_table_block_is_refused(erp: Erp, table: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigProblem, match=word):
        erp.source(table=table)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "nosuch://h/db",
        "mysql+nosuch://u:secret@h/db",
        "mssql://u:secret@h/db",
    ],
)
def test_a_url_that_can_never_work_is_a_config_problem_without_the_url(url: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        connect("erp", Settings(url=url))
    assert "secret" not in caught.value.message


def test_a_file_that_is_no_database_and_a_kind_that_is_not_defined_are_said(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    path.write_bytes(b"this is a letter, not a database" * 100)
    source = connect("erp", Settings(url=f"sqlite:///{path}"))
    source.define("ship_to", TABLE)
    with pytest.raises(ConfigProblem, match="no SQLite database"):
        poll(source, None)
    with pytest.raises(ConfigProblem, match="has no kind order"):
        source.fields("order")


def test_a_query_that_runs_too_long_is_stopped(erp: Erp) -> None:
    endless = (
        "with recursive n(id) as (select 1 union all select id + 1 from n where id < 1000000000) "
        "select id, max(id) as top from n group by 1"
    )
    source = connect("erp", Settings(url=f"sqlite:///{erp.path}", statement_timeout="0.1s"))
    source.define("n", {"query": endless, "id": "id"})
    with pytest.raises(Unavailable, match="statement_timeout"):
        list(source.changes([Reading(kind="n", fields=["id"], after=None)], NothingSeen()))


def test_a_text_that_is_not_utf8_is_said_without_its_value(erp: Erp) -> None:
    erp.db.execute("insert into ship_to values ('C1', 1, cast(x'e9e8ff' as text), '2026-03-01 12:00:00')")
    erp.db.commit()
    with pytest.raises(ConfigProblem, match="not UTF-8"):
        poll(erp.source(), None)


def test_a_locked_file_is_tried_again(erp: Erp) -> None:
    erp.put(1, "one")
    erp.db.execute("begin exclusive")
    source = connect("erp", Settings(url=f"sqlite:///{erp.path}", statement_timeout=0.1))
    source.define("ship_to", TABLE)
    with pytest.raises(Unavailable, match="locked"):
        poll(source, None)


# --- the registry


def test_the_registry_knows_the_table_connectors() -> None:
    assert registry.find("sql").settings is Settings
    source = registry.find("files").connect("files", registry.find("files").settings())
    assert source.name == "files"
    with pytest.raises(KeyError):
        registry.find("sqll")
