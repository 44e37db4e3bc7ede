"""Small mappings folders and config files for tests, changed one line at a time."""

from __future__ import annotations

from pathlib import Path

from syncd.config.yaml import Problem, Problems
from syncd.mapping.loader import load
from syncd.mapping.model import FieldMap, Mappings

SYSTEMS = {"hubspot": "hubspot", "salesforce": "salesforce", "erp": "sql", "files": "files"}

DEFINITION = """\
version: 1
lead:
  email: {type: email, identifies: true}
  phone: {type: phone}
  industry: {type: choice, choices: [Manufacturing, Energy]}
  employees: {type: integer}
  budget: {type: money, or_none: not set yet}
  rivals: {type: list, or_none: none considered}
  decided: {type: date}
  seen: {type: datetime}
  country: {type: country}
  state: {type: state}
  postcode: {type: postcode}
  opted_out: {type: boolean, merge: any}
  name: {type: text}
  site: {type: url}
  domain: {type: domain}
  share: {type: percent}
  account: {type: reference, refers_to: account}
account:
  domain: {type: domain, identifies: true}
branch:
  key: {type: text}
markets:
  big: employees >= 200
stages:
  - {name: inquiry, owner: marketing}
  - {name: mql, when: in_market && score >= 50}
  - {name: won}
handoff:
  from: mql
  requires: [[email, phone]]
""".replace("  key: {type: text}", "  branch_key: {type: text}")

HUBSPOT = """\
system: hubspot
contact:
  is: lead
  fields:
    email: {from: email}
"""


def write(folder: Path, **files: str) -> Path:
    """Write a folder that loads, with these files in place of, or beside, the usual ones; __ stands for a slash."""
    for name, text in {"definition": DEFINITION, "hubspot": HUBSPOT, **files}.items():
        path = folder / (name.replace("__", "/") + ("" if "." in name else ".yaml"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def problems_of(folder: Path) -> list[Problem]:
    """Load the folder, which must fail, and return what is wrong with it."""
    try:
        load(folder, SYSTEMS)
    except Problems as error:
        return list(error.problems)
    raise AssertionError("the folder loads")


def told(problems: list[Problem], folder: Path) -> list[str]:
    """Return the problems as text, with places relative to the folder."""
    return [str(one).replace(f"{folder}/", "") for one in problems]


def mapped(folder: Path, line: str, *, connector: str = "hubspot", before: str = "") -> FieldMap:
    """Load a mapping whose last line is `line` ("budget: {from: b}") and return that line compiled."""
    kind = {"hubspot": "contact", "salesforce": "Lead", "erp": "row"}[connector]
    table = "  table: {query: select 1, id: id}\n" if connector == "erp" else ""
    text = f"system: {connector}\n{kind}:\n  is: lead\n{table}  fields:\n{before}    {line}\n"
    write(folder, **{"hubspot": HUBSPOT, connector: text})
    loaded: Mappings = load(folder, SYSTEMS)
    kinds = next(iter(loaded.systems[connector].kinds.values()))
    return kinds.fields[line.partition(":")[0]]
