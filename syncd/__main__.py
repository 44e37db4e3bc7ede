"""Sets up the interpreter and hands over to the command line."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    from syncd.cli import run_command_line

    spare_the_collector()
    sys.exit(run_command_line())


def spare_the_collector() -> None:
    """Let the garbage collector run seldom: a batch is a million values without cycles, which counting frees.

    At Python's own thresholds it takes up to half of all time, looking through the same batch again and again.
    """
    gc.set_threshold(100_000, 20, 50)


if __name__ == "__main__":
    main()
