"""The Review page in a real browser: by keys, and by buttons alone without any script.

With SYNCD_PICTURES set to a folder, pictures of the page are left there to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import BROWSER, DRIVER, MISSING, Browser, browser
from support.twins import ADDRESS, BILLED
from support.world import World, add_branch, world
from test_review_page import Reviewer

from syncd.cli.common import make_desk
from syncd.health import Health
from syncd.web.serve import start

pytestmark = [pytest.mark.system, pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)]
PICTURES = os.environ.get("SYNCD_PICTURES")


@pytest.fixture
def reviewer(tmp_path: Path, sqlite_url: str) -> Iterator[Reviewer]:
    """Three branches, each of which may be of either of two accounts."""
    with world(tmp_path, sqlite_url) as made:
        _fill(made)
        server = start(made.app.engine, Health(), "127.0.0.1", 0, make_desk(made.app))
        try:
            yield Reviewer(made, server)
        finally:
            server.stop()


def _fill(made: World) -> None:
    for number, street in enumerate(("400 N Industrial Rd", "9 Elm St", "77 Oak Ct")):
        for name in ("Voltaform Castings Inc", "Voltaform Casting LLC"):
            made.salesforce.seed("Account", [{"Name": f"{name[:9]}{'aeo'[number]}{name[9:]}", **BILLED,
                                              "BillingStreet": street}])  # fmt: skip
        add_branch(made, f"S{number}", f"Voltaforn{'aeo'[number]} Casting", customer=f"C{number}",
                   **{**ADDRESS, "street": street})  # fmt: skip
    made.settle()


def test_one_key_answers_and_the_next_question_follows(reviewer: Reviewer, tmp_path: Path) -> None:
    """`s` skips, `1` accepts the first, `u` takes it back, `n` says neither; the name is typed once."""
    with browser(tmp_path) as window:
        window.size(1300, 1000)
        window.open(reviewer.url)
        first = window.text("#question")
        _picture(window, "review")
        window.press("s")
        window.until(lambda: window.text("#question") != first)
        window.type("input[name=by]:not([type=hidden])", "Ann")
        window.run("document.activeElement.blur()")
        window.press("1")
        window.until(lambda: "done=accept" in window.url)
        assert "Accepted" in window.text("#outcome")
        assert reviewer.said() == [(False, "Ann (page)"), (True, "Ann (page)")]
        _picture(window, "review-accepted")
        window.press("u")
        window.until(lambda: "done=undo" in window.url)
        assert reviewer.said() == []
        reviewer.world.settle()
        window.open(f"{reviewer.url}?by=Ann")
        window.press("n")
        window.until(lambda: "done=neither" in window.url)
        assert reviewer.said() == [(False, "Ann (page)"), (False, "Ann (page)")]
        reviewer.world.settle()
        window.open(f"{reviewer.url}?by=Ann")
        window.press("2")
        window.until(lambda: "done=accept" in window.url)
        assert reviewer.said() == [(False, "Ann (page)")] * 3 + [(True, "Ann (page)")]
        reviewer.world.settle()
        window.open(f"{reviewer.url}?by=Ann")
        window.press("r")
        window.until(lambda: "done=reject" in window.url)
        assert reviewer.said() == [(False, "Ann (page)")] * 4 + [(True, "Ann (page)")]
        with window.dark():
            _picture(window, "review-dark")
        window.size(400, 900)
        _picture(window, "review-narrow")
        assert window.complaints() == []


def test_without_a_script_the_buttons_do_the_same(reviewer: Reviewer, tmp_path: Path) -> None:
    with browser(tmp_path) as window, window.unscripted():
        window.open(f"{reviewer.url}?by=Ann")
        window.click("button[value^=reject]")
        window.until(lambda: "done=reject" in window.url)
        assert reviewer.said() == [(False, "Ann (page)")]


def _picture(window: Browser, name: str) -> None:
    if PICTURES is not None:
        window.picture(Path(PICTURES) / f"{name}.png")
