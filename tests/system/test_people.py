"""Two leads that may be one person: found, asked once, answered, merged over there by people; and nobody is held up.

One world for all tests: each has people of its own, by last name, company and telephone.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from support.commands import say
from support.people import people
from support.world import World, world

from syncd.cli.common import make_desk
from syncd.health import Health
from syncd.pipeline import decide_batch
from syncd.store import likeness
from syncd.store.database import now_ms
from syncd.store.tables import due, match_key, pairing
from syncd.web.serve import start

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("people")
    with world(folder, f"sqlite:///{folder}/state.db", {"creates: 0 #": "creates: 400 #"}) as one:
        yield one


def keys(made: World, lead: str, key: str = likeness.LIKE) -> set[str]:
    with made.app.engine.connect() as connection:
        query = sa.select(match_key.c.value).where(match_key.c.entity == lead, match_key.c.key == key)
        return set(connection.execute(query).scalars())


@pytest.mark.parametrize("one_by_one", [True, False])
def test_one_person_under_two_addresses_is_asked_about_once(made: World, *, one_by_one: bool) -> None:
    """Whether both come in one page or one after the other; by ids and reasons, without a value."""
    pair = people(made, f"Quill{one_by_one}", one_by_one=one_by_one)
    (question,) = pair.asked()
    assert question.entity == max(pair.lead(0), pair.lead(1))
    assert all(f"hubspot contacts {one}" in question.message for one in pair.contacts)
    assert "one first name may be short for the other" in question.message
    assert not any(word in question.message for word in ("Quill", "Bill", "gmail", "555"))


def test_likeness_holds_up_no_handoff_and_links_nobody(made: World) -> None:
    pair = people(made, "Ashdown", complete=True)
    assert len(pair.in_crm()) == 2
    assert pair.lead(0) != pair.lead(1)
    assert [one.kind for one in pair.asked("")] == ["person"]


def test_a_change_that_says_nothing_of_who_it_is_reads_no_other_lead(made: World) -> None:
    alone = people(made, "Birkett", {})
    lead = alone.lead(0)
    statements: list[str] = []
    with made.app.engine.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *told: statements.append(str(told[3])))
        (decision,) = decide_batch(connection, made.app.mappings, [lead], now_ms(), [])
    assert decision.doubles is None
    assert statements
    assert keys(made, lead)
    assert not any(key in told for key in keys(made, lead) for told in statements)


def test_a_lead_that_becomes_like_another_is_asked_about(made: World) -> None:
    """Also when it is the earlier one that changed: the later one is asked about all the same."""
    pair = people(made, "Calloway", {"firstname": "Jane", "lastname": "Doe"}, {}, one_by_one=True)
    assert pair.asked() == []
    pair.edit(0, firstname="Bill", lastname="Calloway")
    assert [one.entity for one in pair.asked()] == [pair.lead(1)]


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_question_closes_by_itself_when_either_is_somebody_else(made: World, renamed: int) -> None:
    pair = people(made, f"Dunmore{'ab'[renamed]}")
    assert len(pair.asked()) == 1
    pair.edit(renamed, firstname="Jane", lastname="Roe")
    assert pair.asked() == []
    assert keys(made, pair.lead(1), likeness.DOUBLE) == set()


def test_the_same_person_is_a_proposal_to_merge_that_closes_when_that_was_done(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each system that holds both; nothing is merged by syncd, and one lead is left when people did it."""
    pair = people(made, "Eastwick", complete=True)
    number = pair.asked()[0].id
    assert "is the same person as lead" in pair.answer(capsys, "accept")
    proposed = pair.asked("")
    assert {(one.kind, one.system) for one in proposed} == {("duplicate", "hubspot"), ("duplicate", "salesforce")}
    assert all("are of one person, as somebody said in review" in one.message for one in proposed)
    assert pair.lead(0) != pair.lead(1)
    told = say(capsys, "explain", pair.contacts[0], "--config", str(made.config)).out
    assert f"is the same person as lead {pair.lead(1)} (undo: syncd review undo {number})" in told
    pair.merge()
    assert pair.asked("") == []
    assert pair.lead(0) == pair.lead(1)


def test_merged_over_there_without_an_answer_closes_the_question(made: World) -> None:
    pair = people(made, "Fairburn", {}, {"firstname": "Bill"}, complete=True)
    pair.merge()
    assert pair.asked("") == []
    assert keys(made, pair.lead(0), likeness.DOUBLE) == set()
    assert keys(made, pair.lead(0))


