"""An opt-out that sales hears reaches marketing, at once, and nothing of ours ever takes it back."""

from __future__ import annotations

import pytest
from support.world import World


def test_an_opt_out_told_in_salesforce_stands_on_the_contact_and_is_never_turned_back(made: World) -> None:
    """On a Lead, and on the Contact of somebody who was never handed over; who said nothing is told nothing."""
    ann = made.contact()
    cid = made.contact(email="cid@works.example", firstname="Cid", lastname="Moss", mobilephone="", budget_amount="")
    (contact,) = made.salesforce.seed("Contact", [{"LastName": "Moss", "Email": "cid@works.example"}])
    made.settle()
    assert [made.told(one).get("syncd_opted_out") for one in (ann, cid)] == [None, None]
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"HasOptedOutOfEmail": True})
    made.salesforce.edit("Contact", contact, {"HasOptedOutOfEmail": True})
    made.settle()
    assert [made.told(one).get("syncd_opted_out") for one in (ann, cid)] == ["true", "true"]
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"HasOptedOutOfEmail": False})
    made.settle()
    assert made.told(ann)["syncd_opted_out"] == "true"


@pytest.mark.parametrize("field", ["Title", None])
def test_an_opt_out_passes_beside_a_value_that_salesforce_refuses(made: World, field: str | None) -> None:
    """A rule that names its field holds that field alone; one that names none holds all but the opt-out."""
    made.salesforce.add_validation_rule("Lead", lambda row: row.get("Title") == "CFO", "No CFOs", field=field)
    ann = made.contact()
    made.settle()
    made.hubspot.edit("contacts", ann, {"jobtitle": "CFO", "hs_email_optout": "true", "city": "Gary"})
    made.settle()
    (lead,) = made.leads()
    assert (lead["HasOptedOutOfEmail"], lead["Title"]) == (True, "VP Operations")
    assert (lead.get("City") == "Gary") is (field is not None)
    (told,) = made.problems()
    assert "What else was to be written goes without it. What is known of it is kept" in told
    made.calls()
    made.settle()
    assert not any(n for label, n in made.calls()["salesforce"].items() if "PATCH" in label or "collections" in label)
    made.hubspot.edit("contacts", ann, {"jobtitle": "VP Sales"})
    made.settle()
    assert (made.leads()[0]["Title"], made.problems()) == ("VP Sales", [])


def test_an_address_goes_whole_or_not_at_all_where_a_part_of_it_is_refused(made: World) -> None:
    made.salesforce.add_validation_rule("Lead", lambda row: row.get("City") == "Nowhere", "No such town", field="City")
    place = {"address": "1 Main St", "city": "Gary", "zip": "46402", "state": "IN"}
    ann = made.contact(**place)
    made.settle()
    made.hubspot.edit("contacts", ann, {"address": "2 Oak St", "city": "Nowhere", "zip": "46403", "jobtitle": "VP"})
    made.settle()
    (lead,) = made.leads()
    assert (lead["Street"], lead["City"], lead["PostalCode"], lead["Title"]) == ("1 Main St", "Gary", "46402", "VP")


def test_what_sales_answered_reaches_marketing_beside_a_value_that_hubspot_refuses(made: World) -> None:
    """Its portal takes no such budget; the answer, and an opt-out, do not wait for it."""
    ann = made.contact()
    made.settle()
    (lead,) = made.leads()
    made.hubspot.define_property("contacts", "budget_amount", "enumeration", "select", options=["50000"])
    answer = {"Budget__c": "777", "Syncd_Decision__c": "accepted", "HasOptedOutOfEmail": True}
    made.salesforce.edit("Lead", lead["Id"], answer)
    made.settle()
    assert made.told(ann)["syncd_handoff_status"].startswith("accepted")
    assert made.told(ann)["syncd_opted_out"] == "true"


