"""One record at a time: what is accepted, what is refused and with which code, and what then stands in the org."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, START, Account, open_org, printed, refusal

from sandbox.salesforce import Refused


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        org = opened.org
        org.define_field("Lead", "Region__c", "picklist", picklist=["North", "South"], restricted=True)
        org.define_field("Lead", "Topics__c", "multipicklist", picklist=["a", "b"], restricted=True)
        org.define_field("Lead", "Budget__c", "currency", precision=10)
        org.define_field("Lead", "Seen__c", "datetime")
        org.define_field("Lead", "Due__c", "date")
        org.define_field("Lead", "Plain_Key__c", "string", length=20, external_id=True)
        yield opened


def test_create_answers_201_and_fills_what_the_org_knows(account: Account) -> None:
    key = account.lead(FirstName="Ann")
    row = account.call("GET", f"sobjects/Lead/{key}").json()
    user = account.org.org.people.integration
    assert {name: row[name] for name in ("Name", "Status", "CreatedById", "LastModifiedById", "IsConverted")} == {
        "Name": "Ann Doe",
        "Status": "Open - Not Contacted",
        "CreatedById": user,
        "LastModifiedById": user,
        "IsConverted": False,
    }
    assert row["CreatedDate"] == row["SystemModstamp"] == printed(START)
    assert row["attributes"] == {"type": "Lead", "url": f"/services/data/v66.0/sobjects/Lead/{key}"}


def test_patch_answers_204_without_a_body_and_moves_the_stamp(account: Account) -> None:
    key = account.lead()
    account.clock.pass_(7)
    answer = account.call("PATCH", f"sobjects/Lead/{key}", {"company": "New"})
    assert (answer.status_code, answer.content) == (204, b"")
    row = account.org.get("Lead", key)
    assert (row["Company"], row["SystemModstamp"], row["CreatedDate"]) == ("New", START + 7, START)


def test_a_post_with_http_method_patch_is_a_patch(account: Account) -> None:
    key = account.lead()
    assert account.call("POST", f"sobjects/Lead/{key}?_HttpMethod=PATCH", {"Company": "New"}).status_code == 204
    assert account.org.get("Lead", key)["Company"] == "New"


def test_an_omitted_field_stays_and_null_or_empty_clears(account: Account) -> None:
    """Text is trimmed on its way in, and the empty string is stored as null."""
    key = account.lead(FirstName="  Ann\n", City="Bonn", Phone="1", Title="   ")
    account.call("PATCH", f"sobjects/Lead/{key}", {"City": "", "Phone": None})
    row = account.call("GET", f"sobjects/Lead/{key}", params={"fields": "FirstName,City,Phone,Title"}).json()
    assert [row[name] for name in ("FirstName", "City", "Phone", "Title")] == ["Ann", None, None, None]


def test_values_come_back_in_the_types_of_their_fields(account: Account) -> None:
    """int as int, other numbers with a fraction and at their scale, times in UTC with whole seconds."""
    key = account.lead(
        NumberOfEmployees=5, Budget__c=10.005, Due__c="2027-02-28", Seen__c="2027-01-15T10:00:00.9+02:00"
    )
    text = account.call(
        "GET", f"sobjects/Lead/{key}", params={"fields": "NumberOfEmployees,Budget__c,Due__c,Seen__c"}
    ).text
    for part in (
        '"NumberOfEmployees": 5,',
        '"Budget__c": 10.01,',
        '"Due__c": "2027-02-28"',
        f'"Seen__c": "{printed(START)}"',
    ):
        assert part in text


def test_the_compound_address_is_read_only_and_made_of_its_parts(account: Account) -> None:
    key = account.lead(Street="Main 1", City="Bonn")
    address = account.call("GET", f"sobjects/Lead/{key}").json()["Address"]
    assert (address["street"], address["city"], address["state"]) == ("Main 1", "Bonn", None)
    refused = account.call("PATCH", f"sobjects/Lead/{key}", {"Address": {"city": "Ulm"}})
    assert refusal(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"Nope__c": 1}, "INVALID_FIELD", None),
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": " ", "Company": ""}, "REQUIRED_FIELD_MISSING", ["LastName", "Company"]),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "\U0001f600" * 41}, "STRING_TOO_LONG", ["LastName"]),
        ({"Street": "x" * 250 + "\r\n\r\n\r\n" + "y"}, "STRING_TOO_LONG", ["Street"]),
        ({"Email": "ann@acme"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"Email": "ann.@acme.test"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"Email": "änn@acme.test"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"Region__c": "Mars"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Region__c"]),
        ({"Region__c": "north"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Region__c"]),
        ({"Topics__c": "a;c"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Topics__c"]),
        ({"NumberOfEmployees": "many"}, "JSON_PARSER_ERROR", ["NumberOfEmployees"]),
        ({"NumberOfEmployees": 2**31}, "NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
        ({"Budget__c": 10**8}, "NUMBER_OUTSIDE_VALID_RANGE", ["Budget__c"]),
        ({"HasOptedOutOfEmail": "yes"}, "JSON_PARSER_ERROR", ["HasOptedOutOfEmail"]),
        ({"HasOptedOutOfEmail": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD", ["HasOptedOutOfEmail"]),
        ({"LastName": 5}, "JSON_PARSER_ERROR", ["LastName"]),
        ({"LastName": ["x"]}, "JSON_PARSER_ERROR", ["LastName"]),
        ({"Due__c": "2027-02-30"}, "JSON_PARSER_ERROR", ["Due__c"]),
        ({"Due__c": "2027-02-28T00:00:00Z"}, "JSON_PARSER_ERROR", ["Due__c"]),
        ({"Seen__c": "2027-02-28"}, "JSON_PARSER_ERROR", ["Seen__c"]),
        ({"Seen__c": "2027-02-28T00:00:00"}, "JSON_PARSER_ERROR", ["Seen__c"]),
        ({"OwnerId": "nonsense"}, "MALFORMED_ID", ["OwnerId"]),
        ({"OwnerId": "005000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", None),
        ({"OwnerId": "003000000000001AAA"}, "MALFORMED_ID", ["OwnerId"]),
        ({"OwnerId": None}, "REQUIRED_FIELD_MISSING", ["OwnerId"]),
        ({"Name": "Ann"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        ({"CreatedById": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedById"]),
        ({"SystemModstamp": "2027-02-28T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["SystemModstamp"]),
        ({"Id": "00Q000000000001AAA"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Id"]),
        ({"IsConverted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsConverted"]),
        ({"Status": "Closed - Converted"}, "FIELD_INTEGRITY_EXCEPTION", ["Status"]),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_written(
    account: Account, fields: dict[str, Any], code: str, named: list[str] | None
) -> None:
    """The same on update, and the row stays as it was."""
    key = account.lead()
    before = account.org.get("Lead", key)
    answer = account.call("PATCH", f"sobjects/Lead/{key}", fields)
    assert refusal(answer) == (400, code)
    assert named is None or answer.json()[0]["fields"] == named
    assert account.org.get("Lead", key) == before
    if "OwnerId" not in fields or fields["OwnerId"]:
        created = account.call("POST", "sobjects/Lead", {"LastName": "Doe", "Company": "Acme", **fields})
        assert refusal(created) == (400, code)
        assert len(account.org.all("Lead")) == 1


def test_an_emoji_counts_two_and_the_full_length_is_kept(account: Account) -> None:
    key = account.lead(LastName="\U0001f600" * 40, Region__c="North", Topics__c="b;a", LeadSource="Anything")
    assert account.org.get("Lead", key)["LastName"] == "\U0001f600" * 40


def test_several_wrong_values_are_listed_together(account: Account) -> None:
    answer = account.call("POST", "sobjects/Lead", {"LastName": "x" * 99, "Company": "C", "Email": "no"})
    assert {error["errorCode"] for error in answer.json()} == {"STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS"}


def test_an_inactive_owner_is_refused(account: Account) -> None:
    owner = account.org.add_user("Old", "Hand", active=False)
    key = account.lead()
    answer = account.call("PATCH", f"sobjects/Lead/{key}", {"OwnerId": owner})
    assert refusal(answer) == (400, "INACTIVE_OWNER_OR_USER")


def test_a_deleted_parent_is_an_invalid_reference(account: Account) -> None:
    company = account.create("Account", Name="Acme")
    account.org.delete("Account", company)
    answer = account.call("POST", "sobjects/Contact", {"LastName": "A", "AccountId": company})
    assert refusal(answer) == (400, "INVALID_CROSS_REFERENCE_KEY")


def test_a_parent_is_found_by_its_external_id(account: Account) -> None:
    company = account.create("Account", Name="Acme", Source_Key__c="A1")
    contact = account.create("Contact", LastName="A", Account={KEY: "A1"})
    assert account.org.get("Contact", contact)["AccountId"] == company
    answer = account.call("POST", "sobjects/Contact", {"LastName": "B", "Account": {KEY: "A2"}})
    assert refusal(answer) == (400, "INVALID_FIELD")


def test_upsert_creates_then_updates(account: Account) -> None:
    """201 and 200 with the id; the key may hold any character once it is percent-encoded."""
    for key in ("k1", "a/b c+d%e", "Ä#?"):
        first = account.upsert(key, {"LastName": "Doe", "Company": "Acme"})
        again = account.upsert(key, {"Company": "New"})
        assert (first.status_code, first.json()["created"], first.json()["success"]) == (201, True, True)
        assert (again.status_code, again.json()["created"]) == (200, False)
        assert again.json()["id"] == first.json()["id"]
        assert account.org.get("Lead", again.json()["id"])[KEY] == key
    assert account.call("GET", f"sobjects/Lead/{KEY}/k1").json()["Company"] == "New"


def test_update_only_never_creates(account: Account) -> None:
    answer = account.upsert("k1", {"LastName": "Doe", "Company": "Acme"}, params={"updateOnly": "true"})
    assert refusal(answer) == (404, "NOT_FOUND")
    assert account.org.all("Lead") == []


def test_an_ambiguous_key_answers_300_with_urls_and_writes_nothing(account: Account) -> None:
    ids = [account.lead(Plain_Key__c="p") for _ in range(2)]
    answer = account.call("PATCH", "sobjects/Lead/Plain_Key__c/p", {"Company": "New"})
    assert answer.status_code == 300
    assert answer.json() == [f"/services/data/v66.0/sobjects/Lead/{key}" for key in ids]
    assert {row["Company"] for row in account.org.all("Lead")} == {"Acme"}


@pytest.mark.parametrize("path", ["Company/Acme", "Nope__c/x", f"{KEY}/%2E%2E", "Email/a@x.inc"])
def test_no_row_is_addressed_by_such_a_path(account: Account, path: str) -> None:
    """Fields that are no key, dot segments and e-mails that look like files are 404."""
    answer = account.call("PATCH", f"sobjects/Lead/{path}", {"LastName": "D", "Company": "C"})
    assert refusal(answer) == (404, "NOT_FOUND")


def test_the_key_in_the_body_of_an_upsert_is_refused(account: Account) -> None:
    answer = account.upsert("k1", {"LastName": "D", "Company": "C", KEY: "k1"})
    assert refusal(answer) == (400, "INVALID_FIELD")


def test_a_unique_key_cannot_be_given_twice(account: Account) -> None:
    """The message names the other row's id, by which a client can go on; deleted rows do not count."""
    first = account.lead(Source_Key__c="k1")
    answer = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C", KEY: "k1"})
    assert refusal(answer) == (400, "DUPLICATE_VALUE")
    assert answer.json()[0]["message"].endswith(f"{KEY} duplicates value on record with id: {first}")
    assert account.lead(Source_Key__c="K1") != first, "case-sensitive keys differ by case"
    account.call("DELETE", f"sobjects/Lead/{first}")
    second = account.lead(Source_Key__c="k1")
    account.call("PATCH", f"sobjects/Lead/{second}", {KEY: "k2"})
    assert account.lead(Source_Key__c="k1") != second, "a key that was given up is free again"


