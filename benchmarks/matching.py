"""Measures matching: right and missed links on labelled data, and the time of a page and of a whole table.

Run `python -m benchmarks.matching`; figures of time need a quiet machine.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from dataclasses import dataclass, replace

from benchmarks.labelled import Labelled, febrl4, febrl_within, plants_retyped, retyped
from benchmarks.neighbours import NEIGHBOURS, neighbours
from syncd.matching import COMPANY, PERSON, SITE, Band, Index, Party, Rules
from syncd.matching.bulk import Matched, match_all

_SYLLABLES = (
    "ka", "lo", "mer", "tan", "vi", "sol", "dor", "bri", "pen", "gar", "wes", "tor", "ul", "nim", "fer", "cas", "hol",
    "bec", "ram", "zen", "ost", "lin", "mar", "del", "har", "cor", "vel", "ston", "ber", "gra", "dun", "kel",
)  # fmt: skip
_TRADES = (
    "Steel",
    "Foods",
    "Logistics",
    "Supply",
    "Chemical",
    "Packaging",
    "Electric",
    "Plastics",
    "Services",
    "Group",
)
_FORMS = ("Inc", "LLC", "Corp", "Co", "")


@dataclass(frozen=True, kw_only=True)
class Quality:
    links: int
    right: int
    there: int

    @property
    def precision(self) -> float:
        return self.right / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.there if self.there else 1.0


def measure(data: Labelled, rules: Rules) -> Quality:
    """Count links and right links, one question for each row."""
    index = Index(data.against, rules)
    links = right = 0
    for row in data.rows:
        found = index.find(row)
        if found.band is Band.LINK and found.best is not None:
            links += 1
            right += found.best.id in data.truth[row.id]
    return Quality(links=links, right=right, there=sum(bool(data.truth[row.id]) for row in data.rows))


def measure_pairs(data: Labelled, rules: Rules) -> Quality:
    """Count pairs within one table."""
    linked = [(one, other) for one, other, found in Index(data.against, rules).pairs() if found.band is Band.LINK]
    right = sum(other in data.truth[one] for one, other in linked)
    return Quality(links=len(linked), right=right, there=sum(map(len, data.truth.values())) // 2)


def accounts(number: int, rng: random.Random) -> list[Party]:
    """Invented companies; a third of the names use a word many share, as in a real list of accounts."""

    def word() -> str:
        return "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 2, 3)))).capitalize()

    owners, streets = (
        [word() for _ in range(9000)],
        [word() for _ in range(3000)] + ["Main", "Oak", "Lake", "Park"] * 80,
    )
    towns = [(f"{word()} {rng.choice(('Falls', 'Park', 'City'))}", rng.randrange(10000, 99990)) for _ in range(4000)]
    rows = []
    for place in range(number):
        town, zone = rng.choice(towns)
        house, way, kind = rng.randrange(1, 9999), rng.choice(("", "N ", "S ")), rng.choice(("ST", "AVE", "RD"))
        rows.append(Party(
            id=f"a{place}", name=f"{rng.choice(owners)} {rng.choice(_TRADES)} {rng.choice(_FORMS)}".strip(),
            street=f"{house} {way}{rng.choice(streets)} {kind}", city=town, state=rng.choice(("IL", "OH", "TX")),
            postcode=str(zone + rng.randrange(3)), country="US",
        ))  # fmt: skip
    return rows


def ship_tos(rows: list[Party], number: int, rng: random.Random) -> tuple[list[Party], dict[str, str]]:
    """Return addresses, seven in ten of them a retyped account, and which."""
    strangers = accounts(number - int(number * 0.7), random.Random(99))
    truth: dict[str, str] = {}
    shipped = [replace(stranger, id=f"x{place}") for place, stranger in enumerate(strangers)]
    for place in range(number - len(shipped)):
        account = rng.choice(rows)
        truth[f"s{place}"] = account.id
        shipped.append(replace(retyped(account, rng), id=f"s{place}"))
    rng.shuffle(shipped)
    return shipped, truth


def main() -> None:
    print("| labelled data, second half | asked as | precision | recall | links |\n|---|---|---|---|---|")
    for data, rules in (
        (febrl4(person=False, born=False), SITE),
        (febrl4(person=False, born=False), COMPANY),
        (febrl4(person=True, born=True), PERSON),
        (febrl4(person=True, born=False), PERSON),
        (plants_retyped(), SITE),
    ):
        _row(data.name, rules, measure(data.halves()[1], rules))
    for name, names in NEIGHBOURS.items():
        _row(f"{name} (synthetic)", SITE, measure(neighbours(names), SITE))
    for number in (1, 2, 3):
        for person, rules in ((True, PERSON), (False, SITE)):
            data = febrl_within(number, person=person, born=person)
            _row(f"{data.name}, all pairs", rules, measure_pairs(data, rules))
    _speed(*map(int, sys.argv[1:3] or ("50000", "100000")))


# ---------------------------------------------------------------------------------------------------------------------


def _row(name: str, rules: Rules, quality: Quality) -> None:
    asked = rules.purpose.name.lower()
    print(f"| {name} | {asked} | {quality.precision:.4f} | {quality.recall:.4f} | {quality.links:,} |")


def _speed(held: int, shipped: int) -> None:
    rng = random.Random(7)
    rows = accounts(held, rng)
    asked, truth = ship_tos(rows, shipped, rng)
    with Memory() as memory:
        began, cpu = time.perf_counter(), cpu_seconds()
        outcome = match_all(asked, rows, workers=2, explain=True)
        took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    index = Index(rows)
    began = time.perf_counter()
    for row in asked[:200]:
        index.find(row)
    page = time.perf_counter() - began
    _print_speed(held, shipped, outcome, truth, (took, cpu, memory.peak, page))


def _print_speed(
    held: int, shipped: int, outcome: list[Matched], truth: dict[str, str], figures: tuple[float, float, float, float]
) -> None:
    took, cpu, peak, page = figures
    linked = [one for one in outcome if one.band is Band.LINK]
    right = sum(truth.get(one.id) == one.best for one in linked)
    print(
        f"\n{shipped:,} ship-to addresses (synthetic) against {held:,} accounts, index built in that time, 2 workers:"
    )
    print(f"{took:.1f} s, {cpu:.1f} CPU s, {peak:.0f} MB in all processes, load {os.getloadavg()[0]:.1f};")
    print(f"precision {right / len(linked):.4f}, recall {right / len(truth):.4f}; a page of 200: {page * 1000:.0f} ms")


def cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Memory:
    """Peak proportional memory of this process and its children, in MB."""

    def __init__(self) -> None:
        self.peak, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        me = os.getpid()
        while not self._over.wait(0.5):
            with open(f"/proc/{me}/task/{me}/children") as children:
                everyone = [me, *map(int, children.read().split())]
            self.peak = max(self.peak, sum(map(_proportional, everyone)))


def _proportional(process: int) -> float:
    try:
        with open(f"/proc/{process}/smaps_rollup") as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
