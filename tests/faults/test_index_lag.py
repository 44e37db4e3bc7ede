"""HubSpot's search shows for a while what stood there before our own write; nobody takes that for a person's change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from faults.town import place
from support.world import COMPLETE


@pytest.mark.parametrize("lag", [0.0, 3.0, 20.0])
def test_what_the_index_shows_late_is_no_news_and_feedback_is_written_once(tmp_path: Path, lag: float) -> None:
    """Polled every other second, faster than the index follows; what people edit meanwhile arrives all the same."""
    late = [0.0]
    with place(tmp_path, history=False, index_lag=lambda *_: late[0]) as somewhere, somewhere.fresh() as town:
        ids = town.world.contacts(
            [
                {**COMPLETE, "email": f"p{n}@works.example", "lastname": f"L{n}", "mobilephone": f"(312) 555-01{n:02}"}
                for n in range(5)
            ]
        )
        for _ in range(3):
            town.cycle(after=2.0)
        assert len(town.world.leads()) == len(ids)
        late[0] = lag
        for number, contact in enumerate(ids):
            town.world.hubspot.edit("contacts", contact, {"budget_amount": str(60_000 + number)})
        for lead in town.world.leads():
            town.world.salesforce.edit("Lead", lead["Id"], {"Syncd_Decision__c": "accepted"})
        before = Counter(town.world.writes())
        for number in range(int(lag) + 10):
            town.cycle(after=2.0)
            if number == 1:
                town.world.hubspot.edit("contacts", ids[0], {"problem": "Noise in hall 4"})
        written = town.world.writes() - before
        assert {lead["Budget__c"] for lead in town.world.leads()} == {str(60_000 + number) for number in range(5)}
        assert [lead["LastName"] for lead in town.world.leads() if lead["Problem__c"] == "Noise in hall 4"] == ["L0"]
        assert written["hubspot contacts"] == len(ids)
        assert town.world.problems() == []
