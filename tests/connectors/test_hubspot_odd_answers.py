"""Answers of HubSpot that are JSON and have another form than its contract gives them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hubspot_bench import Bench, bench

from connectors.contract import Deferred, FieldType, FieldWanted, Policy, Reading, WriteRequest
from connectors.errors import ContractBroken, Unavailable
from sandbox.wire import Response

NO_RESULTS: list[Any] = [[], {}, None, 1, "text", [None], {"status": "ok"}]
NO_RESULTS += [{"results": rows} for rows in (None, {}, [None], [[]])]
FORMS = [*NO_RESULTS, *({"results": rows} for rows in ([{}], [{"id": None}], [{"name": []}]))]
KNOWN = {"at": 1_000_000, "top": "", "gap": 0}
CONTACT = {"firstname": "x", "lifecyclestage": "lead"}
READS: list[Callable[[Bench], Any]] = [
    lambda desk: list(desk.connector.changes([desk.store.reading("contacts")], desk.store)),
    lambda desk: list(desk.connector.changes([Reading(kind="contacts", fields=("email",), after=KNOWN)], desk.store)),
    lambda desk: desk.connector.fetch("contacts", ["1", "2"], ["email"]),
    lambda desk: [one for one in desk.connector.ids("contacts") if one.alive or one.deleted],
    lambda desk: desk.connector.people() and (),
    lambda desk: desk.connector.fields("contacts") and (),
    lambda desk: desk.connector.prepare([wanted()], apply=True) and (),
]


def wanted() -> FieldWanted:
    return FieldWanted(kind="contacts", name="syncd_x", label="x", type=FieldType.TEXT)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_answer_in_another_form_is_no_usable_answer_wherever_it_comes(form: Any) -> None:
    """No record is gone, refused or erased because of it; it is tried again."""
    with bench() as desk:
        desk.sim.handle = lambda _: Response(200, form)  # type: ignore[method-assign]
        for number, read in enumerate(READS):
            with suppress(Unavailable, ContractBroken):
                assert not [page for page in read(desk) if getattr(page, "records", True)], number
        requests = [WriteRequest(token=i, kind="contacts", policy=Policy.UPDATE, id=i, fields=CONTACT) for i in "12"]
        key = ("syncd_key", "K1")
        requests.append(WriteRequest(token="3", kind="contacts", policy=Policy.CREATE, key=key, fields=CONTACT))
        assert {type(one) for one in desk.connector.write(requests)} == {Deferred}


@pytest.mark.parametrize("form", NO_RESULTS, ids=str)
def test_a_list_without_results_is_no_empty_list(form: Any) -> None:
    """An empty one says that all that is known is gone."""
    with bench() as desk:
        desk.sim.handle = lambda _: Response(200, form)  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            list(desk.connector.ids("contacts"))
