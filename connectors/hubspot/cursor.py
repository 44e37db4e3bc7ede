"""Where the reading of a kind stands: the cursors of the HubSpot source and their JSON form.

Deciding what to read next is left to the source. Times are epoch milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.errors import ContractBroken
from connectors.hubspot.client import PAGE
from connectors.hubspot.records import Row

END = 253_402_300_799_999  # the last millisecond of the year 9999


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck:
    """What is to be read a second time: the records of since <= stamp < until, from the time `due` on."""

    since: int
    until: int
    due: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Everything before `at` was read once.

    `top` is the digest of the newest records of the look-back, `gap` how many more the store counts there than the
    index does (records that were archived since). `since`: the look-back begins
    there until the next change, if that is earlier.
    """

    at: int
    since: int | None = None
    top: str = ""
    gap: int = 0
    again: Recheck | None = None

    def low(self, overlap: int) -> int:
        """Return where the look-back begins."""
        usual = max(0, self.at - overlap)
        return usual if self.since is None else min(usual, self.since)

    def cursor(self) -> dict[str, Any]:
        again = self.again
        told: dict[str, Any] = {"again": [again.since, again.until, again.due]} if again else {}
        if self.since is not None:
            told["since"] = self.since
        return {"at": self.at, "top": self.top, "gap": self.gap, **told}


@dataclass(frozen=True, slots=True)
class Range:
    """Stamps low to high, both included, without the ids of `skip`, which were read.

    `counted` tells how many of its records the pass has already counted as read; None: the range belongs to the
    look-back, whose number the pass knows.
    """

    low: int
    high: int
    counted: int | None = None
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """A reading in several calls, resumable after each.

    `rest` is the number of records that the index has in the look-back of `place`, less exact until `todo` was read;
    `check` says whether it may be compared now; `then` is the place when all is done.
    """

    place: Place
    then: Place
    todo: tuple[Range, ...]
    rest: int
    check: bool
    after: str = "0"

    def with_rows(self, rows: Sequence[Row], total: int) -> Pass:
        """Return the pass after one more page of its first range."""
        counted = self.todo[0].counted
        rest = self.rest if self.after != "0" or counted is None else self.rest - (total - counted)
        return replace(self, rest=rest, after=last_id(rows, self.after))

    def next_range(self) -> Pass:
        return replace(self, todo=self.todo[1:], after="0", check=True)

    def cursor(self) -> dict[str, Any]:
        todo = [[span.low, span.high, span.counted, list(span.skip)] for span in self.todo]
        pass_ = {"todo": todo, "rest": self.rest, "check": self.check, "after": self.after, "then": self.then.cursor()}
        return {**self.place.cursor(), "pass": pass_}

    @classmethod
    def of(cls, cursor: Mapping[str, Any]) -> Pass | None:
        """Return the pass that was interrupted at `cursor`, if any."""
        told = cursor.get("pass")
        if told is None:
            return None
        return cls(
            place=place_of(cursor),
            then=place_of(told["then"]),
            todo=tuple(Range(low, high, counted, tuple(skip)) for low, high, counted, skip in told["todo"]),
            rest=told["rest"],
            check=told["check"],
            after=told["after"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """The first reading of everything, by id. `start` is HubSpot's time at its first answer."""

    after: str = "0"
    start: int | None = None
    newest: int = -1  # the newest stamp that is older than the loading

    @classmethod
    def of(cls, cursor: Mapping[str, Any] | None) -> Loading:
        return cls(**cursor["load"]) if cursor else cls()

    def cursor(self) -> dict[str, Any]:
        return {"load": {"after": self.after, "start": self.start, "newest": self.newest}}

    def with_rows(self, rows: Sequence[Row]) -> Loading:
        before = (self.start or 0) + 1000  # the Date header has whole seconds
        newest = max([self.newest, *(row.stamp for row in rows if row.stamp < before)])
        return replace(self, after=last_id(rows, self.after), newest=newest)

    def done(self, newest: Iterable[tuple[int, str]], overlap: int, now: int | None) -> Place:
        """Return the place after loading; `newest` are the newest PAGE records, or none when they are not known.

        The newest stamp is used rather than the clock, so that what was just made is not read twice.
        """
        at = self.newest + 1 if self.newest >= 0 else (self.start or 0)
        place = Place(at=at)
        window = [(stamp, record_id) for stamp, record_id in newest if stamp >= place.low(overlap)]
        again = look_again(place.low(overlap), at, now, overlap) if len(window) >= PAGE else None
        return replace(place, top=top_of(window), again=again)


def place_of(cursor: Mapping[str, Any]) -> Place:
    """Read a cursor; raise ContractBroken for one that this connector did not write."""
    try:
        again = cursor.get("again")
        return Place(
            at=int(cursor["at"]),
            top=str(cursor.get("top", "")),
            gap=int(cursor.get("gap", 0)),
            since=int(cursor["since"]) if cursor.get("since") is not None else None,
            again=Recheck(since=again[0], until=again[1], due=again[2]) if again else None,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ContractBroken("the stored cursor was not written by this version of the HubSpot connector") from error


def look_again(since: int, until: int, now: int | None, overlap: int) -> Recheck | None:
    """Plan a second look, for when the index has had `overlap` to catch up; None without a clock to go by."""
    return None if now is None or since >= until else Recheck(since=since, until=until, due=now + overlap)


def top_of(newest: Iterable[tuple[int, str]]) -> str:
    """Return a digest of (stamp, id) pairs; a full page may lack some of its last stamp, which is left out."""
    pairs = sorted(newest)
    if len(pairs) >= PAGE:
        pairs = [pair for pair in pairs if pair[0] > pairs[0][0]]
    if not pairs:
        return ""
    return hashlib.blake2b(repr(pairs).encode(), digest_size=8).hexdigest()


def last_id(rows: Sequence[Row], before: str) -> str:
    """Return the highest id of a page; raise ContractBroken when it is not beyond `before`."""
    ids = [int(row.id) for row in rows if row.id.isdigit()]
    if not rows:
        return before
    if not ids or max(ids) <= int(before):
        raise ContractBroken("HubSpot's search did not honour the filter on hs_object_id")
    return str(max(ids))
