"""Invent the people around the plants: as untidy as real records, at reserved domains, and never the same twice.

Where they are stored, and as what, is decided in sandbox.company.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from sandbox.erp import Plant
from sandbox.fields import AUTHORITY, LEVELS

FACTS = (
    "problem",
    "authority",
    "buying_group",
    "budget_amount",
    "competitors_considered",
    "decision_date",
)
_USA = ("USA", "U.S.A.", "United States", "US", "us", "United States of America", "usa ", "America")
_FORMS = {"LLC": "L.L.C.", "INC": "Inc.", "CORP": "Corporation", "CO": "Co.", "LTD": "Ltd.", "COS": "Companies"}
_STREETS = {
    "ST": "Street",
    "AVE": "Ave.",
    "RD": "Road",
    "DR": "Drive",
    "BLVD": "Boulevard",
    "LN": "Lane",
    "HWY": "Hwy.",
}
_LEGAL = {"LLC", "INC", "CORP", "CO", "LTD", "LP", "COS", "CORPORATION", "COMPANY"}
_KEPT_CAPITALS = {"LLC", "LP", "USA", "US", "II", "III", "IL", "PLC", "AG", "SA", "NV", "HQ"}


class Readiness(Enum):
    """How far a person's record has come."""

    COMPLETE = "complete"
    NEARLY = "nearly"  # in the market, one to three facts missing
    INQUIRY = "inquiry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """An employer. `plant` is the place people work at when it is a customer's."""

    name: str
    domain: str
    street: str
    city: str
    state: str
    postcode: str
    countries: Sequence[str]
    industry: str
    employees: int
    plant: Plant | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One invented person: what is on the contact, under HubSpot's property names."""

    first: str
    last: str
    email: str  # "" for none
    company: Company
    readiness: Readiness
    campaign: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@cache
def words() -> dict[str, Any]:
    """Return the lists that people are made from."""
    return dict(json.loads(files("sandbox.data").joinpath("people.json").read_text(encoding="utf-8")))


def invent(count: int, plants: Sequence[Plant], seed: int, now: datetime) -> list[Person]:
    """Return `count` people: the same for the same seed, plants and time; no two with one e-mail address."""
    rng = random.Random(f"{seed}:people")
    workplaces = [_workplace(plant) for plant in plants]
    elsewhere = [_elsewhere(entry) for entry in words()["elsewhere"]]
    taken: set[str] = set()
    people = []
    for _ in range(count):
        roll = rng.random()
        readiness = Readiness.COMPLETE if roll < 0.15 else Readiness.NEARLY if roll < 0.40 else Readiness.INQUIRY
        at_plant = readiness is not Readiness.INQUIRY or rng.random() < 0.6
        company = rng.choice(workplaces) if at_plant else rng.choice(elsewhere)
        people.append(_person(rng, company, readiness, taken, now))
    return people


def another(person: Person, rng: random.Random, now: datetime) -> Mapping[str, Any]:
    """Return a second record of the same person, as forms and badge scans make them: no e-mail, other spellings."""
    kept = {n: person.properties[n] for n in ("company", "city", "zip", "country", "phone") if n in person.properties}
    return {
        **kept,
        "firstname": person.first[:1] + ".",
        "lastname": person.last.upper(),
        "recent_conversion_event_name": "Trade show badge scan",
        "recent_conversion_date": stamp(now - timedelta(days=rng.randrange(1, 60))),
    }


def respell(rng: random.Random, name: str) -> str:
    """Return a company's name as somebody else would write it: case, legal form, punctuation."""
    parts = name.split()
    if len(parts) > 1 and parts[-1] in _LEGAL:
        choice = rng.random()
        if choice < 0.3:
            parts = parts[:-1]
        elif choice < 0.7:
            parts[-1] = _FORMS.get(parts[-1], parts[-1])
    text = " ".join(part if part in _KEPT_CAPITALS or "." in part else _capital(part) for part in parts)
    roll = rng.random()
    if roll < 0.1:
        return text.upper()
    if roll < 0.2:
        return text.replace(" & ", " and ").replace(" AND ", " & ")
    return text + "  " if roll < 0.23 else text


def slug(name: str) -> str:
    """Return a name as a reserved domain holds it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")


def fact(rng: random.Random, name: str, now: datetime) -> str:
    """Return a good value for one of FACTS."""
    match name:
        case "authority":
            return rng.choice(AUTHORITY[:2])
        case "budget_amount":
            return str(rng.choice((15, 25, 40, 60, 85, 120, 250)) * 1000)
        case "decision_date":
            return (now + timedelta(days=rng.randrange(30, 240))).date().isoformat()
        case "problem":
            return str(rng.choice(words()["problems"]))
        case "buying_group":
            return str(rng.choice(words()["buying_groups"]))
        case _:
            return str(rng.choice(words()["competitors"]))


def stamp(moment: datetime) -> str:
    """Return a time as HubSpot writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def messy_phone(rng: random.Random, phone: str) -> str:
    """Return a North American number in one of the ways people write them."""
    area, number = re.findall(r"\d{3}", phone)[0], phone[-8:]
    styles = (
        f"({area}) {number}",
        f"({area}) {number} x{rng.randrange(10, 99)}",
        f"{area}.{number.replace('-', '.')}",
        f"+1 {area} {number}",
        f"1-{area}-{number}",
        f"{area}{number.replace('-', '')}",
        f" {area} {number} ext. {rng.randrange(100, 999)}",
    )
    return rng.choice(styles)


