"""New objects and fields: from Python and from the Tooling API; who may see them is decided by FieldPermissions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sandbox.salesforce.call import Call, not_found
from sandbox.salesforce.errors import refused, request_refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.pages import start
from sandbox.salesforce.schema import LONG_TEXT, NUMBER_TYPES, Field, ObjectType, custom_fields, label_of
from sandbox.wire import Response

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c\Z")
_LENGTHS = {"string": 255, "textarea": 255, "email": 80, "phone": 40, "url": 255, "picklist": 255, "reference": 18}
_KEY_TYPES = frozenset({"string", "email", "double"})

# Metadata type -> describe type
_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Checkbox": "boolean",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
}


def define_object(org: Org, name: str, key_prefix: str) -> ObjectType:
    """Add an object with the system fields, a name and an owner."""
    made = ObjectType(name, key_prefix, custom_fields())
    org.add_type(made)
    org.schema_changed(name)
    return made


def define_field(org: Org, object_name: str, field: Field) -> Field:
    """Add a field, or put it in place of the one of that name."""
    type_ = org.types[object_name.lower()]
    type_.put(field)
    org.schema_changed(type_.name)
    return field


def make_field(name: str, kind: str, **options: Any) -> Field:
    """Return a field with the vendor's defaults for its describe type; raise ValueError for a key of a wrong type."""
    if (options.get("external_id") or options.get("unique")) and kind not in _KEY_TYPES:
        raise ValueError(f"{name}: a field of type {kind} can be neither external id nor unique")
    numeric = kind in NUMBER_TYPES
    options.setdefault("label", label_of(name))
    if not options.get("length"):
        options["length"] = _LENGTHS.get(kind, 0)
    if numeric and not options.get("precision"):
        options["precision"] = 18
    options.setdefault("scale", 2 if kind == "currency" else 0)
    if kind == "boolean":
        options.update(nillable=False, default=bool(options.get("default")), defaulted=True)
    options.setdefault("filterable", kind != "textarea" or options["length"] <= LONG_TEXT)
    return Field(name=name, type=kind, **options)


def serve(org: Org, call: Call) -> Response:
    """Answer the Tooling API: CustomField rows and queries."""
    rest = call.parts[1:]
    if rest[:1] == ("query",) and call.method == "GET":
        return start(org, call, call.first("q") or "", tooling=True)
    if rest[:1] != ("sobjects",) or len(rest) < 2:
        raise not_found()
    if rest[1].lower() != "customfield":
        # A custom object is made by the Metadata API or in Setup, never as a Tooling row.
        raise refused("INVALID_TYPE_FOR_OPERATION", f"entity type {rest[1]} does not support create")
    if len(rest) == 2 and call.method == "POST":
        return _create(org, call)
    if len(rest) == 3 and call.method == "DELETE":
        return _drop(org, rest[2])
    raise not_found()


# ----------------------------------------------------------------------------------------------------------------


def _create(org: Org, call: Call) -> Response:
    body = call.fields()
    object_name, _, name = str(body.get("FullName") or "").partition(".")
    metadata = body.get("Metadata")
    type_ = org.type(object_name)
    if type_ is None:
        raise refused("INVALID_CROSS_REFERENCE_KEY", f"Entity {object_name} does not exist", "FullName")
    if not _NAME.match(name) or len(name) > 43:
        message = "The field name must begin with a letter, hold letters, digits and single underscores and end in __c"
        raise refused("INVALID_FULL_NAME", message, "FullName")
    if not isinstance(metadata, dict) or not metadata.get("label") or metadata.get("type") not in _TYPES:
        raise refused(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata.label, Metadata.type]", "Metadata"
        )
    if type_.find(name, hidden=True) is not None:
        message = f"There is already a field named {name.removesuffix('__c')} on {type_.label}."
        raise refused("DUPLICATE_DEVELOPER_NAME", message, "DeveloperName")
    field = _from_metadata(name, metadata)
    visible = bool(metadata.get("required"))
    # Until a permission set grants it, nobody sees a new field; a required one cannot be hidden.
    define_field(org, type_.name, replace(field, readable=visible, editable=visible))
    row = {"DeveloperName": name.removesuffix("__c"), "TableEnumOrId": type_.name}
    key = org.insert("CustomField", row, by=org.people.integration)
    return Response(201, {"id": key, "success": True, "errors": [], "warnings": [], "infos": []})


def _from_metadata(name: str, metadata: dict[str, Any]) -> Field:
    kind = _TYPES[metadata["type"]]
    if metadata["type"] in ("Text", "LongTextArea", "Html") and not metadata.get("length"):
        raise refused("FIELD_INTEGRITY_EXCEPTION", f"{name}: a length is needed", "Metadata")
    if kind == "reference" and not metadata.get("referenceTo"):
        raise refused("FIELD_INTEGRITY_EXCEPTION", f"{name}: referenceTo is needed", "Metadata")
    values = (metadata.get("valueSet") or {}).get("valueSetDefinition", {}).get("value", [])
    try:
        return make_field(
            name,
            kind,
            label=metadata["label"],
            length=int(metadata.get("length") or 0),
            precision=int(metadata.get("precision") or 0),
            scale=int(metadata.get("scale") or 0),
            nillable=not metadata.get("required"),
            unique=bool(metadata.get("unique")),
            external_id=bool(metadata.get("externalId")),
            case_sensitive=bool(metadata.get("caseSensitive")),
            default=metadata.get("defaultValue") if kind == "boolean" else None,
            picklist=tuple(value.get("valueName") or value.get("fullName") for value in values),
            restricted=bool((metadata.get("valueSet") or {}).get("restricted")),
            reference_to=(metadata["referenceTo"],) if kind == "reference" else (),
        )
    except ValueError as error:
        raise refused("FIELD_INTEGRITY_EXCEPTION", str(error), "Metadata") from None


def _drop(org: Org, key: str) -> Response:
    row = org.table("CustomField").rows.get(full_id(key) or "")
    if row is None:
        raise request_refused("NOT_FOUND", "The requested resource does not exist")
    type_ = org.types[row["TableEnumOrId"].lower()]
    type_.drop(f"{row['DeveloperName']}__c")
    org.schema_changed(type_.name)
    org.table("CustomField").remove(row["Id"])
    return Response(204)
