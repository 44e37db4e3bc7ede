"""Who gets in, with which token, for how many calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from salesforce_org import Account, open_org, refusal


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org(daily=40, token_lifetime=3600) as opened:
        yield opened


def ask_token(account: Account, **form: str) -> requests.Response:
    return requests.post(f"{account.server.url}/services/oauth2/token", data=form, timeout=60)


def test_client_credentials_are_taken_from_the_form_or_from_basic(account: Account) -> None:
    """Both give a bearer token, the instance to call and the ids of org and user; neither says when it expires."""
    form = {"grant_type": "client_credentials"}
    in_form = ask_token(account, **form, client_id="sandbox", client_secret="sandbox-secret")
    url = f"{account.server.url}/services/oauth2/token"
    basic = requests.post(url, data=form, auth=("sandbox", "sandbox-secret"), timeout=60)
    for answer in (in_form, basic):
        body = answer.json()
        assert answer.status_code == 200
        assert body["token_type"] == "Bearer"
        assert body["instance_url"] == account.server.url
        assert not {"expires_in", "refresh_token"} & body.keys()
        organization, user = body["id"].split("/")[-2:]
        assert account.rows("SELECT Id FROM Organization")[0]["Id"] == organization
        assert account.rows(f"SELECT Id FROM User WHERE Id = '{user}'")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "y"}, "invalid_client"),
    ],
)
def test_a_refused_login_is_a_400_with_an_object(account: Account, form: dict[str, str], error: str) -> None:
    answer = ask_token(account, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_a_token_dies_after_its_lifetime_without_use_and_at_once_when_revoked(account: Account) -> None:
    """The lifetime slides with use; a dead token answers 401 INVALID_SESSION_ID and costs no call."""
    for _ in range(3):
        account.clock.pass_(3000)
        assert account.call("GET", "limits").status_code == 200
    account.clock.pass_(3600)
    assert refusal(account.call("GET", "limits")) == (401, "INVALID_SESSION_ID")
    account.login()
    used = account.org.api_calls
    account.org.expire_tokens()
    assert refusal(account.call("GET", "limits")) == (401, "INVALID_SESSION_ID")
    assert account.org.api_calls == used


def test_the_list_of_versions_needs_no_token_and_is_not_counted(account: Account) -> None:
    answer = requests.get(f"{account.server.url}/services/data/", timeout=60)
    assert answer.json()[-1] == {"label": "v66.0", "url": "/services/data/v66.0", "version": "66.0"}
    assert account.org.api_calls == 0


@pytest.mark.parametrize(
    ("version", "expected"), [("v30.0", (410, "GONE")), ("v67.0", (404, "NOT_FOUND")), ("66.0", (404, "NOT_FOUND"))]
)
def test_a_version_that_is_gone_or_unknown_is_refused(
    account: Account, version: str, expected: tuple[int, str]
) -> None:
    assert refusal(account.call("GET", f"/services/data/{version}/limits")) == expected


def test_every_answer_tells_the_usage_and_the_limit_is_enforced(account: Account) -> None:
    """A refused call is not counted; capacity comes back as the 24 hours roll on."""
    first = account.query("SELECT Nope FROM Lead")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/40"
    for _ in range(39):
        last = account.call("GET", "limits")
    assert last.headers["Sforce-Limit-Info"] == "api-usage=40/40"
    assert last.json()["DailyApiRequests"] == {"Max": 40, "Remaining": 0}
    refused = account.call("GET", "limits")
    assert refusal(refused) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=40/40"
    account.clock.pass_(25 * 3600)
    account.login()
    assert account.call("GET", "limits").status_code == 200


def test_a_uri_or_a_head_above_16384_bytes_is_refused(account: Account) -> None:
    """Counted as sent: quotes and commas of a long IN list cost three bytes each."""
    ids = ",".join(f"'{account.org.org.people.rep}'" for _ in range(700))
    assert account.query(f"SELECT Id FROM Lead WHERE OwnerId IN ({ids})").status_code == 414
    ids = ",".join(f"'{account.org.org.people.rep}'" for _ in range(400))
    assert account.query(f"SELECT Id FROM Lead WHERE OwnerId IN ({ids})").status_code == 200
    assert account.call("GET", "limits", headers={"X-Long": "x" * 16_384}).status_code == 431


def test_what_does_not_exist_is_404_and_a_wrong_method_405(account: Account) -> None:
    assert refusal(account.call("GET", "nothing")) == (404, "NOT_FOUND")
    assert refusal(account.call("GET", "sobjects/Leed/describe")) == (404, "NOT_FOUND")
    assert refusal(account.call("POST", "query", {})) == (405, "METHOD_NOT_ALLOWED")


def test_a_body_that_is_no_json_is_refused(account: Account) -> None:
    answer = account.call("POST", "sobjects/Lead", data="{LastName", headers={"Content-Type": "application/json"})
    assert refusal(answer) == (400, "JSON_PARSER_ERROR")


def test_calls_are_labelled_by_template(account: Account) -> None:
    """Ids, keys and locators are left out, so that counters and faults can be set by kind of call."""
    key = account.lead(Source_Key__c="k1")
    account.call("GET", f"sobjects/Lead/{key}")
    account.call("PATCH", "sobjects/Lead/Source_Key__c/k1", {})
    account.call("GET", "sobjects/Lead/describe")
    account.call("GET", "query/01g-2000")
    labels = set(account.server.board.calls)
    assert labels == {
        "POST oauth2/token",
        "POST sobjects/Lead",
        "GET sobjects/Lead/{id}",
        "PATCH sobjects/Lead/Source_Key__c/{value}",
        "GET sobjects/Lead/describe",
        "GET query/{locator}",
    }
