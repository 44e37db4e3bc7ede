"""Bulk API 2.0: which kind of job a call is about; what the jobs do is in ingest.py and extract.py."""

from __future__ import annotations

from sandbox.salesforce import extract, ingest
from sandbox.salesforce.call import Call, not_found
from sandbox.salesforce.org import Org
from sandbox.wire import Response


def serve(org: Org, call: Call) -> Response:
    """Answer everything under jobs."""
    kind = call.parts[1] if len(call.parts) > 1 else ""
    if kind == "ingest":
        return ingest.serve(org, call)
    if kind == "query":
        return extract.serve(org, call)
    raise not_found()
