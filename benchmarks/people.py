"""The leads of the benchmarks: deterministic, complete at the gate, thirty mapped fields each."""

from __future__ import annotations

LEVELS = ("VP", "C-level")
TITLES = ("VP Operations", "Chief Operating Officer")
PROBLEMS = ("Downtime of the paint line", "Scrap on line 4", "Energy costs of the ovens", "Late deliveries")
CITIES = (("Chicago", "IL", "60601"), ("Austin", "TX", "78701"), ("Cleveland", "OH", "44101"), ("Tulsa", "OK", "74103"))
# Beyond the shipped mappings: what brings the one-way mapping to thirty fields. HubSpot's name -> Salesforce's.
EXTRA = {
    "product_interest": "Product_Interest__c",
    "current_supplier": "Current_Supplier__c",
    "preferred_channel": "Preferred_Channel__c",
    "plant_count": "Plant_Count__c",
    "contract_ends": "Contract_Ends__c",
    "annual_output": "Annual_Output__c",
}
NUMBERS = frozenset({"plant_count", "annual_output"})


def contact(number: int) -> dict[str, str]:
    """Return the HubSpot properties of the contact with this number."""
    city, state, postcode = CITIES[number % len(CITIES)]
    works = f"works{number % 500}"
    return {
        "email": f"person{number}@{works}.example",
        "firstname": f"Given{number % 997}",
        "lastname": f"Family{number}",
        # 555-01xx is set aside for such numbers; the area codes make them differ.
        "mobilephone": f"({_AREAS[number % len(_AREAS)]}) 555-{100 + number // len(_AREAS) % 9900:04d}",
        "jobtitle": TITLES[number % 2],
        "job_level": LEVELS[number % 2],
        "company": f"Works {number % 500} Inc.",
        "industry": "manufacturing",
        "numberofemployees": str(200 + number % 700),
        "website": f"https://{works}.example",
        "address": f"{100 + number % 9000} Main Street",
        "city": city,
        "state": state,
        "zip": postcode,
        "country": "USA",
        "problem": f"<p>{PROBLEMS[number % len(PROBLEMS)]}</p>",
        "authority": "decides",
        "buying_group": "plant manager, purchasing",
        "budget_amount": str(10_000 + number % 90_000),
        "competitors_considered": "none considered",
        "decision_date": "2027-03-31",
        "hs_email_optout": "false",
        "campaign": f"Campaign {number % 20}",
        "hs_analytics_source": "ORGANIC_SEARCH",
        "product_interest": f"Line {number % 9}",
        "current_supplier": f"Supplier {number % 30}",
        "preferred_channel": "telephone",
        "plant_count": str(1 + number % 12),
        "contract_ends": "2027-12-31",
        "annual_output": str(1000 + number % 5000),
    }


def change(turn: int) -> dict[str, str]:
    """Return an edit that differs from turn to turn."""
    return {"problem": f"<p>Problem of the day {turn}</p>", "plant_count": str(20 + turn)}


_AREAS = ("312", "512", "216", "918", "206", "303", "404", "503", "602", "702", "713", "801", "808", "907", "919")
