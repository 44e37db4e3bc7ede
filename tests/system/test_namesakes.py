"""An address that a lead has only later: whoever is in the CRM by it is that person, and is not made a second time."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.world import World

from syncd.store.tables import intent

ANN, BOB = "ann.lee@works.example", "bob.lee@works.example"


def rep_makes(made: World, kind: str = "Lead", email: str = BOB) -> str:
    company = {"Company": "Works"} if kind == "Lead" else {}
    (record,) = made.salesforce.seed(kind, [{"FirstName": "Bob", "LastName": "Lee", "Email": email, **company}])
    return str(record)


def bob_waits_beside_anns_lead(made: World) -> tuple[str, str, str]:
    """Give Ann's Lead Bob's address, whose contact is complete only then; return (Ann's contact, Bob's, the Lead)."""
    first = made.contact(email=ANN)
    second = made.contact(email=BOB, firstname="Bob", problem="", mobilephone="(312) 555-0199")
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"Email": BOB})
    made.settle()
    made.hubspot.edit("contacts", second, {"problem": "Downtime of the paint line"})
    made.settle()
    return first, second, lead["Id"]


def test_a_contact_whose_address_is_filled_in_is_the_person_whom_a_rep_has(made: World) -> None:
    """The everyday road of the gate: refused for want of an address, then released."""
    contact = made.contact(email="", firstname="Bob", mobilephone="")
    made.settle()
    lead = rep_makes(made)
    made.settle()
    made.hubspot.edit("contacts", contact, {"email": BOB, "mobilephone": "(312) 555-0199"})
    made.settle()
    assert [row["Id"] for row in made.leads()] == [lead]
    assert made.hubspot.get("contacts", contact)["syncd_crm_id"] == lead
    assert made.problems() == []


@pytest.mark.parametrize("kind", ["Lead", "Contact"])
def test_a_corrected_address_finds_whoever_has_it_in_the_crm(made: World, kind: str) -> None:
    contact = made.contact(email="bob.wrong@works.example", firstname="Bob", problem="")
    made.settle()
    record = rep_makes(made, kind)
    made.settle()
    made.hubspot.edit("contacts", contact, {"email": BOB})
    made.settle()
    made.hubspot.edit("contacts", contact, {"problem": "Downtime of the paint line"})
    made.settle()
    assert [row["Id"] for row in made.leads()] == [record] * (kind == "Lead")
    assert made.hubspot.get("contacts", contact)["syncd_crm_id"] == record


def test_a_rep_who_corrects_an_address_brings_the_contact_that_waited(made: World) -> None:
    contact = made.contact(email=ANN, firstname="Bob", problem="")
    lead = rep_makes(made, email="bob.wrong@works.example")
    made.settle()
    made.salesforce.edit("Lead", lead, {"Email": ANN})
    made.settle()
    made.hubspot.edit("contacts", contact, {"problem": "Downtime of the paint line"})
    made.settle()
    assert [row["Id"] for row in made.leads()] == [lead]


def test_a_merge_that_brings_the_address_of_a_reps_lead(made: World) -> None:
    kept = made.contact(email=ANN, firstname="Bob", problem="")
    made.settle()
    lead = rep_makes(made)
    made.settle()
    other = made.contact(email=BOB, firstname="Bob")
    made.hubspot.merge("contacts", other, kept)
    made.settle()
    assert [row["Id"] for row in made.leads()] == [lead]


def test_of_two_that_each_have_a_contact_the_second_waits_until_the_address_is_anothers(made: World) -> None:
    """A rep gives her lead the address of somebody else: nothing is joined, nothing made, and what to do is said."""
    first, second, lead = bob_waits_beside_anns_lead(made)
    assert [row["Id"] for row in made.leads()] == [lead]
    told = next(one for one in made.problems() if "is not made in salesforce" in one)
    assert f"has the same email and is there already (Lead {lead})" in told
    assert f"Merge hubspot contacts {second} and {first} over there, or correct the email of one of the two" in told
    made.salesforce.edit("Lead", lead, {"Email": "other@works.example"})
    made.settle()
    assert len(made.leads()) == 2
    assert not [one for one in made.problems() if "is not made" in one]


@pytest.mark.parametrize("how", ["deleted", "merged", "corrected", "deleted before"])
def test_of_two_leads_of_one_address_the_one_that_is_left_is_the_contact_that_waited(made: World, how: str) -> None:
    """As long as both are there nobody can tell which of them it is."""
    contact = made.contact(email="bob.wrong@works.example", firstname="Bob", problem="")
    first, second = rep_makes(made), rep_makes(made, email="bob2@works.example")
    made.settle()
    made.salesforce.edit("Lead", second, {"Email": BOB})
    made.settle()
    correction = {"email": BOB, "problem": "Downtime of the paint line"}
    if how != "deleted before":
        made.hubspot.edit("contacts", contact, correction)
        made.settle()
        assert [one for one in made.problems() if "has the same email and is there already" in one]
    if how.startswith("deleted"):
        made.salesforce.delete("Lead", second)
    elif how == "merged":
        made.salesforce.merge("Lead", first, second)
    else:
        made.salesforce.edit("Lead", second, {"Email": "bob2@works.example"})
    made.settle()
    if how == "deleted before":
        made.hubspot.edit("contacts", contact, correction)
        made.settle()
    assert made.hubspot.get("contacts", contact)["syncd_crm_id"] == first
    assert len(made.leads()) == (2 if how == "corrected" else 1)
    assert made.problems() == []


@pytest.mark.parametrize("found", ["by a sweep", "by a write"])
def test_a_contact_that_waited_has_the_lead_whose_own_contact_was_deleted_instead_of_merged(
    made: World, found: str
) -> None:
    """A sweep finds that, or before it a write of what sales answered."""
    first, second, lead = bob_waits_beside_anns_lead(made)
    assert made.problems()
    made.hubspot.archive("contacts", first)
    if found == "by a write":
        made.salesforce.edit("Lead", lead, {"Syncd_Decision__c": "accepted"})
        made.settle()
    made.cycle(sweeping=found == "by a sweep")
    made.settle()
    assert [row["Id"] for row in made.leads()] == [lead]
    assert made.hubspot.get("contacts", second)["syncd_crm_id"] == lead
    assert made.problems() == []


def test_what_follows_from_a_record_found_gone_is_made_up_for_when_the_batch_is_sent_again(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies before it came to it is followed by one that runs the step anew."""
    first, second, lead = bob_waits_beside_anns_lead(made)
    made.hubspot.archive("contacts", first)
    made.salesforce.edit("Lead", lead, {"Syncd_Decision__c": "accepted"})
    with monkeypatch.context() as dying:
        dying.setattr("syncd.daemon.work.follow_gone", lambda *told: None)
        made.cycle()
    with made.app.engine.connect() as connection:
        (batch,) = connection.execute(sa.select(intent.c.batch).where(intent.c.state == "gone")).scalars()
    made.work.send(batch)
    made.settle()
    assert [row["Id"] for row in made.leads()] == [lead]
    assert made.hubspot.get("contacts", second)["syncd_crm_id"] == lead


def test_a_lead_that_two_contacts_claim_is_one_contacts_and_ends(made: World) -> None:
    """A rep gives Ann's Lead Bob's address: each word of the rep goes to Ann alone and into the brief, once each."""
    lead = rep_makes(made, email=ANN)
    ann = made.contact(email=ANN)
    bob = made.contact(email=BOB, firstname="Bob", mobilephone="(312) 555-0199", problem="")
    made.settle()
    made.salesforce.edit("Lead", lead, {"Email": BOB})
    made.settle()
    told = made.hubspot.get("contacts", bob)
    for authority in ("pays", "uses", "recommends"):
        before = made.writes()
        made.salesforce.edit("Lead", lead, {"Authority__c": authority})
        for _ in range(3):
            made.cycle()
        assert made.writes() - before == {"hubspot contacts": 1, "salesforce Lead": 1}
        assert authority in made.leads()[0]["Syncd_Brief__c"]
        assert made.hubspot.get("contacts", ann)["authority"] == authority
    assert made.hubspot.get("contacts", bob) == told
