"""Values of fields: from JSON and CSV into the stored form and back; what a whole record needs is save.py's business.

Stored forms: text as str, int, float for the other numbers, bool, dates as `yyyy-MM-dd`, datetimes as whole epoch
seconds (the vendor compares and keeps seconds only), ids with 18 characters. null is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from sandbox.salesforce.errors import Refused, refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]{2,}\Z"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


def from_json(field: Field, raw: object) -> Any:
    """Return the stored form of a JSON value; raise Refused as the org would."""
    if raw is None:
        return _null(field)
    if field.type in TEXT_TYPES:
        return _text(field, raw)
    if field.type in ID_TYPES:
        return _reference(field, raw)
    if field.type == "boolean":
        if not isinstance(raw, bool):
            raise _wrong_json(field, raw)
        return raw
    if field.type == "int" or field.type in NUMBER_TYPES:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise _wrong_json(field, raw)
        return _number(field, raw)
    if field.type in ("date", "datetime"):
        stored = parse_moment(field.type, raw) if isinstance(raw, str) else None
        if stored is None:
            raise _wrong_json(field, raw)
        return stored
    raise refused("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {field.name}.", field.name)


def from_text(field: Field, cell: str) -> Any:
    """Return the stored form of a CSV cell that is neither empty nor `#N/A`."""
    if field.type == "boolean":
        if cell.lower() not in ("true", "false", "1", "0"):
            raise _wrong_type(field)
        return cell.lower() in ("true", "1")
    if field.type == "int" or field.type in NUMBER_TYPES:
        if not _NUMBER.match(cell):
            raise _wrong_type(field)
        return _number(field, float(cell))
    if field.type in ("date", "datetime"):
        stored = parse_moment(field.type, cell)
        if stored is None:
            raise _wrong_type(field)
        return stored
    if field.type in TEXT_TYPES:
        return _text(field, cell, trimmed=False)
    return from_json(field, cell)


def to_json(field: Field, stored: Any) -> Any:
    """Return the value as the REST API prints it."""
    return print_datetime(stored) if field.type == "datetime" and stored is not None else stored


@lru_cache(maxsize=65536)
def print_datetime(epoch: int) -> str:
    """Return epoch seconds as `2026-01-02T03:04:05.000+0000`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def parse_moment(kind: str, text: str) -> str | int | None:
    """Return the stored form of a date or datetime, None when it is not one; a datetime needs Z or an offset."""
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat() if _DATE.match(text) else None
        return math.floor(datetime.fromisoformat(text).timestamp()) if _DATETIME.match(text) else None
    except ValueError:
        return None


def utf16_length(text: str) -> int:
    """Return the length the vendor counts: UTF-16 units, so an emoji is two."""
    return len(text) + sum(1 for letter in text if letter > "\uffff")


def fold(field: Field, stored: Any) -> Any:
    """Return the form in which SOQL, unique fields and duplicate rules compare."""
    if isinstance(stored, str) and field.type in TEXT_TYPES and not field.case_sensitive:
        return stored.lower()
    return stored


def _null(field: Field) -> None:
    if field.type == "boolean":
        raise _wrong_type(field)


def _text(field: Field, raw: object, *, trimmed: bool = True) -> str | None:
    if not isinstance(raw, str):
        raise _wrong_json(field, raw)
    text = raw.strip() if trimmed else raw
    if not text.strip():
        return None
    if field.length and utf16_length(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise refused("STRING_TOO_LONG", message, field.name)
    if field.type == "email" and not _EMAIL.match(text):
        raise refused("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", field.name)
    if field.restricted and field.picklist:
        chosen = text.split(";") if field.type == "multipicklist" else [text]
        for value in chosen:
            if value not in field.picklist:
                message = f"{field.label}: bad value for restricted picklist field: {value}"
                raise refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field.name)
    return text


def _reference(field: Field, raw: object) -> str | None:
    if not isinstance(raw, str):
        raise _wrong_json(field, raw)
    if not raw.strip():
        return None
    whole = full_id(raw.strip())
    if whole is None:
        raise refused("MALFORMED_ID", f"{field.label}: id value of incorrect type: {raw}", field.name)
    return whole


def _number(field: Field, raw: float) -> float | int:
    if not math.isfinite(raw):
        raise _wrong_type(field)
    if field.type == "int":
        if raw != int(raw):
            raise _wrong_type(field)
        if abs(raw) >= 2**31:
            raise _out_of_range(field)
        return int(raw)
    if abs(raw) >= 10 ** (field.precision - field.scale):
        raise _out_of_range(field)
    return float(Decimal(str(raw)).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _out_of_range(field: Field) -> Refused:
    message = f"{field.label}: value outside of valid range on numeric field"
    return refused("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)


def _wrong_type(field: Field) -> Refused:
    return refused("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: ", field.name)


def _wrong_json(field: Field, raw: object) -> Refused:
    got = "START_OBJECT" if isinstance(raw, dict) else "START_ARRAY" if isinstance(raw, list) else "VALUE"
    message = f"Cannot deserialize instance of {field.type} from {got} {raw} or request may be missing a required field"
    return refused("JSON_PARSER_ERROR", message, field.name)
