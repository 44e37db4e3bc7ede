"""What polling Salesforce promises, shown on the sandbox over real HTTP: nothing skipped, few calls."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from salesforce_sandbox import KINDS, one_of, people, sandbox
from salesforce_wire import Stored

from connectors.contract import Reading
from connectors.errors import ConfigProblem


def everything(org, kind: str = "Lead") -> set[str]:
    return {row["Id"] for row in org.all(kind)}


# --- the first load and paging ---------------------------------------------------------------------------------------


def test_rows_that_share_a_second_are_all_read() -> None:
    """5,000 rows with one stamp and page borders inside: three calls, none lost, none twice."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5000))
        came = box.poll()["Lead"]
        assert sorted(came) == sorted(ids)
        assert box.calls() == 3


def test_a_page_that_salesforce_cuts_short_is_not_the_last() -> None:
    """Rows with long texts come 500 at a time, whatever was asked for."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(1200, Description="x"))
        assert sorted(box.poll(fields=["Description"])["Lead"]) == sorted(ids)


def test_a_first_load_goes_on_where_it_was_stopped() -> None:
    """A process that dies after the first page reads the others, and not the first again."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(4500))
        first = next(box.sf.changes([Reading(kind="Lead", fields=(), after=None)], box.store))
        box.store.take(first)
        box.sf = box.connect()
        rest = box.poll()["Lead"]
        assert len(rest) == 2500
        assert {record.id for record in first.records} | set(rest) == set(ids)


def test_several_objects_share_the_calls_of_a_first_load() -> None:
    """Four objects with two pages each take the calls of one."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)] * 2500)
        came = box.poll(KINDS)
        assert {kind: len(ids) for kind, ids in came.items()} == dict.fromkeys(KINDS, 2500)
        assert box.calls() == 2


def test_rows_edited_while_pages_are_read_are_not_lost() -> None:
    """An edit moves a row to the end of the order: every row's last version must arrive."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(4200), modified=box.clock() - 100)
        edited = ids[1990:2010] + ids[3990:4010]
        for page in box.sf.changes([Reading(kind="Lead", fields=("Company",), after=None)], box.store):
            box.store.take(page)
            if len(box.store.records["Lead"]) == 2000:
                for id in edited:
                    box.org.edit("Lead", id, {"Company": "Edited"})
        box.poll(fields=("Company",))
        kept = box.store.records["Lead"]
        assert set(kept) == set(ids)
        assert {kept[id].fields["Company"] for id in edited} == {"Edited"}


def test_one_edit_per_page_loses_nothing() -> None:
    """The case in which offset paging loses a row per edit."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3000, Description="x"), modified=box.clock() - 100)
        for number, page in enumerate(
            box.sf.changes([Reading(kind="Lead", fields=("Description",), after=None)], box.store)
        ):
            box.store.take(page)
            if number < 5:
                box.org.edit("Lead", ids[number], {"Description": "y"})
        box.poll(fields=("Description",))
        assert {id for id, record in box.store.records["Lead"].items() if record.fields["Description"] == "y"} == set(
            ids[:5]
        )
        assert set(box.store.records["Lead"]) == set(ids)


# --- polling ---------------------------------------------------------------------------------------------------------


def test_an_idle_poll_of_four_objects_is_one_call_and_no_page() -> None:
    """Polling goes on day and night: what costs nothing may be frequent."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)] * 3)
        box.poll(KINDS)
        for _ in range(5):
            calls = box.calls()
            assert box.poll(KINDS) == {}
            assert box.calls() == calls + 1


def test_an_org_without_rows_is_one_call() -> None:
    """No cursor yet, and nothing to count."""
    with sandbox() as box:
        assert box.poll(KINDS) == {}
        assert box.calls() == 1


