"""Which other leads may be the same person: names first, then whatever else the two have in common.

Which leads there are to choose from is the caller's to read; how like two are is weighed in `syncd.matching`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.lead.decision import Likely, Related
from syncd.matching import (
    Band,
    Candidate,
    Form,
    Frequencies,
    Hold,
    Named,
    Party,
    Rules,
    choose,
    form_of,
    named,
    party_of,
)

# What tells who somebody is and where to find them; others are looked for anew when one of these changes.
TELLING = ("first_name", "last_name", "company", "phone", "street", "city", "postcode")


def person_of(values: Mapping[str, Any], lead: str = "", placeholders: Collection[str] = ()) -> Party:
    """Return what is compared of a lead as a person; `placeholders` ("n/a") say nothing."""
    told = {ours: values.get(name) for ours, name in _COMPARED.items()}
    if placeholders:
        told = {ours: None if _is_blank(value, placeholders) else value for ours, value in told.items()}
    return party_of(told, lead)


def recognise(
    mine: Party, others: Sequence[Related], rules: Rules, placeholders: Collection[str] = ()
) -> tuple[Likely, ...]:
    """Return who of these may be the same person, the likeliest first.

    Nobody is asked about people whose names differ, however much else they share: a company has one address and one
    switchboard for hundreds, and a household's sons have names of their own.
    """
    like = _alike(mine, others)
    if not like:
        return ()
    near = [person_of(one.values, one.id, placeholders) for one in others if one.id in like]
    frequencies = Frequencies.shortlisted(map(form_of, near))
    # Three records of one person are no tie: each is asked about.
    found = choose(mine, near, replace(rules, margin=0.0), frequencies, most=len(near))
    return tuple(_likely(one, like[one.id]) for one in found.candidates)


def frequencies_among(mine: Party, others: Sequence[Related], placeholders: Collection[str] = ()) -> Frequencies:
    """Return how rare it is what somebody has in common with these, as `recognise` weighs it."""
    like = _alike(mine, others)
    return Frequencies.shortlisted(
        form_of(person_of(one.values, one.id, placeholders)) for one in others if one.id in like
    )


def is_likely(one: Likely, rules: Rules) -> bool:
    """Whether it stands in the band of links, and not only in that of review."""
    return one.hold is None and one.weight >= rules.link


# ---------------------------------------------------------------------------------------------------------------------

_COMPARED = {
    **{name: name for name in ("first_name", "last_name", "street", "city", "state", "postcode", "country", "phone")},
    "email": "email",
    "name": "company",
}


def _alike(mine: Party, others: Sequence[Related]) -> dict[str, Named]:
    """Return those whose names are not another's."""
    name = _name(mine.first_name, mine.last_name)
    told = [(one, named(name, _name(one.values.get("first_name"), one.values.get("last_name")))) for one in others]
    return {one.id: said for one, said in told if said is not Named.OTHER}


def _is_blank(value: Any, placeholders: Collection[str]) -> bool:
    return isinstance(value, str) and value.strip().casefold() in placeholders


def _name(first: str | None, last: str | None) -> Form:
    """Return no more than the names: of most who share a key nothing else need be read."""
    return form_of(Party(first_name=first, last_name=last))


def _likely(one: Candidate, like: Named) -> Likely:
    said = one.comparison if like is Named.SAME else one.comparison.held(Hold.HOUSEHOLD)
    hold = said.hold.value if said.hold is not None and said.band is Band.REVIEW else None
    return Likely(id=one.id, weight=said.weight, signs=said.told(), hold=hold)
