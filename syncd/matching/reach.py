"""Canonical telephone numbers, web and mail domains, as far as they can say that two records are one.

Whether a number can be dialled is not asked: the fields of a lead are checked before they come here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from syncd.matching.text import fold, tokens

# Mail hosts that say nothing about where somebody works: by their name in whatever country, and with it where other
# countries have companies of that name.
_FREE_ANYWHERE = frozenset({
    "gmail", "googlemail", "gmal", "gmial", "yahoo", "ymail", "rocketmail", "hotmail", "outlook", "live", "msn", "aol",
    "aim", "icloud", "gmx", "yandex", "rambler", "protonmail", "tutanota", "fastmail", "foxmail", "hanmail",
    "rediffmail", "freemail", "sbcglobal", "bellsouth", "btinternet", "ntlworld", "wanadoo", "optusnet", "sympatico",
    "bigpond", "t-online", "laposte", "virgilio", "seznam",
})  # fmt: skip
_FREE = frozenset({
    "me.com", "mac.com", "hey.com", "mail.com", "email.com", "inbox.com", "usa.com", "usa.net", "zoho.com",
    "juno.com", "proton.me", "pm.me", "mail.ru", "inbox.ru", "list.ru", "bk.ru", "ya.ru", "qq.com", "163.com",
    "126.com", "sina.com", "sina.cn", "sohu.com", "naver.com", "daum.net", "web.de", "mail.de", "email.de",
    "freenet.de", "arcor.de", "att.net", "verizon.net", "comcast.net", "cox.net", "charter.net", "earthlink.net",
    "shaw.ca", "rogers.com", "telus.net", "sky.com", "virginmedia.com", "talktalk.net", "tiscali.co.uk", "o2.co.uk",
    "orange.fr", "orange.net", "free.fr", "sfr.fr", "libero.it", "tiscali.it", "alice.it", "terra.com.br", "terra.es",
    "uol.com.br", "bol.com.br", "ig.com.br", "wp.pl", "o2.pl", "onet.pl", "onet.eu", "interia.pl", "interia.eu",
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
    owned = _registered(text) if text else ""
    return "" if _is_free(owned) or _label(owned) in _HOSTS else owned


def mail_domain(email: str | None) -> str | None:
    """Return the domain of a mail address, as it stands, if it can say which company somebody belongs to."""
    if not email or "@" not in email:
        return None
    domain = email.rpartition("@")[2].lower()
    return None if _is_free(_registered(domain)) else domain


def is_for_anybody(domain: str, name: str | None) -> bool:
    """Whether a company of this name only has its page, or its mail, at this domain, as others have."""
    owned = _registered(domain)
    label = _label(owned)
    return _is_free(owned) or (label in _HOSTS and label not in tokens(fold(name or "")))


def mail_address(email: str | None) -> str:
    if not email or "@" not in email:
        return ""
    return email.strip().lower()[:320]


# ---------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def _registered(text: str) -> str:
    host = text.strip().lower()[:512].rpartition("@")[2]
    host = host.partition("://")[2] or host
    host = re.split(r"[/?#:\s]", host, maxsplit=1)[0].strip(".")
    labels = host.split(".")
    if len(labels) < 2 or not all(labels):
        return ""
    keep = 3 if len(labels) > 2 and labels[-2] in _REGISTRIES and len(labels[-1]) <= 3 else 2
    owned = labels[-keep:]
    return "" if owned[0] in _REGISTRIES and keep == 2 and len(labels[-1]) == 2 else ".".join(owned)


def _label(owned: str) -> str:
    return owned.partition(".")[0]


def _is_free(owned: str) -> bool:
    return owned in _FREE or _label(owned) in _FREE_ANYWHERE
