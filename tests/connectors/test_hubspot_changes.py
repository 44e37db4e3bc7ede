"""Reading changes from HubSpot: nothing is lost, and the calls are counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_bench import FIELDS, Bench, bench, old, people
from support.long import times

from connectors.contract import Policy, Reading, WriteRequest
from connectors.errors import ConfigProblem, ContractBroken, Unavailable
from sandbox.wire import Request, Response

SEARCH = "POST contacts/search"


@pytest.fixture
def desk() -> Iterator[Bench]:
    with bench() as made:
        yield made


def misled(desk: Bench, page: int) -> None:
    """Let one search from now on be short, have no paging and count too few, all at once."""
    handle, pages = desk.sim.handle, iter(range(1, 100))

    def odd(request: Any) -> Any:
        portal = desk.sim.portal
        portal.search_signs = "both" if request.path.endswith("/search") and next(pages) == page else "true"
        return handle(request)

    desk.sim.handle = odd  # type: ignore[method-assign]


class Clock:
    """A clock that moves by a millisecond at each look, and by hand."""

    def __init__(self, step: float = 0.001) -> None:
        self.now = time.time() - 3600
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_first_load_of_1000_contacts_costs_5_searches_and_nothing_else(desk: Bench) -> None:
    desk.sim.seed("contacts", people(1000), modified=old())
    assert desk.poll() == 5
    assert desk.server.board.total(SEARCH) == 5
    assert len(desk.store.records) == 1000
    assert desk.wrong() == []


@pytest.mark.parametrize("age", [0.0, 60.0], ids=["in the look-back", "older than it"])
def test_an_idle_poll_costs_one_search_and_yields_nothing_after_a_load(desk: Bench, age: float) -> None:
    desk.sim.seed("contacts", people(3000), modified=old(age))
    desk.poll()
    pages = desk.store.pages
    assert [desk.poll() for _ in range(3)] == [1, 1, 1]
    assert desk.store.pages == pages


@pytest.mark.parametrize("age", [1.0, 60.0], ids=["loaded in the look-back", "loaded before it"])
def test_1000_changes_cost_5_searches_and_then_one(desk: Bench, age: float) -> None:
    ids = desk.sim.seed("contacts", people(2000), modified=old(age))
    desk.poll()
    for number, record_id in enumerate(ids[:1000]):
        desk.sim.edit("contacts", record_id, {"firstname": f"changed{number}"})
    assert desk.poll() == 5
    assert desk.wrong() == []
    pages = desk.store.pages
    assert [desk.poll() for _ in range(3)] == [1, 1, 1]
    assert desk.store.pages == pages


@pytest.mark.parametrize("signs", ["short_pages", "low_total"])
def test_neither_a_short_page_nor_a_low_total_ends_a_reading(signs: Any) -> None:
    """Of the load, and of changes that fill more than a page."""
    with bench(search_signs=signs) as desk:
        ids = desk.sim.seed("contacts", people(500), modified=old())
        desk.poll()
        assert len(desk.store.records) == 500
        for record_id in ids:
            desk.sim.edit("contacts", record_id, {"firstname": "changed"})
        desk.poll()
        assert desk.wrong() == []


@pytest.mark.parametrize("count", [150, 500])
def test_nor_do_both_on_every_page_of_a_load(count: int) -> None:
    with bench(search_signs="both") as desk:
        desk.sim.seed("contacts", people(count), modified=old())
        desk.poll()
        assert len(desk.store.records) == count


@pytest.mark.parametrize("page", [1, 2, 3])
def test_both_on_one_page_of_600_changes_lose_none(page: int) -> None:
    """Which took longer to be made than a look-back reaches."""
    with bench(overlap=1.0, clock=Clock(step=0.05)) as desk:
        ids = desk.sim.seed("contacts", people(600), modified=old())
        desk.poll()
        for record_id in ids:
            desk.sim.edit("contacts", record_id, {"firstname": "changed"})
        misled(desk, page)
        desk.poll()
        desk.poll()
        assert desk.wrong() == []


def test_a_page_of_news_that_seems_to_be_all_costs_nothing_more_and_loses_none() -> None:
    """After a pause of hours, when what it left out lies before the next poll's look-back."""
    with bench() as desk:
        desk.sim.seed("contacts", people(1), modified=old(600))
        desk.poll()
        for number in range(1, 181):
            desk.sim.seed("contacts", people(1, start=number), modified=old(200 - number))
        misled(desk, 1)
        assert desk.poll() == 1
        assert len(desk.store.records) < 181
        assert [desk.poll() for _ in range(3)] == [1, 1, 1]
        assert desk.wrong() == []