# ---------------------------------------------------------------------------------------------------------------------


def _workplace(plant: Plant) -> Company:
    # A company keeps its size and line of business whoever asks, so both come from its number and not from chance.
    own = random.Random(plant.customer_no)
    employees = own.choice((45, 120, 240, 310, 480, 650, 900, 1200, 1800, 2600, 4200, 12_000))
    return Company(
        name=plant.reported,
        domain=f"{slug(plant.parent) or plant.customer_no}.example",
        street=plant.street,
        city=plant.city,
        state=plant.state,
        postcode=plant.postcode,
        countries=_USA,
        industry=words()["industries"].get(plant.industry, "MACHINERY"),
        employees=employees,
        plant=plant,
    )


def _elsewhere(entry: Mapping[str, Any]) -> Company:
    own = random.Random(entry["name"])
    return Company(
        name=entry["name"],
        domain=f"{slug(entry['name'])}.example",
        street=entry["street"],
        city=entry["city"],
        state=entry["state"],
        postcode=entry["zip"],
        countries=entry["country"],
        industry=own.choice(("HOSPITAL_HEALTH_CARE", "RETAIL", "MACHINERY", "LOGISTICS_AND_SUPPLY_CHAIN")),
        employees=own.choice((12, 80, 350, 2200, 9000)),
    )


def _person(rng: random.Random, company: Company, readiness: Readiness, taken: set[str], now: datetime) -> Person:
    given, family = rng.choice(list(words()["names"].values()))
    first, last = rng.choice(given), rng.choice(family)
    ready = readiness is not Readiness.INQUIRY
    email = _email(rng, first, last, company, taken, always=ready)
    campaign = rng.choice(words()["campaigns"]) if ready or rng.random() < 0.6 else ""
    properties = {
        **_name(rng, first, last, ready),
        **_work(rng, company, readiness),
        **_reach(rng, company, email, ready),
        **_activity(rng, now, ready),
        **_facts(rng, readiness, now),
        "campaign": campaign,
        "hs_analytics_source_data_1": campaign,
    }
    return Person(
        first=first,
        last=last,
        email=email,
        company=company,
        readiness=readiness,
        campaign=campaign,
        properties={name: value for name, value in properties.items() if value not in ("", None)},
    )


def _name(rng: random.Random, first: str, last: str, ready: bool) -> dict[str, str]:
    roll = rng.random()
    if roll < 0.06:
        first, last = first.upper(), last.upper()
    elif roll < 0.09:
        first = f"Dr. {first}"
    elif roll < 0.13:
        last = f"{last} "
    elif roll < 0.16:
        first, last = first.lower(), last.lower()
    elif roll < 0.19 and not ready:
        first = rng.choice(("", "test", "n/a", "-"))
    return {"firstname": first, "lastname": last}


def _work(rng: random.Random, company: Company, readiness: Readiness) -> dict[str, Any]:
    ready = readiness is not Readiness.INQUIRY
    level = rng.choice(LEVELS[3:] if ready and rng.random() < 0.95 else LEVELS)
    name = company.name
    if company.plant is not None and rng.random() < 0.35:
        name = company.plant.name  # people name the plant they work at as often as its owner
    in_market = 200 <= company.employees < 5000
    employees = company.employees if in_market or not ready else 200 + company.employees % 4000
    shown = respell(rng, name) if company.plant else name
    if not ready and rng.random() < 0.05:
        shown = rng.choice(("n/a", "self", "unknown", "test", "XYZ"))
    return {
        "company": shown,
        "jobtitle": rng.choice(words()["titles"][level]),
        "job_level": level if ready or rng.random() < 0.4 else "",
        "industry": company.industry if ready or rng.random() < 0.6 else rng.choice(("", "Mfg", "other", "n/a")),
        "numberofemployees": employees if ready or rng.random() < 0.5 else "",
    }


