"""What an answer of Salesforce means: wait, tell the operator, or refuse this one record.

It quotes no message of Salesforce but the admin's own, because the others may repeat a field's value. Acting on the
meaning is left to the callers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import requests

from connectors.contract import Deferred, Rejected
from connectors.errors import ConfigProblem, ConnectorError, ContractBroken, NoEntry, Unavailable
from connectors.http import Judge, Wait, parse_json, retry_after

DAILY_WAIT = 900.0  # seconds; the daily limit is a rolling window out of which capacity trickles back

_SPENT = "the org has spent its daily API calls; raise its limit, or wait"
TRANSIENT = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "REQUEST_LIMIT_EXCEEDED",
        "QUERY_TIMEOUT",
        "TXN_SECURITY_METERING_ERROR",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "PROCESSING_HALTED",
        "BATCH_PROCESSING_HALTED",
    }
)
NOT_OF_THE_ROW = frozenset(
    {"SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "QUERY_TIMEOUT", "TXN_SECURITY_METERING_ERROR"}
)
NARROWER = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"})  # the query works with fewer rows
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "CANNOT_UPDATE_CONVERTED_LEAD"})

# Automation of the org failed; what made it fail stands in the text only, always in English.
_AUTOMATION = frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "APEX_ERROR", "CANNOT_EXECUTE_FLOW_TRIGGER"})
_PASSING = ("UNABLE_TO_LOCK_ROW", "CPU time limit", "deadlock")

_STOPS = {
    "API_DISABLED_FOR_ORG": "this org or user may not use the API; give the integration user the right API Enabled",
    "API_CURRENTLY_DISABLED": "the API is switched off for this org; ask Salesforce support",
    "FUNCTIONALITY_NOT_ENABLED": "the org lacks a feature that is needed; check its edition",
    "INSUFFICIENT_ACCESS": "the integration user lacks a right; assign the permission set syncd to it",
    "UNSUPPORTED_API_VERSION": "this API version is gone; set api_version to a current one",
    "GONE": "this API version is gone; set api_version to a current one",
    "STORAGE_LIMIT_EXCEEDED": "the org's data storage is full; free some or buy more",
    "TRANSFER_REQUIRES_READ": "the new owner may not read the record; correct the owner mapping or the profile",
}
_FOR_EVERY_CALL = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "UNSUPPORTED_API_VERSION", "GONE"})
# What an admin must mend before it works: for all records, or for these.
_ORG_WIDE = frozenset({"STORAGE_LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
_RIGHTS = frozenset(
    {
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INVALID_TYPE",
        "INVALID_TYPE_FOR_OPERATION",
        "METHOD_NOT_ALLOWED",
        "FUNCTIONALITY_NOT_ENABLED",
        "TRANSFER_REQUIRES_READ",
    }
)
_RIGHTS_OF_THE_ROW = frozenset({"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "TRANSFER_REQUIRES_READ"})
# A whole sub-request was refused for these, and no row in it would fare better alone.
FOR_ALL = _ORG_WIDE | frozenset(
    {"INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS", "FUNCTIONALITY_NOT_ENABLED", "METHOD_NOT_ALLOWED"}
)
_NO_RIGHT = (
    "syncd's user lacks the right to create such records, or to edit this one; check its permission set and sharing"
)
_ROW_WORDS = {
    "REQUIRED_FIELD_MISSING": "a required field is empty; map a value to it, or let the org do without",
    "INVALID_EMAIL_ADDRESS": "not an e-mail address as Salesforce checks it; correct it at its source",
    "NUMBER_OUTSIDE_VALID_RANGE": "a number is outside the field's range; correct it at its source, or widen the field",
    "JSON_PARSER_ERROR": "a value has the wrong type for its field",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "a value has the wrong type for its field",
    "MALFORMED_ID": "an id has the wrong form",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "a value is not among those of a restricted picklist; add it there, or "
    "translate it with `values` in the mapping",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "a lookup filter of the org forbids the reference",
    "FIELD_INTEGRITY_EXCEPTION": "a value does not fit the org's lists or the parent; with state and country picklists "
    "write StateCode and CountryCode, or the names as the org lists them (`as: state name`)",
    "INVALID_CROSS_REFERENCE_KEY": "a record referred to is missing, deleted or invisible to the integration user",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "the integration user may not see a record referred to",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "a field may not be written by the integration user; grant it, or unmap it",
    "INVALID_FIELD": "the object has no such field, or the integration user may not see it; grant it, or unmap it",
    "INVALID_TYPE": "there is no such object, or the integration user may not see it",
    "INSUFFICIENT_ACCESS_OR_READONLY": _NO_RIGHT,
    "INSUFFICIENT_ACCESS": _NO_RIGHT,
    "INVALID_TYPE_FOR_OPERATION": _NO_RIGHT,
    "METHOD_NOT_ALLOWED": _NO_RIGHT,
    "FUNCTIONALITY_NOT_ENABLED": "the org lacks a feature that is needed; check its edition",
    "TRANSFER_REQUIRES_READ": "the new owner may not read the record; correct the owner mapping or the profile",
    "ENTITY_IS_DELETED": "the record is deleted or was merged into another",
    "NOT_FOUND": "there is no such record",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead is converted; its contact and account live on",
    "INACTIVE_OWNER_OR_USER": "the owner is not an active user; correct the owner mapping",
    "INVALID_ASSIGNEE_TYPE": "the owner cannot own such a record; correct the owner mapping",
    "DUPLICATE_VALUE": "another record holds the same value of a unique field",
    "DUPLICATE_EXTERNAL_ID": "several records hold the same key",
    "DUPLICATES_DETECTED": "a duplicate rule of the org found records like this one; merge them, or relax the rule",
    "STORAGE_LIMIT_EXCEEDED": "the org's data storage is full; free some or buy more",
    "LIMIT_EXCEEDED": "a limit of the org is reached; its setup shows which under Company Information",
    "API_DISABLED_FOR_ORG": "this org or user may not use the API; give syncd's user the right API Enabled",
    "API_CURRENTLY_DISABLED": "the API is switched off for this org; ask Salesforce support",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error of an answer. `text` is Salesforce's own and may hold values: parse it, never print it."""

    code: str
    text: str = ""
    fields: tuple[str, ...] = ()
    matches: tuple[tuple[str, str], ...] = ()
    alert: bool = False  # a duplicate rule that lets people save all the same


