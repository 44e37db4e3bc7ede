"""R22: an ERP that is away, changed or half right costs its own branches their freshness, and no lead a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.world import World, add_branch, world

from syncd.store.tables import record


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        one.salesforce.seed("Account", [{"Name": "Works Inc.", "AccountNumber": "C1", "BillingCountry": "US"}])
        yield one


def sql(made: World, statement: str) -> None:
    with made.erp.begin() as connection:
        connection.execute(sa.text(statement))


def cycle(made: World) -> list[str]:
    """A cycle that waits for nothing; return the systems in trouble."""
    made.work.troubles.forget()
    made.wait_is_over()
    return sorted(made.cycle().troubles)


def branches(made: World) -> list[str]:
    return sorted(row["Ship_To__c"] for row in made.salesforce.all("Branch__c"))


def deleted(made: World) -> list[str]:
    query = sa.select(record.c.id).where(record.c.system == "erp", record.c.deleted.is_(True))
    with made.app.engine.connect() as connection:
        return list(connection.execute(query).scalars())


# What goes wrong in the ERP, and what puts it right.
WRONGS = {
    "a table that is gone": ("alter table ship_to rename to elsewhere", "alter table elsewhere rename to ship_to"),
    "a column that is gone": (
        "alter table ship_to rename column street to strasse",
        "alter table ship_to rename column strasse to street",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_while_the_erp_cannot_be_read_leads_go_on_and_nothing_of_its_is_undone(
    made: World, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told once, with place and remedy; taken up again when it is put right."""
    monkeypatch.setattr("syncd.daemon.drift.PATIENCE_MS", 0)
    add_branch(made, "S1", "Works North")
    made.settle()
    break_it, mend_it = WRONGS[wrong]
    sql(made, break_it)
    made.contact()
    for _ in range(3):
        cycle(made)
        (told,) = made.problems()
        assert "ship_to" in told
        assert "by itself once" in told
    assert len(made.leads()) == 1
    assert branches(made) == ["S1"]
    sql(made, mend_it)
    add_branch(made, "S2", "Works South", street="7 South St")
    cycle(made)
    made.settle()
    assert branches(made) == ["S1", "S2"]
    assert made.problems() == []


# A row that cannot be taken, and what puts it right.
ROWS = {
    "half a row": (
        "insert into ship_to (customer_no, name, changed_at) values ('C1', 'x', '2099-01-01 00:00:00.000000')",
        "delete from ship_to where ship_to_no is null",
    ),
    "a row that lost its number": (
        "update ship_to set ship_to_no = null where ship_to_no = 'S1'",
        "update ship_to set ship_to_no = 'S1' where ship_to_no is null",
    ),
    "a row that comes twice": (
        "insert into ship_to select * from ship_to where ship_to_no = 'S1'",
        "delete from ship_to where rowid = (select max(rowid) from ship_to where ship_to_no = 'S1')",
    ),
}


@pytest.mark.parametrize("wrong", ROWS)
def test_one_row_that_cannot_be_taken_holds_up_no_other(made: World, wrong: str) -> None:
    """Told once and closed by itself; its branch stays, over a sweep too, and new branches come."""
    add_branch(made, "S1", "Works North")
    made.settle()
    break_it, mend_it = ROWS[wrong]
    sql(made, break_it)
    add_branch(made, "S2", "Works South", street="7 South St")
    made.contact()
    for _ in range(2):
        assert cycle(made) == []
        (told,) = made.problems()
        assert "ship_to" in told
        assert "by itself once" in told
    made.settle()
    made.cycle(sweeping=True)
    assert deleted(made) == []
    assert branches(made) == ["S1", "S2"]
    assert len(made.leads()) == 1
    sql(made, mend_it)
    made.cycle(sweeping=True)
    assert made.problems() == []
    made.settle()
    assert branches(made) == ["S1", "S2"]
    assert made.stored("erp")["ship_to"] == ["C1/S1", "C1/S2"]
