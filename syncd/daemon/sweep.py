"""The sweep: the list of all ids of a kind against what is stored, for what no poll can show.

Records deleted without a sign, restored, erased for privacy's sake, come into sight again, or never read. When it runs
is engine.py's; what a deleted record means for its lead is the pipeline's.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Page, Source
from connectors.errors import ConfigProblem, ConnectorError, ReadingRests, joined, unexpected
from syncd.daemon.filling import Filler
from syncd.edits.force import Running
from syncd.mapping.model import KindMap, Mappings
from syncd.pipeline import follow_gone, forget_erased, left_out, link_again, take_in_each
from syncd.pipeline.succession import RANK
from syncd.stages.poll import LONGEST_LAG_MS
from syncd.store import held, inbox, intake, sweep
from syncd.store.database import new_id, now_ms, serialise_intake, to_ms
from syncd.store.rows import chunks

EVERY = timedelta(hours=6)
# Of few records more than the share that `brakes` allow may be gone in a day.
FEW = 10
DAY_MS = 24 * 60 * 60 * 1000
# What was changed so shortly before the latest poll that the poll could not have seen it is no gap.
LATE_MS = 15 * 60 * 1000
STEP = 2_000  # records fetched and stored together


class Sweeper:
    """Compares; marks what is gone, takes in what was missed. Nothing is marked before a list was read to its end."""

    def __init__(
        self,
        engine: Engine,
        running: Running,
        sources: Mapping[str, Source],
        filler: Filler,
        stopping: threading.Event,
        most_gone: float,
    ) -> None:
        self._engine = engine
        self._running = running
        self._sources = sources
        self._filler = filler
        self._stopping = stopping
        self._most_gone = most_gone  # share of the known records of a kind that are believed to be gone in a day

    @property
    def _mappings(self) -> Mappings:
        return self._running.mappings

    def run(self, system: str, kinds: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Sweep these kinds (kind -> fields to read), and have fields read again that no poll sees change.

        Return counts by what was found. Trouble is told and the sweep is due again; what a poll says of it counts.
        """
        started, calls = now_ms(), self._calls(system)
        found: Counter[str] = Counter()
        error: ConnectorError | None = None
        try:
            found = self.sweep(system, kinds)
            for kind, fields in kinds.items():
                changing = self.changing(system, kind, fields)
                if changing:
                    self._filler.ask(system, kind, changing, again=True)
        except (ReadingRests, _Stopped):
            return {}
        except ConnectorError as trouble:
            error = trouble
        with self._engine.begin() as connection:
            self._note(connection, system, started, found, self._calls(system) - calls, error)
        return dict(found)

    def is_due(self, system: str, kinds: Iterable[str], now: int) -> bool:
        """Return whether one of these kinds, read to its end before, was not swept for EVERY."""
        with self._engine.begin() as connection:
            at = sweep.latest_sweeps(connection, system)
            cursors = intake.read_cursors(connection, system)
        age = EVERY.total_seconds() * 1000
        return any(kind in cursors and cursors[kind][3] and at.get(kind, 0) <= now - age for kind in kinds)

    def sweep(self, system: str, kinds: Mapping[str, Sequence[str]]) -> Counter[str]:
        """Sweep these kinds (kind -> fields to read); return counts by what was found. Raises ConnectorError."""
        found: Counter[str] = Counter()
        troubles: dict[str, ConnectorError] = {}
        with self._engine.begin() as connection:
            cursors = intake.read_cursors(connection, system)
        for kind, fields in kinds.items():
            kind_map = self._mappings.kind(system, kind)
            if kind_map is None or kind not in cursors or not cursors[kind][3]:
                continue
            try:
                found += self._sweep(kind_map, fields)
            except ConfigProblem as error:
                troubles[kind] = error
            except (ConnectorError, SQLAlchemyError, _Stopped):
                raise
            except Exception as error:
                troubles[kind] = unexpected(system, f"{system} {kind}", error)
        if troubles:
            raise joined(troubles)
        return found

    def changing(self, system: str, kind: str, fields: Sequence[str]) -> list[str]:
        """Return those of `fields` that may change without moving the modified time; costs one call."""
        calculated = {info.name for info in self._sources[system].fields(kind) if info.calculated}
        # A parent's field, read along a path, changes with the parent.
        return [name for name in fields if name in calculated or "." in name]

    def _sweep(self, kind_map: KindMap, fields: Sequence[str]) -> Counter[str]:
        system, kind, source = kind_map.system, kind_map.kind, self._sources[kind_map.system]
        began = now_ms()
        with self._engine.begin() as connection:
            newest = sweep.newest(connection, system, kind)
            failed = left_out(connection, system, kind)
        listed = self._list(source, kind_map, newest)
        missing, lapsed = self._missing(kind_map, listed)
        with self._engine.begin() as connection:
            known = sweep.count_alive(connection, system, kind)
            if not self._believed(connection, kind_map, len(missing), listed.alive, known, began):
                sweep.save_sweep(connection, system, kind, began, listed.alive, known)
                return Counter(not_believed=1)
        # A record that was made, restored or merged while the list was read may be on no page of it.
        asked = dict.fromkeys([*missing, *listed.strange, *listed.back, *failed])
        read = self._read(source, kind_map, fields, list(asked))
        gone = [key for key in missing if key not in read]
        late = [key for key in listed.strange if read.get(key, newest) < newest - LATE_MS]
        erased = [*gone, *(lapsed if listed.alive else ())] if source.capabilities.erases else []
        with self._engine.begin() as connection:
            self._bury(connection, kind_map, [*listed.gone, *gone], began)
            for one in failed.keys() - read.keys():  # nowhere any more
                inbox.close_problems(connection, key=failed[one])
            if erased:
                forget_erased(connection, self._mappings, system, kind, erased, began)
            link_again(connection, self._mappings, system, kind, sweep.unlinked(connection, system, kind), began)
            unread = self._unread(connection, kind_map, [*listed.strange, *listed.back])
            self._tell_gap(connection, kind_map, late, unread, listed.alive, began)
            ours = sweep.count_alive(connection, system, kind)
            sweep.save_sweep(connection, system, kind, began, listed.alive, ours)
            self._count_gone(connection, system, kind, len(gone), known, began)
        buried = len(listed.gone) + (0 if source.capabilities.erases else len(gone))
        return +Counter(deleted=buried, erased=len(erased), restored=len(listed.back), gap=len(late))

    def _read(self, source: Source, kind_map: KindMap, fields: Sequence[str], ids: Sequence[str]) -> dict[str, int]:
        """Take these records in as they are now; return id -> modified (ms) of those that are somewhere."""
        found: dict[str, int] = {}
        for part in chunks(ids, STEP):
            asked = now_ms()
            records = source.fetch(kind_map.kind, part, fields)
            page = Page(kind=kind_map.kind, records=records, cursor={})
            with self._engine.begin() as connection:
                take_in_each(connection, self._mappings, kind_map.system, page, now_ms(), asked=asked)
            for one in records:
                found.update(dict.fromkeys((one.id, *one.merged), to_ms(one.modified)))
        return found

    def _list(self, source: Source, kind_map: KindMap, newest: int) -> _Listed:
        """List a kind; what was changed after `newest` (ms), the latest that is stored, is left to the next poll."""
        listed = _Listed()
        for roll in source.ids(kind_map.kind):
            if self._stopping.is_set():
                raise _Stopped
            with self._engine.begin() as connection:
                ids = [*roll.alive, *roll.deleted]
                stored = sweep.known_among(connection, kind_map.system, kind_map.kind, ids)
            listed.alive += len(roll.alive)
            listed.strange += [key for key in roll.alive if key not in stored]
            listed.back += [key for key in roll.alive if key in stored and stored[key].deleted]
            listed.gone += [key for key in roll.deleted if key in stored and stored[key].deleted is False]
            listed.strange += [
                key for key, at in roll.modified.items() if key in stored and _is_stale(stored[key], to_ms(at), newest)
            ]
            listed.register.add(ids)
        listed.register.close()
        return listed

    def _missing(self, kind_map: KindMap, listed: _Listed) -> tuple[list[str], list[str]]:
        """Return (living records that are listed nowhere, tombstones that have left the recycle bin too)."""
        missing: list[str] = []
        lapsed: list[str] = []
        with self._engine.begin() as connection:
            for one in sweep.all_known(connection, kind_map.system, kind_map.kind):
                if one.id in listed.register:
                    continue
                if not one.deleted:
                    missing.append(one.id)
                elif one.survivor is None and not one.erased:
                    lapsed.append(one.id)
        return missing, lapsed

    def _believed(
        self, connection: Connection, kind_map: KindMap, missing: int, alive: int, known: int, now: int
    ) -> bool:
        """Return whether so many may be gone. A side that suddenly answers empty is more likely to be ill."""
        system, kind = kind_map.system, kind_map.kind
        key = f"{sweep.VANISHED}|{system}|{kind}"
        before, of = sweep.gone_lately(connection, system, kind, now - DAY_MS) or (0, known)
        if not missing or (alive and before + missing <= max(FEW, of * self._most_gone)):
            inbox.close_problems(connection, key=key)
            return True
        asked = sweep.open_problem_of(connection, key)
        approved = held.approved_at(connection, sweep.VANISHED)
        if asked is not None and approved is not None and approved > asked.last_seen:
            inbox.close_problems(connection, key=key)
            return True
        inbox.open_problem(
            connection,
            key=key,
            kind="sweep",
            system=system,
            message=f"{system} {kind}: {missing} of {known} known records are not listed there any more, and {alive} "
            f"are{f' ({before} went within the day before)' if before else ''}. So many are not believed "
            f"(`brakes.vanished`); nothing was marked as deleted. Look whether syncd's user still "
            f"sees all records; if they are gone, `syncd approve` lets the next sweep take it for true",
            now=now,
        )
        return False

    def _count_gone(self, connection: Connection, system: str, kind: str, gone: int, known: int, now: int) -> None:
        """Add to what was gone within a day; what a person let through begins a new one."""
        if not gone:
            return
        lately = sweep.gone_lately(connection, system, kind, now - DAY_MS)
        allowed = lately is not None and lately[0] + gone <= max(FEW, lately[1] * self._most_gone)
        sweep.note_gone(connection, system, kind, gone, known, None if allowed else now)

    def _bury(self, connection: Connection, kind_map: KindMap, ids: Sequence[str], now: int) -> None:
        if not ids:
            return
        serialise_intake(connection)
        sweep.bury(connection, kind_map.system, kind_map.kind, ids)
        links = intake.links_of(connection, kind_map.system, kind_map.kind, ids)
        intake.mark_due(connection, dict.fromkeys(links.values(), RANK[kind_map.entity]), now, "deleted over there")
        follow_gone(connection, self._mappings, kind_map, ids, now)

    def _note(
        self,
        connection: Connection,
        system: str,
        started: int,
        found: Mapping[str, int],
        calls: int,
        error: ConnectorError | None,
    ) -> None:
        key = f"swept|{system}"
        if error is None:
            inbox.close_problems(connection, key=key)
        else:
            inbox.open_problem(
                connection,
                key=key,
                kind="sweep",
                system=system,
                message=f"{system} could not be swept: {error.message}. What was deleted there is not noticed until it "
                f"can; it is tried again by itself",
                now=now_ms(),
            )
        row = {"id": new_id(started), "what": f"sweep {system}", "started_at": started, "ended_at": now_ms()}
        spent = {system: calls} if calls else {}
        told = error.message if error is not None else None
        inbox.save_run(connection, {**row, "fates": dict(found), "calls": spent, "error": told})

    def _calls(self, system: str) -> int:
        return int(getattr(getattr(self._sources[system], "session", None), "calls", 0))

    def _unread(self, connection: Connection, kind_map: KindMap, ids: Sequence[str]) -> list[str]:
        """Return those that are listed as alive over there and still are not alive here."""
        stored = sweep.known_among(connection, kind_map.system, kind_map.kind, ids)
        return [key for key in ids if key not in stored or stored[key].deleted]

    def _tell_gap(
        self,
        connection: Connection,
        kind_map: KindMap,
        late: Sequence[str],
        unread: Sequence[str],
        alive: int,
        now: int,
    ) -> None:
        system, kind = kind_map.system, kind_map.kind
        if not late and not unread:
            inbox.close_problems(connection, key=f"gap|{system}|{kind}")
            return
        missed = list(dict.fromkeys((*late, *unread)))
        count, which = len(missed), ", ".join(missed[:5]) + (", ..." if len(missed) > 5 else "")
        rest = f"; {len(unread)} cannot be read even so" if unread else ""
        inbox.open_problem(
            connection,
            key=f"gap|{system}|{kind}",
            kind="gap",
            system=system,
            message=f"{system} {kind}: {count} of {alive} records were missed by the polls ({which}) and were read now"
            f"{rest}. They may have been hidden from syncd's user; this closes when the next sweep finds none",
            now=now,
        )


# ---------------------------------------------------------------------------------------------------------------------


def _is_stale(ours: sweep.Stored, theirs: int, newest: int) -> bool:
    """Tell whether a record was changed without a poll seeing it; what an index shows a little older was not."""
    if ours.deleted is not False or theirs > newest:
        return False
    return theirs > ours.modified or theirs < ours.modified - LONGEST_LAG_MS


class _Stopped(Exception):
    """The worker stops; a list that was read in part says nothing."""


class _Register:
    """Which ids were listed, in eight bytes each: a million ids are no reason to need a hundred megabytes."""

    def __init__(self) -> None:
        self._marks = array("q")

    def add(self, ids: Iterable[str]) -> None:
        self._marks.extend(map(hash, ids))

    def close(self) -> None:
        self._marks = array("q", sorted(self._marks))

    def __contains__(self, key: str) -> bool:
        mark = hash(key)
        place = bisect_left(self._marks, mark)
        return place < len(self._marks) and self._marks[place] == mark


@dataclass
class _Listed:
    """What the list showed: how many are alive, which of them are gone, or stored as deleted.

    `strange` are not stored, or not as they are now.
    """

    register: _Register = field(default_factory=_Register)
    alive: int = 0
    strange: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
