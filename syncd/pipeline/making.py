"""Whether a complete lead that the CRM lacks is made there: by its mapping, or by a person's word in review.

When it is made is syncd.daemon.creating's to say, which record it becomes syncd.stages.deliver's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syncd.lead.decision import Ask, EntityView
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Create, KindMap

if TYPE_CHECKING:
    from syncd.pipeline.batch import Batch

ASKED = "a person decides, in syncd review"


def may_be_made(batch: Batch, view: EntityView, kind_map: KindMap) -> bool:
    """Return whether the mapping, or a person where it leaves that to one, lets such a record be made of this one."""
    if kind_map.create is Create.REVIEW:
        return batch.made.get(view.id, False)
    return kind_map.makes


def why_not_made(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> str | None:
    """Return why nothing is made of a complete lead that the CRM lacks; None: it is made, now or soon."""
    mapped = list(_lacking(batch, view))
    if not mapped:
        return "the mapping makes none"
    meant = [one for one in mapped if one.create_when is None or one.create_when.met(values)]
    if not meant:
        return "the mapping's create_when does not hold"
    if any(may_be_made(batch, view, one) for one in meant):
        return None
    return "a person said no, in syncd review" if view.id in batch.made else ASKED


def ask_whether_to_make(batch: Batch, view: EntityView) -> Ask:
    """Return the question whose yes makes one record of this lead."""
    where = " or ".join(sorted({f"{one.system} {one.kind}" for one in _lacking(batch, view)}))
    record = "".join(f" ({one.system} {one.kind} {one.id})" for one in view.records[:1])
    return Ask(
        kind="create",
        message=f"lead {view.id}{record} is complete and has no {where}; the mapping says `create: review`. Say with "
        "`syncd review` whether one is made",
    )


def ask_buried_lead(batch: Batch, view: EntityView) -> Ask:
    """Return what to do about a complete lead that sales deleted."""
    record = next(one for one in view.records if one.deleted and one.system in batch.crm)
    name = f"{record.system} {record.kind} {record.id}"
    words = (
        f"was merged there into {record.kind} {record.survivor}, which another lead is known by; this lead is complete "
        f"and is not made anew. Merge the two leads where marketing keeps them as well"
        if record.survivor
        else "was deleted there; the lead is complete and is not made anew. Restore the record there if sales should "
        "have it"
    )
    return Ask(kind="deleted", system=record.system, record=name, message=f"{name} {words}")


def ask_buried(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> list[Ask]:
    """Return what to do about a branch that was deleted where the mapping would have it be."""
    asks = []
    for one in batch.mappings.of_entity(view.kind):
        theirs = [record for record in view.records if (record.system, record.kind) == (one.system, one.kind)]
        wanted = one.makes and (one.create_when is None or one.create_when.met(values))
        if not wanted or not theirs or any(not record.deleted for record in theirs):
            continue
        name = f"{one.system} {one.kind} {theirs[-1].id}"
        message = (
            f"{name} of {view.kind.value} {view.id} was deleted there; its source lists it as before, and it is not "
            f"made anew. Restore the record there if it should be there"
        )
        asks.append(Ask(kind="deleted", system=one.system, record=name, message=message))
    return asks


def is_made_soon(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> bool:
    """Return whether a record is wanted of an account or branch where a look that failed holds all creates."""
    there = {record.system for record in view.records}
    return bool(batch.soon) and any(
        one.makes and one.system not in there and (one.create_when is None or one.create_when.met(values))
        for one in batch.mappings.of_entity(view.kind)
        if (one.system, one.kind) in batch.soon
    )


# ---------------------------------------------------------------------------------------------------------------------


def _lacking(batch: Batch, view: EntityView) -> Iterator[KindMap]:
    """Yield the kinds of which the mapping makes records in systems that have none of this lead."""
    there = {record.system for record in view.records}  # a deleted one counts: it is not made anew
    kinds = batch.mappings.of_entity(EntityKind.LEAD)
    return (one for one in kinds if one.makes and one.system not in there)
