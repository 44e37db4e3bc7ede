"""Thresholds out of what people answered: chosen on one half, told of the other, proposed and never applied."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import say
from support.world import laid_out

from benchmarks.labelled import plants_retyped
from syncd.matching import SITE, Party
from syncd.matching.table import FIELDS
from syncd.matching.tuning import FEWEST, PRECISION, Label, NothingToPropose, tune


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return plant_labels()


def plant_labels() -> list[Label]:
    """Plants as somebody else typed them: beside themselves, and beside another plant of their town."""
    data, rng = plants_retyped(), random.Random(3)
    held = {plant.id: plant for plant in data.against}
    found = []
    for row in data.rows[:400]:
        for one in data.truth[row.id]:
            found.append(Label(left=row, right=held[one], same=True))
        others = [
            plant
            for plant in data.against
            if (plant.city or "").title() == row.city and plant.id not in data.truth[row.id]
        ]
        if others:
            found.append(Label(left=row, right=rng.choice(others), same=False))
    return found


def test_a_threshold_that_is_too_high_is_lowered_and_links_stay_right(labels: list[Label]) -> None:
    """Recall rises on answers that nothing was chosen on."""
    tuned = tune(labels, replace(SITE, link=29.0))
    assert tuned.rules.link < 29.0
    assert tuned.after.recall > tuned.before.recall + 0.1
    assert tuned.rules.review <= tuned.rules.link - SITE.margin
    assert tuned.after.precision is not None
    assert tuned.after.precision >= PRECISION
    assert tuned.chosen_on + tuned.reported_on == len(labels)


def test_a_neighbour_that_something_fits_better_raises_no_threshold(labels: list[Label]) -> None:
    """Matching holds such a pair whatever it weighs, so its answer says nothing of the threshold."""
    same = [label for label in labels if label.same] + [label for label in labels if not label.same][:20]
    bar = Party(name="Grand Lantern Bar", city="Wexmouth", phone="+13125550120")
    own, neighbours = [], []
    for number in range(20):
        one = replace(bar, id=f"left{number}", street=f"{number} Alder Rd", phone=f"+131255501{number:02d}")
        own.append(Label(left=one, right=replace(one, id=f"own{number}"), same=True))
        hall = replace(one, id=f"hall{number}", name="Grand Lantern Ballroom")
        neighbours.append(Label(left=one, right=hall, same=False))
    alone, beside = tune([*same, *own], SITE), tune([*same, *own, *neighbours], SITE)
    assert beside.rules.link == alone.rules.link
    assert beside.after.precision == 1.0
    everyone = [*same, *own, *neighbours]
    nameless = [replace(one, left=replace(one.left, id=""), right=replace(one.right, id="")) for one in everyone]
    with pytest.raises(NothingToPropose):  # nobody knows that these are beside a better fit
        tune(nameless, SITE)


def test_few_answers_or_all_of_one_kind_propose_nothing(labels: list[Label]) -> None:
    with pytest.raises(NothingToPropose, match=f"It takes {FEWEST}"):
        tune(labels[: FEWEST - 1], SITE)
    with pytest.raises(NothingToPropose, match="of either kind"):
        tune([label for label in labels if label.same], SITE)


def look_alikes() -> list[Label]:
    """Sixty that are the same, and a dozen that look as much the same and are not."""
    found = []
    for number in range(72):
        one = Party(id=f"a{number}", name=f"Vogel{number} Works", street=f"{number} Elm St", postcode="61604")
        found.append(Label(left=replace(one, id=f"b{number}"), right=one, same=number >= 12))
    return found


def test_where_no_threshold_is_right_nothing_is_proposed() -> None:
    with pytest.raises(NothingToPropose, match="no threshold links with a precision of"):
        tune(look_alikes(), SITE)


def test_a_threshold_that_fails_on_the_other_half_is_not_proposed() -> None:
    """All that look the same and are not fall into the half that nothing is chosen on."""
    alike = [one for one in look_alikes() if not one.same]
    far = [replace(one, right=replace(one.right, name="Zenith", street="9 Oak Rd", postcode="1")) for one in alike]
    mixed = [one for pair in zip(far, alike, strict=True) for one in pair]
    with pytest.raises(NothingToPropose, match="of the other 0"):
        tune([*mixed, *(one for one in look_alikes() if one.same)], SITE)


@pytest.mark.usefixtures("process_as_before")
def test_the_command_proposes_no_patch_where_no_threshold_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "labelled.csv", look_alikes())
    with laid_out(tmp_path, f"sqlite:///{tmp_path}/state.db") as made:
        made.begin()
        pairs = ("--pairs", str(tmp_path / "labelled.csv"))
        said = say(capsys, "match", "tune", *pairs, "--config", str(made.config), "--about", "branch")
    assert (said.code, said.out) == (1, "")
    assert "branch: no threshold links with a precision of 0.995; nothing is proposed" in said.err


@pytest.mark.usefixtures("process_as_before")
def test_the_command_tells_both_halves_and_writes_a_patch(
    labels: list[Label], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is changed by it; with too few answers it says so."""
    file = tmp_path / "labelled.csv"
    write_pairs(file, labels)
    with laid_out(tmp_path, f"sqlite:///{tmp_path}/state.db") as made:
        definition = made.folder / "mappings" / "definition.yaml"
        before = definition.read_text(encoding="utf-8")
        made.begin()
        config = ("--config", str(made.config), "--about", "branch")
        few = say(capsys, "match", "tune", *config)
        assert few.code == 1
        assert "0 answers, 0 of them yes: too few" in few.err
        said = say(capsys, "match", "tune", "--pairs", str(file), *config)
        assert said.code == 0
        assert "before" in said.err
        assert "after" in said.err
        assert said.out.startswith("--- a/mappings/definition.yaml\n+++ b/mappings/definition.yaml\n")
        assert "+  branch: {link: " in said.out
        assert definition.read_text(encoding="utf-8") == before


def write_pairs(file: Path, labels: list[Label]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow([f"{side}_{name}" for side in ("left", "right") for name in FIELDS] + ["same"])
        for label in labels:
            cells = [_cell(one, name) for one in (label.left, label.right) for name in FIELDS]
            writer.writerow([*cells, "yes" if label.same else "no"])


def _cell(party: Party, name: str) -> str:
    return str(getattr(party, name) or "")
