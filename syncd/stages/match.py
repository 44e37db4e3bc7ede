"""Which entity is this record? Certain, none yet, or several - and then a person decides.

Exact keys only, in a fixed order; nothing is ever linked to "the first" of several. A key that somebody told once and
tells no longer links only where their names agree too: an address may have been another's, or be another's now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from syncd.lead.branch import LONGEST_KEY, branch_numbers, name_key, number_keys, person_key, site_key
from syncd.lead.definition import Definition, EntityKind, FieldType
from syncd.matching import Form, Named, Party, form_of, is_for_anybody, mail_domain, named

Key: TypeAlias = tuple[str, str]  # (kind of key, canonical value)

# Which keys are made of the same values: one more with whatever makes others, and those of all stored records are read
# anew (syncd.daemon.keying).
KEYS = 1
# Keys that find related entities but never say that two records are the same one.
RELATING = frozenset({"ref", "account", "site", "customer", "company", "like", "asked", "double", "nowhere"})
# What accounts of one company may share, each being an account of its own at another address.
SHARED = frozenset({"name", "domain"})
# Keys that speak only where a surer one is lacking on one of the two sides -> the name under which that side is found.
LONE = {"phone": "lone phone", "ship_to": "lone ship_to"}
# The keys that records tell, beside the fields that identify: these are let go when no record tells them any more.
_TOLD = {
    EntityKind.LEAD: ("phone", "lone phone", "company"),
    EntityKind.ACCOUNT: ("name", "site", "nowhere"),
    EntityKind.BRANCH: ("ship_to", "lone ship_to", "customer", "site"),
}
_NOBODY: Mapping[Key, Mapping[str, bool | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Linked:
    entity: str
    rule: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody has these keys: a new entity."""


@dataclass(frozen=True, slots=True)
class Several:
    """A person must decide. `rule` is the key on which they agree; `once`: which these told once and tell no longer."""

    entities: tuple[str, ...]
    rule: str
    once: bool = False


Match: TypeAlias = Linked | Unknown | Several


def keys_of(definition: Definition, kind: EntityKind, values: Mapping[str, Any]) -> list[Key]:
    """Return the keys under which an entity with these values is found, the most certain first."""
    if kind is EntityKind.ACCOUNT:
        values = _own(definition, values)
    keys: list[Key] = [
        (name, key[:LONGEST_KEY]) for name in definition.identifying[kind] for key in number_keys(values.get(name))
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
    for name in ("ship_to",) if keys else ("lone ship_to", "ship_to"):
        keys += [(name, one[:LONGEST_KEY]) for one in numbers]
    keys += _some(("account", values.get("account")))
    keys += [("customer", one[:LONGEST_KEY]) for one in number_keys(values.get("customer"))]
    keys += _some(("site", site_key(values.get("street"), values.get("postcode"))))
    return keys


def told_kinds(definition: Definition, kind: EntityKind) -> list[str]:
    """Return the kinds of keys that an entity has for as long as a record of it tells them."""
    return [*definition.identifying[kind], *_TOLD[kind]]


def remembers(definition: Definition, kind: EntityKind, key: Key) -> bool:
    """Whether a key is kept as what was told once: people come back with their old address, companies with nothing."""
    return kind is EntityKind.LEAD and key[0] in definition.identifying[kind]


def is_that_person(mine: Mapping[str, Any], theirs: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether the names say that somebody is the person who had an address of theirs once; None: nothing tells.

    `theirs`: what each of that person's records says.
    """
    said = {_is_that_person(mine, one) for one in theirs}
    return True if True in said else None if None in said else False


def nowhere(key: Key) -> Key:
    """Return the key under which an account without an address is found beside this one."""
    return "nowhere", f"{key[0]} {key[1]}"[:LONGEST_KEY]


def match_record(
    keys: Sequence[Key],
    holders: Mapping[Key, Sequence[str]],
    taken: Mapping[str, str],
    record_id: str,
    once: Mapping[Key, Mapping[str, bool | None]] = _NOBODY,
) -> Match:
    """Decide for one record without a link.

    `holders`: who has each key. `taken`: entity -> id of the record of this same system and kind it is linked to
    already; such an entity cannot take a second one, so a match with it is for a person to settle. `once`: who had
    each key -> whether it is that person.
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
        past = once.get(key, {}) if not found else {}
        found = found or [one for one, same in past.items() if same]
        if found:
            return _only(found, key[0], taken, record_id)
        if unsure := sorted(one for one, same in past.items() if same is None):
            return Several(tuple(unsure), key[0], once=True)
    return Unknown()


# ---------------------------------------------------------------------------------------------------------------------


def _own(definition: Definition, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out a name that is a placeholder, and domains at which whoever likes has a page or mail."""
    name = None if definition.is_placeholder(values.get("name")) else values.get("name")
    fields = definition.fields[EntityKind.ACCOUNT]
    hosts = {
        one
        for one, value in values.items()
        if value and one in fields and fields[one].type is FieldType.DOMAIN and is_for_anybody(str(value), name)
    }
    return {one: None if one in hosts else value for one, value in values.items()} | {"name": name}


def _only(found: Sequence[str], rule: str, taken: Mapping[str, str], record_id: str) -> Match:
    if len(found) > 1:
        return Several(tuple(sorted(found)), rule)
    other = taken.get(found[0])
    if other is not None and other != record_id:
        return Several((found[0],), rule)
    return Linked(found[0], rule)


def _is_that_person(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool | None:
    phone = mine.get("phone")
    one_phone = phone is not None and phone == theirs.get("phone")
    if not (mine.get("last_name") and theirs.get("last_name")):
        return True if one_phone else None
    firsts = bool(mine.get("first_name") and theirs.get("first_name"))
    said = named(_name(mine, firsts), _name(theirs, firsts))
    if said is Named.SAME:
        return True
    if said is Named.CLOSE:
        return True if one_phone else None
    # Whoever married has another last name; whoever shares no more than the line at work has another first name, too.
    if one_phone:
        return None if not firsts else named(_called(mine), _called(theirs)) is Named.SAME
    return False


def _name(values: Mapping[str, Any], firsts: bool) -> Form:
    """Return both names, or the last one alone where one of two has no first name."""
    return form_of(Party(first_name=values["first_name"] if firsts else "x", last_name=values["last_name"]))


def _called(values: Mapping[str, Any]) -> Form:
    return form_of(Party(first_name=values["first_name"], last_name="x"))


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
    return [(key[0], key[1][:LONGEST_KEY])] if key[1] else []
