"""SOQL text into a tree; whether its objects and fields exist is query.py's business."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce.errors import RequestRefused, request_refused

MAX_LENGTH = 100_000
MAX_OFFSET = 2_000
_KEYWORDS = frozenset({"select", "from", "where", "order", "limit", "offset", "and", "or", "not", "in", "like", "null"})
# Real SOQL that this org does not speak: a defect of the simulator, never to be taken for the vendor's refusal.
_NOT_SIMULATED = frozenset({"group", "having", "with", "using", "for", "typeof", "update"})

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
  | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w-])
  | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
  )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A constant. `kind` is string, pattern, datetime, date, number, boolean or null."""

    kind: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`path op value`; op is one of = != < <= > >= like in `not in` includes excludes (the last four have a tuple)."""

    path: str
    op: str
    value: Literal | tuple[Literal, ...]
    at: int


@dataclass(frozen=True, kw_only=True)
class Not:
    """The negation of a condition."""

    part: Condition


@dataclass(frozen=True, kw_only=True)
class Logic:
    """Conditions joined by one word; `op` is and, or."""

    op: str
    parts: tuple[Condition, ...]


Condition = Comparison | Not | Logic


@dataclass(frozen=True, kw_only=True)
class Column:
    """One selected path; `function` is count, fields or empty, and `path` empty for COUNT()."""

    path: str
    at: int
    function: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One ORDER BY key."""

    path: str
    at: int
    descending: bool = False
    nulls_last: bool = False


@dataclass(kw_only=True)
class Query:
    """A whole statement."""

    text: str
    columns: list[Column] = field(default_factory=list)
    object: str = ""
    object_at: int = 0
    where: Condition | None = None
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0


