"""Dates of birth in every spelling, and what two of them say of two people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import OSA

from syncd.matching.evidence import Sign

YEAR = 4  # digits of a year, which may be all that is known
_GENERATION = 15  # years at least between a parent and a child
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})(?!\d)")
_EITHER = re.compile(r"(\d{1,2})[-/](\d{1,2})[-/](\d{4}|\d{2})(?!\d)")
_EITHER_GLUED = re.compile(r"(?!19|20)(\d{2})(\d{2})((?:19|20)\d{2})$")


def read_born(text: str) -> tuple[str, ...]:
    """Return what a date of birth may mean, as YYYYMMDD or YYYY; nothing where it is written in no known way.

    Of 3/7/1950 nobody can say which is the month, of 50 which the century: each reading counts.
    """
    text = text.strip()
    if found := _ISO.match(text):
        year, month, day = found.groups()
        return (f"{year}{month:0>2}{day:0>2}",)
    if found := _DAY_FIRST.match(text):
        day, month, year = found.groups()
        return tuple(f"{one}{month:0>2}{day:0>2}" for one in _years(year))
    if found := _EITHER.match(text) or _EITHER_GLUED.match(text):
        one, other, year = found.groups()
        orders = {(month, day): None for month, day in ((one, other), (other, one)) if int(month) <= 12}
        return tuple(f"{each}{month:0>2}{day:0>2}" for each in _years(year) for month, day in orders)
    digits = text.removesuffix(".0")
    return (digits[:8],) if digits.isascii() and digits.isdigit() and (len(digits) == YEAR or len(digits) > 5) else ()


def compare_born(left: Sequence[str], right: Sequence[str]) -> Sign | None:
    """Return what two dates of birth say, both as `read_born` gives them; None where it is nothing."""
    if any(len(one) == YEAR for one in (*left, *right)):
        one, two = {each[:YEAR] for each in left}, {each[:YEAR] for each in right}
        if not one.isdisjoint(two):
            return Sign.BORN_YEAR
        return None if _is_slip(one, two) else Sign.BORN_OTHER
    if not set(left).isdisjoint(right):
        return Sign.BORN_SAME
    swapped = any(sorted(mine) == sorted(theirs) for mine in left for theirs in right)
    return Sign.BORN_CLOSE if swapped or _is_slip(left, right) else Sign.BORN_OTHER


def are_generations(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether all parts differ, the years as a parent's and a child's do; after a slip some part agrees."""
    return all(_are_generations(mine, theirs) for mine in left for theirs in right)


# ---------------------------------------------------------------------------------------------------------------------


def _years(year: str) -> tuple[str, ...]:
    return (year,) if len(year) == YEAR else (f"19{year}", f"20{year}")


def _is_slip(left: Iterable[str], right: Iterable[str]) -> bool:
    return any(OSA.distance(mine, theirs) == 1 for mine in left for theirs in right)


def _are_generations(left: str, right: str) -> bool:
    parts = ((left[at : at + 2], right[at : at + 2]) for at in (4, 6))
    apart = abs(int(left[:YEAR]) - int(right[:YEAR])) >= _GENERATION
    return apart and all(mine != theirs or not mine for mine, theirs in parts)