def test_a_deleted_row_is_404_and_unknown_or_wrong_ids_have_their_own_codes(account: Account) -> None:
    key = account.lead()
    assert account.call("DELETE", f"sobjects/Lead/{key}").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert refusal(account.call(method, f"sobjects/Lead/{key}", {})) == (404, "ENTITY_IS_DELETED")
    assert refusal(account.call("GET", "sobjects/Lead/00Q000000000001EAA")) == (404, "NOT_FOUND")
    assert refusal(account.call("GET", "sobjects/Lead/003000000000001AAA")) == (400, "MALFORMED_ID")


def test_if_unmodified_since_guards_against_a_lost_update(account: Account) -> None:
    key = account.lead()
    account.clock.pass_(10)
    account.org.edit("Lead", key, {"City": "Bonn"})
    early = {"If-Unmodified-Since": "Fri, 15 Jan 2027 08:00:05 GMT"}
    late = {"If-Unmodified-Since": "Fri, 15 Jan 2027 08:00:10 GMT"}
    path = f"sobjects/Lead/{key}"
    assert refusal(account.call("PATCH", path, {"City": "Ulm"}, headers=early)) == (412, "PRECONDITION_FAILED")
    assert account.call("PATCH", path, {"City": "Ulm"}, headers=late).status_code == 204
    unchanged = account.call("GET", path, headers={"If-Modified-Since": "Fri, 15 Jan 2027 08:00:10 GMT"})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_the_counters_tell_created_updated_unchanged_and_deleted_apart(account: Account) -> None:
    """Only what came through the API counts; a save without a change still moves the stamp."""
    key = account.lead()
    account.clock.pass_(1)
    account.call("PATCH", f"sobjects/Lead/{key}", {"City": "Bonn"}, headers={"Sforce-Auto-Assign": "FALSE"})
    account.clock.pass_(1)
    account.call("PATCH", f"sobjects/Lead/{key}", {"City": "Bonn "}, headers={"Sforce-Auto-Assign": "FALSE"})
    assert account.org.get("Lead", key)["SystemModstamp"] == START + 2
    account.org.edit("Lead", key, {"City": "Ulm"})
    account.call("PATCH", f"sobjects/Lead/{key}", {"Email": "wrong"})
    account.call("DELETE", f"sobjects/Lead/{key}")
    counts = account.org.writes["Lead"]
    assert (counts.created, counts.updated, counts.unchanged, counts.deleted) == (1, 1, 1, 1)


