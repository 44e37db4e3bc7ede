"""Writing to HubSpot: one answer per request, the bad row alone refused, nothing doubled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_bench import Bench, bench, people

from connectors.contract import Deferred, Policy, Rejected, WriteRequest, Written
from connectors.errors import ConfigProblem
from connectors.hubspot.destination import text_of
from sandbox.wire import Fault

UPDATE = "POST contacts/batch/update"


@pytest.fixture
def desk() -> Iterator[Bench]:
    with bench() as made:
        yield made


def update(record_id: str, fields: dict[str, Any], token: str = "") -> WriteRequest:
    return WriteRequest(token=token or record_id, kind="contacts", policy=Policy.UPDATE, fields=fields, id=record_id)


def create(key: str, value: str, fields: dict[str, Any]) -> WriteRequest:
    return WriteRequest(token=value, kind="contacts", policy=Policy.CREATE, fields=fields, key=(key, value))


def test_250_updates_cost_3_calls_and_each_has_its_own_answer(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(250))
    results = desk.connector.write([update(i, {"firstname": f"new{i}"}) for i in ids])
    assert [r.id for r in results if isinstance(r, Written)] == ids
    assert desk.server.board.total() == 3
    assert all(desk.sim.get("contacts", i)["firstname"] == f"new{i}" for i in ids)


def test_the_modified_time_of_an_answer_is_the_one_that_a_poll_reads(desk: Bench) -> None:
    (record_id,) = desk.sim.seed("contacts", people(1))
    (result,) = desk.connector.write([update(record_id, {"firstname": "x"})])
    desk.poll()
    assert isinstance(result, Written)
    assert result.modified == desk.store.records["contacts", record_id].modified


def test_two_requests_for_one_record_are_both_applied_in_order(desk: Bench) -> None:
    first, second = desk.sim.seed("contacts", people(2))
    requests = [update(first, {"firstname": "a"}, "1"), update(second, {"firstname": "b"}, "2")]
    results = desk.connector.write([*requests, update(first, {"firstname": "c"}, "3")])
    assert [type(r) for r in results] == [Written] * 3
    assert desk.sim.get("contacts", first)["firstname"] == "c"
    assert desk.server.board.total() == 2


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "canary-no-address", "INVALID_EMAIL"),
        ("lifecyclestage", "canary-stage", "INVALID_OPTION"),
        ("no_such_property", "canary", "PROPERTY_DOESNT_EXIST"),
        ("hs_analytics_num_visits", "canary", "READ_ONLY_VALUE"),
        ("email", "P7@example.com", "CONFLICT"),
    ],
)
def test_a_refused_row_is_named_without_its_value_and_the_others_are_written(
    desk: Bench, field: str, value: str, code: str
) -> None:
    ids = desk.sim.seed("contacts", people(100))
    requests = [update(i, {"firstname": "new"}) for i in ids]
    requests[41] = update(ids[41], {"firstname": "new", field: value})
    results = desk.connector.write(requests)
    (refused,) = [r for r in results if isinstance(r, Rejected)]
    assert results[41] is refused
    assert (refused.code, refused.field) == (code, None if code == "CONFLICT" else field)
    assert value.lower() not in repr(refused).lower()
    assert ids[41] in refused.message
    if code == "CONFLICT":
        assert refused.matches == (("contacts", ids[7]),)
    assert sum(isinstance(r, Written) for r in results) == 99
    assert desk.server.board.total() == 1


def without_traces(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the simulator forget trace ids, so that one bad row refuses its whole batch."""
    handle = desk.sim.handle

    def forgetful(request: Any) -> Any:
        request.body = request.body.replace(b'"objectWriteTraceId"', b'"forgotten"')
        return handle(request)

    monkeypatch.setattr(desk.sim, "handle", forgetful)


