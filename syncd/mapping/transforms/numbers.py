"""Numbers and yes/no in canonical form.

Every function takes one raw, non-blank value and returns the canonical one, None for blank, or a BadValue.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel.numbers import NumberFormatError, format_decimal, parse_decimal

from syncd.mapping.model import BadValue
from syncd.mapping.transforms.text import read_text

BAD_NUMBER = BadValue("not a number")
BAD_INTEGER = BadValue("not a whole number")
BAD_BOOLEAN = BadValue("neither yes nor no")
TOO_LARGE = BadValue("a number too large to be kept exactly")

TOO_SMALL = BadValue("a number too small to be kept exactly")

_SMALLEST = 1e-15
_EXACT = 2**53  # beyond it a JSON number is not the same on all sides


def read_number(raw: Any, locale: str | None = None) -> Any:
    """int or float. "$50,000", "1.234,56", "50k" and "1.2 million" are understood; ranges and guesses are not."""
    kind = raw.__class__
    if kind is int:
        return raw if -_EXACT <= raw <= _EXACT else TOO_LARGE
    if kind is float:
        return _settled(raw)
    if kind is bool:
        return BAD_NUMBER
    if isinstance(raw, Decimal):
        return BAD_NUMBER if raw.is_snan() else _settled(raw)
    text = read_text(raw)
    return _number(text, locale) if text.__class__ is str else text


def read_integer(raw: Any, locale: str | None = None) -> Any:
    """int; a number with a fraction is refused, never rounded."""
    value = read_number(raw, locale)
    return BAD_INTEGER if value.__class__ is float else value


def read_fraction(raw: Any, locale: str | None = None) -> Any:
    """Per cent of a share: 0.125 is 12.5; what says "%" is in per cent already."""
    value = read_number(raw, locale)
    if value.__class__ not in (int, float) or (raw.__class__ is str and raw.rstrip().endswith("%")):
        return value
    return _settled(Decimal(repr(value)) * 100)


def fraction_of(percent: float) -> Any:
    return _settled(Decimal(repr(percent)) / 100)


_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_US = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_EUROPEAN = re.compile(
    r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}|[+-]?[0-9]+,[0-9]{1,2}"
)
_SWISS = re.compile(r"[+-]?[0-9]{1,3}(?:['’ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]{1,2})?")
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|US\$|[$€£¥₹])\s*(?=[+\-0-9])|(?<=[0-9])\s*(?:[A-Z]{3}|[$€£¥₹]|,-)$")
_SCALE = re.compile(r"(.*[0-9])\s*(k|K|m|M|million|mio\.?|Mio\.?|bn|billion)")
_TIMES = {"k": 10**3, "m": 10**6, "b": 10**9}


@lru_cache(maxsize=8192)
def _number(text: str, locale: str | None) -> Any:
    if len(text) > 60:
        return BAD_NUMBER
    if len(text) < 16 and text.isascii() and text.isdecimal():
        return int(text)
    text = text.removesuffix("%").strip()
    text = _CURRENCY.sub("", text).strip()
    text = text.replace("−", "-")
    scaled = _SCALE.fullmatch(text)
    times = 1
    if scaled:
        text, times = scaled[1].strip(), _TIMES[scaled[2][0].lower()]
    try:
        return _settled(_decimal(text, locale) * times)
    except (InvalidOperation, NumberFormatError, ValueError):
        return BAD_NUMBER


def _decimal(text: str, locale: str | None) -> Decimal:
    if locale is not None and not re.fullmatch(r"[+-]?[0-9]+", text):
        return parse_decimal(text, locale=locale, strict=True)
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if _US.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if _EUROPEAN.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _SWISS.fullmatch(text):
        return Decimal(re.sub(r"['’ \u00a0\u202f]", "", text).replace(",", "."))
    raise InvalidOperation


def _settled(value: float | Decimal) -> Any:
    """A whole number as int, else float; so 100, 100.0 and "100.00" are one."""
    if not math.isfinite(value):
        return BAD_NUMBER
    number = float(value)
    if abs(number) > _EXACT:
        return TOO_LARGE
    if 0 < abs(number) < _SMALLEST:
        return TOO_SMALL
    return int(number) if number.is_integer() else number


_YES = frozenset({"true", "t", "yes", "y", "1", "on", "x", "ja", "oui", "si", "sí"})
_NO = frozenset({"false", "f", "no", "n", "0", "off", "nein", "non"})


def read_boolean(raw: Any) -> Any:
    if raw.__class__ is bool:
        return raw
    if raw.__class__ in (int, float):
        return bool(raw) if raw in (0, 1) else BAD_BOOLEAN
    text = read_text(raw)
    if text.__class__ is not str:
        return text
    word = text.lower()
    return True if word in _YES else False if word in _NO else BAD_BOOLEAN


def number_text(value: float) -> str:
    """Digits without an exponent, which no system's forms take."""
    return str(value) if value.__class__ is int else format(Decimal(repr(value)), "f")


def number_in(value: float, locale: str) -> str:
    """Digits as a locale writes them, without marks between thousands: 1234,5."""
    number = Decimal(repr(value))
    return str(format_decimal(number, locale=locale, decimal_quantization=False, group_separator=False))
