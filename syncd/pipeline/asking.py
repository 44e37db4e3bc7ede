"""Puts before a person what only a person can tell: to which account or branch somebody belongs; and asks no longer.

Whether there is a question is syncd.stages.enrich's to say, what was answered is syncd.pipeline.reviewing's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from syncd.lead.decision import Decision, Likely, Related
from syncd.lead.definition import EntityKind
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, likeness

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


# ---------------------------------------------------------------------------------------------------------------------


def _ask(connection: Connection, asking: Sequence[Decision], now: int) -> None:
    shown = {one.id for decision in asking if decision.question for one in decision.question.candidates}
    known = handoff.load_related(connection, shown | {one.entity for one in asking})
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
            yield key, str(one.values[name])
