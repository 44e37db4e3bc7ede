"""Per field, who wins, and why: golden values from everything the linked records say.

A pure function of the records: independent of the order in which they came, and it never invents a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from syncd.lead.decision import Change, EntityView, Provenance, SourceRecord, source_words
from syncd.lead.definition import Definition, EntityKind, Merge, SharedField
from syncd.lead.together import Together, agree
from syncd.mapping.model import KindMap


@dataclass(frozen=True, slots=True)
class Said:
    """One record's canonical values, with the mapping that read them."""

    record: SourceRecord
    kind_map: KindMap
    values: Mapping[str, Any]
    bad: Mapping[str, str]


class Candidate(NamedTuple):
    """What one record says of one field; the best sorts first, and no two compare beyond their ids.

    Most are told by one record alone and are never named: they stay plain tuples of this order, which are made faster.
    """

    method: int
    follows: bool  # False: changed over there, and the mapping lets that side win
    age: int  # minus the time in ms: the latest first
    system: str
    kind: str
    id: str
    value: Any
    rule: str
    echo: bool  # our own write, read back: it says nothing new


def merge_values(
    definition: Definition,
    kind: EntityKind,
    said: Sequence[Said],
    before: Provenance = MappingProxyType({}),
    held: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[dict[str, Any], dict[str, Sequence[Any]], dict[str, str]]:
    """Return (golden values, provenance per field, unreadable fields that nobody else filled).

    `held`, `before`: the golden values so far and their provenance, parts of which are returned as they are where
    nothing changed.
    """
    fields = definition.fields[kind]
    bad: dict[str, str] = {}
    told: list[dict[str, _Plain]] = []
    for one in said:
        bad.update(one.bad)
        if candidates := _tell(one, before, held):
            told.append(candidates)
    groups = definition.together[kind] if len(said) > 1 else ()
    if len(told) == 1 and all(_stands_alone(one, told[0]) for one in groups):
        chosen = _take_all(fields, told[0])
    else:
        chosen = _choose_each(fields, _offers(told, groups))
    values: dict[str, Any] = {}
    provenance: dict[str, Sequence[Any]] = {}
    for name, value, (method, follows, age, system, of_kind, id, _, rule, _) in chosen:
        values[name] = value
        origin = [system, of_kind, id, -age, rule, method, not follows]
        known = before.get(name)
        provenance[name] = known if known == origin else origin
    return values, provenance, {name: why for name, why in bad.items() if name not in values} if bad else bad


def keep_noes(
    definition: Definition,
    view: EntityView,
    said: Sequence[Said],
    values: dict[str, Any],
    provenance: dict[str, Sequence[Any]],
) -> None:
    """Let an opt-out stand that was said by a record which is gone, or lives on as another that was never asked.

    Whoever takes it back does so on a living record, once that bears it.
    """
    for name in definition.noes[view.kind]:
        if view.values.get(name) is not True or values.get(name) is True or name not in view.provenance:
            continue
        who = tuple(view.provenance[name][:3])
        living = {(one.system, one.kind, one.id) for one in view.records if not one.deleted and one.survivor is None}
        if who not in living and not any(_took_back(one, name) for one in said):
            values[name], provenance[name] = True, view.provenance[name]


def sales_facts(said: Sequence[Said], names: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return what sales entered, the latest entry of each, and when the decision was entered (ms).

    Reason and note belong to the decision: they are of the record that says it, where that has lines for them.
    """
    latest: dict[str, tuple[int, Any]] = {}
    decider: Said | None = None
    for one in said:
        for name in names:
            value = one.values.get(name)
            if value is None:
                continue
            at = one.record.changed_at(one.kind_map.fields[name].reads)
            if name not in latest or at > latest[name][0]:
                latest[name] = (at, value)
                decider = one if name == "sales_decision" else decider
    decided = latest.get("sales_decision", (0, None))[0]
    facts = {name: value for name, (_, value) in latest.items()}
    for name in ("sales_reason", "sales_reason_text"):
        if decider is not None and name in decider.kind_map.fields:
            facts[name] = decider.values.get(name)
    return {name: value for name, value in facts.items() if value is not None}, decided


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any], provenance: Provenance) -> tuple[Change, ...]:
    """Return what differs, field by field, with the source of the new value."""
    if before == after:
        return ()
    changes = []
    for name in [name for name in {**before, **after} if before.get(name) != after.get(name)]:
        source = provenance.get(name)
        said, rule = ("nobody says so any more", "") if source is None else (source_words(source), source[4])
        changes.append(Change(name, before.get(name), after.get(name), said, rule))
    return tuple(changes)


# ---------------------------------------------------------------------------------------------------------------------


def _took_back(one: Said, name: str) -> bool:
    """Whether a record that bore a yes says no now."""
    line = one.kind_map.fields.get(name)
    if line is None or line.writes not in line.reads:
        return False
    base = one.record.agreed.get(str(line.writes))
    return base is not None and base[0] is True and one.values.get(name) is not True


_Plain: TypeAlias = tuple[int, bool, int, str, str, str, Any, str, bool]  # a Candidate
_ANY, _UNION = Merge.ANY, Merge.UNION  # members of an enum are slow to come by


def _tell(one: Said, before: Provenance, held: Mapping[str, Any]) -> dict[str, _Plain]:
    """Return what one record says."""
    record, voices = one.record, one.kind_map.voices
    system, kind, id, agreed = record.system, record.kind, record.id, record.agreed
    changed, first = record.changed, record.first_modified
    told: dict[str, _Plain] = {}
    for name, value in one.values.items():
        if value is None:
            continue
        method, rule, reads, insists, field, others = voices[name]
        echo, follows, moved = False, True, False
        base = agreed.get(field)
        if base is None and others:
            base = next((agreed[one] for one in others if one in agreed), None)
        if base is not None:
            if base[0] == value:
                echo = base[1] == "w"
            else:
                follows, moved = not insists, True
        at = changed.get(reads[0], first) if len(reads) == 1 else record.changed_at(reads)
        if moved and at % 1000 == 0:
            at += 999  # told in whole seconds: of two in one second the correction over there is not overwritten
        stood = before.get(name)
        if stood is not None and (at < stood[3] or (moved and at == stood[3])) and not echo:
            at = _not_before(stood, held.get(name), (system, kind, id), value, base if moved else None, at)
        told[name] = (method, follows, -at, system, kind, id, value, rule, echo)
    return told


def _stands_alone(one: Together, told: Mapping[str, _Plain]) -> bool:
    """Whether of one record's word on fields that are taken together all stands as it is."""
    return all(told[name][1] and not told[name][8] for name in one.names if name in told)


def _take_all(fields: Mapping[str, SharedField], told: Mapping[str, _Plain]) -> Iterator[tuple[str, Any, _Plain]]:
    """Yield (field, value, whose it is) where only one record says anything."""
    for name, one in told.items():
        field = fields.get(name)
        if field is None:
            continue
        if field.merge is _ANY:
            yield name, one[6] is True, one
        elif not one[8]:
            yield name, one[6], one


def _offers(told: Sequence[Mapping[str, _Plain]], groups: Sequence[Together]) -> dict[str, list[_Plain]]:
    offers: dict[str, list[_Plain]] = {}
    for candidates in told:
        for name, one in candidates.items():
            if name in offers:
                offers[name].append(one)
            else:
                offers[name] = [one]
    for together in groups:
        if not _is_undisputed(together, offers):
            _take_together(together, offers)
    return offers


def _choose_each(
    fields: Mapping[str, SharedField], offers: Mapping[str, list[_Plain]]
) -> Iterator[tuple[str, Any, _Plain]]:
    for name, candidates in offers.items():
        field = fields.get(name)
        if field is None:
            continue
        told = candidates if field.merge is _ANY else [one for one in candidates if not one[8]]
        if len(told) == 1 and field.merge is not _ANY and (field.merge is not _UNION or len(candidates) == 1):
            yield name, told[0][6], told[0]
        elif told:
            yield name, *_choose(field, sorted(map(Candidate._make, told)))


def _not_before(
    stood: Sequence[Any], held: Any, key: tuple[str, str, str], value: Any, moved: Sequence[Any] | None, at: int
) -> int:
    """Return when a value was entered, in ms, by what is known of it beside the time that its system tells.

    Of two systems one may tell whole seconds, and two clocks differ. What once won stays until something newer is said,
    and whoever changes what both sides held (`moved`: what was agreed) knew what was said until then (`stood`).
    """
    if moved is not None and moved[0] == held:
        return int(stood[3]) + 1
    return int(stood[3]) if value == held and key == (stood[0], stood[1], stood[2]) else at


def _outlasting(winner: Candidate, told: Iterable[Candidate]) -> Candidate:
    """Have a value that its side insists on be the latest of all: once both sides hold it, nothing else favours it."""
    if winner.follows:
        return winner
    return winner._replace(age=min([winner.age, *(one.age - 1 for one in told if one is not winner)]))


def _is_undisputed(one: Together, offers: Mapping[str, Sequence[_Plain]]) -> bool:
    """Whether all that is offered is one record's, and all of it stands as it is."""
    told = [candidate for name in one.names for candidate in offers.get(name, ())]
    return len({c[3:6] for c in told}) < 2 and all(c[1] and not c[8] for c in told)


def _take_together(one: Together, offers: dict[str, list[_Plain]]) -> None:
    """Leave of what is offered only what the best record says, and what records add that mean the same thing."""
    records: dict[tuple[str, str, str], dict[str, Candidate]] = {}
    for name in one.names:
        for candidate in map(Candidate._make, offers.get(name, ())):
            records.setdefault(candidate[3:6], {})[name] = candidate
    stand = {key: told for key, said in records.items() if (told := _standing(said))}
    ranks = {system: place for place, system in enumerate(one.ranks)}
    waiting = sorted(
        stand, key=lambda key: (ranks.get(key[0], 99), min(c[:6] for c in stand[key].values() if not c.echo))
    )
    taken: dict[str, Candidate] = {}
    held: dict[str, Any] = {name: c.value for name, c in stand[waiting[0]].items()} if waiting else {}
    key = waiting[0] if waiting else None
    while key is not None:
        waiting.remove(key)
        for name, candidate in stand[key].items():
            if name not in taken and not candidate.echo:
                everyone = (one for told in stand.values() for one in told.values())
                taken[name], held[name] = _outlasting(candidate, everyone), candidate.value
        key = next((other for other in waiting if _adds(one, held, stand[other])), None)
    for name in offers.keys() & one.names:
        offers[name] = [taken[name]] if name in taken else []


def _standing(said: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """Return what a record tells, and of what we wrote there ourselves what its latest entry left as it was."""
    latest = min((c.age for c in said.values() if not c.echo), default=None)
    return {name: c for name, c in said.items() if latest is not None and (not c.echo or c.age >= latest)}


def _adds(one: Together, held: Mapping[str, Any], said: Mapping[str, Candidate]) -> bool:
    """Whether a record is of the place that is held, or tells all that is held itself and more."""
    if one.is_same(held, {name: c.value for name, c in said.items()}):
        return True
    told = {name: c.value for name, c in said.items() if not c.echo}
    return agree(tuple(held), held, told) is True and held.keys() <= told.keys()


def _choose(field: SharedField, told: list[Candidate]) -> tuple[Any, Candidate]:
    """Return (the value, whose it is) of what is told, the best first: nobody's echo, unless any yes counts."""
    if field.merge is Merge.ANY:
        # An echo counts here: once opted out, opted out, until every side that says so takes it back.
        return any(c.value is True for c in told), next((c for c in told if c.value is True), told[0])
    if field.merge is Merge.UNION:
        lists = [c for c in told if isinstance(c.value, list)]
        if not lists:  # everyone answered that there is none
            return told[0].value, told[0]
        return sorted({item for one in lists for item in one.value}), lists[0]
    if field.merge in (Merge.MAX, Merge.MIN):
        values = [c for c in told if c.value != field.or_none]
        if not values:  # everyone answered that there is none
            return told[0].value, told[0]
        pick = max if field.merge is Merge.MAX else min
        best = pick(c.value for c in values)
        return best, next(c for c in values if c.value == best)
    if field.merge is Merge.RANK:
        told.sort(key=lambda c: field.ranks.index(c.system) if c.system in field.ranks else 99)
    return told[0].value, _outlasting(told[0], told)
