"""Who a record may be, among many: ranked, with runner-up and margin; a tie is never a link."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.labelled import plants_retyped
from syncd.matching import COMPANY, SITE, Band, Hold, Index, Party
from syncd.matching.bulk import match_all
from syncd.matching.compare import weigh
from syncd.matching.frequency import Frequencies
from syncd.matching.party import form_of

ACME = Party(id="a", name="Voltaform Castings Inc", street="4100 W Fillmore St", city="Peoria", postcode="61604")
OTHERS = [
    replace(ACME, id="b", name="Brightwater Dental", street="12 Elm Ct", postcode="60432", city="Joliet"),
    replace(ACME, id="c", street="77 Harbor Rd"),
]


def test_the_likeliest_comes_first_and_the_runner_up_is_kept() -> None:
    """A person who looks it over sees both, and by how much."""
    found = Index([*OTHERS, ACME]).find(replace(ACME, id="new", name="Voltaform Castings"))
    assert (found.band, found.best and found.best.id, found.runner_up and found.runner_up.id) == (Band.LINK, "a", "c")
    assert found.margin > SITE.margin


def test_two_that_fit_equally_are_for_review() -> None:
    """The same account twice in the CRM: linking to either would be a coin toss."""
    found = Index([ACME, replace(ACME, id="twin")]).find(replace(ACME, id="new"))
    assert found.band is Band.REVIEW
    assert found.best is not None
    assert found.best.comparison.hold is Hold.TIE
    assert found.margin == 0.0


def test_a_stated_tie_breaker_decides_between_two_that_fit_equally() -> None:
    """Parents before children, where the definition says so; and the outcome names the rule."""
    rules = replace(SITE, ties=("is_parent",))
    index = Index([replace(ACME, facts={"is_parent": 0}), replace(ACME, id="parent", facts={"is_parent": 1})], rules)
    found = index.find(replace(ACME, id="new"))
    assert (found.band, found.best and found.best.id, found.tie_broken_by) == (Band.LINK, "parent", "is_parent")


def test_a_tie_breaker_that_ties_breaks_nothing() -> None:
    """Two parents are still two."""
    rules = replace(SITE, ties=("is_parent",))
    rows = [replace(ACME, facts={"is_parent": 1}), replace(ACME, id="parent", facts={"is_parent": 1})]
    assert Index(rows, rules).find(replace(ACME, id="new")).band is Band.REVIEW


def test_a_record_is_not_its_own_duplicate() -> None:
    """A table matched with itself."""
    index = Index([ACME, *OTHERS])
    found = index.find(ACME)
    assert "a" not in {one.id for one in found.candidates}
    assert all(left != right for left, right, _ in index.pairs())


def test_duplicates_within_a_table_are_found_once() -> None:
    """Each pair comes out one way round."""
    pairs = list(Index([ACME, replace(ACME, id="twin"), *OTHERS]).pairs())
    assert [(left, right) for left, right, one in pairs if one.band is Band.LINK] == [("a", "twin")]


@pytest.mark.parametrize("number", [1000, 4000])
def test_a_common_word_is_no_block(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Companies called Midwest are not weighed against each other, however many, or cost would grow with the table."""
    weighed: list[str] = []
    monkeypatch.setattr(
        "syncd.matching.index.weigh", lambda one, other, *rest: weighed.append(other.id) or weigh(one, other, *rest)
    )
    rng = random.Random(3)
    rows = [
        Party(id=str(n), name=f"Midwest {rng.randrange(10**6)}x", street=f"{n} Road{n}", city=f"Town{n}")
        for n in range(number)
    ]
    index = Index(rows, COMPANY)
    index.find(Party(id="new", name="Midwest", city="Nowhere"))
    assert weighed == []
    index.find(replace(rows[7], id="new"))
    assert weighed == ["7"]


def test_rare_words_weigh_more_than_common_ones() -> None:
    """That two firms share "Voltaform" says more than that they share "Services"."""
    rows = [form_of(Party(id=str(n), name=f"Services Firm{n}")) for n in range(50)]
    bits, rarest = Frequencies(rows).of("name")
    assert bits["services"] < bits["firm1"] <= rarest


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_table_changes_nothing(rng: random.Random) -> None:
    """Two nodes that read the same table in another order decide alike."""
    data = plants_retyped()
    rows = data.against[:120]
    shuffled = rows[:]
    rng.shuffle(shuffled)
    one, other = Index(rows), Index(shuffled)
    for row in data.rows[:40]:
        assert one.find(row) == other.find(row)


def test_bulk_in_workers_says_what_the_index_says() -> None:
    """Forked workers change the time it takes and nothing else."""
    data = plants_retyped()
    rows = data.rows * 2
    alone = match_all(rows, data.against, workers=1)
    assert match_all(rows, data.against, workers=2) == alone
    index = Index(data.against)
    assert [one.best for one in alone[:50]] == [
        found.best.id if found.best else None for found in map(index.find, rows[:50])
    ]
