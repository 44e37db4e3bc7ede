"""Puts before a person what only a person can tell: who belongs where, and who is who; and asks no longer.

Whether there is a question is syncd.stages.enrich's and syncd.stages.recognise's to say, what was answered is
syncd.pipeline.reviewing's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from syncd.lead.branch import number_keys
from syncd.lead.decision import Decision, Doubles, Likely, Merge, Question, Related
from syncd.lead.definition import EntityKind
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, likeness
from syncd.store.views import load_related

NOT_LEADS = (EntityKind.ACCOUNT, EntityKind.BRANCH)


def tell_questions(connection: Connection, decisions: Sequence[Decision], now: int) -> None:
    """Open the questions that these decisions leave, close those that they settle, wake whom they may settle."""
    asking = [one for one in decisions if one.question is not None]
    settled = handoff.with_problems(connection, [one.entity for one in decisions if one.question is None])
    if settled:
        inbox.close_problems(connection, entities=sorted(settled), kinds=("match",))
        likeness.ask_no_more(connection, sorted(settled))
    if asking:
        _ask(connection, asking, now)
    _wake(connection, [one for one in decisions if one.kind in NOT_LEADS and one.changes], now)


def tell_doubles(connection: Connection, decisions: Sequence[Decision], now: int) -> None:
    """Ask of each two leads that may be one person once, of the later one; say what is to be merged over there."""
    told = {one.entity: one.doubles for one in decisions if one.doubles is not None}
    if not told:
        return
    before, askers = likeness.doubles_of(connection, told)
    asked = handoff.with_problems(connection, told)
    inbox.close_problems(connection, entities=sorted(asked), kinds=("person",))
    woken: set[str] = set()
    for lead, doubles in told.items():
        earlier = {one.id for one in doubles.likely if one.id < lead}
        if earlier != before.get(lead, set()):
            likeness.ask_no_more(connection, [lead], likeness.DOUBLE)
            likeness.ask(connection, EntityKind.LEAD, lead, sorted(earlier), likeness.DOUBLE)
        later = {one.id for one in doubles.likely if one.id > lead}
        for one in later - askers.get(lead, set()) - told.keys():
            likeness.ask(connection, EntityKind.LEAD, one, [lead], likeness.DOUBLE)
        woken |= later ^ askers.get(lead, set())
    intake.mark_due(
        connection, dict.fromkeys(woken - told.keys(), RANK[EntityKind.LEAD]), now, "another lead may be the same"
    )
    questions = {lead: found for lead, one in told.items() if (found := who_is_it(lead, one)) is not None}
    shown = {one.id for found in questions.values() for one in found.candidates}
    known = load_related(connection, shown | questions.keys()) if questions else {}
    for lead, found in questions.items():
        _ask_who(connection, lead, found, known, now)
    for lead, doubles in told.items():
        for merge in doubles.merges:
            _propose(connection, lead, merge, now)


def who_is_it(lead: str, doubles: Doubles | None) -> Question | None:
    """Return what is asked of this lead: which earlier one it is, if any; of later ones those are asked."""
    earlier = [one for one in doubles.likely if one.id < lead] if doubles is not None else []
    return Question(about=EntityKind.LEAD, candidates=tuple(earlier[:_SHOWN])) if earlier else None


def merge_key(lead: str, merge: Merge) -> str:
    """Return the key of the proposal to merge two records: one, whichever of the two leads says it."""
    record, keeper = (merge.record, merge.other_lead) if lead > merge.other_lead else (merge.other, lead)
    return f"who|{merge.system} {merge.kind} {record}|{keeper}"


# ---------------------------------------------------------------------------------------------------------------------

_SHOWN = 2


def _ask_who(connection: Connection, lead: str, found: Question, known: Mapping[str, Related], now: int) -> None:
    first, *others = (f"lead {_name(one.id, known)} ({_why(one)})" for one in found.candidates)
    inbox.open_problem(
        connection,
        key=f"person|{lead}",
        kind="person",
        entity=lead,
        now=now,
        message=f"lead {_name(lead, known)} may be the same person as {first}"
        + "".join(f", or as {other}" for other in others)
        + ". Nothing was joined; say whether it is with `syncd review`",
    )


def _propose(connection: Connection, lead: str, merge: Merge, now: int) -> None:
    """Nobody is merged by us: a person does that over there, and the sign of it closes this."""
    later = lead > merge.other_lead
    record, other = (merge.record, merge.other) if later else (merge.other, merge.record)
    key = merge_key(lead, merge)
    if inbox.open_keys(connection, key):
        return
    inbox.open_problem(
        connection,
        key=key,
        kind="duplicate",
        system=merge.system,
        entity=merge.other_lead if later else lead,
        record=f"{merge.system} {merge.kind} {record}",
        now=now,
        message=f"{merge.system} {merge.kind} {record} and {merge.kind} {other} are of one person, as somebody said in "
        f"review; both are kept up to date. Merge the two over there; syncd follows by itself",
    )


def _ask(connection: Connection, asking: Sequence[Decision], now: int) -> None:
    shown = {one.id for decision in asking if decision.question for one in decision.question.candidates}
    known = load_related(connection, shown | {one.entity for one in asking})
    likeness.ask_no_more(connection, [one.entity for one in asking])
    for one in asking:
        if one.question is None:
            continue
        candidates = one.question.candidates
        likeness.ask(connection, one.kind, one.entity, [likely.id for likely in candidates])
        about = one.question.about.value
        first, *others = (f"{about} {_name(likely.id, known)} ({_why(likely)})" for likely in candidates)
        inbox.open_problem(
            connection,
            key=f"match|{one.entity}",
            kind="match",
            entity=one.entity,
            now=now,
            message=f"{one.kind.value} {_name(one.entity, known)} may belong to {first}"
            + "".join(f", or to {other}" for other in others)
            + f". It was linked to {'neither' if others else 'nobody'}; say what it is with `syncd review`",
        )


def _name(entity: str, known: Mapping[str, Related]) -> str:
    records = sorted(known[entity].records.items()) if entity in known else []
    return entity + "".join(f", {system} {kind} {record}" for (system, kind), record in records[:1])


def _why(likely: Likely) -> str:
    return likely.words() + (f"; not linked because {likely.hold}" if likely.hold else "")


def _wake(connection: Connection, changed: Sequence[Decision], now: int) -> None:
    """Have those decided again whose question, or whose missing account, a changed account or branch may settle."""
    waiting: dict[str, int] = {}
    for kind in (EntityKind.BRANCH, EntityKind.LEAD):
        keys = [("asked", one.entity) for one in changed] + list(_exact_keys(kind, changed))
        for found in intake.holders_of(connection, kind.value, keys).values():
            waiting |= dict.fromkeys(found, RANK[kind])
    intake.mark_due(connection, waiting, now, "an account or branch changed")


def _exact_keys(kind: EntityKind, changed: Iterable[Decision]) -> Iterable[tuple[str, str]]:
    """Return the keys under which those are known that a new account's number or domain places."""
    key, name = ("customer", "erp_customer") if kind is EntityKind.BRANCH else ("company", "domain")
    for one in changed:
        fresh = one.values.get(name) and any(change.field == name for change in one.changes)
        if one.kind is EntityKind.ACCOUNT and fresh:
            yield from ((key, spelled) for spelled in number_keys(one.values[name]))
