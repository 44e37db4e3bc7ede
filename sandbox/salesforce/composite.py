"""Calls that carry calls: composite, batch, graph and tree; each part is answered by the router like any other call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.salesforce import save
from sandbox.salesforce.call import Call, caller, object_of, split_path, split_url
from sandbox.salesforce.errors import Refused, request_refused
from sandbox.salesforce.org import Org
from sandbox.wire import Response

MAX_PARTS = 25
MAX_HEAVY = 5  # queries and collections among them
MAX_GRAPHS = 75
MAX_NODES = 500
MAX_KINDS = 15
MAX_TREE = 200

Answer = Callable[[Call], Response]
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_FORBIDDEN_HEADERS = {"accept", "authorization", "content-type"}
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."


def composite(org: Org, call: Call, answer: Answer) -> Response:
    """Answer POST composite."""
    body = call.fields()
    parts = _parts(body, "compositeRequest")
    if len(parts) > MAX_PARTS:
        raise request_refused("LIMIT_EXCEEDED", f"The limit of {MAX_PARTS} subrequests is exceeded")
    if sum(_heavy(part) for part in parts) > MAX_HEAVY:
        raise request_refused(
            "LIMIT_EXCEEDED", f"The limit of {MAX_HEAVY} query and collections subrequests is exceeded"
        )
    collate = body.get("collateSubrequests", True) is not False
    results = _run(org, call, parts, answer, all_or_none=bool(body.get("allOrNone")), collate=collate)
    return Response(200, {"compositeResponse": results})


def batch(org: Org, call: Call, answer: Answer) -> Response:
    """Answer POST composite/batch: independent parts, each a call of its own against the limit."""
    body = call.fields()
    parts = body.get("batchRequests")
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
        raise request_refused("LIMIT_EXCEEDED", f"between 1 and {MAX_PARTS} batchRequests are needed")
    for _ in parts[1:]:
        org.count_call()
    results: list[dict[str, Any]] = []
    failed = False
    for part in parts:
        if failed and body.get("haltOnError"):
            halted = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
            results.append({"statusCode": 412, "result": [halted]})
            continue
        made = _call_of(call, part, f"/services/data/{part.get('url', '')}", part.get("richInput"), {})
        response = answer(made)
        failed = failed or response.status >= 400
        results.append({"statusCode": response.status, "result": response.body})
    return Response(200, {"hasErrors": failed, "results": results})


def graph(org: Org, call: Call, answer: Answer) -> Response:
    """Answer POST composite/graph: each graph all or nothing."""
    graphs = call.fields().get("graphs")
    if not isinstance(graphs, list) or not 1 <= len(graphs) <= MAX_GRAPHS:
        raise request_refused("LIMIT_EXCEEDED", f"between 1 and {MAX_GRAPHS} graphs are needed")
    lists = [_parts(one, "compositeRequest") for one in graphs]
    if sum(len(parts) for parts in lists) > MAX_NODES:
        raise request_refused("LIMIT_EXCEEDED", f"The limit of {MAX_NODES} nodes is exceeded")
    results = []
    for one, parts in zip(graphs, lists, strict=True):
        if len({(part.get("method"), _object_in(part)) for part in parts}) > MAX_KINDS:
            raise request_refused("LIMIT_EXCEEDED", f"The limit of {MAX_KINDS} different nodes in a graph is exceeded")
        answers = _run(org, call, parts, answer, all_or_none=True, collate=False)
        fine = all(result["httpStatusCode"] < 400 for result in answers)
        response = {"compositeResponse": answers}
        results.append({"graphId": one.get("graphId"), "graphResponse": response, "isSuccessful": fine})
    return Response(200, {"graphs": results})


def tree(org: Org, call: Call) -> Response:
    """Answer POST composite/tree/X: nested rows created together or not at all."""
    records = call.fields().get("records")
    if not isinstance(records, list) or not records:
        raise request_refused("INVALID_INPUT", "records is required")
    mark = org.mark()
    made: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for record in records:
        _plant(org, call, record, {}, made, failed)
    if len(made) + len(failed) > MAX_TREE:
        org.undo(mark)
        raise request_refused("LIMIT_EXCEEDED", f"The limit of {MAX_TREE} records is exceeded")
    if failed:
        org.undo(mark)
        return Response(400, {"hasErrors": True, "results": failed})
    return Response(201, {"hasErrors": False, "results": made})


# ----------------------------------------------------------------------------------------------------------------


def _parts(body: Any, name: str) -> list[dict[str, Any]]:
    parts = body.get(name) if isinstance(body, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise request_refused("JSON_PARSER_ERROR", f"{name} is required and must be a list of objects")
    names = [part.get("referenceId") for part in parts]
    if not all(isinstance(one, str) and re.fullmatch(r"[A-Za-z]\w*", one) for one in names):
        raise request_refused(
            "INVALID_INPUT", "every subrequest needs a referenceId of letters, digits and underscores"
        )
    if len(set(names)) != len(names):
        raise request_refused("INVALID_INPUT", "a referenceId is used twice")
    for part in parts:
        headers = part.get("httpHeaders") or {}
        if _FORBIDDEN_HEADERS & {header.lower() for header in headers}:
            raise request_refused("INVALID_INPUT", "Accept, Authorization and Content-Type are not allowed here")
        if not re.match(r"/services/data/v\d+\.\d/", str(part.get("url"))):
            raise request_refused("INVALID_INPUT", "The url of a subrequest must start with /services/data/vXX.X/")
    return parts


def _heavy(part: Mapping[str, Any]) -> bool:
    path = str(part.get("url")).split("/", 4)[4].lower()
    return path.startswith(("query", "composite/sobjects"))


def _object_in(part: Mapping[str, Any]) -> str:
    return "/".join(split_path(split_url(str(part.get("url")))[0])[3:5])


def _run(
    org: Org, call: Call, parts: list[dict[str, Any]], answer: Answer, *, all_or_none: bool, collate: bool
) -> list[dict[str, Any]]:
    mark = org.mark()
    done: dict[str, Response] = {}
    for part in _collated(parts) if collate else parts:
        done[part["referenceId"]] = _answer_part(call, part, done, answer, all_or_none)
    if all_or_none and any(_failed(response) for response in done.values()):
        org.undo(mark)
        done = {name: response if _failed(response) else _halted(_HALTED) for name, response in done.items()}
    return [
        {
            "body": done[part["referenceId"]].body,
            "httpHeaders": done[part["referenceId"]].headers,
            "httpStatusCode": done[part["referenceId"]].status,
            "referenceId": part["referenceId"],
        }
        for part in parts
    ]


def _collated(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the order of a collated call: parts of one kind together, but never before what they refer to."""
    order: list[dict[str, Any]] = []
    waiting = list(parts)
    while waiting:
        ready = [part for part in waiting if not _needs(part) & {one["referenceId"] for one in waiting}]
        if not ready:
            return order + waiting
        kind = (ready[0].get("method"), _object_in(ready[0]))
        chosen = [part for part in ready if (part.get("method"), _object_in(part)) == kind]
        order.extend(chosen)
        waiting = [part for part in waiting if part not in chosen]
    return order


