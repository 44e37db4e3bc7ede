"""Fields read beside the polls: newly mapped ones for the records known, and those that change without a sign."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from support.world import COMPLETE, TOKEN, World, laid_out

from sandbox.wire import Fault
from syncd.lead.definition import EntityKind
from syncd.pipeline.succession import RANK
from syncd.store import intake
from syncd.store.database import now_ms
from syncd.store.tables import entity, filling, link, record

pytestmark = pytest.mark.slow
MANY = 120
LINE = "    website: {from: website}\n"


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A world whose mapping does not read `website` yet."""
    changes = {"overwrites: 25%": "overwrites: 100%", "records: 100 #": "records: 1000 #"}
    with laid_out(tmp_path, sqlite_url, changes) as one:
        remap(one, LINE, "")
        yield one


def remap(made: World, old: str, new: str) -> None:
    path = made.folder / "mappings" / "hubspot.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def map_website(made: World) -> None:
    remap(made, "    street: {from: address}\n", f"{LINE}    street: {{from: address}}\n")


def crowd(made: World, count: int, **fields: str) -> list[str]:
    return made.contacts(
        [
            {
                **COMPLETE,
                "email": f"p{n}@works{n}.example",
                "lastname": f"Family{n}",
                "mobilephone": f"(312) 555-{n:04d}",
                **fields,
            }
            for n in range(count)
        ]
    )


def known(made: World, name: str) -> int:
    """Return how many contacts are stored with a value of this field."""
    with made.app.engine.connect() as connection:
        rows = connection.execute(sa.select(record.c.fields).where(record.c.kind == "contacts")).scalars()
        return sum(bool(fields.get(name)) for fields in rows)


def under_way(made: World) -> int:
    with made.app.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(filling)).scalar_one())


def test_a_newly_mapped_field_is_read_for_all_and_nothing_else_is(made: World) -> None:
    """120 contacts: two batch reads of that one field beside the usual quiet poll; sales has it in the same cycle."""
    crowd(made, MANY, website="works.example")
    with made.running():
        made.settle()
        made.cycle()
    map_website(made)
    with made.running():
        made.calls()
        once = made.cycle()
        calls = made.calls()["hubspot"]
        assert (calls["POST contacts/search"], calls["POST contacts/batch/read"]) == (1, 2)
        assert once.fates == {"updated": MANY}
        assert {lead["Website"] for lead in made.leads()} == {"https://works.example"}
        assert (known(made, "website"), under_way(made)) == (MANY, 0)
        made.cycle()
        made.calls()
        made.cycle()
        assert made.calls()["hubspot"] == {
            "POST contacts/search": 1,
            "POST companies/search": 1,
        }


def test_only_where_a_value_appeared_is_a_lead_looked_at(made: World) -> None:
    contacts = crowd(made, 20)
    with made.running():
        made.settle()
        made.cycle()
    map_website(made)
    made.hubspot.portal.table("contacts").records[int(contacts[7])].properties["website"] = "works.example"
    with made.running():
        assert made.cycle().fates == {"updated": 1}


def test_a_field_taken_out_of_the_mapping_costs_no_call(made: World) -> None:
    """Its leads are decided again, since what was read of it counts no more; nothing of theirs is read or written."""
    crowd(made, 20, city="Chicago")
    with made.running():
        made.settle()
        made.cycle()
    remap(made, "    city: {from: city}\n", "")
    with made.running():
        made.calls()
        assert made.cycle().fates == {"unchanged": 20}
        assert made.calls()["hubspot"] == {
            "POST contacts/search": 1,
            "POST companies/search": 1,
        }


def test_it_goes_on_where_it_was_interrupted(made: World) -> None:
    """A page at a time; the second page is refused, and the next poll begins there."""
    crowd(made, MANY, website="works.example")
    with made.running():
        made.settle()
        made.cycle()
    map_website(made)
    with made.running():
        made.work.filler.step = 50
        made.calls()
        board = made.servers["hubspot"].board
        board.add(Fault("status", "POST contacts/batch/read", first=2, times=99, status=403))
        made.cycle()
        assert (known(made, "website"), under_way(made)) == (50, 1)
    made.servers["hubspot"].board.clear()
    with made.running():
        made.cycle()
        assert (known(made, "website"), under_way(made)) == (MANY, 0)
        assert made.calls()["hubspot"]["POST contacts/batch/read"] == 1  # the 70 left


def test_live_changes_come_first_and_are_not_read_twice(made: World) -> None:
    """A poll gives the second lane a moment only; what changed meanwhile is delivered by that same poll."""
    contacts = crowd(made, 60, website="works.example")
    with made.running():
        made.settle()
        made.cycle()
    map_website(made)
    with made.running():
        made.work.filler.step, made.work.filler.seconds = 10, 0.0
        made.hubspot.edit("contacts", contacts[-1], {"problem": "Scrap on line 4"})
        made.cycle()
        assert under_way(made) == 1
        assert "Scrap on line 4" in {lead["Problem__c"] for lead in made.leads()}
        made.calls()
        for _ in range(6):
            made.cycle()
        assert (known(made, "website"), under_way(made)) == (60, 0)
        assert made.calls()["hubspot"]["POST contacts/batch/read"] == 0


