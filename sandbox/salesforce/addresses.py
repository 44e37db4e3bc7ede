"""State and country picklists when the org has them on; plain text addresses need nothing of this."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.errors import refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import ObjectType
from sandbox.salesforce.table import Row

_PREFIXES = ("", "Billing", "Shipping", "Mailing")


def settle(org: Org, type_: ObjectType, row: Row, changed: set[str]) -> None:
    """Check countries and states against the org's lists and keep names and codes in step."""
    if not org.features.countries:
        return
    for prefix in _PREFIXES:
        names = {f"{prefix}{part}" for part in ("Country", "CountryCode", "State", "StateCode")}
        if names <= type_.fields.keys() and names & changed:
            _settle_country(org, row, changed, prefix)
            _settle_state(org, row, changed, prefix)


def _settle_country(org: Org, row: Row, changed: set[str], prefix: str) -> None:
    known = {code: name for code, (name, _) in org.features.countries.items()}
    if not _settle_pair(row, changed, f"{prefix}Country", f"{prefix}CountryCode", known):
        message = (
            "There's a problem with this country, even though it may appear correct. "
            "Please select a country/territory from the list of valid countries.: Country"
        )
        raise refused("FIELD_INTEGRITY_EXCEPTION", message, f"{prefix}Country")


def _settle_state(org: Org, row: Row, changed: set[str], prefix: str) -> None:
    country = row.get(f"{prefix}CountryCode")
    if country is None and (row.get(f"{prefix}State") or row.get(f"{prefix}StateCode")):
        message = "A country/territory must be specified before specifying a state value for field: State/Province"
        raise refused("FIELD_INTEGRITY_EXCEPTION", message, f"{prefix}State")
    known: dict[str, Any] = org.features.countries[country][1] if country else {}
    # A new country makes the state that stayed be checked again.
    touched = changed | ({f"{prefix}State"} if f"{prefix}StateCode" not in changed else set())
    if not _settle_pair(row, touched, f"{prefix}State", f"{prefix}StateCode", known):
        message = (
            "There's a problem with this state, even though it may appear correct. "
            "Please select a state from the list of valid states.: State/Province"
        )
        raise refused("FIELD_INTEGRITY_EXCEPTION", message, f"{prefix}State")


def _settle_pair(row: Row, changed: set[str], name: str, code: str, known: dict[str, str]) -> bool:
    if code in changed:
        if row.get(code) is None:
            row[name] = None
            return True
        if row[code] not in known:
            return False
        row[name] = known[row[code]]
    elif name in changed:
        if row.get(name) is None:
            row[code] = None
            return True
        found = [one for one, label in known.items() if label.lower() == row[name].lower()]
        if not found:
            return False
        row[code], row[name] = found[0], known[found[0]]
    return True
