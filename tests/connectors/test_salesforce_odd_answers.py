"""Answers of Salesforce that are JSON and still odd: one value that strict readers refuse, or another form."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from salesforce_sandbox import people, sandbox
from salesforce_wire import Stored, connector_to, lead, reading, rows_written, scripted, update

from connectors.contract import Deferred, Written
from connectors.errors import Unavailable
from connectors.salesforce import SalesforceConnector
from sandbox.wire import Response

ID = "00Q000000000004AAA"
HALF, HUGE = "half a character \ud83d", "1" + "0" * 400


def test_half_a_character_or_a_huge_number_does_not_hold_up_a_page() -> None:
    """A text cut at a number of UTF-16 units may end in half an emoji; the other records of all kinds are good."""
    with sandbox() as box:
        leads = box.org.seed("Lead", [*people(2), {"LastName": HALF, "Company": "HUGE"}], modified=box.clock() - 10)
        box.org.seed("Account", [{"Name": HALF}], modified=box.clock() - 10)
        handle = box.org.handle

        def odd(request: object) -> object:
            answer = handle(request)  # type: ignore[arg-type]
            answer.body = json.dumps(answer.body).replace('"HUGE"', HUGE).encode()
            return answer

        box.org.handle = odd  # type: ignore[method-assign, assignment]
        assert set(box.poll(fields=("LastName", "Company"))["Lead"]) == set(leads)
        assert len(box.poll(("Account",), fields=("Name",))["Account"]) == 1
        fetched = box.sf.fetch("Lead", leads, ["LastName", "Company"])
        for one in (box.store.records["Lead"][leads[2]], fetched[2]):
            assert one.fields == {"LastName": "half a character ?", "Company": HUGE}


FORMS: list[Any] = [[], {}, None, 1, "text", [None], [1], [[]], {"fields": [None]}, {"fields": None}]
PARTS = [*FORMS, *({"records": rows} for rows in (None, {}, [None], [{}], [{"Id": 1}]))]
PARTS += [{"records": [{"Id": "00Q000000000001AAA", "SystemModstamp": None, "IsDeleted": False}], "totalSize": None}]
WHOLES = [*FORMS, *({"compositeResponse": parts} for parts in ([], {}, 1, [None], [[]], [{"httpStatusCode": "200"}]))]
BEFORE = {"stamp": "2026-01-01T00:00:00+00:00", "id": "00Q"}
READS: list[Callable[[SalesforceConnector], Any]] = [
    lambda sf: list(sf.changes([reading()], Stored())),
    lambda sf: list(sf.changes([reading(after=BEFORE)], Stored())),
    lambda sf: sf.fetch("Lead", ["00Q000000000001AAA"], ["Email"]),
    lambda sf: sf.fetch("Lead", ["00Q000000000001AAA"], ["Owner.Name"]),
    lambda sf: list(sf.ids("Lead")),
    lambda sf: sf.people(),
    lambda sf: sf.fields("Lead"),
    lambda sf: sf.check(),
]


@pytest.mark.parametrize("form", [*(("part", one) for one in PARTS), *(("whole", one) for one in WHOLES)], ids=str)
def test_an_answer_in_another_form_is_no_usable_answer_wherever_it_comes(form: tuple[str, Any]) -> None:
    """As a gateway gives. Reads are Unavailable, or as if there were nothing; no row is lost or refused."""
    with scripted() as (org, _, server):
        handle = org.handle
        if form[0] == "part":
            org.part = lambda part: (200, form[1])
        else:
            org.handle = lambda one: handle(one) if "oauth" in one.path else Response(200, form[1])  # type: ignore[method-assign]
        org.plain = lambda one: Response(200, form[1])
        for read in READS:
            with suppress(Unavailable):
                read(connector_to(server))
        for settings in ({}, {"bulk_from": {"writes": 1}}):
            with suppress(Unavailable):  # nothing was tried
                answers = connector_to(server, **settings).write([lead(1), update(2, "00Q000000000002AAA")])
                assert [type(one) for one in answers] == [Deferred, Deferred]


def test_a_new_record_whose_id_was_not_told_is_looked_for_by_its_key_and_holds_up_no_other() -> None:
    """Nor does a request that lacks what it needs: it alone is refused."""

    def silent(part: dict[str, Any]) -> Any:
        status, rows = rows_written(part)
        return status, [{**row, "id": None} if row.get("created") else row for row in rows]

    with scripted(silent) as (_, sf, _):
        nameless = replace(lead(2, LastName="Two"), key=None)
        nobody = replace(update(3, "None", LastName="Three"))
        made, refused, unknown, kept = sf.write([lead(1, LastName="One"), nameless, nobody, update(4, ID, Title="CEO")])
        assert isinstance(made, Deferred)
        assert "did not tell its id; it is looked for by its key" in made.reason
        assert [getattr(one, "code", None) for one in (refused, unknown)] == ["MISSING_KEY", "MALFORMED_ID"]
        assert isinstance(kept, Written)
        assert kept.id == ID
