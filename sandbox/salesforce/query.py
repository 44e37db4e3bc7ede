"""Runs a SOQL statement: which rows, in which order, printed how; pages and URLs are rest's business."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sandbox.salesforce.conditions import Binder, Bound, Getter, folded, getter_of, object_type
from sandbox.salesforce.errors import request_refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import LONG_TEXT, ObjectType
from sandbox.salesforce.soql import Column, Order, Query, located, parse
from sandbox.salesforce.table import Row, Table
from sandbox.salesforce.values import print_datetime

FIELDS_LIMIT = 200  # FIELDS(ALL) and FIELDS(CUSTOM) need LIMIT 200 or less
_FEW = 500  # up to so many candidates, sorting them beats walking an index


@dataclass(kw_only=True)
class Shape:
    """What of a row is printed: own fields, then parent rows by relationship."""

    columns: list[tuple[str, str, Getter]] = field(default_factory=list)  # name, type, getter
    parents: dict[str, tuple[Getter, dict[str, Shape], bool]] = field(default_factory=dict)  # polymorphic when True


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement that passed every check, ready to run."""

    query: Query
    type: ObjectType
    shape: Shape
    bound: Bound
    order: list[tuple[Getter, Order]]
    walk: str = ""  # SystemModstamp or Id when an index gives the asked order
    wide: bool = False  # long text is selected: the vendor then sends fewer rows a page

    @property
    def counts(self) -> str:
        """Return `rows` for COUNT(), `field` for COUNT(Id), else nothing."""
        first = self.query.columns[0]
        if first.function != "count":
            return ""
        return "field" if first.path else "rows"


def prepare(org: Org, text: str, *, tooling: bool = False) -> Statement:
    """Return the statement checked against the org; raise RequestRefused."""
    query = parse(text)
    type_ = object_type(org, query.object, text, query.object_at, tooling=tooling)
    binder = Binder(org, type_, text)
    query.columns = _expand(query, type_)
    shape = _shape(org, type_, binder, query)
    bound = binder.condition(query.where) if query.where is not None else Bound(test=bool)
    order = [(_sort_getter(binder, one), one) for one in query.order]
    wide = any(_wide(type_, column) for column in query.columns)
    return Statement(
        query=query, type=type_, shape=shape, bound=bound, order=order, walk=_walk(query, type_), wide=wide
    )


def run(org: Org, statement: Statement, *, deleted: bool) -> list[str]:
    """Return the ids of the rows in their order; `deleted` takes in those in the recycle bin."""
    table, query = org.tables[statement.type.name], statement.query
    test = statement.bound.test
    stop = None if query.limit is None else query.offset + query.limit
    candidates = _candidates(table, statement)
    rows = _walked(table, statement) if candidates is None else (table.rows[key] for key in candidates)
    passing = (row for row in rows if (deleted or not row.get("IsDeleted")) and test(row))
    if statement.walk and candidates is None:
        return [row["Id"] for row in islice(passing, query.offset, stop)]
    return [row["Id"] for row in _sorted(list(passing), statement.order)[query.offset : stop]]


def render(org: Org, type_: ObjectType, shape: Shape, row: Row, base: str) -> dict[str, Any]:
    """Return a row as the REST API prints it; `base` is `/services/data/v66.0`."""
    made: dict[str, Any] = {"attributes": {"type": type_.name, "url": f"{base}/sobjects/{type_.name}/{row['Id']}"}}
    for name, kind, get in shape.columns:
        value = get(row)
        made[name] = print_datetime(value) if kind == "datetime" and value is not None else value
    for name, (link, shapes, polymorphic) in shape.parents.items():
        made[name] = _render_parent(org, org.row(link(row)), shapes, polymorphic, base)
    return made


def shape_of(org: Org, type_: ObjectType, names: Iterable[str]) -> Shape:
    """Return the shape of plain fields by name; raise RequestRefused for one that is not visible."""
    shape = Shape()
    for name in names:
        found = type_.find(name)
        if found is None:
            raise request_refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {type_.name}")
        shape.columns.append((found.name, found.type, getter_of(org, type_, found)))
    return shape


# ----------------------------------------------------------------------------------------------------------------


