"""Associations and custom objects are as strict as the contract says: types, ids, parents, plans, limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hubspot_account import TOKEN, Account, open_account

from sandbox.hubspot import HubSpot

CREATE = "/crm/v4/associations/{}/{}/batch/create"
PARENT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 14}
SITE: dict[str, Any] = {
    "name": "site",
    "labels": {"singular": "Site", "plural": "Sites"},
    "requiredProperties": ["name"],
    "properties": [{"name": "name", "label": "Name", "type": "string", "fieldType": "text"}],
    "associatedObjects": ["companies"],
}


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


def link(account: Account, one: str, other: str, spec: dict[str, Any], kinds: str = "companies companies") -> Any:
    row = {"from": {"id": one}, "to": {"id": other}, "types": [spec]}
    return account.post(CREATE.format(*kinds.split()), {"inputs": [row]})


def test_a_link_is_seen_from_both_ends_and_shown_on_the_child(account: Account) -> None:
    """Child to parent is type 14; the parent sees 13, and the child's read-only property names the parent."""
    parent, child = account.hub.seed("companies", [{"name": "Works"}, {"name": "Works Hull"}])
    assert link(account, child, parent, PARENT).status_code == 201
    assert account.hub.linked("companies", parent, "companies") == {child: ["Child Company"]}
    assert account.hub.get("companies", child)["hs_parent_company_id"] == parent


def test_types_are_directional_and_a_company_has_one_parent(account: Account) -> None:
    first, second, child = account.hub.seed("companies", [{"name": name} for name in "abc"])
    contact = account.hub.seed("contacts", [{"email": "a@b.co"}])[0]
    plain = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}
    wrong = link(account, contact, first, plain, "contacts companies")
    assert (wrong.status_code, "invalid from object type" in wrong.json()["message"]) == (400, True)
    assert link(account, child, first, PARENT).status_code == 201
    assert link(account, child, first, PARENT).status_code == 201  # again: the same link
    assert link(account, child, second, PARENT).status_code == 400
    assert account.hub.linked("companies", child, "companies") == {first: ["Parent Company"]}


def test_one_record_that_is_not_there_refuses_the_whole_call(account: Account) -> None:
    parent, child = account.hub.seed("companies", [{"name": "Works"}, {"name": "Works Hull"}])
    rows = [{"from": {"id": one}, "to": {"id": parent}, "types": [PARENT]} for one in (child, "999")]
    refused = account.post(CREATE.format("companies", "companies"), {"inputs": rows})
    assert (refused.status_code, refused.json()["message"]) == (400, "One or more associations are invalid")
    assert refused.json()["context"] == {"INVALID_OBJECT_IDS": ["COMPANY=999 is not valid"]}
    assert account.hub.linked("companies", child, "companies") == {}


def test_a_batch_of_links_takes_2000(account: Account) -> None:
    row = {"from": {"id": "1"}, "to": {"id": "2"}, "types": [PARENT]}
    many = account.post(CREATE.format("companies", "companies"), {"inputs": [row] * 2001})
    assert "2000" in many.json()["message"]


def test_a_plan_without_custom_objects_answers_403() -> None:
    """Neither schemas nor objects of one's own can be reached, whatever the token was given."""
    with open_account(custom_objects=False) as account:
        for refused in (
            account.get("/crm-object-schemas/v3/schemas"),
            account.post("/crm-object-schemas/v3/schemas", SITE),
        ):
            assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
        assert account.get("companies").status_code == 200


def test_links_and_schemas_survive_a_restart(account: Account, tmp_path: Path) -> None:
    made = account.post("/crm-object-schemas/v3/schemas", SITE).json()["objectTypeId"]
    assert account.post("/crm-object-schemas/v3/schemas", SITE).status_code == 409
    site = account.create(made, name="Hull")["id"]
    company = account.hub.seed("companies", [{"name": "Works"}])[0]
    put = account.call("PUT", f"/crm/v4/objects/{made}/{site}/associations/default/companies/{company}")
    assert put.status_code == 200
    account.hub.save(tmp_path / "hub.json")
    again = HubSpot(TOKEN)
    again.load(tmp_path / "hub.json")
    assert again.linked("site", site, "companies") == {company: []}
    assert again.linked("companies", company, made) == {site: []}
