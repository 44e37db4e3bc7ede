"""Matches a whole table against another, on as many cores as it is given.

Forks, so it is for commands and benchmarks and not for a process with threads; a daemon uses `Index` page by page.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from syncd.matching.evidence import SITE, Band, Hold, Purpose, Rules
from syncd.matching.index import Candidate, Index
from syncd.matching.party import Party

_CHUNK = 1000
_STRIDE = 256  # rows between two words on how far it is
_MOST = 12  # candidates of a row that are looked at as doubles of the best


class Matched(NamedTuple):
    """The outcome for one row. `reasons` and `hold` are empty unless `explain` asked for them."""

    id: str
    band: Band
    best: str | None
    weight: float
    runner_up: str | None
    margin: float
    reasons: str = ""
    hold: str = ""
    doubtful: bool = False
    doubles: tuple[Candidate, ...] = ()  # further records of `against` that are the same as the best of a link


def _to_nobody(_: int) -> None:
    return None


def match_all(
    rows: Sequence[Party],
    against: Iterable[Party] | Index,
    rules: Rules = SITE,
    workers: int = 2,
    *,
    explain: bool = False,
    tell: Callable[[int], object] = _to_nobody,
) -> list[Matched]:
    """Return one outcome for each row, in order. `tell` hears now and then how many more rows are done, about."""
    with _without_collector():
        index = against if isinstance(against, Index) else Index(against, rules)
        outcomes = _match_in_workers(rows, index, workers, explain, tell)
        return _outdone_held(outcomes) if index.rules.purpose is Purpose.SITE else outcomes


# ---------------------------------------------------------------------------------------------------------------------


def _outdone_held(outcomes: list[Matched]) -> list[Matched]:
    """Hold a doubtful link to a record that another row has a likelier one to, which is beyond doubt."""
    best: dict[str | None, float] = {}
    for one in outcomes:
        if one.band is Band.LINK and not one.doubtful:
            best[one.best] = max(best.get(one.best, one.weight), one.weight)
    return [
        one._replace(band=Band.REVIEW, hold=Hold.OUTDONE.value, doubles=())
        if one.doubtful and one.band is Band.LINK and best.get(one.best, one.weight) > one.weight
        else one
        for one in outcomes
    ]


def _match_in_workers(
    rows: Sequence[Party], index: Index, workers: int, explain: bool, tell: Callable[[int], object]
) -> list[Matched]:
    if workers <= 1 or len(rows) <= _CHUNK:
        return _match(index, rows, explain, tell)
    gc.freeze()  # a collection in a worker would write to, and so copy, every page of the index
    global _shared
    _shared = (index, rows, explain)
    try:
        # This process takes its share too: it has the index already, and each further one copies most of it.
        own = len(rows) // workers
        spans = [(start, min(start + _CHUNK, len(rows))) for start in range(own, len(rows), _CHUNK)]
        with multiprocessing.get_context("fork").Pool(workers - 1) as pool:
            others = pool.map_async(_match_span, spans, chunksize=1)
            mine = _match(index, rows[:own], explain, lambda more: tell(more * workers))
            return mine + [one for part in others.get() for one in part]
    finally:
        _shared = None
        gc.unfreeze()


# What forked workers inherit: handing it over through a pipe would cost more than the matching.
_shared: tuple[Index, Sequence[Party], bool] | None = None


def _match_span(span: tuple[int, int]) -> list[Matched]:
    assert _shared is not None
    index, rows, explain = _shared
    return _match(index, rows[span[0] : span[1]], explain)


def _match(
    index: Index, rows: Sequence[Party], explain: bool, tell: Callable[[int], object] = _to_nobody
) -> list[Matched]:
    outcomes: list[Matched] = []
    for row in rows:
        if len(outcomes) % _STRIDE == _STRIDE - 1:
            tell(_STRIDE)
        found, doubles = index.find_doubles(row, most=_MOST)
        first, second = found.best, found.runner_up
        said = first.comparison if first and explain else None
        outcomes.append(
            Matched(
                id=row.id,
                band=found.band,
                best=first.id if first else None,
                weight=first.comparison.weight if first else 0.0,
                runner_up=second.id if second else None,
                margin=found.margin,
                reasons=said.words if said else "",
                hold=said.hold.value if said and said.hold else "",
                doubtful=first.comparison.doubtful if first else False,
                doubles=doubles,
            )
        )
    return outcomes


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of small tuples make the cyclic collector look at all of them again and again; none is in a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
