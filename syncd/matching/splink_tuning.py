"""Tunes a Splink model by labelled pairs: what its signs are worth, and the thresholds that follow.

Both are learned on one half of the labels and told of on the other, as of our own matcher. Files are the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from syncd.matching.evidence import RULES, Rules
from syncd.matching.party import Party
from syncd.matching.splink_bulk import Splink
from syncd.matching.splink_model import Model, absurdities, rules_in, tuned
from syncd.matching.tuning import (
    Label,
    NothingToPropose,
    Tuned,
    Weighed,
    check_enough,
    choose,
    halves,
    proposed,
    score,
)

_NO_LIMIT = -1000.0  # bits: a hold shows whatever a pair weighs, and thresholds are applied afterwards


def tune_model(labels: Sequence[Label], others: Sequence[Party], model: object) -> tuple[Model, Tuned]:
    """Return the model as tuned, and what that changes; where other weights find no more, only its thresholds change.

    `others`: further records of the right table, for how rare it is what two have in common.
    Raises NothingToPropose and ForeignModel.
    """
    check_enough(labels)
    rules = rules_in(model, RULES)
    pairs = _Pairs(labels, others, rules, within=isinstance(model, dict) and model.get("link_type") == "dedupe_only")
    model = pairs.tables.check(model)
    weighed = pairs.weighed(model)
    learned_on, told_of = halves(weighed)
    before = score(told_of, rules)
    met = Counter(sign for said, same in learned_on if same for sign, _ in said.signs)
    found: list[tuple[float, Model, Rules, list[Weighed], list[Weighed]]] = []
    why = NothingToPropose("")
    for seen in (Counter(), met):
        changed = tuned(model, seen, rules)
        if absurdities(changed):
            continue
        half, other = (learned_on, told_of) if not seen else halves(pairs.weighed(changed))
        try:
            limits = choose(half, rules)
        except NothingToPropose as error:
            why = error
            continue
        found.append((score(half, limits).recall, tuned(model, seen, limits), limits, half, other))
    if not found:
        raise why
    _, best, limits, half, other = max(found, key=lambda one: one[0])
    return best, proposed(limits, before, half, other)


# ---------------------------------------------------------------------------------------------------------------------


class _Pairs:
    """The labelled pairs as a model's one table or two, of which only those that belong together are compared."""

    def __init__(self, labels: Sequence[Label], others: Sequence[Party], rules: Rules, *, within: bool) -> None:
        self._same = [label.same for label in labels]
        own = [[str(number)] for number in range(len(labels))]
        known = {label.right.id for label in labels}
        lefts, rights = [label.left for label in labels], [label.right for label in labels]
        rest = [one for one in others if one.id not in known]
        right, alike = [*rights, *rest], [*own, *([] for _ in rest)]
        every = replace(rules, link=_NO_LIMIT, review=_NO_LIMIT)
        if within:
            self.tables = Splink([*lefts, *right], None, every, alike=[[*own, *alike]])
        else:
            self.tables = Splink(lefts, right, every, alike=[own, alike])

    def weighed(self, model: Model) -> list[Weighed]:
        said = {pair.left: pair.said for pair in self.tables.pairs(model)}
        return [(said[number], same) for number, same in enumerate(self._same)]
