"""What outlives a restart, what a lost answer leaves behind, and many rows at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from salesforce_org import KEY, START, Account, Clock, open_org, refusal

from sandbox.salesforce import Salesforce
from sandbox.wire import Fault, Server


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def test_a_loaded_org_goes_on_where_the_saved_one_stopped(account: Account, tmp_path: Path) -> None:
    """Rows, deleted ones, fields, security, rules, tokens, cursors and counters; ids are never given twice."""
    org = account.org
    kept = account.lead(Source_Key__c="k1", City="Bonn", Email="a@acme.test")
    gone = account.lead()
    org.delete("Lead", gone)
    org.seed("Contact", [{"LastName": "D"}] * 2001)
    following = account.query("SELECT Id FROM Contact").json()["nextRecordsUrl"]
    org.hide_field("Lead", "Phone")
    org.add_duplicate_rule("Lead", "Email")
    org.save(tmp_path / "org.json")
    again = Salesforce(clock=account.clock)
    again.load(tmp_path / "org.json")
    with Server(again) as server:
        account.server = server
        assert account.ids("SELECT Id FROM Lead ORDER BY Id", "queryAll") == [kept, gone]
        assert account.upsert("k1", {"City": "Ulm"}).json()["id"] == kept
        assert refusal(account.query("SELECT Phone FROM Lead")) == (400, "INVALID_FIELD")
        duplicate = {"LastName": "D", "Company": "C", "Email": "a@acme.test"}
        assert refusal(account.call("POST", "sobjects/Lead", duplicate)) == (400, "DUPLICATES_DETECTED")
        assert len(account.call("GET", following).json()["records"]) == 1
        assert account.lead() not in (kept, gone)
    assert (again.writes["Lead"].created, again.writes["Lead"].updated) == (3, 1)
    assert again.api_calls == org.api_calls + 6
    assert list(tmp_path.iterdir()) == [tmp_path / "org.json"]


def test_a_failed_save_leaves_the_older_file_whole(account: Account, tmp_path: Path) -> None:
    account.lead()
    path = tmp_path / "org.json"
    account.org.save(path)
    before = path.read_bytes()
    account.org.org.features.countries = {"DE": object()}  # cannot be written
    with pytest.raises(TypeError):
        account.org.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_whose_answer_is_lost_is_found_by_its_key(account: Account) -> None:
    """The row is there; the same upsert again updates it instead of making another."""
    account.server.board.add(Fault(kind="lost", match="PATCH sobjects/Lead"))
    with pytest.raises(requests.ConnectionError):
        account.upsert("k1", {"LastName": "D", "Company": "C"})
    (row,) = account.org.all("Lead")
    again = account.upsert("k1", {"LastName": "D", "Company": "C"})
    assert (again.status_code, again.json()["id"]) == (200, row["Id"])


def test_a_503_of_the_edge_is_html_and_writes_nothing(account: Account) -> None:
    page = b"<html><body>Service Unavailable</body></html>"
    account.server.board.add(Fault(kind="status", status=503, body=page, headers={"Content-Type": "text/html"}))
    answer = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C"})
    assert (answer.status_code, answer.content) == (503, page)
    assert account.org.all("Lead") == []


def test_of_concurrent_upserts_of_one_new_key_one_creates(account: Account) -> None:
    statuses: list[int] = []

    def send() -> None:
        headers = {"Authorization": str(account.session.headers["Authorization"])}
        url = f"{account.server.url}/services/data/v66.0/sobjects/Lead/{KEY}/k1"
        body = {"LastName": "D", "Company": "C"}
        statuses.append(requests.patch(url, json=body, headers=headers, timeout=60).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]
    assert len(account.org.all("Lead")) == 1


def test_seeded_rows_have_the_stamps_they_were_given() -> None:
    """Their own or the call's, set by a person and not by the integration user."""
    org = Salesforce(clock=Clock())
    first, second = org.seed(
        "Lead",
        [{"LastName": "A", "Company": "C"}, {"LastName": "B", "Company": "C", "SystemModstamp": START - 90}],
        modified="2027-01-15T07:59:00Z",
    )
    assert [org.get("Lead", key)["SystemModstamp"] for key in (first, second)] == [START - 60, START - 90]
    older = org.get("Lead", second)
    assert older["CreatedDate"] == older["LastModifiedDate"] == START - 90
    assert org.get("Lead", first)["LastModifiedById"] != org.org.people.integration
    assert org.writes == {}
    with pytest.raises(KeyError, match="no field Nope"):
        org.seed("Lead", [{"Nope": 1}])
