"""The whole road, both ways: HubSpot -> shared lead -> gate -> Salesforce, and what sales learned back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.world import COMPLETE, World, add_branch, laid_out, world

from syncd.store.tables import entity


def test_a_complete_lead_arrives_with_all_its_context(made: World) -> None:
    """The rep sees every fact of the handoff list, the brief, and our key; marketing sees that it was handed over."""
    contact = made.contact()
    made.cycle()
    (lead,) = made.leads()
    assert {name: lead.get(name) for name in ("FirstName", "LastName", "Email", "Phone", "Company", "Problem__c")} == {
        "FirstName": "Ann",
        "LastName": "Lee",
        "Email": "ann.lee@works.example",
        "Phone": "+13125550142",
        "Company": "Works Inc.",
        "Problem__c": "Downtime of the paint line",
    }
    assert lead["Authority__c"] == "decides"
    assert lead["Competitors__c"] == "none considered"
    assert lead["Decision_Date__c"] == "2027-03-31"
    assert "50,000" in lead["Syncd_Brief__c"] or "50000" in lead["Syncd_Brief__c"]
    assert lead["Syncd_Key__c"]
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    assert made.told(contact)["syncd_crm_id"] == lead["Id"]


@pytest.mark.parametrize("zone", ["America/Phoenix", "Pacific/Kiritimati"])
def test_a_day_is_the_same_day_on_both_sides_wherever_the_daemon_runs(
    made: World, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        contact = made.contact()
        made.settle()
        (lead,) = made.leads()
        assert lead["Decision_Date__c"] == "2027-03-31"
        made.salesforce.edit("Lead", lead["Id"], {"Decision_Date__c": "2027-04-01"})
        made.settle()
        assert made.hubspot.get("contacts", contact)["decision_date"] == "2027-04-01"
        assert made.leads()[0]["Decision_Date__c"] == "2027-04-01"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_refusal_stands_on_the_contact_and_releases_itself(made: World) -> None:
    """Without budget and authority nothing reaches the CRM; filled in HubSpot, the lead goes through by itself."""
    contact = made.contact(budget_amount="", authority="", jobtitle="CEO, VP Operations")
    made.settle()
    assert made.leads() == []
    told = made.told(contact)
    assert told["syncd_handoff_status"] == "refused"
    assert "budget: missing, marketing can fill it" in told["syncd_handoff_missing"]
    assert "authority: missing, marketing can fill it" in told["syncd_handoff_missing"]
    made.hubspot.edit("contacts", contact, {"budget_amount": "75000", "authority": "decides"})
    made.cycle()
    (lead,) = made.leads()
    assert lead["Email"] == COMPLETE["email"]
    told = made.told(contact)
    assert told["syncd_handoff_status"] == "handed over"
    assert not told.get("syncd_handoff_missing")


def test_a_rejection_with_its_reason_comes_back_to_marketing(made: World) -> None:
    """What the rep entered in Salesforce stands on the contact in HubSpot."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    changes = {
        "Syncd_Decision__c": "rejected",
        "Syncd_Reason__c": "rej.out_of_target",
        "Syncd_Reason_Text__c": "they only rent",
    }
    made.salesforce.edit("Lead", lead["Id"], changes)
    made.settle()
    told = made.told(contact)
    assert told["syncd_handoff_status"] == "rejected"
    assert told["syncd_rejection_reason"] == "rej.out_of_target"
    assert told["syncd_rejection_text"] == "outside the target markets: they only rent"
    assert told["syncd_stage"] == "disqualified"


def test_an_acceptance_moves_the_lead_up_the_ladder(made: World) -> None:
    """Accepted makes it sal, and sql at once where budget, authority, problem and date are known."""
    contact = made.contact()
    made.settle()
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Syncd_Decision__c": "accepted"})
    made.settle()
    assert made.told(contact)["syncd_stage"] == "sql"
    assert made.told(contact)["syncd_progress"] == "sql (cycle 1), sales accepted"


