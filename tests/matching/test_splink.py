"""The second engine of `syncd match bulk`: Splink on DuckDB, its model in a file, each pair explained."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engines import by_splink
from benchmarks.labelled import febrl4, febrl_within, plants_retyped
from syncd.cli import run_command_line
from syncd.matching import PERSON, SITE, Band, Hold, Party, Sign
from syncd.matching.evidence import Purpose
from syncd.matching.splink_bulk import Splink, Unlearnable
from syncd.matching.splink_model import ForeignModel, Model, check, comparisons_for, completed, settings
from syncd.matching.table import FIELDS

PLACED = comparisons_for(Purpose.SITE, {"name", "street", "house", "postcode", "phone"})
SIGNS = {sign.value for sign in Sign}


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tables, their labels, and what the engine made of them: links.csv and model.json."""
    folder, data = tmp_path_factory.mktemp("splink"), plants_retyped()
    _write(folder / "left.csv", data.rows)
    _write(folder / "right.csv", data.against)
    pairs = "".join(f"{row},{one}\n" for row, ids in data.truth.items() for one in ids)
    (folder / "labels.csv").write_text(f"typed,plant\n{pairs}")
    assert _bulk(folder, "links.csv") == 0
    return folder


@pytest.mark.slow
def test_links_of_a_learned_model_are_right_and_hardly_any_is_missed() -> None:
    """FEBRL 4, 2,500 people against 5,000 without a label: precision at least 0.999, recall above 0.97."""
    _, second = febrl4(person=True, born=True).halves()
    quality = by_splink(second, PERSON)
    assert quality.precision >= 0.999
    assert quality.recall > 0.97


@pytest.mark.slow
def test_what_stands_twice_in_one_table_is_found() -> None:
    data = febrl_within(1, person=True, born=True)
    tables = Splink(data.rows, None, PERSON)
    linked = [one for one in tables.pairs(tables.learn()) if one.said.band is Band.LINK]
    right = sum(data.rows[one.right].id in data.truth[data.rows[one.left].id] for one in linked)
    assert right == len(linked)
    assert right > 0.95 * 500


@pytest.mark.slow
def test_two_files_are_matched_and_labels_tell_how_right_it_is(
    plants: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same columns, labels and summary as of our own matcher."""
    data = plants_retyped()
    links = [row for row in _links(plants / "links.csv") if row["band"] == "link"]
    right = sum(row["right_id"] in data.truth[row["left_id"]] for row in links)
    assert right >= 0.995 * len(links)
    assert right > 0.98 * sum(map(bool, data.truth.values()))
    assert _bulk(plants, "again.csv", "--labels", f"{plants}/labels.csv") == 0
    assert f"by the labels: precision of links {right / len(links):.4f}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_is_there_is_used_as_it_is(plants: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same links to the letter, the file untouched, and it says who made it."""
    before = (plants / "model.json").read_bytes()
    assert _bulk(plants, "again.csv") == 0
    assert (plants / "again.csv").read_bytes() == (plants / "links.csv").read_bytes()
    assert (plants / "model.json").read_bytes() == before
    assert "model.json, by syncd " in capsys.readouterr().err
    model = json.loads(before)
    name = next(one for one in model["comparisons"] if one["output_column_name"] == "name")
    name["comparison_levels"][1]["m_probability"] /= 1024
    (plants / "model.json").write_text(json.dumps(model))
    assert _bulk(plants, "again.csv") == 0
    (plants / "model.json").write_bytes(before)
    once, again = ({row["left_id"]: row for row in _links(plants / one)} for one in ("links.csv", "again.csv"))
    lower = [row for row, one in once.items() if "same name" in one["reasons"] and row in again]
    assert lower
    assert all(float(once[row]["weight"]) - float(again[row]["weight"]) == pytest.approx(10, abs=0.11) for row in lower)


@pytest.mark.slow
def test_each_link_is_explained_by_reasons_that_sum_to_its_weight(plants: Path) -> None:
    """Named as our own matcher's are, and no value of a field among them."""
    rows = _links(plants / "links.csv")
    assert rows
    for row in rows:
        reasons = [one.rsplit(" (", 1) for one in row["reasons"].split("), ")]
        assert {name for name, _ in reasons} <= SIGNS
        assert sum(float(bits.rstrip(")")) for _, bits in reasons) == pytest.approx(float(row["weight"]), abs=0.5)
    weights = {band: [float(row["weight"]) for row in rows if row["band"] == band] for band in ("link", "review")}
    assert min(weights["link"]) >= SITE.link
    assert SITE.review <= min(weights["review"]) < SITE.link
    assert any("same postcode (+" in row["reasons"] and "other house number (-" in row["reasons"] for row in rows)


@pytest.mark.slow
def test_people_are_found_where_one_table_has_no_first_names() -> None:
    data = febrl_within(1, person=True, born=True)
    doubles, rest = ([row for row in data.rows if ("dup" in row.id) is one] for one in (True, False))
    tables = Splink([replace(row, first_name=None) for row in doubles], rest, PERSON)
    found = list(tables.against(tables.learn(), len(doubles)))
    linked = [(row, one.best) for row, one in zip(doubles, found, strict=True) if one.band is Band.LINK]
    right = sum(one is not None and rest[int(one.id)].id in data.truth[row.id] for row, one in linked)
    assert right == len(linked)
    assert right > 0.9 * len(doubles)


@pytest.mark.slow
def test_another_name_at_the_same_door_is_for_a_person() -> None:
    """Tenants: everything but the name agrees, which weighs enough for a link."""
    data = plants_retyped()
    tables = Splink(data.rows, data.against, SITE)
    tenant = replace(data.against[0], id="tenant", name="Quuxly Zimbabwe", phone=None)
    model, asked = tables.learn(), Splink([tenant], data.against, SITE)
    (found,) = asked.against(asked.check(model), 1)
    assert found.best is not None
    assert found.best.comparison.weight >= SITE.link
    assert (found.band, found.best.comparison.hold) == (Band.REVIEW, Hold.NAMES_DIFFER)


def test_a_missing_package_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    monkeypatch.delitem(sys.modules, "syncd.matching.splink_bulk")
    _write(tmp_path / "left.csv", [Party(id="1", name="Acme", street="5 Elm St")])
    _write(tmp_path / "right.csv", [Party(id="1", name="Acme", street="5 Elm St")])
    assert _bulk(tmp_path, "links.csv") == 2
    said = capsys.readouterr().err
    assert said == 'Error: splink is not installed, so nothing was matched; pip install "syncd[splink]"\n'
    assert not (tmp_path / "links.csv").exists()


def test_a_damaged_model_is_one_sentence_and_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Party(id="1", name="Acme", street="5 Elm St")]
    _write(tmp_path / "left.csv", rows)
    _write(tmp_path / "right.csv", rows)
    for text, why in (('{"comparisons": [', "it is not JSON"), ("[]", "it holds no Splink model")):
        (tmp_path / "model.json").write_text(text)
        assert _bulk(tmp_path, "links.csv") == 2
        said = capsys.readouterr().err
        assert f"model.json: {why}; nothing was matched" in said
        assert said.count("\n") == 1
        assert (tmp_path / "model.json").read_text() == text


