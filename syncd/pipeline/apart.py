"""What our own code fails on is set aside, told and tried again by itself; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Page, Record
from syncd.log import logger, own_place
from syncd.mapping.model import Mappings
from syncd.pipeline.intake import take_in
from syncd.store import handoff, inbox

KIND = "defect"
_WAITS_MS = (60_000, 600_000, handoff.LONGEST_WAIT_MS)

Item = TypeVar("Item")
Done = TypeVar("Done")


def each_apart(
    items: Sequence[Item], act: Callable[[Sequence[Item]], Done], but: type[Exception] = SQLAlchemyError
) -> tuple[list[Done], list[tuple[Item, Exception]]]:
    """Do it with all at once, or by halves where that fails; return what came of it, and who fails alone.

    `but`: trouble that is nobody's in particular, as that with the database is; it is raised.
    """
    try:
        return [act(items)], []
    except but:
        raise
    except Exception as error:
        if not items:
            raise
        if len(items) == 1:
            return [], [(items[0], error)]
    middle = len(items) // 2
    first, failed = each_apart(items[:middle], act, but)
    second, more = each_apart(items[middle:], act, but)
    return [*first, *second], [*failed, *more]


def in_savepoint(connection: Connection, act: Callable[[Sequence[Item]], Done]) -> Callable[[Sequence[Item]], Done]:
    """Return what does it and leaves nothing in the database where it fails."""

    def acting(items: Sequence[Item]) -> Done:
        # In plain words: SQLAlchemy makes its own for a savepoint anew each time, which costs more than the savepoint.
        connection.exec_driver_sql("SAVEPOINT apart")
        try:
            done = act(items)
        except SQLAlchemyError:
            raise  # the database may have ended the transaction by itself, savepoint included
        except Exception:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT apart")
            connection.exec_driver_sql("RELEASE SAVEPOINT apart")
            raise
        connection.exec_driver_sql("RELEASE SAVEPOINT apart")
        return done

    return acting


def set_aside(connection: Connection, failed: Sequence[tuple[str, Exception]], now: int) -> None:
    """Have these entities decided later, each time later still, unless something of them changes."""
    if not failed:
        return
    attempts = handoff.attempts_of(connection, [one for one, _ in failed])
    for one, error in failed:
        wait = _WAITS_MS[min(attempts.get(one, 0), len(_WAITS_MS) - 1)]
        handoff.put_off(connection, [one], now + wait)
        inbox.open_problem(
            connection,
            key=f"{KIND}|{one}",
            kind=KIND,
            entity=one,
            message=f"{one} cannot be decided: {defect_words(error)}. The others go on; nothing of it is lost or "
            f"written, and it is tried again by itself, at least hourly, and when something of it changes",
            now=now,
        )
    say_set_aside("some could not be decided; the others go on", failed)


def take_in_each(
    connection: Connection,
    mappings: Mappings,
    system: str,
    page: Page,
    now: int,
    *,
    asked: int | None = None,
    in_part: bool = False,
) -> int:
    """Take a page in, without the records that our own code fails on; return how many entities became due.

    `asked`: as of `take_in`. `in_part`: single fields were read, and nothing of what could not be taken in before.
    """

    def take(records: Sequence[Record]) -> int:
        return take_in(connection, mappings, system, replace(page, records=records), now, asked)

    if not page.records:
        return 0
    news, failed = each_apart(page.records, in_savepoint(connection, take))
    left = [(one.id, error) for one, error in failed]
    taken = set() if in_part else {one.id for one in page.records} - {*dict(left)}
    _leave_out(connection, system, page.kind, taken, left, now)
    return sum(news)


def left_out(connection: Connection, system: str, kind: str) -> dict[str, str]:
    """Return the records of this kind that could not be taken in -> the key of what is told of each."""
    about = f"{KIND}|{system} {kind} "
    return {key.removeprefix(about): key for key in inbox.open_keys(connection, about)}


def defect_words(error: Exception) -> str:
    return f"a defect of syncd or of a setting it did not refuse, {type(error).__name__} at {own_place(error)}"


def say_set_aside(event: str, failed: Sequence[tuple[str, Exception]]) -> None:
    """Log each kind of failure once, with where it came about."""
    seen: dict[tuple[str, str], list[tuple[str, Exception]]] = {}
    for one, error in failed:
        seen.setdefault((type(error).__name__, own_place(error)), []).append((one, error))
    for found in seen.values():
        logger().error(event, action="set aside", first=found[0][0], number=len(found), exc_info=found[0][1])


# ---------------------------------------------------------------------------------------------------------------------


def _leave_out(
    connection: Connection,
    system: str,
    kind: str,
    taken: Collection[str],
    failed: Sequence[tuple[str, Exception]],
    now: int,
) -> None:
    """Tell of the records of a page that could not be taken in, and close what was told of those that were."""
    about = f"{KIND}|{system} {kind} "
    for key in set(inbox.open_keys(connection, about)) & {about + one for one in taken}:
        inbox.close_problems(connection, key=key)
    for one, error in failed:
        inbox.open_problem(
            connection,
            key=about + one,
            kind=KIND,
            system=system,
            record=f"{system} {kind} {one}",
            message=f"{system} {kind} {one} cannot be taken in: {defect_words(error)}. The others go on; what was "
            f"known of it stays; it is read again when it changes over there, and by each sweep",
            now=now,
        )
    say_set_aside("some records could not be taken in; the others go on", failed)
