"""The tree of accounts: headquarters, subsidiaries and brands, as their records point at the one above.

Who sits at whose branch because of it is syncd.stages.enrich's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection

from syncd.lead.definition import EntityKind
from syncd.store import intake
from syncd.store.views import parents_of

PARENT = "parent"  # the account's field, and the key under which those below one are found
_DEEPEST = 12  # steps up; a chain of companies that is longer is a mistake
_MOST = 300  # accounts read of one tree; a lead is compared with the branches of all of them


@dataclass(frozen=True, kw_only=True)
class Tree:
    """`above`: account -> the account above it, of all that were read."""

    above: Mapping[str, str] = field(default_factory=dict)

    @property
    def members(self) -> set[str]:
        return {*self.above, *self.above.values()}

    def kin(self, account: str) -> dict[str, str]:
        """Return the other accounts of the same root, and what they are to this one."""
        chain = self._chain(account)
        found = {}
        for other in self._families.get(chain[-1], ()):
            if other == account:
                continue
            if other in chain:
                found[other] = "its parent account"
            else:
                found[other] = "a subsidiary" if account in self._chain(other) else "another account of its group"
        return found

    @cached_property
    def _families(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in sorted(self.members):
            found.setdefault(self._chain(one)[-1], []).append(one)
        return found

    def _chain(self, account: str) -> list[str]:
        """Return the account, those above it and, last, the root; of accounts in a ring the root is the first by id."""
        chain = [account]
        while (above := self.above.get(chain[-1])) is not None:
            if above in chain:
                ring = chain[chain.index(above) :]
                return [*chain, min(ring)]
            chain.append(above)
        return chain


def read_tree(connection: Connection, accounts: Iterable[str]) -> Tree:
    """Read the trees that these accounts stand in: two queries where none of them has a parent or a subsidiary."""
    known = set(accounts)
    above: dict[str, str] = {}
    wanted = known
    for _ in range(_DEEPEST):
        found = parents_of(connection, wanted)
        above |= found
        wanted = {*found.values()} - known
        if not wanted:
            break
        known = known | wanted
    wanted = known
    while wanted and len(above) < _MOST:
        held = intake.holders_of(connection, EntityKind.ACCOUNT.value, [(PARENT, one) for one in wanted])
        below = {one for of_one in held.values() for one in of_one} - known
        found = parents_of(connection, below) if below else {}
        found = {one: parent for one, parent in found.items() if parent in known}  # a key may be of the past
        above |= found
        wanted = found.keys() - known
        known = known | wanted
    return Tree(above=above)
