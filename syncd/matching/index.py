"""Finds, among the records it holds, those a record may be: by block keys, ranked, with the runner-up and its margin.

Where the records come from is the caller's; an index is in memory and is only ever added to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from syncd.matching.compare import ANYWHERE, weigh
from syncd.matching.evidence import SITE, Band, Comparison, Hold, Purpose, Rules, Sign
from syncd.matching.frequency import Frequencies
from syncd.matching.keys import block_keys
from syncd.matching.party import Form, Party, form_of

MOST_PER_KEY = 60  # a key more records share than this finds nobody: a common word is no block
_MOST_WEIGHED = 12
# What one shared key says about a pair being worth weighing, by the key's kind. A first sieve: a pair needs _LEAST.
_HINT = {"n": 1.0, "c": 1.0, "m": 1.0, "s": 1.0, "h": 2.0}
_HINT_NAME_ONLY = {**_HINT, "n": 2.0}
_BY_NAME = "nwg"  # the kinds of keys made of the name only
_LEAST = 2.0
_SURE = 5.0
_SHORT = 8
_NEAR_THE_BEST = 0.4
_MOST_WEAK = 6  # when no candidate shares much


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    id: str
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates, the likeliest first. `band` is that of the first once the second has been looked at."""

    candidates: tuple[Candidate, ...]
    band: Band
    margin: float
    tie_broken_by: str | None = None
    level: tuple[str, ...] = ()  # those that the tie-breaker left behind

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None

    @property
    def runner_up(self) -> Candidate | None:
        return self.candidates[1] if len(self.candidates) > 1 else None


_NOBODY = Found(candidates=(), band=Band.NO, margin=0.0)


