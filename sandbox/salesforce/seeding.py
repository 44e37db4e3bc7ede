"""Puts many rows into an org at once, unchecked but in the stored form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sandbox.salesforce import objects
from sandbox.salesforce.ids import make_id
from sandbox.salesforce.org import FIRST_NUMBER, Org
from sandbox.salesforce.schema import TEXT_TYPES, Field, ObjectType
from sandbox.salesforce.table import Row
from sandbox.salesforce.values import parse_moment

Moment = datetime | float | str | None


def seed(org: Org, name: str, rows: Iterable[Mapping[str, Any]], modified: Moment) -> list[str]:
    """Store rows as of `modified` (default now) and return their ids; a row may carry its own SystemModstamp.

    Raise KeyError for a field the object does not have.
    """
    type_ = org.types[name.lower()]
    when = epoch(modified, org.now())
    base = _base(org, type_, when)
    known: dict[str, Field] = {}
    number = org.numbers.get(type_.key_prefix, FIRST_NUMBER)
    made: list[Row] = []
    for given in rows:
        number += 1
        row = {**base, "Id": make_id(type_.key_prefix, number)}
        for field_name, value in given.items():
            field = known.get(field_name) or known.setdefault(field_name, _field(type_, field_name))
            stored = _stored(field, value)
            if stored is not None:
                row[field.name] = stored
        if "SystemModstamp" in given:
            row["LastModifiedDate"] = row["SystemModstamp"]
            row["CreatedDate"] = min(row["CreatedDate"], row["SystemModstamp"])
        objects.fill(org, type_.name, row, None, set(given))
        made.append({key: value for key, value in row.items() if value is not None})
    org.numbers[type_.key_prefix] = number
    org.tables[type_.name].load(made)
    for row in made:
        objects.follow(org, type_.name, row, None)
    return [row["Id"] for row in made]


def epoch(moment: Moment, default: int) -> int:
    """Return a moment as epoch seconds."""
    if moment is None:
        return default
    if isinstance(moment, str):
        return int(datetime.fromisoformat(moment).timestamp())
    return int(moment.timestamp()) if isinstance(moment, datetime) else int(moment)


def _base(org: Org, type_: ObjectType, when: int) -> Row:
    defaults = {field.name: field.default for field in type_.fields.values() if field.default is not None}
    owner = {"OwnerId": org.people.rep} if "OwnerId" in type_.fields else {}
    user = org.people.admin
    stamps = {"CreatedDate": when, "LastModifiedDate": when, "SystemModstamp": when}
    return {**defaults, **owner, **stamps, "IsDeleted": False, "CreatedById": user, "LastModifiedById": user}


def _field(type_: ObjectType, name: str) -> Field:
    field = type_.find(name, hidden=True)
    if field is None:
        raise KeyError(f"{type_.name} has no field {name}")
    return field


def _stored(field: Field, value: Any) -> Any:
    if isinstance(value, str):
        if field.type in TEXT_TYPES:
            return value.strip() or None
        if field.type == "datetime":
            return parse_moment("datetime", value)
    if isinstance(value, int) and field.type in ("double", "currency", "percent"):
        return float(value)
    return epoch(value, 0) if isinstance(value, datetime) else value
