"""The transforms that a mapping may name after `as:`, put together into one reader and one writer per field.

Which of a record's fields are read, and where a problem is reported, is left to syncd.mapping.compile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from syncd.lead.definition import FieldType
from syncd.mapping.model import BadValue
from syncd.mapping.transforms import choices, numbers, places, postcodes, text, times
from syncd.mapping.transforms.choices import Table

Convert = Callable[[Any], Any]  # one raw, non-blank value -> canonical, None for blank, or BadValue
# The same, with the country that the record is of, and whether it says so itself.
RegionalConvert = Callable[[Any, str, bool], Any]


class Style(Enum):
    """How a system takes values on the wire."""

    STRINGS = "strings"  # HubSpot: everything is text
    NATIVE = "native"  # Salesforce: JSON types; a checkbox is never null
    PLAIN = "plain"  # SQL and CSV


STYLES: Mapping[str, Style] = {"hubspot": Style.STRINGS, "salesforce": Style.NATIVE}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one line of a mapping asks of its transforms."""

    type: FieldType
    choices: tuple[str, ...] = ()
    or_none: str | None = None
    kind: str = ""  # one of KINDS; "" is the type's own
    steps: tuple[str, ...] = ()  # of STEPS, in order
    style: Style = Style.PLAIN
    table: Table | None = None
    locale: str | None = None
    form: str | None = None
    zone: ZoneInfo | None = None
    separator: str = ";"
    region: str = "US"  # the country whose forms are written
    truncate: int | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """Text to text, before the value is read; `back` is the way back, where there is one."""

    read: Callable[[str], str]
    back: Callable[[str], str] | None = None


def _same(value: str) -> str:
    return value


STEPS: Mapping[str, Step] = {
    "html": Step(read=text.html_to_text, back=text.text_to_html),
    "lower": Step(read=str.lower, back=_same),
    "upper": Step(read=str.upper, back=_same),
    "first name": Step(read=text.first_name),
    "last name": Step(read=text.last_name),
    "extension": Step(read=places.phone_extension),
    "one line": Step(read=lambda value: " ".join(value.split()), back=_same),
}
PART = re.compile(r"part ([1-9][0-9]?)|last part")  # of a text, between separators


def step_of(name: str, separator: str) -> Step | None:
    """Return the step that `as:` names, None where there is none such."""
    part = PART.fullmatch(name)
    if part is None:
        return STEPS.get(name)
    index = int(part[1]) - 1 if part[1] else -1
    return Step(read=lambda value: text.part_of(value, separator, index))


_TEXTUAL = (FieldType.TEXT,)
# transform -> the types it can give; every type is also the name of its own transform.
KINDS: Mapping[str, tuple[FieldType, ...]] = {
    **{kind.value: (kind, *_TEXTUAL) for kind in FieldType if kind is not FieldType.REFERENCE},
    "text": tuple(kind for kind in FieldType if kind is not FieldType.REFERENCE),
    "number": (FieldType.NUMBER,),
    "integer": (FieldType.INTEGER,),
    "money": (FieldType.MONEY,),
    "percent": (FieldType.PERCENT,),
    "boolean": (FieldType.BOOLEAN,),
    "list": (FieldType.LIST,),
    "country name": (FieldType.COUNTRY,),
    "three letters": (FieldType.COUNTRY,),
    "state name": (FieldType.STATE,),
    "national phone": (FieldType.PHONE,),
    "international phone": (FieldType.PHONE,),
    "fraction": (FieldType.PERCENT,),
    "keyword": (FieldType.CHOICE, FieldType.TEXT),
    "not": (FieldType.BOOLEAN,),
    "date of datetime": (FieldType.DATE,),
}
REGIONAL: Mapping[FieldType, RegionalConvert] = {
    FieldType.PHONE: places.read_phone,
    FieldType.STATE: places.read_state,
    FieldType.POSTCODE: postcodes.read_postcode,
}
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT})
_HOLD_NO_TEXT = frozenset({*_NUMBERS, FieldType.BOOLEAN, FieldType.DATE, FieldType.DATETIME})


def effective_type(wanted: Wanted) -> FieldType:
    """Return the type whose canonical form is read: a text field may be read `as: phone`."""
    if wanted.type is FieldType.TEXT and wanted.kind in _TYPE_NAMES:
        return FieldType(wanted.kind)
    return wanted.type


_TYPE_NAMES = frozenset(kind.value for kind in FieldType)


def held_type(wanted: Wanted) -> FieldType:
    """Return the type that the system's own field needs to take what is written."""
    dated = wanted.form is not None and wanted.type in (FieldType.DATE, FieldType.DATETIME)
    return FieldType.TEXT if wanted.kind == "text" or dated else wanted.type


def holds_answer(wanted: Wanted) -> bool:
    """Return whether the system's field can take the `or_none` answer, which is text."""
    return wanted.or_none is None or wanted.style is not Style.NATIVE or held_type(wanted) not in _HOLD_NO_TEXT


