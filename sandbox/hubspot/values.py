"""What HubSpot makes of a property value sent to it: accepted and normalised, or refused with its code.

Values that depend on other records (uniqueness, owners, the stage so far) are judged elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from sandbox.hubspot.errors import invalid_input
from sandbox.hubspot.schema import Option, Property

_EMAIL = re.compile(r"[^@\s,;<>()\[\]\"]+@[^@\s,;<>()\[\]\"._-][^@\s,;<>()\[\]\"]*\.[a-z0-9-]{2,}")
_DAY = 86_400_000
_LONGEST_TEXT = 65_536
_EARLIEST_MS = 100_000_000_000  # below it a date-time in ms is in 1973 or before: somebody sent seconds


class Refused(Exception):
    """The value is not acceptable for its property."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@lru_cache(maxsize=65_536)
def iso(ms: int) -> str:
    """Return a wire timestamp; the fraction is absent when it is zero."""
    text = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"


def epoch_ms(text: str) -> int | None:
    """Return a date, a date-time or epoch milliseconds as epoch milliseconds; None when it is none of them."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return None
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def text_of(value: Any) -> str | None:
    """Return a JSON value as the text HubSpot reads it as; None (ignored) for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise invalid_input("Cannot deserialize value of type `java.lang.String` from Object or Array value")


def clean(definition: Property, value: str, *, current: str, rules: bool) -> str:
    """Return the value as HubSpot keeps it; raise Refused. `rules`: the path is 2026-09 or later."""
    if value == "":
        return ""
    match definition.type:
        case "number":
            return _number(value)
        case "bool":
            return _option(value, _BOOLEANS)
        case "enumeration":
            return _choice(definition, value, current)
        case "date":
            return _date(value)
        case "datetime":
            return _datetime(value, rules)
    if definition.email:
        return _email(value)
    if len(value) > _LONGEST_TEXT:
        raise Refused("INVALID_LENGTH", f"The value is longer than {_LONGEST_TEXT} characters.")
    return value


_BOOLEANS = (Option(label="Yes", value="true", display_order=0), Option(label="No", value="false", display_order=1))


def _number(value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Refused("INVALID_INTEGER", f"{value} was not a valid number.")
    return format(number.normalize() + 0, "f")


def _choice(definition: Property, value: str, current: str) -> str:
    if definition.external_options:
        return value
    options = definition.options
    if definition.field_type == "booleancheckbox":
        options = options or _BOOLEANS
    if definition.field_type != "checkbox":
        return _option(value, options)
    added = [_option(part, options) for part in value.split(";") if part]
    kept = current.split(";") if value.startswith(";") and current else []
    chosen = {*kept, *added}
    return ";".join(option.value for option in options if option.value in chosen)


def _option(value: str, options: Sequence[Option]) -> str:
    if any(option.value == value for option in options):
        return value
    listed = ", ".join(f'label: "{o.label}"\nvalue: "{o.value}"\ndisplay_order: {o.display_order}\n' for o in options)
    raise Refused("INVALID_OPTION", f"{value} was not one of the allowed options: [{listed}]")


def _date(value: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise Refused("INVALID_DATE", f"{value} was not a valid date.") from error
    if not re.fullmatch(r"-?\d{1,15}", value):
        raise Refused("INVALID_DATE", f"{value} was not a valid date.")
    if int(value) % _DAY:
        raise Refused("INVALID_DATE", f"{value} is not at midnight UTC.")
    return iso(int(value))[:10]


def _datetime(value: str, rules: bool) -> str:
    ms = None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else epoch_ms(value)
    if ms is None:
        raise Refused("INVALID_LONG", f"{value} was not a valid long.")
    if rules and value.isdigit() and ms < _EARLIEST_MS:
        raise Refused("INVALID_DATE", f"{value} was not a valid date.")
    return iso(ms)


def _email(value: str) -> str:
    address = value.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise Refused("INVALID_EMAIL", f"Email address {value} is invalid")
    return address
