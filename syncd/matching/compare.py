"""Weighs two records: every sign for and against, summed, and what keeps a good sum from being a link.

Which pairs are worth weighing, and which of several is the one, is the index's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from rapidfuzz.distance import OSA

from syncd.matching.alike import Overlap, overlap
from syncd.matching.birth import YEAR, are_generations, compare_born
from syncd.matching.evidence import SITE, Comparison, Hold, Purpose, Rules, Sign
from syncd.matching.frequency import Frequencies
from syncd.matching.neighbours import are_told_apart, go_on_otherwise
from syncd.matching.party import Form, Party, form_of
from syncd.matching.person import may_be_one
from syncd.matching.place import NOWHERE, SHORT, WAYS, Place
from syncd.matching.tally import Tally

ANYWHERE = Frequencies()
_CHAIN = 3  # quarters in which one name stands
_OWN = 2  # a telephone that more records share is no one site's
_AGREES = 0.55  # share of a name's bits that must be common for it to speak for a link
_HALF = 0.35  # enough when street, house number and town all agree: "Vogel Bakery" and "Vogel Foods" at one door
_HALF_LEAST = -6.0
_TOLD_APART = -6.0  # more than a margin, so that those who are told apart are no rivals
_SAME = 0.75
_SAME_YEAR = 4.0  # bits: one of some sixty years, most people being of some thirty
_STREET_AGREES_FROM = 0.35
_SHORT = 0.8  # of what two first names say that are the same: the short one stands for several
_STREET_AGREES = frozenset({Sign.STREET_SAME, Sign.STREET_CLOSE})


def compare(left: Party, right: Party, rules: Rules = SITE, frequencies: Frequencies = ANYWHERE) -> Comparison:
    """Compare two records; the same whichever comes first. Never raises, whatever the fields hold."""
    return weigh(form_of(left), form_of(right), rules, frequencies)


def weigh(left: Form, right: Form, rules: Rules, frequencies: Frequencies) -> Comparison:
    tally = Tally(rules=rules, frequencies=frequencies)
    if rules.purpose is Purpose.PERSON:
        _person(left, right, tally)
    else:
        _company_name(left, right, tally)
    _identifiers(left, right, tally)
    if left.place is not NOWHERE and right.place is not NOWHERE:
        _place(left.place, right.place, tally)
    return tally.verdict()


# ---------------------------------------------------------------------------------------------------------------------


def _company_name(left: Form, right: Form, tally: Tally) -> None:
    if not left.words or not right.words:
        return
    bits, rarest = tally.frequencies.of("name")
    one, other = left.words, right.words
    if one != other:
        # "Acme Chicago" in Chicago is Acme: a word of the address says nothing more in the name.
        one, other = _without_place(left, right) or one, _without_place(right, left) or other
    both = overlap(one, other, bits, rarest)
    rules = tally.rules
    weight = _name_weight(both, rules)
    tally.conflict = bool(both.left and both.right)
    tally.sisters = (
        tally.conflict and left.words[0] == right.words[0] and go_on_otherwise(one, other, tally.frequencies)
    )
    forms_differ = bool(left.legal and right.legal and left.legal != right.legal)
    frequencies = tally.frequencies
    if (forms_differ and frequencies.forms_tell) or (
        one != other and frequencies.telling and are_told_apart(one, other, frequencies)
    ):
        tally.told_apart = True
        tally.add(Sign.NAME_TELLS, _TOLD_APART)
    namesakes = tally.frequencies.namesakes
    tally.chain = max(namesakes[left.words], namesakes[right.words]) >= _CHAIN
    if both.share < _AGREES:
        tally.add(Sign.NAME_OTHER if both.share < 0.2 else Sign.NAME_PART, weight)
        tally.holds += [Hold.NAMES_DIFFER] if both.share < _HALF else []
        shared = tally.frequencies.is_shared
        enough = both.share >= _HALF and weight >= _HALF_LEAST
        tally.half = enough and not shared(left.place) and not shared(right.place)
        tally.headed = left.words[0] in right.words or right.words[0] in left.words
        return
    if both.numbers_differ:
        tally.add(Sign.NAME_NUMBER, -4.0)
        tally.holds.append(Hold.NAMES_DIFFER)
    tally.add(_name_sign(both, left, right), weight, "name")
    if forms_differ:
        tally.add(Sign.LEGAL_OTHER, -0.5)


def _without_place(mine: Form, other: Form) -> tuple[str, ...]:
    here, there, words = mine.place, other.place, other.words
    kept = []
    for word in mine.words:
        short = SHORT.get(word, word)
        if word in words:
            if not (short in here.city and short in there.city):
                kept.append(word)
        elif not (here.has(short) or there.has(short)):
            kept.append(word)
    return tuple(kept)


def _name_sign(both: Overlap, left: Form, right: Form) -> Sign:
    if both.left and both.right:
        return Sign.NAME_MIXED
    if both.left or both.right:
        return Sign.NAME_PART if both.share < _SAME or both.exact else Sign.NAME_CLOSE
    if not both.exact:
        return Sign.NAME_CLOSE
    return Sign.NAME_SAME if left.legal == right.legal else Sign.NAME_BUT_LEGAL


def _name_weight(both: Overlap, rules: Rules) -> float:
    against = rules.name_conflict * min(both.left, both.right) + rules.name_extra * abs(both.left - both.right)
    return max(rules.name_least, min(rules.name_most, both.agreed) - against)


def _person(left: Form, right: Form, tally: Tally) -> None:
    straight = _names_of(left, right, tally, swapped=False)
    swapped = _names_of(left, right, tally, swapped=True)
    signs = max(straight, swapped, key=lambda signs: sum(weight for _, weight in signs))
    said = {sign for sign, _ in signs}
    for sign, weight in signs:
        tally.add(sign, weight, "name" if weight > 0 else "")
    if said & {Sign.FIRST_OTHER, Sign.LAST_OTHER} and not _surely_one(left, right):
        tally.holds.append(Hold.HOUSEHOLD if Sign.FIRST_OTHER in said else Hold.NAMES_DIFFER)
    elif _may_be_anybody(left, right) and _born_apart(left, right) and not _surely_one(left, right):
        tally.holds.append(Hold.HOUSEHOLD)
    elif left.generation != right.generation and not _surely_one(left, right):
        tally.add(Sign.GENERATION_OTHER, -5.0)
        tally.holds.append(Hold.GENERATIONS)
    if left.words and right.words:
        bits, rarest = tally.frequencies.of("name")
        both = overlap(left.words, right.words, bits, rarest)
        most, other = tally.rules.company
        if both.share >= _AGREES:
            tally.add(Sign.COMPANY_SAME, min(most, both.agreed), "company")
        else:
            tally.add(Sign.COMPANY_OTHER, other)


def _may_be_anybody(left: Form, right: Form) -> bool:
    """Whether one is but an initial, which stands for brothers and parents alike."""
    return left.first != right.first and any(len(one) == 1 for one in (*left.first[:1], *right.first[:1]))


def _born_apart(left: Form, right: Form) -> bool:
    return bool(left.born and right.born) and compare_born(left.born, right.born) is Sign.BORN_OTHER


def _surely_one(left: Form, right: Form) -> bool:
    """Whether something only one person has agrees; twins share a birthday, but seldom a record's whole address too."""
    if left.number and left.number == right.number:
        return True
    born = any(len(one) > YEAR for one in {*left.born}.intersection(right.born))
    return born or bool(left.email and left.email == right.email)


