"""Hands over to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    from syncd.cli import run_command_line

    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
