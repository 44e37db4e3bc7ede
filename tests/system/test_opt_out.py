"""An opt-out that sales hears reaches marketing, at once, and nothing of ours ever takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World, world


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        yield one


def test_an_opt_out_told_in_salesforce_stands_on_the_contact_and_is_never_turned_back(made: World) -> None:
    """On a Lead, and on the Contact of somebody who was never handed over; who said nothing is told nothing."""
    ann = made.contact()
    cid = made.contact(email="cid@works.example", firstname="Cid", lastname="Moss", mobilephone="", budget_amount="")
    (contact,) = made.salesforce.seed("Contact", [{"LastName": "Moss", "Email": "cid@works.example"}])
    made.settle()
    assert [made.told(one).get("syncd_opted_out") for one in (ann, cid)] == [None, None]
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"HasOptedOutOfEmail": True})
    made.salesforce.edit("Contact", contact, {"HasOptedOutOfEmail": True})
    made.settle()
    assert [made.told(one).get("syncd_opted_out") for one in (ann, cid)] == ["true", "true"]
    made.salesforce.edit("Lead", made.leads()[0]["Id"], {"HasOptedOutOfEmail": False})
    made.settle()
    assert made.told(ann)["syncd_opted_out"] == "true"