@pytest.mark.parametrize("seed", range(8))
def test_one_bad_row_that_refuses_its_batch_is_isolated_in_9_calls_per_100(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    without_traces(desk, monkeypatch)
    ids = desk.sim.seed("contacts", people(100))
    bad = random.Random(seed).randrange(100)
    requests = [update(i, {"email": "canary" if n == bad else f"new{n}@example.com"}) for n, i in enumerate(ids)]
    results = desk.connector.write(requests)
    assert [n for n, r in enumerate(results) if isinstance(r, Rejected)] == [bad]
    assert sum(isinstance(r, Written) for r in results) == 99
    assert desk.server.board.total() <= 9
    assert "canary" not in repr(results)


NONSENSE = {"status": "error", "message": "it passes", "category": "VALIDATION_ERROR"}


@pytest.mark.parametrize("count", [2, 3, 100])
def test_a_refusal_of_a_whole_batch_that_passes_is_held_against_no_row(desk: Bench, count: int) -> None:
    """Nobody is to blame who was never refused alone; it would wait until a value of it changes."""
    ids = desk.sim.seed("contacts", people(count))
    desk.server.board.add(Fault(kind="status", status=400, body=NONSENSE, match=UPDATE))
    results = desk.connector.write([update(i, {"firstname": "x"}) for i in ids])
    assert [type(result) for result in results] == [Written] * count
    assert desk.server.board.total() <= 9


@pytest.mark.parametrize("count", [1, 5])
def test_a_conflict_with_nobody_puts_off_and_refuses_nobody(desk: Bench, count: int) -> None:
    """A real one names the record that has the value."""
    ids = desk.sim.seed("contacts", people(count))
    conflict = {"status": "error", "message": "conflict", "category": "CONFLICT"}
    desk.server.board.add(Fault(kind="status", status=409, body=conflict, match=UPDATE, times=30))
    requests = [update(i, {"firstname": "x"}) for i in ids]
    assert {type(result) for result in desk.connector.write(requests)} == {Deferred}
    desk.server.board.faults.clear()
    assert {type(result) for result in desk.connector.write(requests)} == {Written}


def test_a_property_that_does_not_exist_refuses_its_rows_in_two_calls(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_traces(desk, monkeypatch)
    ids = desk.sim.seed("contacts", people(100))
    results = desk.connector.write([update(i, {"gone" if n % 2 else "firstname": "x"}) for n, i in enumerate(ids)])
    assert [type(r) for r in results] == [Written, Rejected] * 50
    assert desk.server.board.total() == 2


def test_many_bad_rows_are_decided_over_several_attempts_and_none_is_without_an_answer(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_traces(desk, monkeypatch)
    ids = desk.sim.seed("contacts", people(100))
    waiting = [update(i, {"email": "canary" if n % 9 == 0 else f"new{n}@example.com"}) for n, i in enumerate(ids)]
    fates: dict[str, Any] = {}
    for _ in range(8):
        desk.server.board.clear()
        results = desk.connector.write(waiting)
        assert desk.server.board.total() <= 30
        fates |= {q.token: r for q, r in zip(waiting, results, strict=True)}
        waiting = [q for q, r in zip(waiting, results, strict=True) if isinstance(r, Deferred)]
        if not waiting:
            break
    assert not waiting
    assert sum(isinstance(r, Rejected) for r in fates.values()) == 12


def test_a_create_is_an_upsert_by_the_key_and_finds_its_own_earlier_create(desk: Bench) -> None:
    desk.sim.define_property("contacts", "syncd_key", unique=True)
    requests = [create("syncd_key", f"K{n}", {"firstname": f"f{n}", "email": f"c{n}@example.com"}) for n in range(150)]
    first, second = desk.connector.write(requests), desk.connector.write(requests)
    assert {r.created for r in first if isinstance(r, Written)} == {True}
    assert {r.created for r in second if isinstance(r, Written)} == {False}
    assert [r.id for r in first if isinstance(r, Written)] == [r.id for r in second if isinstance(r, Written)]
    assert len(desk.sim.all("contacts")) == 150
    assert all(
        desk.sim.get("contacts", r.id)["firstname"] == f"f{n}" for n, r in enumerate(first) if isinstance(r, Written)
    )


CUT_OFF = {"kind": "after", "status": 502, "body": b"<html>Bad Gateway</html>", "match": "batch/upsert"}


def test_a_create_that_was_made_and_answered_502_is_gone_on_with_however_late_the_upsert_finds_it() -> None:
    """Sent again it is refused: "... already has that value", by a record of our own."""
    with bench(index_lag=60.0, late_upserts=True) as desk:
        desk.sim.define_property("contacts", "syncd_key", unique=True)
        desk.server.board.add(Fault(**CUT_OFF))
        requests = [create("syncd_key", f"K{n}", {"firstname": f"f{n}"}) for n in range(40)]
        assert [type(result) for result in desk.connector.write(requests)] == [Deferred] * 40
        results = desk.connector.write(requests)
        assert [type(result) for result in results] == [Written] * 40
        made = {row["hs_object_id"]: row["syncd_key"] for row in desk.sim.all("contacts")}
        assert [made[result.id] for result in results if isinstance(result, Written)] == [f"K{n}" for n in range(40)]


def test_a_create_whose_unique_value_is_another_records_is_refused_and_changes_nothing(desk: Bench) -> None:
    (other,) = desk.sim.seed("contacts", people(1))
    desk.sim.define_property("contacts", "syncd_key", unique=True)
    (result,) = desk.connector.write([create("syncd_key", "K1", {"email": "p0@example.com", "firstname": "canary"})])
    assert isinstance(result, Rejected)
    assert result.matches == (("contacts", other),)
    assert desk.sim.get("contacts", other)["firstname"] == "first0"


def test_whose_record_it_is_that_has_the_value_is_asked_again_when_it_cannot_be_read() -> None:
    with bench(index_lag=60.0, late_upserts=True) as desk:
        desk.sim.define_property("contacts", "syncd_key", unique=True)
        requests = [create("syncd_key", "K1", {"firstname": "x"})]
        desk.connector.write(requests)
        desk.server.board.add(Fault(kind="status", status=503, match="contacts/batch/read", times=4))
        assert isinstance(desk.connector.write(requests)[0], Deferred)
        assert isinstance(desk.connector.write(requests)[0], Written)


def test_creates_with_keys_that_differ_in_case_only_go_in_calls_of_their_own(desk: Bench) -> None:
    requests = [create("email", value, {"firstname": value}) for value in ("A@example.com", "a@example.com")]
    assert [type(r) for r in desk.connector.write(requests)] == [Written, Written]
    assert len(desk.sim.all("contacts")) == 1


def test_a_key_that_is_not_unique_is_refused_in_words(desk: Bench) -> None:
    request = create("firstname", "canary", {"lastname": "x"})
    (result,) = desk.connector.write([request])
    assert isinstance(result, Rejected)
    assert result.code == "NOT_UNIQUE_PROPERTY"
    assert "setup" in result.message
    assert desk.sim.all("contacts") == []


def test_a_deleted_target_is_gone_and_a_merged_one_names_the_survivor(desk: Bench) -> None:
    deleted, first, second, alive = desk.sim.seed("contacts", people(4))
    desk.sim.archive("contacts", deleted)
    survivor = desk.sim.merge("contacts", first, second)
    old = second if survivor != second else first
    results = desk.connector.write([update(i, {"firstname": "x"}) for i in (deleted, old, alive)])
    gone, merged, written = results
    assert isinstance(gone, Rejected)
    assert gone.gone
    assert isinstance(merged, Rejected)
    assert merged.gone
    assert merged.matches == (("contacts", survivor),)
    assert isinstance(written, Written)


@pytest.mark.parametrize("category", ["INTERNAL_ERROR", "RATE_LIMITS", "NEVER_HEARD_OF"])
def test_a_row_that_a_batch_could_not_write_for_now_is_put_off_alone(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, category: str
) -> None:
    """Nothing is wrong with it, so it must not wait until a value of it changes."""
    ids = desk.sim.seed("contacts", people(5))
    handle, failed = desk.sim.handle, []

    def failing(request: Any) -> Any:
        answer = handle(request)
        if request.path.endswith("/batch/update") and not failed:
            failed.append(ids[2])
            context = {"objectWriteTraceId": ["r2"]}
            error = {"status": "error", "category": category, "message": "canary", "context": context}
            rows = [row for row in answer.body["results"] if row["id"] != ids[2]]
            answer.status, answer.body = 207, {**answer.body, "results": rows, "numErrors": 1, "errors": [error]}
        return answer

    monkeypatch.setattr(desk.sim, "handle", failing)
    requests = [update(i, {"firstname": "x"}) for i in ids]
    assert [type(r) for r in desk.connector.write(requests)] == [Written, Written, Deferred, Written, Written]
    assert [type(r) for r in desk.connector.write(requests)] == [Written] * 5


def test_a_row_that_vanishes_from_the_answer_is_deferred(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = desk.sim.seed("contacts", people(5))
    handle = desk.sim.handle

    def swallowing(request: Any) -> Any:
        answer = handle(request)
        if request.path.endswith("/batch/update"):
            answer.body["results"] = [row for row in answer.body["results"] if row["id"] != ids[2]]
        return answer

    monkeypatch.setattr(desk.sim, "handle", swallowing)
    results = desk.connector.write([update(i, {"firstname": "x"}) for i in ids])
    assert [type(r) for r in results] == [Written, Written, Deferred, Written, Written]


@pytest.mark.parametrize("backwards", ["silent", "refuse"])
def test_a_lifecycle_stage_is_moved_back_by_emptying_it_first(backwards: Any) -> None:
    with bench(stage_backwards=backwards) as desk:
        ids = desk.sim.seed("contacts", [{**row, "lifecyclestage": "customer"} for row in people(3)])
        stages = ["lead", "evangelist", "subscriber"]
        requests = [update(i, {"lifecyclestage": s, "firstname": "x"}) for i, s in zip(ids, stages, strict=True)]
        assert [type(r) for r in desk.connector.write(requests)] == [Written] * 3
        assert [desk.sim.get("contacts", i)["lifecyclestage"] for i in ids] == stages
        assert {desk.sim.get("contacts", i)["firstname"] for i in ids} == {"x"}
        assert desk.server.board.total(UPDATE) == 3


@pytest.mark.parametrize(("backwards", "calls"), [("silent", 4), ("refuse", 5)])
def test_a_stage_that_is_held_back_where_a_create_met_its_record_is_moved_back_too(backwards: Any, calls: int) -> None:
    """What else it sets is written, and no call asks for a record without an id."""
    with bench(stage_backwards=backwards) as desk:
        desk.sim.define_property("companies", "syncd_key", unique=True)
        (there,) = desk.sim.seed("companies", [{"name": "A", "syncd_key": "K1", "lifecyclestage": "customer"}])
        fields = {"name": "B", "lifecyclestage": "lead"}
        key = ("syncd_key", "K1")
        request = WriteRequest(token="t", kind="companies", policy=Policy.CREATE, fields=fields, key=key)
        (result,) = desk.connector.write([request])
        assert isinstance(result, Written)
        assert result.id == there
        now = desk.sim.get("companies", there)
        assert (now["name"], now["lifecyclestage"]) == ("B", "lead")
        assert desk.server.board.total() == calls


VALIDATION = {"category": "VALIDATION_ERROR", "message": "a rule of the account"}


@pytest.mark.parametrize(("address", "calls"), [("canary-no-address", 1), ("p1@example.com", 2)])
def test_a_stage_is_not_emptied_for_a_row_that_is_refused_anyway(address: str, calls: int) -> None:
    """HubSpot names every value that does not fit, the stage first; whose the address is it says only then."""
    with bench(stage_backwards="refuse") as desk:
        contact, _ = desk.sim.seed("contacts", [{**row, "lifecyclestage": "customer"} for row in people(2)])
        (result,) = desk.connector.write([update(contact, {"lifecyclestage": "lead", "email": address})])
        assert isinstance(result, Rejected)
        assert desk.sim.get("contacts", contact)["lifecyclestage"] == "customer"
        assert desk.server.board.total(UPDATE) == calls


@pytest.mark.parametrize("backwards", ["silent", "refuse"])
@pytest.mark.parametrize(
    ("fault", "answer"), [({"status": 400, "body": VALIDATION}, Rejected), ({"status": 503, "times": 4}, Deferred)]
)
def test_a_stage_that_was_emptied_in_vain_is_what_it_was(backwards: Any, fault: dict[str, Any], answer: type) -> None:
    with bench(stage_backwards=backwards) as desk:
        (contact,) = desk.sim.seed("contacts", [{**people(1)[0], "lifecyclestage": "customer"}])
        desk.server.board.add(Fault(kind="status", match=UPDATE, first=3, **fault))
        (result,) = desk.connector.write([update(contact, {"lifecyclestage": "lead", "firstname": "x"})])
        assert type(result) is answer
        now = desk.sim.get("contacts", contact)
        assert (now["lifecyclestage"], now["firstname"]) == ("customer", "x")


def test_a_stage_that_could_not_be_written_back_is_told(desk: Bench) -> None:
    (contact,) = desk.sim.seed("contacts", [{**people(1)[0], "lifecyclestage": "customer"}])
    desk.server.board.add(Fault(kind="status", status=400, body=VALIDATION, match=UPDATE, first=3, times=9))
    (result,) = desk.connector.write([update(contact, {"lifecyclestage": "lead"})])
    assert isinstance(result, Rejected)
    assert "lifecyclestage was emptied" in result.message


def test_a_stage_that_the_object_does_not_have_is_refused_in_one_call(desk: Bench) -> None:
    desk.sim.define_object("site")
    (site,) = desk.sim.seed("site", [{}])
    fields = {"lifecyclestage": "lead"}
    (result,) = desk.connector.write(
        [WriteRequest(token="t", kind="site", policy=Policy.UPDATE, fields=fields, id=site)]
    )
    assert isinstance(result, Rejected)
    assert desk.server.board.total("POST") == 1


def test_values_arrive_as_hubspot_reads_them(desk: Bench) -> None:
    for name, type_, shown in [("n", "number", "number"), ("b", "bool", "booleancheckbox"), ("t", "string", "text")]:
        desk.sim.define_property("contacts", f"my_{name}", type_, shown)
    desk.sim.define_property("contacts", "my_c", "enumeration", "checkbox", options=["a", "b"])
    (record_id,) = desk.sim.seed("contacts", [{"email": "a@example.com", "firstname": "x", "my_t": "y"}])
    odd = "\x00 ünï 😀 ;"
    fields = {"my_n": 12.5, "my_b": True, "my_c": ["a", "b"], "firstname": None, "my_t": odd}
    (result,) = desk.connector.write([update(record_id, fields)])
    assert isinstance(result, Written)
    now = desk.sim.get("contacts", record_id)
    assert (now["my_n"], now["my_b"], set(now["my_c"].split(";"))) == ("12.5", "true", {"a", "b"})
    assert "firstname" not in now
    assert now["my_t"] == odd


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (False, "false"), (3, "3"), (3.0, "3"), (1e22, "1" + "0" * 22), (1e-7, "0.0000001"), (0.0, "0")],
)
def test_a_value_is_sent_as_plain_text(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_request_without_a_target_is_refused_and_sends_nothing(desk: Bench) -> None:
    request = WriteRequest(token="t", kind="contacts", policy=Policy.UPDATE, fields={"firstname": "x"})
    (result,) = desk.connector.write([request])
    assert isinstance(result, Rejected)
    assert desk.server.board.total() == 0


def test_an_unknown_object_is_a_problem_of_the_mapping(desk: Bench) -> None:
    request = WriteRequest(token="t", kind="cars", policy=Policy.UPDATE, fields={"a": "x"}, id="1")
    with pytest.raises(ConfigProblem, match="cars"):
        desk.connector.write([request])


@pytest.mark.parametrize(("status", "calls"), [(503, 1), (401, 1)])
def test_trouble_after_the_first_call_defers_the_rest_instead_of_raising(desk: Bench, status: int, calls: int) -> None:
    ids = desk.sim.seed("contacts", people(300))
    desk.server.board.add(Fault(kind="status", status=status, match=UPDATE, first=2, times=100))
    results = desk.connector.write([update(i, {"firstname": "x"}) for i in ids])
    assert [type(r) for r in results] == [Written] * 100 + [Deferred] * 200
    assert desk.server.board.total() == 1 + calls


def test_a_right_lost_in_the_middle_of_a_split_defers_what_is_left_and_keeps_what_was_written(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_traces(desk, monkeypatch)
    ids = desk.sim.seed("contacts", people(8))
    desk.server.board.add(Fault(kind="status", status=401, match=UPDATE, first=3, times=9))
    results = desk.connector.write(
        [update(i, {"email": "bad" if n == 7 else f"n{n}@example.com"}) for n, i in enumerate(ids)]
    )
    assert [type(r) for r in results] == [Written] * 4 + [Deferred] * 4
