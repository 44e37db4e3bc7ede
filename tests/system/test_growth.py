"""What a page costs does not grow with what is there already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from support.world import COMPLETE, World, world

from syncd.store import intake


def _colleagues(first: int, count: int) -> list[dict[str, str]]:
    return [
        {**COMPLETE, "email": f"p{n}@works.example", "lastname": f"Person {n}", "mobilephone": f"(312) 555-{n:04}"}
        for n in range(first, first + count)
    ]


def test_a_new_colleague_costs_the_same_in_a_large_company_as_in_a_small(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intake asks who has the newcomer's own keys, never for everybody with the same company and mail domain."""
    seen: list[int] = []
    find = intake.all_holders

    def counted(connection: Connection, kind: str, keys: Iterable[tuple[str, str]]) -> Any:
        found = find(connection, kind, keys)
        if kind == "lead":
            seen.append(sum(len(entities) for held in (found.now, found.once) for entities in held.values()))
        return found

    monkeypatch.setattr(intake, "all_holders", counted)
    with world(tmp_path, sqlite_url) as made:
        small = _cost_of_one_more(made, 0, 5, seen)
        large = _cost_of_one_more(made, 100, 150, seen)
    assert (small, large) == (0, 0)


def _cost_of_one_more(made: World, first: int, count: int, seen: list[int]) -> int:
    made.contacts(_colleagues(first, count))
    made.settle()
    seen.clear()
    made.contacts(_colleagues(first + count, 1))
    for system in made.work.polls:
        made.work.poll(system)
    assert seen, "nobody was looked for"
    return sum(seen)
