"""A thousand addresses as bad as they come: nothing fails, and nothing wrong lands in the link band."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from support.hostile import SAME, hostile

from benchmarks.labelled import plants_retyped
from syncd.matching import COMPANY, PERSON, SITE, Band, Index, Rules


@pytest.mark.parametrize("rules", [SITE, COMPANY, PERSON], ids=["site", "company", "person"])
def test_a_thousand_hostile_addresses_crash_nothing_and_link_nothing_wrong(rules: Rules) -> None:
    """The law; which twist broke it is in the message. For a company its other plants are no mistake."""
    plants = plants_retyped().against
    index, rng, names = Index(plants, rules), random.Random(11), {one.id: one.name for one in plants}
    wrong = []
    for kind, plant, row, same in hostile(plants, 1050, rng):
        found = index.find(row)
        if found.band is Band.LINK and found.best is not None:
            right = found.best.id == plant.id or (rules is COMPANY and names[found.best.id] == plant.name)
            if right is not same and not (rules is COMPANY and right):
                wrong.append((kind, plant.id, found.best.id))
    assert wrong == []


def test_most_twisted_addresses_of_a_plant_still_find_it() -> None:
    """Refusing everything would pass the law above."""
    plants = plants_retyped().against
    index, rng = Index(plants), random.Random(12)
    sure = (
        "capitals",
        "all in one line",
        "postcode first",
        "mark-up",
        "control characters",
        "town and postcode swapped",
    )
    missed = [
        (kind, plant.id)
        for kind in sure
        for plant in rng.sample(plants, 30)
        if index.find(replace(SAME[kind](plant, rng), id="hostile")).band is not Band.LINK
    ]
    assert len(missed) <= 0.03 * len(sure) * 30
