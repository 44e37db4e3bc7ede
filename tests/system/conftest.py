"""The world that most of these tests begin with; a file whose world is another has a `made` of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World, world


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """Both CRMs and the ERP, with the shipped mappings and nobody in them."""
    with world(tmp_path, sqlite_url) as one:
        yield one
