"""Phones, countries and states in canonical form.

Every function takes one raw, non-blank value and returns the canonical one, None for blank, or a BadValue.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers
import pycountry
from babel import Locale

from syncd.mapping.model import BadValue
from syncd.mapping.transforms.postcodes import US_AREAS, has_states, states_known
from syncd.mapping.transforms.text import read_text

BAD_PHONE = BadValue("not a phone number")
BAD_COUNTRY = BadValue("not a country")
BAD_STATE = BadValue("not a state of its country")

_NANP = re.compile(r"(?:\+?1[\s.\-]*)?\(?([2-9][0-9]{2})\)?[\s.\-/]*([2-9][0-9]{2})[\s.\-]*([0-9]{4})")
_NANP_REGIONS = frozenset({"US", "CA"})
_E164_US = re.compile(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}")


def read_phone(raw: Any, region: str, _stated: bool = False) -> Any:
    """E.164. `region` is the country of numbers written without one; an extension is dropped."""
    text = read_text(raw)
    return _phone(text, region) if text.__class__ is str else text


@lru_cache(maxsize=16_384)
def _phone(text: str, region: str) -> Any:
    if _E164_US.fullmatch(text):
        return text
    if region in _NANP_REGIONS:
        found = _NANP.fullmatch(text)
        if found:
            return f"+1{found[1]}{found[2]}{found[3]}"
    number = _parse(text, region)
    if number is None:
        return BAD_PHONE
    written = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if not number.italian_leading_zero:
        return written
    # Zeros that only look like part of the number: the library adds one more each time it reads what it wrote.
    again = _parse(written, region)
    return written if again == number else BAD_PHONE


def _parse(text: str, region: str) -> Any:
    if len(text) > 60:
        return None
    text = re.sub(r"^\+?\s*\(?00(?=[1-9])", "+", text)
    text = re.sub(r"^(\+[\d\s]+)\(0\)", r"\1", text)  # "+49 (0)89 ...": the zero is for callers at home
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def phone_form(value: str, region: str | None) -> str:
    """Write a number as people do; without its country code where it is of `region`."""
    number = _parse(value, "US")
    if number is None:
        return value
    forms = phonenumbers.PhoneNumberFormat
    at_home = region is not None and phonenumbers.region_code_for_number(number) == region
    return str(phonenumbers.format_number(number, forms.NATIONAL if at_home else forms.INTERNATIONAL))


def phone_extension(text: str) -> str:
    """Return the extension of a phone number, "" for none."""
    try:
        number = phonenumbers.parse(text[:60], "US")
    except phonenumbers.NumberParseException:
        return ""
    return str(number.extension or "")


def region_exists(code: str) -> bool:
    return code in _codes()


def read_country(raw: Any) -> Any:
    """ISO 3166-1 alpha-2, from codes and from names in the languages of `LANGUAGES`."""
    text = read_text(raw)
    return _country(text) if text.__class__ is str else text


@lru_cache(maxsize=4096)
def _country(text: str) -> Any:
    if text in _codes():
        return text
    key = _key(text)
    return _english().get(key) or _other_languages().get(key) or BAD_COUNTRY


def country_name(code: str) -> str:
    """Return the English name, or the code when it has none."""
    return _names().get(code, code)


def country_letters(code: str) -> str:
    """Return the three letters of ISO 3166-1, or the code when it has none."""
    found = pycountry.countries.get(alpha_2=code)
    return str(found.alpha_3) if found is not None else code


LANGUAGES = (
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "sk",
    "hu",
    "ro",
    "tr",
    "el",
    "ru",
    "uk",
    "ja",
    "zh",
    "ko",
    "ar",
    "he",
)

_ALIASES: Mapping[str, str] = {
    "uk": "GB",
    "great britain": "GB",
    "britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "america": "US",
    "united states of america": "US",
    "estados unidos de america": "US",
    "vereinigte staaten von amerika": "US",
    "etats unis d amerique": "US",
    "holland": "NL",
    "czech republic": "CZ",
    "tschechische republik": "CZ",
    "republic of korea": "KR",
    "south korea": "KR",
    "korea": "KR",
    "north korea": "KP",
    "russia": "RU",
    "russian federation": "RU",
    "turkey": "TR",
    "turkiye": "TR",
    "ivory coast": "CI",
    "macedonia": "MK",
    "swaziland": "SZ",
    "burma": "MM",
    "cape verde": "CV",
    "republic of ireland": "IE",
    "peoples republic of china": "CN",
    "p r china": "CN",
    "prc": "CN",
    "mainland china": "CN",
    "uae": "AE",
    "bundesrepublik deutschland": "DE",
    "brd": "DE",
    "kosovo": "XK",
}


def _key(text: str) -> str:
    """Fold case, accents and punctuation: "U.S.A." and "usa", "México" and "mexico" are one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    if re.fullmatch(r"(?:\w\s?\.\s?){2,4}\w?", plain):
        plain = re.sub(r"[\s.]", "", plain)
    plain = " ".join(re.sub(r"[^\w\s]", " ", plain).split())
    return plain.removeprefix("the ")


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    return frozenset([country.alpha_2 for country in pycountry.countries] + ["XK"])


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    territories = Locale("en").territories
    return {code: territories[code] for code in _codes() if code in territories}


