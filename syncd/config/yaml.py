"""YAML files into plain values, each with the place where it stands in the file.

What the values mean is left to the models that check them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

MAX_BYTES = 2_000_000  # a mapping of 3,000 lines has 100 kB
MAX_NODES = 50_000  # a mapping of 3,000 lines has 20,000
MAX_DEPTH = 50
LINE_SHOWN = 100  # characters of a line above its caret

Mark: TypeAlias = Any  # of PyYAML: line, column and index, from 0
Path_: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file of the admins: where, what, and what to do about it.

    `excerpt` is the line in question with a caret under the exact character, where the column alone is hard to find.
    """

    place: Place
    message: str
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" + (f"; {self.hint}" if self.hint else "")
        return text + "".join(f"\n    {line}" for line in self.excerpt.splitlines())


class Problems(Exception):
    """Everything wrong with the files, in the order of files and lines; nothing of them was loaded."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        order = {(p.place.file, p.place.line, p.place.column, p.message): p for p in problems}
        self.problems: tuple[Problem, ...] = tuple(order[key] for key in sorted(order))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file's values and their places.

    A path is the keys and list indexes from the root: ("contact", "fields", "email", "from", 0). Keys are always text.
    """

    file: str
    data: Any = field(repr=False)  # it may hold secrets
    source: str = field(repr=False)
    values: Mapping[Path_, Mark] = field(default_factory=dict, repr=False)
    keys: Mapping[Path_, Mark] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()  # duplicate keys: the rest of the file can still be judged

    def place(self, path: Iterable[str | int]) -> Place:
        """Return where the value at `path` stands, or the nearest thing around it that exists."""
        return self._nearest(tuple(path), self.values)

    def key_place(self, path: Iterable[str | int]) -> Place:
        """Return where the key of `path` stands, or the nearest thing around it that exists."""
        return self._nearest(tuple(path), self.keys)

    def inside(self, path: Iterable[str | int], offset: int) -> Place:
        """Return where character `offset` (from 0) of the text at `path` stands, through quotes, escapes and folds."""
        path = tuple(path)
        mark = self.values.get(path)
        if mark is None:
            return self.place(path)
        text = self._text_at(path)
        return self._at(_source_index(self.source, mark.index, text, offset))

    def shown(self, problem: Problem) -> Problem:
        """Return the problem with its own line of the file, and a caret under its place."""
        lines = self.source.split("\n")
        if not problem.excerpt or not 1 <= problem.place.line <= len(lines):
            return problem
        whole = lines[problem.place.line - 1].rstrip()
        line = whole.lstrip()
        column = max(problem.place.column - 1 - (len(whole) - len(line)), 0)
        if len(line) > LINE_SHOWN:
            cut = max(0, min(column - LINE_SHOWN // 2, len(line) - LINE_SHOWN))
            line, column = line[cut : cut + LINE_SHOWN], column - cut
        return replace(problem, excerpt=f"{line}\n{' ' * column}^")

    def _nearest(self, path: Path_, marks: Mapping[Path_, Mark]) -> Place:
        here = self.known(path)
        mark = marks.get(here) or self.values.get(here)
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)

    def known(self, path: Iterable[str | int]) -> Path_:
        """Return the part of `path` that exists in the file.

        Steps that are in no file are skipped: branches of a union and validators put their names into an error's path.
        """
        here: Path_ = ()
        for step in path:
            if (*here, step) in self.values:
                here = (*here, step)
        return here

    def _text_at(self, path: Path_) -> str:
        value = self.data
        for step in path:
            value = value[step]
        return value if isinstance(value, str) else ""

    def _at(self, index: int) -> Place:
        before = self.source[:index]
        return Place(self.file, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def read(path: Path, name: str | None = None) -> Document:
    """Read one file; raise Problems when it cannot be read as YAML. `name` is what the places show."""
    file = name or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Problems(
            [Problem(Place(file, 1, 1), f"cannot be read: {error.strerror}", "check the path and its rights")]
        ) from None
    return parse(raw, file)


def parse(raw: bytes, file: str) -> Document:
    """Turn the bytes of `file` into a Document; raise Problems when they are no YAML of the plain kind."""
    text = _decode(raw, file)
    try:
        builder = _Builder(file, text)
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise Problems([*builder.problems, _syntax_problem(error, file, text)]) from None
    except _Refused as refused:
        raise Problems([*builder.problems, refused.problem]) from None
    return builder.document()


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MAX_BYTES:
        raise Problems(
            [
                Problem(
                    Place(file, 1, 1), f"larger than {MAX_BYTES // 1_000_000} MB", "split it, or move tables into CSV"
                )
            ]
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8-sig", "replace")
        raise Problems([Problem(_place_after(file, good), "not UTF-8 text", "save the file as UTF-8")]) from None
    odd = _UNPRINTABLE.search(text)
    if odd:
        raise Problems(
            [
                Problem(
                    _place_after(file, text[: odd.start()]),
                    f"control character U+{ord(odd.group()):04X}",
                    "delete it: it is not visible but there",
                )
            ]
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _place_after(file: str, text: str) -> Place:
    return Place(file, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class _Open:
    """A mapping or list whose end was not reached yet."""

    __slots__ = ("key", "key_mark", "node", "path")

    def __init__(self, node: dict[str, Any] | list[Any], path: Path_) -> None:
        self.node = node
        self.path = path
        self.key: str | None = None
        self.key_mark: Mark | None = None


class _Builder:
    """Builds values from parser events, without recursion: nesting cannot exhaust the stack."""

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.source = source
        self.data: Any = None
        self.values: dict[Path_, Mark] = {}
        self.keys: dict[Path_, Mark] = {}
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.documents = 0

    def document(self) -> Document:
        return Document(
            file=self.file,
            data=self.data,
            source=self.source,
            values=self.values,
            keys=self.keys,
            problems=tuple(self.problems),
        )

    def take(self, event: yaml.Event) -> None:
        mark: Mark = event.start_mark
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._refuse(mark, "a second document in one file", "keep one document per file: delete this '---'")
            case yaml.AliasEvent():
                self._refuse(
                    mark, f"alias *{event.anchor}", "write the value out: anchors and aliases are not used here"
                )
            case yaml.ScalarEvent():
                self._check_plain(event, mark)
                self._scalar(event, mark)
            case yaml.MappingStartEvent():
                self._check_plain(event, mark)
                self._start({}, mark)
            case yaml.SequenceStartEvent():
                self._check_plain(event, mark)
                self._start([], mark)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.open.pop()
            case _:
                pass

    def _check_plain(self, event: yaml.NodeEvent, mark: Mark) -> None:
        if event.anchor is not None:
            self._refuse(mark, f"anchor &{event.anchor}", "write the value out: anchors and aliases are not used here")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._refuse(mark, f"tag {tag}", "delete it: types come from the schema")

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        top = self.open[-1] if self.open else None
        if top is not None and isinstance(top.node, dict) and top.key is None:
            top.key, top.key_mark = event.value, mark
            return
        self._put(resolve(event.value) if event.implicit[0] else event.value, mark)

    def _start(self, node: dict[str, Any] | list[Any], mark: Mark) -> None:
        top = self.open[-1] if self.open else None
        if top is not None and isinstance(top.node, dict) and top.key is None:
            self._refuse(mark, "a section or list as a key", "keys are single words")
        if len(self.open) >= MAX_DEPTH:
            self._refuse(mark, f"nested deeper than {MAX_DEPTH} levels", "no file of syncd needs that")
        path = self._put(node, mark)
        self.open.append(_Open(node, path))

    def _put(self, value: Any, mark: Mark) -> Path_:
        if len(self.values) >= MAX_NODES:
            self._refuse(mark, f"more than {MAX_NODES:,} values", "move long tables into CSV files")
        if not self.open:
            self.data = value
            self.values[()] = mark
            return ()
        top = self.open[-1]
        if isinstance(top.node, list):
            path: Path_ = (*top.path, len(top.node))
            top.node.append(value)
            self.values[path] = mark
            return path
        key, key_mark = top.key or "", top.key_mark
        top.key = top.key_mark = None
        assert key_mark is not None
        path = (*top.path, key)
        if key in top.node:
            self._duplicate(key, path, key_mark)
        top.node[key] = value
        self.values[path] = mark
        self.keys[path] = key_mark
        return path

    def _duplicate(self, key: str, path: Path_, mark: Mark) -> None:
        first = self.keys[path]
        self.problems.append(
            Problem(
                Place(self.file, mark.line + 1, mark.column + 1),
                f"duplicate key {key!r}, first given at line {first.line + 1}, column {first.column + 1}",
                "keep one of the two",
            )
        )
        for inner in [p for p in self.values if p[: len(path)] == path]:
            self.values.pop(inner)
            self.keys.pop(inner, None)

    def _refuse(self, mark: Mark, message: str, hint: str) -> None:
        raise _Refused(Problem(Place(self.file, mark.line + 1, mark.column + 1), message, hint))


def resolve(text: str) -> Any:
    """Read an unquoted scalar: true/false, null, decimal numbers without a leading zero; all else stays text.

    So NO is Norway, 01234 a postcode, 12:30:00 a time of day and 2026-11-02 a date for the schema to read.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "quoted scalar" in str(getattr(error, "context", "")):
        mark = getattr(error, "context_mark", None) or mark  # where it was opened says more than where the file ends
    said = str(getattr(error, "problem", "") or getattr(error, "context", "") or "not readable")
    lines = text.rstrip().split("\n")
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    if place.line > len(lines):
        place = Place(file, len(lines), len(lines[-1]) + 1)
    line = lines[place.line - 1]
    if "\t" in line[: place.column]:
        tab = Place(file, place.line, line.index("\t") + 1)
        return Problem(tab, "a tab in the indentation", "indent with spaces")
    if opened := _open_quote(lines[: place.line - 1]):
        return Problem(Place(file, *opened), *_NEVER_CLOSED)
    if "${" in line:
        return Problem(place, "not readable as YAML from here on", 'inside { } put "${...}" in quotes')
    for phrase, message, hint in _SYNTAX:
        if phrase in said:
            return Problem(place, message, hint)
    return Problem(place, f"not valid YAML: {said}", "compare with the lines above: indentation, colons, quotes")


def _open_quote(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return line and column of the double quote that these lines open and do not close, None when there is none."""
    opened = None
    for number, line in enumerate(lines, start=1):
        text = f" {line}"
        quotes = [one.start() for one in _QUOTE.finditer(text if opened else text.split(" #")[0])]
        if len(quotes) % 2 and (opened or text[quotes[-1] - 1] in " [{,"):  # inside a word it is a sign: 5" of pipe
            opened = None if opened else (number, quotes[-1])
    return opened


_QUOTE = re.compile(r'(?<!\\)"')
_NEVER_CLOSED = ("a quote that is never closed", "close it")
_SYNTAX = (
    ("mapping values are not allowed", "a colon where none can stand", "put the text in quotes if it holds ': '"),
    ("unexpected end of stream", *_NEVER_CLOSED),
    ("did not find expected ',' or", "a bracket that is never closed, or a missing comma", "close it with ] or }"),
    ("did not find expected node content", "a value is missing", "give a value, or close the bracket with ] or }"),
    ("did not find expected key", "the indentation does not fit the lines above", "line the keys up"),
    ("did not find expected '-'", "the indentation does not fit the list above", "line the dashes up"),
    ("could not find expected ':'", "a key without a colon", "write 'key: value'"),
    ("block sequence entries are not allowed", "a list item where none can stand", "begin the list on its own line"),
)


def _source_index(source: str, start: int, text: str, offset: int) -> int:
    """Return the index in `source` of character `offset` of `text`, a scalar that begins at `start`.

    Source and value are walked side by side: what the value lacks (quotes, escapes, folded line ends, the indentation)
    is skipped in the source.
    """
    index = start
    if source[index : index + 1] in ("|", ">"):
        index = source.find("\n", index) + 1
    elif source[index : index + 1] in ("'", '"'):
        index += 1
    for position, character in enumerate(text):
        if character.isspace():
            if position == offset:
                return index
            if position + 1 < len(text) and text[position + 1].isspace() and source[index : index + 1] == character:
                index += 1
                continue
            while source[index : index + 1].isspace():
                index += 1
            continue
        while index < len(source) and source[index] != character:
            index += 1
        if position == offset:
            return index
        index += 2 if source.startswith("''", index) and character == "'" else 1
    return index
