"""What a matcher is given: somebody at a place, of a company or in person; and the canonical form it is compared in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.matching.birth import read_born
from syncd.matching.company import company_words
from syncd.matching.place import NOWHERE, Place, read_place
from syncd.matching.reach import company_domain, mail_address, phone_tail
from syncd.matching.text import LONGEST, fold, tokens

_GENERATIONS = {
    "sr": "1", "senior": "1", "jr": "2", "junior": "2", "ii": "2", "2nd": "2",
    "iii": "3", "3rd": "3", "iv": "4", "4th": "4",
}  # fmt: skip
_NO_FACTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One record as its system holds it. Every field but the id may be missing.

    `number` is a number both sides would have from the same system, such as an ERP customer number. A person has
    `first_name` and `last_name`; `name` is a company's.
    """

    id: str = ""
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None
    domain: str | None = None
    number: str | None = None
    born: str | None = None
    # What tie-breakers look at ("is_parent": 1); never compared.
    facts: Mapping[str, float] = field(default_factory=lambda: _NO_FACTS)


_FIELDS = tuple(one.name for one in fields(Party) if one.name != "facts")


def party_of(values: Mapping[str, Any], record_id: str | None = None) -> Party:
    """Return a party from a record's values; anything that is no text is written as text, anything unknown left out."""
    known = {name: _text(values.get(name)) for name in _FIELDS}
    known["id"] = record_id if record_id is not None else known["id"] or ""
    return Party(**known)  # type: ignore[arg-type]


class Form(NamedTuple):
    """A party in canonical form; what `Index` and `compare` work on."""

    id: str
    words: tuple[str, ...]
    legal: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    place: Place
    phone: str
    email: str
    domains: tuple[str, ...]
    number: str
    born: tuple[str, ...]
    generation: str
    facts: Mapping[str, float]


def form_of(party: Party) -> Form:
    words, legal = company_words(party.name) if party.name else ((), ())
    first = _person(party.first_name)
    last, generation = _without_generation(_person(party.last_name))
    email = mail_address(party.email)
    domains = _domains(party.domain, email) if party.domain or email else ()
    given = party.street or party.city or party.postcode or party.state or party.country
    return Form(
        id=party.id,
        words=words,
        legal=legal,
        first=first,
        last=last,
        place=read_place(party.street, party.city, party.state, party.postcode, party.country) if given else NOWHERE,
        phone=phone_tail(party.phone) if party.phone else "",
        email=email,
        domains=domains,
        number="".join(tokens(fold(party.number))).lstrip("0") if party.number else "",
        born=read_born(party.born) if party.born else (),
        generation=generation,
        facts=party.facts,
    )


# ---------------------------------------------------------------------------------------------------------------------


def _domains(page: str | None, email: str) -> tuple[str, ...]:
    return tuple(sorted({*filter(None, (company_domain(page), company_domain(email)))}))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    text = value if isinstance(value, str) else str(value)
    return text[:LONGEST].strip() or None


def _without_generation(last: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return "Whitfield Jr" as Whitfield and the second of that name."""
    generation = _GENERATIONS.get(last[-1], "") if len(last) > 1 else ""
    return (last[:-1], generation) if generation else (last, "")


def _person(name: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens(fold(name)))) if name else ()
