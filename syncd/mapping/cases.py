"""Examples beside a mapping, run without any system: a record of theirs and what it should be for us, or the way back.

Showing the results is left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from syncd.config.check import nearest, translate
from syncd.config.yaml import Document, Place, Problem, Problems, parse
from syncd.lead.definition import Definition, EntityKind
from syncd.mapping.files import CASES, FileSet, read_files
from syncd.mapping.model import ABSENT, BadValue, FieldMap, KindMap, Mappings, SystemMap
from syncd.mapping.owners import OWNER, bind_kind
from syncd.mapping.schema import CaseSection, CasesFile

PROBLEM = "a problem"

# (definition, kind, values, unreadable fields, touches, now in ms) -> (stage, facts that the gate finds lacking; None
# for a lead that does not stand before it)
Judge = Callable[
    [Definition, KindMap, Mapping[str, Any], Mapping[str, str], int, int], tuple[str, Sequence[str] | None]
]


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """How one example ended. `differences`: (field, expected, got), in words where there is no value.

    `lines`: field -> the mapping line that reads or writes it.
    """

    name: str
    place: Place
    ok: bool
    differences: Sequence[tuple[str, Any, Any]] = ()
    lines: Mapping[str, Place] = field(default_factory=dict)


def run_cases(directory: Path, mappings: Mappings, judge: Judge | None = None) -> list[CaseResult]:
    """Run every file of `directory`/cases; raise Problems when one cannot be read.

    cases/hubspot.yaml belongs to mappings/hubspot.yaml. Without `judge` a case that asks for a stage or a
    refusal fails.
    """
    return run_cases_of(read_files(directory), mappings, judge)


def run_cases_of(files: FileSet, mappings: Mappings, judge: Judge | None = None) -> list[CaseResult]:
    """Run the cases of files that were read already; raise Problems when one cannot be read."""
    by_stem = {Path(one.file).stem: one for one in mappings.systems.values()}
    results: list[CaseResult] = []
    problems: list[Problem] = []
    for name in sorted(one for one in (*files.files, *files.unread) if _is_case(one)):
        try:
            document = _read(files, name)
            results += _run_file(document, by_stem.get(Path(name).stem), by_stem, mappings.definition, judge)
        except Problems as error:
            problems += error.problems
    if problems:
        raise Problems(problems)
    return results


def _is_case(name: str) -> bool:
    return name.startswith(CASES) and name.count("/") == 1 and name.endswith(".yaml")


def _read(files: FileSet, name: str) -> Document:
    if name in files.unread:
        place = Place(files.path(name), 1, 1)
        raise Problems([Problem(place, f"cannot be read: {files.unread[name]}", "check the path and its rights")])
    return parse(files.files[name], files.path(name))


def _run_file(
    document: Document,
    system: SystemMap | None,
    known: Mapping[str, SystemMap],
    definition: Definition,
    judge: Judge | None,
) -> list[CaseResult]:
    if document.problems:
        raise Problems(document.problems)
    if system is None:
        name = Path(document.file).stem
        raise Problems(
            [
                Problem(
                    document.place(()),
                    f"no mapping file {name}.yaml that these cases belong to; put it back, or delete these with it",
                    nearest(name, known),
                )
            ]
        )
    try:
        cases = CasesFile.model_validate(document.data if document.data is not None else []).root
    except ValidationError as error:
        raise Problems(translate(error, document, model=CaseSection, each=True)) from None
    problems: list[Problem] = []
    results = []
    for index, case in enumerate(cases):
        try:
            result = _run(case, document, index, system)
            judged = _judged(case, document, index, _kind(case, document, index, system), definition, judge)
            differences = (*result.differences, *judged)
            results.append(replace(result, ok=not differences, differences=differences))
        except Problems as error:
            problems += error.problems
    if problems:
        raise Problems(problems)
    return results


def _run(case: CaseSection, document: Document, index: int, system: SystemMap) -> CaseResult:
    kind = _kind(case, document, index, system)
    if (case.given is None) == (case.ours is None):
        place = document.place((index,))
        raise Problems([Problem(place, "expected 'given' (a record of theirs) or 'ours' (values of ours)", "give one")])
    if case.given is not None:
        differences = _check_read(case, document, index, kind)
    else:
        differences = _check_write(case, document, index, kind)
    known = kind.fields if case.given is not None else {one.writes: one for one in kind.fields.values() if one.writes}
    return CaseResult(
        name=case.name,
        place=document.place((index,)),
        ok=not differences,
        differences=tuple(differences),
        lines={name: known[name].place for name, _, _ in differences if name in known},
    )


def _kind(case: CaseSection, document: Document, index: int, system: SystemMap) -> KindMap:
    if not system.kinds:
        raise Problems([Problem(document.place((index,)), f"{system.file} maps no kind of record", "map one first")])
    found = [kind for kind in system.kinds.values() if case.kind in (None, kind.kind, kind.section)]
    if found:
        return _knowing(case, document, index, found[0])
    names = [kind.section for kind in system.kinds.values()]
    raise Problems(
        [
            Problem(
                document.place((index, "kind")),
                f"{system.file} has no kind {case.kind!r}",
                nearest(str(case.kind), names),
            )
        ]
    )


def _knowing(case: CaseSection, document: Document, index: int, kind: KindMap) -> KindMap:
    """Return the kind as it is where the system told of the case's people."""
    if any(line.owner for line in kind.fields.values()):
        return bind_kind(kind, case.people)
    if case.people:
        place = document.key_place((index, "people"))
        raise Problems([Problem(place, f"no line of {kind.section} says `as: {OWNER}`", "delete it")])
    return kind


