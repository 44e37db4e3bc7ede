"""How much it says that two records share a word, a number or a postcode: the rarer, the more.

The counts come from the records an index holds, on top of a background of words that are common everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from math import log2

from syncd.matching.alike import likeness
from syncd.matching.party import Form
from syncd.matching.place import Place

# Words of company names seen anywhere, so that a small index does not take them for rare.
_COMMON = frozenset({
    "international", "intl", "global", "group", "holding", "holdings", "services", "service", "svc",
    "solutions", "systems", "industries", "industry", "industrial", "products", "product", "manufacturing",
    "mfg", "technologies", "technology", "tech", "technical", "engineering", "management", "consulting",
    "associates", "partners", "enterprises", "enterprise", "ventures", "capital", "investments", "properties",
    "realty", "estate", "development", "construction", "contractors", "builders", "supply", "supplies",
    "distribution", "distributors", "logistics", "transport", "transportation", "trucking", "energy", "power",
    "electric", "electrical", "electronics", "chemical", "chemicals", "materials", "steel", "metal", "metals",
    "metalworks", "plastics", "paper", "packaging", "foods", "food", "restaurant", "cafe", "grill", "bar",
    "hotel", "center", "centre", "store", "stores", "shop", "market", "markets", "trading", "trade", "import",
    "export", "bank", "financial", "finance", "insurance", "credit", "trust", "health", "healthcare", "medical",
    "clinic", "hospital", "pharmacy", "care", "school", "university", "college", "institute", "foundation",
    "association", "society", "church", "national", "american", "united", "general", "first", "new", "north",
    "south", "east", "west", "central", "city", "county", "state", "department", "office", "company", "auto",
    "automotive", "motors", "car", "parts", "equipment", "machine", "machinery", "tools", "design", "studio",
    "media", "communications", "network", "networks", "software", "data", "digital", "security", "home",
    "house", "farm", "farms", "garden", "water", "oil", "gas", "environmental", "plant", "works", "facility",
    "division", "div", "terminal", "warehouse", "branch", "inc", "usa", "us", "america", "europe",
    "deutschland",
})  # fmt: skip
_USUAL, _USUAL_SHARE = 3, 1 / 400  # different names, and share of all records, from which on a word is no slip
_TELLS, _TELLS_SHARE = 3, 0.1  # doors, and share of its records, at which a word is all that two names differ by
_TELLS_TWICE = 0.04  # the same where both sides must stand there twice
_FORMS_SHARE = 0.005  # of all names, at whose doors another has the same name and another legal form
_ONE_DOOR = 20  # records of one beginning at one door that are compared with each other
_BACKGROUND = 8192  # records of the background, which also bounds what the rarest word can say in a small index
_COMMON_COUNT = 160.0
# How many a store holds to choose from. A constant, because counting would cost more with every record; for fewer it
# asks for a little more evidence than needed.
_TABLE = 1 << 16
# The most one agreement can say, in bits, by kind: postcodes cluster, and a word may be one person's pet typo.
_MOST = {"name": 14.0, "street": 10.0, "number": 6.0, "city": 6.0, "zone": 10.0}  # in the order they are counted

Door = tuple[object, ...]


class Frequencies:
    """Bits of evidence in agreeing on a token, per kind of token: log2 of how seldom it is drawn by chance."""

    def __init__(self, forms: Iterable[Form] = ()) -> None:
        self.size = 0
        self.shared: Counter[str] = Counter()  # telephones and domains: how many records have each
        self.namesakes: Counter[tuple[str, ...]] = (
            Counter()
        )  # whole names of companies: in how many quarters each stands
        self._quarters: set[tuple[object, object]] = set()  # a name, and a postcode or, without one, a street
        self._named = 0
        self._used: Counter[str] = Counter()  # words: in how many different names each stands
        # Words by which records of one door differ here, as "Mercy Hospital" and "Mercy Hospital Pharmacy".
        self.telling: frozenset[str] = frozenset()
        self._differ: Counter[str] = Counter()  # at how many doors two names that begin alike differ by the word
        self._differ_twice: Counter[str] = Counter()  # likewise, and two records have it and two do not
        self.forms_tell = False  # whether companies of one name and door differ by their legal form here
        self._forms_differ = self._forms_differ_twice = 0
        self._likened: dict[str, bool] = {}
        self._holds_slips = False
        self._shared_doors: set[Door] = set()  # of names that begin otherwise
        self._crowded_doors: set[Door] = set()  # of three such, or two that stand there twice
        self._counts: dict[str, Counter[str]] = {kind: Counter() for kind in _MOST}
        self._bits: dict[str, dict[str, float]] = {kind: {} for kind in _MOST}
        self._rarest: dict[str, float] = {}
        self.add(forms)

    @classmethod
    def shortlisted(cls, forms: Iterable[Form]) -> Frequencies:
        """Return those of candidates that came out of a whole table, as one store holds it."""
        found = cls(forms)
        found.size = _TABLE
        return found

    def add(self, forms: Iterable[Form]) -> None:
        words: dict[str, list[str]] = {kind: [] for kind in _MOST}
        names, streets, houses, cities, zones = words.values()
        shared: list[str] = []  # counted all at once: a counter takes long to take in one record
        doors: dict[Door, list[Form]] = {}
        for form in forms:
            self.size += 1
            place = form.place
            if form.words:
                self._add_name(form.words, place)
                if place.street and (place.numbers or place.units):
                    doors.setdefault(_door(place), []).append(form)
            names += form.words or form.first + form.last
            streets += place.street
            houses += place.numbers
            cities += place.city
            if place.postcode:
                zones.append(place.postcode)
            if form.phone:
                shared.append(form.phone)
            shared += form.domains
        for kind, found in words.items():
            self._counts[kind].update(found)
        self.shared.update(shared)
        for door, tenants in doors.items():
            if len(tenants) > 1:
                self._look_at(door, tenants)
        self._settle()

    def of(self, kind: str) -> tuple[dict[str, float], float]:
        """Return the bits of the tokens seen, and those of a token never seen."""
        return self._bits[kind], self._rarest[kind]

    def is_usual(self, word: str) -> bool:
        """Whether so many names have this word that it is no slip, and tells two companies apart."""
        return word in _COMMON or (
            self._used[word] >= _USUAL and self._counts["name"][word] >= self._named * _USUAL_SHARE
        )

    def tells(self, word: str) -> bool:
        """Whether records of one door are told apart by it here, or by what it is a slip of or short for."""
        if word in self.telling:
            return True
        if word not in self._likened:
            named = self._counts["name"]
            self._likened[word] = (self._holds_slips or word not in named) and any(
                named[word] < named[one] and likeness(min(word, one), max(word, one)) > 0.0 for one in self.telling
            )
        return self._likened[word]

    def is_shared(self, place: Place) -> bool:
        """Whether several stand at that door."""
        return _door(place) in self._shared_doors

    def for_doubles(self) -> Frequencies:
        """Return those to find doubles by, where two records of one door may be one: only what stands twice counts."""
        found = copy(self)
        found._differ, found._shared_doors = self._differ_twice, self._crowded_doors
        found._holds_slips = True
        found.forms_tell = self._forms_differ_twice >= max(_TELLS, _FORMS_SHARE * self._named)
        found.telling, found._likened = found._told_apart_by(_TELLS_TWICE), {}
        return found

    @property
    def prior(self) -> float:
        """Return the bits by which any one pair is more likely two records than one."""
        return log2(max(self.size, 1000))

    # -----------------------------------------------------------------------------------------------------------------

    def _add_name(self, words: tuple[str, ...], place: Place) -> None:
        self._named += 1
        if words not in self.namesakes:
            self._used.update(words)
        quarter = words, place.postcode or place.naming
        if quarter not in self._quarters:
            self._quarters.add(quarter)
            self.namesakes[words] += 1

    def _look_at(self, door: Door, tenants: list[Form]) -> None:
        """Learn from the names at one door."""
        families: list[list[tuple[str, ...]]] = []
        by_name: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}
        for name, legal in sorted(((form.words, form.legal) for form in tenants), key=_length)[:_ONE_DOOR]:
            if legal:
                by_name.setdefault(name, Counter())[legal] += 1
            for family in families:
                if name[0] == family[0][0] or {*family[0]} <= {*name}:
                    family.append(name)
                    break
            else:
                families.append([name])
        if len(families) > 1:
            self._shared_doors.add(door)
        if len(families) > 2 or sum(len(family) > 1 for family in families) > 1:
            self._crowded_doors.add(door)
        for forms in by_name.values():
            self._forms_differ += len(forms) > 1
            self._forms_differ_twice += sum(holders > 1 for holders in forms.values()) > 1
        for family in families:
            has = Counter(word for name in family for word in name)
            self._differ.update(word for word, holders in has.items() if holders < len(family))
            self._differ_twice.update(word for word, holders in has.items() if 1 < holders < len(family) - 1)

    def _told_apart_by(self, share: float) -> frozenset[str]:
        named = self._counts["name"]
        return frozenset(word for word, doors in self._differ.items() if doors >= max(_TELLS, share * named[word]))

    def _settle(self) -> None:
        self.telling = self._told_apart_by(_TELLS_SHARE)
        self.forms_tell = self._forms_differ >= max(_TELLS, _FORMS_SHARE * self._named)
        total = self.size + _BACKGROUND
        for kind, most in _MOST.items():
            common = _COMMON if kind == "name" else frozenset[str]()
            self._rarest[kind] = min(most, log2(total))
            bits = {
                token: min(most, log2(total / (count + (_COMMON_COUNT if token in common else 0.0))))
                for token, count in self._counts[kind].items()
            }
            for token in common - bits.keys():
                bits[token] = min(most, log2(total / _COMMON_COUNT))
            self._bits[kind] = bits


def _door(place: Place) -> Door:
    return place.postcode or place.city, place.numbers, place.units if not place.numbers else (), place.naming


def _length(tenant: tuple[tuple[str, ...], tuple[str, ...]]) -> int:
    return len(tenant[0])
