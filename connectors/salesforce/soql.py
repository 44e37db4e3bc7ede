"""Builds SOQL text from names that were checked and values that were escaped.

Which query is asked, and when, is decided by its callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote as percent

from connectors.errors import ConfigProblem

PAGE = 2000  # the most rows that one answer holds
ORDER = "SystemModstamp ASC, Id ASC"
QUERY_BYTES = 12_000  # of one encoded query; a request line may have 16,384 bytes in all
LONGEST_FILTERED = 1300  # characters of the longest text that SOQL can compare (a formula; a text field has 255)

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}")
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_TO_ESCAPE = re.compile(r"[\\'\"\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_SHORT = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order (SystemModstamp, Id); without an id it lies before the first row of that second."""

    stamp: datetime
    id: str = ""

    def after(self) -> str:
        """Return the condition for the rows that follow."""
        stamp = literal(self.stamp)
        if not self.id:
            return f"SystemModstamp >= {stamp}"
        return f"(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > {quote(self.id)}))"


def object_name(name: str) -> str:
    """Return `name`; raise ConfigProblem when it cannot be an object's API name."""
    if not _PLAIN.fullmatch(name):
        raise ConfigProblem(f"{name!r} cannot be the API name of a Salesforce object; correct the mapping")
    return name


def object_of(kind: str) -> str:
    """Return the object of a kind, of which a kind may be a part.

    `Account:Key__c` are the Accounts whose Key__c is filled, `Account:!Key__c` the others.
    """
    return object_name(kind.partition(":")[0])


def part_of(kind: str) -> str:
    """Return the condition for the records of a kind among those of its object; empty when it is all of them."""
    _, divided, field = kind.partition(":")
    if not divided:
        return ""
    return f"{object_name(field.removeprefix('!'))} {'=' if field.startswith('!') else '!='} null"


def field_path(name: str) -> str:
    """Return `name`; raise ConfigProblem when it cannot be a field's API name or a path such as Account.Name."""
    if not _PATH.fullmatch(name):
        raise ConfigProblem(f"{name!r} cannot be the API name of a Salesforce field; correct the mapping")
    return name


def is_id(value: str) -> bool:
    """Tell whether `value` has the form of a record id."""
    return _ID.fullmatch(value) is not None


def full_id(value: str) -> str:
    """Return the 18-character form of a record id, in which ids may be compared."""
    if len(value) != 15:
        return value
    tail = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, letter in enumerate(value[start : start + 5]) if "A" <= letter <= "Z")
        tail += _CHECKSUM[bits]
    return value + tail


def quote(value: str) -> str:
    """Return `value` as a SOQL string."""
    return "'" + _TO_ESCAPE.sub(_escape, value) + "'"


def literal(moment: datetime) -> str:
    """Return a time as a SOQL literal; a fraction is dropped, since SOQL compares whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(kind: str, columns: Iterable[str], where: str = "", order: str = "", limit: int | None = None) -> str:
    """Return a query over checked names; a column named twice, in any case, is asked for once."""
    unique = {field_path(column).lower(): column for column in columns}
    text = f"SELECT {', '.join(unique.values())} FROM {object_of(kind)}"  # noqa: S608 - names were checked above
    conditions = [one for one in (part_of(kind), where) if one]
    if conditions:
        text += f" WHERE {' AND '.join(conditions)}"
    if order:
        text += f" ORDER BY {order}"
    if limit is not None:
        text += f" LIMIT {limit}"
    return text


def query_path(text: str, *, deleted_too: bool) -> str:
    """Return the resource, relative to the version's root, that answers a query."""
    return f"{'queryAll' if deleted_too else 'query'}/?q={percent(text, safe='')}"


def value_lists(values: Iterable[str], room: int) -> Iterator[Sequence[str]]:
    """Yield quoted values in lists whose encoded length stays below `room` bytes; each holds at least one."""
    part: list[str] = []
    used = 0
    for value in values:
        quoted = quote(value)
        size = len(percent(quoted, safe="")) + 3  # the comma
        if part and used + size > room:
            yield part
            part, used = [], 0
        part.append(quoted)
        used += size
    if part:
        yield part


# ---------------------------------------------------------------------------------------------------------------------


def _escape(found: re.Match[str]) -> str:
    letter = found.group()
    return _SHORT.get(letter) or f"\\u{ord(letter):04x}"
