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
        "SELECT COUNT(Id) FROM Lead GROUP BY City",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT TYPEOF Owner WHEN User THEN Name END FROM Lead",
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


def test_a_word_in_a_value_is_no_clause(account: Account) -> None:
    """What bulk cannot ask is looked for outside of strings."""
    account.lead(City="group by (select")
    soql = "SELECT Id FROM Lead WHERE City = 'group by (select'"
    assert account.call("GET", f"{query_job(account, soql)}/results").headers["Sforce-NumberOfRecords"] == "1"


def test_a_result_keeps_rows_as_the_job_read_them(account: Account) -> None:
    """It is a file: what is edited or purged before it is fetched is still in it, and a page can be fetched again."""
    first, second = account.lead(City="Bonn"), account.lead(City="Ulm")
    path = query_job(account, "SELECT Id, City FROM Lead")
    account.org.edit("Lead", first, {"City": "Kiel"})
    account.org.purge("Lead", second)
    pages = [account.call("GET", f"{path}/results", params={"maxRecords": "50"}).text for _ in range(2)]
    assert pages[0] == pages[1]
    found = {row["Id"]: row["City"] for row in csv.DictReader(io.StringIO(pages[0]))}
    assert found == {first: "Bonn", second: "Ulm"}


def test_rows_come_in_no_order_unless_one_is_asked_for(account: Account) -> None:
    account.org.seed("Lead", [{"LastName": f"{n:03}", "Company": "C"} for n in range(50)])
    names = {}
    for order in ("", " ORDER BY LastName"):
        text = account.call("GET", f"{query_job(account, f'SELECT LastName FROM Lead{order}')}/results").text
        names[order] = [row["LastName"] for row in csv.DictReader(io.StringIO(text))]
    assert names[" ORDER BY LastName"] == sorted(names[""])
    assert names[""] != sorted(names[""])


def test_query_all_finds_what_is_deleted(account: Account) -> None:
    account.org.delete("Lead", account.lead())
    for operation, count in (("query", "0"), ("queryAll", "1")):
        path = query_job(account, "SELECT Id, IsDeleted FROM Lead", operation)
        assert account.call("GET", f"{path}/results").headers["Sforce-NumberOfRecords"] == count


def test_results_have_the_line_ending_of_the_job(account: Account) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Lead", "lineEnding": "CRLF"}
    path = f"jobs/query/{account.call('POST', 'jobs/query', body).json()['id']}"
    for _ in range(2):
        account.call("GET", path)
    assert account.call("GET", f"{path}/results").content == b'"Id"\r\n'


def test_an_aborted_query_has_no_results(account: Account) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Lead"}
    path = f"jobs/query/{account.call('POST', 'jobs/query', body).json()['id']}"
    assert account.call("PATCH", path, {"state": "Aborted"}).json()["state"] == "Aborted"
    assert account.call("GET", f"{path}/results").status_code == 400
    assert account.call("PATCH", path, {"state": "Aborted"}).status_code == 400


def test_jobs_and_their_results_are_kept_for_seven_days(account: Account) -> None:
    path = query_job(account, "SELECT Id FROM Lead")
    job = ingest(account, "LastName,Company\nA,C\n")
    account.clock.pass_(7 * 86_400)
    assert account.call("GET", f"{path}/results").status_code == 200
    account.clock.pass_(2)
    for gone in (f"{path}/results", f"jobs/ingest/{job['id']}/successfulResults"):
        assert refusal(account.call("GET", gone)) == (404, "NOT_FOUND")


def test_a_job_that_fails_keeps_what_it_had_saved(account: Account) -> None:
    """The rows that it did not reach are unprocessed, neither done nor failed."""
    account.org.set_bulk(fail_after=2)
    job = ingest(account, f"LastName,Company,{KEY}\nA,C,k1\nB,C,k2\nD,C,k3\n")
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 2)
    assert {row[KEY] for row in account.org.all("Lead")} == {"k1", "k2"}
    assert [row[KEY] for row in results(account, job, "unprocessedrecords")] == ["k3"]
    assert {row[KEY] for row in results(account, job, "successfulResults")} == {"k1", "k2"}


def test_a_job_can_be_aborted_half_way(account: Account) -> None:
    account.org.set_bulk(step=1)
    job = open_job(account)
    upload(account, job, f"LastName,Company,{KEY}\nA,C,k1\nB,C,k2\nD,C,k3\n")
    path = f"jobs/ingest/{job['id']}"
    account.call("PATCH", path, {"state": "UploadComplete"})
    for _ in range(2):
        assert account.call("GET", path).json()["state"] == "InProgress"
    assert account.call("PATCH", path, {"state": "Aborted"}).status_code == 200
    assert [row[KEY] for row in account.org.all("Lead")] == ["k1", "k2"]
    assert [row[KEY] for row in results(account, job, "unprocessedrecords")] == ["k3"]


def test_an_upload_that_is_too_large_is_refused(account: Account) -> None:
    account.org.set_bulk(max_bytes=20)
    job = open_job(account)
    assert upload(account, job, "LastName,Company\nA,C\n") == 400
    assert account.call("GET", f"jobs/ingest/{job['id']}").json()["state"] == "Open"


def test_a_cell_that_is_too_long_fails_its_row_alone(account: Account) -> None:
    job = ingest(account, f"LastName,Company,Description\nA,C,{'x' * 32_001}\nB,C,y\n")
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 1)
    assert results(account, job, "failedResults")[0]["sf__Error"].startswith("STRING_TOO_LONG:")


def test_every_call_about_a_job_counts_and_so_do_jobs_and_batches(account: Account) -> None:
    """A job costs what its calls cost; besides, batches of 10,000 rows and query jobs are counted by the day."""
    account.org.set_bulk(batches_a_day=2, queries_a_day=1)
    before = account.org.api_calls
    ingest(account, "LastName,Company\nA,C\n")
    query_job(account, "SELECT Id FROM Lead")
    assert account.org.api_calls - before == 5 + 3
    left = account.call("GET", "limits").json()
    assert (left["DailyBulkApiBatches"]["Remaining"], left["DailyBulkV2QueryJobs"]["Remaining"]) == (1, 0)
    again = account.call("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"})
    assert refusal(again) == (400, "LIMIT_EXCEEDED")
    account.clock.pass_(86_400)
    query_job(account, "SELECT Id FROM Lead")
