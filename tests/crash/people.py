"""What people do by hand in the three systems, by the names they know; the scenario's acts are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from support.world import World, add_branch


class People:
    """Those of a company; whoever runs the company gives its `world`, and says what time it is there."""

    world: World

    def erp_time(self) -> datetime:
        """Return the time that the ERP stamps on a change, without a zone."""
        return datetime.now(UTC).replace(tzinfo=None)

    def add_contact(self, fields: Mapping[str, str]) -> str:
        return self.world.contacts([dict(fields)])[0]

    def edit_contact(self, last_name: str, **fields: str) -> None:
        (row,) = [row for row in self.world.hubspot.all("contacts") if row["lastname"] == last_name]
        self.world.hubspot.edit("contacts", row["hs_object_id"], fields)

    def add_lead(self, fields: Mapping[str, str]) -> str:
        return str(self.world.salesforce.seed("Lead", [dict(fields)])[0])

    def edit_lead(self, last_name: str, **fields: str) -> None:
        for row in self.leads(last_name):
            self.world.salesforce.edit("Lead", row["Id"], fields)

    def delete_lead(self, last_name: str) -> None:
        for row in self.leads(last_name):
            self.world.salesforce.delete("Lead", row["Id"])

    def add_account(self, fields: Mapping[str, str]) -> str:
        return str(self.world.salesforce.seed("Account", [dict(fields)])[0])

    def add_ship_to(self, number: str, **fields: Any) -> None:
        add_branch(self.world, number, f"Works {number}", **{**fields, "changed_at": self.erp_time()})

    def edit_ship_to(self, number: str, **fields: str) -> None:
        columns = ", ".join(f"{name} = :{name}" for name in fields)
        with self.world.erp.begin() as connection:
            connection.execute(
                sa.text(f"update ship_to set {columns}, changed_at = :at where ship_to_no = :number"),
                {**fields, "number": number, "at": self.erp_time()},
            )

    def leads(self, last_name: str) -> list[dict[str, Any]]:
        return [row for row in self.world.leads() if row["LastName"] == last_name]
