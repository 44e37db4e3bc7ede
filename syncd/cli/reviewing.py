"""Reviewing what is alike: the list, both candidates side by side, one key for each answer.

What an answer does is syncd.pipeline.reviewing's.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.common import (
    columns,
    config_option,
    cut,
    dump_json,
    examples,
    json_option,
    limit_option,
    moment,
    open_app,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.pipeline.reviewing import Review, Side
    from syncd.wiring import App

_WIDEST = 34


@click.group(
    invoke_without_command=True, epilog=examples("syncd review", "syncd review show 12", "syncd review accept 12 2")
)
@config_option
@json_option
@limit_option(200)
@click.pass_context
def review(context: click.Context, config: Path, as_json: bool, limit: int) -> int:
    """Say who belongs where and who is who, where only a person can tell; on a terminal one key for each."""
    if context.invoked_subcommand is not None:
        return 0
    from syncd.pipeline.reviewing import open_questions

    app = open_app(config)
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        rows = open_questions(connection, limit)
    if as_json:
        told = [
            {"number": row.id, "entity": row.entity, "message": row.message, "since": moment(row.first_seen)}
            for row in rows
        ]
        click.echo(dump_json(told))
    elif rows and sys.stdin.isatty() and sys.stdout.isatty():
        return _walk(app, [row.id for row in rows])
    else:
        for row in rows:
            click.echo(f"{row.id:>5}  {moment(row.last_seen)}  {row.message}")
        click.echo(f"{len(rows)} to review" if rows else "nothing to review")
    return 1 if rows else 0


@review.command(epilog=examples("syncd review show 12"))
@config_option
@json_option
@click.argument("number", type=int)
def show(config: Path, as_json: bool, number: int) -> int:
    """Show question NUMBER: all sides beside each other, differences marked, reasons with their weights."""
    from syncd.pipeline.reviewing import read_review
    from syncd.store.database import now_ms

    app = open_app(config)
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        found = read_review(connection, app.mappings, number, now_ms())
    click.echo(dump_json(asdict(found)) if as_json else review_words(found))
    return 0


@review.command(epilog=examples("syncd review accept 12", "syncd review accept 12 2"))
@config_option
@click.argument("number", type=int)
@click.argument("candidate", required=False)
def accept(config: Path, number: int, candidate: str | None) -> int:
    """Answer question NUMBER: it belongs to CANDIDATE (1, 2 or an id), is the same person, or is made in the CRM."""
    from syncd.pipeline import reviewing

    def say(connection: Connection, found: Review, now: int) -> str:
        side = reviewing.accept(connection, found, candidate, getpass.getuser(), now)
        is_so = "is made in the CRM" if found.making else f"{_is(found)} {side.id} ({side.record})"
        return f"{found.who.id} {is_so}; undo: syncd review undo {number}"

    return _answer(open_app(config), number, say)


@review.command(epilog=examples("syncd review reject 12"))
@config_option
@click.argument("number", type=int)
@click.argument("candidate", required=False)
def reject(config: Path, number: int, candidate: str | None) -> int:
    """Answer question NUMBER: not CANDIDATE (the first), or not made; another may still be asked about."""
    from syncd.pipeline import reviewing

    def say(connection: Connection, found: Review, now: int) -> str:
        side = reviewing.reject(connection, found, candidate, getpass.getuser(), now)
        is_not = _NOT_MADE if found.making else f"{_is_not(found)} {side.id} ({side.record})"
        return f"{found.who.id} {is_not}; undo: syncd review undo {number}"

    return _answer(open_app(config), number, say)


@review.command(epilog=examples("syncd review neither 12"))
@config_option
@click.argument("number", type=int)
def neither(config: Path, number: int) -> int:
    """Answer question NUMBER: none of those shown."""
    from syncd.pipeline import reviewing

    def say(connection: Connection, found: Review, now: int) -> str:
        reviewing.reject_all(connection, found, getpass.getuser(), now)
        is_not = _NOT_MADE if found.making else f"{_is_not(found)} any of those shown"
        return f"{found.who.id} {is_not}; undo: syncd review undo {number}"

    return _answer(open_app(config), number, say)


@review.command(epilog=examples("syncd review undo 12"))
@config_option
@click.argument("number", type=int)
def undo(config: Path, number: int) -> int:
    """Take back what was answered to question NUMBER; it is decided again as if nobody had said anything."""
    from syncd.pipeline import reviewing
    from syncd.store.database import now_ms

    app = open_app(config)
    with app.engine.begin() as connection:
        reviewing.undo(connection, number, now_ms())
    click.echo(f"the answer to question {number} is taken back; it is decided again at the next handoff")
    return 0


def review_words(found: Review) -> str:
    """Return a question as a table of all sides; `*` marks what differs from the left."""
    from syncd.pipeline.reviewing import asked_words, side_by_side

    sides = [found.who, *(side for side, _ in found.candidates)]
    head = [f"{found.kind.value} {found.who.id}", *(f"{place}: {side.id}" for place, side in enumerate(sides[1:], 1))]
    rows = [["", *head], ["record", *(side.record for side in sides)]]
    rows += [[line.label, *(_cut(*cell) for cell in line.cells)] for line in side_by_side(found)]
    lines = columns(rows)
    lines.insert(0, f"question {found.number}: {asked_words(found)}")
    for place, (_, likely) in enumerate(found.candidates, 1):
        signs = ", ".join(f"{sign} {weight:+.1f}" for sign, weight in likely.signs)
        lines.append(f"{place}: {likely.weight:+.1f} bits: {signs}" + (f"; {likely.hold}" if likely.hold else ""))
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------------


_KEYS = "[a]ccept the first, [1] [2] accept that one, [r]eject the first, [n]either, [s]kip, [q]uit"
_KEYS_OF_MAKING = "[a]ccept: it is made, [r]eject: it is not, [s]kip, [q]uit"
_NOT_MADE = "is not made in the CRM"


def _is(found: Review) -> str:
    from syncd.lead.definition import EntityKind

    same = found.about is EntityKind.LEAD
    return "is the same person as lead" if same else f"belongs to {found.about.value}"


def _is_not(found: Review) -> str:
    from syncd.lead.definition import EntityKind

    return "is not the same person as" if found.about is EntityKind.LEAD else "does not belong to"


def _cut(text: str, marked: bool) -> str:
    return ("* " if marked else "  ") + cut(text, _WIDEST)


def _answer(app: App, number: int, say: Callable[[Connection, Review, int], str]) -> int:
    from syncd.pipeline.reviewing import read_review
    from syncd.store.database import now_ms

    with app.engine.begin() as connection:
        now = now_ms()
        found = read_review(connection, app.mappings, number, now)
        click.echo(say(connection, found, now))
    return 0


def _walk(app: App, numbers: list[int]) -> int:
    """Ask one question after the other; return 1 when some are left open."""
    left = 0
    for place, number in enumerate(numbers):
        key = _one(app, number, f"{place + 1} of {len(numbers)}")
        if key == "q":
            return 1
        left += key == "s"
    return 1 if left else 0


def _one(app: App, number: int, where: str) -> str:
    from syncd.pipeline import reviewing
    from syncd.store.database import now_ms

    user = getpass.getuser()
    with app.engine.execution_options(syncd_reads_only=True).connect() as connection:
        try:
            found = reviewing.read_review(connection, app.mappings, number, now_ms())
        except reviewing.NoQuestion:
            return ""  # settled while the one before was looked at
    click.echo(f"\n{review_words(found)}\n({where}) {_KEYS_OF_MAKING if found.making else _KEYS}")
    places = [str(place) for place in range(1, len(found.candidates) + 1)]
    key = ""
    while key not in ("a", "r", "n", "s", "q", *places):
        key = click.getchar().lower()
    with app.engine.begin() as connection:
        side: Side | None = None
        if key in ("a", *places):
            side = reviewing.accept(connection, found, "1" if key == "a" else key, user, now_ms())
        elif key == "r":
            side = reviewing.reject(connection, found, None, user, now_ms())
        elif key == "n":
            reviewing.reject_all(connection, found, user, now_ms())
    words = {"r": "rejected", "n": "neither", "s": "skipped", "q": "stopped"}
    click.echo(words.get(key, "accepted") + (f": {side.id}" if side is not None else ""))
    return key
