"""Intake on both databases: a page becomes records, entities, links and keys - or a question for a person."""

from __future__ import annotations

from typing import Any

import pytest
from seam import Seam
from support.builders import polled
from support.clock import NOW

from syncd.store.tables import due, entity, problem


def test_a_new_record_becomes_an_entity_with_link_and_keys_and_is_due(seam: Seam) -> None:
    assert seam.contact("51", {"phone": "+1 617 555 0123"}) == 1
    (ann,) = seam.entities()
    assert seam.links() == {"hub contacts 51": ann}
    assert seam.keys(ann) == {
        ("email", "ann@plant.example"),
        ("phone", "+16175550123|smith"),
        ("company", "plant.example"),
    }
    assert [(row.entity, row.since, row.why) for row in seam.rows(due)] == [(ann, NOW, "hub contacts")]
    assert seam.stored("51").modified == NOW


def test_the_same_page_again_makes_nothing_due(seam: Seam) -> None:
    seam.contact("51")
    seam.until_quiet()
    assert seam.contact("51") == 0
    assert seam.due() == []


def test_a_kind_that_no_mapping_reads_is_left_alone(seam: Seam) -> None:
    assert seam.hears("deals", polled("1", {"email": "a@b.example"})) == 0
    assert seam.entities() == []


def test_the_records_of_one_person_in_two_systems_are_one_entity(seam: Seam) -> None:
    seam.contact("51")
    seam.crm_lead("00Q1", {"Email": "ANN@plant.example"})
    (ann,) = seam.entities()
    assert seam.links() == {"hub contacts 51": ann, "crm Lead 00Q1": ann}


def test_a_record_without_an_address_is_an_entity_of_its_own(seam: Seam) -> None:
    """Two of them are two: nothing says that they are one person."""
    for one in ("51", "52"):
        seam.contact(one, {"email": None})
    assert len(seam.entities()) == 2
    assert seam.problems() == []


def test_a_second_contact_with_the_same_address_is_kept_linked_to_nobody_and_asked_about(seam: Seam) -> None:
    seam.contact("51")
    assert seam.contact("52") == 0
    (ann,) = seam.entities()
    assert seam.links() == {"hub contacts 51": ann}
    assert seam.stored("52").fields["email"] == "ann@plant.example"
    assert seam.problems() == [("duplicate", "hub contacts 52", ann)]
    assert seam.message() == (
        f"hub contacts 52 has the same email as lead {ann} (hub contacts 51), which has such a record already; it was "
        f"linked to nobody and is kept. Merge the two over there, or change one of them"
    )


def test_two_of_one_address_in_one_page_are_one_entity_and_a_question(seam: Seam) -> None:
    records = [polled(one, {"email": "ann@plant.example"}) for one in ("51", "52")]
    seam.hears("contacts", *records)
    assert len(seam.entities()) == 1
    assert [kind for kind, _, _ in seam.problems()] == ["duplicate"]


def test_a_duplicate_that_is_given_its_own_address_is_linked_and_its_question_closed(seam: Seam) -> None:
    seam.contact("51")
    seam.contact("52")
    seam.contact("52", {"email": "bob@plant.example"})
    assert len(seam.entities()) == 2
    assert set(seam.links()) == {"hub contacts 51", "hub contacts 52"}
    assert seam.problems() == []


def test_the_same_question_twice_is_one_that_counts(seam: Seam) -> None:
    seam.contact("51")
    seam.contact("52")
    seam.later()
    seam.contact("52", {"company": "Other"})
    (row,) = seam.rows(problem)
    assert (row.count, row.first_seen, row.last_seen) == (2, NOW, seam.now)


def test_two_crm_leads_of_one_address_hold_every_write_to_the_crm(seam: Seam) -> None:
    """Which of the two is meant is a person's to say; the contact still hears of it in marketing."""
    seam.contact("51")
    seam.crm_lead("00Q1", {"Email": "ann@plant.example"})
    seam.crm_lead("00Q2", {"Email": "ann@plant.example"})
    assert [kind for kind, _, _ in seam.problems()] == ["review"]
    seam.until_quiet()
    assert seam.crm.requests == []


