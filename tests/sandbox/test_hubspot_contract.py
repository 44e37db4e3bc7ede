"""HubSpot's own client gets along with the simulator, and every answer fits the OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import hubspot.crm.contacts as contacts_package
import pytest
from hubspot_account import TOKEN, Account, open_account, operations, violations, where

from sandbox.hubspot import HubSpot
from sandbox.wire import Request, Response

FAST = {"_preload_content": False, "_request_timeout": (5, 10)}


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


def read(raw: Any) -> Any:
    return json.loads(raw.data) if raw.data else None


def test_the_judge_misses_nothing_that_matters() -> None:
    """A search without `total`, a number where text is due and an undeclared status are all caught."""
    hub = HubSpot(TOKEN)
    hub.seed("contacts", [{"email": "a@b.co"}])
    path, headers = "/crm/v3/objects/contacts/search", {"authorization": f"Bearer {TOKEN}"}
    good = hub.handle(Request("POST", path, {}, {**headers, "content-type": "application/json"}, b"{}"))
    assert violations("POST", path, good) == []
    without_total = {name: value for name, value in good.body.items() if name != "total"}
    assert violations("POST", path, Response(200, without_total)) != []
    (row,) = good.body["results"]
    counted = {**row, "properties": {**row["properties"], "hs_object_id": 101}}
    assert violations("POST", path, Response(200, {**good.body, "results": [counted]})) != []
    assert violations("POST", path, Response(201, good.body)) != []
    assert violations("POST", path, Response(400, {"message": ["a list"]})) != []
    assert violations("POST", "/crm/v3/objects/contacts/gdpr-delete", Response(204, {"a": "body"})) != []


def test_the_client_drives_every_operation_and_every_answer_fits(account: Account) -> None:
    """All operations of the documents are called once with success; the account judges each answer."""
    crm = account.client().crm
    for kind, api in (("contacts", crm.contacts), ("companies", crm.companies)):
        drive_objects(account, kind, api)
    drive_properties(crm.properties)
    drive_links(account)
    drive_the_rest(account)
    succeeded = {(method, template) for method, template, status in account.judge.seen if status.startswith("2")}
    assert operations() - succeeded == set()


def drive_objects(account: Account, kind: str, api: Any) -> None:
    account.hub.define_property(kind, "syncd_id", unique=True)
    basic, batch = api.basic_api, api.batch_api
    name = "lastname" if kind == "contacts" else "name"
    made = read(basic.create({"properties": {name: "A", "syncd_id": "1"}}, **FAST))
    inputs = [{"properties": {name: "B", "syncd_id": "2"}}]
    (second,) = read(batch.create({"inputs": inputs}, **FAST))["results"]
    assert read(basic.get_page(limit=1, properties=[name], archived=False, **FAST))["results"][0]["id"] == made["id"]
    assert read(basic.get_by_id(made["id"], properties=[name], **FAST))["properties"][name] == "A"
    basic.update(made["id"], {"properties": {name: "A2"}}, **FAST)
    changed = read(batch.update({"inputs": [{"id": made["id"], "properties": {name: "A3"}}]}, **FAST))
    assert changed["results"][0]["properties"][name] == "A3"
    rows = [{"id": key, "idProperty": "syncd_id", "properties": {name: f"U{key}"}} for key in ("2", "3")]
    upserted = read(batch.upsert({"inputs": rows}, **FAST))["results"]
    assert sorted(row["new"] for row in upserted) == [False, True]
    found = read(batch.read({"properties": [name], "inputs": [{"id": second["id"]}]}, **FAST))
    assert found["results"][0]["properties"][name] == "U2"
    search = {"filterGroups": [{"filters": [where(name, "EQ", "a3")]}], "limit": 200}
    assert read(api.search_api.do_search(search, **FAST))["total"] == 1
    pair = {"primaryObjectId": made["id"], "objectIdToMerge": second["id"]}
    survivor = read(basic.merge(pair, **FAST))["id"]
    basic.archive(survivor, **FAST)
    batch.archive({"inputs": [{"id": survivor}]}, **FAST)
    if kind == "contacts":
        basic.purge({"objectId": survivor}, **FAST)


def drive_properties(api: Any) -> None:
    body = {"name": "one", "label": "One", "type": "string", "fieldType": "text", "groupName": "sync"}
    api.groups_api.create("contacts", {"name": "sync", "label": "Sync"}, **FAST)
    assert len(read(api.groups_api.get_all("contacts", **FAST))["results"]) == 3
    api.groups_api.update("contacts", "sync", {"label": "Sync 2"}, **FAST)
    assert read(api.groups_api.get_by_name("contacts", "sync", **FAST))["label"] == "Sync 2"
    api.core_api.create("contacts", body, **FAST)
    api.core_api.update("contacts", "one", {"label": "One!"}, **FAST)
    assert read(api.core_api.get_by_name("contacts", "one", **FAST))["label"] == "One!"
    assert len(read(api.core_api.get_all("contacts", archived=False, **FAST))["results"]) > 50
    api.batch_api.create("contacts", {"inputs": [{**body, "name": "two"}]}, **FAST)
    api.batch_api.read("contacts", {"archived": False, "inputs": [{"name": "two"}]}, **FAST)
    api.batch_api.archive("contacts", {"inputs": [{"name": "two"}]}, **FAST)
    api.core_api.archive("contacts", "one", **FAST)
    api.groups_api.archive("contacts", "sync", **FAST)


def drive_links(account: Account) -> None:
    crm = account.client().crm
    schemas, links = crm.schemas.core_api, crm.associations.v4
    labels = links.schema.definitions_api
    sent = {
        "name": "site",
        "labels": {"singular": "Site", "plural": "Sites"},
        "primaryDisplayProperty": "name",
        "requiredProperties": ["name"],
        "properties": [{"name": "name", "label": "Name", "type": "string", "fieldType": "text"}],
        "associatedObjects": ["companies", "contacts"],
    }
    made = read(schemas.create(sent, **FAST))["objectTypeId"]
    assert [one["objectTypeId"] for one in read(schemas.get_all(**FAST))["results"]] == [made]
    assert read(schemas.get_by_id(made, **FAST))["name"] == "site"
    site = read(crm.objects.basic_api.create(made, {"properties": {"name": "Hull"}}, **FAST))["id"]
    company = account.hub.seed("companies", [{"name": "Works"}])[0]
    label = read(labels.create(made, "companies", {"label": "Ships to", "name": "ships_to"}, **FAST))["results"][0]
    assert label in read(labels.get_all(made, "companies", **FAST))["results"]
    spec = {"associationCategory": label["category"], "associationTypeId": label["typeId"]}
    pair = {"from": {"id": site}, "to": {"id": company}}
    batch, basic, both = links.batch_api, links.basic_api, (made, "companies")
    read(batch.create_default(*both, {"inputs": [pair]}, **FAST))
    read(batch.create(*both, {"inputs": [{**pair, "types": [spec]}]}, **FAST))
    (row,) = read(batch.get_page(*both, {"inputs": [{"id": site}]}, **FAST))["results"]
    assert (row["to"][0]["toObjectId"], len(row["to"][0]["associationTypes"])) == (company, 2)
    batch.archive_labels(*both, {"inputs": [{**pair, "types": [spec]}]}, **FAST)
    assert len(read(basic.get_page(made, site, "companies", **FAST))["results"][0]["associationTypes"]) == 1
    batch.archive(*both, {"inputs": [{"from": {"id": site}, "to": [{"id": company}]}]}, **FAST)
    read(basic.create_default(made, site, "companies", company, **FAST))
    read(basic.create(made, site, "companies", company, [spec], **FAST))
    basic.archive(made, site, "companies", company, **FAST)
    assert read(basic.get_page(made, site, "companies", **FAST))["results"] == []


def drive_the_rest(account: Account) -> None:
    client = account.client()
    owner = read(client.crm.owners.owners_api.get_page(limit=100, archived=False, **FAST))["results"][0]
    read(client.crm.owners.owners_api.get_by_id(owner["id"], **FAST))
    secrets = {"client_id": "sandbox-client", "client_secret": "sandbox-secret", "refresh_token": "sandbox-refresh"}
    granted = read(client.oauth.tokens_api.create(grant_type="refresh_token", **secrets, **FAST))
    assert granted["access_token"]
    client.oauth.access_tokens_api.get(granted["access_token"], **FAST)
    client.oauth.refresh_tokens_api.get("sandbox-refresh", **FAST)
    client.oauth.refresh_tokens_api.archive("sandbox-refresh", **FAST)


def test_the_clients_models_read_the_answers(account: Account) -> None:
    """The slow path, with models and dates parsed, works as well."""
    account.hub.seed("contacts", [{"email": "a@b.co", "firstname": "Ann"}])
    api = account.client().crm.contacts
    (row,) = api.basic_api.get_page(limit=10, properties_with_history=["email"]).results
    assert row.properties["firstname"] == "Ann"
    assert row.created_at.year == 2027
    assert row.properties_with_history["email"][0].source_type == "IMPORT"
    found = api.search_api.do_search({"filterGroups": [], "sorts": ["-hs_object_id"]})
    assert found.total == 1
    partly = api.batch_api.read({"inputs": [{"id": "999"}, {"id": row.id}], "properties": []})
    assert partly.num_errors == 1
    assert partly.errors[0].context == {"ids": ["999"]}


@pytest.mark.parametrize(
    ("provoke", "status"),
    [
        (lambda api: api.basic_api.create({"properties": {"email": "a@b.co"}}), 409),
        (lambda api: api.basic_api.create({"properties": {"nonsense": "1"}}), 400),
        (lambda api: api.basic_api.get_by_id("999"), 404),
        (lambda api: api.search_api.do_search({"limit": 500}), 400),
    ],
)
def test_the_client_raises_what_the_simulator_refuses(account: Account, provoke: Any, status: int) -> None:
    account.hub.seed("contacts", [{"email": "a@b.co"}])
    with pytest.raises(contacts_package.ApiException) as caught:
        provoke(account.client().crm.contacts)
    assert caught.value.status == status
    assert json.loads(caught.value.body)["correlationId"] == caught.value.headers["X-HubSpot-Correlation-Id"]
