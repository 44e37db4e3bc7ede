"""What a person is asked about likeness, and what was answered: read afresh, remembered, obeyed, taken back.

How it is shown is syncd.cli's; what an answer changes is decided like everything else, by syncd.pipeline.deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from syncd.lead.decision import Decision, Likely, Merge, Question
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.matching import mail_domain
from syncd.pipeline.asking import merge_key, who_is_it
from syncd.pipeline.deciding import decide_batch
from syncd.pipeline.succession import RANK
from syncd.store import handoff, inbox, intake, likeness, pairings
from syncd.store.database import serialise_intake
from syncd.store.views import load_related


class NoQuestion(Exception):
    """There is nothing to answer under that number, or not with that; the text says what can be done."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of those compared: its id, one of its records in words, and its values."""

    id: str
    record: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Review:
    """A question as it stands now. `candidates`: the likeliest first, each with what speaks for and against it.

    None of them: it is asked whether this lead is made in the CRM.
    """

    number: int
    kind: EntityKind
    about: EntityKind
    who: Side
    candidates: Sequence[tuple[Side, Likely]]

    @property
    def making(self) -> bool:
        return not self.candidates


@dataclass(frozen=True, kw_only=True)
class Line:
    """One fact of all sides, whom it is asked about first; `cells`: (text, whether it differs from the first)."""

    label: str
    cells: tuple[tuple[str, bool], ...]


def side_by_side(review: Review) -> list[Line]:
    """Return what any side has, fact by fact."""
    sides = [review.who, *(side for side, _ in review.candidates)]
    same: list[set[str]] = [set(), *({sign for sign, _ in likely.signs} for _, likely in review.candidates)]
    lines = []
    for label, read in (_SHOWN_OF_PEOPLE if review.about is EntityKind.LEAD else _SHOWN).items():
        told = [read(side.values) for side in sides]
        differs = [
            bool(one and told[0] and one.casefold() != told[0].casefold() and _SAME.get(label) not in signs)
            for one, signs in zip(told, same, strict=True)
        ]
        if any(told):
            lines.append(Line(label=label, cells=tuple(zip(told, differs, strict=True))))
    return lines


def open_questions(connection: Connection, limit: int) -> list[Any]:
    """Return the open problems that ask, those of one kind together, the latest first."""
    return inbox.list_problems(connection, kinds=_KINDS, limit=limit)


def read_review(connection: Connection, mappings: Mappings, number: int, now: int) -> Review:
    """Return a question with both sides as they are now. Raises NoQuestion."""
    row = inbox.problem_of(connection, number)
    if row is None or row.kind not in _KINDS:
        raise NoQuestion(f"there is no question {number}; `syncd review` lists those there are")
    found = decide_batch(connection, mappings, [row.entity], now, ())
    question = _asked_now(row.kind, found[0]) if row.open and found else None
    if question is None:
        raise NoQuestion(f"question {number} is settled; `syncd review undo {number}` takes back what was answered")
    decision = found[0]
    known = load_related(connection, [row.entity, *(one.id for one in question.candidates)])

    def side(one: str, values: Mapping[str, Any]) -> Side:
        records = sorted(known[one].records.items())
        return Side(id=one, record=" ".join([*records[0][0], records[0][1]]) if records else "", values=values)

    return Review(
        number=number,
        kind=decision.kind,
        about=question.about,
        who=side(row.entity, decision.values),
        candidates=[(side(one.id, known[one.id].values), one) for one in question.candidates],
    )


def accept(connection: Connection, review: Review, candidate: str | None, by: str, now: int) -> Side:
    """Remember that it is this candidate's (None: the only one) and no other's. Raises NoQuestion.

    A lead that is the same person as one may be the same as another, too: of that nothing is said.
    """
    if review.making:
        _let_make(connection, review, True, by, now)
        return review.who
    if candidate is None and len(review.candidates) > 1:
        raise NoQuestion(
            f"question {review.number} has {len(review.candidates)} candidates; say which: 1 or 2, or an id"
        )
    chosen = _candidate(review, candidate)
    sides = [chosen] if review.about is EntityKind.LEAD else [side for side, _ in review.candidates]
    _remember(connection, review, {side.id: side is chosen for side in sides}, by, now)
    return chosen


def reject(connection: Connection, review: Review, candidate: str | None, by: str, now: int) -> Side:
    """Remember that it does not belong to this candidate (None: the likeliest); the others stay to be asked about."""
    if review.making:
        _let_make(connection, review, False, by, now)
        return review.who
    refused = _candidate(review, candidate)
    _remember(connection, review, {refused.id: False}, by, now)
    return refused


def reject_all(connection: Connection, review: Review, by: str, now: int) -> None:
    if review.making:
        _let_make(connection, review, False, by, now)
        return
    _remember(connection, review, {side.id: False for side, _ in review.candidates}, by, now)