def parse(text: str) -> Query:
    """Return the statement; raise RequestRefused as the org words it, NotImplementedError for SOQL it lacks."""
    if len(text) > MAX_LENGTH:
        raise request_refused("MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
    return _Parser(text).query()


def located(text: str, at: int, message: str, code: str = "MALFORMED_QUERY") -> RequestRefused:
    """Return the refusal with the vendor's caret under the place."""
    line = f"\n{text}\n{' ' * at}^\nERROR at Row:1:Column:{at + 1}\n{message}"
    return request_refused(code, line)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind in ("name", "sign") else ""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.position = 0

    def query(self) -> Query:
        made = Query(text=self.text)
        self._expect("select")
        made.columns = [self._column()]
        while self._take(","):
            made.columns.append(self._column())
        self._expect("from")
        made.object_at, made.object = self.here.at, self._name()
        if self._take("where"):
            made.where = self._condition()
        if self._take("order"):
            self._expect("by")
            made.order = [self._order()]
            while self._take(","):
                made.order.append(self._order())
        if self._take("limit"):
            made.limit = self._whole()
        if self._take("offset"):
            made.offset = self._offset()
        if self.here.kind != "end":
            raise self._unexpected()
        return made

    @property
    def here(self) -> _Token:
        return self.tokens[self.position]

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        end = len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                spot = at + len(self.text[at:]) - len(self.text[at:].lstrip())
                raise located(self.text, spot, f"unexpected token: '{self.text[spot : spot + 1]}'")
            tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
            at = match.end()
        tokens.append(_Token("end", "<EOF>", len(self.text)))
        return tokens

    def _unexpected(self) -> RequestRefused:
        if self.here.word in _NOT_SIMULATED:
            raise NotImplementedError(f"the sandbox does not speak this SOQL: {self.here.text}")
        return located(self.text, self.here.at, f"unexpected token: '{self.here.text}'")

    def _take(self, word: str) -> bool:
        if self.here.word != word:
            return False
        self.position += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected()

    def _name(self) -> str:
        if self.here.kind != "name" or self.here.word in _KEYWORDS:
            raise self._unexpected()
        self.position += 1
        return self.tokens[self.position - 1].text

    def _whole(self) -> int:
        if self.here.kind != "number" or not self.here.text.isdigit():
            raise self._unexpected()
        self.position += 1
        return int(self.tokens[self.position - 1].text)

    def _offset(self) -> int:
        offset = self._whole()
        if offset > MAX_OFFSET:
            message = f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            raise request_refused("NUMBER_OUTSIDE_VALID_RANGE", message)
        return offset

    def _column(self) -> Column:
        at = self.here.at
        if self.here.word == "(":
            raise NotImplementedError("the sandbox does not speak subqueries")
        name = self._name()
        if not self._take("("):
            return Column(path=name, at=at)
        function = name.lower()
        if function not in ("count", "fields"):
            raise NotImplementedError(f"the sandbox does not speak the SOQL function {name}")
        path = "" if self.here.word == ")" else self._name()
        self._expect(")")
        return Column(path=path, at=at, function=function)

    def _order(self) -> Order:
        at, path = self.here.at, self._name()
        descending = self._take("desc")
        if not descending:
            self._take("asc")
        nulls_last = False
        if self._take("nulls"):
            nulls_last = self._take("last")
            if not nulls_last:
                self._expect("first")
        return Order(path=path, at=at, descending=descending, nulls_last=nulls_last)

    def _condition(self) -> Condition:
        parts = [self._negation()]
        word = self.here.word
        if word not in ("and", "or"):
            return parts[0]
        # AND and OR side by side need parentheses in SOQL: the other word ends the condition and is then unexpected.
        while self._take(word):
            parts.append(self._negation())
        return Logic(op=word, parts=tuple(parts))

    def _negation(self) -> Condition:
        if self._take("not"):
            return Not(part=self._negation())
        if self._take("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        at, path = self.here.at, self._name()
        op = self._operator()
        if op in ("in", "not in", "includes", "excludes"):
            return Comparison(path=path, op=op, value=self._list(), at=at)
        return Comparison(path=path, op=op, value=self._literal(pattern=op == "like"), at=at)

    def _operator(self) -> str:
        word = self.here.word
        if word == "not":
            self.position += 1
            self._expect("in")
            return "not in"
        if word not in ("=", "!=", "<>", "<", "<=", ">", ">=", "like", "in", "includes", "excludes"):
            raise self._unexpected()
        self.position += 1
        return "!=" if word == "<>" else word

    def _list(self) -> tuple[Literal, ...]:
        self._expect("(")
        if self.here.word == "select":
            raise NotImplementedError("the sandbox does not speak subqueries")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self, *, pattern: bool = False) -> Literal:
        token = self.here
        if token.kind == "string":
            made = Literal(kind="pattern" if pattern else "string", value=self._unescape(token, pattern))
        elif token.kind in ("datetime", "date"):
            made = Literal(kind=token.kind, value=token.text)
        elif token.kind == "number":
            made = Literal(kind="number", value=float(token.text) if "." in token.text else int(token.text))
        elif token.word in ("true", "false"):
            made = Literal(kind="boolean", value=token.word == "true")
        elif token.word == "null":
            made = Literal(kind="null", value=None)
        elif token.kind == "name" and token.text.isupper():
            raise NotImplementedError(f"the sandbox does not speak the date literal {token.text}")
        else:
            raise self._unexpected()
        self.position += 1
        return made

    def _unescape(self, token: _Token, pattern: bool) -> str:
        def plain(match: re.Match[str]) -> str:
            escape = match.group(1)
            if len(escape) == 5:
                return chr(int(escape[1:], 16))
            if pattern and escape in "_%":
                return match.group(0)
            if pattern and escape == "\\":
                return r"\\"
            if escape.lower() not in _ESCAPED:
                raise located(self.text, token.at, f"Illegal escape sequence '\\{escape}' in string literal")
            return _ESCAPED[escape.lower()]

        return _ESCAPE.sub(plain, token.text[1:-1])


def like_matcher(pattern: str) -> re.Pattern[str]:
    r"""Return the regular expression of a LIKE pattern: % any run, _ one character, \% \_ and \\ themselves."""
    made = ""
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        made += {"%": ".*", "_": "."}.get(part, re.escape(part[1:] if len(part) == 2 else part))
    return re.compile(made + r"\Z", re.IGNORECASE | re.DOTALL)
