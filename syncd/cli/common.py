"""Options that several commands share, and joining the rooms for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from syncd.daemon.work import Work
    from syncd.edits.passing import Folder, Limits
    from syncd.health import Health
    from syncd.web.desk import Desk
    from syncd.wiring import App

F = TypeVar("F", bound=Callable[..., Any])


def examples(*commands: str) -> str:
    """Return the end of a command's help: each example on a line of its own, to be copied."""
    return "\n".join(["\b", f"Example{'s' if len(commands) > 1 else ''}:", *(f"  {one}" for one in commands)])


def config_option(command: F) -> F:
    return click.option(
        "--config",
        "-c",
        type=click.Path(path_type=Path),
        default=Path("config.yaml"),
        envvar="SYNCD_CONFIG",
        show_default=True,
        help="The operator's file.",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def limit_option(default: int, words: str = "How many are listed.") -> Callable[[F], F]:
    return click.option("--limit", type=click.IntRange(1), default=default, show_default=True, help=words)


def open_app(config: Path, log_level: str | None = None, *, begins: bool = False) -> App:
    """Read everything and open the state; the log goes to stderr in the configured shape.

    `begins`: a state that is not there is made, and the files are its first version.
    """
    from syncd.log import set_up
    from syncd.wiring import build, read_config

    read = read_config(config)
    set_up(log_level or read.log.level, read.log.format, read.secrets)
    return build(config, begins=begins)


def make_work(app: App, health: Health) -> Work:
    from syncd.daemon.work import Work
    from syncd.edits.force import Running

    return Work(
        engine=app.engine,
        running=Running(app.engine, app.mappings, app.define_tables),
        sources=app.sources,
        destinations=app.destinations,
        polls={name: one.poll for name, one in app.config.systems.items()},
        health=health,
        account_settings=app.account_settings,
        folder=_folder(app),
        batch=app.config.handoff_batch,
        brakes=app.config.brakes,
    )


def make_desk(app: App) -> Desk | None:
    """Return what the Mappings page works on; None where the config leaves it out."""
    from syncd.web.desk import Desk

    allowed = app.config.web.mappings
    if allowed == "off":
        return None
    return Desk(
        engine=app.engine,
        folder=_folder(app),
        sources=app.sources,
        approves=allowed in ("approve", "write"),
        writes=allowed == "write",
    )


def moment(ms: int | None) -> str:
    """Return a time for people."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if ms else "never"


def read_moment(text: str, now: int) -> int:
    """Return what `--since` says, a time ago or a moment, in ms."""
    from syncd.config.check import read_duration
    from syncd.store.database import to_ms

    try:
        span = read_duration(text)
        if isinstance(span, timedelta):
            return now - int(span.total_seconds() * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--since {text}: give a time ago (90m, 2h, 3d) or 2026-05-28T14:00") from error
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def again_words(count: int) -> str:
    """Say how many are decided again, and who does it."""
    return (
        f"{count:,} to be decided again: the daemon does it by itself, or `syncd once`"
        if count
        else "nothing to decide again"
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def dump_json(value: Any) -> str:
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode()


def limits_of(app: App) -> Limits:
    """Return what of an edit is let through at once."""
    from syncd.edits.passing import Limits

    edits = app.config.edits
    return Limits(
        records=edits.records,
        creates=edits.creates,
        overwrites=edits.overwrites,
        clears=edits.clears,
        flips=edits.flips,
    )


# ---------------------------------------------------------------------------------------------------------------------


def _folder(app: App) -> Folder:
    from syncd.edits.passing import Folder

    edits = app.config.edits
    return Folder(
        path=app.config.mappings,
        systems=app.connectors,
        limits=limits_of(app),
        look=edits.look.total_seconds(),
        worker=app.config.executor,
    )
