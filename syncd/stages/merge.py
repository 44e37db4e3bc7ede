"""Per field, who wins, and why: golden values from everything the linked records say.

A pure function of the records: independent of the order in which they came, and it never invents a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from syncd.lead.decision import Change, EntityView, Origin, Provenance, SourceRecord
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
    """What one record says of one field; the best sorts first, and no two compare beyond their ids."""

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
    offers: dict[str, list[Candidate]] = {}
    bad: dict[str, str] = {}
    for one in said:
        _collect(one, offers, before, held)
        bad.update(one.bad)
    if len(said) > 1:
        for together in definition.together[kind]:
            if not _is_undisputed(together, offers):
                _take_together(together, offers)
    values: dict[str, Any] = {}
    provenance: dict[str, Sequence[Any]] = {}
    for name, candidates in offers.items():
        field = fields.get(name)
        if field is None:
            continue
        if len(candidates) == 1 and field.merge is not Merge.ANY:
            winner = candidates[0]
            if winner.echo:
                continue
            values[name] = winner.value
        else:
            value, chosen = _choose(field, candidates)
            if chosen is None:
                continue
            values[name], winner = value, chosen
        method, follows, age, system, of_kind, id, _, rule, _ = winner
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
    other = [name for name, value in before.items() if after.get(name) != value]
    other += [name for name, value in after.items() if value is not None and name not in before]
    for name in other:
        source = provenance.get(name)
        origin = Origin(*source) if source is not None else None
        said, rule = (origin.words(), origin.rule) if origin is not None else ("nobody says so any more", "")
        changes.append(Change(field=name, old=before.get(name), new=after.get(name), source=said, rule=rule))
    return tuple(changes)


# ---------------------------------------------------------------------------------------------------------------------


def _took_back(one: Said, name: str) -> bool:
    """Whether a record that bore a yes says no now."""
    line = one.kind_map.fields.get(name)
    if line is None or line.writes not in line.reads:
        return False
    base = one.record.agreed.get(str(line.writes))
    return base is not None and base[0] is True and one.values.get(name) is not True


def _collect(
    one: Said,
    offers: dict[str, list[Candidate]],
    before: Provenance,
    held: Mapping[str, Any],
    new: Any = tuple.__new__,
) -> None:
    """Add what one record says. `new` makes a Candidate without its constructor: a batch makes tens of thousands."""
    record, voices = one.record, one.kind_map.voices
    system, kind, id, agreed = record.system, record.kind, record.id, record.agreed
    changed, first = record.changed, record.first_modified
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
        candidate = new(Candidate, (method, follows, -at, system, kind, id, value, rule, echo))
        if name in offers:
            offers[name].append(candidate)
        else:
            offers[name] = [candidate]


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


def _is_undisputed(one: Together, offers: Mapping[str, Sequence[Candidate]]) -> bool:
    """Whether all that is offered is one record's, and all of it stands as it is."""
    told = [candidate for name in one.names for candidate in offers.get(name, ())]
    return len({c[3:6] for c in told}) < 2 and all(c.follows and not c.echo for c in told)


def _take_together(one: Together, offers: dict[str, list[Candidate]]) -> None:
    """Leave of what is offered only what the best record says, and what records add that mean the same thing."""
    records: dict[tuple[str, str, str], dict[str, Candidate]] = {}
    for name in one.names:
        for candidate in offers.get(name, ()):
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


def _choose(field: SharedField, candidates: list[Candidate]) -> tuple[Any, Candidate | None]:
    if field.merge is Merge.ANY:
        # An echo counts here: once opted out, opted out, until every side that says so takes it back.
        told = sorted(candidates)
        return any(c.value is True for c in told), next((c for c in told if c.value is True), told[0])
    told = [c for c in candidates if not c.echo]
    if not told:
        return None, None
    told.sort()
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
