"""Commands that only look: status, explain, refusals, problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import config_option, dump_json, examples, json_option, limit_option, moment, open_app

if TYPE_CHECKING:
    from syncd.lead.definition import Definition

LATEST = 3  # of each kind, where nobody asked for more


@click.command(epilog=examples("syncd status --config config.yaml --json"))
@config_option
@json_option
def status(config: Path, as_json: bool) -> int:
    """Show each system, the last runs, and how the leads stand."""
    from syncd.cli.words import status_words
    from syncd.web.figures import read_figures

    app = open_app(config)
    figures = read_figures(app.engine, None)
    click.echo(dump_json(figures.as_json()) if as_json else status_words(figures.as_json()))
    return 0


@click.command(
    epilog=examples("syncd explain ann@example.com", "syncd explain hubspot:51", "syncd explain 00Q... budget")
)
@config_option
@json_option
@click.argument("lead")
@click.argument("field", required=False)
def explain(config: Path, as_json: bool, lead: str, field: str | None) -> int:
    """Follow one LEAD from its source records to the CRM: each field with value, source, rule and version."""
    from syncd.cli.words import story_json, story_words
    from syncd.preview import tell

    app = open_app(config)
    story = tell(app.engine, app.mappings, lead)
    told = story_json(story, app.mappings)
    if field is not None:
        if field not in told["fields"] and field not in told["facts"]:
            known = ", ".join(sorted({*told["fields"], *told["facts"]}))
            raise click.ClickException(f"this lead has no field {field!r}; it has {known}")
        told["fields"] = {name: one for name, one in told["fields"].items() if name == field}
        told["facts"] = {name: one for name, one in told["facts"].items() if name == field}
        told["ledger"] = [row for row in told["ledger"] if row["field"] == field]
    click.echo(dump_json(told) if as_json else story_words(told))
    return 0


@click.command(epilog=examples("syncd refusals --who marketing"))
@config_option
@json_option
@click.option("--who", help="Only facts that this side can fill.")
@click.option("--fact", help="Only leads that lack this field, by its name or label.")
@limit_option(50)
def refusals(config: Path, as_json: bool, who: str | None, fact: str | None, limit: int) -> int:
    """List handoffs refused now, with the facts that are missing and who can fill each."""
    from syncd.store.figures import count_unmade, open_refusals, records_of

    app = open_app(config)
    who, fact = _named_in(app.mappings.definition, who, fact)
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        found, count = open_refusals(connection, limit, who=who, fact=fact)
        records = records_of(connection, [row.lead for row in found])
        unmade = count_unmade(connection)
    rows = [
        {
            "lead": row.lead,
            "records": records.get(row.lead, []),
            "cycle": row.cycle,
            "since": moment(row.at),
            "lacking": row.facts,
        }
        for row in found
    ]
    if as_json:
        click.echo(dump_json(rows))
        return 1 if rows else 0
    for row in rows:
        lacking = "; ".join(f"{f['label']}: {f['lack']} ({f['who']} can fill it)" for f in row["lacking"])
        click.echo(f"{', '.join(row['records']) or row['lead']}  since {row['since']}  {lacking}")
    for why, number in unmade.items():
        click.echo(f"{number:,} complete; not made: {why}")
    shown = f", the first {len(rows):,} of them shown (--limit)" if len(rows) < count else ""
    click.echo(f"{count:,} refused{shown}" if rows else "nothing is refused")
    return 1 if rows else 0


@click.command(epilog=examples("syncd problems", "syncd problems rejected", "syncd problems --all --limit 1000"))
@config_option
@json_option
@click.argument("kind", nargs=-1)
@click.option("--all", "whole", is_flag=True, help="List them all, of every kind.")
@limit_option(200, "Of a list.")
def problems(config: Path, as_json: bool, kind: tuple[str, ...], whole: bool, limit: int) -> int:
    """Tell what needs a person: how many of each kind, with the latest; or all of one KIND."""
    from syncd.config.check import nearest
    from syncd.store.inbox import KINDS, count_problems, list_problems

    name = " ".join(kind) or None
    if name is not None and name not in KINDS:
        raise click.UsageError(f"no problem is of the kind {name!r}; {nearest(name, KINDS)}")
    app = open_app(config)
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        counts = count_problems(connection)
        if name is not None and name not in counts and not as_json:
            there = f"; there are {', '.join(sorted(counts))}" if counts else ""
            click.echo(f"no open problem of the kind {name!r}{there}")
            return 0
        listed = name is not None or whole or as_json
        kinds = [name] if listed else sorted(counts, key=lambda one: (counts[one], one))
        # The name of a column may be of a kind of text that JSON does not take.
        rows = [
            {str(column): value for column, value in row._mapping.items()}
            for one in kinds
            for row in list_problems(connection, kind=one, limit=limit if listed else LATEST)
        ]
    if as_json:
        click.echo(dump_json(rows))
    else:
        _print_problems(rows, counts, listed=listed, of=counts.get(name, 0) if name else sum(counts.values()))
    return 1 if rows else 0


# ---------------------------------------------------------------------------------------------------------------------


def _named_in(definition: Definition, who: str | None, fact: str | None) -> tuple[str | None, str | None]:
    """Return the side and the field's name that are meant; a name of nothing would read as nothing refused."""
    from syncd.config.check import nearest
    from syncd.lead.definition import EntityKind

    fields = definition.fields[EntityKind.LEAD]
    sides = {one.who for one in fields.values()}
    if who is not None and who not in sides:
        raise click.UsageError(f"--who {who}: nobody called so fills a field; {nearest(who, sides)}")
    names = {one.label: name for name, one in fields.items()} | {name: name for name in fields}
    if fact is not None and fact not in names:
        raise click.UsageError(f"--fact {fact}: the definition has no such field; {nearest(fact, names)}")
    return who, names[fact] if fact is not None else None


def _print_problems(rows: Sequence[Mapping[str, Any]], counts: Mapping[str, int], *, listed: bool, of: int) -> None:
    if not rows:
        click.echo("no open problems")
        return
    for kind, group in groupby(rows, key=lambda row: str(row["kind"])):
        told = list(group)
        click.echo(click.style(f"{kind}: {counts[kind]:,}", bold=True))
        for row in told:
            times = f" ({row['count']} times)" if row["count"] > 1 else ""
            click.echo(f"  {row['id']:>5}  {moment(row['last_seen'])}  {row['message']}{times}")
        if not listed and len(told) < counts[kind]:
            click.echo(f"         and {counts[kind] - len(told):,} more: syncd problems {kind}")
    left = of - len(rows) if listed else 0
    click.echo(f"{of:,} open" + (f", the latest {len(rows):,} of them shown (--limit)" if left else ""))
