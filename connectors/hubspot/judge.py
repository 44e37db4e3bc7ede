"""What HubSpot's statuses and error bodies mean; how long to wait is done by the session, what to do by the caller.

An error body quotes the values it refuses. Nothing of it is passed on but codes, property names and ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, NoEntry, RecordRefused, Unavailable
from connectors.http import Allowance, Wait, parse_json, retry_after

LOCKED_SECONDS = 2.0  # 423: the lock of heavy writes lasts 2 s
CUT_OFF_SECONDS = 2.0  # 502 and 504: what was sent may just be being written
BURST_SECONDS = 10.0
SEARCH_SECONDS = 1.0
INVALID_IDS = "INVALID_OBJECT_IDS"  # an association whose record is deleted or merged away
TOKEN_SECONDS = 60.0
SHORTEST_DAILY = 60.0  # a shorter Retry-After says nothing about a daily limit
LONG_PAUSE = 3600.0  # a migration between regions, or a daily limit whose reset is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """One error of HubSpot's with everything taken out that could be a value."""

    code: str
    field: str | None = None
    fields: tuple[str, ...] = ()  # all that are to blame
    ids: tuple[str, ...] = ()
    invalid: tuple[tuple[str, str], ...] = ()  # (HubSpot's word for the kind, id) that cannot be associated
    traces: tuple[str, ...] = ()
    existing: str | None = None  # the record that already holds a unique value
    final: bool = True  # sent again unchanged, it would be refused again

    @property
    def gone(self) -> bool:
        return self.code == "OBJECT_NOT_FOUND"

    def sentence(self, subject: str) -> str:
        where = f" on property {self.field}" if self.field else ""
        return f"HubSpot refused {subject}: {self.code}{where}; {_REMEDIES.get(self.code, _NO_REMEDY)}"


class CallRefused(RecordRefused):
    """A whole call was answered with a final 4xx."""

    def __init__(self, status: int, trouble: Trouble) -> None:
        super().__init__(trouble.sentence(f"a call (HTTP {status})"), code=trouble.code, field=trouble.field)
        self.status = status
        self.trouble = trouble


class Forbidden(ConfigProblem):
    """A call takes a right that the token lacks; calls of another kind may do without it."""


class ScopeMissing(Forbidden):
    """HubSpot names the scope: asked again, it answers the same until a person grants it."""


class HubSpotJudge:
    """Tells the session which answers are final; remembers the daily allowance that the answers mention."""

    def __init__(self) -> None:
        self.daily: tuple[int, int] | None = None  # allowed, remaining
        self._told_until = datetime.min.replace(tzinfo=UTC)  # when that starts anew
        self.utc_offset: timedelta | None = None  # of the account, whose midnight resets the daily limit

    def __call__(self, answer: requests.Response) -> Wait | ConnectorError | None:
        self._note_allowance(answer)
        status = answer.status_code
        if 200 <= status < 300:
            return None if status == 204 or _looks_like_json(answer) else Wait("HubSpot answered with an error page")
        if status >= 500:
            return _server_trouble(answer)
        if status == 429:
            return self._limit(answer)
        if status == 423:
            return Wait("HubSpot has locked the records for heavy writes", LOCKED_SECONDS)
        if status == 477:
            pause = retry_after(answer) or LONG_PAUSE
            return Wait("HubSpot is moving this account to another region", pause, now_or_later=False)
        body = _body(answer)
        if "/oauth/" in (answer.request.path_url or ""):
            return _token_trouble(status, body)
        if status == 401:
            return AuthExpired("HubSpot refused the call as not authenticated (HTTP 401)")
        if status == 403:
            return _forbidden(body)
        return CallRefused(status, trouble_of(body, f"HTTP_{status}"))

    def until_reset(self) -> float:
        """Return the seconds to the account's midnight, when the daily limit starts anew; an hour while not known."""
        if self.utc_offset is None:
            return LONG_PAUSE
        there = datetime.now(UTC) + self.utc_offset
        midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - there).total_seconds()

    def allowance(self) -> Allowance | None:
        """Return what answers of this day told of the daily limit."""
        if self.daily is None or datetime.now(UTC) >= self._told_until:
            return None
        return Allowance(allowed=self.daily[0], remaining=self.daily[1], resets_in=self.until_reset())

    def _limit(self, answer: requests.Response) -> Wait:
        body, told = _body(answer), retry_after(answer)
        words = f"{body.get('policyName', '')} {body.get('message', '')}".lower()
        if "daily" in words:
            pause = told if told is not None and told >= SHORTEST_DAILY else self.until_reset()
            return Wait("HubSpot's daily limit of the account is reached", pause, now_or_later=False)
        burst = "ten_secondly" in words or "rolling" in words
        if not burst and ("secondly" in words or answer.request.path_url.endswith("/search")):
            return Wait("HubSpot's search limit is reached", SEARCH_SECONDS if told is None else told)
        return Wait("HubSpot's limit of calls per 10 seconds is reached", BURST_SECONDS if told is None else told)

    def _note_allowance(self, answer: requests.Response) -> None:
        try:
            allowed = int(answer.headers["X-HubSpot-RateLimit-Daily"])
            self.daily = allowed, int(answer.headers["X-HubSpot-RateLimit-Daily-Remaining"])
            self._told_until = datetime.now(UTC) + timedelta(seconds=self.until_reset())
        except (KeyError, ValueError):
            pass


