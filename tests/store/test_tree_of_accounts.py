"""Reading the tree of accounts: who is kin, rings, old keys, and what it costs where there is no tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from syncd.pipeline.kin import Tree, read_tree
from syncd.store import intake
from syncd.store.database import open_store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_store(f"sqlite:///{tmp_path}/state.db")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def accounts(connection: Connection, above: Mapping[str, str | None]) -> None:
    blank = {"provenance": {}, "state": {}, "definition": None, "created_at": 0, "updated_at": 0}
    rows = [{"id": one, "kind": "account", "values": {"parent": parent}, **blank} for one, parent in above.items()]
    intake.save_entities(connection, rows)
    keys = [{"entity_kind": "account", "key": "parent", "value": p, "entity": one} for one, p in above.items() if p]
    intake.save_keys(connection, keys)


FAMILY = {"HQ": None, "NORTH": "HQ", "SOUTH": "HQ", "BRAND": "NORTH", "OTHER": None}


@pytest.mark.parametrize("asked", ["HQ", "NORTH", "BRAND"])
def test_whoever_is_asked_about_has_the_whole_family_as_kin(connection: Connection, asked: str) -> None:
    accounts(connection, FAMILY)
    tree = read_tree(connection, {asked})
    assert tree.members == {"HQ", "NORTH", "SOUTH", "BRAND"}
    assert tree.kin("BRAND") == {
        "HQ": "its parent account",
        "NORTH": "its parent account",
        "SOUTH": "another account of its group",
    }
    assert tree.kin("HQ") == dict.fromkeys(("BRAND", "NORTH", "SOUTH"), "a subsidiary")
    assert tree.kin("OTHER") == {}


def test_accounts_in_a_ring_are_kin_and_end(connection: Connection) -> None:
    """Two records of one company, each the other's parent in one of the systems."""
    accounts(connection, {"A": "B", "B": "C", "C": "A", "D": "A", "E": "E"})
    tree = read_tree(connection, {"D", "E"})
    assert set(tree.kin("D")) == {"A", "B", "C"}
    assert set(tree.kin("A")) == {"B", "C", "D"}
    assert tree.kin("E") == {}


def test_a_key_of_the_past_makes_nobody_kin(connection: Connection) -> None:
    accounts(connection, {"HQ": None, "LEFT": None})
    intake.save_keys(connection, [{"entity_kind": "account", "key": "parent", "value": "HQ", "entity": "LEFT"}])
    assert read_tree(connection, {"HQ"}) == Tree()


def test_a_thousand_accounts_without_a_tree_cost_a_handful_of_queries(connection: Connection) -> None:
    accounts(connection, dict.fromkeys((f"A{number}" for number in range(1000)), None))
    asked: list[str] = []
    event.listen(connection.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert read_tree(connection, {f"A{number}" for number in range(1000)}) == Tree()
    assert len(asked) <= 4
