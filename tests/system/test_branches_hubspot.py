"""Ship-to branches in HubSpot: as custom object, as child companies, or only on the contacts who sit there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.world import World, add_branch, laid_out, world

from sandbox.fields import define_contact, define_hubspot
from sandbox.wire import Fault, Response
from syncd.store.tables import cursor

SITE = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
LABEL = "Sits at this branch"
KEEP = "    access_token: ${HUBSPOT_TOKEN:-pat-na1-sandbox} # A real one: ${HUBSPOT_TOKEN}, without a default."
NO_SCOPE = {
    "category": "MISSING_SCOPES",
    "message": "no",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.custom.read"]}}],
}
HOMES = {"custom_object": "branch", "child_companies": "companies"}


@contextmanager
def town(folder: Path, home: str = "custom_object", setting: str = "auto", **options: Any) -> Iterator[World]:
    """A company in both systems, a contact at its Chicago plant, and that plant in the ERP."""
    changes = {"overwrites: 25%": "overwrites: 100%", KEEP: f"{KEEP}\n    branches: {setting}"}
    state = f"sqlite:///{folder}/state.db"
    with world(folder, state, changes, custom_objects=home == "custom_object", **options) as made:
        people(made)
        yield made


def people(made: World) -> None:
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "Website": "works.example"}])
    made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
    made.contact(**SITE)
    add_branch(made, "S1", "Works Chicago", last_shipment="2026-10-01")


def kept(made: World, kind: str) -> list[dict[str, str]]:
    """Return the branches that HubSpot has."""
    return [row for row in made.hubspot.all(kind) if row.get("syncd_key")]


def company(made: World) -> str:
    return next(row["hs_object_id"] for row in made.hubspot.all("companies") if row.get("name") == "Works Inc")


def contact(made: World) -> str:
    return str(made.hubspot.all("contacts")[0]["hs_object_id"])


def change_in_erp(made: World, **changes: Any) -> None:
    stamp = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1)
    values = {**changes, "changed_at": stamp}
    with made.erp.begin() as connection:
        table = sa.Table("ship_to", sa.MetaData(), autoload_with=connection)
        connection.execute(sa.update(table).where(table.c.ship_to_no == "S1").values(values))


@pytest.mark.parametrize("home", HOMES)
def test_where_no_place_is_set_up_a_poll_pays_nothing_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """It is asked about once; leads go on, the branch's place is asked for, and ten minutes later looked for again."""
    monkeypatch.setattr("support.world.define_hubspot", define_contact)
    with town(tmp_path, home) as made:
        made.cycle()
        assert made.calls()["hubspot"]["GET schemas"] == 1
        made.settle()
        assert len(made.leads()) == 1
        assert any("run `syncd setup hubspot`" in words for words in made.problems())
        made.calls()
        made.cycle()
        assert made.calls()["hubspot"] == {"POST contacts/search": 1, "POST companies/search": 1}
        define_hubspot(made.hubspot)
        monkeypatch.setattr("connectors.hubspot.branches.ASK_AGAIN_SECONDS", 0.0)
        made.wait_is_over()
        made.settle()
        made.cycle()
        assert [row["name"] for row in kept(made, HOMES[home])] == ["Works Chicago"]


@pytest.mark.parametrize("home", HOMES)
def test_a_branch_stands_under_its_company_with_the_contacts_who_sit_there(tmp_path: Path, home: str) -> None:
    """Found at the start: a custom object where the plan has them, else a child company; with its links."""
    with town(tmp_path, home) as made:
        made.settle()
        (branch,) = kept(made, HOMES[home])
        shown = {name: branch[name] for name in ("name", "city", "syncd_ship_to_number", "syncd_last_shipment")}
        assert shown == {
            "name": "Works Chicago",
            "city": "Chicago",
            "syncd_ship_to_number": "S1",
            "syncd_last_shipment": "2026-10-01",
        }
        key = branch["hs_object_id"]
        assert made.hubspot.linked(HOMES[home], key, "contacts") == {contact(made): ["Works here"]}
        expected = ["Parent Company"] if home == "child_companies" else []
        assert made.hubspot.linked(HOMES[home], key, "companies") == {company(made): expected}
        told = made.told(contact(made))
        assert (told["syncd_branch_number"], told["syncd_branch_city"]) == ("S1", "Chicago")
        assert told["syncd_branch_last_shipment"] == "2026-10-01"
        assert made.problems() == []


