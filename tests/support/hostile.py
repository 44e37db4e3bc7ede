"""Addresses as bad as they come: what forms, imports and attackers make of a plant's, and what is no address at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from syncd.matching import Party

Twist = Callable[[Party, random.Random], Party]
CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхижклмнопкрстуввхуз")


def _elsewhere(party: Party, rng: random.Random) -> Party:
    return replace(party, city="Kaskaskia", postcode=f"{rng.randrange(10000, 59999)}", phone=None)


# Twists after which it is still the plant: a link must be to it, or be none.
SAME: dict[str, Twist] = {
    "capitals": lambda p, r: replace(p, name=(p.name or "").upper(), street=(p.street or "").upper()),
    "street and town swapped": lambda p, r: replace(p, street=p.city, city=p.street),
    "town and postcode swapped": lambda p, r: replace(p, city=p.postcode, postcode=p.city),
    "all in one line": lambda p, r: replace(
        p, street=f"{p.street}, {p.city}, {p.state} {p.postcode}", city=None, state=None, postcode=None
    ),
    "postcode first": lambda p, r: replace(
        p, street=f"{p.postcode} {p.state} {p.city} {p.street}", city=None, postcode=None
    ),
    "mark-up": lambda p, r: replace(p, name=f"<b>{p.name}</b>&nbsp;", street=f'<a href="x">{p.street}</a><br/>'),
    "4 kB": lambda p, r: replace(p, name=f"{p.name} " + "x" * 4096, street=f"{p.street} " + "lorem ipsum " * 341),
    "Cyrillic": lambda p, r: replace(p, name=(p.name or "").lower().translate(CYRILLIC)),
    "no street": lambda p, r: replace(p, street=None),
    "no name": lambda p, r: replace(p, name=None),
    "control characters": lambda p, r: replace(p, name=f"\x00{p.name}\u202e\ufeff", street=f"{p.street}\r\n\t"),
}
# Twists after which it is somewhere or somebody else, or nobody: never a link to the plant.
OTHER: dict[str, Twist] = {
    "the same street in another city": _elsewhere,
    "another firm at the address": lambda p, r: replace(p, name=f"{''.join(r.sample('bcdfghklmnprst', 8))} Dental"),
    "empty": lambda p, r: Party(),
    "blank": lambda p, r: Party(name=" ", street="-", city="?", postcode="."),
    "Japanese": lambda p, r: Party(
        name="株式会社日本製鋼",
        street="〒100-0001 東京都千代田区千代田1丁目1番地",
        city="東京",
        postcode="100-0001",
        country="JP",
    ),
    "Russian": lambda p, r: Party(
        name='ООО "Ромашка"', street="ул. Ленина, д. 5, кв. 12", city="Москва", postcode="101000"
    ),
    "legal forms only": lambda p, r: replace(p, name="Company LLC Inc", street=None, postcode=None, city=None),
    "script": lambda p, r: Party(
        name="<script>alert(1)</script>", street="'; DROP TABLE lead; --", city="%00", postcode="\\"
    ),
    "4 kB of one letter": lambda p, r: Party(name="a" * 4096, street="1" * 4096, city="é" * 4096, postcode="9" * 4096),
    "placeholders": lambda p, r: replace(
        p, name="n/a", street="unknown", city="tbd", postcode="00000", phone="0000000000"
    ),
}


def hostile(plants: list[Party], count: int, rng: random.Random) -> list[tuple[str, Party, Party, bool]]:
    """Return (twist, plant, what became of it, whether it is still the plant), each twist as often as the next."""
    made = []
    for number in range(count):
        plant = plants[rng.randrange(len(plants))]
        place = number % (len(SAME) + len(OTHER))
        same = place < len(SAME)
        kind = list(SAME if same else OTHER)[place - (0 if same else len(SAME))]
        made.append((kind, plant, replace((SAME if same else OTHER)[kind](plant, rng), id=f"hostile-{number}"), same))
    return made