def longest(wanted: Wanted) -> int | None:
    """Return how many characters may be written, or None where that is not bounded."""
    if wanted.truncate is not None:
        return wanted.truncate
    if wanted.type is FieldType.CHOICE and wanted.choices:
        written = map(choices.choice_writer(wanted.choices, wanted.table), wanted.choices)
        return max((len(one) for one in written if isinstance(one, str)), default=None)
    if wanted.kind or wanted.table or wanted.or_none:
        return None
    return _LONGEST.get(wanted.type)


# Not e-mail: 254 are allowed, Salesforce takes 80, and nobody has more.
_LONGEST: Mapping[FieldType, int] = {
    FieldType.PHONE: 16,
    FieldType.COUNTRY: 2,
    FieldType.POSTCODE: 20,
}


def reader(wanted: Wanted) -> Convert | None:
    """Return how one raw value is read, or None when that depends on a region (see `regional_reader`)."""
    kind = effective_type(wanted)
    if kind in REGIONAL:
        return None
    return _with_none(_with_steps(_plain_reader(kind, wanted), _reading_steps(wanted)), wanted.or_none)


def regional_reader(wanted: Wanted) -> RegionalConvert:
    """Return how one raw value is read in a country."""
    read = REGIONAL[effective_type(wanted)]
    steps = _reading_steps(wanted)
    none, rows = wanted.or_none, wanted.table.ours if wanted.table else {}
    if not steps and none is None and not rows:
        return read
    folded = choices.fold(none) if none is not None else None

    def read_after(raw: Any, region: str, stated: bool = False) -> Any:
        if folded is not None and _is_answer(raw, folded):
            return none
        raw = _stepped(raw, steps)
        if raw is None or raw.__class__ is BadValue:
            return raw
        return read(rows.get(choices.fold(raw), raw) if rows and raw.__class__ is str else raw, region, stated)

    return read_after


def _plain_reader(kind: FieldType, wanted: Wanted) -> Convert:
    match kind:
        case FieldType.EMAIL:
            return _through(wanted.table, text.read_email)
        case FieldType.URL:
            return _through(wanted.table, text.read_url)
        case FieldType.DOMAIN:
            return _through(wanted.table, text.read_domain)
        case FieldType.COUNTRY:
            return _through(wanted.table, places.read_country)
        case FieldType.INTEGER:
            return _through(wanted.table, _in_locale(numbers.read_integer, wanted))
        case FieldType.NUMBER | FieldType.MONEY | FieldType.PERCENT:
            plain = numbers.read_fraction if wanted.kind == "fraction" else numbers.read_number
            return _through(wanted.table, _in_locale(plain, wanted))
        case FieldType.BOOLEAN:
            return _through(wanted.table, _opposite if wanted.kind == "not" else numbers.read_boolean)
        case FieldType.DATE:
            if wanted.form is None and wanted.kind != "date of datetime":
                return times.read_date
            return partial(times.read_date, form=wanted.form, of_datetime=wanted.kind == "date of datetime")
        case FieldType.DATETIME:
            if wanted.form is None and wanted.zone is None:
                return times.read_datetime
            return partial(times.read_datetime, form=wanted.form, zone=wanted.zone)
        case FieldType.LIST:
            one = choices.choice_reader(wanted.choices, wanted.table) if wanted.choices or wanted.table else None
            return choices.list_reader(wanted.separator, one)
        case _:
            if wanted.kind == "keyword" and wanted.table:
                return choices.keyword_reader(wanted.table)
            if kind is FieldType.CHOICE or wanted.table:
                return choices.choice_reader(wanted.choices, wanted.table)
            return text.read_text


def _in_locale(read: Callable[..., Any], wanted: Wanted) -> Convert:
    return partial(read, locale=wanted.locale) if wanted.locale else read


def _opposite(raw: Any) -> Any:
    value = numbers.read_boolean(raw)
    return not value if value.__class__ is bool else value


def _through(table: Table | None, read: Convert) -> Convert:
    if table is None:
        return read
    rows = table.ours

    def read_row(raw: Any) -> Any:
        value = text.one_line(raw)
        if value.__class__ is not str:
            return value
        return read(rows.get(choices.fold(value), value))

    return read_row


def _reading_steps(wanted: Wanted) -> list[Callable[[str], str]]:
    found = (step_of(name, wanted.separator) for name in wanted.steps)
    return [step.read for step in found if step is not None]


def _with_steps(read: Convert, steps: Sequence[Callable[[str], str]]) -> Convert:
    if not steps:
        return read

    def read_after(raw: Any) -> Any:
        raw = _stepped(raw, steps)
        return raw if raw is None or raw.__class__ is BadValue else read(raw)

    return read_after