@pytest.mark.parametrize("home", HOMES)
def test_two_quiet_cycles_write_nothing_and_one_changed_branch_costs_one_call(tmp_path: Path, home: str) -> None:
    with town(tmp_path, home) as made:
        made.settle()
        made.cycle()
        before = made.writes()
        for _ in range(2):
            made.calls()
            made.cycle()
            assert made.calls()["hubspot"] == {"POST contacts/search": 1, "POST companies/search": 1}
        assert made.writes() == before
        change_in_erp(made, phone="312 555 0199")
        made.calls()
        made.cycle()
        calls = {name: n for name, n in made.calls()["hubspot"].items() if "search" not in name}
        assert calls == {f"POST {HOMES[home]}/batch/update": 1}
        assert made.writes() - before == Counter({f"hubspot {HOMES[home]}": 1, "salesforce Branch__c": 1})
        before = made.writes()
        made.cycle()
        made.cycle()
        assert made.writes() == before


@pytest.mark.parametrize("home", HOMES)
def test_a_new_process_knows_where_branches_are_kept(tmp_path: Path, home: str) -> None:
    """Asking would cost each `syncd once` a call or two, and an error where the plan has no custom objects."""
    state = f"sqlite:///{tmp_path}/state.db"
    with laid_out(tmp_path, state, custom_objects=home == "custom_object") as made:
        people(made)
        with made.running():
            made.settle()
        made.calls()
        with made.running():
            made.rest_is_over("hubspot", "branch")
            made.cycle()
            assert sum(made.calls()["hubspot"].values()) == 3  # one for each kind
        with made.running():
            change_in_erp(made, phone="312 555 0199")
            made.cycle()
            calls = made.calls()["hubspot"]
            assert (calls[f"POST {HOMES[home]}/batch/update"], calls["GET schemas"]) == (1, 0)


@pytest.mark.parametrize("home", HOMES)
def test_what_nobody_else_writes_is_read_every_quarter_of_an_hour(tmp_path: Path, home: str) -> None:
    """A person's edit is seen then; a write in doubt is looked for at the next poll, however long it rests."""
    with town(tmp_path, home) as made:
        made.settle()
        made.cycle()
        (branch,) = kept(made, HOMES[home])
        made.hubspot.edit(HOMES[home], branch["hs_object_id"], {"city": "Boston"})
        assert made.cycle().news["hubspot"] == 0
        made.rest_is_over("hubspot", "branch")
        assert made.cycle().news["hubspot"] == 1
        with made.app.engine.begin() as connection:  # as a mapping that names one field more leaves it
            connection.execute(sa.update(cursor).where(cursor.c.kind == "branch").values(fields=["name"]))
        made.calls()
        made.cycle()
        assert sum(count for name, count in made.calls()["hubspot"].items() if "search" in name) == 3
        change_in_erp(made, phone="312 555 0199")
        made.servers["hubspot"].board.add(
            Fault(match=f"{HOMES[home]}/batch/update", kind="status", status=502, times=9)
        )
        made.cycle()
        made.calls()
        made.cycle()
        assert sum(count for name, count in made.calls()["hubspot"].items() if "search" in name) == 3


def test_a_place_for_branches_that_is_gone_is_looked_for_anew(tmp_path: Path) -> None:
    """The plan lost its custom objects between two processes: what was remembered is asked about, and a person too."""
    state = f"sqlite:///{tmp_path}/state.db"
    with laid_out(tmp_path, state, custom_objects=True) as made:
        with made.running():
            made.settle()
        made.rest_is_over("hubspot", "branch")
        with made.running():
            board = made.servers["hubspot"].board
            board.add(Fault(kind="status", status=403, match="GET schemas", times=100, body=NO_SCOPE))
            board.add(Fault(kind="status", status=403, match="POST branch/search", times=100, body=NO_SCOPE))
            made.contact()
            made.cycle()
            assert made.calls()["hubspot"]["GET schemas"] >= 1
            assert len(made.leads()) == 1
            assert any("branch" in words for words in made.problems())