def _expand(query: Query, type_: ObjectType) -> list[Column]:
    columns: list[Column] = []
    for column in query.columns:
        if column.function == "count" and len(query.columns) > 1:
            raise NotImplementedError("the sandbox does not speak grouped queries")
        if column.function != "fields":
            columns.append(column)
            continue
        which = column.path.lower()
        if which not in ("all", "custom", "standard"):
            raise located(query.text, column.at, f"unexpected token: '{column.path}'")
        if which != "standard" and (query.limit is None or query.limit > FIELDS_LIMIT):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT}"
            raise located(query.text, column.at, message)
        chosen = [one.name for one in type_.visible() if which == "all" or one.custom == (which == "custom")]
        columns.extend(Column(path=name, at=column.at) for name in chosen)
    return columns


def _shape(org: Org, type_: ObjectType, binder: Binder, query: Query) -> Shape:
    shape = Shape()
    seen: set[str] = set()
    for column in query.columns:
        if column.function == "count":
            if column.path:
                binder.path(column.path, column.at)
            continue
        binder.path(column.path, column.at)
        parts = column.path.split(".")
        if parts[0].lower() == type_.name.lower() and len(parts) > 1:
            parts = parts[1:]
        if ".".join(parts).lower() in seen:
            raise located(query.text, column.at, f"duplicate field selected: {column.path}", "INVALID_FIELD")
        seen.add(".".join(parts).lower())
        _place(org, shape, type_, parts)
    return shape


def _place(org: Org, shape: Shape, type_: ObjectType, parts: list[str]) -> None:
    if len(parts) == 1:
        found = type_.find(parts[0])
        if found is not None:
            shape.columns.append((found.name, found.type, getter_of(org, type_, found)))
        return
    link = type_.parent(parts[0])
    if link is None or link.relationship is None:
        return
    targets = [one for name in link.reference_to if (one := org.type(name)) is not None]
    fresh = (getter_of(org, type_, link), {one.key_prefix: Shape() for one in targets}, len(link.reference_to) > 1)
    _, shapes, _ = shape.parents.setdefault(link.relationship, fresh)
    for target in targets:
        _place(org, shapes[target.key_prefix], target, parts[1:])


def _render_parent(
    org: Org, row: Row | None, shapes: dict[str, Shape], polymorphic: bool, base: str
) -> dict[str, Any] | None:
    table = org.table_of(row["Id"]) if row is not None else None
    if row is None or table is None:
        return None
    made = render(org, table.type, shapes[table.type.key_prefix], row, base)
    if polymorphic:
        made["attributes"]["type"] = "Name"
    return made


def _sort_getter(binder: Binder, order: Order) -> Getter:
    path = binder.path(order.path, order.at)
    if not path.field.filterable or path.field.type in ("address", "multipicklist"):
        message = f"field '{path.field.name}' can not be sorted in a query call"
        raise located(binder.text, order.at, message, "INVALID_FIELD")
    return folded(path)


def _walk(query: Query, type_: ObjectType) -> str:
    names = [one.name if (one := type_.find(order.path)) is not None else "" for order in query.order]
    same_way = len({order.descending for order in query.order}) == 1
    if names in (["SystemModstamp"], ["SystemModstamp", "Id"]) and same_way:
        return "SystemModstamp"
    return "Id" if names == ["Id"] else ""


def _wide(type_: ObjectType, column: Column) -> bool:
    found = type_.find(column.path)
    return found is not None and found.type == "textarea" and found.length > LONG_TEXT


def _candidates(table: Table, statement: Statement) -> set[str] | None:
    if statement.bound.candidates is None:
        return None
    found = statement.bound.candidates()
    low, high = table.between(*statement.bound.span)
    return None if statement.walk and len(found) > max(_FEW, (high - low) // 8) else found


def _walked(table: Table, statement: Statement) -> Iterator[Row]:
    bound, rows = statement.bound, table.rows
    descending = bool(statement.query.order) and statement.query.order[0].descending
    if statement.walk == "Id":
        low, high = bisect_left(table.ids, bound.ids[0]), bisect_right(table.ids, bound.ids[1])
        places: Iterable[int] = range(high - 1, low - 1, -1) if descending else range(low, high)
        return (rows[table.ids[place]] for place in places)
    low, high = table.between(*bound.span)
    places = range(high - 1, low - 1, -1) if descending else range(low, high)
    return (rows[table.stamps[place][1]] for place in places)


def _sorted(rows: list[Row], order: list[tuple[Getter, Order]]) -> list[Row]:
    for get, one in reversed(order):
        # SOQL puts nulls first in both directions unless NULLS LAST is said.
        nulls_low = one.descending == one.nulls_last
        rows.sort(key=_sort_key(get, nulls_low), reverse=one.descending)
    return rows


def _sort_key(get: Getter, nulls_low: bool) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = get(row)
        return ((value is None) != nulls_low, value if value is not None else 0)

    return key
