"""A line that says `as: owner`: whom a system's id stands for, by what that system told of its people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mapping_folder import SYSTEMS, write

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
