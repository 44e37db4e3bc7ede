"""How often a link is right and how many are found, on FEBRL (made by others) and on the plants with made-up slips.

The thresholds were chosen on the first halves; these are the second.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.labelled import Labelled, febrl4, febrl_within, plants_retyped
from benchmarks.matching import measure, measure_pairs
from benchmarks.neighbours import NEIGHBOURS, neighbours
from syncd.matching import COMPANY, PERSON, SITE, Rules

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("load", "rules"),
    [
        (lambda: febrl4(person=False, born=False), SITE),
        (lambda: febrl4(person=False, born=False), COMPANY),
        (lambda: febrl4(person=True, born=True), PERSON),
        (plants_retyped, SITE),
    ],
    ids=["febrl4-site", "febrl4-company", "febrl4-person", "plants-site"],
)
def test_links_are_right_and_hardly_any_is_missed(load: Callable[[], Labelled], rules: Rules) -> None:
    """Precision at least 0.995 in the link band, recall above 0.95."""
    _, second = load().halves()
    quality = measure(second, rules)
    assert quality.precision >= 0.995
    assert quality.recall > 0.95


@pytest.mark.parametrize("number", [1, 2, 3])
def test_people_twice_in_one_table_are_found(number: int) -> None:
    """FEBRL 1 to 3, up to six records of one person."""
    quality = measure_pairs(febrl_within(number, person=True, born=True), PERSON)
    assert quality.precision >= 0.995
    assert quality.recall > 0.95


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_neighbours_at_one_door_are_not_linked(kind: str) -> None:
    """Departments, holdings, numbered funds and tenants, three in ten of whom the other list lacks."""
    quality = measure(neighbours(NEIGHBOURS[kind], doors=300), SITE)
    assert quality.precision >= 0.995
    assert quality.recall > 0.95
