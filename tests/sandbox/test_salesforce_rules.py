"""What an admin sets up: assignment, duplicate and validation rules, locks, state lists, currencies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_org import Account, open_org, record, refusal

NO_RULE = {"Sforce-Auto-Assign": "FALSE"}


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def test_the_assignment_rule_runs_on_create_and_update_unless_it_is_told_not_to(account: Account) -> None:
    """REST's default is TRUE: even an update of something else takes the lead from its owner."""
    org, people = account.org, account.org.org.people
    key = account.create("Lead", NO_RULE, LastName="D", Company="C", OwnerId=people.rep)
    assert org.get("Lead", key)["OwnerId"] == people.rep
    account.call("PATCH", f"sobjects/Lead/{key}", {"City": "Bonn"}, headers=NO_RULE)
    assert org.get("Lead", key)["OwnerId"] == people.rep
    account.call("PATCH", f"sobjects/Lead/{key}", {"City": "Ulm"})
    assert org.get("Lead", key)["OwnerId"] == people.queue
    account.call("PATCH", "composite/sobjects", {"records": [record("Lead", id=key, OwnerId=people.rep)]})
    assert org.get("Lead", key)["OwnerId"] == people.queue
    org.assign_leads_to(None)
    account.call("PATCH", f"sobjects/Lead/{key}", {"OwnerId": people.rep})
    assert org.get("Lead", key)["OwnerId"] == people.rep


def test_a_blocked_duplicate_names_its_matches_on_a_single_row(account: Account) -> None:
    """Under the misspelled key, and no header opens a block rule; nothing is written."""
    first = account.lead(Email="a@acme.test")
    account.org.add_duplicate_rule("Lead", "Email")
    body = {"LastName": "D", "Company": "C", "Email": "A@acme.test"}
    insist = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    for headers in ({}, insist):
        answer = account.call("POST", "sobjects/Lead", body, headers=headers)
        assert refusal(answer) == (400, "DUPLICATES_DETECTED")
        result = answer.json()[0]["duplicateResut"]
        assert result["allowSave"] is False
        (match,) = result["matchResults"][0]["matchRecords"]
        assert match["record"]["Id"] == first
    assert len(account.org.all("Lead")) == 1


def test_an_alert_rule_lets_the_caller_insist(account: Account) -> None:
    account.lead(Email="a@acme.test")
    account.org.add_duplicate_rule("Lead", "Email", block=False)
    body = {"LastName": "D", "Company": "C", "Email": "a@acme.test"}
    answer = account.call("POST", "sobjects/Lead", body)
    assert answer.json()[0]["duplicateResut"]["allowSave"] is True
    insist = {"Sforce-Duplicate-Rule-Header": "allowSave=true; runAsCurrentUser=true"}
    assert account.call("POST", "sobjects/Lead", body, headers=insist).status_code == 201


def test_a_lead_rule_may_match_contacts_and_ignores_deleted_rows_and_the_row_itself(account: Account) -> None:
    account.org.add_duplicate_rule("Lead", "Email", match_object="Contact")
    account.org.add_duplicate_rule("Lead", "Email")
    contact = account.create("Contact", LastName="D", Email="a@acme.test")
    answer = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C", "Email": "a@acme.test"})
    assert answer.json()[0]["duplicateResut"]["matchResults"][0]["entityType"] == "Contact"
    account.org.delete("Contact", contact)
    key = account.lead(Email="a@acme.test")
    assert account.call("PATCH", f"sobjects/Lead/{key}", {"Email": "a@acme.test"}).status_code == 204


