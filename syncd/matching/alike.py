"""Compares words with words: the same, one slip apart, an abbreviation, glued together.

How much a likeness says is weighed by how rare the words are; the weights of fields are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from syncd.matching.text import skeleton

_ENOUGH = 0.75  # one slip in four letters, two in eight
_MOST_WORDS = 8
_GLUED = 0.9
_POINTS = ("north", "south", "east", "west")


class Overlap(NamedTuple):
    """Bits two lists of words agree on, and bits only the left or the right one has."""

    agreed: float
    left: float
    right: float
    exact: bool  # no word had to be read as another
    numbers_differ: bool

    @property
    def share(self) -> float:
        """Return how much of what both could agree on they do, 0 to 1."""
        whole = self.agreed + min(self.left, self.right)
        return self.agreed / whole if whole else 0.0


def overlap(left: Sequence[str], right: Sequence[str], bits: dict[str, float], rarest: float) -> Overlap:
    """Compare two lists of distinct words; order does not matter."""
    if left == right:
        return Overlap(_sum(left, bits, rarest), 0.0, 0.0, True, False)
    agreed = 0.0
    only_left: list[str] = []
    only_right = list(right)
    for word in left:
        if word in only_right:
            only_right.remove(word)
            agreed += bits.get(word, rarest)
        else:
            only_left.append(word)
    if not only_left or not only_right:
        return Overlap(agreed, _sum(only_left, bits, rarest), _sum(only_right, bits, rarest), True, False)
    return _with_likenesses(agreed, only_left[:_MOST_WORDS], only_right[:_MOST_WORDS], bits, rarest)


@lru_cache(maxsize=1 << 17)
def likeness(left: str, right: str) -> float:
    """Return how sure it is that two different words mean one, 0 to 1; symmetric."""
    short, long = (left, right) if len(left) <= len(right) else (right, left)
    if left.isdigit() or right.isdigit():
        return 0.0
    if len(short) < 3:
        return 0.25 if len(short) == 1 and long[0] == short else 0.0
    close = OSA.normalized_similarity(left, right, score_cutoff=_ENOUGH)
    if skeleton(left) == skeleton(right):
        return 0.9
    if close and len(long) >= 4 and not _opposed(left, right):
        return 0.55 + (close - _ENOUGH) * 1.6
    return 0.5 if short[0] == long[0] and _abbreviates(short, long) else 0.0


# ---------------------------------------------------------------------------------------------------------------------


def _sum(words: Sequence[str], bits: dict[str, float], rarest: float) -> float:
    total = 0.0
    for word in words:
        total += bits.get(word, rarest)
    return total


def _with_likenesses(
    agreed: float, only_left: list[str], only_right: list[str], bits: dict[str, float], rarest: float
) -> Overlap:
    solid = agreed
    if len(only_left) != len(only_right) and "".join(only_left) == "".join(only_right):
        solid += _GLUED * min(_sum(only_left, bits, rarest), _sum(only_right, bits, rarest))
    pairs = []
    for one in only_left:
        for other in only_right:
            like = likeness(one, other) if one < other else likeness(other, one)
            if like:
                pairs.append((like, min(one, other), max(one, other), one, other))
    if len(pairs) > 1:
        pairs.sort(reverse=True)
    for like, _, _, one, other in pairs:
        if one in only_left and other in only_right:
            only_left.remove(one)
            only_right.remove(other)
            # A slip is seldom in the index, so the rarity of the word it stands for is the commoner one's.
            agreed += like * min(bits.get(one, rarest), bits.get(other, rarest))
    if solid > agreed:
        return Overlap(solid, 0.0, 0.0, False, False)
    left, right = _sum(only_left, bits, rarest), _sum(only_right, bits, rarest)
    if only_left and only_right:
        glued = _glued(only_left, only_right)
        if glued:
            return Overlap(agreed + glued * min(left, right), 0.0, 0.0, False, False)
    differ = any(word.isdigit() for word in only_left) and any(word.isdigit() for word in only_right)
    return Overlap(agreed, left, right, False, differ)


def _glued(left: list[str], right: list[str]) -> float:
    """ "Coca Cola" and "Cocacola", or "IBM" and "International Business Machines"."""
    if len(left) == len(right) == 1:
        return 0.0
    one, other = "".join(left), "".join(right)
    if not (one.isdigit() or other.isdigit()):
        if one == other:
            return _GLUED
        if min(len(one), len(other)) >= 6 and OSA.normalized_similarity(one, other) >= 0.88:
            return 0.7
    for words, acronym in ((left, right), (right, left)):
        if len(words) >= 3 and len(acronym) == 1 and acronym[0] == "".join(word[0] for word in words):
            return 0.4
    return 0.0


def _opposed(left: str, right: str) -> bool:
    """Whether they begin with two points of the compass: Westwood is no slip of Eastwood."""
    mine = next((point for point in _POINTS if left.startswith(point)), None)
    return mine is not None and any(right.startswith(point) for point in _POINTS if point != mine)


def _abbreviates(short: str, long: str) -> bool:
    """Whether it is the beginning of `long`, consonants of it in order ("mfg") or letters with both ends ("bros")."""
    if len(short) < 3 or len(short) > 0.7 * len(long) or short[0] != long[0]:
        return False
    if long.startswith(short):
        return True
    contracted = len(short) > 3 and len(long) > 7 and short[-1] == long[-1]
    if not contracted and (any(ch in "aeiou" for ch in short[1:]) or len(short) > 5):
        return False
    letters = iter(long)
    return all(ch in letters for ch in short)
