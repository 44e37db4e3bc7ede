"""Which entity is this record? Certain, none yet, or several - and then a person decides.

Exact keys only, in a fixed order; nothing is ever linked to "the first" of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from syncd.lead.branch import branch_numbers, mail_domain, name_key, person_key, site_key
from syncd.lead.definition import Definition, EntityKind

Key: TypeAlias = tuple[str, str]  # (kind of key, canonical value)

# Keys that find related entities but never say that two records are the same one.
RELATING = frozenset({"ref", "account", "site", "customer", "company", "like", "asked", "double", "nowhere"})
# Keys that speak only where a surer one is lacking on one of the two sides -> the name under which that side is found.
# What accounts of one company may share, each being an account of its own at another address.
SHARED = frozenset({"name", "domain"})
LONE = {"phone": "lone phone", "ship_to": "lone ship_to"}


@dataclass(frozen=True, slots=True)
class Linked:
    entity: str
    rule: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody has these keys: a new entity."""


@dataclass(frozen=True, slots=True)
class Several:
    """A person must decide. `rule` is the key on which they agree."""

    entities: tuple[str, ...]
    rule: str


Match: TypeAlias = Linked | Unknown | Several


def keys_of(definition: Definition, kind: EntityKind, values: Mapping[str, Any]) -> list[Key]:
    """Return the keys under which an entity with these values is found, the most certain first."""
    keys: list[Key] = [
        (name, str(values[name])[:512]) for name in definition.identifying[kind] if values.get(name) not in (None, "")
    ]
    if kind is EntityKind.LEAD:
        person = person_key(values.get("phone"), values.get("last_name"))
        keys += _some(("phone", person))
        if not values.get("email"):
            keys += _some(("lone phone", person))
        keys += _some(("account", values.get("account")))
        keys += _some(("company", mail_domain(values.get("email"))))
        return keys
    if kind is EntityKind.ACCOUNT:
        keys += _some(("name", name_key(values.get("name"))))
        site = _some(("site", site_key(values.get("street"), values.get("postcode"))))
        return keys + (site or [nowhere(key) for key in keys if key[0] in SHARED])
    numbers = branch_numbers(values.get("customer"), values.get("ship_to"))
    if not keys:
        keys += _some(("lone ship_to", numbers))
    keys += _some(("ship_to", numbers))
    keys += _some(("account", values.get("account")))
    keys += _some(("customer", values.get("customer")))
    keys += _some(("site", site_key(values.get("street"), values.get("postcode"))))
    return keys


def nowhere(key: Key) -> Key:
    """Return the key under which an account without an address is found beside this one."""
    return "nowhere", f"{key[0]} {key[1]}"[:512]


def match_record(
    keys: Sequence[Key],
    holders: Mapping[Key, Sequence[str]],
    taken: Mapping[str, str],
    record_id: str,
) -> Match:
    """Decide for one record without a link.

    `holders`: who has each key. `taken`: entity -> id of the record of this same system and kind it is linked to
    already; such an entity cannot take a second one, so a match with it is for a person to settle.
    """
    has_email = any(key == "email" for key, _ in keys)
    for key in keys:
        if key[0] in RELATING or key[0] in LONE.values():
            continue
        # Two people with two addresses may share a line and a name, two ERPs a number: these speak only where the
        # surer key is lacking.
        surer = has_email if key[0] == "phone" else not any(name in LONE.values() for name, _ in keys)
        found = holders.get((LONE[key[0]], key[1]) if key[0] in LONE and surer else key, ())
        if key[0] in SHARED:
            found = _at_the_address(keys, key, found, holders, taken, record_id)
        if not found:
            continue
        if len(found) > 1:
            return Several(tuple(sorted(found)), key[0])
        other = taken.get(found[0])
        if other is not None and other != record_id:
            return Several((found[0],), key[0])
        return Linked(found[0], key[0])
    return Unknown()


# ---------------------------------------------------------------------------------------------------------------------


def _at_the_address(
    keys: Sequence[Key],
    shared: Key,
    found: Sequence[str],
    holders: Mapping[Key, Sequence[str]],
    taken: Mapping[str, str],
    record_id: str,
) -> Sequence[str]:
    """Of the accounts of one name or domain, return those that this record may be one with.

    Plants of one company are often accounts of one name: two records of one system at two addresses are two accounts.
    """
    site = next((key for key in keys if key[0] == "site"), None)
    if site is None:
        return found
    here = [one for one in found if one in holders.get(site, ())]
    if here:
        return here
    anywhere = holders.get(nowhere(shared), ())
    return [one for one in found if taken.get(one, record_id) == record_id or one in anywhere]


def _some(key: tuple[str, str | None]) -> list[Key]:
    return [(key[0], key[1][:512])] if key[1] else []
