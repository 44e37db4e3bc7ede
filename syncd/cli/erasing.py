"""The command that forgets a person: erase."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, open_app


@click.command(epilog=examples("syncd erase ann@example.com", "syncd erase hubspot:contacts:51 --anyway --yes"))
@config_option
@json_option
@click.argument("record")
@click.option("--anyway", is_flag=True, help="Also while a system still has the person; it is shut out here for good.")
@click.option("--yes", "sure", is_flag=True, help="Erase without asking.")
def erase(config: Path, as_json: bool, record: str, anyway: bool, sure: bool) -> int:
    """Forget a person (RECORD as for `explain`): every value, word and key that syncd holds, its history included.

    Delete the person in the other systems first; syncd writes nothing there. The records' ids stay, so that nothing is
    made or read anew. It cannot be undone; backups and what was printed or exported before are yours to erase.
    """
    from syncd.log import logger
    from syncd.pipeline import forget_entity
    from syncd.preview import NotFound, find_entity
    from syncd.store import handoff, succession
    from syncd.store.database import give_back_what_is_freed, now_ms

    app = open_app(config)
    with app.engine.begin() as connection:
        try:
            entity = find_entity(connection, record)
        except NotFound as error:
            raise click.ClickException(f"{error}; nothing was erased") from error
        living = [" ".join(one) for one in succession.living_records(connection, [entity]).get(entity, ())]
    if living and not anyway:
        raise click.ClickException(
            f"{', '.join(living)}: still there. Delete the person there first and let syncd see it "
            f"(`syncd once --sweep`); with --anyway syncd forgets now and never reads these records again. Nothing was "
            f"erased"
        )
    if not sure and not (sys.stdin.isatty() and click.confirm(f"Forget {entity} for good?")):
        raise click.ClickException("nothing was erased; --yes does it")
    with app.engine.begin() as connection:
        if handoff.planned_for(connection, entity):
            raise click.ClickException("something of it is being written just now; nothing was erased, try again")
        forget_entity(connection, entity, now_ms())
    give_back_what_is_freed(app.engine)
    logger().info("erased", action="erase", entity=entity, shut_out=len(living))
    if as_json:
        click.echo(dump_json({"erased": entity, "still_in": living}))
    else:
        click.echo(f"{entity} is forgotten; its id stays" + (f". Still in: {', '.join(living)}" if living else ""))
    return 0
