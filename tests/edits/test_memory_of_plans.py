"""What a plan keeps of each lead is small, however many processes told of them."""

from __future__ import annotations

import pickle
import tracemalloc

from syncd.edits.effects import Effect, Risk
from syncd.edits.tally import Closer, Tally
from syncd.lead.definition import EntityKind
from syncd.store.versions import pack_marks, unpack_marks

LEADS, SHARE = 4_000, 500
MOST = 400  # bytes of a lead that changes in four fields; a dictionary of its own would take three times that


def test_a_lead_that_changes_costs_a_plan_few_bytes() -> None:
    """Its id, a digest of each change, and the names that it shares with the others."""
    shares = [pickle.dumps(_share(start)) for start in range(0, LEADS, SHARE)]
    tracemalloc.start()
    try:
        plan = Tally()
        for one in shares:
            plan.take(pickle.loads(one), Closer())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan.marks) == LEADS
    assert kept / LEADS < MOST


def test_what_is_kept_of_a_plan_is_what_it_told() -> None:
    marks = _share(0).marks
    assert unpack_marks(pack_marks(marks)) == marks


def test_two_records_of_one_kind_are_told_apart() -> None:
    """A plan that would change the other record of the two is another plan."""
    told = Tally()
    told.add([], [_effect("L", "crm Lead 1", "Title"), _effect("L", "crm Lead 2", "Title")], Closer())
    other = Tally()
    other.add([], [_effect("L", "crm Lead 2", "Title")], Closer())
    alone = Tally()
    alone.add([], [_effect("L", "crm Lead 1", "Title")], Closer())
    assert told.marks["L"][0] == ("crm Lead Title", "crm Lead Title of crm Lead 2")
    assert other.marks != alone.marks


# ---------------------------------------------------------------------------------------------------------------------


def _share(start: int) -> Tally:
    found = Tally()
    for number in range(start, start + SHARE):
        fields = ("Title", "City", "Company", "Score")
        found.add([], [_effect(f"01M821D7F52XET3D{number:010}", f"crm Lead {number}", one) for one in fields], Closer())
    return found


def _effect(entity: str, where: str, field: str) -> Effect:
    return Effect(
        entity=entity,
        kind=EntityKind.LEAD,
        risk=Risk.FILLED,
        where=where,
        group="crm Lead",
        field=field,
        ours=field,
        old=None,
        new="x",
        source="",
        rule="",
        line="",
    )
