"""Processes of their own for the parts of a benchmark, so that each one's CPU and memory is its own.

They take one JSON command a line and answer each with one line; what a command means is the process's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Failed(Exception):
    """A process of the benchmark died; what it said went to standard error."""


class Child:
    """`python -m benchmarks.<module>`, running while the `with` block does."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._name = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"benchmarks.{self._name} ended at {do!r} with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def serve(commands: Mapping[str, Callable[..., Mapping[str, Any]]]) -> None:
    """Answer commands until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(commands[asked.pop("do")](**asked)), flush=True)


def measured(work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Do it; return its answer with what this process spent on it: seconds of wall and CPU, memory in MB."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return {**answer, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, **memory()}


def memory() -> dict[str, float]:
    """Return the resident memory of this process in MB, now and at its highest."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    sizes = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return {
        "rss": int(sizes["VmRSS"].split()[0]) / 1024,
        "peak": int(sizes["VmHWM"].split()[0]) / 1024,
    }
