"""Random lives of records: edited, merged, converted, deleted and restored on both sides, in any order.

All lives run side by side in one world, so that hundreds cost no more than the longest.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.long import times
from support.world import COMPLETE, World, world

from syncd.store.tables import link, problem

pytestmark = pytest.mark.slow
STEPS = 7


@dataclass
class Life:
    """Two contacts who may turn out to be one person; their numbers tell them from everybody else's."""

    number: int
    chance: random.Random
    contacts: list[str]
    log: list[str] = field(default_factory=list)
    one: bool = False  # HubSpot says they are one


def test_after_any_life_nobody_is_doubled_or_made_anew_and_updates_reach_the_right_record(
    tmp_path: Path, sqlite_url: str
) -> None:
    """Per person at most one Lead was ever made; what is written on a living contact stands on its own Lead only."""
    count = times(200, 600)
    with world(tmp_path, sqlite_url, {"overwrites: 25%": "overwrites: 100%", "clears: 20": "clears: 100000"}) as made:
        lives = [Life(number, random.Random(number), begin(made, number)) for number in range(count)]
        made.settle()
        for step in range(STEPS):
            for life in lives:
                act(made, life)
            made.cycle(sweeping=step % 2 == 1)
        made.cycle(sweeping=True)
        made.settle()
        for life in lives:
            check_counts(made, life)
        written = {life.number: speak(made, life) for life in lives}
        made.settle()
        links = linked(made)
        for life in lives:
            check_words(made, life, written[life.number], links)


# --- what people do


def begin(made: World, number: int) -> list[str]:
    return made.contacts(
        [
            {
                **COMPLETE,
                "email": f"{who}{number}@works{number}.example",
                "firstname": who,
                "lastname": f"Life{number}",
                "mobilephone": f"(312) {555 + place}-{number:04d}",
            }
            for place, who in enumerate("ab")
        ]
    )


def act(made: World, life: Life) -> None:
    """Let one thing happen that can happen now."""
    name = life.chance.choice([one.__name__ for one in ACTS])
    act = next(one for one in ACTS if one.__name__ == name)
    if act(made, life):
        life.log.append(name)


def edit(made: World, life: Life) -> bool:
    found = living(made, life)
    if found:
        made.hubspot.edit("contacts", life.chance.choice(found), {"problem": f"Scrap {life.chance.random()}"})
    return bool(found)


def edit_lead(made: World, life: Life) -> bool:
    found = open_leads(made, life)
    if found:
        made.salesforce.edit("Lead", life.chance.choice(found)["Id"], {"Authority__c": "recommends"})
    return bool(found)


def merge_contacts(made: World, life: Life) -> bool:
    found = living(made, life)
    if len(found) < 2:
        return False
    life.chance.shuffle(found)
    life.contacts.append(made.hubspot.merge("contacts", *found))
    life.one = True
    return True


def merge_leads(made: World, life: Life) -> bool:
    found = [one["Id"] for one in open_leads(made, life)]
    if len(found) < 2:
        return False
    life.chance.shuffle(found)
    made.salesforce.merge("Lead", *found)
    return True


def convert(made: World, life: Life) -> bool:
    found = open_leads(made, life)
    if found:
        made.salesforce.convert(life.chance.choice(found)["Id"])
    return bool(found)


def delete_lead(made: World, life: Life) -> bool:
    found = open_leads(made, life)
    if found:
        made.salesforce.delete("Lead", life.chance.choice(found)["Id"])
    return bool(found)


def undelete_lead(made: World, life: Life) -> bool:
    found = [one for one in all_leads(made, life) if one.get("IsDeleted") and not one.get("MasterRecordId")]
    if found:
        made.salesforce.undelete("Lead", life.chance.choice(found)["Id"])
    return bool(found)


def archive(made: World, life: Life) -> bool:
    found = living(made, life)
    if found:
        made.hubspot.archive("contacts", life.chance.choice(found))
    return bool(found)


def restore(made: World, life: Life) -> bool:
    bin_ = made.hubspot.portal.table("contacts").archive
    found = [one for one in life.contacts if int(one) in bin_]
    if found:
        made.hubspot.restore("contacts", life.chance.choice(found))
    return bool(found)


