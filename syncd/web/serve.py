"""The web server: its address taken before anything else starts, its thread, its end.

What is answered is syncd.web.answers'.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from dataclasses import dataclass, field

import uvicorn
from sqlalchemy import Engine

from syncd.health import Health
from syncd.web.answers import build_app
from syncd.web.desk import Desk

START_SECONDS = 10
STOP_SECONDS = 5
MOST_CONNECTIONS = 64


class WebUnusable(Exception):
    """The address in `web.listen` cannot be served; the text says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers at `url` until it is stopped."""

    url: str
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)
    _desk: Desk | None = field(repr=False, default=None)

    def stop(self) -> None:
        """End it: answers under way are finished, for a few seconds at most. May be called twice."""
        if self._desk is not None:
            self._desk.stopping.set()
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._server.force_exit = True
        self._thread.join(STOP_SECONDS)


def start(engine: Engine, health: Health, host: str, port: int, desk: Desk | None = None) -> Running:
    """Serve in a thread; return once requests are answered. Port 0 takes any free one. `desk`: for the Mappings page.

    Raises WebUnusable, with nothing started, when the address cannot be had.
    """
    listener = _bind(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            build_app(engine, health, host, desk),
            log_config=None,  # syncd.log has set all loggers up
            access_log=False,  # a scrape every few seconds is no news
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            loop="asyncio",
            http="h11",
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS - 1,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
    running = Running(url=_url(host, listener), _server=server, _thread=thread, _desk=desk)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            running.stop()
            listener.close()
            raise WebUnusable(f"the status page did not start on {host}:{port}; set `web.enabled: false` to do without")
        time.sleep(0.01)
    return running


# ---------------------------------------------------------------------------------------------------------------------


def _bind(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise WebUnusable(_refusal(host, port, f"this machine knows no address called {host}")) from error
    # `localhost` is often both; most people type the older one.
    family, kind, protocol, _, address = sorted(found, key=lambda one: one[0] != socket.AF_INET)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise WebUnusable(_refusal(host, port, _reason(error))) from error
    listener.setblocking(False)
    return listener


def _reason(error: OSError) -> str:
    reasons = {
        errno.EADDRINUSE: "another process uses that port, perhaps a syncd that still runs",
        errno.EADDRNOTAVAIL: "this machine does not have that address",
        errno.EACCES: "this user may not take that port",
    }
    return reasons.get(error.errno or 0, error.strerror or type(error).__name__)


def _refusal(host: str, port: int, reason: str) -> str:
    return (
        f"the status page cannot be served on {_pair(host, port)}: {reason}; syncd did not start. "
        f"Name another host:port under `web.listen` in the config, or set `web.enabled: false`"
    )


def _url(host: str, listener: socket.socket) -> str:
    """Return an address that a browser on this machine can open, where every address is listened on too."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{_pair(shown, listener.getsockname()[1])}/"


def _pair(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