def test_a_person_edits_as_herself_and_under_the_same_rules(account: Account) -> None:
    """No assignment rule runs, LastModifiedById is hers, and a wrong value is refused to her too."""
    key = account.lead()
    owner = account.org.get("Lead", key)["OwnerId"]
    account.clock.pass_(3)
    account.org.edit("Lead", key, {"City": "Bonn"})
    row = account.org.get("Lead", key)
    assert (row["LastModifiedById"], row["OwnerId"]) == (account.org.org.people.rep, owner)
    assert row["SystemModstamp"] == row["LastModifiedDate"] == START + 3
    with pytest.raises(Refused):
        account.org.edit("Lead", key, {"Email": "wrong"})


def test_a_background_job_moves_the_stamp_alone(account: Account) -> None:
    key = account.lead()
    before = account.org.get("Lead", key)
    account.clock.pass_(9)
    account.org.touch("Lead")
    assert account.org.get("Lead", key) == {**before, "SystemModstamp": START + 9}


def test_setup_objects_and_denied_rights_are_refused(account: Account) -> None:
    refused = account.call("POST", "sobjects/LeadStatus", {"MasterLabel": "New"})
    assert refusal(refused) == (400, "INVALID_TYPE_FOR_OPERATION")
    account.org.deny("Campaign", "create")
    assert refusal(account.call("POST", "sobjects/Campaign", {"Name": "Fair"})) == (
        400,
        "INSUFFICIENT_ACCESS_OR_READONLY",
    )
    assert account.call("GET", "sobjects/Campaign").json()["objectDescribe"]["createable"] is False
