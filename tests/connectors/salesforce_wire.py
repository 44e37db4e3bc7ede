"""A server that answers Salesforce calls as a test scripts them, for what no healthy org does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from connectors.contract import Policy, Reading, WriteRequest
from connectors.salesforce import SalesforceConnector, Settings, connect
from sandbox.wire import Request, Response, Server

SECRET = "canary-secret-4711"
TOKEN = "canary-token-4712"
ORG = "00Dxx0000001gPLEAY"
USER = "005xx000001SwiUAAS"
CANARY = "canary.person@example.test"  # a value that may stand in no message
TOKENS, COMPOSITE = "oauth2/token", "/composite"  # parts of labels

PartAnswer = tuple[int, Any]
Part = Callable[[dict[str, Any]], PartAnswer]


def rows_written(part: dict[str, Any]) -> PartAnswer:
    """Answer a collection as if every row went through."""
    count = len(part["body"]["records"])
    return 200, [{"id": f"00Q00000000{n:04}AAA", "success": True, "errors": [], "created": True} for n in range(count)]


def refusal(code: str, message: str = "", fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, "fields": list(fields)}]


def row_error(code: str, message: str = "", fields: Sequence[str] = ()) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


class Scripted:
    """`part` answers the parts of composite calls, `plain` all other calls; both may be replaced at any time."""

    name = "scripted"

    def __init__(self, part: Part = rows_written) -> None:
        self.part = part
        self.plain: Callable[[Request], Response] = lambda request: Response(404, refusal("NOT_FOUND"))
        self.tokens = 0
        self.dead_tokens: set[str] = set()
        self.token_answer: Response | None = None
        self.headers: dict[str, str] = {}
        self.requests: list[Request] = []
        self.calls: list[list[dict[str, Any]]] = []  # the parts of each composite call

    def label(self, request: Request) -> str:
        return f"{request.method} {request.path.removeprefix('/services/')}"

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path == "/services/oauth2/token":
            return self._token()
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.dead_tokens:
            return Response(401, refusal("INVALID_SESSION_ID", "Session expired or invalid"))
        if not request.path.endswith("/composite"):
            return self.plain(request)
        parts = request.json()["compositeRequest"]
        self.calls.append(parts)
        told = []
        for part in parts:
            status, body = self.part(part)
            if status:
                told.append(
                    {"referenceId": part["referenceId"], "httpStatusCode": status, "httpHeaders": {}, "body": body}
                )
        return Response(200, {"compositeResponse": told}, self.headers)

    def _token(self) -> Response:
        if self.token_answer is not None:
            return self.token_answer
        self.tokens += 1
        told = {
            "access_token": f"{TOKEN}-{self.tokens}",
            "instance_url": "https://elsewhere.example",
            "token_type": "Bearer",
        }
        return Response(200, {**told, "id": f"https://login.salesforce.com/id/{ORG}/{USER}"})


@contextmanager
def scripted(part: Part = rows_written, **settings: Any) -> Iterator[tuple[Scripted, SalesforceConnector, Server]]:
    """Yield a scripted org, a connector to it whose waits take no time, and the server between them."""
    org = Scripted(part)
    with Server(org) as server:
        yield org, connector_to(server, **settings), server


def connector_to(
    server: Server, sleep: Callable[[float], None] = lambda _: None, **settings: Any
) -> SalesforceConnector:
    given = {"instance_url": server.url, "auth": {"client_id": "app", "client_secret": SECRET}, **settings}
    return connect("sf", Settings.model_validate(given), sleep=sleep)


class Stored:
    """A store of pages as the daemon keeps them: the newest version of each record, and each kind's cursor."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.cursors: dict[str, Any] = {}

    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return sum(since <= record.modified < before for record in self.records.get(kind, {}).values())

    def take(self, page: Any) -> None:
        self.records.setdefault(page.kind, {}).update({record.id: record for record in page.records})
        self.cursors[page.kind] = page.cursor

    def forget(self, kind: str, id: str) -> None:
        del self.records[kind][id]


def row(number: int, stamp: str = "2026-01-02T03:04:05.000+0000", **fields: Any) -> dict[str, Any]:
    return {"attributes": {}, "Id": f"00Q00000000{number:04}AAA", "SystemModstamp": stamp, "IsDeleted": False, **fields}


def reading(kind: str = "Lead", fields: tuple[str, ...] = ("Email",), after: Any = None) -> Reading:
    return Reading(kind=kind, fields=fields, after=after)


def lead(number: int, **fields: Any) -> WriteRequest:
    """A create through the key field that the sandbox and the scripted org know."""
    fields = {"LastName": f"Test {number}", "Company": "Acme", **fields}
    key = ("Syncd_Key__c", f"key-{number}")
    return WriteRequest(token=str(number), kind="Lead", policy=Policy.CREATE, fields=fields, key=key)


def update(number: int, id: str, **fields: Any) -> WriteRequest:
    return WriteRequest(token=str(number), kind="Lead", policy=Policy.UPDATE, fields=fields, id=id)
