"""The batch endpoints: whole or nothing, or row by row where every row carries its own trace id."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.hubspot.call import Call, mapping, word, words
from sandbox.hubspot.errors import ApiError, InvalidProperties, objects_missing
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import iso
from sandbox.hubspot.writing import Plan, Writer, unique_key
from sandbox.wire import Response

Row = Mapping[str, Any]
_READ_LIMIT_WITH_HISTORY = 50


def batch(portal: Portal, table: Table, call: Call, verb: str) -> Response:
    """Answer POST {type}/batch/{verb}."""
    match verb:
        case "read":
            return _read(portal, table, call)
        case "archive":
            return _archive(portal, table, call)
        case "create" | "update" | "upsert":
            return _Batch(portal=portal, table=table, call=call).write(verb)
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)


def _read(portal: Portal, table: Table, call: Call) -> Response:
    started = portal.now()
    body, rows = call.inputs()
    names, history = words(body, "properties"), words(body, "propertiesWithHistory")
    if history and len(rows) > _READ_LIMIT_WITH_HISTORY:
        raise ApiError(400, f"At most {_READ_LIMIT_WITH_HISTORY} inputs can be read with property history")
    key = body.get("idProperty")
    records = table.archive if call.flag("archived") else table.records
    found: dict[int, Record] = {}
    missing: list[str] = []
    for text in dict.fromkeys(word(row, "id") for row in rows):
        number = _find(table, text, key)
        if number in records:
            found[number] = records[number]
        elif number not in table.merged:
            missing.append(text)
    results = _shuffled([table.body(record, names, history) for record in found.values()])
    errors = [objects_missing(table.type_name, missing).row({})] if missing else []
    return _answer(portal, started, 200, results, errors)


def _archive(portal: Portal, table: Table, call: Call) -> Response:
    _, rows = call.inputs()
    writer = Writer(portal=portal, table=table)
    for number in dict.fromkeys(_find(table, word(row, "id"), None) for row in rows):
        if number in table.records:
            writer.archive(number)
            portal.writes[table.kind] += 1
    return Response(204)


@dataclass(kw_only=True)
class _Batch:
    """One call that writes rows: plan all, then write all or those that can be."""

    portal: Portal
    table: Table
    call: Call
    planned: list[tuple[Row, Plan]] = field(default_factory=list)
    refused: list[tuple[Row, ApiError]] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)

    def write(self, verb: str) -> Response:
        started = self.portal.now()
        _, rows = self.call.inputs()
        traces = Counter(row.get("objectWriteTraceId") for row in rows)
        traced = None not in traces and all(count == 1 for count in traces.values())
        writer = Writer(portal=self.portal, table=self.table, rules=self.call.path.validation_rules)
        plan = {"create": self._plan_create, "update": self._plan_update, "upsert": self._plan_upsert}[verb]
        if verb != "create":
            _refuse_duplicates(rows)
        self._plan(rows, lambda row: plan(writer, row))
        if self.refused and not traced:
            raise _together([error for _, error in self.refused], self.portal.portal_id)
        results = []
        for row, made in self.planned:
            record = writer.commit(made)
            self.portal.writes[self.table.kind] += 1
            results.append(self._result(verb, row, made, record))
        errors = [error.row(_trace(row)) for row, error in self.refused] + self._missing_rows(traced)
        return _answer(self.portal, started, 201 if verb == "create" else 200, _shuffled(results), errors)

    def _plan(self, rows: Sequence[Row], plan: Callable[[Row], Plan | None]) -> None:
        for row in rows:
            try:
                made = plan(row)
            except ApiError as error:
                self.refused.append((row, error))
            else:
                if made is not None:
                    self.planned.append((row, made))

    def _plan_create(self, writer: Writer, row: Row) -> Plan:
        return writer.plan_create(mapping(row, "properties"), row.get("associations"))

    def _plan_update(self, writer: Writer, row: Row) -> Plan | None:
        key = row.get("idProperty")
        if key == "email" and self.table.kind == "contacts":
            raise ApiError(400, "Batch update of contacts needs record ids: email is not allowed as idProperty")
        number = _find(self.table, word(row, "id"), key)
        properties = mapping(row, "properties")
        if number in self.table.records:
            return writer.plan_update(self.table.records[number], properties)
        if number not in self.table.merged:
            self.missing.append(row)
        return None

    def _plan_upsert(self, writer: Writer, row: Row) -> Plan:
        key, value = unique_key(self.table, word(row, "idProperty")).name, word(row, "id")
        owner = self.table.owner(key, value)
        properties = mapping(row, "properties")
        self.table.index.settle(self.portal.clock())
        if owner is None or (self.portal.late_upserts and owner not in self.table.index.records):
            return writer.plan_create({key: value, **properties})
        return writer.plan_update(self.table.records[owner], properties)

    def _result(self, verb: str, row: Row, plan: Plan, record: Record) -> dict[str, Any]:
        more = {"objectWriteTraceId": trace} if (trace := row.get("objectWriteTraceId")) else {}
        if verb == "upsert":
            more["new"] = plan.new
        shown = tuple(record.properties) if plan.new else plan.asked or self.table.stamps
        return self.table.body(record, shown, **more)

    def _missing_rows(self, traced: bool) -> list[dict[str, Any]]:
        if traced:
            return [objects_missing(self.table.type_name, [str(row["id"])]).row(_trace(row)) for row in self.missing]
        ids = [str(row["id"]) for row in self.missing]
        return [objects_missing(self.table.type_name, ids).row({})] if ids else []


def _find(table: Table, text: str, key: str | None) -> int:
    """Return the id meant, 0 for none; a merged id is returned as it is, for batches do not follow merges."""
    if key and key != "hs_object_id":
        return table.owner(unique_key(table, key).name, text) or 0
    return int(text) if text.isascii() and text.isdigit() else 0


def _refuse_duplicates(rows: Sequence[Row]) -> None:
    keys = Counter((row.get("idProperty") or "", word(row, "id").strip().lower()) for row in rows)
    if any(count > 1 for count in keys.values()):
        raise ApiError(400, "Duplicate IDs found in batch input")


def _together(errors: Sequence[ApiError], portal_id: int) -> ApiError:
    """Return the one error that refuses a whole batch; invalid values of all rows are listed in it."""
    invalid = [error for error in errors if isinstance(error, InvalidProperties)]
    if len(invalid) == len(errors):
        return InvalidProperties([problem for error in invalid for problem in error.problems], portal_id)
    return next(error for error in errors if not isinstance(error, InvalidProperties))


def _trace(row: Row) -> dict[str, list[str]]:
    trace = row.get("objectWriteTraceId")
    return {"objectWriteTraceId": [str(trace)]} if trace is not None else {}


def _shuffled(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in an order that is never the order of the inputs (unless there is only one)."""
    mixed = results[:]
    random.Random(len(results)).shuffle(mixed)
    return mixed if mixed != results else mixed[::-1]


def _answer(
    portal: Portal, started: int, status: int, results: list[dict[str, Any]], errors: list[dict[str, Any]]
) -> Response:
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(started),
        "completedAt": iso(portal.now()),
    }
    if not errors:
        return Response(status, body)
    return Response(207, {**body, "numErrors": len(errors), "errors": errors})
