"""Keys for companies and places that survive the way people spell them; used to find the branch somebody sits at.

These are exact keys only; comparing what merely looks alike is not done here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from cleanco import basename

# USPS Publication 28, appendix C: the street suffixes and directions that plants and people spell both ways.
_STREET_WORDS = {
    "avenue": "ave", "av": "ave", "boulevard": "blvd", "circle": "cir", "court": "ct", "drive": "dr",
    "expressway": "expy", "freeway": "fwy", "highway": "hwy", "lane": "ln", "parkway": "pkwy", "pkway": "pkwy",
    "place": "pl", "plaza": "plz", "road": "rd", "route": "rte", "square": "sq", "street": "st", "str": "st",
    "terrace": "ter", "trail": "trl", "turnpike": "tpke", "north": "n", "south": "s", "east": "e", "west": "w",
    "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
}  # fmt: skip
LONGEST_KEY = 512  # characters of a key that is stored; what people paste into an address has no end
_UNIT = re.compile(r"\b(?:suite|ste|unit|apt|floor|fl|bldg|building|room|rm|dock|gate)\b.*$")
_LEGAL_TAIL = frozenset({
    "inc", "incorporated", "corp", "corporation", "co", "company", "llc", "lp", "llp", "ltd", "limited", "plc", "gmbh",
    "ag", "kg", "sa", "sas", "srl", "bv", "nv", "ab", "as", "oy",
})  # fmt: skip


def site_key(street: str | None, postcode: str | None) -> str | None:
    """Return a key that two spellings of one street address share, or None when the address is not enough for one."""
    if not street or not postcode:
        return None
    return _site_key(street, postcode)


def name_key(name: str | None) -> str | None:
    """Return a company's name without case, accents, punctuation and legal form; None when nothing is left."""
    return _name_key(name) if name else None


def person_key(phone: str | None, last_name: str | None) -> str | None:
    """Return a key of telephone and last name; a number alone may be a switchboard."""
    if not phone or not last_name:
        return None
    return f"{phone}|{_plain(last_name)}"


def number_keys(number: object) -> tuple[str, ...]:
    """Return the keys of a number: as it stands, and without the zeros to which ERPs pad it and people do not."""
    text = "" if number is None else str(number)
    bare = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    return tuple(dict.fromkeys(filter(None, (text, bare))))


def branch_numbers(customer: str | None, ship_to: str | None) -> tuple[str, ...]:
    """Return keys of customer and ship-to number, which together name a branch within one ERP; likewise."""
    customers, ship_tos = number_keys(customer), number_keys(ship_to)
    if not customers or not ship_tos:
        return ()
    return tuple(dict.fromkeys((f"{customer}|{ship_to}", f"{customers[-1]}|{ship_tos[-1]}")))


# ---------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def _site_key(street: str, postcode: str) -> str | None:
    line = _plain(street.replace("#", " unit "))
    line = _UNIT.sub("", line).strip()
    words = [_STREET_WORDS.get(word, word) for word in line.split()]
    if not any(ch.isdigit() for ch in line) or len(words) < 2:
        return None
    zone = re.sub(r"[^0-9a-z]", "", _plain(postcode))
    if zone[:5].isdigit() and len(zone) == 9:  # ZIP+4
        zone = zone[:5]
    return f"{zone}|{' '.join(words)}"[:LONGEST_KEY] if zone else None


@lru_cache(maxsize=65536)
def _name_key(name: str) -> str | None:
    words = _plain(basename(name) or name).split()
    while len(words) > 1 and words[-1] in _LEGAL_TAIL:
        words.pop()
    return " ".join(words) or None


def _plain(text: str) -> str:
    if text.isascii() and text.isalnum():
        return text.lower()  # most names are one plain word
    folded = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    kept = "".join(ch if ch.isalnum() else " " for ch in folded if not unicodedata.combining(ch))
    return " ".join(kept.split())
