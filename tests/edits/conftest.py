"""A migrated state to copy, so that each example begins in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.store.database import open_store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty state; its tables are there."""
    path = tmp_path_factory.mktemp("template") / "state.db"
    open_store(f"sqlite:///{path}").dispose()
    return path
