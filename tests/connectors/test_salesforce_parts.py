"""What the Salesforce connector makes of answers of which a part went wrong, from an org that answers as scripted."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_wire import (
    CANARY,
    COMPOSITE,
    Stored,
    lead,
    reading,
    refusal,
    row,
    row_error,
    rows_written,
    scripted,
    update,
)

from connectors.contract import Deferred, Rejected, Written
from connectors.errors import ConfigProblem
from connectors.http import Session
from sandbox.wire import Fault

# --- polling ---------------------------------------------------------------------------------------------------------


def kind_of(part: dict[str, Any]) -> str:
    return str(part["url"].split("FROM%20")[1].split("%20")[0])


def test_an_object_that_fails_does_not_hold_up_the_others() -> None:
    """The others' pages come first; then the field and the object that are wrong are named."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        if kind_of(call) == "Contact":
            return 400, refusal("INVALID_FIELD", "\nNo such column 'Nope__c' on entity 'Contact'. If you are ...")
        return 200, {"totalSize": 1, "done": True, "records": [row(1)]}

    with scripted(part) as (_, sf, _):
        pages = []
        readings = [reading("Contact"), reading("Lead"), reading("Account")]
        with pytest.raises(ConfigProblem, match="Contact has no field Nope__c"):
            pages.extend(page.kind for page in sf.changes(readings, Stored()))
        assert pages == ["Lead", "Account"]


@pytest.mark.parametrize("hidden", ["User", "Group"])
def test_of_owners_that_may_not_be_seen_the_object_is_named(hidden: str) -> None:
    """Users and queues come in one call."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        if kind_of(call) == hidden:
            return 400, refusal("INVALID_TYPE", f"sObject type '{hidden}' is not supported.")
        return 200, {"totalSize": 0, "done": True, "records": []}

    with scripted(part) as (_, sf, _), pytest.raises(ConfigProblem, match=f"there is no {hidden} "):
        sf.people()


def test_a_selected_field_that_a_row_leaves_out_is_empty_in_it_and_in_no_other() -> None:
    """What the first row of a page lacks is read of the others; it was selected, so nobody lacks the field."""
    rows = [row(1, Email="a@example.test"), row(2, Decision__c="accepted")]
    with scripted(lambda _: (200, {"totalSize": 2, "done": True, "records": rows})) as (_, sf, _):
        (page,) = sf.changes([reading(fields=("Email", "Decision__c"))], Stored())
        assert [dict(one.fields) for one in page.records] == [
            {"Email": "a@example.test", "Decision__c": None},
            {"Email": None, "Decision__c": "accepted"},
        ]


def test_a_query_that_takes_too_long_is_asked_for_fewer_rows() -> None:
    """QUERY_TIMEOUT goes away with a smaller page; nothing is skipped by it."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        if "LIMIT%202000" in call["url"]:
            return 400, refusal("QUERY_TIMEOUT")
        return 200, {"totalSize": 1, "done": True, "records": [row(1)]}

    with scripted(part) as (org, sf, _):
        assert [page.records[0].id for page in sf.changes([reading()], Stored())] == ["00Q000000000001AAA"]
        assert [call[0]["url"].rsplit("%20", 1)[1] for call in org.calls] == ["2000", "500"]


def test_an_address_from_an_answer_is_never_followed() -> None:
    """nextRecordsUrl could name any host; reading goes on by its own keyset."""
    pages = [
        {"totalSize": 2, "done": False, "nextRecordsUrl": "https://evil.example/x", "records": [row(1)]},
        {"totalSize": 1, "done": True, "records": [row(2)]},
    ]
    with scripted(lambda call: (200, pages.pop(0))) as (org, sf, _):
        ids = [record.id for page in sf.changes([reading()], Stored()) for record in page.records]
        assert ids == ["00Q000000000001AAA", "00Q000000000002AAA"]
        assert "Id%20%3E%20%2700Q000000000001AAA%27" in org.calls[1][0]["url"]


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_part_that_fails_is_sent_again_alone() -> None:
    """Sub-request 3 of 5 answers 503 once: the other 800 rows are done with the first call."""
    calls = {"n": 0}

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        calls["n"] += 1
        return (503, refusal("SERVER_UNAVAILABLE")) if calls["n"] == 3 else rows_written(call)

    with scripted(part) as (org, sf, _):
        answers = sf.write([lead(n) for n in range(1000)])
        assert {type(answer) for answer in answers} == {Written}
        assert [[len(p["body"]["records"]) for p in call] for call in org.calls] == [[200] * 5, [200]]


@pytest.mark.parametrize(
    ("failing", "tries"),
    [((500, refusal("UNKNOWN_EXCEPTION")), 3), ((503, None), 1), ((502, "<html>"), 1), ((200, []), 1), ((0, None), 1)],
)
def test_a_part_that_keeps_failing_defers_its_own_rows_only(failing: tuple[int, Any], tries: int) -> None:
    """What Salesforce itself says failed is tried three times. What it says nothing of may have been carried out."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        return failing if call["url"].endswith("/composite/sobjects") else rows_written(call)

    with scripted(part) as (org, sf, _):
        answers = sf.write([update(1, "00Q000000000001AAA", Company="B"), lead(2)])
        assert isinstance(answers[0], Deferred)
        assert isinstance(answers[1], Written)
        assert len(org.calls) == tries


def test_a_bad_row_that_spoils_its_batch_is_found_in_four_more_calls() -> None:
    """Salesforce refuses all 200 for one unreadable value; the other 199 must go through."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        if any(record.get("Company") == "bad" for record in call["body"]["records"]):
            return 400, refusal("JSON_PARSER_ERROR", f"Cannot deserialize {CANARY}")
        return rows_written(call)

    with scripted(part) as (org, sf, _):
        answers = sf.write([lead(n, Company="bad" if n == 77 else "good") for n in range(200)])
        assert [n for n, answer in enumerate(answers) if not isinstance(answer, Written)] == [77]
        assert isinstance(answers[77], Rejected)
        assert CANARY not in answers[77].message
        assert len(org.calls) <= 5


