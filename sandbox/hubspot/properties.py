"""The properties API: definitions and groups, read and made; what values they admit is in values.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.hubspot.call import Call, word
from sandbox.hubspot.errors import ApiError, required_fields
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.schema import Option, Property
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import iso
from sandbox.wire import Response

_FIELD_TYPES = {
    "string": ("text", "textarea", "html", "phonenumber", "file", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "bool": ("booleancheckbox", "calculation_equation"),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
}
_UNIQUE_LIMIT = 10


def serve(portal: Portal, call: Call) -> Response:
    """Answer a call under /crm/properties."""
    table = portal.table(call.path.parts[0])
    match (call.method, *call.path.parts[1:]):
        case ("GET",):
            wanted = call.flag("archived")
            found = [one for one in table.definitions.values() if (one.archived is not None) == wanted]
            return Response(200, {"results": [body(one) for one in found]})
        case ("POST",):
            return Response(201, body(create(table, call.json(), portal.now())))
        case ("POST", "batch", verb):
            return _batch(portal, table, call, verb)
        case (_, "groups", *rest):
            return _groups(table, call, rest)
        case ("GET", name):
            return Response(200, body(_known(table, name, archived=call.flag("archived"))))
        case ("PATCH", name):
            return Response(200, body(_update(table, name, call.json(), portal.now())))
        case ("DELETE", name):
            _archive(table, name, portal.now())
            return Response(204)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


def create(table: Table, raw: Mapping[str, Any], now: int) -> Property:
    """Add a property, or bring an archived one of that name back."""
    missing = [name for name in ("name", "label", "type", "fieldType", "groupName") if not raw.get(name)]
    if missing:
        raise required_fields(missing)
    name = word(raw, "name")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
        raise ApiError(400, f'Property name "{name}" is invalid: lower-case letters, digits and underscores only')
    if table.live(name) is not None:
        raise ApiError(
            409,
            f"A property named '{name}' already exists.",
            "OBJECT_ALREADY_EXISTS",
            sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    if name in table.definitions:
        restored = replace(table.definitions[name], archived=None, updated=now)
        table.define(restored)
        return restored
    made = Property(
        name=name,
        label=word(raw, "label"),
        type=word(raw, "type"),
        field_type=word(raw, "fieldType"),
        group=word(raw, "groupName"),
        options=_options(raw.get("options") or []),
        description=str(raw.get("description") or ""),
        display_order=int(raw.get("displayOrder", -1)),
        unique=bool(raw.get("hasUniqueValue")),
        calculated=bool(raw.get("calculationFormula")),
        read_only=bool(raw.get("calculationFormula")),
        hidden=bool(raw.get("hidden")),
        form_field=bool(raw.get("formField")),
        external_options=bool(raw.get("externalOptions")),
        referenced_object_type=raw.get("referencedObjectType"),
        created=now,
        updated=now,
    )
    _check(table, made)
    table.define(made)
    return made


def body(definition: Property) -> dict[str, Any]:
    """Return a definition as the wire shows it."""
    hubspots = definition.hubspot_defined
    shown: dict[str, Any] = {
        "name": definition.name,
        "label": definition.label,
        "type": definition.type,
        "fieldType": definition.field_type,
        "groupName": definition.group,
        "description": definition.description,
        "options": [_option(option) for option in definition.options],
        "displayOrder": definition.display_order,
        "hasUniqueValue": definition.unique,
        "calculated": definition.calculated,
        "externalOptions": definition.external_options,
        "hidden": definition.hidden,
        "hubspotDefined": hubspots,
        "formField": definition.form_field,
        "archived": definition.archived is not None,
        "createdAt": iso(definition.created),
        "updatedAt": iso(definition.updated),
        "modificationMetadata": {
            "archivable": not hubspots,
            "readOnlyDefinition": hubspots,
            "readOnlyOptions": hubspots and definition.read_only,
            "readOnlyValue": definition.read_only,
        },
    }
    if definition.referenced_object_type:
        shown["referencedObjectType"] = definition.referenced_object_type
    if definition.archived is not None:
        shown["archivedAt"] = iso(definition.archived)
    return shown


def _option(option: Option) -> dict[str, Any]:
    return {
        "label": option.label,
        "value": option.value,
        "displayOrder": option.display_order,
        "hidden": option.hidden,
        "description": option.description,
    }


def _check(table: Table, made: Property) -> None:
    if made.field_type not in _FIELD_TYPES.get(made.type, ()):
        raise ApiError(400, f"Property type {made.type} and field type {made.field_type} do not go together")
    if made.group not in table.groups:
        raise ApiError(400, f"The property group {made.group} does not exist")
    if made.type == "enumeration" and made.field_type in ("select", "radio", "checkbox"):
        values = [option.value for option in made.options]
        if len(set(values)) != len(values) or not (values or made.external_options):
            raise ApiError(400, f"Property {made.name} needs options, each with its own value")
    if (
        made.unique
        and sum(not one.hubspot_defined and one.unique for one in table.definitions.values()) >= _UNIQUE_LIMIT
    ):
        raise ApiError(400, f"An object type has at most {_UNIQUE_LIMIT} properties with unique values")


def _update(table: Table, name: str, raw: Mapping[str, Any], now: int) -> Property:
    before = _known(table, name)
    changes: dict[str, Any] = {
        field: raw[sent]
        for sent, field in (
            ("label", "label"),
            ("description", "description"),
            ("groupName", "group"),
            ("displayOrder", "display_order"),
            ("hidden", "hidden"),
            ("formField", "form_field"),
            ("type", "type"),
            ("fieldType", "field_type"),
        )
        if raw.get(sent) is not None
    }
    if raw.get("options") is not None:
        changes["options"] = _options(raw["options"])
    after = replace(before, **changes, updated=now)
    _check(table, replace(after, unique=False))
    table.define(after)
    return after


def _archive(table: Table, name: str, now: int) -> None:
    definition = _known(table, name)
    if definition.hubspot_defined:
        raise ApiError(
            400,
            f"Property {name} is defined by HubSpot and cannot be archived",
            sub_category="PropertyValidationError.CANNOT_DELETE_PROPERTY",
        )
    table.define(replace(definition, archived=now))


def _batch(portal: Portal, table: Table, call: Call, verb: str) -> Response:
    started = portal.now()
    sent, rows = call.inputs()
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for row in rows:
        try:
            if verb == "create":
                results.append(body(create(table, row, portal.now())))
            elif verb == "read":
                results.append(body(_known(table, word(row, "name"), archived=bool(sent.get("archived")))))
            elif verb == "archive":
                if table.live(word(row, "name")) is not None:
                    _archive(table, word(row, "name"), portal.now())
            else:
                raise ApiError(405, "HTTP 405 Method Not Allowed", None)
        except ApiError as error:
            if verb not in ("create", "read"):
                raise
            errors.append(error.row({"name": [str(row.get("name"))]}))
    if verb == "archive":
        return Response(204)
    answer = {"status": "COMPLETE", "results": results, "startedAt": iso(started), "completedAt": iso(portal.now())}
    if errors:
        return Response(207, {**answer, "numErrors": len(errors), "errors": errors})
    return Response(201 if verb == "create" else 200, answer)


def _groups(table: Table, call: Call, rest: Sequence[str]) -> Response:
    def shown(name: str) -> dict[str, Any]:
        return {"name": name, "label": table.groups[name], "displayOrder": -1, "archived": False}

    if rest and rest[0] not in table.groups:
        raise ApiError(404, f"The property group {rest[0]} does not exist", "OBJECT_NOT_FOUND")
    match (call.method, *rest):
        case ("GET",):
            return Response(200, {"results": [shown(name) for name in table.groups]})
        case ("POST",):
            raw = call.json()
            name = word(raw, "name")
            if name in table.groups:
                raise ApiError(409, f"A property group named '{name}' already exists.", "OBJECT_ALREADY_EXISTS")
            table.groups[name] = word(raw, "label")
            return Response(201, shown(name))
        case ("GET", name):
            return Response(200, shown(name))
        case ("PATCH", name):
            table.groups[name] = str(call.json().get("label") or table.groups[name])
            return Response(200, shown(name))
        case ("DELETE", name):
            if any(one.group == name and one.archived is None for one in table.definitions.values()):
                raise ApiError(400, f"The property group {name} still has properties")
            del table.groups[name]
            return Response(204)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


def _known(table: Table, name: str, *, archived: bool = False) -> Property:
    definition = table.definitions.get(name)
    if definition is None or (definition.archived is not None) != archived:
        raise ApiError(404, f"Property {name} does not exist", "OBJECT_NOT_FOUND")
    return definition


def _options(raw: Any) -> tuple[Option, ...]:
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        raise required_fields(["options"])
    return tuple(
        Option(
            label=word(one, "label"),
            value=word(one, "value"),
            display_order=int(one.get("displayOrder", place)),
            hidden=bool(one.get("hidden")),
            description=str(one.get("description") or ""),
        )
        for place, one in enumerate(raw)
    )
