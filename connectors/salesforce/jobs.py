"""One Bulk API 2.0 job at the wire: opened, asked about, its tables fetched into files, given up.

What is asked for, and what rows mean, is left to extract.py and ingest.py.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO, TextIO

import orjson
import requests

from connectors.errors import ConnectorError, Unavailable
from connectors.http import read_json, understood
from connectors.salesforce.client import Client
from connectors.salesforce.judge import Trouble, troubles

_STEP = 2.0  # seconds; so long at most a caller that waits is out of reach
_LONGEST = 30.0  # seconds between two looks at a job


class Direction(Enum):
    """Which resource a job lives under."""

    QUERY = "jobs/query"
    INGEST = "jobs/ingest"


class State(Enum):
    """What a job is doing."""

    OPEN = "Open"
    QUEUED = "UploadComplete"
    RUNNING = "InProgress"
    DONE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def is_over(self) -> bool:
        return self in (State.DONE, State.FAILED, State.ABORTED)


_STATES = frozenset(state.value for state in State)


class Refused(Exception):
    """Salesforce does not do this with a job; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.code)
        self.trouble = trouble


class StillRunning(Unavailable):
    """A job takes longer than a caller should wait; it goes on by itself."""


@dataclass(frozen=True, slots=True)
class Table:
    """A part of a job's result. `next` is the locator of the next part, None after the last one."""

    lines: TextIO
    bytes: int
    rows: int | None
    next: str | None


class Jobs:
    """The calls on jobs that both directions share."""

    def __init__(self, client: Client, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._sleep = sleep

    def open(self, direction: Direction, body: Mapping[str, Any]) -> str:
        """Make a job and return its id."""
        told = self._told("POST", direction.value, body)
        with understood("a new bulk job"):
            return str(told["id"])

    def look(self, direction: Direction, job: str) -> Mapping[str, Any]:
        """Return what a job says of itself, its `state` a known one; raise Refused when there is no such job."""
        told = self._told("GET", f"{direction.value}/{job}")
        if str(told.get("state")) not in _STATES:
            raise Unavailable(
                f"{self._client.name} told no state of a bulk job that syncd knows", system=self._client.name
            )
        return told

    def state(self, direction: Direction, job: str) -> State:
        """Return what a job is doing; raise Refused when there is no such job."""
        return State(self.look(direction, job)["state"])

    def set_state(self, direction: Direction, job: str, state: State) -> None:
        """Ask for a state: QUEUED closes an upload, ABORTED ends a job."""
        self._told("PATCH", f"{direction.value}/{job}", {"state": state.value})

    def upload(self, job: str, table: bytes) -> None:
        """Give an ingest job its only content."""
        answer = self._client.send("PUT", f"{Direction.INGEST.value}/{job}/batches", table, as_csv=True)
        self._check(answer)

    def watch(self, direction: Direction, job: str, patience: float) -> Iterator[Mapping[str, Any]]:
        """Yield what a job says of itself until it is over, at least every _STEP seconds; {} before the first look.

        Raises Refused when there is no such job, and StillRunning after `patience` seconds.
        """
        told: Mapping[str, Any] = {}
        waited, pause = 0.0, _STEP
        while True:
            for _ in range(math.ceil(pause / _STEP)):
                yield told
                self._sleep(_STEP)
            waited += pause
            told = self.look(direction, job)
            if State(told["state"]).is_over:
                yield told
                return
            if waited >= patience:
                name = self._client.name
                raise StillRunning(
                    f"{name}: Salesforce still works on bulk job {job} after {waited:.0f} s; it is asked again later",
                    system=name,
                    retry_after=_LONGEST,
                )
            pause = min(2 * pause, _LONGEST)

    @contextmanager
    def table(self, path: str) -> Iterator[Table]:
        """Fetch a part of a job's result into a nameless temporary file; its disk space is free again at the end."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(tempfile.TemporaryFile())
                answer = self._client.send("GET", path, into=_binary(file))
                file.flush()
            except OSError as error:
                raise Unavailable(
                    f"{self._client.name}: a part of a bulk job's result could not be kept in {tempfile.gettempdir()} "
                    f"({error.strerror}); make room there, or set TMPDIR",
                    system=self._client.name,
                ) from error
            self._check(answer)
            if answer.content or not str(answer.headers.get("Content-Type", "")).startswith("text/csv"):
                raise Unavailable(
                    f"{self._client.name} answered with something else than the table of a bulk job",
                    system=self._client.name,
                )
            size = file.tell()
            file.seek(0)
            rows, following = answer.headers.get("Sforce-NumberOfRecords"), answer.headers.get("Sforce-Locator")
            with io.TextIOWrapper(_binary(file), encoding="utf-8", newline="") as lines:
                # The last part really says the word null.
                yield Table(
                    lines, size, int(rows) if rows else None, None if following in (None, "null") else following
                )

    def forget(self, direction: Direction, job: str) -> None:
        """Delete a job with its result; one that stays behind is deleted by Salesforce after seven days."""
        try:
            self._client.send("DELETE", f"{direction.value}/{job}")
        except ConnectorError:
            return

    def _told(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._client.send(method, path, None if body is None else orjson.dumps(body))
        self._check(answer)
        told = read_json(answer, self._client.name)
        if not isinstance(told, dict):
            raise Unavailable(f"{self._client.name} answered no job for {method} {path}", system=self._client.name)
        return told

    def _check(self, answer: requests.Response) -> None:
        if 200 <= answer.status_code < 300:
            return
        found = troubles(read_json(answer, self._client.name)) if answer.content else []
        raise Refused(next(iter(found), Trouble(f"HTTP_{answer.status_code}")))


# ---------------------------------------------------------------------------------------------------------------------


def _binary(file: Any) -> BinaryIO:
    binary: BinaryIO = file
    return binary
