"""The updated and deleted endpoints: ids by minute windows."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.call import Call, object_of
from sandbox.salesforce.errors import RequestRefused, request_refused
from sandbox.salesforce.org import DAY, Org
from sandbox.salesforce.schema import ObjectType
from sandbox.salesforce.table import HIGHEST_ID, LOWEST_ID
from sandbox.salesforce.values import parse_moment, print_datetime
from sandbox.wire import Response

MAX_IDS = 600_000
_UPDATED_DAYS = 30
_DELETED_DAYS = 15


def serve(org: Org, call: Call) -> Response:
    """Answer GET sobjects/X/updated and sobjects/X/deleted."""
    type_ = object_of(org, call.parts[1])
    deleted = call.parts[2] == "deleted"
    start, end = _moment(call, "start"), _moment(call, "end")
    oldest = org.now() - (_DELETED_DAYS if deleted else _UPDATED_DAYS) * DAY
    if start >= end or start < oldest // 60 * 60:
        message = (
            f"startDate before org replication enabled date or outside the last {(org.now() - oldest) // DAY} days"
        )
        raise request_refused("INVALID_REPLICATION_DATE", message)
    covered = print_datetime(min(end, _covered(org)))
    rows = _rows(org, type_, start, end, deleted)
    if not deleted:
        return Response(200, {"ids": [row["Id"] for row in rows], "latestDateCovered": covered})
    gone = [{"id": row["Id"], "deletedDate": print_datetime(row["SystemModstamp"])} for row in rows]
    earliest = print_datetime(oldest // 60 * 60)
    return Response(200, {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": covered})


def _moment(call: Call, name: str) -> int:
    text = call.first(name) or ""
    stored = parse_moment("datetime", text)
    if not isinstance(stored, int):
        raise _bad_window(f"Invalid or missing {name} parameter: a date and time with a zone is needed")
    return stored // 60 * 60


def _covered(org: Org) -> int:
    # Held back to the start of the longest open transaction of the whole instance.
    since = org.long_transaction_since
    return (org.now() if since is None else min(since, org.now())) // 60 * 60


def _rows(org: Org, type_: ObjectType, start: int, end: int, deleted: bool) -> list[dict[str, Any]]:
    table = org.tables[type_.name]
    low, high = table.between((start, LOWEST_ID), (end - 1, HIGHEST_ID))
    rows = (table.rows[key] for _, key in table.stamps[low:high])
    found = [row for row in rows if bool(row.get("IsDeleted")) == deleted]
    if len(found) > MAX_IDS:
        raise request_refused("EXCEEDED_ID_LIMIT", f"more than {MAX_IDS} ids: choose a narrower window")
    return found


def _bad_window(message: str) -> RequestRefused:
    return request_refused("INVALID_REPLICATION_DATE", message)
