"""SOQL as the org understands it, what it refuses, and pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, START, Account, iso, open_org, printed, refusal


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def seed(account: Account, count: int, **fields: Any) -> list[str]:
    rows = ({"LastName": f"L{n}", "Company": "Acme", "Email": f"p{n}@acme.test", **fields} for n in range(count))
    return account.org.seed("Lead", rows)


def names(account: Account, where: str, order: str = "LastName") -> list[str]:
    return [row["LastName"] for row in account.rows(f"SELECT LastName FROM Lead WHERE {where} ORDER BY {order}")]


def test_a_row_carries_its_type_and_url_and_canonical_names(account: Account) -> None:
    (key,) = seed(account, 1)
    (row,) = account.rows("select id, lastname, SYSTEMMODSTAMP from lead")
    assert row == {
        "attributes": {"type": "Lead", "url": f"/services/data/v66.0/sobjects/Lead/{key}"},
        "Id": key,
        "LastName": "L0",
        "SystemModstamp": printed(START),
    }


def test_more_rows_than_a_page_come_by_next_records_url(account: Account) -> None:
    """2,000 rows a page; totalSize is that of the whole set; the last page is done and has no next."""
    ids = seed(account, 4500)
    page = account.query("SELECT Id FROM Lead ORDER BY Id").json()
    found, sizes = [row["Id"] for row in page["records"]], [len(page["records"])]
    while not page["done"]:
        assert page["nextRecordsUrl"].startswith("/services/data/v66.0/query/01g")
        page = account.call("GET", page["nextRecordsUrl"]).json()
        assert page["totalSize"] == 4500
        found += [row["Id"] for row in page["records"]]
        sizes.append(len(page["records"]))
    assert found == ids
    assert sizes == [2000, 2000, 500]
    assert "nextRecordsUrl" not in page


def test_the_page_size_is_a_hint_and_wide_rows_come_in_smaller_pages(account: Account) -> None:
    seed(account, 1200)

    def size(columns: str, hint: str) -> int:
        header = {"Sforce-Query-Options": f"batchSize={hint}"}
        return len(account.query(f"SELECT {columns} FROM Lead", **header).json()["records"])

    assert [size("Id", hint) for hint in ("10", "300", "9999")] == [200, 300, 1200]
    assert size("Id, Description", "2000") == 500


def test_a_page_chain_has_fixed_ids_and_present_values(account: Account) -> None:
    """A row edited between two pages stays in its place and shows its new value."""
    ids = seed(account, 2001)
    page = account.query("SELECT Id, LastName FROM Lead ORDER BY Id").json()
    account.org.edit("Lead", ids[-1], {"LastName": "Changed"})
    seed(account, 1)
    last = account.call("GET", page["nextRecordsUrl"]).json()
    assert [(row["Id"], row["LastName"]) for row in last["records"]] == [(ids[-1], "Changed")]


def test_a_cursor_is_gone_after_two_days(account: Account) -> None:
    seed(account, 2001)
    following = account.query("SELECT Id FROM Lead").json()["nextRecordsUrl"]
    account.clock.pass_(2 * 86_400 - 10)
    assert account.call("GET", following).status_code == 200
    account.clock.pass_(20)
    assert refusal(account.call("GET", following)) == (400, "INVALID_QUERY_LOCATOR")
    assert refusal(account.call("GET", "query/01gNothing-2000")) == (400, "INVALID_QUERY_LOCATOR")


def test_a_keyset_poll_sees_every_row_once_though_hundreds_share_a_second(account: Account) -> None:
    """The loop of the contract: (SystemModstamp, Id) as cursor, both arms, an upper bound, pages by LIMIT."""
    for second in range(4):
        account.org.seed("Lead", [{"LastName": "L", "Company": "C"}] * 130, START - 100 + second)
    wanted = [row["Id"] for row in account.org.all("Lead")]
    stamp, key, found = iso(0), "000000000000000AAA", []
    while True:
        rows = account.rows(
            f"SELECT Id, SystemModstamp FROM Lead WHERE (SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND "
            f"Id > '{key}')) AND SystemModstamp < {iso(START)} ORDER BY SystemModstamp ASC, Id ASC LIMIT 50",
            "queryAll",
        )
        if not rows:
            break
        found += [row["Id"] for row in rows]
        stamp, key = rows[-1]["SystemModstamp"].replace(".000+0000", "Z"), rows[-1]["Id"]
    assert found == wanted


def test_query_all_takes_in_the_recycle_bin_and_query_does_not(account: Account) -> None:
    kept, gone = seed(account, 2)
    account.clock.pass_(5)
    account.org.delete("Lead", gone)
    assert account.ids("SELECT Id FROM Lead") == [kept]
    rows = account.rows("SELECT Id, IsDeleted, SystemModstamp FROM Lead ORDER BY Id", "queryAll")
    assert [(row["Id"], row["IsDeleted"]) for row in rows] == [(kept, False), (gone, True)]
    assert rows[1]["SystemModstamp"] == printed(START + 5)
    account.org.purge("Lead", gone)
    assert account.ids("SELECT Id FROM Lead", "queryAll") == [kept]


def test_a_late_commit_shows_up_behind_the_cursor(account: Account) -> None:
    """A long transaction's row becomes visible with the older stamp of its save: a pure keyset never sees it."""
    (seen,) = seed(account, 1)
    late = account.org.late_commit("Lead", {"LastName": "Late", "Company": "C"}, age=300)
    after = f"SELECT Id FROM Lead WHERE SystemModstamp >= {iso(START)}"
    assert account.ids(after) == [seen]
    assert account.ids(f"SELECT Id FROM Lead WHERE SystemModstamp >= {iso(START - 300)} ORDER BY Id") == [seen, late]
    account.clock.pass_(60)
    account.org.late_commit("Lead", {"LastName": "Changed"}, age=200, id=seen)
    (row,) = account.rows(f"SELECT LastName, SystemModstamp FROM Lead WHERE Id = '{seen}'")
    assert (row["LastName"], row["SystemModstamp"]) == ("Changed", printed(START - 140))


