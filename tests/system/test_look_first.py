"""Before a lead is made in the CRM, the CRM is read once more: who came to be there meanwhile is not made again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS
from support.world import COMPLETE, World, world

from sandbox.wire import Fault
from syncd.daemon.engine import HANDOFF, hand_over
from syncd.store.database import now_ms
from syncd.store.tables import cursor, due


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    with world(tmp_path, sqlite_url) as one:
        one.cycle()
        yield one


def handed(made: World) -> Mapping[str, Any]:
    result: Mapping[str, Any] = DBOS.enqueue_workflow(HANDOFF, hand_over).get_result(polling_interval_sec=0.02)
    return result


def test_a_lead_that_a_rep_made_a_moment_ago_is_taken_and_not_doubled(made: World) -> None:
    """The contact was read, then the rep typed the same person in; no poll of the CRM lay between."""
    made.contact()
    made.work.poll("hubspot")
    made.salesforce.seed("Lead", [{"LastName": "Lee", "Company": "Works", "Email": COMPLETE["email"]}])
    handed(made)
    (lead,) = made.leads()
    assert lead["Problem__c"] == COMPLETE["problem"]


def test_the_look_costs_one_call_and_only_where_something_is_made(made: World) -> None:
    contact = made.contact()
    made.work.poll("hubspot")
    made.calls()
    assert handed(made)["fates"]["handed over"] == 1
    assert made.calls()["salesforce"] == {"POST composite": 2}  # a joined read, a joined write
    made.settle()
    made.hubspot.edit("contacts", contact, {"problem": "Scrap on line 4"})
    made.work.poll("hubspot")
    made.calls()
    handed(made)
    assert made.calls()["salesforce"] == {"POST composite": 1}


def test_a_crm_that_was_read_too_long_ago_is_read_again_and_gets_its_leads(made: World) -> None:
    """Reading the other system may take longer than a look at the CRM counts as fresh: no lead waits for that."""
    made.contact()
    made.work.poll("hubspot")
    made.work.poll("salesforce")
    with made.app.engine.begin() as connection:
        connection.execute(
            cursor.update().where(cursor.c.system == "salesforce").values(polled_at=now_ms() - 3_600_000)
        )
    made.calls()
    assert handed(made)["fates"] == {"handed over": 1, "updated": 1}
    assert made.calls()["salesforce"] == {"POST composite": 2}  # the look, the write
    assert len(made.leads()) == 1


def test_how_long_ago_a_crm_may_have_been_read(made: World) -> None:
    """Two minutes at least, and no longer than three polls where these are more."""
    creating = made.work.creating
    for every, limit in ((10, 120), (100, 300)):
        creating._polls = {**creating._polls, "salesforce": timedelta(seconds=every)}
        with made.app.engine.begin() as connection:
            connection.execute(cursor.update().where(cursor.c.system == "salesforce").values(polled_at=1_000))
            fresh = [("salesforce", "Lead") in creating.allowed(connection, 1_000 * at) for at in (limit, limit + 2)]
        assert fresh == [True, False]


def test_a_crm_that_cannot_be_read_gets_nothing_new(made: World) -> None:
    """The lead waits, and goes through once the CRM can be read again."""
    made.contact()
    made.work.poll("hubspot")
    fault = made.servers["salesforce"].board.add(Fault(kind="status", status=400, times=100))
    handed(made)
    assert made.leads() == []
    fault.times = 0
    made.wait_is_over()
    made.work.troubles.forget()
    made.cycle()
    assert len(made.leads()) == 1


def test_nobody_is_made_while_the_crms_people_are_half_read(tmp_path: Path, sqlite_url: str) -> None:
    """Neither the first load nor the look before creating came to the last page; who stands there is not doubled."""
    with world(tmp_path, sqlite_url) as made:
        made.salesforce.seed("Lead", [{"LastName": "Ng", "Company": "Mill", "Email": "ng@mill.example"}])
        others = [{"LastName": f"Ng{n}", "Email": f"ng{n}@mill.example"} for n in range(6)]
        made.salesforce.seed("Contact", [*others, {"LastName": "Lee", "Email": COMPLETE["email"]}])
        made.salesforce.org.page_limit = 3
        board = made.servers["salesforce"].board
        for n in (2, 4):
            board.add(Fault("status", "POST composite", status=400, first=n))
        made.work.poll("salesforce")
        assert len(made.stored("salesforce")["Contact"]) == 3
        made.work.troubles.forget()
        made.contact()
        made.work.poll("hubspot")
        handed(made)
        assert len(made.leads()) == 1
        board.clear()
        made.work.troubles.forget()
        made.wait_is_over()
        made.settle()
        assert len(made.stored("salesforce")["Contact"]) == 7
        assert len(made.leads()) == 1


def test_a_lead_that_waits_for_the_crm_stays_due_where_an_opt_out_is_written_meanwhile(made: World) -> None:
    """What marketing hears of it is no end of its turn: it is made once the CRM answers."""
    made.servers["salesforce"].board.add(Fault(kind="status", status=503, times=999))
    contact = made.contact(hs_email_optout="true")
    made.cycle()
    assert made.told(contact)["syncd_opted_out"] == "true"
    with made.app.engine.begin() as connection:
        assert len(connection.execute(sa.select(due)).all()) == 1
