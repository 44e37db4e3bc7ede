"""Sets up the interpreter and hands over to the command line."""

from __future__ import annotations

import sys

from syncd.collector import spare_the_collector


def main() -> None:
    from syncd.cli import run_command_line

    spare_the_collector()
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
