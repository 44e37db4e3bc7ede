"""What the org says when it refuses, in the two envelopes of the REST API; who refuses and why is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.wire import Response

_STATUS = {
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "INSUFFICIENT_ACCESS": 403,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "INVALID_SESSION_ID": 401,
    "METHOD_NOT_ALLOWED": 405,
    "GONE": 410,
    "PRECONDITION_FAILED": 412,
    "URI_TOO_LONG": 414,
    "HEADERS_TOO_LONG": 431,
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One refusal. `fields` is None where the vendor leaves the key out."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None
    duplicates: dict[str, Any] | None = None

    def top(self) -> dict[str, Any]:
        """Return it as an element of a top-level error array."""
        if self.duplicates is not None:
            # The vendor's own misspelling.
            return {"duplicateResut": self.duplicates, "errorCode": self.code, "message": self.message}
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return body

    def row(self) -> dict[str, Any]:
        """Return it as an element of `errors` in a collections result; duplicates carry no matches there."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class Refused(Exception):
    """A record or a request was refused; nothing of it was written."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in self.problems))

    @property
    def code(self) -> str:
        return self.problems[0].code

    def response(self) -> Response:
        return Response(_STATUS.get(self.code, 400), [problem.top() for problem in self.problems])


class RequestRefused(Refused):
    """A refusal that fails the whole request, also where rows are answered one by one."""


def refused(code: str, message: str, *fields: str) -> Refused:
    """Return a refusal of one record."""
    return Refused([Problem(code=code, message=message, fields=fields)])


def request_refused(code: str, message: str) -> RequestRefused:
    """Return a refusal of a whole request."""
    return RequestRefused([Problem(code=code, message=message)])
