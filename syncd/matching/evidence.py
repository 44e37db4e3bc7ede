"""What can speak for or against two records being one, how much each says, and where the bands lie.

Weights are bits (log2 of the odds a sign changes), so they add up; which signs a pair shows is found elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Band(Enum):
    LINK = "link"
    REVIEW = "review"
    NO = "no"


class Purpose(Enum):
    """What is asked of a pair."""

    SITE = "the same company at the same place"
    COMPANY = "the same company, wherever it stands"
    PERSON = "the same person"


class Sign(Enum):
    """A named reason; its value is what people read. None holds a field's value."""

    NUMBER_SAME = "same ERP number"
    NUMBER_OTHER = "other ERP number"
    EMAIL_SAME = "same e-mail address"
    EMAIL_OTHER = "other e-mail address"
    DOMAIN_SAME = "same web or mail domain"
    DOMAIN_OTHER = "other web or mail domain"
    PHONE_SAME = "same telephone"
    PHONE_OTHER = "other telephone"
    BORN_SAME = "same date of birth"
    BORN_YEAR = "same year of birth"
    BORN_CLOSE = "dates of birth one slip apart"
    BORN_OTHER = "other date of birth"
    NAME_SAME = "same name"
    NAME_BUT_LEGAL = "name agrees but for the legal form"
    NAME_CLOSE = "name is spelled alike"
    NAME_PART = "name agrees in part"
    NAME_MIXED = "name agrees in part, and each has words of its own"
    NAME_OTHER = "other name"
    NAME_TELLS = "a word or legal form in one of the names that tells neighbours apart here"
    NAME_NUMBER = "other number in the name"
    LEGAL_OTHER = "other legal form"
    FIRST_SAME = "same first name"
    FIRST_CLOSE = "first name is spelled alike"
    FIRST_SHORT = "one first name may be short for the other"
    FIRST_OTHER = "other first name"
    LAST_SAME = "same last name"
    LAST_CLOSE = "last name is spelled alike"
    LAST_OTHER = "other last name"
    SWAPPED = "names agree, first for last"
    COMPANY_SAME = "same company"
    COMPANY_OTHER = "other company"
    POSTCODE_SAME = "same postcode"
    POSTCODE_CLOSE = "postcodes one slip apart"
    POSTCODE_OTHER = "other postcode"
    GENERATION_OTHER = "senior, junior or a number on one side only"
    HOUSE_SAME = "same house number"
    HOUSE_PART = "house numbers overlap"
    HOUSE_OTHER = "other house number"
    STREET_SAME = "same street"
    STREET_CLOSE = "street is spelled alike"
    STREET_OTHER = "other street"
    WAY_OTHER = "other end of the street, such as north and south"
    UNIT_OTHER = "other unit in the building"
    BOX_SAME = "same PO box"
    BOX_OTHER = "other PO box"
    CITY_SAME = "same town"
    CITY_CLOSE = "town is spelled alike"
    CITY_OTHER = "other town"
    STATE_SAME = "same state"
    STATE_OTHER = "other state"
    COUNTRY_OTHER = "other country"
    CHANCE = "how many there are to choose from"


class Hold(Enum):
    """Why a pair is for a person although its weight would do."""

    NAMES_DIFFER = "the names do not agree"
    ONE_KIND = "only one kind of evidence"
    NOT_THE_PLACE = "nothing says that the place is the same"
    OTHER_PLACE = "the addresses contradict each other"
    OTHER_COUNTRY = "the countries differ"
    HOUSEHOLD = "first names differ, as in one household or office"
    GENERATIONS = "they may be father and son"
    NOBODY = "neither name nor e-mail address says who it is"
    OUTDONE = "one of the two fits another record better"
    TIE = "a second candidate is about as likely"


