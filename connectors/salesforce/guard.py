"""Until when a record must be unchanged for a write to it, by Salesforce's clock: `If-Unmodified-Since`.

The header has whole seconds and is taken on calls for one row only (contract, sections 5.1 and 11). Which rows go that
way is the destination's choice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.contract import WriteRequest
from connectors.http import Session
from connectors.sparing import Spared

_SLACK = timedelta(seconds=2)  # what was saved in the second before a query may not have been visible to it
_KEPT = 10_000  # records of which is remembered when we wrote them; a poll reads them long before that many more


class Guard:
    """Knows how the clocks stand to each other, and what our own writes moved since the caller read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ahead = timedelta(0)  # of the stamps that records bear before the clock that answers bear
        self._wrote: dict[str, datetime] = {}
        self.spared = Spared()

    def saw(self, stamp: datetime) -> None:
        """Note the stamp of a record that the latest answer brought."""
        now = self._session.server_time
        if now is not None:
            self._ahead = max(self._ahead, stamp - now)

    def wrote(self, id: str) -> None:
        """Note that the latest answer told of a write of ours: that change is known."""
        self.spared.forget(id)
        self._wrote.pop(id, None)
        if self._session.server_time is not None:
            self._wrote[id] = self._session.server_time + self._ahead
        if len(self._wrote) > _KEPT:
            del self._wrote[next(iter(self._wrote))]

    def since(self, request: WriteRequest) -> datetime | None:
        """Return the time after which nobody may have changed the record; None where that cannot be told."""
        ahead = self._session.clock_ahead
        if request.id is None or request.read_at is None or ahead is None or not self.spared.may_be(request):
            return None
        read = request.read_at + ahead + self._ahead - _SLACK
        known = (read, request.modified or read, self._wrote.get(request.id, read))
        return max(known).astimezone(UTC).replace(microsecond=0)
