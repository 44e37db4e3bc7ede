"""An org with state and country picklists: names must be the org's own, so codes go into fields of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World, laid_out

from syncd.cli import run_command_line

LISTS = {"US": ("United States", {"IL": "Illinois"}), "DE": ("Germany", {})}
CODED = {
    "state: {to: State}": "state: {to: StateCode}",
    "country: {to: Country, as: country name}": "country: {to: CountryCode}",
}
NAMED = {"state: {to: State}": "state: {to: State, as: state name}"}


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with laid_out(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        one.salesforce.enable_states(LISTS)
        yield one


def edit(made: World, changes: dict[str, str]) -> None:
    file = made.folder / "mappings" / "salesforce.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def test_a_code_for_a_field_of_names_is_told_with_its_line_and_what_takes_codes(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["check", "--config", str(made.config)]) == 2
    told = capsys.readouterr().err
    assert "mappings/salesforce.yaml:20:" in told
    assert "salesforce Lead.State takes only the org's own names, and state writes a code" in told
    assert "write it into StateCode, or say 'as: state name'" in told
    assert "Lead.Country" not in told  # written by name already


def test_a_lead_arrives_without_the_line_that_would_have_it_refused(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line waits for the admin, with a problem; the lead does not, also where only its refusal showed why.

    An edit that mends the line is told with what it writes, and so held where that is much; then it does so at once.
    """
    made.contact(city="Chicago", state="IL")
    with made.running():
        made.settle()
        (lead,) = made.leads()
        assert (lead.get("State"), lead["Country"], lead["City"]) == (None, "United States", "Chicago")
        assert any("Lead.State takes only the org's own names" in words for words in made.problems())
    edit(made, NAMED)
    assert run_command_line(["plan", "--config", str(made.config)]) == 0
    assert "1 record would be written because of it" in capsys.readouterr().out
    made.calls()
    with made.running():
        made.settle()
        (lead,) = made.leads()
        assert lead["State"] == "Illinois"
        assert made.problems() == []
        assert made.calls()["salesforce"]["GET sobjects/Lead/describe"] == 2  # for the edit's check, and for the gap


@pytest.mark.parametrize("changes", [CODED, NAMED])
def test_codes_or_names_arrive_as_the_org_has_them_and_are_no_news(made: World, changes: dict[str, str]) -> None:
    edit(made, changes)
    made.contact(city="Chicago", state="IL")
    with made.running():
        made.work.watch()
        made.settle()
        (lead,) = made.leads()
        assert (lead["State"], lead["StateCode"], lead["Country"]) == ("Illinois", "IL", "United States")
        before = made.writes()
        for _ in range(2):
            made.cycle()
        assert (made.writes(), made.problems()) == (before, [])
