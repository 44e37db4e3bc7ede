"""Who works on a state: one process or several, the living that beat, the dead whose workflows are taken up.

What the workflows do is syncd.daemon.engine's.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from dbos import DBOS, WorkflowStatus
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from syncd.edits.passing import APART_KEY
from syncd.log import logger
from syncd.store import inbox, workers
from syncd.store.database import now_ms

# The order of steps in the workflows. Work queued under another number stays queued: change it only when the order
# changes, and let the old version finish first.
PROTOCOL = "1"
BEAT_SECONDS = 15.0
DEAD_AFTER_MS = 60_000


class EngineUnusable(Exception):
    """The engine cannot start; the text says why and what to do."""


@contextmanager
def sole_owner(url: str) -> Iterator[None]:
    """Let one process at a time work on an SQLite state; on PostgreSQL any number may."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        yield
        return
    path = f"{parsed.database}.lock"
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EngineUnusable(
                f"another syncd (process {lock.read().strip() or 'unknown'}) works on {parsed.database} already; "
                f"nothing was done. Stop it first, or use PostgreSQL as `state` for several workers"
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def beat(engine: Engine, executor: str, started: int) -> None:
    with engine.begin() as connection:
        workers.beat(connection, executor, started, now_ms(), PROTOCOL)


def take_over_from_the_dead(engine: Engine, executor: str) -> None:
    """Resume the workflows of workers that stopped beating; the engine leaves those to their own worker."""
    with engine.begin() as connection:
        dead = [one for one in workers.silent_workers(connection, now_ms() - DEAD_AFTER_MS) if one != executor]
    for name in dead:
        left = DBOS.list_workflows(status="PENDING", executor_id=name, load_input=False, load_output=False)
        for one in left:
            _resume(one)
        with engine.begin() as connection:
            workers.forget_worker(connection, name)
            inbox.close_problems(connection, key=f"{APART_KEY}{name}")
        logger().warning(
            "took over from a worker that fell silent", action="take over", worker=name, workflows=len(left)
        )


def revive(executor: str, running: Collection[str], stuck: set[str]) -> set[str]:
    """Resume what this process left half-way when the state could not even store that it failed.

    Such a workflow holds its queue's only place for ever. `running`: those that a thread is in. `stuck`: those found
    by the look before; returns those of this one, which may only just have begun or ended.
    """
    left = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
    found = {one.workflow_id: one for one in left if one.workflow_id not in running}
    lost = [one for name, one in found.items() if name in stuck]
    for one in lost:
        _resume(one)
    if lost:
        logger().warning("resumed what the state had no room or time for", action="take over", workflows=len(lost))
    return found.keys() - stuck


def adopt(executor: str) -> None:
    """Resume what workers of other names left on a state that is ours alone; its queues would stand still for them."""
    left = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
    for one in left:
        if one.executor_id != executor:
            _resume(one)


@contextmanager
def watching(engine: Engine, executor: str) -> Iterator[None]:
    """Beat and take over beside the block, which may wait for what a dead worker holds; then leave the list."""
    started, done = now_ms(), threading.Event()

    def watch() -> None:
        while True:
            beat(engine, executor, started)
            take_over_from_the_dead(engine, executor)
            if done.wait(BEAT_SECONDS):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with engine.begin() as connection:
            workers.forget_worker(connection, executor)


# ---------------------------------------------------------------------------------------------------------------------


def _resume(one: WorkflowStatus) -> None:
    """Queue a workflow again where it was: in the engine's own queue it would run beside the next of its kind."""
    DBOS.resume_workflow(one.workflow_id, queue_name=one.queue_name)
