"""Reads an address, in whatever order and fields it came, into numbers, street words, town, postcode and country.

Comparing two addresses is not done here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from syncd.matching.text import LONGEST, fold, join_letters, tokens

# USPS Publication 28 appendix C, and what the same kinds of words are called and shortened to elsewhere.
_TYPES = {
    "st": "street str", "ave": "avenue av aven avenida avda avinguda", "rd": "road", "dr": "drive drv", "ln": "lane",
    "blvd": "boulevard boul bd bvd bulvar", "ct": "court", "cir": "circle", "cres": "crescent cr crs", "pl": "place",
    "sq": "square", "ter": "terrace terr tce", "trl": "trail", "pkwy": "parkway pkway pky", "hwy": "highway highwy",
    "fwy": "freeway", "expy": "expressway", "tpke": "turnpike", "rte": "route rt", "aly": "alley", "way": "wy",
    "cl": "close", "gr": "grove gv", "gdns": "gardens gdn garden", "cct": "circuit", "pde": "parade", "esp":
    "esplanade",
    "strasse": "", "weg": "", "allee": "", "platz": "", "rue": "", "chemin": "chem", "quai": "", "via": "",
    "viale": "", "piazza": "", "corso": "", "calle": "", "plaza": "plz", "paseo": "", "carrer": "", "rua": "",
    "ulitsa": "ul ulica",
    "prospekt": "prosp pr prospect", "pereulok": "per", "laan": "", "straat": "", "plein": "", "gata": "", "vej": "",
    "cadde": "cad caddesi", "sokak": "sok sk", "kv": "", "bis": "",
}  # fmt: skip
_WAYS = {
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest", "se": "southeast",
    "sw": "southwest",
}  # fmt: skip
_OTHER = {
    "saint": "st", "sankt": "st", "mount": "mt", "fort": "ft", "heights": "hts", "junction": "jct", "center": "ctr",
    "centre": "ctr", "industrial": "ind", "international": "intl", "county": "co", "first": "1st", "second": "2nd",
    "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th",
    "tenth": "10th", "springs": "spgs", "village": "vlg", "station": "sta", "ridge": "rdg", "valley": "vly",
}  # fmt: skip
# Words of addresses as people write them out -> as they are compared.
SHORT = (
    {long: short for short, longs in _TYPES.items() for long in longs.split()}
    | {long: short for short, long in _WAYS.items()}
    | _OTHER
)
# Words that tell a kind of street rather than which one; no evidence when only one side has them.
KINDS = (
    frozenset(_TYPES)
    | frozenset(_WAYS)
    | {"co", "no", "nr", "d", "dom", "the", "of", "de", "la", "du", "des", "der", "and", "rural"}
)
WAYS: Mapping[str, str] = _WAYS
# A number behind these names the road, and is no house's: "4018 State Route 7".
_NUMBERED = frozenset({"hwy", "highway", "highwy", "rte", "route", "rt", "us", "sr", "interstate", "cr"})
_UNIT = re.compile(
    r"(?:\b(?:suite|ste|unit|apt|apartment|flat|floor|fl|room|rm|bldg|building|dock|gate|kv|office|lot|bay|etage)\b"
    r"[ .:#]*|#\s*)([a-z]?\d+[a-z]?|[a-z])\b|\b(\d{1,3})(?:st|nd|rd|th) (?:floor|fl)\b"
)
_BOX = re.compile(
    r"\b(?:p[ .]*o[ .]*b(?:ox)?|post(?:al)? (?:office )?box|postfach|postbus|apartado(?: postal)?|case postale|"
    r"boite postale|caixa postal|casella postale|locked bag|private bag|a/ya)\b[ .:#]*(?:no\b\.? *)?(\d[\d ]{0,9})?"
)
# A whole address in one line, as it ends: "Springfield, IL 60005-1234, USA"; "10115 Berlin, Germany"; "Leeds LS1 4AP".
_ENDS = tuple(
    re.compile(pattern + r"\s*$", re.IGNORECASE)
    for pattern in (
        r",\s*(?:(?P<city>[^,\d]+?)[,\s]+)?(?P<state>[a-z]{2})[,\s]+(?P<zone>\d{5})(?:-\d{4})?"
        r"(?:[,\s]+(?P<country>usa?|united states[a-z ]*))?",
        r",\s*(?P<zone>(?:[a-z]{1,2}-)?\d{4,5})\s+(?P<city>[^,\d]+?)(?:,\s*(?P<country>[^,\d]+))?",
        r",\s*(?P<city>[^,\d]+?)[,\s]+(?P<zone>\d{4,5}|[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2})(?:,\s*(?P<country>[^,\d]+))?",
    )
)
_DIGIT = re.compile(r"\d")
_GLUED = re.compile(r"(?<=[a-z])(?:strasse|str)\b")
_NUMBER = re.compile(r"(\d+)([a-z]{3,})?")


class Place(NamedTuple):
    """Where something stands. Every part may be empty; nothing is guessed from one part for another.

    `naming` are the words of the street that say which one, `ways` the points of the compass among the others.
    """

    numbers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    street: tuple[str, ...] = ()
    naming: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    box: str = ""
    city: tuple[str, ...] = ()
    state: str = ""
    postcode: str = ""
    country: str = ""

    def has(self, word: str) -> bool:
        """Whether the word stands anywhere in the address, in whichever field."""
        return (
            word in self.street
            or word in self.city
            or word == self.postcode
            or word in self.numbers
            or word == self.state
        )


NOWHERE = Place()


def read_place(
    street: str | None, city: str | None, state: str | None, postcode: str | None, country: str | None
) -> Place:
    """Return the address in canonical parts. Parts in a wrong field are put right where their shape tells."""
    if not (street or city or postcode):
        return Place(state=_plain(state), country=country_code(country)) if state or country else NOWHERE
    if street and "," in street and not (city or postcode):
        street, city, state, postcode, country = _out_of_one_line(street, state, country)
    numbers, units, words, box = _street_parts(street) if street else ((), (), (), "")
    town, zone = _words(city), _postcode(postcode)
    if postcode and not any(ch.isdigit() for ch in zone):  # a town in the postcode's field
        town, zone = town + tuple(word for word in _words(postcode) if word not in town), ""
    digits = [word for word in town if word.isdigit()]
    if digits:  # "60005 Arlington Heights" in the town's field
        town = tuple(word for word in town if not word.isdigit())
        zone = zone or (digits[0] if len(digits[0]) >= 4 else "")
    region = _plain(state)
    return Place(
        numbers=numbers,
        units=units,
        street=words,
        naming=tuple([word for word in words if word not in KINDS]),
        ways=tuple([word for word in words if word in WAYS]),
        box=box,
        city=town,
        state=region,
        postcode=zone,
        country=country_code(country),
    )


@lru_cache(maxsize=4096)
def country_code(country: str | None) -> str:
    """Return a country in one spelling as far as a short list goes; codes stay codes."""
    plain = _plain(country)
    return _COUNTRIES.get(plain, plain)


# ---------------------------------------------------------------------------------------------------------------------

_COUNTRIES = {
    "usa": "us", "united states": "us", "united states of america": "us", "america": "us", "deutschland": "de",
    "germany": "de", "ger": "de", "deu": "de", "united kingdom": "gb", "uk": "gb", "england": "gb", "gbr": "gb",
    "great britain": "gb", "france": "fr", "fra": "fr", "italia": "it", "italy": "it", "ita": "it", "espana": "es",
    "spain": "es", "esp": "es", "japan": "jp", "jpn": "jp", "china": "cn", "chn": "cn", "canada": "ca", "can": "ca",
    "australia": "au", "aus": "au", "osterreich": "at", "austria": "at", "aut": "at", "schweiz": "ch", "suisse": "ch",
    "switzerland": "ch", "che": "ch", "nederland": "nl", "netherlands": "nl", "the netherlands": "nl", "holland": "nl",
    "nld": "nl", "rossiya": "ru", "russia": "ru", "russian federation": "ru", "rus": "ru", "ri ben": "jp",
    "riben": "jp",
    "mexico": "mx", "mex": "mx", "brasil": "br", "brazil": "br", "bra": "br", "poland": "pl", "polska": "pl",
    "pol": "pl",
}  # fmt: skip


@lru_cache(maxsize=1 << 12)
def _plain(text: str | None) -> str:
    return " ".join(tokens(join_letters(fold(text)))) if text else ""


@lru_cache(maxsize=1 << 14)
def _words(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    return tuple(dict.fromkeys(SHORT.get(word, word) for word in tokens(join_letters(fold(text)))))


@lru_cache(maxsize=1 << 14)
def _postcode(text: str | None) -> str:
    if not text:
        return ""
    zone = "".join(tokens(fold(text)))
    if len(zone) == 9 and zone.isdigit():  # ZIP+4 names a side of a street, which the other record seldom has
        return zone[:5]
    # A spreadsheet's number ("1234.0"), and the country some write before it ("D-10115").
    if zone[:1].isalpha() and zone[1:].isdigit() and len(zone) >= 5:
        return zone[1:]
    return zone


def _out_of_one_line(street: str, state: str | None, country: str | None) -> tuple[str | None, ...]:
    """Return street, city, state, postcode and country as far as the end of the line tells them."""
    line = street[:LONGEST]
    for ending in _ENDS:
        found = ending.search(line)
        if found and _DIGIT.search(line, 0, found.start()) and not _is_street(found["city"]):
            said = found.groupdict()
            state, country = state or said.get("state"), country or said["country"]
            return line[: found.start()], said["city"], state, said["zone"], country
    start, _, end = line.rpartition(",")
    if _DIGIT.search(start) and not _DIGIT.search(end) and not _is_street(end) and not _UNIT.search(fold(end)):
        return start, end, state, None, country
    return street, None, state, None, country


def _is_street(text: str | None) -> bool:
    """Whether it ends like a street or a unit: "Broad St", "Suite"; towns of such names are met in their own field."""
    if text is None:
        return False
    words = _words(text)
    return not words or words[-1] in KINDS or words[-1] == "box" or bool(_UNIT.search(f"{words[-1]} 1"))


def _street_parts(text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    line = fold(text)
    if "str" in line:
        line = _GLUED.sub(" strasse", line)
    box = ""
    found = _BOX.search(line) if "b" in line or "p" in line else None
    if found:
        box = (found.group(1) or "").replace(" ", "")
        line = line[: found.start()] + " " + line[found.end() :]
    units: tuple[str, ...] = ()
    hits = list(_UNIT.finditer(line))
    if hits:
        units = tuple(dict.fromkeys(hit.group(1) or hit.group(2) for hit in hits))
        line = _UNIT.sub(" ", line)
    numbers: list[str] = []
    words: list[str] = []
    road = False
    for word in tokens(join_letters(line)):
        numbered, road = road, word in _NUMBERED
        if word.isdigit() and numbered:
            words.append(word.lstrip("0") or "0")
        elif word.isdigit():
            numbers.append(word.lstrip("0") or "0")
        elif word[0].isdigit() and not word.endswith(("st", "nd", "rd", "th")):
            number, rest = _NUMBER.match(word).groups()  # type: ignore[union-attr]
            numbers.append(number.lstrip("0") or "0")
            if rest:  # "4161Butterfield Rd"
                words.append(SHORT.get(rest, rest))
        else:
            words.append(SHORT.get(word, word))
    if len(numbers) > 1:
        numbers = sorted(set(numbers))
    return tuple(numbers), units, tuple(dict.fromkeys(words)), box
