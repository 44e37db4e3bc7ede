"""Fields as Salesforce metadata: for the Tooling API, and as a source package that an admin deploys.

Nothing here calls Salesforce.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson

from connectors.contract import FieldType, FieldWanted
from connectors.errors import ConfigProblem
from connectors.salesforce.soql import object_name

LONGEST_TEXT = 255  # characters of a Text field; longer ones are long text areas
_LONGEST_AREA = 131_072
_MOST_CHOICES = 1000


def field_metadata(wanted: FieldWanted) -> dict[str, Any]:
    """Return the Metadata of a custom field; raise ConfigProblem for one that Salesforce cannot hold."""
    match wanted.type:
        case FieldType.TEXT:
            return _label(wanted) | _text(wanted)
        case FieldType.NUMBER:
            return _label(wanted) | {"type": "Number", "precision": 18, "scale": 4}
        case FieldType.BOOLEAN:
            return _label(wanted) | {"type": "Checkbox", "defaultValue": "false"}
        case FieldType.DATE:
            return _label(wanted) | {"type": "Date"}
        case FieldType.DATETIME:
            return _label(wanted) | {"type": "DateTime"}
        case FieldType.CHOICE:
            return _label(wanted) | {"type": "Picklist", "valueSet": _choices(wanted)}
        case FieldType.CHOICES:
            return _label(wanted) | {"type": "MultiselectPicklist", "visibleLines": 5, "valueSet": _choices(wanted)}
        case FieldType.REFERENCE:
            return _label(wanted) | _lookup(wanted)
        case FieldType.OTHER:
            raise ConfigProblem(f"{wanted.kind}.{wanted.name} has no type that syncd can create; create it by hand")


def describe_wanted(wanted: FieldWanted) -> str:
    """Return the field in words for an admin: Lead.Syncd_Key__c (Text, 64 characters, unique external id)."""
    told = field_metadata(wanted)
    words = [str(told["type"])]
    if "length" in told:
        words.append(f"{told['length']} characters")
    if told.get("externalId"):
        words.append("unique external id")
    if "referenceTo" in told:
        words.append(f"to {told['referenceTo']}")
    return f"{wanted.kind}.{wanted.name} ({', '.join(words)})"


def write_package(
    wanted: Sequence[FieldWanted],
    directory: Path,
    *,
    objects: Collection[str] | None = None,
    permission_set: str = "syncd",
    version: str = "66.0",
) -> list[Path]:
    """Write an SFDX source package with the fields, their permission set and custom objects; return its files.

    `objects` are the custom objects to create; left out, every custom object that a field is wanted on. Deploy with
    `sf project deploy start --source-dir force-app`, then assign the permission set to the integration user.
    """
    own = {field.kind for field in wanted if field.kind.endswith("__c")}
    create = sorted(own if objects is None else own & set(objects))
    project = {"packageDirectories": [{"path": "force-app", "default": True}], "sourceApiVersion": version}
    root = directory / "force-app" / "main" / "default"
    files = {directory / "sfdx-project.json": orjson.dumps(project, option=orjson.OPT_INDENT_2).decode() + "\n"}
    for kind in create:
        files[root / "objects" / kind / f"{kind}.object-meta.xml"] = _xml("CustomObject", _object_metadata(kind))
    for field in wanted:
        if field.name.endswith("__c"):
            told = {"fullName": field.name} | field_metadata(field)
            place = root / "objects" / object_name(field.kind) / "fields" / f"{object_name(field.name)}.field-meta.xml"
            files[place] = _xml("CustomField", told)
    place = root / "permissionsets" / f"{object_name(permission_set)}.permissionset-meta.xml"
    files[place] = _xml("PermissionSet", _permission_set(wanted, permission_set))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(files)


# ---------------------------------------------------------------------------------------------------------------------


def _label(wanted: FieldWanted) -> dict[str, Any]:
    return {"label": wanted.label[:40]}  # 40: the longest label of a field


def _text(wanted: FieldWanted) -> dict[str, Any]:
    length = wanted.length or LONGEST_TEXT
    if length > LONGEST_TEXT:
        if wanted.unique:
            raise ConfigProblem(
                f"{wanted.kind}.{wanted.name} cannot be unique with more than {LONGEST_TEXT} characters"
            )
        return {"type": "LongTextArea", "length": min(length, _LONGEST_AREA), "visibleLines": 5}
    told: dict[str, Any] = {"type": "Text", "length": length}
    if wanted.unique:
        told |= {"externalId": True, "unique": True, "caseSensitive": True}
    return told


def _choices(wanted: FieldWanted) -> dict[str, Any]:
    if len(wanted.choices) > _MOST_CHOICES:
        raise ConfigProblem(f"{wanted.kind}.{wanted.name} has more than {_MOST_CHOICES} choices")
    values = [{"fullName": choice, "default": False, "label": choice} for choice in wanted.choices]
    return {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}


def _lookup(wanted: FieldWanted) -> dict[str, Any]:
    if wanted.references is None:
        raise ConfigProblem(f"{wanted.kind}.{wanted.name} refers to no object; name one")
    stem = wanted.name.removesuffix("__c").replace("_", "")
    plural = wanted.kind.removesuffix("__c").replace("_", "") + "s"
    return {
        "type": "Lookup",
        "referenceTo": object_name(wanted.references),
        "relationshipLabel": plural[:80],
        "relationshipName": f"{stem}{plural}"[:40],  # must be unique on the object pointed at
        "deleteConstraint": "SetNull",
    }


def _object_metadata(kind: str) -> dict[str, Any]:
    label = object_name(kind).removesuffix("__c").replace("_", " ")
    return {
        "label": label,
        "pluralLabel": f"{label}es" if label.endswith(("s", "ch", "x")) else f"{label}s",
        "nameField": {"label": f"{label} Name", "type": "Text"},
        "deploymentStatus": "Deployed",
        "sharingModel": "ReadWrite",
        "enableReports": True,
        "enableSearch": True,
    }


def _permission_set(wanted: Sequence[FieldWanted], name: str) -> dict[str, Any]:
    kinds = sorted({field.kind for field in wanted})
    fields = sorted(f"{field.kind}.{field.name}" for field in wanted if field.name.endswith("__c"))
    rights = {
        "allowCreate": True,
        "allowDelete": False,
        "allowEdit": True,
        "allowRead": True,
        "modifyAllRecords": False,
        "viewAllRecords": True,  # a row that sharing hides never shows up in a poll, and shows up late when shared
    }
    return {
        "label": name,
        "description": "What syncd reads and writes. Assign it to the integration user.",
        "hasActivationRequired": False,
        "fieldPermissions": [{"editable": True, "field": name, "readable": True} for name in fields],
        "objectPermissions": [rights | {"object": kind} for kind in kinds],
    }


def _xml(name: str, told: Mapping[str, Any]) -> str:
    body = "".join(_element(key, value, 1) for key, value in told.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="http://soap.sforce.com/2006/04/metadata">\n{body}</{name}>\n'


def _element(name: str, value: Any, depth: int) -> str:
    pad = "    " * depth
    if isinstance(value, list):
        return "".join(_element(name, item, depth) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(key, item, depth + 1) for key, item in value.items())
        return f"{pad}<{name}>\n{inner}{pad}</{name}>\n"
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"{pad}<{name}>{text}</{name}>\n"
