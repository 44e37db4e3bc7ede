"""Record ids: making, checking and folding them to 18 characters; knows nothing of rows."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?\Z")


def make_id(prefix: str, number: int) -> str:
    """Return the 18-character id; ids of one prefix sort by number, also as plain text."""
    digits = ""
    for _ in range(9):
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    short = f"{prefix}Hs0{digits}"
    return short + _checksum(short)


def full_id(text: str) -> str | None:
    """Return the 18-character form of a 15 or 18 character id, None when it is no id or its checksum is wrong."""
    if not _SHAPE.match(text):
        return None
    whole = text[:15] + _checksum(text[:15])
    return whole if len(text) == 15 or whole == text else None


def _checksum(short: str) -> str:
    out = ""
    for start in (0, 5, 10):
        value = 0
        for bit, letter in enumerate(short[start : start + 5]):
            if "A" <= letter <= "Z":
                value |= 1 << bit
        out += _CHECKS[value]
    return out
