"""Turns rows of an answer into records, and says which columns that takes.

It asks nothing of Salesforce itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.contract import FieldInfo, FieldType, RawValue, Record
from connectors.http import understood
from connectors.salesforce.client import Answer
from connectors.salesforce.judge import NARROWER, troubles
from connectors.salesforce.soql import PAGE, object_of

_ALWAYS = ("Id", "SystemModstamp", "IsDeleted")
_MERGEABLE = frozenset({"lead", "contact", "account"})
_FEWEST = 100  # rows; a query that times out below this is not helped by asking for less
_CONVERSION = ("IsConverted", "ConvertedContactId", "ConvertedAccountId")

_TYPES = {
    "string": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "email": FieldType.TEXT,
    "phone": FieldType.TEXT,
    "url": FieldType.TEXT,
    "id": FieldType.TEXT,
    "encryptedstring": FieldType.TEXT,
    "int": FieldType.NUMBER,
    "long": FieldType.NUMBER,
    "double": FieldType.NUMBER,
    "currency": FieldType.NUMBER,
    "percent": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "picklist": FieldType.CHOICE,
    "combobox": FieldType.CHOICE,
    "multipicklist": FieldType.CHOICES,
    "reference": FieldType.REFERENCE,
}


def columns(kind: str, fields: Iterable[str]) -> list[str]:
    """Return what to select for these fields: they, and what the envelope of a record needs."""
    wanted = [*_ALWAYS]
    object = object_of(kind).lower()
    if object in _MERGEABLE:
        wanted.append("MasterRecordId")
    if object == "lead":
        wanted.extend(_CONVERSION)
    return [*wanted, *fields]


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """Return the rows of a query's answer; raise Unavailable where it has none in the form that is known."""
    with understood("a query"):
        rows: list[dict[str, Any]] = answer.body["records"]
        if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row["Id"], str) for row in rows):
            raise TypeError
    return rows


def total_of(answer: Answer) -> int:
    """Return how many rows a query has found; raise Unavailable where it does not tell."""
    with understood("a query"):
        return int(answer.body["totalSize"])


def is_full(answer: Answer, limit: int = PAGE) -> bool:
    """Tell whether rows may follow: the page is full, or Salesforce cut it short."""
    return len(answer.body["records"]) >= limit or not answer.body.get("done", True)


def fewer(answer: Answer, limit: int) -> int | None:
    """Return how many rows to ask for in place of `limit`, where the answer is that they take too long."""
    narrower = any(trouble.code in NARROWER for trouble in troubles(answer.body))
    return limit // 4 if narrower and limit > _FEWEST else None


def read_records(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[Record]:
    """Return the rows as records that hold all `fields`, each under the name that was asked for.

    What is selected is there, or the whole query is refused: a name that a row lacks has no value in it.
    """
    if not rows:
        return []
    places = _places(rows[0], fields)
    with understood("a query"):
        return [_record(row, places) for row in rows]


def parse_stamp(text: str) -> datetime:
    """Return a time as Salesforce prints it (2026-01-02T03:04:05.000+0000) in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def field_info(told: Mapping[str, Any]) -> FieldInfo:
    """Return one field of a describe answer in the words all connectors share."""
    creatable, kind = bool(told.get("createable")), str(told.get("type"))
    return FieldInfo(
        name=told["name"],
        label=told.get("label") or told["name"],
        type=_TYPES.get(kind, FieldType.OTHER),
        writable=creatable or bool(told.get("updateable")),
        required=creatable and kind != "boolean" and not told.get("nillable") and not told.get("defaultedOnCreate"),
        unique=bool(told.get("unique")),
        length=told.get("length") or None,
        choices=tuple(choice["value"] for choice in told.get("picklistValues") or () if choice.get("active", True)),
        restricted=bool(told.get("restrictedPicklist")),
        calculated=bool(told.get("calculated")),
    )


def with_codes(infos: Sequence[FieldInfo]) -> list[FieldInfo]:
    """Note which fields take only names of the org's: with state and country picklists on, codes have their own."""
    names = {one.name for one in infos}
    places = {name for name in names if name.endswith(("State", "Country")) and f"{name}Code" in names}
    return [replace(one, coded_by=f"{one.name}Code") if one.name in places else one for one in infos]


def own_record_type(told: Mapping[str, Any], name: str | None) -> Mapping[str, Any] | None:
    """Return the record type of this API name from a describe answer, for None the one that new records get.

    None also for the master, which leaves every option of every field.
    """
    infos: Sequence[Mapping[str, Any]] = told.get("recordTypeInfos") or ()
    wanted = [one for one in infos if (type_name(one) == name if name else one.get("defaultRecordTypeMapping"))]
    return next((one for one in wanted if not _is_master(one)), None)


def type_name(info: Mapping[str, Any]) -> str:
    return str(info.get("developerName") or info.get("name") or "")


def _is_master(info: Mapping[str, Any]) -> bool:
    return bool(info.get("master")) or str(info.get("recordTypeId")).startswith("012000000000000")


# ---------------------------------------------------------------------------------------------------------------------


def _places(row: Mapping[str, Any], fields: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Pair each field asked for with its path in a row; answers spell a name as the org does, not as it was asked."""
    spelled = {key.lower(): key for key in row}
    found = []
    for field in fields:
        head, *tail = field.split(".")
        found.append((field, (head if head in row else spelled.get(head.lower(), head), *tail)))
    return found


def _record(row: Mapping[str, Any], places: Sequence[tuple[str, tuple[str, ...]]]) -> Record:
    return Record(
        id=row["Id"],
        modified=parse_stamp(row["SystemModstamp"]),
        fields={field: row.get(path[0]) if len(path) == 1 else _deep(row, path) for field, path in places},
        deleted=bool(row.get("IsDeleted")),
        survivor=row.get("MasterRecordId"),
        converted_to=_converted(row) if row.get("IsConverted") else None,
    )


def _deep(row: Mapping[str, Any], path: tuple[str, ...]) -> RawValue:
    """Follow a path through nested parents; a record without that parent has None there."""
    value: Any = row
    for step in path:
        if not isinstance(value, Mapping):
            return None
        if step not in value:
            step = next((key for key in value if key.lower() == step.lower()), step)
        value = value.get(step)
    return value


def _converted(row: Mapping[str, Any]) -> tuple[str, str] | None:
    for kind in ("Contact", "Account"):
        if row.get(f"Converted{kind}Id"):
            return kind, str(row[f"Converted{kind}Id"])
    return None
