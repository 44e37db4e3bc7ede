"""What people do while syncd runs, act by act: marketing in HubSpot, reps in Salesforce, operations in the ERP.

Every last name occurs once, so that the checker can tell whose Lead is whose without asking syncd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

FULL: Mapping[str, str] = {
    "email": "",
    "firstname": "Pat",
    "jobtitle": "VP Operations",
    "company": "Works Inc.",
    "industry": "manufacturing",
    "numberofemployees": "500",
    "country": "USA",
    "problem": "Downtime of the paint line",
    "authority": "decides",
    "buying_group": "plant manager",
    "budget_amount": "50000",
    "competitors_considered": "none considered",
    "decision_date": "2027-03-31",
}


class Company(Protocol):
    """The people's hands."""

    def add_contact(self, fields: Mapping[str, str]) -> str: ...

    def edit_contact(self, last_name: str, **fields: str) -> None: ...

    def add_lead(self, fields: Mapping[str, str]) -> str: ...

    def edit_lead(self, last_name: str, **fields: str) -> None: ...

    def delete_lead(self, last_name: str) -> None: ...

    def add_account(self, fields: Mapping[str, str]) -> str: ...

    def add_ship_to(self, number: str, **fields: str) -> None: ...

    def edit_ship_to(self, number: str, **fields: str) -> None: ...

    def wait_a_second(self) -> None:
        """Let the next whole second begin: Salesforce stamps no finer, so what comes now is later for both systems."""


def _contact(company: Company, number: int, last_name: str, **changes: str) -> None:
    usual = {"lastname": last_name, "mobilephone": f"(312) 555-01{number:02d}"}
    company.add_contact({**FULL, "email": f"{last_name.lower()}@works.example", **usual, **changes})


def first_load(company: Company) -> None:
    """Complete, incomplete, without e-mail, known in the CRM; an account with branches."""
    company.add_account({"Name": "Works Inc", "AccountNumber": "C1", "BillingCountry": "US"})
    company.add_ship_to("S1", street="100 W Main St", postcode="60601")
    company.add_ship_to("S2", street="7 River Rd", postcode="61602")
    company.add_lead({"LastName": "Known", "Company": "Works", "Email": "known@works.example"})
    _contact(company, 1, "Plain", address="100 West Main Street", zip="60601", city="Chicago", state="IL")
    _contact(company, 2, "Nobudget", budget_amount="")
    _contact(company, 3, "Noauthority", authority="", problem="")
    _contact(company, 4, "Nomail", email="")
    _contact(company, 5, "Known")
    _contact(company, 6, "Gone")


def edits(company: Company) -> None:
    """Updates, a release, a newcomer without e-mail, a branch that moves and one that opens."""
    company.edit_contact("Plain", problem="Scrap on line 4", budget_amount="60000")
    company.edit_contact("Nobudget", budget_amount="75000")
    company.edit_contact("Known", jobtitle="VP Plants")
    company.edit_contact("Nomail", decision_date="2027-06-30")
    _contact(company, 7, "Late", email="")
    company.edit_ship_to("S1", phone="312 555 0777")
    company.add_ship_to("S3", street="1 Lake Ave", postcode="60602")


def sales(company: Company) -> None:
    """Accepted, rejected, corrected by the rep; a Lead deleted; marketing edits once more what it just edited."""
    company.edit_contact("Plain", problem="Scrap on line 5")
    company.edit_contact("Known", jobtitle="VP Sites")
    company.edit_contact("Late", problem="Downtime of line 9")
    company.edit_ship_to("S3", phone="312 555 0333")
    company.edit_lead("Plain", Syncd_Decision__c="accepted", Title="Chief Operating Officer")
    company.edit_lead(
        "Nobudget",
        Syncd_Decision__c="rejected",
        Syncd_Reason__c="rej.out_of_target",
        Syncd_Reason_Text__c="they only rent",
    )
    company.edit_lead("Known", Authority__c="recommends")
    company.delete_lead("Gone")


def conflict(company: Company) -> None:
    """Both sides at once, marketing against a rep's word, an edit of what sales deleted, a fact emptied."""
    company.edit_contact("Plain", authority="uses", jobtitle="VP Finance")
    company.wait_a_second()
    company.edit_lead("Plain", Authority__c="pays")
    company.edit_contact("Gone", problem="Too many recalls")
    company.edit_contact("Known", problem="Leaks in hall 3", budget_amount="90000")
    company.edit_contact("Noauthority", authority="decides")
    company.edit_contact("Late", authority="recommends")


def last_words(company: Company) -> None:
    """The second release, and the same fields once more: what was written last must win."""
    company.edit_contact("Noauthority", problem="Rust")
    company.edit_contact("Plain", problem="Noise in hall 1", budget_amount="61000")
    company.edit_contact("Known", budget_amount="91000")
    company.edit_contact("Late", decision_date="2027-09-30", authority="pays")
    company.edit_contact("Nomail", decision_date="2027-07-31", problem="Dust")
    company.edit_ship_to("S1", phone="312 555 0888", name="Works Chicago North")


ACTS: Sequence[Callable[[Company], None]] = (first_load, edits, sales, conflict, last_words)
