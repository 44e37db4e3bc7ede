"""The kinds of trouble a connector can meet, sorted by what happens next.

Deciding to wait, park, pause or stop is the caller's business (syncd.daemon); a connector only says which kind it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath


class ConnectorError(Exception):
    """Base of all kinds.

    `kinds` names the kinds of record that are in trouble; empty: the whole system is. `system` is the configured name
    of the system, `request_id` the remote side's own id of the failed call (for its support), when it sent one,
    `status` what HTTP told, when that was the trouble, and `retry_after` for how many seconds to wait, when that was
    told. The text holds ids and field names only, never a field's value.
    """

    def __init__(self, message: str, *, system: str = "", request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.system = system
        self.request_id = request_id
        self.status: int | None = None
        self.retry_after: float | None = None
        self.kinds: tuple[str, ...] = ()


class ConfigProblem(ConnectorError):
    """Wrong settings, a missing right, a field that is not there: nothing will work until a person acts."""


class NoEntry(ConfigProblem):
    """syncd is let in for no call at all: that says nothing about what the system has."""


class WrongAddress(NoEntry):
    """What answers there is not the system, or not believed to be."""


class AuthExpired(ConnectorError):
    """The credentials were refused, also after one refresh: that system pauses until a person acts."""


class Unavailable(ConnectorError):
    """The system cannot answer now (network, 5xx, rate or daily limit): try again after `retry_after` seconds."""

    def __init__(
        self, message: str, *, system: str = "", request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, system=system, request_id=request_id)
        self.retry_after = retry_after


class ReadingRests(Unavailable):
    """So much of the calls of a day is spent that only writes may use the rest; nothing was asked."""


class RecordRefused(ConnectorError):
    """The system refuses this one record: it is parked with `field` and `code`, the others go on."""

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        request_id: str | None = None,
        code: str = "",
        field: str | None = None,
    ) -> None:
        super().__init__(message, system=system, request_id=request_id)
        self.code = code
        self.field = field


class ContractBroken(ConnectorError):
    """The system answered what its contract rules out, or we asked what it forbids: a defect to report."""


def unexpected(system: str, where: str, error: Exception) -> ContractBroken:
    """Return what is told of an exception that nobody foresaw; `where` is what was being read.

    Its text may hold a value: only its name and place are told. It is the cause of what is returned.
    """
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" at {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    one = ContractBroken(
        f"{where} cannot be read, for a reason that syncd does not foresee ({type(error).__name__}{place}); look at "
        f"what changed there, and report it with the log's line. It is tried again",
        system=system,
    )
    one.__cause__ = error
    return one


def joined(found: Mapping[str, ConnectorError]) -> ConnectorError:
    """Make one error of those that single kinds of record met (kind -> error), so that the other kinds go on."""
    first = next((error for error in found.values() if not isinstance(error, Unavailable)), None)
    first = first or next(iter(found.values()))
    words = "; ".join(dict.fromkeys(error.message for error in found.values()))
    if isinstance(first, Unavailable):
        one: ConnectorError = Unavailable(words, system=first.system, retry_after=first.retry_after)
    else:
        one = ConfigProblem(words, system=first.system, request_id=first.request_id)
    one.kinds = tuple(found)
    one.__cause__ = next((error.__cause__ for error in found.values() if error.__cause__ is not None), None)
    return one
