"""What describe shows, what it hides, and how new fields come to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, Account, open_org, record, refusal

from sandbox.salesforce import standard_fields


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def fields(account: Account, name: str = "Lead") -> dict[str, dict[str, Any]]:
    body = account.call("GET", f"sobjects/{name}/describe").json()
    return {field["name"]: field for field in body["fields"]}


def make_field(account: Account, full_name: str = "Lead.Score__c", **metadata: Any) -> Any:
    told = {"label": "Score", "type": "Text", "length": 20, **metadata}
    return account.call("POST", "tooling/sobjects/CustomField", {"FullName": full_name, "Metadata": told})


def grant(account: Account, field: str = "Lead.Score__c", *, edit: bool = True, to: str | None = None) -> Any:
    permission = {
        "ParentId": to or account.org.org.people.permission_set,
        "SobjectType": "Lead",
        "Field": field,
        "PermissionsRead": True,
        "PermissionsEdit": edit,
    }
    return account.call("POST", "sobjects/FieldPermissions", permission)


def test_describe_tells_types_lengths_keys_and_what_a_create_needs(account: Account) -> None:
    """Required is: not nillable, createable, not defaulted, not boolean."""
    found = fields(account)
    key = found[KEY]
    assert (key["type"], key["length"], key["unique"], key["externalId"], key["caseSensitive"], key["custom"]) == (
        *("string", 64),
        *(True, True, True, True),
    )
    required = [
        name
        for name, one in found.items()
        if not one["nillable"] and one["createable"] and not one["defaultedOnCreate"] and one["type"] != "boolean"
    ]
    assert required == ["LastName", "Company"]
    assert found["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert found["OwnerId"]["relationshipName"] == "Owner"
    assert found["IsConverted"]["updateable"] is found["ConvertedContactId"]["createable"] is False
    assert [one["value"] for one in found["Status"]["picklistValues"] if one["defaultValue"]] == [
        "Open - Not Contacted"
    ]
    assert found["City"]["compoundFieldName"] == "Address"


def test_optional_features_have_no_fields_until_they_are_on(account: Account) -> None:
    assert not {"StateCode", "CountryCode", "CurrencyIsoCode", "RecordTypeId"} & fields(account).keys()
    account.org.enable_states({"DE": ("Germany", {})})
    assert {"StateCode", "CountryCode"} <= fields(account).keys()


def test_the_catalogue_has_the_fields_of_the_contract() -> None:
    lead = {field.name: field for field in standard_fields()["Lead"]}
    assert (lead["Company"].length, lead["Company"].nillable) == (255, False)
    assert lead["Email"].type == "email"
    assert {"Contact", "Account", "Opportunity", "Campaign", "CampaignMember", "Task"} <= standard_fields().keys()


def test_a_hidden_field_is_as_if_it_did_not_exist(account: Account) -> None:
    """Absent from describe and rows, INVALID_FIELD in SOQL, writes and retrieves; people still see it."""
    key = account.lead(City="Bonn")
    account.org.hide_field("Lead", "City")
    assert "City" not in fields(account)
    assert "City" not in account.call("GET", f"sobjects/Lead/{key}").json()
    assert refusal(account.query("SELECT City FROM Lead")) == (400, "INVALID_FIELD")
    assert refusal(account.call("PATCH", f"sobjects/Lead/{key}", {"City": "X"})) == (400, "INVALID_FIELD")
    body = {"records": [record("Lead", LastName="D", Company="C", City="X")]}
    assert refusal(account.call("POST", "composite/sobjects", body)) == (400, "INVALID_FIELD")
    account.org.edit("Lead", key, {"City": "Ulm"})
    account.org.show_field("Lead", "City")
    assert account.call("GET", f"sobjects/Lead/{key}").json()["City"] == "Ulm"


def test_a_read_only_field_shows_and_refuses(account: Account) -> None:
    key = account.lead()
    account.org.lock_field("Lead", "City")
    assert fields(account)["City"]["updateable"] is False
    refused = account.call("PATCH", f"sobjects/Lead/{key}", {"City": "X"})
    assert refusal(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_describe_is_304_until_the_schema_changes(account: Account) -> None:
    account.clock.pass_(100)
    first = account.call("GET", "sobjects/Lead/describe")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert account.call("GET", "sobjects/Lead/describe", headers=since).status_code == 304
    assert account.call("GET", "sobjects", headers=since).status_code == 304
    account.org.define_field("Lead", "New__c", "string", length=10)
    again = account.call("GET", "sobjects/Lead/describe", headers=since)
    assert again.status_code == 200
    assert "New__c" in {field["name"] for field in again.json()["fields"]}


def test_the_global_describe_lists_objects_with_prefixes(account: Account) -> None:
    account.org.define_object("Branch__c", key_prefix="a01")
    listed = {one["name"]: one for one in account.call("GET", "sobjects").json()["sobjects"]}
    assert listed["Lead"]["keyPrefix"] == "00Q"
    assert (listed["Branch__c"]["custom"], listed["Branch__c"]["keyPrefix"]) == (True, "a01")
    assert "CustomField" not in listed


def test_a_custom_object_with_a_lookup_works_like_any_other(account: Account) -> None:
    """Its relationship is called __r in SOQL and in writes."""
    account.org.define_object("Branch__c", key_prefix="a01")
    account.org.define_field("Branch__c", "Account__c", "reference", reference_to="Account")
    company = account.create("Account", Name="Acme", Source_Key__c="A1")
    branch = account.create("Branch__c", Name="Hamburg", Account__r={KEY: "A1"})
    (row,) = account.rows("SELECT Name, Account__r.Name FROM Branch__c WHERE Account__r.Source_Key__c = 'A1'")
    assert row["Account__r"]["Name"] == "Acme"
    assert account.org.get("Branch__c", branch)["Account__c"] == company


def test_a_field_made_by_the_tooling_api_is_seen_by_nobody_until_it_is_granted(account: Account) -> None:
    made = make_field(account, externalId=True, unique=True)
    assert made.status_code == 201
    assert made.json()["success"] is True
    assert "Score__c" not in fields(account)
    assert refusal(account.query("SELECT Score__c FROM Lead")) == (400, "INVALID_FIELD")
    assert grant(account, edit=False).status_code == 201
    assert fields(account)["Score__c"]["updateable"] is False
    assert fields(account)["Score__c"]["unique"] is True
    refused = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C", "Score__c": "1"})
    assert refusal(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    (permission,) = account.rows("SELECT Id, PermissionsEdit FROM FieldPermissions WHERE Field = 'Lead.Score__c'")
    answer = account.call("PATCH", f"sobjects/FieldPermissions/{permission['Id']}", {"PermissionsEdit": True})
    assert answer.status_code == 204
    assert account.lead(Score__c="1")
    account.call("DELETE", f"sobjects/FieldPermissions/{permission['Id']}")
    assert "Score__c" not in fields(account)


def test_a_grant_to_a_permission_set_the_user_does_not_have_shows_nothing(account: Account) -> None:
    make_field(account)
    other = account.org.org.insert("PermissionSet", {"Name": "Other", "Label": "Other"})
    assert grant(account, to=other).status_code == 201
    assert "Score__c" not in fields(account)
    assert refusal(grant(account, "Lead.Nope__c")) == (400, "INVALID_CROSS_REFERENCE_KEY")


@pytest.mark.parametrize(
    ("full_name", "metadata", "code"),
    [
        ("Lead.Score", {}, "INVALID_FULL_NAME"),
        ("Lead.1Score__c", {}, "INVALID_FULL_NAME"),
        ("Lead.Sc__ore__c", {}, "INVALID_FULL_NAME"),
        ("Leed.Score__c", {}, "INVALID_CROSS_REFERENCE_KEY"),
        (f"Lead.{KEY}", {}, "DUPLICATE_DEVELOPER_NAME"),
        ("Lead.Score__c", {"label": None}, "REQUIRED_FIELD_MISSING"),
        ("Lead.Score__c", {"length": None}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Score__c", {"type": "Date", "unique": True}, "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
def test_a_wrong_field_definition_is_refused(
    account: Account, full_name: str, metadata: dict[str, Any], code: str
) -> None:
    assert refusal(make_field(account, full_name, **metadata)) == (400, code)


def test_custom_fields_can_be_found_and_dropped_by_tooling_and_objects_cannot_be_made(account: Account) -> None:
    made = make_field(account).json()["id"]
    soql = "SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Lead' AND DeveloperName = 'Score'"
    found = account.call("GET", "tooling/query", params={"q": soql}).json()["records"]
    assert [row["Id"] for row in found] == [made]
    assert account.call("DELETE", f"tooling/sobjects/CustomField/{made}").status_code == 204
    assert grant(account).status_code == 400
    refused = account.call("POST", "tooling/sobjects/CustomObject", {"FullName": "Branch__c"})
    assert refusal(refused) == (400, "INVALID_TYPE_FOR_OPERATION")
