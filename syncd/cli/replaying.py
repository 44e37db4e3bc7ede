"""The command that has leads decided once more: replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncd.cli.common import again_words, config_option, dump_json, examples, json_option, open_app, read_moment


@click.command(
    epilog=examples(
        "syncd replay --problem 17",
        "syncd replay --kind rejected",
        "syncd replay --record hubspot:contacts:51",
        "syncd replay --since 2h",
    )
)
@config_option
@json_option
@click.option("--problem", "ids", type=int, multiple=True, help="What this problem is about, by its number.")
@click.option("--kind", help="What the open problems of this kind are about.")
@click.option("--record", "records", multiple=True, help="One lead, account or branch, named as for `explain`.")
@click.option("--since", help="Whatever was decided, written or asked since: 2h, or 2026-05-28T14:00 (UTC).")
def replay(
    config: Path, as_json: bool, ids: tuple[int, ...], kind: str | None, records: tuple[str, ...], since: str | None
) -> int:
    """Decide once more from what is stored: safe at any time, as only what differs is written.

    With --problem or --kind, --since keeps the problems seen since then.
    """
    from syncd.log import logger
    from syncd.store import again
    from syncd.store.database import now_ms

    if not (ids or kind or records or since):
        raise click.UsageError("say what: --problem, --kind, --record or --since")
    app = open_app(config)
    now = now_ms()
    after = read_moment(since, now) if since else None
    with app.engine.begin() as connection:
        found, unknown = _asked_for(connection, ids, kind, records, after, now)
        count = again.make_due(connection, found, now)
    logger().info("asked to decide again", action="replay", entities=count, without_record=unknown)
    if as_json:
        click.echo(dump_json({"due": count, "not_found": unknown}))
    else:
        click.echo(again_words(count))
        if unknown:
            click.echo(f"{unknown} of the problems are about no single lead, account or branch: mend their cause")
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _asked_for(
    connection: Any, ids: tuple[int, ...], kind: str | None, records: tuple[str, ...], after: int | None, now: int
) -> tuple[set[str], int]:
    """Return (entities, problems that are about none)."""
    from syncd.pipeline.doors import reopen
    from syncd.preview import find_entity
    from syncd.store import again

    found: set[str] = set()
    unknown = 0
    for name in records:
        found.add(find_entity(connection, name))
    if ids or kind is not None or (after is not None and not records):
        problems = again.open_problems(connection, ids=ids, kind=kind, since=after)
        missing = sorted(set(ids) - {row.id for row in problems})
        if missing:
            raise click.ClickException(
                f"there is no open problem {', '.join(map(str, missing))} of that kind and time; `syncd problems` "
                f"shows their numbers"
            )
        for row in problems:
            if (waiting := reopen(connection, row.key, now)) is not None:
                found |= set(waiting)
                continue
            entity = row.entity or (again.entity_of_record(connection, row.record) if row.record else None)
            found |= {entity} if entity else set()
            unknown += entity is None
    if after is not None and not (ids or kind or records):
        found |= again.acted_on_since(connection, after)
        unknown = 0
    return found, unknown
