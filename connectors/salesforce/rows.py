"""One write request as the row that Salesforce takes, encoded once.

Sending rows, and reading what became of them, is the destination's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote as percent

import orjson

from connectors.contract import Policy, Rejected, WriteRequest
from connectors.salesforce import soql
from connectors.salesforce.client import Part


@dataclass(kw_only=True, slots=True)
class Row:
    """A row on its way. `target` names the record it writes, in a form that compares equal when Salesforce does."""

    index: int
    kind: str
    path: str
    target: tuple[str, ...]
    json: orjson.Fragment
    fields: Mapping[str, Any]
    asked: WriteRequest
    id: str = ""
    since: datetime | None = None  # where somebody changed the record after that, it is not written
    key_field: str = ""
    key_value: str = ""
    transient: str = ""  # why it was put off last
    blamed: bool = False  # that was for a reason of its own
    raced: bool = False  # it met another upsert of the same key once

    def has_field(self, name: str) -> bool:
        """Tell whether the row writes this field, or a relationship of that name."""
        return bool(name) and any(
            field.split(".")[0].lower() == name.lower() for field in (*self.fields, self.key_field)
        )

    def alone_path(self) -> str | None:
        """Return the resource of this single record; None for a key that no path can hold."""
        if self.id:
            return f"sobjects/{self.kind}/{self.id}"
        if self.key_value in (".", ".."):
            return None
        return f"sobjects/{self.kind}/{self.key_field}/{percent(self.key_value, safe='')}"

    def alone(self, *, past_alerts: bool) -> Part:
        """Return the call that writes this row by itself."""
        path = self.alone_path()
        assert path is not None
        return Part("PATCH", path, _nested(self.fields), past_alerts, self.since)


def prepare_row(index: int, request: WriteRequest) -> Row | Rejected:
    """Return the row, or why no such row can be sent; raise ConfigProblem for a name that cannot be Salesforce's."""
    kind = soql.object_of(request.kind)
    fields = {soql.field_path(name): value for name, value in request.fields.items()}
    body: dict[str, Any] = {"attributes": {"type": kind}}
    id = key_field = key_value = ""
    target: tuple[str, ...]
    if request.policy is Policy.UPDATE:
        id = request.id or ""
        if not soql.is_id(id):
            return _unfit(kind, "MALFORMED_ID", "the stored record id has the wrong form; link the record anew", "Id")
        path, target = "composite/sobjects", (soql.full_id(id),)
        body["id"] = id
    else:
        if request.key is None:
            return _unfit(kind, "MISSING_KEY", "it has no key, so the record could be created twice", "")
        key_field, key_value = soql.object_name(request.key[0]), request.key[1]
        if not key_value.strip():
            return _unfit(kind, "MISSING_KEY", "the key is empty, so the record could be created twice", key_field)
        # Keys that differ in case only are one key unless the field says otherwise.
        path, target = f"composite/sobjects/{kind}/{key_field}", (kind.lower(), key_field.lower(), key_value.lower())
        fields = {name: value for name, value in fields.items() if name.lower() != key_field.lower()}
        body[key_field] = key_value
    for name, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):  # JSON has no such number: it would clear the field
            return _unfit(kind, "UNSENDABLE_VALUE", "a number is not finite; correct it at its source", name)
    try:
        json = orjson.Fragment(orjson.dumps(body | _nested(fields)))
    except TypeError:
        name = next((name for name, value in fields.items() if not _fits(value)), key_field)
        return _unfit(kind, "UNSENDABLE_VALUE", "a value cannot be sent as JSON; correct it at its source", name)
    return Row(
        index=index, kind=kind, path=path, target=target, json=json, fields=fields, asked=request, id=id,
        key_field=key_field, key_value=key_value,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Write Parent.Key as {"Parent": {"Key": ...}}: the parent is found by its external id."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        parent, dot, key = name.partition(".")
        if dot:
            body[parent] = {key: value} if value is not None else None
        else:
            body[name] = value
    return body


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _unfit(kind: str, code: str, words: str, field: str) -> Rejected:
    return Rejected(
        code=code, message=f"this {kind} was not sent to Salesforce. {code}: {words} ({field})", field=field
    )
