"""What writing many rows by a bulk job promises, on the sandbox over real HTTP: the fates that collections give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from salesforce_sandbox import Sandbox, people, sandbox
from salesforce_wire import CANARY, lead, update
from support.long import times

from connectors.contract import Deferred, Policy, Rejected, WriteRequest, WriteResult, Written
from connectors.errors import Unavailable

MANY = times(12_000, 250_000)
OFTEN = {"bulk_from": {"writes": 10}}


def jobs_made(box: Sandbox) -> int:
    return box.server.board.calls["POST jobs/ingest"]


def filled(first: int = 1_000, count: int = 30, **fields: Any) -> list[WriteRequest]:
    """Return creates that are fine, so that a batch is large."""
    return [lead(first + n, **fields) for n in range(count)]


def test_many_rows_are_written_by_jobs_with_an_answer_for_each() -> None:
    """Results come in another order; each finds its row by its key."""
    with sandbox() as box:
        box.sf = box.connect(bulk_from={"writes": 2_001})
        requests = [lead(n) for n in range(MANY)]
        answers = box.sf.write(requests)
        assert all(isinstance(answer, Written) and answer.created for answer in answers)
        stored = {row["Syncd_Key__c"]: row["Id"] for row in box.org.all("Lead")}
        assert [answer.id for answer in answers] == [stored[f"key-{n}"] for n in range(MANY)]  # type: ignore[union-attr]
        jobs = -(-MANY // 10_000) if MANY % 10_000 > 2_000 or MANY % 10_000 == 0 else MANY // 10_000 + 1
        assert jobs_made(box) == jobs
        # jobs of others once; for each: made, filled, closed, seen twice, one result, its end
        assert box.calls() == 1 + 7 * jobs


def test_what_was_written_before_is_found_again() -> None:
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        first, second = (box.sf.write(filled()) for _ in range(2))
        assert [replace(one, created=False) for one in first] == second
        assert box.org.writes["Lead"].created == 30


@pytest.mark.parametrize("settings", [{}, {"bulk_from": {"writes": 2_001}}])
def test_a_usual_batch_goes_by_collections(settings: dict[str, Any]) -> None:
    """1,000 rows are one call that way, and need no waiting."""
    with sandbox() as box:
        box.sf = box.connect(**settings)
        box.sf.write([lead(n) for n in range(1_000)])
        assert jobs_made(box) == 0
        assert box.calls() == (2 if settings else 1)


def test_assignment_rules_that_shall_run_keep_rows_from_jobs() -> None:
    """A job runs none that it does not name."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN, auto_assign=True)
        box.sf.write(filled())
        assert jobs_made(box) == 0
        assert {row["OwnerId"] for row in box.org.all("Lead")} == {box.org.org.people.queue}


# --- the same fates ---------------------------------------------------------------------------------------------------


def zoo(box: Sandbox) -> list[WriteRequest]:
    """Return requests of every fate among many that are fine."""
    org = box.org
    org.define_field("Lead", "Tax__c", "string", length=20, unique=True)
    org.define_field("Lead", "Colour__c", "picklist", picklist=("red", "blue"), restricted=True)
    org.add_duplicate_rule("Lead", "Phone")
    org.add_validation_rule("Lead", lambda row: row.get("City") == "Nowhere", "No such town", "City")
    rows = people(8, Tax__c=None)
    rows[7] |= {"Tax__c": "T1", "Phone": "555"}
    plain, deleted, converted, locked, merged, winner, emptied, _ = ids = org.seed("Lead", rows)
    org.delete("Lead", deleted)
    org.convert(converted)
    org.merge("Lead", winner, merged)
    org.lock_row(locked)
    (account,) = org.seed("Account", [{"Name": "A"}])
    return [
        update(1, plain, Company="New", Email=None, NumberOfEmployees=12),
        update(2, deleted, Company="New"),
        update(3, converted, Company="New"),
        update(4, locked, Company="New"),
        update(5, merged, Company="New"),
        update(6, emptied, LastName=None),
        update(7, "00Q000000000001AAA", Company="New"),
        update(8, ids[7], Phone="555"),
        lead(11, Email=f"{CANARY}@"),
        lead(12, Title="x" * 129),
        lead(13, Colour__c=CANARY),
        lead(14, Tax__c="T1"),
        lead(15, Phone="555"),
        lead(16, City="Nowhere"),
        lead(17, NumberOfEmployees="many"),
        lead(18, OwnerId="005000000000001AAA"),
        lead(19, LastName=None),
        WriteRequest(token="a", kind="Account", policy=Policy.UPDATE, fields={"Name": "B"}, id=account),
        *filled(),
        *[update(5_000 + n, id, City="Bonn") for n, id in enumerate(org.seed("Lead", people(30)))],
    ]


