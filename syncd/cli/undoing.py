"""The command that puts back what our writes replaced: undo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, moment, open_app, read_moment

if TYPE_CHECKING:
    from syncd.store.replaced import Replaced


@click.command(
    epilog=examples(
        "syncd undo ann@example.com", "syncd undo ann@example.com --field phone --yes", "syncd undo --since 2h"
    )
)
@config_option
@json_option
@click.argument("record", required=False)
@click.option("--since", help="Only what was replaced since: 2h, or 2026-05-28T14:00 (UTC).")
@click.option("--field", "fields", multiple=True, help="Only this field, by our name or by theirs.")
@click.option("--yes", "sure", is_flag=True, help="Put it back without asking.")
def undo(
    config: Path, as_json: bool, record: str | None, since: str | None, fields: tuple[str, ...], sure: bool
) -> int:
    """Put back the values that syncd's writes replaced in other systems, of RECORD (as for `explain`) or of all.

    A value is put back only where ours still stands, which is read there first and again right before it is written;
    what somebody changed since is left alone. Both sides then follow it as they follow a person's entry. If a mapping
    edit was the cause, take that back first: syncd rollback.
    """
    from syncd.log import logger
    from syncd.pipeline.undoing import find_replaced, put_back
    from syncd.preview import find_entity
    from syncd.store.database import now_ms

    if not (record or since):
        raise click.UsageError("say what: a record, or --since for all that was replaced since then")
    app = open_app(config)
    after = read_moment(since, now_ms()) if since else 0
    with app.engine.begin() as connection:
        entity = find_entity(connection, record) if record else None
    found = find_replaced(app.engine, app.destinations, app.mappings, entity=entity, since=after, fields=fields)
    told: dict[str, Any] = {
        "replaced": [_told(one) for one in found.wanted],
        "left": [{**_told(one), "why": why} for one, why in found.left],
        "outcomes": {},
    }
    if not as_json:
        _show(told)
    if found.wanted and not sure and not as_json and sys.stdin.isatty():
        sure = click.confirm(f"Put {len(found.wanted)} values back?")
    troubles, whole = found.troubles, not found.troubles
    if found.wanted and sure:
        done = put_back(app.engine, app.destinations, found.wanted)
        logger().info("values put back", action="undo", fields=len(found.wanted) - len(done.left), **done.outcomes)
        now_left = [{**_told(one), "why": why} for one, why in done.left]
        told["outcomes"] = dict(done.outcomes)
        told["left"] += now_left
        if not as_json:
            _show_left(now_left)
        troubles, whole = troubles | done.troubles, whole and done.outcomes.keys() <= {"done"} and not done.troubles
    for trouble in troubles.values():
        words = f"{trouble.system}: {trouble.message}; run the command again, what is done is not done twice"
        click.echo(words, err=True)
    if as_json:
        click.echo(dump_json(told))
    elif told["outcomes"]:
        click.echo(f"records: {', '.join(f'{count} {state}' for state, count in told['outcomes'].items())}")
    elif found.wanted:
        click.echo("nothing was put back" + ("" if sure else "; --yes does it"))
    return 0 if whole and (sure or not found.wanted) else 1


# ---------------------------------------------------------------------------------------------------------------------


def _told(one: Replaced) -> dict[str, Any]:
    told = {"system": one.system, "kind": one.kind, "record": one.record_id, "field": one.field}
    return {**told, "was": one.was, "ours": one.ours, "at": moment(one.at), "entity": one.entity}


def _show(told: dict[str, Any]) -> None:
    for one in told["replaced"]:
        click.echo(f"{_name(one)}: {one['ours']!r} back to {one['was']!r} (replaced {one['at']})")
    _show_left(told["left"])
    if not (told["replaced"] or told["left"]):
        click.echo("nothing was replaced that could be put back")


def _show_left(left: list[dict[str, Any]]) -> None:
    for one in left:
        click.echo(f"{_name(one)}: left as it is, {one['why']}")


def _name(one: dict[str, Any]) -> str:
    return f"{one['system']} {one['kind']} {one['record']} {one['field']}"
