"""What reading many rows by a bulk job promises, on the sandbox over real HTTP: each once, as JSON would bring it."""

from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from salesforce_sandbox import Sandbox, one_of, people, sandbox
from salesforce_wire import Stored
from support.long import times

from connectors.contract import Page, Reading
from connectors.errors import Unavailable
from connectors.salesforce import extract, jobs
from syncd.stages.poll import digest_record

pytestmark = pytest.mark.slow

MANY = times(12_000, 250_000)
OFTEN = {"bulk_from": {"reads": 2_000}}
HOSTILE = (
    'a "quoted" word, a comma',
    "two\nlines\r\nand a half",
    "#N/A",
    "null",
    "true",
    "\u2028 \U0001f600 é",
    "=1+1",
    "0012",
)


def poll(box: Sandbox, *fields: str, kinds: tuple[str, ...] = ("Lead",), stop_after: int | None = None) -> list[Page]:
    """Poll and store page by page; stop after so many pages, as a kill does."""
    pages = []
    readings = [Reading(kind=kind, fields=fields, after=box.store.cursors.get(kind)) for kind in kinds]
    for page in box.sf.changes(readings, box.store):
        box.store.take(page)
        pages.append(page)
        if len(pages) == stop_after:
            break
    return pages


def ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


def jobs_made(box: Sandbox) -> int:
    return box.server.board.calls["POST jobs/query"]


