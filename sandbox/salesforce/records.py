"""The sObject row endpoints: one record by id or by external id; what a save does is save.py's business."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Any

from sandbox.salesforce import lifecycle, save
from sandbox.salesforce.call import Call, caller, not_found, object_of, wrong_method
from sandbox.salesforce.errors import request_refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.query import render, shape_of
from sandbox.salesforce.save import Caller
from sandbox.salesforce.schema import Field, ObjectType
from sandbox.salesforce.table import Row
from sandbox.salesforce.values import from_text
from sandbox.wire import Response

# The vendor's servers take the ending of such a value for a file name (contract, section 5.1).
_FILE_LIKE = re.compile(r"@.*\.inc\Z", re.IGNORECASE)


def create(org: Org, call: Call, type_: ObjectType) -> Response:
    """Answer POST sobjects/X."""
    saved = save.create(org, caller(org, call), type_, call.fields())
    location = {"Location": f"{call.base}/sobjects/{type_.name}/{saved.id}"}
    return Response(201, {"id": saved.id, "success": True, "errors": []}, location)


def by_id(org: Org, call: Call, type_: ObjectType, key: str) -> Response:
    """Answer GET, PATCH and DELETE sobjects/X/ID."""
    row = save.live_row(org, type_, key)
    if call.method == "GET":
        return _read(org, call, type_, row)
    if call.method == "PATCH":
        since = call.moment("if-unmodified-since")
        if since is not None and row["LastModifiedDate"] > since:
            raise request_refused("PRECONDITION_FAILED", "The record was modified after the given date")
        save.update(org, caller(org, call), type_, key, call.fields())
        return Response(204)
    if call.method == "DELETE":
        erase(org, caller(org, call), type_, key)
        return Response(204)
    raise wrong_method(call, "GET,PATCH,DELETE,HEAD")


def by_key(org: Org, call: Call, type_: ObjectType, name: str, text: str) -> Response:
    """Answer GET, PATCH (upsert) and DELETE sobjects/X/FIELD/VALUE."""
    field = save.key_field(type_, name)
    if text in ("", ".", "..") or _FILE_LIKE.search(text):
        raise not_found()
    value = from_text(field, text)
    found = save.rows_by_key(org, type_, field, value)
    if len(found) > 1:
        return Response(300, [f"{call.base}/sobjects/{type_.name}/{row['Id']}" for row in found])
    if call.method == "PATCH":
        return _upsert(org, call, type_, field, value, found)
    if not found:
        raise not_found()
    return by_id(org, call, type_, found[0]["Id"])


def erase(org: Org, who: Caller, type_: ObjectType, key: str) -> str:
    """Delete a live row as the API does and return its id."""
    row = save.live_row(org, type_, key)
    save.check_right(org, type_, "delete")
    save.check_lock(org, row["Id"])
    lifecycle.delete(org, row["Id"], who.user)
    org.count_write(type_.name, "deleted")
    return str(row["Id"])


def serve(org: Org, call: Call) -> Response:
    """Answer everything under sobjects/X that is about records."""
    type_ = object_of(org, call.parts[1])
    rest = call.parts[2:]
    if len(rest) == 1:
        return by_id(org, call, type_, rest[0])
    if len(rest) == 2:
        return by_key(org, call, type_, rest[0], rest[1])
    if not rest and call.method == "POST":
        return create(org, call, type_)
    raise not_found()


# ----------------------------------------------------------------------------------------------------------------


def _read(org: Org, call: Call, type_: ObjectType, row: Row) -> Response:
    since = call.moment("if-modified-since")
    headers = {"Last-Modified": formatdate(row["LastModifiedDate"], usegmt=True)}
    if since is not None and row["LastModifiedDate"] <= since:
        return Response(304, None, headers)
    asked = call.first("fields")
    names = asked.split(",") if asked else [field.name for field in type_.visible()]
    return Response(200, render(org, type_, shape_of(org, type_, names), row, call.base), headers)


def _upsert(org: Org, call: Call, type_: ObjectType, field: Field, value: Any, found: list[Row]) -> Response:
    fields = call.fields()
    if any(name.lower() == field.name.lower() for name in fields):
        raise request_refused("INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data.")
    if found:
        saved = save.update(org, caller(org, call), type_, found[0]["Id"], fields)
    elif call.flag("updateOnly") or field.type == "id":
        raise not_found()
    else:
        saved = save.create(org, caller(org, call), type_, {**fields, field.name: value})
    status = 201 if saved.created else 200
    return Response(status, {"id": saved.id, "success": True, "errors": [], "created": saved.created})
