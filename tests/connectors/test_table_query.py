"""The first lock: which queries are let through to each kind of database, and what is said when one is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, Unavailable
from connectors.table.database import open_read_only
from connectors.table.query import single_select
from connectors.table.trouble import in_words

# Each would write, lock or reach beyond the database on the kind named, though to another kind it may look harmless.
REFUSED = [
    ("postgresql", "with gone as (delete from t returning *) select * from gone"),
    ("postgresql", "with made as (insert into t values (1) returning 1) select * from made"),
    ("postgresql", "select * into copy from t"),
    ("postgresql", "select * from t for update"),
    ("postgresql", "select * from t for no key update"),
    ("postgresql", "select * from t for key share"),
    ("postgresql", "select * from t for share"),
    ("postgresql", "select 1; select 2"),
    ("postgresql", "select setval('s', 1) as id"),
    ("postgresql", "select nextval('s') as id"),
    ("postgresql", "select set_config('default_transaction_read_only', 'off', false) as id"),
    ("postgresql", "select pg_catalog.pg_terminate_backend(1) as id"),
    ("postgresql", 'select "pg_advisory_lock"(1) as id'),
    ("postgresql", "select dblink_exec('x', 'y') as id"),
    ("postgresql", r"""select U&"pg\005fterminate\005fbackend"(1) as id"""),
    ("postgresql", r"""select u&"set!005fconfig" uescape '!' ('x', 'off', false) as id"""),
    ("postgresql", "select pg_file_write('a', 'b', true) as id"),
    ("postgresql", "select pg_backup_start('x') as id"),
    ("postgresql", "select pg_wal_replay_pause() as id"),
    ("postgresql", "select pg_stat_statements_reset() as id"),
    ("postgresql", "select pg_stat_reset() as id"),
    ("postgresql", "select pg_notify('a', 'b') as id"),
    ("postgresql", "select cron.schedule('x', 'y') as id"),
    ("postgresql", "select content as id from http_post('http://x', 'y')"),
    ("postgresql", "select lo_import('/etc/passwd') as id"),
    ("postgresql", "select query_to_xml('delete from t', true, true, '') as id"),
    ("postgresql", "select /* /* */ ' */ delete from t; -- '"),
    ("postgresql", "select [1] from t where x = '] ; delete from t --'] '"),
    ("postgresql", "explain analyze delete from t"),
    ("postgresql", "table t"),
    ("postgresql", "values (1)"),
    ("postgresql", "copy t to '/tmp/x'"),
    ("postgresql", "call p()"),
    ("postgresql", "do $$ begin delete from t; end $$"),
    ("postgresql", "begin"),
    ("mssql", "select 1 as id delete from t"),
    ("mssql", "select * from t with (updlock)"),
    ("mssql", "select * from openrowset('x', 'y', 'z') as t"),
    ("mssql", "select next value for numbers as id"),
    ("mssql", "select 1 as id exec xp_cmdshell 'x'"),
    ("mssql", "with x as (select 1 as id) select * from x"),
    ("mssql", "select [a]] ; delete] ; delete from t"),
    ("oracle", "select numbers.nextval as id from dual"),
    ("oracle", "select q'[']' || ' into t ' from dual where x = ']'"),
    ("oracle", "select dbms_lock.request(1) as id from dual"),
    ("oracle", "select utl_http.request('http://x') as id from dual"),
    ("sqlite", "select load_extension('x') as id"),
    ("sqlite", "select writefile('x', 'y') as id"),
    ("sqlite", "replace into t values (1)"),
]
LET_THROUGH = [
    ("postgresql", "select $$delete from t; insert$$ as note, share, mode, lock from t"),
    ("postgresql", "select arr[1] as id, extra #>> '{a}' as name, substring(x for 3) as short from t"),
    ("postgresql", "select replace(a, 'x', 'y') as id, coalesce(edit, '') as edit from t"),
    ("postgresql", "select http_status as id, t.notify, cron as schedule from t where name = U&'caf\\00E9'"),
    ("mssql", "select [update], [order] from dbo.t -- insert"),
    ("mssql", "select a]] as b from (select [a]]] from t) q".replace("a]] as b", "[a]]] as b")),
    ("mysql", "select `delete`, 5--1 as six from t # drop table t"),
    ("mariadb", "select a as '# no comment' from t where b = '-- nor this' /* drop */"),
    ("oracle", "select id, q as quantity from t"),
    ("sqlite", "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select i as id from n"),
]


@pytest.mark.parametrize(("dialect", "query"), REFUSED)
def test_what_would_write_is_refused_before_any_database_sees_it(dialect: str, query: str) -> None:
    with pytest.raises(ConfigProblem, match="erp"):
        single_select(query, "erp", dialect)


@pytest.mark.parametrize(("dialect", "query"), LET_THROUGH)
def test_what_only_reads_is_let_through_as_it_stands(dialect: str, query: str) -> None:
    assert single_select(query, "erp", dialect) == query


@pytest.mark.parametrize(
    ("url", "extra"), [("mssql://u:hush@h/db", "mssql"), ("oracle://u:hush@h/?service_name=x", "oracle")]
)
def test_a_driver_that_is_not_there_is_named_with_the_extra_that_installs_it(url: str, extra: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        open_read_only("erp", url, 60.0)
    assert f'pip install "syncd[{extra}]"' in caught.value.message
    assert "hush" not in caught.value.message


class Odbc(Exception):
    """An error as pyodbc raises it: (SQLSTATE, text)."""


@pytest.mark.parametrize(
    ("cause", "kind", "word"),
    [
        (Odbc("28000", "Login failed for user 'u' (18456)"), AuthExpired, "refused the user"),
        (Odbc("42S02", "Invalid object name 'secret'"), ConfigProblem, "does not accept the query"),
        (Odbc("08001", "TCP Provider: timeout"), Unavailable, "does not answer"),
        (Odbc("40001", "deadlock victim"), Unavailable, "does not answer"),
        (Odbc("HYT00", "Query timeout expired"), Unavailable, "ran longer"),
        (Odbc("HYT00", "Login timeout expired"), Unavailable, "does not answer"),
        (Exception(SimpleNamespace(full_code="DPY-4024")), Unavailable, "ran longer"),
        (Exception(SimpleNamespace(full_code="ORA-01017")), AuthExpired, "refused the user"),
        (Exception(SimpleNamespace(full_code="ORA-01456")), ConfigProblem, "would write"),
        (Exception(SimpleNamespace(full_code="ORA-01013")), Unavailable, "ran longer"),
        (Exception(SimpleNamespace(full_code="ORA-00942")), ConfigProblem, "does not accept the query"),
        (Exception(SimpleNamespace(full_code="ORA-65535")), ConfigProblem, "refused the query"),
    ],
)
def test_what_sql_server_and_oracle_answer_is_put_in_words(
    cause: Exception, kind: type[ConnectorError], word: str
) -> None:
    with pytest.raises(kind, match=word) as caught, in_words("erp", "ship_to"):
        raise exc.DatabaseError("select 'secret'", {}, cause)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        (
            "mssql://u:p@h/d",
            ModuleNotFoundError("No module named 'pyodbc'", name="pyodbc"),
            'the driver pyodbc for mssql is not installed; pip install "syncd[mssql]"',
        ),
        (
            "oracle://u:p@h/?service_name=x",
            ModuleNotFoundError("No module named 'oracledb'", name="oracledb"),
            'the driver oracledb for oracle is not installed; pip install "syncd[oracle]"',
        ),
        (
            "mssql+pymssql://u:p@h/d",
            ModuleNotFoundError("No module named 'pymssql'", name="pymssql"),
            "the driver pymssql for mssql is not installed; install it beside syncd",
        ),
        (
            "mssql://u:p@h/d",
            ImportError("libodbc.so.2: cannot open shared object file", name="pyodbc"),
            "the driver pyodbc for mssql does not load (libodbc.so.2: cannot open shared object file); install what it "
            "names",
        ),
    ],
)
def test_a_driver_that_is_missing_is_told_with_what_brings_it(
    url: str, error: ImportError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(sa, "create_engine", refuse)
    with pytest.raises(ConfigProblem) as told:
        open_read_only("erp", url, 60.0)
    assert told.value.message == f"erp: {said}"