def test_when_the_twins_are_merged_over_there_the_review_is_over(seam: Seam) -> None:
    seam.contact("51")
    for one in ("00Q1", "00Q2"):
        seam.crm_lead(one, {"Email": "ann@plant.example"})
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00Q2", {"Email": "ann@plant.example"}, deleted=True, survivor="00Q1")
    seam.crm_lead("00Q1", {"Email": "ann@plant.example"}, merged=("00Q2",))
    assert seam.problems() == []
    seam.until_quiet()
    assert [one.id for one in seam.crm.requests] == ["00Q1"]


def test_what_a_record_absorbed_leaves_its_entity_to_the_survivor(seam: Seam) -> None:
    """HubSpot merges 51 into a new 53; the person stays the same entity."""
    seam.contact("51")
    (ann,) = seam.entities()
    seam.contact("53", {"email": "ann@elsewhere.example"}, merged=("51",))
    assert seam.links()["hub contacts 53"] == ann
    old = seam.stored("51")
    assert (old.deleted, old.survivor) == (True, "53")
    assert seam.entities() == [ann]


def test_a_converted_lead_lives_on_as_its_contact(seam: Seam) -> None:
    """The Contact is the same entity even when it comes without an address."""
    seam.crm_lead("00Q1", {"Email": "ann@plant.example"})
    (ann,) = seam.entities()
    seam.crm_lead("00Q1", {"Email": "ann@plant.example"}, converted_to=("Contact", "0031"))
    assert seam.links() == {"crm Lead 00Q1": ann, "crm Contact 0031": ann}
    seam.hears("Contact", polled("0031", {"Email": None}), system="crm")
    assert seam.entities() == [ann]


def test_a_record_that_carries_our_key_is_its_own_create_come_back(seam: Seam) -> None:
    """The answer to the create was lost; whatever its address says now, it is not somebody new."""
    seam.contact("51")
    (ann,) = seam.entities()
    seam.crm_lead("00Q1", {"Email": "other@plant.example", "Key__c": ann})
    assert seam.links()["crm Lead 00Q1"] == ann


def test_a_key_that_is_not_ours_is_not_believed(seam: Seam) -> None:
    seam.crm_lead("00Q1", {"Email": "ann@plant.example", "Key__c": "typed by hand"})
    (ann,) = seam.entities()
    assert ann != "typed by hand"


def test_a_new_address_is_one_more_key_and_the_old_one_stays(seam: Seam) -> None:
    seam.contact("51")
    seam.contact("51", {"email": "ann@elsewhere.example"})
    (ann,) = seam.entities()
    assert {value for key, value in seam.keys(ann) if key == "email"} == {"ann@plant.example", "ann@elsewhere.example"}


def test_a_record_deleted_before_it_was_ever_seen_makes_nobody(seam: Seam) -> None:
    seam.contact("51", deleted=True)
    assert (seam.entities(), seam.due()) == ([], [])


HOSTILE: dict[str, Any] = {
    "nul": "a\x00b",
    "half": "\ud83d",
    "huge number": 10**400,
    "a megabyte": "x" * 1_000_000,
    "nested": {"a": [{"b": "\x00"}]},
    "emoji": "👩‍🔧\u202e",
    "not a number": float("nan"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_stored_and_its_neighbours_are_untouched(seam: Seam, name: str) -> None:
    """In a field that is mapped, in a key, and beside them."""
    value = HOSTILE[name]
    fields = {"email": value, "phone": value, "lastname": value, "company": value, "missing": value}
    seam.hears("contacts", polled("50", {"email": "bob@plant.example"}), polled("51", fields), polled("52", {}))
    assert set(seam.links()) == {"hub contacts 50", "hub contacts 51", "hub contacts 52"}
    assert len(seam.rows(entity)) == 3
    seam.until_quiet()
    assert set(seam.stored("51").fields) == set(fields)


def test_a_hostile_record_id_is_an_id_like_any_other(seam: Seam) -> None:
    seam.contact("'; DROP TABLE record; --")
    assert set(seam.links()) == {"hub contacts '; DROP TABLE record; --"}
