"""Rows that cannot be taken as they are, without an id, several with one, unreadable: they wait, their kind goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from connectors.contract import Unfit
from connectors.errors import ConfigProblem
from connectors.table.rows import json_value, parse_time

MOST = 20  # in one read; more than that is no slip in a row but a wrong query, or a file written half
_REST = "The other rows go on; this closes by itself once it is mended"


class Unfits:
    """What one read met of them. `where` names the source and the kind, for the messages.

    `since` is the earliest time that a row of them bears, as the source wrote it.
    """

    def __init__(self, system: str, where: str) -> None:
        self.found: dict[str, Unfit] = {}
        self.since: Any = None
        self._since: datetime | None = None
        self._system, self._where = system, where

    def lacking(self, what: str, cells: Iterable[Any], at: Any = None) -> None:
        """Note a row without an id; `what` says in which column and where, `cells` tell it from others like it."""
        remedy = "give it one, leave such rows out of the source, or name other columns under `id`"
        self._nameless(f"{what}; {remedy}", cells, at)

    def unreadable(self, what: str, cells: Iterable[Any]) -> None:
        """Note a row of which nobody can say what its cells mean; `what` says why and where."""
        self._nameless(f"{what}; mend it there", cells, None)

    def doubled(self, id: str, what: str, at: Any = None) -> None:
        """Note an id that several rows have."""
        remedy = "let the source have one row each, name more columns under `id`, or say under `group` how they join"
        self._shared(id, f"{what}; {remedy}", at)

    def differing(self, id: str, what: str) -> None:
        """Note an id whose rows cannot be made one; `what` says which rows, and in which columns."""
        remedy = "mend them, give these columns a fitting rule under `group`, or name more columns under `id`"
        self._shared(id, f"{what}; {remedy}")

    def keys(self) -> list[str]:
        return sorted(self.found)

    def news(self, before: Sequence[str]) -> list[Unfit] | None:
        """Return all, if they are others than those with these keys."""
        return None if self.keys() == sorted(before) else list(self.found.values())

    def listed(self) -> list[str]:
        """Return the ids that are there though no row of theirs can be taken; raise where nobody can say which are."""
        nameless = next((one for one in self.found.values() if one.id is None), None)
        if nameless is not None:
            raise ConfigProblem(f"{nameless.message}. Until then nothing counts as deleted", system=self._system)
        return [one.id for one in self.found.values() if one.id is not None]

    def _shared(self, id: str, what: str, at: Any = None) -> None:
        message = f"{self._where}{what}. None of them is taken, what was read of {id} before stays. {_REST}"
        self._add(Unfit(key=id, id=id, message=message), at)

    def _nameless(self, what: str, cells: Iterable[Any], at: Any) -> None:
        mark = blake2b(orjson.dumps([json_value(cell) for cell in cells]), digest_size=8).hexdigest()
        self._add(Unfit(key=mark, message=f"{self._where}{what}. It is not taken. {_REST}"), at)

    def _add(self, one: Unfit, at: Any) -> None:
        self.found[one.key] = one
        time = parse_time(at)
        if time is not None and (self._since is None or time < self._since):
            self.since, self._since = at, time
        if len(self.found) > MOST:
            raise ConfigProblem(
                f"{self._where}more than {MOST} rows cannot be taken. Mend the source, or `id`; "
                f"the whole kind waits until then. One of them: {one.message.partition(';')[0]}",
                system=self._system,
            )