@pytest.mark.parametrize("how", ["merged", "deleted"])
def test_an_opt_out_outlives_the_record_that_said_it(made: World, how: str) -> None:
    """The rep's Lead that said so loses a merge, or is deleted and typed in anew; the one that lives on is told."""
    made.contact()
    made.settle()
    (lead,) = made.leads()
    made.salesforce.edit("Lead", lead["Id"], {"HasOptedOutOfEmail": True})
    made.settle()
    if how == "deleted":
        made.salesforce.delete("Lead", lead["Id"])
        made.settle()
    twin = {"FirstName": "Ann", "LastName": "Lee", "Email": lead["Email"], "Company": "Works"}
    (double,) = made.salesforce.seed("Lead", [twin])
    if how == "merged":
        made.salesforce.merge("Lead", double, lead["Id"])
    made.settle()
    (left,) = made.leads()
    assert (left["Id"], left["HasOptedOutOfEmail"]) == (double, True)
    made.salesforce.edit("Lead", double, {"HasOptedOutOfEmail": False})
    made.settle()
    assert made.leads()[0]["HasOptedOutOfEmail"] is False


@pytest.mark.parametrize("how", ["merged", "address corrected"])
def test_an_opt_out_outlives_the_lead_that_is_joined_with_another(made: World, how: str) -> None:
    """Both were known, as two: the rep's Lead said so before its merge; the contact, before it was deleted."""
    rep = {"FirstName": "Bob", "LastName": "Lee", "Email": "b@home.example", "Company": "Works"}
    (lead,) = made.salesforce.seed("Lead", [{**rep, "HasOptedOutOfEmail": how == "merged"}])
    contact = made.contact(problem="" if how == "address corrected" else "Downtime")
    made.settle()
    if how == "merged":
        (ours,) = (one["Id"] for one in made.leads() if one["Id"] != lead)
        made.salesforce.merge("Lead", ours, lead)
    else:
        made.hubspot.edit("contacts", contact, {"hs_email_optout": "true"})
        made.settle()
        made.hubspot.archive("contacts", contact)
        made.cycle(sweeping=True)
        made.salesforce.edit("Lead", lead, {"Email": "ann.lee@works.example"})
    made.settle()
    (left,) = made.leads()
    assert left["HasOptedOutOfEmail"] is True
    if how == "merged":
        assert made.told(contact)["syncd_opted_out"] == "true"
    made.salesforce.edit("Lead", left["Id"], {"HasOptedOutOfEmail": False})
    made.settle()
    assert made.leads()[0]["HasOptedOutOfEmail"] is False


@pytest.mark.parametrize("order", ["winner first", "loser first"])
@pytest.mark.parametrize("handed_over", [True, False])
def test_an_opt_out_outlives_a_contact_that_was_read_and_merged_away_before_it_was_decided(
    made: World, order: str, handed_over: bool
) -> None:
    """The contact that lives on says no such thing. Whoever takes it back afterwards is heard."""
    lives_on = made.contact(hs_email_optout="false")
    if handed_over:
        made.settle()
    said_no = made.contact(
        email="a@home.example", firstname="Ann", hs_email_optout="true", mobilephone="(312) 555-0199"
    )
    made.work.poll("hubspot", even_if_paused=True)
    both = (lives_on, said_no)
    merged = made.hubspot.merge("contacts", *(both if order == "winner first" else reversed(both)))
    made.hubspot.edit("contacts", merged, {"hs_email_optout": "false"})
    made.settle()
    (lead,) = made.leads()
    assert lead["HasOptedOutOfEmail"] is True
    made.salesforce.edit("Lead", lead["Id"], {"HasOptedOutOfEmail": False})
    made.settle()
    made.hubspot.edit("contacts", merged, {"jobtitle": "Buyer"})
    made.settle()
    (lead,) = made.leads()
    assert (lead["HasOptedOutOfEmail"], lead["Title"]) == (False, "Buyer")


def test_an_opt_out_outlives_a_reps_lead_that_lost_a_merge_before_it_was_decided(made: World) -> None:
    contact = made.contact()
    made.settle()
    (ours,) = made.leads()
    rep = {"FirstName": "Bob", "LastName": "Lee", "Email": "b@home.example", "Company": "Works"}
    (lead,) = made.salesforce.seed("Lead", [{**rep, "HasOptedOutOfEmail": True}])
    made.work.poll("salesforce", even_if_paused=True)
    made.salesforce.merge("Lead", ours["Id"], lead)
    made.settle()
    (left,) = made.leads()
    assert left["HasOptedOutOfEmail"] is True
    assert made.told(contact)["syncd_opted_out"] == "true"
