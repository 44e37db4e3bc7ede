"""A named person lets a lead pass without a fact: with a reason, until a day, seen by the rep, and to be taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import say
from support.world import World, world

pytestmark = pytest.mark.usefixtures("process_as_before")
ANN = "ann.lee@works.example"
LATER = "2099-12-31"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A lead that lacks its budget and who decides, and is refused for both."""
    with world(tmp_path, sqlite_url) as one:
        one.contact(budget_amount="", authority="")
        one.settle()
        assert not one.leads()
        yield one


def waive(made: World, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return say(capsys, "waive", "--config", str(made.config), *arguments)


def test_a_lead_passes_without_what_is_waived_and_the_rep_reads_who_said_so(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what was waived: with the other fact missing it is still refused. The brief stays put afterwards."""
    granted = ("--until", LATER, "--reason", "met at the fair", "--by", "Kim Vance")
    first = waive(made, capsys, ANN, "--fact", "budget", *granted)
    assert (first.code, "may be handed over without budget until 2099-12-31" in first.out) == (0, True), first
    made.settle()
    assert not made.leads()
    (contact,) = made.hubspot.all("contacts")
    assert "udget" not in contact["syncd_handoff_missing"]
    waive(made, capsys, ANN, "--fact", "authority", *granted)
    made.settle()
    (lead,) = made.leads()
    assert "Handed over without: " in lead["Syncd_Brief__c"]
    assert "budget (Kim Vance: met at the fair)" in lead["Syncd_Brief__c"]
    made.cycle()
    before = made.writes()
    made.cycle()
    assert made.writes() == before
    story = say(capsys, "explain", "--config", str(made.config), ANN).out
    assert "Kim Vance: may pass without budget until 2099-12-31" in story
    assert "passed: " in story
    assert "waived by Kim Vance" in story


def test_a_waiver_that_is_taken_back_holds_no_more(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    waive(made, capsys, ANN, "--until", LATER, "--reason", "met at the fair", "--by", "Kim Vance")
    assert [one["by"] for one in json.loads(waive(made, capsys, "--json").out)] == ["Kim Vance"]
    assert "ended: 1" in waive(made, capsys, ANN, "--end").out
    assert waive(made, capsys).out == "nothing is waived\n"
    made.settle()
    assert not made.leads()


@pytest.mark.parametrize(("arguments", "said"), [
    ((ANN, "--until", LATER), "a reason: --reason"),
    ((ANN, "--reason", "fair"), "an end: --until"),
    ((ANN, "--reason", "fair", "--until", "2020-01-01"), "lies in the past"),
    ((ANN, "--reason", "fair", "--until", "soon"), "give a day (2026-12-01)"),
    ((ANN, "--reason", "fair", "--until", LATER, "--fact", "budgt"), "never asks for 'budgt'; did you mean 'budget'?"),
    (("nobody@works.example", "--reason", "fair", "--until", LATER), "nothing is stored under"),
])  # fmt: skip
def test_a_waiver_that_cannot_be_is_refused_in_words(
    made: World, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    refused = waive(made, capsys, *arguments)
    assert (refused.code, said in refused.err) == (2, True), refused.err
    assert waive(made, capsys).out == "nothing is waived\n"