def test_100_changes_cost_one_search_with_thousands_in_the_look_back(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(3000), modified=old(1))
    desk.poll()
    for record_id in ids[500:600]:
        desk.sim.edit("contacts", record_id, {"firstname": "changed"})
    assert desk.poll() == 1
    assert desk.wrong() == []


def test_5000_contacts_with_one_stamp_are_all_read_and_only_once() -> None:
    clock = Clock(step=0)
    with bench(clock=clock) as desk:
        ids = desk.sim.seed("contacts", people(5000), modified=old(600))
        desk.poll()
        clock.now += 100
        for record_id in ids:
            desk.sim.edit("contacts", record_id, {"firstname": "tied"})
        assert desk.poll() <= 25 + 3
        assert desk.wrong() == []
        stored = desk.store.stored
        assert desk.poll() == 1
        assert desk.store.stored == stored


def test_a_page_border_inside_a_tie_loses_nobody() -> None:
    clock = Clock(step=0)
    with bench(clock=clock) as desk:
        ids = desk.sim.seed("contacts", people(700), modified=old(600))
        desk.poll()
        for part in range(0, 700, 70):  # ten stamps of 70 records; the border at 200 lies within the third
            clock.now += 1
            for record_id in ids[part : part + 70]:
                desk.sim.edit("contacts", record_id, {"firstname": f"tied{part}"})
        desk.poll()
        assert desk.wrong() == []


@pytest.mark.parametrize("when", ["load", "changes"])
def test_an_edit_between_any_two_pages_is_not_lost(desk: Bench, when: str) -> None:
    ids = desk.sim.seed("contacts", people(2000), modified=old(1))
    if when == "changes":
        desk.poll()
        for record_id in ids:
            desk.sim.edit("contacts", record_id, {"firstname": "first edit"})
    edits = iter(ids[3::90])
    for page in desk.connector.changes([desk.store.reading("contacts")], desk.store):
        desk.store.keep(page)
        desk.sim.edit("contacts", next(edits), {"firstname": "edited while paging"})
    for _ in range(2):
        desk.poll()
    assert desk.wrong() == []


def test_a_poll_killed_after_any_page_goes_on_where_it_stood(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(1000), modified=old(1))
    killed = [desk.poll(pages=1) for _ in range(4)]
    assert killed == [1, 1, 1, 1]
    desk.poll()
    assert desk.wrong() == []
    for record_id in ids:
        desk.sim.edit("contacts", record_id, {"firstname": "changed"})
    calls = sum(desk.poll(pages=1) for _ in range(12))
    assert desk.wrong() == []
    assert calls <= 12
    assert desk.poll() == 1


@pytest.mark.parametrize(("known", "others"), [("new", 50), ("old", 50), ("recent", 50), ("new", 1500), ("old", 1500)])
def test_a_change_that_the_index_shows_late_is_found_at_the_next_poll(known: str, others: int) -> None:
    """`recent` records lie in the look-back already, so that their number tells nothing; below a page of 200 only the
    second look finds them, which has its own test.
    """
    clock = Clock()
    late: set[str] = set()
    with bench(clock=clock, index_lag=lambda _, record_id: 300.0 if record_id in late else 0.0) as desk:
        ids = desk.sim.seed("contacts", people(others + 400), modified=int((clock.now - 7200) * 1000))
        desk.poll()
        slow = ids[:20]
        if known == "recent":
            for record_id in ids[:300]:
                desk.sim.edit("contacts", record_id, {"firstname": "early"})
            desk.poll()
        late.update(slow)
        if known == "new":
            late.update(str(int(ids[-1]) + n) for n in range(1, 40))
            slow = []
            for number in range(20):
                created(desk, {"email": f"new{number}@example.com", "firstname": "new"})
        for record_id in slow:
            desk.sim.edit("contacts", record_id, {"firstname": "late"})
        for record_id in ids[400:]:
            desk.sim.edit("contacts", record_id, {"firstname": "in time"})
        desk.poll()
        clock.now += 301
        calls = desk.poll()
        assert desk.wrong() == []
        assert calls <= 1 + (others + 700) // 200 + 1
        assert desk.poll() <= 1
        assert desk.poll() == 1