def _condition(model: Model) -> None:
    model["comparisons"][0]["comparison_levels"][1]["sql_condition"] = "1 = (SELECT 1 FROM read_text('/etc/passwd'))"


def _certain(model: Model) -> None:
    model["comparisons"][1]["comparison_levels"][1]["m_probability"] = 1.5


def _unlearned(model: Model) -> None:
    del model["comparisons"][1]["comparison_levels"][1]["u_probability"]


def _sure(model: Model) -> None:
    model["probability_two_random_records_match"] = 1


def _twice(model: Model) -> None:
    model["comparisons"].append(model["comparisons"][0])


def _of_splink_alone(model: Model) -> None:
    model["linker_uid"] = "x7f3a2b1"


def _of_people(model: Model) -> None:
    model["comparisons"] = settings(["last"], within=False, made_by="", prior=0.1)["comparisons"]


def _within(model: Model) -> None:
    model["link_type"] = "dedupe_only"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_condition, "'phone' is damaged or of another version"),
        (_certain, "'name' lacks a probability"),
        (_unlearned, "'name' lacks a probability"),
        (_sure, "not a model that syncd wrote"),
        (_twice, "not a model that syncd wrote"),
        (_of_splink_alone, "not a model that syncd wrote"),
        (_of_people, "names of people, and these tables are not of such"),
        (_within, "learned on one table"),
    ],
)
def test_a_model_that_is_not_ours_is_refused(change: Callable[[Model], None], why: str) -> None:
    """Its conditions are SQL: nothing of it is run but what this version would write itself."""
    model = _model()
    assert check(model, within=False, wanted=PLACED) == model
    change(model)
    with pytest.raises(ForeignModel, match=why):
        check(model, within=False, wanted=PLACED)


def test_what_a_file_says_besides_is_not_taken_over() -> None:
    """Nor what to block by, which is SQL too."""
    model = _model()
    model["blocking_rules_to_generate_predictions"] = [{"blocking_rule": "1 = 1"}]
    assert check(model, within=False, wanted=PLACED) == _model()


def test_tables_that_have_nothing_alike_are_told_as_that() -> None:
    mine, other = Party(id="1", name="Acme", street="5 Elm St"), Party(id="2", name="Vogel", street="9 Oak St")
    with pytest.raises(Unlearnable, match="no two rows have the same name"):
        Splink([mine], [other], SITE).learn()
    with pytest.raises(Unlearnable, match="both tables must have names"):
        Splink([Party(id="1", name="Acme")], [mine], SITE).learn()


def _model() -> Model:
    model = settings(PLACED, within=False, made_by="syncd 0.1.0, splink 5.0.0, site", prior=0.001)
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"][1:]:
            level |= {"m_probability": 0.5, "u_probability": 0.01}
    return json.loads(json.dumps(completed(model)))  # type: ignore[no-any-return]


def _bulk(folder: Path, out: str, *further: str) -> int:
    tables = [f"{folder}/left.csv", f"{folder}/right.csv"]
    engine = ["--engine", "splink", "--model", f"{folder}/model.json"]
    return run_command_line(["match", "bulk", *tables, *engine, "--out", f"{folder}/{out}", *further])


def _links(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _write(path: Path, rows: list[Party]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(FIELDS)
        writer.writerows([getattr(row, name) for name in FIELDS] for row in rows)
