"""Hostile input on the whole road: nobody is lost, nobody holds up another, and every refusal says what to do.

The law of every test: each contact is in the CRM, or told on itself what it lacks, or asked about in the inbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from support.world import COMPLETE, World

from sandbox.fields import AUTHORITY
from sandbox.wire import Request, Response
from syncd.daemon import drift
from syncd.preview import NotFound, tell
from syncd.store.tables import link, problem

LONG = "x" * 1_000_000


def person(number: int, **changes: str) -> dict[str, str]:
    """Somebody complete whom no key of another matches."""
    own = {
        "email": f"p{number}@works.example",
        "firstname": f"Given{number}",
        "lastname": f"Family{number}",
        "company": f"Works {number} Inc.",
        "mobilephone": f"(312) 555-{1000 + number:04d}",
    }
    return {**COMPLETE, **own, **changes}


def lead_of(made: World, contact: str) -> dict[str, Any]:
    """Return the Lead that a contact was handed over as."""
    found = made.told(contact)["syncd_crm_id"]
    return next(lead for lead in made.leads() if lead["Id"] == found)


def nothing_is_lost(made: World) -> None:
    """Hold every contact against the law of this module."""
    with made.app.engine.connect() as connection:
        links = connection.execute(sa.select(link).where(link.c.system == "hubspot", link.c.kind == "contacts"))
        linked = {row.record_id: row.entity for row in links}
        asked = connection.execute(sa.select(problem).where(problem.c.open)).all()
    entities, records = {row.entity for row in asked}, {row.record for row in asked}
    crm = {lead["Id"] for lead in made.leads()}
    for contact in made.hubspot.all("contacts"):
        key = contact["hs_object_id"]
        told = made.told(key)
        in_crm = told.get("syncd_crm_id") in crm
        refused = told.get("syncd_handoff_status") == "refused" and told["syncd_handoff_missing"]
        too_early = told.get("syncd_handoff_status") == "not due" and told["syncd_stage"] == "inquiry"
        open_question = linked.get(key) in entities or f"hubspot contacts {key}" in records
        assert in_crm or refused or too_early or open_question, (key, told)


def about_rows(made: World) -> list[str]:
    """Return what is asked about Leads that could not be made, beside what is asked about fields and choices."""
    return [asked for asked in made.problems() if asked.startswith("salesforce Lead (new) of lead ")]


def goes_quiet(made: World) -> None:
    """Two more cycles, also when all waiting is over, send nothing to anybody."""
    made.settle()
    before = made.writes()
    made.wait_is_over()
    made.cycle()
    made.cycle()
    assert made.writes() == before


# --- values


ARRIVES = {
    "null bytes": ({"firstname": "An\x00n", "problem": "a\x00b"}, {"FirstName": "Ann", "Problem__c": "ab"}),
    "emoji": ({"lastname": "Lee 😀👩‍👧"}, {"LastName": "Lee 😀👩‍👧"}),
    "right to left": (
        {"company": "شركة الأعمال", "firstname": "לי"},
        {"Company": "شركة الأعمال", "FirstName": "לי"},
    ),
    "a lone surrogate": ({"firstname": "A\ud83d"}, {"FirstName": "A?"}),
    "HTML": (
        {"problem": "<p>Line&nbsp;4 <b>stops</b></p><script>alert(1)</script>"},
        {"Problem__c": "Line 4 stops"},
    ),
    "NO as a country": ({"country": "NO", "mobilephone": "22 12 34 56"}, {"Country": "Norway", "Phone": "+4722123456"}),
    "a ZIP with a leading zero": ({"country": "US", "zip": "01234"}, {"PostalCode": "01234"}),
    "the first day of the calendar": ({"decision_date": "0001-01-01"}, {"Decision_Date__c": "0001-01-01"}),
    "the last day of the calendar": ({"decision_date": "9999-12-31"}, {"Decision_Date__c": "9999-12-31"}),
    "a formula of a spreadsheet": ({"company": "=cmd|' /C calc'!A0"}, {"Company": "=cmd|' /C calc'!A0"}),
    "a script as a website": ({"website": "javascript:alert(1)"}, {"Website": None}),
    "a title of 1 MB": ({"jobtitle": "VP " + "y" * 1_000_000, "job_level": "VP"}, None),
}
REFUSED = {
    "a text of 1 MB": ({"problem": LONG}, "problem: invalid (longer than 32,000 characters), marketing can fill it"),
    "a name of 1 MB": ({"lastname": LONG}, "last name: invalid (longer than 32,000 characters), marketing can fill it"),
    "a name of blanks": ({"lastname": "   "}, "last name: missing, marketing can fill it"),
    "no e-mail": ({"email": ""}, "email: missing, marketing can fill it"),
    "an e-mail that is none": (
        {"email": "not an address"},
        "email: invalid (not an e-mail address), marketing can fill it",
    ),
    "a phone that is none": ({"mobilephone": "call me"}, "phone: invalid (not a phone number), marketing can fill it"),
    "a country that is none": ({"country": "Atlantis"}, "country: invalid (not a country), marketing can fill it"),
    "nothing but emoji": ({"problem": "😀😀😀"}, "problem: invalid (a placeholder), marketing can fill it"),
    "a budget beyond all numbers": ({"budget_amount": "1e999"}, "budget: invalid (not a number)"),
    "a date in the year 0": ({"decision_date": "0000-01-01"}, "decision date: invalid (not a date"),
    "a date in the year 10000": ({"decision_date": "10000-12-31"}, "decision date: invalid (not a date"),
}
TOO_EARLY = {
    "more employees than any number holds": {"numberofemployees": "9" * 400},
    "employees in powers": {"numberofemployees": "1e400"},
    "employees that are no number": {"numberofemployees": "NaN"},
    "fewer employees than none": {"numberofemployees": "-5"},
}


def test_hostile_values_arrive_whole_or_are_refused_by_name(made: World) -> None:
    """All of them in one page: each has its own fate, and what a system cannot hold is said on the contact."""
    rows = [changes for changes, _ in ARRIVES.values()] + [changes for changes, _ in REFUSED.values()]
    rows += TOO_EARLY.values()
    contacts = made.contacts([person(number, **changes) for number, changes in enumerate(rows)])
    made.settle()
    nothing_is_lost(made)
    ids = iter(contacts)
    for name, (_, expected) in ARRIVES.items():
        contact = next(ids)
        if expected is not None:
            lead = lead_of(made, contact)
            assert {field: lead.get(field) for field in expected} == expected, name
    for name, (_, reason) in REFUSED.items():
        assert reason in made.told(next(ids)).get("syncd_handoff_missing", ""), name
    for name in TOO_EARLY:
        assert made.told(next(ids))["syncd_handoff_status"] == "not due", name
    goes_quiet(made)


def test_a_hostile_branch_and_a_wide_customer_number_hold_up_nobody(made: World) -> None:
    """The ERP's columns hold whatever a clerk typed; the branch keeps its text, its neighbours arrive."""
    from support.world import add_branch

    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    add_branch(made, "S1", "Werk\x00 😀", street="a\x00b", postcode="01234")
    add_branch(made, "S2", "", street=LONG, phone="call me")
    add_branch(made, "S3", "Works Peoria", street="7 River Rd")
    made.settle()
    branches = {row["Ship_To__c"]: row for row in made.salesforce.all("Branch__c")}
    assert branches["S1"]["Name"] == "Werk 😀"
    assert branches["S1"]["Postal_Code__c"] == "01234"
    assert "S3" in branches
    goes_quiet(made)


