"""Access tokens: the OAuth endpoints and who is logged in; what a token may do is the org's business."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from sandbox.salesforce.org import Org
from sandbox.wire import Request, Response


@dataclass(kw_only=True)
class Sessions:
    """The live tokens. `lifetime` in seconds slides with use; None never expires."""

    client_id: str
    client_secret: str
    instance_url: str | None
    lifetime: float | None
    clock: Callable[[], float]
    tokens: dict[str, float] = field(default_factory=dict)  # token -> last use

    def alive(self, request: Request) -> bool:
        """Tell whether the call carries a live token, and note its use."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        used = self.tokens.get(token)
        now = self.clock()
        if used is None or (self.lifetime is not None and now - used >= self.lifetime):
            self.tokens.pop(token, None)
            return False
        self.tokens[token] = now
        return True

    def serve(self, org: Org, request: Request, what: str) -> Response:
        """Answer /services/oauth2/token, revoke and userinfo."""
        if what == "token" and request.method == "POST":
            return self._token(org, request)
        if what == "revoke":
            self.tokens.pop(_form(request).get("token", ""), None)
            return Response(200)
        if what == "userinfo" and self.alive(request):
            people = org.people
            return Response(
                200, {"sub": people.integration, "user_id": people.integration, "organization_id": people.org}
            )
        if what == "userinfo":
            return Response(403, b"Bad_OAuth_Token", {"Content-Type": "text/plain"})
        return _error("unsupported_grant_type", "grant type not supported")

    def _token(self, org: Org, request: Request) -> Response:
        form = _form(request)
        if form.get("grant_type") != "client_credentials":
            return _error("unsupported_grant_type", "grant type not supported")
        client, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client != self.client_id:
            return _error("invalid_client_id", "client identifier invalid")
        if secret != self.client_secret:
            return _error("invalid_client", "invalid client credentials")
        token = f"{org.people.org[:15]}!{secrets.token_urlsafe(48)}"
        now = self.clock()
        self.tokens[token] = now
        instance = self.instance_url or f"http://{request.headers.get('host', '')}"
        return Response(
            200,
            {
                "access_token": token,
                "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
                "scope": "api",
                "instance_url": instance,
                "id": f"https://login.salesforce.com/id/{org.people.org}/{org.people.integration}",
                "token_type": "Bearer",
                "issued_at": str(int(now * 1000)),
                "api_instance_url": "https://api.salesforce.com",
            },
        )


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()}


def _basic(request: Request) -> tuple[str, str] | None:
    header = request.headers.get("authorization", "")
    if not header.startswith("Basic "):
        return None
    try:
        client, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return client, secret


def _error(code: str, description: str) -> Response:
    return Response(400, {"error": code, "error_description": description})
