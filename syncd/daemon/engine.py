"""The durable engine: DBOS workflows and queues that tell a worker what to do, and when.

One workflow per poll and per handoff, never per record. Where a read has come to stands in our own cursor, committed
with the records it covers; a poll that is run again after a crash therefore goes on where the store ends.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SQLAlchemyDatasource, WorkflowHandle
from dbos import error as dbos_error
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from syncd.daemon.work import Work, total
from syncd.daemon.workers import (
    BEAT_SECONDS,
    DEAD_AFTER_MS,
    PROTOCOL,
    adopt,
    beat,
    revive,
    sole_owner,
    take_over_from_the_dead,
    watching,
)
from syncd.log import logger, silence, take_over
from syncd.store.database import leave_what_cannot_write, now_ms, to_ms

MOST_BATCHES = 200  # in one handoff workflow; what is left is the next one's
STOP_SECONDS = 3  # for the work under way, when asked to stop
KEEP_WORKFLOWS = timedelta(hours=24)
# Seconds between two looks at the queues, by whoever stays and whoever is waited for; a look costs milliseconds of CPU.
CALMLY, BRISKLY = 0.5, 0.1
HANDOFF, SWEEP = "handoff", "sweep"  # queues
SWEEP_SECONDS, TIDY_SECONDS = 600.0, 3600.0  # between two asks; a sweep looks itself whether it is due


@dataclass(frozen=True, kw_only=True)
class Once:
    """What one cycle did."""

    news: Mapping[str, int]
    fates: Mapping[str, int]
    outcomes: Mapping[str, int]
    troubles: Mapping[str, str] = field(default_factory=dict)


def serve(work: Work, url: str, executor: str, stop: threading.Event, on_start: Callable[[], None]) -> None:
    """Run until `stop` is set: poll on schedule, hand over what is due, take over from workers that died."""
    with opened(work, url, executor):
        work.watch()
        work.settle()
        started = now_ms()
        beat(work.engine, executor, started)
        work.take_edits()
        watcher = threading.Thread(target=work.watch_edits, args=(stop,), daemon=True)
        watcher.start()
        on_start()
        threading.Thread(target=_ask_regularly, args=(work.polls, stop), daemon=True).start()
        stuck: set[str] = set()
        while not stop.wait(BEAT_SECONDS):
            with work.watching_the_store():
                beat(work.engine, executor, started)
                take_over_from_the_dead(work.engine, executor)
                stuck = revive(executor, _running, stuck)
                work.share_limits(now_ms() - DEAD_AFTER_MS)


def run_once(work: Work, url: str, executor: str, *, sweeping: bool = False) -> Once:
    """Open the engine, do one cycle, close it."""
    with opened(work, url, executor, look=BRISKLY):
        work.settle()
        with watching(work.engine, executor):
            return cycle(work, sweeping=sweeping)


def cycle(work: Work, *, sweeping: bool = False) -> Once:
    """Poll every system once, hand over all that is due, and return what happened; the engine must be open.

    With `sweeping` each system is swept after its poll. A handoff that a killed process left half-way and that was
    finished here counts too: nobody else will ever tell of it.
    """
    work.take_edits()  # what an edit maps anew is read by these polls
    handles = {system: DBOS.start_workflow(poll, system, True) for system in work.polls}
    news = {system: handle.get_result(polling_interval_sec=0.02) for system, handle in handles.items()}
    work.take_edits()
    for system in work.polls if sweeping else ():
        DBOS.start_workflow(sweep, system, True).get_result(polling_interval_sec=0.02)
    results: dict[str, dict[str, Any]] = {}
    wanted = work.due() or _is_handing_over()
    while wanted:
        # Through the queue: it never runs beside another, of this process or on PostgreSQL of another worker.
        _ended.clear()
        handle = DBOS.enqueue_workflow(HANDOFF, hand_over)
        results[handle.get_workflow_id()] = _result_of(handle)
        wanted = work.due()
    results = {**dict(_handed), **results}
    _handed.clear()
    return Once(
        news=news,
        fates=total(one["fates"] for one in results.values()),
        outcomes=total(one["outcomes"] for one in results.values()),
        troubles={one.name: one.trouble for one in work.health.snapshot().values() if one.trouble},
    )


@contextmanager
def opened(work: Work, url: str, executor: str, *, look: float = CALMLY) -> Iterator[None]:
    """Launch DBOS on the state database, and let running work finish before it is left.

    `look`: seconds between two looks for handoffs; polls come by the clock, and those of a cycle pass no queue.
    """
    global _work, _datasource
    with sole_owner(url):
        system_engine = _system_engine(url)
        config: DBOSConfig = {
            "name": "syncd",
            "system_database_url": url,
            "system_database_engine": system_engine,
            "application_version": PROTOCOL,
            "executor_id": executor,
            "max_executor_threads": 16,
            "log_level": "WARNING",
            "enable_otlp": False,
            "scheduler_polling_interval_sec": 3600.0,  # it has no schedules: see _ask_regularly
            "notification_listener_polling_interval_sec": 0.05,  # nobody notifies; it is slept out before a stop
        }
        _handed.clear()
        durable = DBOS(config=config)
        take_over("dbos")
        _work = work
        _datasource = SQLAlchemyDatasource.create(url, engine=work.engine)
        # Before the first workflow: who dies with one under way must be known to those that take over.
        beat(work.engine, executor, now_ms())
        try:
            DBOS.launch()
            DBOS.register_queue(SWEEP, global_concurrency=1, worker_concurrency=1, polling_interval_sec=5.0)
            DBOS.register_queue(HANDOFF, global_concurrency=1, worker_concurrency=1, polling_interval_sec=look)
            for system, every in work.polls.items():
                rest = min(1.0, every.total_seconds() / 4)
                DBOS.register_queue(
                    f"poll-{system}", global_concurrency=1, worker_concurrency=1, polling_interval_sec=rest
                )
            if work.engine.dialect.name == "sqlite":
                adopt(executor)
            yield
        finally:
            work.stopping.set()
            for no_more in durable.background_thread_stop_events:
                no_more.set()  # nothing is begun while the last are waited for
            _wait_for_workflows(STOP_SECONDS)
            if _running:
                logger().info("what is under way is left to the next start", action="stop", workflows=len(_running))
            silence("dbos")  # what it says of work that is cut off would read as trouble
            DBOS.destroy(workflow_completion_timeout_sec=0)
            system_engine.dispose()
            _work = _datasource = None


def _wait_for_workflows(seconds: float) -> None:
    """Wait until none runs in this process; DBOS's own wait takes a second at the least."""
    end = time.monotonic() + seconds
    while _running and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.02)  # what ended just now is still being written down; lost, it is run again and does nothing


