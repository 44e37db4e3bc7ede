"""Companies of as many regions as asked for: each has towns, streets and names of its own, and words that all share.

So twenty times as many companies are no more alike, and what is looked at for one of them should be no more either.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

from benchmarks.labelled import retyped
from syncd.matching import Party

PER_REGION = 250
_SYLLABLES = ("ka", "lom", "mer", "tan", "vid", "sol", "dor", "brin", "pen", "gar", "wes", "tor", "nim", "fer", "cas")
_WORDS = ["".join(pair) for pair in itertools.permutations(_SYLLABLES, 2)]


def companies(regions: int) -> list[Party]:
    """Return the accounts of these regions; the first ones are the same however many there are."""
    return [one for region in range(regions) for one in _region(region)]


def newcomers(count: int) -> list[Party]:
    """Return as many addresses of the first region: two in three an account's in other words, the rest nobody's."""
    rng = random.Random(3)
    known, others = _region(0), _region(0, seed=1)
    rows = [retyped(known[place], rng) if place % 3 else others[place] for place in range(count)]
    return [replace(row, id=f"new {place}") for place, row in enumerate(rows)]


def _region(number: int, seed: int = 0) -> list[Party]:
    rng = random.Random(f"{number} {seed}")
    word = _WORDS[number]
    return [
        Party(
            id=f"{number}-{place}",
            name=f"{word}{rng.choice(_WORDS)} {rng.choice(('Steel', 'Foods'))} Services Inc".title(),
            street=f"{rng.randrange(1, 999)} {word}{rng.choice(_WORDS)} Road".title(),
            city=f"{word}{rng.choice(_SYLLABLES)}".title(),
            state="IL",
            postcode=f"{10000 + 100 * number + rng.randrange(100)}",
            country="US",
        )
        for place in range(PER_REGION)
    ]
