"""A line that says `as: owner`: whom a system's id stands for, by what that system told of its people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mapping_folder import SYSTEMS, write

from syncd.config.yaml import Problems
from syncd.mapping.cases import run_cases
from syncd.mapping.loader import load
from syncd.mapping.model import BadValue
from syncd.mapping.owners import bind, people_of

LINES = "system: hubspot\ncontact:\n  is: lead\n  fields:\n    email: {from: hubspot_owner_id, as: owner}\n"
TOLD = [("hubspot", "7", "kim@acme.example", True), ("hubspot", "8", "lou@acme.example", False)]


def read(folder: Path, told: list[Any], owner: str | None) -> Any:
    line = bind(load(write(folder, hubspot=LINES), SYSTEMS), people_of(told)).systems["hubspot"].kinds["contacts"]
    reading = line.fields["email"].read
    assert reading is not None
    return reading({"hubspot_owner_id": owner})


@pytest.mark.parametrize(("owner", "expected"), [("7", "kim@acme.example"), ("8", "lou@acme.example"), (None, None)])
def test_an_owner_reads_as_the_address_that_the_system_told(tmp_path: Path, owner: str | None, expected: Any) -> None:
    """Also somebody who left: whose it was is still so."""
    assert read(tmp_path, TOLD, owner) == expected


@pytest.mark.parametrize("told", [TOLD, []])
def test_an_owner_of_whom_nothing_was_told_is_no_blank(tmp_path: Path, told: list[Any]) -> None:
    """A blank would empty the owner where a value that cannot be read is said and leaves it alone."""
    assert isinstance(read(tmp_path, told, "9"), BadValue)


CASE = """\
- name: whose it is
  given: {hubspot_owner_id: "7"}
  people: {7: Kim@acme.example, "8": null}
  expect: {email: kim@acme.example}
- name: a queue has no address
  given: {hubspot_owner_id: "8"}
  people: {"8": null}
  expect: {email: null}
- name: a stranger
  given: {hubspot_owner_id: "9"}
  people: {"7": kim@acme.example}
  expect_problem: email
- name: who is to have it
  ours: {email: kim@acme.example}
  people: {"7": kim@acme.example}
  writes: {hubspot_owner_id: "7"}
- name: nobody is guessed
  ours: {email: kim@acme.example}
  people: {"7": kim@acme.example, "8": kim@acme.example}
  expect_problem: email
- name: nobody is known
  ours: {email: kim@acme.example}
  expect_problem: email
"""


def cases(folder: Path, text: str, lines: str = LINES.replace("as: owner", "to: hubspot_owner_id, as: owner")) -> Any:
    mappings = load(write(folder, hubspot=lines), SYSTEMS)
    (folder / "cases").mkdir()
    (folder / "cases" / "hubspot.yaml").write_text(text, encoding="utf-8")
    return run_cases(folder, mappings)


def test_a_case_states_who_can_own_records(tmp_path: Path) -> None:
    """What is said of an owner is tested without any system, and can fail."""
    assert [one.name for one in cases(tmp_path, CASE) if not one.ok] == []
    (tmp_path / "other").mkdir()
    results = cases(tmp_path / "other", CASE.replace("kim@acme.example}\n  writes", "lee@acme.example}\n  writes"))
    assert [one.name for one in results if not one.ok] == ["who is to have it"]


@pytest.mark.parametrize(
    ("people", "lines", "said"),
    [
        ("{7: kim@acme.example}", LINES.replace(", as: owner", ""), "no line of contact says `as: owner`"),
        ("[7]", LINES, "expected a section 'id: e-mail address'"),
    ],
)
def test_people_that_no_line_asks_for_are_a_mistake(tmp_path: Path, people: str, lines: str, said: str) -> None:
    with pytest.raises(Problems) as error:
        cases(tmp_path, f"- {{name: a, given: {{}}, people: {people}}}\n", lines)
    assert said in str(error.value)
