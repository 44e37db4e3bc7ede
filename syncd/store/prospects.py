"""Queries of branches that buy and of who is known there: the list of prospects that an ERP holds without knowing it.

They only read; one pass over branches and leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from syncd.lead.definition import EntityKind
from syncd.store.tables import entity


@dataclass(frozen=True, kw_only=True, slots=True)
class BuyingBranch:
    """A branch under an account that was shipped to. `contacts`: people known to sit there."""

    account: str
    account_name: str | None
    branch: str
    name: str | None
    customer: str | None
    ship_to: str | None
    street: str | None
    city: str | None
    state: str | None
    country: str | None
    last_shipment: str  # ISO date
    volume: float | None
    contacts: int


def buying_branches(
    connection: Connection, since: str, *, everybody: bool = False, limit: int | None = None
) -> list[BuyingBranch]:
    """Return branches with a shipment since then (ISO date) that are not blocked, the latest first.

    Without `everybody` only those where nobody is known.
    """
    there = _contacts()
    account = entity.alias("account")
    contacts = func.coalesce(there.c.contacts, 0)
    query = (
        select(
            *(_of(name).label(name) for name in _SHOWN),
            entity.c.id.label("branch"),
            account.c["values"]["name"].as_string().label("account_name"),
            contacts.label("contacts"),
        )
        .select_from(entity)
        .outerjoin(account, and_(account.c.id == _of("account"), account.c.kind == EntityKind.ACCOUNT.value))
        .outerjoin(there, there.c.branch == entity.c.id)
        .where(*_buys(since), _of("account").is_not(None))
        .order_by(_of("last_shipment").desc(), entity.c.id)
    )
    if not everybody:
        query = query.where(contacts == 0)
    return [_row(row._mapping) for row in connection.execute(query.limit(limit))]


def count_buying(connection: Connection, since: str) -> tuple[int, int, int]:
    """Return how many branches buy under an account, at how many of them nobody is known, how many have no account."""
    there = _contacts()
    placed = _of("account").is_not(None)
    each = (
        select(placed.label("placed"), there.c.contacts.is_not(None).label("known"))
        .select_from(entity)
        .outerjoin(there, there.c.branch == entity.c.id)
        .where(*_buys(since))
        .subquery()
    )
    query = select(each.c.placed, each.c.known, func.count().label("branches")).group_by(each.c.placed, each.c.known)
    rows = list(connection.execute(query))
    under = [row for row in rows if row.placed]
    return (
        sum(int(row.branches) for row in under),
        sum(int(row.branches) for row in under if not row.known),
        sum(int(row.branches) for row in rows if not row.placed),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadAtBranch:
    """A lead that was handed over and sits at a branch."""

    company: str | None
    branch: str | None
    city: str | None
    last_shipment: str | None


def leads_at_branches(connection: Connection, limit: int) -> list[LeadAtBranch]:
    """Return leads that reps have and that sit at a branch, the latest shipment first."""
    branch = entity.alias("branch")
    shown = {name: branch.c["values"][name].as_string() for name in ("name", "city", "last_shipment")}
    query = (
        select(_of("company").label("company"), *(value.label(name) for name, value in shown.items()))
        .select_from(entity)
        .join(branch, branch.c.id == _of("branch"))
        .where(entity.c.kind == EntityKind.LEAD.value, entity.c.state["handed_at"].as_string().is_not(None))
        .order_by(func.coalesce(shown["last_shipment"], "").desc(), entity.c.id)
        .limit(limit)
    )
    return [
        LeadAtBranch(company=row.company, branch=row.name, city=row.city, last_shipment=row.last_shipment)
        for row in connection.execute(query)
    ]


# ---------------------------------------------------------------------------------------------------------------------

_SHOWN = ("account", "name", "customer", "ship_to", "street", "city", "state", "country", "last_shipment", "volume")


def _of(name: str) -> Any:
    return entity.c["values"][name].as_string()


def _contacts() -> Any:
    lead = entity.alias("lead")
    each = (
        select(lead.c["values"]["branch"].as_string().label("branch"))
        .where(lead.c.kind == EntityKind.LEAD.value)
        .subquery()
    )
    counted = select(each.c.branch, func.count().label("contacts")).where(each.c.branch.is_not(None))
    return counted.group_by(each.c.branch).subquery()


def _buys(since: str) -> tuple[Any, ...]:
    blocked = func.coalesce(_of("blocked"), "false")  # SQLite gives true as 1
    return (
        entity.c.kind == EntityKind.BRANCH.value,
        _of("last_shipment") >= since,
        blocked.not_in(("true", "1")),
    )


def _row(row: Any) -> BuyingBranch:
    told = {name: row[name] for name in (*_SHOWN, "branch", "account_name")}
    volume = float(row["volume"]) if row["volume"] is not None else None
    return BuyingBranch(**{**told, "volume": volume, "contacts": int(row["contacts"])})
