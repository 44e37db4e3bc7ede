"""Many rows in one call: always 200, answered row by row, one call against the limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, Account, open_org, record, refusal

COLLECTIONS = "composite/sobjects"
UPSERT = f"{COLLECTIONS}/Lead/{KEY}"


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def lead(**fields: Any) -> dict[str, Any]:
    return record("Lead", **{"LastName": "Doe", "Company": "Acme", **fields})


def send(
    account: Account, method: str, path: str, *records: dict[str, Any], whole: bool = False
) -> list[dict[str, Any]]:
    answer = account.call(method, path, {"allOrNone": whole, "records": list(records)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [None if result["success"] else result["errors"][0]["statusCode"] for result in results]


def test_rows_are_answered_in_order_and_good_ones_are_written(account: Account) -> None:
    """A failed row has no id; its error says statusCode where a top-level one says errorCode."""
    results = send(account, "POST", COLLECTIONS, lead(City="A"), lead(Email="no"), lead(City="B"))
    assert codes(results) == [None, "INVALID_EMAIL_ADDRESS", None]
    assert results[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "INVALID_EMAIL_ADDRESS",
                "message": "Email: invalid email address: no",
                "fields": ["Email"],
            }
        ],
    }
    assert [account.org.get("Lead", results[place]["id"])["City"] for place in (0, 2)] == ["A", "B"]
    assert results[0] == {"id": results[0]["id"], "success": True, "errors": []}
    assert account.org.api_calls == 1


def test_all_or_none_takes_everything_back(account: Account) -> None:
    """The good rows say ALL_OR_NONE_OPERATION_ROLLED_BACK and still carry the id of what is gone."""
    results = send(account, "POST", COLLECTIONS, lead(), lead(Email="no"), whole=True)
    assert codes(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_EMAIL_ADDRESS"]
    assert results[0]["id"].startswith("00Q")
    assert account.org.all("Lead") == []
    assert account.org.writes.get("Lead") is None


def test_200_rows_are_the_limit(account: Account) -> None:
    assert len(send(account, "POST", COLLECTIONS, *[lead()] * 200)) == 200
    refused = account.call("POST", COLLECTIONS, {"records": [lead()] * 201})
    assert refusal(refused) == (400, "EXCEEDED_ID_LIMIT")
    assert len(account.org.all("Lead")) == 200


def test_types_may_be_mixed_in_ten_chunks(account: Account) -> None:
    company = record("Account", Name="Acme")
    assert codes(send(account, "POST", COLLECTIONS, *[lead(), company] * 5)) == [None] * 10
    refused = account.call("POST", COLLECTIONS, {"records": [*[lead(), company] * 5, lead()]})
    assert refused.status_code == 400


def test_an_unknown_field_fails_the_whole_call(account: Account) -> None:
    """Schema drift: 400 with the top-level envelope, and not one row is written."""
    answer = account.call("POST", COLLECTIONS, {"records": [lead(), lead(Nope__c=1)]})
    assert refusal(answer) == (400, "INVALID_FIELD")
    assert account.org.all("Lead") == []


def test_update_needs_ids_and_answers_for_each(account: Account) -> None:
    first, gone = account.lead(), account.lead()
    account.org.delete("Lead", gone)
    results = send(
        account,
        "PATCH",
        COLLECTIONS,
        record("Lead", id=first, City="Bonn"),
        record("Lead", id=gone, City="Bonn"),
        record("Lead", id="00Q000000000001EAA", City="Bonn"),
        record("Lead", id="nonsense", City="Bonn"),
        record("Lead", City="Bonn"),
    )
    assert codes(results) == [
        None,
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
    ]
    assert account.org.get("Lead", first)["City"] == "Bonn"


def test_upsert_tells_created_from_updated(account: Account) -> None:
    known = account.lead(Source_Key__c="k1")
    results = send(account, "PATCH", UPSERT, lead(Source_Key__c="k1", City="Bonn"), lead(Source_Key__c="k2"))
    assert [(result["id"] == known, result["created"]) for result in results] == [(True, False), (False, True)]
    assert account.org.get("Lead", known)["City"] == "Bonn"


def test_an_upsert_row_with_id_without_key_or_of_another_type_is_refused(account: Account) -> None:
    key = account.lead()
    results = send(
        account,
        "PATCH",
        UPSERT,
        lead(Source_Key__c="k1", Id=key),
        lead(),
        record("Account", Name="A", Source_Key__c="k3"),
    )
    assert codes(results) == ["INVALID_FIELD_FOR_INSERT_UPDATE", "MISSING_ARGUMENT", "INVALID_TYPE"]


def test_the_same_key_twice_in_one_upsert_is_refused_for_both_rows(account: Account) -> None:
    results = send(account, "PATCH", UPSERT, *[lead(Source_Key__c=key) for key in ("k1", "k2", "k1", "K1")])
    assert codes(results) == ["DUPLICATE_VALUE", None, "DUPLICATE_VALUE", None]


def test_a_key_that_several_rows_have_is_refused(account: Account) -> None:
    account.org.define_field("Lead", "Plain_Key__c", "string", length=20, external_id=True)
    account.org.seed("Lead", [{"LastName": "D", "Company": "C", "Plain_Key__c": "p"}] * 2)
    results = send(account, "PATCH", f"{COLLECTIONS}/Lead/Plain_Key__c", lead(Plain_Key__c="P"))
    assert codes(results) == ["DUPLICATE_EXTERNAL_ID"]


def test_upsert_by_a_field_that_is_no_key_is_404(account: Account) -> None:
    answer = account.call("PATCH", f"{COLLECTIONS}/Lead/Company", {"records": [lead()]})
    assert refusal(answer) == (404, "NOT_FOUND")


def test_delete_answers_for_each_id(account: Account) -> None:
    first, second = account.lead(), account.lead()
    account.org.delete("Lead", second)
    answer = account.call("DELETE", COLLECTIONS, params={"ids": f"{first},{second}", "allOrNone": "false"})
    assert codes(answer.json()) == [None, "ENTITY_IS_DELETED"]
    assert account.org.all("Lead") == []


def test_retrieve_answers_in_position_with_null_for_what_is_not_there(account: Account) -> None:
    """Up to 2,000 ids in one call; an unknown field fails it whole."""
    first, gone, last = account.lead(City="A"), account.lead(), account.lead(City="B")
    account.org.delete("Lead", gone)
    body = {"ids": [first, gone, "00Q000000000001EAA", last[:15]], "fields": ["Id", "City"]}
    rows = account.call("POST", f"{COLLECTIONS}/Lead", body).json()
    assert [row and (row["Id"], row["City"]) for row in rows] == [(first, "A"), None, None, (last, "B")]
    by_get = account.call("GET", f"{COLLECTIONS}/Lead", params={"ids": first, "fields": "City"}).json()
    assert by_get[0]["City"] == "A"
    refused = account.call("POST", f"{COLLECTIONS}/Lead", {"ids": [first], "fields": ["Nope__c"]})
    assert refusal(refused) == (400, "INVALID_FIELD")
    refused = account.call("POST", f"{COLLECTIONS}/Lead", {"ids": [first] * 2001, "fields": ["Id"]})
    assert refusal(refused) == (400, "EXCEEDED_ID_LIMIT")


def test_a_duplicate_row_carries_the_code_and_no_matches(account: Account) -> None:
    account.lead(Email="a@acme.test")
    account.org.add_duplicate_rule("Lead", "Email")
    (result,) = send(account, "POST", COLLECTIONS, lead(Email="A@acme.test"))
    assert result == {
        "success": False,
        "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}],
    }


def test_a_record_without_a_type_fails_the_call(account: Account) -> None:
    answer = account.call("POST", COLLECTIONS, {"records": [{"LastName": "D"}]})
    assert answer.status_code == 400
