"""The daemon as `syncd run` runs it, in a thread of the test's process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.world import COMPLETE, World, close, make

from syncd.cli.common import make_work
from syncd.daemon import Work, serve
from syncd.health import Health
from syncd.wiring import build

PATIENCE = 180.0  # seconds, on a busy machine


@dataclass(frozen=True)
class Serving:
    thread: threading.Thread
    work: Work


@contextmanager
def serving(made: World) -> Iterator[Serving]:
    """Let the daemon serve in a thread; what it dies of is raised at the end."""
    app = build(made.config, {})
    made.app = app
    work = make_work(app, Health())
    stop, up = threading.Event(), threading.Event()
    died: list[BaseException] = []

    def run() -> None:
        try:
            serve(work, made.state, "test", stop, up.set)
        except BaseException as error:
            died.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(PATIENCE), died
        yield Serving(thread, work)
        assert thread.is_alive(), died
    finally:
        stop.set()
        thread.join(PATIENCE)
        app.engine.dispose()
        for source in app.sources.values():
            close(source)
    assert not died


@contextmanager
def company(folder: Path, state: str) -> Iterator[World]:
    made = make(folder, state, {"poll: 5s": "poll: 1s", "poll: 15s": "poll: 1s"})
    try:
        yield made
    finally:
        made.stop()


def wait_until(what: str, look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def people(made: World, first: int, count: int) -> None:
    made.contacts(
        [
            {
                **COMPLETE,
                "email": f"p{number}@works.example",
                "lastname": f"Family{number}",
                "mobilephone": f"(312) 555-{number:04d}",
            }
            for number in range(first, first + count)
        ]
    )


def has_leads(made: World, count: int) -> Callable[[], bool]:
    return lambda: len(made.leads()) == count and len({row["Email"] for row in made.leads()}) == count
