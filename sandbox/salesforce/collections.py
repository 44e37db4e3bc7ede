"""sObject Collections: up to 200 rows in a call, answered row by row with HTTP 200 even when all of them fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from sandbox.salesforce import save
from sandbox.salesforce.call import Call, caller, not_found, wrong_method
from sandbox.salesforce.errors import Problem, Refused, RequestRefused, refused, request_refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.query import render, shape_of
from sandbox.salesforce.records import erase
from sandbox.salesforce.save import Saved
from sandbox.salesforce.schema import Field, ObjectType
from sandbox.salesforce.values import fold
from sandbox.wire import Response

MAX_ROWS = 200
MAX_RETRIEVED = 2_000
MAX_CHUNKS = 10

Result = dict[str, Any]


def serve(org: Org, call: Call) -> Response:
    """Answer composite/sobjects and below."""
    rest = call.parts[2:]
    if len(rest) == 1 and call.method in ("GET", "POST"):
        return _retrieve(org, call, _type(org, rest[0]))
    if len(rest) == 2 and call.method == "PATCH":
        return _upsert(org, call, _type(org, rest[0]), rest[1])
    if rest:
        raise not_found()
    if call.method == "POST":
        return _create(org, call)
    if call.method == "PATCH":
        return _update(org, call)
    if call.method == "DELETE":
        return _delete(org, call)
    raise wrong_method(call, "POST,PATCH,DELETE")


# ----------------------------------------------------------------------------------------------------------------


def _create(org: Org, call: Call) -> Response:
    who = caller(org, call)
    records, all_or_none = _records(call)
    types = _types(org, records)

    def one(place: int) -> Saved:
        if any(name.lower() == "id" for name in records[place]):
            raise refused("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
        return save.create(org, who, types[place], records[place])

    return Response(200, _each(org, len(records), all_or_none, one))


def _update(org: Org, call: Call) -> Response:
    who = caller(org, call)
    records, all_or_none = _records(call)
    types = _types(org, records)

    def one(place: int) -> Saved:
        key = next((value for name, value in records[place].items() if name.lower() == "id"), None)
        if not isinstance(key, str):
            raise refused("MISSING_ARGUMENT", "Id not specified in an update call", "Id")
        return save.update(org, who, types[place], key, _without(records[place], "id"))

    return Response(200, _each(org, len(records), all_or_none, one))


def _upsert(org: Org, call: Call, type_: ObjectType, name: str) -> Response:
    who = caller(org, call)
    field = save.key_field(type_, name)
    records, all_or_none = _records(call)
    given = Counter(fold(field, _key_value(record, field)) for record in records)

    def one(place: int) -> Saved:
        record = records[place]
        if _attribute_type(record).lower() != type_.name.lower():
            raise refused("INVALID_TYPE", f"records of type {_attribute_type(record)} in an upsert of {type_.name}")
        value = _key_value(record, field)
        if value is not None and given[fold(field, value)] > 1:
            raise refused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", field.name)
        return upsert_row(org, who, type_, field, record)

    results = _each(org, len(records), all_or_none, one, with_created=True)
    return Response(200, results)


def upsert_row(org: Org, who: save.Caller, type_: ObjectType, field: Field, record: dict[str, Any]) -> Saved:
    """Create or update the one row that has the record's value in the key field."""
    value = _key_value(record, field)
    rest = _without(record, field.name)
    if field.type != "id" and any(name.lower() == "id" for name in rest):
        raise refused("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an upsert call", "Id")
    if field.type == "id":
        return save.update(org, who, type_, value, rest) if value else save.create(org, who, type_, rest)
    if value is None:
        raise refused("MISSING_ARGUMENT", f"{field.name} not specified", field.name)
    found = save.rows_by_key(org, type_, field, value)
    if len(found) > 1:
        ids = ", ".join(row["Id"] for row in found)
        message = f"{field.name}: more than one record found for external id field: [{ids}]"
        raise refused("DUPLICATE_EXTERNAL_ID", message, field.name)
    if found:
        return save.update(org, who, type_, found[0]["Id"], rest)
    return save.create(org, who, type_, {**rest, field.name: value})


