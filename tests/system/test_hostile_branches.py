"""A thousand hostile addresses through the whole road: read from the ERP, matched, kept, written into both CRMs."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.hostile import SAME, hostile
from support.world import World, world

from benchmarks.labelled import all_plants
from syncd.lead.definition import EntityKind
from syncd.matching import Party
from syncd.store.tables import entity, link, problem

HOW_MANY = 1050
COLUMNS = ("name", "street", "city", "state", "postcode", "country", "phone")


def seed_accounts(made: World, plants: list[Party]) -> dict[str, str]:
    """Return the account ids in Salesforce, with the names that stand there."""
    rows = [
        {
            "Name": plant.name, "BillingStreet": plant.street, "BillingCity": plant.city, "BillingState": plant.state,
            "BillingPostalCode": plant.postcode, "BillingCountry": "US", "Phone": plant.phone,
        }
        for plant in plants
    ]  # fmt: skip
    ids = made.salesforce.seed("Account", rows)
    return {str(one): str(plant.name) for one, plant in zip(ids, plants, strict=True)}


def fill_erp(made: World, rows: list[Party]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    columns = ("customer_no", "ship_to_no", *COLUMNS, "changed_at")
    told = [
        {"customer_no": f"C{number}", "ship_to_no": row.id, "changed_at": now}
        | {column: getattr(row, column) for column in COLUMNS}
        for number, row in enumerate(rows)
    ]
    with made.erp.begin() as connection:
        connection.execute(sa.text("insert into customer (customer_no) values (:customer_no)"), told)
        marks = ", ".join(f":{column}" for column in columns)
        connection.execute(sa.text(f"insert into ship_to ({', '.join(columns)}) values ({marks})"), told)


def linked(made: World) -> dict[str, str | None]:
    """Return the account entity of each branch that is known, by the branch's id in the ERP."""
    query = sa.select(link.c.record_id, entity.c["values"]).where(
        link.c.entity == entity.c.id, entity.c.kind == EntityKind.BRANCH.value, link.c.system == "erp"
    )
    with made.app.engine.connect() as connection:
        return {key.partition("/")[2]: dict(values).get("account") for key, values in connection.execute(query)}


@pytest.mark.slow
def test_a_thousand_hostile_branches_crash_nothing_and_reach_no_wrong_account(tmp_path: Path, sqlite_url: str) -> None:
    """All are known afterwards, the next cycle is silent, and an account has only branches of its own name."""
    rng = random.Random(11)
    plants = rng.sample([plant for plant in all_plants() if plant.name], 60)
    made_of = hostile(plants, HOW_MANY, rng)
    with world(tmp_path, sqlite_url) as made:
        accounts = seed_accounts(made, plants)
        fill_erp(made, [row for _, _, row, _ in made_of])
        made.settle(8)
        query = sa.select(link.c.entity, link.c.record_id).where(link.c.kind == "Account")
        with made.app.engine.connect() as connection:
            names = {row.entity: row.record_id for row in connection.execute(query)}
            told = connection.execute(sa.select(problem.c.kind).where(problem.c.open.is_(True))).scalars().all()
        where = linked(made)
        written = made.salesforce.all("Branch__c")
    assert len(where) == HOW_MANY
    wrong, found = [], set()
    for kind, plant, row, same in made_of:
        account = where[row.id]
        if account is None:
            continue
        found.add(kind)
        # Another town, or no street: still a branch of that company. Another company or nobody: never.
        if accounts[names[account]] != plant.name or not (same or kind == "the same street in another city"):
            wrong.append((kind, plant.id, accounts[names[account]]))
    assert wrong == []
    assert found == {*SAME, "the same street in another city"}
    # What Salesforce does not take, 4 kB or no name at all, stands in the inbox, each for itself.
    assert len(written) + told.count("rejected") == sum(account is not None for account in where.values())
    assert set(told) <= {"match", "rejected"}
