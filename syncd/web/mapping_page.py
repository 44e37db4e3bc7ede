"""The Mappings page in words: the folder, one file with what is wrong beside its lines, plans, versions.

Each page is complete without a script; the script colours the text, puts problems beside their lines and knows keys.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from syncd.config.yaml import Problem
from syncd.edits.history import Chapter
from syncd.edits.plan import Plan
from syncd.edits.words import head_words
from syncd.mapping.files import CASES, DEFINITION
from syncd.store import versions
from syncd.store.versions import StoredPlan
from syncd.web.desk import MOST_EFFECTS, Checked, Desk, Draft, Opened, Planned, Standing, digest_of
from syncd.web.page import render

LATEST = 5
EXCERPT = 100
GRAVE = frozenset({"cleared", "created", "no longer passed", "newly passed", "stage moved"})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of what somebody pressed."""

    text: str
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class FilePage:
    """All that the page of one file shows. `anyway`: saving with mistakes is offered; `at`: where the cursor stood."""

    desk: Desk
    token: str
    draft: Draft
    checked: Checked | None
    outcome: Outcome | None
    planned: Planned | None
    difference: str
    at: str
    anyway: bool


@dataclass(frozen=True, kw_only=True)
class VersionPage:
    """A version beside another one: the one in force, where nothing else was asked for.

    `edited`: the files on the disk that were never in force and that its own would replace.
    """

    desk: Desk
    token: str
    version: str
    running: str
    other: str
    texts: Mapping[str, str]
    difference: Sequence[FileDifference]
    on_disk: Sequence[FileDifference]
    edited: Sequence[str]
    planned: Planned | None
    outcome: Outcome | None


