"""What happens to rows as wholes: delete, undelete, merge and lead conversion; saving fields is save.py's business."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.salesforce import objects
from sandbox.salesforce.errors import refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.table import Row

MERGEABLE = ("Lead", "Contact", "Account")

# object -> (child object, the child's field): these go with their parent
_CASCADES = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId")),
    "Contact": (("CampaignMember", "ContactId"), ("OpportunityContactRole", "ContactId"), ("Task", "WhoId")),
    "Lead": (("CampaignMember", "LeadId"), ("Task", "WhoId")),
    "Opportunity": (("OpportunityContactRole", "OpportunityId"), ("Task", "WhatId")),
    "Campaign": (("CampaignMember", "CampaignId"), ("CampaignMemberStatus", "CampaignId")),
}


def delete(org: Org, key: str, by: str, *, master: str | None = None) -> None:
    """Move a live row and what belongs to it to the recycle bin; `master` is the winner of a merge."""
    table = org.tables_for(key)
    row = table.rows[key]
    if table.type.name == "FieldPermissions":
        org.change(row, {"IsDeleted": True}, by=by)
        objects.follow(org, "FieldPermissions", row, row)
        return
    # A merge moves the children before its loser gets here.
    for child, field in _CASCADES.get(table.type.name, ()):
        for one in list(org.table(child).keyed(field, key)):
            if not org.table(child).rows[one].get("IsDeleted"):
                delete(org, one, by)
    org.change(row, {"IsDeleted": True, **({"MasterRecordId": master} if master else {})}, by=by)


def undelete(org: Org, key: str, by: str) -> None:
    """Bring a deleted row back with a new stamp, and the rows that went with it in the same second or later."""
    table = org.tables_for(key)
    row = table.rows[key]
    if row.get("MasterRecordId"):
        raise refused("UNDELETE_FAILED", "a merge loser cannot be undeleted")
    gone = row["SystemModstamp"]
    org.change(row, {"IsDeleted": False}, by=by)
    for child, field in _CASCADES.get(table.type.name, ()):
        for one in list(org.table(child).keyed(field, key)):
            other = org.table(child).rows[one]
            if other.get("IsDeleted") and other["SystemModstamp"] == gone:
                undelete(org, one, by)


def purge(org: Org, key: str) -> None:
    """Remove a row for good."""
    org.tables_for(key).remove(key)


def merge(org: Org, name: str, winner: str, losers: list[str], by: str) -> None:
    """Merge up to two rows into the winner: children move to it, losers are deleted and point to it."""
    if name not in MERGEABLE or not 1 <= len(losers) <= 2:
        raise refused("INVALID_OPERATION", f"up to two rows of {', '.join(MERGEABLE)} can be merged into one")
    kept = org.get(name, winner)
    for loser in losers:
        lost = org.get(name, loser)
        for table in list(org.tables.values()):
            links = [one for one in table.type.fields.values() if name in one.reference_to]
            for link in links:
                if link.name == "MasterRecordId" or link.name.startswith("Converted"):
                    continue
                for key in list(table.keyed(link.name, lost["Id"])):
                    if not table.rows[key].get("IsDeleted"):
                        org.change(table.rows[key], {link.name: kept["Id"]}, by=by)
        delete(org, lost["Id"], by, master=kept["Id"])
    org.change(org.get(name, kept["Id"]), {}, by=by)


def convert(
    org: Org,
    lead_id: str,
    by: str,
    *,
    account: str | None = None,
    contact: str | None = None,
    opportunity: bool = True,
) -> tuple[str, str, str | None]:
    """Convert a lead as a sales person does; return the ids of account, contact and opportunity (None without one)."""
    lead = org.get("Lead", lead_id)
    if lead.get("IsConverted"):
        raise refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    owner = lead["OwnerId"] if lead["OwnerId"].startswith("005") else by
    given = (full_id(account or ""), full_id(contact or ""))
    account_id = given[0] or org.insert("Account", _account_of(lead, owner), by=by)
    contact_id = given[1] or org.insert("Contact", _contact_of(lead, owner, account_id), by=by)
    opportunity_id = _opportunity_of(org, lead, owner, account_id, contact_id, by) if opportunity else None
    _carry_over(org, lead["Id"], contact_id, by)
    statuses = org.table("LeadStatus").live()
    today = datetime.fromtimestamp(org.now(), UTC).date().isoformat()
    outcome = {
        "IsConverted": True,
        "ConvertedDate": today,
        "ConvertedAccountId": account_id,
        "ConvertedContactId": contact_id,
        "ConvertedOpportunityId": opportunity_id,
        "Status": next(one["ApiName"] for one in statuses if one["IsConverted"]),
        "OwnerId": owner,
    }
    org.change(lead, outcome, by=by)
    return account_id, contact_id, opportunity_id


def _account_of(lead: Row, owner: str) -> Row:
    copied = ("Phone", "Fax", "Website", "Industry", "AnnualRevenue", "NumberOfEmployees", "Rating")
    billing = {f"Billing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
    return {"Name": lead["Company"], "OwnerId": owner, **billing, **{name: lead.get(name) for name in copied}}


def _contact_of(lead: Row, owner: str, account: str) -> Row:
    copied = (
        *("FirstName", "LastName", "Name", "Salutation", "Title", "Email", "Phone", "MobilePhone", "Fax", "LeadSource"),
        *("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"),
    )
    mailing = {f"Mailing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
    return {"AccountId": account, "OwnerId": owner, **mailing, **{name: lead.get(name) for name in copied}}


def _opportunity_of(org: Org, lead: Row, owner: str, account: str, contact: str, by: str) -> str:
    row: Row = {
        "Name": f"{lead['Company']}-",
        "AccountId": account,
        "ContactId": contact,
        "OwnerId": owner,
        "StageName": "Prospecting",
        "CloseDate": datetime.fromtimestamp(org.now() + 90 * 86_400, UTC).date().isoformat(),
        "LeadSource": lead.get("LeadSource"),
    }
    objects.fill(org, "Opportunity", row, None, set(row))
    key = org.insert("Opportunity", row, by=by)
    objects.follow(org, "Opportunity", org.table("Opportunity").rows[key], None)
    return key


def _carry_over(org: Org, lead: str, contact: str, by: str) -> None:
    for name, link, moved in (("Task", "WhoId", "WhoId"), ("CampaignMember", "LeadId", "ContactId")):
        table = org.table(name)
        for key in list(table.keyed(link, lead)):
            if not table.rows[key].get("IsDeleted"):
                org.change(table.rows[key], {moved: contact}, by=by)
