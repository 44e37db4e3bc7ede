"""Bulk 2.0 ingest: one CSV a job, its rows saved one by one, their results given back in another order."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.salesforce import lifecycle, save
from sandbox.salesforce.call import Call, not_found
from sandbox.salesforce.collections import upsert_row
from sandbox.salesforce.errors import Refused, RequestRefused, refused, request_refused
from sandbox.salesforce.jobs import (
    DELIMITERS,
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
from sandbox.salesforce.records import erase
from sandbox.salesforce.schema import ObjectType
from sandbox.salesforce.values import fold
from sandbox.wire import Response

MAX_CELL = 32_000
MAX_RECORD = 400_000
NULL = "#N/A"
_KIND = "V2Ingest"
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")


def serve(org: Org, call: Call) -> Response:
    """Answer everything under jobs/ingest."""
    rest = call.parts[2:]
    if not rest:
        return _open(org, call) if call.method == "POST" else Response(200, listing(org, _KIND))
    job = find_job(org, rest[0], _KIND)
    if len(rest) == 1:
        return _job(org, call, job)
    if rest[1] == "batches" and call.method == "PUT":
        return _upload(org, job, call)
    if call.method != "GET":
        raise not_found()
    return _results(job, rest[1].lower())


# ----------------------------------------------------------------------------------------------------------------


def _open(org: Org, call: Call) -> Response:
    body = call.fields()
    type_ = org.type(str(body.get("object")))
    if type_ is None:
        raise request_refused("INVALIDENTITY", f"Entity {body.get('object')} is not supported")
    if body.get("operation") not in _OPERATIONS:
        raise request_refused("INVALIDJOB", f"Operation {body.get('operation')} is not supported")
    if body["operation"] == "upsert" and not body.get("externalIdFieldName"):
        raise request_refused("INVALIDJOB", "externalIdFieldName is needed for upsert")
    if body["operation"] == "upsert":
        save.key_field(type_, body["externalIdFieldName"])
    if spent_today(org, _KIND) >= org.bulk.batches_a_day:
        raise request_refused("LIMIT_EXCEEDED", "The daily number of bulk batches is used up")
    told = ("operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter", "assignmentRuleId")
    values = {name: body[name] for name in told if body.get(name)}
    times = {"apiActiveProcessingTime": 0, "apexProcessingTime": 0}
    more = {"object": type_.name, "state": "Open", "jobType": _KIND, **times}
    work: Job = {"_data": None, "_done": [], "_failed": [], "_left": [], "_batch_rows": 0}
    job = open_job(org, call, "750", {**values, **more, **work})
    job["contentUrl"] = f"{call.base.strip('/')}/jobs/ingest/{job['id']}/batches"
    return Response(200, printed(job))


def _job(org: Org, call: Call, job: Job) -> Response:
    if call.method == "GET":
        if job["state"] == "InProgress":
            _go_on(org, job, org.bulk.step)
        return Response(200, printed(looked_at(org, job)))
    if call.method == "DELETE":
        drop_job(org, job, "UploadComplete")
        return Response(204)
    state = call.fields().get("state")
    if call.method != "PATCH" or state not in ("UploadComplete", "Aborted"):
        raise request_refused("INVALIDJOBSTATE", "state must be UploadComplete or Aborted")
    if job["state"] != "Open" and (state != "Aborted" or job["state"] in TERMINAL):
        raise wrong_state(job)
    job["state"] = state
    if state == "UploadComplete":
        _begin(org, job)
    return Response(200, printed(job))


def _upload(org: Org, job: Job, call: Call) -> Response:
    if job["state"] != "Open" or job["_data"] is not None:
        raise request_refused("INVALIDJOBSTATE", "Found multiple contents for job, or the job is closed")
    if not call.headers.get("content-type", "").startswith("text/csv"):
        raise request_refused("INVALIDJOB", "Content-Type must be text/csv")
    if len(call.body) > org.bulk.max_bytes:
        raise request_refused("EXCEEDED_MAX_SIZE_REQUEST", "The uploaded data is larger than a job may hold")
    job["_data"] = call.body.decode()
    return Response(201)


def _results(job: Job, what: str) -> Response:
    header = job.get("_header", [])
    if what == "successfulresults":
        # Rows come back in another order than they were sent.
        rows = [["sf__Id", "sf__Created", *header], *reversed(job["_done"])]
    elif what == "failedresults":
        rows = [["sf__Id", "sf__Error", *header], *reversed(job["_failed"])]
    elif what == "unprocessedrecords":
        rows = [header, *job["_left"]]
    else:
        raise not_found()
    return Response(200, write_csv(job, rows), {"Content-Type": "text/csv"})


def _begin(org: Org, job: Job) -> None:
    """Check the file as a whole and take the rows of the first step."""
    try:
        header, rows = _parsed(job)
        job["_header"], job["_left"] = header, rows
        _check_columns(org, org.types[job["object"].lower()], header)
        if any(len(cells) != len(header) for cells in rows):
            raise request_refused("InvalidBatch", "the number of fields in a row differs from the header's")
    except RequestRefused as refusal:
        job["_outcome"], job["errorMessage"] = "Failed", f"InvalidBatch : {refusal.problems[0].message}"
        return
    job["_batch_rows"] = len(job["_left"])
    _go_on(org, job, org.bulk.step)


def _go_on(org: Org, job: Job, step: int | None) -> None:
    """Save the next rows of a job; None: all that are left."""
    if "_outcome" in job:
        return
    rows, taken = job["_left"], len(job["_done"]) + len(job["_failed"])
    most = len(rows) if step is None else step
    fails = org.bulk.fail_after is not None and taken + min(most, len(rows)) >= org.bulk.fail_after
    if fails and org.bulk.fail_after is not None:
        most = max(org.bulk.fail_after - taken, 0)
    _save_rows(org, job, rows[:most])
    job["_left"] = rows[most:]
    if fails:
        # What was committed before a job failed stays.
        job["_outcome"], job["errorMessage"] = "Failed", "InternalServerError : too many retries of a batch"
    elif not job["_left"]:
        job["_outcome"] = "JobComplete"
    job["numberRecordsProcessed"] = len(job["_done"]) + len(job["_failed"])
    job["numberRecordsFailed"] = len(job["_failed"])


def _parsed(job: Job) -> tuple[list[str], list[list[str]]]:
    data: str = job["_data"] or ""
    first = data.partition("\n")[0]
    if data and first.endswith("\r") != (job["lineEnding"] == "CRLF"):
        setting = job["lineEnding"]
        raise request_refused(
            "InvalidBatch", f"LineEnding is invalid on user data. Current LineEnding setting is {setting}"
        )
    rows = list(csv.reader(io.StringIO(data, newline=""), delimiter=DELIMITERS[job["columnDelimiter"]]))
    rows = [row for row in rows if row]
    return (rows[0] if rows else []), rows[1:]


def _check_columns(org: Org, type_: ObjectType, header: list[str]) -> None:
    for column in header:
        relationship, _, name = column.rpartition(".")
        link = type_.parent(relationship.rpartition(":")[2]) if relationship else None
        targets = link.reference_to if link is not None else ()
        types = [type_] if not relationship else [one for target in targets if (one := org.type(target)) is not None]
        if not any(one.find(name) for one in types):
            raise request_refused("InvalidBatch", f"Field name not found : {column}")


def _save_rows(org: Org, job: Job, rows: list[list[str]]) -> None:
    type_, header = org.types[job["object"].lower()], job["_header"]
    who = save.Caller(user=org.people.integration, assign=bool(job.get("assignmentRuleId")), csv=True)
    doubled = _doubled(type_, job, header, rows)
    for cells in rows:
        mark = org.mark()
        try:
            saved = _save_row(org, who, type_, job, dict(_fields(header, cells)), doubled)
            job["_done"].append([saved.id, str(saved.created).lower(), *cells])
        except Refused as refusal:
            org.undo(mark)
            problem = refusal.problems[0]
            error = f"{problem.code}:{problem.message}:{','.join(problem.fields or ())} --"
            job["_failed"].append(["", error, *cells])


def _save_row(
    org: Org, who: save.Caller, type_: ObjectType, job: Job, record: dict[str, Any], doubled: set[Any]
) -> save.Saved:
    operation = job["operation"]
    if operation == "insert":
        return save.create(org, who, type_, record)
    if operation == "upsert":
        field = save.key_field(type_, job["externalIdFieldName"])
        key = next((one for name, one in record.items() if name.lower() == field.name.lower()), None)
        if key is not None and fold(field, key) in doubled:
            raise refused("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", field.name)
        return upsert_row(org, who, type_, field, record)
    key = next((one for name, one in record.items() if name.lower() == "id"), None)
    if not key:
        raise refused("MISSING_ARGUMENT", f"Id not specified in {operation} call", "Id")
    if operation == "update":
        return save.update(org, who, type_, key, {name: one for name, one in record.items() if name.lower() != "id"})
    erased = erase(org, who, type_, key)
    if operation == "hardDelete":
        lifecycle.purge(org, erased)
    return save.Saved(id=erased, created=False)


def _doubled(type_: ObjectType, job: Job, header: list[str], rows: list[list[str]]) -> set[Any]:
    if job["operation"] != "upsert":
        return set()
    field = save.key_field(type_, job["externalIdFieldName"])
    places = [place for place, column in enumerate(header) if column.lower() == field.name.lower()]
    given = Counter(fold(field, cells[places[0]].strip()) for cells in rows if places and len(cells) > places[0])
    return {value for value, times in given.items() if times > 1 and value}


def _fields(header: list[str], cells: list[str]) -> Iterator[tuple[str, Any]]:
    if sum(map(len, cells)) > MAX_RECORD:
        raise refused("STRING_TOO_LONG", f"a record has more than {MAX_RECORD} characters")
    for column, cell in zip(header, cells, strict=True):
        if len(cell) > MAX_CELL:
            raise refused("STRING_TOO_LONG", f"a cell has more than {MAX_CELL} characters", column)
        # An empty cell leaves the field alone; only #N/A empties it.
        if cell == "":
            continue
        relationship, _, name = column.rpartition(".")
        value = None if cell == NULL else cell
        yield (relationship.rpartition(":")[2], {name: value}) if relationship else (name, value)
