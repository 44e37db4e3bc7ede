"""Make one row of all rows that have the same id, each column by its rule; without one they must agree.

Which rows those are is left to connectors.table.sql and .files. No result depends on the order of the rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from connectors.contract import RawValue, Record
from connectors.errors import ConfigProblem
from connectors.table.rows import Row, did_you_mean, json_value, parse_time, row_of


class Disagreement(Exception):
    """Rows of one id do not come together; the argument says in which columns and why, without a value."""


def check_rules(system: str, where: str, group: Any, ids: Sequence[str]) -> Mapping[str, str] | None:
    """Return column, folded -> rule, or None where rows are not grouped; raise ConfigProblem."""
    if group is None:
        return None
    if not isinstance(group, Mapping):
        raise ConfigProblem(f"{where}: `group` must give columns their rules: {{volume: sum}}", system=system)
    for column, rule in group.items():
        if rule not in RULES:
            raise ConfigProblem(
                f"{where}: `group` has no rule {rule!r} for {column}{did_you_mean(str(rule), list(RULES))}; the rules "
                f"are {', '.join(RULES)}",
                system=system,
            )
        if column in ids:
            raise ConfigProblem(f"{where}: {column} is part of `id`, which all rows of a group share", system=system)
    return {column.casefold(): rule for column, rule in group.items()}


def joined_row(rows: Sequence[Row], rules: Mapping[str, str]) -> Row:
    """Return the row that these of one id make together; raise Disagreement."""
    first = rows[0].record
    if len(rows) == 1 and not rules:
        return rows[0]
    fields: dict[str, RawValue] = {}
    wrong: dict[str, list[str]] = {}
    for name, value in first.fields.items():
        rule = rules.get(name.casefold())
        if rule is None and len(rows) == 1:
            fields[name] = value
            continue
        try:
            fields[name] = _agreed_or(rule, [row.record.fields[name] for row in rows])
        except Disagreement as error:
            wrong.setdefault(str(error), []).append(name)
    if wrong:
        raise Disagreement("; ".join(f"{why} {', '.join(names)}" for why, names in wrong.items()))
    return row_of(Record(id=first.id, modified=max(row.record.modified for row in rows), fields=fields))


def folded(id: str) -> str:
    """Return what ids have in common that a database may hold to be equal, and give out mixed with one another."""
    if id.isascii():
        return id.casefold()
    letters = unicodedata.normalize("NFKD", id.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


# ---------------------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[+-]?\d{1,60}(?:\.\d{1,60})?", re.ASCII)
_NO = frozenset({"0", "false", "f", "no", "n", "off", "nein", "non"})


def _agreed_or(rule: str | None, values: Sequence[RawValue]) -> RawValue:
    known = [None if isinstance(value, str) and not value.strip() else value for value in values]
    return RULES[rule](known) if rule is not None else _equal(known)


def _equal(values: Sequence[RawValue]) -> RawValue:
    if any(value != values[0] for value in values[1:]):
        raise Disagreement("disagree in")
    return min(values, key=repr)  # 1 and 1.0 are equal, and written differently


def _filled(values: Sequence[RawValue]) -> RawValue:
    return _equal([value for value in values if value is not None] or [None])


def _all(values: Sequence[RawValue]) -> RawValue:
    single = [one for value in values for one in (value if isinstance(value, list) else [value])]
    by_text = {str(one): one for one in sorted(single, key=repr) if one is not None}
    return [by_text[text] for text in sorted(by_text)] or None


def _every(values: Sequence[RawValue]) -> RawValue:
    return all(value is not None and value != 0 and str(value).strip().lower() not in _NO for value in values)


def _max(values: Sequence[RawValue]) -> RawValue:
    present = [value for value in values if value is not None]
    if all(value == present[0] for value in present):
        return _filled(values)
    read: Callable[[RawValue], Any]
    for read in (_number, parse_time):
        ranks = [read(value) for value in present]
        if None not in ranks:
            return max(zip(ranks, map(repr, present), present, strict=True), key=lambda one: one[:2])[2]
    raise Disagreement("hold neither plain numbers (1234.5) nor ISO 8601 dates in")


def _sum(values: Sequence[RawValue]) -> RawValue:
    total: Fraction | None = None
    for value in values:
        if value is None:
            continue
        number = _number(value)
        if number is None:
            raise Disagreement("hold no plain numbers (1234.5) in")
        total = number if total is None else total + number
    if total is None:
        return None
    return json_value(int(total)) if total.denominator == 1 else float(total)


RULES: Mapping[str, Callable[[Sequence[RawValue]], RawValue]] = {
    "all": _all,
    "every": _every,
    "filled": _filled,
    "max": _max,
    "sum": _sum,
}


def _number(value: RawValue) -> Fraction | None:
    """Return what is a number beyond doubt: 1.234 and 1,234 mean different things in different countries."""
    if isinstance(value, bool | int):
        return Fraction(int(value))
    if isinstance(value, float):
        return Fraction(repr(value))
    return Fraction(value.strip()) if isinstance(value, str) and _PLAIN.fullmatch(value.strip()) else None
