"""Lists dense in those who stand at one door and are not one: departments, holdings, funds of a series, tenants.

All of it is synthetic: surnames of FEBRL, doors of the real plants, made-up names and slips.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.labelled import Labelled, all_plants, febrl4, retyped
from syncd.matching import Party

Names = Callable[[random.Random, list[str]], list[str]]  # of those at one door, from surnames to draw from

_DEPARTMENTS = (
    "Emergency Department", "Pharmacy", "Imaging Center", "Cancer Center", "Rehabilitation", "Sleep Center", "Hospice",
    "Dialysis", "Home Health", "Wound Care",
)  # fmt: skip
_OF_A_GROUP = ("", "Holdings", "Management", "Properties", "Leasing", "Investments", "Development", "Real Estate")
_TRADES = (
    "Plumbing", "Dental", "Bakery", "Electric", "Florist", "Insurance", "Hardware", "Roofing", "Cleaners", "Jewelers",
    "Optical", "Physical Therapy", "Printing", "Upholstery", "Animal Clinic", "Tax Service",
)  # fmt: skip


def neighbours(names: Names, doors: int = 942, seed: int = 11) -> Labelled:
    """Two lists of those at these doors, seven in ten of them in each: as they are, and as somebody else typed them."""
    rng = random.Random(seed)
    surnames = sorted({row.last_name.title() for row in febrl4(person=True, born=False).against if row.last_name})
    tenants = [
        replace(plant, id=f"{plant.id}-{place}", name=name.strip(), phone=None)
        for plant in rng.sample(all_plants(), doors)
        for place, name in enumerate(names(rng, surnames))
    ]
    against = [one for one in tenants if rng.random() < 0.7]
    held = {one.id for one in against}
    rows: list[Party] = []
    truth: dict[str, frozenset[str]] = {}
    for one in tenants:
        if rng.random() < 0.7:
            rows.append(replace(retyped(one, rng), id=f"typed-{one.id}"))
            truth[rows[-1].id] = frozenset({one.id}) & held
    return Labelled(name="neighbours", rows=rows, against=against, truth=truth)


def _hospital(rng: random.Random, surnames: list[str]) -> list[str]:
    name = f"{rng.choice(surnames)} {rng.choice(('Memorial', 'County', 'Community', 'Regional'))} Hospital"
    return [name, *(f"{name} {one}" for one in rng.sample(_DEPARTMENTS, rng.choice((0, 0, 1, 2, 3))))]


def _group(rng: random.Random, surnames: list[str]) -> list[str]:
    name = f"{rng.choice(surnames)} {rng.choice(surnames)}" if rng.random() < 0.5 else rng.choice(surnames)
    return [f"{name} {one}" for one in rng.sample(_OF_A_GROUP, rng.choice((1, 1, 2, 3)))]


def _funds(rng: random.Random, surnames: list[str]) -> list[str]:
    name = f"{rng.choice(surnames)} {rng.choice(('Growth Fund', 'Capital Partners', 'Real Estate Fund'))}"
    return [f"{name} {one} LP" for one in rng.sample(("I", "II", "III", "IV", "V", "VI"), rng.choice((1, 2, 3)))]


def _arcade(rng: random.Random, surnames: list[str]) -> list[str]:
    trades = rng.choices(_TRADES, k=rng.choice((1, 1, 3, 5)))
    return [f"{rng.choice(surnames)} {trade}" for trade in trades]


NEIGHBOURS: Mapping[str, Names] = {
    "hospitals and their departments": _hospital,
    "groups of companies": _group,
    "funds of a series": _funds,
    "tenants of arcades": _arcade,
}
