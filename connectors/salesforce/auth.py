"""The access token's life: fetched when first needed, renewed when refused, and only ever for the configured org.

Sending it is the session's business (connectors.http).
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from connectors.errors import AuthExpired, ConnectorError, Unavailable, WrongAddress
from connectors.http import Session, read_json
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.soql import full_id

_REMEDIES = {
    "invalid_client": "check auth.client_secret",
    "invalid_client_id": "check auth.client_id",
    "invalid_app_access": "let the app's run-as user use the app (external client app, policies)",
    "unsupported_grant_type": "enable the client credentials flow in the external client app",
    "inactive_user": "activate the run-as user of the external client app, or choose another",
    "inactive_org": "the org is locked or deleted; check instance_url",
}
_NO_GRANT = (
    "enable the client credentials flow in the external client app, name a run-as user, and use the My Domain host"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token it is. `user` is empty when the token does not tell."""

    org: str = ""
    user: str = ""


class ClientCredentials:
    """A token of the OAuth client credentials flow, fetched by one thread while the others wait for it."""

    def __init__(self, session: Session, settings: SalesforceSettings) -> None:
        self._session = session
        self._settings = settings
        self._lock = threading.Lock()
        self._token: str | None = None
        self._identity = Identity()

    def token(self) -> str:
        with self._lock:
            if self._token is None:
                self._token = self._fetch()
            return self._token

    def renew(self, stale: str) -> str:
        with self._lock:
            if self._token is None or self._token == stale:
                self._token = None
                # It may be the same: logins at one time may share a session. Whether it holds, the replay shows.
                self._token = self._fetch()
            return self._token

    def identity(self) -> Identity:
        """Return the org and user of the token, fetching one first when there is none."""
        self.token()
        return self._identity

    def _fetch(self) -> str:
        auth = self._settings.auth
        assert auth.client_id is not None
        assert auth.client_secret is not None
        answer = self._session.request(
            "POST",
            self._settings.token_url,
            data={
                "grant_type": "client_credentials",
                "client_id": auth.client_id,
                "client_secret": auth.client_secret.get_secret_value(),
            },
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            with_token=False,
        )
        system = self._session.system
        body = read_json(answer, system)
        if answer.status_code != 200 or not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise self._refusal(answer.status_code, body)
        identity = _identity(body.get("id"))
        check_org(self._settings, identity.org, system)
        self._identity = identity
        return str(body["access_token"])

    def _refusal(self, status: int, body: Any) -> ConnectorError:
        system, url = self._session.system, self._settings.token_url
        code = str(body.get("error", "")) if isinstance(body, dict) else ""
        told = str(body.get("error_description", "")) if isinstance(body, dict) else ""
        if re.search(r"rate[ _]?limit|rate exceeded", f"{code} {told}", re.IGNORECASE):
            return Unavailable(f"{system}: too many logins within the hour", system=system, retry_after=900)
        if status == 404:
            return WrongAddress(
                f"{system}: {url} does not exist; instance_url must be the org's My Domain address", system=system
            )
        if code in ("invalid_client", "invalid_client_id"):
            told_code = f"the client id or secret was refused by {url} ({code})"
        else:
            told_code = f"{url} issued no token ({code or f'HTTP {status}'})"
        return AuthExpired(f"{system}: {told_code}; {_REMEDIES.get(code, _NO_GRANT)}", system=system)


class GivenSession:
    """A session id that the operator configured; it ends when Salesforce says so."""

    def __init__(self, session: Session, settings: SalesforceSettings) -> None:
        assert settings.auth.session_id is not None
        self._session = session
        self._settings = settings
        self._value = settings.auth.session_id.get_secret_value()

    def token(self) -> str:
        self.identity()
        return self._value

    def renew(self, stale: str) -> str:
        del stale
        raise AuthExpired(
            f"{self._session.system}: the session id was refused and cannot be renewed; set a fresh "
            f"auth.session_id, or better auth.client_id and auth.client_secret",
            system=self._session.system,
        )

    def identity(self) -> Identity:
        """Return the org that the session id names in its first part (ORGID!...), if it has that form."""
        named = re.match(r"(00D[A-Za-z0-9]{12})([A-Za-z0-9]{3})?!", self._value)
        org = full_id(named.group(1)) if named else ""
        check_org(self._settings, org, self._session.system)
        return Identity(org)


def check_org(settings: SalesforceSettings, org: str, system: str) -> None:
    """Raise WrongAddress when the token belongs to another org than the one configured."""
    if settings.org_id is None:
        return
    if not org:
        raise WrongAddress(
            f"{system}: the token does not tell which org it belongs to, so org_id {settings.org_id} cannot be "
            f"checked; use client_id and client_secret, or leave org_id out",
            system=system,
        )
    if full_id(settings.org_id) != org:
        raise WrongAddress(
            f"{system}: the token belongs to org {org}, not to org_id {full_id(settings.org_id)}; correct org_id, or "
            f"instance_url and auth. Nothing was read or written",
            system=system,
        )


# ---------------------------------------------------------------------------------------------------------------------


def _identity(url: Any) -> Identity:
    found = re.search(r"/id/(00D[A-Za-z0-9]{12,15})/(005[A-Za-z0-9]{12,15})$", str(url or ""))
    return Identity(full_id(found.group(1)), full_id(found.group(2))) if found else Identity()
