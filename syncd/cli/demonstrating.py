"""The demo: a company in a box, the daemon on it, and what happened in plain lines."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from syncd.health import Health
    from syncd.store.prospects import BuyingBranch, LeadAtBranch
    from syncd.web.figures import Figures

READY_SECONDS = 90.0
SETTLE_SECONDS = 120.0
SYSTEMS = 3
LINE_EVERY = 10.0
SHOWN = 5  # rows of each list that the demo prints


def run_demo(config: Path, state: Path, people: int, seconds: float | None) -> int:
    """Start sandbox and daemon, tell what happens, stop both on Ctrl-C; the next demo goes on from the same state."""
    from syncd.cli.common import make_desk, make_work, open_app
    from syncd.daemon import serve
    from syncd.daemon.signals import stop_on_signals
    from syncd.health import Health
    from syncd.web.serve import start

    began = time.monotonic()
    stop = threading.Event()
    stop_on_signals(stop)
    with _Sandbox(state, people, stop) as box:
        if stop.is_set():
            return 0
        app = open_app(config, log_level="warning", begins=True)
        health = Health()
        web = app.config.web
        page = start(app.engine, health, web.host, web.port, make_desk(app)) if web.enabled else None
        click.echo(f"status page: {page.url}" if page else "status page: off")
        teller = threading.Thread(
            target=_tell,
            args=(app.engine, health, stop, began, seconds, page.url if page else None, box, config),
            daemon=True,
        )
        try:
            serve(make_work(app, health), app.config.state, app.config.executor, stop, teller.start)
        finally:
            if page is not None:
                page.stop()
    click.echo("stopped; `make demo` goes on from here")
    return 0 if box.poll() in (0, None, -signal.SIGTERM) else 2


class _Sandbox:
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
    health: Health,
    stop: threading.Event,
    began: float,
    seconds: float | None,
    url: str | None,
    box: subprocess.Popen[str],
    config: Path,
) -> None:
    """Show progress until the first handoff is through, then a line whenever something moved."""
    from syncd.web.figures import read_figures

    last: dict[str, int] = {}
    first, settled, said = False, False, time.monotonic()
    while not stop.wait(0.5):
        if box.poll() is not None:
            click.echo("the sandbox stopped by itself; stopping", err=True)
            stop.set()
            return
        figures = read_figures(engine, health)
        counts = _counts(figures)
        if counts["handed over"] and not first:
            first = True
            click.echo(f"first lead handed over {time.monotonic() - began:.1f} s after the start")
        if not settled and _is_settled(figures, began):
            settled = True
            click.echo(_summary(figures, url, _read_story(engine), config))
            last, said = counts, time.monotonic()
        elif counts != last and time.monotonic() - said > (LINE_EVERY if settled else 1.0):
            click.echo(_line(counts, last))
            last, said = counts, time.monotonic()
        if seconds is not None and time.monotonic() - began > seconds:
            stop.set()


def _counts(figures: Figures) -> dict[str, int]:
    stages = dict(figures.stages)
    accepted = sum(count for stage, count in stages.items() if stage in ("sal", "sql", "opportunity", "won", "lost"))
    return {
        "leads": figures.leads,
        "handed over": figures.handed_over,
        "refused": figures.refused,
        "accepted by sales": accepted,
        "sent back": stages.get("recycled", 0) + stages.get("disqualified", 0),
        "records waiting": figures.waiting,
    }


def _is_settled(figures: Figures, began: float) -> bool:
    polled = [one for one in figures.systems if one.last_poll is not None]
    quiet = len(polled) >= SYSTEMS and figures.waiting == 0 and figures.handed_over > 0
    return quiet or time.monotonic() - began > SETTLE_SECONDS


def _line(counts: Mapping[str, int], before: Mapping[str, int]) -> str:
    parts = []
    for name, count in counts.items():
        moved = count - before.get(name, count)
        parts.append(f"{count:,} {name}" + (f" ({moved:+,})" if moved else ""))
    return time.strftime("%H:%M:%S  ") + ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class _Story:
    """A few leads of the reps' at branches, the first branches where nobody is known, and how many those are."""

    leads: Sequence[LeadAtBranch]
    branches: Sequence[BuyingBranch]
    prospects: int

    def lines(self, config: Path) -> list[str]:
        told = ["", click.style("A rep's lead list: who sits where we ship to already", bold=True)]
        told.append(f"  {_cut('company')}  {_cut('its branch')}  {_cut('town', 18)}  last shipment")
        told += [
            f"  {_cut(one.company)}  {_cut(one.branch)}  {_cut(one.city, 18)}  {one.last_shipment or '-'}"
            for one in self.leads
        ]
        told += ["", click.style("Whom to win next: branches that are shipped to and where nobody is known", bold=True)]
        told.append(f"  {_cut('account')}  {_cut('its branch')}  {_cut('town', 18)}  last shipment")
        told += [
            f"  {_cut(one.account_name)}  {_cut(one.name)}  {_cut(one.city, 18)}  {one.last_shipment}"
            for one in self.branches
        ]
        return [
            *told,
            f"  and {max(0, self.prospects - len(self.branches)):,} more: {_typed(config, 'report branches')}",
        ]