def test_a_lead_about_to_be_decided_is_completed_first(made: World) -> None:
    """Sales changed something on its Lead: the new field of its contact is not taken for empty meanwhile."""
    crowd(made, 30, website="works.example")
    with made.running():
        made.settle()
        made.cycle()
    map_website(made)
    last = made.leads()[-1]
    made.salesforce.edit("Lead", last["Id"], {"Authority__c": "recommends"})
    with made.running():
        made.work.take_edits()
        made.work.poll("salesforce", even_if_paused=True)
        made.work.filler.step, made.work.filler.seconds = 1, 0.0
        made.work.poll("hubspot", even_if_paused=True)
        with made.app.engine.connect() as connection:
            filled = [
                fields["email"]
                for fields in connection.execute(
                    sa.select(record.c.fields).where(record.c.kind == "contacts")
                ).scalars()
                if fields.get("website")
            ]
        assert last["Email"] in filled


def test_nobody_is_decided_before_a_field_that_is_being_read_was_read(made: World) -> None:
    """More are due than one step of reading covers: the others wait, and none is told that the fact is missing."""
    contacts = crowd(made, 6, authority="")
    with made.running():
        made.settle()
        before = made.told(contacts[0])
        forget_field(made, "problem")
        with made.app.engine.begin() as connection:
            intake.mark_all_due(connection, "lead", RANK[EntityKind.LEAD], now_ms(), "asked for")
        made.work.filler.step, made.work.filler.seconds = 1, 0.0
        made.work.filler.ask("hubspot", "contacts", ["problem"])
        made.cycle()
        assert [made.told(one) for one in contacts] == [before] * 6
        assert 0 < known(made, "problem") < 6
        made.wait_is_over()
        for _ in range(6):
            made.cycle()
        assert known(made, "problem") == 6


def forget_field(made: World, name: str) -> None:
    """Let the state be one in which this field of the contacts was never read."""
    with made.app.engine.begin() as connection:
        rows = connection.execute(sa.select(record).where(record.c.kind == "contacts")).all()
        for row in rows:
            fields = {key: value for key, value in row.fields.items() if key != name}
            connection.execute(record.update().where(record.c.id == row.id).values(fields=fields, digest=""))


def test_a_formula_changes_without_a_sign_and_is_read_with_the_sweep(tmp_path: Path, sqlite_url: str) -> None:
    """No stamp moves, so no poll shows it; two calls of 2,000 rows do: the list of ids and the formula itself."""
    with laid_out(tmp_path, sqlite_url) as made:
        path = made.folder / "mappings" / "salesforce.yaml"
        text = path.read_text(encoding="utf-8")
        decision = "{from: Syncd_Decision__c, to: Syncd_Decision__c}"
        path.write_text(text.replace(decision, "{from: Verdict__c}", 1), encoding="utf-8")
        made.salesforce.define_field("Lead", "Verdict__c", "string", length=80, calculated=True)
        contact = made.contact()
        with made.running():
            made.settle()
            time.sleep(3.0)  # until the Lead's second is over and no poll looks at it again
            made.settle()
            (lead,) = made.leads()
            made.salesforce.org.change(lead, {"Verdict__c": "accepted"}, stamp=lead["SystemModstamp"], quiet=True)
            made.settle()
            assert made.told(contact)["syncd_stage"] == "mql"
            made.work.sweep("salesforce", even_if_fresh=True)
            made.calls()
            made.settle()
            assert made.told(contact)["syncd_stage"] == "sql"
            assert made.calls()["salesforce"]["POST composite/sobjects/Lead"] == 1


def test_a_contact_that_moves_to_another_company_without_a_sign_is_read_with_the_sweep(
    tmp_path: Path, sqlite_url: str
) -> None:
    """Another app associates it; no stamp moves. The property is read beside the calculated ones, in the same calls."""
    with laid_out(tmp_path, sqlite_url, links_move_stamps=False) as made:
        old, new = made.hubspot.seed("companies", [{"name": "Old Works"}, {"name": "New Works"}])
        contact = made.contact(associatedcompanyid=old)
        with made.running():
            made.settle()
            assert account_of(made, contact) == old
            associate(made, contact, new)
            made.settle()
            assert account_of(made, contact) == old
            made.work.sweep("hubspot", even_if_fresh=True)
            made.calls()
            made.settle()
            assert account_of(made, contact) == new
            assert made.calls()["hubspot"]["POST contacts/batch/read"] == 1


def associate(made: World, contact: str, company: str) -> None:
    """Make a company the contact's primary one."""
    path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{company}"
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    token = {"Authorization": f"Bearer {TOKEN}"}
    requests.put(made.servers["hubspot"].url + path, json=types, headers=token, timeout=30).raise_for_status()


def account_of(made: World, contact: str) -> str | None:
    """Return the HubSpot company to which the contact's lead is known to belong."""
    lead, account = link.alias(), link.alias()
    belongs = entity.c["values"]["account"].as_string()
    with made.app.engine.connect() as connection:
        return connection.execute(
            sa.select(account.c.record_id)
            .select_from(lead)
            .join(entity, entity.c.id == lead.c.entity)
            .join(account, account.c.entity == belongs)
            .where(lead.c.kind == "contacts", lead.c.record_id == contact)
            .where(account.c.system == "hubspot", account.c.kind == "companies")
        ).scalar()


def test_what_is_read_again_goes_on_from_poll_to_poll_and_ends(made: World) -> None:
    """Thirty contacts, ten a poll: three calls, and then none."""
    crowd(made, 30)
    with made.running():
        made.settle()
        made.work.filler.step, made.work.filler.seconds = 10, 0.0
        made.work.filler.ask("hubspot", "contacts", ["problem"], again=True)
        made.calls()
        for calls in (1, 2, 3, 3, 3):
            made.work.poll("hubspot", even_if_paused=True)
            assert made.servers["hubspot"].board.calls["POST contacts/batch/read"] == calls
        assert under_way(made) == 0
