"""Conditions and formulas in CEL: checked with types when a file is loaded, run fast, never failing at run time.

Which names they may use is the caller's to say. The engine behind this module can be replaced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from syncd.config.check import nearest
from syncd.config.yaml import Place, Problem, Problems
from syncd.lead.definition import Condition, FieldType

PlaceAt = Callable[[int], Place]  # offset of a character in the text -> its place in the file

MAX_LENGTH = 4_000


def compile_condition(
    text: str,
    types: Mapping[str, FieldType],
    place: Place | PlaceAt,
    *,
    or_none: Mapping[str, str] | None = None,
) -> Condition:
    """Compile a condition over the variables `types`; raise Problems that point at the exact characters.

    `or_none` gives the answers that say "asked, there is none": the condition then sees null, and has() is true.
    """
    source = _Source(text, _placer(place))
    program, names, result = _program(source, types, "condition")
    if result not in ("BOOL", "DYN"):
        kind = _TYPE_WORDS.get(result, "something else")
        raise Problems([source.problem(0, f"a condition must be true or false, this is {kind}", "compare it")])
    return _Compiled(
        text=text,
        references=frozenset(name for name, _ in names),
        _program=program,
        _inputs=_inputs(names, types, or_none),
    )


def compile_raw_condition(text: str, place: Place | PlaceAt) -> Condition:
    """Compile a condition over a system's own fields, whose types and names only the live system knows."""
    source = _Source(text, _placer(place))
    return compile_condition(text, _any_types(text), source.at)


def compile_formula(
    text: str,
    types: Mapping[str, FieldType],
    place: Place | PlaceAt,
    *,
    or_none: Mapping[str, str] | None = None,
) -> Formula:
    """Compile what computes a value over the variables `types`; raise Problems as for a condition."""
    source = _Source(text, _placer(place))
    program, names, result = _program(source, types, "formula")
    return Formula(
        text=text,
        references=frozenset(name for name, _ in names),
        type=_RESULTS.get(result, FieldType.TEXT),
        _program=program,
        _inputs=_inputs(names, types, or_none),
    )


def compile_raw_formula(text: str, place: Place | PlaceAt) -> Formula:
    """Compile a formula over a system's own fields."""
    source = _Source(text, _placer(place))
    return compile_formula(text, _any_types(text), source.at)


_FUNCTIONS = (
    "there are: has, size, contains, startsWith, endsWith, matches, exists, all, split, join, replace, trim, "
    "lowerAscii, upperAscii, substring, string, int, double, duration, timestamp"
)
_ANY: Any = None  # a variable of unknown type
_UNKNOWN: Any = object()  # a missing value is not passed at all: null would make `industry != "Energy"` true


