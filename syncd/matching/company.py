"""Says what of a company's name names it, and what is only its legal form.

The forms are cleanco's list of some 600 terms; comparing names is not done here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cleanco import termdata

from syncd.matching.text import fold, join_letters, tokens

# Forms written without a space before or after the name, so they are cut out before it is read as words.
_UNSPACED = re.compile(
    "株式会社|有限会社|合同会社|合資会社|股份有限公司|有限责任公司|有限責任公司|有限公司|集团|集團|주식회사|유한회사|㈜|㈱|\\(株\\)|\\(주\\)"
)
# Written before the name. In Latin letters after folding: OOO, OAO, ZAO, PAO, TOV, TOO, PT, SIA, UAB.
_LEADING = frozenset({"ooo", "oao", "zao", "pao", "tov", "too", "pt", "sia", "uab", "pp", "ip", "ao", "chp"})
# What cleanco's list lacks: forms of other scripts after folding, and long forms people type.
_FURTHER = (
    "ooo", "oao", "zao", "pao", "tov", "ood", "eood", "ead", "doo", "dooel", "epe", "ae", "ike", "sp zoo", "sp z oo",
    "spzoo", "sa de cv", "s de rl de cv", "gmbh co kg", "gmbh und co kg", "gmbh and co kg", "gmbh u co kg", "co kg",
    "co ohg", "gmbh co ohg", "ag co kg", "ug haftungsbeschrankt", "aktiengesellschaft", "kommanditgesellschaft",
    "gesellschaft mit beschrankter haftung", "societe anonyme", "sociedad anonima", "societa per azioni",
    "besloten vennootschap", "naamloze vennootschap", "aktiebolag", "aktieselskab", "pty ltd", "pte ltd", "pvt ltd",
    "private limited", "co ltd", "company limited", "sdn bhd", "limited liability company", "public limited company",
    "sasu", "eurl", "sarl", "srls", "kft", "zrt", "nyrt", "bvba", "ltda", "eireli", "plc", "lllp", "pllc",
    "pjsc", "jsc",
    "kabushiki kaisha", "kk", "yugen kaisha", "gk", "a s", "as", "asa", "aps", "ab", "oyj", "oy", "hf", "ehf", "incorp",
    "inc", "incorporated", "corp", "corporation", "co", "company", "cos", "companies", "llc", "lc", "ltd", "limited",
    "lp", "llp", "gmbh", "mbh", "ag", "kg", "ohg", "kgaa", "se", "sa", "sas", "srl", "spa", "bv", "nv", "cie",
)  # fmt: skip
# The same form in full and short.
_SHORT = {
    "incorporated": "inc", "incorp": "inc", "corporation": "corp", "company": "co", "companies": "co", "cos": "co",
    "limited": "ltd", "limited liability company": "llc", "public limited company": "plc", "aktiengesellschaft": "ag",
    "company limited": "co ltd", "kommanditgesellschaft": "kg", "gesellschaft mit beschrankter haftung": "gmbh",
    "sp z oo": "spzoo", "sp zoo": "spzoo", "societe anonyme": "sa", "sociedad anonima": "sa", "mbh": "gmbh",
    "private limited": "pvt ltd", "kabushiki kaisha": "kk", "gmbh und co kg": "gmbh co kg",
    "gmbh and co kg": "gmbh co kg", "gmbh u co kg": "gmbh co kg", "gmbh co": "gmbh co kg",
    "ug haftungsbeschrankt": "ug", "a s": "as",
}  # fmt: skip
# Seldom anything but a legal form, so also read as one in the middle: "Sigma International Inc - Elk Grove Div".
_ANYWHERE = frozenset({
    "inc", "incorporated", "llc", "ltd", "limited", "corp", "corporation", "gmbh", "plc", "pty", "llp", "sarl", "srl",
})  # fmt: skip
_JOINING = frozenset({
    "the", "and", "of", "und", "et", "y", "e", "de", "la", "le", "les", "du", "der", "die", "das", "den", "di", "da",
    "do", "dba", "fka", "aka", "formerly", "a", "an", "for", "at", "in", "on",
})  # fmt: skip
# As the second and later funds of a series are numbered; "x" and what is above nine is hardly met, or is a word.
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_LONGEST_FORM = 5


def company_words(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words that name the company, in order, and its legal forms; the words are empty only without a name.

    A name of nothing but legal forms and joining words ("The Limited", "Company Company") stays as it is.
    """
    unspaced = name if name.isascii() else _UNSPACED.sub(" ", name)
    words = tokens(join_letters(fold(unspaced)))
    if not words:
        words = tokens(fold(name))
    core, forms = _without_forms(words)
    core[1:] = [_ROMAN.get(word, word) for word in core[1:]]
    named = tuple(dict.fromkeys(word for word in core if word not in _JOINING))
    return named or tuple(dict.fromkeys(core)) or tuple(dict.fromkeys(words)), forms


# ---------------------------------------------------------------------------------------------------------------------


def _without_forms(words: list[str]) -> tuple[list[str], tuple[str, ...]]:
    known, endings = _forms()
    forms: set[str] = set()
    core = list(words)
    while len(core) > 1 and core[0] in _LEADING:
        forms.add(core.pop(0))
    cut = True
    while cut and len(core) > 1 and core[-1] in endings:
        cut = False
        for length in range(min(_LONGEST_FORM, len(core) - 1), 0, -1):
            tail = " ".join(core[-length:])
            if tail in known:
                forms.add(_SHORT.get(tail, tail))
                del core[-length:]
                while len(core) > 1 and core[-1] in _JOINING:
                    core.pop()
                cut = True
                break
    if not _ANYWHERE.isdisjoint(core):
        forms.update(_SHORT.get(word, word) for word in core[1:] if word in _ANYWHERE)
        core[1:] = [word for word in core[1:] if word not in _ANYWHERE]
    return core, tuple(sorted(forms)) if forms else ()


@lru_cache(maxsize=1)
def _forms() -> tuple[frozenset[str], frozenset[str]]:
    """Return the forms, and the words that one of them ends with."""
    listed = (term for terms in termdata.terms_by_type.values() for term in terms)
    by_country = (term for terms in termdata.terms_by_country.values() for term in terms)
    plain = {" ".join(tokens(join_letters(fold(term)))) for source in (listed, by_country) for term in source}
    forms = frozenset(term for term in plain | set(_FURTHER) if term)
    return forms, frozenset(term.rpartition(" ")[2] for term in forms)
