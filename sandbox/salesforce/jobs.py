"""What ingest and query jobs of Bulk 2.0 have in common: their record, their states and their CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from sandbox.salesforce.call import Call, not_found
from sandbox.salesforce.errors import RequestRefused, request_refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import DAY, Org
from sandbox.salesforce.values import print_datetime

Job = dict[str, Any]  # what is printed, and under names that start with _ what is not

TERMINAL = ("JobComplete", "Failed", "Aborted")
KEPT = 7 * DAY
BATCH = 10_000  # rows; what the daily number of ingest batches counts
DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}


def open_job(org: Org, call: Call, prefix: str, values: Job) -> Job:
    """Make a job and return it."""
    forget_old(org)
    job: Job = {
        "id": org.new_id(prefix),
        "createdById": org.people.integration,
        "createdDate": print_datetime(org.now()),
        "systemModstamp": print_datetime(org.now()),
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(call.base.rpartition("v")[2]),
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "retries": 0,
        "totalProcessingTime": 0,
        "_made": org.now(),
        "_polls": org.bulk.polls,
        **values,
    }
    if (
        job["columnDelimiter"] not in DELIMITERS
        or job["lineEnding"] not in ("LF", "CRLF")
        or job["contentType"] != "CSV"
    ):
        raise request_refused("INVALIDJOB", "contentType, columnDelimiter or lineEnding is not supported")
    org.jobs[job["id"]] = job
    return job


def find_job(org: Org, key: str, kind: str) -> Job:
    """Return the job of that kind; raise RequestRefused NOT_FOUND."""
    forget_old(org)
    job = org.jobs.get(full_id(key) or "")
    if job is None or job["jobType"] != kind:
        raise not_found()
    return job


def printed(job: Job) -> Job:
    return {name: value for name, value in job.items() if not name.startswith("_")}


def looked_at(org: Org, job: Job) -> Job:
    """Return the job as a poll sees it: some polls after the work was queued still find it in progress."""
    if job["state"] == "UploadComplete":
        job["state"] = "InProgress"
    elif job["state"] == "InProgress":
        job["_polls"] -= 1
        if job["_polls"] <= 0:
            job["state"] = job.get("_outcome", "InProgress")
    job["systemModstamp"] = print_datetime(org.now())
    return job


def forget_old(org: Org) -> None:
    """Drop jobs and their results when their seven days are over."""
    for key in [key for key, job in org.jobs.items() if org.now() - job["_made"] > KEPT]:
        del org.jobs[key]


def spent_today(org: Org, kind: str) -> int:
    """Return the ingest batches, or the query jobs, of the last 24 hours."""
    today = [job for job in org.jobs.values() if job["jobType"] == kind and org.now() - job["_made"] < DAY]
    return sum(-(-job["_batch_rows"] // BATCH) if "_batch_rows" in job else 1 for job in today)


def listing(org: Org, kind: str) -> Job:
    forget_old(org)
    return {
        "done": True,
        "nextRecordsUrl": None,
        "records": [printed(job) for job in org.jobs.values() if job["jobType"] == kind],
    }


def drop_job(org: Org, job: Job, *also: str) -> None:
    """Delete a job that is over."""
    if job["state"] not in (*TERMINAL, *also):
        raise request_refused("API_ERROR", f"Unable to delete a job in state {job['state']}")
    del org.jobs[job["id"]]


def write_csv(job: Job, rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as the job's CSV, every cell quoted."""
    file = io.StringIO()
    ending = "\r\n" if job["lineEnding"] == "CRLF" else "\n"
    delimiter = DELIMITERS[job["columnDelimiter"]]
    csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue().encode()


def wrong_state(job: Job) -> RequestRefused:
    return request_refused("INVALIDJOBSTATE", f"This is not possible in job state {job['state']}")
