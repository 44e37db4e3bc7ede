"""Tables of any make: which column is what, what is asked of them, and `syncd match bulk` over real files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.labelled import Labelled, febrl_within, plants_retyped
from benchmarks.matching import Quality, measure
from benchmarks.shapes import NO_STREET, SHAPES, plants_shaped
from syncd.cli import run_command_line
from syncd.matching import COMPANY, Band, Party, Rules
from syncd.matching.bulk import match_all
from syncd.matching.table import FIELDS, guess_columns, parties, question_for

STREETS: Rules = question_for({"name", "street"}, {"name", "street"}).rules


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_table_of_any_shape_is_matched(shape: str) -> None:
    """Precision at least 0.995 in the link band, recall above 0.95, with what the command asks by itself."""
    quality = measure(plants_shaped(SHAPES[shape]), STREETS)
    assert quality.precision >= 0.995
    assert quality.recall > 0.95


@pytest.mark.parametrize("shape", list(NO_STREET))
def test_without_streets_the_company_is_found(shape: str) -> None:
    """Which of a company's plants it is nobody can tell then, so a link to another of them is right."""
    data = plants_shaped(NO_STREET[shape])
    names: dict[str, set[str]] = {}
    for plant in data.against:
        names.setdefault(_core(plant), set()).add(plant.id)
    held = {plant.id: plant for plant in plants_retyped().against}
    truth = {
        row: frozenset().union(*(names[_core(held[one])] for one in ids)) if ids else frozenset()
        for row, ids in data.truth.items()
    }
    said = match_all(data.rows, data.against, COMPANY)
    links = [one for one in said if one.band is Band.LINK]
    right = sum(one.best in truth[one.id] for one in links)
    assert right > 0.95 * sum(map(bool, truth.values()))
    assert right > 0.97 * len(links)


def test_headings_say_what_a_column_holds() -> None:
    """Guides of restaurants, FEBRL and CRM exports, without a word from anybody."""
    assert guess_columns(["id", "name", "addr", "city", "phone", "type"]) == {
        "id": ("id",), "name": ("name",), "street": ("addr",), "city": ("city",), "phone": ("phone",),
    }  # fmt: skip
    febrl = guess_columns(["rec_id", "given_name", "surname", "street_number", "address_1", "address_2", "suburb"])
    assert febrl["street"] == ("street_number", "address_1", "address_2")
    assert (febrl["first_name"], febrl["last_name"], febrl["city"]) == (("given_name",), ("surname",), ("suburb",))
    assert guess_columns(["Account ID", "Account Name", "Billing Street", "Billing Postal Code"]) == {
        "id": ("Account ID",), "name": ("Account Name",), "street": ("Billing Street",),
        "postcode": ("Billing Postal Code",),
    }  # fmt: skip


def test_headings_nobody_listed_are_known_by_their_end() -> None:
    """Of towns, hospitals, voters and candidate sets; the name of a county or a programme is something else."""
    assert guess_columns(["Id", "Program Name", "Site name", "Email Address", "Address", "Zip", "Phone"]) == {
        "id": ("Id",), "name": ("Site name",), "street": ("Address",), "postcode": ("Zip",), "phone": ("Phone",),
        "email": ("Email Address",),
    }  # fmt: skip
    hospital = guess_columns(
        ["Facility ID", "Facility Name", "Address", "City/Town", "County Name", "Telephone Number"]
    )
    assert (hospital["name"], hospital["city"], hospital["phone"]) == (
        ("Facility Name",),
        ("City/Town",),
        ("Telephone Number",),
    )
    voter = guess_columns(["county_id", "last_name", "first_name", "res_street_address", "res_city_desc", "mail_addr1"])
    assert (voter["street"], voter["city"], voter["last_name"]) == (
        ("res_street_address",),
        ("res_city_desc",),
        ("last_name",),
    )
    assert guess_columns(["_id", "ltable_id", "ltable_name", "ltable_addr"])["street"] == ("ltable_addr",)
    assert guess_columns(["main_street", "main_street_number"])["street"] == ("main_street_number", "main_street")
    assert guess_columns(["IP Address", "File Name", "Fax"]) == {}


