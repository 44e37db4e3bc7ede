"""Opening the state: rights, migrations and what an operator reads when it cannot be opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from support.clock import NOW

from syncd.lead.decision import Origin
from syncd.store.database import (
    StoreUnusable,
    alembic_config,
    from_ms,
    hold_snapshot,
    join_snapshot,
    new_id,
    now_ms,
    open_store,
    to_ms,
)
from syncd.store.tables import entity, metadata


@pytest.fixture
def opened(state_url: str) -> Iterator[Engine]:
    engine = open_store(state_url)
    yield engine
    engine.dispose()


def refusal(url: str) -> str:
    with pytest.raises(StoreUnusable) as caught:
        open_store(url).dispose()
    return str(caught.value)


# --- the schema


def test_all_migrations_together_are_the_tables(opened: Engine) -> None:
    with opened.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_every_index_and_primary_key_is_the_one_declared(opened: Engine) -> None:
    found = inspect(opened)
    for table in metadata.sorted_tables:
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [one.name for one in table.primary_key]
        made = {str(one["name"]): one["column_names"] for one in found.get_indexes(table.name)}
        assert made.items() >= {str(one.name): [c.name for c in one.columns] for one in table.indexes}.items()


def test_opening_a_second_time_changes_nothing(state_url: str) -> None:
    for time in ("first", "second"):
        engine = open_store(state_url)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO worker VALUES (:time, 1, 1, '1')"), {"time": time})
        engine.dispose()
    engine = open_store(state_url, migrate=False)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM worker")).scalar_one() == 2
    engine.dispose()


def test_a_state_of_a_newer_program_is_left_alone(state_url: str) -> None:
    engine = open_store(state_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert "was written by a newer syncd; start that version, or restore a backup" in refusal(state_url)


# --- the file


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_file_and_a_new_folder_are_for_this_user_only(tmp_path: Path) -> None:
    """Whatever the umask allows, its journal too."""
    old = os.umask(0)
    try:
        engine = open_store(f"sqlite:///{tmp_path}/new/state.db")
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO worker VALUES ('x', 1, 1, '1')"))
            assert {one.name: mode(one) for one in (tmp_path / "new").iterdir()} == {
                "state.db": 0o600,
                "state.db-wal": 0o600,
                "state.db-shm": 0o600,
            }
        assert mode(tmp_path / "new") == 0o700
        engine.dispose()
    finally:
        os.umask(old)


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o666], ids=oct)
def test_a_state_file_that_others_can_read_is_refused_with_the_remedy(sqlite_url: str, wide: int) -> None:
    open_store(sqlite_url).dispose()
    path = file_of(sqlite_url)
    path.chmod(wide)
    assert refusal(sqlite_url) == (
        f"the state file {path} can be read by other users (mode {wide:04o}) and holds personal data; "
        f"run: chmod 600 {path}"
    )
    path.chmod(0o600)
    open_store(sqlite_url).dispose()


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "state.db"
    assert refusal(f"sqlite:///{path}") == (
        f"the state file {path} cannot be created (Not a directory); nothing was read or written. "
        f"Give this user the right to write there, or name another place under `state`"
    )


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the system, because root, under whom tests may run, may write anywhere."""
    monkeypatch.setattr(os, "access", lambda path, how: Path(path) != file_of(sqlite_url).parent)
    assert "or its folder cannot be written by this user; nothing was read or written" in refusal(sqlite_url)


def test_a_file_that_is_no_database_is_left_as_it_was(sqlite_url: str) -> None:
    path = file_of(sqlite_url)
    path.write_bytes(b"a letter to somebody, longer than a page header" * 9)
    path.chmod(0o600)
    before = path.read_bytes()
    assert "cannot be used (file is not a database); nothing was read or written" in refusal(sqlite_url)
    assert path.read_bytes() == before


# --- the address


@pytest.mark.parametrize(("url", "told"), [
    ("state.db", "`state` is not a database address"),
    ("sqlite://", "`state` sqlite:// would be in memory and lost at the first stop; name a file: sqlite:///path"),
    ("sqlite:///:memory:", "`state` sqlite:///:memory: would be in memory"),
    ("mysql://db/syncd", "`state` names a mysql database; use sqlite:///path or postgresql://host/name"),
])  # fmt: skip
def test_a_wrong_address_is_told_with_the_right_forms(url: str, told: str) -> None:
    assert refusal(url).startswith(told)


def test_a_server_that_is_away_is_told_without_the_password() -> None:
    told = refusal("postgresql://syncd:canary-password@127.0.0.1:1/syncd")
    assert "the state database postgresql://syncd:***@127.0.0.1:1/syncd cannot be used" in told
    assert "canary-password" not in told


