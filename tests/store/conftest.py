"""A seam on each kind of database, at a fixed time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from seam import Seam
from sqlalchemy import Engine
from support.clock import moment

from syncd.store.database import open_store


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    engine = open_store(state_url)
    yield engine
    engine.dispose()


@pytest.fixture
def seam(engine: Engine, tmp_path: Path) -> Iterator[Seam]:
    folder = tmp_path / "mappings"
    folder.mkdir()
    with time_machine.travel(moment(), tick=False) as clock:
        yield Seam(engine, folder, clock)
