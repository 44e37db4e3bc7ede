"""One measured figure, and the plain table they are printed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`floor` is the same work with no logic, in the same run; `bar` what the figure may be, where one is set."""

    name: str
    figure: float
    unit: str = ""
    floor: float | None = None
    bar: float | None = None
    least: bool = False  # the bar is the least it must be, not the most

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        good = self.figure >= self.bar if self.least else self.figure <= self.bar
        return "ok" if good else "over" if not self.least else "under"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


HEAD = ("name", "figure", "floor", "ratio", "bar", "")


def row(one: Figure) -> tuple[str, ...]:
    ratio = one.figure / one.floor if one.floor else None
    bar = f"{'>=' if one.least else '<='} {_number(one.bar)}" if one.bar is not None else ""
    name = f"{one.name}, {one.unit}" if one.unit else one.name
    return (name, _number(one.figure), _number(one.floor), f"{ratio:.1f}" if ratio else "", bar, one.verdict)


def table(figures: Iterable[Figure]) -> str:
    """Return the table, its columns aligned."""
    rows = [HEAD, *(row(one) for one in figures)]
    widths = [max(len(one[place]) for one in rows) for place in range(len(HEAD))]
    return "\n".join(
        "  ".join(_pad(place, cell, widths[place]) for place, cell in enumerate(one)).rstrip() for one in rows
    )


def _pad(place: int, cell: str, width: int) -> str:
    return cell.ljust(width) if place in (0, 5) else cell.rjust(width)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 0.1 else f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