class Index:
    """Records to choose from. What `find` costs depends on what shares a key with the record, not on their number."""

    def __init__(self, rows: Iterable[Party], rules: Rules = SITE, frequencies: Frequencies | None = None) -> None:
        self.rules = rules
        self._placed = rules.purpose is not Purpose.COMPANY
        self._hint = _HINT if self._placed else _HINT_NAME_ONLY
        self._forms: list[Form] = [form_of(row) for row in rows]
        self.frequencies = frequencies or Frequencies(self._forms)
        self._holders: dict[str, int | list[int]] = {}
        holders = self._holders
        for place, form in enumerate(self._forms):
            for key in block_keys(form):
                held = holders.get(key)
                if held is None:
                    holders[key] = place
                elif isinstance(held, int):
                    holders[key] = [held, place]
                elif len(held) <= MOST_PER_KEY:
                    held.append(place)

    def __len__(self) -> int:
        return len(self._forms)

    def find(self, row: Party, most: int = 5) -> Found:
        """Return who the row may be; the row itself, known by its id, is never among them."""
        return self._decided(row, most)[0]

    def find_doubles(self, row: Party, most: int = 5) -> tuple[Found, tuple[Candidate, ...]]:
        """Return what `find` does and, of a link, the further records here that are the same as the linked one.

        A tie between records that are all the same is a link to each of them, and none to choose.
        """
        found, weighed, near = self._decided(row, most)
        if len(found.candidates) < 2:
            return found, ()
        likeliest = found.candidates[0].id
        first = next(one for one in weighed if one.id == likeliest)  # as it was before a tie held it
        if first.comparison.band is not Band.LINK:
            return found, ()
        forms = {other.id: other for other in near}
        doubles = tuple(
            other
            for other in found.candidates[1:]
            if other.comparison.band is Band.LINK and self._are_one(forms[likeliest], forms[other.id])
        )
        if found.band is Band.LINK:
            return found, doubles
        level = {one.id for one in weighed if first.comparison.weight - one.comparison.weight < self.rules.margin}
        if level <= {likeliest, *(one.id for one in doubles)}:
            return replace(found, candidates=(first, *found.candidates[1:]), band=Band.LINK), doubles
        return found, ()

    def pairs(self) -> Iterator[tuple[str, str, Comparison]]:
        """Yield each two records of the index that may be one, once; unlikely pairs are left out."""
        frequencies = self.frequencies.for_doubles()
        found: dict[tuple[str, str], Comparison] = {}
        for form in self._forms:
            for other in self._near(form, every=True):
                pair = (form.id, other.id) if form.id < other.id else (other.id, form.id)
                if pair not in found:
                    found[pair] = weigh(form, other, self.rules, frequencies)
        weighed = [(*pair, one) for pair, one in found.items() if one.band is not Band.NO]
        hold = {Purpose.SITE: hold_outdone, Purpose.PERSON: _hold_twins}.get(self.rules.purpose, iter)
        yield from hold(weighed)

    def _decided(self, row: Party, most: int) -> tuple[Found, list[Candidate], list[Form]]:
        form = form_of(row)
        near = self._near(form)
        weighed = [
            Candidate(id=other.id, comparison=weigh(form, other, self.rules, self.frequencies)) for other in near
        ]
        return decide(weighed, self.rules, {other.id: other.facts for other in near}, most), weighed, near

    def _are_one(self, left: Form, right: Form) -> bool:
        said = weigh(left, right, self.rules, self.frequencies)
        return said.band is Band.LINK and not (self._placed and (said.doubtful or said.contradicted))

    def _near(self, form: Form, *, every: bool = False) -> list[Form]:
        """Return the records that share the most keys; those that share few are left out once some share many."""
        shared: dict[int, float] = {}
        best = 0.0
        for by_name, length, said, held in self._blocks(form):
            # A name alone finds nobody at another place, and common keys nobody new once rarer ones found somebody.
            sure = best >= _SURE and not every
            if by_name and sure and len(shared) <= _MOST_WEAK:
                break
            if shared and not every and ((by_name and self._placed) or (sure and (by_name or length > _SHORT))):
                for place in shared.keys() & held:
                    shared[place] += said
                continue
            for place in held:
                now = shared.get(place, 0.0) + said
                shared[place] = now
                if now > best:
                    best = now
        if not shared:
            return []
        return self._ranked(form, shared, every)

    def _ranked(self, form: Form, shared: dict[int, float], every: bool) -> list[Form]:
        forms, mine = self._forms, form.id
        best = max(shared.values())
        if not every and best >= _SURE and any(said == best and forms[at].id == mine for at, said in shared.items()):
            return self._near(form, every=True)  # the record itself stands here, and outshines the others
        least = _LEAST if every else max(_LEAST, _NEAR_THE_BEST * best)
        ranked = [(-said, forms[place].id, place) for place, said in shared.items() if said >= least]
        if len(ranked) > 1:
            ranked.sort()
        near = [forms[place] for _, _, place in ranked[: _MOST_WEIGHED if every or best >= _SURE else _MOST_WEAK]]
        return [other for other in near if not mine or other.id != mine]

    def _blocks(self, form: Form) -> list[tuple[bool, int, float, Sequence[int]]]:
        """Return the keys' holders, those of the rarest keys first and those of the name alone last."""
        holders, hint = self._holders, self._hint
        blocks: list[tuple[bool, int, float, Sequence[int]]] = []
        for key in block_keys(form):
            held = holders.get(key)
            if held is None:
                continue
            kind = key[0]
            if isinstance(held, int):
                blocks.append((kind in _BY_NAME, 1, hint.get(kind, 2.0), (held,)))
            elif len(held) <= MOST_PER_KEY:
                blocks.append((kind in _BY_NAME, len(held), hint.get(kind, 2.0), held))
        if len(blocks) > 1:
            blocks.sort(key=_rarity)
        return blocks


_rarity = itemgetter(0, 1)


def hold_outdone(
    pairs: Sequence[tuple[str, str, Comparison]],
) -> Iterator[tuple[str, str, Comparison]]:
    """Hold links while likelier ones are beyond doubt: a doubtful one while either has such, a partial one while both.

    So "Vogel Bar" is one with the other "Vogel Bar" at its door, and not with the "Vogel Bakery" there.
    """
    clear: dict[str, float] = {}
    whole: dict[str, float] = {}
    for left, right, one in pairs:
        if one.band is Band.LINK:
            for best, open_to_doubt in ((clear, one.doubtful), (whole, one.partial)):
                for record in () if open_to_doubt else (left, right):
                    best[record] = max(best.get(record, one.weight), one.weight)
    for left, right, one in pairs:
        either = max(clear.get(left, one.weight), clear.get(right, one.weight)) > one.weight
        both = min(whole.get(left, one.weight), whole.get(right, one.weight)) > one.weight
        outdone = (one.doubtful and either) or (one.partial and both)
        yield left, right, one.held(Hold.OUTDONE) if outdone else one


