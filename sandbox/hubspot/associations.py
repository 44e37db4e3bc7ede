"""The associations API (v4): links between records, one by one and in batches, and their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.hubspot.call import Call, word
from sandbox.hubspot.errors import ApiError, not_found, required_fields
from sandbox.hubspot.links import CHILD_TO_PARENT, PARENT_TO_CHILD, PRIMARY_COMPANY, LinkType
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import iso
from sandbox.wire import Response

_READ_LIMIT, _CREATE_LIMIT, _ARCHIVE_LIMIT = 1000, 2000, 100
_PAGE = 500
_PRIMARY = ("contacts", "companies")


def serve(portal: Portal, call: Call) -> Response:
    """Answer a call under /crm/v4/associations/{from}/{to}."""
    if len(call.path.parts) < 3:
        raise not_found()
    one, other = portal.table(call.path.parts[0]), portal.table(call.path.parts[1])
    match (call.method, *call.path.parts[2:]):
        case ("GET", "labels"):
            types = portal.links.types.get((one.kind, other.kind), ())
            return Response(200, {"results": [_type(each) for each in types]})
        case ("POST", "labels"):
            return _add_label(portal, one, other, call)
        case ("POST", "batch", "read"):
            return _read(portal, one, other, call)
        case ("POST", "batch", "create"):
            return _create(portal, one, other, call)
        case ("POST", "batch", "associate", "default"):
            return _create_default(portal, one, other, call)
        case ("POST", "batch", "archive"):
            return _archive(portal, one, other, call)
        case ("POST", "batch", "labels", "archive"):
            return _archive_labels(portal, one, other, call)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


def serve_record(portal: Portal, table: Table, call: Call, record_id: str, rest: Sequence[str]) -> Response:
    """Answer a call under {type}/{id}/associations."""
    match (call.method, *rest):
        case ("GET", kind):
            found = _linked(portal, table, portal.table(kind), _numeric(record_id))
            start, limit = call.number("after", 0), min(call.number("limit", _PAGE), _PAGE)
            body: dict[str, Any] = {"results": found[start : start + limit]}
            if start + limit < len(found):
                body["paging"] = {"next": {"after": str(start + limit)}}
            return Response(200, body)
        case ("PUT", "default", kind, to):
            other = portal.table(kind)
            _link(portal, table, other, [(_numeric(record_id), _numeric(to), [_default(portal, table, other)])])
            return _answer(portal, 200, [_default_row(_default(portal, table, other), record_id, to)])
        case ("PUT", kind, to):
            other = portal.table(kind)
            types = _types(portal, table, other, call.listing())
            _link(portal, table, other, [(_numeric(record_id), _numeric(to), types)])
            return Response(201, _pair(table, other, record_id, to, types))
        case ("DELETE", kind, to):
            _unlink(portal, table, portal.table(kind), _numeric(record_id), _numeric(to), None)
            return Response(204)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


# ---------------------------------------------------------------------------------------------------------------------


def _add_label(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    body = call.json()
    label = word(body, "label")
    word(body, "name")
    if (one.kind, other.kind) not in portal.links.types:
        raise ApiError(400, f"{one.type_id} and {other.type_id} cannot be associated")
    if any(each.label == label for each in portal.links.types[(one.kind, other.kind)]):
        raise ApiError(409, f"An association label '{label}' already exists.", "OBJECT_ALREADY_EXISTS")
    made = portal.links.add_label((one.kind, other.kind), label, body.get("inverseLabel"))
    return Response(200, {"results": [_type(each) for each in made]})


def _read(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    _, rows = call.inputs(_READ_LIMIT)
    results = []
    for row in rows:
        number = _numeric(word(row, "id"))
        found = _linked(portal, one, other, number)
        start = int(row.get("after") or 0)
        if found[start:]:
            result: dict[str, Any] = {"from": {"id": str(number)}, "to": found[start : start + _PAGE]}
            if found[start + _PAGE :]:
                result["paging"] = {"next": {"after": str(start + _PAGE)}}
            results.append(result)
    return _answer(portal, 200, results)


def _create(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    _, rows = call.inputs(_CREATE_LIMIT)
    wanted = [(*_ends(row), _types(portal, one, other, row.get("types"))) for row in rows]
    _link(portal, one, other, wanted)
    return _answer(portal, 201, [_pair(one, other, str(a), str(b), types) for a, b, types in wanted])


def _create_default(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    _, rows = call.inputs(_CREATE_LIMIT)
    plain = _default(portal, one, other)
    wanted = [(*_ends(row), [plain]) for row in rows]
    _link(portal, one, other, wanted)
    return _answer(portal, 200, [_default_row(plain, str(a), str(b)) for a, b, _ in wanted])


def _archive(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    _, rows = call.inputs(_ARCHIVE_LIMIT)
    for row in rows:
        ends = row.get("to")
        if not isinstance(ends, list):
            raise required_fields(["to"])
        for end in ends:
            _unlink(portal, one, other, _numeric(word(row.get("from") or {}, "id")), _numeric(word(end, "id")), None)
    return Response(204)


def _archive_labels(portal: Portal, one: Table, other: Table, call: Call) -> Response:
    _, rows = call.inputs(_CREATE_LIMIT)
    for row in rows:
        _unlink(portal, one, other, *_ends(row), _types(portal, one, other, row.get("types")))
    return Response(204)


def _ends(row: Mapping[str, Any]) -> tuple[int, int]:
    return _numeric(word(row.get("from") or {}, "id")), _numeric(word(row.get("to") or {}, "id"))


def _types(portal: Portal, one: Table, other: Table, sent: Any) -> list[LinkType]:
    if not isinstance(sent, list) or not sent:
        raise required_fields(["types"])
    types = []
    for spec in sent:
        number, category = spec.get("associationTypeId"), spec.get("associationCategory")
        found = portal.links.type((one.kind, other.kind), number)
        if found is None or found.category != category:
            raise ApiError(
                400, f"invalid from object type {one.type_id} for associations to be created: {category} {number}"
            )
        types.append(found)
    return types


def _default(portal: Portal, one: Table, other: Table) -> LinkType:
    found = portal.links.default((one.kind, other.kind))
    if found is None:
        raise ApiError(400, f"{one.type_id} and {other.type_id} cannot be associated")
    return found


def _link(portal: Portal, one: Table, other: Table, wanted: Sequence[tuple[int, int, Sequence[LinkType]]]) -> None:
    """Make links, all or none."""
    lost = [f"{one.type_name}={a} is not valid" for a, _, _ in wanted if a not in one.records]
    lost += [f"{other.type_name}={b} is not valid" for _, b, _ in wanted if b not in other.records]
    if lost:
        raise ApiError(400, "One or more associations are invalid", context={"INVALID_OBJECT_IDS": sorted(set(lost))})
    for a, b, types in wanted:
        numbers = {each.id for each in types}
        _check_parent(one, a, b, numbers)
        portal.writes["associations"] += 1
        portal.links.link((one.kind, other.kind), a, b, types)
        _show(portal, one, other, a, b, numbers)


def _check_parent(companies: Table, one: int, other: int, numbers: set[int]) -> None:
    """Refuse a second parent, which a company cannot have."""
    if companies.kind != "companies" or not numbers & {CHILD_TO_PARENT, PARENT_TO_CHILD}:
        return
    child, parent = (one, other) if CHILD_TO_PARENT in numbers else (other, one)
    there = companies.records[child].properties.get("hs_parent_company_id")
    if child == parent or (there and there != str(parent)):
        raise ApiError(400, f"Company {child} has a parent company already or would be its own")


def _show(portal: Portal, one: Table, other: Table, a: int, b: int, numbers: set[int]) -> None:
    """Set the properties in which HubSpot shows a link."""
    if one.kind == "contacts" and PRIMARY_COMPANY in numbers:
        _set(portal, one, a, "associatedcompanyid", str(b))
    if one.kind == "companies" and CHILD_TO_PARENT in numbers:
        _set(portal, one, a, "hs_parent_company_id", str(b))
    if one.kind == "companies" and PARENT_TO_CHILD in numbers:
        _set(portal, other, b, "hs_parent_company_id", str(a))


def _unlink(portal: Portal, one: Table, other: Table, a: int, b: int, types: Sequence[LinkType] | None) -> None:
    before = portal.links.of((one.kind, other.kind), a).get(b, [])
    if not portal.links.unlink((one.kind, other.kind), a, b, types):
        return
    portal.writes["associations"] += 1
    gone = {each.id for each in before} - {each.id for each in portal.links.of((one.kind, other.kind), a).get(b, [])}
    if one.kind == "companies" and CHILD_TO_PARENT in gone and a in one.records:
        _set(portal, one, a, "hs_parent_company_id", "")
    if one.kind == "contacts" and PRIMARY_COMPANY in gone and a in one.records:
        _set(portal, one, a, "associatedcompanyid", "")


def _set(portal: Portal, table: Table, record_id: int, name: str, value: str) -> None:
    record = table.records[record_id]
    if record.properties.get(name, "") != value:
        changed = record.changed({name: value}, portal.now(), record.source)
        table.put(changed if portal.links_move_stamps else changed._replace(modified=record.modified))


def _linked(portal: Portal, one: Table, other: Table, number: int) -> list[dict[str, Any]]:
    if number not in one.records:
        return []
    ends = (one.kind, other.kind)
    found = portal.links.of(ends, number)
    primary = one.records[number].properties.get("associatedcompanyid") if ends == _PRIMARY else None
    if primary and primary.isdigit():
        found.setdefault(int(primary), [*portal.links.types[ends]])
    return [
        {"toObjectId": str(to), "associationTypes": [_type(each) for each in types]}
        for to, types in sorted(found.items())
        if to in other.records
    ]


def _type(each: LinkType) -> dict[str, Any]:
    shown: dict[str, Any] = {"category": each.category, "typeId": each.id}
    return {**shown, "label": each.label} if each.label is not None else shown


def _pair(one: Table, other: Table, a: str, b: str, types: Sequence[LinkType]) -> dict[str, Any]:
    return {
        "fromObjectTypeId": one.type_id,
        "fromObjectId": a,
        "toObjectTypeId": other.type_id,
        "toObjectId": b,
        "labels": [each.label for each in types if each.label],
    }


def _default_row(plain: LinkType, a: str, b: str) -> dict[str, Any]:
    spec = {"associationCategory": plain.category, "associationTypeId": plain.id}
    return {"from": {"id": a}, "to": {"id": b}, "associationSpec": spec}


def _answer(portal: Portal, status: int, results: Sequence[Mapping[str, Any]]) -> Response:
    now = iso(portal.now())
    return Response(status, {"status": "COMPLETE", "results": [*results], "startedAt": now, "completedAt": now})


def _numeric(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ApiError(400, "One or more associations are invalid", context={"INVALID_OBJECT_IDS": [text]})
    return int(text)
