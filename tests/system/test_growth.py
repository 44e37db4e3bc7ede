"""What a page costs does not grow with what is there already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection
from support.long import times
from support.regions import companies, newcomers
from support.world import COMPLETE, World, add_branch, world

from syncd.pipeline import decide_batch
from syncd.store import intake
from syncd.store.database import now_ms
from syncd.store.tables import link


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


@pytest.mark.slow
def test_a_page_of_branches_and_a_lead_cost_the_same_with_many_accounts_as_with_few(tmp_path: Path) -> None:
    """Counted in steps of SQLite, of which each row that is looked at takes some: also one that no index finds."""
    few, many = (_cost_of_newcomers(tmp_path / str(regions), regions) for regions in (1, times(12, 80)))
    assert min(few) > 0
    assert all(large <= 1.1 * small for small, large in zip(few, many, strict=True)), (few, many)


def _cost_of_newcomers(folder: Path, regions: int) -> tuple[int, int]:
    """Return what deciding 200 new branches takes, and what one new lead does."""
    folder.mkdir()
    with world(folder, f"sqlite:///{folder}/state.db") as made:
        accounts = [
            {
                "Name": one.name, "BillingStreet": one.street, "BillingCity": one.city, "BillingState": one.state,
                "BillingPostalCode": one.postcode, "BillingCountry": one.country,
            }
            for one in companies(regions)
        ]  # fmt: skip
        made.salesforce.seed("Account", accounts)
        made.settle()
        fields = ("street", "city", "state", "postcode", "country")
        branches = newcomers(200)
        for one in branches:
            add_branch(
                made, one.id, str(one.name), customer=one.id, **{name: getattr(one, name) or "" for name in fields}
            )
        there = {"address": branches[1].street, "city": branches[1].city, "zip": branches[1].postcode}
        told = {"email": "jo@gmail.com", "company": f"{branches[1].name} Plant", "state": "IL", **there}
        contact = made.contact(**{name: value or "" for name, value in told.items()})
        for system in made.work.polls:
            made.work.poll(system)
        return _steps(made, [f"{one.id}/{one.id}" for one in branches]), _steps(made, [contact])


def _steps(made: World, records: list[str]) -> int:
    """Decide those whose records these are; return how many steps SQLite took."""
    steps: list[None] = []
    with made.app.engine.connect() as connection:
        ids = list(connection.execute(sa.select(link.c.entity).where(link.c.record_id.in_(records))).scalars())
        assert len(ids) == len(records)
        connection.connection.driver_connection.set_progress_handler(lambda: steps.append(None), 1)
        decided = decide_batch(connection, made.app.mappings, ids, now_ms(), [])
    assert any(one.values.get("account") for one in decided)
    return len(steps)