def send_back(made: World, life: Life) -> bool:
    """Sales recycles a Lead."""
    found = open_leads(made, life)
    if found:
        words = {"Syncd_Decision__c": "rejected", "Syncd_Reason__c": "rej.too_early"}
        made.salesforce.edit("Lead", life.chance.choice(found)["Id"], words)
    return bool(found)


ACTS: tuple[Callable[[World, Life], bool], ...] = (
    edit,
    edit_lead,
    merge_contacts,
    merge_leads,
    convert,
    delete_lead,
    undelete_lead,
    archive,
    restore,
    send_back,
)


# --- what must hold


def check_counts(made: World, life: Life) -> None:
    """At most one Lead per contact of the beginning, whatever happened since: none was made a second time."""
    found = all_leads(made, life)
    assert len(found) <= 2, f"life {life.number}: {len(found)} Leads after {life.log}"
    names = [one["FirstName"] for one in found if one.get("Syncd_Key__c")]
    keys = [one["Syncd_Key__c"] for one in found if one.get("Syncd_Key__c")]
    assert len(set(keys)) == len(keys), f"life {life.number}: one key on two Leads after {life.log}"
    if not life.one and "merge_leads" not in life.log:
        assert len(set(names)) == len(names), f"life {life.number}: {names} after {life.log}"


def speak(made: World, life: Life) -> dict[str, str]:
    """Write a word of its own on each living contact; return contact -> word."""
    words = {contact: f"word {life.number} {contact}" for contact in living(made, life)}
    for contact, word in words.items():
        made.hubspot.edit("contacts", contact, {"problem": word})
    return words


def check_words(made: World, life: Life, words: dict[str, str], links: dict[str, list[str]]) -> None:
    """A word stands on Leads of this life only, and on the open Lead that its contact is linked to."""
    own = {one["Id"]: one for one in open_leads(made, life)}
    for contact, word in words.items():
        heard = [one["Id"] for one in made.leads() if one.get("Problem__c") == word]
        assert set(heard) <= own.keys(), f"life {life.number}: {word} went astray after {life.log}"
        expected = [one for one in links.get(contact, ()) if one in own]
        if len(expected) > 1:  # joined while one of the Leads lay in the bin
            assert life.one, f"life {life.number}: {expected} for one contact after {life.log}"
            assert asked(made, expected), f"life {life.number}: nobody is asked about {expected} after {life.log}"
        siblings = [one for one in words if links.get(one) == links.get(contact)]
        if expected and len(siblings) > 1:  # their Leads were merged while one of them lay in the bin: one word wins
            assert asked(made, siblings), f"life {life.number}: nobody is asked about {siblings} after {life.log}"
        elif expected and passed(made, contact):
            assert sorted(heard) == sorted(expected), f"life {life.number}: {heard}, not {expected}, after {life.log}"


def asked(made: World, records: list[str]) -> bool:
    """Return whether an open problem names all of these."""
    with made.app.engine.connect() as connection:
        texts = connection.execute(sa.select(problem.c.message).where(problem.c.open.is_(True))).scalars()
        return any(all(one in text for one in records) for text in texts)


def passed(made: World, contact: str) -> bool:
    """A lead that sales sent back is out of the CRM's hands until it comes again."""
    return made.told(contact).get("syncd_handoff_status") == "handed over"


def linked(made: World) -> dict[str, list[str]]:
    """Return contact -> Salesforce records of the same entity."""
    with made.app.engine.connect() as connection:
        rows = connection.execute(sa.select(link.c.kind, link.c.record_id, link.c.entity)).all()
    crm: dict[str, list[str]] = {}
    for kind, key, entity in rows:
        if kind == "Lead":
            crm.setdefault(entity, []).append(key)
    return {key: crm.get(entity, []) for kind, key, entity in rows if kind == "contacts"}


def living(made: World, life: Life) -> list[str]:
    records = made.hubspot.portal.table("contacts").records
    return [one for one in life.contacts if int(one) in records]


def all_leads(made: World, life: Life) -> list[dict[str, Any]]:
    table = made.salesforce.org.table("Lead")
    return [dict(row) for row in table.rows.values() if row.get("LastName") == f"Life{life.number}"]


def open_leads(made: World, life: Life) -> list[dict[str, Any]]:
    return [one for one in all_leads(made, life) if not one.get("IsDeleted") and not one.get("IsConverted")]