@dataclass(frozen=True, kw_only=True)
class FileDifference:
    """Lines of one file that two versions do not share, with those around them; each begins with +, -, @ or a blank."""

    name: str
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A problem as it stands beside its line; `excerpt` is the line with a caret below."""

    name: str
    line: int
    column: int
    message: str
    hint: str
    excerpt: str
    doubt: bool


STALE = Outcome(
    text="This page was opened before syncd was started again; nothing was done. Press the button once more", bad=True
)
NAMELESS = Outcome(text="Say who you are: the history keeps it. Nothing was changed", bad=True)
DONE = {
    "saved": Outcome(
        text="Saved. syncd looks at the files every few seconds: what is harmless takes effect at once, anything else "
        "waits here for approval"
    ),
    "saved with mistakes": Outcome(
        text="Saved with its mistakes. Nothing of the edit takes effect until they are mended; the version in force "
        "goes on",
        bad=True,
    ),
    "approved": Outcome(
        text="Approved: the edit is in force. Those whom it reaches are decided again after what is due"
    ),
    "rolled back": Outcome(
        text="This version is in force again. Those whom it reaches are decided again after what is due"
    ),
}


def render_overview(desk: Desk, standing: Standing, outcome: Outcome | None) -> str:
    checked, waiting = standing.checked, standing.waiting
    settling = checked.changes and not standing.asked and not checked.problems and waiting is None
    return _render(
        "mappings.html",
        desk=desk,
        standing=standing,
        asked=[desk.short(text) for text in standing.asked],
        held=waiting if waiting is not None and waiting.state == versions.HELD else None,
        reading=waiting if waiting is not None and waiting.state == versions.READING else None,
        headline=_headline(standing, settling),
        calm=not (checked.problems or standing.asked or waiting),
        settling=settling,
        files=_file_rows(checked),
        told=_told(checked, checked.files.texts()),
        chapters=desk.history(LATEST),
        outcome=outcome,
    )


def render_file(one: FilePage) -> str:
    checked, name = one.checked, one.draft.name
    texts = checked.files.texts() if checked is not None else {}
    told = _told(checked, texts) if checked is not None else []
    return _render(
        "mapping_file.html",
        one=one,
        desk=one.desk,
        draft=one.draft,
        what=_what(name),
        unsaved=one.outcome is not None and digest_of(one.draft.text.encode()) != one.draft.was,
        here=[it for it in told if it.name == name],
        elsewhere=[it for it in told if it.name != name],
        outcome=one.outcome,
        plan=_plan(one.planned, one.desk),
        planned=one.planned,
        difference=one.difference.splitlines(),
    )


def render_unreadable(opened: Opened) -> str:
    return _render("mapping_refused.html", headline=opened.name, text=f"It cannot be edited here: {opened.why_not}")


def render_refused(text: str) -> str:
    return _render("mapping_refused.html", headline="Not done", text=_sentence(text))


def render_plan(
    desk: Desk,
    token: str,
    stored: StoredPlan,
    changes: Sequence[FileDifference],
    planned: Planned | None,
    outcome: Outcome | None,
    *,
    waits: bool,
) -> str:
    return _render(
        "mapping_plan.html",
        desk=desk,
        token=token,
        stored=stored,
        waits=waits,
        changes=changes,
        plan=_plan(planned, desk),
        first=planned.plan.first() if planned is not None else stored.summary.get("first", ()),
        planned=planned,
        moved=planned is not None and planned.plan.id != stored.id,
        outcome=outcome,
    )


def render_history(chapters: Sequence[Chapter]) -> str:
    return _render("mapping_history.html", chapters=chapters)


def render_version(one: VersionPage) -> str:
    return _render(
        "mapping_version.html",
        one=one,
        desk=one.desk,
        plan=_plan(one.planned, one.desk),
        planned=one.planned,
        outcome=one.outcome,
    )


def checked_words(checked: Checked, name: str) -> Outcome:
    """Say how a check ended."""
    count = len(checked.problems)
    if count:
        mine = sum(checked.name_of(one) == name for one in checked.problems)
        where = "" if mine == count else " in other files" if not mine else f", {count - mine} of them in other files"
        return Outcome(text=f"{count} problem{'s' if count > 1 else ''}{where}.", bad=True)
    if checked.doubts:
        cases = len(checked.doubts)
        return Outcome(
            text=f"It can be loaded, but {cases} case{'s do' if cases > 1 else ' does'} not hold: it would wait for "
            f"approval",
            bad=True,
        )
    if not checked.changes:
        return Outcome(text="In order. It says the same as the version in force: nothing would change")
    return Outcome(text="In order: the files can be loaded, and the systems have what they name")


def planned_words(planned: Planned, desk: Desk) -> Outcome:
    """Say what would become of an edit once it is saved."""
    if planned.plan.unread:
        return Outcome(text="It maps fields that were never read: syncd reads them first, then plans the edit")
    if planned.held:
        return Outcome(
            text=f"Once saved it would wait for approval: {'; '.join(map(desk.short, planned.held))}", bad=True
        )
    return Outcome(text="Once saved it would take effect at once: it is within the limits of `edits`")


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[FileDifference]:
    """Return what differs, file by file."""
    found = []
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        old, new = (StringIO(texts.get(name, ""), newline="\n").readlines() for texts in (before, after))
        lines = [line.rstrip("\r\n") for line in list(difflib.unified_diff(old, new))[2:]]
        found.append(FileDifference(name=name, lines=lines))
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _render(template: str, **values: Any) -> str:
    return render(template, up="../", page="mappings", mappings=True, grave=GRAVE, **values)


def _headline(standing: Standing, settling: bool) -> str:
    checked, waiting = standing.checked, standing.waiting
    if checked.problems:
        return "The files have mistakes; the version in force goes on"
    if waiting is not None and waiting.state == versions.HELD:
        return "An edit waits for approval"
    if waiting is not None:
        return "An edit waits until its new fields are read"
    if standing.asked:
        return "An edit needs a person"
    return "An edit is being looked at" if settling else "The files are in force"


def _file_rows(checked: Checked) -> list[dict[str, Any]]:
    files, running = checked.files, checked.running.files.texts()
    texts = files.texts()
    names = [one for one in (*files.files, *files.unread) if one.endswith((".yaml", ".yml", ".csv"))]
    rows = []
    for name in sorted(names, key=_order):
        problems = sum(checked.name_of(one) == name for one in checked.problems)
        doubts = sum(checked.name_of(one) == name for one in checked.doubts)
        known = name in running
        differs = known and running[name] != texts.get(name)
        fresh = not known and name.endswith(".yaml")
        rows.append(
            {
                "name": name,
                "what": _what(name),
                "problems": problems,
                "doubts": doubts,
                "differs": differs,
                "new": fresh,
            }
        )
    return rows


def _order(name: str) -> tuple[int, str]:
    return (0 if name == DEFINITION else 1 if "/" not in name else 2 if not name.startswith(CASES) else 3), name


def _what(name: str) -> str:
    if name == DEFINITION:
        return "what a lead is, and when it may be handed over"
    if name.startswith(CASES):
        return "examples"
    return "table" if name.endswith(".csv") else "mapping"


def _told(checked: Checked, texts: Mapping[str, str]) -> list[Told]:
    found = [(one, False) for one in checked.problems]
    found += [(one, True) for one in (*checked.doubts, *checked.doubted)]
    told = [_one_told(problem, checked.name_of(problem), doubt, texts) for problem, doubt in found]
    return sorted(told, key=lambda one: (_order(one.name), one.line, one.column))


def _one_told(problem: Problem, name: str, doubt: bool, texts: Mapping[str, str]) -> Told:
    place = problem.place
    lines = texts.get(name, "").split("\n")
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    return Told(
        name=name,
        line=place.line,
        column=place.column,
        message=_sentence(problem.message),
        hint=problem.hint,
        excerpt=problem.excerpt or _excerpt(line.rstrip("\r").replace("\t", " "), place.column),
        doubt=doubt,
    )


def _excerpt(line: str, column: int) -> str:
    """Return a line, or the part around the column of a long one, with a caret below it."""
    if not line.strip():
        return ""
    start = max(0, column - EXCERPT // 2) if len(line) > EXCERPT else 0
    part = line[start : start + EXCERPT]
    caret = " " * (column - 1 - start) + "^"
    lead = len(part) - len(part.lstrip()) if not start else 0
    return f"{part[lead:].rstrip()}\n{caret[min(lead, len(caret) - 1) :]}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plan(planned: Planned | None, desk: Desk) -> dict[str, Any] | None:
    if planned is None:
        return None
    plan: Plan = planned.plan
    told = plan.as_json()
    for one in (*told["groups"], *told["effects"], *(it for group in told["groups"] for it in group["samples"])):
        one["line"] = _place(one["line"], desk)
    without = plan.base == plan.target
    return {
        **told,
        "head": [desk.short(line) for line in head_words(plan.summary())],
        "chief": [one for one in told["groups"] if one["edited"] or without],
        "anyway": [one for one in told["groups"] if not one["edited"] and not without],
        "most": MOST_EFFECTS,
    }


def _place(line: str, desk: Desk) -> dict[str, str] | None:
    """Return file and line of a place, for a link."""
    name, _, rest = desk.short(line).partition(":")
    return {"name": name, "line": rest.partition(":")[0]} if rest else None
