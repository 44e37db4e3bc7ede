"""R3 and R4: a great many writes are carried out and their answers never come, while people go on in both systems."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from crash.scenario import FULL
from faults.town import Place, Town, place
from support.long import times

from sandbox.wire import Fault

UNANSWERED = times(200, 2_000)
SHARE = 0.6  # of the writes and log-ins
KNOWN = 12  # contacts at the start; every tenth minute there is one more
MOST = 60
WRITES = {"hubspot": "contacts/batch/update", "salesforce": "composite write"}
LATE: dict[str, Any] = {"kind": "late", "seconds": 0.08}
HASTY = {"read_timeout": 0.04, "total_timeout": 0.08}


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("unanswered")) as made:
        yield made


@pytest.mark.parametrize("how", [{"kind": "lost"}, LATE], ids=["lost", "late"])
def test_however_many_writes_go_unanswered_none_is_lost_or_done_twice(somewhere: Place, how: dict[str, Any]) -> None:
    """Late: the system carries it out after we gave up, beside whatever comes next."""
    chance = random.Random(7)
    with somewhere.fresh() as town:
        for number in range(KNOWN):
            _join(town, number)
        town.cycle()
        faults = [
            town.world.servers[system].board.add(Fault(match=match, share=SHARE, times=10**6, **how))
            for system, match in (*WRITES.items(), ("salesforce", "oauth2/token"))
        ]
        people, cycles = KNOWN, 0
        while sum(fault.fired for fault in faults) < UNANSWERED:
            cycles += 1
            if cycles % 10 == 0 and people < MOST:
                _join(town, people)
                people += 1
            for _ in range(3):
                _edit(town, chance, cycles)
            if cycles % 5 == 0:
                town.world.salesforce.expire_tokens()
            with _hurry(town, how):
                town.cycle()
        for server in town.world.servers.values():
            server.board.faults.clear()
        town.cycle()
        town.cycle()
        town.verify(f"two polls after {cycles} minutes")
        assert not town.cycle()
        assert len(town.world.leads()) == people


# ---------------------------------------------------------------------------------------------------------------------


def _join(town: Town, number: int) -> None:
    own = {"lastname": f"P{number}", "email": f"p{number}@works.example", "mobilephone": f"(312) 555-{number:04}"}
    town.play(lambda people: people.add_contact({**FULL, **own}))


def _edit(town: Town, chance: random.Random, turn: int) -> None:
    name = f"P{chance.randrange(KNOWN)}"
    match chance.randrange(4):
        case 0 | 1:
            town.play(lambda people: people.edit_contact(name, problem=f"problem {turn}"))
        case 2:
            town.play(lambda people: people.edit_contact(name, budget_amount=str(50_000 + turn)))
        case _:
            town.play(lambda people: people.edit_lead(name, Title=f"Title {turn}"))


@contextmanager
def _hurry(town: Town, how: dict[str, Any]) -> Iterator[None]:
    """Let the daemon wait for no late answer."""
    if how is not LATE:
        yield
        return
    sessions = [town.session(system) for system in WRITES]
    patient = [session.settings for session in sessions]
    for session in sessions:
        session.settings = replace(session.settings, **HASTY)
    try:
        yield
    finally:
        for session, settings in zip(sessions, patient, strict=True):
            session.settings = settings