def test_rejected_they_are_never_asked_about_again(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Not after a change either, of whichever of the two."""
    pair = people(made, "Garrick")
    assert "is not the same person as" in pair.answer(capsys, "reject")
    for place in (0, 1):
        pair.edit(place, city="Peoria")
    assert pair.asked("") == []


@pytest.mark.parametrize("word", ["accept", "reject", "neither"])
def test_an_answer_taken_back_is_asked_again(made: World, capsys: pytest.CaptureFixture[str], word: str) -> None:
    """Under the same number, and what was proposed is withdrawn."""
    pair = people(made, f"Hal{word}")
    number = pair.asked()[0].id
    pair.answer(capsys, word)
    assert pair.asked() == []
    pair.answer(capsys, "undo", number=number)
    assert [(one.id, one.kind) for one in pair.asked("")] == [(number, "person")]


def test_of_three_records_of_one_person_each_pair_is_asked_about(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """To say yes to one says nothing of the other."""
    three = people(made, "Ingram", {}, {}, {})
    second, third = three.asked()
    assert (second.entity, third.entity) == (three.lead(1), three.lead(2))
    config = ("--config", str(made.config))
    assert "\n2: " in say(capsys, "review", "show", str(third.id), *config).out
    three.answer(capsys, "accept", "1", number=third.id)
    assert [one.id for one in three.asked()] == [second.id, third.id]
    assert "\n2: " not in say(capsys, "review", "show", str(third.id), *config).out


def test_both_are_shown_side_by_side(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With names and addresses, what differs marked; the list is one with that of accounts and branches."""
    pair = people(made, "Jessop")
    number, config = pair.asked()[0].id, ("--config", str(made.config))
    out = say(capsys, "review", "show", str(number), *config).out
    assert "is this lead the same person?" in out
    (first,) = [line for line in out.splitlines() if line.startswith("first name")]
    assert ("* William" in first) ^ ("* Bill" in first)
    assert "same telephone +" in out
    assert number in [told["number"] for told in json.loads(say(capsys, "review", "--json", *config).out)]


def test_the_page_asks_about_people_too(made: World) -> None:
    """Side by side, with a button for each answer."""
    pair = people(made, "Jarvis")
    server = start(made.app.engine, Health(), "127.0.0.1", 0, make_desk(made.app))
    try:
        with urllib.request.urlopen(f"{server.url}review/?number={pair.asked()[0].id}") as told:
            page = told.read().decode()
    finally:
        server.stop()
    assert "is this lead the same person?" in page
    assert {"William", "Bill"} <= set(re.findall(r"\w+", page))
    assert re.findall(r'value="accept ([0-9A-Z]{26})"', page) == [pair.lead(0)]


def test_answers_are_labels_to_tune_by(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    people(made, "Kendrick").answer(capsys, "accept")
    few = say(capsys, "match", "tune", "--about", "lead", "--config", str(made.config))
    assert "answers" in few.err
    assert "0 of them yes" not in few.err


def test_father_and_son_at_one_desk_are_two(made: World) -> None:
    assert people(made, "Lambert", {}, {"firstname": "Peter"}).asked("") == []


def test_a_placeholder_is_no_company_that_two_share(made: World) -> None:
    """The shipped definition counts "n/a" as blank at the gate; here it says as little."""
    blank = {"company": "n/a", "mobilephone": ""}
    assert people(made, "Lomax", blank, {**blank, "firstname": "Bill"}).asked() == []


def test_an_erased_person_leaves_no_key_and_no_question(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither of their own nor at whoever resembled them, and no answer about them."""
    three = people(made, "Merrick", {}, {}, {})
    three.answer(capsys, "reject", number=three.asked()[0].id)
    gone, second, third = (three.lead(place) for place in range(3))
    assert keys(made, third, likeness.DOUBLE) == {gone, second}
    made.hubspot.gdpr_delete("contacts", three.contacts[0])
    made.cycle(sweeping=True)
    made.settle()
    assert keys(made, gone) == set()
    assert keys(made, third, likeness.DOUBLE) == {second}
    with made.app.engine.connect() as connection:
        assert connection.execute(sa.select(pairing).where(pairing.c.candidate == gone)).all() == []
    assert [one.entity for one in three.asked()] == [third]
    assert gone not in three.asked()[0].message


def test_leads_known_before_get_their_keys_when_they_are_decided_next(made: World) -> None:
    """A state of an older version has none, and nothing of the lead need change for that."""
    lead = people(made, "Norwood", {}).lead(0)
    before = keys(made, lead)
    assert before
    with made.app.engine.begin() as connection:
        connection.execute(sa.delete(match_key).where(match_key.c.key == likeness.LIKE, match_key.c.entity == lead))
        row = {"entity": lead, "rank": 2, "since": now_ms(), "why": "", "attempts": 0, "not_before": 0}
        connection.execute(due.insert().values(**row))
    made.settle()
    assert keys(made, lead) == before
