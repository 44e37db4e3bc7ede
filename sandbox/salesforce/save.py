"""The save procedure: what happens between a request's fields and a stored row; who may call it is rest's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce import addresses, objects, record_types
from sandbox.salesforce.errors import Problem, Refused, refused, request_refused
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import DuplicateRule, Org
from sandbox.salesforce.schema import READ_ONLY_OBJECTS, Field, ObjectType
from sandbox.salesforce.table import Row
from sandbox.salesforce.values import fold, from_json, from_text

_SYSTEM = frozenset({"LastModifiedDate", "LastModifiedById", "SystemModstamp"})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """On whose behalf a row is saved. Without `api` it is a person in the UI: sees all fields, warned, not refused."""

    user: str
    api: bool = True
    assign: bool = True  # run the lead assignment rule: the vendor's default on create and on update
    allow_duplicates: bool = False
    csv: bool = False


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What became of a row."""

    id: str
    created: bool


def create(org: Org, caller: Caller, type_: ObjectType, fields: Mapping[str, Any]) -> Saved:
    """Store a new row or raise Refused."""
    if caller.api:
        check_right(org, type_, "create")
    values = _incoming(org, caller, type_, fields, creating=True)
    row: Row = {field.name: field.default for field in type_.fields.values() if field.default is not None}
    row.update({name: value for name, value in values.items() if value is not None})
    if "OwnerId" in type_.fields:
        row.setdefault("OwnerId", caller.user)
    missing = [field.name for field in type_.fields.values() if field.required and row.get(field.name) is None]
    if missing:
        raise _missing(missing)
    _settle(org, caller, type_, row, None, set(values))
    key = org.insert(type_.name, row, by=caller.user)
    objects.follow(org, type_.name, org.tables[type_.name].rows[key], None)
    if caller.api:
        org.count_write(type_.name, "created")
    return Saved(id=key, created=True)


def update(org: Org, caller: Caller, type_: ObjectType, key: str, fields: Mapping[str, Any]) -> Saved:
    """Store fields over the row or raise Refused; a save that changes nothing still moves its stamps."""
    before = live_row(org, type_, key)
    if caller.api:
        check_right(org, type_, "edit")
    check_lock(org, before["Id"])
    values = _incoming(org, caller, type_, fields, creating=False)
    emptied = [name for name, value in values.items() if value is None and not type_.fields[name].nillable]
    if emptied:
        raise _missing(emptied)
    row = {**before, **values}
    _settle(org, caller, type_, row, before, set(values))
    after = org.change(before, row, by=caller.user)
    objects.follow(org, type_.name, after, before)
    if caller.api:
        same = all(before.get(name) == after.get(name) for name in {*before, *after} - _SYSTEM)
        org.count_write(type_.name, "unchanged" if same else "updated")
    return Saved(id=after["Id"], created=False)


def live_row(org: Org, type_: ObjectType, key: str) -> Row:
    """Return the row with this id as the caller gave it; raise Refused for a wrong, deleted or unknown one."""
    whole = full_id(key)
    if whole is None or whole[:3] != type_.key_prefix:
        raise refused("MALFORMED_ID", f"{type_.label} ID: id value of incorrect type: {key}", "Id")
    row = org.tables[type_.name].rows.get(whole)
    if row is None:
        raise Refused([Problem(code="NOT_FOUND", message="The requested resource does not exist")])
    if row.get("IsDeleted"):
        raise refused("ENTITY_IS_DELETED", "entity is deleted")
    return row


def key_field(type_: ObjectType, name: str) -> Field:
    """Return the field by which rows are addressed; raise RequestRefused when it is none."""
    field = type_.find(name)
    if field is None or not field.key:
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise request_refused("NOT_FOUND", message)
    return field


def rows_by_key(org: Org, type_: ObjectType, field: Field, value: Any) -> list[Row]:
    """Return the live rows whose key field has the value, ordered by id."""
    table = org.tables[type_.name]
    if field.type == "id":
        value = full_id(str(value))
    rows = (table.rows[key] for key in sorted(table.keyed(field.name, value)))
    return [row for row in rows if not row.get("IsDeleted")]


def check_lock(org: Org, key: str) -> None:
    """Raise Refused when the row is locked by somebody else, as often as the test asked for."""
    lock = org.locks.get(key)
    if lock is not None and lock.times > 0:
        lock.times -= 1
        raise refused(lock.code, f"unable to obtain exclusive access to this record or 1 records: {key}")


def check_right(org: Org, type_: ObjectType, right: str) -> None:
    """Raise Refused when the integration user may not create, edit or delete rows of the object."""
    if type_.name in READ_ONLY_OBJECTS or type_.tooling:
        raise refused("INVALID_TYPE_FOR_OPERATION", f"entity type {type_.name} does not support {right}")
    if right in org.denied.get(type_.name, ()):
        raise refused("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")


# ----------------------------------------------------------------------------------------------------------------


def _settle(org: Org, caller: Caller, type_: ObjectType, row: Row, before: Row | None, changed: set[str]) -> None:
    _check_references(org, type_, row, changed)
    record_types.settle(org, type_, row, changed)
    objects.check(org, type_.name, row, before)
    addresses.settle(org, type_, row, changed)
    objects.fill(org, type_.name, row, before, changed)
    _check_unique(org, type_, row, changed)
    for rule in org.validation_rules:
        if rule.object == type_.name and rule.predicate(row):
            raise refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, *([rule.field] if rule.field else []))
    if caller.api:
        _check_duplicates(org, caller, type_, row, changed)
        if caller.assign and type_.name == "Lead" and org.assigned_owner:
            row["OwnerId"] = org.assigned_owner


