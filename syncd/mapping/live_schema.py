"""The JSON Schema of one system's mapping file with the fields that the system has, so that an editor completes them.

Describing the system is left to the caller; a name that is not suggested may still be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from syncd.lead.definition import HANDOFF_FACTS, SALES_FACTS, Definition, EntityKind
from syncd.mapping.owners import OWNER
from syncd.mapping.reality import LiveField
from syncd.mapping.schema import json_schemas
from syncd.mapping.transforms import KINDS, STEPS


def live_schema(
    definition: Definition, system: str, kinds: Mapping[str, tuple[EntityKind, Sequence[LiveField]]]
) -> dict[str, Any]:
    """Return the schema of a system's file. `kinds`: name of the section -> (what it is, its fields)."""
    schema = deepcopy(json_schemas()["mapping"])
    schema["title"] = f"{system}: fields as the live system has them"
    schema["properties"]["system"]["const"] = system
    for section, (entity, fields) in kinds.items():
        own = _kind(schema["$defs"], definition, entity, fields)
        names = {key: f"{section} {key}" for key in own}
        schema["$defs"] |= {names[key]: value for key, value in own.items()}
        _point(schema["$defs"], names)
        schema["properties"][section] = {"$ref": f"#/$defs/{section} kind"}
    return schema


_TRANSFORMS = sorted({*KINDS, *STEPS, "join", OWNER})

# ---------------------------------------------------------------------------------------------------------------------


def _kind(
    plain: Mapping[str, Any], definition: Definition, entity: EntityKind, fields: Sequence[LiveField]
) -> dict[str, Any]:
    """Return the parts of one kind: kind, line, readable, writable, transform."""
    kind, line = deepcopy(plain["KindSection"]), deepcopy(plain["FieldMapSection"])
    ours = {name: f"{one.label}: {one.type.value}" for name, one in definition.fields[entity].items()}
    if entity is EntityKind.LEAD:
        ours |= {name: f"what syncd knows: {type_.value}" for name, type_ in HANDOFF_FACTS.items()}
        ours |= {name: f"what sales says: {type_.value}" for name, type_ in SALES_FACTS.items()}
    kind["properties"]["fields"]["properties"] = {
        name: {"$ref": "line", "description": words} for name, words in ours.items()
    }
    kind["properties"]["fields"]["additionalProperties"] = {"$ref": "line"}
    kind["properties"]["key"] = {**kind["properties"]["key"], **_suggest([one for one in fields if one.unique])}
    line["properties"]["from"] = {**line["properties"]["from"], **_one_or_more("readable")}
    line["properties"]["to"] = {"$ref": "writable", "description": line["properties"]["to"]["description"]}
    line["properties"]["as"] = {**line["properties"]["as"], **_one_or_more("transform")}
    return {
        "kind": kind,
        "line": line,
        "readable": _suggest(fields),
        "writable": _suggest([one for one in fields if one.writable]),
        "transform": {"anyOf": [{"type": "string", "enum": _TRANSFORMS}, {"type": "string"}]},
    }


def _suggest(fields: Sequence[LiveField]) -> dict[str, Any]:
    """Suggest names with what people see of them: label, type, options."""
    if not fields:
        return {"type": "string"}
    known = sorted(fields, key=lambda one: one.name.lower())
    words = [_words(one) for one in known]
    names = {"type": "string", "enum": [one.name for one in known], "markdownEnumDescriptions": words}
    return {"anyOf": [{**names, "enumDescriptions": words}, {"type": "string", "minLength": 1}]}


def _words(one: LiveField) -> str:
    facts = [one.type.value]
    facts += [f"{one.length} characters"] if one.length else []
    facts += [word for word, holds in (("required", one.required), ("unique", one.unique)) if holds]
    facts += [] if one.writable else ["calculated"] if one.calculated else ["read only"]
    if one.choices:
        facts.append("one of " + ", ".join(one.choices[:12]) + (", ..." if len(one.choices) > 12 else ""))
    return f"{one.label} ({'; '.join(facts)})"


def _one_or_more(part: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": part}, {"type": "array", "items": {"$ref": part}, "minItems": 1}]}


def _point(parts: Any, names: Mapping[str, str]) -> None:
    """Turn the short references between the parts of one kind into whole ones."""
    if isinstance(parts, dict):
        if parts.get("$ref") in names:
            parts["$ref"] = f"#/$defs/{names[parts['$ref']]}"
        for inner in parts.values():
            _point(inner, names)
    elif isinstance(parts, list):
        for inner in parts:
            _point(inner, names)
