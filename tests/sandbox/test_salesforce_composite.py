"""Calls within a call: references, order, roll back, limits and what they count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, VERSION, Account, open_org, record, refusal

ROOT = f"/services/data/v{VERSION}"


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def part(method: str, path: str, name: str, body: Any = None, **headers: str) -> dict[str, Any]:
    made = {"method": method, "url": f"{ROOT}/{path}", "referenceId": name}
    return {**made, **({"body": body} if body is not None else {}), **({"httpHeaders": headers} if headers else {})}


def run(
    account: Account, *parts: dict[str, Any], headers: dict[str, str] | None = None, **more: Any
) -> list[dict[str, Any]]:
    answer = account.call("POST", "composite", {"compositeRequest": list(parts), **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["compositeResponse"]


COMPANY = part("POST", "sobjects/Account", "company", {"Name": "Acme"})
CONTACT = part("POST", "sobjects/Contact", "person", {"LastName": "Doe", "AccountId": "@{company.id}"})
BROKEN = part("POST", "sobjects/Account", "broken", {"Name": ""})


def test_a_part_may_use_what_an_earlier_one_answered(account: Account) -> None:
    """In body and url: create answers `id`, GET answers `Id`, a query its records. All is one call."""
    results = run(
        account,
        COMPANY,
        CONTACT,
        part("GET", "sobjects/Contact/@{person.id}", "read"),
        part("GET", "query?q=SELECT+Id+FROM+Account+WHERE+Id='@{read.AccountId}'", "found"),
        part("PATCH", "sobjects/Account/@{found.records[0].Id}", "renamed", {"Name": "New"}),
    )
    assert [result["httpStatusCode"] for result in results] == [201, 201, 200, 200, 204]
    assert [result["referenceId"] for result in results] == ["company", "person", "read", "found", "renamed"]
    assert account.org.get("Account", results[0]["body"]["id"])["Name"] == "New"
    assert account.org.api_calls == 1


def test_dependants_of_a_failed_part_are_halted_and_the_rest_stands(account: Account) -> None:
    dependant = part("POST", "sobjects/Contact", "person", {"LastName": "D", "AccountId": "@{broken.id}"})
    results = run(account, BROKEN, dependant, COMPANY)
    assert [result["httpStatusCode"] for result in results] == [400, 400, 201]
    assert results[0]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert results[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert len(account.org.all("Account")) == 1


def test_all_or_none_rolls_everything_back(account: Account) -> None:
    results = run(account, COMPANY, CONTACT, BROKEN, allOrNone=True)
    assert [result["body"][0]["errorCode"] for result in results] == [
        "PROCESSING_HALTED",
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
    ]
    assert account.org.all("Account") == account.org.all("Contact") == []


def test_a_case_of_a_reference_matters(account: Account) -> None:
    wrong = part("POST", "sobjects/Contact", "person", {"LastName": "D", "AccountId": "@{company.Id}"})
    assert run(account, COMPANY, wrong)[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_an_inner_row_says_success_though_the_outer_call_rolled_it_back(account: Account) -> None:
    """The trap of allOrNone around collections: only the failed row tells."""
    rows = [record("Lead", LastName="D", Company="C"), record("Lead", LastName="D")]
    body = {"allOrNone": False, "records": rows}
    (result,) = run(account, part("POST", "composite/sobjects", "rows", body), allOrNone=True)
    assert [row["success"] for row in result["body"]] == [True, False]
    assert account.org.all("Lead") == []


def test_collation_may_reorder_parts_that_do_not_name_each_other(account: Account) -> None:
    """Updates of one object are taken together unless collateSubrequests is false."""
    key = account.lead()
    parts = [
        part("PATCH", f"sobjects/Lead/{key}", "one", {"City": "A"}),
        part("GET", f"sobjects/Lead/{key}?fields=City", "read"),
        part("PATCH", f"sobjects/Lead/{key}", "two", {"City": "B"}),
    ]
    assert run(account, *parts)[1]["body"]["City"] == "B"
    assert run(account, *parts, collateSubrequests=False)[1]["body"]["City"] == "A"


def test_headers_are_taken_from_the_part_or_else_from_the_call(account: Account) -> None:
    body = {"LastName": "D", "Company": "C"}
    rule = {"Sforce-Auto-Assign": "FALSE"}
    inner, plain = part("POST", "sobjects/Lead", "a", body, **rule), part("POST", "sobjects/Lead", "b", body)
    made = run(account, inner, plain)
    outer = run(account, plain, headers=rule)
    owners = [account.org.get("Lead", result["body"]["id"])["OwnerId"] for result in [*made, *outer]]
    mine, queue = account.org.org.people.integration, account.org.org.people.queue
    assert owners == [mine, queue, mine]


@pytest.mark.parametrize(
    "parts",
    [
        [part("GET", "limits", f"r{n}") for n in range(26)],
        [part("GET", "query?q=SELECT+Id+FROM+Lead", f"r{n}") for n in range(6)],
        [part("DELETE", "composite/sobjects?ids=x", f"r{n}") for n in range(6)],
        [part("GET", "limits", "same"), part("GET", "limits", "same")],
        [part("GET", "limits", "")],
        [part("GET", "limits", "r", Authorization="Bearer x")],
        [{"method": "GET", "url": "/sobjects/Lead/x", "referenceId": "r"}],
        [],
    ],
)
def test_a_composite_call_has_limits(account: Account, parts: list[dict[str, Any]]) -> None:
    """25 parts, 5 of them queries or collections, names used once, no headers of the transport, full urls."""
    assert account.call("POST", "composite", {"compositeRequest": parts}).status_code == 400


def test_batch_parts_are_independent_and_each_counts(account: Account) -> None:
    parts = [
        {"method": "POST", "url": f"v{VERSION}/sobjects/Account", "richInput": {"Name": "Acme"}},
        {"method": "POST", "url": f"v{VERSION}/sobjects/Account", "richInput": {}},
        {"method": "GET", "url": f"v{VERSION}/limits"},
    ]
    body = account.call("POST", "composite/batch", {"batchRequests": parts}).json()
    assert body["hasErrors"] is True
    assert [result["statusCode"] for result in body["results"]] == [201, 400, 200]
    assert account.org.api_calls == 3
    halted = account.call("POST", "composite/batch", {"batchRequests": parts, "haltOnError": True}).json()
    assert [result["statusCode"] for result in halted["results"]] == [201, 400, 412]
    assert halted["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def test_each_graph_is_all_or_nothing(account: Account) -> None:
    role = part("POST", "sobjects/Contact", "second", {"LastName": "E", "AccountId": "@{company.id}"})
    graphs = [
        {"graphId": "1", "compositeRequest": [COMPANY, CONTACT, role]},
        {"graphId": "2", "compositeRequest": [COMPANY, BROKEN]},
    ]
    body = account.call("POST", "composite/graph", {"graphs": graphs}).json()
    assert [graph["isSuccessful"] for graph in body["graphs"]] == [True, False]
    assert len(account.org.all("Account")) == 1
    assert len(account.org.all("Contact")) == 2


def test_a_tree_creates_nested_rows_or_none(account: Account) -> None:
    def tree(last: str) -> dict[str, Any]:
        contact = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": last}
        top = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Acme"}
        return {"records": [{**top, "Contacts": {"records": [contact]}}]}

    answer = account.call("POST", "composite/tree/Account", tree("Doe"))
    assert (answer.status_code, answer.json()["hasErrors"]) == (201, False)
    (contact,) = account.org.all("Contact")
    assert contact["AccountId"] == answer.json()["results"][0]["id"]
    assert account.call("POST", "composite/tree/Account", tree("")).status_code == 400
    assert len(account.org.all("Account")) == 1


def test_an_upsert_works_inside_a_composite_with_its_encoded_key(account: Account) -> None:
    path = f"sobjects/Lead/{KEY}/a%2Fb"
    (result,) = run(account, part("PATCH", path, "r", {"LastName": "D", "Company": "C"}))
    assert (result["httpStatusCode"], result["body"]["created"]) == (201, True)
    assert account.org.get("Lead", result["body"]["id"])[KEY] == "a/b"


def test_a_graph_above_its_limits_is_refused(account: Account) -> None:
    graphs = [{"graphId": str(n), "compositeRequest": [COMPANY]} for n in range(76)]
    assert refusal(account.call("POST", "composite/graph", {"graphs": graphs})) == (400, "LIMIT_EXCEEDED")
