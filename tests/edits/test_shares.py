"""A plan's work shared by processes: what they tell together is what one tells alone, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import pytest
from small_world import FILES, SYSTEMS, SmallWorld, compiled

from syncd.edits.pair import Pair
from syncd.edits.shares import Crew, Sharing
from syncd.edits.tally import Closer, Tally

SHARED = Sharing(processes=2, systems=SYSTEMS, least=1, share=2)
LOUD = compiled({**FILES, "hub.yaml": FILES["hub.yaml"].replace("{from: company}", "{from: company, as: upper}")})


@pytest.fixture
def made(template: Path, tmp_path: Path) -> Iterator[SmallWorld]:
    """Nine leads, all of whom the edit reaches, handed over and quiet."""
    made = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    person = {"phone": "", "jobtitle": "VP", "city": "Austin", "budget": "50", "employees": "500", "optout": ""}
    rows = {f"{n}": {**person, "email": f"a{n}@x.example", "lastname": f"Lee{n}", "company": "Ax"} for n in range(9)}
    made.hears("hub", "contacts", rows)
    made.settle()
    yield made
    made.engine.dispose()


@pytest.mark.system
def test_processes_that_share_a_plan_tell_what_one_tells(made: SmallWorld) -> None:
    """Every total, group, example, effect and the id, in the same order."""
    done: list[tuple[int, int]] = []
    shared = told(made, sharing=SHARED, on_progress=lambda *of: done.append(of))
    assert shared == told(made)
    assert shared["totals"]["leads"] == 9
    assert done == [(2, 9), (4, 9), (6, 9), (8, 9), (9, 9)]


def test_a_process_that_died_leaves_its_shares_to_this_one(made: SmallWorld) -> None:
    ours, theirs = Pipe()
    theirs.close()
    crew, closer = Crew([ours], share=2), Closer(whole=True)
    alone = made.plan(LOUD)
    edit = alone.edit
    with made.engine.execution_options(syncd_reads_only=True).connect() as connection:
        pair = Pair(running=made.running, edited=LOUD, edit=edit, gaps={}, gaps_then={}, now=0, due=frozenset())
        crew.join(connection)
        crew.begin(pair, closer)
        found = Tally()
        for _, one in crew.tallies(connection, pair, sorted(alone.marks), closer):
            found.take(one, closer)
    assert found.marks == alone.marks


def test_of_many_effects_no_more_are_told_than_asked_for(made: SmallWorld) -> None:
    plan = made.plan(LOUD, closer=Closer(field="Company", most=4))
    assert [one.field for one in plan.effects] == ["Company"] * 4


def told(made: SmallWorld, **options: Any) -> dict[str, Any]:
    plan = made.plan(LOUD, **options)
    return {**plan.as_json(), "took": 0, "seconds": 0, "totals": plan.totals, "marks": plan.marks}
