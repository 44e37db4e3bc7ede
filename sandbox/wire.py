"""The HTTP server under every simulator: routing, counting of calls, faults; it knows no vendor.

A simulator is an object with `name` and `handle(request) -> Response`. Every call is counted by "METHOD path-template"
before it is handled, and every fault is decided here, so that no simulator can forget one.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """One call as it came in."""

    method: str
    path: str  # as sent, still percent-encoded
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """Return the body parsed; raise ValueError when it is no JSON."""
        return json.loads(self.body)


@dataclass
class Response:
    """One answer. `body` is bytes as is, None for an empty one, anything else is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Simulator(Protocol):
    """What the server needs of a simulator."""

    name: str

    def handle(self, request: Request) -> Response:
        """Answer one call; a defect in the simulator may raise and becomes a 599 that no vendor sends."""
        ...

    def label(self, request: Request) -> str:
        """Return the call's name in the counters, ids replaced, such as `POST contacts/search`."""
        ...


@dataclass
class Fault:
    """What shall go wrong. `match` is a part of the call's label ("" matches all).

    kind: status (answer `status` with `body` instead of handling), after (handle, then answer so all the same), lost
    (handle, then cut the connection), reset (cut before handling), hang (wait `seconds`, then cut), slow (handle, then
    wait), drip (handle, then send a byte of the body every `seconds`), truncated (handle, send half of the body), html
    (status 200 and an HTML page), late (handle after `seconds`, then cut).
    Fires on calls number `first` to `first + times - 1` that match (counted from 1), each with probability `share`.
    """

    kind: str
    match: str = ""
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    first: int = 1
    times: int = 1
    share: float = 1.0
    seen: int = 0
    fired: int = 0


class Board:
    """The counters and faults of one simulator, shared by its request threads and the test that drives it."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._under_way = 0
        self._random = random.Random(seed)
        self.calls: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.journal: list[tuple[str, int]] = []  # (label, status), the latest 10,000

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget faults and counters."""
        with self._lock:
            self.faults.clear()
            self.calls.clear()
            self.journal.clear()

    def total(self, match: str = "") -> int:
        """Return how many calls were made whose label contains `match`."""
        with self._lock:
            return sum(n for label, n in self.calls.items() if match in label)

    def wait_until_none_is_under_way(self, timeout: float = 10.0) -> None:
        """Wait for calls that are still being handled, also those whose client has given them up."""
        with self._ended:
            if not self._ended.wait_for(lambda: not self._under_way, timeout):
                raise TimeoutError(f"{self._under_way} calls are still under way after {timeout:.0f} s")

    def leave(self) -> None:
        """Say that a call that entered has ended, however it did."""
        with self._ended:
            self._under_way -= 1
            self._ended.notify_all()

    def enter(self, label: str) -> Fault | None:
        with self._lock:
            self.calls[label] += 1
            self._under_way += 1
            for fault in self.faults:
                if fault.match not in label:
                    continue
                fault.seen += 1
                due = fault.first <= fault.seen < fault.first + fault.times
                if due and self._random.random() < fault.share:
                    fault.fired += 1
                    return fault
        return None

    def note(self, label: str, status: int) -> None:
        with self._lock:
            self.journal.append((label, status))
            del self.journal[:-10_000]


class Server:
    """Serves one simulator on 127.0.0.1 (or `host`) in threads of this process; `clock` tells its Date headers.

    With `tls` it speaks https; so many of its next connections end within their handshake as `broken_handshakes` says.
    """

    def __init__(
        self,
        simulator: Simulator,
        port: int = 0,
        host: str = "127.0.0.1",
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.simulator = simulator
        self.board = Board()
        self.latency = latency
        self.tls = tls
        self.broken_handshakes = 0
        self.clock: Callable[[], float] = time.time
        self._http = _Threading((host, port), _Handler)
        self._http.of = self
        self.port: int = self._http.server_address[1]
        self.url = f"http{'s' if tls else ''}://{host}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> Server:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and give the port back; also of a server that was never started."""
        if self._thread.is_alive():
            self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


Route = Callable[[Request], Response]


class _Threading(ThreadingHTTPServer):
    of: Server
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.of.tls is None:
            super().finish_request(request, client_address)
            return
        if self.of.broken_handshakes:
            self.of.broken_handshakes -= 1
            request.recv(65_536)  # what is left unread would make it a reset
            return
        try:
            secured = self.of.tls.wrap_socket(request, server_side=True)
        except OSError:  # whoever called does not believe the certificate
            return
        with secured:
            super().finish_request(secured, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Threading
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _serve(self) -> None:
        request = self._read()
        label = self.server.of.simulator.label(request)
        fault = self.server.of.board.enter(label)
        try:
            self._handle(request, label, fault)
        finally:
            self.server.of.board.leave()

    def _handle(self, request: Request, label: str, fault: Fault | None) -> None:
        if self.server.of.latency:
            time.sleep(self.server.of.latency)
        if fault is not None and fault.kind in ("status", "html", "reset", "hang"):
            self._instead(fault, label)
            return
        if fault is not None and fault.kind == "late":
            time.sleep(fault.seconds)
        try:
            response = self.server.of.simulator.handle(request)
        except Exception as error:  # a defect here must be seen by the test, not hidden as a vendor's 500
            response = Response(599, {"simulator": self.server.of.simulator.name, "defect": repr(error)})
        if fault is not None and fault.kind == "after":
            response = Response(fault.status, fault.body, fault.headers)
        self.server.of.board.note(label, response.status)
        if fault is not None and fault.kind in ("lost", "late"):
            self._cut()
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        kind = fault.kind if fault is not None else ""
        drip = fault.seconds if fault is not None and kind == "drip" else 0.0
        self._answer(response, half=kind == "truncated", drip=drip)

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        query = parse_qs(parts.query, keep_blank_values=True)
        return Request(self.command, parts.path, query, headers, body)

    def _instead(self, fault: Fault, label: str) -> None:
        self.server.of.board.note(label, fault.status if fault.kind == "status" else 0)
        if fault.kind == "status":
            self._answer(Response(fault.status, fault.body, fault.headers))
        elif fault.kind == "html":
            page = b"<html><body><h1>One moment, please</h1></body></html>"
            self._answer(Response(200, page, {"Content-Type": "text/html"}))
        else:
            if fault.kind == "hang":
                time.sleep(fault.seconds)
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            self.connection.close()
        except OSError:
            pass

    def _answer(self, response: Response, half: bool = False, drip: float = 0.0) -> None:
        body = response.body
        headers = {"Content-Type": "application/json;charset=utf-8", **response.headers}
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.send_response_only(response.status)
            self.send_header("Date", formatdate(self.server.of.clock(), usegmt=True))
            for name, value in headers.items():
                self.send_header(name, value)
            if response.status != 204:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            if half:
                self.wfile.write(raw[: len(raw) // 2])
                self.wfile.flush()
                self._cut()
            elif drip:
                for at in range(len(raw)):
                    self.wfile.write(raw[at : at + 1])
                    time.sleep(drip)
            elif self.command != "HEAD" and response.status != 204:
                self.wfile.write(raw)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
