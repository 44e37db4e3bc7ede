"""`syncd report branches` on the whole road: headquarters bought, the plants were shipped to, and nobody calls them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.commands import Said, say
from support.world import World, add_branch, world

from syncd.cli.demonstrating import _read_story

TODAY = datetime.now(UTC).date()
LATELY = (TODAY - timedelta(days=20)).isoformat()
LONG_AGO = (TODAY - timedelta(days=200)).isoformat()


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        one.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "BillingCountry": "US"}])
        add_branch(one, "S1", "Works Peoria", street="9 Elm St", city="Peoria", last_shipment=LATELY)
        add_branch(one, "S2", "=cmd|' /C calc'!A1", street="7 Oak St", last_shipment=LONG_AGO)
        add_branch(one, "S3", "Works Chicago", last_shipment=LATELY)
        one.contact(address="100 West Main Street", city="Chicago", state="IL", zip="60601")
        one.settle()
        yield one


@pytest.mark.usefixtures("process_as_before")
class TestReport:
    def told(self, made: World, capsys: pytest.CaptureFixture[str], *more: str) -> Said:
        said = say(capsys, "report", "branches", "--config", str(made.config), *more)
        assert said.code == 0, said.err
        return said

    def test_the_table_names_account_branch_shipment_and_that_nobody_is_there(
        self, made: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = self.told(made, capsys).out.splitlines()
        assert lines[1].split("  ")[0] == "Works Inc"
        assert "Works Peoria" in lines[1]
        assert lines[1].endswith("none")
        assert LATELY in lines[1]
        assert "Chicago" not in " ".join(lines[1:3]).replace("Chicago, IL", "")
        assert lines[-1].startswith("of 3 branches shipped to since")
        assert "nobody is known at 2" in lines[-1]

    def test_a_branch_that_somebody_sits_at_is_shown_on_demand(
        self, made: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (line,) = [one for one in self.told(made, capsys, "--all").out.splitlines() if "Works Chicago" in one]
        assert line.endswith(" 1")

    def test_the_days_say_what_buying_means(self, made: World, capsys: pytest.CaptureFixture[str]) -> None:
        found = json.loads(self.told(made, capsys, "--days", "90", "--json").out)
        assert [(one["ship_to"], one["contacts"]) for one in found] == [("S1", 0)]

    def test_the_file_holds_all_of_them_and_no_formula(
        self, made: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Names come from an ERP; a spreadsheet would run one that begins with an equals sign."""
        file = tmp_path / "prospects.csv"
        self.told(made, capsys, "--limit", "1", "--csv", str(file))
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["ship_to"] for row in rows] == ["S1", "S2"]
        assert rows[1]["name"].startswith("'=cmd")


def test_the_demo_tells_of_leads_at_branches_and_of_branches_where_nobody_is_known(made: World) -> None:
    """The lead with its branch and last shipment; the branches, the latest first, and how many more there are."""
    story = _read_story(made.app.engine)
    title, *leads, blank, heading, named, first, second, more = (
        one.split("  ") for one in story.lines(made.config)[1:]
    )
    columns = ["its branch", "town", "last shipment"]
    assert [[part.strip() for part in one if part.strip()] for one in (*leads, named)] == [
        ["company", *columns],
        ["Works Inc.", "Works Chicago", "Chicago", LATELY],
        ["account", *columns],
    ]
    assert "lead list" in title[0]
    assert blank == [""]
    assert "nobody is known" in heading[0]
    assert [[part.strip() for part in one if part.strip()] for one in (first, second)] == [
        ["Works Inc", "Works Peoria", "Peoria", LATELY],
        ["Works Inc", "=cmd|' /C calc'!A1", "Chicago", LONG_AGO],
    ]
    assert more[1].startswith("and 0 more: ")


@pytest.mark.usefixtures("process_as_before")
def test_the_funnel_shows_where_leads_stand_and_why_they_came_back(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (lead,) = made.leads()
    words = {"Syncd_Decision__c": "rejected", "Syncd_Reason__c": "rej.too_early"}
    made.salesforce.edit("Lead", lead["Id"], words)
    made.settle()
    said = say(capsys, "report", "funnel", "--config", str(made.config))
    assert said.code == 0, said.err
    assert "1 sent back from mql by sales: not ready to talk" in said.out
    told = json.loads(say(capsys, "report", "funnel", "--config", str(made.config), "--json").out)
    mql = next(one for one in told["steps"] if one["step"] == "mql")
    assert (mql["entered"], mql["sent_back"], mql["still_there"]) == (1, 1, 0)
