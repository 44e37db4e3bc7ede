"""The error answers of HubSpot, in the envelopes its documents and users record; when to raise one is the caller's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """A call, or one row of a batch, that HubSpot would refuse."""

    def __init__(
        self,
        status: int,
        message: str,
        category: str | None = "VALIDATION_ERROR",
        *,
        sub_category: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, list[str]] | None = None,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.headers = dict(headers or {})
        self._rest: dict[str, Any] = {
            "subCategory": sub_category,
            "errors": [dict(error) for error in errors] or None,
            "context": dict(context) if context else None,
            **(fields or {}),
        }

    def body(self, correlation_id: str) -> dict[str, Any]:
        head = {"status": "error", "message": self.message, "correlationId": correlation_id, "category": self.category}
        return {name: value for name, value in {**head, **self._rest}.items() if value is not None}

    def row(self, context: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the error as an entry of a 207's `errors`; what a whole call lists, its text says."""
        entry = {
            "status": "error",
            "category": self.category or "VALIDATION_ERROR",
            "message": self.message,
            **self._rest,
            "errors": None,
        }
        entry["context"] = {**(entry["context"] or {}), **context}
        return {name: value for name, value in entry.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One property value of a write that HubSpot would not take."""

    name: str
    code: str
    message: str


class InvalidProperties(ApiError):
    """The 400 that lists every refused property twice: as text inside `message` and in `errors`."""

    def __init__(self, problems: Sequence[Problem], portal_id: int) -> None:
        self.problems = tuple(problems)
        listed = [
            {
                "isValid": False,
                "message": problem.message,
                "error": problem.code,
                "name": problem.name,
                "localizedErrorMessage": problem.message,
                "portalId": portal_id,
            }
            for problem in problems
        ]
        errors = [
            {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
            for problem in problems
        ]
        super().__init__(400, f"Property values were not valid: {json.dumps(listed)}", errors=errors)


def contact_exists(existing: int) -> ApiError:
    return ApiError(409, f"Contact already exists. Existing ID: {existing}", "CONFLICT")


def value_taken(portal_id: int, kind: str, name: str, value: str, writing: int, owner: int) -> ApiError:
    """Return the second form of a uniqueness conflict: the second id owns the value, the first is the one written."""
    type_name = {"contacts": "CONTACT", "companies": "COMPANY", "deals": "DEAL"}.get(kind, kind)
    return ApiError(
        400,
        f"Cannot set PropertyValueCoordinates{{portalId={portal_id}, "
        f"objectTypeId=ObjectTypeId{{legacyObjectType={type_name}}}, propertyName={name}, value={value}}} "
        f"on {writing}. {owner} already has that value.",
    )


def not_found() -> ApiError:
    return ApiError(404, "resource not found", None)


def objects_missing(type_name: str, ids: Sequence[str]) -> ApiError:
    return ApiError(
        404,
        f"Could not get some {type_name} objects, they may be deleted or not exist. Check that ids are valid.",
        "OBJECT_NOT_FOUND",
        context={"ids": list(ids)},
    )


def invalid_input(detail: str) -> ApiError:
    return ApiError(400, f"Invalid input JSON on line 1, column 1: {detail}")


def required_fields(names: Sequence[str]) -> ApiError:
    return ApiError(
        400, f"Invalid input JSON on line 1, column 1: Some required fields were not set: [{', '.join(names)}]"
    )


def no_credentials() -> ApiError:
    return ApiError(
        401,
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        "INVALID_AUTHENTICATION",
    )


def token_expired() -> ApiError:
    return ApiError(401, "The OAuth token used to make this call expired.", "EXPIRED_AUTHENTICATION")


def missing_scopes(scopes: Sequence[str]) -> ApiError:
    return ApiError(
        403,
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
        "https://developers.hubspot.com/scopes.",
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        fields={"links": {"scopes": "https://developers.hubspot.com/scopes"}},
    )
