"""Who may call: tokens, the OAuth endpoints that hand them out, and scopes; how often is in limits.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from sandbox.hubspot.call import Call
from sandbox.hubspot.errors import ApiError, missing_scopes, no_credentials, not_found, token_expired
from sandbox.wire import Response

_LIFETIME = 1800  # seconds, of an OAuth access token
_READS = ("batch/read", "search")
_STANDARD = ("contacts", "companies", "deals")


@dataclass(kw_only=True)
class Access:
    """The credentials of one account. `scopes` None grants everything."""

    token: str
    clock: Callable[[], float]
    portal_id: int
    scopes: Collection[str] | None = None
    custom_objects: bool = True  # False: the plan has none, so no token can hold their scopes
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105  # nothing real is behind it
    refresh_token: str = "sandbox-refresh"  # noqa: S105  # nothing real is behind it
    revoked: bool = False
    _issued: dict[str, float] = field(default_factory=dict)  # access token -> when it ends
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def admit(self, headers: Mapping[str, str]) -> str:
        """Return the token a call came with; raise the 401 HubSpot gives."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise no_credentials()
        if token == self.token:
            return token
        if token not in self._issued:
            raise no_credentials()
        if self._issued[token] <= self.clock():
            raise token_expired()
        return token

    def authorise(self, call: Call, kind: str) -> None:
        """Raise the 403 HubSpot gives when the token lacks the scope for the call."""
        needed = _scope(call, kind)
        if needed is not None and ".custom." in needed and not self.custom_objects:
            raise missing_scopes([needed])
        if self.scopes is not None and needed is not None and needed not in self.scopes:
            raise missing_scopes([needed])

    def serve(self, call: Call) -> Response:
        """Answer a call under /oauth; these carry their credentials themselves."""
        match (call.method, *call.path.parts):
            case ("POST", "token"):
                return Response(200, self._grant(_form(call)))
            case ("POST", "token", "introspect"):
                return Response(200, self._describe(_form(call).get("token", "")) or {"active": False})
            case ("POST", "token", "revoke"):
                self._issued.pop(_form(call).get("token", ""), None)
                return Response(204)
            case ("GET", "access-tokens", token):
                described = self._describe(token)
                if described is None:
                    raise not_found()
                return Response(200, described)
            case ("GET", "refresh-tokens", token) if token == self.refresh_token and not self.revoked:
                return Response(200, {**self._holder(), "token": token, "client_id": self.client_id})
            case ("DELETE", "refresh-tokens", token) if token == self.refresh_token:
                self.revoked = True
                return Response(204)
        raise not_found()

    def _grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        if form.get("grant_type") != "refresh_token":
            raise _refused("BAD_GRANT_TYPE", "unsupported_grant_type", "unknown grant_type")
        if form.get("client_id") != self.client_id:
            raise _refused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
        if form.get("client_secret") != self.client_secret:
            raise _refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")
        if self.revoked or form.get("refresh_token") != self.refresh_token:
            raise _refused("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
        token = f"sandbox-access-{next(self._numbers)}"
        self._issued[token] = self.clock() + _LIFETIME
        return {
            "access_token": token,
            "refresh_token": self.refresh_token,
            "expires_in": _LIFETIME,
            "token_type": "bearer",
            "hub_id": self.portal_id,
            "user_id": 2001,
            "scopes": sorted(self.scopes or ()),
            "token_use": "access",
        }

    def _describe(self, token: str) -> dict[str, Any] | None:
        left = self._issued.get(token, 0.0) - self.clock()
        if left <= 0:
            return None
        return {**self._holder(), "active": True, "token": token, "app_id": 4711, "expires_in": int(left)}

    def _holder(self) -> dict[str, Any]:
        return {
            "hub_id": self.portal_id,
            "user_id": 2001,
            "user": "mara.lindqvist@example.com",
            "hub_domain": "sandbox.example.com",
            "scopes": sorted(self.scopes or ()),
            "token_type": "access",
        }


def _scope(call: Call, kind: str) -> str | None:
    verb = "/".join(call.path.parts[2:4] if call.path.area == "associations" else call.path.parts[1:3])
    access = "read" if call.method == "GET" or verb in _READS else "write"
    name = kind if kind in _STANDARD else "custom"
    match call.path.area:
        case "objects":
            return f"crm.objects.{name}.{access}"
        case "properties":
            return f"crm.schemas.{name}.{access}"
        case "schemas":
            return f"crm.schemas.custom.{access}"
        case "associations" if call.path.parts[2:3] == ("labels",):
            return f"crm.schemas.{name}.{access}"
        case "associations":
            return f"crm.objects.{name}.{access}"
        case "owners":
            return "crm.objects.owners.read"
    return None


def _form(call: Call) -> dict[str, str]:
    sent = call.request.headers.get("content-type", "").partition(";")[0].strip()
    if sent != "application/x-www-form-urlencoded":
        raise ApiError(415, "HTTP 415 Unsupported Media Type", None)
    return {name: values[-1] for name, values in parse_qs(call.request.body.decode()).items()}


def _refused(status: str, error: str, message: str) -> ApiError:
    fields = {"status": status, "error": error, "error_description": message}
    return ApiError(400, message, None, fields=fields)
