"""Text, e-mail, web addresses and names in canonical form.

Every function takes one raw, non-blank value and returns the canonical one, None for blank, or a BadValue.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

from email_validator import EmailNotValidError, validate_email

from syncd.mapping.model import BadValue

MAX_TEXT = 32_000  # Salesforce's longest text area holds 32,768


def read_text(raw: Any) -> Any:
    """NFC, line ends as \\n, no control characters, no outer white space; a number becomes its digits."""
    if raw.__class__ is not str:
        raw = as_text(raw)
        if raw is None or raw.__class__ is BadValue:
            return raw
    if len(raw) > MAX_TEXT:
        return TOO_LONG
    if raw.isascii() and raw.isprintable():
        return raw.strip() or None
    return clean(raw) or None


TOO_LONG = BadValue(f"longer than {MAX_TEXT:,} characters")


def clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", text)
    return unicodedata.normalize("NFC", text).strip()


# C0 and C1 controls but tab and newline, byte order mark, zero-width space, half surrogates, non-characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff\ud800-\udfff\ufffe\uffff]")


def as_text(raw: Any) -> Any:
    """Return a raw value that is no text as text, None for none, or a BadValue."""
    match raw:
        case None:
            return None
        case str():
            return raw
        case bool():
            return "true" if raw else "false"
        case int():
            return str(raw) if abs(raw) < 10**40 else BadValue("a number too large to be text")
        case float():
            return str(int(raw)) if raw.is_integer() and abs(raw) < 1e16 else repr(raw)
        case list() | tuple() | set() | dict():
            return BadValue("a list or section where one value is expected")
        case _:
            return str(raw)  # what SQL drivers give: Decimal, UUID, date


def one_line(raw: Any) -> Any:
    """Text on one line, with single spaces."""
    text = read_text(raw)
    return " ".join(text.split()) if text.__class__ is str else text


_SIMPLE_EMAIL = re.compile(r"[a-z0-9_%+\-]+(?:\.[a-z0-9_%+\-]+)*@(?:[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?\.)+[a-z]{2,24}")
BAD_EMAIL = BadValue("not an e-mail address")


def read_email(raw: Any) -> Any:
    """Lower case, the domain in ASCII (IDNA); "Ann <ann@example.com>" and mailto: are understood."""
    text = read_text(raw)
    if text.__class__ is not str:
        return text
    text = text.lower()
    if len(text) < 255 and _SIMPLE_EMAIL.fullmatch(text):
        return text
    return _odd_email(text)


@lru_cache(maxsize=4096)
def _odd_email(text: str) -> Any:
    inner = re.fullmatch(r"[^<>]*<\s*([^<>\s]+)\s*>", text)
    text = (inner[1] if inner else text).removeprefix("mailto:")
    if len(text) > 254:
        return BAD_EMAIL
    try:
        checked = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return BAD_EMAIL
    except (UnicodeError, ValueError):
        return BAD_EMAIL
    address = f"{checked.local_part}@{checked.ascii_domain}".lower()
    return unicodedata.normalize("NFC", address)


BAD_DOMAIN = BadValue("not an internet domain")
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9\-]{1,62}")


def read_domain(raw: Any) -> Any:
    """The host of a domain, web address or e-mail address: lower case, ASCII, without www."""
    text = read_text(raw)
    return _domain(text) if text.__class__ is str else text


@lru_cache(maxsize=16_384)
def _domain(text: str) -> Any:
    host = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.\-]*://", "", text)
    host = re.split(r"[/?#\\]", host, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":[0-9]*$", "", host).strip().strip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return BAD_DOMAIN
    while host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host if len(host) < 254 and _DOMAIN.fullmatch(host) else BAD_DOMAIN


BAD_URL = BadValue("not a web address")


def read_url(raw: Any) -> Any:
    """With a scheme, the host in lower case; "www.acme.com/x" becomes "https://www.acme.com/x"."""
    text = read_text(raw)
    return _url(text) if text.__class__ is str else text


@lru_cache(maxsize=8192)
def _url(text: str) -> Any:
    if len(text) > 2000 or re.search(r"\s", text):
        return BAD_URL
    found = re.fullmatch(r"(?:(https?)://)?([^/?#@]+)([/?#].*)?", text, re.IGNORECASE)
    if not found or _domain(found[2]) is BAD_DOMAIN:
        return BAD_URL
    scheme = (found[1] or "https").lower()
    path = found[3] or ""
    return f"{scheme}://{found[2].lower()}{'' if path == '/' else path}"


class _Words(HTMLParser):
    """Collects the text of HTML; ends of blocks become line ends."""

    _BLOCKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table"})
    _HIDDEN = frozenset({"script", "style"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 (the base class asks for it)
        if tag in self._HIDDEN:
            self.hidden += 1
        if tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN and self.hidden:
            self.hidden -= 1
        if tag in self._BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def html_to_text(text: str) -> str:
    """Strip tags; `text_to_html` is the way back."""
    if "<" not in text:
        return unescape(text)
    words = _Words()
    words.feed(text.replace("\n", " ").replace("<br>", "\x00"))
    words.close()
    joined = "".join(words.parts).replace("\x00", "\n")
    lines = [" ".join(line.split()) for line in joined.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def text_to_html(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>")


_TITLES = re.compile(r"^(?:(?:mr|mrs|ms|miss|dr|prof|herr|frau|mme|sir|ing|dipl)\.?\s+)+(?=\S)", re.IGNORECASE)
_SUFFIX = re.compile(r",?\s+(?:jr|sr|ii|iii|iv|phd|ph\.d|md|mba|esq)\.?$", re.IGNORECASE)
_PARTICLES = frozenset(
    {
        "van",
        "von",
        "de",
        "der",
        "den",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "du",
        "la",
        "le",
        "ten",
        "ter",
        "bin",
        "al",
        "el",
        "st",
    }
)


def part_of(text: str, separator: str, index: int) -> str:
    """Return one part of a text, without outer blanks; "" where it has fewer."""
    parts = [part.strip() for part in text.split(separator)]
    return parts[index] if index < len(parts) else ""


def split_name(full: str) -> tuple[str, str]:
    """Return (first, last): "Smith, Ann" and "Dr. Ludwig van Beethoven" are understood; one word is a last name."""
    name = _SUFFIX.sub("", _TITLES.sub("", " ".join(full.split())))
    last, comma, first = name.partition(",")
    if comma and first.strip() and last.strip():
        return first.strip(), last.strip()
    words = name.strip(", ").split()
    if len(words) < 2:
        return "", " ".join(words)
    cut = len(words) - 1
    while cut > 1 and words[cut - 1].lower() in _PARTICLES:
        cut -= 1
    return " ".join(words[:cut]), " ".join(words[cut:])


def first_name(text: str) -> str:
    return split_name(text)[0]


def last_name(text: str) -> str:
    return split_name(text)[1]
