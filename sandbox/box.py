"""The whole sandbox in one process: three systems, a control server, people at work, and a folder that keeps it all.

The command line and the signals are in sandbox.__main__.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.actors import Actors
from sandbox.company import found
from sandbox.control import Control
from sandbox.hubspot import HubSpot
from sandbox.salesforce import Salesforce
from sandbox.wire import Server

_LOG = logging.getLogger("sandbox")
AUTOSAVE = 5.0  # seconds
_READING = ("GET ", "search", "oauth")  # calls that change nothing worth a save


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start. Port 0 takes any free one; `people` and `seed` count on the first start only."""

    state: Path
    host: str = "127.0.0.1"
    hubspot_port: int = 0
    salesforce_port: int = 0
    control_port: int = 0
    people: int = 3000
    seed: int = 7
    pace: float = 1.0
    actors: bool = True
    latency: float = 0.0


class PortTaken(Exception):
    """A port cannot be had; the text is one sentence for the operator."""


class StateUnreadable(Exception):
    """The state folder cannot be used; the text is one sentence for the operator."""


class Box:
    """A sandbox that runs while the `with` block does, and is saved at its end."""

    def __init__(self, plan: Plan) -> None:
        """Take the ports, then load the state or found the company; raise PortTaken or StateUnreadable."""
        self.plan = plan
        self.database = plan.state / "erp.db"
        self.hubspot = HubSpot()
        self.salesforce = Salesforce()
        self.servers: dict[str, Server] = {}
        self._take("hubspot", self.hubspot, plan.hubspot_port)
        self._take("salesforce", self.salesforce, plan.salesforce_port)
        self.actors = Actors(self.hubspot, self.salesforce, self.database, seed=plan.seed, pace=plan.pace)
        boards = {name: server.board for name, server in self.servers.items()}
        self.control = Control(self.hubspot, self.salesforce, self.database, boards, self.actors)
        self._take("control", self.control, plan.control_port)
        self._saved: tuple[int, ...] = ()
        self.restored = self._open()
        self._stop = threading.Event()
        self._saver = threading.Thread(target=self._autosave, name="autosave", daemon=True)

    def __enter__(self) -> Box:
        for server in self.servers.values():
            server.start()
        if self.plan.actors:
            self.actors.start()
        self._saver.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.actors.stop()
        self._stop.set()
        self._saver.join(30)
        for server in self.servers.values():
            server.stop()
        try:
            self.save()
        except OSError as problem:
            raise StateUnreadable(
                f"the state folder {self.plan.state} could not be written ({problem}); what was done since the last "
                f"save is lost. Make room or make it writable"
            ) from problem

    def save(self) -> None:
        """Write everything; each file is the old one or the new one, and the list of calls comes last."""
        changes = self._changes()
        self.hubspot.save(self.plan.state / "hubspot.json")
        self.salesforce.save(self.plan.state / "salesforce.json")
        calls = {name: dict(server.board.calls) for name, server in self.servers.items() if name != "control"}
        _write(self.plan.state / "sandbox.json", {"calls": calls})
        self._saved = changes

    def _take(self, name: str, simulator: Any, port: int) -> None:
        try:
            self.servers[name] = Server(
                simulator, port, self.plan.host, self.plan.latency if name != "control" else 0.0
            )
        except (OSError, OverflowError) as error:
            self._release()
            why = getattr(error, "strerror", None) or str(error)
            raise PortTaken(
                f"port {port} on {self.plan.host} cannot be taken for {name} ({why}); stop what uses it, or give "
                f"another with --{name}-port"
            ) from error

    def _release(self) -> None:
        for server in self.servers.values():
            server.stop()

    def _open(self) -> bool:
        """Return whether a saved company was found; sandbox.json is written last, so without it none is whole."""
        state = self.plan.state
        try:
            state.mkdir(parents=True, exist_ok=True)
            if (state / "sandbox.json").exists():
                self.hubspot.load(state / "hubspot.json")
                self.salesforce.load(state / "salesforce.json")
                calls: Mapping[str, Mapping[str, int]] = json.loads((state / "sandbox.json").read_text())["calls"]
                for name, counts in calls.items():
                    self.servers[name].board.calls.update(counts)
                if not self.database.is_file():
                    raise FileNotFoundError("erp.db is missing")
                self._saved = self._changes()
                return True
            now = datetime.now(UTC).replace(microsecond=0)
            found(self.hubspot, self.salesforce, self.database, people=self.plan.people, seed=self.plan.seed, now=now)
            self.save()
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._release()
            raise StateUnreadable(
                f"the state folder {state} cannot be used ({type(error).__name__}: {error}); make it writable, or "
                f"remove it to start anew"
            ) from error
        return False

    def _autosave(self) -> None:
        while not self._stop.wait(AUTOSAVE):
            if self._changes() == self._saved:
                continue
            try:
                self.save()
            except OSError as error:
                _LOG.error("the sandbox could not be saved (%s); it is tried again in %.0f s", error, AUTOSAVE)

    def _changes(self) -> tuple[int, ...]:
        writing = [
            sum(n for label, n in list(server.board.calls.items()) if not any(sign in label for sign in _READING))
            for server in self.servers.values()
        ]
        return (*writing, self.control.edits, self.actors.done.total())


def _write(path: Path, content: Any) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
