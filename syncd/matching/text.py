"""Turns what people type into plain Latin tokens, and tokens into a skeleton that spellings of one sound share.

What a token means, a legal form or a street type, is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from anyascii import anyascii

# Longer than any honest field: what follows is somebody's pasted page, and comparing it would only cost time.
LONGEST = 512

_WORD = re.compile(r"[a-z0-9]+")
_TAG = re.compile(r"<[^<>]{0,200}>|&(?:nbsp|amp|quot|lt|gt|#\d{1,5});")
_LETTERS = re.compile(r"\b[a-z](?:[ .&/]{1,2}[a-z]\b)+\.?")
# What one sound is written as in German, French, English and scholarly transliteration; applied in this order.
_SOUNDS = (
    ("tsch", "c"), ("tch", "c"), ("sch", "s"), ("shch", "s"), ("ph", "f"), ("th", "t"), ("kh", "h"), ("ch", "c"),
    ("sh", "s"), ("zh", "z"), ("ck", "k"), ("ts", "z"), ("qu", "k"), ("ae", "a"), ("oe", "o"), ("ue", "u"),
    ("ou", "u"), ("ee", "i"), ("ea", "i"), ("ie", "i"), ("ij", "i"), ("iy", "i"), ("yy", "i"), ("ia", "a"),
    ("ya", "a"), ("yu", "u"), ("iu", "u"), ("c", "k"), ("q", "k"), ("w", "v"), ("y", "i"), ("j", "i"), ("z", "s"),
)  # fmt: skip


def fold(text: str) -> str:
    """Return the text in small ASCII letters, whatever script it came in, without mark-up and apostrophes."""
    text = text[:LONGEST]
    if not text.isascii():
        text = anyascii(unicodedata.normalize("NFKC", text))
    text = text.lower()
    if "<" in text or "&" in text:
        text = _TAG.sub(" ", text)
    return text.replace("'", "")


def tokens(folded: str) -> list[str]:
    return _WORD.findall(folded)


def join_letters(folded: str) -> str:
    """Write single letters in a row as one word: "s.a." and "s a" are "sa", "j. p. morgan" is "jp morgan"."""
    return _LETTERS.sub(_joined, folded)


@lru_cache(maxsize=1 << 17)
def skeleton(token: str) -> str:
    """Return the token with its sounds written one way and nothing doubled: Müller, Mueller and Muller share one."""
    if not token.isalpha() or len(token) < 3:
        return token
    out = token
    for written, sound in _SOUNDS:
        if written in out:
            out = out.replace(written, sound)
    kept = [out[0]]
    kept += [ch for before, ch in pairwise(out) if ch != before]
    return "".join(kept)


# ---------------------------------------------------------------------------------------------------------------------


def _joined(found: re.Match[str]) -> str:
    return "".join(ch for ch in found.group() if ch.isalpha())
