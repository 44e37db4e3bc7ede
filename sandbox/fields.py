"""The custom fields of the two CRMs that the shipped mappings read and write, as their admins would have made them.

The records that fill them come from sandbox.company.
"""

from __future__ import annotations

from sandbox.hubspot import HubSpot
from sandbox.salesforce import Salesforce

LEVELS = ("Staff", "Manager", "Director", "VP", "C-level")
AUTHORITY = ("decides", "recommends", "uses", "blocks", "pays")
DECISIONS = ("accepted", "rejected", "recycled", "disqualified")
REASONS = (
    "rej.routing",
    "rej.duplicate",
    "rej.existing_customer",
    "rej.incomplete",
    "rej.out_of_target",
    "rej.competitor",
    "rej.too_early",
    "dq.unreachable",
    "dq.bad_data",
    "dq.no_need",
    "dq.no_budget",
    "dq.no_authority",
    "dq.timing",
    "dq.no_fit",
    "dq.went_elsewhere",
)

# What marketing fills on a contact: name -> (type, field type, options)
_MARKETING: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "problem": ("string", "html", ()),
    "authority": ("enumeration", "select", AUTHORITY),
    "buying_group": ("string", "text", ()),
    "budget_amount": ("string", "text", ()),  # text: "not set yet" is an answer
    "competitors_considered": ("string", "text", ()),
    "decision_date": ("date", "date", ()),
    "campaign": ("string", "text", ()),
    "job_level": ("enumeration", "select", LEVELS),
}
# What syncd writes back.
_FEEDBACK: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "syncd_key": ("string", "text", ()),
    "syncd_stage": ("string", "text", ()),
    "syncd_cycle": ("number", "number", ()),
    "syncd_stage_since": ("datetime", "date", ()),
    "syncd_score": ("number", "number", ()),
    "syncd_score_why": ("string", "textarea", ()),
    "syncd_in_market": ("bool", "booleancheckbox", ("true", "false")),
    "syncd_market": ("string", "text", ()),
    "syncd_handoff_status": ("string", "text", ()),
    "syncd_handoff_missing": ("string", "textarea", ()),
    "syncd_handed_over_at": ("datetime", "date", ()),
    "syncd_rejection_reason": ("string", "text", ()),
    "syncd_rejection_text": ("string", "textarea", ()),
    "syncd_progress": ("string", "text", ()),
    "syncd_crm_id": ("string", "text", ()),
    "syncd_opted_out": ("bool", "booleancheckbox", ("true", "false")),
    "syncd_branch": ("string", "text", ()),
    "syncd_branch_number": ("string", "text", ()),
    "syncd_branch_city": ("string", "text", ()),
    "syncd_branch_last_shipment": ("date", "date", ()),
    "syncd_branch_why": ("string", "text", ()),
}

# A ship-to branch; those that companies do not have anyway are added to them where branches are child companies.
_BRANCH: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "name": ("string", "text", ()),
    "address": ("string", "text", ()),
    "city": ("string", "text", ()),
    "state": ("string", "text", ()),
    "zip": ("string", "text", ()),
    "country": ("string", "text", ()),
    "phone": ("string", "text", ()),
    "syncd_customer_number": ("string", "text", ()),
    "syncd_ship_to_number": ("string", "text", ()),
    "syncd_roles": ("string", "text", ()),
    "syncd_blocked": ("bool", "booleancheckbox", ("true", "false")),
    "syncd_last_shipment": ("date", "date", ()),
    "syncd_volume": ("number", "number", ()),
    "syncd_vanished": ("bool", "booleancheckbox", ("true", "false")),
}

# Salesforce: object -> field -> type and length
_TEXTS: dict[str, dict[str, tuple[str, int]]] = {
    "Lead": {
        "Problem__c": ("textarea", 32_768),
        "Buying_Group__c": ("string", 255),
        "Budget__c": ("string", 64),
        "Competitors__c": ("string", 255),
        "Decision_Date__c": ("date", 0),
        "Campaign__c": ("string", 255),
        "Last_Touches__c": ("textarea", 32_768),
        "Syncd_Brief__c": ("textarea", 32_768),
        "Syncd_Score__c": ("double", 0),
        "Syncd_Cycle__c": ("double", 0),
        "Syncd_Handed_Over_At__c": ("datetime", 0),
        "Syncd_Stage__c": ("string", 64),
        "Syncd_Reason_Text__c": ("textarea", 32_768),
        "At_Branch__c": ("boolean", 0),
        "Branch_Last_Shipment__c": ("date", 0),
    },
    "Contact": {
        "At_Branch__c": ("boolean", 0),
        "Branch_Last_Shipment__c": ("date", 0),
        "Syncd_Cycle__c": ("double", 0),
        "Syncd_Handed_Over_At__c": ("datetime", 0),
        "Syncd_Reason_Text__c": ("textarea", 32_768),
    },
    "Branch__c": {
        "Customer__c": ("string", 32),
        "Ship_To__c": ("string", 32),
        "Street__c": ("string", 255),
        "City__c": ("string", 80),
        "State__c": ("string", 80),
        "Postal_Code__c": ("string", 20),
        "Country__c": ("string", 80),
        "Phone__c": ("phone", 40),
        "Last_Shipment__c": ("date", 0),
        "Volume__c": ("double", 0),
        "Roles__c": ("string", 255),
        "Blocked__c": ("boolean", 0),
        "Vanished__c": ("boolean", 0),
    },
}


def define_contact(sim: HubSpot) -> None:
    """Give the contact its custom properties, and branches no place."""
    for name, (kind, field_type, options) in (_MARKETING | _FEEDBACK).items():
        sim.define_property("contacts", name, kind, field_type, options=options)


def define_hubspot(sim: HubSpot) -> None:
    """Give the contact its custom properties, and branches their place: an object of their own if the plan has it."""
    define_contact(sim)
    place = "branch" if sim.access.custom_objects else "companies"
    if place == "branch":
        sim.define_object(place, "companies", "contacts")
    sim.define_property(place, "syncd_key", unique=True)
    for name, (kind, field_type, options) in _BRANCH.items():
        if place == "branch" or name.startswith("syncd_"):
            sim.define_property(place, name, kind, field_type, options=options)
    sim.define_label("contacts", place, "Sits at this branch", "Works here")


def define_salesforce(sim: Salesforce) -> None:
    """Give Lead, Contact and Account their custom fields, and the org its object for branches."""
    sim.define_object("Branch__c")
    for name in ("Lead", "Contact", "Account", "Branch__c"):
        sim.define_field(name, "Syncd_Key__c", "string", length=64, unique=True, external_id=True)
    for name, fields in _TEXTS.items():
        for field, (kind, length) in fields.items():
            sim.define_field(name, field, kind, length=length)
    sim.define_field("Branch__c", "Account__c", "reference", reference_to="Account")
    for name in ("Lead", "Contact"):
        sim.define_field(name, "Branch__c", "reference", reference_to="Branch__c")
    sim.define_field("Lead", "Authority__c", "picklist", picklist=AUTHORITY)
    for name in ("Lead", "Contact"):
        sim.define_field(name, "Syncd_Decision__c", "picklist", picklist=DECISIONS, restricted=True)
        sim.define_field(name, "Syncd_Reason__c", "picklist", picklist=REASONS, restricted=True)
