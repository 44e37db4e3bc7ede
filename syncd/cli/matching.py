"""Matching tables with each other: any two CSV files, or one with itself. No state and no system is touched."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from syncd.matching import Party, Rules

_LONGEST_CELL = 1 << 20
_HEADER = ("left_id", "right_id", "band", "weight", "margin", "runner_up", "hold", "reasons")


@click.group()
def match() -> None:
    """Match tables with each other, and learn from what people answered."""


@match.command(
    epilog="Examples: syncd match bulk ship_tos.csv accounts.csv --out links.csv    syncd match bulk people.csv "
    "--out doubles.csv    syncd match bulk a.csv b.csv --left street=no+addr --right name=title --as company"
)
@click.argument("left", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("right", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write; otherwise to stdout.")
@click.option("--left", "left_columns", multiple=True, help="FIELD=COLUMN[+COLUMN], for each one not told by its name.")
@click.option("--right", "right_columns", multiple=True, help="The same for the right file.")
@click.option(
    "--as", "asked", type=click.Choice(["site", "company", "person"]), help="What to ask; told by the columns."
)
@click.option("--link", type=float, help="Bits from which a pair is a link.")
@click.option("--review", type=float, help="Bits from which a pair is for review.")
@click.option("--margin", type=float, help="Bits the first must be ahead of the second.")
@click.option("--all", "everyone", is_flag=True, help="Write rows of the left file that match nothing, too.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
def bulk(
    left: Path,
    right: Path | None,
    out: Path | None,
    left_columns: Sequence[str],
    right_columns: Sequence[str],
    asked: str | None,
    everyone: bool,
    workers: int,
    link: float | None,
    review: float | None,
    margin: float | None,
) -> int:
    """Match LEFT.csv against RIGHT.csv, or find what stands twice in LEFT.csv alone; explains each pair."""
    began = time.perf_counter()
    mine = _read(left, left_columns)
    theirs = _read(right, right_columns) if right else mine
    rules, why = _rules(mine, theirs, asked)
    rules = replace(
        rules,
        link=rules.link if link is None else link,
        review=rules.review if review is None else review,
        margin=rules.margin if margin is None else margin,
    )
    bands: Counter[str] = Counter()
    rows = _against(mine, theirs, rules, workers) if right else _within(mine, rules)
    with _writing(out) as write:
        write(_HEADER)
        for row in rows:
            bands[row[2]] += 1
            if row[2] != "no" or everyone:
                write(row)
    click.echo(f"asked: {rules.purpose.value}, since {why}", err=True)
    for path, table in ((left, mine), (right, theirs)):
        if path:
            told = ", ".join(f"{name} = {'+'.join(columns)}" for name, columns in table.columns.items() if columns)
            click.echo(f"{path.name}: {told}", err=True)
    click.echo(
        f"{len(mine.rows):,} rows{f' against {len(theirs.rows):,}' if right else ''}: {bands['link']:,} links, "
        f"{bands['review']:,} for review, {time.perf_counter() - began:.1f} s",
        err=True,
    )
    return 0


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Table:
    columns: dict[str, tuple[str, ...]]
    rows: list[Party]


def _read(path: Path, stated: Sequence[str]) -> _Table:
    from syncd.matching.table import NoSuchColumn, guess_columns, parties, stated_columns

    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            start = lines.read(1 << 16).partition("\n")[0]
            lines.seek(0)
            rows = csv.reader(lines, delimiter=max(",;\t|", key=start.count), skipinitialspace=True)
            headings = [heading.strip() for heading in next(rows, [])]
            columns = {**guess_columns(headings), **stated_columns(stated, headings)}
            if not columns.get("name") and not columns.get("last_name"):
                raise NoSuchColumn(
                    f"no column is known to hold a name; say which, as in --left name=COLUMN: {', '.join(headings)}"
                )
            return _Table(columns=columns, rows=list(parties(headings, rows, columns)))
    except NoSuchColumn as error:
        raise click.ClickException(f"{path}:1: {error}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path}: not UTF-8 (byte {error.start:,}); save it as UTF-8") from error
    except csv.Error as error:
        raise click.ClickException(f"{path}:{rows.line_num}: {error}") from error


def _rules(left: _Table, right: _Table, asked: str | None) -> tuple[Rules, str]:
    from syncd.matching.evidence import RULES, Purpose
    from syncd.matching.table import filled, question_for

    question = question_for(filled(left.rows), filled(right.rows))
    if asked is None or Purpose[asked.upper()] is question.rules.purpose:
        return question.rules, question.why if asked is None else "--as says so"
    return RULES[Purpose[asked.upper()]], "--as says so"


def _against(left: _Table, right: _Table, rules: Rules, workers: int) -> Iterator[tuple[Any, ...]]:
    from syncd.matching.bulk import match_all

    # Ids of two files are two things: row 5 of one is not row 5 of the other, yet a record is never matched to itself.
    mine = [replace(row, id=f"left {row.id}") for row in left.rows]
    for row, found in zip(left.rows, match_all(mine, right.rows, rules, workers, explain=True), strict=True):
        margin = f"{found.margin:.1f}" if found.runner_up else ""
        yield (
            row.id,
            found.best or "",
            found.band.value,
            f"{found.weight:.1f}" if found.best else "",
            margin,
            found.runner_up or "",
            found.hold,
            found.reasons,
        )
        for double in found.doubles:
            said = double.comparison
            yield row.id, double.id, said.band.value, f"{said.weight:.1f}", "", found.best, "", said.words


def _within(table: _Table, rules: Rules) -> Iterator[tuple[Any, ...]]:
    from syncd.matching import Index

    for one, other, said in Index(table.rows, rules).pairs():
        hold = said.hold.value if said.hold else ""
        yield one, other, said.band.value, f"{said.weight:.1f}", "", "", hold, said.words


@contextmanager
def _writing(out: Path | None) -> Iterator[Callable[[Iterable[Any]], object]]:
    if out is None:
        yield csv.writer(sys.stdout, lineterminator="\n").writerow
        return
    with out.open("w", encoding="utf-8", newline="") as lines:
        yield csv.writer(lines, lineterminator="\n").writerow
