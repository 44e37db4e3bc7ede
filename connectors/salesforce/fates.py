"""What became of each row of one `write`, whichever way the rows went.

Sending them is destination.py's and ingest.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Deferred, WriteResult, Written
from connectors.errors import ConnectorError, Unavailable
from connectors.salesforce.judge import (
    NOT_OF_THE_ROW,
    Trouble,
    duplicate_field,
    is_spent,
    is_transient,
    refusal,
    spent,
    troubles,
    why_later,
)
from connectors.salesforce.rows import Row

_NOT_ITS_FAULT = frozenset({"INVALID_SESSION_ID", "OPERATION_TOO_LARGE"})  # nor anything that is to be corrected
_LOCKED_FOR = 3600.0  # seconds after which a record under approval is worth another try


@dataclass(kw_only=True, slots=True)
class Work:
    """What one call of `write` has learned so far."""

    answers: list[WriteResult | None]
    answered: bool = False  # a call was answered: from now on doubt is a Deferred
    duplicates: list[Row] = field(default_factory=list)

    def defer_rest(self, error: ConnectorError) -> None:
        wait = (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0
        for index, answer in enumerate(self.answers):
            if answer is None:
                self.answers[index] = Deferred(error.message, wait, at_large=True)


def written(row: Row, told: Mapping[str, Any]) -> WriteResult:
    """Return what a row that was taken is answered. A new record without an id is found by its key the next time."""
    id = str(told.get("id") or row.id)
    if not id:
        return Deferred(f"Salesforce took a new {row.kind} and did not tell its id; it is looked for by its key")
    return Written(id, bool(told.get("created")))


def settle_row(row: Row, told: Mapping[str, Any], work: Work, again: list[Row]) -> None:
    """Note what a row was answered, in the form of a collection's result; put it on `again` if it may go through."""
    if told.get("success"):
        work.answers[row.index] = written(row, told)
        return
    found = troubles(told.get("errors")) or [Trouble("NO_REASON_GIVEN")]
    first = found[0]
    if is_spent(first):
        work.answers[row.index] = spent()
        return
    # Two upserts of one new key at the same time: one creates, the other finds it when sent again.
    raced = first.code == "DUPLICATE_VALUE" and row.key_field and duplicate_field(first) == row.key_field
    if is_transient(first) or first.code in _NOT_ITS_FAULT or (raced and not row.raced):
        row.transient, row.raced, row.blamed = why_later(first), bool(raced), first.code not in NOT_OF_THE_ROW
        again.append(row)
    elif first.code == "ENTITY_IS_LOCKED":
        work.answers[row.index] = Deferred("the record is locked by an approval of the org", _LOCKED_FOR)
    else:
        work.answers[row.index] = refusal(row.kind, found, creates=not row.id)
        if first.code == "DUPLICATES_DETECTED":
            work.duplicates.append(row)