def undo(connection: Connection, number: int, now: int) -> int:
    """Take back everything that was answered to a question; return how many entities are decided again."""
    serialise_intake(connection)
    said = pairings.undo(connection, number)
    if not said:
        raise NoQuestion(f"nothing was answered to question {number}")
    pairs = [(row.entity, row.candidate) for row in said if row.about == EntityKind.LEAD.value]
    likeness.look_again(connection, {one for pair in pairs for one in pair})
    _withdraw_merges(connection, pairs)
    kinds = handoff.kinds_of(connection, {row.entity for row in said} | {one for pair in pairs for one in pair})
    intake.mark_due(
        connection, {one: RANK[EntityKind(kind)] for one, kind in kinds.items()}, now, "a review was undone"
    )
    return len(kinds)


def asked_words(review: Review) -> str:
    """Return the question in words."""
    if review.making:
        return "is this lead made in the CRM?"
    if review.about is EntityKind.LEAD:
        return "is this lead the same person?"
    return f"to which {review.about.value} does this {review.kind.value} belong?"


# ---------------------------------------------------------------------------------------------------------------------

_KINDS = ("match", "person", "create")  # of problems that are answered in review


def _asked_now(kind: str, decision: Decision) -> Question | None:
    if kind == "create":
        asked = any(ask.kind == "create" for ask in decision.asks)
        return Question(about=EntityKind.LEAD, candidates=()) if asked else None
    return who_is_it(decision.entity, decision.doubles) if kind == "person" else decision.question


def _first(*names: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda values: next((str(values[name]) for name in names if values.get(name)), "")


_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "name": _first("company", "name"),
    "street": _first("street"),
    "town": _first("city"),
    "state": _first("state"),
    "postcode": _first("postcode"),
    "country": _first("country"),
    "phone": _first("phone"),
    "domain": lambda values: str(
        values.get("domain") or mail_domain(values.get("email")) or values.get("website") or ""
    ),
    "ERP number": _first("erp_customer", "customer"),
}


_SHOWN_OF_PEOPLE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "first name": _first("first_name"),
    "last name": _first("last_name"),
    "e-mail": _first("email"),
    "title": _first("title"),
    "company": _first("company"),
    **{label: read for label, read in _SHOWN.items() if label not in ("name", "ERP number")},
}


# What matching calls the same though it is written otherwise: a postcode with and without its +4.
_SAME = {"postcode": "same postcode", "phone": "same telephone", "town": "same town", "state": "same state"}


def _candidate(review: Review, named: str | None) -> Side:
    sides = [side for side, _ in review.candidates]
    if named is None:
        return sides[0]
    if named.isdigit() and 1 <= int(named) <= len(sides):
        return sides[int(named) - 1]
    for one in sides:
        if named.upper() == one.id or named == one.record.rpartition(" ")[2]:
            return one
    raise NoQuestion(f"{named!r} is no candidate of question {review.number}; give a number from 1 to {len(sides)}")


def _let_make(connection: Connection, review: Review, yes: bool, by: str, now: int) -> None:
    serialise_intake(connection)
    lead = review.who.id
    said = {"entity": lead, "candidate": lead, "about": pairings.MAKING, "same": yes}
    pairings.save_said(connection, [{**said, "problem": review.number, "by": by, "at": now}])
    inbox.close_problems(connection, entities=[lead], kinds=("create",))
    intake.mark_due(connection, {lead: RANK[EntityKind.LEAD]}, now, "a person said whether it is made")


def _remember(connection: Connection, review: Review, said: Mapping[str, bool], by: str, now: int) -> None:
    serialise_intake(connection)
    pairings.save_said(
        connection,
        [
            {
                "entity": review.who.id,
                "candidate": candidate,
                "about": review.about.value,
                "same": same,
                "problem": review.number,
                "by": by,
                "at": now,
            }
            for candidate, same in said.items()
        ],
    )
    if review.about is EntityKind.LEAD:
        inbox.close_problems(connection, entities=[review.who.id], kinds=("person",))
        due = [review.who.id, *said]
    else:
        inbox.close_problems(connection, key=f"match|{review.who.id}")
        likeness.ask_no_more(connection, [review.who.id])
        due = [review.who.id]
    intake.mark_due(connection, dict.fromkeys(due, RANK[review.kind]), now, "a person said who it is")


def _withdraw_merges(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    """Close what was proposed of leads of which it is no longer said that they are one."""
    known = load_related(connection, {one for pair in pairs for one in pair})
    for one, other in pairs:
        mine, theirs = (known[lead].records if lead in known else {} for lead in (one, other))
        for (system, kind), record in mine.items():
            if (system, kind) in theirs:
                twin = theirs[(system, kind)]
                merge = Merge(system=system, kind=kind, record=record, other=twin, other_lead=other)
                inbox.close_problems(connection, key=merge_key(one, merge))
