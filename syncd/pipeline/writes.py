"""What one decision writes: to each record of the entity what differs, and the records that are not there yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from syncd.lead.decision import Ask, Decision, EntityView, Fate, Provenance, Write
from syncd.lead.definition import EntityKind
from syncd.lead.together import Together
from syncd.mapping.model import FieldMap, KindMap, Mappings
from syncd.pipeline.batch import Batch
from syncd.pipeline.making import may_be_made
from syncd.pipeline.placing import seen_from
from syncd.stages.deliver import plan_create, plan_update
from syncd.stages.merge import changes_between


class Planned(NamedTuple):
    """`reads`: record -> what both sides agree on from now, nothing being written. `asks`: what a person is asked."""

    writes: list[Write]
    reads: dict[tuple[str, str, str], Any]
    asks: list[Ask]


def plan_writes(
    batch: Batch,
    view: EntityView,
    values: Mapping[str, Any],
    provenance: Provenance,
    *,
    allowed: bool,
    waiting: bool = False,
) -> Planned:
    """Plan the writes of one entity.

    `allowed`: the gate let it pass; without that the CRM hears of nothing but an opt-out. `waiting`: it passed and the
    CRM has not taken it yet; marketing hears of the handover once, with the id that the CRM gave, and before of an
    opt-out alone.
    """
    guarded = batch.crm if view.kind is EntityKind.LEAD else frozenset()
    noes = _noes(batch.mappings, view.kind, values)
    together = batch.mappings.definition.together[view.kind]
    writes: list[Write] = []
    reads: dict[tuple[str, str, str], Any] = {}
    asks: list[Ask] = []
    for record in view.records:
        in_crm = record.system in guarded
        kind_map = batch.mappings.kind(record.system, record.kind)
        if kind_map is None or record.deleted or record.survivor:
            continue
        if kind_map.only is not None and not kind_map.only.met(record.fields):
            continue
        held = view.in_review or not allowed if in_crm else waiting
        if held and not noes:
            continue
        translate = _translator(batch, record.system)
        write, equal, asked = plan_update(
            kind_map, record, seen_from(batch, kind_map, values), provenance, translate, together
        )
        if held:
            write, equal, asked = _opt_outs(kind_map, write, noes), {}, []
        elif write is not None and (noes or together):
            write = _in_parts(kind_map, write, noes, together)
        writes += [write] if write is not None else []
        asks += asked
        if equal:
            agreed = {field: [value, "r"] for field, value in equal.items()}
            reads[(record.system, record.kind, record.id)] = {**record.agreed, **agreed}
    if allowed and not view.in_review:
        created, asked = _plan_creates(batch, view, values)
        writes += created
        asks += asked
    return Planned(writes, reads, asks)


def sum_up(
    view: EntityView,
    values: Mapping[str, Any],
    provenance: Provenance,
    bad: Mapping[str, str],
    state: Mapping[str, Any],
    planned: Planned,
    facts: Mapping[str, Any],
    *,
    fate: Fate | None = None,
    look_at: int | None = None,
    **told: Any,
) -> Decision:
    """Return the decision of one entity; `told` are further fields of a Decision."""
    changes = changes_between(view.values, values, provenance)
    if fate is None:
        fate = Fate.UPDATED if planned.writes else Fate.REVIEW if view.in_review else Fate.UNCHANGED
    return Decision(
        entity=view.id,
        kind=view.kind,
        values=values,
        provenance=provenance,
        state=state,
        changes=changes,
        writes=tuple(planned.writes),
        reads=planned.reads,
        asks=tuple(planned.asks),
        facts=facts,
        bad=bad,
        fate=fate,
        look_at=look_at,
        stored=bool(changes)
        or state != view.state
        or not view.known
        or provenance != view.provenance
        or look_at != view.look_at,
        **told,
    )


def only_opt_outs(mappings: Mappings, decision: Decision) -> Decision:
    """Return the decision with what is carried though all else of it waits."""
    noes = _noes(mappings, decision.kind, decision.values)
    kept = []
    for write in decision.writes if noes else ():
        kind_map = mappings.kind(write.system, write.kind)
        left = _opt_outs(kind_map, write, noes) if kind_map is not None and not write.creates else None
        kept += [left] if left is not None else []
    return decision._replace(writes=tuple(kept))


# ---------------------------------------------------------------------------------------------------------------------


def _noes(mappings: Mappings, kind: EntityKind, values: Mapping[str, Any]) -> set[str]:
    """Return the fields in which the lead said no: whatever else waits, that is carried at once."""
    return {name for name in mappings.definition.noes[kind] if values.get(name) is True}


def _opt_outs(kind_map: KindMap, write: Write | None, noes: Collection[str]) -> Write | None:
    """Return what is left of a write to a record that the gate, a question, a brake or the handover itself holds."""
    names = {field: line.name for field, line in kind_map.writers.items()}
    kept = {field: raw for field, raw in (write.fields if write else {}).items() if names.get(field) in noes}
    if write is None or not kept:
        return None
    was = {field: value for field, value in write.was.items() if field in kept}
    return write._replace(fields=kept, agrees={field: write.agrees[field] for field in kept}, was=was)


def _in_parts(kind_map: KindMap, write: Write, noes: Collection[str], together: Sequence[Together]) -> Write:
    """Return the write with what must be known to send a part of it, where another part is refused."""
    writers = kind_map.writers
    names = {field: writers[field].name for field in write.fields if field in writers}
    groups = [tuple(field for field, name in names.items() if name in one.names) for one in together]
    told = tuple(field for field, name in names.items() if name in noes)
    whole = tuple(one for one in groups if len(one) > 1)
    return write._replace(noes=told, groups=whole) if told or whole else write


def _plan_creates(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> tuple[list[Write], list[Ask]]:
    there = {record.system for record in view.records}  # a deleted one counts: it is not made anew
    writes: list[Write] = []
    asks: list[Ask] = []
    for kind_map in batch.mappings.of_entity(view.kind):
        if kind_map.system in there or not may_be_made(batch, view, kind_map):
            continue
        if (kind_map.system, kind_map.kind) not in batch.may_create:
            continue
        write, asked = plan_create(
            kind_map, view.id, seen_from(batch, kind_map, values), _translator(batch, kind_map.system)
        )
        writes += [write] if write is not None else []
        asks += asked
    return writes, asks


def _translator(batch: Batch, system: str) -> Any:
    def translate(line: FieldMap, entity: str) -> str | None:
        target = batch.related.get(entity)
        assert line.refers_to is not None
        return target.records.get((system, line.refers_to[1])) if target is not None else None

    return translate