def _reach(rng: random.Random, company: Company, email: str, ready: bool) -> dict[str, str]:
    address = ready or rng.random() < 0.8
    found = {
        "email": email,
        "country": rng.choice(company.countries) if ready or rng.random() < 0.9 else "",
        "address": _street(rng, company.street) if address else "",
        "city": company.city.title() if rng.random() < 0.7 else company.city,
        "state": company.state,
        "zip": _postcode(rng, company) if address else "",
        "website": f"www.{company.domain}" if rng.random() < 0.3 else "",
    }
    phone = _phone(rng, company)
    if not ready and rng.random() < 0.4:
        phone = rng.choice(("", "", "n/a", "000-0000", "call reception"))
    found["mobilephone" if rng.random() < 0.25 else "phone"] = phone
    return found


def _phone(rng: random.Random, company: Company) -> str:
    if company.plant is not None:
        # Half reach the plant's switchboard, the others a line of their own in the same area.
        own = f"{company.plant.phone[:-2]}{rng.randrange(100):02d}"
        return messy_phone(rng, company.plant.phone if rng.random() < 0.5 else own)
    tail = f"{rng.randrange(100):02d}"
    ranges = {
        "London": f"020 7946 01{tail}",
        "Berlin": f"+49 30 23125 1{tail}",
        "Lyon": f"+33 1 99 00 12 {tail}",
        "Göteborg": f"+46 (0)8-465 004 {tail}",
        "Perth": f"(08) 5550 12{tail}",
        "Toronto": f"416-555-01{tail}",
        "Bergen": "",  # Norway keeps no range for fiction
    }
    return ranges.get(company.city, f"(206) 555-01{tail}")


def _activity(rng: random.Random, now: datetime, ready: bool) -> dict[str, Any]:
    """Return what the person read and did, under HubSpot's own properties."""
    created = now - timedelta(days=rng.randrange(5, 400), seconds=rng.randrange(86_400))
    latest = created + (now - created) * rng.random()
    if ready:
        latest = now - timedelta(days=rng.randrange(10), seconds=rng.randrange(3600, 86_400))
    created = min(created, latest)
    views = rng.randrange(8, 60) if ready else rng.randrange(12)
    found: dict[str, Any] = {
        "createdate": stamp(created),
        "lastmodifieddate": stamp(latest),
        "lifecyclestage": "lead",
        "hs_analytics_source": rng.choice(("ORGANIC_SEARCH", "EMAIL_MARKETING", "OFFLINE", "PAID_SEARCH")),
        "hs_analytics_num_page_views": views,
        "hs_analytics_num_visits": max(1, views // 4),
        "hs_analytics_last_timestamp": stamp(latest),
        "hs_analytics_last_url": f"https://www.example.com{rng.choice(words()['pages'])}",
        "hs_email_optout": True if rng.random() < 0.04 and not ready else None,
    }
    if ready or rng.random() < 0.5:
        found |= {
            "recent_conversion_event_name": rng.choice(words()["forms"]),
            "recent_conversion_date": stamp(latest),
            "num_conversion_events": rng.randrange(1, 6),
        }
    if rng.random() < 0.5:
        found |= {
            "hs_email_last_email_name": rng.choice(words()["emails"]),
            "hs_email_last_click_date": stamp(latest - timedelta(hours=5)),
        }
    return found


def _facts(rng: random.Random, readiness: Readiness, now: datetime) -> dict[str, str]:
    if readiness is Readiness.COMPLETE:
        missing: set[str] = set()
    elif readiness is Readiness.NEARLY:
        often = ("budget_amount", "authority", "budget_amount", "authority", *FACTS)
        missing = {rng.choice(often) for _ in range(rng.choice((1, 1, 2, 3)))}
    else:
        missing = {name for name in FACTS if rng.random() < 0.85}
    return {name: fact(rng, name, now) for name in FACTS if name not in missing}


def _email(rng: random.Random, first: str, last: str, company: Company, taken: set[str], *, always: bool) -> str:
    """Return an address nobody has yet, or none; names that ASCII cannot write give a number in their place."""
    if not always and rng.random() < 0.06:
        return ""
    left = ".".join(part for part in (slug(first), slug(last)) if part) or f"p{rng.randrange(10_000)}"
    domain = (
        company.domain if always or rng.random() < 0.85 else rng.choice(("example.com", "example.net", "mail.example"))
    )
    email, number = f"{left}@{domain}", 1
    while email in taken:
        number += 1
        email = f"{left}{number}@{domain}"
    taken.add(email)
    return email


def _street(rng: random.Random, street: str) -> str:
    parts = street.split()
    if rng.random() < 0.4:
        return street
    words_out = [_STREETS.get(p, p if p[:1].isdigit() or len(p) == 1 else _capital(p)) for p in parts]
    return " ".join(words_out)


def _postcode(rng: random.Random, company: Company) -> str:
    code = company.postcode
    if company.plant is not None and len(code) == 5 and rng.random() < 0.15:
        return f"{code}-{rng.randrange(1000, 9999)}"
    return code


def _capital(word: str) -> str:
    return word if word in _KEPT_CAPITALS else word.capitalize()