# --- workflows: DBOS finds them by name, so they are module functions and their worker a module variable -------------


_work: Work | None = None
_datasource: SQLAlchemyDatasource | None = None
_running: set[str] = set()  # ids of the workflows that a thread of this process is in
_ended = threading.Event()  # one of them ended since this was cleared
_handed: deque[tuple[str, dict[str, Any]]] = deque(maxlen=100)  # (id, result) of the latest handoffs of this process

P = ParamSpec("P")
R = TypeVar("R")


def _noted(work: Callable[P, R]) -> Callable[P, R]:
    """Let a workflow be known as running for as long as it does."""

    @wraps(work)
    def run(*args: P.args, **options: P.kwargs) -> R:
        own = str(DBOS.workflow_id)
        _running.add(own)
        try:
            return work(*args, **options)
        finally:
            _running.discard(own)
            _ended.set()

    return run


@DBOS.workflow(name="poll")
@_noted
def poll(system: str, by_hand: bool = False) -> int:
    """Read what changed in one system; then ask for a handoff, unless whoever asked by hand does that."""
    news = DBOS.run_step({"name": "read"}, _poll, system, by_hand)
    if not by_hand and DBOS.run_step({"name": "count due"}, _count_due, system):
        _enqueue(HANDOFF, hand_over)
    return news


@DBOS.workflow(name="sweep")
@_noted
def sweep(system: str, by_hand: bool = False) -> dict[str, int]:
    """Compare all ids of one system with what is stored; beside the polls, one system at a time."""
    found = DBOS.run_step({"name": "compare"}, _sweep, system, by_hand)
    if not by_hand and DBOS.run_step({"name": "count due"}, _count_due):
        _enqueue(HANDOFF, hand_over)
    return found


@DBOS.workflow(name="hand over")
@_noted
def hand_over() -> dict[str, Any]:
    """Decide and deliver batch after batch until nothing is due, or until the process is to stop."""
    work = _current()
    try:
        result = _hand_over(work)
    except Exception as error:
        work.health.handoff_failed(error)
        raise
    work.health.handoff_trouble = None
    _handed.append((str(DBOS.workflow_id), result))
    return result