def trouble_of(error: Mapping[str, Any], fallback: str = "UNKNOWN") -> Trouble:
    """Reduce an error body, or one entry of a batch's `errors`, to what may be shown."""
    message = error.get("message")
    text = message if isinstance(message, str) else ""
    context = _mapping(error.get("context"))
    found = [*_listed(error), *_embedded(text)]
    code = next((code for code, _ in found if code), None) or _code_in_words(text)
    fields = tuple(dict.fromkeys(name for _, name in found if name)) or _names(context.get("propertyName"))
    named = _UNKNOWN.search(text) or _REQUIRED.search(text)
    if not fields and named:
        fields = (named.group(1),)
    if code is None and INVALID_IDS in context:
        code = INVALID_IDS
    if code is None:
        code = _code(error.get("subCategory")) or _code(error.get("category")) or fallback
    taken = _TAKEN.search(text) or _EXISTING.search(text)
    known = bool(fields) or _code_in_words(text) is not None
    return Trouble(
        code=code,
        field=_first(fields),
        fields=fields,
        ids=_digits(context.get("ids")),
        invalid=tuple(_INVALID.findall("\n".join(map(str, _list(context.get(INVALID_IDS)))))),
        traces=tuple(str(trace) for trace in _list(context.get("objectWriteTraceId"))),
        existing=taken.group(1) if taken else None,
        final=known or error.get("category") in _FINAL,
    )


# ---------------------------------------------------------------------------------------------------------------------

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,60}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
_TAKEN = re.compile(r"\b(\d+) already has that value")  # the id before " on " is a half-made record
_UNKNOWN = re.compile(r"\b[Pp]roperty \"?([a-z][a-z0-9_]{0,99})\"? does not exist")
_REQUIRED = re.compile(r"\A([a-z][a-z0-9_]{0,99}) is required ")
_INVALID = re.compile(r"([A-Za-z0-9_-]{1,100})=(\d+) is not valid")
_NOT_VALID = "Property values were not valid: "

_WORDS = (
    ("already has that value", "VALUE_TAKEN"),
    ("Duplicate IDs found", "DUPLICATE_IDS"),
    ("by non-unique", "NOT_UNIQUE_PROPERTY"),
    (" does not exist", "PROPERTY_DOESNT_EXIST"),
    ("Unable to infer object type", "UNKNOWN_OBJECT_TYPE"),
    (" is required because of a conditional property rule", "MISSING_CONDITIONAL_REQUIRED_PROPERTY"),
)

# Categories that blame what was sent; of any other (INTERNAL_ERROR, RATE_LIMITS) a row may be rid of by waiting.
_FINAL = ("VALIDATION_ERROR", "CONFLICT", "OBJECT_NOT_FOUND", "OBJECT_ALREADY_EXISTS", "MISSING_SCOPES")