def _incoming(
    org: Org, caller: Caller, type_: ObjectType, fields: Mapping[str, Any], *, creating: bool
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    refused_fields: list[str] = []
    for name, raw in fields.items():
        if name.lower() == "attributes":
            continue
        parent = type_.parent(name) if isinstance(raw, dict) else None
        field = parent or type_.find(name, hidden=not caller.api)
        if field is None:
            raise request_refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {type_.name}")
        if not _writable(caller, field, creating):
            refused_fields.append(field.name)
            continue
        try:
            values[field.name] = _by_parent_key(org, field, raw) if parent else _value(caller, field, raw)
        except Refused as refusal:
            problems.extend(refusal.problems)
    if refused_fields:
        raise _not_writable(refused_fields)
    if problems:
        raise Refused(problems)
    return values


def _value(caller: Caller, field: Field, raw: Any) -> Any:
    return from_text(field, raw) if caller.csv and isinstance(raw, str) else from_json(field, raw)


def _writable(caller: Caller, field: Field, creating: bool) -> bool:
    allowed = field.createable if creating else field.updateable
    return allowed and not field.calculated and (field.editable or not caller.api)


def _by_parent_key(org: Org, field: Field, raw: Mapping[str, Any]) -> str | None:
    keys = {name: value for name, value in raw.items() if name.lower() != "attributes"}
    if len(keys) != 1:
        raise refused("INVALID_FIELD", f"{field.relationship}: exactly one external id field is needed", field.name)
    [(name, value)] = keys.items()
    for target in field.reference_to:
        type_ = org.type(target)
        key = type_.find(name) if type_ is not None else None
        if type_ is None or key is None or not key.key:
            continue
        found = rows_by_key(org, type_, key, value)
        if len(found) == 1:
            return str(found[0]["Id"])
        message = f"Foreign key external ID: {value} not found for field {key.name} in entity {type_.name}"
        raise refused("INVALID_FIELD", message)
    raise refused("INVALID_FIELD", f"No such external id field {name} on {field.relationship}", field.name)


def _check_references(org: Org, type_: ObjectType, row: Row, changed: set[str]) -> None:
    for name in changed:
        field, value = type_.fields[name], row.get(name)
        if field.type != "reference" or value is None:
            continue
        table = org.table_of(value)
        if table is not None and table.type.name not in field.reference_to and "other" not in field.reference_to:
            raise refused("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", name)
        target = table.rows.get(value) if table is not None else None
        if target is None or target.get("IsDeleted"):
            raise refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if name == "OwnerId" and target.get("IsActive") is False:
            message = f"operation performed with inactive user [{value}] as owner of {type_.name.lower()}"
            raise refused("INACTIVE_OWNER_OR_USER", message)
        check_lock(org, value)


def _check_unique(org: Org, type_: ObjectType, row: Row, changed: set[str]) -> None:
    table = org.tables[type_.name]
    for name in changed:
        field, value = type_.fields[name], row.get(name)
        if not field.unique or value is None:
            continue
        for key in sorted(table.keyed(name, value)):
            if key != row.get("Id") and not table.rows[key].get("IsDeleted"):
                message = f"duplicate value found: {name} duplicates value on record with id: {key}"
                raise refused("DUPLICATE_VALUE", message)


def _check_duplicates(org: Org, caller: Caller, type_: ObjectType, row: Row, changed: set[str]) -> None:
    for rule in org.duplicate_rules:
        if rule.object != type_.name or rule.field not in changed or row.get(rule.field) is None:
            continue
        if caller.allow_duplicates and not rule.block:
            continue
        table = org.tables[rule.match_object]
        value = fold(type_.fields[rule.field], row[rule.field])
        found = (table.rows[key] for key in sorted(table.keyed(rule.field, value)))
        others = [one["Id"] for one in found if one["Id"] != row.get("Id") and not one.get("IsDeleted")]
        if others:
            raise _duplicate(rule, others)


def _duplicate(rule: DuplicateRule, others: list[str]) -> Refused:
    said = "Use one of these records?"
    matches = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {
                    "type": rule.match_object,
                    "url": f"/services/data/v66.0/sobjects/{rule.match_object}/{other}",
                },
                "Id": other,
            },
        }
        for other in others
    ]
    result = {
        "entityType": rule.match_object,
        "errors": [],
        "matchEngine": "FuzzyMatchEngine",
        "matchRecords": matches,
        "rule": f"{rule.match_object}_{rule.field}_Match",
        "size": len(matches),
        "success": True,
    }
    details = {
        "allowSave": not rule.block,
        "duplicateRule": f"{rule.object}_{rule.field}_Duplicates",
        "duplicateRuleEntityType": rule.object,
        "errorMessage": said,
        "matchResults": [result],
    }
    return Refused([Problem(code="DUPLICATES_DETECTED", message=said, fields=(), duplicates=details)])


def _missing(names: list[str]) -> Refused:
    return refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", *names)


def _not_writable(names: list[str]) -> Refused:
    message = (
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set."
    )
    return refused("INVALID_FIELD_FOR_INSERT_UPDATE", message, *names)
