"""Describe: what the integration user may see of objects and fields; hidden ones are simply absent."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from sandbox.salesforce.call import Call, not_found, object_of
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.record_types import MASTER, kept, usual
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, READ_ONLY_OBJECTS, TEXT_TYPES, Field, ObjectType
from sandbox.wire import Response

_MERGEABLE = frozenset({"Lead", "Contact", "Account", "Case"})


def describe_all(org: Org, call: Call) -> Response:
    """Answer GET sobjects."""
    types = [type_ for type_ in org.types.values() if not type_.tooling]
    changed = max(type_.modified for type_ in types)
    made = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_object(org, call, type_) for type_ in types]}
    return _unless_unchanged(call, changed, made)


def describe_object(org: Org, call: Call) -> Response:
    """Answer GET sobjects/X/describe."""
    type_ = object_of(org, call.parts[1])
    made = {
        **_object(org, call, type_),
        "childRelationships": _children(org, type_),
        "recordTypeInfos": _record_types(org, type_),
        "supportedScopes": [{"label": f"All {type_.label}s", "name": "everything"}],
        "fields": [_field(org, type_, field) for field in type_.visible()],
    }
    return _unless_unchanged(call, type_.modified, made)


def basics(org: Org, call: Call) -> Response:
    """Answer GET sobjects/X."""
    type_ = object_of(org, call.parts[1])
    return Response(200, {"objectDescribe": _object(org, call, type_), "recentItems": []})


def picklist_values(org: Org, call: Call) -> Response:
    """Answer GET ui-api/object-info/X/picklist-values/RECORD_TYPE, as the vendor's User Interface API Guide has it."""
    if call.method != "GET" or call.parts[1::2] != ("object-info", "picklist-values") or len(call.parts) != 5:
        raise not_found()
    type_, key = object_of(org, call.parts[2]), full_id(call.parts[4]) or ""
    if key != MASTER and (org.row(key) or {}).get("SobjectType") != type_.name:
        raise not_found()
    found: dict[str, Any] = {}
    for field in type_.visible():
        if field.type not in ("picklist", "multipicklist"):
            continue
        options = kept(org, key, field.name)
        found[field.name] = {
            "controllerValues": {},
            "defaultValue": None,
            "url": f"{call.base}/ui-api/object-info/{type_.name}/picklist-values/{key}/{field.name}",
            "values": [
                {"attributes": None, "label": one["label"], "validFor": [], "value": one["value"]}
                for one in _picklist(org, type_, field)
                if options is None or one["value"] in options
            ],
        }
    return Response(200, {"picklistFieldValues": found})


# ----------------------------------------------------------------------------------------------------------------


def _unless_unchanged(call: Call, modified: int, body: Any) -> Response:
    since = call.moment("if-modified-since")
    headers = {"Last-Modified": formatdate(modified, usegmt=True)}
    return Response(304, None, headers) if since is not None and modified <= since else Response(200, body, headers)


def _object(org: Org, call: Call, type_: ObjectType) -> dict[str, Any]:
    denied = org.denied.get(type_.name, set())
    fixed = type_.name in READ_ONLY_OBJECTS
    return {
        "activateable": False,
        "createable": not fixed and "create" not in denied,
        "custom": type_.custom,
        "customSetting": False,
        "deletable": not fixed and "delete" not in denied,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "keyPrefix": type_.key_prefix,
        "label": type_.label,
        "labelPlural": f"{type_.label}s",
        "layoutable": True,
        "mergeable": type_.name in _MERGEABLE,
        "mruEnabled": False,
        "name": type_.name,
        "queryable": True,
        "replicateable": "IsDeleted" in type_.fields,
        "retrieveable": True,
        "searchable": not fixed,
        "triggerable": not fixed,
        "undeletable": not fixed,
        "updateable": not fixed and "edit" not in denied,
        "urls": {
            "sobject": f"{call.base}/sobjects/{type_.name}",
            "describe": f"{call.base}/sobjects/{type_.name}/describe",
            "rowTemplate": f"{call.base}/sobjects/{type_.name}/{{ID}}",
        },
    }


def _field(org: Org, type_: ObjectType, field: Field) -> dict[str, Any]:
    number = field.type in NUMBER_TYPES
    return {
        "aggregatable": field.type not in ("textarea", "address"),
        "autoNumber": False,
        "byteLength": field.length * (1 if field.type in ID_TYPES else 3),
        "calculated": field.calculated,
        "calculatedFormula": None,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": _compound(type_, field),
        "controllerName": None,
        "createable": field.createable and field.editable and not field.calculated,
        "custom": field.custom,
        "defaultValue": field.default,
        "defaultedOnCreate": field.defaulted or field.type == "boolean",
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 9 if field.type == "int" else 0,
        "externalId": field.external_id,
        "filterable": field.filterable,
        "groupable": not number and field.type not in ("textarea", "address", "multipicklist"),
        "idLookup": field.key,
        "inlineHelpText": None,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nillable": field.nillable,
        "permissionable": field.nillable and field.type != "id",
        "picklistValues": _picklist(org, type_, field),
        "polymorphicForeignKey": len(field.reference_to) > 1,
        "precision": field.precision if number else 0,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": _soap_type(field),
        "sortable": field.filterable and field.type not in ("address", "multipicklist"),
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable and field.editable and not field.calculated,
    }


def _compound(type_: ObjectType, field: Field) -> str | None:
    if field.name in ("FirstName", "LastName", "Salutation") and "Name" in type_.fields:
        return "Name"
    parts = ("Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode", "Latitude", "Longitude")
    for part in parts:
        compound = f"{field.name.removesuffix(part)}Address"
        if field.name.endswith(part) and compound in type_.fields:
            return compound
    return None


def _soap_type(field: Field) -> str:
    if field.type in TEXT_TYPES:
        return "xsd:string"
    if field.type in ID_TYPES:
        return "tns:ID"
    if field.type in NUMBER_TYPES:
        return "xsd:double"
    return {"address": "urn:address", "datetime": "xsd:dateTime"}.get(field.type, f"xsd:{field.type}")


def _picklist(org: Org, type_: ObjectType, field: Field) -> list[dict[str, Any]]:
    values: tuple[str, ...] = field.picklist
    default = field.default
    catalogue = {("Lead", "Status"): "LeadStatus", ("Opportunity", "StageName"): "OpportunityStage"}
    table = catalogue.get((type_.name, field.name))
    if table is not None:
        rows = sorted(org.table(table).live(), key=lambda row: int(row["SortOrder"]))
        values = tuple(row["ApiName"] for row in rows)
        default = next((row["ApiName"] for row in rows if row.get("IsDefault")), None)
    return [
        {"active": True, "defaultValue": value == default, "label": value, "validFor": None, "value": value}
        for value in values
    ]


def _children(org: Org, type_: ObjectType) -> list[dict[str, Any]]:
    return [
        {"childSObject": child.name, "field": field.name, "cascadeDelete": False, "relationshipName": None}
        for child in org.types.values()
        for field in child.visible()
        if type_.name in field.reference_to and not child.tooling
    ]


def _record_types(org: Org, type_: ObjectType) -> list[dict[str, Any]]:
    master = {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": usual(org, type_) == MASTER,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": MASTER,
    }
    own = [
        {
            "active": row.get("IsActive", False),
            "available": True,
            "defaultRecordTypeMapping": row["Id"] == usual(org, type_),
            "developerName": row["DeveloperName"],
            "master": False,
            "name": row["Name"],
            "recordTypeId": row["Id"],
        }
        for row in org.table("RecordType").live()
        if row["SobjectType"] == type_.name
    ]
    return [*own, master]
