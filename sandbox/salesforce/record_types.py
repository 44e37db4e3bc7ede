"""Record types: which options of a picklist each leaves, and what that means for a row that is saved.

What a description tells of them is describe.py's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sandbox.salesforce.errors import refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import ObjectType

MASTER = "012000000000000AAA"


def usual(org: Org, type_: ObjectType) -> str:
    """Return the record type of a row of which none is said."""
    return next((key for key, one in org.subsets.items() if one.default and one.object == type_.name), MASTER)


def kept(org: Org, key: str | None, field: str) -> Collection[str] | None:
    """Return the options that a record type leaves of a picklist, None for all of them."""
    return org.subsets[key].picklists.get(field) if key in org.subsets else None


def settle(org: Org, type_: ObjectType, row: dict[str, Any], changed: Collection[str]) -> None:
    """Give a new row its record type, and refuse options of restricted picklists that the row's leaves out."""
    own = usual(org, type_)
    if own != MASTER and "Id" not in row and row.get("RecordTypeId") is None:
        row["RecordTypeId"] = own
    for name in changed:
        field, value = type_.fields[name], row.get(name)
        options = kept(org, row.get("RecordTypeId"), name)
        if options is None or not field.restricted or value is None:
            continue
        for one in value.split(";") if field.type == "multipicklist" else [value]:
            if one not in options:
                message = f"{field.label}: bad value for restricted picklist field: {one}"
                raise refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, name)
