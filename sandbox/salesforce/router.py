"""Which endpoint answers a call, by its path below the version; nothing is decided about records here."""

from __future__ import annotations

from dataclasses import replace

from sandbox.salesforce import (
    bulk,
    collections,
    composite,
    definitions,
    describe,
    pages,
    records,
    replication,
)
from sandbox.salesforce.call import Call, not_found, wrong_method
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.jobs import spent_today
from sandbox.salesforce.org import Org
from sandbox.wire import Response

_RESOURCES = ("sobjects", "query", "queryAll", "limits", "composite", "tooling", "jobs", "ui-api")


class Router:
    """Answers calls on one org. `daily` is its allowance of API calls."""

    def __init__(self, org: Org, daily: int) -> None:
        self.org = org
        self.daily = daily

    def answer(self, call: Call) -> Response:
        """Answer a call; a refusal undoes what the call had written."""
        mark = self.org.mark()
        if call.method == "POST" and "_HttpMethod" in call.query:
            call = _tunnelled(call)
        try:
            return self._route(call)
        except Refused as refusal:
            self.org.undo(mark)
            return refusal.response()

    def _route(self, call: Call) -> Response:
        first = call.parts[0] if call.parts else ""
        if first in ("query", "queryAll"):
            return pages.serve(self.org, call)
        if first == "sobjects":
            return self._objects(call)
        if first == "composite":
            return self._composite(call)
        if first == "tooling":
            return definitions.serve(self.org, call)
        if first == "jobs":
            return bulk.serve(self.org, call)
        if first == "ui-api":
            return describe.picklist_values(self.org, call)
        if first == "limits" and call.method == "GET":
            return self._limits()
        if not first:
            return Response(200, {name: f"{call.base}/{name}" for name in _RESOURCES})
        raise not_found()

    def _objects(self, call: Call) -> Response:
        reading = call.method in ("GET", "HEAD")
        below = call.parts[2:]
        if len(call.parts) == 1:
            return describe.describe_all(self.org, call)
        if reading and not below:
            return describe.basics(self.org, call)
        if reading and below == ("describe",):
            return describe.describe_object(self.org, call)
        if reading and below in (("updated",), ("deleted",)):
            return replication.serve(self.org, call)
        return records.serve(self.org, call)

    def _composite(self, call: Call) -> Response:
        kind = call.parts[1] if len(call.parts) > 1 else ""
        if kind == "sobjects":
            return collections.serve(self.org, call)
        if call.method != "POST":
            raise wrong_method(call, "POST")
        if kind == "batch":
            return composite.batch(self.org, call, self.answer)
        if kind == "graph":
            return composite.graph(self.org, call, self.answer)
        if kind == "tree" and len(call.parts) == 3:
            return composite.tree(self.org, call)
        if not kind:
            return composite.composite(self.org, call, self.answer)
        raise not_found()

    def _limits(self) -> Response:
        left = max(self.daily - self.org.calls_today(), 0)
        batches, queries = self.org.bulk.batches_a_day, self.org.bulk.queries_a_day
        return Response(
            200,
            {
                "DailyApiRequests": {"Max": self.daily, "Remaining": left},
                "DailyBulkApiBatches": {"Max": batches, "Remaining": batches - spent_today(self.org, "V2Ingest")},
                "DailyBulkV2QueryJobs": {"Max": queries, "Remaining": queries - spent_today(self.org, "V2Query")},
                "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_562},
                "DataStorageMB": {"Max": 1_024, "Remaining": 1_000},
            },
        )


def _tunnelled(call: Call) -> Call:
    query = {name: values for name, values in call.query.items() if name != "_HttpMethod"}
    return replace(call, method=(call.first("_HttpMethod") or "").upper(), query=query)
