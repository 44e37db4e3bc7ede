"""Reads which of a company's branches somebody means who says in a form where they sit: "Plant 2", "Peoria", "1003".

Whose branches these are is known; a statement that fits none, or fits no one more than the others, is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.matching.company import company_words
from syncd.matching.place import SHORT
from syncd.matching.text import fold, tokens

# What a site is called by anybody, which says nothing of which.
_ANY = frozenset({
    "plant", "site", "branch", "facility", "location", "works", "factory", "office", "warehouse", "depot", "werk",
    "standort", "niederlassung", "filiale", "ship", "to", "shipto", "no", "nr", "number", "our", "main",
})  # fmt: skip


def is_stated(site: Any, company: Any, branch: Mapping[str, Any]) -> bool:
    """Whether the statement names the branch: by its number, or by words that its name, its place or its town has.

    `company`: the name of the account, whose words say nothing of the site.
    """
    said = _words(site) - _ANY
    numbers = {_number(branch.get(name)) for name in ("ship_to", "place")} - {""}
    if len(said) == 1 and {_number(word) for word in said} & numbers:
        return True
    named = said - _words(company)
    here = _words(branch.get("name")) | _words(branch.get("city")) | _words(branch.get("place"))
    return bool(named) and named <= here


# ---------------------------------------------------------------------------------------------------------------------


def _words(text: Any) -> set[str]:
    if not isinstance(text, str):
        return set()
    return {SHORT.get(word, word) for word in company_words(text)[0]} if tokens(fold(text)) else set()


def _number(text: Any) -> str:
    return "".join(tokens(fold(str(text)))).lstrip("0") if text is not None else ""
