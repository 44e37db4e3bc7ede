"""The state database is full, locked, cut off or away while the daemon runs: it waits and goes on by itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from crash.scenario import ACTS
from faults.serving import company, has_leads, people, serving, wait_until
from faults.town import Place, Town, place
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import Pool
from support.long import times

from syncd.daemon import engine

MOST_PAGES = 4_294_967_294


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("full")) as made:
        yield made


class Disk:
    """A disk with room for so many more pages of 4 kB, for every connection that is taken from a pool."""

    def __init__(self) -> None:
        self.pages = MOST_PAGES
        self.read_only = False

    def check_out(self, connection: Any, *_: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA max_page_count = {self.pages}")
            connection.execute(f"PRAGMA query_only = {int(self.read_only)}")

    def fill(self, file: Path, room: int) -> None:
        with closing(sqlite3.connect(file)) as state:
            self.pages = state.execute("PRAGMA page_count").fetchone()[0] + room

    def empty(self) -> None:
        self.pages = MOST_PAGES


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    event.listen(Pool, "checkout", made.check_out)
    yield made
    event.remove(Pool, "checkout", made.check_out)


@pytest.mark.parametrize("room", range(0, times(30, 120), times(10, 1)))
def test_a_disk_that_fills_up_at_any_write_harms_nothing(somewhere: Place, disk: Disk, room: int) -> None:
    """Each transaction is whole or not there; with room again, all is as if nothing had been."""
    with somewhere.fresh() as town:
        town.cycle()
        file = somewhere.folder / "state.db"
        town.play(ACTS[0])
        disk.fill(file, room)
        refused = 0
        for _ in range(3):
            refused += _try_cycle(town)
        disk.empty()
        assert _is_sound(file)
        assert refused or room > 20
        for act in (None, *ACTS[1:]):
            if act is not None:
                town.play(act)
            for _ in range(2):
                town.cycle()
            town.verify(f"room for {room} pages")


def _try_cycle(town: Town) -> bool:
    try:
        town.cycle()
    except DBAPIError as error:
        if "full" not in str(error.orig):
            raise
        return True
    return False


def _is_sound(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as state:
        return bool(state.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


@pytest.mark.slow
def test_a_full_disk_stops_the_daemon_only_as_long_as_it_is_full(
    tmp_path: Path, sqlite_url: str, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays up, writes nothing twice, and goes on by itself when there is room; so if nothing at all can be written,
    which /healthz tells."""
    monkeypatch.setattr(engine, "BEAT_SECONDS", 0.2)
    with company(tmp_path, sqlite_url) as made, serving(made) as served:
        people(made, 0, 20)
        wait_until("the first leads", has_leads(made, 20))
        disk.fill(tmp_path / "state.db", 0)
        people(made, 20, 200)
        time.sleep(times(5, 20))
        assert served.thread.is_alive()
        assert _is_sound(tmp_path / "state.db")
        disk.empty()
        wait_until("all leads", has_leads(made, 220))
        health = served.work.health
        disk.read_only = True
        wait_until("it is told", lambda: "readonly" in (health.store_trouble or ""))
        wait_until("what cannot be stored is told", lambda: len(health.ready()) > 1)
        people(made, 220, 20)
        disk.read_only = False
        wait_until("the last leads", has_leads(made, 240))
        wait_until("it is whole again", lambda: health.ready() == [])


@pytest.mark.slow
def test_a_database_that_another_process_locks_is_waited_for(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than anybody waits for a lock: nothing is lost and the daemon is still there."""
    monkeypatch.setattr("syncd.store.database.BUSY_SECONDS", 0.5)
    with company(tmp_path, sqlite_url) as made, serving(made) as served:
        people(made, 0, 20)
        wait_until("the first leads", has_leads(made, 20))
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            people(made, 20, 20)
            time.sleep(times(4, 70))
            other.execute("ROLLBACK")
        assert served.thread.is_alive()
        wait_until("all leads", has_leads(made, 40))


@pytest.mark.slow
def test_connections_to_postgresql_that_are_cut_again_and_again_lose_nothing(tmp_path: Path, postgres_url: str) -> None:
    """As a restart of the server does, at any line; then everything is in, once."""
    with company(tmp_path, postgres_url) as made, serving(made):
        for part in range(times(3, 30)):
            people(made, part * 20, 20)
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                _cut(postgres_url)
                time.sleep(0.15)
        wait_until("all leads", has_leads(made, 20 * times(3, 30)))


@pytest.mark.slow
def test_postgresql_that_is_away_for_a_while_is_waited_for(tmp_path: Path, postgres_url: str) -> None:
    """Nobody gets in for some seconds (30 in the long run), as while the server is down; the daemon goes on."""
    with company(tmp_path, postgres_url) as made, serving(made) as served:
        people(made, 0, 20)
        wait_until("the first leads", has_leads(made, 20))
        _admit(postgres_url, False)
        _cut(postgres_url)
        people(made, 20, 20)
        time.sleep(times(5, 30))
        assert served.thread.is_alive()
        _admit(postgres_url, True)
        wait_until("all leads", has_leads(made, 40))


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _admin(url: str, statement: str) -> None:
    with psycopg.connect(url.replace(f"/{_name(url)}", "/postgres"), autocommit=True) as admin:
        admin.execute(statement)  # type: ignore[arg-type]


def _cut(url: str) -> None:
    _admin(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_name(url)}'")


def _admit(url: str, yes: bool) -> None:
    _admin(url, f"ALTER DATABASE {_name(url)} WITH ALLOW_CONNECTIONS {'true' if yes else 'false'}")