def test_a_validation_rule_speaks_the_admins_words(account: Account) -> None:
    account.org.add_validation_rule("Lead", lambda row: not row.get("Phone"), "Erst anrufen!", field="Phone")
    answer = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C"})
    assert answer.json() == [
        {"message": "Erst anrufen!", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Phone"]}
    ]
    assert account.lead(Phone="1")


def test_a_locked_row_fails_as_often_as_asked(account: Account) -> None:
    """Also for a child that names it as parent."""
    key, company = account.lead(), account.create("Account", Name="A")
    account.org.lock_row(key, times=2)
    account.org.lock_row(company)
    path = f"sobjects/Lead/{key}"
    assert [account.call("PATCH", path, {"City": "X"}).status_code for _ in range(3)] == [400, 400, 204]
    body = {"records": [record("Contact", LastName="D", AccountId=company)]}
    (result,) = account.call("POST", "composite/sobjects", body).json()
    assert result["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    account.org.lock_row(key, times=1, code="ENTITY_IS_LOCKED")
    assert refusal(account.call("PATCH", path, {"City": "X"})) == (400, "ENTITY_IS_LOCKED")


def test_state_and_country_lists(account: Account) -> None:
    """Text must equal the integration values, codes bring the names, and a state needs its country."""
    org = account.org
    assert refusal(account.call("POST", "sobjects/Lead", {"CountryCode": "US"})) == (400, "INVALID_FIELD")
    assert account.lead(State="Anything", Country="Anywhere")
    org.enable_states({"US": ("United States", {"CA": "California"}), "DE": ("Germany", {})})
    key = account.lead(CountryCode="US", StateCode="CA")
    row = org.get("Lead", key)
    assert (row["Country"], row["State"]) == ("United States", "California")
    named = org.get("Lead", account.lead(Country="united states", State="California"))
    assert (named["CountryCode"], named["StateCode"], named["Country"]) == ("US", "CA", "United States")
    for fields in (
        {"Country": "USA"},
        {"CountryCode": "XX"},
        {"CountryCode": "DE", "StateCode": "CA"},
        {"State": "California"},
        {"Country": "Germany", "State": "Bayern"},
    ):
        answer = account.call("POST", "sobjects/Lead", {"LastName": "D", "Company": "C", **fields})
        assert refusal(answer) == (400, "FIELD_INTEGRITY_EXCEPTION"), fields
    moved = account.call("PATCH", f"sobjects/Lead/{key}", {"CountryCode": "DE"})
    assert refusal(moved) == (400, "FIELD_INTEGRITY_EXCEPTION"), "the state that stays is not one of the new country"
    assert account.call("PATCH", f"sobjects/Lead/{key}", {"CountryCode": "DE", "State": None}).status_code == 204


def test_a_currency_is_there_only_with_several_currencies(account: Account) -> None:
    assert refusal(account.query("SELECT CurrencyIsoCode FROM Opportunity")) == (400, "INVALID_FIELD")
    account.org.enable_currencies("EUR", {"USD": 1.1})
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-03-01"}
    account.create("Opportunity", **deal)
    account.create("Opportunity", **deal, CurrencyIsoCode="USD")
    rows = account.rows("SELECT CurrencyIsoCode FROM Opportunity ORDER BY Id")
    assert [row["CurrencyIsoCode"] for row in rows] == ["EUR", "USD"]
    wrong = account.call("POST", "sobjects/Opportunity", {**deal, "CurrencyIsoCode": "XXX"})
    assert refusal(wrong) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")


def test_a_record_type_leaves_some_options_of_a_picklist(account: Account) -> None:
    """A restricted picklist refuses what the row's record type leaves out, be it named or the user's own."""
    account.org.define_field("Account", "Size__c", "picklist", picklist=["S", "M", "L"], restricted=True)
    small = account.org.add_record_type("Account", "Small", picklists={"Size__c": ["S", "M"]}, default=True)
    large = account.org.add_record_type("Account", "Large", picklists={"Size__c": ["L"]})

    def options(key: str) -> list[str]:
        body = account.call("GET", f"ui-api/object-info/Account/picklist-values/{key}").json()
        return [one["value"] for one in body["picklistFieldValues"]["Size__c"]["values"]]

    assert [options(key) for key in (small, large, "012000000000000AAA")] == [["S", "M"], ["L"], ["S", "M", "L"]]
    infos = account.call("GET", "sobjects/Account/describe").json()["recordTypeInfos"]
    assert {one["developerName"] for one in infos if one["defaultRecordTypeMapping"]} == {"Small"}
    wrong = [{"Size__c": "L"}, {"Size__c": "S", "RecordTypeId": large}]
    for fields in wrong:
        refused = account.call("POST", "sobjects/Account", {"Name": "A", **fields})
        assert refusal(refused) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    made = account.create("Account", Name="A", Size__c="L", RecordTypeId=large)
    assert refusal(account.call("PATCH", f"sobjects/Account/{made}", {"Size__c": "S"}))[0] == 400
    assert account.call("GET", "ui-api/object-info/Account/picklist-values/012000000000009AAA").status_code == 404


def test_record_types_bring_their_field(account: Account) -> None:
    assert refusal(account.query("SELECT RecordTypeId FROM Account")) == (400, "INVALID_FIELD")
    branch = account.org.add_record_type("Account", "Branch")
    account.create("Account", Name="Hamburg", RecordTypeId=branch)
    (row,) = account.rows("SELECT RecordType.DeveloperName FROM Account WHERE RecordType.DeveloperName = 'Branch'")
    assert row["RecordType"]["DeveloperName"] == "Branch"
    assert account.rows("SELECT Id FROM RecordType WHERE SobjectType = 'Account'")[0]["Id"] == branch
