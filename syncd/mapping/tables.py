"""Value tables, from CSV files (theirs,ours) or written into the mapping itself.

Which values a field may hold is checked where the table is used.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from syncd.config.check import nearest
from syncd.config.yaml import Place, Problem, Problems
from syncd.mapping.transforms.choices import Table, fold

MAX_BYTES = 5_000_000


def read_table(directory: Path, name: str, place: Place) -> tuple[Table, tuple[Place, ...]]:
    """Read a table file below `directory`; return it with the place of each row. `place` is where it is asked for."""
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise Problems([Problem(place, f"the table {name} lies outside the mappings folder", "move it to tables/")])
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Problems(
            [Problem(place, f"the table {name} cannot be read: {error.strerror}", _others(directory, name))]
        ) from None
    if len(raw) > MAX_BYTES:
        raise Problems([Problem(place, f"the table {name} is larger than {MAX_BYTES // 1_000_000} MB")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problems([Problem(Place(str(path), 1, 1), "not UTF-8 text", "save the table as CSV in UTF-8")]) from None
    return _rows(text, str(path))


def inline_table(values: Mapping[str, str]) -> Table:
    return Table.of(list(values.items()))


def _rows(text: str, file: str) -> tuple[Table, tuple[Place, ...]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[str, str]] = []
    places: list[Place] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    line = 1
    try:
        for row in reader:
            place, line = Place(file, line, 1), reader.line_num + 1
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not places and not rows and cells == ["theirs", "ours"] and place.line == 1:
                continue
            if place.line == 1:
                problems.append(Problem(place, "the first line must be 'theirs,ours'", "add it"))
            elif len(cells) != 2 or not all(cells):
                problems.append(
                    Problem(place, "expected two values, theirs and ours", "put values with commas in quotes")
                )
            elif fold(cells[0]) in seen:
                problems.append(
                    Problem(place, f"{cells[0]!r} stands twice, first in line {seen[fold(cells[0])]}", "keep one")
                )
            else:
                seen[fold(cells[0])] = place.line
                rows.append((cells[0], cells[1]))
                places.append(place)
    except csv.Error as error:
        problems.append(
            Problem(Place(file, max(reader.line_num, 1), 1), f"not readable as CSV: {error}", "check its quotes")
        )
    if not rows and not problems:
        problems.append(Problem(Place(file, 1, 1), "the table has no rows", "add lines 'theirs,ours'"))
    if problems:
        raise Problems(problems)
    return Table.of(rows), tuple(places)


def _others(directory: Path, name: str) -> str:
    folder = (directory / name).parent
    found = sorted(p.relative_to(directory).as_posix() for p in folder.glob("*.csv")) if folder.is_dir() else []
    return nearest(name, found, what="there are") or "create it with the lines 'theirs,ours'"
