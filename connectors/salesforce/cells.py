"""Turns the cells of a CSV table into the values that JSON rows hold, and back.

Which rows are in the table, and what becomes of them, is extract.py's and ingest.py's.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TextIO

from connectors.contract import RawValue

csv.field_size_limit(1 << 26)  # characters; a long text field holds 131,072, and rich text is escaped

NOTHING = "#N/A"  # empties a field
LONGEST_CELL = 32_000  # characters

Describe = Callable[[str], Mapping[str, Any]]


class Unfit(Exception):
    """A column, or a value in it, that CSV cannot carry without doubt: such an object is read and written by JSON."""


def column_types(describe: Describe, kind: str, columns: Iterable[str]) -> dict[str, str]:
    """Return column (in lower case) -> type, parents' fields included; raise Unfit for what has no single one."""
    return {column.lower(): _type_of(describe, (kind,), column.split(".")) for column in columns}


def read_table(file: TextIO, types: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows as JSON would have brought them, parents nested; raise Unfit for a table of another shape."""
    table = csv.reader(file)
    header = next(table, [])
    if {name.lower() for name in header} != set(types):
        raise Unfit("the columns are not those that were asked for")
    plan = [(name.split("."), _READ[types[name.lower()]]) for name in header]
    for cells in table:
        if len(cells) != len(plan):
            raise Unfit("a row is shorter or longer than the header")
        row: dict[str, Any] = {}
        for (path, read), cell in zip(plan, cells, strict=True):
            place = row
            for parent in path[:-1]:
                place = place.setdefault(parent, {})
            place[path[-1]] = _value(read, cell)
        yield row


def cell_of(value: RawValue) -> str:
    """Return a value as the cell that stores the same as JSON would; raise Unfit where there is none.

    An empty cell would leave the field alone, so nothing is said aloud.
    """
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(repr(value)), "f")
    # JSON values are trimmed by Salesforce and cells are not; the word for nothing cannot be stored at all.
    if not isinstance(value, str) or value == NOTHING or value != value.strip() or "\x00" in value:
        raise Unfit("a value has no form in CSV")
    if len(value) > LONGEST_CELL:
        raise Unfit("a text is longer than a cell may be")
    return value


# ---------------------------------------------------------------------------------------------------------------------


def _type_of(describe: Describe, kinds: Sequence[str], path: Sequence[str]) -> str:
    """Follow a path; where a parent may be of several objects, its field must be of one type in all that have it."""
    found = [field for kind in kinds for field in describe(kind)["fields"] if _leads_on(field, path)]
    if len(path) > 1:
        targets = [str(name) for field in found for name in field.get("referenceTo") or ()]
        if not targets:
            raise Unfit("a parent is not described")
        return _type_of(describe, targets, path[1:])
    types = {str(field["type"]) for field in found}
    if len(types) != 1 or not types <= _READ.keys():
        raise Unfit("a field's type has no single form in CSV")
    return types.pop()


def _leads_on(field: Mapping[str, Any], path: Sequence[str]) -> bool:
    name = field["name"] if len(path) == 1 else field.get("relationshipName")
    return str(name).lower() == path[0].lower()


def _value(read: Callable[[str], RawValue], cell: str) -> RawValue:
    if cell == "":  # null and the empty text look the same, and Salesforce stores both as null
        return None
    try:
        return read(cell)
    except ValueError as error:
        raise Unfit("a value is not of its field's type") from error


def _boolean(cell: str) -> bool:
    if cell not in ("true", "false"):
        raise ValueError
    return cell == "true"


def _moment(cell: str) -> str:
    return cell[:-1] + "+0000" if cell.endswith("Z") else cell  # as JSON prints it


_READ: Mapping[str, Callable[[str], RawValue]] = {
    **dict.fromkeys(("string", "textarea", "email", "phone", "url", "encryptedstring"), str),
    **dict.fromkeys(("id", "reference", "picklist", "combobox", "multipicklist", "date", "time"), str),
    **dict.fromkeys(("int", "long"), int),
    **dict.fromkeys(("double", "currency", "percent"), float),
    "boolean": _boolean,
    "datetime": _moment,
}
