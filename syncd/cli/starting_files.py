"""The command that begins: a definition to agree on, and a first mapping for each system: init."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.common import config_option, examples
from syncd.lead.definition import EntityKind

if TYPE_CHECKING:
    from connectors.contract import FieldInfo, Source
    from syncd.mapping.model import KindMap, Mappings

# What the records of a system usually are: connector -> (section, the system's own name, what it is)
KINDS: Mapping[str, Sequence[tuple[str, str, EntityKind]]] = {
    "hubspot": (("contact", "contacts", EntityKind.LEAD), ("company", "companies", EntityKind.ACCOUNT)),
    "salesforce": (
        ("Lead", "Lead", EntityKind.LEAD),
        ("Contact", "Contact", EntityKind.LEAD),
        ("Account", "Account", EntityKind.ACCOUNT),
    ),
}
STARTER = """\
# The shared lead: what both teams mean by the word, and when it may be handed over. Edit it together.
version: 1
lead:
  email: {type: email, identifies: true, personal: true}
  first_name: {type: text, personal: true}
  last_name: {type: text, personal: true}
  phone: {type: phone, personal: true}
  title: {type: text}
  company: {type: text}
  industry: {type: text}
  employees: {type: integer}
  country: {type: country}
  opted_out: {type: boolean, merge: any, label: opted out of e-mail}
account:
  name: {type: text}
  domain: {type: domain, identifies: true}
stages:
  - {name: inquiry, owner: marketing}
  - {name: mql, owner: marketing, when: has(email) && has(company)}
  - {name: sal, owner: sales, when: handoff.accepted}
handoff:
  from: mql
  requires:
    - [first_name, last_name, email, phone]
"""


@click.command(
    epilog=examples("syncd init", "syncd init hubspot  # then take the marks away, `syncd check`, `syncd plan`")
)
@config_option
@click.argument("systems", nargs=-1)
def init(config: Path, systems: tuple[str, ...]) -> int:
    """Write a first mapping for each system, of the fields it has: nothing is in force, no file is overwritten."""
    from syncd.mapping.files import DEFINITION
    from syncd.mapping.proposal import propose
    from syncd.wiring import connect, read_config, read_mappings

    read = read_config(config)
    unknown = sorted({*systems} - read.systems.keys())
    if unknown:
        raise click.ClickException(f"no system {unknown[0]!r} in {config}; there are {', '.join(read.systems)}")
    read.mappings.mkdir(parents=True, exist_ok=True)
    _write(read.mappings / DEFINITION, STARTER)
    mappings = read_mappings(read)
    sources = connect(read, mappings)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    for name in systems or tuple(read.systems):
        file = read.mappings / f"{name}.yaml"
        if read.systems[name].connector not in KINDS:
            click.echo(f"{name}: its rows come from a query or a file; docs/mappings.md shows how that is written")
        elif name in mappings.systems or file.exists():
            click.echo(
                f"{mappings.systems[name].file if name in mappings.systems else file}: is there, and stays as it is"
            )
        else:
            kinds = describe(sources[name], read.systems[name].connector, mappings)
            _write(file, propose(mappings.definition, name, kinds, day))
    return 0


def describe(source: Source, connector: str, mappings: Mappings) -> dict[str, tuple[EntityKind, Sequence[FieldInfo]]]:
    """Return section -> (what it is, its fields): the kinds that are mapped, and those that such a system has."""
    from connectors.errors import ConfigProblem

    known = {kind.section: (kind.kind, kind.entity) for kind in _mapped(mappings, source.name)}
    usual = {section: (kind, entity) for section, kind, entity in KINDS.get(connector, ())}
    taken = {kind for kind, _ in known.values()}
    wanted = {**known, **{section: one for section, one in usual.items() if one[0] not in taken}}
    found = {}
    for section, (kind, entity) in wanted.items():
        try:
            found[section] = (entity, source.fields(kind))
        except ConfigProblem:
            continue
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _mapped(mappings: Mappings, system: str) -> list[KindMap]:
    known = mappings.systems.get(system)
    return list(known.kinds.values()) if known is not None else []


def _write(path: Path, text: str) -> None:
    """Write a new file; one that is there stays as it is."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"{path}: written")