def fate(answer: WriteResult) -> Any:
    """Return an answer without what differs from org to org."""
    if isinstance(answer, Written):
        return Written("", answer.created)
    return (
        replace(answer, matches=tuple(kind for kind, _ in answer.matches)) if isinstance(answer, Rejected) else answer
    )


def test_every_row_has_the_fate_that_a_collection_would_give_it() -> None:
    """Written, refused with the same words and field, locked and then written, its duplicates named."""
    told = []
    for settings in ({}, OFTEN):
        with sandbox() as box:
            box.sf = box.connect(**settings)
            answers = box.sf.write(zoo(box))
            told.append([fate(answer) for answer in answers])
            assert jobs_made(box) == (2 if settings else 0)
            assert CANARY not in repr(answers)
    by_collections, by_jobs = told
    # Here the type of a JSON value and of a cell are checked by different words of Salesforce.
    number = 8 + 6
    assert isinstance(by_jobs[number], Rejected)
    assert isinstance(by_collections[number], Rejected)
    by_collections[number] = by_jobs[number]
    assert by_jobs == by_collections
    assert sum(isinstance(answer, Rejected) for answer in by_jobs) == 14


TEXTS = (
    'say "x", y',
    "two\nlines",
    "with\r\nreturn",
    "\r",
    "#N/A",
    "null",
    "  spaces ",
    "",
    "\U0001f600 é",
    "true",
    "0012",
)


def test_values_are_stored_as_collections_store_them() -> None:
    """Nothing said clears, left out leaves; a text that no cell can hold goes another way, and uncut."""
    stored = []
    for settings in ({}, OFTEN):
        with sandbox() as box:
            box.sf = box.connect(**settings)
            box.org.define_field("Lead", "Price__c", "currency", precision=18, scale=2)
            ids = box.org.seed("Lead", people(40, City="Ulm", Phone="1", Description="old"))
            many: list[dict[str, Any]] = [{"Description": text, "Phone": None} for text in TEXTS]
            many += [{"HasOptedOutOfEmail": value, "Price__c": 1e7 * value} for value in (True, False)]
            many += [{"Price__c": 0.1, "NumberOfEmployees": 0}, {"Description": "x" * 32_000}]
            rows = [many[n % len(many)] for n in range(40)]
            answers = box.sf.write(
                [update(n, id, **fields) for n, (id, fields) in enumerate(zip(ids, rows, strict=True))]
            )
            assert all(isinstance(answer, Written) for answer in answers)
            assert jobs_made(box) == bool(settings)
            stored.append(
                [
                    {
                        name: value
                        for name, value in box.org.get("Lead", id).items()
                        if not name.endswith(("Date", "stamp"))
                    }
                    for id in ids
                ]
            )
    assert stored[0] == stored[1]
    assert {row["City"] for row in stored[1]} == {"Ulm"}


def test_a_text_longer_than_a_cell_is_not_cut() -> None:
    with sandbox() as box:
        box.org.define_field("Lead", "Story__c", "textarea", length=131_072)
        box.sf = box.connect(**OFTEN)
        answers = box.sf.write([*filled(), lead(1, Story__c="x" * 40_000)])
        assert all(isinstance(answer, Written) for answer in answers)
        assert max(len(row.get("Story__c") or "") for row in box.org.all("Lead")) == 40_000


