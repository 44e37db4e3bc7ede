"""A rep converts what she was handed and never touches our picklist: marketing hears it, and her."""

from __future__ import annotations

from support.world import World


def test_a_conversion_is_an_acceptance_and_the_contact_is_heard_after_it(made: World) -> None:
    contact = made.contact()
    made.settle()
    _, person, _ = made.salesforce.convert(made.leads()[0]["Id"])
    made.settle()
    told = made.told(contact)
    assert (told["syncd_handoff_status"], told["syncd_crm_id"]) == ("accepted", person)
    assert told["syncd_progress"].endswith("(cycle 1), sales accepted by conversion")
    answer = {
        "Syncd_Decision__c": "recycled",
        "Syncd_Reason__c": "dq.timing",
        "Syncd_Reason_Text__c": "after the merger",
    }
    made.salesforce.edit("Contact", person, answer)
    made.settle()
    told = made.told(contact)
    assert (told["syncd_stage"], told["syncd_rejection_reason"]) == ("recycled", "dq.timing")
    assert told["syncd_rejection_text"] == "not now: after the merger"
    assert made.problems() == []


def test_who_was_sent_back_on_the_contact_is_handed_over_anew_there(made: World) -> None:
    """The rep is told, her old answer is emptied once, and her next is heard; in a first cycle nothing is told."""
    contact = made.contact()
    made.settle()
    _, person, _ = made.salesforce.convert(made.leads()[0]["Id"])
    made.settle()
    assert made.salesforce.get("Contact", person).get("Syncd_Cycle__c") is None
    answer = {"Syncd_Decision__c": "recycled", "Syncd_Reason__c": "dq.bad_data", "Syncd_Reason_Text__c": "wrong phone"}
    made.salesforce.edit("Contact", person, answer)
    made.settle()
    assert made.told(contact)["syncd_stage"] == "recycled"
    made.hubspot.edit("contacts", contact, {"mobilephone": "(312) 555-0177"})
    made.settle()
    told = made.salesforce.get("Contact", person)
    assert [told.get(name) for name in answer] == [None, None, None]
    assert (told["Syncd_Cycle__c"], bool(told["Syncd_Handed_Over_At__c"])) == (2, True)
    assert made.told(contact)["syncd_progress"].endswith("(cycle 2), waiting for sales")
    before = made.writes()
    made.settle()
    assert made.writes() == before
    made.salesforce.edit("Contact", person, {**answer, "Syncd_Reason__c": "dq.timing"})
    made.settle()
    told = made.told(contact)
    assert (told["syncd_stage"], told["syncd_rejection_reason"]) == ("recycled", "dq.timing")
    assert made.problems() == []
