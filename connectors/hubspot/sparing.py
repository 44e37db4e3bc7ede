"""Before a few values are replaced, a look whether they are still those that the caller read.

HubSpot knows no condition on a write: one call asks for the values that are to be lost, and a moment is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import WriteRequest
from connectors.errors import ConnectorError, Unavailable
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.sparing import Spared


class Looker:
    """Finds the records that somebody changed between the caller's reading and our write."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self.spared = Spared()

    def changed(self, requests: Sequence[WriteRequest]) -> set[str]:
        """Return the tokens of requests that would replace something else than they say; raise Unavailable.

        More than BATCH are not looked at: that would cost a call for each hundred.
        """
        asked = [one for one in requests if one.id is not None and one.replaces and self.spared.may_be(one)]
        if not asked or len(asked) > BATCH:
            return set()
        found: set[str] = set()
        for kind in sorted({one.kind for one in asked}):
            of_kind = [one for one in asked if one.kind == kind]
            there = self._there(kind, of_kind)
            found |= {one.token for one in of_kind if _differs(there.get(str(one.id)), one.replaces)}
        for one in asked:
            if one.token in found:
                self.spared.note(one)
        return found

    def _there(self, kind: str, requests: Sequence[WriteRequest]) -> dict[str, Mapping[str, Any]]:
        names = sorted({name for one in requests for name in one.replaces})
        try:
            rows = self._client.read(kind, sorted({str(one.id) for one in requests}), names).rows
        except Unavailable:
            raise
        except ConnectorError:  # the write says better what is wrong
            return {}
        return {str(row.get("id")): row.get("properties") or {} for row in rows}


# ---------------------------------------------------------------------------------------------------------------------


def _differs(there: Mapping[str, Any] | None, replaces: Mapping[str, Any]) -> bool:
    """Tell whether a value is another; nothing is known of a record that was not found, nor of a property not told."""
    return (
        any((there[name] or "") != (value or "") for name, value in replaces.items() if name in there)
        if there
        else False
    )
