"""What a plan told is what the run then does, field by field, for any edit of the files and any little world."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from small_world import CRM_FIELDS, FACTS, FILES, OURS, PROPERTIES, SPARE, SmallWorld, compiled
from support.clock import moment
from support.long import times

from syncd.config import Problems
from syncd.edits.effects import Risk
from syncd.edits.plan import Plan

NAMES = ("email", "phone", "last_name", "company", "title", "city", "budget", "employees", "opted_out")
WORDS = st.sampled_from(["", "Works", "works ", "VP Operations", "Chicago", "500", "20", "true", "n/a", "<b>x</b>"])
PERSON = st.fixed_dictionaries(
    {
        "email": st.just(""),
        "phone": st.sampled_from(["", "(312) 555-0142", "12"]),
        "lastname": WORDS,
        "company": WORDS,
        "jobtitle": WORDS,
        "city": WORDS,
        "budget": st.sampled_from(["", "50000", "not set yet", "much"]),
        "employees": st.sampled_from(["", "500", "20", "many"]),
        "optout": st.sampled_from(["", "true", "false"]),
    }
)
Files = dict[str, str]


def line(file: str, name: str, text: str) -> Callable[[Files], None]:
    """Put another text in place of the line of this field, or delete it."""

    def change(files: Files) -> None:
        kept = [one for one in files[file].splitlines() if not one.startswith(f"    {name}: ")]
        place = next(at for at, one in enumerate(kept) if one.startswith("    "))
        files[file] = "\n".join([*kept[:place], *([f"    {name}: {text}"] if text else []), *kept[place:]]) + "\n"

    return change


def trade(file: str, one: str, other: str) -> Callable[[Files], None]:
    """Have two lines exchange the fields over there that they read, write or both."""

    def change(files: Files) -> None:
        rows = [row for row in files[file].splitlines() if row.startswith((f"    {one}: ", f"    {other}: "))]
        names = [re.findall(r"(?:from|to): (\w+)", row) for row in rows]
        if len(rows) == 2 and all(names):
            for row, (old, *_), (new, *_) in zip(rows, names, reversed(names), strict=True):
                files[file] = files[file].replace(row, re.sub(rf"(from|to): {old}\b", rf"\1: {new}", row))

    return change


def swap(file: str, old: str, new: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[file] = files[file].replace(old, new)

    return change


NATURAL = {
    "last_name": "LastName",
    "company": "Company",
    "title": "Title",
    "city": "City",
    "budget": "Budget",
    "employees": "Employees",
    "opted_out": "OptOut",
}
TEXTS = ("last_name", "company", "title", "city")
TYPED = ("phone", "budget", "employees", "opted_out")
ANY = st.sampled_from(PROPERTIES)
READ = [
    st.just(""),
    st.builds("{{from: {}}}".format, ANY),
    st.builds("{{from: [{}, {}]}}".format, ANY, ANY),
    st.builds("{{from: {}, method: bought}}".format, ANY),
]
HUB_LINES = st.one_of(
    st.builds(line, st.just("hub.yaml"), st.sampled_from(TYPED), st.one_of(*READ)),
    st.builds(
        line,
        st.just("hub.yaml"),
        st.sampled_from(TEXTS),
        st.one_of(
            *READ,
            st.builds("{{from: {}, as: upper}}".format, ANY),
            st.builds("{{from: {}, default: Works}}".format, ANY),
            st.just("{constant: Works}"),
        ),
    ),
    st.builds(
        lambda name, to, who: line("hub.yaml", name, f"{{from: {to}, to: {to}, conflict: {who}}}"),
        st.sampled_from(("last_name", "company", "city")),
        st.sampled_from(("lastname", "company", "city")),
        st.sampled_from(("ours", "theirs", "newest", "fill")),
    ),
)
TRADES = st.one_of(
    st.builds(trade, st.just("hub.yaml"), *[st.sampled_from((*TEXTS, "budget", "phone"))] * 2),
    st.builds(trade, st.just("crm.yaml"), *[st.sampled_from((*TEXTS, "budget", "email"))] * 2),
)
FORMS = ("{{to: {0}}}", "{{to: {1}}}", "{{to: {0}, truncate: 3}}", "{{from: {0}, to: {0}, conflict: {2}}}", "")
CRM_LINES = st.builds(
    lambda name, form, who: line("crm.yaml", name, form.format(NATURAL.get(name, f"{name}__c"), f"{name}__c", who)),
    st.sampled_from((*NAMES[2:], "score", "stage", "refusal")),
    st.sampled_from(
        ("{{to: {0}}}", "{{to: {1}}}", "{{to: {0}, truncate: 3}}", "{{from: {0}, to: {0}, conflict: {2}}}", "")
    ),
    st.sampled_from(("ours", "theirs", "newest", "fill", "ask")),
)


def both_together(files: Files) -> None:
    for name in ("company", "title", "city"):
        swap("definition.yaml", f"  {name}: {{type: text", f"  {name}: {{type: text, together: place")(files)


SECTIONS: Mapping[str, Callable[[Files], None]] = {
    "a fact less is asked for": swap("definition.yaml", "    - [budget]\n", ""),
    "a fact more is asked for": swap("definition.yaml", "[budget]", "[budget, title]"),
    "a wider market": swap("definition.yaml", "employees >= 200", "employees >= 10"),
    "fewer points": swap("definition.yaml", "points: 30", "points: 10"),
    "a lower rung": swap("definition.yaml", "score >= 30", "score >= 20"),
    "another type": swap("definition.yaml", "  title: {type: text}", "  title: {type: choice, choices: [Plant]}"),
    "another merge": swap(
        "definition.yaml", "  company: {type: text}", "  company: {type: text, merge: {rank: [hub, crm]}}"
    ),
    "two that are taken together": both_together,
    "a fact to be stated": swap("definition.yaml", "{type: money,", "{type: money, stated: true, label: money,"),
    "a placeholder": swap("definition.yaml", "version: 1", "version: 1\nplaceholders: [Works]"),
    "a tie-breaker": swap("definition.yaml", "version: 1", "version: 1\nmatching: {account: {prefer: [has domain]}}"),
    "nothing is created": swap("crm.yaml", "allowed\n  create_when: handoff.passed && has(last_name)", "never"),
    "created for less": swap("crm.yaml", " && has(last_name)", ""),
    "some are left alone": swap("hub.yaml", "  kind: contacts\n", '  kind: contacts\n  only: city != "Chicago"\n'),
    "a whole kind is bought": swap("hub.yaml", "  kind: contacts\n", "  kind: contacts\n  method: bought\n"),
    "read from elsewhere": line("hub.yaml", "title", "{from: company}"),
    "read no more": line("hub.yaml", "budget", ""),
    "read in capitals": line("hub.yaml", "company", "{from: company, as: upper}"),
    "written elsewhere": line("crm.yaml", "city", "{to: city__c}"),
    "written into each other's field": trade("crm.yaml", "last_name", "title"),
    "read and written crosswise": trade("hub.yaml", "title", "company"),
    "a number and a text change places": trade("crm.yaml", "budget", "title"),
    "written to a field that is empty yet": line("crm.yaml", "title", "{to: title__c}"),
    "written no more": line("crm.yaml", "city", ""),
    "ours wins": line("crm.yaml", "company", "{from: Company, to: Company, conflict: ours}"),
    "a fact of syncd's is written": line("crm.yaml", "score", "{to: score__c}"),
    "the version only": swap("definition.yaml", "version: 1", "version: 2"),
}
EDITS = st.lists(
    st.one_of(HUB_LINES, HUB_LINES, CRM_LINES, TRADES, st.sampled_from(list(SECTIONS.values()))), min_size=1, max_size=3
)
TOWN = [
    {"email": "", "phone": "", "lastname": "Lee", "company": "Works", "jobtitle": "VP Operations", "city": "Chicago",
     "budget": "50000", "employees": "500", "optout": "false"},
    {"email": "", "phone": "(312) 555-0142", "lastname": "Ray", "company": "works ", "jobtitle": "", "city": "Austin",
     "budget": "", "employees": "500", "optout": "true"},
    {"email": "", "phone": "12", "lastname": "Roe", "company": "Works", "jobtitle": "", "city": "",
     "budget": "not set yet", "employees": "500", "optout": ""},
    {"email": "", "phone": "", "lastname": "", "company": "", "jobtitle": "Works", "city": "Chicago",
     "budget": "much", "employees": "20", "optout": ""},
    {"email": "", "phone": "", "lastname": "", "company": "Works", "jobtitle": "", "city": "Boston",
     "budget": "20", "employees": "500", "optout": ""},
]  # fmt: skip
QUIET = frozenset({"a tie-breaker", "the version only", "a whole kind is bought", "ours wins"})
_numbers = itertools.count(1)


@pytest.mark.slow
@settings(
    max_examples=times(40, 1_500),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(people=st.lists(PERSON, min_size=1, max_size=5), edits=EDITS, crm=st.lists(WORDS, min_size=3, max_size=3))
def test_what_plan_told_is_what_the_run_does(
    template: Path, tmp_path: Path, people: list[dict[str, str]], edits: list[Callable[[Files], None]], crm: list[str]
) -> None:
    """Every write, value of ours, move and verdict, and all that follows once the CRM gave its ids; and nobody whom
    the plan left out is any different."""
    plan = _check(template, tmp_path, people, edits, crm)
    event(f"changes {min(plan.totals['leads'], 3)}" if plan is not None else "refused")


@pytest.mark.parametrize("name", SECTIONS)
def test_each_kind_of_edit_is_told_and_does_what_was_told(template: Path, tmp_path: Path, name: str) -> None:
    """The same on a town in which each of these edits changes something, but for what changes nothing."""
    plan = _check(template, tmp_path, TOWN, [SECTIONS[name]], ["Austin", "Plant", "Works"])
    assert plan is not None
    assert (plan.totals["leads"] == 0) == (name in QUIET)


def _check(
    template: Path, tmp_path: Path, people: list[dict[str, str]], edits: list[Callable[[Files], None]], crm: list[str]
) -> Plan | None:
    files = dict(FILES)
    for one in edits:
        one(files)
    try:
        edited = compiled(files)
    except Problems:
        return None
    with time_machine.travel(moment(), tick=False) as clock:
        made = SmallWorld.begin(template, tmp_path / f"{next(_numbers)}.db", FILES)
        try:
            _live(made, people, crm, clock)
            everyone = made.plan(edited, everyone=True)
            plan = made.plan(edited)
            assert _told(plan) == _told(everyone)
            assert plan.id == everyone.id
            counts = made.counts()
            made.put_in_force(plan, edited)
            batches = made.decide_all()
            assert _writes(plan) == made.written(batches)
            assert _values(plan) == made.changed(counts[0])
            assert _moves(plan) == made.moves(counts[1])
            assert made.verdicts(counts[2]) == _verdicts(plan)
            counts = made.counts()
            then = made.send_and_decide(batches)
            assert _writes(plan, once_made=True) == made.written(then)
            assert _values(plan, once_made=True) == made.changed(counts[0])
            assert (made.moves(counts[1]), made.verdicts(counts[2])) == ([], {})
            assert plan.writes.total() == made.count_written([*batches, *then])
            return plan
        finally:
            made.engine.dispose()


# ---------------------------------------------------------------------------------------------------------------------


def _live(made: SmallWorld, people: list[dict[str, str]], crm: list[str], clock: Any) -> None:
    """Let marketing's people and what sales changed since be known, delivered, and quiet."""
    contacts: dict[str, Mapping[str, Any]] = {}
    for number, person in enumerate(people):
        fields = {name: value or None for name, value in person.items()}
        contacts[str(number)] = {**dict.fromkeys(OURS), **fields, "email": f"p{number}@works.example"}
    made.hears("hub", "contacts", contacts)
    made.settle()
    clock.shift(60)
    leads = [name.rpartition(" ")[2] for name in made.leads() if name.startswith("crm")]
    for number, one in enumerate(leads[: len(crm)]):
        held = {**dict.fromkeys((*CRM_FIELDS, *SPARE, *FACTS)), **made.held(f"crm Lead {one}")}
        made.hears("crm", "Lead", {one: {**held, "City": crm[number] or None, "Company": crm[number] or "Works"}})
    clock.shift(60)
    made.settle()
    clock.shift(60)