def troubles(body: Any) -> list[Trouble]:
    """Read the errors out of a body: the top-level list (`errorCode`) or those of a row (`statusCode`)."""
    found = []
    for item in body if isinstance(body, list) else [body]:
        if isinstance(item, dict) and ("errorCode" in item or "statusCode" in item):
            code = str(item.get("errorCode") or item.get("statusCode"))
            fields = item.get("fields")
            names = [str(name) for name in (fields if isinstance(fields, list) else ()) if _NAME.fullmatch(str(name))]
            text = str(item.get("message") or "")
            found.append(Trouble(code, text, tuple(names), _rule_matches(item), _only_alerts(item)))
    return found


def judge(system: str) -> Judge:
    """Return the session's judge: which answers to a whole call are worth waiting for, and which stop everything."""

    def verdict(answer: requests.Response) -> Wait | ConnectorError | None:
        status = answer.status_code
        head = answer.content.lstrip()[:1]
        if head not in (b"[", b"{") and (status == 403 or (status < 300 and head)):
            return Wait(
                f"{system} answered {status} with a page that is no JSON (something between us and Salesforce?)"
            )
        if status < 300:
            return None
        code, text = _first(answer)
        if code == "REQUEST_LIMIT_EXCEEDED":
            if "concurrent" in text.lower():
                return Wait(f"{system} has too many long calls running at once", 5.0)
            return Wait(f"{system}: {_SPENT}", DAILY_WAIT, now_or_later=False)
        if is_passing(status) or code in TRANSIENT:
            return Wait(f"{system} cannot answer now (HTTP {status}{f', {code}' if code else ''})", retry_after(answer))
        if code in _FOR_EVERY_CALL:
            return NoEntry(f"{system}: {_STOPS[code]} ({code})")
        return None

    return verdict