def _names_of(left: Form, right: Form, tally: Tally, *, swapped: bool) -> list[tuple[Sign, float]]:
    """Compare first with first and last with last name or, as imports mix them up, across; across it says less."""
    firsts = (Sign.FIRST_SAME, Sign.FIRST_CLOSE, Sign.FIRST_OTHER, 9.0)
    lasts = (Sign.LAST_SAME, Sign.LAST_CLOSE, Sign.LAST_OTHER, 13.0)
    across = (Sign.SWAPPED, Sign.SWAPPED, Sign.LAST_OTHER, 9.0)
    if swapped:
        asked = ((left.first, right.last, across), (left.last, right.first, across))
    else:
        asked = ((left.first, right.first, firsts), (left.last, right.last, lasts))
    signs: list[tuple[Sign, float]] = []
    bits, rarest = tally.frequencies.of("name")
    for mine, theirs, (same, close, other, most) in asked:
        if not mine or not theirs:
            continue
        both = overlap(mine, theirs, bits, rarest)
        if both.share >= 0.2:
            signs.append((same if both.exact else close, min(most, both.agreed)))
        elif same is Sign.FIRST_SAME and may_be_one(mine[0], theirs[0]):
            rarity = min(bits.get(mine[0], rarest), bits.get(theirs[0], rarest))
            signs.append((Sign.FIRST_SHORT, _SHORT * min(most, rarity)))
        else:
            signs.append((other, -6.0))
    return signs


