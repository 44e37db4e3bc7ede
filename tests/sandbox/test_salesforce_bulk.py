"""Bulk 2.0 jobs: their states, their CSV, and what becomes of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from salesforce_org import KEY, START, Account, open_org, refusal


@pytest.fixture
def account() -> Iterator[Account]:
    with open_org() as opened:
        yield opened


def open_job(account: Account, operation: str = "insert", **more: Any) -> dict[str, Any]:
    job = {"object": "Lead", "operation": operation, "contentType": "CSV", "lineEnding": "LF", **more}
    answer = account.call("POST", "jobs/ingest", job)
    assert answer.status_code == 200, answer.text
    return answer.json()


def upload(account: Account, job: dict[str, Any], text: str) -> int:
    return account.call(
        "PUT", f"/{job['contentUrl']}", data=text.encode(), headers={"Content-Type": "text/csv"}
    ).status_code


def ingest(account: Account, text: str, operation: str = "insert", **more: Any) -> dict[str, Any]:
    """Run a job to its end and return it as last polled."""
    job = open_job(account, operation, **more)
    assert upload(account, job, text) == 201
    path = f"jobs/ingest/{job['id']}"
    assert account.call("PATCH", path, {"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    assert account.call("GET", path).json()["state"] == "InProgress"
    return account.call("GET", path).json()


def results(account: Account, job: dict[str, Any], what: str) -> list[dict[str, str]]:
    answer = account.call("GET", f"jobs/ingest/{job['id']}/{what}/")
    assert answer.headers["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_good_and_bad_rows_are_told_apart_in_another_order(account: Account) -> None:
    """JobComplete with failed rows is normal; our own key column is what joins results to rows."""
    text = f"LastName,Company,Email,{KEY}\nA,C,a@acme.test,k1\nB,C,wrong,k2\nD,C,,k3\n"
    job = ingest(account, text)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 1)
    done = results(account, job, "successfulResults")
    assert [(row[KEY], row["sf__Created"]) for row in done] == [("k3", "true"), ("k1", "true")]
    assert account.org.get("Lead", done[1]["sf__Id"])["Email"] == "a@acme.test"
    (failed,) = results(account, job, "failedResults")
    assert (failed[KEY], failed["sf__Id"]) == ("k2", "")
    assert failed["sf__Error"] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: wrong:Email --"
    for spelling in ("unprocessedrecords", "unprocessedRecords"):
        assert results(account, job, spelling) == []


def test_an_empty_cell_leaves_a_field_and_na_clears_it(account: Account) -> None:
    key = account.lead(City="Bonn", Phone="1", Source_Key__c="k1")
    job = ingest(account, f"{KEY},City,Phone\nk1,,#N/A\n", "upsert", externalIdFieldName=KEY)
    assert results(account, job, "successfulResults")[0]["sf__Created"] == "false"
    row = account.org.get("Lead", key)
    assert (row["City"], row.get("Phone")) == ("Bonn", None)


def test_cells_are_read_by_the_type_of_their_field(account: Account) -> None:
    """Text around line breaks and quotes stays; booleans may be 1 and 0; a word is no number."""
    text = 'LastName,Company,Street,HasOptedOutOfEmail,NumberOfEmployees\nA,C,"x ""y""\nz",1,12\nB,C,,true,many\n'
    job = ingest(account, text)
    (row,) = account.org.all("Lead")
    assert (row["Street"], row["HasOptedOutOfEmail"], row["NumberOfEmployees"]) == ('x "y"\nz', True, 12)
    (failed,) = results(account, job, "failedResults")
    assert failed["sf__Error"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:")


def test_a_parent_is_named_by_a_relationship_column(account: Account) -> None:
    company = account.create("Account", Name="Acme", Source_Key__c="A1")
    ingest(account, f"LastName,Account.{KEY}\nA,A1\n", object="Contact")
    assert account.org.all("Contact")[0]["AccountId"] == company


@pytest.mark.parametrize(
    ("text", "more", "part"),
    [
        ("LastName,Nope__c\nA,1\n", {}, "Field name not found : Nope__c"),
        ("LastName,Company\r\nA,C\r\n", {}, "LineEnding is invalid"),
        ("LastName,Company\nA,C\n", {"lineEnding": "CRLF"}, "LineEnding is invalid"),
        ("LastName,Company\nA,C\nB\n", {}, "number of fields"),
    ],
)
def test_a_wrong_file_fails_the_job(account: Account, text: str, more: dict[str, str], part: str) -> None:
    job = ingest(account, text, **more)
    assert job["state"] == "Failed"
    assert part in job["errorMessage"]
    assert account.org.all("Lead") == []


def test_no_assignment_rule_runs_unless_the_job_names_one(account: Account) -> None:
    people = account.org.org.people
    ingest(account, "LastName,Company\nA,C\n")
    ingest(account, "LastName,Company\nB,C\n", assignmentRuleId="01Q000000000001AAA")
    owners = {row["LastName"]: row["OwnerId"] for row in account.org.all("Lead")}
    assert owners == {"A": people.integration, "B": people.queue}


def test_update_and_delete_go_by_id_and_hard_delete_leaves_nothing(account: Account) -> None:
    first, second = account.lead(), account.lead()
    ingest(account, f"Id,City\n{first},Ulm\n,Bonn\n", "update")
    assert account.org.get("Lead", first)["City"] == "Ulm"
    ingest(account, f"Id\n{first}\n", "delete")
    assert account.org.get("Lead", first)["IsDeleted"] is True
    ingest(account, f"Id\n{second}\n", "hardDelete")
    assert account.ids("SELECT Id FROM Lead", "queryAll") == [first]


def test_a_key_twice_in_one_file_fails_both_rows(account: Account) -> None:
    text = f"{KEY},LastName,Company\nk1,A,C\nk1,B,C\nk2,D,C\n"
    job = ingest(account, text, "upsert", externalIdFieldName=KEY)
    assert job["numberRecordsFailed"] == 2
    assert [row[KEY] for row in account.org.all("Lead")] == ["k2"]


def test_a_job_takes_one_upload_while_open_and_goes_only_when_over(account: Account) -> None:
    job = open_job(account)
    path = f"jobs/ingest/{job['id']}"
    assert job["contentUrl"] == f"services/data/v66.0/{path}/batches"
    assert job["state"] == "Open"
    assert upload(account, job, "LastName,Company\nA,C\n") == 201
    assert upload(account, job, "LastName,Company\nB,C\n") == 400
    assert account.call("DELETE", path).status_code == 400
    assert account.call("PATCH", path, {"state": "Aborted"}).json()["state"] == "Aborted"
    assert account.call("PATCH", path, {"state": "UploadComplete"}).status_code == 400
    assert account.call("DELETE", path).status_code == 204
    assert refusal(account.call("GET", path)) == (404, "NOT_FOUND")


def query_job(account: Account, soql: str, operation: str = "query") -> str:
    answer = account.call("POST", "jobs/query", {"operation": operation, "query": soql})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "UploadComplete"
    path = f"jobs/query/{answer.json()['id']}"
    assert account.call("GET", path).json()["state"] == "InProgress"
    assert account.call("GET", path).json()["state"] == "JobComplete"
    return path


def test_query_results_come_in_pages_that_repeat_the_header(account: Account) -> None:
    """The last page's locator is the word null; every page tells its number of rows."""
    account.org.seed("Lead", [{"LastName": f"L{n}", "Company": "C"} for n in range(5)])
    path = query_job(account, "SELECT Id, LastName FROM Lead")
    found, locator, counts = [], None, []
    while locator != "null":
        params = {"maxRecords": "2", **({"locator": locator} if locator else {})}
        page = account.call("GET", f"{path}/results", params=params)
        found += [row["LastName"] for row in csv.DictReader(io.StringIO(page.text))]
        counts.append(page.headers["Sforce-NumberOfRecords"])
        locator = page.headers["Sforce-Locator"]
    assert sorted(found) == [f"L{n}" for n in range(5)]
    assert counts == ["2", "2", "1"]


