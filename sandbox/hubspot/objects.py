"""The endpoints of one record at a time, and the list; batches and search have their own modules."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from sandbox.hubspot.associations import serve_record
from sandbox.hubspot.batches import batch
from sandbox.hubspot.call import Call, mapping, word
from sandbox.hubspot.errors import ApiError, not_found
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.search import search
from sandbox.hubspot.table import Table
from sandbox.hubspot.writing import Writer, unique_key
from sandbox.wire import Response

_PAGE_LIMIT = 100
_PAGE_LIMIT_WITH_HISTORY = 50
_ARCHIVE_KEPT = 90 * 86_400_000


def serve(portal: Portal, call: Call) -> Response:
    """Answer a call under /crm/objects."""
    table = portal.table(call.path.parts[0])
    match (call.method, *call.path.parts[1:]):
        case ("GET",):
            return _list(portal, table, call)
        case ("POST",):
            return _create(portal, table, call)
        case ("POST", "search"):
            return search(portal, table, call)
        case ("POST", "batch", verb):
            return batch(portal, table, call, verb)
        case ("POST", "merge"):
            return _merge(portal, table, call)
        case ("POST", "gdpr-delete"):
            return _gdpr_delete(portal, table, call)
        case (_, record_id, "associations", *rest):
            return serve_record(portal, table, call, record_id, rest)
        case ("GET", record_id):
            return _read(portal, table, call, record_id)
        case ("PATCH", record_id):
            return _update(portal, table, call, record_id)
        case ("DELETE", record_id):
            return _archive(portal, table, record_id)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


def recycled(portal: Portal, table: Table) -> dict[int, Record]:
    """Return the archived records that can still be seen, by id ascending."""
    oldest = portal.now() - _ARCHIVE_KEPT
    kept = sorted(record for record in table.archive.items() if (record[1].archived or 0) >= oldest)
    return dict(kept)


def _list(portal: Portal, table: Table, call: Call) -> Response:
    history = call.names("propertiesWithHistory")
    most = _PAGE_LIMIT_WITH_HISTORY if history else _PAGE_LIMIT
    limit = call.number("limit", 10)
    if not 1 <= limit <= most:
        raise ApiError(400, f"Invalid value for query parameter limit: must be between 1 and {most}")
    archived = recycled(portal, table) if call.flag("archived") else None
    records = table.records if archived is None else archived
    ids = table.ids if archived is None else list(archived)
    start = bisect_left(ids, call.number("after", 0))
    page = ids[start : start + limit]
    names = call.names("properties")
    results = [_body(portal, table, records[record_id], names, history, call) for record_id in page]
    body: dict[str, Any] = {"results": results}
    if start + limit < len(ids):
        after = str(ids[start + limit])
        link = f"https://api.hubapi.com{call.request.path}?limit={limit}&after={after}"
        body["paging"] = {"next": {"after": after, "link": link}}
    return Response(200, body)


def _read(portal: Portal, table: Table, call: Call, record_id: str) -> Response:
    if call.flag("archived"):
        record = recycled(portal, table).get(_numeric(record_id))
    else:
        record = table.records.get(_address(table, record_id, call.text("idProperty")))
    if record is None:
        raise not_found()
    names, history = call.names("properties"), call.names("propertiesWithHistory")
    return Response(200, _body(portal, table, record, names, history, call))


def _create(portal: Portal, table: Table, call: Call) -> Response:
    body = call.json()
    writer = Writer(portal=portal, table=table, rules=call.path.validation_rules)
    record = writer.commit(writer.plan_create(mapping(body, "properties"), body.get("associations")))
    portal.writes[table.kind] += 1
    location = f"https://api.hubapi.com{call.request.path.rstrip('/')}/{record.id}"
    return Response(201, table.body(record, tuple(record.properties)), {"Location": location})


def _update(portal: Portal, table: Table, call: Call, record_id: str) -> Response:
    record = table.records.get(_address(table, record_id, call.text("idProperty")))
    properties = mapping(call.json(), "properties")
    if record is None:
        raise not_found()
    writer = Writer(portal=portal, table=table, rules=call.path.validation_rules)
    plan = writer.plan_update(record, properties)
    portal.writes[table.kind] += 1
    return Response(200, table.body(writer.commit(plan), plan.asked or table.stamps))


def _archive(portal: Portal, table: Table, record_id: str) -> Response:
    number = _numeric(record_id)
    if number in table.records:
        Writer(portal=portal, table=table).archive(number)
        portal.writes[table.kind] += 1
    return Response(204)


def _merge(portal: Portal, table: Table, call: Call) -> Response:
    body = call.json()
    primary = table.records.get(_numeric(word(body, "primaryObjectId")))
    other = table.records.get(_numeric(word(body, "objectIdToMerge")))
    if primary is None or other is None:
        raise not_found()
    if primary.id == other.id:
        raise ApiError(400, "Cannot merge an object with itself")
    survivor = Writer(portal=portal, table=table).merge(primary, other)
    portal.writes[table.kind] += 1
    return Response(200, table.body(survivor, tuple(survivor.properties)))


def _gdpr_delete(portal: Portal, table: Table, call: Call) -> Response:
    if table.kind != "contacts":
        raise not_found()
    body = call.json()
    found = _address(table, word(body, "objectId"), body.get("idProperty"))
    Writer(portal=portal, table=table).purge(found)
    portal.writes[table.kind] += 1
    return Response(204)


def _body(
    portal: Portal, table: Table, record: Record, names: Sequence[str], history: Sequence[str], call: Call
) -> dict[str, Any]:
    more: dict[str, Any] = {}
    company = record.properties.get("associatedcompanyid")
    asked = {portal.table(name).kind for name in call.names("associations")}
    if "companies" in asked and company and table.kind == "contacts":
        more["associations"] = {"companies": {"results": [{"id": company, "type": "contact_to_company"}]}}
    return table.body(record, names, history, **more)


def _address(table: Table, text: str, id_property: str | None) -> int:
    """Return the id that stands now for an id, a merged id or a unique value; 0 where there is none."""
    if id_property and id_property != "hs_object_id":
        return table.owner(unique_key(table, id_property).name, text) or 0
    return table.resolve(_numeric(text))


def _numeric(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ApiError(404, "Object not found.  objectId are usually numeric.", "OBJECT_NOT_FOUND")
    return int(text)
