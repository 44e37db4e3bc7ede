"""Objects and fields as the org defines them, with what the integration user may see; holds no rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sandbox.salesforce.catalogue import CONDITIONAL, DEFAULTS, OBJECTS, PICKLISTS

TEXT_TYPES = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "multipicklist", "combobox"})
NUMBER_TYPES = frozenset({"double", "currency", "percent"})
ID_TYPES = frozenset({"id", "reference"})
# Set up by an admin, never written as rows by this API's user.
READ_ONLY_OBJECTS = frozenset({"LeadStatus", "OpportunityStage", "User", "Group", "Organization", "RecordType"})
LONG_TEXT = 255  # a textarea above this length can be neither filtered nor sorted


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field. `readable` and `editable` are the field-level security of the integration user."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted: bool = False
    filterable: bool = True
    restricted: bool = False
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    calculated: bool = False
    default: Any = None
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    readable: bool = True
    editable: bool = True

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def required(self) -> bool:
        return not self.nillable and self.createable and not self.defaulted and self.type != "boolean"

    @property
    def relationship(self) -> str | None:
        """Return the name under which SOQL and writes reach the parent row."""
        if self.type != "reference":
            return None
        return f"{self.name[:-3]}__r" if self.custom else self.name.removesuffix("Id")

    @property
    def key(self) -> bool:
        """Tell whether rows may be addressed by this field."""
        return self.external_id or self.id_lookup


class ObjectType:
    """One object and its fields, found by name in any case."""

    def __init__(self, name: str, key_prefix: str, fields: Iterable[Field], *, tooling: bool = False) -> None:
        self.name = name
        self.key_prefix = key_prefix
        self.tooling = tooling
        self.modified = 0  # epoch seconds of the last change of definition or access, for If-Modified-Since
        self.fields: dict[str, Field] = {}
        self._by_lower: dict[str, Field] = {}
        self._by_relationship: dict[str, Field] = {}
        for field in fields:
            self.put(field)

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def label(self) -> str:
        return label_of(self.name)

    def put(self, field: Field) -> None:
        self.fields[field.name] = field
        self._by_lower[field.name.lower()] = field
        if field.relationship:
            self._by_relationship[field.relationship.lower()] = field

    def drop(self, name: str) -> None:
        field = self.fields.pop(name)
        del self._by_lower[name.lower()]
        if field.relationship:
            del self._by_relationship[field.relationship.lower()]

    def find(self, name: str, *, hidden: bool = False) -> Field | None:
        """Return the field in any case; one the user may not read does not exist unless `hidden`."""
        field = self._by_lower.get(name.lower())
        return field if field is not None and (field.readable or hidden) else None

    def parent(self, relationship: str) -> Field | None:
        """Return the reference field behind a relationship name."""
        field = self._by_relationship.get(relationship.lower())
        return field if field is not None and field.readable else None

    def visible(self) -> list[Field]:
        return [field for field in self.fields.values() if field.readable]

    def to_json(self) -> dict[str, Any]:
        fields = [asdict(field) for field in self.fields.values()]
        return {"key_prefix": self.key_prefix, "tooling": self.tooling, "modified": self.modified, "fields": fields}

    @classmethod
    def from_json(cls, name: str, state: dict[str, Any]) -> ObjectType:
        fields = [
            Field(**{**field, "picklist": tuple(field["picklist"]), "reference_to": tuple(field["reference_to"])})
            for field in state["fields"]
        ]
        made = cls(name, state["key_prefix"], fields, tooling=state["tooling"])
        made.modified = state["modified"]
        return made


def label_of(name: str) -> str:
    """Return the label the setup pages would show, such as `Last Name` for LastName and `Owner ID` for OwnerId."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("__c").replace("_", " "))
    return re.sub(r"\bId$", "ID", words)


def standard_objects(conditional: Iterable[str] = ()) -> list[ObjectType]:
    """Return the standard objects; `conditional` names the fields of optional features to include."""
    wanted = set(conditional)
    objects: list[ObjectType] = []
    for line in OBJECTS.strip().splitlines():
        words = line.split()
        if not line.startswith(" "):
            objects.append(ObjectType(words[0], words[1], _system_fields(), tooling="tooling" in words[2:]))
        elif words[0] in wanted or not words[0].endswith(CONDITIONAL):
            objects[-1].put(_standard_field(objects[-1].name, words))
    return objects


def standard_fields(conditional: Iterable[str] = ()) -> dict[str, list[Field]]:
    """Return every standard object's fields by object name."""
    return {made.name: list(made.fields.values()) for made in standard_objects(conditional)}


def custom_fields() -> list[Field]:
    """Return what a new custom object has before its own fields: the system fields, a name and an owner."""
    name = Field(name="Name", type="string", label="Name", length=80, nillable=False, id_lookup=True)
    return [*_system_fields(), name, _owner()]


def _owner() -> Field:
    return Field(
        name="OwnerId",
        type="reference",
        label="Owner ID",
        length=18,
        nillable=False,
        defaulted=True,
        reference_to=("Group", "User"),
    )


def _system_fields() -> list[Field]:
    base = Field(name="Id", type="id", label="Record ID", length=18, createable=False, updateable=False, nillable=False)
    user = replace(base, type="reference", defaulted=True, reference_to=("User",))
    stamp = replace(base, type="datetime", length=0, defaulted=True)
    return [
        replace(base, id_lookup=True),
        replace(base, name="IsDeleted", type="boolean", label="Deleted", length=0, defaulted=True, default=False),
        replace(stamp, name="CreatedDate", label="Created Date"),
        replace(user, name="CreatedById", label="Created By ID"),
        replace(stamp, name="LastModifiedDate", label="Last Modified Date"),
        replace(user, name="LastModifiedById", label="Last Modified By ID"),
        replace(stamp, name="SystemModstamp", label="System Modstamp"),
    ]


def _standard_field(owner: str, words: list[str]) -> Field:
    name, kind, length, flags = words[:4]
    scale = 2 if kind == "currency" else 15 if name.endswith("tude") else 0
    default = False if kind == "boolean" else DEFAULTS.get(f"{owner}.{name}")
    return Field(
        name=name,
        type=kind,
        label=label_of(name),
        length=int(length),
        precision=18 if kind in NUMBER_TYPES else 0,
        scale=scale,
        createable="c" in flags,
        updateable="u" in flags,
        nillable="n" in flags,
        defaulted="d" in flags,
        filterable="f" in flags,
        restricted="r" in flags,
        id_lookup="i" in flags,
        default=default,
        picklist=PICKLISTS.get(f"{owner}.{name}", PICKLISTS.get(name, ())) if kind in ("picklist", "combobox") else (),
        reference_to=tuple(words[4].split(",")) if len(words) > 4 else (),
    )
