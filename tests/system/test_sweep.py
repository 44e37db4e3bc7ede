"""Sweeps: what no poll can show - archived, purged, restored, erased, missed - and lists that are not believed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.world import COMPLETE, World, world

from sandbox.wire import Fault
from syncd.daemon.sweep import EVERY
from syncd.store import held
from syncd.store.database import now_ms
from syncd.store.figures import open_refusals
from syncd.store.tables import entity, link, match_key, record
from syncd.store.tables import sweep as swept

pytestmark = pytest.mark.slow
YESTERDAY_MS = 86_400_000


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%"}) as one:
        yield one


def person(number: int) -> dict[str, str]:
    name = {"email": f"p{number}@works{number}.example", "lastname": f"Family{number}"}
    return {**COMPLETE, **name, "mobilephone": f"(312) 555-{number:04d}"}


def rows(made: World, query: Any) -> list[Any]:
    with made.app.engine.connect() as connection:
        return list(connection.execute(query))


def alive(made: World, kind: str) -> set[str]:
    return {one.id for one in rows(made, sa.select(record.c.id).where(record.c.kind == kind, ~record.c.deleted))}


def refused(made: World) -> list[Any]:
    with made.app.engine.connect() as connection:
        return open_refusals(connection, 10)[0]


def sweeps(made: World, system: str = "hubspot") -> dict[str, int]:
    return made.work.sweep(system, even_if_fresh=True)


def test_an_archived_contact_is_noticed_by_the_sweep_and_by_nothing_before(made: World) -> None:
    """Archiving moves no time and leaves the search index without a trace. The lead stays with sales as it was, and who
    was refused is no longer."""
    contact, other = made.contact(), made.contacts([person(1)])[0]
    (lacking,) = made.contacts([{**person(2), "budget_amount": ""}])
    made.settle()
    assert len(refused(made)) == 1
    before = [dict(lead) for lead in made.leads()]
    made.hubspot.archive("contacts", contact)
    made.hubspot.archive("contacts", lacking)
    made.settle()
    assert alive(made, "contacts") == {contact, other, lacking}
    assert sweeps(made) == {"deleted": 2}
    assert alive(made, "contacts") == {other}
    made.settle()
    assert made.leads() == before
    assert refused(made) == []


def test_a_restored_contact_comes_alive_again(made: World) -> None:
    """Restored from the bin with the time it had: its next edit reaches the same lead."""
    contact = made.contact()
    made.settle()
    made.hubspot.archive("contacts", contact)
    made.cycle(sweeping=True)
    made.hubspot.restore("contacts", contact)
    assert sweeps(made) == {"restored": 1}
    assert alive(made, "contacts") == {contact}
    made.settle()
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.settle()
    assert [lead["Problem__c"] for lead in made.leads()] == ["Scrap on line 4"]


def test_an_erased_contact_leaves_no_value_behind_and_is_not_made_anew(made: World) -> None:
    """GDPR delete: no table holds what only the contact said; the lead in the CRM is sales' own to answer for."""
    gone = made.contact(email="canary@erased.example", buying_group="Quetzalcoatl Jones", budget_amount="")
    (other,) = made.contacts([person(1)])
    made.settle()
    assert made.holding("canary", "Quetzalcoatl")
    made.hubspot.gdpr_delete("contacts", gone)
    assert sweeps(made) == {"erased": 1}
    made.settle()
    assert made.holding("canary", "Quetzalcoatl") == []
    assert alive(made, "contacts") == {other}
    assert [row["hs_object_id"] for row in made.hubspot.all("contacts")] == [other]
    assert sweeps(made) == {}


def test_an_erased_contact_whose_lead_lives_on_is_found_by_that_lead_alone(made: World) -> None:
    """What stands on the Lead is an echo of the erased; only its address stays a key, so that it is not made again."""
    gone, _ = made.contact(buying_group="Quetzalcoatl Jones"), made.contacts([person(1)])
    made.settle()
    before = [dict(one) for one in made.leads()]
    (lead,) = [one for one in before if one["LastName"] == "Lee"]
    whose = sa.select(link.c.entity).where(link.c.record_id == lead["Id"]).scalar_subquery()
    address = sa.select(match_key.c.value).where(match_key.c.entity == whose, match_key.c.key == "email")
    made.hubspot.gdpr_delete("contacts", gone)
    assert sweeps(made) == {"erased": 1}
    assert [one.value for one in rows(made, address)] == [COMPLETE["email"]]
    made.settle()
    (kept,) = rows(made, sa.select(entity).where(entity.c.id == whose))
    assert {"email", "last_name", "buying_group"} & set(kept._mapping["values"]) == set()
    assert len(made.hubspot.all("contacts")) == 1
    assert made.leads() == before
    assert refused(made) == []


