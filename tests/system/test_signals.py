"""A process that is told to stop does so, whatever its main thread is doing just then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from syncd.daemon import signals

LOCKED = "with stop._cond: raise_signal(SIGTERM)\nstop.wait(30) and sys.exit(5)"
HANGS = "signals.LAST_SECONDS = 0.1\nraise_signal(SIGINT)\ntime.sleep(30)"
TWICE = "raise_signal(SIGTERM)\nraise_signal(SIGINT)\ntime.sleep(30)"


@pytest.mark.parametrize(("does", "code"), [(LOCKED, 5), (HANGS, 0), (TWICE, 130)], ids=["locked", "hangs", "twice"])
def test_a_signal_ends_the_process(does: str, code: int) -> None:
    """Its main thread holds the event's own lock, as within each wait; never looks; is told a second time."""
    begins = (
        "import importlib.util, sys, threading, time\n"
        "from signal import SIGINT, SIGTERM, raise_signal\n"
        f"spec = importlib.util.spec_from_file_location('signals', {signals.__file__!r})\n"
        "signals = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(signals)\n"
        "stop = threading.Event()\n"
        "signals.stop_on_signals(stop)\n"
    )
    done = subprocess.run([sys.executable, "-c", begins + does], timeout=20, check=False)
    assert done.returncode == code
