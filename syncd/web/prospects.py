"""The page of branches that buy and where nobody is known; complete without any script.

What counts as buying is syncd.store.prospects'.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.store.figures import reads_only
from syncd.store.prospects import BuyingBranch, buying_branches, count_buying
from syncd.web.page import render

DAYS = 365
MOST = 500
FRESH_SECONDS = 10.0


def prospect_routes(engine: Engine) -> list[Route]:
    return [Route("/branches", _Prospects(engine).page)]


def render_prospects(found: Sequence[BuyingBranch], buying: int, unknown: int, unplaced: int) -> str:
    return render(
        "branches.html", found=found, buying=buying, unknown=unknown, unplaced=unplaced, days=DAYS, page="branches"
    )


# ---------------------------------------------------------------------------------------------------------------------


class _Prospects:
    """One reading at a time, and none anew for a while: it passes over all leads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = threading.Lock()
        self._page = ""
        self._fresh_until = 0.0

    def page(self, _: Request) -> Response:
        with self._reading:
            if not self._page or time.monotonic() >= self._fresh_until:
                began = time.monotonic()
                self._page = self._read()
                ended = time.monotonic()
                self._fresh_until = ended + max(FRESH_SECONDS, 10 * (ended - began))
            return Response(self._page, media_type="text/html")

    def _read(self) -> str:
        since = (datetime.now(UTC) - timedelta(days=DAYS)).date().isoformat()
        with reads_only(self._engine) as connection:
            found = buying_branches(connection, since, limit=MOST)
            return render_prospects(found, *count_buying(connection, since))
