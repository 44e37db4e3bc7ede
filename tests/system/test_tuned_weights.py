"""What `match tune` learns from is weighed as the daemon weighed it when it asked."""

from __future__ import annotations

import pytest
from support.twins import ADDRESS, BILLED, seed_twins
from support.world import World, add_branch

from syncd.matching.tuning import weigh_label
from syncd.pipeline.labels import answered_labels
from syncd.pipeline.reviewing import accept, open_questions, read_review, reject
from syncd.stages.enrich import rules_of
from syncd.store.database import now_ms


def asked_and_tuned(made: World, *, settle: bool = True) -> tuple[dict[str, float], dict[str, float]]:
    """Answer the one question; return candidate -> bits as shown in review, and as tuned by."""
    with made.app.engine.begin() as connection:
        (row,) = open_questions(connection, 5)
        review = read_review(connection, made.app.mappings, row.id, now_ms())
        shown = {side.id: likely.weight for side, likely in review.candidates}
        if len(shown) > 1:
            accept(connection, review, "1", "test", now_ms())
        else:
            reject(connection, review, None, "test", now_ms())
    if settle:
        made.settle()
    rules = rules_of(made.app.mappings.definition, review.about)
    with made.app.engine.connect() as connection:
        labels = answered_labels(connection, made.app.mappings, review.about)
    return shown, {one.right.id: weigh_label(one, rules).weight for one in labels}


def test_accounts_that_a_branch_resembles_weigh_the_same(made: World) -> None:
    seed_twins(made)
    made.settle()
    shown, tuned = asked_and_tuned(made)
    assert len(shown) == 2
    assert tuned == pytest.approx(shown)


def test_accounts_that_share_a_key_weigh_the_same(made: World) -> None:
    """Of two with the customer's very name one is asked about as one of a few, not of the whole table."""
    for street in ("9 Birch Rd", "12 Alder St"):
        made.salesforce.seed("Account", [{**BILLED, "Name": "Voltaform Castings", "BillingStreet": street}])
    add_branch(made, "S1", "Voltaform Castings", customer="C9", **ADDRESS)
    with made.erp.begin() as connection:
        connection.exec_driver_sql("update customer set name = 'Voltaform Castings'")
    made.settle()
    shown, tuned = asked_and_tuned(made)
    assert len(shown) == 2
    assert tuned == pytest.approx(shown)


def test_a_branch_that_is_spelled_otherwise_weighs_the_same(made: World) -> None:
    """Of an account's branches only the place is asked for."""
    made.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1"}])
    add_branch(made, "S1", "Works Peoria", **{**ADDRESS, "street": "N Industrial Rd"})
    made.settle()
    made.contact(address="400 N Industrial Road", city="Peoria", state="IL", zip="61604")
    made.settle()
    shown, tuned = asked_and_tuned(made)
    assert len(shown) == 1
    assert tuned == pytest.approx(shown)


def test_two_people_weigh_the_same(made: World) -> None:
    made.contacts(
        [
            {"email": "b.smith@works.example", "firstname": "Bill", "lastname": "Smith", "company": "Works Inc"},
            {"email": "bsmith@gmail.com", "firstname": "William", "lastname": "Smith", "company": "Works Inc."},
        ]
    )
    made.settle()
    shown, tuned = asked_and_tuned(made)
    assert len(shown) == 1
    assert tuned == pytest.approx(shown)
