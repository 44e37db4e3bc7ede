"""What a database's and a file's rows have in common: ids, JSON-able values, times, and fingerprints that find changes.

Opening the database or the file, and what to do when that fails, is left to connectors.table.sql and .files.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from hashlib import blake2b
from typing import Annotated, Any
from urllib.parse import unquote
from uuid import UUID

import orjson
from dateutil import parser as dateutil_parser
from pydantic import BeforeValidator, Field

from connectors.contract import RawValue, Record
from connectors.errors import ConfigProblem

BUCKETS = 256
LONGEST_ID = 255  # what the store keeps of one; cut, two would be one
_SAFE_INTEGER = 2**63  # beyond it JSON readers disagree


def _seconds(value: Any) -> Any:
    """Accept 90, "90s", "10m", "1h", "1d"."""
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", value)):
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]


class NoId(Exception):
    """A row has no id that could be kept; the argument says so, and of which column."""


class OddId(Exception):
    """An id column holds what has no one written form, a date or a fraction; the argument says which and what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableKind:
    """One kind of record: where its rows come from, which columns are its id, and which holds the time of change."""

    kind: str
    source: str  # the query or the file
    ids: tuple[str, ...]
    modified: str | None = None
    sheet: str | None = None  # of an Excel workbook; None: its first
    take: str = "newest"  # of several files: "newest", or "all"
    done: str | None = None  # what is added to a file's name to name the file that says it is whole
    group: Mapping[str, str] | None = None  # how rows of one id become one: column, folded -> rule; None: they do not


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row: the record, and what tells it from every other state of the same row."""

    record: Record
    bucket: int
    digest: int


class Fingerprint:
    """256 sums over the digests of a set of rows: equal sets have equal sums in any order, and a change shows where.

    Its text form is about 2.7 KB however many rows there are, small enough for a cursor.
    """

    def __init__(self, text: str = "") -> None:
        raw = base64.b64decode(text) if text else bytes(8 * BUCKETS)
        if len(raw) != 8 * BUCKETS:
            raise ValueError("not a fingerprint")
        self.sums = [int.from_bytes(raw[8 * i : 8 * i + 8], "big") for i in range(BUCKETS)]

    def add(self, bucket: int, digest: int) -> None:
        self.sums[bucket] = (self.sums[bucket] + digest) % 2**64

    def changed(self, before: Fingerprint) -> frozenset[int]:
        """Return the buckets in which the two sets differ."""
        return frozenset(i for i, (a, b) in enumerate(zip(self.sums, before.sums, strict=True)) if a != b)

    def text(self) -> str:
        if not any(self.sums):
            return ""
        return base64.b64encode(b"".join(n.to_bytes(8, "big") for n in self.sums)).decode()


def table_kind(system: str, kind: str, table: Mapping[str, Any], source: str, more: Sequence[str] = ()) -> TableKind:
    """Check a mapping's `table` block whose rows come from the key `source`; raise ConfigProblem.

    `more`: further keys it may have, whose values the mapping's own check vouches for.
    """
    where = f"{system}, kind {kind}"
    known = (source, "id", "modified", "group", *more)
    for key in table:
        if key not in known:
            raise ConfigProblem(f"{where}: unknown key {key!r}{did_you_mean(key, known)}", system=system)
    origin = table.get(source)
    if not isinstance(origin, str) or not origin.strip():
        raise ConfigProblem(f"{where}: `{source}` is missing; say where its rows come from", system=system)
    ids = table.get("id")
    ids = [ids] if isinstance(ids, str) else ids
    if not isinstance(ids, list | tuple) or not ids or not all(isinstance(i, str) and i for i in ids):
        raise ConfigProblem(
            f"{where}: `id` must name the column, or the list of columns, that tells its rows apart", system=system
        )
    modified = table.get("modified")
    if modified is not None and (not isinstance(modified, str) or not modified):
        raise ConfigProblem(f"{where}: `modified` must be the name of one column", system=system)
    further = {key: table[key] for key in ("group", *more) if table.get(key) is not None}
    return TableKind(kind=kind, source=origin.strip(), ids=tuple(ids), modified=modified, **further)


def pick_columns(system: str, kind: str, wanted: Sequence[str], present: Sequence[str]) -> dict[str, str]:
    """Return wanted name -> the column as the system spells it (case is forgiven); raise ConfigProblem."""
    folded = {name.casefold(): name for name in reversed(present)}
    found = {name: name if name in present else folded.get(name.casefold(), "") for name in wanted}
    missing = [name for name, column in found.items() if not column]
    if missing:
        names = ", ".join(name + did_you_mean(name, present) for name in missing)
        raise ConfigProblem(
            f"{system}, kind {kind}: there is no column {names}; the columns are {', '.join(present)}. Mend the "
            f"mapping or the source",
            system=system,
        )
    return found


def did_you_mean(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def make_row(kind: TableKind, ids: Sequence[Any], modified: datetime, fields: Mapping[str, Any]) -> Row:
    """Build a row from raw values; raise NoId or OddId."""
    record = Record(id=join_id(kind, ids), modified=modified, fields={n: json_value(v) for n, v in fields.items()})
    return row_of(record)


def row_of(record: Record) -> Row:
    key = blake2b(record.id.encode("utf-8", "surrogatepass"), digest_size=1).digest()
    body = orjson.dumps([record.id, sorted(record.fields.items())])
    return Row(record=record, bucket=key[0], digest=int.from_bytes(blake2b(body, digest_size=8).digest(), "big"))


def join_id(kind: TableKind, parts: Sequence[Any]) -> str:
    """Return one text for the id columns: parts joined by "/", and "/" or "%" inside a part percent-encoded."""
    texts = []
    for column, part in zip(kind.ids, parts, strict=True):
        if isinstance(part, bool | float | bytes | date | time) or not isinstance(
            part, str | int | Decimal | UUID | None
        ):
            raise OddId(f"the id column {column} holds a {type(part).__name__}, which has no one written form")
        text = "" if part is None else str(part).strip()
        if not text:
            raise NoId(f"no value in its id column {column}")
        if "\0" in text:
            raise NoId(f"no value that could be kept in its id column {column}: there is a NUL character in it")
        texts.append(text)
    if len(texts) > 1:
        texts = [text.replace("%", "%25").replace("/", "%2F") for text in texts]
    joined = "/".join(texts)
    if len(joined) > LONGEST_ID:
        where = f"its id column{'s' if len(texts) > 1 else ''} {', '.join(kind.ids)}"
        raise NoId(f"no value that could be kept in {where}: it has more than {LONGEST_ID} characters")
    return joined


def split_id(kind: TableKind, text: str) -> tuple[str, ...] | None:
    """Return the parts of an id made by `join_id`; None when it is not one of this kind."""
    if len(kind.ids) == 1:
        return (text,)
    parts = tuple(unquote(part) for part in text.split("/"))
    return parts if len(parts) == len(kind.ids) else None


def json_value(value: Any) -> RawValue:
    """Return the value as plain JSON that loses as little as JSON allows."""
    match value:
        case None | bool() | str():
            return value if not isinstance(value, str) else _without_surrogates(value)
        case int():
            return value if -_SAFE_INTEGER <= value < _SAFE_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return _decimal(value)
        case datetime():
            return utc_text(as_utc(value))
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case list() | tuple():
            return [json_value(v) for v in value]
        case dict():
            return orjson.dumps({str(k): json_value(v) for k, v in value.items()}).decode()
        case _:
            return str(value)


def as_utc(value: datetime) -> datetime:
    """Return the time in UTC; one without a zone is taken to be UTC, and so is one at the end of time."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # 9999-12-31T23:59:59-05:00 has no UTC in Python's calendar
        return value.replace(tzinfo=UTC)


def utc_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds" if value.microsecond else "seconds").replace("+00:00", "Z")


def parse_time(value: Any) -> datetime | None:
    """Return a column's value as a time in UTC; None when it is none (numbers are not guessed at)."""
    if isinstance(value, datetime):
        return as_utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if not isinstance(value, str):
        return None
    try:
        return as_utc(dateutil_parser.isoparse(value.strip().replace(" ", "T", 1)))
    except (ValueError, OverflowError):
        return None


def batches(rows: Iterator[Row], size: int) -> Iterator[list[Record]]:
    """Yield the rows' records in lists of at most `size`; none for no rows."""
    batch: list[Record] = []
    for row in rows:
        batch.append(row.record)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


# ---------------------------------------------------------------------------------------------------------------------


def _decimal(value: Decimal) -> RawValue:
    if not value.is_finite():
        return None
    if abs(value.adjusted()) > 300:  # no float holds it
        return str(value)
    if value == value.to_integral_value():
        return json_value(int(value))
    return float(value)


def _without_surrogates(text: str) -> str:
    """Half of a character pair cannot be sent as UTF-8 by anyone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
