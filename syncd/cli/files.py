"""Commands about the admins' files: check, test, schema."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import config_option, dump_json, examples, json_option

if TYPE_CHECKING:
    from syncd.config import Config
    from syncd.mapping.model import Mappings


@click.command(epilog=examples("syncd check --config config.yaml", "syncd check --offline"))
@config_option
@json_option
@click.option("--offline", is_flag=True, help="Ask no system: go by what was last seen of them.")
def check(config: Path, as_json: bool, offline: bool) -> int:
    """Check config, definition, mappings and cases, and compare them with the live systems.

    Each finding names file, line and field, and the nearest name there is.
    """
    from syncd.cli.describing import compare_with_seen, keep_descriptions, last_seen
    from syncd.config import Problems
    from syncd.wiring import connect, find_problems, read_config, read_mappings

    found: list[str] = []
    notes: list[str] = []
    try:
        read = read_config(config)
        mappings = read_mappings(read)
        sources = connect(read, mappings)
        if offline:
            found, notes = compare_with_seen(mappings, last_seen(read))
        else:
            seen: dict[str, Any] = {}
            found, notes = find_problems(read, mappings, sources, seen)
            keep_descriptions(read, seen)
        found += _wrong_in_cases(read, mappings, told=bool(found))
    except Problems as error:
        found += [str(problem) for problem in error.problems]
    if as_json:
        click.echo(dump_json({"problems": found, "notes": notes}))
    else:
        for line in found:
            click.echo(line, err=True)
        for line in notes:
            click.echo(f"note: {line}")
        what = "files, and systems as last seen," if offline else "files and systems"
        click.echo(f"{len(found)} problem{'s' if len(found) != 1 else ''}" if found else f"{what} are in order")
    return 2 if found else 0


@click.command(epilog=examples("syncd test --config config.yaml"))
@config_option
@json_option
def test(config: Path, as_json: bool) -> int:
    """Run the mapping cases (mappings/cases/*.yaml), offline: 0 when all hold, 1 when one does not."""
    from syncd.mapping.cases import run_cases
    from syncd.pipeline.example import judge_example
    from syncd.wiring import read_config, read_mappings

    read = read_config(config)
    results = run_cases(read.mappings, read_mappings(read), judge_example)
    failed = [one for one in results if not one.ok]
    if as_json:
        rows = [
            {"name": r.name, "place": str(r.place), "ok": r.ok, "differences": [list(d) for d in r.differences]}
            for r in results
        ]
        click.echo(dump_json(rows))
        return 1 if failed else 0
    for one in results:
        if one.ok:
            click.echo(f"{click.style('ok', fg='green')}  {one.name}")
            continue
        click.echo(f"{click.style('FAILED', fg='red')}  {one.name}  ({one.place})")
        for name, expected, got in one.differences:
            line = f"  by {one.lines[name]}" if name in one.lines else ""
            click.echo(f"      {name}{line}")
            click.echo(click.style(f"        - expected  {_shown(expected)}", fg="red"))
            click.echo(click.style(f"        + is        {_shown(got)}", fg="green"))
    click.echo(f"{len(results)} cases, {len(failed)} failed")
    return 1 if failed else 0


@click.command(epilog=examples("syncd schema mapping > mapping.schema.json", "syncd schema hubspot --live"))
@config_option
@click.argument("name", required=False)
@click.option("--live", is_flag=True, help="With the fields that the live systems have; NAME may be a system.")
def schema(config: Path, name: str | None, live: bool) -> int:
    """Print the JSON Schema of a file format (config, definition, mapping, cases) for editors; all without NAME."""
    from syncd.mapping.schema import json_schemas

    schemas = {**json_schemas(), **(_live_schemas(config, name) if live else {})}
    if name is None:
        click.echo(dump_json(schemas))
        return 0
    if name not in schemas:
        raise click.ClickException(f"there is no schema {name!r}; there are {', '.join(schemas)}")
    click.echo(dump_json(schemas[name]))
    return 0


def _live_schemas(config: Path, name: str | None) -> dict[str, Any]:
    """Return the schema of each system's mapping file, by the system's name."""
    from syncd.cli.starting_files import describe
    from syncd.mapping.live_schema import live_schema
    from syncd.wiring import connect, read_config, read_mappings

    read = read_config(config)
    mappings = read_mappings(read)
    sources = connect(read, mappings)
    return {
        system: live_schema(mappings.definition, system, describe(source, read.systems[system].connector, mappings))
        for system, source in sources.items()
        if name in (None, system)
    }


# ---------------------------------------------------------------------------------------------------------------------


def _wrong_in_cases(config: Config, mappings: Mappings, *, told: bool) -> list[str]:
    """Return what the cases say that the mapping does not know.

    `told`: the mapping has mistakes that were told; a case that is right must not be bent to a misspelt line.
    """
    from syncd.config import Problems
    from syncd.mapping.cases import run_cases
    from syncd.pipeline.example import judge_example

    try:
        run_cases(config.mappings, mappings, judge_example)
    except Problems as error:
        return [str(replace(one, hint="mend the mapping first") if told else one) for one in error.problems]
    return []


def _shown(value: Any) -> str:
    """Return a value as the files would hold it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    return "nothing" if value is None else value if isinstance(value, str) else dump_json(value)
