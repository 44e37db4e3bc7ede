"""The demo: a company in a box, the daemon on it, and what happened in plain lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
from sqlalchemy import Engine

READY_SECONDS = 90.0
SETTLE_SECONDS = 120.0
LINE_EVERY = 10.0


def run_demo(config: Path, state: Path, people: int, seconds: float | None) -> int:
    """Start sandbox and daemon, tell what happens, stop both on Ctrl-C; the next demo goes on from the same state."""
    from syncd.cli.common import make_work, open_app
    from syncd.daemon import serve
    from syncd.daemon.engine import stop_on_signals
    from syncd.health import Health
    from syncd.web.serve import start

    began = time.monotonic()
    os.environ.setdefault("SYNCD_LOG_LEVEL", "warning")
    stop = threading.Event()
    stop_on_signals(stop)
    with _sandbox(state, people, stop) as box:
        if stop.is_set():
            return 0
        app = open_app(config)
        health = Health()
        web = app.config.web
        page = start(app.engine, health, web.host, web.port) if web.enabled else None
        click.echo(f"status page: {page.url}" if page else "status page: off")
        teller = threading.Thread(
            target=_tell, args=(app.engine, health, stop, began, seconds, page.url if page else None, box), daemon=True
        )
        try:
            serve(make_work(app, health), app.config.state, app.config.executor, stop, teller.start)
        finally:
            if page is not None:
                page.stop()
    click.echo("stopped; `make demo` goes on from here")
    return 0 if box.poll() in (0, None, -signal.SIGTERM) else 2


class _sandbox:  # noqa: N801 - reads as a verb in `with`
    """The simulated systems as a process of their own, so that nothing but HTTP passes between."""

    def __init__(self, state: Path, people: int, stop: threading.Event) -> None:
        self._command = [sys.executable, "-m", "sandbox", "--state", str(state), "--people", str(people)]
        self._stop = stop

    def __enter__(self) -> subprocess.Popen[str]:
        click.echo("starting the sandbox: HubSpot, Salesforce and an ERP with 942 real plants ...")
        # Its own session: a Ctrl-C in this terminal reaches it through us, after the daemon has finished its calls.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            self._command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(ready,), daemon=True).start()
        end = time.monotonic() + READY_SECONDS
        while not ready.wait(0.1) and not self._stop.is_set():
            if self._process.poll() is not None:
                raise click.ClickException("the sandbox did not start; its own message stands above")
            if time.monotonic() > end:
                self._process.terminate()
                raise click.ClickException(f"the sandbox was not ready after {READY_SECONDS:.0f} s")
        return self._process

    def _read(self, ready: threading.Event) -> None:
        for line in self._process.stdout or ():
            click.echo(line.rstrip())
            ready.set()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()


# ---------------------------------------------------------------------------------------------------------------------


def _tell(
    engine: Engine,
    health: Any,
    stop: threading.Event,
    began: float,
    seconds: float | None,
    url: str | None,
    box: subprocess.Popen[str],
) -> None:
    """Show progress until the first handoff is through, then a line whenever something moved."""
    from syncd.web.figures import read_figures

    first: float | None = None
    last: Mapping[str, int] = {}
    settled, said = False, time.monotonic()
    while not stop.wait(0.5):
        if box.poll() is not None:
            click.echo("the sandbox stopped by itself; stopping", err=True)
            stop.set()
            return
        figures = cast(Mapping[str, Any], read_figures(engine, health).as_json())
        counts = _counts(engine)
        if counts["handed over"] and first is None:
            first = time.monotonic() - began
            click.echo(f"first lead handed over after {first:.1f} s")
        if not settled and (_quiet(engine, health) or time.monotonic() - began > SETTLE_SECONDS):
            settled = True
            click.echo(_summary(engine, counts, url))
            last, said = counts, time.monotonic()
        elif counts != last and time.monotonic() - said > (1.0 if not settled else LINE_EVERY):
            click.echo(_line(counts, last))
            last, said = counts, time.monotonic()
        if seconds is not None and time.monotonic() - began > seconds:
            stop.set()
        del figures


def _counts(engine: Engine) -> dict[str, int]:
    from syncd.store.figures import count_story

    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        return count_story(connection)


def _quiet(engine: Engine, health: Any) -> bool:
    from syncd.store.handoff import count_due

    polled = [one.last_poll is not None for one in health.snapshot().values()]
    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        return len(polled) >= 3 and all(polled) and count_due(connection) == 0


def _line(counts: Mapping[str, int], before: Mapping[str, int]) -> str:
    moved = [
        f"{name} {count:,}" + (f" ({count - before[name]:+,})" if before and count != before.get(name, count) else "")
        for name, count in counts.items()
    ]
    return time.strftime("%H:%M:%S") + "  " + ", ".join(moved)


def _summary(engine: Engine, counts: Mapping[str, int], url: str | None) -> str:
    from syncd.store.figures import refusals_by_fact

    with engine.execution_options(syncd_reads_only=True).connect() as connection:
        facts = refusals_by_fact(connection)
    lines = ["", click.style("What happened", bold=True)]
    lines += [f"  {count:7,}  {name}" for name, count in counts.items()]
    lines += ["  refused for"]
    lines += [f"  {one.count:7,}  {one.label}: {one.lack} ({one.who} can fill it)" for one in facts[:10]]
    lines += [
        "",
        f"  status page   {url}" if url else "",
        "  one lead      .venv/bin/syncd explain -c config.example.yaml hubspot:ID",
        "",
        "People in the sandbox now fill in missing facts, reps accept and reject. Ctrl-C stops.",
    ]
    return "\n".join(lines)
