"""Chooses thresholds on one half of labelled pairs and says on the other how right they are, before and after.

Pure; where labels come from, and what becomes of the proposal, is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor

from syncd.matching.compare import weigh
from syncd.matching.evidence import Band, Comparison, Purpose, Rules
from syncd.matching.frequency import Frequencies
from syncd.matching.index import hold_outdone
from syncd.matching.party import Party, form_of

FEWEST = 40  # labels in all, and a quarter of that of either kind: fewer say nothing of a share of 0.995
PRECISION = 0.995  # that links must have on the half that is chosen on
_STEP = 0.5
_HIGHEST = 30.0

Weighed = tuple[Comparison, bool]  # a pair, and whether somebody said that the two are the same


@dataclass(frozen=True, kw_only=True)
class Label:
    """`frequencies`: how rare it is what the two have in common; None: as of one of a table that only `right` is of."""

    left: Party
    right: Party
    same: bool
    frequencies: Frequencies | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """How pairs fall into bands: (how many, how many of them are the same)."""

    link: tuple[int, int]
    review: tuple[int, int]
    no: tuple[int, int]

    @property
    def precision(self) -> float | None:
        """Return the share of links that are right; None without a link."""
        return self.link[1] / self.link[0] if self.link[0] else None

    @property
    def recall(self) -> float:
        there = self.link[1] + self.review[1] + self.no[1]
        return self.link[1] / there if there else 1.0


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """`before` and `after` are of the half that nothing was chosen on; `rules` differ in `link` and `review` only."""

    rules: Rules
    before: Score
    after: Score
    chosen_on: int
    reported_on: int


class NothingToPropose(Exception):
    """The labels are too few to choose by, or no threshold holds; the text says which."""


def tune(labels: Sequence[Label], rules: Rules) -> Tuned:
    """Return the threshold that finds the most while links stay right, and the highest of review that loses none.

    Raises NothingToPropose.
    """
    check_enough(labels)
    chosen_on, reported_on = halves(_weighed(labels, rules))
    return proposed(choose(chosen_on, rules), score(reported_on, rules), chosen_on, reported_on)


def check_enough(labels: Sequence[Label]) -> None:
    """Raise NothingToPropose where the labels are too few, or of one kind."""
    same = sum(label.same for label in labels)
    if len(labels) < FEWEST or min(same, len(labels) - same) < FEWEST // 4:
        raise NothingToPropose(
            f"{len(labels)} answers, {same} of them yes: too few to choose by. It takes {FEWEST}, "
            f"with at least {FEWEST // 4} of either kind"
        )


def halves(weighed: Sequence[Weighed]) -> tuple[list[Weighed], list[Weighed]]:
    """Return what to choose on and what to tell of: every other yes, and every other no."""
    parts = [[one for one in weighed if one[1] is same] for same in (True, False)]
    return [one for part in parts for one in part[::2]], [one for part in parts for one in part[1::2]]


def choose(weighed: Sequence[Weighed], rules: Rules) -> Rules:
    """Return the rules with the thresholds that find the most while links stay right. Raises NothingToPropose."""
    link = _best_link(weighed, rules)
    kept = [one.weight for one, is_same in weighed if is_same]
    # Where people answered there were questions; thresholds that leave none would have nothing to learn from.
    review = max(min(rules.review, link), min(link - rules.margin, floor(min(kept) / _STEP) * _STEP))
    return replace(rules, link=link, review=review)


def proposed(tuned: Rules, before: Score, chosen_on: Sequence[Weighed], reported_on: Sequence[Weighed]) -> Tuned:
    """Return the proposal, or raise NothingToPropose where it does not hold on the half that is reported on.

    `before`: how that half fell into bands so far.
    """
    after = score(reported_on, tuned)
    better = before.precision is not None and (after.precision or 0.0) > before.precision
    if not better and (after.precision or 0.0) < PRECISION:
        share = "none" if after.precision is None else f"{after.precision:.4f}"
        raise NothingToPropose(
            f"links from {tuned.link:g} bits are right on one half of the answers; of the other {share} are"
        )
    return Tuned(rules=tuned, before=before, after=after, chosen_on=len(chosen_on), reported_on=len(reported_on))


def score(weighed: Sequence[Weighed], rules: Rules) -> Score:
    counts = {band: [0, 0] for band in Band}
    for one, same in weighed:
        band = counts[_band(one, rules)]
        band[0] += 1
        band[1] += same
    return Score(**{band.value: (counts[band][0], counts[band][1]) for band in Band})


def weigh_label(label: Label, rules: Rules) -> Comparison:
    """Weigh a pair as the daemon does, and no band held back."""
    left, right = form_of(label.left), form_of(label.right)
    frequencies = label.frequencies or Frequencies.shortlisted([right])
    return weigh(left, right, replace(rules, link=-1000.0, review=-1000.0), frequencies)


# ---------------------------------------------------------------------------------------------------------------------


def _weighed(labels: Sequence[Label], rules: Rules) -> list[Weighed]:
    """Weigh each pair so that a hold shows whatever its weight is; the thresholds are applied afterwards."""
    pairs = [(label.left.id, label.right.id, weigh_label(label, rules)) for label in labels]
    if rules.purpose is Purpose.SITE and all(left and right for left, right, _ in pairs):
        pairs = list(hold_outdone(pairs))
    return [(one, label.same) for (_, _, one), label in zip(pairs, labels, strict=True)]


def _band(one: Comparison, rules: Rules) -> Band:
    if one.weight < rules.review:
        return Band.NO
    return Band.LINK if one.weight >= rules.link and one.hold is None else Band.REVIEW


def _best_link(weighed: Sequence[Weighed], rules: Rules) -> float:
    """Return the middle of those thresholds that find the most while what they link is right."""
    found: dict[float, list[float]] = {}
    for step in range(int((_HIGHEST - rules.review) / _STEP) + 1):
        link = rules.review + step * _STEP
        told = score(weighed, replace(rules, link=link))
        if told.precision is not None and told.precision >= PRECISION:
            found.setdefault(told.recall, []).append(link)
    if not found:
        raise NothingToPropose(f"no threshold links with a precision of {PRECISION}")
    best = found[max(found)]
    return best[len(best) // 2]
