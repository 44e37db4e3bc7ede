"""A WHERE clause bound to an object: its types checked, made a test on rows and, where possible, a way into an index.

Comparisons are two-valued as in SOQL: `!=`, NOT IN and NOT are true for a row whose field is null.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce import objects
from sandbox.salesforce.errors import RequestRefused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, ObjectType
from sandbox.salesforce.soql import Comparison, Condition, Literal, Logic, Not, like_matcher, located
from sandbox.salesforce.table import HIGHEST_ID, LOWEST_ID, Row, Stamp, Table
from sandbox.salesforce.values import fold, parse_moment

Test = Callable[[Row], bool]
Getter = Callable[[Row], Any]

LOWEST: Stamp = (-(2**62), LOWEST_ID)
HIGHEST: Stamp = (2**62, HIGHEST_ID)
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_INDEXED = frozenset({"id", "reference", "email", "string", "phone", "url"})


@dataclass(frozen=True, kw_only=True)
class Path:
    """A field reached from an object. `own` says that it is stored on the object's own rows."""

    field: Field
    get: Getter
    own: bool


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A condition ready to run.

    `span` holds every stamp that can pass and `ids` every id; `candidates` gives the ids
    themselves, None when it cannot tell.
    """

    test: Test
    span: tuple[Stamp, Stamp] = (LOWEST, HIGHEST)
    ids: tuple[str, str] = (LOWEST_ID, HIGHEST_ID)
    candidates: Callable[[], set[str]] | None = None


class Binder:
    """Binds the names of one statement on one object."""

    def __init__(self, org: Org, type_: ObjectType, text: str) -> None:
        self.org = org
        self.type = type_
        self.text = text

    def path(self, dotted: str, at: int) -> Path:
        """Return the field behind `Name` or `Account.Name`; raise as for an unknown one when it is hidden."""
        *parents, name = dotted.split(".")
        if parents and parents[0].lower() == self.type.name.lower():
            parents = parents[1:]
        types, getters = [self.type], []
        for relationship in parents:
            links = [link for one in types if (link := one.parent(relationship)) is not None]
            if not links:
                raise self._no_relationship(relationship, types[0], at)
            getters.append(getter_of(self.org, types[0], links[0]))
            targets = (self.org.type(target) for target in links[0].reference_to)
            types = [one for one in targets if one is not None]
        found = [(one, field) for one in types if (field := one.find(name)) is not None]
        if not found:
            raise self._no_column(name, types[0] if types else self.type, at)
        last = {one.key_prefix: getter_of(self.org, one, field) for one, field in found}
        if not parents:
            own, field = found[0]
            return Path(field=field, get=last[own.key_prefix], own=objects.virtual(own.name, field) is None)
        return Path(field=found[0][1], get=_through(self.org, getters, last), own=False)

    def condition(self, condition: Condition) -> Bound:
        """Return the condition bound; raise RequestRefused for wrong names and types."""
        if isinstance(condition, Not):
            inner = self.condition(condition.part).test
            return Bound(test=lambda row: not inner(row))
        if isinstance(condition, Logic):
            parts = [self.condition(part) for part in condition.parts]
            return _all_of(parts) if condition.op == "and" else _any_of(parts)
        return self._comparison(condition)

    def _comparison(self, comparison: Comparison) -> Bound:
        path = self.path(comparison.path, comparison.at)
        field = path.field
        if not field.filterable or field.type == "address":
            message = f"field '{field.name}' can not be filtered in a query call"
            raise located(self.text, comparison.at, message, "INVALID_FIELD")
        if isinstance(comparison.value, tuple):
            values = {self._constant(field, one, comparison.at) for one in comparison.value}
            return self._membership(path, comparison.op, values)
        if comparison.op == "like":
            return self._like(path, comparison)
        value = self._constant(field, comparison.value, comparison.at)
        if comparison.op in ("=", "!="):
            return self._equality(path, comparison.op, value)
        if value is None or field.type == "boolean":
            raise located(self.text, comparison.at, "invalid operator for this value", "INVALID_QUERY_FILTER_OPERATOR")
        return self._order(path, comparison.op, value)

    def _equality(self, path: Path, op: str, value: Any) -> Bound:
        get = folded(path)
        if op == "!=":
            return Bound(test=lambda row: get(row) != value)
        span = (LOWEST, HIGHEST)
        if path.own and path.field.name == "SystemModstamp" and value is not None:
            span = ((value, LOWEST_ID), (value, HIGHEST_ID))
        return Bound(test=lambda row: get(row) == value, span=span, candidates=self._candidates(path, {value}))

    def _membership(self, path: Path, op: str, values: set[Any]) -> Bound:
        get = folded(path)
        if op == "in":
            return Bound(test=lambda row: get(row) in values, candidates=self._candidates(path, values))
        if op == "not in":
            return Bound(test=lambda row: get(row) not in values)
        wanted = [set(str(value).split(";")) for value in values]

        def includes(row: Row) -> bool:
            chosen = set((get(row) or "").split(";"))
            return any(one <= chosen for one in wanted)

        return Bound(test=includes if op == "includes" else lambda row: not includes(row))

    def _like(self, path: Path, comparison: Comparison) -> Bound:
        literal = comparison.value
        if path.field.type not in TEXT_TYPES or not isinstance(literal, Literal) or literal.kind != "pattern":
            raise located(self.text, comparison.at, "invalid operator LIKE", "INVALID_QUERY_FILTER_OPERATOR")
        match, get = like_matcher(literal.value).match, path.get
        return Bound(test=lambda row: bool(match(get(row) or "")))

    def _order(self, path: Path, op: str, value: Any) -> Bound:
        get, compare = folded(path), _COMPARE[op]

        def test(row: Row) -> bool:
            stored = get(row)
            return stored is not None and compare(stored, value)

        ids = (LOWEST_ID, HIGHEST_ID)
        if path.own and path.field.type == "id":
            ids = (value, HIGHEST_ID) if op in (">", ">=") else (LOWEST_ID, value)
        return Bound(test=test, span=_span(path, op, value), ids=ids)

    def _candidates(self, path: Path, values: set[Any]) -> Callable[[], set[str]] | None:
        field = path.field
        if not path.own or field.type not in _INDEXED or None in values:
            return None
        table: Table = self.org.tables[self.type.name]
        if field.type == "id":
            return lambda: values & table.rows.keys()
        return lambda: set().union(*(table.keyed(field.name, value) for value in values))

    def _constant(self, field: Field, literal: Literal, at: int) -> Any:
        if literal.kind == "null":
            return None
        if field.type in ID_TYPES and literal.kind == "string":
            whole = full_id(literal.value) if literal.value else None
            if whole is None and literal.value:
                raise located(self.text, at, f"invalid ID field: {literal.value}", "INVALID_QUERY_FILTER_OPERATOR")
            return whole
        if literal.kind in _kinds(field):
            return _converted(field, literal, self.text, at)
        enclosed = "should be" if field.type in TEXT_TYPES | ID_TYPES else "should not be"
        name = {"datetime": "dateTime", "reference": "string", "id": "string"}.get(field.type, field.type)
        message = f"value of filter criterion for field '{field.name}' must be of type {name} and {enclosed}"
        raise located(self.text, at, f"{message} enclosed in quotes", "INVALID_FIELD")

    def _no_column(self, name: str, type_: ObjectType, at: int) -> RequestRefused:
        message = (
            f"No such column '{name}' on entity '{type_.name}'. If you are attempting to use a custom field, be sure "
            "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
            "appropriate names."
        )
        return located(self.text, at, message, "INVALID_FIELD")

    def _no_relationship(self, name: str, type_: ObjectType, at: int) -> RequestRefused:
        message = f"Didn't understand relationship '{name}' in field path on entity '{type_.name}'."
        return located(self.text, at, message, "INVALID_FIELD")


def object_type(org: Org, name: str, text: str, at: int, *, tooling: bool = False) -> ObjectType:
    """Return the object a statement reads from; raise RequestRefused INVALID_TYPE."""
    found = org.type(name, tooling=tooling)
    if found is None:
        message = (
            f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
            "the '__c' after the entity name."
        )
        raise located(text, at, message, "INVALID_TYPE")
    return found


def getter_of(org: Org, type_: ObjectType, field: Field) -> Getter:
    """Return how to read a field from a stored row."""
    read = objects.virtual(type_.name, field)
    if read is not None:
        return lambda row: read(org, row)
    name = field.name
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    return lambda row: row.get(name)


def folded(path: Path) -> Getter:
    """Return how to read a field in the form that comparisons and sorting use."""
    field, get = path.field, path.get
    if field.type not in TEXT_TYPES or field.case_sensitive:
        return get

    def read(row: Row) -> Any:
        value = get(row)
        return value.lower() if value is not None else None

    return read


# ----------------------------------------------------------------------------------------------------------------


def _kinds(field: Field) -> tuple[str, ...]:
    if field.type in TEXT_TYPES or field.type in ID_TYPES:
        return ("string",)
    if field.type == "int" or field.type in NUMBER_TYPES:
        return ("number",)
    return (field.type,)


def _converted(field: Field, literal: Literal, text: str, at: int) -> Any:
    if field.type in ("date", "datetime"):
        stored = parse_moment(field.type, _with_colon(literal.value))
        if stored is None:
            raise located(text, at, f"invalid {field.type}: {literal.value}", "INVALID_QUERY_FILTER_OPERATOR")
        return stored
    if literal.kind == "string":
        # An empty string is the same as null in this database.
        return fold(field, literal.value) or None
    return literal.value


def _with_colon(moment: str) -> str:
    return f"{moment[:-2]}:{moment[-2:]}" if moment[-5:-4] in ("+", "-") and ":" not in moment[-5:] else moment


def _through(org: Org, parents: list[Getter], last: dict[str, Getter]) -> Getter:
    def read(row: Row) -> Any:
        here: Row | None = row
        for get in parents:
            here = org.row(get(here)) if here is not None else None
        final = last.get(here["Id"][:3]) if here is not None else None
        return final(here) if final is not None and here is not None else None

    return read


def _span(path: Path, op: str, value: Any) -> tuple[Stamp, Stamp]:
    if not path.own or path.field.name != "SystemModstamp":
        return LOWEST, HIGHEST
    return {
        "<": (LOWEST, (value - 1, HIGHEST_ID)),
        "<=": (LOWEST, (value, HIGHEST_ID)),
        ">": ((value + 1, LOWEST_ID), HIGHEST),
        ">=": ((value, LOWEST_ID), HIGHEST),
    }[op]


def _all_of(parts: list[Bound]) -> Bound:
    low, high = max(part.span[0] for part in parts), min(part.span[1] for part in parts)
    ids = max(part.ids[0] for part in parts), min(part.ids[1] for part in parts)
    if low[0] == high[0]:
        # One second: its rows are ordered by id, so a keyset cursor within it need not start from its first row.
        low, high = max(low, (low[0], ids[0])), min(high, (high[0], ids[1]))
    ways = [part.candidates for part in parts if part.candidates is not None]
    candidates = (lambda: min((way() for way in ways), key=len)) if ways else None
    return Bound(
        test=_both([part.test for part in parts], every=True), span=(low, high), ids=ids, candidates=candidates
    )


def _any_of(parts: list[Bound]) -> Bound:
    span = min(part.span[0] for part in parts), max(part.span[1] for part in parts)
    ids = min(part.ids[0] for part in parts), max(part.ids[1] for part in parts)
    ways = [part.candidates for part in parts if part.candidates is not None]
    candidates = (lambda: set().union(*(way() for way in ways))) if len(ways) == len(parts) else None
    return Bound(test=_both([part.test for part in parts], every=False), span=span, ids=ids, candidates=candidates)


def _both(tests: list[Test], *, every: bool) -> Test:
    made = tests[0]
    for test in tests[1:]:
        made = _and(made, test) if every else _or(made, test)
    return made


def _and(left: Test, right: Test) -> Test:
    return lambda row: left(row) and right(row)


def _or(left: Test, right: Test) -> Test:
    return lambda row: left(row) or right(row)
