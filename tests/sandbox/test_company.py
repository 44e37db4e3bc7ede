"""The company in a box: what it is founded with, and that its people work."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from connectors.contract import Reading
from connectors.table.sql import Settings, connect
from sandbox import erp
from sandbox.actors import Actors
from sandbox.company import define_hubspot, define_salesforce, found
from sandbox.fields import REASONS
from sandbox.hubspot import HubSpot
from sandbox.people import FACTS, Readiness, invent
from sandbox.salesforce import Salesforce

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
RESERVED = re.compile(r"(^|[@.])(example\.(com|net|org)|[a-z0-9-]+\.(example|test|invalid))$")


class Town:
    """One founded company."""

    def __init__(self, folder: Path, people: int, seed: int = 7) -> None:
        self.database = folder / "erp.db"
        self.hubspot = HubSpot(clock=NOW.timestamp)
        self.salesforce = Salesforce(clock=NOW.timestamp)
        self.people = found(self.hubspot, self.salesforce, self.database, people=people, seed=seed, now=NOW)

    def actors(self, seed: int = 1) -> Actors:
        return Actors(self.hubspot, self.salesforce, self.database, seed=seed, now=lambda: NOW)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A company that tests only look at."""
    return Town(tmp_path_factory.mktemp("town"), people=3000)


@pytest.fixture
def village(tmp_path: Path) -> Town:
    """A small company that a test may change."""
    return Town(tmp_path, people=60)


def contents(town: Town) -> str:
    with sqlite3.connect(town.database) as db:
        rows = [db.execute(f"select * from {table}").fetchall() for table in ("customer", "ship_to")]
    db.close()
    kinds = ("contacts", "companies", "deals")
    objects = ("Account", "Lead", "Contact", "Campaign", "CampaignMember", "Opportunity")
    crm = [town.hubspot.all(kind) for kind in kinds] + [town.salesforce.all(name) for name in objects]
    return json.dumps([rows, crm], sort_keys=True)


# --- what is founded


def test_the_erp_holds_the_942_plants_as_ship_tos_of_their_686_customers(town: Town) -> None:
    ship_tos, customers = erp.rows(town.database, "ship_to"), erp.rows(town.database, "customer")
    assert len(ship_tos) == len({(r["customer_no"], r["ship_to_no"]) for r in ship_tos}) == 942
    assert len(customers) == 686
    assert {r["customer_no"] for r in ship_tos} == {r["customer_no"] for r in customers}
    assert sum(r["shipped_volume"] for r in ship_tos) > 942
    assert Counter(r["roles"] for r in ship_tos)["ship-to,sold-to"] == 686


def test_plants_of_one_parent_are_branches_of_one_customer_and_the_others_their_own(town: Town) -> None:
    plants = erp.read_plants()
    with_parent = {p.parent for p in plants if p.parent != p.name}
    assert len({p.customer_no for p in plants}) == len({p.parent for p in plants}) == 686
    assert len(with_parent) > 300


