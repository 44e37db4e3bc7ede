"""Every kind of fault at every call that keeps branches in HubSpot, in both homes: one record each, rightly linked."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from faults.test_matrix import KINDS, SLOW
from faults.town import Place, Town, place
from support.long import LONG
from support.world import COMPLETE, add_branch

from sandbox.wire import Fault

SAMPLE = 8
OUTAGE = 3  # cycles that a lasting fault lasts, of the act in which it comes up
CONVERGE = 2  # cycles after it
CHICAGO = {"address": "100 W Main St", "city": "Chicago", "state": "IL", "zip": "60601"}
GARY = {"street": "7 Lake Rd", "city": "Gary", "postcode": "46402", "state": "IN"}
ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "branch": {
        "find": "GET schemas",
        "read": "POST branch/search",
        "make": "POST branch/batch/upsert",
        "change": "POST branch/batch/update",
        "put under its company": "POST associations/branch/companies/batch/associate/default",
        "label": "GET associations/contacts/branch/labels",
        "link": "POST associations/contacts/branch/batch/create",
        "unlink": "POST associations/contacts/branch/batch/archive",
    },
    "companies": {
        "find": "GET properties/companies",
        "read": "POST companies/search",
        "make": "POST companies/batch/upsert",
        "change": "POST companies/batch/update",
        "put under its company": "POST associations/companies/companies/batch/create",
        "label": "GET associations/contacts/companies/labels",
        "link": "POST associations/contacts/companies/batch/create",
        "unlink": "POST associations/contacts/companies/batch/labels/archive",
    },
}


@dataclass(frozen=True)
class Case:
    """One cell. `once`: only one call fails; else all of them do until the systems are well again."""

    home: str
    call: str
    kind: str
    once: bool

    def __str__(self) -> str:
        return f"{self.home}, {self.call}, {self.kind}{', once' if self.once else ''}"


def _cases() -> list[Case]:
    kinds = [kind for kind in KINDS if kind not in (*SLOW, "row locked")]
    cells = [
        Case(home, call, kind, once)
        for home, calls in ENDPOINTS.items()
        for call in calls
        for kind in kinds
        for once in (True, False)
    ]
    chosen = cells if LONG else random.Random(1).sample(cells, SAMPLE)
    return sorted(chosen, key=lambda case: case.home)


@pytest.fixture(scope="module")
def somewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(request.param)
    with place(folder, history=False, custom_objects=request.param == "branch") as made:
        yield made


@pytest.mark.parametrize(
    ("somewhere", "case"), [(case.home, case) for case in _cases()], ids=str, indirect=["somewhere"], scope="module"
)
def test_a_fault_at_any_call_for_a_branch_costs_nothing_but_time(somewhere: Place, case: Case) -> None:
    """Neither lost nor doubled, nor left at a company or contact that is not its own; then silence."""
    with somewhere.fresh() as town:
        fault = Fault(match=ENDPOINTS[case.home][case.call], **KINDS[case.kind]("hubspot"))
        fault.times = 1 if case.once else 10_000
        board = town.world.servers["hubspot"].board
        board.add(fault)
        works, rep = _settle_in(town)
        _live(town, fault)
        _check(town, case, works, rep, {"S1": "Works Chicago", "S2": "Works Gary"}, "S1")
        _edit_erp(town, "S1", name="Works Chicago North")
        town.world.hubspot.edit("contacts", rep, {**CHICAGO, "address": "7 Lake Rd", "city": "Gary", "zip": "46402"})
        town.world.hubspot.edit("contacts", rep, {"state": "IN"})
        _live(town, fault)
        _check(town, case, works, rep, {"S1": "Works Chicago North", "S2": "Works Gary"}, "S2")
        assert fault.fired, f"{case}: the fault met no call"
        before = town.writes()
        town.cycle()
        town.cycle()
        assert town.writes() == before
        assert town.world.problems() == []


# ---------------------------------------------------------------------------------------------------------------------


def _settle_in(town: Town) -> tuple[str, str]:
    """Let there be a company with two branches, and a contact at one of them; return both ids."""
    world = town.world
    world.salesforce.seed("Account", [{"Name": "Works Inc", "AccountNumber": "C1", "Website": "works.example"}])
    (works,) = world.hubspot.seed("companies", [{"name": "Works Inc", "domain": "works.example"}])
    rep = world.contact(**{**COMPLETE, **CHICAGO})
    stamp = town.erp_time()
    add_branch(world, "S1", "Works Chicago", changed_at=stamp)  # type: ignore[arg-type]
    add_branch(world, "S2", "Works Gary", **GARY, changed_at=stamp)  # type: ignore[arg-type]
    return works, rep


def _edit_erp(town: Town, number: str, **values: str) -> None:
    stamp: datetime = town.erp_time()
    with town.world.erp.begin() as connection:
        table = sa.Table("ship_to", sa.MetaData(), autoload_with=connection)
        changed = sa.update(table).where(table.c.ship_to_no == number)
        connection.execute(changed.values(**values, changed_at=stamp))


def _live(town: Town, fault: Fault) -> None:
    """Go on while a fault lasts, end it, and converge."""
    before = fault.fired
    for _ in range(OUTAGE):
        town.cycle()
        if fault.fired > before and fault.times == 1:
            break
    if fault.fired > before:
        town.world.servers["hubspot"].board.faults.clear()
    for _ in range(CONVERGE):
        town.cycle()


def _check(town: Town, case: Case, works: str, rep: str, names: Mapping[str, str], sits_at: str) -> None:
    hubspot, home = town.world.hubspot, case.home
    rows: list[Any] = [row for row in hubspot.all(home) if row.get("syncd_key")]
    assert sorted((row["syncd_ship_to_number"], row["name"]) for row in rows) == sorted(names.items()), case
    for row in rows:
        assert list(hubspot.linked(home, row["hs_object_id"], "companies")) == [works], case
    here = [row["hs_object_id"] for row in rows if row["syncd_ship_to_number"] == sits_at]
    linked = hubspot.linked("contacts", rep, home)
    assert [id for id, labels in linked.items() if labels] == here, case