def _identifiers(left: Form, right: Form, tally: Tally) -> None:
    rules, shared = tally.rules, tally.frequencies.shared
    if left.number and right.number:
        same = left.number == right.number
        tally.add(Sign.NUMBER_SAME if same else Sign.NUMBER_OTHER, rules.number[not same], "number" if same else "")
        if same:
            tally.kinds.add("system")  # stated by a system, so it needs no second kind
    if left.email and right.email and rules.purpose is Purpose.PERSON:
        same = left.email == right.email
        tally.add(Sign.EMAIL_SAME if same else Sign.EMAIL_OTHER, rules.email[not same], "email" if same else "")
    elif left.domains and right.domains:
        common = [domain for domain in left.domains if domain in right.domains]
        rarity = log2(max(1, min((shared[domain] for domain in common), default=1)))
        sign = Sign.DOMAIN_SAME if common else Sign.DOMAIN_OTHER
        tally.add(sign, rules.domain[0] - rarity if common else rules.domain[1], "domain" if common else "")
    if left.phone and right.phone:
        same = left.phone.endswith(right.phone) or right.phone.endswith(left.phone)
        rarity = log2(max(1, shared[left.phone]))
        tally.switchboard = same and shared[left.phone] > _OWN
        tally.add(
            Sign.PHONE_SAME if same else Sign.PHONE_OTHER,
            rules.phone[0] - rarity if same else rules.phone[1],
            "phone" if same else "",
        )
    if left.born and right.born:
        _born(left.born, right.born, tally)


def _born(left: Sequence[str], right: Sequence[str], tally: Tally) -> None:
    same, close, other = tally.rules.born
    said = compare_born(left, right)
    if said is Sign.BORN_YEAR:
        tally.add(said, _SAME_YEAR)
    elif said is Sign.BORN_OTHER:
        tally.add(said, other)
        tally.generations = are_generations(left, right)
    elif said is not None:
        tally.add(said, same if said is Sign.BORN_SAME else close, "born")