@dataclass(frozen=True)
class _Compiled:
    text: str
    references: frozenset[str]
    _program: Any
    _inputs: tuple[tuple[str, str, Callable[[Any], Any]], ...]

    def met(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition holds; never raises for missing or odd values."""
        try:
            given = [convert(values.get(name)) for _, name, convert in self._inputs]
            for one in given:
                if one.__class__ is list or (one.__class__ is str and len(one) > 100):
                    return self._evaluate(*given)
            return self._known(*given)
        except (RuntimeError, TypeError, ValueError, OverflowError):
            return False  # text that is no valid Unicode, a date that is none

    @cached_property
    def _known(self) -> Callable[..., bool]:
        """Most leads give a condition the same few values, and an evaluation costs more than all else in deciding."""
        return lru_cache(maxsize=4096, typed=True)(self._evaluate)

    def _evaluate(self, *given: Any) -> bool:
        named = zip(self._inputs, given, strict=True)
        data = {variable: value for (variable, _, _), value in named if value is not _UNKNOWN}
        return self._program.eval(data=data).value() is True


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A compiled formula. `type` is that of its result; text where only the values tell it."""

    text: str
    references: frozenset[str]
    type: FieldType
    _program: Any
    _inputs: tuple[tuple[str, str, Callable[[Any], Any]], ...]

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return the result, None where a value that it needs is missing or odd; never raises."""
        try:
            given = ((variable, convert(values.get(name))) for variable, name, convert in self._inputs)
            result = self._program.eval(data={variable: one for variable, one in given if one is not _UNKNOWN})
            if result.type().name() in ("ERROR", "UNKNOWN", "NULL"):
                return None
            return _plain_result(result.value())
        except (RuntimeError, TypeError, ValueError, OverflowError):
            return None


def _plain_result(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [one.value() if hasattr(one, "value") else one for one in value]
    return value


class _Source:
    """A condition's text and where its characters stand."""

    def __init__(self, text: str, at: PlaceAt) -> None:
        self.text = text
        self.at = at

    def problem(self, offset: int, message: str, hint: str = "") -> Problem:
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        line = self.text[start : end if end >= 0 else len(self.text)]
        column = offset - start
        if len(line) > 100:
            cut = max(0, column - 50)
            line, column = line[cut : cut + 100], column - cut
        return Problem(self.at(offset), message, hint, f"{line}\n{' ' * column}^")

    def offset(self, line: int, column: int) -> int:
        lines = self.text.split("\n")
        return min(sum(len(one) + 1 for one in lines[: line - 1]) + column - 1, max(len(self.text) - 1, 0))


def _placer(place: Place | PlaceAt) -> PlaceAt:
    if isinstance(place, Place):
        return lambda offset: Place(place.file, place.line, place.column + offset)
    return place


_TOKEN = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<comment>//[^\n]*)"""
    r"""|(?P<has>(?<![\w.])has\(\s*(?P<asked>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\))"""
    r"""|(?P<name>(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)""",
    re.DOTALL,
)
_RESERVED = frozenset({"true", "false", "null", "in"})


def _names(text: str) -> list[tuple[int, str]]:
    found = []
    for token in _TOKEN.finditer(text):
        if token["asked"]:
            found.append((token.start("asked"), token["asked"]))
        elif token["name"] and token["name"] not in _RESERVED:
            called = text[token.end() : token.end() + 1] == "("
            name = token["name"].rpartition(".")[0] if called else token["name"]
            if name:
                found.append((token.start(), name))
    return found


def _rewrite(source: _Source, types: Mapping[str, FieldType]) -> tuple[str, set[tuple[str, bool]]]:
    """Turn has(budget) into the variable has_budget_, as long as it was: positions stay true.

    CEL's own has() asks for a field of a message and refuses a plain name.
    """
    names: set[tuple[str, bool]] = set()
    problems: list[Problem] = []

    def put(token: re.Match[str]) -> str:
        whole = token[0]
        if token["asked"]:
            name = token["asked"]
            if name not in types:
                problems.append(_unknown(source, token.start("asked"), name, types))
                return whole
            names.add((name, True))
            return f"has_{name}_".ljust(len(whole))
        if token["name"]:
            name = _variable(token["name"], types)
            if name:
                names.add((name, False))
        return whole

    rewritten = _TOKEN.sub(put, source.text)
    if problems:
        raise Problems(problems)
    return rewritten, names


def _variable(chain: str, types: Mapping[str, FieldType]) -> str | None:
    """Return the longest known variable that the dotted `chain` begins with: decision_date.getFullYear."""
    parts = chain.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in types:
            return name
    return None


def _unknown(source: _Source, offset: int, name: str, types: Mapping[str, FieldType]) -> Problem:
    return source.problem(offset, f"unknown name {name!r}", nearest(name, types))


def _program(source: _Source, types: Mapping[str, FieldType], what: str) -> tuple[Any, set[tuple[str, bool]], str]:
    """Return (the program, the names it uses and whether it only asks for them, the type of its result)."""
    text = source.text
    if not text.strip():
        raise Problems([Problem(source.at(0), f"an empty {what}", "write one, or delete the key")])
    if len(text) > MAX_LENGTH:
        raise Problems([Problem(source.at(0), f"a {what} longer than {MAX_LENGTH} characters", "split it")])
    rewritten, names = _rewrite(source, types)
    result = _check(rewritten, types, source)
    # Checked above; the engine's own check would again keep whole and decimal numbers apart.
    run = _TOKEN.sub(lambda token: _plain_head(token, types), rewritten)
    return _run_environment(tuple(types.items())).compile(run, disable_check=True), names, result


