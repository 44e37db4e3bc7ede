"""A thousand addresses as bad as they come: nothing fails, and nothing wrong lands in the link band."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.labelled import plants_retyped
from syncd.matching import COMPANY, PERSON, SITE, Band, Index, Party, Rules

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


@pytest.mark.parametrize("rules", [SITE, COMPANY, PERSON], ids=["site", "company", "person"])
def test_a_thousand_hostile_addresses_crash_nothing_and_link_nothing_wrong(rules: Rules) -> None:
    """The law; which twist broke it is in the message. For a company its other plants are no mistake."""
    plants = plants_retyped().against
    index, rng, names = Index(plants, rules), random.Random(11), {one.id: one.name for one in plants}
    wrong = []
    for number in range(1050):
        plant = plants[rng.randrange(len(plants))]
        same = number % 21 < len(SAME)
        twists = SAME if same else OTHER
        kind = list(twists)[number % 21 - (0 if same else len(SAME))]
        found = index.find(replace(twists[kind](plant, rng), id=f"hostile-{number}"))
        if found.band is Band.LINK and found.best is not None:
            right = found.best.id == plant.id or (rules is COMPANY and names[found.best.id] == plant.name)
            if right is not same and not (rules is COMPANY and right):
                wrong.append((kind, plant.id, found.best.id))
    assert wrong == []


def test_most_twisted_addresses_of_a_plant_still_find_it() -> None:
    """Refusing everything would pass the law above."""
    plants = plants_retyped().against
    index, rng = Index(plants), random.Random(12)
    sure = (
        "capitals",
        "all in one line",
        "postcode first",
        "mark-up",
        "control characters",
        "town and postcode swapped",
    )
    missed = [
        (kind, plant.id)
        for kind in sure
        for plant in rng.sample(plants, 30)
        if index.find(replace(SAME[kind](plant, rng), id="hostile")).band is not Band.LINK
    ]
    assert len(missed) <= 0.03 * len(sure) * 30
