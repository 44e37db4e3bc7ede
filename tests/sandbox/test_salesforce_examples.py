"""The simulator's bodies against the example bodies of the contract: same keys, same codes, same kinds of values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from salesforce_org import START, Account, iso, open_org, record

EXAMPLES = json.loads((Path(__file__).parents[1] / "contracts" / "salesforce" / "example-bodies.json").read_text())
# Not made by the simulator itself: injected as a fault of the wire, or an alternative of one that is checked.
INJECTED = {"server_unavailable", "request_limit_concurrent", "rest_error_envelope"}

Act = Callable[[Account], requests.Response]


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org(daily=100_000) as opened:
        org = opened.org
        org.define_field("Lead", "Region__c", "picklist", picklist=["North"], restricted=True)
        org.define_field("Lead", "Budget__c", "currency")
        org.define_field("Lead", "Plain_Key__c", "string", length=20, external_id=True)
        yield opened


def post(**fields: Any) -> Act:
    return lambda account: account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C", **fields})


def _expired(account: Account) -> requests.Response:
    account.org.expire_tokens()
    return account.call("GET", "limits")


def _over_limit(account: Account) -> requests.Response:
    account.org.router.daily = 0
    return account.call("GET", "limits")


def _deleted_row(account: Account) -> requests.Response:
    key = account.lead()
    account.org.delete("Lead", key)
    return account.call("GET", f"sobjects/Lead/{key}")


def _locked(account: Account) -> requests.Response:
    key = account.lead()
    account.org.lock_row(key)
    return account.call("PATCH", f"sobjects/Lead/{key}", {})


def _wrong_state(account: Account) -> requests.Response:
    account.org.enable_states({"US": ("United States", {"CA": "California"})})
    return post(Country="United States", State="Bavaria")(account)


def _budget_rule(account: Account) -> requests.Response:
    said = "Budget must be set before the lead is qualified"
    account.org.add_validation_rule("Lead", lambda row: row.get("Budget__c") is None, said, field="Budget__c")
    return post()(account)


def _twice(account: Account) -> requests.Response:
    account.lead(Source_Key__c="k")
    return post(Source_Key__c="k")(account)


def _converted(account: Account) -> requests.Response:
    key = account.lead()
    account.org.convert(key)
    return account.call("PATCH", f"sobjects/Lead/{key}", {"City": "X"})


def _duplicate(account: Account) -> requests.Response:
    account.create("Contact", LastName="D", Email="a@acme.test")
    account.org.add_duplicate_rule("Contact", "Email", block=False)
    return account.call("POST", "sobjects/Contact", {"LastName": "E", "Email": "a@acme.test"})


def _duplicate_rows(account: Account) -> requests.Response:
    _duplicate(account)
    body = {"records": [record("Contact", LastName="E", Email="a@acme.test")]}
    return account.call("POST", "composite/sobjects", body)


def _upserted(account: Account) -> requests.Response:
    account.lead(Source_Key__c="k")
    return account.upsert("k", {"City": "X"})


def _ambiguous(account: Account) -> requests.Response:
    account.org.seed("Lead", [{"LastName": "D", "Company": "C", "Plain_Key__c": "p"}] * 2)
    return account.call("PATCH", "sobjects/Lead/Plain_Key__c/p", {})


def _all_or_none(account: Account) -> requests.Response:
    rows = [record("Lead", id=account.lead(), City="X"), record("Lead", id="nonsense")]
    return account.call("PATCH", "composite/sobjects", {"allOrNone": True, "records": rows})


def _page(account: Account) -> requests.Response:
    account.org.seed("Contact", [{"LastName": "Smith", "FirstName": "John"}] * 2001)
    return account.query("SELECT Id, Name FROM Contact")


def _replicated(what: str) -> Act:
    def act(account: Account) -> requests.Response:
        account.lead()
        account.org.delete("Lead", account.lead())
        account.clock.pass_(120)
        window = {"start": iso(START), "end": iso(START + 60)}
        return account.call("GET", f"sobjects/Lead/{what}", params=window)

    return act


def _token(account: Account, secret: str = "sandbox-secret") -> requests.Response:
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": secret}
    return requests.post(f"{account.server.url}/services/oauth2/token", data=form, timeout=60)


def _ingest_job(account: Account) -> requests.Response:
    return account.call("POST", "jobs/ingest", {"object": "Account", "operation": "insert", "contentType": "CSV"})


def _query_job(account: Account) -> requests.Response:
    made = account.call("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})
    path = f"jobs/query/{made.json()['id']}"
    account.call("GET", path)
    return account.call("GET", path)


ACTS: dict[str, Act] = {
    "session_expired": _expired,
    "request_limit": _over_limit,
    "not_found": lambda account: account.call("GET", "nothing"),
    "entity_is_deleted": _deleted_row,
    "malformed_query": lambda account: account.query("SELECT Id FROM Lead WHERE Foo = "),
    "invalid_field_in_query": lambda account: account.query("SELECT Id, Nope__c FROM Lead"),
    "invalid_field_in_write": post(Nope__c=1),
    "required_field_missing": lambda account: account.call("POST", "sobjects/Lead", {}),
    "string_too_long": post(LastName="X" * 81),
    "invalid_email": post(Email="Not a real email address"),
    "restricted_picklist": post(Region__c="Mars"),
    "validation_rule": _budget_rule,
    "field_not_writable": post(CreatedById="x"),
    "state_not_in_list": _wrong_state,
    "lock_row": _locked,
    "duplicate_value": _twice,
    "converted_lead": _converted,
    "duplicates_detected_single_record": _duplicate,
    "duplicates_detected_collections": _duplicate_rows,
    "create_ok": lambda account: account.call("POST", "sobjects/Account", {"Name": "A"}),
    "upsert_created": lambda account: account.upsert("k", {"LastName": "D", "Company": "C"}),
    "upsert_updated": _upserted,
    "upsert_ambiguous": _ambiguous,
    "collections_all_or_none_failed": _all_or_none,
    "query_page": _page,
    "updated": _replicated("updated"),
    "deleted": _replicated("deleted"),
    "token_client_credentials": _token,
    "token_error": lambda account: _token(account, "wrong"),
    "bulk2_ingest_job": _ingest_job,
    "bulk2_query_job": _query_job,
    "limits_excerpt": lambda account: account.call("GET", "limits"),
}
# The message is the same word for word, up to names and ids.
WORDED = ("session_expired", "request_limit", "entity_is_deleted", "invalid_field_in_query", "invalid_field_in_write")
ALSO_WORDED = (
    "required_field_missing",
    "invalid_email",
    "restricted_picklist",
    "validation_rule",
    "field_not_writable",
)


def test_every_example_is_checked() -> None:
    """A new example in the contract must get its act here."""
    assert ACTS.keys() == EXAMPLES.keys() - {"_about"} - INJECTED


@pytest.mark.parametrize("name", ACTS)
def test_a_body_has_the_shape_of_its_example(account: Account, name: str) -> None:
    example = EXAMPLES[name]
    answer = ACTS[name](account)
    assert answer.status_code == example["http"], answer.text
    assert differences(example["body"], answer.json()) == []


@pytest.mark.parametrize("name", [*WORDED, *ALSO_WORDED])
def test_a_message_is_worded_as_in_its_example(account: Account, name: str) -> None:
    assert ACTS[name](account).json()[0]["message"] == EXAMPLES[name]["body"][0]["message"]


def test_the_judge_sees_a_missing_key_a_wrong_kind_and_a_wrong_code() -> None:
    """Its own broken twin: what it must not let pass."""
    example = [{"errorCode": "A", "fields": ["x"]}]
    assert differences(example, [{"errorCode": "A"}])
    assert differences(example, [{"errorCode": "B", "fields": []}])
    assert differences(example, {"errorCode": "A"})
    assert differences({"id": "x"}, {"id": 5})
    assert not differences(example, [{"errorCode": "A", "fields": []}])


def differences(example: Any, given: Any, at: str = "$") -> list[str]:
    """Return where an answer lacks a key, has one too many, or has another kind of value than its example."""
    if isinstance(example, dict) and isinstance(given, dict):
        found = [f"{at}: only one of the two has {key}" for key in example.keys() ^ given.keys()]
        shared = example.keys() & given.keys()
        codes = [key for key in shared & {"errorCode", "statusCode"} if example[key] != given[key]]
        found += [f"{at}.{key}: {given[key]} for {example[key]}" for key in codes]
        return found + [one for key in shared for one in differences(example[key], given[key], f"{at}.{key}")]
    if isinstance(example, list) and isinstance(given, list):
        pairs = zip(example, given, strict=False)
        return [one for n, (left, right) in enumerate(pairs) for one in differences(left, right, f"{at}[{n}]")]
    return [] if type(example) is type(given) else [f"{at}: {type(given).__name__} for {type(example).__name__}"]
