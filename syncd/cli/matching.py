"""Matching tables with each other: any two CSV files, or one with itself. No state and no system is touched."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.common import examples

if TYPE_CHECKING:
    from syncd.cli.tables import TableFile
    from syncd.matching import Party, Rules
    from syncd.matching.labelled import Known

_HEADER = ("left_id", "right_id", "band", "weight", "margin", "runner_up", "hold", "reasons")


@click.group(epilog=examples("syncd match bulk people.csv --out doubles.csv", "syncd match tune"))
def match() -> None:
    """Match tables with each other, and learn from what people answered."""


@match.command(
    epilog=examples(
        "syncd match bulk ship_tos.csv accounts.csv --out links.csv",
        "syncd match bulk people.csv --out doubles.csv",
        "syncd match bulk a.csv b.csv --left street=no+addr --right name=title --as company",
        "syncd match bulk ship_tos.csv accounts.csv --engine splink --model model.json",
    )
)
@click.argument("left", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("right", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write; otherwise to stdout.")
@click.option("--encoding", help="Of the files; told by each: by its mark, else UTF-8, else cp1252 with a note.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A table of pairs of ids known to be the same (or, with a yes or no, not), or of ids and clusters: tells "
    "precision and recall.",
)
@click.option(
    "--same",
    help="A column of both files (or LEFT=RIGHT) that holds the same where the rows are the same: it is not compared, "
    "but tells precision and recall.",
)
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
@click.option(
    "--engine",
    type=click.Choice(["own", "splink"]),
    default="own",
    show_default=True,
    help="What weighs the pairs: the daemon's own matcher, or a model that Splink learns from the files (an extra).",
)
@click.option(
    "--model",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Splink's model: used where the file is there, else learned and written to it.",
)
def bulk(
    left: Path,
    right: Path | None,
    out: Path | None,
    encoding: str | None,
    labels: Path | None,
    same: str | None,
    left_columns: Sequence[str],
    right_columns: Sequence[str],
    asked: str | None,
    everyone: bool,
    workers: int,
    link: float | None,
    review: float | None,
    margin: float | None,
    engine: str,
    model: Path | None,
) -> int:
    """Match LEFT.csv against RIGHT.csv, or find what stands twice in LEFT.csv alone; explains each pair."""
    from syncd.cli.tables import TableFile
    from syncd.matching.labelled import known_clusters

    began = time.perf_counter()
    if labels and same:
        raise click.UsageError("either --labels or --same tells who are the same")
    if model and engine != "splink":
        raise click.UsageError("--model is of --engine splink")
    told = TableFile(path=labels, encoding=encoding) if labels else None
    one, _, other = (same or "").partition("=")
    mine = _read(left, left_columns, encoding, told, one)
    theirs = _read(right, right_columns, encoding, told, other or one) if right else mine
    known = _known(told, mine, theirs) if told else known_clusters(mine.clusters, theirs.clusters) if same else None
    rules, why = _rules(mine, theirs, asked)
    if engine == "splink":
        from syncd.cli.learning import learned_rows, stated_rules

        rules = stated_rules(model, rules)
    rules = replace(
        rules,
        link=rules.link if link is None else link,
        review=rules.review if review is None else review,
        margin=rules.margin if margin is None else margin,
    )
    bands: Counter[str] = Counter()
    linked: set[tuple[str, str]] = set()
    if engine == "splink":
        rows = learned_rows(mine.rows, theirs.rows if right else None, rules, model, workers)
    else:
        rows = _against(mine, theirs, rules, workers) if right else _within(mine, rules)
    with _writing(out) as write:
        write(_HEADER)
        for row in rows:
            bands[row[2]] += 1
            if row[2] == "link" and known is not None:
                linked.add((row[0], row[1]))
            if row[2] != "no" or everyone:
                write(row)
    click.echo(f"asked: {rules.purpose.value}, since {why}", err=True)
    for table in (mine, theirs) if right else (mine,):
        click.echo(table.words(), err=True)
    click.echo(
        f"{len(mine.rows):,} rows{f' against {len(theirs.rows):,}' if right else ''}: {bands['link']:,} links, "
        f"{bands['review']:,} for review, {time.perf_counter() - began:.1f} s",
        err=True,
    )
    if known is not None:
        click.echo(_measured(known, linked, within=right is None), err=True)
    return 0


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Table:
    file: TableFile
    columns: dict[str, tuple[str, ...]]
    rows: list[Party]
    clusters: list[tuple[str, str]]  # id and cluster of each row, where --same says which column that is

    def words(self) -> str:
        """Return which column was taken for what, and in which encoding where that is not plain."""
        told = [f"{name} = {'+'.join(columns)}" for name, columns in self.columns.items() if columns]
        if not self.columns.get("id"):
            told.insert(0, "id = number of the row")
        return f"{self.file.path.name}: {', '.join(told)}" + (f" ({self.file.note})" if self.file.note else "")


def _read(path: Path, stated: Sequence[str], encoding: str | None, labels: TableFile | None, same: str) -> _Table:
    from syncd.cli.tables import TableFile
    from syncd.matching.labelled import id_column
    from syncd.matching.table import NoSuchColumn, guess_columns, parties, stated_columns

    file = TableFile(path=path, encoding=encoding)
    headings = file.headings
    if not any(headings):
        raise click.ClickException(f"{path} is empty: its first line must name the columns")
    cells = list(file.rows())
    try:
        if same and same not in headings:
            raise NoSuchColumn(f"--same: there is no column {same!r}; there are {', '.join(headings)}")
        guessed = {name: columns for name, columns in guess_columns(headings).items() if same not in columns}
        if labels is not None:
            found = id_column(headings, cells, [labels.headings, *labels.rows()])
            guessed |= {"id": (found,)} if found else {}
        columns = {**guessed, **stated_columns(stated, headings)}
        if not columns.get("name") and not columns.get("last_name"):
            raise NoSuchColumn(
                f"no column is known to hold a name; say which, as in --left name=COLUMN: {', '.join(headings)}"
            )
    except NoSuchColumn as error:
        raise click.ClickException(f"{path}:1: {error}") from error
    rows = list(parties(headings, cells, columns))
    at = headings.index(same) if same else 0
    clusters = [(row.id, line[at].strip()) for row, line in zip(rows, cells, strict=True) if same and at < len(line)]
    return _Table(file=file, columns=columns, rows=rows, clusters=clusters)


def _known(labels: TableFile, left: _Table, right: _Table) -> Known:
    from syncd.matching.labelled import Unclear, known_pairs

    try:
        ids = ({row.id for row in left.rows}, {row.id for row in right.rows})
        return known_pairs(labels.headings, labels.rows(), *ids)
    except Unclear as error:
        raise click.ClickException(f"{labels.path}: {error}") from error


def _measured(known: Known, linked: Set[tuple[str, str]], *, within: bool) -> str:
    """Return how right the links are. Where the labels name pairs that are not the same, only labelled ones count."""

    def plain(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        return {min(pair, pair[::-1]) for pair in pairs if pair[0] != pair[1]} if within else set(pairs)

    same, other, found = plain(known.same), plain(known.other), plain(linked)
    right = len(found & same)
    told = len(found & (same | other)) if other else len(found)
    precision = f"{right / told:.4f} ({right:,} of {told:,})" if told else "- (no link)"
    recall = f"{right / len(same):.4f} ({right:,} of {len(same):,})" if same else "- (no pair)"
    return f"by the labels: precision of links {precision}, recall {recall}"


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
    with _bar(len(mine)) as tell:
        matched = match_all(mine, right.rows, rules, workers, explain=True, tell=tell)
    for row, found in zip(left.rows, matched, strict=True):
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
    try:
        with out.open("w", encoding="utf-8", newline="") as lines:
            yield csv.writer(lines, lineterminator="\n").writerow
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from error


@contextmanager
def _bar(length: int) -> Iterator[Callable[[int], object]]:
    """Show on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label="matching", file=sys.stderr) as bar:
        yield bar.update
        bar.update(length - bar.pos)
