"""The figures in words, as one HTML page.

It is complete without any script; the script only keeps it fresh.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from syncd.edits.words import sides
from syncd.store.versions import Reign
from syncd.web.figures import Figures, RunFigures, SystemFigures


def render_page(figures: Figures, mappings: bool = False) -> str:
    """Return the status page; `mappings`: with the way to the Mappings page."""
    return render("status.html", f=figures, headline=headline(figures), calm=is_calm(figures), mappings=mappings)


def render_trouble(trouble: str, up: str = "") -> str:
    """Return the page for a state that cannot be read; `up` leads from it to the root."""
    return render("trouble.html", trouble=trouble, up=up)


def render(template: str, **values: Any) -> str:
    return _PAGES.get_template(template).render(**values)


def headline(figures: Figures) -> str:
    """Say in one line what matters most now."""
    troubled = [one.name for one in figures.troubled]
    waiting = [one.name for one in figures.systems if one.last_poll is None]
    if troubled:
        return f"{_listed(troubled)} {'is' if len(troubled) == 1 else 'are'} in trouble"
    if figures.open_problems:
        return (
            f"{_count(figures.open_problems, 'problem')} {'needs' if figures.open_problems == 1 else 'need'} a person"
        )
    if waiting or not figures.systems:
        return f"Starting: waiting for {_listed(waiting) or 'the first poll'}"
    return "All well"


def is_calm(figures: Figures) -> bool:
    return not figures.troubled and not figures.open_problems


# ---------------------------------------------------------------------------------------------------------------------


def _state(one: SystemFigures) -> str:
    if one.trouble:
        return "in trouble"
    if one.up is None:
        return "not asked"
    return "up" if one.up else "not polled yet"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    seconds = max(0, round((now - moment).total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and unit == "day"):
            return f"{_count(seconds // size, unit)} ago"
    return f"{seconds} s ago"


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _reign(one: Reign) -> str:
    """Say how a version came into force."""
    match one.how:
        case "start":
            return "the first start"
        case "edit":
            return "an edit within the limits"
        case "approve":
            return f"approved by {one.by}"
        case _:
            return f"rolled back by {one.by}"


def _took(run: RunFigures) -> str:
    if run.ended_at is None:
        return "still running"
    seconds = (run.ended_at - run.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{_number(round(seconds / 60))} min"


def _counts(counts: Mapping[str, int]) -> str:
    """Say what happened how often; what never happened is left out."""
    return ", ".join(f"{_number(count)} {name}" for name, count in counts.items() if count)


def _commands(sentence: str) -> Markup:
    """Set what stands between backticks, as our messages write commands and settings, in the type of commands."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped just here


def _number(value: int) -> str:
    return f"{value:,}"


def _count(number: int, noun: str) -> str:
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


_PAGES = Environment(
    loader=PackageLoader("syncd.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.globals.update(up="", page="", mappings=False)
_PAGES.filters.update(
    sides=sides,
    state=_state,
    commands=_commands,
    ago=_ago,
    took=_took,
    counts=_counts,
    number=_number,
    count=_count,
    stamp=datetime.isoformat,
    moment=_moment,
    reign=_reign,
)
