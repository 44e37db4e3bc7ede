"""The ready-made queries and mappings for ERP systems, each on tables in that system's shape, read into branches."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from connectors.contract import Page, Reading, Record
from connectors.table import files
from connectors.table.sql import Settings, SqlSource, connect
from syncd.lead.definition import EntityKind
from syncd.mapping.loader import load
from syncd.mapping.model import Mappings
from syncd.pipeline import Brake, decide_batch, store_decisions, take_in
from syncd.stages.map import map_record
from syncd.store.database import now_ms, open_store
from syncd.store.tables import entity, link

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "connectors" / "table" / "examples"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELGIN = {"street": "501 W Main St", "city": "Elgin", "state": "IL", "postcode": "60123", "country": "US"}


CRM = """\
system: crm
Account:
  is: account
  fields:
    erp_customer: {from: AccountNumber}
    name: {from: Name}
"""


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


def script(name: str) -> list[str]:
    text = (EXAMPLES / f"{name}.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [one.strip() for one in "\n".join(lines).split(";\n") if one.strip()]


class Road:
    """One example from its tables to branches: the mapping, the connector and a state of its own."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        files = folder / "mappings"
        files.mkdir()
        shutil.copy(ROOT / "mappings" / "definition.yaml", files)
        shutil.copy(EXAMPLES / f"{name}.yaml", files / "erp.yaml")
        (files / "crm.yaml").write_text(CRM)
        self.mappings: Mappings = load(files, {"erp": "sql", "crm": "salesforce"})
        self.source: SqlSource = connect("erp", Settings(url=url))
        self.kind = self.mappings.systems["erp"].kinds["ship_to"]
        self.source.define("ship_to", self.kind.table)
        self.state = open_store(f"sqlite:///{folder}/state.db")
        self.after = None

    def poll(self) -> None:
        reading = Reading(kind="ship_to", fields=self.kind.read_fields(), after=self.after)
        for page in self.source.changes([reading], NothingSeen()):
            self.after = page.cursor
            with self.state.begin() as connection:
                take_in(connection, self.mappings, "erp", page, now_ms())

    def branches(self) -> dict[str, dict[str, Any]]:
        """What would be known of each branch that the mapping does not leave alone: key -> values, blanks left out."""
        with self.state.begin() as connection:
            ids = list(connection.execute(sa.select(entity.c.id)).scalars())
            found = [one for one in decide_batch(connection, self.mappings, ids, now_ms(), ()) if one.values]
            found = [one for one in found if one.kind is EntityKind.BRANCH]
        assert not any(one.bad for one in found), [one.bad for one in found]
        return {
            one.values["branch_key"]: {name: value for name, value in one.values.items() if value is not None}
            for one in found
        }

    def account(self, number: str) -> str:
        """Store an account with this ERP number; return what it is known as."""
        record = Record(id=number, modified=START, fields={"AccountNumber": number, "Name": f"Account {number}"})
        page = Page(kind="Account", records=[record], cursor={})
        with self.state.begin() as connection:
            take_in(connection, self.mappings, "crm", page, now_ms())
        one = self.entities()[number]
        with self.state.begin() as connection:
            decisions = decide_batch(connection, self.mappings, [one], now_ms(), ())
            store_decisions(connection, self.mappings, decisions, {one: 0}, now_ms(), Brake())
        return one

    def entities(self) -> dict[str, str]:
        with self.state.begin() as connection:
            return {row.record_id: row.entity for row in connection.execute(sa.select(link))}


@pytest.fixture
def road(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Road]]:
    made: list[Road] = []

    def build(name: str, database: str = "sqlite") -> Road:
        if database == "sqlite":
            url = f"sqlite:///{tmp_path}/erp.db"
            with closing(sqlite3.connect(tmp_path / "erp.db")) as db:
                db.executescript(";\n".join(script(name)))
        elif database == "postgresql":
            url = request.getfixturevalue("postgres_url")
            with psycopg.connect(url, autocommit=True) as db:
                for statement in script(name):
                    db.execute(statement)
        else:
            url = request.getfixturevalue("mariadb_url")
            admin: Callable[..., pymysql.Connection] = request.getfixturevalue("mariadb_admin")
            with closing(admin("erp")) as connection, connection.cursor() as cursor:
                for statement in script(name):
                    cursor.execute(statement)
        made.append(Road(tmp_path, name, url))
        return made[-1]

    yield build
    for one in made:
        one.state.dispose()


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_sap_partner_functions_become_one_branch_each(road: Callable[..., Road], database: str) -> None:
    """Once although it stands in two sales areas; no PO box, plant of ours, one-time customer or other client."""
    one = road("sap", database)
    assert one.source.check().problems == ()
    one.poll()
    found = one.branches()
    assert set(found) == {f"sap/0000001000/{number}" for number in ("0000001010", "0000001011", "0000001012")}
    assert found["sap/0000001000/0000001010"] == {
        "branch_key": "sap/0000001000/0000001010",
        "customer": "0000001000",
        "ship_to": "0000001010",
        "name": "Voltaform Werk Ulm",
        "customer_name": "Voltaform AG",
        "parent_customer": "VOLTA",
        "place": "ULM-2",
        "street": "Donaustr. 5a",
        "city": "Ulm",
        "state": "08",
        "postcode": "89073",
        "country": "DE",
        "phone": "+497315550100",
        "roles": ["bill-to", "ship-to"],
        "blocked": False,
        "last_shipment": "2026-10-02",
        "volume": 1550.5,
    }
    assert found["sap/0000001000/0000001011"].items() >= {**ELGIN, "blocked": True}.items()
    assert found["sap/0000001000/0000001012"].items() >= {"city": "Suzhou", "blocked": True}.items()