def test_stamps_have_whole_seconds(account: Account) -> None:
    account.clock.pass_(0.999)
    key = account.lead()
    assert account.ids(f"SELECT Id FROM Lead WHERE SystemModstamp = {iso(START)}") == [key]
    assert account.ids("SELECT Id FROM Lead WHERE SystemModstamp >= 2027-01-15T08:00:00.950Z") == [key]


def test_counts_come_as_total_size_or_as_an_aggregate(account: Account) -> None:
    seed(account, 3)
    assert account.query("SELECT COUNT() FROM Lead WHERE LastName > 'L0'").json() == {
        "totalSize": 2,
        "done": True,
        "records": [],
    }
    (row,) = account.rows("SELECT COUNT(Id) FROM Lead")
    assert row == {"attributes": {"type": "AggregateResult"}, "expr0": 3}


def test_parents_come_nested_or_null(account: Account) -> None:
    """A polymorphic parent is called Name; a parent's field can be filtered and sorted by."""
    (company,) = account.org.seed("Account", [{"Name": "Acme"}])
    account.org.seed("Contact", [{"LastName": "A", "AccountId": company}, {"LastName": "B"}])
    rows = account.rows("SELECT LastName, Account.Name, Owner.Name FROM Contact ORDER BY Account.Name NULLS LAST")
    assert rows[0]["Account"] == {
        "attributes": {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{company}"},
        "Name": "Acme",
    }
    assert rows[1]["Account"] is None
    assert rows[0]["Owner"]["attributes"]["type"] == "User"
    account.org.seed("Lead", [{"LastName": "L", "Company": "C"}])
    assert account.rows("SELECT Owner.Name FROM Lead")[0]["Owner"]["attributes"]["type"] == "Name"
    assert account.rows("SELECT LastName FROM Contact WHERE Account.Name = 'ACME'")[0]["LastName"] == "A"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("LastName = 'ann'", ["Ann"]),
        ("LastName != 'Ann'", ["Bob", "Cy_d", "O'Hara"]),
        ("Email = null", ["Bob"]),
        ("Email = ''", ["Bob"]),
        ("Email != null AND NumberOfEmployees > 10", ["Cy_d"]),
        ("NumberOfEmployees <= 10", ["Ann"]),
        ("NOT NumberOfEmployees = 10", ["Bob", "Cy_d", "O'Hara"]),
        ("NOT (LastName = 'Ann' OR LastName = 'Bob')", ["Cy_d", "O'Hara"]),
        ("LastName IN ('ann', 'BOB')", ["Ann", "Bob"]),
        ("LastName NOT IN ('Ann','Bob')", ["Cy_d", "O'Hara"]),
        ("Email NOT IN ('ann@acme.test')", ["Bob", "Cy_d", "O'Hara"]),
        ("LastName LIKE 'a%'", ["Ann"]),
        ("LastName LIKE '_ob'", ["Bob"]),
        (r"LastName LIKE 'Cy\_%'", ["Cy_d"]),
        (r"LastName LIKE '%\_\_%'", []),
        (r"LastName = 'O\'Hara'", ["O'Hara"]),
        (r"LastName = '\u0041nn'", ["Ann"]),
        ("HasOptedOutOfEmail = true", ["Bob"]),
        ("HasOptedOutOfEmail = false AND (LastName = 'Ann' OR LastName = 'Bob')", ["Ann"]),
        ("SystemModstamp < 2027-01-15T10:00:00+02:00", []),
        ("SystemModstamp <= 2027-01-15T10:00:00+02:00 AND LastName = 'Ann'", ["Ann"]),
        ("Source_Key__c = 'kA'", ["Ann"]),
        ("Source_Key__c = 'ka'", []),
        ("Lead.LastName = 'Ann'", ["Ann"]),
        ("Email = 'ann@acme.test' OR HasOptedOutOfEmail = true", ["Ann", "Bob"]),
        ("Email = 'ann@acme.test' AND LastName = 'Bob'", []),
    ],
)
def test_conditions(account: Account, where: str, found: list[str]) -> None:
    """Text in any case but the case-sensitive key, null as SOQL has it, escapes in strings and patterns."""
    account.org.seed(
        "Lead",
        [
            {"LastName": "Ann", "Company": "C", "Email": "ann@acme.test", "NumberOfEmployees": 10, KEY: "kA"},
            {"LastName": "Bob", "Company": "C", "HasOptedOutOfEmail": True},
            {"LastName": "Cy_d", "Company": "C", "Email": "c@acme.test", "NumberOfEmployees": 11},
            {"LastName": "O'Hara", "Company": "C", "Email": "o@acme.test"},
        ],
    )
    assert names(account, where) == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = ", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = 'O'Hara'", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Lead WHERE LastName = 'a\qb'", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Lead WHERE LastName = 'a\_b'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Id IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = 'a' AND LastName = 'b' OR LastName = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-02T03:04:05 00:00", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-02T03:04:05", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead ALL ROWS", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = '" + "x" * 3 + "' LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id, Nope__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id, Nope.Name FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Nope__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-02T03:04:05Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-02", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE ConvertedDate > 2026-01-02T03:04:05Z", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE NumberOfEmployees = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead WHERE Id LIKE '00Q%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Leed", "INVALID_TYPE"),
        ("SELECT Id FROM CustomField", "INVALID_TYPE"),
        ("SELECT Id FROM Lead LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_wrong_statement_is_refused(account: Account, soql: str, code: str) -> None:
    assert refusal(account.query(soql)) == (400, code)


def test_soql_the_sandbox_lacks_is_a_defect_not_a_refusal(account: Account) -> None:
    """A 599 that no vendor sends: nobody can take a gap of the simulator for a rule of Salesforce."""
    assert account.query("SELECT Status, COUNT(Id) FROM Lead GROUP BY Status").status_code == 599
    assert account.query("SELECT Id FROM Lead WHERE CreatedDate = TODAY").status_code == 599


def test_limit_offset_and_order_with_nulls_first(account: Account) -> None:
    account.org.seed("Lead", [{"LastName": n, "Company": "C", "City": c} for n, c in zip("abcd", "zxy", strict=False)])
    account.org.seed("Lead", [{"LastName": "d", "Company": "C"}])
    assert names(account, "Id != null", "City") == ["d", "b", "c", "a"]
    assert names(account, "Id != null", "City DESC") == ["d", "a", "c", "b"]
    assert names(account, "Id != null", "City DESC NULLS LAST") == ["a", "c", "b", "d"]
    assert names(account, "Id != null", "Company, City NULLS LAST LIMIT 2 OFFSET 1") == ["c", "a"]
    assert names(account, "Id != null", "SystemModstamp DESC, Id DESC LIMIT 1") == ["d"]


def test_ids_are_accepted_with_15_and_18_characters_and_answered_with_18(account: Account) -> None:
    (key,) = seed(account, 1)
    assert len(key) == 18
    assert account.ids(f"SELECT Id FROM Lead WHERE Id = '{key[:15]}'") == [key]
    assert account.ids(f"SELECT Id FROM Lead WHERE Id IN ('{key}')") == [key]
    wrong = key[:17] + ("A" if key[17] != "A" else "B")
    assert refusal(account.query(f"SELECT Id FROM Lead WHERE Id = '{wrong}'"))[1] == "INVALID_QUERY_FILTER_OPERATOR"


def test_multi_select_values_are_found_by_includes(account: Account) -> None:
    account.org.define_field("Lead", "Topics__c", "multipicklist", picklist=["a", "b", "c"], length=255)
    account.org.seed("Lead", [{"LastName": n, "Company": "C", "Topics__c": t} for n, t in (("1", "a;b"), ("2", "c"))])
    assert names(account, "Topics__c INCLUDES ('a;b', 'x')") == ["1"]
    assert names(account, "Topics__c EXCLUDES ('a')") == ["2"]


def test_lookups_and_keyset_pages_do_not_scan_the_table(account: Account) -> None:
    """With 30,000 leads an IN on a key, an e-mail OR key, and a page of 50 each cost a fraction of a scan."""
    seed(account, 30_000)
    last = account.org.all("Lead")[-1]["Id"]
    keyset = f"SystemModstamp = {iso(START)} AND Id >= '{last}'"
    statements = [
        "SELECT Id FROM Lead WHERE Email IN ('p7@acme.test', 'P29999@acme.test')",
        f"SELECT Id FROM Lead WHERE Email = 'p7@acme.test' OR {KEY} IN ('k1', 'k2')",
        f"SELECT Id FROM Lead WHERE {keyset} ORDER BY SystemModstamp, Id LIMIT 50",
        "SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 50",
    ]
    scan = min(_seconds(account, "SELECT Id FROM Lead WHERE LastName LIKE '%nobody%'") for _ in range(3))
    for statement in statements:
        account.query(statement)  # the first use of a field builds its index
        assert min(_seconds(account, statement) for _ in range(5)) < scan / 2, statement


def _seconds(account: Account, statement: str) -> float:
    start = time.perf_counter()
    account.query(statement)
    return time.perf_counter() - start
