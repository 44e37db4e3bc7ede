"""The search endpoint: filters, limits and order as documented, answered from the index and so as stale as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from sandbox.hubspot.call import Call, words
from sandbox.hubspot.errors import ApiError, invalid_input
from sandbox.hubspot.index import Index, above
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.schema import Property
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import epoch_ms
from sandbox.wire import Response

_BODY_LIMIT = 3_000
_PAGE_LIMIT = 200
_WINDOW = 10_000
_GROUPS, _FILTERS_IN_GROUP, _FILTERS = 5, 6, 18
_FAR = 1 << 62
_TEXT_SEARCHED = {
    "contacts": ("firstname", "lastname", "email", "phone", "mobilephone", "company"),
    "companies": ("name", "domain", "website", "phone"),
    "deals": ("dealname",),
}


def search(portal: Portal, table: Table, call: Call) -> Response:
    """Answer POST {type}/search."""
    if len(call.request.body.decode()) > _BODY_LIMIT:
        raise ApiError(400, f"The request body is longer than {_BODY_LIMIT} characters")
    body = call.json()
    limit, after = _whole(body, "limit", 10), _whole(body, "after", 0)
    if not 1 <= limit <= _PAGE_LIMIT:
        raise ApiError(400, f"Invalid limit: must be between 1 and {_PAGE_LIMIT}")
    if after + limit > _WINDOW:
        raise ApiError(400, f"Paging past the first {_WINDOW} results of a search is not possible")
    names = words(body, "properties")
    groups = _groups(table, body)
    sort, descending = _sort(table, body)
    table.index.settle(portal.clock())
    matches = _matches(table, groups, str(body.get("query") or ""))
    short, low = (portal.search_signs in (sign, "both") for sign in ("short_pages", "low_total"))
    if short:
        limit = -(-limit * 3 // 4)
    total, page = matches.page(table, sort, descending, after, limit)
    shown = [table.body(table.index.records[record_id], names) for record_id in page]
    told = min(total, len(page)) if low else total
    answer: dict[str, Any] = {"total": told, "results": shown}
    if after + limit < total and not short:
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return Response(200, answer)


Comparable = Any  # Decimal, int or str: one of them per property type
Test = Callable[[Record], bool]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class _Filter:
    """One condition, its values already in the form they are compared in."""

    definition: Property
    operator: str
    values: tuple[Comparable, ...]

    def bounds(self) -> tuple[int, int] | None:
        """Return the closed range a range condition on whole numbers asks for."""
        first = int(self.values[0]) if self.values else 0
        match self.operator:
            case "EQ":
                return first, first
            case "GT":
                return first + 1, _FAR
            case "GTE":
                return first, _FAR
            case "LT":
                return -1, first - 1
            case "LTE":
                return -1, first
            case "BETWEEN":
                return first, int(self.values[1])
        return None


@dataclass
class _Matches:
    """Ids that match, ascending; or, unsorted yet, a stretch of the last-modified order."""

    ids: Sequence[int] = ()
    stamps: Sequence[tuple[int, int]] = field(default=())
    index: Index | None = None
    bounds: tuple[int, int] = (0, 0)

    def by_id(self) -> Sequence[int]:
        return self.ids if self.index is None else self.index.window(*self.bounds)

    def page(
        self, table: Table, sort: str | None, descending: bool, after: int, limit: int
    ) -> tuple[int, Sequence[int]]:
        if sort == table.modified_name and self.index is not None:
            return len(self.stamps), [found for _, found in _cut(self.stamps, descending, after, limit)]
        ids = self.by_id()
        if sort is not None and sort != "hs_object_id":
            definition = table.definitions[sort]
            get = _getter(table, definition)
            records = table.index.records
            keyed = [(get(records[found]), found) for found in ids]
            known = sorted(pair for pair in keyed if pair[0] is not None)
            ids = [found for _, found in known] + [found for value, found in keyed if value is None]
        return len(ids), _cut(ids, descending, after, limit)


def _cut(found: Sequence[_T], descending: bool, after: int, limit: int) -> Sequence[_T]:
    if not descending:
        return found[after : after + limit]
    end = len(found) - after
    return found[max(0, end - limit) : max(0, end)][::-1]


def _matches(table: Table, groups: Sequence[Sequence[_Filter]], query: str) -> _Matches:
    found = [_group(table, group) for group in groups or [()]]
    if len(found) == 1 and not query:
        return found[0]
    ids: Iterable[int] = found[0].by_id() if len(found) == 1 else sorted({i for one in found for i in one.by_id()})
    if query:
        test = _text_test(table, query)
        ids = [record_id for record_id in ids if test(table.index.records[record_id])]
    return _Matches(list(ids))


def _group(table: Table, filters: Sequence[_Filter]) -> _Matches:
    """Narrow by the indexes first, then look at what is left record by record."""
    index = table.index
    by_id, by_stamp = [0, _FAR], [-1, _FAR]
    rest: list[_Filter] = []
    listed: _Filter | None = None
    for one in filters:
        name, bounds = one.definition.name, one.bounds() if one.definition.name in table.stamps else None
        if bounds is not None and name in ("hs_object_id", table.modified_name):
            held = by_id if name == "hs_object_id" else by_stamp
            held[:] = max(held[0], bounds[0]), min(held[1], bounds[1])
        elif listed is None and _is_lookup(one):
            listed = one
        else:
            rest.append(one)
    stamped = by_stamp != [-1, _FAR]
    if stamped and not rest and listed is None and by_id == [0, _FAR]:
        low, high = by_stamp
        return _Matches(stamps=index.modified(low, high), index=index, bounds=(low, high))
    if listed is not None:
        ids: Sequence[int] = index.having(listed.definition.name, _folded(listed))
        low, high = by_stamp
        ids = [found for found in ids if low <= index.records[found].modified <= high]
    else:
        ids = index.window(by_stamp[0], by_stamp[1]) if stamped else index.ids
    ids = above(ids, by_id[0], by_id[1])
    tests = [_test(table, one) for one in rest]
    if listed is not None:
        tests.append(_test(table, listed))
    return _Matches([found for found in ids if all(test(index.records[found]) for test in tests)] if tests else ids)


def _is_lookup(one: _Filter) -> bool:
    plain = one.definition.type == "string" or one.definition.field_type in ("select", "radio")
    return plain and one.operator in ("EQ", "IN")


def _folded(one: _Filter) -> set[str]:
    return {str(value).lower() for value in one.values}


def _groups(table: Table, body: dict[str, Any]) -> list[list[_Filter]]:
    raw = body.get("filterGroups") or []
    if body.get("filters"):
        raw = [*raw, {"filters": body["filters"]}]
    if not isinstance(raw, list) or not all(isinstance(group, dict) for group in raw):
        raise invalid_input("Cannot deserialize value of `filterGroups`")
    groups = [group.get("filters") or [] for group in raw]
    counts = [len(group) for group in groups]
    if len(groups) > _GROUPS or sum(counts) > _FILTERS or any(count > _FILTERS_IN_GROUP for count in counts):
        raise ApiError(
            400,
            f"A search takes at most {_GROUPS} filter groups of {_FILTERS_IN_GROUP} filters, {_FILTERS} in all",
        )
    return [[_filter(table, one) for one in group] for group in groups]


def _filter(table: Table, raw: Any) -> _Filter:
    if not isinstance(raw, dict) or not raw.get("propertyName") or not raw.get("operator"):
        raise _bad_filter("propertyName and operator are required")
    definition, operator = table.live(str(raw["propertyName"])), str(raw["operator"])
    if definition is None:
        raise _bad_filter(f"property {raw['propertyName']} does not exist")
    if operator not in _OPERATORS:
        raise _bad_filter(f"operator {operator} is not supported")
    wanted = _OPERATORS[operator]
    values = raw.get("values") if wanted == ("values",) else [raw.get(name) for name in wanted]
    if not isinstance(values, list) or (wanted == ("values",) and not values) or None in values:
        raise _bad_filter(f"operator {operator} needs {' and '.join(wanted)}")
    if not all(isinstance(value, str) for value in values):
        raise _bad_filter("values are strings")
    compared = tuple(_operand(definition, operator, value) for value in values)
    return _Filter(definition=definition, operator=operator, values=compared)


_OPERATORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"), ("value",)),
    **dict.fromkeys(("IN", "NOT_IN"), ("values",)),
    **dict.fromkeys(("HAS_PROPERTY", "NOT_HAS_PROPERTY"), ()),
    "BETWEEN": ("value", "highValue"),
}


def _operand(definition: Property, operator: str, text: str) -> Comparable:
    """Return a filter's value in comparable form.

    EQ on text folds the value; IN and NOT_IN do not, though what is stored is folded: upper case never matches.
    """
    if definition.type in ("date", "datetime"):
        if not re.fullmatch(r"-?\d{1,15}", text):
            raise _bad_filter(f"{definition.name} is compared with epoch milliseconds")
        return int(text)
    if definition.type == "number":
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise _bad_filter(f"{definition.name} is compared with a number") from error
    if definition.type in ("enumeration", "bool") or operator in ("IN", "NOT_IN"):
        return text
    return text.lower()


def _getter(table: Table, definition: Property) -> Callable[[Record], Comparable]:
    """Return how to read a record's value in comparable form, None for none."""
    name, kind = definition.name, definition.type
    if name == "hs_object_id":
        return lambda record: record.id
    if name == "createdate":
        return lambda record: record.created
    if name == table.modified_name:
        return lambda record: record.modified
    if kind in ("date", "datetime"):
        return lambda record: epoch_ms(text) if (text := record.properties.get(name)) else None
    if kind == "number":
        return lambda record: Decimal(text) if (text := record.properties.get(name)) else None
    if kind in ("enumeration", "bool"):
        return lambda record: record.properties.get(name) or None
    return lambda record: (record.properties.get(name) or "").lower() or None


