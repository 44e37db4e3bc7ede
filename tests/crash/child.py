"""The daemon as a process that counts its outside effects and stands still before and after chosen ones.

Started by harness.py as a script. It loads syncd once and forks for every run, so that a run costs no imports. What it
does is said on standard input, one JSON line each; nothing in syncd knows of it. An outside effect is a call that
connectors.http.Session sends or a commit of a transaction that changed a row, the engine's own among them.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from dbos import DBOS, SQLAlchemyDatasource  # noqa: E402, F401  # loaded before the first fork
from sqlalchemy import Engine, event  # noqa: E402
from sqlalchemy.engine.base import Connection  # noqa: E402

from connectors.http import Session  # noqa: E402
from syncd.cli.common import make_work, open_app  # noqa: E402
from syncd.daemon import engine as daemon  # noqa: E402
from syncd.daemon import opened  # noqa: E402
from syncd.daemon.work import Work  # noqa: E402
from syncd.health import Health  # noqa: E402
from syncd.mapping.cases import run_cases  # noqa: E402
from syncd.pipeline.example import judge_example  # noqa: E402
from syncd.wiring import read_config, read_mappings  # noqa: E402

CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "WITH")
QUEUE_LOOK = 0.08  # seconds; the queues of polls are not used here, and looking at one costs more than a statement


class Effects:
    """Counts effects in their order; the places before and after them are numbered 0, 1, 2, ...

    `stops`: (first, every, at), None for no stops: counted from `first`, all threads stand still at each place whose
    number divided by `every` leaves `at`, until the process is sent a SIGCONT.
    """

    def __init__(self, stops: tuple[int, int, int] | None, log: Path) -> None:
        self.count = 0
        self._stops = stops
        self._lock = threading.Lock()
        self._log = log.open("a", encoding="utf-8", buffering=1)

    def begin(self, what: str) -> int:
        with self._lock:
            self.count += 1
            self._log.write(f"{what}\n")
            self._stand(self.count, what, after=False)
            return self.count

    def end(self, number: int, what: str) -> None:
        with self._lock:
            self._stand(number, what, after=True)

    def _stand(self, number: int, what: str, *, after: bool) -> None:
        if self._stops is None:
            return
        first, every, at = self._stops
        if (first + 2 * (number - 1) + after) % every == at:
            say({"at": number, "after": after, "what": what, "pid": os.getpid()})
            # To this thread, which then does not get past this line; sent to the process it might.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def watch(effects: Effects) -> None:
    """Put the counter around every call and every commit that changes something."""
    send, commit = Session._send, Connection._commit_impl

    def counted_send(self: Session, method: str, url: str, *args: Any) -> Any:
        what = f"{method} {self.system}"
        number = effects.begin(what)
        answer = send(self, method, url, *args)
        effects.end(number, what)
        return answer

    def counted_commit(self: Connection) -> None:
        changed = self.info.pop("changed", None)
        if changed is None:
            commit(self)
            return
        number = effects.begin(f"commit {changed}")
        commit(self)
        effects.end(number, f"commit {changed}")

    @event.listens_for(Engine, "after_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        words = statement.split(None, 3)
        if words[0].upper() in CHANGES and cursor.rowcount != 0:
            table = words[2] if words[0].upper() in ("INSERT", "DELETE") else words[1]
            connection.info["changed"] = (connection.info.get("changed", "") + f" {words[0]} {table}").strip()[:120]

    @event.listens_for(Engine, "rollback")
    def forget(connection: Any) -> None:
        connection.info.pop("changed", None)

    Session._send = counted_send  # type: ignore[method-assign]
    Connection._commit_impl = counted_commit  # type: ignore[method-assign]


def hurry(clock: list[int]) -> None:
    """Take out waits that only spread load, and let syncd's clock be moved."""
    real, register = time.time_ns, DBOS.register_queue

    def eager(name: str, **options: Any) -> Any:
        return register(name, **{**options, "polling_interval_sec": QUEUE_LOOK if name == daemon.HANDOFF else 5.0})

    time.time_ns = lambda: real() + clock[0] * 1_000_000
    DBOS.register_queue = eager  # type: ignore[method-assign]
    take_turn = Session._take_turn

    def at_once(self: Session, lane: str | None) -> None:
        self._burst, self._lanes = None, {}
        take_turn(self, lane)

    Session._take_turn = at_once  # type: ignore[method-assign]


def cycle(work: Work) -> dict[str, Any]:
    """As daemon.cycle, but with one poll after the other, so that effects have an order."""
    news, fates, outcomes = 0, {}, {}
    for system in work.polls:
        news += DBOS.start_workflow(daemon.poll, system, True).get_result(polling_interval_sec=0.01)
    wanted = work.due() or daemon._is_handing_over()
    while wanted:
        done = DBOS.enqueue_workflow(daemon.HANDOFF, daemon.hand_over).get_result(polling_interval_sec=0.01)
        fates, outcomes = {**fates, **done["fates"]}, {**outcomes, **done["outcomes"]}
        wanted = work.due()
    troubles = {one.name: one.trouble for one in work.health.snapshot().values() if one.trouble}
    return {"news": news, "fates": fates, "outcomes": outcomes, "troubles": troubles}


def run(order: dict[str, Any]) -> None:
    """Be the daemon until told to end."""
    clock = [order["clock"]]
    effects = Effects(order["stops"], Path(order["log"]))
    hurry(clock)
    watch(effects)
    app = open_app(Path(order["config"]), "warning", begins=True)
    work = make_work(app, Health())
    with opened(work, app.config.state, order["executor"]):
        work.settle()
        while True:
            command = json.loads(sys.stdin.buffer.readline())
            if command["do"] == "end":
                os._exit(0)  # a stop without a goodbye, as a kill would be
            clock[0] = command["clock"]
            say({**cycle(work), "effects": effects.count})


def say(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


def warm(config: Path) -> None:
    """Load what is loaded at first use: tables of countries, of telephone numbers, of the mapping language."""
    open_app(config, "warning", begins=True).engine.dispose()
    read = read_config(config)
    run_cases(read.mappings, read_mappings(read), judge_example)
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page it looks at


def main() -> None:
    """Fork a run for every order; say when it stands still, and how it ended."""
    sys.stdin = os.fdopen(0, "rb", buffering=0, closefd=False)  # type: ignore[assignment]
    sys.stdin = type("In", (), {"buffer": sys.stdin})  # type: ignore[assignment]
    warm(Path(json.loads(sys.stdin.buffer.readline())["config"]))
    while line := sys.stdin.buffer.readline():
        order = json.loads(line)
        if "config" not in order:
            continue  # it was meant for a child that died before it could read it
        child = os.fork()
        if child == 0:
            try:
                run(order)
            except BaseException:
                import traceback

                traceback.print_exc()
            os._exit(3)
        while os.WIFSTOPPED(status := os.waitpid(child, os.WUNTRACED)[1]):
            say({"stands": child})
        say({"died": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
