"""Value tables, from CSV files (theirs,ours) or written into the mapping itself.

Which values a field may hold is checked where the table is used.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Mapping
from posixpath import dirname

from syncd.config.check import nearest
from syncd.config.yaml import Place, Problem, Problems
from syncd.mapping.files import MAX_BYTES, FileSet, inside
from syncd.mapping.transforms.choices import Table, fold


def read_table(files: FileSet, name: str, place: Place) -> tuple[Table, tuple[Place, ...]]:
    """Read a table file; return it with the place of each row. `place` is where it is asked for."""
    plain = inside(name)
    if plain is None:
        raise Problems([Problem(place, f"the table {name} lies outside the mappings folder", "move it to tables/")])
    raw = files.files.get(plain)
    if raw is None:
        why = files.unread.get(plain, os.strerror(errno.ENOENT))
        raise Problems([Problem(place, f"the table {name} cannot be read: {why}", _others(files, plain))])
    if len(raw) > MAX_BYTES:
        raise Problems([Problem(place, f"the table {name} is larger than {MAX_BYTES // 1_000_000} MB")])
    file = files.path(plain)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problems([Problem(Place(file, 1, 1), "not UTF-8 text", "save the table as CSV in UTF-8")]) from None
    return _rows(text, file)


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


def _others(files: FileSet, name: str) -> str:
    found = sorted(one for one in files.files if one.endswith(".csv") and dirname(one) == dirname(name))
    return nearest(name, found, what="there are") or "create it with the lines 'theirs,ours'"
