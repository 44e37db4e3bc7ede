"""Creates that wait, where the definition says so, until a person said of two leads whether they are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.people import people
from support.world import World, world

pytestmark = pytest.mark.usefixtures("process_as_before")


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("waiting")
    with world(folder, f"sqlite:///{folder}/state.db", {"creates: 0 #": "creates: 400 #"}) as one:
        file = one.folder / "mappings" / "definition.yaml"
        text, stated = file.read_text(encoding="utf-8"), "matching: {lead: {creates_wait: true}}\n"
        file.write_text(text.replace("version: 1\n", f"version: 1\n{stated}"), encoding="utf-8")
        one.cycle()
        yield one


def test_where_the_definition_says_so_a_create_waits_for_the_answer(
    waiting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so in words, names the other lead, and goes through by itself once a person answered."""
    pair = people(waiting, "Oakley", complete=True)
    assert len(pair.in_crm()) == 1
    (parked,) = pair.asked("waits")
    assert parked.entity == pair.lead(1)
    assert f"may be the same person as lead {pair.lead(0)} (hubspot contacts {pair.contacts[0]})" in parked.message
    waiting.cycle()
    assert len(pair.in_crm()) == 1
    pair.answer(capsys, "reject")
    assert len(pair.in_crm()) == 2
    assert pair.asked("") == []


def test_a_create_that_waited_for_the_same_person_is_never_made(
    waiting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits on until the two are merged over there; then they are one lead, which the CRM has."""
    pair = people(waiting, "Palmer", complete=True)
    pair.answer(capsys, "accept")
    assert len(pair.in_crm()) == 1
    assert "a person said that it is the same as lead" in pair.asked("waits")[0].message
    waiting.hubspot.merge("contacts", *pair.contacts)
    waiting.settle()
    assert len(pair.in_crm()) == 1
    assert pair.asked("") == []


def test_who_only_may_be_the_same_makes_no_create_wait(waiting: World) -> None:
    """A pair in the band of review is asked about, and both are handed over."""
    pair = people(waiting, "Quentin", {}, {"firstname": "W."}, complete=True)
    assert [one.kind for one in pair.asked("")] == ["person"]
    assert len(pair.in_crm()) == 2
