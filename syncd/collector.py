"""How often the garbage collector of a process looks through what it holds; each process says it for itself."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Let the garbage collector run seldom: a batch is a million values without cycles, which counting frees.

    At Python's own thresholds it takes up to half of all time, looking through the same batch again and again.
    """
    gc.set_threshold(250_000, 20, 50)
