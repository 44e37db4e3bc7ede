"""Another lead of the same address that is in the CRM: beside it none is made, until a person has settled it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from syncd.lead.decision import Ask, EntityView
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.stages.match import Key, keys_of

if TYPE_CHECKING:
    from syncd.pipeline.batch import Batch


def identifying_keys(mappings: Mappings, values: Mapping[str, Any]) -> list[Key]:
    """Return the keys of which one alone says who a lead is."""
    names = mappings.definition.identifying[EntityKind.LEAD]
    own = {name: values[name] for name in names if values.get(name) not in (None, "")}
    return [key for key in keys_of(mappings.definition, EntityKind.LEAD, own) if key[0] in names]


def ask_about_namesake(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> Ask | None:
    """Return why a lead that the CRM lacks is not made there; None: nobody else there has its address."""
    for key in identifying_keys(batch.mappings, values):
        for other in batch.find(EntityKind.LEAD, *key):
            there = sorted(one for one in other.records.items() if one[0][0] in batch.crm)
            if other.id == view.id or not there:
                continue
            (system, kind), record = there[0]
            twins = sorted(
                f"{one.system} {one.kind} {one.id} and {other.records[(one.system, one.kind)]}"
                for one in view.records
                if not one.deleted and (one.system, one.kind) in other.records
            )
            return Ask(
                kind="waits",
                system=system,
                record=f"{system} {kind} {record}",
                message=f"lead {view.id}{_first(view)} is complete, and is not made in {system}: lead {other.id} has "
                f"the same {key[0]} and is there already ({kind} {record}). {_remedy(key[0], twins)}; it goes on by "
                f"itself then",
            )
    return None


# ---------------------------------------------------------------------------------------------------------------------


def _first(view: EntityView) -> str:
    return "".join(f" ({one.system} {one.kind} {one.id})" for one in view.records[:1])


def _remedy(name: str, twins: Iterable[str]) -> str:
    merge = "".join(f"Merge {one} over there" for one in list(twins)[:1])
    return f"{merge}, or correct the {name} of one of the two" if merge else f"Correct the {name} of one of the two"
