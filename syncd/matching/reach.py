"""Canonical telephone numbers, web and mail domains, as far as they can say that two records are one.

Whether a number can be dialled is not asked: the fields of a lead are checked before they come here.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Mail hosts that say nothing about where somebody works; the country is cut off of the large ones ("yahoo.co.uk").
_FREE = frozenset({
    "gmail", "googlemail", "yahoo", "ymail", "rocketmail", "hotmail", "outlook", "live", "msn", "aol", "aim",
    "icloud", "me",
    "mac", "gmx", "web", "freenet", "t-online", "arcor", "mail", "inbox", "list", "bk", "yandex", "ya",
    "rambler", "qq", "163",
    "126", "sina", "sohu", "foxmail", "naver", "daum", "hanmail", "proton", "protonmail", "pm", "tutanota",
    "fastmail", "hey",
    "zoho", "comcast", "verizon", "att", "sbcglobal", "bellsouth", "cox", "charter", "earthlink", "juno", "btinternet",
    "virginmedia", "sky", "talktalk", "ntlworld", "orange", "wanadoo", "free", "laposte", "sfr", "libero",
    "virgilio", "tiscali",
    "alice", "terra", "uol", "bol", "ig", "seznam", "wp", "o2", "onet", "interia", "rediffmail", "bigpond",
    "optusnet", "shaw",
    "rogers", "telus", "sympatico", "freemail", "email", "usa", "gmal", "gmial",
})  # fmt: skip
# Hosts of other people's pages: half of all small firms share one.
_HOSTS = frozenset({
    "facebook", "linkedin", "instagram", "twitter", "x", "youtube", "wixsite", "wordpress", "blogspot",
    "weebly", "squarespace",
    "google", "sites", "github", "myshopify", "etsy", "amazon", "ebay", "yelp", "business",
})  # fmt: skip
# Second-level registries, of which the label before is the name: "acme.co.uk".
_REGISTRIES = frozenset(
    {"co", "com", "net", "org", "gov", "gob", "edu", "ac", "or", "ne", "go", "gv", "asn", "ltd", "plc", "nhs"}
)
_EXTENSION = re.compile(r"(?:x|ext|extn|extension|durchwahl|dw)[ .:]*\d{1,6}\s*$")
_SHORTEST_NUMBER = 7
_TAIL = 9


@lru_cache(maxsize=1 << 16)
def phone_tail(phone: str | None) -> str:
    """Return the digits of a number that do not depend on how it is dialled, or "" when too few are left.

    Nine digits are an area and a line in every plan: "+49 30 1234567" and "030/1234567" are one.
    """
    if not phone:
        return ""
    digits = "".join(ch for ch in _EXTENSION.sub("", phone[:64].lower()) if ch.isdigit()).lstrip("0")
    if len(digits) < _SHORTEST_NUMBER or len(set(digits[-_SHORTEST_NUMBER:])) < 2:
        return ""
    return digits[-_TAIL:]


@lru_cache(maxsize=1 << 16)
def company_domain(text: str | None) -> str:
    """Return the registered domain of an address, page or mail address; "" when it belongs to no one company."""
    if not text:
        return ""
    host = text.strip().lower()[:512].rpartition("@")[2]
    host = host.partition("://")[2] or host
    host = re.split(r"[/?#:\s]", host, maxsplit=1)[0].strip(".")
    labels = host.split(".")
    if len(labels) < 2 or not all(labels):
        return ""
    keep = 3 if len(labels) > 2 and labels[-2] in _REGISTRIES and len(labels[-1]) <= 3 else 2
    owned = labels[-keep:]
    if owned[0] in _FREE or owned[0] in _HOSTS or (owned[0] in _REGISTRIES and keep == 2 and len(labels[-1]) == 2):
        return ""
    return ".".join(owned)


def mail_address(email: str | None) -> str:
    if not email or "@" not in email:
        return ""
    return email.strip().lower()[:320]
