"""A write whose answer was lost and whose value was changed at its source before anybody asked again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from support.world import World, world

from sandbox.wire import Fault
from syncd.pipeline import sending


def lose_the_next_write(made: World, *, reads: int = 1) -> None:
    """Salesforce takes the write of the next cycle and no attempt of it is answered; the `reads` before it are."""
    made.servers["salesforce"].board.add(Fault("lost", "POST composite", first=reads + 1, times=4))
    made.cycle()
    made.servers["salesforce"].board.clear()
    made.wait_is_over()


def test_a_value_that_we_wrote_unanswered_is_not_taken_for_the_reps(tmp_path: Path, sqlite_url: str) -> None:
    """Under `theirs` it would stand for ever: what marketing says next must still arrive."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
        lose_the_next_write(made)
        assert made.leads()[0]["Problem__c"] == "Scrap on line 4"
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 5"})
        made.settle()
        assert made.leads()[0]["Problem__c"] == "Scrap on line 5"


def test_a_value_whose_answer_was_not_kept_is_not_taken_for_the_reps(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the answer came and the state could not be written just then."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
        with monkeypatch.context() as broken:
            broken.setattr(sending, "settle_answers", locked)
            with pytest.raises(OperationalError):
                made.cycle()
        assert made.leads()[0]["Problem__c"] == "Scrap on line 4"
        made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 5"})
        made.settle()
        assert made.leads()[0]["Problem__c"] == "Scrap on line 5"


def locked(*told: object) -> None:
    raise OperationalError("update intent", {}, Exception("database is locked"))


def test_a_lead_that_was_made_unanswered_follows_its_contact(tmp_path: Path, sqlite_url: str) -> None:
    """The same for every field of a create, and an emptied fact is not kept alive by our own write."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        lose_the_next_write(made, reads=2)  # a lead is made after one more look
        (lead,) = made.leads()
        made.hubspot.edit("contacts", contact, {"jobtitle": "VP Plants", "problem": "Rust"})
        made.settle()
        (lead,) = made.leads()
        assert (lead["Title"], lead["Problem__c"]) == ("VP Plants", "Rust")


def test_what_a_rep_changed_after_an_unanswered_write_stays(tmp_path: Path, sqlite_url: str) -> None:
    """Knowing what we may have written must not make a rep's own word ours."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        made.hubspot.edit("contacts", contact, {"jobtitle": "VP Plants"})
        lose_the_next_write(made)
        made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Title": "Chief"})
        made.hubspot.edit("contacts", contact, {"jobtitle": "VP Sites"})
        made.settle()
        assert made.leads()[0]["Title"] == "Chief"
        made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Title": "VP Plants"})  # by chance the value once lost
        made.settle()
        made.hubspot.edit("contacts", contact, {"jobtitle": "VP Works"})
        made.settle()
        assert made.leads()[0]["Title"] == "VP Plants"


def test_what_a_rep_enters_in_a_lead_that_was_made_unanswered_is_told(tmp_path: Path, sqlite_url: str) -> None:
    """Both sides held what the create sent; so hers is the later word, though marketing's clock runs ahead of hers."""
    with world(tmp_path, sqlite_url) as made:
        made.hubspot.portal.clock = lambda: time.time() + 3 * 3600
        contact = made.contact()
        lose_the_next_write(made, reads=2)
        made.salesforce.edit("Lead", made.leads()[0]["Id"], {"Budget__c": "77000"})
        made.settle()
        assert made.leads()[0]["Budget__c"] == "77000"
        assert made.hubspot.get("contacts", contact)["budget_amount"] == "77000"
