"""What `create: never` and `create: review` mean for leads: the gate stands, and no handover is told that was none.

With the same seam as test_handoff.py, whose CRM may make what its mapping allows.
"""

from __future__ import annotations

import pytest
import seam as words
from seam import ANN, Seam

from connectors.contract import Policy
from syncd.lead.decision import Fate
from syncd.mapping.loader import load
from syncd.mapping.model import Mappings
from syncd.pipeline import reviewing
from syncd.store.tables import entity, pairing, problem

HUB = words.HUB.replace(
    "    refusal: {to: missing}\n",
    "    refusal: {to: missing}\n    handoff_status: {to: status}\n    progress: {to: progress}\n",
)
NEVER = words.CRM.replace("  create: allowed\n  create_when: handoff.passed\n", "  create: never\n")
REVIEW = words.CRM.replace("create: allowed", "create: review")
BLANK = {"status": None, "progress": None}


def with_mappings(seam: Seam, crm: str) -> None:
    folder = seam.folder
    for name, text in {"definition": words.DEFINITION, "hub": HUB, "crm": crm}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    seam.mappings = load(folder, {"hub": "hubspot", "crm": "salesforce"})


def creates(seam: Seam) -> list[str | None]:
    return [one.key[1] if one.key else None for one in seam.crm.requests if one.policy is Policy.CREATE]


def status(seam: Seam, one: str = "51") -> str | None:
    found: str | None = seam.hub.held[one].get("status")
    return found


def question(seam: Seam) -> int | None:
    found = [row.id for row in seam.rows(problem, open=True) if row.kind == "create"]
    return found[0] if found else None


def answer(seam: Seam, yes: bool) -> int:
    number = question(seam)
    assert number is not None
    with seam.engine.begin() as connection:
        asked = reviewing.read_review(connection, seam.mappings, number, seam.now)
        assert asked.making
        (reviewing.accept if yes else reviewing.reject)(connection, asked, None, "Ben", seam.now)
    return number


# --- which system the CRM is


@pytest.mark.parametrize(
    ("crm", "why"),
    [
        (words.CRM, "made there"),
        (REVIEW, "made there once asked"),
        (NEVER, "our key, and what sales decides"),
        (NEVER.replace("  key: Key__c\n", ""), "what sales decides"),
        (NEVER.replace("    sales_decision: {from: Decision}\n", ""), "our key"),
        (NEVER.replace("  key: Key__c\n", "").replace("sales_decision", "sales_stage"), "to where sales moves it"),
    ],
)
def test_the_crm_is_where_leads_are_handed_over_whoever_makes_them(seam: Seam, crm: str, why: str) -> None:
    with_mappings(seam, crm)
    assert seam.mappings.crm == {"crm"}, why


def test_marketing_is_no_crm_for_passing_on_the_stage_that_sales_set(seam: Seam) -> None:
    """A contact of whom the refusal is told must not be guarded by the very gate that refuses it."""
    with_mappings(seam, words.CRM)
    folder = seam.folder
    (folder / "hub.yaml").write_text(HUB + "    sales_stage: {from: lifecyclestage}\n", encoding="utf-8")
    assert load(folder, {"hub": "hubspot", "crm": "salesforce"}).crm == {"crm"}


# --- never


def test_what_is_complete_and_not_made_is_told_so_and_never_as_handed_over(seam: Seam) -> None:
    with_mappings(seam, NEVER)
    seam.contact("51", BLANK)
    seam.turn()
    assert dict(seam.fates) == {Fate.COMPLETE.value: 1}
    assert seam.until_quiet() == 0
    assert (creates(seam), seam.problems()) == ([], [])
    assert status(seam) == "complete; not made: the mapping makes none"
    assert seam.hub.held["51"]["progress"] is None
    assert seam.rows(entity)[0].state["unmade"] == "the mapping makes none"


@pytest.mark.parametrize("crm", [NEVER, REVIEW])
def test_a_refused_lead_that_stands_in_the_crm_is_not_written_there(seam: Seam, crm: str) -> None:
    with_mappings(seam, crm)
    seam.crm_lead("00Qx", {"Email": ANN["email"]})
    seam.contact("51", {**BLANK, "budget": None})
    seam.until_quiet()
    assert (seam.crm.requests, status(seam)) == ([], "refused")
    assert seam.hub.held["51"]["missing"] == "budget: missing, marketing can fill it"


@pytest.mark.parametrize("crm", [NEVER, REVIEW])
def test_a_complete_lead_is_handed_over_on_the_record_that_it_has(seam: Seam, crm: str) -> None:
    with_mappings(seam, crm)
    seam.crm_lead("00Qx", {"Email": ANN["email"]})
    seam.contact("51", BLANK)
    seam.until_quiet()
    assert (creates(seam), status(seam)) == ([], "handed over")
    assert seam.crm.held["00Qx"]["Company"] == ANN["company"]
    assert "unmade" not in seam.rows(entity)[0].state


