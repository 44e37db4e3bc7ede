"""The keys under which a record is looked up: few enough to store, so many that no one slip hides the record.

A key too many records share is no key; how many that is, the index or the store decides.
"""

from __future__ import annotations

from syncd.matching.birth import YEAR
from syncd.matching.party import Form
from syncd.matching.place import KINDS
from syncd.matching.text import skeleton

_NAME_WORDS = 5


def block_keys(form: Form) -> list[str]:
    """Return the record's keys, each "kind:value", without doubles, in a fixed order."""
    keys: list[str] = []
    if form.number:
        keys.append(f"x:{form.number}")
    if form.email:
        keys.append(f"e:{form.email}")
    if form.phone:
        keys.append(f"p:{form.phone[-7:]}")
    keys += [f"d:{domain}" for domain in form.domains]
    keys += [f"b:{born}" for born in form.born if len(born) > YEAR]
    words = form.words or form.first + form.last
    sounds = [skeleton(word) for word in words[:_NAME_WORDS]]
    keys += [f"n:{sound}" for sound in sounds if len(sound) > 1]
    if len(words) > 1:
        keys.append("w:" + "".join(sorted(sound[:4] for sound in sounds)))
        keys.append("g:" + "".join(words)[:10])
    elif words:
        keys.append("g:" + words[0][:10])
    keys += _place_keys(form, sounds)
    return list(dict.fromkeys(keys))


# ---------------------------------------------------------------------------------------------------------------------


def _place_keys(form: Form, sounds: list[str]) -> list[str]:
    place = form.place
    streets = [skeleton(word)[:5] for word in place.street if word not in KINDS and len(word) > 2][:3]
    houses = (place.numbers or place.units)[:2]
    keys = [f"h:{house} {street}" for house in houses for street in streets]
    if place.postcode:
        keys += [f"z:{place.postcode} {house}" for house in houses]
        keys += [f"s:{place.postcode} {street}" for street in streets]
        keys += [f"m:{place.postcode} {sound[:3]}" for sound in sounds[:3]]
    if place.city:
        town = skeleton(place.city[0])[:4]
        keys += [f"c:{town} {sound[:4]}" for sound in sounds[:3]]
    if place.box and (place.postcode or place.city):
        keys.append(f"o:{place.box} {place.postcode or place.city[0]}")
    return keys
