"""One lead followed from its HubSpot record to its Salesforce id, and a plan, word for word as people read them.

The files are tests/cases/explain.txt and plan.txt. SYNCD_GOLDEN=1 writes them anew; read what changed before it is
committed.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.commands import say
from support.world import World, add_branch, world

pytestmark = pytest.mark.usefixtures("process_as_before")
CASES = Path(__file__).parents[1] / "cases"


def test_explain_follows_a_lead_from_hubspot_to_salesforce_and_back(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused for two facts, filled, handed over with its branch and brief, accepted: each with source and rule."""
    with world(tmp_path, sqlite_url) as made:
        contact = _live_through(made)
        asked = ("explain", "--config", str(made.config), f"hubspot:contacts:{contact}")
        said, machine = say(capsys, *asked), say(capsys, *asked, "--json")
        lead = made.told(contact)["syncd_crm_id"]
    assert (said.code, said.err) == (0, "")
    assert f"salesforce Lead {lead}" in said.out
    _same_as_file("explain.txt", said.out, made)
    assert (machine.code, machine.err) == (0, "")
    told = json.loads(machine.out)
    assert {(one["system"], one["record_id"]) for one in told["records"]} >= {
        ("hubspot", contact),
        ("salesforce", lead),
    }


def test_plan_shows_every_write_before_it_is_done(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mapping line is edited and somebody new was read: old -> new of each record, and nothing is written."""
    with world(tmp_path, sqlite_url) as made:
        _live_through(made)
        changes = {"email": "bo.ray@works.example", "firstname": "Bo", "lastname": "Ray", "mobilephone": "312 555 0143"}
        made.contact(**changes)
        made.work.poll("hubspot")  # one by one, since the plan is in the order of arrival
        made.contact(email="cy.roe@works.example", lastname="Roe", mobilephone="312 555 0144", budget_amount="")
        made.work.poll("hubspot")
        file = tmp_path / "mappings" / "hubspot.yaml"
        text = file.read_text(encoding="utf-8")
        assert "{from: jobtitle}" in text
        file.write_text(text.replace("{from: jobtitle}", "{from: jobtitle, as: lower}"))
        before = made.writes()
        said = say(capsys, "plan", "--config", str(made.config))
        assert made.writes() == before
    assert said.code == 0
    _same_as_file("plan.txt", said.out, made)


# ---------------------------------------------------------------------------------------------------------------------


def _live_through(made: World) -> str:
    """Let one lead go the whole way; return its contact's id."""
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "BillingCountry": "US"}])
    add_branch(made, "S1", "Works Chicago")
    (company,) = made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
    touched = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:00:00Z")
    contact = made.contact(
        budget_amount="",
        authority="",
        associatedcompanyid=company,
        address="100 West Main Street, Suite 4",
        city="Chicago",
        state="IL",
        zip="60601-1234",
        recent_conversion_date=touched,
        recent_conversion_event_name="Guide to coating lines",
    )
    made.settle()
    made.hubspot.edit("contacts", contact, {"budget_amount": "75000", "authority": "decides"})
    made.settle()
    made.salesforce.edit("Lead", made.told(contact)["syncd_crm_id"], {"Syncd_Decision__c": "accepted"})
    made.settle()
    return contact


def _same_as_file(name: str, text: str, made: World) -> None:
    shown = _without_chance(text, made)
    file = CASES / name
    if os.environ.get("SYNCD_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


def _without_chance(text: str, made: World) -> str:
    """Put names in place of what differs from run to run: times, the speed of the machine, ids, digests, the folder."""
    text = text.replace(str(made.folder), "")
    text = re.sub(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC", "<time>", text)
    for day in (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC)):
        text = text.replace(f"{day:%Y-%m-%d}", "<day>")
    text = re.sub(r"about \d+ s,", "about <n> s,", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "<digest>", text)
    text = re.sub(r"<day>T\d{2}:\d{2}:\d{2}Z", "<time>", text)
    ids = dict.fromkeys(re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", text))
    for number, one in enumerate(ids, 1):
        text = text.replace(one, f"<id {number}>")
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