@pytest.mark.parametrize("home", HOMES)
def test_a_lost_answer_to_the_create_of_a_branch_doubles_nothing(tmp_path: Path, home: str) -> None:
    """The write is applied and its answer lost, then the same of its links: one branch, linked, in the end."""
    with town(tmp_path, home) as made:
        board = made.servers["hubspot"].board
        board.add(Fault(match="batch/upsert", kind="lost"))
        board.add(Fault(match="associations/", kind="lost", times=3))
        for _ in range(6):
            made.cycle()
            made.wait_is_over()
        made.settle()
        (branch,) = kept(made, HOMES[home])
        assert list(made.hubspot.linked(HOMES[home], branch["hs_object_id"], "companies")) == [company(made)]
        assert list(made.hubspot.linked(HOMES[home], branch["hs_object_id"], "contacts")) == [contact(made)]


@pytest.mark.parametrize("home", HOMES)
def test_a_branch_that_was_made_and_answered_502_is_known_again(tmp_path: Path, home: str) -> None:
    """The upsert looks for it before HubSpot's index shows it, and is refused for the value that it has itself."""
    with town(tmp_path, home, index_lag=60.0, late_upserts=True) as made:
        made.servers["hubspot"].board.add(Fault(match=f"{HOMES[home]}/batch/upsert", kind="after", status=502))
        made.settle()
        (branch,) = kept(made, HOMES[home])
        assert list(made.hubspot.linked(HOMES[home], branch["hs_object_id"], "companies")) == [company(made)]
        assert list(made.hubspot.linked(HOMES[home], branch["hs_object_id"], "contacts")) == [contact(made)]
        assert made.problems() == []


