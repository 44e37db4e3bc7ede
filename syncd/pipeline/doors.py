"""What a system takes none of for now, whichever record it is: told once, and tried with a few until they go through.

A door is the writes of one kind that make records, or those that change some. It is shut as long as its problem is
open, so all workers on a state know of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection

from syncd.lead.decision import Decision, Fate, Write
from syncd.store import inbox, systems

REST_MS = 900_000  # between two tries at a shut door
TRIED = 10  # writes of each batch that try a door; more than one, should that one be refused for itself
_FORGOTTEN_MS = 4 * 3_600_000  # nobody waits at a door that was tried no more for so long
_PREFIX = "shut|"

Door: TypeAlias = tuple[str, str, bool]  # system, kind, whether records are made


def door_of(row: Any) -> Door:
    """Return the door of a write or of an intent."""
    return row.system, row.kind, row.record_id is None


def hangs_on(write: Write, fate: Fate) -> bool:
    """Whether the fate that was decided comes true only by this write."""
    return fate is Fate.UPDATED or (fate is Fate.HANDED_OVER and write.creates)


class Doors:
    """The doors that are shut at `now`, for one batch."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._now = now
        self._tried: Counter[str] = Counter()
        self._seen = {}
        for key, seen in inbox.open_keys(connection, _PREFIX).items():
            if now - seen > _FORGOTTEN_MS:
                inbox.close_problems(connection, key=key)
            else:
                self._seen[key] = seen

    def admit(self, decision: Decision) -> tuple[Decision, int | None]:
        """Return the decision with the writes that may be sent, and when to try those that may not (ms)."""
        asked = [(write, self._until(door_of(write))) for write in decision.writes] if self._seen else []
        turned_away = [(write, until) for write, until in asked if until is not None]
        if not turned_away:
            return decision, None
        fate = Fate.DEFERRED if any(hangs_on(write, decision.fate) for write, _ in turned_away) else decision.fate
        through = tuple(write for write, until in asked if until is None)
        return decision._replace(writes=through, fate=fate), min(until for _, until in turned_away)

    def _until(self, door: Door) -> int | None:
        key = _key(door)
        if key not in self._seen:
            return None
        opens = self._seen[key] + REST_MS
        if opens > self._now:
            return opens
        self._tried[key] += 1
        return None if self._tried[key] <= TRIED else self._now + REST_MS


def shut(connection: Connection, doors: Mapping[Door, str], now: int) -> None:
    """Tell why nothing goes through these doors, and let only a few try from now on."""
    for door, reason in doors.items():
        system, kind, creates = door
        inbox.open_problem(
            connection,
            key=_key(door),
            kind="put off",
            system=system,
            message=f"{system} {kind}: nothing can be {'created' if creates else 'changed'}: {reason}. What is to be "
            f"written waits, nothing of it is lost; a little of it is tried every {REST_MS // 60_000} minutes, and all "
            f"the rest follows by itself once that goes through",
            now=now,
        )


def open_again(connection: Connection, doors: Iterable[Door], now: int) -> None:
    """Let all that waits at these doors through, if they were shut."""
    keys = {_key(door) for door in doors} & inbox.open_keys(connection, _PREFIX).keys()
    for key in keys:
        inbox.close_problems(connection, key=key)
    if keys:
        systems.wake_waiting(connection, now)


def reopen(connection: Connection, key: str, now: int) -> list[str] | None:
    """Let all try the door that this problem is about; return the entities that wait, None for another problem."""
    if not key.startswith(_PREFIX):
        return None
    inbox.close_problems(connection, key=key)
    return systems.waiting(connection, now)


# ---------------------------------------------------------------------------------------------------------------------


def _key(door: Door) -> str:
    system, kind, creates = door
    return f"{_PREFIX}{system}|{kind}|{'create' if creates else 'change'}"