def _test(table: Table, one: _Filter) -> Test:
    """Return the condition as a function. Negations leave records without a value out, as list filters do."""
    get = _getter(table, one.definition)
    several = one.definition.type == "enumeration" and one.definition.field_type == "checkbox"
    values, first = one.values, one.values[0] if one.values else None

    def parts(value: Comparable) -> set[Comparable]:
        return set(value.split(";")) if several else {value}

    checks: dict[str, Callable[[Comparable], bool]] = {
        "EQ": lambda value: value == first or first in parts(value),
        "NEQ": lambda value: value != first and first not in parts(value),
        "LT": lambda value: value < first,
        "LTE": lambda value: value <= first,
        "GT": lambda value: value > first,
        "GTE": lambda value: value >= first,
        "BETWEEN": lambda value: values[0] <= value <= values[1],
        "IN": lambda value: not parts(value).isdisjoint(values),
        "NOT_IN": lambda value: parts(value).isdisjoint(values),
        "HAS_PROPERTY": lambda _: True,
        "CONTAINS_TOKEN": lambda value: _contains(str(value), str(first)),
        "NOT_CONTAINS_TOKEN": lambda value: not _contains(str(value), str(first)),
    }
    if one.operator == "NOT_HAS_PROPERTY":
        return lambda record: get(record) is None
    check = checks[one.operator]
    return lambda record: (value := get(record)) is not None and check(value)


