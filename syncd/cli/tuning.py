"""Learning from what people answered: thresholds proposed, with what they would have been worth."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.common import config_option, examples, open_app

if TYPE_CHECKING:
    from syncd.lead.definition import EntityKind
    from syncd.matching import Party
    from syncd.matching.tuning import Label, Score, Tuned
    from syncd.wiring import App


@click.command(
    epilog=examples(
        "syncd match tune",
        "syncd match tune --pairs labelled.csv > tune.patch && patch -p1 < tune.patch",
        "syncd match tune --engine splink --model model.json > tuned.json",
    )
)
@config_option
@click.option(
    "--pairs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Further labels: a table with left_name, right_name, left_street, ... and same (yes or no).",
)
@click.option("--encoding", help="Of that table; told by the file.")
@click.option("--about", type=click.Choice(["account", "branch", "lead"]), default="account", show_default=True)
@click.option(
    "--engine",
    type=click.Choice(["own", "splink"]),
    default="own",
    show_default=True,
    help="Whose thresholds: the daemon's own matcher's, or those (and the weights) of a model of `match bulk`.",
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The model of --engine splink that is tuned.",
)
def tune(config: Path, pairs: Path | None, encoding: str | None, about: str, engine: str, model: Path | None) -> int:
    """Propose thresholds from the answers given in review: a patch of definition.yaml on stdout, never applied.

    They are chosen on one half of the answers; what is told of precision and recall is of the other half. With --engine
    splink a tuned model is proposed instead, for the next `syncd match bulk --engine splink`.
    """
    from syncd.lead.definition import EntityKind
    from syncd.matching.tuning import NothingToPropose
    from syncd.matching.tuning import tune as choose
    from syncd.stages.enrich import rules_of

    if (model is None) is (engine == "splink"):
        raise click.UsageError("--engine splink takes the model that is tuned, as --model; no other does")
    app, kind = open_app(config), EntityKind(about)
    labels = [*_answered(app, kind), *(_labelled(pairs, encoding) if pairs else ())]
    rules = rules_of(app.mappings.definition, kind)
    try:
        if model is not None:
            from syncd.cli.learning import tuned_model

            proposal, tuned, moved = tuned_model(model, labels, partial(_candidates, app, kind))
        else:
            tuned = choose(labels, rules)
    except NothingToPropose as error:
        click.echo(f"{about}: {error}; nothing is proposed", err=True)
        return 1
    click.echo(_words(about, tuned), err=True)
    if model is not None:
        click.echo(f"thresholds: link {tuned.rules.link:g}, review {tuned.rules.review:g}{moved}", err=True)
        click.echo(proposal)
        return 0
    if (tuned.rules.link, tuned.rules.review) == (rules.link, rules.review):
        click.echo("the thresholds are as they would be chosen; nothing is proposed", err=True)
        return 0
    click.echo(_patch(app.config.mappings / "definition.yaml", about, tuned), nl=False)
    return 0


# ---------------------------------------------------------------------------------------------------------------------


def _answered(app: App, about: EntityKind) -> list[Label]:
    from syncd.pipeline.labels import answered_labels

    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        return answered_labels(connection, app.mappings, about)


def _candidates(app: App, about: EntityKind) -> list[Party]:
    from syncd.pipeline.labels import all_candidates

    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        return all_candidates(connection, app.mappings, about)


def _labelled(path: Path, encoding: str | None) -> Iterator[Label]:
    from syncd.cli.tables import TableFile
    from syncd.matching.labelled import Unclear, both_records
    from syncd.matching.tuning import Label

    file = TableFile(path=path, encoding=encoding)
    if file.note:
        click.echo(f"{path.name}: {file.note}", err=True)
    try:
        for _, left, right, same in both_records(file.headings, file.rows()):
            yield Label(left=left, right=right, same=same)
    except Unclear as error:
        raise click.ClickException(f"{path}: {error}") from error


def _words(about: str, tuned: Tuned) -> str:
    lines = [
        f"{about}: chosen on {tuned.chosen_on} answers, told of the other {tuned.reported_on}",
        f"{'':8}{'links':>7}{'right':>7}{'precision':>11}{'recall':>8}{'review':>8}{'of it same':>12}"
        f"{'no':>5}{'missed':>8}",
    ]
    for name, one in (("before", tuned.before), ("after", tuned.after)):
        lines.append(_row(name, one))
    return "\n".join(lines)


def _row(name: str, one: Score) -> str:
    precision = "-" if one.precision is None else f"{one.precision:.4f}"
    return (
        f"{name:8}{one.link[0]:>7}{one.link[1]:>7}{precision:>11}{one.recall:>8.4f}"
        f"{one.review[0]:>8}{one.review[1]:>12}{one.no[0]:>5}{one.no[1]:>8}"
    )


def _patch(file: Path, about: str, tuned: Tuned) -> str:
    text = file.read_text(encoding="utf-8")
    said = f"{about}: {{link: {tuned.rules.link:g}, review: {tuned.rules.review:g}}}"
    if any(line.startswith("matching:") for line in text.splitlines()):
        return f"# definition.yaml has a section 'matching' already; put into it:\n#   {said}\n"
    after = text + ("" if text.endswith("\n") else "\n") + f"\nmatching:\n  {said}\n"
    name = f"{file.parent.name}/{file.name}"
    return "".join(unified_diff(text.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}"))
