"""The engine Splink of the commands that match: its model's file, the rows that it writes, and its tuning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from syncd.matching import Party, Rules
    from syncd.matching.splink_bulk import Splink
    from syncd.matching.splink_model import Model
    from syncd.matching.tuning import Label, Tuned

_TOLD = 0.5  # bits; what moved less is not worth a word


def learned_rows(
    left: Sequence[Party], right: Sequence[Party] | None, rules: Rules, file: Path | None, workers: int
) -> Iterator[tuple[Any, ...]]:
    """Return a row of the table of links for each left row, or for each pair within one table.

    The model is at hand, and written where there was none, when this returns. Raises ClickException.
    """
    try:
        from syncd.matching.splink_bulk import Splink
    except ImportError as error:
        raise _missing(error, "matched") from error

    tables = Splink(left, right, rules, workers)
    model = _model(tables, file)
    return _within(tables, model, left) if right is None else _against(tables, model, left, right)


def stated_rules(file: Path | None, usual: Rules) -> Rules:
    """Return the rules with the thresholds that a model was tuned to.

    What is wrong with a model is said where it is used.
    """
    from syncd.matching.splink_model import ForeignModel, rules_in

    try:
        model = json.loads(file.read_text(encoding="utf-8")) if file is not None else None
        return rules_in(model, {usual.purpose: usual})
    except (OSError, ValueError, ForeignModel):
        return usual


def tuned_model(
    file: Path, labels: Sequence[Label], candidates: Callable[[], Sequence[Party]]
) -> tuple[str, Tuned, str]:
    """Return (the tuned model as JSON, what that changes, how its weights moved, in words).

    Raises ClickException and NothingToPropose.
    """
    try:
        from syncd.matching.splink_tuning import tune_model
    except ImportError as error:
        raise _missing(error, "tuned") from error
    from syncd.matching.splink_model import ForeignModel, worth

    try:
        model = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.ClickException(f"{file}: it is not JSON; nothing was tuned") from error
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from error
    try:
        changed, tuned = tune_model(labels, candidates(), model)
    except ForeignModel as error:
        raise click.ClickException(f"{file}: {error}; nothing was tuned") from error
    before, after = worth(model), worth(changed)
    moved = [
        f"{sign.value} {before[sign]:+.1f} -> {bits:+.1f}"
        for sign, bits in after.items()
        if abs(bits - before[sign]) >= _TOLD
    ]
    return json.dumps(changed, indent=2), tuned, f"; weights: {', '.join(moved)}" if moved else "; weights as they were"


# ---------------------------------------------------------------------------------------------------------------------


def _missing(error: ImportError, what: str) -> click.ClickException:
    return click.ClickException(f'{error.name} is not installed, so nothing was {what}; pip install "syncd[splink]"')


def _model(tables: Splink, file: Path | None) -> Model:
    from syncd.matching.splink_bulk import Unlearnable
    from syncd.matching.splink_model import ForeignModel

    try:
        if file is not None and file.exists():
            model = tables.check(json.loads(file.read_text(encoding="utf-8")))
            click.echo(f"model: {file}, by {model['linker_uid']}", err=True)
            return model
        model = tables.learn()
        if file is not None:
            file.write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
            click.echo(f"model: learned, written to {file}", err=True)
        return model
    except Unlearnable as error:
        raise click.ClickException(f"Splink has nothing to learn from, so nothing was matched: {error}") from error
    except (ForeignModel, ValueError) as error:
        why = error if isinstance(error, ForeignModel) else "it is not JSON"
        raise click.ClickException(
            f"{file}: {why}; nothing was matched. Name another file, or move this one away to have it learned anew"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from error


def _against(tables: Splink, model: Model, left: Sequence[Party], right: Sequence[Party]) -> Iterator[tuple[Any, ...]]:
    for row, found in zip(left, tables.against(model, len(left)), strict=True):
        if found.best is None:
            yield row.id, "", found.band.value, "", "", "", "", ""
            continue
        said, second = found.best.comparison, found.runner_up
        yield (
            row.id,
            right[int(found.best.id)].id,
            found.band.value,
            f"{said.weight:.1f}",
            f"{found.margin:.1f}" if second else "",
            right[int(second.id)].id if second else "",
            said.hold.value if said.hold else "",
            said.words,
        )


def _within(tables: Splink, model: Model, rows: Sequence[Party]) -> Iterator[tuple[Any, ...]]:
    for pair in tables.pairs(model):
        said, hold = pair.said, pair.said.hold
        one, other = rows[pair.left].id, rows[pair.right].id
        yield one, other, said.band.value, f"{said.weight:.1f}", "", "", hold.value if hold else "", said.words
