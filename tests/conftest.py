"""Fixtures that every test may ask for, and how examples are drawn.

`make test` draws the same examples each time, so that a failure is the change's and can be run again; `make test-long`
draws others. An example may take as long as the machine needs: a deadline would fail a test for its neighbours' load.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import structlog
from hypothesis import HealthCheck, settings
from support import compiled  # noqa: F401 - listens
from support.commands import process_as_before
from support.databases import postgres_server, postgres_url, sqlite_url, state_url
from support.long import LONG
from support.mariadb import mariadb_admin, mariadb_server, mariadb_url

__all__ = [
    "mariadb_admin",
    "mariadb_server",
    "mariadb_url",
    "postgres_server",
    "postgres_url",
    "process_as_before",
    "sqlite_url",
    "state_url",
]

settings.register_profile(
    "syncd", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not LONG, print_blob=True
)
settings.load_profile("syncd")

# A program that was not told how to log draws each traceback with all locals in colour: seconds for one.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

# Whoever runs the whole daemon, or talks to a server or a browser, is no part of `make check-fast`.
WHOLE = ("connectors", "crash", "faults", "sandbox", "system", "web")
SERVERS = {"browser", "chromium", "mariadb_server", "postgres_server"}


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        kind = getattr(item, "callspec", None)
        if item.path.parent.name in WHOLE or asked & SERVERS or (kind and "postgresql" in kind.params.values()):
            item.add_marker(pytest.mark.system)
