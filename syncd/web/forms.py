"""What a page sends back: taken only from a page of our own, and only so much of it.

What is done with it is left to whoever answers.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

# A text of the largest size that may be edited, each byte written as three.
MOST_BYTES = 3_200_000
MOST_FIELDS = 40


class Foreign(Exception):
    """A form that no page of ours sent, or that cannot be read; nothing was done with it."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Form:
    """The fields of a form. `ours`: it bears the token of this process, and may change something."""

    fields: Mapping[str, str]
    ours: bool

    def get(self, name: str) -> str:
        return self.fields.get(name, "")


class Token:
    """What only a page of this process can know: a page of another site can send a form, but not read one of ours."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(32)

    def is_in(self, fields: Mapping[str, str]) -> bool:
        return hmac.compare_digest(fields.get("token", "").encode(), self.text.encode())


Act = Callable[[Form], Response]


def posted(token: Token, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """Return the answer to a form, given in a thread. It raises Foreign before `act` sees anything."""

    async def answer(request: Request) -> Response:
        check_origin(request)
        fields = _fields(await _body(request))
        return await run_in_threadpool(act, Form(fields=fields, ours=token.is_in(fields)))

    return answer


def check_origin(request: Request) -> None:
    """Raise Foreign unless the browser says that a page of ours sent it.

    `Sec-Fetch-Site` cannot be set by a page; browsers leave it out on plain HTTP beyond this machine, where the origin
    must be the host that was asked (the host itself was checked before).
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Foreign("this form was not sent by a page of syncd; nothing was done")
        return
    origin = urlsplit(request.headers.get("origin", "")).netloc.casefold()
    if not origin or origin != request.headers.get("host", "").casefold():
        raise Foreign("this form was not sent by a page of syncd; nothing was done")


# ---------------------------------------------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Foreign("this is not sent as a form; nothing was done", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Foreign("this is too large for a page; nothing was done", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        parts.append(part)
    return b"".join(parts)


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as error:
        raise Foreign("this form cannot be read; nothing was done", HTTPStatus.BAD_REQUEST) from error
    return dict(pairs)
