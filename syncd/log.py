"""One shape for every log line: facts with keys, no field values of any person, no secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

MASK = "***"
_PROGRAM = Path(__file__).parent.parent
_OURS = tuple(f"{_PROGRAM / one}/" for one in ("syncd", "connectors"))
SHORTEST_SECRET = 6  # shorter values would mask ordinary words


def set_up(level: str, shape: str, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Send everything, our own and the libraries', through one chain. `shape`: json, console or auto."""
    target = stream if stream is not None else sys.stderr
    console = shape == "console" or (shape == "auto" and target.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_errors_only,
    ]
    mask = _masker(secrets)
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=target.isatty()) if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last, mask],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of the libraries only what is wrong
    logging.getLogger("syncd").setLevel(level.upper())
    for name in ("dbos", "uvicorn"):
        take_over(name)


def take_over(library: str) -> None:
    """Send what a library logs through our chain; one that sets its own handlers up when it starts needs it again."""
    log = logging.getLogger(library)
    log.handlers[:] = []
    log.propagate = True
    log.setLevel(logging.WARNING)


def silence(library: str) -> None:
    """Let a library say nothing more until it is taken over again."""
    logging.getLogger(library).setLevel(logging.CRITICAL + 1)


def logger() -> Any:
    return structlog.get_logger("syncd")


def own_place(error: BaseException) -> str:
    """Return the last place of ours that an exception came through: file:line function."""
    places = [one for one in _places(error.__traceback__) if one.startswith(_OURS)]
    return places[-1].removeprefix(f"{_PROGRAM}/") if places else "unknown"


# ---------------------------------------------------------------------------------------------------------------------


def _name_errors_only(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep an exception's type and place; its text and its locals may hold a person's data."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["error"] = info[0].__name__
        event["at"] = " > ".join(one.rpartition("/")[2] for one in _places(info[2])[-6:])
    return event


def _places(trace: TracebackType | None) -> list[str]:
    """Return each place as file:line function, the outermost first."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found


def _masker(secrets: Collection[str]) -> Any:
    """Return what masks a finished line; the longest secret first, since one may hold another."""
    known = sorted({one for one in secrets if len(one) >= SHORTEST_SECRET}, key=len, reverse=True)
    # JSON writes some characters of a secret differently.
    forms = [(one, json.dumps(one)[1:-1]) for one in known]

    def mask(_: Any, __: str, line: str) -> str:
        for plain, escaped in forms:
            line = line.replace(plain, MASK).replace(escaped, MASK)
        return line

    return mask
