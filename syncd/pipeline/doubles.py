"""Which other leads may be the same person: looked for when a lead is new or tells otherwise who it is.

How like two people are is syncd.stages.recognise's; how a person is asked is syncd.pipeline.asking's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from syncd.lead.decision import Ask, Doubles, EntityView, Merge, Related
from syncd.lead.definition import EntityKind
from syncd.matching import MOST_PER_KEY, Party, Purpose, form_of, person_keys, shortlist
from syncd.stages.recognise import TELLING, is_likely, person_of, recognise
from syncd.store import likeness, pairings

if TYPE_CHECKING:
    from syncd.pipeline.batch import Batch

_LONGEST_KEY = 100


@dataclass(frozen=True, kw_only=True)
class People:
    """`looked`: lead -> as it is compared, with its keys. `near`: who shares keys with it. `said`: what people said.

    `here`: those of the batch itself, as they are now.
    """

    looked: Mapping[str, tuple[Party, tuple[str, ...]]] = field(default_factory=dict)
    near: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    here: Mapping[str, Related] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        """Those of whom more must be read."""
        found = {one for ids in self.near.values() for one in ids}
        found |= {one for lead in self.looked for one, same in self.said.get(lead, {}).items() if same}
        return found - self.here.keys()


def look_for_people(
    connection: Connection,
    views: Sequence[EntityView],
    values: Mapping[str, Mapping[str, Any]],
    placeholders: Collection[str] = (),
) -> People:
    """Look for those who may be the same as a lead that is new, tells otherwise who it is, or is asked about.

    What it costs depends on how many keys these have, not on how many leads there are.
    """
    leads = {view.id: view for view in views if view.kind is EntityKind.LEAD}
    if not leads:
        return People()
    said = pairings.said_of_people(connection, list(leads))
    earlier, later = likeness.doubles_of(connection, leads)
    fresh = {one for one, view in leads.items() if not view.known or _tells_otherwise(view, values[one])}
    settled = [one for one in leads if not (one in fresh or one in earlier or one in later or any(_yes(said, one)))]
    kept = likeness.kept_of(connection, settled)
    looked = {one: _with_keys(person_of(values[one], one, placeholders)) for one in leads if one not in kept}
    if not looked:
        return People()
    near = _near(connection, looked)
    for one, others in [*earlier.items(), *later.items()]:
        near[one] = [*near.get(one, ()), *sorted(others.difference(near.get(one, ())))]
    wanted = {one for ids in near.values() for one in ids}
    here = {one: _as_it_is(leads[one], values[one]) for one in wanted & leads.keys()}
    return People(looked=looked, near=near, said=said, here=here)


def near_people(connection: Connection, people: Mapping[str, Party]) -> dict[str, list[str]]:
    """Return who shares keys with each of these, whatever was said of that."""
    return _near(connection, {one: _with_keys(party) for one, party in people.items()})


def find_doubles(batch: Batch, view: EntityView) -> Doubles | None:
    """Return who else a lead may be, and what is to be merged of those that it is; None: that is as it was."""
    people = batch.people
    if view.id not in people.looked:
        return None
    mine, keys = people.looked[view.id]
    said = people.said.get(view.id, {})
    near = [batch.related[one] for one in people.near.get(view.id, ()) if one in batch.related and one not in said]
    rules, placeholders = batch.rules[EntityKind.LEAD], batch.mappings.definition.placeholders
    return Doubles(
        keys=keys,
        likely=recognise(mine, near, rules, placeholders) if near else (),
        merges=tuple(merge for one in _yes(people.said, view.id) for merge in _merges(batch, view, one)),
    )


def ask_before_creating(batch: Batch, view: EntityView, doubles: Doubles | None) -> Ask | None:
    """Return why a lead is not made in the CRM for now, where the definition says that it waits for an answer.

    Of two that nobody made there yet the earlier one goes first.
    """
    stated = batch.mappings.definition.matching.get(EntityKind.LEAD)
    if doubles is None or stated is None or not stated.creates_wait:
        return None
    lead = f"lead {view.id}{_named(view)}"
    for one in doubles.likely:
        first = one.id < view.id or _is_in_crm(batch, one.id)
        if first and is_likely(one, batch.rules[EntityKind.LEAD]):
            return Ask(
                kind="waits",
                message=f"{lead} is complete, and is not made in {_crm(batch)} while it may be the same person as "
                f"lead {one.id}{_named(batch.related[one.id])}. Say whether it is with `syncd review`; it goes on by "
                f"itself then",
            )
    for merge in doubles.merges:
        return Ask(
            kind="waits",
            message=f"{lead} is complete, and is not made in {_crm(batch)}: a person said that it is the same as lead "
            f"{merge.other_lead}. Merge {merge.system} {merge.kind} {merge.record} and {merge.other} over there; it "
            f"goes on by itself then",
        )
    return None


# ---------------------------------------------------------------------------------------------------------------------


def _with_keys(party: Party) -> tuple[Party, tuple[str, ...]]:
    return party, tuple(key[:_LONGEST_KEY] for key in person_keys(form_of(party)))


def _tells_otherwise(view: EntityView, values: Mapping[str, Any]) -> bool:
    before = view.values
    return any(values.get(name) != before.get(name) for name in TELLING)


def _near(connection: Connection, looked: Mapping[str, tuple[Party, tuple[str, ...]]]) -> dict[str, list[str]]:
    """Return who shares keys with each, those of the batch itself among them, which are not stored yet."""
    held = likeness.holders(connection, EntityKind.LEAD, {key for _, keys in looked.values() for key in keys})
    for one, (_, keys) in looked.items():
        for key in keys:
            there = held.setdefault(key, [])
            if one not in there and len(there) <= MOST_PER_KEY + 1:
                there.append(one)
    near: dict[str, list[str]] = {}
    for one, (_, keys) in looked.items():
        shared = {key: held[key] for key in keys if 1 < len(held[key]) <= MOST_PER_KEY}
        if shared:
            found = [other for other in shortlist(shared, Purpose.PERSON) if other != one]
            if found:
                near[one] = found
    return near


def _yes(said: Mapping[str, Mapping[str, bool]], lead: str) -> list[str]:
    return sorted(one for one, same in said.get(lead, {}).items() if same)


def _as_it_is(view: EntityView, values: Mapping[str, Any]) -> Related:
    records = {(one.system, one.kind): one.id for one in view.records if not one.deleted}
    return Related(id=view.id, values=dict(values), records=records)


def _merges(batch: Batch, view: EntityView, other: str) -> list[Merge]:
    """Return the records that are to be merged over there: where one system has both."""
    known = batch.related.get(other)
    if known is None:
        return []
    return [
        Merge(system=one.system, kind=one.kind, record=one.id, other=twin, other_lead=other)
        for one in view.records
        if not one.deleted and not one.survivor
        if (twin := known.records.get((one.system, one.kind))) is not None
    ]


def _is_in_crm(batch: Batch, lead: str) -> bool:
    return any(system in batch.crm for system, _ in batch.related[lead].records)


def _crm(batch: Batch) -> str:
    return " and ".join(sorted(batch.crm))


def _named(who: EntityView | Related) -> str:
    if isinstance(who, Related):
        return "".join(f" ({system} {kind} {one})" for (system, kind), one in sorted(who.records.items())[:1])
    return "".join(f" ({one.system} {one.kind} {one.id})" for one in who.records[:1])
