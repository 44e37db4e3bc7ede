"""Choices, lists of choices and value tables in canonical form.

Every maker returns a function of one raw, non-blank value to the canonical one, None for blank, or a BadValue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from syncd.mapping.model import BadValue
from syncd.mapping.transforms.text import one_line, read_text

ANYTHING = "*"  # a row for whatever no other row names


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a value of theirs means for us. Compared without case; the first row of ours is what is written back."""

    ours: Mapping[str, str]  # their value, folded -> ours
    theirs: Mapping[str, str]  # our value, folded -> theirs
    rows: Sequence[tuple[str, str]] = field(default=(), repr=False)  # in the order of the file

    @classmethod
    def of(cls, rows: Sequence[tuple[str, str]]) -> Table:
        ours: dict[str, str] = {}
        theirs: dict[str, str] = {}
        for their, our in rows:
            ours.setdefault(fold(their), our)
            if their != ANYTHING:
                theirs.setdefault(fold(our), their)
        return cls(ours=ours, theirs=theirs, rows=tuple(rows))


def fold(text: str) -> str:
    """Make spellings of one choice equal: FOOD_PRODUCTION and "Food production"."""
    return " ".join(text.casefold().replace("_", " ").split())


def choice_reader(choices: Sequence[str], table: Table | None) -> Callable[[Any], Any]:
    """Read into the definition's spelling; with a table, through it first."""
    by_fold = {fold(choice): choice for choice in choices}
    rows = table.ours if table else {}
    bad = BadValue(
        "not one of the field's choices, nor in its value table" if table else "not one of the field's choices"
    )
    rest = rows.get(ANYTHING)

    @lru_cache(maxsize=4096)
    def known(text: str) -> Any:
        key = fold(text)
        value = rows.get(key, by_fold.get(key))
        if value is None:
            value = rest if rest is not None else (text if not choices else None)
        return bad if value is None else value

    def read(raw: Any) -> Any:
        text = one_line(raw)
        return known(text) if text.__class__ is str else text

    return read


def keyword_reader(table: Table) -> Callable[[Any], Any]:
    """Read the first row whose words occur in the text: "VP of Operations" holds the keyword "vp"."""
    patterns = [
        (re.compile(rf"(?<!\w){re.escape(fold(words))}(?!\w)"), ours) for words, ours in table.rows if words != ANYTHING
    ]
    rest = table.ours.get(ANYTHING)

    @lru_cache(maxsize=8192)
    def known(text: str) -> Any:
        folded = fold(text)
        return next((ours for pattern, ours in patterns if pattern.search(folded)), rest)

    def read(raw: Any) -> Any:
        text = read_text(raw)
        return known(text[:500]) if text.__class__ is str else text

    return read


def choice_writer(choices: Sequence[str], table: Table | None) -> Callable[[str], Any]:
    """Write their spelling. With a table and fixed choices, a value without a row cannot be written."""
    if table is None:
        return lambda value: value
    theirs = table.theirs
    missing = BadValue("has no row in the value table")

    def write(value: str) -> Any:
        found = theirs.get(fold(value))
        if found is not None:
            return found
        return missing if choices else value

    return write


def list_reader(separator: str, one: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """Read "b;a;b" and ["b", "a"] as ["a", "b"]; an item that cannot be read spoils the list."""
    mark = separator.strip() or separator
    read_one = one or one_line

    @lru_cache(maxsize=4096)
    def parts(text: str) -> Any:
        return _gathered(text.replace("\n", mark).split(mark), read_one)

    def read(raw: Any) -> Any:
        if isinstance(raw, (list, tuple)):
            items = _gathered(raw, read_one)
        else:
            text = read_text(raw)
            if text.__class__ is not str:
                return text
            items = parts(text)
        return list(items) if items.__class__ is tuple else items

    return read


def _gathered(items: Sequence[Any], one: Callable[[Any], Any]) -> Any:
    values = set()
    for item in items:
        value = one(item) if item is not None and item != "" else None
        if value.__class__ is BadValue:
            return value
        if value is not None:
            values.add(value)
    return tuple(sorted(values)) or None


def list_writer(separator: str, one: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Join the items; one that holds the separator would come back as two and is refused."""
    mark = separator.strip() or separator
    bad = BadValue(f"an item holds the separator {mark!r}")

    def write(value: Any) -> Any:
        items = []
        for item in value:
            written = one(item)
            if written.__class__ is BadValue:
                return written
            if mark in written or "\n" in written:
                return bad
            items.append(written)
        return separator.join(items) or None

    return write
