"""How often a repeated test repeats: a sample for every commit, the whole for `make test-long`."""

from __future__ import annotations

import os

LONG = os.environ.get("SYNCD_LONG") == "1"


def times(short: int, long: int) -> int:
    """Return the repetitions of this run."""
    return long if LONG else short
