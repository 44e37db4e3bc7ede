"""Commands that do work: run, once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, make_desk, make_work, open_app

if TYPE_CHECKING:
    from sqlalchemy import Engine

NEEDS_A_PERSON = frozenset({"refused", "review", "rejected", "held", "gone"})


@click.command(
    epilog=examples("syncd run --config /etc/syncd/config.yaml  # stop with Ctrl-C or SIGTERM; nothing is lost")
)
@config_option
def run(config: Path) -> int:
    """Run the daemon: poll, hand over, carry feedback back, until stopped."""
    from syncd.daemon import serve
    from syncd.daemon.signals import stop_on_signals
    from syncd.health import Health
    from syncd.log import logger
    from syncd.web.serve import start

    app = open_app(config, begins=True)
    health = Health()
    stop = threading.Event()
    stop_on_signals(stop)
    web = app.config.web
    page = start(app.engine, health, web.host, web.port, make_desk(app)) if web.enabled else None
    work = make_work(app, health)

    def started() -> None:
        logger().info(
            "started",
            action="start",
            systems=sorted(app.sources),
            page=page.url if page else None,
            definition=app.mappings.definition.version,
        )
        for note in (note for system in app.mappings.systems.values() for note in system.notes):
            logger().warning(str(note), action="check")

    try:
        serve(work, app.config.state, app.config.executor, stop, started)
    finally:
        if page is not None:
            page.stop()
    logger().info("stopped", action="stop")
    return 0


@click.command(epilog=examples("syncd once --config config.yaml --json"))
@config_option
@json_option
@click.option("--sweep", is_flag=True, help="Compare all ids with the systems too: what was deleted, missed, restored.")
def once(config: Path, as_json: bool, sweep: bool) -> int:
    """Do one whole cycle and exit: 0 all well, 1 something needs a person, 2 could not run."""
    from syncd.daemon import run_once
    from syncd.health import Health, named

    app = open_app(config, begins=True)
    health = Health()
    result = run_once(make_work(app, health), app.config.state, app.config.executor, sweeping=sweep)
    asked = Counter(result.fates)
    problems = _open_problems(app.engine)
    person = sum(asked[fate] for fate in NEEDS_A_PERSON) + result.outcomes.get("rejected", 0) + problems
    if as_json:
        click.echo(
            dump_json(
                {
                    "read": dict(result.news),
                    "fates": dict(result.fates),
                    "writes": dict(result.outcomes),
                    "troubles": dict(result.troubles),
                    "problems": problems,
                }
            )
        )
    else:
        click.echo(f"read:    {_counts(result.news) or 'nothing new'}")
        click.echo(f"leads:   {_counts(result.fates) or 'none due'}")
        click.echo(f"writes:  {_counts(result.outcomes) or 'none'}")
        if problems:
            click.echo(f"asks:    {problems} open for a person, see `syncd problems`")
        for system, trouble in result.troubles.items():
            click.echo(named(system, trouble), err=True)
    if result.troubles and len(result.troubles) == len(app.sources):
        return 2
    return 1 if person or result.troubles else 0


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items()) if n)


def _open_problems(engine: Engine) -> int:
    from syncd.store.inbox import count_problems

    with engine.begin() as connection:
        return sum(count_problems(connection).values())
