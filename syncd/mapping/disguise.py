"""A real record made into an example: what tells who it is about is replaced, the same value by the same made-up one.

Whether the example still says something is left to who runs it as a case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import phonenumbers

from syncd.lead.definition import Definition, FieldType
from syncd.mapping.model import FieldMap, KindMap, SystemMap
from syncd.mapping.transforms.choices import fold

# Kept as they are: what many share, and what says nothing of a person without the rest.
_HARMLESS = frozenset(
    {
        *(FieldType.CHOICE, FieldType.COUNTRY, FieldType.STATE, FieldType.BOOLEAN, FieldType.INTEGER),
        *(FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT, FieldType.DATE, FieldType.DATETIME),
    }
)
_WORDS = re.findall(
    r"\w+",
    "Alder Birch Cedar Dalton Ellery Farrow Garnet Harlow Indigo Juniper Kestrel Linden Merrow Norden Orson Pellam "
    "Quarry Rowan Sorrel Tamsin Umber Vesper Willow Yarrow Zephyr Ashby Bramble Corwin Dunmore Elmwood",
)
# Numbers that regulators keep free for fiction: country calling code -> what precedes the counter, and its digits.
_FICTION: Mapping[int, tuple[str, int]] = {
    44: ("2079460", 3),
    49: ("3023125", 3),
    33: ("199000", 3),
    61: ("255500", 3),
}
_NANP = re.compile(r"^\D*(?:1\D*)?(?:\d\D*){10}")
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(r"(?:https?://|www\.)[^\s\"'<>]+", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"\+?\d[\d ()./-]{5,}\d")
_PIECES = re.compile(r"<[^>]*>|&\w+;|[^\W\d_]+|\d+|[^\w<&]+|.", re.DOTALL)


class Disguise:
    """Replaces values of one system's records; keeps in mind what it replaced."""

    def __init__(self, definition: Definition, system: SystemMap) -> None:
        self._definition = definition
        self._spoken = _vocabulary(definition, system)
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def record(self, kind: KindMap, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that the mapping reads, without those that are empty, disguised."""
        wanted = {name for line in kind.fields.values() if line.read for name in (*line.reads, *line.needs)}
        wanted |= set(kind.only.references) if kind.only is not None else set()
        found = {}
        for name in sorted(wanted):
            value = fields.get(name)
            if value is not None and value != "" and value != []:
                found[name] = self._value(_types(kind, name), value, fields)
        return found

    def _value(self, lines: Collection[FieldMap], value: Any, fields: Mapping[str, Any]) -> Any:
        if isinstance(value, list):
            return [self._value(lines, one, fields) for one in value]
        if isinstance(value, bool) or (isinstance(value, (int, float)) and not _is_of(lines, FieldType.PHONE)):
            return value
        text = str(value)
        if lines and all(line.type in _HARMLESS for line in lines) and _is_read(lines, value, fields):
            return value
        if _is_of(lines, FieldType.PHONE):
            return self._phone(text)
        if _is_of(lines, FieldType.REFERENCE):
            return self._same("reference", text, lambda number: str(1000 + number))
        if _is_of(lines, FieldType.POSTCODE):
            return re.sub(r"\d", "0", text[:1]) and text[:1] + re.sub(r"\d", "0", text[1:])
        if _is_of(lines, FieldType.URL, FieldType.DOMAIN) and "@" not in text and " " not in text.strip():
            return self._address(text)
        return self._text(text)

    def _text(self, text: str) -> str:
        """Replace addresses, numbers and words; markup and marks between words stay."""
        parts: list[str] = []
        at = 0
        for found in re.finditer("|".join(one.pattern for one in (_EMAIL, _LINK, _LONG_NUMBER)), text, re.IGNORECASE):
            parts += [self._words(text[at : found.start()]), self._special(found[0])]
            at = found.end()
        return "".join([*parts, self._words(text[at:])])

    def _special(self, text: str) -> str:
        if "@" in text:
            return self._email(text)
        return self._phone(text) if text[0] in "+0123456789" else self._address(text)

    def _words(self, text: str) -> str:
        return "".join(map(self._word, _PIECES.findall(text)))

    def _word(self, piece: str) -> str:
        if piece[0] in "<&" or not (piece.isalnum()):
            return piece
        if piece.isdigit():
            return piece if len(piece) < 2 else self._same("number", piece, lambda n: str(10 + n)[: len(piece)])
        if len(piece) < 3 or fold(piece) in self._spoken:
            return piece
        made = self._same("word", piece.casefold(), _made_up)
        return made.upper() if piece.isupper() else made.lower() if piece.islower() else made

    def _email(self, text: str) -> str:
        local, _, domain = text.rpartition("@")
        name = self._same("person", local.casefold(), lambda number: f"person{number}")
        return f"{name.upper() if local.isupper() else name}@{self._domain(domain)}"

    def _domain(self, text: str) -> str:
        return self._same("company", text.casefold().removeprefix("www."), lambda number: f"company{number}.example")

    def _address(self, text: str) -> str:
        found = re.fullmatch(r"(https?://)?(www\.)?([^/?#:]+)(.*)", text.strip(), re.IGNORECASE | re.DOTALL)
        if found is None:
            return self._words(text)
        return f"{found[1] or ''}{found[2] or ''}{self._domain(found[3])}{'/page' if len(found[4]) > 1 else found[4]}"

    def _phone(self, text: str) -> str:
        if not re.search(r"\d{2}", text):
            return self._words(text)
        try:
            number = phonenumbers.parse(text[:60], self._definition.region)
        except phonenumbers.NumberParseException:
            return self._words(text)
        code = number.country_code or 0
        key = f"{code}{number.national_number}"
        if code in _FICTION and text.lstrip().startswith("+"):
            head, digits = _FICTION[code]
            return self._same("phone", key, lambda n: f"+{code} {head}{str(n % 10**digits).zfill(digits)}")
        made = self._same("phone", key, lambda n: f"55501{n % 100:02}")
        return _in_shape(text, made) if _NANP.match(text) else f"+1 202 {made[:3]} {made[3:]}"

    def _same(self, what: str, value: str, make: Callable[[int], str]) -> str:
        key = (what, value)
        if key not in self._known:
            self._counts[what] = self._counts.get(what, 0) + 1
            self._known[key] = make(self._counts[what])
        return self._known[key]


# ---------------------------------------------------------------------------------------------------------------------


def _types(kind: KindMap, name: str) -> list[FieldMap]:
    return [line for line in kind.fields.values() if line.read is not None and name in line.reads]


def _is_of(lines: Collection[FieldMap], *types: FieldType) -> bool:
    return any(line.type in types for line in lines)


def _is_read(lines: Collection[FieldMap], value: Any, fields: Mapping[str, Any]) -> bool:
    """Return whether the value is what its type says: in a field of choices people may have typed anything."""
    for line in lines:
        assert line.read is not None
        record = {**dict.fromkeys((*line.reads, *line.needs)), **fields, **dict.fromkeys(line.reads, value)}
        if line.read(record).__class__.__name__ == "BadValue" or not line.reads:
            return False
    return True


def _vocabulary(definition: Definition, system: SystemMap) -> frozenset[str]:
    """Return the admins' own words: choices, and what value tables know; none of them is a person's."""
    texts = [choice for fields in definition.fields.values() for one in fields.values() for choice in one.choices]
    texts += [one.or_none for fields in definition.fields.values() for one in fields.values() if one.or_none]
    for rows in system.tables.values():
        texts += [theirs for theirs, _ in rows if "@" not in theirs]
    return frozenset(word for text in texts for word in re.findall(r"[^\W\d_]+", fold(text)))


def _made_up(number: int) -> str:
    word = _WORDS[(number - 1) % len(_WORDS)]
    return str(word) if number <= len(_WORDS) else word + "abcdefghijklmnopqrstuvwxyz"[(number // len(_WORDS)) % 26]


def _in_shape(text: str, made: str) -> str:
    """Put the made-up seven digits in the place of a number's own; area code, marks and extension stay."""
    found = _NANP.match(text)
    assert found is not None
    places = [place for place, one in enumerate(text[: found.end()]) if one.isdigit()][-7:]
    letters = list(text)
    for place, digit in zip(places, made, strict=True):
        letters[place] = digit
    tail = re.sub(r"\d", "1", "".join(letters[found.end() :]))
    return "".join(letters[: found.end()]) + re.sub(r"[^\W\d_]{3,}", "ext", tail)
