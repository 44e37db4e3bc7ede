"""People who stand in HubSpot twice or more, under several addresses, for tests of who is who."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from support.commands import say
from support.world import COMPLETE, World

from syncd.store.tables import link, problem


@dataclass
class People:
    """Records of what may be one person: their contacts in HubSpot, that of the earliest lead first."""

    made: World
    name: str
    contacts: list[str]

    def lead(self, place: int) -> str:
        with self.made.app.engine.connect() as connection:
            query = sa.select(link.c.entity).where(link.c.record_id == self.contacts[place], link.c.kind == "contacts")
            return str(connection.execute(query).scalar_one())

    def asked(self, kind: str = "person") -> list[Any]:
        """Return the open problems of this kind that are of any of them."""
        ids = [self.lead(place) for place in range(len(self.contacts))]
        with self.made.app.engine.connect() as connection:
            query = sa.select(problem).where(problem.c.open.is_(True), problem.c.entity.in_(ids))
            query = query.where(problem.c.kind == kind) if kind else query
            return list(connection.execute(query.order_by(problem.c.entity)))

    def edit(self, place: int, **fields: str) -> None:
        self.made.hubspot.edit("contacts", self.contacts[place], fields)
        self.made.settle()

    def answer(self, capsys: pytest.CaptureFixture[str], word: str, *more: str, number: int | None = None) -> str:
        told = number if number is not None else self.asked()[0].id
        said = say(capsys, "review", word, str(told), *more, "--config", str(self.made.config))
        assert said.code == 0, said.err
        self.made.settle()
        return said.out

    def in_crm(self) -> list[dict[str, Any]]:
        return [row for row in self.made.leads() if self.name in row["LastName"]]

    def merge(self) -> None:
        """Merge the first two in both systems, as people do."""
        self.made.hubspot.merge("contacts", *self.contacts[:2])
        kept, lost = sorted(self.in_crm(), key=lambda row: "@works" not in row["Email"])
        self.made.salesforce.merge("Lead", kept["Id"], lost["Id"])
        self.made.settle()


def people(
    made: World, name: str, *changes: dict[str, str], one_by_one: bool = False, complete: bool = False
) -> People:
    """Let Bill and William of this name (or `changes` of them) come, at one telephone."""
    number = len(made.stored("hubspot").get("contacts", ()))
    lacking = {} if complete else {"problem": ""}
    bill = {**COMPLETE, **lacking, "firstname": "Bill", "lastname": name, "email": f"b.{name}@works.example",
            "company": f"{name} Works Inc.", "mobilephone": f"(312) 555-{1000 + number}"}  # fmt: skip
    rows = [bill, {**bill, "firstname": "William", "email": f"b{name}@gmail.com"}, {**bill, "email": f"{name}@web.de"}]
    rows = [{**row, **more} for row, more in zip(rows, changes or ({}, {}), strict=False)]
    found: list[str] = []
    for page in [[row] for row in rows] if one_by_one else [rows]:
        found += made.contacts(page)
        made.settle()
    came = People(made, name, found)
    came.contacts = [one for _, one in sorted((came.lead(place), one) for place, one in enumerate(found))]
    return came
