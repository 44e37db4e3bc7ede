"""The endpoints about the account itself: owners and account details."""

from __future__ import annotations

from typing import Any

from sandbox.hubspot.call import Call
from sandbox.hubspot.errors import ApiError, not_found
from sandbox.hubspot.portal import Portal
from sandbox.wire import Response

_OWNERS_LIMIT = 500


def details(portal: Portal) -> Response:
    return Response(
        200,
        {
            "portalId": portal.portal_id,
            "accountType": "STANDARD",
            "timeZone": "Etc/UTC",
            "utcOffset": "+00:00",
            "utcOffsetMilliseconds": 0,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def owners(portal: Portal, call: Call) -> Response:
    """Answer a call under /crm/owners; deactivated users show only with `archived`."""
    found = [owner for owner in portal.owners if owner.archived == call.flag("archived")]
    match (call.method, *call.path.parts):
        case ("GET",):
            if email := call.text("email"):
                found = [owner for owner in found if owner.email == email.lower()]
            limit, after = call.number("limit", 100), call.number("after", 0)
            if not 1 <= limit <= _OWNERS_LIMIT:
                raise ApiError(400, f"Invalid value for query parameter limit: must be between 1 and {_OWNERS_LIMIT}")
            body: dict[str, Any] = {"results": [owner.body() for owner in found[after : after + limit]]}
            if after + limit < len(found):
                body["paging"] = {"next": {"after": str(after + limit)}}
            return Response(200, body)
        case ("GET", owner_id):
            by_user = call.text("idProperty") == "userId"
            for owner in found:
                if owner_id == (str(owner.user_id) if by_user else owner.id):
                    return Response(200, owner.body())
            raise not_found()
    raise ApiError(405, "HTTP 405 Method Not Allowed", None)
