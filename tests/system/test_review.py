"""A person's word on what is alike: asked, obeyed, remembered over later changes, explained, taken back."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.commands import say
from support.twins import seed_twins
from support.world import World, world

from syncd.store.tables import due, entity, link, pairing, problem

BRANCH = "C9/S1"

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture
def made(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A branch that may be of either of two accounts."""
    with world(tmp_path, sqlite_url) as one:
        seed_twins(one)
        one.settle()
        yield one


def number(made: World) -> str:
    with made.app.engine.connect() as connection:
        return str(connection.execute(sa.select(problem.c.id).where(problem.c.kind == "match")).scalar_one())


def is_open(made: World) -> bool:
    with made.app.engine.connect() as connection:
        return bool(connection.execute(sa.select(problem.c.open).where(problem.c.kind == "match")).scalar_one())


def account(made: World) -> str | None:
    with made.app.engine.connect() as connection:
        query = sa.select(entity.c["values"]).join(link, link.c.entity == entity.c.id)
        values = connection.execute(query.where(link.c.record_id == BRANCH)).scalar_one()
        return values.get("account")


def shown(made: World, capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(say(capsys, "review", "show", number(made), "--json", "--config", str(made.config)).out)


def answer(made: World, capsys: pytest.CaptureFixture[str], word: str, *more: str) -> str:
    said = say(capsys, "review", word, number(made), *more, "--config", str(made.config))
    assert said.code == 0, said.err
    made.settle()
    return said.out


def test_the_list_tells_what_is_asked_by_ids_and_reasons(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "review", "--config", str(made.config))
    assert said.code == 1
    assert said.out.strip().endswith("1 to review")
    assert f"erp ship_to {BRANCH}" in said.out
    (told,) = json.loads(say(capsys, "review", "--json", "--config", str(made.config)).out)
    assert str(told["number"]) == number(made)


def test_both_candidates_stand_beside_each_other_with_differences_marked(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with what each reason weighs."""
    out = say(capsys, "review", "show", number(made), "--config", str(made.config)).out
    (street,) = [line for line in out.splitlines() if line.startswith("street")]
    assert street.count("* 400 North Industrial Road") == 2
    assert "  400 N Industrial Rd" in street
    (town,) = [line for line in out.splitlines() if line.startswith("town")]
    assert "*" not in town
    assert "same street +" in out
    assert "a second candidate is about as likely" in out


def test_what_was_accepted_is_linked_explained_and_stays(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the branch changes later."""
    second = shown(made, capsys)["candidates"][1][0]["id"]
    assert second in answer(made, capsys, "accept", "2")
    assert account(made) == second
    assert not is_open(made)
    assert len(made.salesforce.all("Branch__c")) == 1
    add_branch_moves(made)
    assert account(made) == second
    out = say(capsys, "explain", BRANCH, "--config", str(made.config)).out
    assert "rule accepted in review by" in out
    assert f"belongs to account {second} (undo: syncd review undo {number(made)})" in out


def add_branch_moves(made: World) -> None:
    with made.erp.begin() as connection:
        connection.execute(sa.text("update ship_to set phone = '309 555 0199', changed_at = '2099-01-01'"))
    made.settle()


def test_which_of_two_is_accepted_must_be_said(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "review", "accept", number(made), "--config", str(made.config))
    assert said.code == 2
    assert "say which: 1 or 2, or an id" in said.err
    said = say(capsys, "review", "accept", number(made), "7", "--config", str(made.config))
    assert "'7' is no candidate" in said.err
    assert is_open(made)


def test_one_rejected_leaves_the_other_to_be_the_one(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the twin there is no doubt."""
    first, second = (one[0]["id"] for one in shown(made, capsys)["candidates"])
    answer(made, capsys, "reject", first)
    assert account(made) == second
    assert not is_open(made)


def test_neither_links_nobody_and_is_not_asked_again(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer(made, capsys, "neither")
    add_branch_moves(made)
    assert account(made) is None
    assert not is_open(made)


@pytest.mark.parametrize("word", [("accept", "1"), ("neither",), ("reject",)])
def test_an_answer_taken_back_is_asked_again(
    made: World, capsys: pytest.CaptureFixture[str], word: tuple[str, ...]
) -> None:
    """Under the same number, as if nobody had said anything."""
    before = number(made)
    answer(made, capsys, *word)
    assert not is_open(made)
    answer(made, capsys, "undo")
    assert account(made) is None
    assert (number(made), is_open(made)) == (before, True)
    said = say(capsys, "review", "undo", before, "--config", str(made.config))
    assert (said.code, "nothing was answered" in said.err) == (2, True)


def test_a_settled_question_cannot_be_answered(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer(made, capsys, "neither")
    said = say(capsys, "review", "accept", number(made), "1", "--config", str(made.config))
    assert (said.code, "is settled" in said.err) == (2, True)
    assert "there is no question 999" in say(capsys, "review", "show", "999", "--config", str(made.config)).err


def test_what_was_said_holds_for_whom_the_account_is_merged_into(
    made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The CRM merges the accepted account into the other: the branch goes along."""
    first, second = (one[0] for one in shown(made, capsys)["candidates"])
    answer(made, capsys, "accept", "1")
    made.salesforce.merge("Account", second["record"].split()[-1], first["record"].split()[-1])
    made.settle()
    with made.app.engine.connect() as connection:
        left = connection.execute(sa.select(link.c.entity).where(link.c.kind == "Account").distinct()).scalars().all()
    assert account(made) in left


@pytest.mark.parametrize(
    ("key", "answered"), [("2", [False, True]), ("a", [False, True]), ("r", [False]), ("n", [False, False])]
)
def test_on_a_terminal_one_key_answers(made: World, key: str, answered: list[bool]) -> None:
    """Each answer takes one key, any other does nothing, and the command ends when all is answered."""
    pid, terminal = os.openpty()
    command = [sys.executable, "-m", "syncd", "review", "--config", str(made.config)]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=made.folder) as walk:
        try:
            _press(pid, walk, key)
        finally:
            walk.kill()
    assert walk.returncode == 0
    os.close(terminal)
    os.close(pid)
    with made.app.engine.connect() as connection:
        said = connection.execute(sa.select(pairing.c.same)).scalars().all()
        waiting = connection.execute(sa.select(sa.func.count()).select_from(due)).scalar_one()
    assert sorted(said) == answered
    assert waiting == 1


def _press(terminal: int, walk: subprocess.Popen[bytes], answer: str) -> None:
    """Type like a person: what is typed before the question stands there is lost."""
    shown, end = b"", time.monotonic() + 120
    while b"[q]uit" not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096)
    for key in (b"x", answer.encode()):
        time.sleep(0.2)
        os.write(terminal, key)
    walk.wait(60)