def test_an_opt_out_reaches_the_lead_whose_checkbox_nobody_touched(made: World) -> None:
    """A checkbox of Salesforce says no from the first day; a contact who said yes before the two met has opted out."""
    made.salesforce.seed("Lead", [{"LastName": "Lee", "Company": "Works Inc.", "Email": COMPLETE["email"]}])
    made.contact(hs_email_optout="true")
    made.settle()
    (lead,) = made.leads()
    assert lead["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize(
    ("unfit", "twins"), [({"budget_amount": ""}, 1), ({"jobtitle": "Clerk", "industry": ""}, 1), ({}, 2)]
)
def test_an_opt_out_passes_the_gate_and_any_question_and_nothing_else_does(
    made: World, unfit: dict[str, str], twins: int
) -> None:
    """A rep's own lead is mailed whether the contact is complete or not, and while nobody says which of two it is."""
    for _ in range(twins):
        made.salesforce.seed(
            "Lead", [{"LastName": "Lee", "Company": "Works", "Email": COMPLETE["email"], "Title": "?"}]
        )
    contact = made.contact(**unfit)
    made.settle()
    made.hubspot.edit("contacts", contact, {"hs_email_optout": "true"})
    made.settle()
    lead = made.leads()[0]
    assert lead["HasOptedOutOfEmail"] is True
    assert (lead["Title"], lead.get("Problem__c")) == ("?", None)


def test_an_opt_out_after_the_conversion_reaches_the_contact(made: World) -> None:
    """The lead is converted, so the contact is what sales writes to from then on; its no is never taken back."""
    contact = made.contact()
    made.settle()
    made.salesforce.convert(made.leads()[0]["Id"])
    made.settle()
    made.hubspot.edit("contacts", contact, {"hs_email_optout": "true"})
    made.settle()
    (person,) = made.salesforce.all("Contact")
    assert person["HasOptedOutOfEmail"] is True
    made.hubspot.edit("contacts", contact, {"hs_email_optout": "false"})
    made.settle()
    (person,) = made.salesforce.all("Contact")
    assert person["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize(
    "decision",
    [{"Syncd_Decision__c": "accepted"}, {"Syncd_Decision__c": "rejected", "Syncd_Reason__c": "rej.competitor"}],
)
def test_a_lead_that_a_rep_typed_in_and_decided_on_gets_what_marketing_knows(
    made: World, decision: dict[str, str]
) -> None:
    """Sales was faster than the handoff: the contact is complete, so its facts go to the lead as to any other."""
    made.salesforce.seed("Lead", [{"LastName": "Lee", "Company": "Works", "Email": COMPLETE["email"], **decision}])
    made.settle()
    contact = made.contact()
    made.settle()
    assert [lead["Problem__c"] for lead in made.leads()] == [COMPLETE["problem"]]
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.settle()
    assert [lead["Problem__c"] for lead in made.leads()] == ["Scrap on line 4"]


def test_an_incomplete_lead_that_a_rep_took_is_left_alone(made: World) -> None:
    made.salesforce.seed(
        "Lead", [{"LastName": "Lee", "Company": "Works", "Email": COMPLETE["email"], "Syncd_Decision__c": "accepted"}]
    )
    made.contact(budget_amount="")
    made.settle()
    assert [lead.get("Problem__c") for lead in made.leads()] == [None]


def test_a_create_whose_answer_was_lost_is_a_handoff_though_sales_was_faster(made: World) -> None:
    """The process died before it heard of its lead; meanwhile sales decided and the contact lost a fact."""
    contact = made.contact()
    made.work.poll("hubspot")
    with made.app.engine.connect() as connection:
        key = connection.execute(sa.select(entity.c.id)).scalar_one()
    made.salesforce.seed(
        "Lead",
        [{"LastName": "Lee", "Company": "Works Inc.", "Syncd_Key__c": key, "Syncd_Decision__c": "accepted"}],
    )
    made.hubspot.edit("contacts", contact, {"budget_amount": ""})
    made.settle()
    (lead,) = made.leads()
    assert lead["Problem__c"] == COMPLETE["problem"]
    assert made.told(contact)["syncd_handoff_status"] == "accepted"