def test_a_change_is_read_once() -> None:
    """The poll after it is silent again."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3), modified=box.clock() - 50)
        box.poll()
        box.org.edit("Lead", ids[1], {"Company": "New"})
        assert box.poll() == {"Lead": [ids[1]]}
        assert box.poll() == {}


@pytest.mark.parametrize("late", KINDS)
def test_a_late_commit_is_found_within_as_many_polls_as_there_are_objects(late: str) -> None:
    """A transaction of ten minutes commits rows with stamps behind the cursor."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)])
        box.poll(KINDS)
        id = box.org.late_commit(late, one_of(late), age=600)
        came = [box.poll(KINDS) for _ in KINDS]
        assert [found[late] for found in came if late in found] != []
        assert id in {i for found in came for i in found.get(late, ())}


def test_two_objects_find_a_late_commit_in_the_next_poll() -> None:
    """Both counts fit into the call."""
    with sandbox() as box:
        box.org.seed("Lead", people(2))
        box.org.seed("Contact", [one_of("Contact")])
        box.poll(("Lead", "Contact"))
        late = [box.org.late_commit(kind, one_of(kind), age=300) for kind in ("Lead", "Contact")]
        came = box.poll(("Lead", "Contact"))
        assert late[0] in came["Lead"]
        assert late[1] in came["Contact"]
        assert box.poll(("Lead", "Contact")) == {}


@pytest.mark.parametrize("age", [5000, 400])
def test_a_late_commit_of_an_edit_is_found(age: int) -> None:
    """The row was known, outside the window or within it, where an edit moves no count."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5), modified=box.clock() - age)
        box.org.seed("Lead", people(1))
        box.poll(fields=("Company",))
        box.org.late_commit("Lead", {"Company": "Late"}, age=100, id=ids[2])
        box.poll(fields=("Company",))
        assert box.store.records["Lead"][ids[2]].fields["Company"] == "Late"


def test_a_late_commit_is_found_however_rarely_polls_come() -> None:
    """Polls an hour apart, and the object's turn is not the first: the window reaches back to its last turn."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)])
        box.poll(KINDS)
        late = {kind: box.org.late_commit(kind, one_of(kind), age=60) for kind in KINDS}
        for _ in KINDS:
            box.clock.forward(3000)
            for kind in KINDS:
                box.org.seed(kind, [one_of(kind)])
            box.poll(KINDS)
        assert all(late[kind] in box.store.records[kind] for kind in KINDS)


def test_a_late_commit_beside_new_rows_is_found() -> None:
    """The counts are compared after the new rows were stored, so neither hides the other."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(10), modified=box.clock() - 20)
        box.poll()
        late = box.org.late_commit("Lead", one_of("Lead"), age=200)
        for id in ids[:4]:
            box.org.edit("Lead", id, {"Company": "New"})
        assert late in box.poll()["Lead"]
        assert box.poll() == {}


def test_a_row_of_the_same_second_with_a_smaller_id_is_found() -> None:
    """Ids do not grow with time across an org's pods, so the tie-break alone may pass such a row by."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3), modified=box.clock() - 500)
        box.org.edit("Lead", ids[2], {"Company": "A"})
        box.poll()
        box.org.edit("Lead", ids[0], {"Company": "B"})
        came = box.poll()
        assert ids[0] in came["Lead"]
        assert box.poll() == {}


def test_a_running_second_is_read_again_and_then_rests() -> None:
    """With the org's clock at now the cursor holds back; once the second is over, one more page, then silence."""
    with sandbox(clock=time.time) as box:
        box.org.seed("Lead", people(2), modified=time.time() - 100)
        fresh = box.org.seed("Lead", people(1))
        box.poll()
        stamp = datetime.fromisoformat(box.store.cursors["Lead"]["stamp"])
        assert stamp < datetime.now(UTC).replace(microsecond=0)
        assert box.poll() == {"Lead": fresh}
        deadline = time.time() + 8
        while box.poll() and time.time() < deadline:
            time.sleep(0.3)
        assert box.poll() == {}