def _inputs(
    names: set[tuple[str, bool]], types: Mapping[str, FieldType], or_none: Mapping[str, str] | None
) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    return tuple(_input(name, asked, types[name], (or_none or {}).get(name)) for name, asked in sorted(names))


def _any_types(text: str) -> dict[str, FieldType]:
    return dict.fromkeys((name for _, name in _names(text)), _ANY)


def _check(text: str, types: Mapping[str, FieldType], source: _Source) -> str:
    try:
        return str(_check_environment(tuple(types.items())).compile(text).return_type().name())
    except RuntimeError as error:
        problems = _problems(str(error), types, source)
        if problems:
            raise Problems(problems) from None
    return "DYN"


_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
_WORD_FOR = re.compile(r"(?:and|or|not)\b", re.IGNORECASE)
_ISSUE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_COMPARES = frozenset({"_>_", "_>=_", "_<_", "_<=_", "_==_", "_!=_", "@in", "_in_"})
_TYPE_WORDS = {
    "INT": "a number",
    "DOUBLE": "a number",
    "STRING": "text",
    "TIMESTAMP": "a time",
    "LIST": "a list",
    "NULL": "null",
}
_RESULTS = {
    "INT": FieldType.INTEGER,
    "DOUBLE": FieldType.NUMBER,
    "BOOL": FieldType.BOOLEAN,
    "TIMESTAMP": FieldType.DATETIME,
    "LIST": FieldType.LIST,
}
_WORDS = (
    (r"\bint\b|\bdouble\b|\buint\b", "number"),
    (r"\bstring\b", "text"),
    (r"google\.protobuf\.Timestamp|\btimestamp\b", "time"),
    (r"google\.protobuf\.Duration|\bduration\b", "duration"),
    (r"\bbool\b", "true/false"),
    (r"list\((\S+)\)", r"list of \1"),
    (r"\bnull_type\b|\bnull\b", "null"),
)


def _problems(report: str, types: Mapping[str, FieldType], source: _Source) -> list[Problem]:
    issues = _ISSUE.findall(report)
    if not issues:
        what = "nested too deeply" if "recursion" in report else "not readable as a condition"
        return [source.problem(0, what, "make it simpler")]
    problems = []
    for line, column, said in issues:
        problem = _issue(source, source.offset(int(line), int(column)), said, types)
        if problem:
            problems.append(problem)
            if said.startswith("Syntax error"):
                break  # what follows a syntax error is noise
    return problems


def _issue(source: _Source, offset: int, said: str, types: Mapping[str, FieldType]) -> Problem | None:
    overload = _OVERLOAD.match(said)
    if overload:
        operator, operands = overload[1], overload[2]
        if operator in _COMPARES and _only_numbers(operands):
            return None  # whole and decimal numbers compare well at run time; only the checker keeps them apart
        return _mismatch(source, offset, operator, operands)
    missing = re.match(r"undeclared reference to '([^']*)'", said)
    if missing:
        name = missing[1]
        start = source.text.rfind(name, 0, offset + len(name)) if "." in name else offset
        if source.text[offset : offset + 1] in ("(", ".") and "." not in name:
            return source.problem(offset, f"unknown function {name!r}", _FUNCTIONS)
        return _unknown(source, max(start, 0), name, types)
    if said.startswith("Syntax error"):
        if source.text[offset : offset + 1] == "=":
            return source.problem(offset, "a single '='", "compare with '=='")
        word = _WORD_FOR.match(source.text, offset)
        if word:
            return source.problem(offset, f"{word[0]!r} is no operator", f"write {_OPERATORS[word[0].lower()]!r}")
        return source.problem(offset, "cannot be read from here on", "check quotes, brackets and operators before it")
    return source.problem(offset, said)