def test_quotes_and_line_ends_need_no_second_way() -> None:
    """A table that is broken by a value would be refused as a whole and cost a call for each 1,000 rows."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(30))
        box.sf = box.connect(**OFTEN)
        texts = ['say "x", y', "two\nlines", "a\rb", "a,b"]
        box.sf.write([update(n, id, Description=texts[n % 4]) for n, id in enumerate(ids)])
        assert [box.org.get("Lead", id)["Description"] for id in ids[:4]] == texts
        assert box.server.board.calls["POST composite"] == 0


def test_to_take_a_parent_away_is_said_in_json() -> None:
    """No cell can say it of a parent that is named by its key; what Salesforce makes of it is the same as ever."""
    with sandbox() as box:
        box.org.define_field("Account", "Key__c", "string", length=64, unique=True, external_id=True)
        (account,) = box.org.seed("Account", [{"Name": "A", "Key__c": "K"}])
        ids = box.org.seed("Contact", [{"LastName": "C", "AccountId": account}] * 30)
        box.sf = box.connect(**OFTEN)
        fields: list[dict[str, Any]] = [{"Account.Key__c": None}, *[{"LastName": "D"}] * 29]
        requests = [
            WriteRequest(token=str(n), kind="Contact", policy=Policy.UPDATE, fields=fields[n], id=id)
            for n, id in enumerate(ids)
        ]
        answers = box.sf.write(requests)
        assert answers[:1] == box.connect().write(requests[:1])
        assert all(isinstance(answer, Written) for answer in answers[1:])


def test_a_parent_is_found_by_its_key() -> None:
    with sandbox() as box:
        box.org.define_field("Account", "Key__c", "string", length=64, unique=True, external_id=True)
        accounts = box.org.seed("Account", [{"Name": f"A{n}", "Key__c": f"K{n}"} for n in range(3)])
        ids = box.org.seed("Contact", [{"LastName": "C"}] * 30)
        box.sf = box.connect(**OFTEN)
        requests = [
            WriteRequest(
                token=str(n), kind="Contact", policy=Policy.UPDATE, fields={"Account.Key__c": f"K{n % 4}"}, id=id
            )
            for n, id in enumerate(ids)
        ]
        answers = box.sf.write(requests)
        assert jobs_made(box) == 1
        for number, (id, answer) in enumerate(zip(ids, answers, strict=True)):
            if number % 4 == 3:
                assert isinstance(answer, Rejected)
            else:
                assert box.org.get("Contact", id)["AccountId"] == accounts[number % 4]


# --- jobs that end otherwise ------------------------------------------------------------------------------------------


def test_rows_that_a_failed_job_did_not_reach_are_put_off() -> None:
    """Those it had written are written; sent again, the others are too, and none is doubled."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        box.org.set_bulk(fail_after=12)
        requests = filled()
        answers = box.sf.write(requests)
        assert sum(isinstance(answer, Written) for answer in answers) == 12
        assert sum(isinstance(answer, Deferred) and answer.retry_after > 0 for answer in answers) == 18
        box.org.set_bulk(fail_after=None)
        assert all(isinstance(answer, Written) for answer in box.sf.write(requests))
        assert len(box.org.all("Lead")) == 30


def test_a_job_that_is_refused_as_a_whole_is_divided_by_collections() -> None:
    """One field that is not there fails all rows of a job, but only the row that has it is refused."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        answers = box.sf.write([*filled(), lead(1, Nope__c="x")])
        assert all(isinstance(answer, Written) for answer in answers[:-1])
        refused = answers[-1]
        assert isinstance(refused, Rejected)
        assert refused.field == "Nope__c"


@pytest.mark.parametrize("ways", [{"batches_a_day": 0}, {"max_bytes": 50}])
def test_where_no_job_is_taken_collections_are(ways: dict[str, int]) -> None:
    """The day's batches are spent, or the upload is refused."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        box.org.set_bulk(**ways)
        assert all(isinstance(answer, Written) for answer in box.sf.write(filled()))
        assert len(box.org.all("Lead")) == 30


def test_a_job_that_takes_too_long_is_ended_and_its_rows_told_apart() -> None:
    """Left alone it would write its values some time later, over newer ones."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        box.org.set_bulk(step=0)
        answers = box.sf.write(filled())
        assert all(isinstance(answer, Deferred) for answer in answers)
        (job,) = box.org.org.jobs.values() or [{"state": "gone"}]
        assert job["state"] in ("Aborted", "gone")
        assert box.org.all("Lead") == []


class Killed(BaseException):
    """Stands for a kill: nothing of the process's own runs after it."""


def test_a_killed_process_leaves_no_job_that_overwrites_newer_values() -> None:
    """The next process writes nothing before the job of the dead one is over, be it one row by a collection."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(30))
        box.org.set_bulk(step=5)

        def die(_: float) -> None:
            raise Killed

        dying = box.connect(**OFTEN)
        dying._writer._ingester._jobs._sleep = die
        with pytest.raises(Killed):
            dying.write([update(n, id, City="Old") for n, id in enumerate(ids)])
        assert {row.get("City") for row in box.org.all("Lead")} == {"Old", None}
        box.sf = box.connect(**OFTEN)
        (answer,) = box.sf.write([update(1, ids[-1], City="New")])
        assert isinstance(answer, Written)
        for job in box.org.org.jobs.values():
            assert job["state"] == "JobComplete"
        assert box.org.get("Lead", ids[-1])["City"] == "New"


def test_a_job_of_somebody_else_is_waited_for_and_never_ended() -> None:
    """It may be another program's that logs in as the same user; meanwhile nothing is written, and no row is lost."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        job = box.org.org.jobs
        other = box.connect(**OFTEN)
        other._writer._ingester._jobs._sleep = lambda _: (_ for _ in ()).throw(Killed())
        box.org.set_bulk(step=0)
        with pytest.raises(Killed):
            other.write(filled())
        with pytest.raises(Unavailable):
            box.sf.write([lead(1)])
        assert [one["state"] for one in job.values()] == ["InProgress"]
        box.org.set_bulk(step=None)
        (answer,) = box.sf.write([lead(1)])
        assert isinstance(answer, Written)
