"""A simulated HubSpot account behind real HTTP, with every answer judged by the OpenAPI documents as it leaves.

What the answers should say beyond their shape is for the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import requests
from hubspot import HubSpot as Client
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from sandbox.hubspot import HubSpot
from sandbox.wire import Request, Response, Server

DOCUMENTS = Path(__file__).parents[1] / "contracts" / "hubspot-openapi" / "v3"
TOKEN = "pat-na1-sandbox"
START = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    @property
    def ms(self) -> int:
        return int(self.now * 1000)


class Judged:
    """The simulator with a judge at its door: notes every answer and those its document does not allow."""

    name = "hubspot"

    def __init__(self, inner: HubSpot) -> None:
        self.inner = inner
        self.seen: set[tuple[str, str, str]] = set()  # (method, path template, status as declared)
        self.violations: list[str] = []

    def label(self, request: Request) -> str:
        return self.inner.label(request)

    def handle(self, request: Request) -> Response:
        try:
            response = self.inner.handle(request)
        except Exception as defect:
            self.violations.append(f"{self.label(request)}: {defect!r}")
            raise
        self.violations += violations(request.method, request.path, response, self.seen)
        return response


class Account:
    """What a test holds: the account's inside (`hub`), its clock, and a caller on the outside."""

    def __init__(self, hub: HubSpot, clock: Clock, server: Server, judge: Judged) -> None:
        self.hub, self.clock, self.server, self.judge = hub, clock, server, judge
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        prefix = "" if path.startswith("/") else "/crm/v3/objects/"
        return self.session.request(method, f"{self.server.url}{prefix}{path}", json=body, params=query, timeout=60)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, **query)

    def post(self, path: str, body: Any, **query: Any) -> requests.Response:
        return self.call("POST", path, body, **query)

    def patch(self, path: str, properties: dict[str, Any], **query: Any) -> requests.Response:
        return self.call("PATCH", path, {"properties": properties}, **query)

    def create(self, kind: str, **properties: Any) -> dict[str, Any]:
        answer = self.post(kind, {"properties": properties})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def search(self, kind: str, *filters: dict[str, Any], **more: Any) -> requests.Response:
        groups = {"filterGroups": [{"filters": list(filters)}]} if filters else {}
        return self.post(f"{kind}/search", {**groups, **more})

    def found(self, kind: str, *filters: dict[str, Any], **more: Any) -> list[str]:
        answer = self.search(kind, *filters, **more)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]

    def client(self) -> Client:
        """Return HubSpot's own client as one that cares about speed sets it up: one pool, no retries of its own."""
        pool: dict[str, Any] = {}

        def factory(package: Any, name: str, config: dict[str, Any]) -> Any:
            if package.__name__ not in pool:
                settings = package.Configuration()
                settings.host, settings.access_token, settings.retries = config["host"], config["access_token"], False
                pool[package.__name__] = package.ApiClient(configuration=settings)
            return getattr(package, name)(api_client=pool[package.__name__])

        return Client(access_token=TOKEN, host=self.server.url, api_factory=factory)


@contextmanager
def open_account(**settings: Any) -> Iterator[Account]:
    """Serve a fresh account; fail at the end when it broke down or any of its answers broke its document."""
    clock = Clock()
    judge = Judged(HubSpot(TOKEN, clock=clock, **settings))
    with Server(judge) as server:
        account = Account(judge.inner, clock, server, judge)
        yield account
        account.session.close()
    assert judge.violations == []


def violations(method: str, path: str, response: Response, seen: set[tuple[str, str, str]] | None = None) -> list[str]:
    """Return how an answer differs from what its document declares; nothing for paths without a document."""
    for pattern, template, operations in _operations():
        if method not in operations or not pattern.fullmatch(_undated(path)):
            continue
        declared = operations[method]
        status = str(response.status) if str(response.status) in declared else "default"
        if seen is not None:
            seen.add((method, template, status))
        if response.status < 400 and status == "default":
            return [f"{method} {template}: {response.status} is not declared"]
        check = declared[status]
        if check is None or isinstance(response.body, bytes):
            return (
                [] if response.body is None or check is not None else [f"{method} {template}: a body where none is due"]
            )
        body = json.loads(json.dumps(response.body))
        return [f"{method} {template} {status}: {error.json_path} {error.message}" for error in check.iter_errors(body)]
    return []


def operations() -> set[tuple[str, str]]:
    """Return every (method, path template) of the documents."""
    return {(method, template) for _, template, found in _operations() for method in found}


Operation = dict[str, "OAS30Validator | None"]


@cache
def _operations() -> list[tuple[re.Pattern[str], str, dict[str, Operation]]]:
    found = []
    for file in sorted(DOCUMENTS.glob("*.json")):
        document = json.loads(file.read_text())
        for template, item in document["paths"].items():
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template.rstrip("/"))) + "/?")
            verbs = {verb.upper(): _responses(document, item[verb]) for verb in item if verb != "parameters"}
            found.append((pattern, template, verbs))
    return sorted(found, key=lambda one: "{" in one[1])  # batch/read before {id}


def _responses(document: dict[str, Any], operation: dict[str, Any]) -> Operation:
    checks: Operation = {}
    for status, response in operation["responses"].items():
        content = response.get("content")
        checks[status] = _validator(document, content["application/json"]["schema"]) if content else None
    return checks


def _validator(document: dict[str, Any], schema: dict[str, Any]) -> OAS30Validator:
    whole = {**schema, "components": document["components"]}
    return OAS30Validator(whole, format_checker=oas30_format_checker)


def _undated(path: str) -> str:
    return re.sub(r"^/crm/(objects|properties|owners)/\d{4}-\d{2}", r"/crm/v3/\1", path)


def where(name: str, operator: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a search filter."""
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}
