"""The command line inside the test's own process, and the process put back as it was afterwards."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass

import pytest
import structlog

from syncd.cli import run_command_line


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Run one command; a defect of syncd's raises as it would print a traceback."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    handling = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    capsys.readouterr()
    try:
        code = run_command_line(list(arguments))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        for number, handler in handling.items():
            signal.signal(number, handler)
    captured = capsys.readouterr()
    return Said(code, captured.out, captured.err)