def _only_numbers(operands: str) -> bool:
    return not re.sub(r"int|double|uint|list|[(), ]", "", operands)


def _mismatch(source: _Source, offset: int, operator: str, operands: str) -> Problem:
    words = operands
    for pattern, plain in _WORDS:
        words = re.sub(pattern, plain, words)
    shown = operator.strip("_@") or operator
    hint = "both sides must be of one kind"
    if _only_numbers(operands):
        return source.problem(offset, f"{shown!r} does not mix whole and decimal numbers", "write 2.0 in place of 2")
    if "null" in words:
        hint = "ask has(name) or !has(name) for 'has a value' or 'has none'"
    elif "true/false" in words and operator in ("_&&_", "_||_", "!_"):
        hint = "each side must be a comparison"
    return source.problem(offset, f"{shown!r} does not work on {' and '.join(words.split(', '))}", hint)


_CEL_TYPES: Mapping[FieldType, Any] = {
    FieldType.INTEGER: cel.Type.INT,
    FieldType.NUMBER: cel.Type.DOUBLE,
    FieldType.MONEY: cel.Type.DOUBLE,
    FieldType.PERCENT: cel.Type.DOUBLE,
    FieldType.BOOLEAN: cel.Type.BOOL,
    FieldType.DATE: cel.Type.TIMESTAMP,
    FieldType.DATETIME: cel.Type.TIMESTAMP,
    FieldType.LIST: cel.Type.List(cel.Type.STRING),
}
_Types = tuple[tuple[str, FieldType], ...]
_STRINGS = ext_strings.ExtStrings()


@lru_cache(maxsize=16)
def _check_environment(types: _Types) -> Any:
    variables = {n: cel.Type.DYN if t is _ANY else _CEL_TYPES.get(t, cel.Type.STRING) for n, t in types}
    return cel.NewEnv(variables={**variables, **{f"has_{n}_": cel.Type.BOOL for n in variables}}, extensions=[_STRINGS])


@lru_cache(maxsize=16)
def _run_environment(types: _Types) -> Any:
    """Dynamic types, so that null can be passed; only times keep theirs, which the engine needs to take them at all."""
    times = (FieldType.DATE, FieldType.DATETIME)
    variables = {_plain(name): cel.Type.TIMESTAMP if kind in times else cel.Type.DYN for name, kind in types}
    return cel.NewEnv(
        variables={**variables, **{_plain(f"has_{n}_"): cel.Type.BOOL for n, _ in types}}, extensions=[_STRINGS]
    )


def _plain_head(token: re.Match[str], types: Mapping[str, FieldType]) -> str:
    chain = token["name"]
    if not chain:
        return token[0]
    name = chain if chain.startswith("has_") and chain.endswith("_") else _variable(chain, types)
    return _plain(name) + chain[len(name) :] if name else chain


def _plain(name: str) -> str:
    """Name a variable without dots: an unchecked program takes those for fields of a message."""
    return name.replace(".", "__dot__")


def _input(name: str, asked: bool, kind: FieldType, none: str | None) -> tuple[str, str, Callable[[Any], Any]]:
    if asked:
        return _plain(f"has_{name}_"), name, _present
    if kind is _ANY:
        return _plain(name), name, _as_it_is
    convert = _CONVERT.get(kind, _as_it_is)
    if none is None:
        return _plain(name), name, lambda value: _UNKNOWN if value is None else convert(value)

    def convert_answer(value: Any) -> Any:
        return _UNKNOWN if value is None else None if value == none else convert(value)

    return _plain(name), name, convert_answer


def _present(value: Any) -> bool:
    return value is not None and value != "" and value != []


def _as_it_is(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    return float(value) if value.__class__ is int else value


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if value.__class__ is int:
        return datetime.fromtimestamp(value / 1000, UTC)  # the clock's own form
    return value


_CONVERT: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.NUMBER: _number,
    FieldType.MONEY: _number,
    FieldType.PERCENT: _number,
    FieldType.DATE: _time,
    FieldType.DATETIME: _time,
}
