"""Commands about which version of the admins' files is in force: versions, approve, rollback."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import again_words, config_option, dump_json, examples, json_option, limits_of, moment, open_app

if TYPE_CHECKING:
    from syncd.wiring import App


@click.command(epilog=examples("syncd versions", "syncd versions 8a7be2a7", "syncd versions 8a7be2a7 1c9d0b2f"))
@config_option
@json_option
@click.argument("first", metavar="[VERSION]", required=False)
@click.argument("second", metavar="[OTHER]", required=False)
def versions(config: Path, as_json: bool, first: str | None, second: str | None) -> int:
    """List the versions of the files that were in force; show one; or show what differs from one to the other."""
    from syncd.edits.disk import patch

    app = open_app(config)
    if first is None:
        _list(app, as_json)
        return 0
    old = _texts(app, first)
    if second is None:
        text = "\n".join(f"# {name}\n{content}" for name, content in old.items())
        click.echo(dump_json(old) if as_json else text)
        return 0
    told = patch(old, _texts(app, second))
    click.echo(dump_json({"patch": told}) if as_json else told or "they differ in nothing", nl=not told)
    return 0


@click.command(
    epilog=examples(
        "syncd approve  # after `syncd plan` showed what waits",
        "syncd approve 3f9c2a71b0de  # an edit that is held, exactly as the plan said",
    )
)
@config_option
@json_option
@click.argument("named", metavar="[ID]", required=False)
@click.option("--though-moved", is_flag=True, help="With ID: also what moved since, as far as `edits` lets it through.")
def approve(config: Path, as_json: bool, named: str | None, though_moved: bool) -> int:
    """Let an edit of the files through (ID), or what the brakes hold and a sweep asks about now (no ID)."""
    app = open_app(config)
    if named is not None:
        return _approve_edit(app, named, as_json, though_moved)
    return _approve_held(app, as_json)


@click.command(epilog=examples("syncd rollback 8a7be2a7", "syncd rollback 8a7be2a7 --write"))
@config_option
@json_option
@click.argument("version")
@click.option("--write", is_flag=True, help="Also write its files into the mappings folder.")
@click.option(
    "--yes", "sure", is_flag=True, help="With --write: also over edits that were never in force; copies stay."
)
def rollback(config: Path, as_json: bool, version: str, write: bool, sure: bool) -> int:
    """Put VERSION in force again, at once; the files on disk stay as they are unless --write is given."""
    from syncd.edits.disk import patch, texts_on_disk, write_version
    from syncd.edits.passing import find_version, never_in_force, refuse_to_overwrite, roll_back
    from syncd.edits.words import counted

    app = open_app(config)
    digest = find_version(app.engine, version)
    on_disk, texts = texts_on_disk(app.config.mappings), _texts(app, digest)
    edited = never_in_force(app.engine, on_disk, texts) if write else []
    if edited and not sure:
        raise click.ClickException(refuse_to_overwrite(edited, "add --yes"))
    if digest != app.mappings.digest or not write:
        plan, due = roll_back(app.engine, digest, getpass.getuser(), app.batches)
        told: dict[str, Any] = {"version": digest, "leads": plan.totals["leads"], "looked_at_again": due}
    else:
        told = {"version": digest, "leads": 0, "looked_at_again": 0}
    difference = patch(on_disk, texts)
    if write:
        told["wrote"] = write_version(app.config.mappings, texts, keep=edited)
    else:
        told["patch"] = difference
    if as_json:
        click.echo(dump_json(told))
        return 0
    leads, again = told["leads"], told["looked_at_again"]
    click.echo(f"version {digest} is in force; {counted(leads, 'lead')} to change; {again_words(again)}")
    if write:
        click.echo(f"wrote {', '.join(told['wrote']) or 'nothing, the files were the same'}")
    elif difference:
        click.echo(
            f"The files on disk differ and are left alone; they are held. `syncd rollback {digest} --write` writes "
            f"them, or apply this patch:\n\n{difference}",
            nl=False,
        )
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _approve_edit(app: App, named: str, as_json: bool, though_moved: bool) -> int:
    from syncd.cli.planning import progress, sharing_of
    from syncd.edits.passing import Moved
    from syncd.edits.passing import approve as let_through

    try:
        with progress(as_json) as on_progress:
            limits = limits_of(app) if though_moved else None
            who, sharing = getpass.getuser(), sharing_of(app)
            plan, due = let_through(app.engine, named, who, app.batches, on_progress, sharing, limits)
    except Moved as error:
        if as_json:
            click.echo(dump_json({"approved": None, "moved": str(error), "plan": error.plan.id}))
        else:
            click.echo(str(error), err=True)
        return 1
    if as_json:
        click.echo(dump_json({"approved": plan.id, "version": plan.target, "looked_at_again": due}))
    else:
        click.echo(f"plan {plan.id} is in force: version {plan.target}; {again_words(due)}")
    return 0


def _approve_held(app: App, as_json: bool) -> int:
    from syncd.edits.words import counted
    from syncd.pipeline import approve_held
    from syncd.store.database import now_ms
    from syncd.store.sweep import approve_vanished

    who, now = getpass.getuser(), now_ms()
    with app.engine.begin() as connection:
        let = approve_held(connection, who, now)
        believed = approve_vanished(connection, who, now)
    if not let and not believed:
        raise click.ClickException(
            "no brake holds anything, and no sweep asks; nothing was changed. A held edit is let through by its ID"
        )
    if as_json:
        click.echo(dump_json({"approved": let, "vanished": believed}))
        return 0
    for name, count in let.items():
        click.echo(f"the next handoff lets through {counted(count, 'record')} that the brake on {name} held")
    if believed:
        click.echo(f"the next sweep takes for true what {counted(believed, 'question')} of the last asks about")
    return 0


def _list(app: App, as_json: bool) -> None:
    from syncd.edits.history import read_history

    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        chapters = read_history(connection)
    told = [
        {
            "version": one.reign.version,
            "since": moment(one.reign.at),
            "how": one.reign.how,
            "by": one.reign.by,
            "plan": one.reign.plan,
            "before": one.reign.previous,
            "in_force": place == 0,
            "files": {name: {"added": more, "removed": less} for name, (more, less) in one.files.items()},
            "leads": one.summary.get("leads"),
            "records": one.summary.get("records"),
        }
        for place, one in enumerate(chapters)
    ]
    if as_json:
        click.echo(dump_json(told))
        return
    for row, one in zip(told, chapters, strict=True):
        mark = "*" if row["in_force"] else " "
        plan = f", plan {row['plan']}" if row["plan"] else ""
        click.echo(f"{mark} {row['version']}  {row['since']}  {row['how']} by {row['by']}{plan}")
        if one.words:
            click.echo(f"      {one.words}")


def _texts(app: App, named: str) -> dict[str, str]:
    from syncd.edits.passing import find_version
    from syncd.store.versions import load_set

    digest = find_version(app.engine, named)
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        stored = load_set(connection, digest)
    return stored.files.texts() if stored is not None else {}
