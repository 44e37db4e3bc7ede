"""What the standard objects do by themselves: derived fields, rules of their own, rows that follow a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.salesforce.errors import refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Field
from sandbox.salesforce.table import Row

Getter = Callable[[Org, Row], Any]


def virtual(name: str, field: Field) -> Getter | None:
    """Return how a field that is not stored is read; None for a stored one."""
    if field.type == "address":
        return _address(field.name.removesuffix("Address"))
    if name == "CampaignMember":
        return _MEMBER.get(field.name) or (_of_person(field.name) if field.name in _COPIED else None)
    if name == "Campaign":
        return _CAMPAIGN.get(field.name)
    return None


def fill(org: Org, name: str, row: Row, before: Row | None, changed: set[str]) -> None:
    """Set the fields of a row about to be stored that follow from its others."""
    filler = _FILL.get(name)
    if filler is not None:
        filler(org, row, before, changed)


def check(org: Org, name: str, row: Row, before: Row | None) -> None:
    """Refuse what the standard object itself does not allow."""
    checker = _CHECK.get(name)
    if checker is not None:
        checker(org, row, before)


def follow(org: Org, name: str, row: Row, before: Row | None) -> None:
    """Write the other rows that a stored row entails."""
    follower = _FOLLOW.get(name)
    if follower is not None:
        follower(org, row, before)


def person_name(row: Row) -> str:
    return " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)


# ----------------------------------------------------------------------------------------------------------------


def _address(prefix: str) -> Getter:
    parts = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")

    def read(_: Org, row: Row) -> dict[str, Any] | None:
        made = {part[0].lower() + part[1:]: row.get(prefix + part) for part in parts}
        return made if any(value is not None for value in made.values()) else None

    return read


_COPIED = frozenset(
    (
        *("Name", "FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title", "LeadSource", "Description"),
        *("Street", "City", "State", "PostalCode", "Country"),
        *("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"),
    )
)
_MAILING = frozenset(("Street", "City", "State", "PostalCode", "Country"))


def _person(org: Org, row: Row) -> Row:
    return org.row(row.get("ContactId")) or org.row(row.get("LeadId")) or {}


def _of_person(field: str) -> Getter:
    def read(org: Org, row: Row) -> Any:
        person = _person(org, row)
        of_contact = person.get("Id", "").startswith("003")
        return person.get(f"Mailing{field}" if of_contact and field in _MAILING else field)

    return read


def _company(org: Org, row: Row) -> Any:
    person = _person(org, row)
    account = org.row(person.get("AccountId"))
    return account.get("Name") if account else person.get("Company")


_MEMBER: dict[str, Getter] = {
    "LeadOrContactId": lambda org, row: _person(org, row).get("Id"),
    "LeadOrContactOwnerId": lambda org, row: _person(org, row).get("OwnerId"),
    "CompanyOrAccount": _company,
    "Type": lambda _, row: "Contact" if row.get("ContactId") else "Lead",
}


def _members(org: Org, campaign: Row) -> list[Row]:
    table = org.table("CampaignMember")
    rows = (table.rows[key] for key in table.keyed("CampaignId", campaign["Id"]))
    return [row for row in rows if not row.get("IsDeleted")]


_CAMPAIGN: dict[str, Getter] = {
    "NumberOfLeads": lambda org, row: sum(not one.get("ContactId") for one in _members(org, row)),
    "NumberOfContacts": lambda org, row: sum(bool(one.get("ContactId")) for one in _members(org, row)),
    "NumberOfResponses": lambda org, row: sum(bool(one.get("HasResponded")) for one in _members(org, row)),
    "NumberOfConvertedLeads": lambda org, row: sum(
        bool(one.get("LeadId") and one.get("ContactId")) for one in _members(org, row)
    ),
    "NumberOfOpportunities": lambda org, row: len(org.table("Opportunity").keyed("CampaignId", row["Id"])),
}


def _fill_person(_: Org, row: Row, __: Row | None, ___: set[str]) -> None:
    row["Name"] = person_name(row)


def _fill_lead(org: Org, row: Row, before: Row | None, changed: set[str]) -> None:
    _fill_person(org, row, before, changed)
    if row.get("Status") is None:
        row["Status"] = next(one["ApiName"] for one in org.table("LeadStatus").live() if one["IsDefault"])


def _fill_opportunity(org: Org, row: Row, before: Row | None, changed: set[str]) -> None:
    if before is None or before.get("StageName") != row.get("StageName"):
        stages = org.table("OpportunityStage")
        found = stages.keyed("ApiName", row.get("StageName"))
        stage = stages.rows[next(iter(found))] if found else {}
        row["IsClosed"], row["IsWon"] = stage.get("IsClosed", False), stage.get("IsWon", False)
        row["ForecastCategoryName"] = row["ForecastCategory"] = stage.get("ForecastCategoryName")
        row["LastStageChangeDate"] = org.now() if before is not None else None
        if "Probability" not in changed:
            row["Probability"] = stage.get("DefaultProbability")
    if row.get("Amount") is not None and row.get("Probability") is not None:
        row["ExpectedRevenue"] = round(row["Amount"] * row["Probability"] / 100, 2)


def _fill_member(org: Org, row: Row, _: Row | None, __: set[str]) -> None:
    statuses = org.table("CampaignMemberStatus")
    known = [statuses.rows[key] for key in statuses.keyed("CampaignId", row.get("CampaignId"))]
    chosen = next((one for one in known if one["Label"].lower() == (row.get("Status") or "").lower()), None)
    chosen = chosen or next((one for one in known if one.get("IsDefault")), None)
    if chosen is not None:
        # A status the campaign does not have is replaced without a word (contract, section 13).
        row["Status"], row["HasResponded"] = chosen["Label"], chosen.get("HasResponded", False)


def _fill_task(org: Org, row: Row, before: Row | None, _: set[str]) -> None:
    row["IsClosed"] = row.get("Status") == "Completed"
    row["IsHighPriority"] = row.get("Priority") == "High"
    if row["IsClosed"] and not (before or {}).get("IsClosed"):
        row["CompletedDateTime"] = org.now()
    person = org.row(row.get("WhoId")) or {}
    row["AccountId"] = person.get("AccountId") or (org.row(row.get("WhatId")) or {}).get("AccountId")


_FILL: dict[str, Callable[[Org, Row, Row | None, set[str]], None]] = {
    "Lead": _fill_lead,
    "Contact": _fill_person,
    "User": _fill_person,
    "Opportunity": _fill_opportunity,
    "CampaignMember": _fill_member,
    "Task": _fill_task,
}


def _check_lead(org: Org, row: Row, before: Row | None) -> None:
    if before is not None and before.get("IsConverted"):
        raise refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if before is None or before.get("Status") != row.get("Status"):
        statuses = org.table("LeadStatus")
        if any(statuses.rows[key]["IsConverted"] for key in statuses.keyed("ApiName", row.get("Status"))):
            message = "Status: a converted status can be set by converting the lead only"
            raise refused("FIELD_INTEGRITY_EXCEPTION", message, "Status")


def _check_member(org: Org, row: Row, before: Row | None) -> None:
    if before is not None:
        return
    if bool(row.get("LeadId")) == bool(row.get("ContactId")):
        message = "A campaign member is either a lead or a contact: exactly one of LeadId and ContactId is needed"
        raise refused("FIELD_INTEGRITY_EXCEPTION", message, "LeadId", "ContactId")
    lead = org.row(row.get("LeadId")) or {}
    if lead.get("IsConverted"):
        raise refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    link = "LeadId" if row.get("LeadId") else "ContactId"
    table = org.table("CampaignMember")
    same = (table.rows[key] for key in table.keyed(link, row[link]))
    if any(one["CampaignId"] == row.get("CampaignId") and not one.get("IsDeleted") for one in same):
        raise refused("DUPLICATE_VALUE", "Already a campaign member.")


def _check_task(org: Org, row: Row, _: Row | None) -> None:
    who = row.get("WhoId") or ""
    if who.startswith("00Q"):
        if row.get("WhatId"):
            raise refused("FIELD_INTEGRITY_EXCEPTION", "Related To ID: not allowed with a lead as name", "WhatId")
        if (org.row(who) or {}).get("IsConverted"):
            raise refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


def _check_field_permission(org: Org, row: Row, before: Row | None) -> None:
    type_ = org.type(row["SobjectType"])
    field = type_.find(row["Field"].partition(".")[2], hidden=True) if type_ is not None else None
    if type_ is None or field is None or row["Field"].partition(".")[0].lower() != type_.name.lower():
        raise refused("INVALID_CROSS_REFERENCE_KEY", f"Field: bad value for restricted picklist field: {row['Field']}")
    table = org.table("FieldPermissions")
    same = [table.rows[key] for key in table.keyed("Field", row["Field"])]
    if before is None and any(one["ParentId"] == row["ParentId"] and not one["IsDeleted"] for one in same):
        raise refused("DUPLICATE_VALUE", "duplicate value found: Field duplicates value on record")


_CHECK: dict[str, Callable[[Org, Row, Row | None], None]] = {
    "Lead": _check_lead,
    "CampaignMember": _check_member,
    "Task": _check_task,
    "FieldPermissions": _check_field_permission,
}


def _follow_campaign(org: Org, row: Row, before: Row | None) -> None:
    if before is None:
        for order, (label, responded) in enumerate((("Sent", False), ("Responded", True)), 1):
            status = {"CampaignId": row["Id"], "Label": label, "SortOrder": order}
            org.insert("CampaignMemberStatus", {**status, "IsDefault": not responded, "HasResponded": responded})


def _follow_opportunity(org: Org, row: Row, before: Row | None) -> None:
    if before is None and row.get("ContactId"):
        role = {"OpportunityId": row["Id"], "ContactId": row["ContactId"], "IsPrimary": True}
        org.insert("OpportunityContactRole", role, by=row["LastModifiedById"])


def _follow_role(org: Org, row: Row, _: Row | None) -> None:
    if not row.get("IsPrimary"):
        return
    table = org.table("OpportunityContactRole")
    for key in list(table.keyed("OpportunityId", row["OpportunityId"])):
        other = table.rows[key]
        if key != row["Id"] and other.get("IsPrimary"):
            org.change(other, {"IsPrimary": False}, by=row["LastModifiedById"])


def _follow_field_permission(org: Org, row: Row, _: Row | None) -> None:
    name, _dot, field_name = row["Field"].partition(".")
    type_ = org.type(name)
    field = type_.find(field_name, hidden=True) if type_ is not None else None
    if type_ is None or field is None:
        return
    grants = org.table("PermissionSetAssignment").live()
    mine = {one["PermissionSetId"] for one in grants if one["AssigneeId"] == org.people.integration}
    table = org.table("FieldPermissions")
    granted = [table.rows[key] for key in table.keyed("Field", row["Field"])]
    granted = [one for one in granted if one["ParentId"] in mine and not one["IsDeleted"]]
    readable = any(one.get("PermissionsRead") for one in granted)
    type_.put(replace(field, readable=readable, editable=any(one.get("PermissionsEdit") for one in granted)))
    org.schema_changed(type_.name)


_FOLLOW: dict[str, Callable[[Org, Row, Row | None], None]] = {
    "Campaign": _follow_campaign,
    "Opportunity": _follow_opportunity,
    "OpportunityContactRole": _follow_role,
    "FieldPermissions": _follow_field_permission,
}
