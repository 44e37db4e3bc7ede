"""Which records were left alone since they had been changed, so that none is left alone for ever.

How a change is noticed is each connector's own.
"""

from __future__ import annotations

from datetime import datetime

from connectors.contract import WriteRequest

_READINGS = 2  # that may be of no help, one after the other


class Spared:
    """Counts, per record, the readings after which it still seemed changed."""

    def __init__(self) -> None:
        self._times: dict[str, tuple[datetime | None, int]] = {}

    def note(self, request: WriteRequest) -> None:
        """Note that the record seemed changed since the reading on which the request rests."""
        last, times = self._times.get(str(request.id), (None, 0))
        self._times[str(request.id)] = request.read_at, times + (last != request.read_at)

    def forget(self, id: str) -> None:
        """Note that the record was written."""
        self._times.pop(id, None)

    def may_be(self, request: WriteRequest) -> bool:
        """Return whether it may be left alone; not after two readings in a row that did not help.

        Then it is our own measure that is wrong, not the record that was changed.
        """
        last, times = self._times.get(str(request.id), (None, 0))
        return request.read_at is not None and (times < _READINGS or last == request.read_at)
