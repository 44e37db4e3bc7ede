"""The whole org as one JSON file, so that a sandbox goes on after a restart; validation rules are code and stay out."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.salesforce.org import Bulk, Cursor, DuplicateRule, Features, Lock, Org, People, Subset, Writes
from sandbox.salesforce.schema import ObjectType
from sandbox.salesforce.sessions import Sessions


def save(path: Path, org: Org, sessions: Sessions) -> None:
    """Write the file atomically: a crash leaves the older one whole."""
    text = json.dumps(_dump(org, sessions), separators=(",", ":"))
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path, org: Org, sessions: Sessions) -> None:
    """Put the file's state in place of what the org holds; raise OSError or ValueError and leave it as it was."""
    state = json.loads(path.read_text(encoding="utf-8"))
    org.reset()
    for name, definition in state["objects"].items():
        org.add_type(ObjectType.from_json(name, definition))
        org.tables[name].load(state["rows"][name])
    org.numbers = state["numbers"]
    org.people = People(**state["people"])
    org.features = Features(**state["features"])
    org.duplicate_rules = [DuplicateRule(**rule) for rule in state["duplicate_rules"]]
    org.subsets = {key: Subset(**subset) for key, subset in state.get("subsets", {}).items()}
    org.locks = {key: Lock(**lock) for key, lock in state["locks"].items()}
    org.denied = {name: set(rights) for name, rights in state["denied"].items()}
    org.assigned_owner = state["assigned_owner"]
    org.writes = {name: Writes(**counts) for name, counts in state["writes"].items()}
    org.cursors = {key: Cursor(**cursor) for key, cursor in state["cursors"].items()}
    org.jobs = state["jobs"]
    org.bulk = Bulk(**state["bulk"])
    org.calls_by_hour = Counter({int(hour): calls for hour, calls in state["calls_by_hour"].items()})
    sessions.tokens = state["tokens"]


def _dump(org: Org, sessions: Sessions) -> dict[str, Any]:
    return {
        "objects": {type_.name: type_.to_json() for type_ in org.types.values()},
        "rows": {name: list(table.rows.values()) for name, table in org.tables.items()},
        "numbers": org.numbers,
        "people": asdict(org.people),
        "features": asdict(org.features),
        "duplicate_rules": [asdict(rule) for rule in org.duplicate_rules],
        "subsets": {key: asdict(subset) for key, subset in org.subsets.items()},
        "locks": {key: asdict(lock) for key, lock in org.locks.items()},
        "denied": {name: sorted(rights) for name, rights in org.denied.items()},
        "assigned_owner": org.assigned_owner,
        "writes": {name: asdict(counts) for name, counts in org.writes.items()},
        "cursors": {key: asdict(cursor) for key, cursor in org.cursors.items()},
        "jobs": org.jobs,
        "bulk": asdict(org.bulk),
        "calls_by_hour": dict(org.calls_by_hour),
        "tokens": sessions.tokens,
    }