def _place(left: Place, right: Place, tally: Tally) -> None:
    before = len(tally.signs)
    street = _street(left, right, tally)
    house = _house(left, right, street, tally)
    zone = _postcode(left, right, tally)
    city = _city(left, right, zone, tally)
    if tally.rules.purpose is Purpose.COMPANY and street > 0 and house <= 0 and zone <= 0 and city < 0:
        # Every town has a Main Street: the same in another one says nothing of a company that may stand anywhere.
        tally.signs[before:] = [one for one in tally.signs[before:] if one[0] not in _STREET_AGREES]
    if left.state and right.state and zone <= 0:
        same = left.state == right.state
        tally.add(Sign.STATE_SAME if same else Sign.STATE_OTHER, tally.rules.state[not same])
    if left.country and right.country and left.country != right.country:
        tally.add(Sign.COUNTRY_OTHER, tally.rules.country_other)
        tally.holds.append(Hold.OTHER_COUNTRY)
    if (left.numbers or right.numbers) and left.units and right.units and set(left.units).isdisjoint(right.units):
        tally.add(Sign.UNIT_OTHER, -1.0)
    weight = 0.0
    for _, one in tally.signs[before:]:
        weight += one
    bound = tally.rules.place_most if weight > 0 else tally.rules.place_least
    if abs(weight) > abs(bound):
        tally.signs[before:] = [(sign, one * bound / weight) for sign, one in tally.signs[before:]]
    tally.elsewhere = tally.elsewhere or _contradict(street, house, zone, city, tally.rules)
    here = (street > 0) + (house > 0 or bool(left.box and left.box == right.box)) + (zone > 0 or city > 0)
    of_a_town = tally.conflict and here < 2 and zone <= 0  # Ford's Bakery and Ford's Garage
    namesake = street <= 0 and zone < 0 and (tally.said(Sign.STATE_OTHER) or tally.said(Sign.CITY_CLOSE))
    enough = (tally.rules.purpose is Purpose.COMPANY and not of_a_town and not namesake) or (
        tally.rules.town_suffices
        and not (left.naming and right.naming)
        and (zone > tally.rules.postcode[0] or (zone >= 0 and city > 0))
    )
    if weight >= tally.rules.place_counts and (here >= 2 or enough):
        tally.kinds.add("place")
        if tally.half and here == 3 and (tally.headed or zone > 0) and not tally.said(Sign.PHONE_OTHER):
            tally.kinds.add("name")


def _contradict(street: float, house: float, zone: float, city: float, rules: Rules) -> bool:
    """Whether two addresses cannot be one door: another town, or another house in what may be another town."""
    if rules.purpose is Purpose.COMPANY:
        return False
    if zone <= 0 and city <= 0 and (zone < 0 or city < 0):  # the same street in two cities
        return True
    if street < 0 and house <= rules.house[1]:
        return True
    return zone <= 0 and (house <= rules.house[1] or street < 0)


def _street(left: Place, right: Place, tally: Tally) -> float:
    one = _naming(left, right)
    other = _naming(right, left)
    if not one or not other or bool(left.naming) is not bool(right.naming):  # "5 W St" does not say which street
        return 0.0
    bits, rarest = tally.frequencies.of("street")
    both = overlap(one, other, bits, rarest)
    if both.share < _STREET_AGREES_FROM:
        both = overlap(_way_glued(left, right) or one, _way_glued(right, left) or other, bits, rarest)
    most, least = tally.rules.street
    if both.share < _STREET_AGREES_FROM:
        weight, sign = least, Sign.STREET_OTHER
    else:
        weight = max(least, min(most, both.agreed) - 0.5 * min(both.left, both.right))
        sign = Sign.STREET_SAME if both.exact and both.share == 1.0 else Sign.STREET_CLOSE
        if both.left and both.right and not (left.city or left.postcode or right.city or right.postcode):
            tally.elsewhere = tally.rules.purpose is not Purpose.COMPANY  # "5 Main St, Peoria", "5 Main St, Joliet"
    tally.add(sign, weight)
    if left.ways and right.ways and set(left.ways).isdisjoint(right.ways):
        tally.add(Sign.WAY_OTHER, -4.0)
        tally.elsewhere = tally.rules.purpose is not Purpose.COMPANY
        return min(weight, 0.0)
    return weight


def _way_glued(place: Place, other: Place) -> tuple[str, ...]:
    """Return "North Point" as the "northpoint" that the other has."""
    for way in place.ways:
        for word in place.naming:
            glued = WAYS[way] + word
            if glued in other.naming:
                return tuple(glued if one == word else one for one in place.naming)
    return ()


