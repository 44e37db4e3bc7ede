"""What a plan says of one and of several."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_world import FILES, OURS, PROPERTIES, SmallWorld, compiled
from support.world import ROOT

from syncd.cli.plan_page import plan_page
from syncd.edits.difference import Edit
from syncd.edits.effects import Risk, effects_of, flip
from syncd.edits.passing import Limits, beyond
from syncd.edits.plan import Plan, Unread
from syncd.edits.tally import Closer
from syncd.edits.words import plan_words, shown
from syncd.lead.decision import Decision, Write
from syncd.lead.definition import EntityKind
from syncd.mapping.files import read_files
from syncd.mapping.loader import compile_files

ANY = Limits(records=None, creates=None, overwrites=None, clears=None, flips=None)
NONE = Limits(records=0, creates=0, overwrites=0, clears=0, flips=0)


def made(count: int) -> Plan:
    plan = Plan(base="a", target="b", edit=Edit())
    plan.unread = (Unread(system="crm", kind="Lead", fields=("Title",), records=count),)
    counted = ("leads", "records", "overwrites", Risk.CREATED.value, "clears", "flips")
    plan.totals.update(dict.fromkeys(counted, count))
    return plan


def words(plan: Plan) -> str:
    told: dict[str, Any] = {**plan.as_json(), "wrong": [], "held": beyond(plan, NONE), "compared_not": []}
    return plan_words(told)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, ["1 record would be", "1 record written (", "1 record created", "1 value overwritten", "1 field emptied",
             "1 verdict or stage changed",
             "so taken for empty and not yet written in what follows: crm Lead: Title of 1 record\n"]),
        (2, ["2 records would be", "2 records written (", "2 records created", "2 values overwritten",
             "2 fields emptied", "2 verdicts or stages changed", "Title of 2 records\n"]),
    ],
)  # fmt: skip
def test_one_is_not_told_as_several(count: int, said: list[str]) -> None:
    text = words(made(count))
    assert [one for one in said if one not in text] == []


@pytest.mark.parametrize("said", [{}, {"approvable": False}, {"kept": False, "approvable": False}])
def test_approval_is_offered_only_where_it_can_be_had(said: dict[str, bool]) -> None:
    """A plan of one lead, of files that are wrong, or of what was not read yet is none that anybody could approve."""
    plan = made(1)
    told: dict[str, Any] = {**plan.as_json(), "wrong": [], "held": [], "compared_not": [], **said}
    text = plan_words(told)
    assert (f"syncd approve {plan.id}" in text, f"syncd plan {plan.id}" in text) == (not said, "kept" not in said)
    assert "is planned anew once that was read" in text
    assert "the daemon puts it in force" not in text


def test_a_plan_shows_whom_an_edit_of_the_ladder_moves(template: Path, tmp_path: Path) -> None:
    world = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    said = {"email": "a@x.example", "lastname": "Ray", "company": "Ax", "employees": "500"}
    world.hears("hub", "contacts", {"51": {**dict.fromkeys((*OURS, *PROPERTIES)), **said}})
    world.settle()
    edited = FILES["definition.yaml"].replace("name: mql", "name: conviction").replace("from: mql", "from: conviction")
    plan = world.plan(compiled({**FILES, "definition.yaml": edited}))
    assert plan.totals[Risk.MOVED.value] == 1
    assert [(one.old, one.new) for one in plan.effects if one.risk is Risk.MOVED] == [("mql", "conviction")]
    world.engine.dispose()


@pytest.mark.parametrize("how", ["newly refused", "no longer refused"])
def test_leads_that_an_edit_has_refused_or_not_any_more_are_held_without_a_move(
    template: Path, tmp_path: Path, how: str
) -> None:
    """Each counts once, whatever else changes of it."""
    asked, unasked = FILES["definition.yaml"].replace("from: mql", "from: inquiry"), FILES["definition.yaml"]
    before, after = (unasked, asked) if how == "newly refused" else (asked, unasked)
    world = SmallWorld.begin(template, tmp_path / "state.db", {**FILES, "definition.yaml": before})
    said = {"email": "a@x.example", "lastname": "Ray"}
    world.hears("hub", "contacts", {"51": {**dict.fromkeys((*OURS, *PROPERTIES)), **said}})
    world.settle()
    plan = world.plan(compiled({**FILES, "definition.yaml": after}))
    world.engine.dispose()
    assert plan.totals[how] == 1
    assert beyond(plan, replace(ANY, flips=0)) == ["1 verdict or stage changed (at once: 0)"]


def test_long_texts_are_shown_from_where_they_differ(template: Path, tmp_path: Path) -> None:
    """In the terminal and on the page that one mails: what is cut would look the same."""
    alike = "Responsible for the paint line and all that belongs to it " * 5
    world = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    said = {"email": "a@x.example", "lastname": "Ray", "jobtitle": f"{alike}in Joliet", "company": f"{alike}in Peoria"}
    world.hears("hub", "contacts", {"51": {**dict.fromkeys((*OURS, *PROPERTIES)), **said}})
    world.settle()
    edited = FILES["hub.yaml"].replace("title: {from: jobtitle,", "title: {from: company,")
    told = world.plan(compiled({**FILES, "hub.yaml": edited})).as_json()
    world.engine.dispose()
    page = plan_page(told)
    assert re.search(r"\.\.\. [^.]*in Joliet -> \.\.\. [^.]*in Peoria", plan_words(told))
    assert re.search(r"<td>\.\.\. [^.]*in Joliet</td><td>\.\.\. [^.]*in Peoria</td>", page), page


@pytest.mark.parametrize(
    ("leads", "closer", "said"),
    [
        (3, Closer(), 0),
        (5, Closer(), 1),
        (5, Closer(whole=True), 0),
        (5, Closer(samples=5), 0),
        (7, Closer(samples=5), 1),
    ],
)
def test_the_page_to_mail_says_what_it_leaves_out(
    template: Path, tmp_path: Path, leads: int, closer: Closer, said: int
) -> None:
    """A group shows as many as are asked for; whoever opens it is told of the others, and how to see them."""
    world = SmallWorld.begin(template, tmp_path / "state.db", FILES)
    people = {
        str(n): {**dict.fromkeys((*OURS, *PROPERTIES)), "email": f"p{n}@x.example", "jobtitle": "VP"}
        for n in range(leads)
    }
    world.hears("hub", "contacts", people)
    world.settle()
    edited = FILES["hub.yaml"].replace("title: {from: jobtitle,", "title: {from: email,")
    plan = world.plan(compiled({**FILES, "hub.yaml": edited}), closer=closer)
    world.engine.dispose()
    page = plan_page(plan.as_json())
    assert page.count(f"<p>and 2 more: <code>syncd plan {plan.id} --all</code></p>") >= said
    assert (" more: " in page) == bool(said)


@pytest.mark.parametrize(
    ("was", "now", "risk"),
    [
        ({}, {"outcome": "refused", "refused": "phone: missing"}, Risk.REFUSED),
        ({"refused": "city: missing"}, {"refused": "phone: missing"}, Risk.OTHERWISE),
        ({"refused": "city: missing"}, {}, Risk.RELEASED),
        ({"outcome": "passed"}, {"refused": "phone: missing"}, Risk.WITHDRAWN),
        ({"refused": "city: missing"}, {"outcome": "passed"}, Risk.PASSED),
    ],
)
def test_a_verdict_is_told_by_what_it_was(was: dict[str, str], now: dict[str, str], risk: Risk) -> None:
    assert flip(was, now) is risk


@pytest.mark.parametrize(
    ("link", "risk", "said"),
    [
        ([None, "441"], Risk.CLEARED, "441 -> (empty)"),
        (["7", "441"], Risk.OVERWRITTEN, "441 -> 7"),
        (["7", None], Risk.FILLED, "(empty) -> 7"),
    ],
)
def test_a_link_is_told_as_what_it_was_and_becomes(link: list[str | None], risk: Risk, said: str) -> None:
    write = Write(system="hubspot", kind="contacts", record_id="51", fields={"associations.branch": link}, agrees={})
    before = Decision(entity="a", kind=EntityKind.LEAD, values={}, provenance={}, state={})
    mappings = compile_files(
        read_files(ROOT / "mappings"), {"hubspot": "hubspot", "salesforce": "salesforce", "erp": "sql"}
    )
    (effect,) = effects_of(before._replace(writes=(write,)), before, {}, mappings, Edit())
    assert (effect.risk, f"{shown(effect.old)} -> {shown(effect.new)}") == (risk, said)