def test_a_worker_that_stops_draws_nothing_from_half_a_list(made: World) -> None:
    contacts = made.contacts([person(number) for number in range(3)])
    made.settle()
    made.hubspot.archive("contacts", contacts[0])
    made.work.stopping.set()
    assert sweeps(made) == {}
    assert alive(made, "contacts") == set(contacts)
    made.work.stopping.clear()
    assert sweeps(made) == {"deleted": 1}


def test_those_merged_into_an_erased_contact_are_forgotten_with_it(made: World) -> None:
    first, second = made.contacts([{**person(1), "email": "canary@one.example"}, person(2)])
    made.contacts([person(3)])
    made.settle()
    survivor = made.hubspot.merge("contacts", second, first)
    made.settle()
    made.hubspot.gdpr_delete("contacts", survivor)
    assert sweeps(made) == {"erased": 1}
    blank = rows(
        made, sa.select(record.c.id).where(record.c.id.in_([first, second, survivor]), record.c.digest == "erased")
    )
    assert {one.id for one in blank} == {first, second, survivor}


@pytest.mark.parametrize("left", [0, 9])
def test_a_side_that_suddenly_shows_few_is_not_believed(made: World, left: int) -> None:
    """Empty, or less than half: nothing is marked and a person is asked; their word lets the next sweep believe it."""
    contacts = made.contacts([person(number) for number in range(24)])
    made.settle()
    for contact in contacts[left:]:
        made.hubspot.gdpr_delete("contacts", contact)
    for _ in range(2):
        assert sweeps(made) == {"not_believed": 1}
        assert alive(made, "contacts") == set(contacts)
    assert [
        text for text in made.problems() if f"{24 - left} of 24 known records are not listed there any more" in text
    ]
    with made.app.engine.begin() as connection:
        held.note_approval(connection, "vanished", "ann", now_ms() + 1)
    assert sweeps(made) == {"erased": 24 - left}
    assert alive(made, "contacts") == set(contacts[:left])
    assert [text for text in made.problems() if "not believed" in text] == []


def test_an_empty_list_of_a_few_is_not_believed(made: World) -> None:
    """Fewer than ten may go in a day, but not all that there are: a right that was lost shows the same."""
    contacts = made.contacts([person(number) for number in range(2)])
    made.settle()
    for contact in contacts:
        made.hubspot.gdpr_delete("contacts", contact)
    assert sweeps(made) == {"not_believed": 1}
    assert alive(made, "contacts") == set(contacts)


