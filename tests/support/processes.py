"""The real programs as processes: `python -m sandbox` and `syncd`, on free ports and a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from support.world import ROOT, TOKEN, empty_erp

START_SECONDS = 180.0
Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = START_SECONDS, pace: float = 0.05) -> Found:
    """Look again and again until there is something; raise AssertionError with `what` when time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(pace)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def get(url: str) -> tuple[int, str]:
    """Return status and body; status 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@dataclass
class Box:
    """A sandbox in a process of its own, reached over HTTP only."""

    folder: Path
    process: subprocess.Popen[str]
    urls: Mapping[str, str]

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Ask the control server."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.urls["control"] + path, data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def records(self, system: str, kind: str, **where: str) -> Any:
        query = urllib.parse.urlencode({"system": system, "kind": kind, **where})
        return self.call("GET", f"/records?{query}")

    def leads(self) -> list[dict[str, Any]]:
        return list(self.records("salesforce", "Lead"))

    def seed(self, rows: Sequence[Mapping[str, str]]) -> list[str]:
        return list(self.call("POST", "/seed", system="hubspot", kind="contacts", rows=list(rows))["ids"])

    def edit(self, contact: str, **fields: str) -> None:
        self.call("POST", "/edit", system="hubspot", kind="contacts", id=contact, fields=fields)

    def stop(self) -> None:
        stop(self.process)


@contextmanager
def sandbox(folder: Path, *options: str, **ports: int) -> Iterator[Box]:
    """Start a sandbox of one invented contact in which nobody works. `ports`: system -> port; else any free one."""
    flags = [f"--{name}-port={ports.get(name, 0)}" for name in ("hubspot", "salesforce", "control")]
    command = [sys.executable, "-m", "sandbox", "--state", str(folder / "box"), "--people", "1", "--no-actors"]
    process = subprocess.Popen([*command, *flags, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        urls = dict(re.findall(r"(hubspot|salesforce|control) (http://[\d.:]+)", ready))
        assert len(urls) == 3, ready
        yield Box(folder, process, urls)
    finally:
        stop(process)


@dataclass
class Daemon:
    """`syncd` on a config file; each start appends to one log."""

    folder: Path
    box: Box
    port: int
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "syncd.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "mappings", self.folder / "mappings")
        text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:8101", self.box.urls["hubspot"])
        text = text.replace("http://127.0.0.1:8102", self.box.urls["salesforce"])
        text = re.sub(r"(?m)^state: .*$", f"state: sqlite:///{self.folder}/state.db", text)
        text = re.sub(r"(?m)^    url: .*$", f"    url: sqlite:///{empty_erp(self.folder)}", text)
        text = text.replace("listen: 127.0.0.1:8080", f"listen: 127.0.0.1:{self.port}").replace("poll: 5s", "poll: 1s")
        for old, new in self.changes.items():
            assert old in text, old
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, "-m", "syncd", *arguments, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, env=_environment())

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start `syncd run`; kill it at the end if it still runs."""
        command = [sys.executable, "-m", "syncd", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=_environment())
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(30)

    def is_up(self) -> bool:
        return get(f"{self.url}/healthz")[0] == 200

    def is_ready(self) -> bool:
        return get(f"{self.url}/readyz")[0] == 200

    def lines(self) -> list[dict[str, Any]]:
        """Return the log, each line read as JSON."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


def stop(process: subprocess.Popen[Any], seconds: float = 30) -> int:
    """Send SIGTERM and return the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
    return code


# ---------------------------------------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    return {**os.environ, "HUBSPOT_TOKEN": TOKEN}