def _hand_over(work: Work) -> dict[str, Any]:
    work.start_handoff()
    fates: list[dict[str, int]] = []
    outcomes: list[dict[str, int]] = []
    batches: list[str] = []
    started = None
    for _ in range(MOST_BATCHES):
        if work.stopping.is_set():
            break
        decided = _source().run_tx_step({"name": "decide"}, _decide)
        if decided["batch"] is None:
            break
        batches.append(decided["batch"])
        started = started or decided["started"]
        fates.append(decided["fates"])
        outcomes.append(DBOS.run_step({"name": "send"}, _send, decided["batch"]))
        if decided.get("unseen"):
            DBOS.run_step({"name": "look"}, _look)
    summed = total(fates)
    if started is not None:
        summed = DBOS.run_step({"name": "note"}, _note, summed, batches, started)
    return {"batches": len(batches), "fates": summed, "outcomes": total(outcomes)}


@DBOS.workflow(name="tidy")
@_noted
def tidy() -> None:
    """Drop finished workflows after a day; what they did stands in our own tables."""
    now = datetime.now(UTC)
    before = (now - KEEP_WORKFLOWS).isoformat()
    _current().forget(to_ms(now))
    while True:
        done = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before,
            limit=500,
            load_input=False,
            load_output=False,
        )
        if not done:
            return
        DBOS.delete_workflows([one.workflow_id for one in done])


# ---------------------------------------------------------------------------------------------------------------------


def _current() -> Work:
    assert _work is not None
    return _work


def _source() -> SQLAlchemyDatasource:
    assert _datasource is not None
    return _datasource


def _poll(system: str, even_if_paused: bool) -> int:
    if not even_if_paused:
        return _current().poll_in_turn(system)
    return _current().poll(system, even_if_paused=True)


def _sweep(system: str, even_if_fresh: bool) -> dict[str, int]:
    return _current().sweep(system, even_if_fresh=even_if_fresh)


def _count_due(just_read: str = "") -> int:
    """Return how much is due, once all that it may be written to was read."""
    if due := _current().due():
        _current().look_around(besides=just_read)
    return due


def _decide() -> dict[str, Any]:
    return _current().decide(_source().sql_session().connection())


def _send(batch: str) -> dict[str, int]:
    return _current().send(batch)


def _look() -> None:
    _current().look_before_creating()


def _note(fates: dict[str, int], batches: list[str], started: int) -> dict[str, int]:
    return _current().note_fates(fates, batches, started)


def _ask_regularly(polls: Mapping[str, timedelta], stop: threading.Event) -> None:
    """Ask for each poll, sweep and tidying when its time comes, until `stop`.

    By the clock that nobody sets: one that is set back stops nothing, and what was missed while the machine slept is
    asked for once.
    """
    began = time.monotonic()
    asks = [(TIDY_SECONDS, partial(_enqueue, SWEEP, tidy))]
    asks += [(SWEEP_SECONDS, partial(_enqueue, SWEEP, sweep, system)) for system in polls]
    due = [began + seconds for seconds, _ in asks]
    asks += [(every.total_seconds(), partial(_enqueue, f"poll-{name}", poll, name)) for name, every in polls.items()]
    due += [began] * len(polls)
    while not stop.wait(max(0.0, min(due) - time.monotonic())):
        now = time.monotonic()
        for number, (seconds, ask) in enumerate(asks):
            if due[number] <= now:
                due[number] = due[number] + seconds if now < due[number] + seconds else now + seconds
                try:
                    ask()
                except SQLAlchemyError:  # told by the beat
                    pass
                except Exception:
                    if stop.is_set():  # the engine may be gone by now
                        return
                    logger().exception("a poll could not be asked for; it is asked for again", action="ask")


def _enqueue(queue: str, work: Callable[..., Any], *args: Any) -> None:
    """Queue a workflow, unless the same stands in its queue already."""
    with (
        SetEnqueueOptions(deduplication_id="-".join((work.__name__, *args))),
        suppress(dbos_error.DBOSQueueDeduplicatedError),
    ):
        DBOS.enqueue_workflow(queue, work, *args)


def _result_of(handle: WorkflowHandle[R]) -> R:
    """Wait for a workflow, and look often only when one has ended here: each look costs as much as a changed record."""
    while not _ended.wait(CALMLY) and handle.get_status().status in ("PENDING", "ENQUEUED"):
        pass
    return handle.get_result(polling_interval_sec=BRISKLY)


def _is_handing_over() -> bool:
    """Return whether a handoff is under way or asked for: it may be past the last that is due, but not at its end."""
    states = ["PENDING", "ENQUEUED"]
    return bool(DBOS.list_workflows(name="hand over", status=states, limit=1, load_input=False, load_output=False))


def _system_engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_size=10, max_overflow=10, pool_pre_ping=True)
        leave_what_cannot_write(engine)
        return engine
    # No limit, as in syncd.store.database.
    engine = create_engine(url, max_overflow=-1, connect_args={"timeout": 60, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=60000")

    return engine
