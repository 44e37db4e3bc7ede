"""Start the sandbox from the command line and stop it on a signal; what runs is in sandbox.box."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from sandbox.box import Box, Plan, PortTaken, StateUnreadable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM and return 0; return 2 when it could not start."""
    plan = _plan(arguments)
    # Not an event: a handler runs in this thread, which may hold the lock within the event to wait for it.
    stop: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stop.put(number))
    try:
        with Box(plan) as box:
            _say(_ready(box), sys.stdout)
            stop.get()
    except (PortTaken, StateUnreadable) as problem:
        _say(f"sandbox: {problem}", sys.stderr)
        return 2
    return 0


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A simulated HubSpot, Salesforce and ERP with people at work in them."
    )
    parser.add_argument("--state", type=Path, default=Path("var/demo"), help="folder that keeps it (default: var/demo)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--hubspot-port", type=int, default=8101)
    parser.add_argument("--salesforce-port", type=int, default=8102)
    parser.add_argument("--control-port", type=int, default=8103)
    parser.add_argument("--people", type=_count, default=3000, help="contacts to invent on the first start")
    parser.add_argument("--seed", type=int, default=7, help="the same seed invents the same company")
    parser.add_argument(
        "--pace", type=_pace, default=1.0, help="1: people do something every 1.5 s; 10: ten times that"
    )
    parser.add_argument("--no-actors", action="store_true", help="nobody works; only calls change anything")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args(arguments)
    return Plan(
        state=given.state,
        host=given.host,
        hubspot_port=given.hubspot_port,
        salesforce_port=given.salesforce_port,
        control_port=given.control_port,
        people=given.people,
        seed=given.seed,
        pace=given.pace,
        actors=not given.no_actors,
        latency=given.latency,
    )


def _ready(box: Box) -> str:
    where = ", ".join(f"{name} {server.url}" for name, server in box.servers.items())
    return f"sandbox ready{' again' if box.restored else ''}: {where}, erp sqlite:///{box.database}"


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("must be 1 to 1,000,000")
    return number


def _pace(text: str) -> float:
    pace = float(text)
    if not 0 < pace <= 1000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1000")
    return pace


def _say(line: str, stream: TextIO) -> None:
    print(line, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
