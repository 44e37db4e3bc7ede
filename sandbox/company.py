"""A company in a box: the same plants and people as an ERP, a HubSpot and a Salesforce hold them, each its own way.

Inventing the people is in sandbox.people, the custom fields in sandbox.fields, what happens next in sandbox.actors.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox import erp
from sandbox.erp import Plant, headquarters, read_plants
from sandbox.fields import define_hubspot, define_salesforce
from sandbox.hubspot import HubSpot
from sandbox.people import Person, another, invent, messy_phone, respell, slug, stamp, words
from sandbox.salesforce import Salesforce

__all__ = ["define_hubspot", "define_salesforce", "found"]

LEADS = 200  # of the people, already Leads in Salesforce
CONTACTS = 150  # already Contacts there
DEALS = 60
_STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Closed Won", "Closed Lost")
_DEAL_STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "closedwon", "closedlost")


def found(
    hubspot: HubSpot, salesforce: Salesforce, database: Path, *, people: int, seed: int, now: datetime
) -> list[Person]:
    """Fill the three systems and return the people; the same for the same seed and time.

    Of fewer people than 1,000 proportionally fewer are in Salesforce already.
    """
    plants = read_plants()
    crowd = invent(people, plants, seed, now)
    erp.build(database, plants, seed, now)
    define_hubspot(hubspot)
    define_salesforce(salesforce)
    accounts = _accounts(salesforce, plants, seed, now)
    companies = _companies(hubspot, plants, seed, now)
    _contacts(hubspot, crowd, companies, seed, now)
    campaigns = _campaigns(salesforce, seed, now)
    _known_in_salesforce(salesforce, crowd, accounts, campaigns, seed, now)
    _deals(hubspot, salesforce, plants, accounts, seed, now)
    return crowd


# ---------------------------------------------------------------------------------------------------------------------


def _accounts(salesforce: Salesforce, plants: Sequence[Plant], seed: int, now: datetime) -> dict[str, str]:
    """Make one Account per ERP customer and return customer number -> Account id; a tenth lacks the number."""
    rng = random.Random(f"{seed}:accounts")
    main = headquarters(plants)
    rows = [_account(rng, plant, now) for plant in main.values()]
    return dict(zip(main, salesforce.seed("Account", rows), strict=True))


def _account(rng: random.Random, plant: Plant, now: datetime) -> dict[str, Any]:
    numbered = rng.random() < 0.9
    return {
        "Name": respell(rng, plant.reported).strip(),
        "AccountNumber": plant.customer_no if numbered else None,
        "Website": f"https://www.{slug(plant.parent)}.example" if rng.random() < 0.7 else None,
        "BillingStreet": plant.street.title() if rng.random() < 0.6 else plant.street,
        "BillingCity": plant.city.title(),
        "BillingState": plant.state,
        "BillingPostalCode": plant.postcode,
        "BillingCountry": rng.choice(("United States", "USA", "US")),
        "Phone": messy_phone(rng, plant.phone),
        "SystemModstamp": _past(rng, now, 300),
    }


def _companies(hubspot: HubSpot, plants: Sequence[Plant], seed: int, now: datetime) -> dict[str, str]:
    """Make HubSpot companies for six customers in ten; return customer number -> company id."""
    rng = random.Random(f"{seed}:companies")
    chosen = {number: plant for number, plant in headquarters(plants).items() if rng.random() < 0.6}
    rows = [
        {
            "name": respell(rng, plant.reported),
            "domain": f"{slug(plant.parent) or number}.example",
            "phone": messy_phone(rng, plant.phone),
            "address": plant.street,
            "city": plant.city.title(),
            "state": plant.state,
            "zip": plant.postcode,
            "country": "United States",
            "createdate": _past(rng, now, 500, 301),
            "hs_lastmodifieddate": _past(rng, now, 300),
        }
        for number, plant in chosen.items()
    ]
    return dict(zip(chosen, hubspot.seed("companies", rows), strict=True))


def _contacts(
    hubspot: HubSpot, crowd: Sequence[Person], companies: Mapping[str, str], seed: int, now: datetime
) -> None:
    """Store everyone as a contact, and two in a hundred a second time."""
    rng = random.Random(f"{seed}:contacts")
    rows: list[Mapping[str, Any]] = []
    for person in crowd:
        plant = person.company.plant
        company = companies.get(plant.customer_no) if plant else None
        rows.append({**person.properties, "associatedcompanyid": company})
        if rng.random() < 0.02:
            rows.append(another(person, rng, now))
    hubspot.seed("contacts", rows)


def _campaigns(salesforce: Salesforce, seed: int, now: datetime) -> dict[str, str]:
    rng = random.Random(f"{seed}:campaigns")
    names = words()["campaigns"]
    rows = []
    for name in names:
        start = now - timedelta(days=rng.randrange(20, 300))
        over = rng.random() < 0.4
        rows.append(
            {
                "Name": name,
                "Type": rng.choice(("Webinar", "Email", "Trade Show", "Advertisement")),
                "Status": "Completed" if over else "In Progress",
                "IsActive": not over,
                "StartDate": start.date().isoformat(),
                "EndDate": (start + timedelta(days=60)).date().isoformat(),
                "BudgetedCost": rng.randrange(2, 40) * 500,
                "SystemModstamp": _past(rng, now, 200),
            }
        )
    return dict(zip(names, salesforce.seed("Campaign", rows), strict=True))


def _known_in_salesforce(
    salesforce: Salesforce,
    crowd: Sequence[Person],
    accounts: Mapping[str, str],
    campaigns: Mapping[str, str],
    seed: int,
    now: datetime,
) -> None:
    """Make Leads and Contacts of people who are in HubSpot too, spelled as a rep would; a few of them twice."""
    rng = random.Random(f"{seed}:known")
    share = min(1.0, len(crowd) / 1000)
    at_customers = [person for person in crowd if person.email and person.company.plant]
    as_leads, as_contacts = int(LEADS * share), int(CONTACTS * share)
    known = rng.sample(at_customers, as_leads + as_contacts)
    leads, contacts = known[:as_leads], known[as_leads:]
    rows = [_lead(rng, person, now) for person in leads]
    rows += [_lead(rng, person, now) for person in leads[: len(leads) // 25]]
    ids = salesforce.seed("Lead", rows)
    salesforce.seed("Contact", [_contact(rng, person, accounts, now) for person in contacts])
    members = [
        {"CampaignId": campaigns[person.campaign], "LeadId": lead, "Status": "Sent"}
        for person, lead in zip(leads, ids, strict=False)
        if person.campaign
    ]
    salesforce.seed("CampaignMember", members)


def _lead(rng: random.Random, person: Person, now: datetime) -> dict[str, Any]:
    return {
        **_identity(rng, person),
        "Company": respell(rng, person.company.name).strip(),
        "Street": person.company.street,
        "City": person.company.city.title(),
        "State": person.company.state,
        "PostalCode": person.company.postcode,
        "LeadSource": rng.choice(("Web", "Phone Inquiry", "Purchased List", "Other")),
        "Status": rng.choice(("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")),
        "SystemModstamp": _past(rng, now, 250),
    }


def _contact(rng: random.Random, person: Person, accounts: Mapping[str, str], now: datetime) -> dict[str, Any]:
    plant = person.company.plant
    return {
        **_identity(rng, person),
        "AccountId": accounts[plant.customer_no] if plant else None,
        "MailingStreet": person.company.street,
        "MailingCity": person.company.city.title(),
        "MailingPostalCode": person.company.postcode,
        "MailingCountry": "United States",
        "SystemModstamp": _past(rng, now, 250),
    }


def _identity(rng: random.Random, person: Person) -> dict[str, Any]:
    phone = person.properties.get("phone") or person.properties.get("mobilephone")
    styles = (person.email, person.email.upper(), person.email.title())
    return {
        "FirstName": person.first,
        "LastName": person.last.upper() if rng.random() < 0.1 else person.last,
        "Email": rng.choice(styles) if rng.random() < 0.4 else person.email,
        "Phone": str(phone).strip()[:40] if phone and rng.random() < 0.8 else None,
        "Title": person.properties.get("jobtitle"),
    }


def _deals(
    hubspot: HubSpot,
    salesforce: Salesforce,
    plants: Sequence[Plant],
    accounts: Mapping[str, str],
    seed: int,
    now: datetime,
) -> None:
    rng = random.Random(f"{seed}:deals")
    deals, opportunities = [], []
    for plant in rng.sample(list(headquarters(plants).values()), DEALS):
        name = f"{respell(rng, plant.reported).strip()} - {rng.choice(('pumps', 'service', 'retrofit', 'audit'))}"
        amount, stage = rng.randrange(10, 400) * 1000, rng.randrange(len(_STAGES))
        close = now + timedelta(days=rng.randrange(-200, 200))
        modified = _past(rng, now, 200)
        deals.append(
            {
                "dealname": name,
                "amount": amount,
                "dealstage": _DEAL_STAGES[stage],
                "pipeline": "default",
                "closedate": stamp(close),
                "hs_lastmodifieddate": modified,
            }
        )
        opportunities.append(
            {
                "Name": name[:120],
                "AccountId": accounts[plant.customer_no],
                "StageName": _STAGES[stage],
                "Amount": amount,
                "CloseDate": close.date().isoformat(),
                "SystemModstamp": modified,
            }
        )
    hubspot.seed("deals", deals)
    salesforce.seed("Opportunity", opportunities)


def _past(rng: random.Random, now: datetime, days: int, at_least: int = 1) -> str:
    return stamp(now - timedelta(days=rng.randrange(at_least, days), seconds=rng.randrange(86_400)))
