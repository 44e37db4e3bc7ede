"""An answer that drips, byte by byte, is given up at the total time-out, however patient the time-out of a read is."""

from __future__ import annotations

import time

import pytest

from connectors.errors import Unavailable
from connectors.http import HttpSettings, Session
from sandbox.wire import Fault, Request, Response, Server


class Simple:
    name = "simple"

    def handle(self, request: Request) -> Response:
        return Response(200, {"text": "x" * 500})

    def label(self, request: Request) -> str:
        return "GET text"


def test_a_dripping_body_is_cut_off_at_the_total_time_out() -> None:
    """At this pace it would take 25 seconds, and no single read would ever be late."""
    with Server(Simple()) as server:
        server.board.add(Fault("drip", seconds=0.05, times=2))
        settings = HttpSettings(read_timeout=5.0, total_timeout=0.5, attempts=1)
        with Session("simple", settings, origins=[server.url], judge=lambda answer: None) as session:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="timed out"):
                session.request("GET", server.url)
            assert time.monotonic() - began < 15.0
            server.board.clear()
            assert session.json("GET", server.url) == {"text": "x" * 500}