# --- payloads


class Distorted:
    """A simulator whose answers to searches for contacts are changed on their way out."""

    def __init__(self, simulator: Any, change: Callable[[list[dict[str, Any]]], None]) -> None:
        self._simulator = simulator
        self._change = change
        self.name = simulator.name

    def label(self, request: Request) -> str:
        return str(self._simulator.label(request))

    def handle(self, request: Request) -> Response:
        answer: Response = self._simulator.handle(request)
        if "contacts/search" in self.label(request) and answer.status == 200:
            body = json.loads(json.dumps(answer.body))
            self._change(body["results"])
            answer.body = body
        return answer


def distort(made: World, change: Callable[[list[dict[str, Any]]], None]) -> None:
    made.servers["hubspot"].simulator = Distorted(made.hubspot, change)


def test_numbers_and_booleans_as_json_are_read_like_text(made: World) -> None:
    """HubSpot says all is text; a proxy or a later version may say otherwise."""

    def as_json(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["properties"].update(numberofemployees=500, budget_amount=50000.5, hs_email_optout=True, zip=60601)

    distort(made, as_json)
    contact = made.contact()
    made.settle()
    lead = lead_of(made, contact)
    assert (lead["NumberOfEmployees"], lead["Budget__c"], lead["HasOptedOutOfEmail"]) == (500, "50000.5", True)
    nothing_is_lost(made)


def test_properties_that_nobody_asked_for_and_ones_left_out_change_nothing_else(made: World) -> None:
    """One row comes with more than was asked for and one with less; both go their way, the rest of the page too."""
    more, less, plain = made.contacts([person(1), person(2), person(3)])

    def odd(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["id"] == more:
                row["properties"]["surprise"] = {"nested": [1, None]}
                row["unheard"] = LONG[:1000]
            if row["id"] == less:
                del row["properties"]["budget_amount"]
                del row["properties"]["company"]

    distort(made, odd)
    made.settle()
    assert made.told(more)["syncd_handoff_status"] == made.told(plain)["syncd_handoff_status"] == "handed over"
    assert "budget: missing" in made.told(less)["syncd_handoff_missing"]
    nothing_is_lost(made)
    goes_quiet(made)


def test_a_row_without_properties_or_id_holds_up_nobody(made: World) -> None:
    """Neither can be stored as anything; the others of the page arrive."""
    bare, plain = made.contacts([person(1), person(2)])

    def odd(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["id"] == bare:
                row["properties"] = None
        rows.append({"properties": {"email": "nobody@works.example"}})

    distort(made, odd)
    made.cycle()
    made.cycle()
    assert made.told(plain)["syncd_handoff_status"] == "handed over"
    assert len(made.leads()) == 1


def test_two_contacts_with_one_address_are_never_made_one_in_silence(made: World) -> None:
    """HubSpot never has two, but an import or a merge half done may: the second is linked to nobody and asked about."""
    first, second, plain = made.contacts([person(1), person(2), person(3)])

    def twin(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["id"] == second:
                row["properties"]["email"] = " P1@WORKS.example"

    distort(made, twin)
    made.settle()
    assert made.told(first)["syncd_handoff_status"] == made.told(plain)["syncd_handoff_status"] == "handed over"
    (asked,) = made.problems()
    assert f"hubspot contacts {second} has the same email as lead" in asked
    assert "it was linked to nobody and is kept. Merge the two over there, or change one of them" in asked
    assert f" (hubspot contacts {first})" in asked
    with pytest.raises(NotFound, match=rf"hubspot contacts {second} is kept and linked to nobody; `syncd problems`"):
        tell(made.app.engine, made.app.mappings, f"hubspot:contacts:{second}")
    assert len(made.leads()) == 2
    nothing_is_lost(made)
    goes_quiet(made)


# --- a CRM that answers 200 with an error in a row


def _validation(made: World) -> Callable[[], None]:
    made.salesforce.add_validation_rule(
        "Lead", lambda row: row.get("LastName") == "Family1", "Ask the desk first", "LastName"
    )
    return made.salesforce.org.validation_rules.clear


def _picklist(made: World) -> Callable[[], None]:
    made.salesforce.define_field("Lead", "Authority__c", "picklist", picklist=("recommends",), restricted=True)
    return lambda: made.salesforce.define_field("Lead", "Authority__c", "picklist", picklist=AUTHORITY, restricted=True)


def _too_long(made: World) -> Callable[[], None]:
    made.salesforce.define_field("Lead", "Competitors__c", "string", length=20)
    return lambda: made.salesforce.define_field("Lead", "Competitors__c", "string", length=255)


def _duplicate(made: World) -> Callable[[], None]:
    made.salesforce.seed("Lead", [{"LastName": "Elder", "Company": "Elder Works"}])
    made.salesforce.add_duplicate_rule("Lead", "Company")
    return made.salesforce.org.duplicate_rules.clear


ROWS: Mapping[str, tuple[Callable[[World], Callable[[], None]], dict[str, str], str]] = {
    "a validation rule": (
        _validation,
        {},
        "(field LastName): Salesforce refused this Lead. FIELD_CUSTOM_VALIDATION_EXCEPTION: a validation rule of the "
        "org says: Ask the desk first (LastName). What is known of it is kept",
    ),
    "a text that is too long": (
        _too_long,
        {"competitors_considered": "a company with a rather long name"},
        "(field Competitors__c): Salesforce refused this Lead. STRING_TOO_LONG: a text is longer than the 20 "
        "characters that the field takes; lengthen the field, or cut with `truncate` in the mapping (Competitors__c). "
        "What is known of it is kept",
    ),
    "a duplicate rule": (
        _duplicate,
        {"company": "Elder Works"},
        ": Salesforce refused this Lead. DUPLICATES_DETECTED: a duplicate rule of the org found records like this "
        "one; merge them, or relax the rule; it is said to duplicate Lead 00Q",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_the_crm_refuses_waits_alone_and_goes_through_once_mended(
    made: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its neighbours arrive, a person is told field and remedy, it is not sent again until something of it changes."""
    monkeypatch.setattr(drift, "PATIENCE_MS", 0)  # what Salesforce lacks is looked for again at once
    break_it, changes, says = ROWS[name]
    mend_it = break_it(made)
    other = {"authority": "recommends"}
    contacts = made.contacts([person(0, **other), person(1, **changes), person(2, **other)])
    before = len(made.leads())
    made.settle()
    assert len(made.leads()) - before == 2
    (asked,) = about_rows(made)
    assert says in asked
    assert asked.endswith("it is tried again when a value of it changes")
    assert not any(value in asked for value in ("Family1", "p1@works.example", "rather long name"))
    nothing_is_lost(made)
    goes_quiet(made)
    mend_it()
    made.hubspot.edit("contacts", contacts[1], {"city": "Peoria"})
    made.settle()
    assert len(made.leads()) - before == 3
    assert made.told(contacts[1])["syncd_handoff_status"] == "handed over"
    assert made.problems() == []
    goes_quiet(made)


def test_an_option_that_is_gone_over_there_holds_up_no_lead(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives without the field, a person is told the line and the remedy, and the field follows once it is back."""
    monkeypatch.setattr(drift, "PATIENCE_MS", 0)  # what Salesforce lacks is looked for again at once
    mend_it = _picklist(made)
    made.contacts([person(0, authority="recommends"), person(1)])
    before = len(made.leads())
    made.settle()
    assert len(made.leads()) - before == 2
    assert authority_of_the_lead(made) is None
    asked = [one for one in made.problems() if "does not allow the choice 'decides'; allowed: recommends" in one]
    assert len(asked) == 1
    assert "salesforce.yaml:" in asked[0]
    assert asked[0].endswith("it is written by itself once mended")
    nothing_is_lost(made)
    goes_quiet(made)
    mend_it()
    made.wait_is_over()
    made.settle()
    assert authority_of_the_lead(made) == "decides"
    assert made.problems() == []
    goes_quiet(made)


def authority_of_the_lead(made: World) -> Any:
    return next(one.get("Authority__c") for one in made.leads() if one["LastName"] == "Family1")


def test_a_row_that_is_locked_for_a_moment_goes_through_in_the_same_call(made: World) -> None:
    """Somebody saves the record in the same second; nobody is asked anything."""
    contact = made.contact()
    made.settle()
    made.salesforce.lock_row(made.leads()[0]["Id"])
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    once = made.cycle()
    assert once.outcomes == {"written": 1}
    assert made.leads()[0]["Problem__c"] == "Scrap on line 4"
    assert made.problems() == []


def test_a_row_that_stays_locked_is_tried_again_later_and_not_at_every_poll(made: World) -> None:
    """It is put off, its value is kept, and it goes through when the lock is gone."""
    contact = made.contact()
    made.settle()
    made.salesforce.lock_row(made.leads()[0]["Id"], times=3)
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    assert made.cycle().outcomes == {"deferred": 1}
    assert made.cycle().outcomes == {}
    made.wait_is_over()
    made.settle()
    assert made.leads()[0]["Problem__c"] == "Scrap on line 4"


def test_a_property_that_hubspot_refuses_is_asked_about_and_the_lead_arrives(made: World) -> None:
    """What syncd tells marketing is no option there: the line is named, all else is written, the CRM has the lead."""
    made.hubspot.define_property("contacts", "syncd_stage", "enumeration", "select", options=("inquiry", "sal", "sql"))
    contact = made.contact()
    made.settle()
    assert len(made.leads()) == 1
    told = made.problems()
    assert told
    assert all("hubspot contacts.syncd_stage does not allow the choice '" in one for one in told)
    assert any(
        "'mql'" in one and "Records with this choice, new ones too, are written without the field" in one
        for one in told
    )
    assert made.told(contact)["syncd_handoff_status"] == "handed over"
    goes_quiet(made)