# What records of one table that is kept without doubles differ in: twins, shops of a chain, units of an estate.
_TWO_OF_A_TABLE = frozenset({
    Sign.FIRST_OTHER, Sign.LAST_OTHER, Sign.GENERATION_OTHER, Sign.BORN_OTHER, Sign.NAME_TELLS, Sign.HOUSE_OTHER,
    Sign.STREET_OTHER, Sign.UNIT_OTHER, Sign.LEGAL_OTHER,
})  # fmt: skip
_IN_PART = frozenset({Sign.NAME_PART, Sign.NAME_MIXED, Sign.HOUSE_OTHER})
_ANOTHER_DOOR = frozenset({Sign.STREET_OTHER, Sign.HOUSE_OTHER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Weights and bands for one purpose. A definition may set any of them; the defaults are stated in docs/matching.md.

    `ties` names facts of a candidate (`Party.facts`), the greater first, that decide between equally likely ones.
    """

    purpose: Purpose
    link: float = 5.0
    review: float = -2.0
    margin: float = 4.0
    ties: tuple[str, ...] = ()
    kinds: int = 2  # of evidence that a link needs
    town_suffices: bool = False  # to be the same place, where one of the two has no street
    number: tuple[float, float] = (30.0, -3.0)
    email: tuple[float, float] = (24.0, -1.0)
    domain: tuple[float, float] = (17.0, -1.0)
    phone: tuple[float, float] = (16.0, -0.5)
    born: tuple[float, float, float] = (13.0, 6.0, -6.0)
    name_most: float = 22.0
    name_least: float = -9.0
    name_conflict: float = 0.8
    name_extra: float = 0.15
    postcode: tuple[float, float] = (5.0, -3.0)  # one slip apart; other. The same: by how rare it is.
    house: tuple[float, float] = (3.0, -4.5)
    street: tuple[float, float] = (11.0, -5.0)
    city: tuple[float, float] = (6.0, -4.0)
    state: tuple[float, float] = (1.0, -1.5)
    country_other: float = -8.0
    place_most: float = 26.0
    place_least: float = -30.0
    place_counts: float = 1.0
    company: tuple[float, float] = (8.0, -2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    sign: Sign
    weight: float

    def __str__(self) -> str:
        return f"{self.sign.value} ({self.weight:+.1f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two records have to say about being one. `weight` is in bits: +10 is a thousand to one for it."""

    band: Band
    weight: float
    signs: tuple[tuple[Sign, float], ...]
    hold: Hold | None = None

    def said(self, sign: Sign) -> bool:
        return any(one is sign for one, _ in self.signs)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(Reason(sign=sign, weight=round(weight, 2)) for sign, weight in self.signs)

    @property
    def doubtful(self) -> bool:
        """Whether it may be a neighbour: each name has words of its own, or street and house are others."""
        said = {sign for sign, _ in self.signs}
        return Sign.NAME_MIXED in said or said >= _ANOTHER_DOOR

    @property
    def contradicted(self) -> bool:
        """Whether anything that two records of one list are told apart by speaks against it."""
        return any(sign in _TWO_OF_A_TABLE for sign, _ in self.signs)

    @property
    def partial(self) -> bool:
        """Whether anything but spelling keeps the two from being the same in every part."""
        return any(sign in _IN_PART for sign, _ in self.signs)

    def told(self, without: Sign | None = None) -> tuple[tuple[str, float], ...]:
        """Return (reason, bits) of what the two themselves say; how many there are to choose from is left out."""
        return tuple(
            (sign.value, round(weight, 1))
            for sign, weight in self.signs
            if sign is not without and sign is not Sign.CHANCE
        )

    def held(self, hold: Hold) -> Comparison:
        return replace(self, band=Band.REVIEW, hold=hold) if self.band is Band.LINK else self

    @property
    def words(self) -> str:
        return ", ".join(str(reason) for reason in self.reasons)

    def __str__(self) -> str:
        held = f"; for review: {self.hold.value}" if self.hold else ""
        return f"{self.band.value} at {self.weight:+.1f}: {self.words}{held}"


SITE = Rules(purpose=Purpose.SITE)
# Headquarters and plants of one company stand in different places: that they do says little.
COMPANY = Rules(
    purpose=Purpose.COMPANY,
    postcode=(2.0, -0.5),
    house=(1.0, -0.5),
    street=(10.0, -0.5),
    city=(5.0, -0.7),
    state=(1.5, -0.7),
    country_other=-5.0,
)
# Who moves has another street, house, postcode and town at once, which says no more than that they moved.
PERSON = Rules(purpose=Purpose.PERSON, place_least=-8.0)
RULES = {rules.purpose: rules for rules in (SITE, COMPANY, PERSON)}
