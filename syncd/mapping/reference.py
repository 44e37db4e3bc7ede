"""The tables of every key that the admins' files may have, made from the models that check them.

Run as `python -m syncd.mapping.reference docs/mappings.md` it puts them into the page, between its two marks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.mapping.schema import json_schemas

BEGIN = "<!-- made by `make docs`: the next lines up to the other mark are not edited by hand -->"
END = "<!-- end of what `make docs` makes -->"
_FILES = ("definition", "mapping", "cases")
_NAMES = {
    "DefinitionFile": "The definition",
    "FieldSection": "A field of ours",
    "AgreementSection": "An agreement",
    "ScoreSection": "The score",
    "FitSection": "A rule of fit",
    "EngagementSection": "A rule of engagement",
    "StageSection": "A stage",
    "HandoffSection": "The handoff",
    "AlsoSection": "Further facts",
    "ReasonSection": "A reason",
    "MatchingSection": "Matching",
    "MatchSection": "What is judged otherwise",
    "PersonSection": "What is judged otherwise of people",
    "MappingFile": "A mapping",
    "KindSection": "A kind of record",
    "FieldMapSection": "A line",
    "LineOverride": "A line in one market",
    "TouchSection": "A touch",
    "TableSection": "A table of a database",
    "CaseSection": "A case",
}


def reference() -> str:
    """Return one table per section of the files."""
    schemas = json_schemas()
    parts = [_section(name, one) for file in _FILES for name, one in _sections(schemas[file])]
    return "\n".join(parts)


def put_into(page: str) -> str:
    """Return the page with the tables between the marks; raise ValueError where a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page lacks one of the marks")
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


# ---------------------------------------------------------------------------------------------------------------------


def _sections(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "properties" in schema:
        yield str(schema["title"]), schema
    for name, one in schema.get("$defs", {}).items():
        if name in _NAMES:
            yield name, one


def _section(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = [f"**{_NAMES[name]}**\n", "| key | holds | default | |", "| --- | --- | --- | --- |"]
    for key, one in schema["properties"].items():
        default = "required" if key in required else _default(one.get("default"))
        lines.append(f"| `{key}` | {_holds(one)} | {default} | {_cell(one.get('description', ''))} |")
    return "\n".join(lines) + "\n"


def _holds(one: Mapping[str, Any]) -> str:
    """Say what a value may be, in words."""
    if "enum" in one:
        return ", ".join(f"`{word}`" for word in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if "$ref" in one:
        return _name(one["$ref"])
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_holds(part) for part in one["anyOf"] if part.get("type") != "null"))
    match one.get("type"):
        case list() as kinds:
            return " or ".join(_TYPES.get(str(kind), "a value") for kind in kinds)
        case "array":
            return f"a list of: {_holds(one.get('items', {}))}"
        case "object":
            inner = one.get("additionalProperties")
            return f"names, each with {_holds(inner)}" if isinstance(inner, dict) else "a section"
        case "string" if one.get("format") == "date":
            return "a day"
        case "string" if one.get("examples"):
            return f"such as `{one['examples'][-1]}`"
        case kind:
            return _TYPES.get(str(kind), "a value")


_TYPES = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`"}


def _name(pointer: str) -> str:
    return _NAMES.get(pointer.rpartition("/")[2], "a section").lower()


def _default(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if not isinstance(value, dict) else ""


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(put_into(file.read_text(encoding="utf-8")), encoding="utf-8")