def created(desk: Bench, row: dict[str, str]) -> None:
    key = ("email", row["email"])
    desk.connector.write([WriteRequest(token="t", kind="contacts", policy=Policy.CREATE, fields=row, key=key)])


def test_one_late_change_in_sight_makes_the_whole_look_back_be_read() -> None:
    clock, late = Clock(), set[str]()
    with bench(clock=clock, index_lag=lambda _, i: 300.0 if i in late else 0.0) as desk:
        ids = desk.sim.seed("contacts", people(1500), modified=int((clock.now - 7200) * 1000))
        desk.poll()
        for record_id in ids[:300]:
            desk.sim.edit("contacts", record_id, {"firstname": "early"})
        desk.poll()
        late.update(ids[:21])
        for record_id in [*ids[:20], *ids[300:], ids[20], ids[-1]]:
            desk.sim.edit("contacts", record_id, {"firstname": "again"})
        desk.poll()
        clock.now += 301
        desk.poll()
        assert desk.wrong() == []


def test_edits_during_a_load_are_news_to_the_next_poll() -> None:
    clock = Clock()
    clock.now = time.time()
    with bench(clock=clock) as desk:
        ids = desk.sim.seed("contacts", people(2000), modified=old(1))
        pages = desk.connector.changes([desk.store.reading("contacts")], desk.store)
        desk.store.keep(next(pages))
        clock.now += 5
        for record_id in [ids[0], *ids[500:900]]:  # the first was read already, the others hide it below a page
            desk.sim.edit("contacts", record_id, {"firstname": "edited"})
        for page in pages:
            desk.store.keep(page)
        desk.poll()
        assert desk.wrong() == []


def test_the_second_look_finds_a_late_change_that_no_count_can_tell() -> None:
    clock, late = Clock(step=0.0001), set[str]()
    clock.now = time.time()
    with bench(overlap=1.0, clock=clock, index_lag=lambda _, i: 0.5 if i in late else 0.0) as desk:
        ids = desk.sim.seed("contacts", people(900), modified=old())
        desk.poll()
        for record_id in ids[:300]:
            desk.sim.edit("contacts", record_id, {"firstname": "early"})
        desk.poll()
        late.update(ids[:20])
        for record_id in ids[:20]:
            desk.sim.edit("contacts", record_id, {"firstname": "late"})
        for record_id in ids[300:]:
            desk.sim.edit("contacts", record_id, {"firstname": "in time"})
        desk.poll()
        clock.now += 0.6
        desk.poll()
        deadline = time.time() + 6
        while desk.wrong() and time.time() < deadline:
            time.sleep(0.5)
            desk.poll()
        assert desk.wrong() == []
        time.sleep(1.5)
        desk.poll()
        assert desk.poll() == 1


def test_a_known_record_edited_again_within_the_look_back_is_found(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(1000), modified=old(1))
    desk.poll()
    for record_id in ids[:5]:
        desk.sim.edit("contacts", record_id, {"firstname": "once"})
    desk.poll()
    desk.sim.edit("contacts", ids[2], {"firstname": "twice"})
    assert desk.poll() == 1
    assert desk.wrong() == []


def test_an_archived_record_costs_one_reading_of_the_look_back_at_most_and_only_once(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(1000), modified=old(1))
    desk.poll()
    desk.sim.archive("contacts", ids[10])
    assert desk.poll() <= 1 + 5
    pages = desk.store.pages
    assert [desk.poll() for _ in range(3)] == [1, 1, 1]
    assert desk.store.pages == pages


