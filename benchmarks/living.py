"""The living daemon: what an idle cycle and doing nothing cost, and how soon a started one makes its first call."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.child import ROOT, Child
from benchmarks.figures import Figure
from benchmarks.world import floor, world, write_config

CYCLES = 50
REST = 20.0  # seconds


def measure() -> Iterator[Figure]:
    with floor(1) as (_, loop):
        loop.ask("idle", count=1)
        least = loop.ask("idle", count=CYCLES)
    with world(one_way=False) as made:
        made.systems.ask("seed", count=100)
        made.cycle(2)
        time.sleep(3)
        made.cycle(2)
        idle = made.cycle(CYCLES)
        resting = made.daemon.ask("rest", seconds=REST)
    yield Figure(
        name="idle cycle, both directions", unit="CPU ms", figure=idle["cpu"] / CYCLES * 1000,
        floor=least["cpu"] / CYCLES * 1000, bar=10,
    )  # fmt: skip
    yield Figure(name="nothing to do, engine only", unit="CPU ms/s", figure=resting["cpu"] / REST * 1000)
    yield Figure(name="idle memory", unit="MB", figure=resting["rss"], floor=least["rss"])
    yield Figure(name="start to first call", unit="s", figure=_start(), floor=_start_of_nothing(), bar=2)


def _start() -> float:
    """Return the seconds from `syncd run` to its first call, on an empty state."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name, Child("systems") as systems:
        write_config(Path(name), systems.ask("urls"), one_way=False)
        started = time.monotonic()
        command = [sys.executable, "-m", "syncd", "run", "--config", f"{name}/config.yaml"]
        daemon = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            at: float = systems.ask("first_call")["at"]
            return at - started
        finally:
            daemon.terminate()
            daemon.wait(30)


def _start_of_nothing() -> float:
    """Return the same for an interpreter that imports requests and orjson and calls."""
    with Child("systems") as systems:
        url = systems.ask("urls")["hubspot"]
        started = time.monotonic()
        code = f"import orjson, requests; requests.get({url!r} + '/account-info/v3/details')"
        subprocess.run([sys.executable, "-c", code], check=True)
        at: float = systems.ask("first_call")["at"]
        return at - started