def test_a_link_that_hubspot_says_it_did_not_make_is_made_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is answered 207 with the pair among its `errors`: it failed for now, so it is sent again."""
    with town(tmp_path) as made:
        handle, failed = made.hubspot.handle, []

        def partly(request: Any) -> Response:
            if request.path.endswith("/batch/create") and len(failed) < 2:
                error = {"status": "error", "category": "INTERNAL_ERROR", "message": "internal error"}
                failed.append(error)
                return Response(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]})
            return handle(request)

        monkeypatch.setattr(made.hubspot, "handle", partly)
        for _ in range(5):
            made.cycle()
            made.wait_is_over()
        (branch,) = kept(made, "branch")
        assert len(failed) == 2
        assert made.hubspot.linked("contacts", contact(made), "branch") == {branch["hs_object_id"]: [LABEL]}
        assert made.problems() == []


def test_a_contact_who_moves_to_another_branch_is_linked_to_that_one_only(tmp_path: Path) -> None:
    with town(tmp_path) as made:
        add_branch(made, "S2", "Works Gary", street="7 Lake Rd", city="Gary", postcode="46402", state="IN")
        made.settle()
        numbers = {row["syncd_ship_to_number"]: row["hs_object_id"] for row in kept(made, "branch")}
        assert list(made.hubspot.linked("contacts", contact(made), "branch")) == [numbers["S1"]]
        made.hubspot.edit(
            "contacts", contact(made), {"address": "7 Lake Rd", "city": "Gary", "state": "IN", "zip": "46402"}
        )
        made.settle()
        assert made.hubspot.linked("contacts", contact(made), "branch") == {numbers["S2"]: [LABEL]}
        assert made.told(contact(made))["syncd_branch_city"] == "Gary"


def test_a_contact_leaves_a_branch_that_was_deleted_over_there(tmp_path: Path) -> None:
    """HubSpot refuses to take away an association with what is gone; the new one is made all the same."""
    with town(tmp_path) as made:
        add_branch(made, "S2", "Works Gary", street="7 Lake Rd", city="Gary", postcode="46402", state="IN")
        made.settle()
        numbers = {row["syncd_ship_to_number"]: row["hs_object_id"] for row in kept(made, "branch")}
        made.hubspot.archive("branch", numbers["S1"])
        invalid = {
            "category": "VALIDATION_ERROR",
            "message": "One or more associations are invalid",
            "context": {"INVALID_OBJECT_IDS": [f"BRANCH={numbers['S1']} is not valid"]},
        }
        board = made.servers["hubspot"].board
        refusal = board.add(Fault(kind="status", status=400, match="branch/batch/archive", times=1000, body=invalid))
        made.hubspot.edit(
            "contacts", contact(made), {"address": "7 Lake Rd", "city": "Gary", "state": "IN", "zip": "46402"}
        )
        made.settle()
        assert refusal.fired
        assert made.hubspot.linked("contacts", contact(made), "branch")[numbers["S2"]] == [LABEL]
        assert made.problems() == []


def test_a_right_that_links_lack_is_asked_for_and_they_are_made_once_it_is_there(tmp_path: Path) -> None:
    with town(tmp_path) as made:
        board = made.servers["hubspot"].board
        board.add(Fault(kind="status", status=403, match="contacts/branch/batch/create", times=1000, body=NO_SCOPE))
        made.settle()
        assert any("crm.objects.custom.read" in words for words in made.problems())
        board.clear()
        made.wait_is_over()
        made.settle()
        (branch,) = kept(made, "branch")
        assert list(made.hubspot.linked("contacts", contact(made), "branch")) == [branch["hs_object_id"]]
        assert made.problems() == []


def test_a_child_company_that_syncd_made_is_nobodys_account(tmp_path: Path) -> None:
    """It is read as a branch and never as a company: no account of its own, no twin, after a sweep too."""
    with town(tmp_path, "child_companies") as made:
        made.settle()
        made.cycle(sweeping=True)
        branch = kept(made, "companies")[0]["hs_object_id"]
        stored = made.stored("hubspot")
        assert (stored["companies"], stored["branch"]) == ([company(made)], [branch])
        assert made.problems() == []


def test_contact_only_leaves_hubspot_without_branches(tmp_path: Path) -> None:
    """By configuration branches are nothing but properties of the contact; the kind costs no call and no question."""
    with town(tmp_path, setting="contact_only") as made:
        made.settle()
        made.calls()
        made.cycle()
        assert set(made.calls()["hubspot"]) == {"POST contacts/search", "POST companies/search"}
        assert kept(made, "branch") == []
        assert made.told(contact(made))["syncd_branch_number"] == "S1"
        assert made.problems() == []


def test_a_company_that_comes_later_gets_its_branches(tmp_path: Path) -> None:
    with town(tmp_path) as made:
        made.hubspot.archive("companies", company(made))
        made.settle()
        (branch,) = kept(made, "branch")
        assert made.hubspot.linked("branch", branch["hs_object_id"], "companies") == {}
        late = made.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])[0]
        made.settle()
        assert list(made.hubspot.linked("branch", branch["hs_object_id"], "companies")) == [late]


def test_a_branch_that_leaves_the_erp_is_marked_and_stays(tmp_path: Path) -> None:
    """In both systems; nothing else of it is touched."""
    with town(tmp_path) as made:
        made.settle()
        with made.erp.begin() as connection:
            connection.execute(sa.text("delete from ship_to"))
        add_branch(made, "S2", "Works Gary", street="7 Lake Rd", city="Gary", postcode="46402", state="IN")
        made.cycle(sweeping=True)
        made.settle()
        there = {row["syncd_ship_to_number"]: row for row in kept(made, "branch")}
        assert {number: row["syncd_vanished"] for number, row in there.items()} == {"S1": "true", "S2": "false"}
        assert there["S1"]["name"] == "Works Chicago"
        assert list(made.hubspot.linked("branch", there["S1"]["hs_object_id"], "companies")) == [company(made)]
        marked = {row["Ship_To__c"]: row["Vanished__c"] for row in made.salesforce.all("Branch__c")}
        assert marked == {"S1": True, "S2": False}


def test_a_thousand_branches_are_loaded_in_few_calls(tmp_path: Path) -> None:
    """10 upserts of 100 and 1 call for 1,000 links, besides the looks that come first; then 1 call for 1 change."""
    with town(tmp_path) as made:
        for number in range(2, 1001):
            add_branch(made, f"S{number}", f"Works {number}", street=f"{number} Mill Rd")
        made.calls()
        made.settle()
        calls = made.calls()["hubspot"]
        assert calls["POST branch/batch/upsert"] == 10
        assert calls["POST associations/branch/companies/batch/associate/default"] == 1
        assert len(kept(made, "branch")) == 1000
        change_in_erp(made, phone="312 555 0199")
        made.settle()
        calls = {name: n for name, n in made.calls()["hubspot"].items() if "search" not in name}
        assert calls == {"POST branch/batch/update": 1}
