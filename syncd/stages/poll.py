"""Pages from a source -> what is news in them; digests decide, not modified times.

Linking records to leads and storing anything is left to syncd.pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from connectors.contract import Record
from syncd.mapping.model import TouchMap
from syncd.store.database import to_ms
from syncd.store.intake import SHUT_OUT, StoredRecord

YEAR_3000_MS = 32_503_680_000_000


# An index that lags may show a record as it was before what we know of it. What is older than this was put back on
# purpose, from a backup.
LONGEST_LAG_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class News:
    """A record that differs from what is stored. `changed` names the fields that do."""

    record: Record
    fields: Mapping[str, Any]
    changed: tuple[str, ...]
    new: bool  # never stored before
    matters: bool  # False: only our own write came back

    def row(self, system: str, kind: str, digest: str, old: StoredRecord | None) -> dict[str, Any]:
        modified = to_ms(self.record.modified)
        stamps = dict(old.changed) if old is not None else {}
        if old is not None:
            stamps.update((name, modified) for name in self.changed if name in old.fields)
        return {
            "system": system,
            "kind": kind,
            "id": self.record.id,
            "fields": self.fields,
            "changed": stamps,
            "first_modified": modified,
            "modified": modified,
            "deleted": self.record.deleted,
            "survivor": survivor_of(self.record),
            "digest": digest,
        }


def sift(
    system: str, kind: str, records: Sequence[Record], stored: Mapping[str, StoredRecord]
) -> tuple[list[News], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (news, rows to store, new modified times of records whose fields stayed the same)."""
    news: list[News] = []
    rows: list[dict[str, Any]] = []
    stamps: list[dict[str, Any]] = []
    for one in {record.id: record for record in records}.values():  # the last of two is the later read
        fields, digest = digest_record(one)
        old = stored.get(one.id)
        if old is not None and old.digest == SHUT_OUT:
            continue
        modified = to_ms(one.modified)
        if old is not None and modified < old.modified <= modified + LONGEST_LAG_MS:
            continue
        if old is not None and old.digest == digest:
            if modified != old.modified:
                stamps.append({"b_system": system, "b_kind": kind, "b_id": one.id, "b_modified": modified})
            continue
        item = _compare(one, fields, old)
        news.append(item)
        rows.append(item.row(system, kind, digest, old))
    return news, rows, stamps


def digest_record(record: Record) -> tuple[Mapping[str, Any], str]:
    """Return (fields fit for storing, digest of all that matters). NUL and half characters cannot be stored."""
    fields = record.fields
    try:
        raw = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        fields = _clean(fields)
        raw = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    if b"\\u0000" in raw:
        fields = _clean(fields)
        raw = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    flags = f"{record.deleted}|{survivor_of(record)}|{','.join(record.merged)}".encode()
    return fields, blake2b(raw + flags, digest_size=16).hexdigest()


def survivor_of(record: Record) -> str | None:
    """Return where a merged or converted record lives on, as "kind:id" for another kind."""
    if record.converted_to is not None:
        return ":".join(record.converted_to)
    return record.survivor


def touches_in(news: News, maps: Sequence[TouchMap], lead: str) -> list[dict[str, Any]]:
    """Return the touches that this change shows."""
    found = []
    for one in maps:
        if one.watch not in news.changed or not news.fields.get(one.watch):
            continue
        at = _moment(news.fields.get(one.at or one.watch)) or to_ms(news.record.modified)
        found.append(
            {
                "lead": lead,
                "kind": one.kind,
                "at": at,
                "what": _short(news.fields.get(one.what or "")),
                "campaign": _short(news.fields.get(one.campaign or "")),
            }
        )
    return found


# ---------------------------------------------------------------------------------------------------------------------


def _compare(record: Record, fields: Mapping[str, Any], old: StoredRecord | None) -> News:
    if old is None:
        changed = tuple(name for name, value in fields.items() if value not in (None, ""))
        return News(record, fields, changed, new=True, matters=True)
    before = old.fields
    other = [name for name, value in fields.items() if value != before.get(name)]
    changed = tuple(name for name in other if _blank(fields[name]) != _blank(before.get(name)))
    moved = record.deleted != old.deleted or survivor_of(record) != old.survivor or bool(record.merged)
    return News(record, fields, changed, new=False, matters=bool(changed) or moved)


def _blank(value: Any) -> Any:
    return None if value == "" else value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(_clean(name)): _clean(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(part) for part in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    return str(value)


def _moment(value: Any) -> int | None:
    """Read a raw time, ISO or epoch milliseconds; None when it is neither, or outside 1970 to 2999."""
    if value is None or isinstance(value, bool):
        return None
    text = str(value).strip()
    try:
        if text.isdecimal():
            ms = int(text)
        else:
            moment = datetime.fromisoformat(text)
            ms = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    return ms if 0 < ms < YEAR_3000_MS else None


def _short(value: Any) -> str | None:
    return str(value)[:500] if value not in (None, "") else None
