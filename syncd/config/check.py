"""A document against its model: every problem in plain words, at its place, with the nearest name that exists.

Which keys there are is left to the models.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError
from rapidfuzz import process
from rapidfuzz.distance import OSA

from syncd.config.yaml import Document, Problem

Model = TypeVar("Model", bound="Section")


class Section(BaseModel):
    """Base of all models of files: unknown keys and silent conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def check(model: type[Model], document: Document) -> tuple[Model | None, list[Problem]]:
    """Return the document as `model` and no problem, or None and every problem."""
    problems = list(document.problems)
    if document.data is None:
        return None, [*problems, Problem(document.place(()), "the file is empty", "write it, or delete the file")]
    try:
        return model.model_validate(document.data), problems
    except ValidationError as error:
        return None, [*problems, *translate(error, document, model=model)]


def translate(
    error: ValidationError,
    document: Document,
    *,
    model: type[BaseModel] | None = None,
    below: tuple[str | int, ...] = (),
    each: bool = False,
) -> list[Problem]:
    """Put a validation error into plain words with places.

    `below` is where in the file the model's root stands; `each`: the root is a list of that model.
    """
    said: dict[tuple[Any, ...], Problem] = {}
    for detail in error.errors(include_url=False, include_input=True):
        path = document.known((*below, *detail["loc"]))
        key = (path, detail["loc"][-1] if detail["type"] in ("missing", "extra_forbidden") else "")
        said.setdefault(key, _in_words(detail, document, model, below, int(each)))
    return list(said.values())


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` may be a slip of, or None when none is near."""
    near = process.extractOne(
        name.lower(), sorted(set(known)), scorer=OSA.normalized_similarity, processor=str.lower, score_cutoff=0.55
    )
    return near[0] if near else None


def nearest(name: str, known: Iterable[str], *, what: str = "") -> str:
    """Return "did you mean ...?", or the known names when none is near."""
    names = sorted(set(known))
    near = nearest_name(name, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if not names:
        return ""
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"{what or 'known'}: {listed}"


def kind_of(value: Any) -> str:
    """Say in plain words what a YAML value is."""
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return words
    return "nothing"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (Mapping, "a section"),
    (list, "a list"),
)


def plain_error(message: str) -> PydanticCustomError:
    """Return an error that validators raise with words meant for the admin; "message; hint" is allowed."""
    return PydanticCustomError("plain", "{words}", {"words": message})


def read_duration(value: Any) -> timedelta:
    """Read 180d, 24h, 15m, 60s, 500ms or 2w."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or len(found[1]) > 6:
        raise plain_error(f"expected a duration, got {kind_of(value)}; write it as 15s, 60m, 24h or 180d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d|w)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["60s", "24h", "180d"]}),
]


def _in_words(
    detail: ErrorDetails,
    document: Document,
    model: type[BaseModel] | None,
    below: tuple[str | int, ...],
    skip: int,
) -> Problem:
    path = (*below, *detail["loc"])
    name = str(path[-1]) if path else ""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            known = _keys_at(model, detail["loc"][skip:-1]) if model else ()
            key, colon, value = name.partition(":")
            if colon and key in known:
                return Problem(
                    document.key_place(path), f"unknown key {name!r}", f"write '{key}: {value}', with a blank"
                )
            return Problem(document.key_place(path), f"unknown key {name!r}", nearest(name, known))
        case "missing":
            where = document.known(path)
            owner = f" in {where[-1]!r}" if where and isinstance(where[-1], str) else ""
            place = document.key_place(where) if where else document.place(())
            return Problem(place, f"missing key {name!r}{owner}", f"add '{name}: ...'")
        case "plain":
            message, _, hint = str(context["words"]).partition("; ")
            return Problem(document.place(path), message, hint)
        case "literal_error" | "enum":
            choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            given = detail["input"]
            if isinstance(given, str):
                return Problem(document.place(path), f"{given!r} is not allowed here", _one_of(given, choices))
            return Problem(document.place(path), f"expected {_listed(choices)}, got {kind_of(given)}")
        case "value_error":
            words = str(context.get("error", detail["msg"]))
            subject = f"{name} " if words.startswith(("must ", "is ")) else ""
            return Problem(document.place(path), subject + words)
        case kind:
            return Problem(document.place(path), *_type_message(kind, detail["input"], context))


def _type_message(kind: str, given: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind in _EXPECTED:
        hint = (
            "put it in quotes" if kind == "string_type" and (given is None or isinstance(given, (int, float))) else ""
        )
        if given is None and _EXPECTED[kind] == "a section":
            hint = "is the next line indented?"
        if isinstance(given, str) and _EXPECTED[kind] == "a section":
            hint = "write {key: value}, with a blank after each colon"
        return f"expected {_EXPECTED[kind]}, got {kind_of(given)}", hint
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context), ""
    return f"not valid here: {kind.replace('_', ' ')}", ""


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a section",
    "mapping_type": "a section",
    "model_type": "a section",
    "model_attributes_type": "a section",
    "date_type": "a date such as 2026-11-02",
    "date_from_datetime_parsing": "a date such as 2026-11-02",
    "url_type": "an address such as https://host",
    "url_parsing": "an address such as https://host",
    "path_type": "a path",
    "time_delta_type": "a duration such as 60s",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "too_long": "at most {max_length} are allowed",
    "string_too_short": "must not be empty",
    "string_too_long": "longer than {max_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
}


def _one_of(given: str, choices: Collection[str]) -> str:
    return nearest(given, choices, what="allowed")


def _listed(choices: Collection[str]) -> str:
    return "one of " + ", ".join(choices)


def _keys_at(model: Any, loc: tuple[str | int, ...]) -> Collection[str]:
    for step in loc:
        model = _inner(model, step)
    model = _model(model)
    if model is None:
        return ()
    return [info.alias or name for name, info in model.model_fields.items()]


def _inner(annotation: Any, step: str | int) -> Any:
    model = _model(annotation)
    if model is not None:
        for name, info in model.model_fields.items():
            if step in (info.alias, name):
                return info.annotation
        free = get_type_hints(model).get("__pydantic_extra__")
        return get_args(free)[-1] if get_args(free) else None
    for inner in _flatten(annotation):
        if get_origin(inner) in (dict, list, tuple, Mapping):
            return get_args(inner)[-1] if get_origin(inner) is not tuple else get_args(inner)[0]
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    for inner in _flatten(annotation):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None


def _flatten(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _flatten(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [one for inner in get_args(annotation) for one in _flatten(inner)]
    return [annotation]
