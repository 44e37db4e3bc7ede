"""One HubSpot account: its object types, owners, rules and clock, and the lock that keeps calls apart."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.hubspot.errors import ApiError
from sandbox.hubspot.links import Links
from sandbox.hubspot.paths import TYPE_IDS
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import iso

Lag = float | Callable[[str, str], float]
StageBackwards = Literal["silent", "refuse"]
SearchSigns = Literal["true", "short_pages", "low_total", "both"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A property an admin made required: on create, or (`when`) in any write that sets another property."""

    kind: str
    name: str
    when: str | None = None


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A user records can be assigned to; `id` goes into hubspot_owner_id, `user_id` never does."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int
    archived: bool = False

    def body(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userIdIncludingInactive": self.user_id,
            "teams": [],
            "createdAt": iso(1_704_067_200_000),
            "updatedAt": iso(1_704_067_200_000),
            "archived": self.archived,
        }
        return shown if self.archived else {**shown, "userId": self.user_id}


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a custom object type is called, and which of its properties stand out."""

    singular: str = ""
    plural: str = ""
    primary: str = ""
    required: tuple[str, ...] = ()
    searchable: tuple[str, ...] = ()


class Portal:
    """The account's state. Hold `lock` while reading or writing it."""

    portal_id = 148_000_001

    def __init__(self, *, clock: Callable[[], float], index_lag: Lag, stage_backwards: StageBackwards) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.stage_backwards = stage_backwards
        self.search_signs: SearchSigns = "true"
        self.links_move_stamps = True
        self.late_upserts = False
        self.writes: Counter[str] = Counter()
        self.rules: list[Rule] = []
        self.owners = list(_OWNERS)
        self._lag = index_lag
        self.links = Links()
        self.schemas: dict[str, Schema] = {}
        self.tables: dict[str, Table] = {}
        for kind, type_id in TYPE_IDS.items():
            self.add_table(kind, type_id)

    def now(self) -> int:
        """Return the time in epoch milliseconds."""
        return int(self.clock() * 1000)

    def table(self, name: str) -> Table:
        """Return an object type by its plural name, type id or fully qualified name."""
        for table in self.tables.values():
            if name in (table.kind, table.type_id, f"p{self.portal_id}_{table.kind}"):
                return table
        raise ApiError(400, f"Unable to infer object type from: {name}")

    def define_object(self, name: str) -> str:
        """Add a custom object type and return its type id."""
        type_id = f"2-{7_000_001 + len(self.tables)}"
        self.add_table(name, type_id)
        return type_id

    def knows_owner(self, owner_id: str) -> bool:
        return any(owner.id == owner_id for owner in self.owners)

    def add_table(self, kind: str, type_id: str) -> Table:
        def delay(record_id: str) -> float:
            return self._lag(kind, record_id) if callable(self._lag) else self._lag

        self.tables[kind] = Table(kind, type_id, self.clock, delay)
        return self.tables[kind]


_OWNERS = (
    Owner(id="700101", email="mara.lindqvist@example.com", first_name="Mara", last_name="Lindqvist", user_id=2001),
    Owner(id="700102", email="tomas.okafor@example.com", first_name="Tomas", last_name="Okafor", user_id=2002),
    Owner(id="700103", email="ines.carvalho@example.com", first_name="Inés", last_name="Carvalho", user_id=2003),
    Owner(
        id="700104",
        email="left.company@example.com",
        first_name="Piet",
        last_name="Jansen",
        user_id=2004,
        archived=True,
    ),
)
