"""Fields that are one thing, an address: when two records mean the same place by them, and when two places.

Which record's address counts is left to syncd.stages.merge, what is written where to syncd.stages.deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Together(NamedTuple):
    """The fields of one kind that are taken together, and which of them say what of the place."""

    names: tuple[str, ...]
    countries: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    postcodes: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    ranks: tuple[str, ...] = ()  # of systems, where the fields have such a rule

    def is_same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether both are beyond doubt of one place: of one postcode, or of one town in one state."""
        if agree(self.countries, one, other) is False:
            return False
        postcode = agree(self.postcodes, one, other)
        if postcode is not None:
            return postcode
        return agree(self.cities, one, other) is True and agree(self.states, one, other) is not False

    def is_other(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether they contradict each other: they are of two places."""
        if agree(self.countries, one, other) is False:
            return True
        postcode = agree(self.postcodes, one, other)
        if postcode is not None:
            return not postcode
        return agree(self.cities, one, other) is False or agree(self.states, one, other) is False


def agree(names: Sequence[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """Whether both say the same in all of these in which both say something; None where there is none such."""
    both = [(a, b) for name in names if (a := one.get(name)) is not None and (b := other.get(name)) is not None]
    return all(_is_alike(a, b) for a, b in both) if both else None


# ---------------------------------------------------------------------------------------------------------------------


def _is_alike(a: Any, b: Any) -> bool:
    """Compare without case; the ZIP+4 of one record is the ZIP of another."""
    if not isinstance(a, str) or not isinstance(b, str):
        return bool(a == b)
    return a.casefold() == b.casefold() or (a[:5] == b[:5] and {a[5:6], b[5:6]} == {"", "-"} and a[:5].isdigit())