def test_where_values_come_from_is_carried_over_from_a_state_that_named_each_part(opened: Engine) -> None:
    """There and back: what an older program wrote is what this one reads, and the other way round."""
    stored = {"company": [*Origin("crm", "Lead", "7", NOW, "from Company", 0)]}
    stored["phone"] = [*Origin("erp", "customer", "8", NOW, "from tel", 1, insists=True)]
    row = {"id": new_id(), "kind": "lead", "values": {}, "state": {}, "created_at": 0, "updated_at": 0}
    told = select(entity.c.provenance)
    with opened.begin() as connection:
        connection.execute(entity.insert(), {**row, "provenance": stored})
        command.downgrade(alembic_config(connection), "0007")
        older = connection.execute(told).scalar_one()
        named = {"system": "crm", "kind": "Lead", "id": "7", "at": NOW, "rule": "from Company", "method": 0}
        assert older["company"] == named
        assert older["phone"]["insists"] is True
        command.upgrade(alembic_config(connection), "head")
        assert connection.execute(told).scalar_one() == stored


def test_schedules_of_an_older_program_are_dropped_with_what_they_began(opened: Engine) -> None:
    """Nothing of this program would ever take them up."""
    schema = "dbos." if opened.dialect.name == "postgresql" else ""
    with opened.begin() as connection:
        if schema:
            connection.execute(text("CREATE SCHEMA dbos"))
        connection.execute(text(f"CREATE TABLE {schema}workflow_schedules (schedule_name TEXT)"))
        connection.execute(text(f"CREATE TABLE {schema}workflow_status (name TEXT, status TEXT)"))
        connection.execute(text(f"INSERT INTO {schema}workflow_schedules VALUES ('poll-hubspot')"))
        begun = [("tick", "ENQUEUED"), ("tick", "SUCCESS"), ("hand over", "PENDING")]
        for name, status in begun:
            connection.execute(text(f"INSERT INTO {schema}workflow_status VALUES ('{name}', '{status}')"))
        command.downgrade(alembic_config(connection), "0012")
        command.upgrade(alembic_config(connection), "head")
        assert connection.execute(text(f"SELECT * FROM {schema}workflow_schedules")).all() == []
        assert connection.execute(text(f"SELECT name, status FROM {schema}workflow_status")).all() == begun[1:]


def test_a_session_to_a_server_that_became_read_only_is_given_up(postgres_url: str) -> None:
    """As after a failover that leaves the connections to the old primary open: the next write goes to a new one."""
    engine = open_store(postgres_url)
    row = {
        "id": new_id(),
        "kind": "lead",
        "values": {},
        "provenance": {},
        "state": {},
        "created_at": 0,
        "updated_at": 0,
    }
    with engine.begin() as connection:
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(entity.insert(), {"id": new_id(), **row})
    with engine.begin() as connection:
        connection.execute(entity.insert(), {"id": new_id(), **row})
    engine.dispose()


# --- ids and times


def test_ids_sort_by_time_and_never_repeat() -> None:
    moments = [0, 1, 1_000, NOW, NOW + 1, NOW + 86_400_000, 2**48 - 1]
    ids = [new_id(ms) for ms in moments]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {26}
    assert len({new_id(NOW) for _ in range(10_000)}) == 10_000
    assert new_id()[:8] == new_id(now_ms())[:8]


def test_times_are_whole_milliseconds_of_a_time_with_a_zone() -> None:
    assert to_ms(datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)) == NOW
    assert to_ms(from_ms(NOW + 1)) == NOW + 1
    with pytest.raises(ValueError, match="without a zone"):
        to_ms(datetime(2026, 5, 28))


# --- one snapshot for several readers


def test_all_who_join_a_snapshot_see_the_same_and_nothing_that_came_after(opened: Engine) -> None:
    reading = opened.execution_options(syncd_reads_only=True)
    seen = select(func.count()).select_from(entity)
    row = {"kind": "lead", "values": {}, "provenance": {}, "state": {}, "created_at": 0, "updated_at": 0}
    with reading.connect() as first, reading.connect() as second:
        with hold_snapshot(first) as name:
            join_snapshot(second, name)
        with opened.begin() as writing:
            writing.execute(entity.insert(), {"id": new_id(), **row})
        assert [one.execute(seen).scalar_one() for one in (first, second)] == [0, 0]
    with reading.connect() as third:
        assert third.execute(seen).scalar_one() == 1


def test_an_error_of_the_database_tells_no_value(opened: Engine) -> None:
    """It is logged as it is."""
    with opened.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("select 1 from nowhere where email = :email"), {"email": "ann@plant.example"})
    assert "ann@plant" not in str(caught.value)
