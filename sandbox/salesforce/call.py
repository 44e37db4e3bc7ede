"""One REST call below `/services/data/vXX.X`, whether it came by HTTP or inside a composite; it does nothing itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.salesforce.errors import RequestRefused, request_refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.save import Caller
from sandbox.salesforce.schema import ObjectType


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call. `parts` are the decoded path segments after the version; `base` is the path up to it."""

    method: str
    parts: tuple[str, ...]
    base: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    outer_all_or_none: bool = False  # set on the parts of a composite call that is rolled back as a whole

    def json(self) -> Any:
        """Return the body parsed; raise RequestRefused when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            message = "Unexpected character or end of input at [line:1, column:1]"
            raise request_refused("JSON_PARSER_ERROR", message) from None

    def fields(self) -> dict[str, Any]:
        """Return the body as one record."""
        body = self.json()
        if not isinstance(body, dict):
            raise request_refused("JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object")
        return body

    def first(self, name: str) -> str | None:
        """Return a query parameter, None without one."""
        return self.query.get(name, [None])[0]

    def flag(self, name: str) -> bool:
        return (self.first(name) or "").lower() == "true"

    def moment(self, header: str) -> int | None:
        """Return a conditional header as epoch seconds; one that is no date counts as absent."""
        text = self.headers.get(header)
        try:
            return int(parsedate_to_datetime(text).timestamp()) if text else None
        except ValueError:
            return None


def caller(org: Org, call: Call) -> Caller:
    """Return how the integration user saves under the call's headers."""
    duplicate = call.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
    return Caller(
        user=org.people.integration,
        assign=call.headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE",
        allow_duplicates="allowsave=true" in duplicate.split(";"),
    )


def split_path(path: str) -> tuple[str, ...]:
    """Return the decoded segments of a path, so that an encoded slash stays inside its segment."""
    return tuple(unquote(segment) for segment in path.strip("/").split("/")) if path.strip("/") else ()


def split_url(url: str) -> tuple[str, dict[str, list[str]]]:
    """Return path and query of a subrequest's url."""
    parts = urlsplit(url)
    return parts.path, parse_qs(parts.query, keep_blank_values=True)


def object_of(org: Org, name: str, *, tooling: bool = False) -> ObjectType:
    """Return the object a path names; raise RequestRefused NOT_FOUND."""
    found = org.type(name, tooling=tooling)
    if found is None:
        raise not_found()
    return found


def not_found() -> RequestRefused:
    return request_refused("NOT_FOUND", "The requested resource does not exist")


def wrong_method(call: Call, allowed: str) -> RequestRefused:
    message = f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}"
    return request_refused("METHOD_NOT_ALLOWED", message)