@pytest.mark.parametrize("first", ["salesforce", "hubspot"])
def test_records_that_are_merged_on_both_sides_leave_no_question(made: World, first: str) -> None:
    """Merged on one side only, syncd asks; merged on the other side as it advised, the question is answered."""
    al = {"email": "al.ray@mills.example", "firstname": "Al", "lastname": "Ray", "mobilephone": "(312) 555-0199"}
    contacts = [made.contact(), made.contact(**al)]
    made.settle()
    leads = [made.told(one)["syncd_crm_id"] for one in contacts]
    for system in ("salesforce", "hubspot") if first == "salesforce" else ("hubspot", "salesforce"):
        if system == "salesforce":
            made.salesforce.merge("Lead", *leads)
        else:
            made.hubspot.merge("contacts", *contacts)
        made.settle()
        assert bool(made.problems()) == (system == first)
    assert len(made.leads()) == 1


def test_a_branch_stands_under_its_account_and_on_the_lead_who_sits_there(made: World) -> None:
    """The ERP's ship-to address becomes a record under the Account of its customer, and a look-up on the Lead."""
    (account,) = made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "BillingCountry": "US"}])
    add_branch(made, "S1", "Works Chicago")
    add_branch(made, "S2", "Works Peoria", street="7 River Rd", postcode="61602", phone="309 555 0100")
    contact = made.contact(address="100 West Main Street, Suite 4", zip="60601-1234", city="Chicago", state="IL")
    made.settle()
    branches = {row["Ship_To__c"]: row for row in made.salesforce.all("Branch__c")}
    assert {row["Account__c"] for row in branches.values()} == {account}
    assert branches["S1"]["Street__c"] == "100 W Main St"
    (lead,) = made.leads()
    assert lead["Branch__c"] == branches["S1"]["Id"]
    assert "Works Chicago (same street and postcode)" in lead["Syncd_Brief__c"]
    assert made.told(contact)["syncd_branch"] == "Works Chicago"


@pytest.mark.parametrize("kind", ["Lead", "Contact"])
def test_somebody_known_in_the_crm_is_not_made_anew(made: World, kind: str) -> None:
    """Lead and Contact are looked at before any create; who is there is updated, not doubled."""
    row = {"LastName": "Lee", "Email": "ANN.LEE@works.example"}
    (there,) = made.salesforce.seed(kind, [{**row, "Company": "Works"} if kind == "Lead" else row])
    contact = made.contact()
    made.settle()
    assert len(made.leads()) == (1 if kind == "Lead" else 0)
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    assert made.told(contact)["syncd_crm_id"] == there


def test_what_a_rep_knew_better_is_not_overwritten(made: World) -> None:
    """A field that the rep changed keeps the rep's value when marketing changes its own, under `theirs`."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"Title": "Chief Operating Officer"})
    made.settle()
    made.hubspot.edit("contacts", contact, {"jobtitle": "VP Ops"})
    made.settle()
    assert made.leads()[0]["Title"] == "Chief Operating Officer"


def test_a_number_corrected_by_the_rep_flows_back_and_stays(made: World) -> None:
    """Two-way: the rep's authority entry reaches HubSpot once and nothing goes to and fro."""
    contact = made.contact()
    made.settle()
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Authority__c": "recommends"})
    made.settle()
    assert made.hubspot.get("contacts", contact)["authority"] == "recommends"
    assert made.leads()[0]["Authority__c"] == "recommends"


def test_an_opt_out_on_either_side_reaches_the_crm_and_never_comes_undone(made: World) -> None:
    """One no is a no."""
    contact = made.contact()
    made.settle()
    made.hubspot.edit("contacts", contact, {"hs_email_optout": "true"})
    made.settle()
    assert made.leads()[0]["HasOptedOutOfEmail"] is True
    made.hubspot.edit("contacts", contact, {"hs_email_optout": "false"})
    made.settle()
    assert made.leads()[0]["HasOptedOutOfEmail"] is True


