"""What each version that was in force changed: its files line by line, whom it reached, and by which plan."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from syncd.edits.words import counted
from syncd.store import versions
from syncd.store.versions import Reign


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One reign. `files`: name -> (lines added, removed); `summary`: of its plan, for as long as that is kept."""

    reign: Reign
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What it changed, on one line; empty where nothing is known of it."""
        told = [f"{name} +{more} -{less}" for name, (more, less) in self.files.items()]
        if self.summary:
            leads, records = self.summary.get("leads", 0), self.summary.get("records", 0)
            told.append(f"{counted(leads, 'lead')} changed, {counted(records, 'record')} written")
        return "; ".join(told)


def read_history(connection: Connection, limit: int | None = None) -> list[Chapter]:
    """Return what was in force, the latest first."""
    reigns = versions.list_reigns(connection, limit)
    texts = {name: _texts(connection, name) for one in reigns for name in (one.version, one.previous) if name}
    found = []
    for one in reigns:
        files = _lines(texts[one.previous], texts[one.version]) if one.previous else {}
        plans = versions.read_plans(connection, one.plan) if one.plan else ()
        found.append(Chapter(reign=one, files=files, summary=plans[0].summary if plans else {}))
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _texts(connection: Connection, version: str) -> Mapping[str, str] | None:
    stored = versions.load_set(connection, version)
    return stored.files.texts() if stored is not None else None


def _lines(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> dict[str, tuple[int, int]]:
    if old is None or new is None:
        return {}
    found = {}
    for name in sorted({*old, *new}):
        before, after = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        if before != after:
            marks = [line[:1] for line in list(difflib.unified_diff(before, after, n=0))[2:]]
            found[name] = (marks.count("+"), marks.count("-"))
    return found
