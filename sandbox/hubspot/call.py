"""One API call read the way HubSpot reads it: flags in any case, lists joined or repeated, bodies that must be JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.hubspot.errors import ApiError, invalid_input, required_fields
from sandbox.hubspot.paths import Path
from sandbox.wire import Request

BATCH_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request and where it is addressed to."""

    request: Request
    path: Path

    @property
    def method(self) -> str:
        return self.request.method

    def text(self, name: str) -> str | None:
        values = self.request.query.get(name)
        return values[-1] if values and values[-1] != "" else None

    def flag(self, name: str) -> bool:
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise ApiError(400, f"Invalid value for query parameter {name}")
        return value == "true"

    def names(self, name: str) -> list[str]:
        joined = ",".join(self.request.query.get(name, []))
        return [part.strip() for part in joined.split(",") if part.strip()]

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isdigit():
            raise ApiError(400, f"Invalid integer value for query parameter {name}")
        return int(text)

    def json(self) -> dict[str, Any]:
        """Return the JSON object sent as body."""
        if self.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ApiError(415, "HTTP 415 Unsupported Media Type", None)
        try:
            body = json.loads(self.request.body)
        except ValueError as error:
            raise invalid_input("Unexpected character or end of input") from error
        if not isinstance(body, dict):
            raise invalid_input("Cannot deserialize the body: an object was expected")
        return body

    def listing(self) -> list[Any]:
        """Return the JSON list sent as body."""
        try:
            body = json.loads(self.request.body)
        except ValueError as error:
            raise invalid_input("Unexpected character or end of input") from error
        if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
            raise invalid_input("Cannot deserialize the body: a list of objects was expected")
        return body

    def inputs(self, most: int = BATCH_LIMIT) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return a batch call's body and its rows."""
        body = self.json()
        rows = body.get("inputs")
        if not isinstance(rows, list):
            raise required_fields(["inputs"])
        if len(rows) > most:
            raise ApiError(400, f"The maximum number of inputs supported in a batch request is {most}")
        if not all(isinstance(row, dict) for row in rows):
            raise invalid_input("Cannot deserialize value of `inputs`: objects were expected")
        return body, rows


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a required object inside a body."""
    value = body.get(name)
    if value is None:
        raise required_fields([name])
    if not isinstance(value, dict):
        raise invalid_input(f"Cannot deserialize value of `{name}`: an object was expected")
    return value


def word(body: Mapping[str, Any], name: str) -> str:
    """Return a required text inside a body; ids sent as numbers are read as text."""
    value = body.get(name)
    if value is None or isinstance(value, dict | list | bool):
        raise required_fields([name])
    return str(value)


def words(body: Mapping[str, Any], name: str) -> Sequence[str]:
    """Return an optional list of texts inside a body."""
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_input(f"Cannot deserialize value of `{name}`: a list of strings was expected")
    return value
