"""What each path answers, and to whom: for hosts we know, with nothing from any other host in a page.

Reading the figures is syncd.web.figures', wording them syncd.web.page's, all below /mappings/
syncd.web.mapping_answers'.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.health import Health
from syncd.store import figures as store
from syncd.store.inbox import count_problems
from syncd.web.desk import Desk, Refused
from syncd.web.figures import Figures, read_figures
from syncd.web.forms import Foreign
from syncd.web.mapping_answers import mapping_routes, refused
from syncd.web.page import render_page, render_trouble
from syncd.web.prospects import prospect_routes
from syncd.web.reviewing import review_routes

FRESH_SECONDS = 1.0
# Times the duration of a reading: 100,000 leads take about a second, and many may look at the page.
REST = 10.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def build_app(engine: Engine, health: Health, host: str, desk: Desk | None = None) -> ASGIApp:
    """Return the application. `host` is the one it was configured to listen on; without a desk nobody edits."""
    answers = _Answers(engine, health, desk is not None)
    static = StaticFiles(directory=Path(__file__).parent / "static")
    app = Starlette(
        routes=[
            Route("/", answers.page),
            Route("/status.json", answers.status),
            Route("/healthz", answers.healthz),
            Route("/readyz", answers.readyz),
            Route("/metrics", answers.metrics),
            *prospect_routes(engine),
            *((*mapping_routes(desk), *review_routes(desk)) if desk is not None else ()),
            Mount("/static", static),
        ],
        exception_handlers={SQLAlchemyError: answers.store_failed, Refused: refused, Foreign: refused},
    )
    return _Guard(app, host)


# ---------------------------------------------------------------------------------------------------------------------


class _Answers:
    """The answers of one daemon. They run in threads; one at a time reads the state, on one connection."""

    def __init__(self, engine: Engine, health: Health, mappings: bool) -> None:
        self._engine = engine
        self._mappings = mappings
        self._health = health
        self._reading = threading.Lock()
        self._counting = threading.Lock()
        self._figures: Figures | None = None
        self._fresh_until = 0.0

    def page(self, _: Request) -> Response:
        return Response(render_page(self._read(), self._mappings), media_type="text/html")

    def status(self, _: Request) -> Response:
        return _json(self._read().as_json())

    def healthz(self, _: Request) -> Response:
        """Answer for this process and its store only: a system that is away is no reason to restart us."""
        trouble = self._health.store_trouble or self._store_trouble()
        if trouble:
            return _json({"healthy": False, "reasons": [trouble]}, HTTPStatus.SERVICE_UNAVAILABLE)
        return _json({"healthy": True, "reasons": []})

    def readyz(self, _: Request) -> Response:
        with store.reads_only(self._engine) as connection:
            reasons = self._health.ready(store.polled_at(connection))
        return _json(
            {"ready": not reasons, "reasons": reasons}, HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        )

    def metrics(self, _: Request) -> Response:
        with self._counting:
            self._refresh_gauges()
            body = self._health.metrics()
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def store_failed(self, request: Request, error: Exception) -> Response:
        trouble = _words(error)
        below = request.url.path.startswith(("/mappings/", "/review/"))
        if below or request.url.path == "/":
            page = render_trouble(trouble, "../" if below else "")
            return Response(page, HTTPStatus.SERVICE_UNAVAILABLE, media_type="text/html")
        return _json({"reasons": [trouble]}, HTTPStatus.SERVICE_UNAVAILABLE)

    def _read(self) -> Figures:
        with self._reading:
            if self._figures is None or time.monotonic() >= self._fresh_until:
                began = time.monotonic()
                self._figures = read_figures(self._engine, self._health)
                ended = time.monotonic()
                self._fresh_until = ended + max(FRESH_SECONDS, REST * (ended - began))
            return self._figures

    def _store_trouble(self) -> str | None:
        try:
            with self._counting, store.reads_only(self._engine) as connection:
                store.touch_store(connection)
        except SQLAlchemyError as error:
            return _words(error)
        return None

    def _refresh_gauges(self) -> None:
        """A gauge that cannot be read says so; the last known number would look like the present one."""
        self._health.open_problems.clear()
        try:
            with store.reads_only(self._engine) as connection:
                self._health.due.set(store.count_waiting(connection))
                for kind, count in count_problems(connection).items():
                    self._health.open_problems.labels(kind).set(count)
        except SQLAlchemyError:
            self._health.due.set(float("nan"))


class _Guard:
    """Refuses hosts that are not ours, so that no foreign page can read us through a name of its own."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = LOOPBACK | {host.casefold()}
        self._everywhere = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        if self._everywhere:
            self._names |= {socket.gethostname().casefold()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) == 1 and self._knows(named[0]):
            await self._app(scope, receive, send_guarded)
            return
        refusal = PlainTextResponse(
            "This server does not answer to that host name. Use the one under `web.listen`, or 127.0.0.1.\n",
            HTTPStatus.MISDIRECTED_REQUEST,
        )
        await refusal(scope, receive, send_guarded)

    def _knows(self, named: str) -> bool:
        name = _without_port(named)
        return name in self._names or (self._everywhere and _is_address(name))


def _without_port(named: str) -> str:
    if named.startswith("["):
        return named[1:].partition("]")[0].casefold()
    return named.partition(":")[0].casefold()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _words(error: Exception) -> str:
    """Name what failed; the text of a statement and its values stay out."""
    reason = type(error).__name__
    if isinstance(error, DBAPIError):
        reason = (str(error.orig).strip() or reason).splitlines()[0]
    return f"the state database cannot be read ({reason}); nothing is read or written until it can"


def _json(body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_INDENT_2), status, media_type="application/json")
