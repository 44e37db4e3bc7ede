"""A thousand leads, some of which Salesforce cannot take now and some never: the others do not wait for them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from faults.town import Place, Town, place
from support.world import COMPLETE

from sandbox.wire import Request, Response

MANY = 1000
TRIES = 3
PAGED = 450  # three pages
LOCKED = {
    "success": False,
    "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}],
}


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("partial"), {"batch: 4": "batch: 1000"}, history=False) as made:
        yield made


def test_rows_of_every_fate_in_one_run(somewhere: Place) -> None:
    """2 % locked twice, 1 % against a rule, 0.5 % duplicates, one poison row in 200: each finds its own end at once."""
    numbers = list(range(MANY))
    random.Random(5).shuffle(numbers)
    locked, ruled, twins = set(numbers[:20]), set(numbers[20:30]), set(numbers[30:35])
    poison = {next(n for n in numbers[35:] if n // 200 == part) for part in range(5)}
    with somewhere.fresh() as town:
        town.cycle()
        contacts = _people(town)
        for number in ruled:
            town.world.hubspot.edit("contacts", contacts[number], {"problem": "forbidden"})
        for number in poison:
            town.world.hubspot.edit("contacts", contacts[number], {"lastname": "x" * 90})
        org = town.world.salesforce
        org.add_validation_rule("Lead", lambda row: row.get("Problem__c") == "forbidden", "Not in this org")
        org.add_duplicate_rule("Lead", "Phone")
        org.seed("Lead", [{"LastName": "Other", "Company": "X", "Phone": f"+1312555{n:04d}"} for n in twins])
        tries: Counter[str] = Counter()

        def holds(row: Mapping[str, Any]) -> bool:
            tries[row.get("Email", "")] += 1
            return row.get("Email") in _mail(locked) and tries[row["Email"]] < TRIES

        refused = ruled | twins | poison
        with _locking(town, holds):
            town.cycle()
            assert _mails(town) == _mail(set(numbers) - refused), "the others wait for nobody"
            assert {tries[mail] for mail in _mail(locked)} == {TRIES}
            named = [one for one in town.world.problems() if " of lead " in one]
            assert len(named) == len(refused)
            assert sum("Not in this org" in one for one in named) == len(ruled)
            assert sum("is said to duplicate Lead " in one for one in named) == len(twins)
            assert sum("LastName" in one for one in named) == len(poison)
            before = sum(tries.values())
            for _ in range(3):
                town.cycle()
            assert sum(tries.values()) == before, "R39: what was refused for good is sent again"
            for number in ruled:
                town.world.hubspot.edit("contacts", contacts[number], {"problem": "Downtime"})
            town.cycle()
            assert _mails(town) == _mail(set(numbers) - twins - poison)
            assert len([one for one in town.world.problems() if " of lead " in one]) == len(twins | poison)


def test_a_call_whose_third_part_fails_writes_the_other_four(somewhere: Place) -> None:
    """R38: 800 are confirmed and not sent again, the 200 of the part that failed are in at the next poll."""
    with somewhere.fresh() as town:
        town.cycle()
        _people(town)
        sent: Counter[str] = Counter()
        ailing = True

        def spoil(request: Request, handle: Callable[[Request], Response]) -> Response:
            body = request.json()
            whole = len(body["compositeRequest"]) == 5
            for part in body["compositeRequest"]:
                sent.update(row["Email"] for row in part["body"].get("records", ()) if "Email" in row)
            if not ailing:
                return handle(request)
            lost = body["compositeRequest"].pop(2 if whole else 0)
            request.body = json.dumps(body).encode()
            parts = handle(request).body["compositeResponse"] if body["compositeRequest"] else []
            failed = {"httpStatusCode": 503, "body": [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}]}
            return Response(200, {"compositeResponse": [*parts, {"referenceId": lost["referenceId"], **failed}]})

        with _between(town, spoil):
            town.cycle()
            there = _mails(town)
            assert len(there) == MANY - 200
            assert {sent[mail] for mail in there} == {1}
            ailing = False
            town.cycle()
            assert len(town.world.leads()) == len(_mails(town)) == MANY
            assert {sent[mail] for mail in there} == {1}


def test_edits_and_feedback_while_pages_are_read_lose_nobody(somewhere: Place) -> None:
    """R13, R36: an edit per page, and our own answers written while the rest is read; offsets lose one per edit."""
    with somewhere.fresh() as town:
        town.cycle()
        contacts = _people(town, PAGED)
        edited: list[str] = []
        draw = random.Random(7)

        def disturb(request: Request, handle: Callable[[Request], Response]) -> Response:
            answer = handle(request)
            rows = [row["id"] for row in answer.body.get("results", ())] or contacts
            for one in (draw.choice(rows), draw.choice(contacts)):
                edited.append(one)
                town.world.hubspot.edit("contacts", one, {"problem": f"Edited {len(edited)}"})
            return answer

        with _between(town, disturb, "hubspot", "POST contacts/search"):
            for _ in range(3):
                town.cycle()
                for contact in draw.sample(contacts, 250):
                    town.world.hubspot.edit("contacts", contact, {"authority": draw.choice(["uses", "pays"])})
            pages = len(edited) // 2
        assert pages >= 3 * 2
        for _ in range(2):
            town.cycle()
        leads = {row["Email"]: row for row in town.world.leads()}
        assert len(leads) == len(town.world.leads()) == PAGED
        for contact in town.world.hubspot.all("contacts"):
            lead = leads[contact["email"]]
            assert (lead["Problem__c"], lead["Authority__c"]) == (contact["problem"], contact["authority"])
            assert contact["syncd_crm_id"] == lead["Id"]
        assert not town.cycle()


# ---------------------------------------------------------------------------------------------------------------------


def _people(town: Town, count: int = MANY) -> list[str]:
    rows = [
        {
            **COMPLETE,
            "email": f"p{number}@works.example",
            "lastname": f"Family{number}",
            "mobilephone": f"(312) 555-{number:04d}",
        }
        for number in range(count)
    ]
    return town.world.contacts(rows)


def _mail(numbers: set[int]) -> set[str]:
    return {f"p{number}@works.example" for number in numbers}


def _mails(town: Town) -> set[str]:
    return {row["Email"] for row in town.world.leads() if "Email" in row}


@contextmanager
def _between(
    town: Town,
    stand: Callable[[Request, Callable[[Request], Response]], Response],
    system: str = "salesforce",
    label: str = "POST composite write",
) -> Iterator[None]:
    """Let `stand` answer the calls of one label, with the simulator's own way of answering at hand."""
    front = town.fronts[system]
    simulator = front.simulator

    class Between:
        name = simulator.name
        label = simulator.label

        def handle(self, request: Request) -> Response:
            if front.label(request) != label:
                answer: Response = simulator.handle(request)
                return answer
            return stand(request, simulator.handle)

    front.simulator = Between()
    try:
        yield
    finally:
        front.simulator = simulator


def _locking(town: Town, holds: Callable[[Mapping[str, Any]], bool]) -> Any:
    """Answer that a row is locked wherever `holds` says so, without writing it."""

    def stand(request: Request, handle: Callable[[Request], Response]) -> Response:
        body = request.json()
        held: list[list[bool]] = []
        for part in body["compositeRequest"]:
            rows = part["body"].get("records", [])
            held.append([holds(row) for row in rows])
            if rows:
                part["body"]["records"] = [row for row, stuck in zip(rows, held[-1], strict=True) if not stuck]
        request.body = json.dumps(body).encode()
        answer = handle(request)
        for told, stuck in zip(answer.body["compositeResponse"], held, strict=True):
            if stuck:
                left = iter(told["body"])
                told["body"] = [LOCKED if one else next(left) for one in stuck]
        return answer

    return _between(town, stand)
