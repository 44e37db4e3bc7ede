"""Tells by their names those who stand close together and are two: a hospital and its pharmacy, sister companies.

What else speaks for them being one is not looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncd.matching.alike import likeness
from syncd.matching.frequency import Frequencies


def go_on_otherwise(one: Sequence[str], other: Sequence[str], frequencies: Frequencies) -> bool:
    """Whether each has a usual word of its own: Turner Finance is not Turner Properties; a rare one may be a slip."""
    usual = frequencies.is_usual
    return any(usual(word) for word in one if word not in other) and any(
        usual(word) for word in other if word not in one
    )


def are_told_apart(one: Sequence[str], other: Sequence[str], frequencies: Frequencies) -> bool:
    """Whether either has a word that tells records of one door apart here, and the other nothing like it."""
    telling, tells = frequencies.telling, frequencies.tells
    mine, theirs = [word for word in one if word not in other], [word for word in other if word not in one]
    for words, others, whole in ((mine, theirs, other), (theirs, mine, one)):
        for word in words:
            # A slip may be of a word that both have, which then stands twice on this side: "Medical Center Sleep Cntr".
            asked = others if word in telling else whole
            if tells(word) and not any(_is_like(word, each, words) for each in asked):
                return True
    return False


# ---------------------------------------------------------------------------------------------------------------------


def _is_like(word: str, other: str, words: Sequence[str]) -> bool:
    """Whether the other is most like this one of the words: Hosp. is Hospital rather than Hospice."""
    like = likeness(min(word, other), max(word, other))
    return like > max((likeness(min(one, other), max(one, other)) for one in words if one != word), default=0.0)