@pytest.mark.slow
def test_12000_changes_in_one_poll_never_page_past_what_search_allows(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(12_000), modified=old())
    desk.poll()
    for record_id in ids:
        desk.sim.edit("contacts", record_id, {"firstname": "changed"})
    desk.server.board.clear()
    assert desk.poll() <= 62
    assert desk.wrong() == []
    assert {status for _, status in desk.server.board.journal} == {200}
    assert desk.poll() == 1


def test_properties_that_do_not_fit_a_search_are_read_in_batches(desk: Bench) -> None:
    fields = ["email", "firstname"]
    for number in range(120):
        desk.sim.define_property("contacts", f"a_rather_long_property_name_{number}")
        fields.append(f"a_rather_long_property_name_{number}")
    desk.sim.seed("contacts", [*people(150), {"email": "x@example.com", fields[5]: "kept"}], modified=old(1))
    assert desk.poll(fields=tuple(fields)) == 2 + 2  # nothing foretold that the first page is the last
    assert desk.server.board.total("POST contacts/batch/read") == 2
    assert desk.wrong() == []
    assert [r.fields[fields[5]] for r in desk.store.records.values() if r.fields[fields[5]]] == ["kept"]
    assert desk.poll(fields=tuple(fields)) == 1


def test_rows_that_a_batch_cannot_read_for_now_are_neither_missing_nor_forgotten(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 207 with an error of HubSpot's own: the poll ends before the page that lacks them, and reads it again."""
    fields = ["email", "firstname", *(f"a_rather_long_property_name_{number}" for number in range(120))]
    for name in fields[2:]:
        desk.sim.define_property("contacts", name)
    ids = desk.sim.seed("contacts", people(3), modified=old())
    handle, ill = desk.sim.handle, True

    def stumble(request: Any) -> Any:
        answer = handle(request)
        if ill and request.path.endswith("/batch/read"):
            answer.status = 207
            answer.body["results"] = [row for row in answer.body["results"] if row["id"] != ids[1]]
            answer.body["errors"] = [{"status": "error", "category": "INTERNAL_ERROR", "context": {"ids": [ids[1]]}}]
            answer.body["numErrors"] = 1
        return answer

    monkeypatch.setattr(desk.sim, "handle", stumble)
    with pytest.raises(Unavailable, match="INTERNAL_ERROR"):
        desk.poll(fields=tuple(fields))
    with pytest.raises(Unavailable, match="INTERNAL_ERROR"):
        desk.connector.fetch("contacts", ids, FIELDS)
    ill = False
    desk.poll(fields=tuple(fields))
    assert desk.wrong() == []


def test_a_record_holds_the_fields_asked_for_and_no_other(desk: Bench) -> None:
    desk.sim.seed("contacts", [{"email": "a@example.com", "lastname": "B"}])
    desk.poll(fields=("email", "firstname"))
    (record,) = desk.store.records.values()
    assert dict(record.fields) == {"email": "a@example.com", "firstname": None}


def test_a_property_that_the_account_lacks_is_never_taken_for_an_empty_one(desk: Bench) -> None:
    """HubSpot leaves an unknown name out of its answers without a word; nothing of such a page is stored."""
    desk.sim.seed("contacts", people(3))
    wanted = ("email", "no_such_property")
    with pytest.raises(ConfigProblem, match="HubSpot contacts has no property no_such_property; create it") as caught:
        desk.poll(fields=wanted)
    assert caught.value.kinds == ("contacts",)
    assert desk.store.records == {}
    desk.sim.define_property("contacts", "no_such_property")
    desk.poll(fields=wanted)
    assert [dict(each.fields)["no_such_property"] for each in desk.store.records.values()] == [None] * 3
    assert desk.server.board.total("properties") == 1


def test_a_value_that_an_answer_leaves_out_is_an_empty_one_where_the_property_exists(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a blank of one record nor one of all is taken for a field that was not read."""
    handle = desk.sim.handle

    def sparing(request: Request) -> Response:
        answer = handle(request)
        for row in answer.body.get("results", []) if request.path.endswith(("/search", "/batch/read")) else []:
            row["properties"] = {name: value for name, value in row["properties"].items() if value is not None}
        return answer

    monkeypatch.setattr(desk.sim, "handle", sparing)
    first, second = desk.sim.seed("contacts", [{"email": "a@example.com"}, {"firstname": "Bo"}])
    wanted = ("email", "firstname", "city")
    desk.poll(fields=wanted)
    told = {"email": "a@example.com", "firstname": None, "city": None}
    assert dict(desk.store.records["contacts", first].fields) == told
    assert dict(desk.store.records["contacts", second].fields) == {"email": None, "firstname": "Bo", "city": None}
    assert [dict(each.fields) for each in desk.connector.fetch("contacts", [first], wanted)] == [told]


def test_a_merge_is_told_by_the_survivor(desk: Bench) -> None:
    first, second = desk.sim.seed("contacts", people(2), modified=old())
    desk.poll()
    survivor = desk.sim.merge("contacts", first, second)
    desk.poll()
    merged = set(desk.store.records["contacts", survivor].merged)
    assert {first, second} - {survivor} <= merged
    assert survivor not in merged


@pytest.mark.parametrize("kind", ["companies", "deals", "custom"])
def test_other_objects_are_read_by_their_own_modified_property(desk: Bench, kind: str) -> None:
    name = {"companies": "name", "deals": "dealname"}.get(kind, "hs_object_id")
    if kind == "custom":
        kind = desk.sim.define_object("cars")
    ids = desk.sim.seed(kind, [{} if name == "hs_object_id" else {name: f"n{n}"} for n in range(300)], modified=old(1))
    assert desk.poll(kind, (name,)) == 2
    assert len(desk.store.records) == 300
    desk.sim.noise(kind, ids[7])
    assert desk.poll(kind, (name,)) == 1
    assert desk.poll(kind, (name,)) == 1


def test_an_empty_account_is_idle_after_its_load(desk: Bench) -> None:
    assert desk.poll() == 1
    assert desk.store.cursors
    assert desk.poll() == 1
    desk.sim.seed("contacts", people(3))
    desk.poll()
    assert desk.wrong() == []


def test_a_cursor_of_somebody_else_is_refused_in_words(desk: Bench) -> None:
    reading = Reading(kind="contacts", fields=("email",), after={"stamp": 5})
    with pytest.raises(ContractBroken, match="cursor"):
        list(desk.connector.changes([reading], desk.store))


def test_odd_rows_do_not_hold_up_the_page(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """R28: rows without properties, with numbers, with a broken stamp or without an id beside good ones."""
    desk.sim.seed("contacts", people(4), modified=old(1))
    handle = desk.sim.handle

    def odd(request: Any) -> Any:
        answer = handle(request)
        if request.path.endswith("/search") and (rows := answer.body["results"]):
            rows[0]["properties"] = None
            rows[1]["properties"] |= {"lastmodifieddate": "no date", "firstname": 12.5}
            rows[2]["properties"] |= {"lastmodifieddate": None, "firstname": "\ud800"}
            rows.append({"properties": {}})
            rows.append("text")
        return answer

    monkeypatch.setattr(desk.sim, "handle", odd)
    desk.poll()
    assert len(desk.store.records) == 4
    assert {record.fields.get("firstname") for record in desk.store.records.values()} == {None, 12.5, "?", "first3"}


def test_a_search_that_ignores_the_id_filter_is_reported_and_not_read_for_ever(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sim.seed("contacts", people(300))
    handle = desk.sim.handle

    def deaf(request: Any) -> Any:
        request.body = json.dumps({**request.json(), "filterGroups": []}).encode()
        return handle(request)

    monkeypatch.setattr(desk.sim, "handle", deaf)
    with pytest.raises(ContractBroken, match="hs_object_id"):
        desk.poll()


@pytest.mark.slow
def test_a_great_many_changes_in_one_poll_are_read_by_a_search_for_200(desk: Bench) -> None:
    many = times(50_000, 250_000)
    desk.sim.seed("contacts", people(1), modified=old())
    desk.poll()
    desk.sim.seed("contacts", people(many, start=1))
    assert desk.poll() <= many / 200 + 2
    assert desk.wrong() == []
    assert desk.poll() == 1