def test_the_same_seed_founds_the_same_company(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    a, b = Town(tmp_path / "a", 200), Town(tmp_path / "b", 200)
    assert contents(a) == contents(b)
    assert contents(a) != contents(Town(tmp_path / "c", 200, seed=8))


def test_every_address_is_at_a_reserved_domain(town: Town) -> None:
    emails = [row["email"] for row in town.hubspot.all("contacts") if row.get("email")]
    emails += [row["Email"] for name in ("Lead", "Contact") for row in town.salesforce.all(name) if row.get("Email")]
    domains = [row["domain"] for row in town.hubspot.all("companies")]
    assert len(emails) > 3000
    assert [text for text in [*emails, *domains] if not RESERVED.search(text.lower())] == []


def test_every_phone_number_is_of_a_range_for_fiction_or_no_number(town: Town) -> None:
    phones = [row.get(name, "") for row in town.hubspot.all("contacts") for name in ("phone", "mobilephone")]
    fiction = re.compile(r"55501\d\d$|^2079460|^4930231251|^33199001|^4608465004|^85550")
    bare = [re.sub(r"\D", "", re.split(r"x|ext", phone)[0]).lstrip("0") for phone in phones]
    odd = {phone for phone, digits in zip(phones, bare, strict=True) if digits and not fiction.search(digits)}
    assert odd <= {"000-0000"}


def test_a_spread_of_readiness_stands_at_the_start(town: Town) -> None:
    share = {kind: n / len(town.people) for kind, n in Counter(p.readiness for p in town.people).items()}
    assert share[Readiness.COMPLETE] == pytest.approx(0.15, abs=0.03)
    assert share[Readiness.NEARLY] == pytest.approx(0.25, abs=0.03)
    lacking = [sum(f not in p.properties for f in FACTS) for p in town.people if p.readiness is Readiness.NEARLY]
    assert set(lacking) == {1, 2, 3}
    assert all(f in p.properties for p in town.people if p.readiness is Readiness.COMPLETE for f in FACTS)


def test_names_and_values_are_as_untidy_as_real_ones(town: Town) -> None:
    rows = town.hubspot.all("contacts")
    names = " ".join(f"{r.get('firstname', '')} {r.get('lastname', '')}" for r in rows)
    for sign in ("佐藤", "Иван", "O'Brien", "Dr. ", "Müller", "MILLER", "n/a"):
        assert sign in names
    assert any(r.get("lastname", "").endswith(" ") for r in rows)
    assert sum(not r.get("email") for r in rows) > 50
    assert {"USA", "U.S.A.", "Deutschland", "NO"} <= {r.get("country") for r in rows}
    assert len({r.get("country") for r in rows}) > 20


def test_most_accounts_carry_the_erp_number_and_names_differ_in_spelling(town: Town) -> None:
    names = {r["customer_no"]: r["name"] for r in erp.rows(town.database, "customer")}
    accounts = town.salesforce.all("Account")
    numbered = [a for a in accounts if a.get("AccountNumber")]
    assert len(accounts) == 686
    assert 0.85 < len(numbered) / 686 < 0.95
    assert sum(a["Name"] == names[a["AccountNumber"]] for a in numbered) < 0.2 * len(numbered)


def test_people_stand_in_both_crms_before_anything_is_synced(town: Town) -> None:
    known = {row["email"] for row in town.hubspot.all("contacts") if row.get("email")}
    leads, contacts = town.salesforce.all("Lead"), town.salesforce.all("Contact")
    assert (len(leads), len(contacts)) == (208, 150)
    assert all(row["Email"].lower() in known for row in [*leads, *contacts])
    assert any(row["Email"] != row["Email"].lower() for row in leads)
    assert max(Counter(row["Email"].lower() for row in leads).values()) == 2
    assert not any("Syncd_Key__c" in row for row in [*leads, *contacts])
    assert len(town.salesforce.all("Campaign")) == 20
    assert len(town.hubspot.all("deals")) == len(town.salesforce.all("Opportunity")) == 60


def test_many_people_sit_at_a_branch(town: Town) -> None:
    streets = {(r["street"], r["postcode"]) for r in erp.rows(town.database, "ship_to")}
    found = [r for r in town.hubspot.all("contacts") if (r.get("address"), r.get("zip", "")[:5]) in streets]
    assert len(found) > 500  # as the ERP spells it; others only nearly so


def test_inventing_does_not_depend_on_how_many_are_wanted(town: Town) -> None:
    assert invent(10, erp.read_plants(), 7, NOW) == town.people[:10]


# --- the custom fields


def test_the_fields_are_those_that_the_shipped_mappings_name() -> None:
    """A field that no mapping knows, or a mapped one that the sandbox lacks, would make the demo fail its own check."""
    hubspot, salesforce = HubSpot(), Salesforce()
    define_hubspot(hubspot)
    define_salesforce(salesforce)
    for file, kinds in (
        ("hubspot.yaml", {"contact": "contacts", "company": "companies", "branch": "branch"}),
        ("salesforce.yaml", {}),
    ):
        mapping = yaml.safe_load((ROOT / "mappings" / file).read_text())
        for kind, block in mapping.items():
            if not isinstance(block, dict):
                continue
            if file == "hubspot.yaml":
                known = {"associations.branch", "associations.companies"}  # links, kept beside the records
                known |= set(hubspot.portal.table(kinds[kind]).definitions)
            else:
                known = set(salesforce.org.types[kind.lower()].fields)
            assert named(block) - known == set(), f"{file}: {kind}"


def test_the_reasons_are_those_of_the_shipped_definition() -> None:
    assert set(REASONS) == set(yaml.safe_load((ROOT / "mappings" / "definition.yaml").read_text())["reasons"])


def named(block: dict[str, object]) -> set[str]:
    found = {block["key"]} if "key" in block else set()
    for line in block["fields"].values():
        for key in ("from", "to", "both"):
            value = line.get(key, [])
            found |= set(value) if isinstance(value, list) else {value}
    return found


def test_the_shipped_erp_query_reads_every_ship_to(town: Town) -> None:
    table = yaml.safe_load((ROOT / "mappings" / "erp.yaml").read_text())["ship_to"]["table"]
    source = connect("erp", Settings(url=f"sqlite:///{town.database}"))
    source.define("ship_to", table)
    assert source.check().problems == ()
    pages = list(source.changes([Reading(kind="ship_to", fields=["name", "last_shipment"], after=None)], None))
    assert sum(len(page.records) for page in pages) == 942
    assert (
        list(source.changes([Reading(kind="ship_to", fields=["name", "last_shipment"], after=pages[-1].cursor)], None))
        == []
    )


# --- people at work


def hand_over(town: Town, count: int) -> list[str]:
    rows = [
        {"LastName": f"Lead {n}", "Company": "C", "Syncd_Key__c": f"k{n}", "Status": "Open - Not Contacted"}
        for n in range(count)
    ]
    return town.salesforce.seed("Lead", rows)


def test_marketers_fill_in_what_a_refusal_names_and_nothing_else(village: Town) -> None:
    contact = next(r for r in village.hubspot.all("contacts") if "budget_amount" not in r and "authority" not in r)
    told = "budget: missing, marketing can fill it; authority: missing, marketing can fill it"
    village.hubspot.edit("contacts", contact["hs_object_id"], {"syncd_handoff_missing": told})
    actors = village.actors()
    while actors.done["marketer fills in"] < 5:
        actors.step()
    after = village.hubspot.get("contacts", contact["hs_object_id"])
    filled = {name for name in (*FACTS, "phone", "email") if after.get(name) != contact.get(name)}
    assert filled == {"budget_amount", "authority"}


def test_reps_answer_every_lead_that_was_handed_over_and_no_other(village: Town) -> None:
    ids = hand_over(village, 30)
    before = {row["Id"]: row for row in village.salesforce.all("Lead") if row["Id"] not in ids}
    actors = village.actors()
    for _ in range(600):
        actors.step()
    leads = {row["Id"]: row for row in village.salesforce.all("Lead")}
    decided = Counter(leads[i].get("Syncd_Decision__c") for i in ids)
    assert decided[None] == 0
    assert decided["accepted"]
    assert decided["rejected"]
    refused = [leads[i] for i in ids if leads[i]["Syncd_Decision__c"] != "accepted"]
    assert all(row["Syncd_Reason__c"] in REASONS and row["Syncd_Reason_Text__c"] for row in refused)
    assert any(leads[i]["IsConverted"] for i in ids)
    assert {i: leads[i] for i in before} == before


def test_contacts_come_by_and_goods_are_shipped(village: Town) -> None:
    actors = village.actors()
    for _ in range(60):
        assert actors.step()
    visited = [
        r
        for r in village.hubspot.all("contacts")
        if r.get("hs_analytics_last_timestamp", "").startswith("2026-11-20T09:00")
    ]
    assert visited
    assert any(r["changed_at"].startswith("2026-11-20T09:00") for r in erp.rows(village.database, "ship_to"))
    assert {"contact reads a page", "contact sends a form", "goods are shipped"} <= set(actors.done)


def test_the_same_seed_does_the_same_work(tmp_path: Path) -> None:
    def work(name: str) -> str:
        (tmp_path / name).mkdir()
        town = Town(tmp_path / name, 60)
        hand_over(town, 5)
        actors = town.actors(seed=3)
        for _ in range(80):
            actors.step()
        return contents(town)

    assert work("a") == work("b")


def test_a_contact_that_is_gone_stops_nobody(village: Town) -> None:
    actors = village.actors()
    actors.step()
    for row in village.hubspot.all("contacts")[1:]:
        village.hubspot.archive("contacts", row["hs_object_id"])
    for _ in range(30):
        assert actors.step()
