"""Search: its filters, its limits, its order, and that it sees the world as late as it is told to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hubspot_account import START, TOKEN, Account, open_account, where

from sandbox.hubspot import HubSpot
from sandbox.wire import Request

MS = int(START * 1000)


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account() as opened:
        yield opened


@pytest.fixture
def people(account: Account) -> dict[str, str]:
    """Four contacts by first name; ids and stamps ascend in this order."""
    rows = [
        {"firstname": "Ann", "email": "ann@acme.com", "numberofemployees": "9", "hs_lead_status": "NEW"},
        {"firstname": "Bob", "email": "bob@acme.com", "numberofemployees": "10", "hs_lead_status": "OPEN"},
        {"firstname": "Cyd", "email": "cyd@other.org", "numberofemployees": "100"},
        {"firstname": "Dee"},
    ]
    stamped = [{**row, "lastmodifieddate": MS - 4000 + n * 1000} for n, row in enumerate(rows)]
    return dict(zip([row["firstname"] for row in rows], account.hub.seed("contacts", stamped), strict=True))


@pytest.mark.parametrize(
    ("name", "operator", "more", "matching"),
    [
        ("firstname", "EQ", {"value": "aNN"}, "Ann"),
        ("firstname", "NEQ", {"value": "ann"}, "Bob Cyd Dee"),
        ("numberofemployees", "GT", {"value": "9"}, "Bob Cyd"),
        ("numberofemployees", "LTE", {"value": "10"}, "Ann Bob"),
        ("numberofemployees", "BETWEEN", {"value": "10", "highValue": "100"}, "Bob Cyd"),
        ("email", "IN", {"values": ["ann@acme.com", "bob@acme.com"]}, "Ann Bob"),
        ("email", "IN", {"values": ["ANN@acme.com"]}, ""),
        ("email", "NOT_IN", {"values": ["ann@acme.com"]}, "Bob Cyd"),
        ("email", "HAS_PROPERTY", {}, "Ann Bob Cyd"),
        ("email", "NOT_HAS_PROPERTY", {}, "Dee"),
        ("email", "CONTAINS_TOKEN", {"value": "*@acme.com"}, "Ann Bob"),
        ("email", "CONTAINS_TOKEN", {"value": "org"}, "Cyd"),
        ("email", "CONTAINS_TOKEN", {"value": "acm"}, ""),
        ("email", "NOT_CONTAINS_TOKEN", {"value": "acme"}, "Cyd"),
        ("hs_lead_status", "EQ", {"value": "NEW"}, "Ann"),
        ("hs_lead_status", "EQ", {"value": "new"}, ""),
        ("hs_lead_status", "IN", {"values": ["NEW", "OPEN"]}, "Ann Bob"),
        ("lastmodifieddate", "GTE", {"value": str(MS - 2000)}, "Cyd Dee"),
        ("lastmodifieddate", "LT", {"value": str(MS - 3000)}, "Ann"),
        ("lastmodifieddate", "GT", {"value": str(MS - 3000)}, "Cyd Dee"),
        ("lastmodifieddate", "EQ", {"value": str(MS - 3000)}, "Bob"),
    ],
)
def test_each_operator_finds_what_it_should(
    account: Account, people: dict[str, str], name: str, operator: str, more: dict, matching: str
) -> None:
    found = account.found("contacts", where(name, operator, **more))
    assert found == [people[one] for one in matching.split()]


def test_filters_of_a_group_are_and_and_groups_are_or(account: Account, people: dict[str, str]) -> None:
    groups = [
        {"filters": [where("email", "CONTAINS_TOKEN", "acme"), where("numberofemployees", "GT", "9")]},
        {"filters": [where("firstname", "EQ", "dee")]},
        {"filters": [where("firstname", "EQ", "bob")]},
    ]
    answer = account.post("contacts/search", {"filterGroups": groups}).json()
    assert [row["id"] for row in answer["results"]] == [people["Bob"], people["Dee"]]
    assert answer["total"] == 2


def test_filters_may_stand_without_a_group(account: Account, people: dict[str, str]) -> None:
    answer = account.post("contacts/search", {"filters": [where("firstname", "EQ", "bob")]}).json()
    assert [row["id"] for row in answer["results"]] == [people["Bob"]]


def test_a_query_looks_into_the_usual_text(account: Account, people: dict[str, str]) -> None:
    assert account.found("contacts", query="acme ann") == [people["Ann"]]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("hs_object_id", "Ann Bob Cyd Dee"),
        ("-hs_object_id", "Dee Cyd Bob Ann"),
        ({"propertyName": "lastmodifieddate", "direction": "DESCENDING"}, "Dee Cyd Bob Ann"),
        ("numberofemployees", "Ann Bob Cyd Dee"),
        ({"propertyName": "email"}, "Ann Bob Cyd Dee"),
        ("-email", "Dee Cyd Bob Ann"),
    ],
)
def test_one_sort_as_text_or_as_object(account: Account, people: dict[str, str], sort: object, order: str) -> None:
    filters = [where("lastmodifieddate", "GTE", "0")]
    for given in (filters, []):
        assert account.found("contacts", *given, sorts=[sort]) == [people[one] for one in order.split()]


def test_pages_join_without_gap_in_every_order(account: Account) -> None:
    ids = account.hub.seed("contacts", [{"lastname": str(n)} for n in range(25)], modified=MS)
    for sort, expected in (("lastmodifieddate", ids), ("-lastmodifieddate", ids[::-1]), ("-lastname", None)):
        read, after = [], None
        while True:
            more = {"after": after} if after else {}
            filters = [where("lastmodifieddate", "GTE", str(MS))]
            page = account.search("contacts", *filters, sorts=[sort], limit=10, **more).json()
            assert page["total"] == 25
            read += [row["id"] for row in page["results"]]
            if "paging" not in page:
                break
            after = page["paging"]["next"]["after"]
        assert sorted(read) == sorted(ids)
        assert expected is None or read == expected


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "10000"},
        {"after": "next"},
        {"sorts": ["email", "firstname"]},
        {"sorts": ["nonsense"]},
        {"filterGroups": [{"filters": [where("nonsense", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [where("email", "EQ")]}]},
        {"filterGroups": [{"filters": [where("email", "IN", "a@b.co")]}]},
        {"filterGroups": [{"filters": [where("email", "BETWEEN", "a")]}]},
        {"filterGroups": [{"filters": [where("lastmodifieddate", "GT", "2027-01-01T00:00:00Z")]}]},
        {"filterGroups": [{"filters": [where("numberofemployees", "GT", "many")]}]},
        {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")]}] * 6},
        {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 5}] * 4},
        {"query": "x" * 3000},
    ],
)
def test_what_search_refuses(account: Account, body: dict) -> None:
    answer = account.post("contacts/search", body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_a_search_ends_at_10000_results(account: Account) -> None:
    account.hub.seed("contacts", [{"lastname": "x"}] * 10_001)
    last = account.search("contacts", limit=200, after="9800").json()
    assert (last["total"], len(last["results"])) == (10_001, 200)
    assert account.search("contacts", limit=200, after=last["paging"]["next"]["after"]).status_code == 400


def test_archived_merged_and_purged_records_are_not_found(account: Account) -> None:
    a, b, c, d, e = account.hub.seed("contacts", [{"email": f"{n}@b.co"} for n in "abcde"])
    account.hub.archive("contacts", a)
    account.hub.gdpr_delete("contacts", b)
    merged = account.hub.merge("contacts", c, d)
    assert account.found("contacts") == [e, merged]
    assert account.found("contacts", where("email", "EQ", "a@b.co")) == []


def test_a_record_moves_out_of_a_window_it_was_found_in(account: Account) -> None:
    """The shape of an incremental poll: a fixed window, ids ascending, asked again page by page."""
    ids = account.hub.seed("contacts", [{"lastname": str(n)} for n in range(6)], modified=MS)
    window = where("lastmodifieddate", "BETWEEN", str(MS), highValue=str(MS + 500))
    assert account.found("contacts", window, where("hs_object_id", "GT", "0"), limit=2) == ids[:2]
    account.clock.pass_(1)
    account.hub.noise("contacts", ids[3])
    assert account.found("contacts", window, where("hs_object_id", "GT", ids[1]), limit=9) == [ids[2], *ids[4:]]


def test_an_exact_value_is_found_by_what_it_is_now(account: Account) -> None:
    (known,) = account.hub.seed("contacts", [{"city": "Ulm"}])
    assert account.found("contacts", where("city", "EQ", "Ulm")) == [known]
    account.hub.edit("contacts", known, {"city": "Bonn"})
    assert account.found("contacts", where("city", "EQ", "Ulm")) == []
    assert account.found("contacts", where("city", "EQ", "Bonn")) == [known]


def test_a_full_last_page_has_no_next(account: Account) -> None:
    account.hub.seed("contacts", [{"lastname": str(n)} for n in range(20)])
    assert "paging" not in account.search("contacts", limit=10, after="10").json()
    assert "paging" not in account.search("contacts", limit=20).json()


def test_search_is_late_while_a_read_is_not() -> None:
    with open_account(index_lag=20) as account:
        made = account.create("contacts", email="a@b.co")
        assert account.get(f"contacts/{made['id']}").status_code == 200
        assert account.found("contacts") == []
        account.clock.pass_(20)
        assert account.found("contacts") == [made["id"]]
        account.patch(f"contacts/{made['id']}", {"city": "Ulm"})
        assert account.found("contacts", where("city", "EQ", "ulm")) == []
        account.call("DELETE", f"contacts/{made['id']}")
        assert account.found("contacts") == [made["id"]]
        account.clock.pass_(20)
        assert account.found("contacts") == []


def test_records_may_become_visible_out_of_order() -> None:
    """A late index can show a younger record before an older one; nothing older overwrites what is newer."""
    delays = iter([30, 10, 5])
    with open_account(index_lag=lambda kind, record_id: next(delays)) as account:
        first = account.create("contacts", email="a@b.co")["id"]
        second = account.create("contacts", email="c@b.co")["id"]
        account.clock.pass_(10)
        assert account.found("contacts") == [second]
        account.patch(f"contacts/{first}", {"city": "Ulm"})
        account.clock.pass_(30)
        assert account.found("contacts", where("city", "EQ", "ulm")) == [first]


def test_the_property_of_the_last_change_differs_by_type(account: Account) -> None:
    (company,) = account.hub.seed("companies", [{"name": "Acme"}], modified=MS)
    assert account.found("companies", where("hs_lastmodifieddate", "EQ", str(MS))) == [company]
    assert account.search("companies", where("lastmodifieddate", "EQ", str(MS))).status_code == 400
    assert account.search("contacts", where("hs_lastmodifieddate", "EQ", str(MS))).status_code == 400


def test_what_a_poll_costs_does_not_grow_with_the_table() -> None:
    """Each search a poller makes costs with 40,000 contacts what it does with 2,000; a scan costs 20 times that."""
    small, large = (_poll_seconds(size) for size in (2_000, 40_000))
    for name, seconds in small.items():
        assert large[name] < 6 * seconds, name


def _poll_seconds(size: int) -> dict[str, float]:
    """Return the seconds of the quickest of several searches of each form."""
    hub = HubSpot(TOKEN)
    rows = [{"email": f"p{n}@example.com", "lastname": str(n)} for n in range(size)]
    ids = hub.seed("contacts", rows, modified=MS)
    window = where("lastmodifieddate", "BETWEEN", str(MS - 1), highValue=str(MS + 1))
    found = {}
    for name, filters, sort in (
        ("page of a window", [window, where("hs_object_id", "GT", ids[size // 2])], "hs_object_id"),
        ("since, by time", [where("lastmodifieddate", "GTE", str(MS))], "lastmodifieddate"),
        ("since, by id", [where("lastmodifieddate", "GT", str(MS))], "hs_object_id"),
        ("after an id", [where("hs_object_id", "GT", ids[-1_000])], "hs_object_id"),
    ):
        body = json.dumps({"filterGroups": [{"filters": filters}], "sorts": [sort], "limit": 200}).encode()
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        took = []
        for _ in range(9):
            hub.noise("contacts", ids[-1])
            began = time.perf_counter()
            answer = hub.handle(Request("POST", "/crm/v3/objects/contacts/search", {}, headers, body))
            took.append(time.perf_counter() - began)
            assert answer.status == 200
        found[name] = min(took)
    return found
