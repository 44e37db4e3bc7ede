"""Many records in one call: whole or nothing, or row by row with trace ids, never in the order that was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_account import Account, open_account


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        opened.hub.define_property("contacts", "syncd_id", unique=True)
        yield opened


def rows(*properties: dict[str, Any], traced: bool = False) -> dict[str, Any]:
    inputs = [{"properties": one} for one in properties]
    return {"inputs": [_traced(row, place) if traced else row for place, row in enumerate(inputs)]}


def keyed(key: str, *pairs: tuple[str, dict[str, Any]], traced: bool = False) -> dict[str, Any]:
    inputs = [{"id": value, "idProperty": key, "properties": properties} for value, properties in pairs]
    return {"inputs": [_traced(row, place) if traced else row for place, row in enumerate(inputs)]}


def _traced(row: dict[str, Any], place: int) -> dict[str, Any]:
    return {**row, "objectWriteTraceId": f"row-{place}"}


def test_101_inputs_are_refused(account: Account) -> None:
    body = {"inputs": [{"id": str(n)} for n in range(101)]}
    assert account.post("contacts/batch/read", body).status_code == 400
    assert account.post("contacts/batch/read", {"inputs": body["inputs"][:100]}).status_code == 207


def test_missing_ids_come_as_one_error_beside_what_was_found(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    answer = account.post("contacts/batch/read", {"inputs": [{"id": "998"}, {"id": known}, {"id": "999"}]})
    assert answer.status_code == 207
    assert [row["id"] for row in answer.json()["results"]] == [known]
    assert answer.json()["numErrors"] == 1
    (error,) = answer.json()["errors"]
    assert (error["category"], error["context"]["ids"]) == ("OBJECT_NOT_FOUND", ["998", "999"])


def test_results_are_never_in_the_order_of_the_inputs(account: Account) -> None:
    ids = account.hub.seed("contacts", [{"lastname": str(n)} for n in range(40)])
    for size in (2, 3, 40):
        answer = account.post("contacts/batch/read", {"inputs": [{"id": one} for one in ids[:size]]})
        read = [row["id"] for row in answer.json()["results"]]
        assert read != ids[:size]
        assert sorted(read) == sorted(ids[:size])


def test_a_batch_reads_by_address_and_by_unique_value(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co", "syncd_id": "L1"}])
    for key, value in (("email", "A@b.co"), ("syncd_id", "L1")):
        body = {"idProperty": key, "properties": ["email"], "inputs": [{"id": value}]}
        assert account.post("contacts/batch/read", body).json()["results"][0]["id"] == known
    body = {"idProperty": "city", "inputs": [{"id": "Ulm"}]}
    assert account.post("contacts/batch/read", body).status_code == 400


def test_archived_ids_are_missing_unless_they_are_asked_for(account: Account) -> None:
    kept, gone = account.hub.seed("contacts", [{"lastname": "k"}, {"lastname": "g"}])
    account.hub.archive("contacts", gone)
    body = {"inputs": [{"id": kept}, {"id": gone}]}
    live = account.post("contacts/batch/read", body).json()
    assert ([row["id"] for row in live["results"]], live["errors"][0]["context"]["ids"]) == ([kept], [gone])
    archived = account.post("contacts/batch/read", body, archived="True").json()
    assert ([row["id"] for row in archived["results"]], archived["errors"][0]["context"]["ids"]) == ([gone], [kept])


def test_merged_ids_vanish_from_results_and_errors(account: Account) -> None:
    a, b = account.hub.seed("contacts", [{"email": "a@b.co"}, {"email": "c@b.co"}])
    account.hub.merge("contacts", a, b)
    read = account.post("contacts/batch/read", {"inputs": [{"id": a}, {"id": b}]})
    written = account.post("contacts/batch/update", {"inputs": [{"id": a, "properties": {"city": "Ulm"}}]})
    for answer in (read, written):
        assert answer.status_code == 200
        assert answer.json()["results"] == []
        assert "errors" not in answer.json()


def test_history_is_read_for_50_records_at_most(account: Account) -> None:
    ids = account.hub.seed("contacts", [{"lastname": str(n)} for n in range(51)])
    body = {"propertiesWithHistory": ["lastname"], "inputs": [{"id": one} for one in ids]}
    assert account.post("contacts/batch/read", body).status_code == 400
    body["inputs"].pop()
    answer = account.post("contacts/batch/read", body).json()
    assert answer["results"][0]["propertiesWithHistory"]["lastname"][0]["sourceType"] == "IMPORT"


def test_without_trace_ids_one_bad_row_refuses_all(account: Account) -> None:
    body = rows({"email": "a@b.co"}, {"email": "nonsense"}, {"numberofemployees": "many"})
    answer = account.post("contacts/batch/create", body)
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["INVALID_EMAIL", "INVALID_INTEGER"]
    assert account.hub.all("contacts") == []
    assert account.hub.writes["contacts"] == 0


def test_with_trace_ids_good_rows_are_written_and_bad_ones_listed(account: Account) -> None:
    body = rows({"email": "a@b.co"}, {"email": "nonsense"}, {"email": "c@b.co"}, traced=True)
    answer = account.post("contacts/batch/create", body)
    assert answer.status_code == 207
    assert {row["objectWriteTraceId"] for row in answer.json()["results"]} == {"row-0", "row-2"}
    (error,) = answer.json()["errors"]
    assert error["context"] == {"objectWriteTraceId": ["row-1"]}
    assert error["category"] == "VALIDATION_ERROR"
    assert "INVALID_EMAIL" in error["message"]
    assert account.hub.writes["contacts"] == 2


def test_a_trace_id_used_twice_is_no_trace_id(account: Account) -> None:
    body = rows({"email": "a@b.co"}, {"email": "nonsense"}, traced=True)
    body["inputs"][1]["objectWriteTraceId"] = "row-0"
    assert account.post("contacts/batch/create", body).status_code == 400
    assert account.hub.all("contacts") == []


def test_creating_a_known_address_in_a_batch_is_the_same_conflict(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    answer = account.post("contacts/batch/create", rows({"email": "a@b.co"}, {"email": "c@b.co"}))
    assert answer.status_code == 409
    assert answer.json()["message"].endswith(f"Existing ID: {known}")
    assert len(account.hub.all("contacts")) == 1


def test_two_rows_of_a_batch_cannot_share_an_address(account: Account) -> None:
    answer = account.post("contacts/batch/create", rows({"email": "a@b.co"}, {"email": "A@b.co"}, traced=True))
    assert answer.status_code == 207
    assert "already has that value" in answer.json()["errors"][0]["message"]
    assert len(account.hub.all("contacts")) == 1


def test_an_update_of_missing_ids_writes_the_others(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    inputs = [{"id": known, "properties": {"city": "Ulm"}}, {"id": "999", "properties": {"city": "Ulm"}}]
    plain = account.post("contacts/batch/update", {"inputs": inputs})
    assert (plain.status_code, plain.json()["errors"][0]["context"]) == (207, {"ids": ["999"]})
    traced = account.post("contacts/batch/update", {"inputs": [_traced(row, n) for n, row in enumerate(inputs)]})
    assert traced.json()["errors"][0]["context"] == {"ids": ["999"], "objectWriteTraceId": ["row-1"]}
    assert account.hub.get("contacts", known)["city"] == "Ulm"


def test_contacts_are_not_updated_by_address_in_a_batch(account: Account) -> None:
    account.hub.seed("contacts", [{"email": "a@b.co", "syncd_id": "L1"}])
    assert account.post("contacts/batch/update", keyed("email", ("a@b.co", {"city": "U"}))).status_code == 400
    assert account.post("contacts/batch/update", keyed("syncd_id", ("L1", {"city": "U"}))).status_code == 200


@pytest.mark.parametrize("verb", ["update", "upsert"])
@pytest.mark.parametrize("traced", [True, False])
def test_the_same_key_twice_refuses_the_whole_call(account: Account, verb: str, traced: bool) -> None:
    account.hub.seed("contacts", [{"syncd_id": "l1"}])
    body = keyed("syncd_id", ("L1", {"city": "Ulm"}), ("l1 ", {"city": "Bonn"}), traced=traced)
    answer = account.post(f"contacts/batch/{verb}", body)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Duplicate IDs found in batch input"
    assert "city" not in account.hub.all("contacts")[0]


def test_an_upsert_says_which_rows_are_new(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    body = keyed("email", ("A@B.co", {"city": "Ulm"}), ("new@b.co", {"city": "Bonn"}), traced=True)
    answer = account.post("contacts/batch/upsert", body)
    assert answer.status_code == 200
    by_trace = {row["objectWriteTraceId"]: row for row in answer.json()["results"]}
    assert (by_trace["row-0"]["new"], by_trace["row-0"]["id"]) == (False, known)
    assert by_trace["row-1"]["new"] is True
    assert by_trace["row-1"]["properties"]["email"] == "new@b.co"


def test_an_upsert_again_changes_nothing_but_the_stamp(account: Account) -> None:
    body = keyed("syncd_id", ("L1", {"syncd_id": "L1", "city": "Ulm"}))
    account.post("contacts/batch/upsert", body)
    account.post("contacts/batch/upsert", body)
    assert [one["syncd_id"] for one in account.hub.all("contacts")] == ["L1"]


def test_an_upsert_needs_a_unique_property(account: Account) -> None:
    answer = account.post("companies/batch/upsert", keyed("domain", ("acme.com", {"city": "Ulm"})))
    assert answer.status_code == 400
    assert answer.json()["message"] == "Unable to perform update/upsert by non-unique 0-2 property domain"
    by_id = account.post("contacts/batch/upsert", keyed("hs_object_id", ("101", {"city": "Ulm"})))
    assert by_id.status_code == 400


def test_the_stage_cannot_be_cleared_and_set_in_one_batch(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"lifecyclestage": "customer"}])
    inputs = [{"id": known, "properties": {"lifecyclestage": stage}} for stage in ("", "lead")]
    assert account.post("contacts/batch/update", {"inputs": inputs}).status_code == 400
    assert account.hub.get("contacts", known)["lifecyclestage"] == "customer"


def test_a_batch_archive_ignores_unknown_ids(account: Account) -> None:
    ids = account.hub.seed("contacts", [{"lastname": "a"}, {"lastname": "b"}])
    answer = account.post("contacts/batch/archive", {"inputs": [{"id": one} for one in (*ids, "999")]})
    assert answer.status_code == 204
    assert account.hub.all("contacts") == []
    assert account.hub.writes["contacts"] == 2
