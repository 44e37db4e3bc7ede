"""Memory and state at 10,000 and 100,000 leads: what a page and a batch take, never what the whole set does."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import people
from benchmarks.figures import Figure
from benchmarks.world import world

SIZES = (10_000, 100_000)
CHANGED = 10_000
FLAT = 1.2


def measure() -> Iterator[Figure]:
    peaks: list[float] = []
    for leads in SIZES:
        with world(one_way=True) as made:
            base = made.daemon.ask("rest", seconds=0.1)["rss"]
            made.systems.ask("seed", count=leads)
            first = made.cycle()
            made.cycle()
            made.systems.ask("edit", count=CHANGED, fields=people.change(1))
            peaks.append(made.cycle()["peak"])
            planned = made.daemon.ask("plan")
            yield Figure(name=f"{leads:,} leads: peak memory", unit="MB", figure=peaks[-1], floor=base)
            yield Figure(name=f"{leads:,} leads: peak memory after syncd plan", unit="MB", figure=planned["peak"])
            yield Figure(name=f"{leads:,} leads: state", unit="KB a lead", figure=made.state_bytes() / leads / 1024)
            yield Figure(
                name=f"{leads:,} leads: first load", unit="CPU s per 10,000", figure=first["cpu"] * 1e4 / leads
            )
            yield Figure(name=f"{leads:,} leads: syncd plan", unit="wall s", figure=planned["wall"])
    yield Figure(
        name=f"peak memory, {SIZES[-1]:,} over {SIZES[0]:,} leads", unit="times", figure=peaks[-1] / peaks[0], bar=FLAT
    )