def _told(plan: Plan) -> list[Any]:
    return sorted(
        (one.entity, one.where, one.name, one.risk.value, repr(one.old), repr(one.new)) for one in plan.effects
    )


def _writes(plan: Plan, *, once_made: bool = False) -> dict[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    for one in plan.effects:
        if one.once_made is not once_made:
            continue
        if one.risk is Risk.CREATED:
            found.update({(one.entity, one.where, name): value for name, value in one.new.items()})
        elif one.risk in (Risk.CLEARED, Risk.OVERWRITTEN, Risk.FILLED):
            found[(one.entity, one.where, one.field)] = one.new
    return found


def _values(plan: Plan, *, once_made: bool = False) -> dict[tuple[str, str], tuple[Any, Any]]:
    told = [one for one in plan.effects if one.risk is Risk.VALUE and one.once_made is once_made]
    return {(one.entity, one.field): (one.old, one.new) for one in told}


def _moves(plan: Plan) -> list[tuple[str, str]]:
    told = [(one.entity, one.new.split(" -> ")) for one in plan.effects if one.risk is Risk.MOVED]
    return [(entity, stage) for entity, stages in told for stage in stages]


def _verdicts(plan: Plan) -> dict[str, str]:
    judged = [one for one in plan.effects if one.field == "handoff" and one.new is not None]
    return {one.entity: "passed" if one.new == "passed" else "refused" for one in judged}


def test_nothing_is_told_of_files_that_say_the_same(template: Path, tmp_path: Path) -> None:
    with time_machine.travel(moment(), tick=False) as clock:
        made = SmallWorld.begin(template, tmp_path / "same.db", FILES)
        _live(made, [dict.fromkeys(PROPERTIES, "")], ["", "", ""], clock)
        plan = made.plan(made.running)
        made.engine.dispose()
    assert (plan.effects, plan.totals["leads"], plan.looked_at) == ([], 0, 0)