def _stepped(raw: Any, steps: Sequence[Callable[[str], str]]) -> Any:
    value = text.read_text(raw)
    for step in steps:
        if value.__class__ is not str:
            return value
        value = step(value) or None
    return value


def _with_none(read: Convert, none: str | None) -> Convert:
    if none is None:
        return read

    folded = choices.fold(none)

    def read_or_none(raw: Any) -> Any:
        return none if _is_answer(raw, folded) else read(raw)

    return read_or_none


def _is_answer(raw: Any, folded: str) -> bool:
    if raw.__class__ is list and len(raw) == 1:
        raw = raw[0]
    return raw.__class__ is str and len(raw) < 200 and choices.fold(raw) == folded


def writer(wanted: Wanted) -> Callable[[Any], Any]:
    """Return how a canonical value is written; None means empty."""
    write = _value_writer(wanted)
    named = (step_of(name, wanted.separator) for name in reversed(wanted.steps))
    backs = [step.back for step in named if step is not None and step.back not in (None, _same)]
    empty = False if wanted.type is FieldType.BOOLEAN and wanted.style is Style.NATIVE else None
    none, limit = wanted.or_none, wanted.truncate
    unable = not holds_answer(wanted)
    refused = BadValue(f"the answer {none!r} is text, which the system's field cannot hold; map it 'as: text'")

    def write_value(value: Any) -> Any:
        if value is None:
            return empty
        if none is not None and value == none:
            return refused if unable else none
        raw = write(value)
        if raw.__class__ is str:
            for back in backs:
                assert back is not None
                raw = back(raw)
            if limit is not None and len(raw) > limit // 2:
                raw = _cut(raw, limit)
        return raw

    return write_value


def _value_writer(wanted: Wanted) -> Callable[[Any], Any]:
    as_words = wanted.style is Style.STRINGS or wanted.kind == "text"
    match wanted.type:
        case FieldType.INTEGER | FieldType.NUMBER | FieldType.MONEY | FieldType.PERCENT:
            return _number_writer(wanted, as_words)
        case FieldType.BOOLEAN:
            if wanted.kind == "not":
                return lambda value: _yes_or_no(not value, as_words, wanted.table)
            return lambda value: _yes_or_no(value, as_words, wanted.table)
        case FieldType.LIST:
            one = choices.choice_writer(wanted.choices, wanted.table)
            join = choices.list_writer(wanted.separator, one)
            return lambda value: join([value] if isinstance(value, str) else value)
        case FieldType.COUNTRY if wanted.table is not None:
            return choices.choice_writer((), wanted.table)
        case FieldType.COUNTRY if wanted.kind in _COUNTRY_FORMS:
            return _COUNTRY_FORMS[wanted.kind]
        case FieldType.STATE if wanted.kind == "state name":
            return partial(places.state_name, region=wanted.region)
        case FieldType.PHONE if wanted.kind in ("national phone", "international phone"):
            return partial(places.phone_form, region=wanted.region if wanted.kind == "national phone" else None)
        case FieldType.DATE if wanted.form is not None:
            return partial(times.write_date, form=wanted.form)
        case FieldType.DATETIME if wanted.form is not None:
            return partial(times.write_datetime, form=wanted.form, zone=wanted.zone)
        case FieldType.EMAIL if wanted.table is not None:
            return choices.choice_writer(tuple(ours for _, ours in wanted.table.rows), wanted.table)
        case FieldType.CHOICE:
            return choices.choice_writer(wanted.choices, wanted.table)
        case _:
            if wanted.table is not None:
                return choices.choice_writer((), wanted.table)
            return _itself


def _itself(value: Any) -> Any:
    return value


_COUNTRY_FORMS: Mapping[str, Convert] = {"country name": places.country_name, "three letters": places.country_letters}


def _number_writer(wanted: Wanted, as_words: bool) -> Convert:
    rows = wanted.table.theirs if wanted.table else {}
    locale = wanted.locale

    def write(value: Any) -> Any:
        if value.__class__ not in (int, float):
            return numbers.BAD_NUMBER
        if rows and (found := rows.get(choices.fold(numbers.number_text(value)))) is not None:
            return found
        if wanted.kind == "fraction":
            value = numbers.fraction_of(value)
        if not as_words:
            return value
        return numbers.number_in(value, locale) if locale else numbers.number_text(value)

    return write


def _yes_or_no(value: bool, as_words: bool, table: Table | None) -> Any:
    word = "true" if value else "false"
    if table is not None:
        return table.theirs.get(word, word)
    return word if as_words else bool(value)


def _cut(value: str, limit: int) -> str:
    """Cut to `limit` UTF-16 units, which is what the systems count, and show that it was cut."""
    if len(value.encode("utf-16-le", "replace")) // 2 <= limit:
        return value
    cut = value[:limit]
    while len(cut.encode("utf-16-le", "replace")) // 2 > limit - 1:
        cut = cut[:-1]
    return cut.rstrip() + "…" if limit > 1 else cut