_RULE = "an admin's rule in HubSpot requires this property; map it or change the rule"
_NO_REMEDY = "correct the record or its mapping"
_REMEDIES = {
    "PROPERTY_DOESNT_EXIST": "create the property (`syncd setup`) or take it out of the mapping",
    "READ_ONLY_VALUE": "HubSpot computes this property; take it out of the mapping",
    "INVALID_OPTION": "add the option to the property in HubSpot, or map the value to one that exists",
    "INVALID_EMAIL": "correct the e-mail address",
    "OBJECT_NOT_FOUND": "the record was deleted or merged in HubSpot",
    "CONFLICT": "another record already has the unique value",
    "VALUE_TAKEN": "another record already has the unique value",
    "NOT_UNIQUE_PROPERTY": "the key must be a property made with unique values; create one with `syncd setup`",
    "MISSING_REQUIRED_PROPERTY": _RULE,
    "MISSING_CONDITIONAL_REQUIRED_PROPERTY": _RULE,
    "LIFECYCLE_NOT_APPLIED": "HubSpot kept the later stage, also after it was emptied; set it by hand",
}


def _server_trouble(answer: requests.Response) -> Wait:
    # 520 to 526 but 521, 523 and 524 mean a broken path to HubSpot that seconds do not mend.
    patient = answer.status_code not in (520, 522, 525, 526)
    told = retry_after(answer)
    if told is None and not patient:
        told = 60.0
    elif told is None and answer.status_code in (502, 504):
        told = CUT_OFF_SECONDS
    return Wait(f"HubSpot answered {answer.status_code}", told, now_or_later=patient)


def _forbidden(body: Mapping[str, Any]) -> ConnectorError:
    if not body:
        return Unavailable("HubSpot's edge blocked the call (403 without a JSON body)", retry_after=60.0)
    scopes = [
        scope
        for error in _list(body.get("errors"))
        for names in _mapping(_mapping(error).get("context")).values()
        for scope in _list(names)
        if isinstance(scope, str) and re.fullmatch(r"[a-z][a-z0-9_.-]{2,80}", scope)
    ]
    if scopes:
        return ScopeMissing(f"HubSpot's token lacks a scope: {', '.join(scopes)}; grant it to the app in HubSpot")
    return Forbidden("HubSpot forbids this call (HTTP 403); check the scopes of the app against the README")


def _token_trouble(status: int, body: Mapping[str, Any]) -> ConnectorError:
    if not body:
        return Unavailable(f"HubSpot answered {status} with a page in place of a token", retry_after=TOKEN_SECONDS)
    word = str(body.get("status", ""))
    if word in ("BAD_CLIENT_ID", "BAD_CLIENT_SECRET"):
        return NoEntry(f"HubSpot does not know this OAuth app ({word}); correct oauth.client_id and client_secret")
    if word == "BAD_HUB":
        return AuthExpired(
            "HubSpot no longer has the account that oauth.refresh_token belongs to, or lets the app into it no more "
            "(BAD_HUB); if another account is meant, install the app there and set oauth.refresh_token to its token"
        )
    reason = word if _CODE.fullmatch(word) else f"HTTP {status}"
    return AuthExpired(
        f"HubSpot refused the OAuth refresh token ({reason}): it was withdrawn, or HubSpot replaced it since; install "
        f"the app again and set oauth.refresh_token to its new one, or use a service key (access_token)"
    )


def _looks_like_json(answer: requests.Response) -> bool:
    return answer.content.lstrip()[:1] in (b"{", b"[")


def _body(answer: requests.Response) -> Mapping[str, Any]:
    try:
        return _mapping(parse_json(answer.content))
    except ValueError:
        return {}


def _listed(error: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None]]:
    for each in _list(error.get("errors")):
        part = _mapping(each)
        yield _code(part.get("code")), _first(_names(_mapping(part.get("context")).get("propertyName")))


def _embedded(text: str) -> Iterator[tuple[str | None, str | None]]:
    """Read the JSON document that a property error carries inside its message."""
    start = text.find(_NOT_VALID)
    if start < 0:
        return
    try:
        document = parse_json(text[start + len(_NOT_VALID) :])
    except ValueError:
        return
    for each in _list(document):
        part = _mapping(each)
        yield _code(part.get("error")), _first(_names(part.get("name")))


def _code_in_words(text: str) -> str | None:
    return next((code for sign, code in _WORDS if sign in text), None)


def _code(value: Any) -> str | None:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in _list(value) if isinstance(name, str) and _NAME.fullmatch(name))


def _digits(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in _list(value) if str(item).isdigit())


def _first(names: Sequence[str]) -> str | None:
    return names[0] if names else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)