def _needs(part: Mapping[str, Any]) -> set[str]:
    text = json.dumps([part.get("url"), part.get("body")])
    return {match.group(1) for match in _REFERENCE.finditer(text)}


def _answer_part(
    call: Call, part: Mapping[str, Any], done: Mapping[str, Response], answer: Answer, all_or_none: bool
) -> Response:
    try:
        url = str(_resolved(part["url"], done))
        body = _resolved(part.get("body"), done)
    except LookupError as error:
        return _halted(f"Invalid reference specified. No value for {error.args[0]} found")
    return answer(_call_of(call, part, url, body, part.get("httpHeaders") or {}, all_or_none=all_or_none))


def _call_of(
    call: Call,
    part: Mapping[str, Any],
    url: str,
    body: Any,
    headers: Mapping[str, str],
    *,
    all_or_none: bool = False,
) -> Call:
    path, query = split_url(url)
    return Call(
        method=str(part.get("method", "GET")).upper(),
        parts=split_path(path)[3:],
        base=call.base,
        query=query,
        headers={**call.headers, **{name.lower(): value for name, value in headers.items()}},
        body=json.dumps(body).encode() if body is not None else b"",
        outer_all_or_none=all_or_none,
    )


def _resolved(value: Any, done: Mapping[str, Response]) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(one, done) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, done) for one in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda match: str(_referred(match, done)), value)


def _referred(match: re.Match[str], done: Mapping[str, Response]) -> Any:
    name = match.group(1)
    response = done.get(name)
    here: Any = response.body if response is not None and response.status < 300 else None
    for step in _STEP.finditer(match.group(2)):
        key, place = step.groups()
        try:
            here = here[key] if key is not None else here[int(place)]
        except (LookupError, TypeError):
            raise LookupError(match.group(0)[2:-1]) from None
    if here is None or isinstance(here, dict | list):
        raise LookupError(match.group(0)[2:-1])
    return here


def _failed(response: Response) -> bool:
    rows = response.body if response.status == 200 and isinstance(response.body, list) else []
    return response.status >= 300 or any(isinstance(row, dict) and row.get("success") is False for row in rows)


def _halted(message: str) -> Response:
    return Response(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])


def _plant(
    org: Org,
    call: Call,
    record: dict[str, Any],
    links: dict[str, Any],
    made: list[dict[str, Any]],
    failed: list[dict[str, Any]],
) -> None:
    attributes = record.get("attributes") or {}
    type_ = object_of(org, str(attributes.get("type")))
    nested = {name: one["records"] for name, one in record.items() if isinstance(one, dict) and "records" in one}
    own = {name: one for name, one in record.items() if name not in nested}
    try:
        saved = save.create(org, caller(org, call), type_, {**own, **links})
    except Refused as refusal:
        errors = [problem.row() for problem in refusal.problems]
        failed.append({"referenceId": attributes.get("referenceId"), "errors": errors})
        return
    made.append({"referenceId": attributes.get("referenceId"), "id": saved.id})
    for children in nested.values():
        for child in children:
            child_type = object_of(org, str((child.get("attributes") or {}).get("type")))
            link = next((one.name for one in child_type.visible() if one.reference_to[:1] == (type_.name,)), None)
            _plant(org, call, child, {link: saved.id} if link else {}, made, failed)