def test_an_address_change_in_sap_is_the_same_branch_with_a_new_address(
    road: Callable[..., Road], tmp_path: Path
) -> None:
    one = road("sap")
    one.poll()
    before = one.entities()
    with closing(sqlite3.connect(tmp_path / "erp.db")) as db:
        db.execute("update ADRC set STREET = 'Neue Str.', HOUSE_NUM1 = '12', POST_CODE1 = '89077' where CITY1 = 'Ulm'")
        db.commit()
    one.poll()
    assert one.entities() == before
    assert (
        one.branches()["sap/0000001000/0000001010"].items() >= {"street": "Neue Str. 12", "postcode": "89077"}.items()
    )


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_sap_business_partner_addresses_become_branches(road: Callable[..., Road], database: str) -> None:
    one = road("sap-business-partner", database)
    one.poll()
    found = one.branches()
    assert set(found) == {"sap/0000001000/0000020002"}
    assert found["sap/0000001000/0000020002"].items() >= {
        "street": "Donaustr. 5a", "country": "DE", "customer_name": "Voltaform AG", "blocked": False,
    }.items()  # fmt: skip
    assert found["sap/0000001000/0000020002"]["roles"] == ["ship-to", "standard"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_netsuite_address_books_become_branches(road: Callable[..., Road], database: str) -> None:
    one = road("netsuite", database)
    one.poll()
    found = one.branches()
    assert set(found) == {f"netsuite/{key}" for key in ("CUST500/71", "CUST500/72", "CUST501/74", "CUST502/76")}
    elgin = found["netsuite/CUST500/72"]
    assert elgin.items() >= {**ELGIN, "street": "501 W Main St Dock 4", "name": "Voltaform Receiving"}.items()
    assert elgin.items() >= {"phone": "+18475550199", "last_shipment": "2026-03-02", "volume": 2}.items()
    assert elgin["roles"] == ["default ship-to"]
    assert found["netsuite/CUST501/74"]["parent_customer"] == "CUST500"
    assert found["netsuite/CUST502/76"]["blocked"] is True


def test_a_branch_belongs_to_its_own_customers_account_and_failing_that_to_the_parents(
    road: Callable[..., Road],
) -> None:
    one = road("netsuite")
    above, other = one.account("CUST500"), one.account("CUST502")
    one.poll()
    found = {key: values.get("account") for key, values in one.branches().items()}
    assert found == {
        "netsuite/CUST500/71": above, "netsuite/CUST500/72": above, "netsuite/CUST501/74": above,
        "netsuite/CUST502/76": other,
    }  # fmt: skip
    own = one.account("CUST501")
    assert one.branches()["netsuite/CUST501/74"]["account"] == own


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_dynamics_finance_locations_become_branches(road: Callable[..., Road], database: str) -> None:
    """A location's former address is no second branch: the one in force is its address, with the day it began."""
    one = road("dynamics-finance", database)
    one.poll()
    found = one.branches()
    assert set(found) == {"dynamics/US-001/000001101", "dynamics/US-002/000001104"}
    elgin = found["dynamics/US-001/000001101"]
    assert elgin.items() >= {**ELGIN, "valid_from": "2026-02-01", "blocked": False}.items()
    assert elgin["roles"] == ["bill-to", "ship-to"]
    assert found["dynamics/US-002/000001104"]["blocked"] is True


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_business_central_ship_to_addresses_become_branches(road: Callable[..., Road], database: str) -> None:
    one = road("business-central", database)
    one.poll()
    found = one.branches()
    assert set(found) == {"bc/C00010/ELGIN", "bc/C00020/PLANT"}
    elgin = found["bc/C00010/ELGIN"]
    assert elgin.items() >= {**ELGIN, "street": "501 W Main St Dock 4", "last_shipment": "2026-03-02"}.items()
    assert elgin.items() >= {"volume": 2, "blocked": False}.items()
    assert found["bc/C00020/PLANT"].items() >= {"blocked": True, "parent_customer": "C00010", "country": "US"}.items()


def test_a_file_with_a_branch_in_several_rows_is_grouped_as_the_documents_say(tmp_path: Path) -> None:
    """docs/sources.md, its rows and its mapping as they stand there."""
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    blocks = re.search(r"## One branch in several rows.*?```csv\n(.*?)```.*?```yaml\n(.*?)```", text, re.DOTALL)
    assert blocks
    folder = tmp_path / "mappings"
    folder.mkdir()
    shutil.copy(ROOT / "mappings" / "definition.yaml", folder)
    (folder / "erp.yaml").write_text(blocks[2])
    (tmp_path / "knvp-1.csv").write_text(blocks[1])
    os.utime(tmp_path / "knvp-1.csv", (1_700_000_000, 1_700_000_000))
    mappings = load(folder, {"erp": "files"})
    kind = mappings.systems["erp"].kinds["ship_to"]
    source = files.connect("erp", files.Settings(folder=tmp_path))
    source.define("ship_to", kind.table)
    reading = Reading(kind="ship_to", fields=kind.read_fields(), after=None)
    (page,) = source.changes([reading], NothingSeen())
    found = [map_record(kind, record.fields)[0] for record in page.records]
    same = {"name": "Voltaform Werk Ulm", "place": "ULM-2", "roles": ["bill-to", "ship-to"], "blocked": False}
    assert found[0].items() >= {**same, "last_shipment": "2026-10-02", "volume": 1500.5}.items()
    assert found[1].items() >= {"city": "Elgin", "postcode": "60123", "blocked": True, "roles": ["ship-to"]}.items()
    assert (page.unfit, len(found)) == (None, 2)
