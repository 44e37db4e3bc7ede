"""The command line inside the test's own process, and the process put back as it was afterwards."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from syncd.cli import run_command_line

_LOGGERS = ("", "dbos", "syncd", "uvicorn")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Run one command; a defect of syncd's raises, as it would print a traceback."""
    capsys.readouterr()
    code = run_command_line(list(arguments))
    captured = capsys.readouterr()
    return Said(code, captured.out, captured.err)


@pytest.fixture
def process_as_before() -> Iterator[None]:
    """Put back what commands change in a process: where the log goes, and what signals do."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    logs = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    handling = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handlers, level, propagate in logs:
        one.handlers[:] = handlers
        one.setLevel(level)
        one.propagate = propagate
    structlog.reset_defaults()
    for number, handler in handling.items():
        signal.signal(number, handler)