@pytest.mark.parametrize(("rows", "age"), [(5, 100), (5000, 30)])
def test_purged_rows_cost_one_look_and_hide_no_late_row(rows: int, age: int) -> None:
    """The store still counts a row that is gone for good; that difference is remembered, a new one is not.

    The late row bears the second of the purged one, so that the bare counts agree. A window too large for a page
    (5,000 rows) is counted in one call too.
    """
    with sandbox() as box:
        ids = box.org.seed("Lead", people(rows), modified=box.clock() - age)
        box.org.seed("Lead", people(1))
        box.poll()
        box.org.purge("Lead", ids[0])
        box.poll()
        calls = box.calls()
        assert box.poll() == {}
        assert box.calls() == calls + 1
        late = box.org.late_commit("Lead", one_of("Lead"), age=30)
        assert late in box.poll()["Lead"]
        assert box.poll() == {}


def test_an_edit_that_stays_within_a_large_window_is_found_when_the_list_is_due() -> None:
    """Such an edit moves no count; the window of many rows is listed once in an overlap."""
    with sandbox() as box:
        box.sf = box.connect(overlap=1)
        ids = box.org.seed("Lead", people(2500), modified=box.clock() - 1)
        (last,) = box.org.seed("Lead", people(1))
        box.poll(fields=("Company",))
        box.poll(fields=("Company",))
        box.org.late_commit("Lead", {"Company": "Late"}, age=0, id=min(ids))
        box.org.edit("Lead", last, {"Company": "Moves the cursor"})
        time.sleep(1.1)
        box.poll(fields=("Company",))
        box.poll(fields=("Company",))
        assert box.store.records["Lead"][min(ids)].fields["Company"] == "Late"


def test_a_window_closes_when_no_transaction_can_be_open() -> None:
    """Once an overlap has passed with the cursor at rest, idle polls ask nothing but what is new."""
    with sandbox() as box:
        box.sf = box.connect(overlap=1)
        box.org.seed("Lead", people(2))
        for wait in (0, 0, 1.1, 0):
            time.sleep(wait)
            box.poll()
        before = [part["url"] for part in box.parts()]
        box.poll()
        (after,) = [part["url"] for part in box.parts()][len(before) :]
        assert "SystemModstamp%20%3E%20" in after


def test_processes_that_poll_once_hand_on_how_far_they_checked() -> None:
    """Without that each would look back over all that its predecessors read."""
    with sandbox() as box:
        for _ in range(6):
            box.sf = box.connect()
            box.org.seed("Lead", people(1))
            box.poll()
            box.clock.forward(3000)
        cursor = {name: datetime.fromisoformat(box.store.cursors["Lead"][name]) for name in ("stamp", "checked")}
        assert (cursor["stamp"] - cursor["checked"]).total_seconds() <= 3000


def test_a_fresh_process_looks_back_too() -> None:
    """What was committed late while syncd was down is behind the stored cursor."""
    with sandbox() as box:
        box.org.seed("Lead", people(5))
        box.poll()
        late = box.org.late_commit("Lead", one_of("Lead"), age=30)
        box.clock.forward(7200)
        box.sf = box.connect()
        assert late in box.poll()["Lead"]


def test_a_token_that_dies_between_pages_costs_no_row() -> None:
    """Sessions end at any time."""
    with sandbox() as box:
        box.org.seed("Lead", people(4500))
        for page in box.sf.changes([Reading(kind="Lead", fields=(), after=None)], box.store):
            box.store.take(page)
            box.org.expire_tokens()
        assert set(box.store.records["Lead"]) == everything(box.org)
        assert box.server.board.total("oauth2/token") == 3


def test_a_field_that_vanishes_stops_its_object_only() -> None:
    """Contact's cursor stays, Lead goes on, and the message names the field."""
    with sandbox() as box:
        box.org.define_field("Contact", "Level__c", "string", length=20)
        box.org.seed("Contact", [one_of("Contact")])
        box.org.seed("Lead", people(1))
        readings = [Reading(kind=kind, fields=("Level__c",) if kind == "Contact" else (), after=None) for kind in KINDS]
        box.org.hide_field("Contact", "Level__c")
        kinds = []
        with pytest.raises(ConfigProblem, match="Contact has no field Level__c"):
            kinds.extend(page.kind for page in box.sf.changes(readings, Stored()))
        assert kinds == ["Lead"]
