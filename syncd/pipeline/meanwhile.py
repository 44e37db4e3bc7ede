"""Tells what somebody changed while a write of ours was under way from what stood there before it.

A poll and an answer pass each other: rows that were asked for before a write may be stored after its answer, and rows
that were read after it before its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from connectors.contract import Record
from syncd.mapping.model import BESIDE, KindMap
from syncd.store import sent
from syncd.store.database import from_ms
from syncd.store.intake import StoredRecord


def fields_once_written(request: Mapping[str, Any]) -> dict[str, Any]:
    key = request["key"]
    fields = {name: value for name, value in request["fields"].items() if not name.startswith(BESIDE)}
    return {**fields, **({key[0]: key[1]} if key else {})}


def fields_once_answered(held: sent.Held, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record holds now that a write was answered; what a poll has read over it since stays."""
    return {
        **held.fields,
        **{
            name: value for name, value in fields_once_written(request).items() if not _was_changed(held, request, name)
        },
    }


def without_the_past(
    connection: Connection,
    kind_map: KindMap,
    records: Sequence[Record],
    stored: Mapping[str, StoredRecord],
    asked: int,
    now: int,
) -> Sequence[Record]:
    """Return the records with what we wrote since they were asked for, where they tell what stood there before.

    Their modified time stays the stored one: a look back that finds another over there reads them again.
    """
    suspects = [
        one.id for one in records if one.id in stored and not stored[one.id].digest
    ]  # written, and not read yet
    requests = sent.written_since(connection, kind_map.system, kind_map.kind, suspects, asked, now) if suspects else {}
    if not requests:
        return records
    return [_as_written(one, stored[one.id], requests[one.id]) if one.id in requests else one for one in records]


# ---------------------------------------------------------------------------------------------------------------------


def _was_changed(held: sent.Held, request: Mapping[str, Any], name: str) -> bool:
    """What was neither replaced nor empty is said by us alone."""
    value = held.fields.get(name)
    if name in request.get("was", ()):
        return bool(value != request["was"][name])
    return name in request.get("fills", ()) and not _is_blank(value)


def _as_written(record: Record, stored: StoredRecord, requests: Iterable[Mapping[str, Any]]) -> Record:
    past = {
        name: stored.fields[name]
        for request in requests
        for name in request["fields"]
        if name in record.fields and name in stored.fields and _stood_before(request, name, record.fields[name])
    }
    return replace(record, fields={**record.fields, **past}, modified=from_ms(stored.modified)) if past else record


def _stood_before(request: Mapping[str, Any], name: str, value: Any) -> bool:
    if name in request.get("was", ()):
        return bool(value == request["was"][name])
    return name not in request.get("fills", ()) or _is_blank(value)


def _is_blank(value: Any) -> bool:
    return value is None or value is False or value == ""