def test_rows_of_one_id_and_placeholders_stay_apart() -> None:
    rows = list(parties(["id", "name"], [["7", "Acme"], ["7", "n/a"], ["", " Vogel "]], guess_columns(["id", "name"])))
    assert [(row.id, row.name) for row in rows] == [("7", "Acme"), ("7 in row 2", None), ("3", "Vogel")]


def test_two_files_are_matched_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Semicolons, a byte-order mark and headings of another language on one side; each link says why."""
    data = plants_retyped()
    _write(tmp_path / "left.csv", data.rows, dict(zip(FIELDS, FIELDS, strict=True)))
    german = {**dict(zip(FIELDS, FIELDS, strict=True)), "name": "Firma", "street": "Straße", "postcode": "PLZ"}
    _write(tmp_path / "right.csv", data.against, german, delimiter=";", encoding="utf-8-sig")
    arguments = ["match", "bulk", f"{tmp_path}/left.csv", f"{tmp_path}/right.csv", "--out", f"{tmp_path}/out.csv"]
    assert run_command_line([*arguments, "--right", "name=Firma", "--right", "street=Straße"]) == 0
    quality = _quality(tmp_path / "out.csv", data)
    assert quality.precision >= 0.995
    assert quality.recall > 0.95
    assert "the same company at the same place" in capsys.readouterr().err


def test_what_stands_twice_in_one_file_is_found(tmp_path: Path) -> None:
    data = febrl_within(1, person=True, born=True)
    _write(tmp_path / "people.csv", data.rows, dict(zip(FIELDS, FIELDS, strict=True)))
    assert run_command_line(["match", "bulk", f"{tmp_path}/people.csv", "--out", f"{tmp_path}/out.csv"]) == 0
    quality = _quality(tmp_path / "out.csv", data)
    assert quality.precision >= 0.995
    assert quality.recall * 2 > 0.95  # each pair is written once


def test_doubles_of_the_right_file_are_written_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And both files' columns are told."""
    headings = "key,Site name,addr,town,tel\n"
    bar = "Harbour Lantern,3570 Quay Blvd,Wexmouth,312 555 0101\n"
    (tmp_path / "left.csv").write_text(f"{headings}l,{bar}")
    (tmp_path / "right.csv").write_text(f"{headings}one,{bar}two,{bar.upper()}")
    arguments = ["match", "bulk", f"{tmp_path}/left.csv", f"{tmp_path}/right.csv", "--out", f"{tmp_path}/out.csv"]
    assert run_command_line(arguments) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(row["left_id"], row["right_id"], row["band"]) for row in csv.DictReader(lines)]
    assert sorted(rows) == [("l", "one", "link"), ("l", "two", "link")]
    said = capsys.readouterr().err
    assert "left.csv: id = key, name = Site name, street = addr, city = town, phone = tel" in said
    assert "right.csv: id = key" in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("one,two\n1,2\n")
    assert run_command_line(["match", "bulk", f"{tmp_path}/a.csv"]) == 2
    assert "a.csv:1: no column is known to hold a name" in capsys.readouterr().err
    assert run_command_line(["match", "bulk", f"{tmp_path}/a.csv", "--left", "name=three"]) == 2
    assert "there is no column 'three'; there are one, two" in capsys.readouterr().err


def _core(party: Party) -> str:
    return (party.name or "").split(" - ")[0][:8]


def _write(path: Path, rows: Iterable[Party], headings: dict[str, str], **how: str) -> None:
    encoding = how.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as lines:
        writer = csv.writer(lines, delimiter=how.get("delimiter", ","))
        writer.writerow(headings.values())
        writer.writerows([getattr(row, name) for name in headings] for row in rows)


def _quality(path: Path, data: Labelled) -> Quality:
    with path.open(encoding="utf-8", newline="") as lines:
        links = [row for row in csv.DictReader(lines) if row["band"] == "link"]
    assert all("same" in row["reasons"] for row in links)
    right = sum(row["right_id"] in data.truth[row["left_id"]] for row in links)
    return Quality(links=len(links), right=right, there=sum(map(len, data.truth.values())))