def test_a_large_first_load_is_read_by_a_job_each_row_once() -> None:
    """One page shows that there are more, one count that rides along how many; then a job brings the rest."""
    with sandbox() as box:
        box.sf = box.connect()
        seeded = box.org.seed("Lead", people(MANY), modified=box.clock() - 100)
        box.sf = box.connect(bulk_from={"reads": 10_000})
        pages = poll(box, "LastName")
        assert sorted(ids(pages)) == sorted(seeded)
        assert max(len(page.records) for page in pages) == 2_000
        assert jobs_made(box) == 1
        pieces = 1 + -(-(MANY - 4_000 - 5_000) // 50_000)
        # 2 pages, describe twice, job, two looks at it, each piece and a list of what changed, job's end, what followed
        assert box.calls() == 2 + 2 + 1 + 2 + 2 * pieces + 1 + 1
        assert poll(box, "LastName") == []


def test_the_table_of_a_job_is_asked_for_as_a_table() -> None:
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        asked: list[Any] = []
        box.sf.session.hooks["response"].append(lambda answer, **_: asked.append(answer.request))
        box.org.seed("Lead", people(8000), modified=box.clock() - 10)
        poll(box)
        (headers, *_) = [one.headers for one in asked if "/results" in one.path_url]
        assert (headers["Accept"], headers.get("Content-Type")) == ("text/csv", None)


def test_fewer_rows_are_read_page_by_page() -> None:
    """A job takes some calls and a while, so it must be worth it."""
    with sandbox() as box:
        box.sf = box.connect(bulk_from={"reads": 10_000})
        box.org.seed("Lead", people(9_000), modified=box.clock() - 100)
        poll(box)
        assert (jobs_made(box), box.calls()) == (0, 5)


def test_never_means_never() -> None:
    with sandbox() as box:
        box.sf = box.connect(bulk_from={"reads": None})
        box.org.seed("Lead", people(5_000))
        assert len(ids(poll(box))) == 5_000
        assert jobs_made(box) == 0


def hostile_rows(box: Sandbox) -> list[dict[str, Any]]:
    box.org.define_field("Lead", "Price__c", "currency")
    box.org.define_field("Lead", "Share__c", "percent")
    box.org.define_field("Lead", "When__c", "datetime")
    box.org.define_field("Lead", "Day__c", "date")
    box.org.define_field("Lead", "Tags__c", "multipicklist", picklist=("a", "b"))
    rows = people(4_500)
    for number, text in enumerate(HOSTILE, len(rows) - len(HOSTILE)):
        rows[number] |= {"Description": text, "Company": text[:200], "HasOptedOutOfEmail": number % 2 == 0}
        rows[number] |= {"NumberOfEmployees": number, "Price__c": 1234.5 * number, "Share__c": 50.0, "Tags__c": "a;b"}
        rows[number] |= {"When__c": 1_800_000_000 + number, "Day__c": "2026-02-28"}
    return rows


def test_a_record_is_the_same_whether_json_or_csv_brought_it() -> None:
    """Otherwise a change of the way of reading would look like a change of thousands of records."""
    fields = ("LastName", "Description", "Company", "HasOptedOutOfEmail", "NumberOfEmployees", "Price__c", "Share__c")
    fields = (*fields, "When__c", "Day__c", "Tags__c", "OwnerId", "Owner.Name", "IsConverted", "email")
    with sandbox() as box:
        rows = hostile_rows(box)
        box.org.seed("Lead", rows, modified=box.clock() - 100)
        lead = box.org.seed("Lead", people(4), modified=box.clock() - 50)
        box.org.delete("Lead", lead[0])
        box.org.merge("Lead", lead[1], lead[2])
        box.org.convert(lead[3])
        poll(box, *fields)
        by_json = box.store.records["Lead"]
        assert jobs_made(box) == 0
        box.store, box.sf = Stored(), box.connect(**OFTEN)
        poll(box, *fields)
        by_csv = box.store.records["Lead"]
        assert jobs_made(box) == 1
        assert by_csv == by_json
        assert {id: digest_record(one)[1] for id, one in by_csv.items()} == {
            id: digest_record(one)[1] for id, one in by_json.items()
        }


def test_a_parents_field_comes_as_json_brings_it() -> None:
    """A parent that is not there is empty, not a row of its own."""
    with sandbox() as box:
        (account,) = box.org.seed("Account", [{"Name": "Acme", "AnnualRevenue": 5.5}])
        rows = [{**one_of("Contact"), **({"AccountId": account} if n % 2 else {})} for n in range(4_500)]
        box.org.seed("Contact", rows, modified=box.clock() - 100)
        stores = []
        for ways in ({}, OFTEN):
            box.sf, box.store = box.connect(**ways), Stored()
            poll(box, "Account.Name", "Account.AnnualRevenue", kinds=("Contact",))
            stores.append(box.store.records["Contact"])
        assert jobs_made(box) == 1
        assert stores[0] == stores[1]


@pytest.mark.parametrize("when", range(1, 10))
def test_a_kill_between_any_two_pages_loses_and_doubles_nothing(when: int) -> None:
    """The next process goes on with the same job at the row after the last one that was stored.

    If none was open yet, its job also goes over what was read just before, back to where a row may have come late.
    """
    with sandbox() as box:
        seeded = [
            id
            for part in range(12)
            for id in box.org.seed("Lead", people(1_000), modified=box.clock() - 90_000 + 6_000 * part)
        ]
        seeded += box.org.seed("Lead", people(1))
        box.sf = box.connect(**OFTEN)
        first = poll(box, stop_after=when)
        opened = jobs_made(box)
        box.sf = box.connect(**OFTEN)
        rest = poll(box)
        came = ids(first) + ids(rest)
        assert set(came) == set(seeded)
        assert len(came) - len(set(came)) <= (0 if opened else 5_000)
        assert jobs_made(box) == 1
        assert poll(box) == []


def test_what_is_edited_while_the_job_runs_comes_in_its_last_version_alone() -> None:
    """The job's copy of such a row is old by then: it must not follow a newer one that somebody else stored."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        seeded = box.org.seed("Lead", people(9_000), modified=box.clock() - 5_000)
        pages: list[Page] = []
        edited: set[str] = set()
        for page in box.sf.changes([Reading(kind="Lead", fields=("Company",), after=None)], box.store):
            box.store.take(page)
            pages.append(page)
            if jobs_made(box) and not edited:
                edited = set(seeded) - set(ids(pages))
                edited = set(sorted(edited)[:50])
                box.clock.forward(3_650)
                for id in edited:
                    box.org.edit("Lead", id, {"Company": "Edited"})
        assert edited
        versions = [one.fields["Company"] for page in pages for one in page.records if one.id in edited]
        assert versions == ["Edited"] * 50
        assert set(box.store.records["Lead"]) == set(seeded)


def test_catching_up_is_a_job_that_also_finds_what_was_late() -> None:
    """It begins where the window to look back over does, and leaves no long window behind."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        seeded = box.org.seed("Lead", people(7_000), modified=box.clock() - 100)
        for _ in range(2):
            poll(box, "LastName")
        late = box.org.late_commit("Lead", one_of("Lead"), age=500)
        box.clock.forward(3_000)
        box.org.touch("Lead", seeded)
        made = jobs_made(box)
        poll(box, "LastName")
        assert jobs_made(box) == made + 1
        assert late in box.store.records["Lead"]
        before = box.calls()
        assert poll(box, "LastName") == []
        assert box.calls() == before + 1
        checked = box.store.cursors["Lead"]["checked"]
        after = box.org.late_commit("Lead", one_of("Lead"), age=500)
        assert after in ids(poll(box, "LastName"))
        assert box.store.cursors["Lead"]["checked"] >= checked


def test_several_objects_are_loaded_by_jobs_of_their_own() -> None:
    """Other objects are read to their end before anybody waits for a job."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        many = {kind: box.org.seed(kind, [one_of(kind)] * 6_000) for kind in ("Lead", "Contact")}
        few = box.org.seed("Account", [one_of("Account")] * 30)
        pages = poll(box, kinds=("Lead", "Contact", "Account"))
        for kind, seeded in {**many, "Account": few}.items():
            assert sorted(ids([page for page in pages if page.kind == kind])) == sorted(seeded)
        assert jobs_made(box) == 2
        first_look = next(n for n, page in enumerate(pages) if not page.records and page.kind == "Lead")
        assert all(page.kind != "Account" for page in pages[first_look + 2 :])


def test_a_job_that_fails_leaves_the_rows_to_pages() -> None:
    """And is not tried again in this process."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        box.org.set_bulk(query_fails=True)
        seeded = box.org.seed("Lead", people(9_000), modified=box.clock() - 100)
        assert set(ids(poll(box))) == set(seeded)
        assert jobs_made(box) == 1
        box.clock.forward(10)
        box.org.touch("Lead", seeded)
        assert set(ids(poll(box))) == set(seeded)
        assert jobs_made(box) == 1


def test_a_job_that_expired_is_made_again() -> None:
    """A result is kept for a week; what it had not given out yet is not lost with it."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        seeded = box.org.seed("Lead", people(12_000), modified=box.clock() - 100)
        first = poll(box, stop_after=6)
        box.org.org.jobs.clear()
        box.sf = box.connect(**OFTEN)
        rest = poll(box)
        assert set(ids(first)) | set(ids(rest)) == set(seeded)
        assert jobs_made(box) == 2


def test_other_fields_make_another_job() -> None:
    """A field that was mapped while the load was interrupted must not be missing in half of the records."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        box.org.seed("Lead", people(9_000, City="Bonn"), modified=box.clock() - 100)
        poll(box, "LastName", stop_after=6)
        fetched = box.server.board.total("results")
        box.sf = box.connect(**OFTEN)
        came = poll(box, "LastName", "City")
        assert all(record.fields["City"] == "Bonn" for page in came for record in page.records)
        assert jobs_made(box) == 2
        assert box.server.board.total("results") == fetched + 2  # of the new job: 5,000 rows, and the rest


def test_a_job_that_is_refused_or_cannot_carry_a_field_costs_no_row() -> None:
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        seeded = box.org.seed("Lead", people(5_000), modified=box.clock() - 100)
        poll(box, "Address")  # a compound field
        assert set(box.store.records["Lead"]) == set(seeded)
        assert jobs_made(box) == 0
        box.org.set_bulk(queries_a_day=0)
        box.store = Stored()
        poll(box, "LastName")
        assert set(box.store.records["Lead"]) == set(seeded)
        assert jobs_made(box) == 1


def test_a_slow_job_is_left_and_found_again_by_the_next_poll() -> None:
    """Nobody waits for ever; the other objects have been read, and no second job is made."""
    with sandbox() as box:
        box.sf = box.connect(**OFTEN)
        seeded = box.org.seed("Lead", people(7_000), modified=box.clock() - 100)
        box.org.seed("Account", [one_of("Account")])
        box.org.set_bulk(polls=1_000)
        with pytest.raises(Unavailable) as caught:
            poll(box, kinds=("Lead", "Account"))
        assert caught.value.kinds == ("Lead",)
        assert len(box.store.records["Account"]) == 1
        for job in box.org.org.jobs.values():
            job["_polls"] = 1
        box.sf = box.connect(**OFTEN)
        poll(box, kinds=("Lead", "Account"))
        assert set(box.store.records["Lead"]) == set(seeded)
        assert jobs_made(box) == 1


def test_whoever_waits_for_a_job_can_stop_at_any_moment() -> None:
    """A page, be it empty, comes at least every two seconds, for the caller to store and to look up."""
    naps: list[float] = []
    with sandbox() as box:
        box.org.set_bulk(polls=20)
        box.org.seed("Lead", people(6_000), modified=box.clock() - 100)
        sf = box.connect(**OFTEN)
        sf._poller._extractor._jobs._sleep = naps.append
        taken = []
        for page in sf.changes([Reading(kind="Lead", fields=(), after=None)], box.store):
            taken.append(len(naps))
            box.store.take(page)
        assert max(b - a for a, b in pairwise(taken)) <= 1
        assert max(naps) <= jobs._STEP <= 2.0


def test_the_wider_the_rows_the_smaller_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece must arrive within the time-out of a call."""
    monkeypatch.setattr(extract, "_FIRST_PIECE", 2_000)
    monkeypatch.setattr(extract, "_PIECE_BYTES", 3_000_000)
    with sandbox() as box:
        seeded = box.org.seed("Lead", people(10_000, Company="x" * 255, Description="x" * 900), modified=0)
        box.sf = box.connect(**OFTEN)
        asked: list[int] = []
        box.sf.session.hooks["response"].append(
            lambda answer, **_: asked.extend(map(int, re.findall(r"maxRecords=(\d+)", answer.url)))
        )
        assert set(ids(poll(box, "Company", "Description"))) == set(seeded)
        assert asked[0] == 2_000
        assert all(2_000 <= rows < 2_700 for rows in asked[1:])
        assert len(asked) >= 3


def test_no_more_than_a_piece_is_in_memory() -> None:
    """24 MB of rows pass through a file; what Python holds of them at a time is a page."""
    with sandbox() as box:
        box.org.seed("Lead", people(6_000, Description="x" * 4_000), modified=box.clock() - 100)
        sf = box.connect(**OFTEN)
        found, peak = 0, 0
        reading = Reading(kind="Lead", fields=("Description",), after=None)
        for page in sf.changes([reading], Stored()):
            found += len(page.records)
            if page.records and jobs_made(box):
                if not tracemalloc.is_tracing():
                    tracemalloc.start()
                tracemalloc.reset_peak()
            elif tracemalloc.is_tracing():
                peak = max(peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == 6_000
        assert peak < 24_000_000
