"""A record at which the org's automation breaks off, as a script tells it: it stands alone, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from salesforce_wire import Part, PartAnswer, lead, refusal, rows_written, scripted

from connectors.contract import Deferred, WriteResult, Written
from sandbox.wire import Response

BROKEN: PartAnswer = (500, refusal("UNKNOWN_EXCEPTION", "An unexpected error occurred"))


def breaking_at(*keys: int) -> Part:
    """Break off each part that holds one of these rows."""
    poison = {f"key-{key}" for key in keys}

    def answer(part: dict[str, Any]) -> PartAnswer:
        sent = {row["Syncd_Key__c"] for row in part["body"]["records"]}
        return BROKEN if sent & poison else rows_written(part)

    return answer


def put_off(answers: Sequence[WriteResult]) -> dict[int, Deferred]:
    return {number: one for number, one in enumerate(answers) if isinstance(one, Deferred)}


def test_a_row_that_breaks_its_part_stands_alone_after_six_calls() -> None:
    """Twice whole, then 40, 8, 2 and 1: 999 are written, and one is put off for a reason of its own."""
    with scripted(breaking_at(77)) as (org, sf, _):
        found = put_off(sf.write([lead(n) for n in range(1000)]))
        assert list(found) == [77]
        assert (found[77].at_large, found[77].alike, found[77].retry_after) == (False, False, 0.0)
        assert "UNKNOWN_EXCEPTION" in found[77].reason
        assert len(org.calls) == 6


def test_several_that_break_are_each_found() -> None:
    with scripted(breaking_at(3, 4, 190, 401)) as (_, sf, _):
        found = put_off(sf.write([lead(n) for n in range(500)]))
        assert list(found) == [3, 4, 190, 401]
        assert not any(one.at_large or one.alike for one in found.values())


def test_one_that_is_sent_by_itself_is_blamed_itself() -> None:
    with scripted(breaking_at(1)) as (_, sf, _):
        (told,) = sf.write([lead(1)])
        assert isinstance(told, Deferred)
        assert not told.at_large


def test_where_every_row_breaks_none_is_blamed_and_three_calls_are_enough() -> None:
    """A trigger that breaks off at everything: one try is as good as a thousand."""
    with scripted(breaking_at(*range(200))) as (org, sf, _):
        found = put_off(sf.write([lead(n) for n in range(200)]))
        assert len(found) == 200
        assert all(one.alike for one in found.values())
        assert len(org.calls) == 3


def test_a_part_that_breaks_once_is_sent_again_whole() -> None:
    broken = iter([True])

    def answer(part: dict[str, Any]) -> PartAnswer:
        return BROKEN if next(broken, False) else rows_written(part)

    with scripted(answer) as (org, sf, _):
        assert put_off(sf.write([lead(n) for n in range(200)])) == {}
        assert len(org.calls) == 2


def test_an_org_without_time_is_not_asked_row_by_row() -> None:
    with scripted(lambda _: (503, refusal("SERVER_UNAVAILABLE"))) as (org, sf, _):
        found = put_off(sf.write([lead(n) for n in range(200)]))
        assert all(one.at_large for one in found.values())
        assert len(org.calls) == 3


@pytest.mark.parametrize("answer", [Response(503, b"<html></html>"), Response(200, b"<html></html>")])
def test_a_call_of_its_own_that_fails_costs_no_answer_of_the_others(answer: Response) -> None:
    """Text that a composite call could take for a reference travels apart; what was written beside it is written."""
    with scripted() as (org, sf, _):
        org.plain = lambda _: answer
        told = sf.write([lead(n, Company="Dear @{x}" if n == 250 else "Acme") for n in range(600)])
        own = range(200, 400)
        assert [n for n, one in enumerate(told) if isinstance(one, Written)] == [n for n in range(600) if n not in own]
        assert list(put_off(told)) == list(own)


def test_a_row_that_breaks_its_own_call_stands_alone_too() -> None:
    with scripted() as (org, sf, _):
        org.plain = lambda _: Response(*BROKEN)
        for stands_in in (200, 40, 8, 2, 1):
            told = sf.write([lead(n, Company="Dear @{x}" if n == 5 else "Acme") for n in range(250)])
            found = put_off(told)
            assert (len(found), 5 in found) == (stands_in, True)
        assert not found[5].at_large


@pytest.mark.parametrize("answer", [(0, None), (504, "<html>"), (200, [])])
def test_a_row_for_which_no_answer_comes_stands_alone_after_a_few_writes(answer: PartAnswer) -> None:
    """Nothing is sent twice within a write: each begins with what was read meanwhile."""

    def cut_off(part: dict[str, Any]) -> PartAnswer:
        return answer if any(row["Syncd_Key__c"] == "key-77" for row in part["body"]["records"]) else rows_written(part)

    with scripted(cut_off) as (org, sf, _):
        rows = [lead(n) for n in range(500)]
        for stands_in in (200, 40, 8, 2, 1, 1):
            found = put_off(sf.write(rows))
            assert len(found) == stands_in
            assert {one.at_large for one in found.values()} == {stands_in > 1}
            rows = [rows[n] for n in found]
        assert len(org.calls) == 6
        assert list(put_off(sf.write([*rows, *(lead(n) for n in range(500, 600))]))) == [0]


def test_where_nothing_is_answered_none_is_blamed_however_often_it_is_tried() -> None:
    with scripted(lambda _: (0, None)) as (org, sf, _):
        for _ in range(6):
            found = put_off(sf.write([lead(n) for n in range(400)]))
            assert len(found) == 400
            assert all(one.at_large for one in found.values())
        assert [len(parts) for parts in org.calls] == [2, 5, 5] * 3
