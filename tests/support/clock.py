"""The moment at which tests happen, and moments around it, in ms; reading a real clock is never a test's."""

from __future__ import annotations

from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_780_000_000_000  # 2026-05-28T20:26:40Z


def days_ago(days: float) -> int:
    return NOW - round(days * DAY)


def moment(ms: int = NOW) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
