"""The schemas API: custom object types, which only some plans have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sandbox.hubspot import properties
from sandbox.hubspot.call import Call, mapping, word, words
from sandbox.hubspot.errors import ApiError, not_found, required_fields
from sandbox.hubspot.portal import Portal, Schema
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import iso
from sandbox.wire import Response

_MOST = 10  # custom objects of an account


def serve(portal: Portal, call: Call) -> Response:
    """Answer a call under /crm-object-schemas."""
    match (call.method, *call.path.parts[1:]):
        case ("GET",):
            own = [one for one in portal.tables.values() if one.type_id.startswith("2-")]
            return Response(200, {"results": [_body(portal, one) for one in own]})
        case ("POST",):
            return Response(201, _body(portal, _create(portal, call.json())))
        case ("GET", name):
            table = portal.table(name)
            if not table.type_id.startswith("2-"):
                raise not_found()
            return Response(200, _body(portal, table))
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


# ---------------------------------------------------------------------------------------------------------------------


def _create(portal: Portal, raw: dict[str, Any]) -> Table:
    missing = [name for name in ("associatedObjects", "labels", "name", "properties", "requiredProperties")
               if raw.get(name) is None]  # fmt: skip
    if missing:
        raise required_fields(missing)
    name, sent = word(raw, "name"), raw["properties"]
    if any(table.kind == name for table in portal.tables.values()):
        raise ApiError(409, f"An object named '{name}' already exists.", "OBJECT_ALREADY_EXISTS")
    if sum(table.type_id.startswith("2-") for table in portal.tables.values()) >= _MOST:
        raise ApiError(400, f"An account has at most {_MOST} custom objects")
    if not isinstance(sent, list) or not sent or not all(isinstance(one, dict) for one in sent):
        raise required_fields(["properties"])
    names = {word(one, "name") for one in sent}
    primary = str(raw.get("primaryDisplayProperty") or "")
    used = {*words(raw, "requiredProperties"), *words(raw, "searchableProperties"), *([primary] if primary else [])}
    if not used <= names:
        raise ApiError(400, f"The schema uses properties it does not define: {', '.join(sorted(used - names))}")
    others = [portal.table(one) for one in words(raw, "associatedObjects")]
    labels = mapping(raw, "labels")
    table = portal.table(portal.define_object(name))
    portal.schemas[name] = Schema(
        singular=word(labels, "singular"),
        plural=word(labels, "plural"),
        primary=primary,
        required=tuple(words(raw, "requiredProperties")),
        searchable=tuple(words(raw, "searchableProperties")),
    )
    group = next(iter(table.groups))
    for one in sent:
        properties.create(table, {"groupName": group, **one}, portal.now())
    for other in others:
        portal.links.connect(table.kind, other.kind)
    return table


def _body(portal: Portal, table: Table) -> dict[str, Any]:
    schema = portal.schemas.get(table.kind) or replace(Schema(), singular=table.kind, plural=table.kind)
    return {
        "id": table.type_id.removeprefix("2-"),
        "objectTypeId": table.type_id,
        "fullyQualifiedName": f"p{portal.portal_id}_{table.kind}",
        "name": table.kind,
        "labels": {"singular": schema.singular, "plural": schema.plural},
        "primaryDisplayProperty": schema.primary,
        "requiredProperties": [*schema.required],
        "searchableProperties": [*schema.searchable],
        "secondaryDisplayProperties": [],
        "archived": False,
        "createdAt": iso(portal.now()),
        "updatedAt": iso(portal.now()),
        "properties": [properties.body(one) for one in table.definitions.values() if one.archived is None],
        "associations": _associations(portal, table),
    }


def _associations(portal: Portal, table: Table) -> Sequence[dict[str, Any]]:
    return [
        {
            "id": str(types[0].id),
            "name": f"{ends[0]}_to_{ends[1]}",
            "fromObjectTypeId": portal.tables[ends[0]].type_id,
            "toObjectTypeId": portal.tables[ends[1]].type_id,
        }
        for ends, types in portal.links.types.items()
        if table.kind in ends and types
    ]
