"""A whole account as one JSON file and back, so that a sandbox goes on after a restart."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.hubspot.portal import Owner, Portal, Rule, Schema
from sandbox.hubspot.records import Record, Source, Version
from sandbox.hubspot.schema import Option, Property
from sandbox.hubspot.table import Table


def save(portal: Portal, path: Path) -> None:
    """Write the account; the file is the old one or the new one, never a part of either."""
    with portal.lock:
        state = {
            "owners": [asdict(owner) for owner in portal.owners],
            "rules": [asdict(rule) for rule in portal.rules],
            "writes": dict(portal.writes),
            "links": portal.links.dump(),
            "schemas": {name: asdict(one) for name, one in portal.schemas.items()},
            "tables": [_dump(table) for table in portal.tables.values()],
        }
    text = json.dumps(state, ensure_ascii=False)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(portal: Portal, path: Path) -> None:
    """Replace the account's whole state; search sees everything at once."""
    state = json.loads(path.read_text(encoding="utf-8"))
    with portal.lock:
        portal.owners[:] = [Owner(**owner) for owner in state["owners"]]
        portal.rules[:] = [Rule(**rule) for rule in state["rules"]]
        portal.writes.clear()
        portal.writes.update(state["writes"])
        portal.links.load(state["links"])
        portal.schemas.clear()
        portal.schemas.update((name, Schema(**_tupled(one))) for name, one in state["schemas"].items())
        portal.tables.clear()
        for raw in state["tables"]:
            _fill(portal.add_table(raw["kind"], raw["type_id"]), raw)


def _dump(table: Table) -> dict[str, Any]:
    return {
        "kind": table.kind,
        "type_id": table.type_id,
        "next_id": table.next_id,
        "groups": table.groups,
        "merged": [*table.merged.items()],
        "definitions": [asdict(definition) for definition in table.definitions.values()],
        "records": [*table.records.values()],
        "archive": [*table.archive.values()],
    }


def _tupled(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}


def _fill(table: Table, raw: dict[str, Any]) -> None:
    table.groups = raw["groups"]
    table.merged = dict(raw["merged"])
    for definition in raw["definitions"]:
        options = tuple(Option(**option) for option in definition.pop("options"))
        table.define(Property(**definition, options=options))
    table.load(_record(row) for row in raw["records"])
    table.archive = {row[0]: _record(row) for row in raw["archive"]}
    table.next_id = raw["next_id"]


def _record(row: list[Any]) -> Record:
    record_id, properties, created, modified, source, archived, history = row
    versions = {
        name: tuple(Version(value, at, Source(*by)) for value, at, by in listed) for name, listed in history.items()
    }
    return Record(record_id, properties, created, modified, Source(*source), archived, versions)
