"""HubSpot's properties: described in the words all connectors share, and created where they are missing.

An option list is never edited: HubSpot replaces it as a whole, and it belongs to the admins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.contract import FieldInfo, FieldType, FieldWanted
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.judge import CallRefused

GROUP = "syncd"
TEXT_LENGTH = 65_536  # characters, of every text property


def describe(client: HubSpotClient, kind: str) -> list[FieldInfo]:
    """Return the properties of `kind` as they are now."""
    return [
        _info(kind, each) for each in client.properties(kind) if each.get("name") and each.get("archived") is not True
    ]


def prepare_properties(client: HubSpotClient, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
    """Create the properties that are missing, or only tell; one line for each, and for what is by hand."""
    lines: list[str] = []
    for kind in dict.fromkeys(each.kind for each in wanted):
        mine = [each for each in wanted if each.kind == kind]
        there = {info.name: info for info in describe(client, kind)}
        for each in mine:
            if each.name in there:
                lines += _by_hand(each, there[each.name])
        unnamed = [each for each in mine if each.name not in there and not _NAME.fullmatch(each.name)]
        lines += [f"{kind}.{each.name}: not a name HubSpot allows; use lower case, digits and _" for each in unnamed]
        missing = [each for each in mine if each.name not in there and each not in unnamed]
        if missing and apply:
            lines += _create(client, kind, missing)
        elif missing:
            lines += [f"{kind}.{each.name}: would be created as {each.type.value}" for each in missing]
    return lines


def definition(wanted: FieldWanted) -> dict[str, Any]:
    type_, shown = _AS[wanted.type]
    choices = ("true", "false") if wanted.type is FieldType.BOOLEAN else wanted.choices
    if wanted.type is FieldType.TEXT and (wanted.length or 0) > 255:
        shown = "textarea"
    told: dict[str, Any] = {
        "name": wanted.name,
        "label": wanted.label,
        "type": type_,
        "fieldType": shown,
        "groupName": GROUP,
        "hasUniqueValue": wanted.unique,
    }
    if choices:
        told["options"] = [
            {"label": choice, "value": choice, "displayOrder": number, "hidden": False}
            for number, choice in enumerate(choices)
        ]
    return told


# ---------------------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")

# type and fieldType in HubSpot's words
_AS: Mapping[FieldType, tuple[str, str]] = {
    FieldType.TEXT: ("string", "text"),
    FieldType.NUMBER: ("number", "number"),
    FieldType.BOOLEAN: ("bool", "booleancheckbox"),
    FieldType.DATE: ("date", "date"),
    FieldType.DATETIME: ("datetime", "date"),
    FieldType.CHOICE: ("enumeration", "select"),
    FieldType.CHOICES: ("enumeration", "checkbox"),
    FieldType.REFERENCE: ("string", "text"),
    FieldType.OTHER: ("string", "text"),
}

# A change of an association shows in these, and does not always move the record's last-modified.
_SHOW_ASSOCIATIONS = frozenset({"associatedcompanyid", "hs_parent_company_id", "hs_primary_contact_id"})

_FROM = {
    "string": FieldType.TEXT,
    "phone_number": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "bool": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
}


def _info(kind: str, told: Mapping[str, Any]) -> FieldInfo:
    type_ = _type(told)
    limits = told.get("modificationMetadata")
    read_only = isinstance(limits, dict) and limits.get("readOnlyValue") is True
    calculated = told.get("calculated") is True
    enumerated = type_ in (FieldType.CHOICE, FieldType.CHOICES)
    choices = tuple(_options(told)) if enumerated else ()
    name = str(told["name"])
    return FieldInfo(
        name=name,
        label=str(told.get("label") or name),
        type=type_,
        writable=not (calculated or read_only),
        unique=told.get("hasUniqueValue") is True or (kind, name) == ("contacts", "email"),
        length=TEXT_LENGTH if type_ is FieldType.TEXT else None,
        choices=choices,
        restricted=enumerated and told.get("externalOptions") is not True,
        calculated=calculated or name in _SHOW_ASSOCIATIONS,
    )


def _type(told: Mapping[str, Any]) -> FieldType:
    type_, shown = told.get("type"), told.get("fieldType")
    if told.get("referencedObjectType"):
        return FieldType.REFERENCE
    if type_ != "enumeration":
        return _FROM.get(str(type_), FieldType.OTHER)
    if shown == "booleancheckbox":
        return FieldType.BOOLEAN
    return FieldType.CHOICES if shown == "checkbox" else FieldType.CHOICE


def _options(told: Mapping[str, Any]) -> Iterator[str]:
    options = told.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict) and isinstance(option.get("value"), str):
            yield option["value"]


def _by_hand(wanted: FieldWanted, there: FieldInfo) -> Iterator[str]:
    """Tell what an admin must change about a property that is there already."""
    what = f"{wanted.kind}.{wanted.name}"
    expected = _AS[wanted.type]
    same = there.type is wanted.type or (expected == _AS[FieldType.TEXT] and there.type is FieldType.TEXT)
    if not same:
        yield f"{what}: by hand: it is of type {there.type.value}, the mapping needs {wanted.type.value}"
    if wanted.unique and not there.unique:
        yield f"{what}: by hand: it must have unique values, which HubSpot allows only when a property is made"
    missing = [choice for choice in wanted.choices if choice not in there.choices]
    if missing and there.restricted:
        yield f"{what}: by hand: add the options {', '.join(missing)}"
    if not there.writable:
        yield f"{what}: by hand: it is read-only; map another property"


def _create(client: HubSpotClient, kind: str, missing: Sequence[FieldWanted]) -> Iterator[str]:
    client.create_group(kind, GROUP, "syncd")
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        try:
            batch = client.create_properties(kind, [definition(each) for each in part])
            made = [row.get("name") for row in batch.rows]
            why = ", ".join(sorted({error.code for error in batch.errors})) or "no reason given"
        except CallRefused as refused:
            made, why = [], refused.message
        left = [each for each in part if each.name not in made]
        # An earlier try may have made them, its answer lost.
        there = {info.name: info for info in describe(client, kind)} if left else {}
        for each in part:
            by_hand = list(_by_hand(each, there[each.name])) if each.name in there else []
            if each in left and each.name not in there:
                by_hand = [f"{kind}.{each.name}: by hand: not created ({why})"]
            yield from by_hand or [f"{kind}.{each.name}: created"]