def _naming(place: Place, other: Place) -> tuple[str, ...]:
    """Return the words that name the street, without those that are the other's town, state or postcode."""
    named = place.naming
    if not named or named == other.naming or named == other.street:
        return named or place.street
    around = {*other.city, other.state, other.postcode}.difference(place.city, other.street)
    if around.isdisjoint(named):
        return named or place.street
    return tuple(word for word in named if word not in around)


def _house(left: Place, right: Place, street: float, tally: Tally) -> float:
    if left.box and right.box:
        same = left.box == right.box
        tally.add(Sign.BOX_SAME if same else Sign.BOX_OTHER, 5.0 if same else -3.0)
    one, other = left.numbers, right.numbers
    if right.postcode in one:
        one = tuple([number for number in one if number != right.postcode])
    if left.postcode in other:
        other = tuple([number for number in other if number != left.postcode])
    overlapping, contrary = tally.rules.house
    if not one and not other and left.units and right.units:  # units of an estate, where houses have no numbers
        apart = set(left.units).isdisjoint(right.units)
        sign, weight = (Sign.HOUSE_OTHER, contrary) if apart else (Sign.HOUSE_SAME, overlapping)
        tally.add(sign, weight)
        return weight
    if not one or not other:
        return 0.0
    bits, rarest = tally.frequencies.of("number")
    if one == other:
        said = min(6.0, sum([bits.get(number, rarest) for number in one]))
        sign, weight = Sign.HOUSE_SAME, said if street >= 0 else said / 3
    elif not set(one).isdisjoint(other):
        sign, weight = Sign.HOUSE_PART, overlapping
    elif len(one) == len(other) == 1 and _slip(one[0], other[0]):
        sign, weight = Sign.HOUSE_OTHER, contrary / 3
    else:
        sign, weight = Sign.HOUSE_OTHER, contrary
    tally.add(sign, weight)
    return weight


def _postcode(left: Place, right: Place, tally: Tally) -> float:
    zone, other = left.postcode, right.postcode
    if not zone and not other:
        return 0.0
    close, contrary = tally.rules.postcode
    bits, rarest = tally.frequencies.of("zone")
    if zone == other or (zone and right.has(zone)) or (other and left.has(other)):
        sign, weight = Sign.POSTCODE_SAME, bits.get(zone or other, rarest)
    elif not zone or not other:
        return 0.0
    elif _slip(zone, other):
        sign, weight = Sign.POSTCODE_CLOSE, close
    else:
        sign, weight = Sign.POSTCODE_OTHER, contrary
    tally.add(sign, weight)
    return weight


def _city(left: Place, right: Place, zone: float, tally: Tally) -> float:
    if not left.city or not right.city:
        found = left.city or right.city
        if found and all(left.has(word) and right.has(word) for word in found):
            tally.add(Sign.CITY_SAME, 1.0)
            return 1.0
        return 0.0
    if zone > 0 and left.city == right.city:
        tally.add(Sign.CITY_SAME, 1.0)
        return 1.0
    most, least = tally.rules.city
    bits, rarest = tally.frequencies.of("city")
    both = overlap(left.city, right.city, bits, rarest)
    if both.share < 0.35:
        if all(map(right.has, left.city)) or all(map(left.has, right.city)):
            return 0.0
        sign, weight = Sign.CITY_OTHER, least if zone <= 0 else least / 4
    else:
        sign = Sign.CITY_SAME if both.exact else Sign.CITY_CLOSE
        weight = min(most, both.agreed) if zone <= 0 else 1.0
    tally.add(sign, weight)
    return weight


def _slip(left: str, right: str) -> bool:
    return len(left) >= 2 and len(right) >= 2 and OSA.distance(left, right, score_cutoff=1) <= 1