def test_once_sales_made_it_themselves_it_is_handed_over_there(seam: Seam) -> None:
    with_mappings(seam, NEVER)
    seam.contact("51", BLANK)
    seam.until_quiet()
    seam.later()
    seam.crm_lead("00Qx", {"Email": ANN["email"]})
    seam.until_quiet()
    assert (status(seam), seam.crm.held["00Qx"]["Company"]) == ("handed over", ANN["company"])


def test_a_create_when_that_does_not_hold_is_told_and_not_tried_again_and_again(seam: Seam) -> None:
    with_mappings(seam, words.CRM.replace("create_when: handoff.passed", 'create_when: company != "Plant"'))
    seam.contact("51", BLANK)
    seam.until_quiet()
    assert (creates(seam), status(seam)) == ([], "complete; not made: the mapping's create_when does not hold")
    seam.later(10 * 60_000)
    assert seam.due() == []
    seam.contact("51", {"company": "Works"})
    seam.until_quiet()
    assert (len(creates(seam)), status(seam)) == (1, "handed over")


# --- review


def test_a_complete_lead_asks_whether_it_is_made_and_a_yes_makes_it_once(seam: Seam) -> None:
    with_mappings(seam, REVIEW)
    seam.contact("51", BLANK)
    seam.contact("52", {**BLANK, "email": "bob@works.example", "lastname": "Jones"})
    seam.turn()
    assert dict(seam.fates) == {Fate.REVIEW.value: 2}
    assert (creates(seam), status(seam)) == ([], "complete; not made: a person decides, in syncd review")
    lead = seam.links()["hub contacts 51"]
    (asked,) = [row for row in seam.rows(problem, open=True) if row.entity == lead]
    with seam.engine.begin() as connection:
        found = reviewing.read_review(connection, seam.mappings, asked.id, seam.now)
        reviewing.accept(connection, found, None, "Ben", seam.now)
    seam.until_quiet()
    assert (creates(seam), status(seam), status(seam, "52")) == (
        [lead],
        "handed over",
        "complete; not made: a person decides, in syncd review",
    )
    assert [row.kind for row in seam.rows(problem, open=True)] == ["create"]


def test_a_no_is_remembered_and_can_be_taken_back(seam: Seam) -> None:
    with_mappings(seam, REVIEW)
    seam.contact("51", BLANK)
    seam.until_quiet()
    number = answer(seam, False)
    seam.until_quiet()
    seam.later()
    seam.contact("51", {"company": "Works"})
    seam.turn()
    assert dict(seam.fates) == {Fate.COMPLETE.value: 1}
    assert (question(seam), creates(seam)) == (None, [])
    assert status(seam) == "complete; not made: a person said no, in syncd review"
    with seam.engine.begin() as connection:
        assert reviewing.undo(connection, number, seam.now) == 1
    seam.until_quiet()
    assert question(seam) == number
    answer(seam, True)
    seam.until_quiet()
    assert (len(creates(seam)), status(seam)) == (1, "handed over")


def test_a_question_ends_when_the_lead_is_refused_or_found_there(seam: Seam) -> None:
    with_mappings(seam, REVIEW)
    seam.contact("51", BLANK)
    seam.until_quiet()
    assert question(seam) is not None
    seam.later()
    seam.contact("51", {"budget": None})
    seam.until_quiet()
    assert (question(seam), status(seam)) == (None, "refused")
    seam.later()
    seam.contact("51", {"budget": 7})
    seam.until_quiet()
    assert question(seam) is not None
    seam.crm_lead("00Qx", {"Email": ANN["email"]})
    seam.until_quiet()
    assert (question(seam), status(seam), creates(seam)) == (None, "handed over", [])


def test_what_was_answered_outlives_the_joining_of_two_leads(seam: Seam) -> None:
    """Two contacts that are merged in marketing are one lead; whoever said yes of one said it of the person."""
    with_mappings(seam, REVIEW)
    seam.contact("51", BLANK)
    seam.contact("52", {**BLANK, "email": "ann@other.example"})
    seam.until_quiet()
    for row in [row for row in seam.rows(problem, open=True) if row.kind == "create"]:
        if row.entity == seam.links()["hub contacts 52"]:
            with seam.engine.begin() as connection:
                found = reviewing.read_review(connection, seam.mappings, row.id, seam.now)
                reviewing.reject(connection, found, None, "Ben", seam.now)
    seam.later()
    seam.contact("52", deleted=True, survivor="51")
    seam.until_quiet()
    (said,) = seam.rows(pairing)
    assert (said.entity, said.candidate, said.same) == (seam.links()["hub contacts 51"],) * 2 + (False,)
    assert status(seam) == "complete; not made: a person said no, in syncd review"


def test_a_person_is_asked_of_leads_only(seam: Seam) -> None:
    with_mappings(seam, words.CRM)
    assert isinstance(seam.mappings, Mappings)
    text = words.CRM + "Account:\n  is: account\n  create: review\n  key: Key__c\n  fields:\n    name: {from: Name}\n"
    with pytest.raises(Exception, match="a person is asked of leads only, and this kind is account"):
        with_mappings(seam, text)