def test_who_is_on_no_page_of_the_list_and_can_be_read_is_not_erased(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made, restored or merged while the list was read."""
    contacts = made.contacts([person(number) for number in range(2)])
    made.settle()
    source = made.work.sources["hubspot"]
    listing = source.ids

    def without_the_last(kind: str) -> Iterator[Any]:
        for roll in listing(kind):
            yield replace(roll, alive=[one for one in roll.alive if one != contacts[1]])

    monkeypatch.setattr(source, "ids", without_the_last)
    assert sweeps(made) == {}
    assert alive(made, "contacts") == set(contacts)


def test_an_old_approval_lets_nothing_through(made: World) -> None:
    contacts = made.contacts([person(number) for number in range(12)])
    made.settle()
    with made.app.engine.begin() as connection:
        held.note_approval(connection, "vanished", "ann", now_ms())
    for contact in contacts:
        made.hubspot.gdpr_delete("contacts", contact)
    assert sweeps(made) == {"not_believed": 1}
    assert sweeps(made) == {"not_believed": 1}


def test_a_list_that_breaks_off_marks_nothing(made: World) -> None:
    """The second page fails for good: the hundred of the first are no reason to bury the rest."""
    contacts = made.contacts([person(number) for number in range(150)])
    made.settle()
    made.hubspot.archive("contacts", contacts[3])
    made.servers["hubspot"].board.add(Fault("status", "GET contacts", first=2, times=99, status=403))
    assert sweeps(made) == {}
    assert alive(made, "contacts") == set(contacts)
    assert [text for text in made.problems() if text.startswith("hubspot could not be swept")]
    made.servers["hubspot"].board.clear()
    assert sweeps(made) == {"deleted": 1}
    assert made.problems() == []


def test_records_that_no_poll_saw_are_read_and_told(made: World) -> None:
    """They come into sight with an old time, behind every cursor; the next sweep agrees and the question is closed."""
    made.contact()
    made.settle()
    old = int(time.time() * 1000) - YESTERDAY_MS
    hidden = made.hubspot.seed("contacts", [person(number) for number in range(1, 4)], modified=old)
    made.cycle()
    assert len(made.leads()) == 1
    assert sweeps(made) == {"gap": 3}
    (problem,) = made.problems()
    assert problem.startswith(f"hubspot contacts: 3 of 4 records were missed by the polls ({', '.join(hidden)})")
    made.settle()
    assert len(made.leads()) == 4
    (counted,) = rows(made, sa.select(swept).where(swept.c.kind == "contacts"))
    assert (counted.theirs, counted.ours) == (4, 4)
    assert sweeps(made) == {}
    assert made.problems() == []


def test_what_was_made_a_moment_ago_is_no_gap(made: World) -> None:
    made.contact()
    made.settle()
    made.contacts([person(1)])
    assert sweeps(made) == {}
    assert made.problems() == []


def test_a_row_purged_from_salesforce_is_a_tombstone_that_is_not_made_anew(made: World) -> None:
    """Past the recycle bin not even queryAll finds it. What sharing hides looks the same, and comes back like that."""
    contact = made.contact()
    made.contacts([person(1)])
    made.settle()
    (lead,) = [one for one in made.leads() if one["LastName"] == "Lee"]
    made.salesforce.purge("Lead", lead["Id"])
    made.cycle()
    assert sweeps(made, "salesforce") == {"deleted": 1}
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.settle()
    assert [one["LastName"] for one in made.leads()] == ["Family1"]
    assert [text for text in made.problems() if f"{lead['Id']} was deleted there" in text]


def test_a_sweep_costs_a_call_per_page_and_a_quiet_one_reads_no_record(made: World) -> None:
    """250 contacts: three pages, the bin, and one description of each kind; Salesforce 2,000 ids a call."""
    made.contacts([person(number) for number in range(250)])
    made.settle()
    made.cycle()
    for system in ("hubspot", "salesforce"):
        made.calls()
        assert sweeps(made, system) == {}
        told = {
            name: count
            for name, count in made.calls()[system].items()
            if "describe" not in name and "propert" not in name
        }
        assert (
            told
            == {
                "hubspot": {"GET contacts": 4, "GET companies": 2, "GET branch": 2},
                "salesforce": {"POST composite": 4},
            }[system]
        )


def test_a_sweep_is_due_every_six_hours_and_not_before(made: World) -> None:
    made.contact()
    made.settle()
    made.calls()
    made.work.sweep("hubspot")
    assert made.calls()["hubspot"]["GET contacts"] == 2
    made.work.sweep("hubspot")
    assert not made.calls()["hubspot"]
    with made.app.engine.begin() as connection:
        connection.execute(sa.update(swept).values(at=swept.c.at - int(EVERY.total_seconds() * 1000)))
    made.work.sweep("hubspot")
    assert made.calls()["hubspot"]["GET contacts"] == 2


def test_a_contact_that_belonged_to_nobody_finds_its_place_when_its_twin_is_gone(made: World) -> None:
    """Two Leads with one address; the sweep after the purge of the first looks at the second again."""
    made.contact()
    made.settle()
    (first,) = [one["Id"] for one in made.leads()]
    (twin,) = made.salesforce.seed("Lead", [{"LastName": "Lee", "Company": "W", "Email": COMPLETE["email"]}])
    made.salesforce.seed("Lead", [{"LastName": "Else", "Company": "W", "Email": "else@works.example"}])
    made.settle()
    linked = sa.select(link.c.record_id).where(link.c.record_id.in_([first, twin]))
    assert [one.record_id for one in rows(made, linked)] == [first]
    made.salesforce.purge("Lead", first)
    sweeps(made, "salesforce")
    assert {one.record_id for one in rows(made, linked)} == {first, twin}
