"""Sums the signs for and against two records being one, and says what keeps a good sum from being a link."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.matching.evidence import Band, Comparison, Hold, Purpose, Rules, Sign
from syncd.matching.frequency import Frequencies

# Kinds of evidence that outweigh two addresses which contradict each other: people and firms move.
_WHEREVER = frozenset({"number", "email", "phone", "born"})
_NAMES_A_SITE = frozenset({"number", "phone", "domain"})
_NAMES_SOMEBODY = frozenset({"number", "email"})
_ONE_NAME_AND_DOOR = frozenset({Sign.FIRST_SAME, Sign.LAST_SAME, Sign.STREET_SAME, Sign.HOUSE_SAME})


@dataclass(slots=True)
class Tally:
    rules: Rules
    frequencies: Frequencies
    signs: list[tuple[Sign, float]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    holds: list[Hold] = field(default_factory=list)
    half: bool = False  # a name that would do at a place that agrees in every part
    headed: bool = False  # one of them begins with a word of the other
    conflict: bool = False  # each name has words that the other lacks
    switchboard: bool = False  # the telephone is that of several
    elsewhere: bool = False
    sisters: bool = False  # names that begin alike and go on in usual words of their own
    told_apart: bool = False  # by a word by which the index tells records of one door apart
    chain: bool = False  # a name that stands in many quarters
    generations: bool = False  # born a generation apart

    def add(self, sign: Sign, weight: float, kind: str = "") -> None:
        self.signs.append((sign, weight))
        if kind:
            self.kinds.add(kind)

    def verdict(self) -> Comparison:
        rules = self.rules
        self.signs.append((Sign.CHANCE, -self.frequencies.prior))
        weight = 0.0
        for _, one in self.signs:
            weight += one
        band = Band.LINK if weight >= rules.link else Band.REVIEW if weight >= rules.review else Band.NO
        hold = self._hold() if band is Band.LINK else None
        return Comparison(
            band=Band.REVIEW if hold else band, weight=round(weight, 3), signs=tuple(self.signs), hold=hold
        )

    def said(self, sign: Sign) -> bool:
        return any(one is sign for one, _ in self.signs)

    def _hold(self) -> Hold | None:
        rules, said = self.rules, {sign for sign, _ in self.signs}
        if self.holds:
            return self.holds[0]
        if len(self.kinds) < rules.kinds:
            return Hold.ONE_KIND
        if rules.purpose is Purpose.PERSON and self.kinds.isdisjoint({"name", "email", "born"}):
            return Hold.NOBODY
        if self.generations and said >= _ONE_NAME_AND_DOOR and self.kinds.isdisjoint(_NAMES_SOMEBODY):
            return Hold.GENERATIONS
        if rules.purpose is Purpose.SITE and not self.kinds & {"place", "phone", "number"}:
            return Hold.NOT_THE_PLACE
        if rules.purpose is Purpose.SITE and self.sisters and self.kinds.isdisjoint(_NAMES_A_SITE):
            return Hold.NAMES_DIFFER
        if self.told_apart and "number" not in self.kinds:
            return Hold.NAMES_DIFFER
        return Hold.OTHER_PLACE if self._is_elsewhere() else None

    def _is_elsewhere(self) -> bool:
        wherever = self.kinds & _WHEREVER
        if self.rules.purpose is not Purpose.SITE:
            return self.elsewhere and not wherever
        if self.conflict or self.switchboard:  # the headquarters' number, given for every one of its sites
            wherever = wherever - {"phone"}
        neighbour = self.said(Sign.HOUSE_OTHER) and self.said(Sign.PHONE_OTHER)
        next_shop = self.chain and (Sign.HOUSE_OTHER, self.rules.house[1]) in self.signs
        return (self.elsewhere or neighbour or next_shop) and not wherever