def _cut(text: str | None, width: int = 32) -> str:
    return f"{(text or '-')[:width]:<{width}}"


def _read_story(engine: Engine) -> _Story:
    from syncd.store.figures import reads_only
    from syncd.store.prospects import buying_branches, count_buying, leads_at_branches

    since = (datetime.now(UTC) - timedelta(days=365)).date().isoformat()
    with reads_only(engine) as connection:
        return _Story(
            leads=leads_at_branches(connection, SHOWN),
            branches=buying_branches(connection, since, limit=SHOWN),
            prospects=count_buying(connection, since)[1],
        )


def _typed(config: Path, command: str) -> str:
    """Return a command as it can be typed where the demo was: a new user has no `syncd` on the path."""
    return f"{shlex.quote(sys.argv[0])} {command} -c {shlex.quote(str(config))}"


def _summary(figures: Figures, url: str | None, story: _Story, config: Path) -> str:
    lines = [
        "",
        click.style("What happened", bold=True),
        f"  {figures.leads:7,}  people known, from HubSpot and Salesforce",
        f"  {figures.handed_over:7,}  complete leads handed over to Salesforce",
        f"  {figures.refused:7,}  refused, each told on its HubSpot contact what is missing:",
    ]
    for one in figures.refusals[:8]:
        lacks = ", ".join(f"{count:,} {lack}" for lack, count in one.lacks.items())
        lines.append(f"           {one.leads:7,}  {one.label} ({lacks}); {one.who} can fill it")
    lines += [
        f"  {figures.branches:7,}  ship-to branches read from the ERP",
        f"  {figures.branches_placed:7,}  of them matched to an account; written under it unless blocked: "
        + ", ".join(f"{count:,} in {system}" for system, count in sorted(figures.branches_written.items())),
        *(f"           {system}: {words}" for system, words in figures.kept.items()),
        f"  {figures.leads_with_branch:7,}  people found to sit at one of them",
        f"  {story.prospects:7,}  branches buy and nobody is known there: {_typed(config, 'report branches')}",
        f"  {figures.open_problems:7,}  questions for a person ({_typed(config, 'problems')})",
        *story.lines(config),
        "",
        f"  status page: {url}" if url else "",
        f"  prospects:   {url.rstrip('/')}/branches" if url else "",
        "  marketing:   in HubSpot, list the branches, or the contacts with the label 'Sits at this branch'",
        f"  one lead:    {_typed(config, 'explain')} hubspot:contacts:ID",
        "",
        "Now marketers in the sandbox fill in missing facts and reps accept and reject. Ctrl-C stops.",
        "",
    ]
    return "\n".join(lines)