def _check_read(case: CaseSection, document: Document, index: int, kind: KindMap) -> list[tuple[str, Any, Any]]:
    known = kind.read_fields()
    for name in case.given or {}:
        if name not in known:
            where = document.key_place((index, "given", name))
            raise Problems([Problem(where, f"the mapping does not read {name!r}", nearest(name, known))])
    record = {**dict.fromkeys(known), **(case.given or {})}
    if kind.only is not None and not kind.only.met(record):
        return [] if case.skipped else [("only", "a record that is taken", "left alone")]
    if case.skipped:
        return [("only", "left alone", "a record that is taken")]
    differences: list[tuple[str, Any, Any]] = []
    for name, expected in case.expect.items():
        line = _line(kind, name, "read", document, (index, "expect", name))
        assert line.read is not None
        got = line.read(record)
        if isinstance(got, BadValue):
            differences.append((name, expected, f"{PROBLEM}: {got.why}"))
        elif got is ABSENT or not _equal(got, expected):
            differences.append((name, expected, None if got is ABSENT else got))
    for i, name in enumerate(case.expect_problem or []):
        line = _line(kind, name, "read", document, (index, "expect_problem", i))
        assert line.read is not None
        got = line.read(record)
        if not isinstance(got, BadValue):
            differences.append((name, PROBLEM, got))
    return differences


def _check_write(case: CaseSection, document: Document, index: int, kind: KindMap) -> list[tuple[str, Any, Any]]:
    by_raw = {line.writes: line for line in kind.fields.values() if line.writes}
    lines = kind.fields.values()
    if not any(line.derive is not None or line.markets for line in lines):  # those may take any field of ours
        asked = {name for line in lines if line.when is not None for name in line.when.references}
        for name in (case.ours or {}).keys() - asked:
            _line(kind, name, "written", document, (index, "ours", name))
    kind, values = kind.applied(case.ours or {})
    written: dict[str, Any] = {}
    for name, line in kind.fields.items():
        if name in values and line.write is not None and line.writes is not None:
            value = values[name]
            written[line.writes] = value if isinstance(value, BadValue) else line.write(value)
    differences: list[tuple[str, Any, Any]] = []
    for raw, expected in case.writes.items():
        if raw not in by_raw:
            where = document.key_place((index, "writes", raw))
            raise Problems([Problem(where, f"the mapping does not write {raw!r}", nearest(raw, by_raw))])
        got = written.get(raw)
        if isinstance(got, BadValue):
            differences.append((raw, expected, f"{PROBLEM}: {got.why}"))
        elif not _equal(got, expected):
            differences.append((raw, expected, got))
    for i, name in enumerate(case.expect_problem or []):
        line = _line(kind, name, "written", document, (index, "expect_problem", i))
        got = written.get(line.writes or "")
        if not isinstance(got, BadValue):
            differences.append((name, PROBLEM, got))
    return differences


def _judged(
    case: CaseSection,
    document: Document,
    index: int,
    kind: KindMap,
    definition: Definition,
    judge: Judge | None,
) -> list[tuple[str, Any, Any]]:
    """Compare what the ladder and the gate say, where the case asks."""
    asked = next((key for key in ("stage", "refused") if getattr(case, key) is not None), None)
    if asked is None:
        return []
    if kind.entity is not EntityKind.LEAD or case.given is None:
        place = document.key_place((index, asked))
        raise Problems([Problem(place, f"{asked!r} is for a 'given' record that is a lead", "delete it")])
    if judge is None:
        return [(asked, getattr(case, asked), "not judged here")]
    _check_words(case, document, index, definition)
    record = {**dict.fromkeys(kind.read_fields()), **case.given}
    read = {name: value for name, convert in kind.readers if (value := convert(record)) is not ABSENT}
    values = {name: value for name, value in read.items() if not isinstance(value, BadValue)}
    bad = {name: value.why for name, value in read.items() if isinstance(value, BadValue)}
    day = datetime.combine(case.on, time(12), UTC) if case.on else datetime.now(UTC)
    stage, lacking = judge(definition, kind, values, bad, case.touches, int(day.timestamp() * 1000))
    found: list[tuple[str, Any, Any]] = []
    if case.stage is not None and case.stage != stage:
        found.append(("stage", case.stage, stage))
    if case.refused is not None and (lacking is None or sorted(case.refused) != sorted(lacking)):
        got = f"not before the gate: {stage}" if lacking is None else list(lacking)
        found.append(("refused", case.refused, got))
    return found


def _check_words(case: CaseSection, document: Document, index: int, definition: Definition) -> None:
    stages = [stage.name for stage in definition.stages]
    if case.stage is not None and case.stage not in stages:
        place = document.place((index, "stage"))
        raise Problems([Problem(place, f"no stage {case.stage!r}", nearest(case.stage, stages))])
    fields = definition.fields[EntityKind.LEAD]
    for i, name in enumerate(case.refused or ()):
        if name not in fields:
            place = document.place((index, "refused", i))
            raise Problems([Problem(place, f"no lead field {name!r}", nearest(name, fields))])


def _line(kind: KindMap, name: str, way: str, document: Document, path: tuple[str | int, ...]) -> FieldMap:
    lines = {n: one for n, one in kind.fields.items() if (one.read if way == "read" else one.write) is not None}
    if name not in lines:
        raise Problems(
            [Problem(document.key_place(path), f"{name!r} is not {way} by {kind.section}", nearest(name, lines))]
        )
    return lines[name]


def _equal(got: Any, expected: Any) -> bool:
    """True and 1 are equal for Python, not for a system."""
    return type(got) is type(expected) and got == expected