def _tokens(text: str) -> list[str]:
    return [text, *re.split(r"[^\w]+", text)]


def _contains(text: str, pattern: str) -> bool:
    tokens = _tokens(text.lower())
    return all(any(fnmatchcase(token, part) for token in tokens) for part in pattern.lower().split())


def _text_test(table: Table, query: str) -> Test:
    names = _TEXT_SEARCHED.get(table.kind, ())
    parts = query.lower().split()

    def test(record: Record) -> bool:
        held = [token for name in names for token in _tokens((record.properties.get(name) or "").lower())]
        return all(any(token.startswith(part) for token in held) for part in parts)

    return test


def _sort(table: Table, body: dict[str, Any]) -> tuple[str | None, bool]:
    sorts = body.get("sorts") or []
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise ApiError(400, "A search takes one sort only")
    if not sorts:
        return None, False
    sort = sorts[0]
    if isinstance(sort, str):
        name, descending = sort.removeprefix("-"), sort.startswith("-")
    elif isinstance(sort, dict):
        name, direction = str(sort.get("propertyName")), sort.get("direction", "ASCENDING")
        if direction not in ("ASCENDING", "DESCENDING"):
            raise ApiError(400, "A sort's direction is ASCENDING or DESCENDING")
        descending = direction == "DESCENDING"
    else:
        raise invalid_input("Cannot deserialize value of `sorts`")
    if table.live(name) is None:
        raise ApiError(400, f"Cannot sort by property {name}: it does not exist")
    return name, descending


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None or value == "":
        return default
    text = json.dumps(value) if isinstance(value, int) else str(value)
    if not text.isdigit():
        raise ApiError(400, f"{name} must be an integer")
    return int(text)


def _bad_filter(why: str) -> ApiError:
    return ApiError(400, f"There was a problem with the request: invalid filter, {why}.")
