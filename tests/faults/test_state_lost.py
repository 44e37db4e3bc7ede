"""The state is lost, or restored from a copy that is a day old: nobody is doubled, and it costs little."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from crash.checker import History, agrees, nothing_doubled, nothing_invented, nothing_lost, refused_means_refused
from crash.scenario import ACTS
from faults.town import Place, Town, place
from support.long import times
from support.world import COMPLETE

from syncd.pipeline.undoing import find_replaced, put_back

MANY = times(300, 2000)
DAY = 86_400.0


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("lost"), {"batch: 4": "batch: 1000"}) as made:
        yield made


def _verify(town: Town) -> None:
    """Check what can be seen in the systems; how it came about is no longer in the state."""
    seen = town.seen()
    past = History(seen.history)
    broken = [*nothing_lost(seen, past), *nothing_doubled(seen), *refused_means_refused(past)]
    broken += [*nothing_invented(past), *agrees(seen, past)]
    assert not broken, "\n".join(broken)


def _story(town: Town, acts: int) -> None:
    town.cycle()
    for act in ACTS[:acts]:
        town.play(act)
        for _ in range(2):
            town.cycle()


def _forget(somewhere: Place, copy: Path) -> None:
    for part in ("", "-wal", "-shm"):
        (somewhere.folder / f"state.db{part}").unlink(missing_ok=True)
    (somewhere.folder / "state.db").write_bytes(copy.read_bytes())
    (somewhere.folder / "state.db").chmod(0o600)


def _backup(somewhere: Place) -> Path:
    target = somewhere.folder / "yesterday.db"
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(somewhere.folder / "state.db")) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    return target


@pytest.mark.parametrize("acts", range(1, len(ACTS) + 1))
def test_a_state_that_is_lost_is_built_again_from_the_systems(somewhere: Place, acts: int) -> None:
    """Whatever had happened by then: everybody is found again, nobody is made anew, and then nothing is written."""
    with somewhere.fresh() as town:
        _story(town, acts)
        _verify(town)
        leads = sorted(row["Id"] for row in town.world.leads())
        town.stop()
        _forget(somewhere, somewhere.folder / "empty-state.db")
        with town.running():
            for _ in range(2):
                town.cycle()
            assert sorted(row["Id"] for row in town.world.leads()) == leads
            _verify(town)
            before = town.writes()
            assert not town.cycle()
            assert town.writes() == before


@pytest.mark.parametrize("then", range(1, len(ACTS)))
def test_a_copy_of_yesterday_catches_up_within_two_polls(somewhere: Place, then: int) -> None:
    """What syncd wrote and made since the copy is found in the systems, and what people did since is read again."""
    with somewhere.fresh() as town:
        _story(town, then)
        copy = _backup(somewhere)
        town.clock.move(DAY)
        for act in ACTS[then:]:
            town.play(act)
            for _ in range(2):
                town.cycle()
        _verify(town)
        leads = sorted(row["Id"] for row in town.world.leads())
        town.stop()
        _forget(somewhere, copy)
        with town.running():
            for _ in range(2):
                town.cycle()
            assert sorted(row["Id"] for row in town.world.leads()) == leads
            _verify(town)
            before = town.writes()
            assert not town.cycle()
            assert town.writes() == before


def test_what_syncd_wrote_since_the_copy_counts_as_theirs_until_both_sides_agree(somewhere: Place) -> None:
    """As docs/operations.md tells: only what changed once more meanwhile, and `undo` gives back what it cost."""
    with somewhere.fresh() as town:
        ann, bob = town.world.contacts([{**COMPLETE, "email": f"{one}@works.example"} for one in ("ann", "bob")])

        def stand(one: str) -> tuple[str, str, str]:
            contact = town.world.hubspot.get("contacts", one)
            lead = town.world.salesforce.get("Lead", contact["syncd_crm_id"])
            return lead["Problem__c"], lead["Budget__c"], contact["budget_amount"]

        for _ in range(3):
            town.cycle()
        copy = _backup(somewhere)
        town.clock.move(DAY)
        for one in (ann, bob):
            town.world.hubspot.edit("contacts", one, {"problem": "Rust", "budget_amount": "60000"})
        town.cycle()
        assert stand(ann) == stand(bob) == ("Rust", "60000", "60000")
        town.stop()
        town.clock.move(1.0)
        town.world.hubspot.edit("contacts", ann, {"problem": "Dust", "budget_amount": "70000"})
        _forget(somewhere, copy)
        with town.running():
            for _ in range(2):
                town.cycle()
            assert stand(ann) == ("Rust", "60000", "60000")  # of Ann, marketing's newer words
            lost = find_replaced(
                town.world.app.engine, town.world.app.destinations, town.world.app.mappings, entity=None, since=0
            )
            assert [(one.system, one.field, one.was) for one in lost.wanted] == [("hubspot", "budget_amount", "70000")]
            put_back(town.world.app.engine, town.world.app.destinations, lost.wanted)
            lead = town.world.hubspot.get("contacts", ann)["syncd_crm_id"]
            town.world.salesforce.edit("Lead", lead, {"Problem__c": "Dust"})
            for _ in range(2):
                town.cycle()
            assert stand(ann) == ("Dust", "70000", "70000")
            for one in (ann, bob):
                town.world.hubspot.edit("contacts", one, {"problem": "Heat", "budget_amount": "80000"})
            town.cycle()
            assert stand(ann) == stand(bob) == ("Heat", "80000", "80000")


def test_a_lost_state_costs_at_most_twice_the_floor(somewhere: Place) -> None:
    """The floor is one look at every page of every kind: 200 contacts a search, 2,000 rows a composite."""
    with somewhere.fresh() as town:
        town.world.contacts(
            [
                {
                    **COMPLETE,
                    "email": f"p{number}@works{number % 50}.example",
                    "lastname": f"Family{number}",
                    "mobilephone": f"(312) 555-{number:04d}",
                }
                for number in range(MANY)
            ]
        )
        for _ in range(3):
            town.cycle()
        assert len(town.world.leads()) == MANY
        before = town.writes()
        town.stop()
        _forget(somewhere, somewhere.folder / "empty-state.db")
        town.world.calls()
        with town.running():
            for _ in range(2):
                town.cycle()
            calls = town.calls("search") + town.calls("composite") + town.calls("batch")
            floor = -(-MANY // 200) + 1 + 1 + -(-MANY // 2000)
            idle = 3  # of the second poll
            assert len(town.world.leads()) == MANY
            assert town.writes() == before, f"{town.writes() - before} records were written that held all of it"
            assert calls <= 2 * floor + idle, (calls, floor)
