"""The rows of one object in memory with their indexes; what may be stored is decided before it gets here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.salesforce.schema import ObjectType
from sandbox.salesforce.values import fold

Row = dict[str, Any]  # canonical field names; a missing key is null. A stored row is replaced, never changed.
Stamp = tuple[int, str]  # (SystemModstamp in epoch seconds, Id): the order of a keyset poll

Undo = tuple["Table", str, Row | None]  # what a row was before a write

LOWEST_ID = ""
HIGHEST_ID = "~"  # sorts after every base 62 character


class Table:
    """Rows by id, ordered by stamp and by id, and by any field that was once looked up."""

    def __init__(self, type_: ObjectType, journal: list[Undo]) -> None:
        self.type = type_
        self.rows: dict[str, Row] = {}
        self.ids: list[str] = []
        self.stamps: list[Stamp] = []
        self.journal = journal
        self._indexes: dict[str, dict[Any, set[str]]] = {}

    def put(self, row: Row) -> None:
        """Store a row under its Id, new or in place of the older one."""
        self.journal.append((self, row["Id"], self.rows.get(row["Id"])))
        self._put(row)

    def remove(self, key: str) -> None:
        """Forget a row altogether, as a purge of the recycle bin does."""
        self.journal.append((self, key, self.rows[key]))
        self._remove(key)

    def restore(self, key: str, row: Row | None) -> None:
        """Bring a row back to what it was before an undone write."""
        if row is not None:
            self._put(row)
        elif key in self.rows:
            self._remove(key)

    def load(self, rows: Sequence[Row]) -> None:
        """Store many new rows at once, with no way to undo it."""
        if len(rows) * 10 < len(self.rows):
            for row in rows:
                self._put(row)
            return
        for row in rows:
            self.rows[row["Id"]] = row
        self.ids = sorted(self.rows)
        self.stamps = sorted((row["SystemModstamp"], key) for key, row in self.rows.items())
        self._indexes.clear()

    def keyed(self, field: str, value: Any) -> set[str]:
        """Return the ids of rows, deleted ones too, whose field equals the value as the org compares; none for null."""
        definition = self.type.fields[field]
        return self._index(field).get(fold(definition, value), set())

    def between(self, low: Stamp, high: Stamp) -> tuple[int, int]:
        """Return the slice of `stamps` from `low` to `high`, both included."""
        return bisect_left(self.stamps, low), bisect_right(self.stamps, high)

    def live(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if not row.get("IsDeleted"))

    def _put(self, row: Row) -> None:
        key = row["Id"]
        old = self.rows.get(key)
        if old is None:
            insort(self.ids, key)
        else:
            self._forget_stamp(old)
        insort(self.stamps, (row["SystemModstamp"], key))
        self._reindex(old, row)
        self.rows[key] = row

    def _remove(self, key: str) -> None:
        old = self.rows.pop(key)
        del self.ids[bisect_left(self.ids, key)]
        self._forget_stamp(old)
        self._reindex(old, None)

    def _index(self, field: str) -> dict[Any, set[str]]:
        index = self._indexes.get(field)
        if index is None:
            index = {}
            definition = self.type.fields[field]
            for key, row in self.rows.items():
                if row.get(field) is not None:
                    index.setdefault(fold(definition, row[field]), set()).add(key)
            self._indexes[field] = index
        return index

    def _reindex(self, old: Row | None, new: Row | None) -> None:
        for field, index in self._indexes.items():
            definition = self.type.fields.get(field)
            if definition is None:
                continue
            before = fold(definition, old.get(field)) if old is not None else None
            after = fold(definition, new.get(field)) if new is not None else None
            if before == after:
                continue
            if old is not None and before is not None:
                keys = index[before]
                keys.discard(old["Id"])
                if not keys:
                    del index[before]
            if new is not None and after is not None:
                index.setdefault(after, set()).add(new["Id"])

    def _forget_stamp(self, row: Row) -> None:
        del self.stamps[bisect_left(self.stamps, (row["SystemModstamp"], row["Id"]))]
