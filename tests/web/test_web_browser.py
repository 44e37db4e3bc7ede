"""The page in a real browser: it keeps itself fresh, admits when it is old, and breaks no rule it was sent."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from web_state import AWAY, fill

from syncd.health import Health
from syncd.store.database import now_ms, open_store
from syncd.web import answers
from syncd.web.figures import Figures
from syncd.web.serve import Running, start

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.system, pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")]


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_store(sqlite_url)
    fill(engine, now_ms())
    yield engine
    engine.dispose()


@pytest.fixture
def health() -> Health:
    health = Health()
    health.polled("hubspot", calls=1)
    return health


@pytest.fixture
def server(engine: Engine, health: Health, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(answers, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(answers, "REST", 0.0)
    running = start(engine, health, "127.0.0.1", 0)
    yield running
    running.stop()


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Open an address for eight seconds of the browser's own clock; return (the page then, what it complained of).

    `meanwhile` runs when the page has been sent once.
    """

    def open_page(url: str, meanwhile: Callable[[], None]) -> tuple[str, str]:
        true_render = answers.render_page
        sent: list[str] = []

        def render(figures: Figures, mappings: bool) -> str:
            page = true_render(figures, mappings)
            if not sent:
                meanwhile()
            sent.append(page)
            return page

        monkeypatch.setattr(answers, "render_page", render)
        done = subprocess.run(
            [
                BROWSER or "",
                "--headless",
                "--no-sandbox",  # as root it has none
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-proxy-server",
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path}",
                "--virtual-time-budget=8000",
                "--dump-dom",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout, "\n".join(complaints)

    return open_page


def test_the_page_keeps_itself_fresh_and_breaks_no_rule(
    server: Running, health: Health, look: Callable[..., tuple[str, str]]
) -> None:
    """What changed after the page was opened stands on it without a reload; style and script obey our own policy."""
    page, complaints = look(server.url, lambda: health.troubled("salesforce", "Unavailable", AWAY))
    assert heading(page) == "salesforce is in trouble"
    assert complaints == ""
    assert 'id="stale" role="status" hidden' in page


def test_the_page_says_so_when_its_figures_are_old(
    server: Running, look: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing new can be had, the last figures stay under a line that says they are old."""

    def fail(*_: object) -> Figures:
        raise RuntimeError("no figures")

    page, _ = look(server.url, lambda: monkeypatch.setattr(answers, "read_figures", fail))
    assert heading(page) == "4 problems need a person"
    assert re.search(r'id="stale" role="status">No answer from syncd', page)


def heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page)
    assert found is not None
    return found[1]
