"""The company's ERP: a real SQLite file of customers and their ship-to addresses, built from real plants.

People and CRMs around it are in sandbox.company; who changes it at work is in sandbox.actors.
"""

from __future__ import annotations

import csv
import os
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

_META = sa.MetaData()
_ADDRESS = ("name", "street", "city", "state", "postcode", "country", "phone")

CUSTOMER = sa.Table(
    "customer",
    _META,
    sa.Column("customer_no", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in _ADDRESS),
    sa.Column("changed_at", sa.DateTime, nullable=False, index=True),
)
SHIP_TO = sa.Table(
    "ship_to",
    _META,
    sa.Column("customer_no", sa.Text, primary_key=True),
    sa.Column("ship_to_no", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in _ADDRESS),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("last_shipment", sa.Date),
    sa.Column("shipped_volume", sa.Integer, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False, index=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """One plant as the EPA's file has it, and the numbers the ERP knows it by. `parent` is the customer's ERP name."""

    name: str
    street: str
    city: str
    state: str
    postcode: str
    parent: str
    reported: str  # the parent as the plant itself spells it, often another way
    industry: str
    reports: int
    customer_no: str
    ship_to_no: str

    @property
    def phone(self) -> str:
        """A number of the range kept for fiction, one per plant as far as the range goes."""
        number = int(self.customer_no) * 7 + int(self.ship_to_no)
        return f"({('312', '217', '309', '618', '708', '815', '847', '630')[number % 8]}) 555-01{number // 8 % 100:02d}"


def read_plants() -> list[Plant]:
    """Return the 942 plants in the file's order; a plant without a parent is its own company."""
    text = files("sandbox.data").joinpath("plants.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    owners = sorted({_owner(row) for row in rows})
    numbers = {owner: str(100_001 + place) for place, owner in enumerate(owners)}
    counts: dict[str, int] = defaultdict(int)
    return [_plant(row, numbers, counts) for row in rows]


def headquarters(plants: Sequence[Plant]) -> dict[str, Plant]:
    """Return customer number -> the plant at whose address the customer is registered: its largest, then its first."""
    found: dict[str, Plant] = {}
    for plant in plants:
        held = found.get(plant.customer_no)
        if held is None or plant.reports > held.reports:
            found[plant.customer_no] = plant
    return dict(sorted(found.items()))


def build(path: Path, plants: Sequence[Plant], seed: int, now: datetime) -> None:
    """Write the database anew; the file appears whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    engine = _engine(part)
    rng = random.Random(f"{seed}:erp")
    main = headquarters(plants)
    with engine.begin() as connection:
        _META.create_all(connection)
        connection.execute(sa.insert(CUSTOMER), [_customer(rng, plant, now) for plant in main.values()])
        connection.execute(sa.insert(SHIP_TO), [_ship_to(rng, plant, main, now) for plant in plants])
    engine.dispose()
    os.replace(part, path)


def ship(path: Path, rng: random.Random, now: datetime) -> str:
    """Let one ship-to receive goods and return it as customer/ship-to."""
    engine = _engine(path)
    with engine.begin() as connection:
        open_ones = sa.select(SHIP_TO.c.customer_no, SHIP_TO.c.ship_to_no).where(SHIP_TO.c.blocked.is_(sa.false()))
        customer_no, ship_to_no = rng.choice(connection.execute(open_ones).all())
        connection.execute(
            sa.update(SHIP_TO)
            .where(SHIP_TO.c.customer_no == customer_no, SHIP_TO.c.ship_to_no == ship_to_no)
            .values(last_shipment=now.date(), shipped_volume=SHIP_TO.c.shipped_volume + 1, changed_at=_stamp(now))
        )
    engine.dispose()
    return f"{customer_no}/{ship_to_no}"


def edit(path: Path, kind: str, key: str, fields: Mapping[str, Any], now: datetime) -> None:
    """Change a customer (key: number) or ship-to (key: customer/ship-to); raise KeyError when there is none."""
    table, where = _row(kind, key)
    unknown = sorted(set(fields) - set(table.c.keys()))
    if unknown:
        raise KeyError(f"{kind} has no column {', '.join(unknown)}")
    values = {name: _typed(table.c[name], value) for name, value in fields.items()}
    engine = _engine(path)
    with engine.begin() as connection:
        done = connection.execute(sa.update(table).where(where).values(**{"changed_at": _stamp(now), **values}))
    engine.dispose()
    if not done.rowcount:
        raise KeyError(f"there is no {kind} {key}")


def rows(path: Path, kind: str, key: str | None = None) -> list[dict[str, Any]]:
    """Return rows as JSON-able dictionaries; raise KeyError for an unknown kind."""
    table, where = _row(kind, key) if key is not None else (_table(kind), sa.true())
    engine = _engine(path)
    with engine.connect() as connection:
        found = [
            {n: v.isoformat() if isinstance(v, date) else v for n, v in row._asdict().items()}
            for row in connection.execute(sa.select(table).where(where))
        ]
    engine.dispose()
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _owner(row: Mapping[str, str]) -> str:
    return row["parent_standard"] or row["parent_reported"] or row["name"]


def _plant(row: Mapping[str, str], numbers: Mapping[str, str], counts: dict[str, int]) -> Plant:
    owner = _owner(row)
    counts[owner] += 1
    return Plant(
        name=row["name"],
        street=row["street"],
        city=row["city"],
        state=row["state"],
        postcode=row["zip"],
        parent=owner,
        reported=row["parent_reported"] or owner,
        industry=row["industry"],
        reports=int(row["reports"]),
        customer_no=numbers[owner],
        ship_to_no=f"{counts[owner]:04d}",
    )


def _customer(rng: random.Random, plant: Plant, now: datetime) -> dict[str, Any]:
    return {
        **_address(plant),
        "customer_no": plant.customer_no,
        "name": plant.parent,
        "changed_at": _stamp(now - timedelta(days=rng.randrange(30, 900), seconds=rng.randrange(86_400))),
    }


def _ship_to(rng: random.Random, plant: Plant, main: Mapping[str, Plant], now: datetime) -> dict[str, Any]:
    shipped = now - timedelta(days=int(rng.expovariate(1 / 60)))
    return {
        **_address(plant),
        "customer_no": plant.customer_no,
        "ship_to_no": plant.ship_to_no,
        "roles": "ship-to,sold-to" if main[plant.customer_no] is plant else "ship-to",
        "blocked": rng.random() < 0.03,
        "last_shipment": shipped.date() if rng.random() < 0.9 else None,
        "shipped_volume": plant.reports,
        "changed_at": _stamp(now - timedelta(days=rng.randrange(2, 400), seconds=rng.randrange(86_400))),
    }


def _address(plant: Plant) -> dict[str, str]:
    return {
        "name": plant.name,
        "street": plant.street,
        "city": plant.city,
        "state": plant.state,
        "postcode": plant.postcode,
        "country": "US",
        "phone": plant.phone,
    }


def _table(kind: str) -> sa.Table:
    tables = {"customer": CUSTOMER, "ship_to": SHIP_TO}
    if kind not in tables:
        raise KeyError(f"the ERP has no table {kind}; it has customer and ship_to")
    return tables[kind]


def _row(kind: str, key: str) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    table = _table(kind)
    customer_no, _, ship_to_no = key.partition("/")
    if table is CUSTOMER:
        return table, table.c.customer_no == key
    return table, sa.and_(table.c.customer_no == customer_no, table.c.ship_to_no == ship_to_no)


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(column.type, sa.Date) and isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(column.type, sa.DateTime) and isinstance(value, str):
        return _stamp(datetime.fromisoformat(value))
    return value


def _stamp(moment: datetime) -> datetime:
    """Return the time as the table holds it: UTC, without a zone, whole seconds."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _engine(path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
