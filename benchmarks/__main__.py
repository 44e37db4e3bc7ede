"""`python -m benchmarks [name ...] [--json FILE]`: measure, and print a table as the figures come in."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import calls, living, memory, speed
from benchmarks.figures import Figure, table

BENCHMARKS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "calls": calls.measure,
    "speed": speed.measure,
    "living": living.measure,
    "memory": memory.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What syncd costs, beside the floor.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in given.names or BENCHMARKS:
        found = list(BENCHMARKS[name]())
        print(f"{name}\n{table(found)}\n", flush=True)
        figures += found
    if given.json:
        given.json.write_text(json.dumps([one.as_json() for one in figures], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