@lru_cache(maxsize=1)
def _english() -> dict[str, str]:
    index: dict[str, str] = {}
    for country in pycountry.countries:
        for attribute in ("name", "official_name", "common_name"):
            name = getattr(country, attribute, None)
            if name:
                index[_key(name)] = country.alpha_2
                index.setdefault(_key(name.partition(",")[0]), country.alpha_2)
    index.update({_key(name): code for code, name in _names().items()})
    index.update(_ALIASES)
    index.update({country.alpha_3.lower(): country.alpha_2 for country in pycountry.countries})
    index.update({code.lower(): code for code in _codes()})
    return index


@lru_cache(maxsize=1)
def _other_languages() -> dict[str, str]:
    """Only asked for names that English does not know: it takes half a second to build."""
    index: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in _codes():
                index.setdefault(_key(name), code)
    return index


_WITH_STATES = ("US", "CA", "AU")
_OWN_LETTERS = ("PL",)  # MA was Małopolskie, SK Śląskie, until ISO gave numbers to Poland's regions in 2018


def read_state(raw: Any, region: str, stated: bool = False) -> Any:
    """The postal code of a state in the US, Canada or Australia; elsewhere the text as it stands.

    `stated`: the record itself says that `region` is its country, so that another country's state is none.
    """
    text = read_text(raw)
    return _state(text, region, stated) if text.__class__ is str else text


@lru_cache(maxsize=4096)
def _state(text: str, region: str, stated: bool) -> Any:
    text = " ".join(text.split())
    key = _key(text)
    if region in _WITH_STATES and key in _states(region):
        return _states(region)[key]
    return BAD_STATE if stated and _is_elsewhere(key, region) else text


def _is_elsewhere(key: str, region: str) -> bool:
    """Whether it is beyond doubt another country's: a state of the US, Canada or Australia, or two letters of none."""
    if region in _WITH_STATES:
        others = [other for other in _WITH_STATES if other != region]
        return re.fullmatch("[a-z]{2}", key) is not None or any(key in _states(other) for other in others)
    if has_states(region) or region in _OWN_LETTERS or region in US_AREAS or key in _states(region):
        return False
    return key in _states("US") or key in _states("CA")


@lru_cache(maxsize=256)
def _states(region: str) -> dict[str, str]:
    """Return a country's states by code and name; those of the US have the territories and the forces' post offices."""
    index = {_key(name): code for name, code in states_known(region).items()} if region in _WITH_STATES else {}
    for one in pycountry.subdivisions.get(country_code=region) or ():  # type: ignore[no-untyped-call]
        code = one.code.partition("-")[2]
        index[_key(one.name)] = index[code.lower()] = code
    return index


def state_name(code: str, region: str) -> str:
    """Return a state's name in English, where its country has states that we know; else the text as it stands."""
    return _state_names(region).get(code, code) if region in _WITH_STATES else code


@lru_cache(maxsize=3)
def _state_names(region: str) -> dict[str, str]:
    found = pycountry.subdivisions.get(country_code=region)  # type: ignore[no-untyped-call]
    return {one.code.partition("-")[2]: one.name for one in found}
