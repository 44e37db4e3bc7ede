"""The command that shows what an edit of the admins' files would do: plan."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, limits_of, open_app

if TYPE_CHECKING:
    from syncd.edits.plan import Plan
    from syncd.edits.shares import Sharing
    from syncd.mapping.model import Mappings
    from syncd.wiring import App

MOST_PROCESSES = 4
PAGE_SAMPLES = 100  # of each group, on a page whose reader has no terminal at hand


@click.command(
    epilog=examples(
        "syncd plan",
        "syncd plan 3f9c2a71b0de --field Title",
        "syncd plan --lead ann@example.com",
        "syncd plan --html plan.html",
    )
)
@config_option
@json_option
@click.argument("named", metavar="[ID]", required=False)
@click.option("--field", "field_name", help="Also every change of this field, named as theirs or as ours.")
@click.option("--lead", help="Only this lead, account or branch, named as for `explain`.")
@click.option("--all", "whole", is_flag=True, help="Also every single change.")
@click.option("--everyone", is_flag=True, help="Decide for everyone, also whom the edit does not reach.")
@click.option("--live", is_flag=True, help="Compare the files with the live systems, not with how they were last seen.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page to mail into this FILE.")
def plan(
    config: Path,
    as_json: bool,
    named: str | None,
    field_name: str | None,
    lead: str | None,
    whole: bool,
    everyone: bool,
    live: bool,
    html: Path | None,
) -> int:
    """Show what the edited files (or a held plan, by its ID) would do: every change with its line; changes nothing."""
    from syncd.cli.plan_page import plan_page
    from syncd.edits.words import plan_words

    app = open_app(config)
    running, edited = _versions(app, named)
    only = _only(app, lead) if lead else None

    with progress(as_json) as on_progress:
        from syncd.edits.plan import make_plan
        from syncd.edits.tally import SAMPLES, Closer

        made = make_plan(
            app.engine,
            running,
            edited,
            batches=app.batches,
            everyone=everyone,
            only=only,
            closer=Closer(
                field=field_name, whole=whole or lead is not None, samples=PAGE_SAMPLES if html is not None else SAMPLES
            ),
            on_progress=on_progress,
            sharing=sharing_of(app),
        )
    kept = only is None and not everyone and running.digest != edited.digest
    if kept:
        _remember(app, made, edited)
    told = {**made.as_json(), **_verdict(app, made, running, edited, live), "kept": kept}
    told["approvable"] = kept and not told["wrong"] and not made.unread
    if named is not None and not made.id.startswith(named):
        click.echo(f"what plan {named} would do moved since it was made: it is plan {made.id} now", err=True)
    if html is not None:
        html.write_text(plan_page(told), encoding="utf-8")
        click.echo(f"wrote {html}", err=True)
    if as_json:
        click.echo(dump_json(told))
    elif html is None:
        click.echo(plan_words(told, whole=whole))
    return 2 if told["wrong"] else 0


@contextmanager
def progress(silent: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; yield what moves it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=silent or not sys.stderr.isatty()) as bar:
        task = bar.add_task("deciding", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def sharing_of(app: App) -> Sharing:
    """Return what of this machine a plan may take that somebody waits for."""
    import os

    from syncd.edits.shares import Sharing

    return Sharing(processes=min(len(os.sched_getaffinity(0)), MOST_PROCESSES), systems=app.connectors)


# ---------------------------------------------------------------------------------------------------------------------


def _versions(app: App, named: str | None) -> tuple[Mappings, Mappings]:
    """Return (the version in force, the one to compare it with)."""
    from syncd.edits.force import load_version
    from syncd.edits.passing import find_plan
    from syncd.wiring import read_mappings

    if named is None:
        return app.mappings, read_mappings(app.config)
    stored = find_plan(app.engine, named)
    with app.engine.connect() as connection:
        base, target = load_version(connection, stored.base), load_version(connection, stored.target)
    if target is None or base is None:
        raise click.ClickException(f"the files of plan {stored.id} are not kept any more")
    if app.mappings.digest != stored.base:
        raise click.ClickException(
            f"plan {stored.id} ({stored.state}) started from version {stored.base}, and {app.mappings.digest} is in "
            f"force; `syncd plan` shows what the files would do now"
        )
    return app.mappings, target


def _verdict(app: App, made: Plan, running: Mappings, edited: Mappings, live: bool) -> dict[str, list[str]]:
    """Return what the daemon would say to the files: what is wrong with them, and why it would hold the edit.

    What was last seen is believed where it fits; what seems to lack is asked for once more.
    """
    from syncd.cli.describing import misspelt, seen_in
    from syncd.edits.checking import ask, failing_cases, lacking_in_systems
    from syncd.edits.difference import Kind
    from syncd.edits.passing import beyond

    seen, unknown = seen_in(app.engine).fields, set()

    def is_slip(key: Kind) -> bool:
        return key[1] in misspelt(edited.systems[key[0]], seen.get(key[0], {}))

    def describe(key: Kind) -> Any:
        kinds = seen.get(key[0], {})
        found = ask(app.sources, key) if live else kinds if key[1] in kinds or is_slip(key) else None
        unknown.update([" ".join(key)] if found is None else [])
        return found

    def ask_again(key: Kind) -> Any:
        found = ask(app.sources, key)
        return describe(key) if found is None or (not found and is_slip(key)) else found

    lacks = lacking_in_systems(running, edited, made.edit, describe)
    if lacks and not live:
        lacks = lacking_in_systems(running, edited, made.edit, ask_again)
    wrong = [str(one) for one in lacks]
    why = "does not answer now" if live else "was never described (--live asks it)"
    cases = failing_cases(running, edited) if running.digest != edited.digest else []
    return {
        "wrong": wrong,
        "held": [*beyond(made, limits_of(app)), *(f"{one.place}: {one.message}" for one in cases)],
        "compared_not": [f"{name} {why}" for name in sorted(unknown)],
    }


def _only(app: App, lead: str) -> set[str]:
    from syncd.preview import find_entity

    with app.engine.connect() as connection:
        return {find_entity(connection, lead)}


def _remember(app: App, made: Plan, edited: Mappings) -> None:
    from syncd.edits.passing import keep_plan
    from syncd.store import versions

    with app.engine.begin() as connection:
        known: list[Any] = list(versions.read_plans(connection, made.id))
        if not known or known[0].state not in (versions.HELD, versions.SHOWN):
            keep_plan(connection, made, edited, app.connectors, versions.SHOWN, "plan")
