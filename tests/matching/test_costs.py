"""What matching costs, counted and not timed: a page costs as much against many accounts as against few."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from support.regions import PER_REGION, companies, newcomers

from syncd.matching import COMPANY, SITE, Index, Party, Rules
from syncd.matching.bulk import match_all
from syncd.matching.compare import weigh
from syncd.matching.party import Form

PAGE = 200


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts `looked at`, those under a row's keys, and `weighed`, those of them that it is compared with."""
    counts: Counter[str] = Counter()
    blocks = Index._blocks

    def counted(self: Index, form: Form) -> list[tuple[bool, int, float, Sequence[int]]]:
        found = blocks(self, form)
        counts["looked at"] += sum(length for _, length, _, _ in found)
        return found

    monkeypatch.setattr(Index, "_blocks", counted)
    monkeypatch.setattr("syncd.matching.index.weigh", lambda *told: counts.update(weighed=1) or weigh(*told))
    return counts


@pytest.mark.parametrize("rules", [SITE, COMPANY], ids=["site", "company"])
def test_a_page_costs_the_same_however_many_accounts_there_are(rules: Rules, costs: Counter[str]) -> None:
    """A thousand and twenty thousand, who share words with each other but are no more alike."""
    spent = []
    for regions in (4, 80):
        index = Index(companies(regions), rules)
        assert len(index) == regions * PER_REGION
        costs.clear()
        for row in newcomers(PAGE):
            index.find(row)
        spent.append(dict(costs))
    small, large = spent
    assert small["weighed"] > PAGE
    assert all(large[what] <= 1.05 * small[what] for what in small)


@pytest.mark.parametrize("rules", [SITE, COMPANY], ids=["site", "company"])
def test_a_row_is_compared_with_a_dozen_though_all_are_alike(rules: Rules, costs: Counter[str]) -> None:
    """One town, one street, few words: with whom else a row shares keys, the likeliest come first."""
    rng = random.Random(1)
    words = ("Midwest", "National", "Steel", "Foods", "Works")
    rows = [
        Party(
            id=str(n), name=" ".join(rng.sample(words, 3)), street=f"{n % 40} Main St", city="Peoria",
            postcode=f"{61600 + n % 30}",
        )
        for n in range(1200)
    ]  # fmt: skip
    asked = [rows[place] for place in rng.sample(range(len(rows)), PAGE)]
    match_all(asked, Index(rows, rules), workers=1)
    assert costs["looked at"] > 20 * PAGE
    assert PAGE < costs["weighed"] <= 16 * PAGE  # twelve, and the first few once more with each other
