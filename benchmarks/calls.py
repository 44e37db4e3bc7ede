"""API calls and records written for nothing, counted by the systems themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import people
from benchmarks.figures import Figure
from benchmarks.world import World, world

MANY, FEW = 1000, 100
# Salesforce's rows of the last two seconds are read once more; after this many all is quiet.
QUIET = 3.0
IDLE_POLL = 3  # calls: two kinds of HubSpot, one for all of Salesforce
# Takes a lead out of the target market: its score changes, and so what marketing and sales are told.
LEFT_THE_MARKET = {"numberofemployees": "6000"}


def measure() -> Iterator[Figure]:
    """Yield the figures of both worlds. The floors are the least that the APIs' page and batch sizes allow."""
    with world(one_way=True) as made:
        yield from _one_way(made)
    with world(one_way=False) as made:
        yield from _whole_loop(made)


def _one_way(made: World) -> Iterator[Figure]:
    made.systems.ask("seed", count=MANY)
    hubspot, salesforce, _ = _cycle(made)
    yield _calls(f"one way: first load of {MANY:,}, token and account included", hubspot + salesforce, floor=7)
    _settle(made)
    _, poll, _ = _cycle(made)
    made.systems.ask("edit", count=MANY, fields=people.change(1))
    hubspot, salesforce, _ = _cycle(made)
    yield _calls(f"one way: {MANY:,} changed, all calls", hubspot + salesforce, floor=6, bar=7)
    yield _calls(f"one way: {MANY:,} changed, without Salesforce's poll", hubspot + salesforce - poll, floor=6, bar=6.5)
    _settle(made)
    hubspot, salesforce, written = _cycle(made)
    yield _calls("one way: idle cycle, HubSpot (1 kind)", hubspot, floor=1, bar=1)
    yield _calls("one way: idle cycle, Salesforce (1 kind)", salesforce, floor=1, bar=1)
    yield _written("one way: idle cycle", written)
    made.systems.ask("noise", count=MANY)
    written = _cycle(made)[2] + _cycle(made)[2]
    yield _written(f"one way: {MANY:,} moved in unmapped fields only", written)


def _whole_loop(made: World) -> Iterator[Figure]:
    made.systems.ask("seed", count=MANY)
    hubspot, salesforce, _ = _cycle(made)
    yield _calls(f"whole loop: first load of {MANY:,}, token and account included", hubspot + salesforce, floor=18)
    _settle(made)
    made.systems.ask("edit", count=MANY, fields=LEFT_THE_MARKET)
    hubspot, salesforce, _ = _cycle(made)
    first = hubspot + salesforce
    yield _calls(f"whole loop: {MANY:,} changed, first pass", first, floor=17, bar=18)
    hubspot, salesforce, written = _cycle(made)
    together = first + hubspot + salesforce
    yield _calls(f"whole loop: {MANY:,} changed, with the echo poll, all calls", together, floor=22)
    # What the second poll asks of systems and kinds where nothing happened is no part of the echo.
    echo = together - IDLE_POLL
    yield _calls(f"whole loop: {MANY:,} changed, with the echo, without the idle poll", echo, floor=22, bar=23.5)
    yield _written("whole loop: after the own feedback", written)
    _settle(made)
    made.systems.ask("edit", count=FEW, fields={"problem": "<p>Newer</p>"})
    hubspot, salesforce, _ = _cycle(made)
    yield _calls(f"whole loop: {FEW} changed", hubspot + salesforce, floor=3, bar=5)
    _settle(made)
    hubspot, salesforce, written = _cycle(made)
    yield _calls("whole loop: idle cycle, HubSpot (3 kinds, one of them every 15 minutes)", hubspot, floor=2, bar=2)
    yield _calls("whole loop: idle cycle, Salesforce (4 kinds)", salesforce, floor=1, bar=1)
    yield _written("whole loop: idle cycle", written)


def _cycle(made: World) -> tuple[int, int, int]:
    made.spent()
    made.cycle()
    return made.spent()


def _settle(made: World) -> None:
    made.cycle()
    time.sleep(QUIET)
    made.cycle(2)


def _calls(name: str, figure: float, *, floor: float, bar: float | None = None) -> Figure:
    return Figure(name=name, unit="calls", figure=figure, floor=floor, bar=bar)


def _written(name: str, figure: float) -> Figure:
    return Figure(name=name, unit="records written", figure=figure, bar=0)
