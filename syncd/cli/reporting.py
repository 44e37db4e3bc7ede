"""Commands that report what the state shows of the business: branches that buy, and where the funnel leaks."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import columns, config_option, cut, dump_json, examples, json_option, limit_option, open_app

if TYPE_CHECKING:
    from syncd.lead.definition import ReasonCode
    from syncd.store.funnel import Funnel
    from syncd.store.prospects import BuyingBranch

_WIDEST = 36


@click.group(epilog=examples("syncd report branches", "syncd report funnel --days 30"))
def report() -> None:
    """Report what the state shows of the business."""


@report.command(epilog=examples("syncd report branches --days 90 --csv prospects.csv"))
@config_option
@json_option
@click.option("--days", default=365, show_default=True, type=click.IntRange(1), help="Shipped to within so many days.")
@click.option("--all", "everybody", is_flag=True, help="Also branches where somebody is known.")
@click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write all of them to this file.")
@limit_option(50, "Rows of the table.")
def branches(config: Path, as_json: bool, days: int, everybody: bool, file: Path | None, limit: int) -> int:
    """List accounts whose branches buy and where nobody is known: prospects that headquarters bought for."""
    from syncd.store.figures import reads_only
    from syncd.store.prospects import buying_branches, count_buying

    app = open_app(config)
    since = (datetime.now(UTC) - timedelta(days=days)).date().isoformat()
    whole = as_json or file is not None
    with reads_only(app.engine) as connection:
        found = buying_branches(connection, since, everybody=everybody, limit=None if whole else limit)
        buying, unknown, unplaced = count_buying(connection, since)
    if file is not None:
        _write_csv(file, found)
    if as_json:
        click.echo(dump_json([asdict(one) for one in found]))
        return 0
    for line in _table(found[:limit]):
        click.echo(line)
    shown = buying if everybody else unknown
    if shown > limit:
        click.echo(f"... and {shown - limit:,} more; all of them with --csv FILE")
    click.echo(
        f"of {buying:,} branches shipped to since {since}, nobody is known at {unknown:,}"
        + (f"; {unplaced:,} more belong to no account (syncd problems match)" if unplaced else "")
    )
    return 0


@report.command(epilog=examples("syncd report funnel", "syncd report funnel --days 30 --json"))
@config_option
@json_option
@click.option("--days", default=90, show_default=True, type=click.IntRange(1), help="Rounds that began within so many.")
def funnel(config: Path, as_json: bool, days: int) -> int:
    """Count where leads are lost: per step who entered, went on, was sent back and why, and how long it took.

    A lead that qualifies again begins a new round and counts again.
    """
    from syncd.lead.definition import DISQUALIFIED, RECYCLED
    from syncd.store.figures import reads_only
    from syncd.store.funnel import count_funnel

    app = open_app(config)
    since = int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1000)
    definition = app.mappings.definition
    ladder = [stage.name for stage in definition.stages]
    with reads_only(app.engine) as connection:
        found = count_funnel(connection, ladder, (RECYCLED, DISQUALIFIED), since)
    told = _funnel_told(found, definition.reasons)
    if as_json:
        click.echo(dump_json({"days": days, **told}))
        return 0
    for line in _with_head(
        ("step", "entered", "went on", "sent back", "still there", "median days"), _step_cells(told)
    ):
        click.echo(line)
    for one in told["reasons"]:
        click.echo(
            f"  {one['rounds']:,} sent back from {one['step']} by {one['by']}: {one['label'] or 'no reason given'}"
        )
    click.echo(f"{found.rounds:,} rounds began within {days} days")
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _funnel_told(found: Funnel, labels: Mapping[str, ReasonCode]) -> dict[str, Any]:
    return {
        "rounds": found.rounds,
        "steps": [
            {
                "step": one.name,
                "entered": one.entered,
                "went_on": one.went_on,
                "sent_back": one.sent_back,
                "still_there": one.waiting,
                "median_days": None if one.median_days is None else round(one.median_days, 1),
            }
            for one in found.steps
        ],
        "reasons": [
            {
                "step": step,
                "by": by,
                "reason": code,
                "label": labels[code].label if code is not None and code in labels else code,
                "rounds": count,
            }
            for (step, by, code), count in found.reasons.items()
        ],
    }


def _step_cells(told: Mapping[str, Any]) -> list[Sequence[str]]:
    return [
        (
            one["step"],
            f"{one['entered']:,}",
            *(f"{one[name]:,} ({one[name] / max(1, one['entered']):.0%})" for name in ("went_on", "sent_back")),
            f"{one['still_there']:,}",
            "" if one["median_days"] is None else f"{one['median_days']}",
        )
        for one in told["steps"]
    ]


def _with_head(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines, its head bold."""
    first, *others = columns([head, *rows])
    return [click.style(first, bold=True), *others]


def _table(found: Sequence[BuyingBranch]) -> list[str]:
    if not found:
        return []
    head = ("account", "branch", "town", "last shipment", "contacts there")
    cells = [
        (
            cut(one.account_name or one.account, _WIDEST),
            cut(one.name or f"{one.customer or ''}/{one.ship_to or ''}", _WIDEST),
            cut(", ".join(part for part in (one.city, one.state) if part), _WIDEST),
            one.last_shipment[:10],
            f"{one.contacts:,}" if one.contacts else "none",
        )
        for one in found
    ]
    return _with_head(head, cells)


def _write_csv(file: Path, found: Sequence[BuyingBranch]) -> None:
    from syncd.store.prospects import BuyingBranch

    names = [one.name for one in fields(BuyingBranch)]
    with file.open("w", encoding="utf-8-sig", newline="") as stream:  # with the mark, or Excel takes it for Latin-1
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows([_csv_cell(getattr(one, name)) for name in names] for one in found)
    click.echo(f"{len(found):,} branches in {file}", err=True)


def _csv_cell(value: Any) -> Any:
    """A spreadsheet runs what begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
