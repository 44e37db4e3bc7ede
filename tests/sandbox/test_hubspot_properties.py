"""The properties API: definitions made, read, changed, archived and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_account import Account, open_account

PATH = "/crm/v3/properties/contacts"


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


def definition(name: str = "budget_amount", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": "Budget",
        "type": "number",
        "fieldType": "number",
        "groupName": "contactinformation",
        **more,
    }


def test_a_new_property_can_be_written_at_once(account: Account) -> None:
    made = account.post(PATH, definition())
    assert made.status_code == 201
    assert made.json()["hubspotDefined"] is False
    assert account.create("contacts", budget_amount="1000")["properties"]["budget_amount"] == "1000"
    assert account.get(f"{PATH}/budget_amount").json() == made.json()


def test_the_list_is_whole_and_tells_what_cannot_be_written(account: Account) -> None:
    listed = {one["name"]: one for one in account.get(PATH).json()["results"]}
    assert listed["hs_analytics_last_url"]["modificationMetadata"]["readOnlyValue"] is True
    assert listed["num_conversion_events"]["calculated"] is True
    assert listed["email"]["hasUniqueValue"] is True
    assert listed["hubspot_owner_id"]["externalOptions"] is True
    assert listed["hubspot_owner_id"]["referencedObjectType"] == "OWNER"
    stages = [option["value"] for option in listed["lifecyclestage"]["options"]]
    assert stages[:3] == ["subscriber", "lead", "marketingqualifiedlead"]


def test_company_industries_are_choices_and_contact_industries_are_text(account: Account) -> None:
    assert account.get("/crm/v3/properties/companies/industry").json()["type"] == "enumeration"
    assert account.get(f"{PATH}/industry").json()["type"] == "string"


def test_an_unknown_property_is_404(account: Account) -> None:
    answer = account.get(f"{PATH}/nonsense")
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_name_is_taken_once_and_an_archived_one_comes_back(account: Account) -> None:
    account.post(PATH, definition())
    taken = account.post(PATH, definition())
    assert (taken.status_code, taken.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert taken.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    made = account.create("contacts", budget_amount="5")
    assert account.call("DELETE", f"{PATH}/budget_amount").status_code == 204
    assert account.get(f"{PATH}/budget_amount").status_code == 404
    assert account.get(f"{PATH}/budget_amount", archived=True).json()["archived"] is True
    assert account.patch(f"contacts/{made['id']}", {"budget_amount": "6"}).status_code == 400
    restored = account.post(PATH, definition(label="Something else"))
    assert (restored.status_code, restored.json()["label"]) == (201, "Budget")
    shown = account.get(f"contacts/{made['id']}", properties="budget_amount").json()
    assert shown["properties"]["budget_amount"] == "5"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Budget Amount"},
        {"name": "2nd_budget"},
        {"type": "number", "fieldType": "text"},
        {"type": "money", "fieldType": "number"},
        {"groupName": "nonsense"},
        {"label": ""},
        {"type": "enumeration", "fieldType": "select"},
        {"type": "enumeration", "fieldType": "select", "options": [{"label": "A", "value": "a"}] * 2},
    ],
)
def test_a_definition_that_cannot_be_is_refused(account: Account, wrong: dict[str, Any]) -> None:
    assert account.post(PATH, {**definition(), **wrong}).status_code == 400


def test_options_replace_the_whole_list_when_sent(account: Account) -> None:
    options = [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]
    account.post(PATH, definition("rank", type="enumeration", fieldType="select", options=options))
    account.call("PATCH", f"{PATH}/rank", {"label": "Rank"})
    assert len(account.get(f"{PATH}/rank").json()["options"]) == 2
    account.call("PATCH", f"{PATH}/rank", {"options": [{"label": "C", "value": "c"}]})
    assert [option["value"] for option in account.get(f"{PATH}/rank").json()["options"]] == ["c"]


def test_what_hubspot_defined_cannot_be_archived(account: Account) -> None:
    assert account.call("DELETE", f"{PATH}/email").status_code == 400


def test_an_object_type_has_ten_unique_properties_at_most(account: Account) -> None:
    text = {"type": "string", "fieldType": "text", "hasUniqueValue": True}
    answers = [account.post(PATH, definition(f"key_{n}", **text)).status_code for n in range(11)]
    assert answers == [201] * 10 + [400]


def test_batches_create_read_and_archive(account: Account) -> None:
    created = account.post(f"{PATH}/batch/create", {"inputs": [definition("one"), definition("two")]})
    assert (created.status_code, len(created.json()["results"])) == (201, 2)
    partly = account.post(f"{PATH}/batch/create", {"inputs": [definition("two"), definition("three")]})
    assert partly.status_code == 207
    assert [one["name"] for one in partly.json()["results"]] == ["three"]
    assert partly.json()["errors"][0]["category"] == "OBJECT_ALREADY_EXISTS"
    read = account.post(f"{PATH}/batch/read", {"inputs": [{"name": "one"}, {"name": "nonsense"}]})
    assert (read.status_code, [one["name"] for one in read.json()["results"]]) == (207, ["one"])
    gone = account.post(f"{PATH}/batch/archive", {"inputs": [{"name": "one"}, {"name": "nonsense"}]})
    assert gone.status_code == 204
    assert account.get(f"{PATH}/one").status_code == 404


def test_groups_are_made_read_renamed_and_removed_when_empty(account: Account) -> None:
    made = account.post(f"{PATH}/groups", {"name": "syncd", "label": "Sync"})
    assert made.status_code == 201
    assert account.post(f"{PATH}/groups", {"name": "syncd", "label": "Sync"}).status_code == 409
    account.post(PATH, definition(groupName="syncd"))
    assert account.call("DELETE", f"{PATH}/groups/syncd").status_code == 400
    account.call("DELETE", f"{PATH}/budget_amount")
    assert account.call("PATCH", f"{PATH}/groups/syncd", {"label": "Handoff"}).json()["label"] == "Handoff"
    assert "syncd" in [group["name"] for group in account.get(f"{PATH}/groups").json()["results"]]
    assert account.call("DELETE", f"{PATH}/groups/syncd").status_code == 204
    assert account.get(f"{PATH}/groups/syncd").status_code == 404
