"""Associations between records: which types there are between two kinds, and which records are linked by them.

Every link is kept from both ends, as HubSpot shows it; the endpoints are in associations.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Ends = tuple[str, str]  # kinds, from and to
HUBSPOT_DEFINED, USER_DEFINED = "HUBSPOT_DEFINED", "USER_DEFINED"
CHILD_TO_PARENT, PARENT_TO_CHILD = 14, 13
PRIMARY_COMPANY = 1
_FIRST_OWN_TYPE = 1001


class LinkType(NamedTuple):
    """One way in which a record of one kind is linked to one of another; `inverse` is the same seen from there."""

    id: int
    category: str
    label: str | None
    inverse: int


_STANDARD: Mapping[Ends, tuple[LinkType, ...]] = {
    ("contacts", "companies"): (
        LinkType(279, HUBSPOT_DEFINED, None, 280),
        LinkType(PRIMARY_COMPANY, HUBSPOT_DEFINED, "Primary", 2),
    ),
    ("companies", "contacts"): (
        LinkType(280, HUBSPOT_DEFINED, None, 279),
        LinkType(2, HUBSPOT_DEFINED, "Primary", PRIMARY_COMPANY),
    ),
    ("companies", "companies"): (
        LinkType(450, HUBSPOT_DEFINED, None, 450),
        LinkType(PARENT_TO_CHILD, HUBSPOT_DEFINED, "Child Company", CHILD_TO_PARENT),
        LinkType(CHILD_TO_PARENT, HUBSPOT_DEFINED, "Parent Company", PARENT_TO_CHILD),
    ),
    ("deals", "companies"): (
        LinkType(341, HUBSPOT_DEFINED, None, 342),
        LinkType(5, HUBSPOT_DEFINED, "Primary", 6),
    ),
    ("companies", "deals"): (
        LinkType(342, HUBSPOT_DEFINED, None, 341),
        LinkType(6, HUBSPOT_DEFINED, "Primary", 5),
    ),
    ("deals", "contacts"): (LinkType(3, HUBSPOT_DEFINED, None, 4),),
    ("contacts", "deals"): (LinkType(4, HUBSPOT_DEFINED, None, 3),),
}


@dataclass
class Links:
    """All links of an account. Ids are whole numbers, types those of the direction asked about."""

    types: dict[Ends, tuple[LinkType, ...]] = field(default_factory=lambda: dict(_STANDARD))
    _pairs: dict[Ends, dict[int, dict[int, set[int]]]] = field(default_factory=dict)
    _next_type: int = _FIRST_OWN_TYPE

    def connect(self, one: str, other: str) -> None:
        """Let records of two kinds be linked."""
        if (one, other) not in self.types:
            self._add_types((one, other), None, None)

    def add_label(self, ends: Ends, label: str, inverse_label: str | None) -> tuple[LinkType, LinkType]:
        """Add a label between two kinds; return it as seen from each of them."""
        return self._add_types(ends, label, inverse_label)

    def default(self, ends: Ends) -> LinkType | None:
        return next((one for one in self.types.get(ends, ()) if one.label is None), None)

    def type(self, ends: Ends, number: int) -> LinkType | None:
        return next((one for one in self.types.get(ends, ()) if one.id == number), None)

    def link(self, ends: Ends, one: int, other: int, types: Iterable[LinkType]) -> bool:
        """Link two records; the plain type always comes with a labelled one. Return whether anything is new."""
        plain = self.default(ends)
        new = False
        for each in (*types, *((plain,) if plain else ())):
            there = self._pairs.setdefault(ends, {}).setdefault(one, {}).setdefault(other, set())
            new = new or each.id not in there
            there.add(each.id)
            back = self._pairs.setdefault(ends[::-1], {}).setdefault(other, {}).setdefault(one, set())
            back.add(each.inverse)
        return new

    def unlink(self, ends: Ends, one: int, other: int, types: Iterable[LinkType] | None = None) -> bool:
        """Take labels of a link away, or (None, or the plain type) the whole link; return whether there was any."""
        there = self._pairs.get(ends, {}).get(one, {}).get(other)
        if not there:
            return False
        plain = self.default(ends)
        if types is None or (plain is not None and plain in types):
            del self._pairs[ends][one][other]
            self._pairs[ends[::-1]][other].pop(one, None)
            return True
        gone = {each.id for each in types} & there
        there -= gone
        self._pairs[ends[::-1]][other][one] -= {each.inverse for each in types}
        return bool(gone)

    def of(self, ends: Ends, one: int) -> dict[int, list[LinkType]]:
        """Return what a record is linked to: id -> the types, by id ascending."""
        found = self._pairs.get(ends, {}).get(one, {})
        return {
            other: [each for number in sorted(numbers) if (each := self.type(ends, number)) is not None]
            for other, numbers in sorted(found.items())
        }

    def dump(self) -> dict[str, Any]:
        return {
            "types": [[*ends, [*map(list, types)]] for ends, types in self.types.items()],
            "pairs": [
                [*ends, one, other, sorted(numbers)]
                for ends, records in self._pairs.items()
                for one, others in records.items()
                for other, numbers in others.items()
            ],
            "next_type": self._next_type,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.types = {(a, b): tuple(LinkType(*one) for one in types) for a, b, types in state["types"]}
        self._pairs = {}
        for a, b, one, other, numbers in state["pairs"]:
            self._pairs.setdefault((a, b), {}).setdefault(one, {})[other] = set(numbers)
        self._next_type = state["next_type"]

    def _add_types(self, ends: Ends, label: str | None, inverse_label: str | None) -> tuple[LinkType, LinkType]:
        number, back = self._next_type, self._next_type + 1
        self._next_type += 2
        there = LinkType(number, USER_DEFINED, label, back)
        here = LinkType(back, USER_DEFINED, inverse_label or label, number)
        self.types[ends] = (*self.types.get(ends, ()), there)
        self.types[ends[::-1]] = (*self.types.get(ends[::-1], ()), here)
        return there, here