def choose(
    row: Party, rows: Iterable[Party], rules: Rules = SITE, frequencies: Frequencies = ANYWHERE, most: int = 5
) -> Found:
    """Say which of a handful of rows, such as a store holds under the row's `block_keys`, the row may be."""
    form, others = form_of(row), [form_of(one) for one in rows]
    weighed = [
        Candidate(id=other.id, comparison=weigh(form, other, rules, frequencies))
        for other in others
        if not form.id or other.id != form.id
    ]
    return decide(weighed, rules, {other.id: other.facts for other in others}, most)


def shortlist(holders: Mapping[str, Sequence[str]], purpose: Purpose) -> list[str]:
    """Return the records worth weighing, those that share the most first. `holders`: block key -> records under it."""
    hint = _HINT_NAME_ONLY if purpose is Purpose.COMPANY else _HINT
    shared: dict[str, float] = {}
    for key, held in holders.items():
        if len(held) > MOST_PER_KEY:
            continue
        said = hint.get(key[0], 2.0)
        for one in held:
            shared[one] = shared.get(one, 0.0) + said
    ranked = sorted((-said, one) for one, said in shared.items() if said >= _LEAST)
    return [one for _, one in ranked[:_MOST_WEIGHED]]


def break_tie(facts: Mapping[str, Mapping[str, float]], rules: Rules) -> tuple[str, str] | None:
    """Return (id, tie-breaker) of the one that comes first, each tie-breaker leaving the best for the next."""
    left = list(facts)
    for tie in rules.ties:
        best = max(facts[one].get(tie, 0.0) for one in left)
        left = [one for one in left if facts[one].get(tie, 0.0) == best]
        if len(left) == 1:
            return left[0], tie
    return None


def decide(
    weighed: Sequence[Candidate], rules: Rules, facts: Mapping[str, Mapping[str, float]], most: int = 5
) -> Found:
    """Rank candidates and say whether the first is far enough ahead of the second to be linked without asking."""
    everyone = sorted(
        (one for one in weighed if one.comparison.band is not Band.NO),
        key=lambda one: (one.comparison.band is not Band.LINK, -one.comparison.weight, one.id),
    )
    if not everyone:
        return _NOBODY
    ranked = everyone[: max(most, 2)]
    first = ranked[0]
    margin = first.comparison.weight - ranked[1].comparison.weight if len(ranked) > 1 else float("inf")
    if first.comparison.band is not Band.LINK or margin >= rules.margin:
        return Found(candidates=tuple(ranked), band=first.comparison.band, margin=margin)
    level = [one for one in everyone if first.comparison.weight - one.comparison.weight < rules.margin]
    preferred = _by_legal_form(level) or break_tie({one.id: facts[one.id] for one in level}, rules)
    chosen = next((one for one in level if preferred is not None and one.id == preferred[0]), None)
    if preferred is not None and chosen is not None and chosen.comparison.band is Band.LINK:
        return Found(
            candidates=(chosen, *(one for one in ranked if one is not chosen)),
            band=Band.LINK,
            margin=margin,
            tie_broken_by=preferred[1],
            level=tuple(one.id for one in level if one is not chosen),
        )
    held = replace(first, comparison=first.comparison.held(Hold.TIE))
    return Found(candidates=(held, *ranked[1:]), band=Band.REVIEW, margin=margin)


def _by_legal_form(level: Sequence[Candidate]) -> tuple[str, str] | None:
    """Return (id, what decides) of the one of the same name and legal form, where all others have another form."""
    whole = [one for one in level if all(sign is not Sign.LEGAL_OTHER for sign, _ in one.comparison.signs)]
    if len(whole) == 1 < len(level) and any(sign is Sign.NAME_SAME for sign, _ in whole[0].comparison.signs):
        return whole[0].id, "same legal form"
    return None


def _hold_twins(pairs: Sequence[tuple[str, str, Comparison]]) -> Iterator[tuple[str, str, Comparison]]:
    """Hold links of two first names where both stand there twice: they share birthday, door and last name."""
    twice = {
        record
        for left, right, one in pairs
        if one.band is Band.LINK and one.said(Sign.FIRST_SAME) and one.said(Sign.LAST_SAME)
        for record in (left, right)
    }
    for left, right, one in pairs:
        twins = left in twice and right in twice and not one.said(Sign.FIRST_SAME)
        yield left, right, one.held(Hold.OUTDONE) if twins else one
