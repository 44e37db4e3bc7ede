"""The command that lets a lead pass the gate without some facts: a name, a reason, an end."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, moment, open_app

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.wiring import App

_MISSING = "what a waiver needs is {}; nothing was waived"


@click.command(
    epilog=examples(
        'syncd waive ann@example.com --fact budget --until 2026-12-01 --reason "met at the fair"',
        "syncd waive ann@example.com --end",
        "syncd waive",
    )
)
@config_option
@json_option
@click.argument("lead", required=False)
@click.option("--fact", "facts", multiple=True, help="What may lack; several may be given. None: any fact.")
@click.option("--until", help="The day on which it ends (UTC), or a moment: 2026-12-01, 2026-12-01T14:00.")
@click.option("--reason", help="Why; the rep reads it on the lead.")
@click.option("--by", help="Whose decision it is.  [default: who is logged in]")
@click.option("--end", "ends", is_flag=True, help="End what is waived for this lead now.")
def waive(
    config: Path,
    as_json: bool,
    lead: str | None,
    facts: tuple[str, ...],
    until: str | None,
    reason: str | None,
    by: str | None,
    ends: bool,
) -> int:
    """Let LEAD be handed over without some of the facts that the definition requires; without LEAD, list who may.

    Everything else is checked as ever. Who has it pass, and why, stands in the rep's brief and in `explain`.
    """
    from syncd.lead.decision import Waiver
    from syncd.store import waivers
    from syncd.store.again import make_due
    from syncd.store.database import now_ms, serialise_intake

    app = open_app(config)
    now, name = now_ms(), by or getpass.getuser()
    if lead is None:
        return _list(app, as_json, now)
    granted = None if ends else Waiver(name, _reason(reason), _end(until, now), _known(app, facts))
    with app.engine.begin() as connection:
        serialise_intake(connection)
        entity = _lead(connection, lead)
        ended = waivers.end(connection, entity, name, now) if granted is None else 0
        if granted is not None:
            waivers.grant(connection, entity, granted, now)
        make_due(connection, {entity}, now)
    if granted is None:
        click.echo(f"ended: {ended}; the lead is judged again at the next handoff" if ended else "nothing was waived")
        return 0
    told = ", ".join(granted.facts) or "any fact"
    click.echo(
        f"{entity} may be handed over without {told} until {moment(granted.until)}; it is judged again at the next "
        f"handoff. Take it back: syncd waive {entity} --end"
    )
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _list(app: App, as_json: bool, now: int) -> int:
    from syncd.cli.words import waiver_json, waiver_words
    from syncd.store import waivers

    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        told = [waiver_json(row._mapping) for row in waivers.all_in_force(connection, now)]
    if as_json:
        click.echo(dump_json(told))
        return 0
    for one in told:
        click.echo(f"{one['lead']}{waiver_words(one)}")
    click.echo(f"{len(told)} in force" if told else "nothing is waived")
    return 0


def _reason(text: str | None) -> str:
    if not (text or "").strip():
        raise click.UsageError(_MISSING.format("a reason: --reason"))
    return str(text).strip()


def _end(text: str | None, now: int) -> int:
    from syncd.store.database import to_ms

    if text is None:
        raise click.UsageError(_MISSING.format("an end: --until 2026-12-01"))
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--until {text}: give a day (2026-12-01) or a moment (2026-12-01T14:00)") from error
    found = to_ms(read if read.tzinfo else read.replace(tzinfo=UTC))
    if found <= now:
        raise click.UsageError(f"--until {text} lies in the past; nothing was waived")
    return found


def _known(app: App, facts: tuple[str, ...]) -> tuple[str, ...]:
    from syncd.config.check import nearest

    asked = sorted({fact for one in app.mappings.definition.requires for fact in one.facts})
    for fact in facts:
        if fact not in asked:
            raise click.UsageError(f"the gate never asks for {fact!r}; {nearest(fact, asked, what='it asks for')}")
    return facts


def _lead(connection: Connection, name: str) -> str:
    from syncd.preview import find_entity
    from syncd.store.handoff import kinds_of

    found = find_entity(connection, name)
    if kinds_of(connection, [found]).get(found) != "lead":
        raise click.ClickException(f"{name} is no lead; nothing was waived")
    return found
