"""The OAuth access token of a HubSpot app: fetched, renewed before it runs out, shared by all threads.

Sending and retrying is left to the session; what a refusal means, to the judge.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from connectors.errors import Unavailable
from connectors.http import Session, read_json
from connectors.hubspot.settings import HubSpotOAuth

MARGIN = 300.0  # seconds before the end at which a token is renewed; HubSpot's live 1,800


class OAuthToken:
    """A credential of connectors.http that renews itself through `session`."""

    def __init__(self, session: Session, url: str, app: HubSpotOAuth) -> None:
        self._session = session
        self._url = url
        self._app = app
        self._refresh_token = app.refresh_token.get_secret_value()
        self.replaced = False  # HubSpot gave another refresh token than the configured one
        self._token: str | None = None
        self._ends = 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        with self._lock:
            if self._token is None or time.monotonic() >= self._ends:
                return self._fetch()
            return self._token

    def renew(self, stale: str) -> str:
        with self._lock:
            if self._token is not None and self._token != stale:
                return self._token  # another thread was quicker
            return self._fetch()

    def _fetch(self) -> str:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret.get_secret_value(),
            "refresh_token": self._refresh_token,
        }
        answer: Any = read_json(
            self._session.request("POST", self._url, data=form, with_token=False), self._session.system
        )
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise Unavailable("HubSpot's token endpoint answered without a token", system=self._session.system)
        lives = answer.get("expires_in")
        lives = float(lives) if isinstance(lives, (int, float)) and lives > 0 else 1800.0
        self._token = token
        self._ends = time.monotonic() + max(lives - MARGIN, lives / 2)
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated and rotated != self._refresh_token:
            self._refresh_token, self.replaced = rotated, True
        return token
