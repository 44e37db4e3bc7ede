"""Parts of a composite call that fail, or mean something: tokens, limits, a text like a reference."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_sandbox import sandbox
from salesforce_wire import (
    COMPOSITE,
    ORG,
    TOKEN,
    PartAnswer,
    Stored,
    lead,
    reading,
    refusal,
    row_error,
    rows_written,
    scripted,
)

from connectors.contract import Deferred, Written
from connectors.errors import AuthExpired, Unavailable
from connectors.salesforce.judge import DAILY_WAIT
from sandbox.wire import Request, Response


def _is_write(request: Request) -> bool:
    return request.path.endswith("/composite")


SPENT = refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def once(first: PartAnswer, then: Any = rows_written) -> Any:
    """Answer the first part like that, every other as `then` does."""
    left = [first]
    return lambda part: left.pop() if left else then(part)


@pytest.mark.parametrize("code", ["INVALID_SESSION_ID", "OPERATION_TOO_LARGE"])
def test_what_is_never_a_records_fault_is_put_off_though_a_row_tells_it(code: str) -> None:
    with scripted(lambda _: (200, [row_error(code)])) as (_, sf, _server):
        assert [type(answer) for answer in sf.write([lead(1)])] == [Deferred]


@pytest.mark.parametrize("text", ["Dear @{FirstName}, hello", "see @{p0[0].id} now"])
def test_a_text_that_looks_like_a_reference_is_written_as_it_is(text: str) -> None:
    """Inside a composite call it would fail for all of its collection, or take another record's id for its words."""
    with sandbox() as box:
        rows = [*(lead(number) for number in range(200)), lead(200, Description=text)]
        answers = box.sf.write(rows)
        assert all(isinstance(answer, Written) for answer in answers)
        assert [row["Description"] for row in box.org.all("Lead") if row.get("Description")] == [text]
        assert box.calls() == 2


def test_a_token_that_dies_between_the_parts_is_renewed_and_only_they_are_sent_again() -> None:
    with scripted(once((401, refusal("INVALID_SESSION_ID")))) as (org, sf, _):
        assert all(isinstance(answer, Written) for answer in sf.write([lead(number) for number in range(201)]))
        assert (org.tokens, [len(parts) for parts in org.calls]) == (2, [2, 1])


def test_what_the_other_parts_were_answered_stands_when_the_second_call_comes_to_nothing() -> None:
    with scripted(once((401, refusal("INVALID_SESSION_ID")))) as (org, sf, _):
        handle = org.handle
        org.handle = lambda request: Response(502, "") if org.calls and _is_write(request) else handle(request)  # type: ignore[method-assign]
        answers = sf.write([lead(number) for number in range(201)])
        assert [type(answer) for answer in answers] == [Deferred] * 200 + [Written]


def test_a_query_whose_part_met_a_dead_token_is_asked_again() -> None:
    none = (200, {"done": True, "totalSize": 0, "records": []})
    with scripted(once((401, refusal("INVALID_SESSION_ID")), lambda part: none)) as (org, sf, _):
        list(sf.changes([reading()], Stored()))
        assert org.tokens == 2


def test_a_part_that_refuses_a_fresh_token_too_stops_the_system() -> None:
    with scripted(lambda part: (401, refusal("INVALID_SESSION_ID"))) as (org, sf, _):
        with pytest.raises(AuthExpired, match="just issued"):
            sf.write([lead(1)])
        assert org.tokens == 2


def test_a_session_given_out_again_is_tried_once_more() -> None:
    """Logins at one time may share a session, and one refusal may have been a mistake."""
    with scripted() as (org, sf, server):
        org.token_answer = Response(200, {"access_token": TOKEN, "id": f"https://x/id/{ORG}/005xx000001SwiUAAS"})
        handle, left = org.handle, [Response(401, refusal("INVALID_SESSION_ID"))]
        org.handle = lambda request: (  # type: ignore[method-assign]
            left.pop() if left and request.path.endswith("/composite") else handle(request)
        )
        assert isinstance(sf.write([lead(1)])[0], Written)
        assert server.board.total(COMPOSITE) == 2


@pytest.mark.parametrize(
    "told",
    [
        {"error": "invalid_grant", "error_description": "rate limit"},
        {"error": "rate_limit_exceeded", "error_description": "slow down"},
        {"error": "unknown_error", "error_description": "login rate exceeded"},
    ],
)
def test_too_many_logins_are_waited_for(told: dict[str, str]) -> None:
    with scripted() as (org, sf, _):
        org.token_answer = Response(400, told)
        with pytest.raises(Unavailable) as caught:
            sf.write([lead(1)])
        assert caught.value.retry_after == 900


@pytest.mark.parametrize("answer", [(403, SPENT), (200, [row_error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit")])])
def test_a_spent_day_told_inside_a_call_is_not_tried_again_at_once(answer: PartAnswer) -> None:
    with scripted(lambda part: answer) as (org, sf, _):
        (told,) = sf.write([lead(1)])
        assert isinstance(told, Deferred)
        assert (told.retry_after, told.at_large, len(org.calls)) == (DAILY_WAIT, True, 1)


@pytest.mark.parametrize(
    "answer",
    [
        (420, "<html>slow down</html>"),
        (429, refusal("TOO_MANY_REQUESTS")),
        (400, refusal("OPERATION_TOO_LARGE")),
        (200, [row_error("BATCH_PROCESSING_HALTED")]),
    ],
)
def test_what_may_pass_is_put_off_and_never_held_against_the_record(answer: PartAnswer) -> None:
    with scripted(lambda part: answer) as (_, sf, _server):
        assert isinstance(sf.write([lead(1)])[0], Deferred)
    with scripted(once(answer)) as (_, sf, _server):
        assert isinstance(sf.write([lead(1)])[0], Written)


def test_a_description_without_names_for_programs_is_read() -> None:
    """The master alone: every option of every field is there."""
    master = {
        "name": "Master",
        "recordTypeId": "012000000000000AAA",
        "available": True,
        "defaultRecordTypeMapping": True,
    }
    field = {"name": "Industry", "label": "Industry", "type": "picklist", "restrictedPicklist": True}
    told = {"fields": [{**field, "picklistValues": [{"value": "Food", "active": True}]}], "recordTypeInfos": [master]}
    with scripted() as (org, sf, _):
        org.plain = lambda request: Response(200, told)
        (info,) = sf.fields("Lead")
        assert (info.choices, info.offered_by) == (("Food",), "")