def test_a_lead_deleted_by_sales_is_not_made_anew(made: World) -> None:
    """A tombstone blocks re-creation until a person restores it; the inbox says so."""
    contact = made.contact()
    made.settle()
    (lead,) = made.leads()
    made.salesforce.delete("Lead", lead["Id"])
    made.settle()
    told = made.told(contact)
    assert (told["syncd_handoff_status"], told["syncd_progress"]) == (
        "deleted by sales",
        "mql (cycle 1), deleted by sales",
    )
    made.hubspot.edit("contacts", contact, {"budget_amount": "90000"})
    made.settle()
    assert made.leads() == []
    made.salesforce.undelete("Lead", lead["Id"])
    made.settle()
    assert made.told(contact)["syncd_progress"] == "mql (cycle 1), waiting for sales"


def test_a_converted_lead_is_followed_to_its_contact(made: World) -> None:
    """After conversion the lead lives on as the Contact; no second Lead appears and nothing is refused."""
    contact = made.contact()
    made.settle()
    made.salesforce.convert(made.leads()[0]["Id"])
    made.settle()
    made.hubspot.edit("contacts", contact, {"budget_amount": "90000"})
    made.settle()
    assert [row["IsConverted"] for row in made.leads()] == [True]
    assert made.work.engine is not None
    with made.work.engine.connect() as connection:
        from syncd.store.inbox import count_problems

        assert count_problems(connection) == {}


def test_the_same_road_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """Refused, filled, handed over, rejected, told: with the state on PostgreSQL."""
    with world(tmp_path, postgres_url) as made:
        contact = made.contact(budget_amount="", jobtitle="CEO, VP Operations")
        made.settle()
        assert (made.leads(), made.told(contact)["syncd_handoff_status"]) == ([], "refused")
        made.hubspot.edit("contacts", contact, {"budget_amount": "75000"})
        made.settle()
        (lead,) = made.leads()
        changes = {"Syncd_Decision__c": "rejected", "Syncd_Reason__c": "rej.too_early"}
        made.salesforce.edit("Lead", lead["Id"], changes)
        made.settle()
        assert made.told(contact)["syncd_rejection_reason"] == "rej.too_early"
        assert made.told(contact)["syncd_stage"] == "recycled"


def test_somebody_known_is_found_although_his_address_is_only_written_there(tmp_path: Path, sqlite_url: str) -> None:
    """A one-way mapping (`to: Email`) is no reason to make a second record of somebody."""
    with laid_out(tmp_path, sqlite_url) as made:
        mapping = tmp_path / "mappings" / "salesforce.yaml"
        text = mapping.read_text(encoding="utf-8")
        assert text.count("email: {from: Email, to: Email}") == 1
        mapping.write_text(text.replace("email: {from: Email, to: Email}", "email: {to: Email}"), encoding="utf-8")
        made.salesforce.seed("Lead", [{"LastName": "Lee", "Company": "Works", "Email": "ann.lee@works.example"}])
        made.contact()
        with made.running():
            made.settle()
        assert len(made.leads()) == 1


def test_people_who_are_merged_keep_the_score_of_one(made: World) -> None:
    """Three of 60 points each are one person of 60, not of 180; what is worked out anew adds nothing up."""
    first, second, third = (
        made.contact(email=f"{name}@works.example", firstname=name, mobilephone=f"(312) 555-0{number}", problem="")
        for number, name in enumerate(("ann", "bob", "cid"), 142)
    )
    made.settle()
    assert [made.told(one)["syncd_score"] for one in (first, second, third)] == ["60"] * 3
    one = made.hubspot.merge("contacts", made.hubspot.merge("contacts", first, second), third)
    made.settle()
    assert made.told(one)["syncd_score"] == "60"


def test_a_form_that_is_filled_in_is_told_to_the_rep_at_once_and_in_one_write(made: World) -> None:
    contact = made.contact()
    made.settle()
    before = made.writes()
    moment = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    filled = {"recent_conversion_date": moment, "recent_conversion_event_name": "Guide to coating lines"}
    made.hubspot.edit("contacts", contact, filled)
    made.cycle()
    assert made.leads()[0]["Last_Touches__c"] == f"{moment[:10]} form: Guide to coating lines"
    assert (made.writes() - before)["salesforce Lead"] == 1
