"""Measures both engines of `syncd match bulk` on the same rows: time, memory, right and missed links.

Run `python -m benchmarks.engines` (with the extra `splink`); figures of time need a quiet machine.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable

from benchmarks.labelled import Labelled, febrl4, plants_retyped
from benchmarks.matching import Memory, Quality, accounts, cpu_seconds, ship_tos
from syncd.matching import PERSON, SITE, Band, Rules
from syncd.matching.bulk import match_all
from syncd.matching.splink_bulk import Splink


def by_own(data: Labelled, rules: Rules) -> Quality:
    found = match_all(data.rows, data.against, rules, workers=2, explain=True)
    return _quality(data, [(one.id, one.best or "") for one in found if one.band is Band.LINK])


def by_splink(data: Labelled, rules: Rules) -> Quality:
    """Learn a model and link with it."""
    tables = Splink(data.rows, data.against, rules)
    found = zip(data.rows, tables.against(tables.learn(), len(data.rows)), strict=True)
    return _quality(
        data,
        [
            (row.id, data.against[int(one.best.id)].id)
            for row, one in found
            if one.band is Band.LINK and one.best is not None
        ],
    )


def synthetic(held: int, shipped: int) -> Labelled:
    rng = random.Random(7)
    rows = accounts(held, rng)
    asked, truth = ship_tos(rows, shipped, rng)
    sought = {row.id: frozenset({truth[row.id]} if row.id in truth else ()) for row in asked}
    return Labelled(name=f"{shipped:,} against {held:,} (synthetic)", rows=asked, against=rows, truth=sought)


def main() -> None:
    held, shipped = map(int, sys.argv[1:3] or ("50000", "100000"))
    print("| data | asked | engine | precision | recall | s | CPU s | MB |\n|---|---|---|---|---|---|---|---|")
    for data, rules in (
        (febrl4(person=True, born=True), PERSON),
        (febrl4(person=True, born=False), PERSON),
        (febrl4(person=False, born=False), SITE),
        (plants_retyped(), SITE),
        (synthetic(held, shipped), SITE),
    ):
        for engine in (by_own, by_splink):
            # Each in a process of its own: memory that one took is not the other's.
            worker = multiprocessing.get_context("fork").Process(target=_row, args=(data, rules, engine))
            worker.start()
            worker.join()
    print(f"\nload {os.getloadavg()[0]:.1f}")


# ---------------------------------------------------------------------------------------------------------------------


def _row(data: Labelled, rules: Rules, engine: Callable[[Labelled, Rules], Quality]) -> None:
    with Memory() as memory:
        began, cpu = time.perf_counter(), cpu_seconds()
        quality = engine(data, rules)
        took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    name = engine.__name__.removeprefix("by_")
    print(
        f"| {data.name}{', with date of birth' if any(row.born for row in data.rows) else ''} "
        f"| {rules.purpose.name.lower()} | {name} | {quality.precision:.4f} | {quality.recall:.4f} | {took:.1f} "
        f"| {cpu:.1f} | {memory.peak:.0f} |",
        flush=True,
    )


def _quality(data: Labelled, links: list[tuple[str, str]]) -> Quality:
    right = sum(best in data.truth[row] for row, best in links)
    return Quality(links=len(links), right=right, there=sum(bool(data.truth[row.id]) for row in data.rows))


if __name__ == "__main__":
    main()
