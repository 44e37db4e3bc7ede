"""The daemon as a process that counts its outside effects and kills itself at one of them.

Started by harness.py as a script. It loads syncd once and forks for every run, so that a run costs no imports. What it
does is said on standard input, one JSON line each; nothing in syncd knows of it. An outside effect is a call that
connectors.http.Session sends or a commit of a transaction that changed a row, the engine's own among them.
"""

from __future__ import annotations

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

CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "WITH")
POLL_MS = 60_000


class Effects:
    """Counts effects in their order and kills the process just before or just after one of them."""

    def __init__(self, stop_at: int | None, after: bool, log: Path) -> None:
        self.count = 0
        self._stop_at, self._after = stop_at, after
        self._lock = threading.Lock()
        self._log = log.open("a", encoding="utf-8", buffering=1)

    def begin(self, what: str) -> int:
        with self._lock:
            self.count += 1
            if self.count == self._stop_at and not self._after:
                self._die(what)
            self._log.write(f"{what}\n")
            return self.count

    def end(self, number: int, what: str) -> None:
        if self._after and number == self._stop_at:
            self._die(what)

    def _die(self, what: str) -> None:
        self._log.write(f"killed {'after' if self._after else 'before'} {self.count}: {what}\n")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # the signal ends this thread somewhere in here


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
        return register(name, **{**options, "polling_interval_sec": 0.03})

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
    while work.due():
        done = DBOS.enqueue_workflow(daemon.HANDOFF, daemon.hand_over).get_result(polling_interval_sec=0.01)
        fates, outcomes = {**fates, **done["fates"]}, {**outcomes, **done["outcomes"]}
    troubles = {one.name: one.trouble for one in work.health.snapshot().values() if one.trouble}
    return {"news": news, "fates": fates, "outcomes": outcomes, "troubles": troubles}


def run(order: dict[str, Any]) -> None:
    """Be the daemon until told to end, or until the effect named in the order."""
    clock = [order["clock"]]
    effects = Effects(order["stop_at"], order["after"], Path(order["log"]))
    hurry(clock)
    watch(effects)
    app = open_app(Path(order["config"]), "warning")
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


def main() -> None:
    """Fork a run for every order; say how it ended."""
    sys.stdin = os.fdopen(0, "rb", buffering=0, closefd=False)  # type: ignore[assignment]
    sys.stdin = type("In", (), {"buffer": sys.stdin})  # type: ignore[assignment]
    warm = json.loads(sys.stdin.buffer.readline())
    open_app(Path(warm["config"]), "warning").engine.dispose()
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
        _, status = os.waitpid(child, 0)
        say({"died": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
