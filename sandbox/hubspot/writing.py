"""What a write may do, decided before anything moves: values, uniqueness, the forward-only stage, the portal's rules.

Endpoints turn calls into plans and plans into answers; how records are kept is in table.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.hubspot.errors import ApiError, InvalidProperties, Problem, contact_exists, value_taken
from sandbox.hubspot.records import API, Record, Source
from sandbox.hubspot.schema import Property
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import Refused, clean, iso, text_of

if TYPE_CHECKING:
    from sandbox.hubspot.portal import Portal

_IDENTITIES_KEPT = 250
_CONTACT_TO_COMPANY = (1, 279)  # the primary company, any company
_STAGED = ("contacts", "companies")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A write found allowed and not yet made."""

    record_id: int
    values: Mapping[str, str]
    new: bool
    asked: tuple[str, ...]  # the property names the caller sent


@dataclass(kw_only=True)
class Writer:
    """Plans and makes the writes of one call. `rules`: the portal's validation rules bind (2026-09 and later)."""

    portal: Portal
    table: Table
    rules: bool = False
    source: Source = API
    _claimed: dict[tuple[str, str], int] = field(default_factory=dict)  # unique values of rows planned so far

    def plan_create(self, properties: Mapping[str, Any], associations: Any = None) -> Plan:
        sent = _texts({**properties, **_company(self.table, associations)})
        values = self._clean(sent, None)
        _check_needed(self.table, values)
        record_id = self.table.new_id()
        self._check_rules({}, values, creating=True)
        self._check_unique(values, record_id)
        if self.table.kind in _STAGED and not values.get("lifecyclestage"):
            values["lifecyclestage"] = "lead"
        self._stamp_stage(values, "")
        return Plan(record_id=record_id, values=values, new=True, asked=tuple(sent))

    def plan_update(self, record: Record, properties: Mapping[str, Any]) -> Plan:
        sent = _texts(properties)
        values = self._clean(sent, record)
        self._check_rules(record.properties, values, creating=False)
        self._check_unique(values, record.id)
        self._stamp_stage(values, record.properties.get("lifecyclestage", ""))
        return Plan(record_id=record.id, values=values, new=False, asked=tuple(sent))

    def commit(self, plan: Plan) -> Record:
        now = self.portal.now()
        if plan.new:
            kept = {name: value for name, value in plan.values.items() if value}
            record = Record(plan.record_id, kept, now, now, self.source)
        else:
            record = self.table.records[plan.record_id].changed(plan.values, now, self.source)
        self.table.put(record)
        return record

    def archive(self, record_id: int) -> None:
        self.table.archive[record_id] = self.table.drop(record_id)._replace(archived=self.portal.now())

    def purge(self, record_id: int) -> None:
        """Forget a record for good, archived or not; the archived list never shows it."""
        if record_id in self.table.records:
            self.table.drop(record_id)
        self.table.archive.pop(record_id, None)

    def merge(self, primary: Record, other: Record) -> Record:
        """Join two records under a third id, which both old ids lead to from now on."""
        now = self.portal.now()
        values = {name: value for name, value in other.properties.items() if value}
        values |= {name: value for name, value in primary.properties.items() if value}
        merged = _joined(primary, other, "hs_merged_object_ids", str(primary.id), str(other.id))
        if merged.count(";") >= _IDENTITIES_KEPT:
            raise ApiError(400, f"Cannot have more than {_IDENTITIES_KEPT} identities on a profile")
        new_id = self.table.new_id()
        values["hs_merged_object_ids"] = merged
        if self.table.kind == "contacts":
            stamped = (f"{primary.id}:{now}", f"{other.id}:{now}")
            values["hs_calculated_merged_vids"] = _joined(primary, other, "hs_calculated_merged_vids", *stamped)
            values["hs_all_contact_vids"] = f"{new_id};{merged}"
            values |= _addresses(primary, other)
        if "lifecyclestage" in values:
            stages = (primary.properties.get("lifecyclestage", ""), other.properties.get("lifecyclestage", ""))
            values["lifecyclestage"] = max(stages, key=self._rank)
        self.table.drop(primary.id)
        self.table.drop(other.id)
        self.table.merged |= {primary.id: new_id, other.id: new_id}
        created = min(primary.created, other.created)
        survivor = Record(new_id, values, created, now, self.source, None, primary.history)
        self.table.put(survivor)
        return survivor

    def _clean(self, sent: Mapping[str, str], record: Record | None) -> dict[str, str]:
        values: dict[str, str] = {}
        problems: list[Problem] = []
        for name, text in sent.items():
            try:
                values[name] = self._value(name, text, record)
            except Refused as refused:
                problems.append(Problem(name=name, code=refused.code, message=refused.message))
        if problems:
            raise InvalidProperties(problems, self.portal.portal_id)
        return values

    def _value(self, name: str, text: str, record: Record | None) -> str:
        definition = self.table.live(name)
        if definition is None:
            raise Refused("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if definition.read_only and self.source is API:
            raise Refused("READ_ONLY_VALUE", f'"{name}" is a calculated property; its value cannot be set.')
        current = record.properties.get(name, "") if record else ""
        value = clean(definition, text, current=current, rules=self.rules)
        if definition.referenced_object_type == "OWNER" and value and not self.portal.knows_owner(value):
            raise Refused("INVALID_OWNER_ID", f"Owner {value} does not exist.")
        if name == "lifecyclestage" and value and self.source is API and self._rank(value) < self._rank(current):
            if self.portal.stage_backwards == "refuse":
                raise Refused("INVALID_LIFECYCLE_STAGE", "The lifecycle stage cannot be set to an earlier stage.")
            return current
        return value

    def _rank(self, stage: str) -> int:
        options = self.table.definitions["lifecyclestage"].options
        return next((option.display_order for option in options if option.value == stage), -1)

    def _stamp_stage(self, values: dict[str, str], before: str) -> None:
        stage = values.get("lifecyclestage")
        name = f"hs_lifecyclestage_{stage}_date"
        if stage and stage != before and self.table.live(name):
            values[name] = iso(self.portal.now())

    def _check_unique(self, values: Mapping[str, str], writing: int) -> None:
        self.table.index.settle(self.portal.clock())
        held = [(name, values[name].lower()) for name in self.table.unique_names if values.get(name)]
        for name, value in held:
            claimed = self._claimed.get((name, value))
            owner = self.table.owner(name, value) if claimed is None else claimed
            if owner is None or owner == writing:
                continue
            plain = claimed is None and owner in self.table.index.records and not self.table.secondary(value)
            if name == "email" and self.table.kind == "contacts" and plain:
                raise contact_exists(owner)
            raise value_taken(self.portal.portal_id, self.table.kind, name, value, writing, owner)
        self._claimed.update(dict.fromkeys(held, writing))

    def _check_rules(self, before: Mapping[str, str], values: Mapping[str, str], *, creating: bool) -> None:
        if not self.rules:
            return
        after = {**before, **values}
        errors: list[dict[str, Any]] = []
        for rule in self.portal.rules:
            if rule.kind != self.table.kind or after.get(rule.name):
                continue
            code, why = "MISSING_REQUIRED_PROPERTY", "required to create the record"
            if rule.when is not None:
                code = "MISSING_CONDITIONAL_REQUIRED_PROPERTY"
                why = f"required because of a conditional property rule based on [{rule.when}]"
            if values.get(rule.when) if rule.when is not None else creating:
                message = f"{rule.name} is {why}"
                errors.append({"message": message, "code": code, "context": {"propertyName": [rule.name]}})
        if errors:
            raise ApiError(400, errors[0]["message"], errors=errors)


def unique_key(table: Table, name: str) -> Property:
    """Return the definition of a property that identifies records; raise the 400 HubSpot gives for any other."""
    definition = table.live(name)
    if definition is None or not definition.unique:
        raise ApiError(400, f"Unable to perform update/upsert by non-unique {table.type_id} property {name}")
    return definition


def _company(table: Table, associations: Any) -> dict[str, str]:
    """Return the property that keeps a contact's company, from a create's associations; no others are simulated."""
    found: dict[str, str] = {}
    for association in associations or []:
        types = [spec.get("associationTypeId") for spec in association.get("types") or []]
        if table.kind != "contacts" or not types or any(number not in _CONTACT_TO_COMPANY for number in types):
            raise ApiError(400, "One or more associations are invalid")
        found["associatedcompanyid"] = str((association.get("to") or {}).get("id"))
    return found


def _texts(properties: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: text_of(value) for name, value in properties.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _check_needed(table: Table, values: Mapping[str, str]) -> None:
    missing: list[str] = []
    if table.kind == "companies" and not (values.get("name") or values.get("domain")):
        missing = ["name", "domain"]
    if table.kind == "deals":
        missing = [name for name in ("dealname", "dealstage", "pipeline") if not values.get(name)]
    if missing:
        message = f"Error creating {table.type_name}. Some required properties were not set."
        raise ApiError(400, message, context={"properties": missing})


def _joined(primary: Record, other: Record, name: str, *more: str) -> str:
    listed = [record.properties.get(name, "") for record in (primary, other)]
    parts = [part for text in (*listed, *more) for part in text.split(";") if part]
    return ";".join(dict.fromkeys(parts))


def _addresses(primary: Record, other: Record) -> dict[str, str]:
    first = primary.properties.get("email") or ""
    further = _joined(primary, other, "hs_additional_emails", other.properties.get("email") or "")
    kept = [address for address in further.split(";") if address and address != first]
    if not first and kept:
        first, kept = kept[0], kept[1:]
    return {name: value for name, value in (("email", first), ("hs_additional_emails", ";".join(kept))) if value}
