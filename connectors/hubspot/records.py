"""From a row of HubSpot's JSON to a Record, however odd the row.

Which rows to ask for is left to the source. Times are epoch milliseconds, the unit of HubSpot's filters and stamps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row with its place in the order.

    `sound` is False when its stamp had to be taken from the envelope, `complete` when the fields are still to be read.
    """

    id: str
    stamp: int
    sound: bool
    complete: bool
    raw: Mapping[str, Any]


def modified_property(kind: str) -> str:
    """Return the name of the last-modified property, which only contacts spell differently."""
    return "lastmodifieddate" if kind in ("contacts", "contact", "0-1") else "hs_lastmodifieddate"


def properties_to_read(kind: str, fields: Sequence[str]) -> list[str]:
    """Return the fields asked for and what the order and merges are told by."""
    own = [modified_property(kind), "hs_merged_object_ids"]
    if modified_property(kind) == "lastmodifieddate":
        own.append("hs_calculated_merged_vids")  # each of the two misses some merges
    return list(dict.fromkeys([*fields, *own]))


def rows_of(kind: str, rows: Sequence[Mapping[str, Any]], *, complete: bool = True) -> list[Row]:
    """Return the rows that have an id; one without can be neither stored nor asked for."""
    name = modified_property(kind)
    return [_row(row, name, complete) for row in rows if row.get("id") not in (None, "")]


def record(row: Row, fields: Sequence[str]) -> Record:
    """Return the row as a Record with no more than `fields`."""
    properties = row.raw.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    return Record(
        id=row.id,
        modified=time_of(row.stamp),
        fields={name: properties[name] for name in fields if name in properties},
        deleted=row.raw.get("archived") is True,
        merged=_merged(row.id, properties),
    )


def milliseconds(value: Any) -> int | None:
    """Read a stamp: ISO-8601 (a zero fraction may be absent), or epoch milliseconds; None when it is neither."""
    if isinstance(value, str) and not value.isdigit():
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    number = int(value)
    return number if 0 <= number < 253_402_300_800_000 else None  # the year 10000


def time_of(stamp: int) -> datetime:
    """Return epoch milliseconds as a time."""
    return EPOCH + timedelta(milliseconds=stamp)


# ---------------------------------------------------------------------------------------------------------------------

_ID = re.compile(r"\d+")


def _row(raw: Mapping[str, Any], modified: str, complete: bool) -> Row:
    properties = raw.get("properties")
    stamp = milliseconds(properties.get(modified)) if isinstance(properties, dict) else None
    sound = stamp is not None
    if stamp is None:
        stamp = milliseconds(raw.get("updatedAt")) or milliseconds(raw.get("createdAt")) or 0
    return Row(id=str(raw["id"]), stamp=stamp, sound=sound, complete=complete, raw=raw)


def _merged(own: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Join `1;2` and `1:1700000000000;2:1700000000001` to the ids in them."""
    ids: dict[str, None] = {}
    for name in ("hs_merged_object_ids", "hs_calculated_merged_vids"):
        for part in str(properties.get(name) or "").split(";"):
            found = _ID.match(part.strip())
            if found and found.group() != own:
                ids[found.group()] = None
    return tuple(ids)
