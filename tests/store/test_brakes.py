"""Brakes on both databases: what is beyond stays held over any number of runs, until a person lets it through."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
import seam as usual
from seam import Seam
from support.clock import DAY, MINUTE
from test_handoff import created

from connectors.contract import Deferred
from syncd.lead.decision import Fate
from syncd.pipeline import Brake, approve_held, doors, settle_brakes
from syncd.store import held, succession
from syncd.store.tables import agreed, approval, due, entity, ledger, problem
from syncd.store.tables import held as held_table


def contacts(seam: Seam, *names: int, **fields: Any) -> None:
    """Poll them one after the other, which is the order of handoff."""
    for one in names:
        seam.later(1)
        seam.contact(str(one), {"email": f"{one}@plant.example", **fields})


def run(seam: Seam, brake: Brake | None = None) -> int:
    """One handoff with a fresh brake, a minute after the last; return how many leads were ever made."""
    seam.later()
    brake = brake or Brake(creates=2)
    with seam.engine.begin() as connection:
        settle_brakes(connection, brake, seam.now)
    while seam.due():
        seam.turn(brake=brake)
    return len(created(seam))


def approve(seam: Seam) -> dict[str, int]:
    with seam.engine.begin() as connection:
        return approve_held(connection, "ann", seam.now)


def says_no(seam: Seam) -> None:
    """Let a contact be able to opt out, and both systems be told of it."""
    no = "  opted_out: {type: boolean, merge: any}\naccount:\n  name"
    seam.edit(
        definition=usual.DEFINITION.replace("account:\n  name", no),
        hub=usual.HUB + "    opted_out: {from: out, to: told, when: opted_out}\n",
        crm=usual.CRM.replace("    sales_decision", "    opted_out: {to: Out}\n    sales_decision"),
    )


def waiting(seam: Seam) -> Collection[str]:
    with seam.engine.begin() as connection:
        return held.waiting(connection)


def test_what_is_beyond_stays_held_over_any_number_of_runs(seam: Seam) -> None:
    contacts(seam, *range(50, 57))
    assert [run(seam) for _ in range(4)] == [2, 2, 2, 2]
    assert [kind for kind, _, _ in seam.problems()] == ["brake"]
    assert "the brake on creates (2 in a run) is closed" in seam.message()
    assert "5 leads wait" in seam.message()


def test_what_is_held_leaves_no_trace(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    seam.turn(brake=Brake(creates=0))
    assert seam.fates == {Fate.HELD.value: 3}
    assert (seam.rows(ledger), seam.rows(agreed), seam.intents(), seam.crm.requests) == ([], [], [], [])


def test_a_run_in_which_nothing_changed_writes_nothing(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    run(seam)
    before = [seam.rows(table) for table in (held_table, problem, approval)]
    assert (run(seam), [seam.rows(table) for table in (held_table, problem, approval)]) == (2, before)


def test_an_approval_lets_through_what_was_held_and_nothing_that_comes_later(seam: Seam) -> None:
    contacts(seam, *range(50, 57))
    run(seam)
    assert approve(seam) == {"creates": 5}
    contacts(seam, *range(60, 64))
    assert run(seam) == 2 + 5 + 2
    assert "2 leads wait" in seam.message()
    assert [(row.what, row.by, row.entities) for row in seam.rows(approval)] == [("creates", "ann", 5)]


def test_an_approval_of_nothing_is_none(seam: Seam) -> None:
    contacts(seam, 51)
    run(seam)
    assert (approve(seam), seam.rows(approval)) == ({}, [])


def test_who_comes_while_a_brake_is_closed_waits_too_and_is_counted(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    run(seam)
    contacts(seam, 54)
    assert run(seam) == 2
    assert "2 leads wait, those that came since too" in seam.message()


def test_what_a_closed_brake_does_not_mean_goes_on(seam: Seam) -> None:
    """An update of a lead that is there, and the refusal of one that is not complete."""
    contacts(seam, 51, 52, 53)
    run(seam)
    contacts(seam, 51, company="Plant Two")
    contacts(seam, 59, budget=None)
    assert run(seam) == 2
    assert [one.fields for one in seam.crm.requests if one.id] == [{"Company": "Plant Two"}]
    assert [one.id for one in seam.hub.requests if "missing" in one.fields] == ["59"]


def test_a_brake_opens_by_itself_once_no_more_want_it_than_one_run_may(seam: Seam) -> None:
    """Two of four held leads lose their budget: the gate says no, and two are no more than a run may make."""
    contacts(seam, *range(50, 56))
    run(seam)
    contacts(seam, 54, budget=None)
    assert (run(seam), len(waiting(seam))) == (2, 3)
    contacts(seam, 55, budget=None)
    assert (run(seam), waiting(seam)) == (4, [])
    assert seam.problems() == []


def test_few_that_are_held_stay_held_though_one_run_might_make_them(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    assert [run(seam) for _ in range(3)] == [2, 2, 2]
    contacts(seam, 53, company="Plant Two")
    assert (run(seam), len(waiting(seam))) == (2, 1)


def test_who_is_no_longer_wanted_leaves_and_the_brake_opens(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    run(seam)
    contacts(seam, 53, budget=None)
    assert (run(seam), waiting(seam), seam.problems()) == (2, [], [])


def test_an_approval_outlives_a_system_that_cannot_take_the_write(seam: Seam) -> None:
    contacts(seam, *range(50, 56))
    run(seam)
    approve(seam)
    seam.crm.answer = lambda _: Deferred("busy")
    run(seam)
    seam.crm.answer = seam.crm.writes
    seam.later(10 * MINUTE)
    before = len(created(seam))
    assert (run(seam) - before, waiting(seam)) == (4, [])
    assert seam.rows(held_table) == []


@pytest.mark.parametrize("how", ["put off", "turned away"])
def test_an_approval_lets_through_what_each_system_is_to_be_told(seam: Seam, how: str) -> None:
    """One answers, the other is away or takes none of it for now: that takes it later, and nobody is asked again."""
    family = "    surname: {to: family, value: last_name, conflict: ours}\n"
    named = usual.DEFINITION.replace("account:\n  name", "  surname: {type: text}\naccount:\n  name")
    seam.edit(definition=named, hub=usual.HUB + family)
    contacts(seam, 51, 52, 53, family="Smith")
    seam.until_quiet()
    contacts(seam, 51, 52, 53, lastname="Jones")
    closed = Brake(overwrites=0)
    run(seam, closed)
    approve(seam)
    if how == "put off":
        seam.crm.answer = lambda _: Deferred("busy")
    else:
        with seam.engine.begin() as connection:
            doors.shut(connection, {("crm", "Lead", False): "no right"}, seam.now)
    run(seam, closed)
    assert [one["family"] for one in seam.hub.held.values()] == ["Jones"] * 3
    assert [one["LastName"] for one in seam.crm.held.values()] == ["Smith"] * 3
    seam.crm.answer = seam.crm.writes
    seam.later(20 * MINUTE)
    run(seam, closed)
    assert [one["LastName"] for one in seam.crm.held.values()] == ["Jones"] * 3
    assert (seam.rows(held_table), seam.problems()) == ([], [])


def test_an_approval_waits_for_another_that_the_same_entity_needs(seam: Seam) -> None:
    with seam.engine.begin() as connection:
        held.keep(connection, [("one", "creates", 1)], seam.now)
        held.approve(connection, "ann", seam.now)
        held.keep(connection, [("one", "overwrites", 1)], seam.now)
        held.use_up(connection)
        assert len(held.rows_of(connection, ["one"])["one"]) == 2
        held.approve(connection, "ann", seam.now)
        held.use_up(connection)
        assert held.is_empty(connection)


def test_a_system_that_cannot_be_asked_opens_no_brake(seam: Seam) -> None:
    """While nothing may be made there, a held lead wants no write; that is no reason to let the others through."""
    contacts(seam, *range(50, 56))
    run(seam)
    contacts(seam, 54, 55, company="Plant Two")
    seam.later()
    seam.turn(brake=Brake(creates=2), may_create=())
    assert len(waiting(seam)) == 4
    assert run(seam) == 2


def test_a_brake_that_nobody_sets_any_more_holds_nothing(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    run(seam)
    assert (run(seam, Brake()), seam.problems()) == (3, [])


def test_whom_a_brake_holds_is_not_decided_again_because_time_passes(seam: Seam) -> None:
    """Its moment is long over; it is decided when it is let through, and then wakes for the next."""
    timed = usual.DEFINITION + "score:\n  engagement: [{points: 50, per: touch, decay: 15% / 14d}]\n"
    seam.edit(definition=timed, hub=usual.HUB + "  touches:\n    - {kind: form, watch: form, at: form}\n")
    contacts(seam, 51, form="2026-05-20T00:00:00Z")
    seam.until_quiet()
    contacts(seam, 51, company="Plant Two")
    run(seam, Brake(overwrites=0))
    seam.later(40 * DAY)
    assert seam.due() == []
    approve(seam)
    seam.until_quiet()
    assert [one.fields for one in seam.crm.requests if one.id] == [{"Company": "Plant Two"}]
    seam.later(20 * DAY)
    assert len(seam.due()) == 1


def test_overwrites_are_held_like_creates(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    seam.until_quiet()
    contacts(seam, 51, 52, 53, company="Plant Two")
    for _ in range(3):
        run(seam, Brake(overwrites=1))
    assert len([one.id for one in seam.crm.requests if one.id]) == 1
    assert approve(seam) == {"overwrites": 2}
    run(seam, Brake(overwrites=1))
    assert len([one.id for one in seam.crm.requests if one.id]) == 3


def test_moves_on_the_ladder_are_held_and_leave_the_lead_where_it_was(seam: Seam) -> None:
    """Its first stages are no move, else a first load would meet the brake."""
    contacts(seam, 50)
    contacts(seam, 51, 52, 53, company=None)
    assert run(seam, Brake(stages=0)) == 1
    assert [one.state["stage"] for one in seam.rows(entity)] == ["mql", *["inquiry"] * 3]
    contacts(seam, 51, 52, 53, company="Plant")
    assert [run(seam, Brake(stages=1)) for _ in range(2)] == [2, 2]
    assert sorted(one.state["stage"] for one in seam.rows(entity)) == ["inquiry", "inquiry", "mql", "mql"]
    assert "the brake on stages (1 in a run) is closed" in seam.message()
    assert approve(seam) == {"stages": 2}
    assert run(seam, Brake(stages=1)) == 4


def test_an_approval_is_used_up_by_the_write(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    seam.until_quiet()
    for company, written in (("Plant Two", 3), ("Plant Three", 4)):
        contacts(seam, 51, 52, 53, company=company)
        run(seam, Brake(overwrites=1))
        assert len(waiting(seam)) == 2
        if company == "Plant Two":
            approve(seam)
            run(seam, Brake(overwrites=1))
        assert len([one.id for one in seam.crm.requests if one.id]) == written


def test_a_brake_holds_no_opt_out(seam: Seam) -> None:
    """Neither that of a lead of which nothing else changed nor that of one that waits, whose rest goes with the
    approval; put off by the system, it is tried again by itself."""
    says_no(seam)
    contacts(seam, 51, 52, 53)
    seam.until_quiet()
    for lead in list(seam.crm.held):
        seam.crm_lead(lead, {"Out": False})
    told = {one["Email"][:2]: one for one in seam.crm.held.values()}
    contacts(seam, 51, 52, company="Plant Two")
    closed = Brake(overwrites=0)
    run(seam, closed)
    contacts(seam, 51, 53, out="true")
    seam.crm.answer = lambda _: Deferred("busy")
    run(seam, closed)
    seam.crm.answer = seam.crm.writes
    seam.later(10 * MINUTE)
    run(seam, closed)
    assert [told[one]["Out"] for one in ("51", "52", "53")] == [True, False, True]
    assert [told[one]["Company"] for one in ("51", "52")] == ["Plant", "Plant"]
    assert (len(waiting(seam)), seam.rows(due)) == (2, [])
    approve(seam)
    run(seam, closed)
    assert [told[one]["Company"] for one in ("51", "52")] == ["Plant Two", "Plant Two"]


def test_an_opt_out_of_a_lead_that_is_held_leaves_it_held(seam: Seam) -> None:
    """Also while the CRM cannot be asked whether it has the lead."""
    says_no(seam)
    contacts(seam, 51, told=None)
    seam.turn(brake=Brake(creates=0))
    contacts(seam, 51, out="true")
    seam.turn(brake=Brake(creates=0), may_create=())
    assert (len(waiting(seam)), seam.hub.held["51"]["told"]) == (1, "true")


def test_a_refusal_that_is_over_costs_the_brake_on_clears_nothing(seam: Seam) -> None:
    """What syncd itself wrote on the contact is nobody's loss."""
    contacts(seam, 51, 52, 53, budget=None)
    seam.until_quiet()
    contacts(seam, 51, 52, 53, budget=5)
    run(seam, Brake(clears=0))
    assert [one.fields["missing"] for one in seam.hub.requests[3:]] == [None] * 3


def test_a_lead_that_becomes_part_of_another_is_held_no_more(seam: Seam) -> None:
    contacts(seam, 51, 52, 53)
    seam.turn(brake=Brake(creates=0))
    keeper, *others = seam.entities()
    with seam.engine.begin() as connection:
        succession.join_entities(connection, keeper, others, {}, (), seam.now)
    assert waiting(seam) == [keeper]


def test_a_refused_lead_costs_the_brake_nothing(seam: Seam) -> None:
    contacts(seam, 51, budget=None)
    seam.turn(brake=Brake(creates=0))
    assert seam.fates == {Fate.REFUSED.value: 1}
