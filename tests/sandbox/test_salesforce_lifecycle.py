"""Leads that are converted, rows that are merged, deleted and come back, and campaigns, tasks and deals around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import START, Account, iso, open_org, printed, record, refusal

from sandbox.salesforce import Refused


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def member(account: Account, **fields: Any) -> str:
    return account.create("CampaignMember", **fields)


def test_a_converted_lead_can_be_read_and_not_written(account: Account) -> None:
    """Its Converted fields point to account, contact and opportunity, and its stamp moved so that a poll sees it."""
    key = account.lead(FirstName="Ann", Email="ann@acme.test", City="Bonn")
    account.clock.pass_(60)
    company, contact, deal = account.org.convert(key)
    (row,) = account.rows(
        "SELECT IsConverted, ConvertedDate, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId, Status, "
        f"SystemModstamp FROM Lead WHERE SystemModstamp > {iso(START)}"
    )
    del row["attributes"]
    assert row == {
        "IsConverted": True,
        "ConvertedDate": "2027-01-15",
        "ConvertedAccountId": company,
        "ConvertedContactId": contact,
        "ConvertedOpportunityId": deal,
        "Status": "Closed - Converted",
        "SystemModstamp": printed(START + 60),
    }
    person = account.org.get("Contact", contact)
    assert (person["Email"], person["AccountId"], person["MailingCity"]) == ("ann@acme.test", company, "Bonn")
    assert refusal(account.call("PATCH", f"sobjects/Lead/{key}", {"City": "X"})) == (
        400,
        "CANNOT_UPDATE_CONVERTED_LEAD",
    )
    body = {"records": [record("Lead", id=key, City="X")]}
    (result,) = account.call("PATCH", "composite/sobjects", body).json()
    assert result["errors"][0]["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    with pytest.raises(Refused):
        account.org.convert(key)


def test_conversion_may_go_to_existing_rows_and_without_a_deal(account: Account) -> None:
    company = account.create("Account", Name="Acme")
    contact = account.create("Contact", LastName="D", AccountId=company)
    made = account.org.convert(account.lead(), account=company, contact=contact, opportunity=False)
    assert made == (company, contact, None)
    assert account.org.all("Opportunity") == []


def test_conversion_carries_tasks_and_memberships_to_the_contact(account: Account) -> None:
    key = account.lead()
    campaign = account.create("Campaign", Name="Fair")
    joined = member(account, CampaignId=campaign, LeadId=key)
    task = account.create("Task", WhoId=key, Subject="Call")
    _, contact, _ = account.org.convert(key)
    assert account.org.get("Task", task)["WhoId"] == contact
    row = account.org.get("CampaignMember", joined)
    assert (row["LeadId"], row["ContactId"]) == (key, contact)
    (counts,) = account.rows("SELECT NumberOfLeads, NumberOfContacts, NumberOfConvertedLeads FROM Campaign")
    assert [counts[name] for name in ("NumberOfLeads", "NumberOfContacts", "NumberOfConvertedLeads")] == [0, 1, 1]


def test_merge_losers_point_to_the_winner_in_query_all_only(account: Account) -> None:
    """Children move to the winner with a new stamp; a plain delete has no master."""
    winner, loser, gone = account.lead(), account.lead(), account.lead()
    task = account.create("Task", WhoId=loser)
    account.clock.pass_(10)
    account.org.merge("Lead", winner, loser)
    account.org.delete("Lead", gone)
    assert account.ids("SELECT Id FROM Lead") == [winner]
    rows = account.rows("SELECT Id, IsDeleted, MasterRecordId FROM Lead WHERE IsDeleted = true ORDER BY Id", "queryAll")
    assert [(row["Id"], row["MasterRecordId"]) for row in rows] == [(loser, winner), (gone, None)]
    moved = account.org.get("Task", task)
    assert (moved["WhoId"], moved["SystemModstamp"]) == (winner, START + 10)
    assert refusal(account.call("PATCH", f"sobjects/Lead/{loser}", {})) == (404, "ENTITY_IS_DELETED")


def test_merges_chain(account: Account) -> None:
    first, second, third = account.lead(), account.lead(), account.lead()
    account.org.merge("Lead", second, first)
    account.org.merge("Lead", third, second)
    assert account.org.get("Lead", first)["MasterRecordId"] == second
    assert account.org.get("Lead", second)["MasterRecordId"] == third


def test_deleting_an_account_takes_its_contacts_and_deals_along_and_undelete_brings_them_back(account: Account) -> None:
    """Everything that comes back has a new stamp."""
    company = account.create("Account", Name="Acme")
    contact = account.create("Contact", LastName="D", AccountId=company)
    deal = account.create(
        "Opportunity", Name="Deal", AccountId=company, StageName="Prospecting", CloseDate="2027-03-01"
    )
    account.call("DELETE", f"sobjects/Account/{company}")
    assert account.org.get("Contact", contact)["IsDeleted"]
    assert account.org.get("Opportunity", deal)["IsDeleted"]
    account.clock.pass_(30)
    account.org.undelete("Account", company)
    assert account.ids(f"SELECT Id FROM Contact WHERE SystemModstamp = {iso(START + 30)}") == [contact]


def test_updated_and_deleted_cut_their_windows_to_whole_minutes(account: Account) -> None:
    early, gone = account.lead(), account.lead()
    account.clock.pass_(70)
    late = account.lead()
    account.org.delete("Lead", gone)

    def asked(what: str, start: float, end: float) -> Any:
        return account.call("GET", f"sobjects/Lead/{what}/", params={"start": iso(start), "end": iso(end)}).json()

    assert asked("updated", START + 59, START + 119) == {"ids": [early], "latestDateCovered": printed(START + 60)}
    account.clock.pass_(60)
    assert asked("updated", START + 60, START + 120)["ids"] == [late]
    body = asked("deleted", START + 60, START + 120)
    assert body["deletedRecords"] == [{"id": gone, "deletedDate": printed(START + 70)}]
    assert body["earliestDateAvailable"] == printed(START + 120 - 15 * 86_400)


def test_an_open_transaction_holds_back_what_is_covered(account: Account) -> None:
    account.clock.pass_(7200)
    account.org.org.long_transaction_since = START + 100
    window = {"start": iso(START), "end": iso(START + 7200)}
    assert account.call("GET", "sobjects/Lead/updated", params=window).json()["latestDateCovered"] == printed(
        START + 60
    )


@pytest.mark.parametrize(
    ("what", "start", "end"),
    [("updated", -31 * 86_400, 0), ("deleted", -16 * 86_400, 0), ("updated", 0, 59), ("updated", 60, 0)],
)
def test_a_window_that_is_too_old_too_narrow_or_turned_round_is_refused(
    account: Account, what: str, start: int, end: int
) -> None:
    window = {"start": iso(START + start), "end": iso(START + end)}
    answer = account.call("GET", f"sobjects/Lead/{what}", params=window)
    assert refusal(answer) == (400, "INVALID_REPLICATION_DATE")


def test_a_campaign_has_statuses_and_a_member_is_one_person_once(account: Account) -> None:
    """A status the campaign does not have is replaced by its default without a word."""
    key, contact = account.lead(FirstName="Ann"), account.create("Contact", LastName="D")
    campaign = account.create("Campaign", Name="Fair")
    labels = account.rows(f"SELECT Label FROM CampaignMemberStatus WHERE CampaignId = '{campaign}' ORDER BY SortOrder")
    assert [row["Label"] for row in labels] == ["Sent", "Responded"]
    joined = member(account, CampaignId=campaign, LeadId=key, Status="Nonsense")
    for fields, code in (
        ({"LeadId": key}, "DUPLICATE_VALUE"),
        ({}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"LeadId": key, "ContactId": contact}, "FIELD_INTEGRITY_EXCEPTION"),
    ):
        answer = account.call("POST", "sobjects/CampaignMember", {"CampaignId": campaign, **fields})
        assert refusal(answer) == (400, code)
    assert account.org.get("CampaignMember", joined)["Status"] == "Sent"
    account.call("PATCH", f"sobjects/CampaignMember/{joined}", {"Status": "Responded"})
    row = account.call("GET", f"sobjects/CampaignMember/{joined}").json()
    assert (row["HasResponded"], row["FirstName"], row["CompanyOrAccount"]) == (True, "Ann", "Acme")
    fixed = account.call("PATCH", f"sobjects/CampaignMember/{joined}", {"LeadId": contact})
    assert refusal(fixed) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_a_members_copied_fields_change_without_the_member_moving(account: Account) -> None:
    key = account.lead()
    joined = member(account, CampaignId=account.create("Campaign", Name="Fair"), LeadId=key)
    account.clock.pass_(10)
    account.org.edit("Lead", key, {"City": "Ulm"})
    row = account.call("GET", f"sobjects/CampaignMember/{joined}").json()
    assert (row["City"], row["SystemModstamp"]) == ("Ulm", printed(START))


def test_a_task_with_a_lead_has_no_what(account: Account) -> None:
    key, company = account.lead(), account.create("Account", Name="A")
    answer = account.call("POST", "sobjects/Task", {"WhoId": key, "WhatId": company})
    assert refusal(answer) == (400, "FIELD_INTEGRITY_EXCEPTION")
    contact = account.create("Contact", LastName="D", AccountId=company)
    task = account.create("Task", WhoId=contact, WhatId=company, Priority="High", Status="Completed")
    row = account.org.get("Task", task)
    assert (row["IsClosed"], row["IsHighPriority"], row["AccountId"]) == (True, True, company)
    fixed = account.call("PATCH", f"sobjects/Task/{task}", {"TaskSubtype": "Call"})
    assert refusal(fixed) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_a_deal_follows_its_stage_and_its_contact_becomes_the_primary_role(account: Account) -> None:
    first, second = account.create("Contact", LastName="A"), account.create("Contact", LastName="B")
    key = account.create(
        "Opportunity", Name="D", StageName="Prospecting", CloseDate="2027-03-01", Amount=1000, ContactId=first
    )
    row = account.org.get("Opportunity", key)
    assert (row["Probability"], row["IsClosed"], row["ExpectedRevenue"]) == (10.0, False, 100.0)
    account.call("PATCH", f"sobjects/Opportunity/{key}", {"StageName": "Closed Won"})
    row = account.org.get("Opportunity", key)
    assert (row["Probability"], row["IsClosed"], row["IsWon"]) == (100.0, True, True)
    account.create("OpportunityContactRole", OpportunityId=key, ContactId=second, IsPrimary=True)
    roles = {role["ContactId"]: role["IsPrimary"] for role in account.org.all("OpportunityContactRole")}
    assert roles == {first: False, second: True}
    assert refusal(account.call("POST", "sobjects/Opportunity", {"Name": "D"})) == (400, "REQUIRED_FIELD_MISSING")


def test_lead_statuses_say_which_one_converts(account: Account) -> None:
    rows = account.rows("SELECT ApiName, IsConverted, IsDefault FROM LeadStatus ORDER BY SortOrder")
    assert [row["ApiName"] for row in rows if row["IsConverted"]] == ["Closed - Converted"]
    assert rows[0]["IsDefault"] is True
