"""The plants as other people's tables hold them: a name and a town only, no postcode, all in one line, abbreviated.

All of it is synthetic: real plants, made-up slips.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.labelled import Labelled, all_plants, plants_retyped, retyped, slip
from syncd.matching import Party

# ruff: noqa: ARG005 - every shape takes a generator, whether it draws or not
Shape = Callable[[Party, random.Random], Party]
_SHORT = {
    "MANUFACTURING": "MFG", "INDUSTRIES": "IND", "INTERNATIONAL": "INTL", "PRODUCTS": "PROD", "CHEMICAL": "CHEM",
    "DIVISION": "DIV", "SERVICES": "SVCS", "TECHNOLOGIES": "TECH", "AMERICAN": "AMER", "PLASTICS": "PLAS",
    "ELECTRIC": "ELEC", "SYSTEMS": "SYS", "PACKAGING": "PKG", "MATERIALS": "MATL",
}  # fmt: skip


def plants_shaped(shape: Shape, seed: int = 5) -> Labelled:
    """Every plant in this shape, against seven in ten of the plants."""
    whole, rng = plants_retyped(), random.Random(seed)
    plants = {plant.id: plant for plant in all_plants()}
    rows = [replace(shape(plants[row.id.removeprefix("typed-")], rng), id=row.id) for row in whole.rows]
    return Labelled(name="plants", rows=rows, against=whole.against, truth=whole.truth)


def _mixed(party: Party, rng: random.Random) -> Party:
    return rng.choice(list(_ALONE.values()))(party, rng)


def _shuffled(text: str | None, rng: random.Random) -> str:
    words = (text or "").split()
    return " ".join(rng.sample(words, len(words)))


_ALONE: Mapping[str, Shape] = {
    "as typed": retyped,
    "no postcode": lambda p, r: replace(retyped(p, r), postcode=None),
    "no town": lambda p, r: replace(retyped(p, r), city=None),
    "no house number": lambda p, r: replace(
        p, phone=None, street=" ".join(w for w in (p.street or "").split() if not w[0].isdigit())
    ),
    "abbreviated": lambda p, r: replace(p, phone=None, name=" ".join(_SHORT.get(w, w) for w in (p.name or "").split())),
    "words in another order": lambda p, r: replace(p, phone=None, name=_shuffled(p.name, r)),
    "a suburb for the town": lambda p, r: replace(
        p, phone=None, city=r.choice(["Westwood", "Lake Zurich", "Downtown"])
    ),
    "all in one line": lambda p, r: replace(
        p, street=f"{p.street}, {p.city} {p.state} {p.postcode}", city=None, state=None, postcode=None, phone=None
    ),
}
SHAPES: Mapping[str, Shape] = {**_ALONE, "any of these": _mixed}
NO_STREET: Mapping[str, Shape] = {
    "no street": lambda p, r: replace(retyped(p, r), street=None),
    "name and town": lambda p, r: Party(name=slip(p.name or "", r) if r.random() < 0.3 else p.name, city=p.city),
}
