"""A first mapping file for a system: fields of like names put beside each other, every line commented out.

Whether a like name means the same is the admin's to say; nothing here is in force until the marks are taken away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rapidfuzz.distance import OSA

from syncd.lead.definition import Definition, EntityKind, FieldType, SharedField
from syncd.mapping.reality import LiveField

ALIKE = 0.82  # of 1: first_name and FirstName are equal, post_code and PostalCode are alike
MOST_TOLD = 60
# What the CRMs call a thing that definitions call otherwise.
_ALSO: Mapping[str, Sequence[str]] = {
    "phone": ("mobilephone", "phone", "phonenumber"),
    "postcode": ("zip", "postalcode"),
    "street": ("address", "street", "billingstreet"),
    "state": ("state", "billingstate"),
    "city": ("city", "billingcity"),
    "country": ("country", "billingcountry"),
    "employees": ("numberofemployees",),
    "title": ("jobtitle", "title"),
    "opted_out": ("hsemailoptout", "hasoptedoutofemail"),
    "company": ("company",),
    "name": ("name",),
}


def propose(
    definition: Definition, system: str, kinds: Mapping[str, tuple[EntityKind, Sequence[LiveField]]], day: str
) -> str:
    """Return the text of the file. `kinds`: name of the section -> (what it is, its fields)."""
    parts = [
        f"# {system}, as it was described on {day}. Nothing of it is mapped yet: take away the '# ' of a\n"
        "# section's first lines and of the fields that you want, then `syncd test`, `syncd check`, `syncd plan`.\n"
        f"system: {system}\n"
    ]
    for section, (entity, fields) in kinds.items():
        lines = [f"{section}:", f"  is: {entity.value}", "  create: never", "  fields:"]
        lines += _lines(definition.fields[entity], fields)
        parts.append("\n".join(f"# {line}" for line in lines) + "\n")
    return "\n".join(parts)


# ---------------------------------------------------------------------------------------------------------------------


def _lines(ours: Mapping[str, SharedField], fields: Sequence[LiveField]) -> list[str]:
    found = []
    used: set[str] = set()
    for name, field in ours.items():
        near = [] if field.type is FieldType.REFERENCE else _near(name, field, fields)
        used.update(one.name for one in near)
        if near:
            names = near[0].name if len(near) == 1 else "[" + ", ".join(one.name for one in near) + "]"
            words = ", ".join(f"{one.label} ({one.type.value})" for one in near)
            found.append(f"  {'  '}{name}: {{from: {names}}} # {_plain(words)}")
        else:
            found.append(f"  {'  '}# {name}: {{from: ...}} # nothing of a like name")
    rest = sorted(one.name for one in fields if one.name not in used and _is_of_admins(one))
    if rest:
        told = ", ".join(rest[:MOST_TOLD]) + (f", and {len(rest) - MOST_TOLD} more" if len(rest) > MOST_TOLD else "")
        found.append(f"    # also there: {_plain(told)}")
    return found


def _near(name: str, field: SharedField, fields: Sequence[LiveField]) -> list[LiveField]:
    """Return the fields of a like name, the best first; several only where a system is known to have several."""
    known = [one for also in _ALSO.get(name, ()) for one in fields if _key(one.name) == also]
    if known:
        return known
    wanted = {_key(name), _key(field.label)}
    scored = [(max(_alike(want, one) for want in wanted), one.name, one) for one in fields]
    best = max(scored, key=lambda row: (row[0], row[1]), default=None)
    return [best[2]] if best is not None and best[0] >= ALIKE else []


def _alike(wanted: str, one: LiveField) -> float:
    return max(OSA.normalized_similarity(wanted, _key(text)) for text in (one.name, one.label))


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().removesuffix("__c"))


def _is_of_admins(one: LiveField) -> bool:
    """Leave out the hundreds that a vendor keeps for itself."""
    return one.writable and not one.name.startswith(("hs_", "syncd_")) and not one.name.lower().startswith("syncd")


def _plain(text: str) -> str:
    return " ".join(text.split())
