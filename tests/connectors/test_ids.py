"""The list of all ids, by which a sweep finds what polls cannot show: whole, in order, and in few calls."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from hubspot_bench import bench
from hubspot_bench import people as contacts
from salesforce_sandbox import people, sandbox

from connectors.contract import Roll
from connectors.errors import Unavailable
from connectors.table import files, sql
from sandbox.wire import Fault


def alive(rolls: Iterable[Roll]) -> list[str]:
    return [key for roll in rolls for key in roll.alive]


def deleted(rolls: Iterable[Roll]) -> list[str]:
    return [key for roll in rolls for key in roll.deleted]


def test_hubspot_lists_the_living_and_then_the_bin_a_hundred_in_a_call() -> None:
    """Neither the merged nor the erased are anywhere."""
    with bench() as made:
        ids = made.sim.seed("contacts", contacts(205))
        made.sim.archive("contacts", ids[0])
        made.sim.gdpr_delete("contacts", ids[1])
        third = made.sim.merge("contacts", ids[2], ids[3])
        rolls = list(made.connector.ids("contacts"))
        assert alive(rolls) == [*ids[4:], third]
        assert deleted(rolls) == [ids[0]]
        assert made.server.board.total() == 4


def test_hubspot_records_made_or_archived_while_it_is_read_cost_no_other_its_place() -> None:
    """The list goes on by id and not by number."""
    with bench() as made:
        ids = made.sim.seed("contacts", contacts(250))
        rolls = made.connector.ids("contacts")
        first = next(rolls)
        for gone in ids[:50]:
            made.sim.archive("contacts", gone)
        (late,) = made.sim.seed("contacts", contacts(1, start=250))
        assert [*first.alive, *alive(rolls)] == [*ids, late]


def test_salesforce_lists_two_thousand_in_a_call_with_the_deleted_told_apart() -> None:
    with sandbox() as box:
        ids = box.org.seed("Lead", people(2_001), modified=box.clock() - 10)
        box.org.delete("Lead", ids[7])
        box.org.purge("Lead", ids[8])
        before = box.calls()
        rolls = list(box.sf.ids("Lead"))
        assert sorted(alive(rolls)) == sorted([*ids[:7], *ids[9:]])
        assert deleted(rolls) == [ids[7]]
        assert box.calls() - before == 2


def test_a_list_that_cannot_be_read_to_its_end_raises() -> None:
    """Half of a list would be taken for the deletion of the other half."""
    with bench() as made:
        made.sim.seed("contacts", contacts(150))
        made.server.board.add(Fault("html", "GET contacts", first=2, times=99))
        with pytest.raises(Unavailable):
            list(made.connector.ids("contacts"))


def test_a_table_lists_its_rows_in_pages(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "erp.db")
    database.execute("create table plant (no integer, name text)")
    database.executemany("insert into plant values (?, 'x')", [(number,) for number in range(25)])
    database.commit()
    database.close()
    source = sql.connect("erp", sql.Settings(url=f"sqlite:///{tmp_path}/erp.db", page=10))
    source.define("plant", {"query": "select no, name from plant", "id": "no"})
    rolls = list(source.ids("plant"))
    source.close()
    assert [len(roll.alive) for roll in rolls] == [10, 10, 5]
    assert sorted(alive(rolls), key=int) == [str(number) for number in range(25)]


def test_a_file_lists_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "plants.csv"
    path.write_text("no,name\n1,a\n2,b\n", encoding="utf-8")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    source = files.connect("files", files.Settings(folder=tmp_path))
    source.define("plant", {"file": "plants.csv", "id": "no"})
    assert alive(source.ids("plant")) == ["1", "2"]
