"""The demo's company in small: messy people, real plants, and days on which marketers and reps are at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.world import World, laid_out

from sandbox.actors import Actors
from sandbox.company import found
from syncd.store.tables import problem

PEOPLE = 150
DAYS, ACTS = 4, 30
OF_PEOPLE = {"duplicate", "match", "person", "review"}  # questions that the company's own data asks


@pytest.fixture
def company(tmp_path: Path) -> Iterator[World]:
    with laid_out(tmp_path, f"sqlite:///{tmp_path}/state.db") as made:
        (tmp_path / "erp.db").unlink()
        now = datetime.now(UTC).replace(microsecond=0)
        found(made.hubspot, made.salesforce, tmp_path / "erp.db", people=PEOPLE, seed=7, now=now)
        with made.running():
            yield made


@pytest.mark.slow
def test_a_company_at_work_is_served_day_after_day(company: World, tmp_path: Path) -> None:
    """Nothing that syncd itself could not do is left, nobody is there twice, and then there is silence."""
    company.settle()
    first = handed_over(company)
    assert first
    actors = Actors(company.hubspot, company.salesforce, tmp_path / "erp.db", seed=7)
    for _ in range(DAYS):
        for _ in range(ACTS):
            actors.step()
        company.cycle()
    company.settle()
    assert {"marketer fills in", "rep accepts", "rep rejects"} <= set(actors.done)
    assert len(handed_over(company)) > len(first)
    assert set(handed_over(company).values()) == {1}
    with company.app.engine.connect() as connection:
        kinds = set(connection.scalars(sa.select(problem.c.kind).where(problem.c.open)))
    assert kinds <= OF_PEOPLE, company.problems()
    for contact in company.hubspot.all("contacts"):
        if contact.get("syncd_handoff_status") == "refused":
            assert contact["syncd_handoff_missing"]


def handed_over(company: World) -> Counter[str]:
    """Return how often each key of ours stands in Salesforce."""
    return Counter(row["Syncd_Key__c"] for row in company.leads() if row.get("Syncd_Key__c"))
