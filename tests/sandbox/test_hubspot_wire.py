"""What is the same for every call: tokens, scopes, limits, versions of paths, ids of calls, faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from hubspot_account import TOKEN, Account, open_account

from sandbox.wire import Fault

RATE = "X-HubSpot-RateLimit-"


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer "])
def test_a_call_without_a_good_token_is_401(account: Account, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{account.server.url}/crm/v3/objects/contacts", headers=headers, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    assert answer.json()["message"].startswith("Authentication credentials not found.")


def test_every_answer_names_its_call_in_header_and_body(account: Account) -> None:
    refused, found = account.get("contacts/999"), account.get("contacts")
    assert refused.json()["correlationId"] == refused.headers["x-hubspot-correlation-id"]
    assert found.headers["x-hubspot-correlation-id"] != refused.headers["x-hubspot-correlation-id"]
    assert found.headers["Content-Type"] == "application/json;charset=utf-8"


def test_a_missing_scope_is_403_and_named() -> None:
    scopes = ["crm.objects.contacts.read", "crm.schemas.contacts.read", "crm.objects.contacts.write"]
    with open_account(scopes=scopes) as account:
        assert account.get("contacts").status_code == 200
        assert account.search("contacts").status_code == 200
        assert account.create("contacts", email="a@b.co")
        refused = account.search("companies")
        assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
        context = refused.json()["errors"][0]["context"]
        assert context == {"requiredGranularScopes": ["crm.objects.companies.read"]}
        assert account.get("/crm/v3/properties/contacts").status_code == 200
        assert account.post("/crm/v3/properties/contacts", {}).status_code == 403
        assert account.get("/crm/v3/owners").status_code == 403
        assert account.get("/account-info/v3/details").status_code == 200


@pytest.mark.parametrize(
    ("classic", "dated"),
    [
        ("/crm/v3/objects/contacts", "/crm/objects/2026-09/contacts"),
        ("/crm/v3/objects/0-1", "/crm/objects/2026-03/contacts"),
        ("/crm/v3/properties/companies", "/crm/properties/2026-09/0-2"),
        ("/crm/v3/owners", "/crm/owners/2026-09"),
        ("/account-info/v3/details", "/account-info/2026-09/details"),
    ],
)
def test_old_and_dated_paths_answer_alike(account: Account, classic: str, dated: str) -> None:
    account.hub.seed("contacts", [{"email": "a@b.co"}])
    old, new = account.get(classic), account.get(dated)
    assert old.status_code == new.status_code == 200
    assert old.json() == new.json()


@pytest.mark.parametrize("path", ["/crm/v3/objects", "/crm/v4/objects/contacts", "/crm/objects/2025-09/contacts", "/"])
def test_paths_that_do_not_exist_are_404(account: Account, path: str) -> None:
    assert account.get(path).status_code == 404


@pytest.mark.parametrize("value", ["False", "false", "FALSE"])
def test_flags_come_in_any_case(account: Account, value: str) -> None:
    account.hub.seed("contacts", [{"email": "a@b.co"}])
    assert len(account.get("contacts", archived=value).json()["results"]) == 1
    assert account.get("contacts", archived="maybe").status_code == 400


def test_lists_come_joined_or_repeated(account: Account) -> None:
    account.hub.seed("contacts", [{"email": "a@b.co", "city": "Ulm", "zip": "1"}])
    for given in ("city,zip", ["city", "zip"], ["city,zip", "zip"]):
        (row,) = account.get("contacts", properties=given).json()["results"]
        assert {"city", "zip"} <= row["properties"].keys()
        assert "email" not in row["properties"]


def test_a_very_long_address_is_414(account: Account) -> None:
    answer = account.get("contacts", properties=",".join(f"some_long_property_name_{n}" for n in range(400)))
    assert answer.status_code == 414
    assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"properties": []}', b'{"properties": {"city": ["Ulm"]}}', b"{}"])
def test_bodies_that_are_not_what_they_should_be_are_400(account: Account, body: bytes) -> None:
    url = f"{account.server.url}/crm/v3/objects/contacts"
    answer = account.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid input JSON")


def test_a_body_must_say_that_it_is_json(account: Account) -> None:
    url = f"{account.server.url}/crm/v3/objects/contacts"
    assert account.session.post(url, data={"properties": "x"}, timeout=60).status_code == 415


def test_the_burst_limit_is_429_with_its_policy_and_goes_by() -> None:
    with open_account(burst=3) as account:
        answers = [account.get("contacts") for _ in range(4)]
        assert [answer.headers[f"{RATE}Remaining"] for answer in answers] == ["2", "1", "0", "0"]
        refused = answers[-1]
        assert refused.status_code == 429
        assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert refused.json()["errorType"] == "RATE_LIMIT"
        assert refused.json()["message"] == "You have reached your ten_secondly_rolling limit."
        assert "Retry-After" not in refused.headers
        assert account.search("contacts").status_code == 200
        account.clock.pass_(10)
        assert account.get("contacts").status_code == 200


def test_the_search_limit_is_its_own_and_sends_no_headers() -> None:
    with open_account(search_per_second=5) as account:
        answers = [account.search("contacts") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert not any(name.startswith(RATE) for answer in answers for name in answer.headers)
        refused = answers[-1].json()
        assert refused["message"] == "You have reached your secondly limit."
        assert refused["category"] == "RATE_LIMITS"
        assert "policyName" not in refused
        assert account.get("contacts").headers[f"{RATE}Max"] == "190"
        account.clock.pass_(1)
        assert account.search("contacts").status_code == 200


def test_the_daily_limit_lasts_until_midnight_and_counts_searches() -> None:
    with open_account(daily=2, retry_after=True) as account:
        assert account.get("contacts").headers[f"{RATE}Daily-Remaining"] == "1"
        account.search("contacts")
        refused = account.get("contacts")
        assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
        assert refused.headers["Retry-After"] == str(16 * 3600)
        account.clock.pass_(16 * 3600)
        assert account.get("contacts").status_code == 200


def test_a_refresh_token_buys_a_token_for_half_an_hour(account: Account) -> None:
    url = f"{account.server.url}/oauth/v1/token"
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh",
    }
    granted = requests.post(url, data=form, timeout=60).json()
    assert (granted["expires_in"], granted["token_type"]) == (1800, "bearer")
    account.session.headers["Authorization"] = f"Bearer {granted['access_token']}"
    answer = account.get("contacts")
    assert answer.status_code == 200
    assert f"{RATE}Daily" not in answer.headers
    account.clock.pass_(1800)
    assert account.get("contacts").json()["category"] == "EXPIRED_AUTHENTICATION"
    renewed = requests.post(f"{account.server.url}/oauth/2026-09/token", data=form, timeout=60).json()
    account.session.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    assert account.get("contacts").status_code == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("client_id", "BAD_CLIENT_ID"),
        ("client_secret", "BAD_CLIENT_SECRET"),
        ("refresh_token", "BAD_REFRESH_TOKEN"),
    ],
)
def test_a_refresh_that_cannot_be_is_400_and_says_why(account: Account, name: str, status: str) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh",
        name: "wrong",
    }
    answer = requests.post(f"{account.server.url}/oauth/v1/token", data=form, timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_owners_are_listed_and_the_deactivated_only_when_asked(account: Account) -> None:
    active = account.get("/crm/v3/owners", limit=2).json()
    assert len(active["results"]) == 2
    rest = account.get("/crm/v3/owners", after=active["paging"]["next"]["after"]).json()
    assert not any(owner["archived"] for owner in (*active["results"], *rest["results"]))
    (left,) = account.get("/crm/v3/owners", archived="true").json()["results"]
    assert left["archived"] is True
    first = active["results"][0]
    assert account.get("/crm/v3/owners", email=first["email"]).json()["results"] == [first]
    assert account.get(f"/crm/v3/owners/{first['userId']}", idProperty="userId").json() == first
    made = account.hub.define_owner("new@example.com", "New", "Person")
    assert account.get(f"/crm/v3/owners/{made}").json()["email"] == "new@example.com"


def test_calls_are_counted_under_names_without_ids(account: Account) -> None:
    made = account.create("contacts", email="a@b.co")
    account.get(f"contacts/{made['id']}")
    account.get("0-1")
    account.search("contacts")
    account.post("contacts/batch/read", {"inputs": []})
    account.get("/crm/v3/properties/contacts/email")
    account.get("/crm/properties/2026-09/contacts")
    account.get("/crm/v3/owners/")
    assert dict(account.server.board.calls) == {
        "POST contacts": 1,
        "GET contacts/{id}": 1,
        "GET contacts": 1,
        "POST contacts/search": 1,
        "POST contacts/batch/read": 1,
        "GET properties/contacts/{name}": 1,
        "GET properties/contacts": 1,
        "GET owners": 1,
    }


@pytest.mark.parametrize("status", [423, 429, 477, 500, 502, 503, 504])
def test_any_status_can_come_instead_of_an_answer(account: Account, status: int) -> None:
    account.server.board.add(Fault("status", "batch/update", status=status, headers={"Retry-After": "2"}))
    (known,) = account.hub.seed("contacts", [{"email": "a@b.co"}])
    body = {"inputs": [{"id": known, "properties": {"city": "Ulm"}}]}
    assert account.post("contacts/batch/update", body).status_code == status
    assert "city" not in account.hub.get("contacts", known)
    assert account.post("contacts/batch/update", body).status_code == 200


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_can_give_up_after_the_write_was_made(account: Account, status: int) -> None:
    account.server.board.add(Fault("after", "POST contacts", status=status, body=b"<html></html>"))
    assert account.post("contacts", {"properties": {"email": "a@b.co"}}).status_code == status
    assert [one["email"] for one in account.hub.all("contacts")] == ["a@b.co"]
    assert account.server.board.journal[-1] == ("POST contacts", status)


def test_an_answer_can_be_lost_after_the_write_was_made(account: Account) -> None:
    account.server.board.add(Fault("lost", "POST contacts"))
    with pytest.raises(requests.ConnectionError):
        account.create("contacts", email="a@b.co")
    assert [one["email"] for one in account.hub.all("contacts")] == ["a@b.co"]
