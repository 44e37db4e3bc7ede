"""A plan's work shared by several processes on one snapshot of the state.

What one share comes to is syncd.edits.pair's.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

from sqlalchemy import Connection, Engine

from syncd.collector import spare_the_collector
from syncd.edits.pair import Pair, known_owners
from syncd.edits.tally import Closer, Tally
from syncd.mapping.loader import compile_files
from syncd.store.database import hold_snapshot, join_snapshot, open_store

AHEAD = 2  # shares that a process is given before its first is fetched: it never waits for the next
SHARE = 500


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How many processes beside this one may work on a plan. `systems`: name -> connector; `least`: of fewer, none."""

    processes: int
    systems: Mapping[str, str]
    least: int = 5_000
    share: int = SHARE


class Crew:
    """The processes. One that is gone leaves its shares to this process, where what ails them shows."""

    def __init__(self, pipes: Sequence[Pipe] = (), share: int = SHARE) -> None:
        self._pipes: list[Pipe | None] = list(pipes)
        self._share = share

    def join(self, connection: Connection) -> None:
        """Have all of them see what this connection's transaction sees."""
        if not self._pipes:
            return
        with hold_snapshot(connection) as name:
            for at in range(len(self._pipes)):
                self._tell(at, name)
            for at in range(len(self._pipes)):
                self._hear(at)

    def begin(self, pair: Pair, closer: Closer) -> None:
        parts = {name: getattr(pair, name) for name in ("edit", "gaps", "gaps_then", "now", "due")}
        for at in range(len(self._pipes)):
            self._tell(at, (parts, closer))

    def tallies(
        self, connection: Connection, pair: Pair, ids: Sequence[str], closer: Closer
    ) -> Iterator[tuple[int, Tally]]:
        """Yield of each share how many it is of and what it comes to, in their order."""
        shares = [ids[start : start + self._share] for start in range(0, len(ids), self._share)]
        count = len(self._pipes)
        for number, share in enumerate(shares[: count * AHEAD]):
            self._tell(number % count, share)
        for number, share in enumerate(shares):
            told = self._hear(number % count) if count else None
            if count and number + count * AHEAD < len(shares):
                self._tell(number % count, shares[number + count * AHEAD])
            yield len(share), told if told is not None else pair.tally(connection, share, closer)

    def _tell(self, at: int, what: Any) -> None:
        pipe = self._pipes[at]
        try:
            if pipe is not None:
                pipe.send(what)
        except OSError:
            self._pipes[at] = None

    def _hear(self, at: int) -> Any:
        pipe = self._pipes[at]
        try:
            return pipe.recv() if pipe is not None else None
        except (EOFError, OSError):
            self._pipes[at] = None
            return None


@contextmanager
def crew_for(engine: Engine, sharing: Sharing | None, count: int, versions: Sequence[Any]) -> Iterator[Crew]:
    """Start the processes for a plan that looks at up to so many entities; they end with the block.

    `versions`: the running Mappings and the edited ones.
    """
    if sharing is None or sharing.processes < 2 or count < sharing.least:
        yield Crew()
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would take over locks that other threads hold
    url = engine.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        pipes = []
        for _ in range(sharing.processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            stack.callback(process.join)
            stack.callback(ours.close)
            ours.send((url, dict(sharing.systems), [one.files for one in versions]))
            pipes.append(ours)
        yield Crew(pipes, sharing.share)


# ---------------------------------------------------------------------------------------------------------------------


def _work(pipe: Pipe) -> None:
    """Do shares until nobody sends one."""
    spare_the_collector()
    try:
        url, systems, files = pipe.recv()
        running, edited = (compile_files(one, systems) for one in files)
        engine = open_store(url, migrate=False)
        with engine.execution_options(syncd_reads_only=True).connect() as connection:
            join_snapshot(connection, pipe.recv())
            pipe.send(True)
            parts, closer = pipe.recv()
            running, edited = (known_owners(connection, one) for one in (running, edited))
            pair = Pair(running=running, edited=edited, **parts)
            while True:
                pipe.send(pair.tally(connection, pipe.recv(), closer))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody asks any more
