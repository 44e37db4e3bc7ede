"""The figures: counted alike on SQLite and PostgreSQL, of one moment, without anybody's data."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from web_state import AUTHORITY, AWAY, BUDGET, CANARY, MINUTE, NOW, fill, live

from syncd.store import figures as store
from syncd.store import inbox
from syncd.store.database import open_store
from syncd.store.tables import due
from syncd.web.figures import Figures, LackFigures, read_figures


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    engine = open_store(state_url)
    fill(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def figures(engine: Engine) -> Figures:
    return read_figures(engine, live(), NOW)


def test_every_lead_is_counted_once_by_its_stage(figures: Figures) -> None:
    assert figures.stages == {"mql": 3, "sql": 2, None: 2}
    assert figures.leads == 7


def test_handed_over_refused_and_review_are_told_apart(figures: Figures) -> None:
    """A released refusal, a settled problem and a branch in review count for none of them."""
    assert (figures.handed_over, figures.refused, figures.in_review, figures.waiting) == (2, 3, 2, 2)


def test_a_lead_sits_at_a_branch_only_where_one_is_named(figures: Figures) -> None:
    """An empty branch is no branch."""
    assert (figures.leads_with_branch, figures.branches) == (2, 2)


def test_refusals_are_grouped_by_fact_with_who_can_fill_it(figures: Figures) -> None:
    assert figures.refusals == (
        LackFigures(field="budget", label="Budget", who="marketing", leads=3, lacks={"missing": 2, "stale": 1}),
        LackFigures(field="authority", label="Authority", who="the <rep>", leads=1, lacks={"missing": 1}),
    )


def test_problems_are_grouped_by_kind_with_the_latest_first(figures: Figures) -> None:
    found = {group.kind: (group.open, [one.entity for one in group.latest]) for group in figures.problems}
    assert found == {"review": (3, ["B2", "L6", "L7"]), "conflict": (1, ["B1"])}
    assert figures.problems[1].latest[0].count == 3


def test_only_the_latest_of_many_problems_are_shown_and_all_are_counted(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(40):
            inbox.open_problem(connection, key=f"n{number}", kind="rejected", message=f"n{number}", now=NOW + number)
    first = read_figures(engine, None, NOW).problems[0]
    assert (first.kind, first.open) == ("rejected", 40)
    assert [one.message for one in first.latest] == ["n39", "n38", "n37", "n36", "n35"]


def test_a_system_in_trouble_keeps_its_sentence_and_a_system_that_works_its_budget(figures: Figures) -> None:
    hubspot, salesforce = figures.systems
    assert (hubspot.name, hubspot.up) == ("hubspot", True)
    assert (hubspot.calls_today, hubspot.budget) == (120, 500)
    assert (salesforce.name, salesforce.up, salesforce.trouble) == ("salesforce", False, AWAY)


def test_without_a_daemon_the_state_says_what_it_knows(engine: Engine) -> None:
    """`syncd status` may run beside no daemon: then nobody knows who is up, and the kind read last dates the poll."""
    found = read_figures(engine, None, NOW)
    hubspot, salesforce = found.systems
    assert (hubspot.up, hubspot.last_poll.timestamp() * 1000, hubspot.calls_today) == (None, NOW - MINUTE, 120)
    assert hubspot.budget == 500
    assert (salesforce.up, salesforce.last_poll, salesforce.calls_today) == (None, None, 3)
    assert found.started is None


def test_fates_of_a_day_are_summed_and_older_runs_left_out(engine: Engine) -> None:
    with engine.begin() as connection:
        for name, at in (("old", NOW - 25 * 60 * MINUTE), ("new", NOW - MINUTE)):
            run = {"id": name, "what": "handoff", "started_at": at, "ended_at": at, "calls": {}, "error": None}
            inbox.save_run(connection, {**run, "fates": {"handed over": 10}})
    assert read_figures(engine, None, NOW).fates == {"handed over": 12, "refused": 3, "unchanged": 0}


def test_runs_are_listed_newest_first(figures: Figures) -> None:
    assert [(one.what, one.ended_at is None, bool(one.error)) for one in figures.runs] == [
        ("poll salesforce", True, True),
        ("handoff", False, False),
    ]


def test_figures_are_plain_json_without_personal_data(figures: Figures) -> None:
    plain = figures.as_json()
    text = json.dumps(plain)
    assert plain["at"] == "2026-05-28T20:26:40.000Z"
    assert plain["stages"] == {"mql": 3, "sql": 2, "": 2}
    assert CANARY not in text
    assert "Zuzana" not in text


def test_an_empty_state_gives_zeros(state_url: str) -> None:
    engine = open_store(state_url)
    found = read_figures(engine, None, NOW)
    engine.dispose()
    assert (found.leads, found.stages, found.systems, found.refusals, found.problems, found.runs) == (
        (0, {}, (), (), (), ())
    )


def test_open_refusals_come_oldest_first_and_by_who_and_fact(engine: Engine) -> None:
    with store.reads_only(engine) as connection:

        def leads(limit: int = 10, **filters: str) -> list[str]:
            return [row.lead for row in store.open_refusals(connection, limit, **filters)[0]]

        assert leads() == ["L3", "L4", "L5"]
        assert leads(2) == ["L3", "L4"]
        assert leads(who="the <rep>") == ["L3"]
        assert leads(fact="budget") == ["L3", "L4", "L5"]
        assert leads(fact="budget", who="the <rep>") == []
        (first,), count = store.open_refusals(connection, 1)
    assert (count, first.cycle, first.at, first.facts) == (3, 1, NOW - 3 * MINUTE, [BUDGET, AUTHORITY])


def test_figures_are_read_while_another_process_writes(engine: Engine) -> None:
    """A page must not wait for a write transaction, nor see half of it."""
    with engine.begin() as writer:
        writer.execute(due.delete())
        assert read_figures(engine, None, NOW).waiting == 2
    assert read_figures(engine, None, NOW).waiting == 0


def test_reading_cannot_write_on_postgresql(postgres_url: str) -> None:
    engine = open_store(postgres_url)
    try:
        with pytest.raises(DBAPIError, match="read-only"), store.reads_only(engine) as connection:
            connection.execute(due.delete())
    finally:
        engine.dispose()
