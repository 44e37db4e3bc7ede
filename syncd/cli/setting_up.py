"""Commands that prepare: setup (fields in a live system), demo and sandbox (simulated systems)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from syncd.cli.common import config_option, examples


@click.command(epilog=examples("syncd setup hubspot --dry-run", "syncd setup salesforce --package force-app"))
@config_option
@click.argument("system")
@click.option("--dry-run", is_flag=True, help="Only tell what is missing.")
@click.option(
    "--package", type=click.Path(path_type=Path), help="Also write an SFDX source package an admin can deploy."
)
def setup(config: Path, system: str, dry_run: bool, package: Path | None) -> int:
    """Create the fields that the mapping needs in SYSTEM where its API allows; list what an admin must do by hand."""
    from syncd.wiring import connect, fields_wanted, read_config, read_mappings, write_package

    read = read_config(config)
    mappings = read_mappings(read)
    if system not in read.systems:
        raise click.ClickException(f"no system {system!r} in {config}; there are {', '.join(read.systems)}")
    source = connect(read, mappings)[system]
    if not source.capabilities.writes:
        raise click.ClickException(f"{system} is only read; there is nothing to set up")
    wanted = fields_wanted(mappings, system, source)
    if package is not None:
        written = write_package(wanted, source, package)
        if not written:
            raise click.ClickException(f"{system} takes no package; run without --package")
        for path in written:
            click.echo(path)
        return 0
    lines = source.prepare(wanted, apply=not dry_run)  # type: ignore[attr-defined]
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(f"{system} has every field that the mapping needs")
    return 0


@click.command(context_settings={"ignore_unknown_options": True}, epilog=examples("syncd sandbox --state var/demo"))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> NoReturn:
    """Start the simulated HubSpot, Salesforce and ERP; the arguments are those of `python -m sandbox`."""
    # In our place, so that whoever stops this process stops the systems.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *arguments])  # noqa: S606 - our own module, no shell


@click.command(epilog=examples("syncd demo --config config.example.yaml  # Ctrl-C stops it; the next demo goes on"))
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    default=Path("config.example.yaml"),
    show_default=True,
    help="The operator's file.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="The folder of the sandbox.",
)
@click.option("--people", default=3000, show_default=True, help="Invented contacts in the sandbox, first start only.")
@click.option("--seconds", type=float, help="Stop by itself after so many seconds.")
def demo(config: Path, state: Path, people: int, seconds: float | None) -> int:
    """Run a company in a box: sandbox, daemon and page in one, on real plants and invented people."""
    from syncd.cli.demonstrating import run_demo

    return run_demo(config, state, people, seconds)
