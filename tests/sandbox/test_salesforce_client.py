"""simple-salesforce, the client of the contract, driven against the simulator without changes to either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from salesforce_org import HOST, KEY, START, Account, Rewriting, open_org
from simple_salesforce import Salesforce as Client
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id, format_soql


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org(instance_url=f"https://{HOST}") as opened:
        yield opened


def test_it_logs_in_by_client_credentials(account: Account) -> None:
    session = requests.Session()
    session.mount(f"https://{HOST}", Rewriting(account.server.url))
    client = Client(
        consumer_key="sandbox",
        consumer_secret="sandbox-secret",
        domain="acme.my",
        session=session,
        version="66.0",
    )
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    session.close()


def test_rows_go_round(account: Account) -> None:
    client = account.client()
    made = client.Lead.create({"LastName": "Doe", "Company": "Acme"})
    assert made["success"] is True
    assert client.Lead.update(made["id"], {"City": "Bonn"}) == 204
    assert client.Lead.get(made["id"])["City"] == "Bonn"
    assert client.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        client.Lead.get(made["id"])


def test_upserts_answer_201_200_and_300(account: Account) -> None:
    client = account.client()
    path = format_external_id(KEY, "a/b ü")
    assert client.Lead.upsert(path, {"LastName": "Doe", "Company": "Acme"}) == 201
    assert client.Lead.upsert(path, {"City": "Bonn"}) == 200
    assert client.Lead.get(path)["City"] == "Bonn"
    account.org.define_field("Lead", "Plain_Key__c", "string", length=9, external_id=True)
    account.org.seed("Lead", [{"LastName": "D", "Company": "C", "Plain_Key__c": "p"}] * 2)
    with pytest.raises(SalesforceMoreThanOneRecord) as caught:
        client.Lead.upsert("Plain_Key__c/p", {"City": "X"})
    assert len(caught.value.content) == 2


def test_queries_follow_their_pages_and_take_bound_values(account: Account) -> None:
    client = account.client()
    account.org.seed("Lead", [{"LastName": "O'Hara", "Company": "C"}] * 2300)
    statement = format_soql("SELECT Id FROM Lead WHERE LastName = {} AND SystemModstamp >= {}", "O'Hara", _start())
    assert len(client.query_all(statement)["records"]) == 2300
    assert len(list(client.query_all_iter(statement, include_deleted=True))) == 2300
    assert client.api_usage["api-usage"].total == 100_000


def test_collections_and_composite_go_by_restful(account: Account) -> None:
    client = account.client()
    records = [{"attributes": {"type": "Lead"}, "LastName": "D", "Company": "C", KEY: key} for key in ("k1", "k2")]
    body = {"allOrNone": False, "records": records}
    results = client.restful(f"composite/sobjects/Lead/{KEY}", method="PATCH", json=body)
    assert [result["created"] for result in results] == [True, True]


def test_describe_limits_and_replication(account: Account) -> None:
    client = account.client()
    key = client.Lead.create({"LastName": "Doe", "Company": "Acme"})["id"]
    assert client.Lead.describe()["keyPrefix"] == "00Q"
    assert client.describe()["maxBatchSize"] == 200
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    account.clock.pass_(60)
    window = datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START + 60, UTC)
    assert client.Lead.updated(*window)["ids"] == [key]
    assert client.Lead.deleted(*window)["deletedRecords"] == []


def test_refusals_become_its_exceptions(account: Account) -> None:
    client = account.client()
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.query("SELECT Nope FROM Lead")
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"
    account.org.expire_tokens()
    with pytest.raises(SalesforceExpiredSession):
        client.limits()


def test_bulk_runs_end_to_end(account: Account) -> None:
    client = account.client()
    records = [{"LastName": f"L{n}", "Company": "C", KEY: f"k{n}"} for n in range(3)]
    (told,) = client.bulk2.Lead.upsert(records=records, external_id_field=KEY, wait=0.01)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (3, 0)
    assert client.bulk2.Lead.get_successful_records(told["job_id"]).count("\n") == 4
    pages = list(client.bulk2.Lead.query("SELECT LastName FROM Lead", wait=0.01))
    assert sorted(pages[0].split()) == ['"L0"', '"L1"', '"L2"', '"LastName"']


def _start() -> datetime:
    return datetime.fromtimestamp(START, UTC)
