"""A Splink model is tuned by what people answered: learned on one half, told of the other, never applied by itself."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest
from matching.test_tuning import look_alikes, plant_labels, write_pairs
from support.commands import say
from support.world import World, laid_out

from benchmarks.labelled import febrl_within, plants_retyped
from syncd.matching import PERSON, SITE, Rules, Sign, splink_tuning
from syncd.matching.splink_bulk import Splink
from syncd.matching.splink_model import ForeignModel, Model, check, names_of, rules_in, worth
from syncd.matching.splink_tuning import tune_model
from syncd.matching.table import FIELDS
from syncd.matching.tuning import FEWEST, PRECISION, Label, NothingToPropose, Score

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return plant_labels()


@pytest.fixture(scope="module")
def model() -> Model:
    """As learned without labels from the whole tables."""
    data = plants_retyped()
    return Splink(data.rows, data.against, SITE).learn()


def limited(model: Model, link: float, review: float) -> Model:
    return {**model, "linker_uid": f"{model['linker_uid']}, link {link:g}, review {review:g}"}


def test_a_threshold_that_is_too_high_is_lowered_and_links_stay_right(labels: list[Label], model: Model) -> None:
    """Recall rises on answers that nothing was learned from; the tuned model is one that `match bulk` takes."""
    changed, tuned = tune_model(labels, plants_retyped().against, limited(model, 40, 10))
    assert tuned.before.recall < tuned.after.recall - 0.1
    assert tuned.after.recall > 0.95
    assert tuned.after.precision is not None
    assert tuned.after.precision >= PRECISION
    assert tuned.chosen_on + tuned.reported_on == len(labels)
    assert rules_in(changed, {SITE.purpose: SITE}) == replace(SITE, link=tuned.rules.link, review=tuned.rules.review)
    assert check(json.loads(json.dumps(changed)), within=False, wanted=names_of(model)) == changed


def test_weights_are_learned_from_the_answers(labels: list[Label], model: Model) -> None:
    """Here whoever is the same always has another telephone, which the model takes for proof of the opposite."""
    told = [replace(one, left=replace(one.left, phone="+1 212 555 0199")) if one.same else one for one in labels]
    sure = deepcopy(model)
    (phone,) = (one for one in sure["comparisons"] if one["output_column_name"] == "phone")
    phone["comparison_levels"][-1]["m_probability"] = 1e-9
    changed, tuned = tune_model(told, plants_retyped().against, sure)
    before, after = worth(sure), worth(changed)
    assert before[Sign.PHONE_OTHER] < -20
    assert after[Sign.PHONE_OTHER] > -1
    assert after[Sign.PHONE_SAME] < before[Sign.PHONE_SAME] - 0.5
    assert tuned.after.recall > tuned.before.recall + 0.1


def test_the_half_that_is_told_of_chooses_between_no_weights(
    labels: list[Label], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Score] = []

    def refuse(limits: Rules, before: Score, *_: object) -> NoReturn:
        told.append(before)
        raise NothingToPropose("the other half says no")

    monkeypatch.setattr(splink_tuning, "proposed", refuse)
    with pytest.raises(NothingToPropose, match="the other half says no"):
        tune_model(labels, [], model)
    assert len(told) == 1


def test_a_model_of_one_table_is_tuned_by_pairs_of_it() -> None:
    data = febrl_within(1, person=True, born=True)
    model = Splink(data.rows, None, PERSON).learn()
    held = {row.id: row for row in data.rows}
    doubles = [row for row in data.rows if "dup" in row.id]
    labels = [Label(left=row, right=held[one], same=True) for row in doubles for one in data.truth[row.id]]
    strangers = pairwise(doubles)
    labels += [Label(left=one, right=other, same=False) for one, other in strangers]
    _, tuned = tune_model(labels, data.rows, limited(model, 60, 10))
    assert tuned.before.recall < 0.5 < 0.95 < tuned.after.recall
    assert tuned.after.precision == 1.0


def test_where_nothing_can_be_chosen_nothing_is_proposed(labels: list[Label], model: Model) -> None:
    with pytest.raises(NothingToPropose, match=f"It takes {FEWEST}"):
        tune_model(labels[: FEWEST - 1], [], model)
    with pytest.raises(NothingToPropose, match="no threshold links with a precision of"):
        tune_model(look_alikes(), [], model)


def test_a_model_whose_thresholds_are_in_disorder_is_refused(labels: list[Label], model: Model) -> None:
    for damaged in (limited(model, 1, 2), {**model, "linker_uid": "syncd 1, splink 1, place"}, []):
        with pytest.raises(ForeignModel):
            tune_model(labels, [], damaged)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    with laid_out(tmp_path, f"sqlite:///{tmp_path}/state.db") as one:
        one.begin()
        yield one


@pytest.mark.usefixtures("process_as_before")
def test_the_command_writes_a_model_that_the_next_matching_goes_by(
    made: World, labels: list[Label], model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = made.folder, plants_retyped()
    write_pairs(folder / "labelled.csv", labels)
    (folder / "model.json").write_text(json.dumps(limited(model, 60, 20)))
    for name, rows in (("left.csv", data.rows), ("right.csv", data.against)):
        with (folder / name).open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([FIELDS, *([getattr(row, one) for one in FIELDS] for row in rows)])
    tables = ("match", "bulk", str(folder / "left.csv"), str(folder / "right.csv"), "--out", str(folder / "links.csv"))
    splink = ("--engine", "splink", "--model")
    before = say(capsys, *tables, *splink, str(folder / "model.json"))
    assert (before.code, " 0 links, " in before.err) == (0, True)
    config = ("--config", str(made.config), "--about", "branch")
    said = say(
        capsys, "match", "tune", "--pairs", str(folder / "labelled.csv"), *splink, str(folder / "model.json"), *config
    )
    assert said.code == 0
    assert "branch: chosen on " in said.err
    assert "thresholds: link " in said.err
    (folder / "tuned.json").write_text(said.out)
    after = say(capsys, *tables, *splink, str(folder / "tuned.json"))
    assert after.code == 0
    assert " 0 links" not in after.err
    stated = say(capsys, *tables, *splink, str(folder / "tuned.json"), "--link", "60", "--review", "55")
    assert " 0 links, 0 for review" in stated.err


@pytest.mark.usefixtures("process_as_before")
def test_the_command_says_what_it_lacks(
    made: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ("--config", str(made.config))
    without = say(capsys, "match", "tune", "--engine", "splink", *config)
    assert (without.code, "--engine splink takes the model that is tuned, as --model" in without.err) == (2, True)
    file = made.folder / "model.json"
    file.write_text("{")
    tune = ("match", "tune", "--engine", "splink", "--model", str(file), *config)
    said = say(capsys, *tune)
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("model.json: it is not JSON; nothing was tuned\n")
    monkeypatch.setitem(sys.modules, "splink", None)
    for module in ("splink_bulk", "splink_tuning"):
        monkeypatch.delitem(sys.modules, f"syncd.matching.{module}")
    said = say(capsys, *tune)
    assert said.err == 'Error: splink is not installed, so nothing was tuned; pip install "syncd[splink]"\n'