def test_a_field_that_is_gone_refuses_only_the_rows_that_write_it() -> None:
    """The answer names the field, so no search is needed: one more call for all the others."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        if any("Gone__c" in record for record in call["body"]["records"]):
            return 400, refusal("INVALID_FIELD", "No such column 'Gone__c' on sobject of type Lead")
        return rows_written(call)

    with scripted(part) as (org, sf, _):
        answers = sf.write([lead(n, **({"Gone__c": 1} if n % 2 else {})) for n in range(200)])
        assert {type(answer) for answer in answers[::2]} == {Written}
        assert {(answer.code, answer.field) for answer in answers[1::2] if isinstance(answer, Rejected)} == {
            ("INVALID_FIELD", "Gone__c")
        }
        assert len(org.calls) == 2


def test_an_unknown_object_puts_its_rows_off_at_once() -> None:
    """NOT_FOUND for a whole batch speaks of the object; the records' links must not be dropped."""
    with scripted(lambda call: (404, refusal("NOT_FOUND"))) as (org, sf, _):
        answers = sf.write([lead(n) for n in range(200)])
        assert all(isinstance(answer, Deferred) and answer.stuck for answer in answers)
        assert len(org.calls) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", 2**70, {1, 2}])
def test_a_value_that_json_cannot_hold_refuses_its_row_alone(value: Any) -> None:
    """A NaN would be sent as null and clear the field; the others stop the whole call."""
    with scripted() as (org, sf, _):
        answers = sf.write([lead(1, Budget__c=value), lead(2)])
        assert isinstance(answers[0], Rejected)
        assert (answers[0].code, answers[0].field) == ("UNSENDABLE_VALUE", "Budget__c")
        assert isinstance(answers[1], Written)
        assert len(org.calls[0][0]["body"]["records"]) == 1


def test_one_record_twice_goes_in_two_calls_in_order() -> None:
    """A collection refuses a key that it holds twice, whatever its case."""
    with scripted() as (org, sf, _):
        twice = [lead(1, Company="A"), lead(2), lead(1, Company="B")]
        assert {type(answer) for answer in sf.write(twice)} == {Written}
        companies = [[record["Company"] for record in call[0]["body"]["records"]] for call in org.calls]
        assert companies == [["A", "Acme"], ["B"]]


def test_a_later_write_of_a_record_waits_for_the_earlier_one() -> None:
    """If only the later one went through, the earlier one would overwrite it when tried again."""

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        return 200, [row_error("UNABLE_TO_LOCK_ROW") for _ in call["body"]["records"]]

    with scripted(part) as (org, sf, _):
        answers = sf.write([lead(1, Company="A"), lead(1, Company="B")])
        assert [type(answer) for answer in answers] == [Deferred, Deferred]
        assert {call[0]["body"]["records"][0]["Company"] for call in org.calls} == {"A"}


def test_two_workers_that_create_one_key_at_once_end_with_one_record() -> None:
    """The slower one is told the key is taken; sent again it updates."""
    answers = [
        [row_error("DUPLICATE_VALUE", "duplicate value found: Syncd_Key__c duplicates value on record with id: x")]
    ]

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        return (200, answers.pop()) if answers else rows_written(call)

    with scripted(part) as (org, sf, _):
        assert isinstance(sf.write([lead(1)])[0], Written)
        assert len(org.calls) == 2


@pytest.mark.parametrize(
    ("text", "outcome", "calls"),
    [
        ("LeadTrigger: execution of BeforeUpdate caused by: UNABLE_TO_LOCK_ROW", Written, 2),
        ("LeadTrigger: execution of BeforeUpdate caused by: System.LimitException: Apex CPU time limit", Written, 2),
        (f"LeadTrigger: execution of BeforeUpdate caused by: bad value {CANARY}", Rejected, 1),
    ],
)
def test_a_trigger_that_met_a_lock_is_tried_again_and_one_that_failed_is_not(
    text: str, outcome: type, calls: int
) -> None:
    """The code is the same; only the text tells. The trigger is named, what it said is not repeated."""
    answers = [[row_error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text)]]

    def part(call: dict[str, Any]) -> tuple[int, Any]:
        return (200, answers.pop()) if answers else rows_written(call)

    with scripted(part) as (org, sf, _):
        (answer,) = sf.write([lead(1)])
        assert isinstance(answer, outcome)
        assert len(org.calls) == calls
        if isinstance(answer, Rejected):
            assert "LeadTrigger" in answer.message
            assert CANARY not in answer.message


def test_a_refused_first_call_raises_and_sends_nothing_more() -> None:
    """With nothing tried there is no doubt: the operator gets the sentence instead of a thousand waiting rows."""
    with scripted() as (_, sf, server):
        server.board.add(Fault("status", COMPOSITE, 403, refusal("API_DISABLED_FOR_ORG"), times=9))
        with pytest.raises(ConfigProblem, match="API Enabled"):
            sf.write([lead(n) for n in range(1001)])
        assert server.board.total(COMPOSITE) == 1


def test_the_session_is_the_shared_one() -> None:
    """Budgets and counters of the daemon hang on it."""
    with scripted() as (_, sf, _):
        assert isinstance(sf.session, Session)