def _delete(org: Org, call: Call) -> Response:
    who = caller(org, call)
    ids = [key for key in (call.first("ids") or "").split(",") if key]
    if not 1 <= len(ids) <= MAX_ROWS:
        raise request_refused("EXCEEDED_ID_LIMIT", f"between 1 and {MAX_ROWS} ids can be deleted in one call")
    all_or_none = call.flag("allOrNone") and not call.outer_all_or_none

    def one(place: int) -> Saved:
        table = org.table_of(ids[place][:3])
        if table is None or full_id(ids[place]) is None:
            raise refused("MALFORMED_ID", f"id value of incorrect type: {ids[place]}", "Id")
        return Saved(id=erase(org, who, table.type, ids[place]), created=False)

    return Response(200, _each(org, len(ids), all_or_none, one))


def _retrieve(org: Org, call: Call, type_: ObjectType) -> Response:
    if call.method == "GET":
        ids = [key for key in (call.first("ids") or "").split(",") if key]
        names = [name for name in (call.first("fields") or "").split(",") if name]
    else:
        body = call.fields()
        ids, names = body.get("ids") or [], body.get("fields") or []
    if not ids or not names:
        raise request_refused("MISSING_ARGUMENT", "ids and fields are both needed")
    if len(ids) > MAX_RETRIEVED:
        raise request_refused("EXCEEDED_ID_LIMIT", f"more than {MAX_RETRIEVED} ids")
    shape = shape_of(org, type_, names)
    rows = [org.tables[type_.name].rows.get(full_id(str(key)) or "") for key in ids]
    return Response(
        200,
        [render(org, type_, shape, row, call.base) if row and not row.get("IsDeleted") else None for row in rows],
    )


def _each(
    org: Org, count: int, all_or_none: bool, act: Callable[[int], Saved], *, with_created: bool = False
) -> list[Result]:
    start = org.mark()
    results: list[Result] = []
    for place in range(count):
        before = org.mark()
        try:
            saved = act(place)
        except RequestRefused:
            raise
        except Refused as refusal:
            org.undo(before)
            results.append({"success": False, "errors": [_as_row(one).row() for one in refusal.problems]})
            continue
        created = {"created": saved.created} if with_created else {}
        results.append({"id": saved.id, "success": True, "errors": [], **created})
    if all_or_none and not all(result["success"] for result in results):
        org.undo(start)
        results = [result if not result["success"] else _rolled_back(result) for result in results]
    return results


def _as_row(problem: Problem) -> Problem:
    if problem.code == "NOT_FOUND":
        return Problem(code="INVALID_CROSS_REFERENCE_KEY", message="invalid cross reference id")
    return problem


def _rolled_back(result: Result) -> Result:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    error = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": message, "fields": []}
    # The vendor leaves the id of the row that is gone again.
    return {"id": result["id"], "success": False, "errors": [error]}


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.fields()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise request_refused("JSON_PARSER_ERROR", "records is required and must be a list of objects")
    if len(records) > MAX_ROWS:
        message = f"record limit reached. cannot submit more than {MAX_ROWS} records in this call"
        raise request_refused("EXCEEDED_ID_LIMIT", message)
    # Under an outer allOrNone rows are not rolled back here: the composite call does it, and their results stay.
    return records, bool(body.get("allOrNone")) and not call.outer_all_or_none


def _types(org: Org, records: Sequence[dict[str, Any]]) -> list[ObjectType]:
    types = [_type(org, _attribute_type(record)) for record in records]
    chunks = sum(1 for _ in groupby(types, key=lambda type_: type_.name))
    if chunks > MAX_CHUNKS:
        message = f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. Please rearrange the data."
        raise request_refused("INVALID_INPUT", message)
    return types


def _type(org: Org, name: str) -> ObjectType:
    found = org.type(name)
    if found is None:
        raise request_refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return found


def _attribute_type(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise request_refused("INVALID_INPUT", "attributes.type is required in every record")
    return name


def _key_value(record: dict[str, Any], field: Field) -> Any:
    value = next((value for name, value in record.items() if name.lower() == field.name.lower()), None)
    return value.strip() or None if isinstance(value, str) else value


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key.lower() not in (name.lower(), "attributes")}
