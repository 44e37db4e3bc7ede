"""What the environment says of the way to each host: proxies, and hosts that need none."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.http import HttpSettings, Session

HUB, CRM, PROXY = "https://hub.example/a", "https://crm.example/b", "http://proxy.example:3128"


def test_each_host_goes_the_way_that_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "crm.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ours.pem")
    with Session("hub", HttpSettings(), origins=[HUB, CRM], judge=lambda answer: None) as session:

        def way(url: str, verify: Any = None) -> tuple[str | None, Any]:
            found = session.merge_environment_settings(url, {}, True, verify, None)
            return found["proxies"].pop("https", None), found["verify"]

        for _ in range(2):
            assert way(HUB) == (PROXY, "/etc/ours.pem")
            assert way(CRM) == (None, "/etc/ours.pem")
            assert way(HUB, "/etc/theirs.pem") == (PROXY, "/etc/theirs.pem")
