"""Dates, which have no zone, and datetimes, which always have one, in canonical form.

Every function takes one raw, non-blank value and returns the canonical one, None for blank, or a BadValue.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.mapping.model import BadValue
from syncd.mapping.transforms.text import read_text

BAD_DATE = BadValue("not a date of the form 2026-03-31, and no other form is declared with 'format'")
BAD_DATETIME = BadValue("not a time of the form 2026-03-31T14:00:00Z")
NO_ZONE = BadValue("a time without a zone, and none is declared with 'zone'")
NOT_MIDNIGHT = BadValue("a time of day where a date is expected; declare 'as: date of datetime' to drop it")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(?::00(?:\.0+)?)?")
_EPOCH = re.compile(r"-?[0-9]{9,14}")
_UTC_SECOND = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:Z|\+00:?00)")
_DAY_MS = 86_400_000
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def read_date(raw: Any, *, form: str | None = None, of_datetime: bool = False) -> Any:
    """YYYY-MM-DD. Milliseconds since 1970 count when they are midnight UTC, as HubSpot writes dates.

    `of_datetime` takes the day of a time as it is written, without moving it to another zone.
    """
    if isinstance(raw, datetime):
        if not of_datetime and (raw.hour or raw.minute or raw.second):
            return NOT_MIDNIGHT
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    if raw.__class__ is bool:
        return BAD_DATE
    text = read_text(raw)
    if text.__class__ is not str:
        return text
    if _DATE.fullmatch(text):
        return _checked(text)
    if form is not None:
        return _by_form(text, form)
    if _EPOCH.fullmatch(text):
        return _of_epoch(int(text), of_datetime)
    return _of_iso(text, of_datetime)


def _checked(text: str) -> Any:
    try:
        date.fromisoformat(text)
    except ValueError:
        return BAD_DATE
    return text


def _by_form(text: str, form: str) -> Any:
    try:
        return datetime.strptime(text, form).date().isoformat()
    except ValueError:
        return BadValue("not a date of the declared 'format'")


def _of_epoch(milliseconds: int, of_datetime: bool) -> Any:
    if milliseconds % _DAY_MS and not of_datetime:
        return NOT_MIDNIGHT
    try:
        return (_BEGIN + timedelta(milliseconds=milliseconds)).date().isoformat()
    except OverflowError:
        return BAD_DATE


def _of_iso(text: str, of_datetime: bool) -> Any:
    midnight = _MIDNIGHT.fullmatch(text)
    if midnight:
        return _checked(midnight[1])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return BAD_DATE
    if not re.match(r"[0-9]{4}-", text):
        return BAD_DATE
    return moment.date().isoformat() if of_datetime else NOT_MIDNIGHT


def read_datetime(raw: Any, *, form: str | None = None, zone: ZoneInfo | None = None) -> Any:
    """YYYY-MM-DDTHH:MM:SSZ. Milliseconds since 1970 are understood; parts of seconds are dropped."""
    if isinstance(raw, datetime):
        return _in_utc(raw, zone)
    if isinstance(raw, date):
        return _in_utc(datetime(raw.year, raw.month, raw.day), zone)
    if raw.__class__ is bool:
        return BAD_DATETIME
    text = read_text(raw)
    if text.__class__ is not str:
        return text
    simple = _UTC_SECOND.fullmatch(text)
    try:
        if simple:
            datetime.fromisoformat(simple[1])
            return f"{simple[1]}Z"
        if form is not None:
            return _in_utc(datetime.strptime(text, form), zone)
        if _EPOCH.fullmatch(text):
            return _in_utc(_BEGIN + timedelta(milliseconds=int(text)), None)
        if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.", text):
            return BAD_DATETIME
        return _in_utc(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return BAD_DATETIME


def write_date(value: str, form: str) -> Any:
    return datetime.strptime(value, "%Y-%m-%d").strftime(form) if _DATE.fullmatch(value) else BAD_DATE


def write_datetime(value: str, form: str, zone: ZoneInfo | None = None) -> Any:
    """In the declared zone, else in UTC."""
    if not _UTC_SECOND.fullmatch(value):
        return BAD_DATETIME
    return datetime.fromisoformat(value).astimezone(zone or UTC).strftime(form)


def _in_utc(moment: datetime, zone: ZoneInfo | None) -> Any:
    if moment.tzinfo is None:
        if zone is None:
            return NO_ZONE
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    except OverflowError:
        return BAD_DATETIME