def refused_call(system: str, status: int, body: Any, what: str) -> ConnectorError:
    """Return the error for an answer to `what` (an object or resource name) that no waiting will change."""
    trouble = next(iter(troubles(body)), Trouble(f"HTTP {status}"))
    code = trouble.code
    if is_spent(trouble):
        return Unavailable(f"{system}: {_SPENT}", system=system, retry_after=DAILY_WAIT)
    if is_passing(status) or code in TRANSIENT | NARROWER:
        return Unavailable(f"{system} could not answer for {what} ({code})", system=system, retry_after=30.0)
    if code == "INVALID_FIELD":
        name, of = unknown_field(trouble)
        return ConfigProblem(
            f"{system}: {of or what} has no field {name or '(not named by Salesforce)'} that syncd's user may see. "
            f"Correct the mapping, or grant the field in the permission set (a field that nobody was granted looks "
            f"like a missing one)",
            system=system,
        )
    if code in ("INVALID_TYPE", "NOT_FOUND"):
        return ConfigProblem(
            f"{system}: there is no {what} that syncd's user may see. Correct the mapping, or grant the object in the "
            f"permission set",
            system=system,
        )
    if code in _STOPS or status == 403:
        words = _STOPS.get(code, "the integration user lacks a right for this")
        return ConfigProblem(f"{system}: {what}: {words} ({code})", system=system)
    return ContractBroken(
        f"{system} refused a call for {what} (HTTP {status}, {code}); please report this", system=system
    )


def unknown_field(trouble: Trouble) -> tuple[str, str]:
    """Return the field and the object that an INVALID_FIELD names, empty where it does not."""
    found = re.search(
        r"[Nn]o such column '([A-Za-z0-9_.]+)' on (?:entity|sobject of type) '?([A-Za-z0-9_]+)", trouble.text
    )
    if found:
        return found.group(1), found.group(2)
    parent = re.search(r"[Dd]idn't understand relationship '([A-Za-z0-9_]+)'", trouble.text)
    if parent:
        return parent.group(1), ""
    return (trouble.fields[0], "") if trouble.fields else ("", "")


def is_passing(status: int) -> bool:
    """Tell whether a call, or a part of one, may be answered a moment later; 0: it was not answered at all."""
    return status == 0 or status >= 500 or status in (420, 429)


def is_spent(trouble: Trouble) -> bool:
    """Tell whether the org has spent its daily calls, which no second try helps."""
    return trouble.code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" not in trouble.text.lower()


def may_be_its_rows(status: int, found: Sequence[Trouble]) -> bool:
    """Tell whether a part that came to nothing could have done so for one of its rows: a trigger that breaks off."""
    return status not in (420, 429, 503) and not (found and found[0].code in NOT_OF_THE_ROW)


def spent() -> Deferred:
    return Deferred(_SPENT, DAILY_WAIT, at_large=True)


def is_transient(trouble: Trouble) -> bool:
    """Tell whether the same row may go through a moment later."""
    if trouble.code in _AUTOMATION:
        return any(sign in trouble.text for sign in _PASSING)
    return trouble.code in TRANSIENT


def why_later(trouble: Trouble) -> str:
    """Return why a transient row was not written, for people."""
    return f"{trouble.code}: {_row_words(trouble)}" if trouble.code in _AUTOMATION else trouble.code


def refusal(
    kind: str, found: Sequence[Trouble], *, creates: bool = False, as_a_whole: bool = False
) -> Rejected | Deferred:
    """Return what a refusal means for one record: it must change, or an admin must mend something for it.

    `creates`: it was to be made, so a lacking right says nothing about this one. `as_a_whole`: all that was sent with
    it was refused too, so NOT_FOUND means its object or key field.
    """
    code = found[0].code
    if creates and code == "STORAGE_LIMIT_EXCEEDED":  # what is there can still be read and changed
        return Deferred(f"{code}: {_ROW_WORDS[code]}", stuck=True, alike=True)
    if code in _ORG_WIDE:
        return Deferred(f"{code}: {_ROW_WORDS[code]}", DAILY_WAIT, at_large=True)
    if as_a_whole and code == "NOT_FOUND":
        words = f"Salesforce refused this {kind}. NOT_FOUND: {_ROW_WORDS['INVALID_TYPE']}"
        return Deferred(words, stuck=True, alike=True)
    told = _rejection(kind, found)
    if code in _RIGHTS:
        return Deferred(told.message, stuck=True, alike=creates and code not in _RIGHTS_OF_THE_ROW)
    return replace(told, gone=False) if as_a_whole else told


