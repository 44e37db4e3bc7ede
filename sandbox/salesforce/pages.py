"""The query endpoints: pages, locators and COUNT(); which rows a statement finds is query.py's business."""

from __future__ import annotations

import re
from typing import Any

from sandbox.salesforce.call import Call, wrong_method
from sandbox.salesforce.errors import request_refused
from sandbox.salesforce.org import Cursor, Org
from sandbox.salesforce.query import Statement, prepare, render, run
from sandbox.wire import Response

CURSOR_LIFE = 2 * 86_400
WIDE_PAGE = 500  # "wide rows give fewer even when asked for more"; the real number is not published
_HINT = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


def serve(org: Org, call: Call) -> Response:
    """Answer GET query, queryAll and query/LOCATOR."""
    if call.method != "GET":
        raise wrong_method(call, "GET,HEAD")
    if len(call.parts) == 2:
        return _next(org, call, call.parts[1])
    text = call.first("q")
    if text is None:
        raise request_refused("MALFORMED_QUERY", "A query string has to be specified")
    return start(org, call, text)


def start(org: Org, call: Call, text: str, *, tooling: bool = False) -> Response:
    """Answer the first page of a statement."""
    statement = prepare(org, text, tooling=tooling)
    ids = run(org, statement, deleted=call.parts[-1].lower() == "queryall")
    if statement.counts == "rows":
        return Response(200, {"totalSize": len(ids), "done": True, "records": []})
    if statement.counts == "field":
        total = {"attributes": {"type": "AggregateResult"}, "expr0": len(ids)}
        return Response(200, {"totalSize": 1, "done": True, "records": [total]})
    size = page_size(org, call, statement)
    if len(ids) <= size:
        return Response(200, _page(org, call, statement, ids, len(ids), None))
    locator = org.new_id("01g")
    org.cursors[locator] = Cursor(soql=text, ids=ids, page=size, created=org.now())
    following = f"{call.base}/query/{locator}-{size}"
    return Response(200, _page(org, call, statement, ids[:size], len(ids), following))


def page_size(org: Org, call: Call, statement: Statement) -> int:
    """Return how many rows the first page has; the caller's wish is a hint within 200 and 2,000."""
    hint = _HINT.search(call.headers.get("sforce-query-options", ""))
    wish = min(max(int(hint.group(1)), 200), 2_000) if hint else 2_000
    return min(wish, org.page_limit, WIDE_PAGE if statement.wide else 2_000)


# ----------------------------------------------------------------------------------------------------------------


def _next(org: Org, call: Call, text: str) -> Response:
    locator, _, offset_text = text.partition("-")
    cursor = org.cursors.get(locator)
    offset = int(offset_text) if offset_text.isdigit() else -1
    if cursor is None or org.now() - cursor.created > CURSOR_LIFE or not 0 <= offset <= len(cursor.ids):
        raise request_refused("INVALID_QUERY_LOCATOR", "invalid query locator")
    statement = prepare(org, cursor.soql)
    end = offset + cursor.page
    following = f"{call.base}/query/{locator}-{end}" if end < len(cursor.ids) else None
    return Response(200, _page(org, call, statement, cursor.ids[offset:end], len(cursor.ids), following))


def _page(
    org: Org, call: Call, statement: Statement, ids: list[str], total: int, following: str | None
) -> dict[str, Any]:
    rows = org.tables[statement.type.name].rows
    records = [render(org, statement.type, statement.shape, rows[key], call.base) for key in ids if key in rows]
    made: dict[str, Any] = {"totalSize": total, "done": following is None}
    if following is not None:
        made["nextRecordsUrl"] = following
    return {**made, "records": records}
