"""What speaks against an edit before anybody plans it: what the live systems lack for it, and cases that do not hold.

What a file may say is syncd.mapping.loader's; what becomes of an edit that has mistakes, the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.contract import FieldInfo, Source
from connectors.errors import ConfigProblem, ConnectorError
from syncd.config.yaml import Problem, Problems
from syncd.edits.difference import Edit, Kind
from syncd.mapping.cases import run_cases_of
from syncd.mapping.model import Mappings
from syncd.mapping.reality import compare_kind
from syncd.pipeline.example import judge_example

# The fields of a kind by its name, nothing for a kind that the system lacks; None where it cannot be asked.
Describe = Callable[[Kind], Mapping[str, Sequence[Any]] | None]


def lacking_in_systems(running: Mappings, edited: Mappings, edit: Edit, describe: Describe) -> list[Problem]:
    """Return what the systems lack that only the edit needs; one that cannot be asked is not held against it."""
    found: list[Problem] = []
    for key in _to_describe(running, edited, edit):
        after, before = edited.kind(*key), running.kind(*key)
        assert after is not None
        infos = describe(key)
        if infos is None:
            continue
        known = {(one.lack, one.field, one.choice) for one in compare_kind(before, infos)} if before else set()
        told = [one for one in compare_kind(after, infos) if (one.lack, one.field, one.choice) not in known]
        found += [one.problem for one in told]
    return found


def ask(sources: Mapping[str, Source], key: Kind) -> Mapping[str, Sequence[FieldInfo]] | None:
    """Describe one kind by asking its system; what Describe is to return."""
    source = sources.get(key[0])
    try:
        return {key[1]: source.fields(key[1])} if source is not None else None
    except ConfigProblem:
        return {}
    except ConnectorError:
        return None


def failing_cases(running: Mappings, edited: Mappings) -> list[Problem]:
    """Return the cases that do not hold or cannot be read: the admins' own examples speak against the edit.

    What failed in the same way in the version in force speaks against no edit: somebody let it pass.
    """
    found = judge_cases(edited)[0]
    before = set(map(_said, judge_cases(running)[0])) if found else set()
    return [one for one in found if _said(one) not in before]


def judge_cases(edited: Mappings) -> tuple[list[Problem], list[Problem]]:
    """Return (the same, the mapping lines that give another value than a case expects)."""
    try:
        failed = [one for one in run_cases_of(edited.files, edited, judge_example) if not one.ok]
    except Problems as error:
        return list(error.problems), []
    cases = [
        Problem(one.place, f"the case {one.name!r} does not hold", "; ".join(map(_difference, one.differences)))
        for one in failed
    ]
    lines = [
        Problem(one.lines[it[0]], f"by this line the case {one.name!r} does not hold", _difference(it))
        for one in failed
        for it in one.differences
        if it[0] in one.lines
    ]
    return cases, lines


# ---------------------------------------------------------------------------------------------------------------------


def _said(problem: Problem) -> tuple[str, str, str]:
    """Return what tells a failure from another, wherever its case stands in its file by now."""
    return Path(problem.place.file).name, problem.message, problem.hint


def _difference(one: tuple[str, Any, Any]) -> str:
    name, expected, got = one
    return f"{name}: expected {expected!r}, got {got!r}"


def _to_describe(running: Mappings, edited: Mappings, edit: Edit) -> list[Kind]:
    """Return the kinds of which the edit asks something that was not asked before."""
    fresh = [
        key for name, one in edited.systems.items() for kind in one.kinds if not running.kind(*(key := (name, kind)))
    ]
    asking = []
    for key, one in edit.kinds.items():
        after = edited.kind(*key)
        if after is not None and (one.creates or one.only or one.whole or one.lines & after.fields.keys()):
            asking.append(key)
    return sorted({*fresh, *asking})
