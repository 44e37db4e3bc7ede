"""Accounts and branches found by likeness on the whole road: linked with reasons, or asked about and not linked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from support.world import World, add_branch, world

from syncd.lead.definition import EntityKind
from syncd.matching import MOST_PER_KEY
from syncd.pipeline import decide_batch
from syncd.store import likeness
from syncd.store.database import now_ms
from syncd.store.tables import due, entity, link, match_key, problem

ADDRESS = {"street": "400 N Industrial Rd", "city": "Peoria", "state": "IL", "postcode": "61604"}
BILLED: dict[str, Any] = {
    "BillingStreet": "400 North Industrial Road",
    "BillingCity": "Peoria",
    "BillingState": "IL",
    "BillingPostalCode": "61604",
    "BillingCountry": "US",
}
LEAD = {
    "email": "jo@gmail.com", "company": "Voltaforn Castings", "country": "US", "address": "400 N Industrial Rd",
    "city": "Peoria", "state": "IL", "zip": "61604",
}  # fmt: skip


def seed_account(made: World, name: str, **fields: Any) -> str:
    (one,) = made.salesforce.seed("Account", [{"Name": name, **BILLED, **fields}])
    return str(one)


def entity_of(made: World, record: str) -> str:
    with made.app.engine.connect() as connection:
        return str(connection.execute(sa.select(link.c.entity).where(link.c.record_id == record)).scalar_one())


def values_of(made: World, record: str) -> dict[str, Any]:
    with made.app.engine.connect() as connection:
        query = sa.select(entity.c["values"]).where(entity.c.id == entity_of(made, record))
        return dict(connection.execute(query).scalar_one())


def questions(made: World) -> list[Any]:
    with made.app.engine.connect() as connection:
        query = sa.select(problem).where(problem.c.open.is_(True), problem.c.kind == "match")
        return list(connection.execute(query))


def keys(made: World, record: str) -> set[str]:
    with made.app.engine.connect() as connection:
        one = entity_of(made, record)
        return likeness.keys_of(connection, [one]).get(one, set())


def test_a_branch_whose_customer_is_spelled_otherwise_finds_its_account(made: World) -> None:
    """No number in common: name and address place it, and the record says why."""
    account = seed_account(made, "Voltaform Castings Inc")
    add_branch(made, "S1", "Voltaforn Casting", customer="C9", **ADDRESS)
    made.settle()
    assert values_of(made, "C9/S1")["account"] == entity_of(made, account)
    assert [row["Account__c"] for row in made.salesforce.all("Branch__c")] == [account]
    assert questions(made) == []


def test_a_lead_whose_company_is_spelled_otherwise_finds_its_account(made: World) -> None:
    """Free mail, a slip in the name, the same door."""
    account = seed_account(made, "Voltaform Castings Inc")
    contact = made.contact(**LEAD)
    made.settle()
    assert values_of(made, contact)["account"] == entity_of(made, account)


def test_two_that_fit_as_well_are_asked_about_and_nothing_is_linked(made: World) -> None:
    """The account is there twice; the question names both with ids and reasons, and no value."""
    twins = [seed_account(made, "Voltaform Castings Inc"), seed_account(made, "Voltaform Casting LLC")]
    add_branch(made, "S1", "Voltaforn Casting", customer="C9", **ADDRESS)
    made.settle()
    (asked,) = questions(made)
    assert "account" not in {name for name, value in values_of(made, "C9/S1").items() if value}
    assert made.salesforce.all("Branch__c") == []
    assert all(one in asked.message and entity_of(made, one) in asked.message for one in twins)
    assert "a second candidate is about as likely" in asked.message
    assert "same street" in asked.message
    assert not any(word in asked.message for word in ("Volta", "Peoria", "61604", "Industrial"))


def test_a_question_closes_by_itself_when_it_is_resolved_over_there(made: World) -> None:
    """One of two is renamed in the CRM; nobody touches the branch."""
    first, second = seed_account(made, "Voltaform Castings Inc"), seed_account(made, "Voltaform Casting LLC")
    add_branch(made, "S1", "Voltaforn Casting", customer="C9", **ADDRESS)
    made.settle()
    assert len(questions(made)) == 1
    made.salesforce.edit("Account", second, {"Name": "Elm Street Bakery", "BillingStreet": "9 Elm St"})
    made.settle()
    assert questions(made) == []
    assert values_of(made, "C9/S1")["account"] == entity_of(made, first)


def test_an_account_that_comes_after_its_branches_takes_them_in(made: World) -> None:
    """The ERP knew the customer first."""
    add_branch(made, "S1", "Voltaform", customer="C9", **ADDRESS)
    made.settle()
    account = seed_account(made, "Other Name", AccountNumber="C9")
    made.settle()
    assert values_of(made, "C9/S1")["account"] == entity_of(made, account)


def test_keys_of_likeness_follow_the_values(made: World) -> None:
    """A company that moved and was renamed is found by what it is like now, and only by that."""
    account = seed_account(made, "Voltaform Castings Inc")
    made.settle()
    before = keys(made, account)
    assert "g:voltaformc" in before
    made.salesforce.edit("Account", account, {"Name": "Quarry Foundry", "BillingPostalCode": "99999"})
    made.settle()
    after = keys(made, account)
    assert "g:quarryfoun" in after
    assert "g:voltaformc" not in after
    assert not any("61604" in key for key in after)


def test_a_key_that_too_many_share_is_stored_for_no_more(made: World) -> None:
    """What reading a key costs does not grow with the number of accounts."""
    made.salesforce.seed("Account", [{"Name": f"National Steel {place}"} for place in range(MOST_PER_KEY + 20)])
    made.settle()
    with made.app.engine.connect() as connection:
        held = likeness.holders(connection, EntityKind.ACCOUNT, ["n:steel", "g:nationalst"])
    assert {len(found) for found in held.values()} <= {MOST_PER_KEY + 1}
    assert held


def test_accounts_known_before_get_their_keys_when_they_are_decided_again(made: World) -> None:
    """A state of an older version has none: the migration makes accounts and branches due, deciding them does it."""
    account = seed_account(made, "Voltaform Castings Inc")
    made.settle()
    with made.app.engine.begin() as connection:
        connection.execute(sa.delete(match_key).where(match_key.c.key == likeness.LIKE))
    one = entity_of(made, account)
    with made.app.engine.begin() as connection:
        row = {"entity": one, "rank": 0, "since": now_ms(), "why": "", "attempts": 0, "not_before": 0}
        connection.execute(due.insert().values(**row))
    made.settle()
    assert "g:voltaformc" in keys(made, account)


def test_looking_for_what_is_alike_reads_only_what_shares_a_key(made: World) -> None:
    """A lead with an account of its mail domain asks for no likeness at all."""
    seed_account(made, "Voltaform Castings Inc", Website="voltaform.example")
    contact = made.contact(**{**LEAD, "email": "jo@voltaform.example"})
    made.settle()
    statements: list[str] = []
    one = entity_of(made, contact)
    sa.event.listen(made.app.engine, "before_cursor_execute", lambda *told: statements.append(str(told[3])))
    with made.app.engine.begin() as connection:
        decide_batch(connection, made.app.mappings, [one], now_ms(), [])
    assert statements
    assert not any("n:voltaf" in told or "g:volta" in told for told in statements)


def test_a_tie_breaker_stated_while_it_runs_answers_what_was_asked(tmp_path: Path, sqlite_url: str) -> None:
    """Two plants of one name are two accounts; once `prefer` is in force, what fits both goes to the numbered one."""
    with world(tmp_path, sqlite_url, {"creates: 0 #": "creates: 5 #"}) as made:
        plants = [
            seed_account(made, "Voltaform Castings Inc"),
            seed_account(made, "Voltaform Castings Inc", AccountNumber="C77", BillingStreet="9 Elm St"),
        ]
        add_branch(made, "S1", "Voltaform Castings", customer="C9", **{**ADDRESS, "street": "1 Oak Ct"})
        made.settle()
        assert len({entity_of(made, one) for one in plants}) == 2
        assert [one.entity for one in questions(made)] == [entity_of(made, "C9/S1")]
        file = made.folder / "mappings" / "definition.yaml"
        stated = "matching: {account: {prefer: [has erp_customer]}}\n"
        file.write_text(
            file.read_text(encoding="utf-8").replace("version: 1\n", f"version: 1\n{stated}"), encoding="utf-8"
        )
        made.settle()
        assert values_of(made, "C9/S1")["account"] == entity_of(made, plants[1])
        assert (questions(made), made.problems()) == ([], [])


def test_a_name_that_becomes_a_placeholder_while_it_runs_places_nobody_any_more(
    tmp_path: Path, sqlite_url: str
) -> None:
    """Also of those whom the gate let pass before."""
    with world(tmp_path, sqlite_url) as made:
        account = seed_account(made, "Voltaform Castings Inc")
        contact = made.contact(company="Voltaform Castings")
        made.settle()
        assert values_of(made, contact)["account"] == entity_of(made, account)
        assert made.told(contact)["syncd_handoff_status"] == "handed over"
        file = made.folder / "mappings" / "definition.yaml"
        text = file.read_text(encoding="utf-8")
        assert "placeholders: [" in text
        file.write_text(text.replace("placeholders: [", "placeholders: [voltaform castings, "), encoding="utf-8")
        made.settle()
        assert not values_of(made, contact).get("account")
