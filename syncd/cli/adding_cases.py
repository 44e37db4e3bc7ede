"""The command that makes a case of a real record: `case`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from syncd.cli.common import config_option, examples, open_app

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.lead.decision import SourceRecord
    from syncd.mapping.files import FileSet
    from syncd.mapping.model import KindMap, Mappings


@click.command(
    epilog=examples("syncd case ann@example.com --name 'a range is no budget'", "syncd case hubspot:51 --print")
)
@config_option
@click.argument("lead")
@click.option("--system", help="Of which system's record; default: the first that syncd reads.")
@click.option("--name", help="What the case shows.")
@click.option("--print", "only_print", is_flag=True, help="Print the case and write no file.")
def case(config: Path, lead: str, system: str | None, name: str | None, only_print: bool) -> int:
    """Add a case made from a record of LEAD to mappings/cases/, everything personal replaced by made-up values.

    The same value is replaced by the same one throughout; what the record should be for us is what it is now.
    """
    from syncd.edits.disk import write_file
    from syncd.mapping.cases import run_cases_of
    from syncd.mapping.files import CASES, read_files
    from syncd.pipeline.example import judge_example
    from syncd.wiring import read_mappings

    app = open_app(config)
    mappings = read_mappings(app.config)
    with app.engine.connect() as connection:
        record = _find_record(connection, mappings, lead, system)
    kind = mappings.systems[record.system].kinds[record.kind]
    stem = Path(mappings.systems[record.system].file).stem
    file = f"{CASES}{stem}.yaml"
    before = read_files(app.config.mappings)
    text = _entry(mappings, kind, record.fields, name or f"a {kind.section} as {record.system} holds it")
    after = _with_entry(before, file, text)
    results = run_cases_of(after, mappings, judge_example)
    failed = [one for one in results if not one.ok and one.name == _name_of(text)]
    if failed:
        raise click.ClickException(f"the case would not hold, so none was written: {failed[0].differences[0][0]}")
    if only_print:
        click.echo(text, nl=False)
        return 0
    path = app.config.mappings / file
    try:
        write_file(path, after.files[file])
    except OSError as error:
        raise click.ClickException(
            f"{path} cannot be written ({error.strerror}); add this to it yourself:\n\n{text}"
        ) from None
    click.echo(f"{path}: a case was added; read it before you share it")
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _find_record(connection: Connection, mappings: Mappings, lead: str, system: str | None) -> SourceRecord:
    from syncd.preview import find_entity
    from syncd.store.views import load_views

    found = find_entity(connection, lead)
    (view,) = load_views(connection, [found])
    known = [one for one in view.records if mappings.kind(one.system, one.kind) and not one.deleted]
    known = [one for one in known if mappings.systems[one.system].kinds[one.kind].readers]
    wanted = system or (lead.split(":")[0] if ":" in lead else None)
    named = [one for one in known if wanted in (None, one.system)]
    if not named:
        there = ", ".join(sorted({one.system for one in known})) or "none"
        raise click.ClickException(f"this lead has no record that is read from {wanted}; it has some from: {there}")
    return max(named, key=lambda one: len(mappings.systems[one.system].kinds[one.kind].readers))


def _entry(mappings: Mappings, kind: KindMap, fields: Mapping[str, Any], name: str) -> str:
    """Return the case as text for the file."""
    from syncd.mapping.disguise import Disguise
    from syncd.mapping.model import BadValue
    from syncd.mapping.owners import bind_kind
    from syncd.pipeline.example import judge_example
    from syncd.store.database import from_ms, now_ms

    given = Disguise(mappings.definition, mappings.systems[kind.system]).record(kind, fields)
    owners = {str(given[one]) for line in kind.fields.values() if line.owner for one in line.reads if one in given}
    people = {id: f"owner{number}@example.com" for number, id in enumerate(sorted(owners), 1)}
    kind = bind_kind(kind, people)
    record = {**dict.fromkeys(kind.read_fields()), **given}
    lines = [f"- name: {_scalar(name)}", f"  kind: {_scalar(kind.section)}", "  given:"]
    lines += [f"    {_scalar(key)}: {_scalar(value)}" for key, value in given.items()] if given else []
    if not given:
        lines[-1] = "  given: {}"
    if people:
        lines += ["  people:", *(f"    {_scalar(id)}: {email}" for id, email in people.items())]
    if kind.only is not None and not kind.only.met(record):
        return "\n".join([*lines, "  skipped: true"]) + "\n"
    read = {one: convert(record) for one, convert in kind.readers}
    values = {one: value for one, value in read.items() if value is not None and not isinstance(value, BadValue)}
    bad = {one: value.why for one, value in read.items() if isinstance(value, BadValue)}
    lines += ["  expect:", *(f"    {one}: {_scalar(value)}" for one, value in values.items())] if values else []
    lines += [f"  expect_problem: [{', '.join(bad)}]"] if bad else []
    if kind.entity.value == "lead":
        now = now_ms()
        stage, lacking = judge_example(mappings.definition, kind, values, bad, 0, now)
        lines += [f"  on: {from_ms(now):%Y-%m-%d}", f"  stage: {stage}"]
        lines += [f"  refused: [{', '.join(lacking)}]"] if lacking is not None else []
    return "\n".join(lines) + "\n"


def _with_entry(files: FileSet, name: str, entry: str) -> FileSet:
    before = files.files.get(name, b"").decode("utf-8-sig")
    mark = "\n" if before and not before.endswith("\n") else ""
    between = "\n" if before.strip() else ""
    return replace(files, files={**files.files, name: f"{before}{mark}{between}{entry}".encode()})


def _name_of(entry: str) -> str:
    from syncd.config.yaml import parse

    return str(parse(entry.encode(), "case").data[0]["name"])


_PLAIN = re.compile(r"[A-Za-z][\w ./@+-]*[\w./@+-]|[A-Za-z]")


def _scalar(value: Any) -> str:
    """Write a value so that the files' own reader gives it back, type and all."""
    from syncd.config.yaml import resolve

    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and resolve(value) == value:
        return value
    return orjson.dumps(value).decode()
