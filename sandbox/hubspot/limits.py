"""How often may be called: the burst, daily and search limits, their 429s and the headers that announce them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.hubspot.errors import ApiError

_BURST_SECONDS = 10
_DAY = 86_400
_USUAL_BURST, _USUAL_DAILY = 190, 625_000  # Professional; told in the headers while a limit is off


@dataclass(kw_only=True)
class Limits:
    """The limits of one account with one app; None turns one off. Search is counted apart from the burst."""

    clock: Callable[[], float]
    search_per_second: int | None = None
    burst: int | None = None
    daily: int | None = None
    retry_after: bool = False
    _searches: deque[float] = field(default_factory=deque)
    _calls: deque[float] = field(default_factory=deque)
    _day: tuple[int, int] = (0, 0)  # the day's number, calls made in it

    def count_search(self) -> None:
        """Count a search; raise its 429. Its answers carry no rate headers."""
        now = self.clock()
        _forget(self._searches, now - 1)
        if self.search_per_second is not None and len(self._searches) >= self.search_per_second:
            raise self._exceeded("secondly", 1, {}, category="RATE_LIMITS")
        self._count_day(now)
        self._searches.append(now)

    def count(self, *, static: bool) -> dict[str, str]:
        """Count any other call; return the headers of its answer or raise its 429, which has them too."""
        now = self.clock()
        _forget(self._calls, now - _BURST_SECONDS)
        if self.burst is not None and len(self._calls) >= self.burst:
            shown = self._headers(static)
            raise self._exceeded("ten_secondly_rolling", _BURST_SECONDS, shown, policyName="TEN_SECONDLY_ROLLING")
        self._count_day(now, static)
        self._calls.append(now)
        return self._headers(static)

    def _headers(self, static: bool) -> dict[str, str]:
        top = self.burst or _USUAL_BURST
        headers = {
            "X-HubSpot-RateLimit-Max": str(top),
            "X-HubSpot-RateLimit-Remaining": str(top - (len(self._calls) if self.burst else 1)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(_BURST_SECONDS * 1000),
        }
        if static:
            day = self.daily or _USUAL_DAILY
            headers["X-HubSpot-RateLimit-Daily"] = str(day)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(day - (self._day[1] if self.daily else 1))
        return headers

    def _count_day(self, now: float, static: bool | None = None) -> None:
        """Count a call of the day; `static` None for a search, whose answers have no rate headers."""
        today = int(now // _DAY)
        made = self._day[1] if self._day[0] == today else 0
        if self.daily is not None and made >= self.daily:
            shown = {} if static is None else self._headers(static)
            raise self._exceeded("daily", int(_DAY - now % _DAY), shown, policyName="DAILY")
        self._day = (today, made + 1)

    def _exceeded(self, policy: str, wait: int, headers: dict[str, str], **fields: Any) -> ApiError:
        return ApiError(
            429,
            f"You have reached your {policy} limit.",
            None,
            fields={"errorType": "RATE_LIMIT", **fields},
            headers={**headers, "Retry-After": str(wait)} if self.retry_after else headers,
        )


def _forget(moments: deque[float], before: float) -> None:
    while moments and moments[0] <= before:
        moments.popleft()
