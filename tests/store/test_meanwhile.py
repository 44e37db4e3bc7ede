"""A poll and the answer to a write pass each other, on both databases: neither hides what somebody changed, or undoes
what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from seam import CRM, HUB, Seam
from support.builders import polled
from support.clock import SECOND

from connectors.contract import WriteRequest, WriteResult
from syncd.store.tables import link

TWO_WAY = {
    "hub": HUB.replace("{from: budget}", "{from: budget, to: budget, conflict: newest}"),
    "crm": CRM.replace("{to: Budget, as: text}", "{from: Budget, to: Budget, as: text}\n    brief: {to: Brief}"),
}
LEAD = {"Email": "ann@plant.example", "LastName": "Smith", "Company": "Plant", "Budget": "5"}


@pytest.fixture
def known(seam: Seam) -> Seam:
    """A lead that was handed over and read back, with a two-way field."""
    seam.edit(**TWO_WAY)
    seam.contact("51")
    seam.until_quiet()
    seam.crm_lead("00Q0")
    seam.until_quiet()
    seam.later()
    seam.hub.requests.clear()
    seam.crm.requests.clear()
    return seam


def page_of(seam: Seam, fields: Mapping[str, Any], *, asked: int) -> int:
    (ours,) = {one.entity for one in seam.rows(link)}
    told = {**LEAD, "Brief": seam.crm.held["00Q0"]["Brief"], "Decision": None, "Key__c": ours, **fields}
    return seam.hears("Lead", polled("00Q0", told, at=seam.now), system="crm", asked=asked)


def budgets_of(seam: Seam) -> tuple[list[Any], list[Any]]:
    """Return what was written: to the CRM, to marketing."""
    crm, hub = ([dict(one.fields) for one in system.requests] for system in (seam.crm, seam.hub))
    return [one["Budget"] for one in crm if "Budget" in one], [one["budget"] for one in hub if "budget" in one]


def test_rows_asked_for_before_a_write_do_not_undo_it(known: Seam) -> None:
    """Somebody changed another field of the record meanwhile, which is why it is on the page."""
    before, asked = known.stored("00Q0", "Lead", "crm"), known.now
    known.later(SECOND)
    known.contact("51", {"budget": 7})
    known.turn()
    assert page_of(known, {"Company": "Plant North", "Brief": before.fields["Brief"]}, asked=asked) == 1
    after = known.stored("00Q0", "Lead", "crm")
    assert (after.fields["Company"], after.fields["Brief"]) == ("Plant North", known.crm.held["00Q0"]["Brief"])
    assert after.modified == before.modified  # a look back finds it to be another
    known.until_quiet()
    assert budgets_of(known) == (["7"], [])


@pytest.mark.parametrize("first", ["the answer", "the page"])
def test_what_our_write_filled_is_not_emptied_by_rows_asked_for_before_it(known: Seam, first: str) -> None:
    known.crm_lead("00Q0", {"Budget": None})
    known.until_quiet()
    asked = known.now
    known.later(SECOND)

    def meanwhile(request: WriteRequest) -> WriteResult:
        if first == "the page":
            page_of(known, {"Budget": None, "LastName": "Smythe"}, asked=asked)
        return known.crm.writes(request)

    known.crm.answer = meanwhile
    known.contact("51", {"budget": 8})
    known.turn()
    if first == "the answer":
        page_of(known, {"Budget": None, "LastName": "Smythe"}, asked=asked)
    known.until_quiet()
    assert known.stored("00Q0", "Lead", "crm").fields["Budget"] == "8"
    assert budgets_of(known) == (["8"], [])


@pytest.mark.parametrize("before", ["5", None])
def test_what_somebody_entered_after_a_write_is_read_though_the_page_was_asked_for_before(
    known: Seam, before: str | None
) -> None:
    known.crm_lead("00Q0", {"Budget": before})
    known.until_quiet()
    asked = known.now
    known.later(SECOND)
    known.contact("51", {"budget": 7})
    known.turn()
    page_of(known, {"Budget": "9"}, asked=asked)
    known.until_quiet()
    assert budgets_of(known) == (["7"], ["9"])


def test_who_puts_the_former_value_back_after_a_write_is_heard(known: Seam) -> None:
    known.contact("51", {"budget": 7})
    known.turn()
    page_of(known, {"Budget": "5"}, asked=known.now)
    known.until_quiet()
    assert budgets_of(known) == (["7"], ["5"])


@pytest.mark.parametrize("entered", ["9", None])
def test_what_somebody_entered_before_the_answer_to_a_write_came_stays(known: Seam, entered: str | None) -> None:
    """The answer takes its time; a poll has read the correction, or that it was emptied, before it comes."""

    def slowly(request: WriteRequest) -> WriteResult:
        known.later(SECOND)
        page_of(known, {"Budget": entered}, asked=known.now)
        return known.crm.writes(request)

    known.crm.answer = slowly
    known.contact("51", {"budget": 7})
    known.turn()
    known.crm.answer = known.crm.writes
    assert known.stored("00Q0", "Lead", "crm").fields["Budget"] == entered
    known.until_quiet()
    assert budgets_of(known) == (["7"], [entered] if entered else [])


def test_what_somebody_filled_before_the_answer_to_our_write_came_stays(seam: Seam) -> None:
    """The CRM knows the lead already, without the value that both fill at a time."""
    seam.edit(**TWO_WAY)
    seam.crm.held["00Q0"] = {**LEAD, "Budget": None}
    seam.crm_lead("00Q0")
    seam.until_quiet()

    def slowly(request: WriteRequest) -> WriteResult:
        seam.later(SECOND)
        seam.hears("Lead", polled("00Q0", {**LEAD, "Budget": "9"}, at=seam.now), system="crm", asked=seam.now)
        return seam.crm.writes(request)

    seam.crm.answer = slowly
    seam.contact("51", {"budget": 7})
    seam.turn()
    seam.crm.answer = seam.crm.writes
    assert seam.stored("00Q0", "Lead", "crm").fields["Budget"] == "9"
    seam.until_quiet()
    assert budgets_of(seam) == (["7"], ["9"])


def test_rows_read_before_a_write_and_stored_before_its_answer_do_not_hide_it(known: Seam) -> None:
    def slowly(request: WriteRequest) -> WriteResult:
        page_of(known, {"Company": "Plant North"}, asked=known.now)
        return known.crm.writes(request)

    known.crm.answer = slowly
    known.contact("51", {"budget": 7})
    known.turn()
    known.crm.answer = known.crm.writes
    held = known.stored("00Q0", "Lead", "crm").fields
    assert (held["Budget"], held["Company"]) == ("7", "Plant North")
    known.until_quiet()
    assert budgets_of(known) == (["7"], [])