def test_query_values_are_quoted_and_dates_end_in_z(account: Account) -> None:
    (company,) = account.org.seed("Account", [{"Name": 'A "B"'}])
    account.org.seed("Contact", [{"LastName": "D", "AccountId": company}], START)
    path = query_job(account, "SELECT Email, SystemModstamp, IsDeleted, Account.Name FROM Contact")
    assert account.call("GET", f"{path}/results").text == (
        '"Email","SystemModstamp","IsDeleted","Account.Name"\n"","2027-01-15T08:00:00.000Z","false","A ""B"""\n'
    )


def test_an_empty_result_is_a_header_with_its_counts(account: Account) -> None:
    page = account.call("GET", f"{query_job(account, 'SELECT Id FROM Lead')}/results")
    assert (page.text, page.headers["Sforce-NumberOfRecords"], page.headers["Sforce-Locator"]) == (
        '"Id"\n',
        "0",
        "null",
    )


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT COUNT() FROM Lead",
        "SELECT FIELDS(STANDARD) FROM Lead",
        "SELECT Id FROM Lead OFFSET 1",
        "SELECT Address FROM Lead",
    ],
)
def test_what_bulk_cannot_ask_is_refused(account: Account, soql: str) -> None:
    assert account.call("POST", "jobs/query", {"operation": "query", "query": soql}).status_code == 400


def test_results_are_for_the_version_and_the_end_of_the_job(account: Account) -> None:
    answer = account.call("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"})
    path = f"jobs/query/{answer.json()['id']}"
    assert account.call("GET", f"{path}/results").status_code == 400
    assert account.call("DELETE", path).status_code == 400
    for _ in range(2):
        account.call("GET", path)
    assert account.call("GET", f"/services/data/v65.0/{path}/results").status_code == 409
    assert account.call("DELETE", path).status_code == 204
