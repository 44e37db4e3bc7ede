"""A look back over late commits that takes Salesforce too long is made in smaller pieces; over real HTTP."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import pytest
from salesforce_sandbox import Sandbox, one_of, people, sandbox
from salesforce_wire import refusal

from connectors.errors import Unavailable
from sandbox.wire import Request, Response


def slow_beyond(box: Sandbox, rows: int) -> None:
    """Let every query of the window time out that may bring more rows than that."""
    real = box.org.handle

    def handle(request: Request) -> Response:
        answer = real(request)
        parts = request.json()["compositeRequest"] if request.path.endswith("/composite") else []
        for part, told in zip(parts, (answer.body or {}).get("compositeResponse", ()), strict=False):
            text = unquote(part["url"])
            limit = re.search(r"LIMIT (\d+)$", text)
            if "SystemModstamp <=" in text and (limit is None or int(limit[1]) > rows):
                told.update(httpStatusCode=400, body=refusal("QUERY_TIMEOUT", "Your query request was running for too"))
        return answer

    box.org.handle = handle  # type: ignore[method-assign]


@pytest.mark.parametrize("rows", [500, 125])
def test_a_window_that_takes_too_long_is_listed_in_smaller_pieces(rows: int) -> None:
    """700 rows to look back over; the late one is found, though neither ids nor rows come at once."""
    with sandbox() as box:
        box.sf = box.connect(overlap=1)
        box.org.seed("Lead", people(700), modified=box.clock() - 1)
        box.poll()
        slow_beyond(box, rows)
        box.poll()
        box.clock.forward(2)
        late = box.org.late_commit("Lead", one_of("Lead"), age=3)
        time.sleep(1.1)
        came = box.poll()
        assert late in came["Lead"]
        calls = box.calls()
        assert box.poll() == {}
        assert box.calls() == calls + 1


def test_a_window_of_which_no_piece_comes_is_told() -> None:
    """Each poll tries a quarter of the rows: 2,000, 500, 125, 31."""
    with sandbox() as box:
        box.org.seed("Lead", people(3))
        box.poll()
        slow_beyond(box, 0)
        for _ in range(3):
            box.poll()
        with pytest.raises(Unavailable, match="QUERY_TIMEOUT"):
            box.poll()