def duplicate_field(trouble: Trouble) -> str | None:
    """Return the unique field that a DUPLICATE_VALUE names."""
    found = re.search(r"duplicate value found: ([A-Za-z0-9_]+) duplicates", trouble.text)
    return found.group(1) if found else None


# ---------------------------------------------------------------------------------------------------------------------


def _first(answer: requests.Response) -> tuple[str, str]:
    try:
        found = troubles(parse_json(answer.content))
    except ValueError:
        return "", ""
    return (found[0].code, found[0].text) if found else ("", "")


def _rejection(kind: str, found: Sequence[Trouble]) -> Rejected:
    """Return the refusal of one record, in words that repeat none of its values."""
    first = found[0]
    names = list(dict.fromkeys(name for trouble in found for name in trouble.fields))
    field = names[0] if names else None
    if first.code == "INVALID_FIELD":
        field = unknown_field(first)[0] or field
    elif first.code == "DUPLICATE_VALUE":
        field = duplicate_field(first) or field
    named = ", ".join(names) or field
    words = f"{first.code}: {_row_words(first)}" + (f" ({named})" if named else "")
    if len(found) > 1:
        words += "; also " + ", ".join(trouble.code for trouble in found[1:])
    return Rejected(
        code=first.code,
        message=f"Salesforce refused this {kind}. {words}",
        field=field,
        matches=first.matches or _holders(kind, first),
        gone=first.code in GONE,
    )


def _row_words(trouble: Trouble) -> str:
    if trouble.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION":
        return f"a validation rule of the org says: {trouble.text}"
    if trouble.code == "STRING_TOO_LONG":
        length = re.search(r"\(max length=(\d+)\)\s*$", trouble.text)
        takes = f"{length.group(1)} characters that the field takes" if length else "field takes"
        return f"a text is longer than the {takes}; lengthen the field, or cut with `truncate` in the mapping"
    if trouble.code in _AUTOMATION:
        name = re.match(r"([A-Za-z][A-Za-z0-9_]*): execution of", trouble.text)
        return "a trigger or flow of the org failed" + (f": {name.group(1)}" if name else "; its log says why")
    if trouble.alert:
        return (
            "a duplicate rule of the org that only alerts found records like this one, and syncd makes no second one "
            "by itself: merge or correct them, exempt syncd's user from the rule, or set create_despite_alerts"
        )
    return _ROW_WORDS.get(trouble.code, "see this code in Salesforce's documentation")


def _holders(kind: str, trouble: Trouble) -> tuple[tuple[str, str], ...]:
    """Read from a refusal for a key that is taken which records hold it."""
    if trouble.code == "DUPLICATE_VALUE":
        found = re.search(r"with id: ([A-Za-z0-9]{15,18})\b", trouble.text)
        return ((kind, found.group(1)),) if found else ()
    if trouble.code == "DUPLICATE_EXTERNAL_ID":
        listed = re.search(r"\[([A-Za-z0-9, ]+)\]\s*$", trouble.text)
        return tuple((kind, id.strip()) for id in listed.group(1).split(",")) if listed else ()
    return ()


def _rule_told(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a duplicate rule told; the single-row endpoint misspells the key."""
    told = item.get("duplicateResut") or item.get("duplicateResult")
    return told if isinstance(told, dict) else {}


def _only_alerts(item: dict[str, Any]) -> bool:
    return _rule_told(item).get("allowSave") is True


def _rule_matches(item: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Read the records that a duplicate rule found."""
    found = []
    with suppress(AttributeError, TypeError):  # in another form they are not told, and the refusal stands
        for result in _rule_told(item).get("matchResults") or ():
            for match in result.get("matchRecords") or ():
                record = match.get("record") or {}
                kind = (record.get("attributes") or {}).get("type") or result.get("entityType")
                if kind and record.get("Id"):
                    found.append((str(kind), str(record["Id"])))
    return tuple(dict.fromkeys(found))
