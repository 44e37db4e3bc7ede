"""A key that nobody tells any more: it links only where the names agree too, else it asks or is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from seam import CRM, DEFINITION, HUB, Seam
from sqlalchemy import event
from support.builders import polled

from syncd.mapping.loader import load
from syncd.store.tables import match_key

OLD, NEW = "bob.roe@plant.example", "ann.lee@plant.example"


def corrected(seam: Seam, **fields: Any) -> str:
    """Ann's contact is typed with Bob's address, then corrected; return her id."""
    seam.contact("51", {"email": OLD, "lastname": "Lee", **fields})
    seam.contact("51", {"email": NEW})
    (ann,) = seam.entities()
    return ann


def stated(seam: Seam, value: str) -> list[bool]:
    return [row.stated for row in seam.rows(match_key, value=value)]


def test_a_stranger_with_an_address_that_was_corrected_is_nobody_known(seam: Seam) -> None:
    ann = corrected(seam)
    seam.crm_lead("00Q1", {"Email": OLD, "LastName": "Roe"})
    assert seam.links()["crm Lead 00Q1"] != ann
    assert (len(seam.entities()), seam.problems()) == (2, [])


def test_whoever_comes_back_with_an_old_address_and_the_same_name_is_known(seam: Seam) -> None:
    ann = corrected(seam)
    seam.crm_lead("00Q1", {"Email": OLD, "LastName": "Lee"})
    assert seam.links()["crm Lead 00Q1"] == ann
    assert stated(seam, OLD) == [True]  # a record says so again


def test_an_old_address_without_a_name_is_asked_about_until_a_name_tells(seam: Seam) -> None:
    ann = corrected(seam)
    seam.contact("52", {"email": OLD, "lastname": None})
    assert "hub contacts 52" not in seam.links()
    assert seam.problems() == [("duplicate", "hub contacts 52", ann)]
    assert seam.message() == (
        f"hub contacts 52 has the same email as lead {ann} (hub contacts 51) had once, and nothing else tells whether "
        "they are one; it was linked to nobody and is kept. Give it a first and a last name over there, or a "
        "telephone; if they are one, merge the two"
    )
    seam.contact("52", {"lastname": "Roe"})
    assert seam.links()["hub contacts 52"] != ann
    assert seam.problems() == []


def test_a_second_contact_of_the_same_name_with_the_old_address_is_asked_about(seam: Seam) -> None:
    ann = corrected(seam)
    seam.contact("52", {"email": OLD, "lastname": "Lee"})
    assert seam.problems() == [("duplicate", "hub contacts 52", ann)]


def test_a_correction_and_the_stranger_in_one_page_are_two(seam: Seam) -> None:
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.hears(
        "contacts",
        polled("52", {"email": OLD, "lastname": "Roe"}, at=seam.now),
        polled("51", {"email": NEW, "lastname": "Lee"}, at=seam.now),
    )
    assert len(set(seam.links().values())) == 2
    assert seam.problems() == []


def test_who_waited_for_an_address_is_let_through_when_it_is_corrected(seam: Seam) -> None:
    """Bob's contact comes first, is held to be Ann's twin, and is his own once hers says otherwise."""
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.contact("52", {"email": OLD, "lastname": "Roe"})
    assert len(seam.problems()) == 1
    seam.contact("51", {"email": NEW})
    assert len(set(seam.links().values())) == 2
    assert seam.problems() == []


def test_an_address_that_another_record_still_tells_is_hers_as_before(seam: Seam) -> None:
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.crm_lead("00Q1", {"Email": OLD, "LastName": "Lee"})
    seam.contact("51", {"email": NEW})
    assert stated(seam, OLD) == [True]


def test_an_address_that_we_overwrote_ourselves_is_let_go_when_the_echo_comes(seam: Seam) -> None:
    """The CRM takes the correction from us: the record we wrote told the old address alone."""
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.until_quiet()
    seam.crm_lead("00Q0", {"Email": OLD, "LastName": "Lee", "Budget": "5", "Company": "Plant"})
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"email": NEW})
    seam.until_quiet()
    assert seam.crm.held["00Q0"]["Email"] == NEW
    seam.later()
    seam.crm_lead("00Q0")
    assert stated(seam, OLD) == [False]


def test_the_last_word_of_somebody_who_is_gone_everywhere_stands(seam: Seam) -> None:
    """Deleted and made anew over there, with one address: the same person."""
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    (ann,) = seam.entities()
    seam.contact("51", deleted=True)
    seam.contact("52", {"email": OLD, "lastname": None})
    assert seam.links()["hub contacts 52"] == ann


def test_an_address_told_by_a_deleted_record_alone_is_told_no_longer(seam: Seam) -> None:
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.crm_lead("00Q1", {"Email": OLD, "LastName": "Lee"})
    seam.crm_lead("00Q1", {"Email": NEW})
    seam.contact("51", deleted=True)
    assert (stated(seam, OLD), stated(seam, NEW)) == ([False], [True])


def test_what_a_merged_record_told_stays_told(seam: Seam) -> None:
    """A person said over there that the two are one."""
    seam.contact("51", {"email": OLD, "lastname": "Lee"})
    seam.contact("53", {"email": NEW, "lastname": "Lee"}, merged=("51",))
    seam.crm_lead("00Q1", {"Email": OLD})
    assert len(set(seam.links().values())) == 1


def test_an_old_telephone_is_no_key(seam: Seam) -> None:
    """Another Lee at the desk that Ann left."""
    seam.contact("51", {"email": None, "lastname": "Lee", "phone": "+1 617 555 0123"})
    seam.contact("51", {"phone": "+1 617 555 0199"})
    seam.contact("52", {"email": None, "lastname": "Lee", "phone": "+1 617 555 0123"})
    assert len(set(seam.links().values())) == 2
    assert seam.problems() == []


@pytest.mark.parametrize("mapped", [True, False])
def test_a_telephone_without_its_country_is_another_once_the_country_is_corrected(seam: Seam, mapped: bool) -> None:
    field, line = ("  country: {type: country}\n", "\n    country: {from: country}") if mapped else ("", "")
    lead = "  last_name: {type: text}\n"
    seam.edit(
        definition=DEFINITION.replace(lead, lead + field),
        hub=HUB.replace("{from: phone}", "{from: phone, region: country}" + line),
    )
    seam.contact("51", {"email": None, "lastname": "Lee", "phone": "030 5550123", "country": "Germany"})
    (ann,) = seam.entities()
    assert ("phone", "+49305550123|lee") in seam.keys(ann)
    seam.contact("51", {"country": "Italy"})
    assert {key for key in seam.keys(ann) if key[0] == "phone"} == {("phone", "+390305550123|lee")}


def test_an_address_that_is_only_written_is_let_go_when_it_is_corrected_there(seam: Seam) -> None:
    seam.edit(crm=CRM.replace("email: {from: Email, to: Email}", "email: {to: Email}"))
    seam.crm_lead("00Q1", {"Email": OLD, "LastName": "Lee"})
    seam.crm_lead("00Q1", {"Email": NEW})
    assert stated(seam, OLD) == [False]


def test_an_accounts_domain_is_let_go_when_it_is_corrected(seam: Seam, tmp_path: Any) -> None:
    with_companies(seam, tmp_path)
    seam.hears("companies", polled("1", {"name": "Alder Mills", "domain": "zenith.example"}, at=seam.now))
    seam.hears("companies", polled("1", {"name": "Alder Mills", "domain": "alder.example"}, at=seam.now))
    seam.hears("companies", polled("2", {"name": "Zenith Foundry", "domain": "zenith.example"}, at=seam.now))
    alder, zenith = seam.links()["hub companies 1"], seam.links()["hub companies 2"]
    assert alder != zenith
    assert ("domain", "zenith.example") not in seam.keys(alder)


def test_a_page_that_meets_no_old_key_costs_no_query_for_them(seam: Seam) -> None:
    """New records, and old ones that tell their keys as before."""
    seam.contact("51")
    with counted(seam) as fresh:
        seam.contact("52", {"email": "bob@plant.example"})
    with counted(seam) as edited:
        seam.contact("52", {"company": "Other"})
    with counted(seam) as corrected:
        seam.contact("52", {"email": "eve@plant.example"})
    assert [looks(told) for told in (fresh, edited)] == [0, 0]
    assert looks(corrected) > 0


def looks(told: list[str]) -> int:
    """Return how often an entity's own keys, or all that is known of it, were read."""
    return sum("match_key.entity IN" in one or "FROM entity" in one for one in told if one.startswith("SELECT"))


def with_companies(seam: Seam, folder: Any) -> None:
    hub = folder / "mappings" / "hub.yaml"
    hub.write_text(
        hub.read_text(encoding="utf-8")
        + "company:\n  is: account\n  kind: companies\n  fields:\n    name: {from: name}\n    domain: {from: domain}\n",
        encoding="utf-8",
    )
    seam.mappings = load(folder / "mappings", {"hub": "hubspot", "crm": "salesforce"})


@contextmanager
def counted(seam: Seam) -> Iterator[list[str]]:
    told: list[str] = []

    def note(*args: Any) -> None:
        told.append(str(args[2]))

    event.listen(seam.engine, "before_cursor_execute", note)
    yield told
    event.remove(seam.engine, "before_cursor_execute", note)
