"""Bulk 2.0 query: a statement run once, its rows fetched as CSV pages by locator."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any

from sandbox.salesforce.call import Call, not_found
from sandbox.salesforce.errors import request_refused
from sandbox.salesforce.jobs import (
    TERMINAL,
    Job,
    drop_job,
    find_job,
    listing,
    looked_at,
    open_job,
    printed,
    spent_today,
    write_csv,
    wrong_state,
)
from sandbox.salesforce.org import Org
from sandbox.salesforce.query import Statement, prepare, render, run
from sandbox.salesforce.soql import Column, parse
from sandbox.wire import Response

MAX_PAGE = 50_000
_KIND = "V2Query"
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_UNSUPPORTED = re.compile(r"\bgroup\s+by\b|\btypeof\b|\(\s*select\b", re.IGNORECASE)


def serve(org: Org, call: Call) -> Response:
    """Answer everything under jobs/query."""
    rest = call.parts[2:]
    if not rest:
        return _open(org, call) if call.method == "POST" else Response(200, listing(org, _KIND))
    job = find_job(org, rest[0], _KIND)
    if len(rest) == 2 and rest[1] == "results" and call.method == "GET":
        return _results(org, call, job)
    if len(rest) != 1:
        raise not_found()
    if call.method == "GET":
        return Response(200, printed(looked_at(org, job)))
    if call.method == "DELETE":
        drop_job(org, job)
        return Response(204)
    if call.method != "PATCH" or call.fields().get("state") != "Aborted" or job["state"] in TERMINAL:
        raise wrong_state(job)
    job["state"] = "Aborted"
    return Response(200, printed(job))


# ----------------------------------------------------------------------------------------------------------------


def _open(org: Org, call: Call) -> Response:
    body = call.fields()
    operation, text = body.get("operation"), body.get("query")
    if operation not in ("query", "queryAll") or not isinstance(text, str):
        raise request_refused("INVALIDJOB", "operation query or queryAll and a query are needed")
    if spent_today(org, _KIND) >= org.bulk.queries_a_day:
        raise request_refused("LIMIT_EXCEEDED", "The daily number of bulk query jobs is used up")
    statement = _checked(org, text)
    ids = run(org, statement, deleted=operation == "queryAll")
    if not statement.order:
        # Parallel workers each write their part: without ORDER BY the rows come in no order that means anything.
        ids.sort(key=lambda key: zlib.crc32(key.encode()))
    rows = org.tables[statement.type.name].rows
    told = {name: body[name] for name in ("contentType", "lineEnding", "columnDelimiter") if body.get(name)}
    more = {"operation": operation, "object": statement.type.name, "state": "UploadComplete", "jobType": _KIND}
    outcome = "Failed" if org.bulk.query_fails else "JobComplete"
    # The result is written once: rows stay in it as they were, whatever becomes of them before it is fetched.
    work = {"numberRecordsProcessed": len(ids), "_rows": [rows[key] for key in ids], "_query": text}
    job = open_job(org, call, "750", {**told, **more, **work, "_outcome": outcome, "isPkChunkingSupported": True})
    return Response(200, {name: one for name, one in printed(job).items() if name != "numberRecordsProcessed"})


def _checked(org: Org, text: str) -> Statement:
    if _UNSUPPORTED.search(_STRING.sub("''", text)):
        raise request_refused("API_ERROR", "GROUP BY, TYPEOF and subqueries are not supported in a bulk query")
    query = parse(text)
    if query.offset or any(column.function for column in query.columns):
        raise request_refused("API_ERROR", "OFFSET, aggregates and FIELDS() are not supported in a bulk query")
    statement = prepare(org, text)
    if any(kind == "address" for _, kind, _ in statement.shape.columns):
        raise request_refused("API_ERROR", "compound fields are not supported in a bulk query")
    return statement


def _results(org: Org, call: Call, job: Job) -> Response:
    if job["state"] != "JobComplete":
        raise wrong_state(job)
    if float(call.base.rpartition("v")[2]) != job["apiVersion"]:
        return Response(
            409, [{"errorCode": "API_VERSION_MISMATCH", "message": "The job was made with another version"}]
        )
    locator = call.first("locator") or "0"
    wish = call.first("maxRecords") or str(MAX_PAGE)
    if not locator.isdigit() or not wish.isdigit() or int(locator) > len(job["_rows"]):
        raise request_refused("INVALID_QUERY_LOCATOR", "invalid query locator")
    begin = int(locator)
    end = begin + min(max(int(wish), 1), MAX_PAGE)
    statement = prepare(org, job["_query"])
    lines = [_line(org, statement, row) for row in job["_rows"][begin:end]]
    header = [column.path for column in statement.query.columns]
    headers = {
        "Content-Type": "text/csv",
        # The vendor really sends the word null on the last page.
        "Sforce-Locator": str(end) if end < len(job["_rows"]) else "null",
        "Sforce-NumberOfRecords": str(len(lines)),
    }
    return Response(200, write_csv(job, [header, *lines]), headers)


def _line(org: Org, statement: Statement, row: dict[str, Any]) -> list[str]:
    printed_row = render(org, statement.type, statement.shape, row, "")
    return [_cell(value) for value in _values(printed_row, statement.query.columns)]


def _values(printed_row: dict[str, Any], columns: list[Column]) -> Iterator[Any]:
    for column in columns:
        here: Any = printed_row
        for step in column.path.split("."):
            lower = {name.lower(): value for name, value in here.items()} if isinstance(here, dict) else {}
            here = lower.get(step.lower())
        yield here


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    # Datetimes end in Z here and in +0000 in JSON.
    return value[:-5] + "Z" if isinstance(value, str) and _is_stamp(value) else str(value)


def _is_stamp(text: str) -> bool:
    return len(text) == 28 and text.endswith(".000+0000") and text[10] == "T"
