"""CPU and records per second for 10,000 contacts of thirty mapped fields, one way, beside the bare loop."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import people
from benchmarks.figures import Figure
from benchmarks.world import floor, world

RECORDS = 10_000
CPU_BAR = 4.0  # seconds per 10,000 records


def measure() -> Iterator[Figure]:
    with floor(RECORDS) as (systems, loop):
        first_floor = loop.ask("move")
        systems.ask("edit", count=RECORDS, fields=people.change(1))
        change_floor = loop.ask("move")
    with world(one_way=True) as made:
        made.systems.ask("seed", count=RECORDS)
        first = made.cycle()
        yield from _figures("first load", first, first_floor, None)
        echo = made.cycle()
        yield Figure(name=f"{RECORDS:,}: reading the own writes back", unit="CPU s", figure=echo["cpu"])
        made.systems.ask("edit", count=RECORDS, fields=people.change(1))
        yield from _figures("all changed", made.cycle(), change_floor, CPU_BAR)
        made.cycle()
        planned = made.daemon.ask("plan")
        yield Figure(name=f"{RECORDS:,}: syncd plan", unit="CPU s", figure=planned["cpu"])
        yield Figure(name=f"{RECORDS:,}: what syncd plan would write", unit="leads", figure=planned["changed"], bar=0)


def _figures(what: str, did: dict[str, float], least: dict[str, float], bar: float | None) -> Iterator[Figure]:
    name = f"{RECORDS:,}: {what}"
    yield Figure(name=name, unit="CPU s", figure=did["cpu"], floor=least["cpu"], bar=bar)
    yield Figure(name=name, unit="records/s", figure=RECORDS / did["wall"], floor=RECORDS / least["wall"])
