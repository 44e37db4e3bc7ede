"""Answers of Salesforce that are JSON and still odd: one value that strict readers refuse."""

from __future__ import annotations

import json

from salesforce_sandbox import people, sandbox

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
