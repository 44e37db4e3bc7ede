"""Reads single records and descriptions: by id, by a field's value, and the fields of an object.

What changed since the last read is polling.py's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import FieldInfo, Person, Record, Roll
from connectors.http import understood
from connectors.salesforce import soql
from connectors.salesforce.client import LISTS, Client
from connectors.salesforce.judge import refused_call
from connectors.salesforce.records import (
    columns,
    field_info,
    is_full,
    own_record_type,
    parse_stamp,
    read_records,
    rows_of,
    type_name,
    with_codes,
)
from connectors.salesforce.soql import LONGEST_FILTERED, PAGE, QUERY_BYTES

_SMALLEST_LIST = 1_000  # bytes that the values of a query get, however long its list of fields is


class Reader:
    """Answers questions about records whose ids or values are known."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fields(self, kind: str, record_type: str | None = None) -> list[FieldInfo]:
        """Describe an object as the integration user sees it: a field that nobody granted is not there.

        `record_type`: API name of the one that records of ours get; without it they get the user's own.
        """
        told = self._describe(kind)
        with understood(f"object {kind}"):
            infos = with_codes([field_info(field) for field in told["fields"]])
            own = own_record_type(told, record_type)
            offered = self._offered(kind, str(own["recordTypeId"])) if own is not None else {}
            name = f"the record type {type_name(own)}" if own is not None else ""
        return [
            replace(one, offered=tuple(offered[one.name]), offered_by=name)
            if one.restricted and one.name in offered and set(offered[one.name]) != set(one.choices)
            else one
            for one in infos
        ]

    def record_types(self, kind: str) -> dict[str, str]:
        """Return the record types that the user may give to records of a kind: API name -> id."""
        told = self._describe(kind)
        with understood(f"object {kind}"):
            infos = told.get("recordTypeInfos") or ()
            return {type_name(one): str(one["recordTypeId"]) for one in infos if one.get("available")}

    def _describe(self, kind: str) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self._client.call(
            "GET", f"sobjects/{soql.object_of(kind)}/describe", what=f"object {kind}"
        )
        return told

    def _offered(self, kind: str, record_type: str) -> dict[str, list[str]]:
        """Return the options that a record type leaves of each picklist; none where the org does not say."""
        path = f"ui-api/object-info/{soql.object_of(kind)}/picklist-values/{record_type}"
        answer = self._client.answer("GET", path)
        if answer.status >= 500:
            raise refused_call(self._client.name, answer.status, answer.body, f"object {kind}")
        told = answer.body.get("picklistFieldValues") if answer.ok and isinstance(answer.body, Mapping) else None
        return {name: [str(value["value"]) for value in one["values"]] for name, one in (told or {}).items()}

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Return the records by id, PAGE of them in a call; what cannot be an id belongs to no record."""
        wanted = list(dict.fromkeys(soql.full_id(id) for id in ids if soql.is_id(id)))
        asked = columns(kind, [soql.field_path(field) for field in fields])
        if any("." in field for field in fields):  # this resource does not follow relationships
            return list(self._matching(kind, "Id", wanted, fields, deleted_too=True))
        found: list[Record] = []
        for start in range(0, len(wanted), PAGE):
            body = {"ids": wanted[start : start + PAGE], "fields": _once(asked)}
            rows = self._client.call("POST", f"composite/sobjects/{soql.object_of(kind)}", body, what=kind)
            with understood(kind):
                found += read_records([row for row in rows if row is not None], fields)
        return found

    def people(self) -> list[Person]:
        """Return all users of the org, also inactive ones; a queue owns records too and has nobody's address."""
        found: list[Person] = []
        last, more = "", True
        while more:
            where = f"Id > {soql.quote(last)}" if last else ""
            users = soql.select("User", ("Id", "Email", "IsActive", "UserType"), where, "Id ASC", PAGE)
            texts = [users] if last else [users, soql.select("Group", ("Id",), "Type = 'Queue'", "Id ASC", PAGE)]
            answers, _ = self._client.queries(texts, deleted_too=False)
            for answer, kind in zip(answers, ("User", "Group"), strict=False):
                if not answer.ok:
                    raise refused_call(self._client.name, answer.status, answer.body, kind)
            rows = rows_of(answers[0])
            found += [_person(row) for row in rows]
            found += [Person(id=row["Id"], email=None, active=False) for one in answers[1:] for row in rows_of(one)]
            more = bool(rows) and is_full(answers[0])
            last = rows[-1]["Id"] if rows else last
        return found

    def ids(self, kind: str) -> Iterator[Roll]:
        """List every row, PAGE in a call; a purged row, or one that sharing hides, is not among them."""
        last, more = "", True
        while more:
            where = f"Id > {soql.quote(last)}" if last else ""
            text = soql.select(kind, ("Id", "IsDeleted", "SystemModstamp"), where, "Id ASC", PAGE)
            (answer,), _ = self._client.queries([text], deleted_too=True)
            if not answer.ok:
                raise refused_call(self._client.name, answer.status, answer.body, kind)
            rows = rows_of(answer)
            with understood(kind):
                alive = {row["Id"]: parse_stamp(row["SystemModstamp"]) for row in rows if not row["IsDeleted"]}
                deleted = [row["Id"] for row in rows if row["IsDeleted"]]
            yield Roll(alive=list(alive), deleted=deleted, modified=alive)
            more = bool(rows) and is_full(answer)
            last = rows[-1]["Id"] if rows else ""

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Return the records, deleted ones left out, whose text field equals a value as Salesforce compares texts.

        An empty value would match every record without one, and a value longer than any comparable text matches none:
        both are left out.
        """
        usable = [value for value in dict.fromkeys(values) if value.strip() and len(value) <= LONGEST_FILTERED]
        return list(self._matching(kind, soql.field_path(field), usable, fields, deleted_too=False))

    def _matching(
        self, kind: str, field: str, values: Sequence[str], fields: Sequence[str], *, deleted_too: bool
    ) -> Iterator[Record]:
        asked = columns(kind, fields)
        room = QUERY_BYTES - len(soql.query_path(soql.select(kind, asked), deleted_too=True))
        open_lists = [(values_in, "") for values_in in soql.value_lists(values, max(room, _SMALLEST_LIST))]
        while open_lists:
            now, open_lists = open_lists[:LISTS], open_lists[LISTS:]
            texts = []
            for values_in, last in now:
                where = f"{field} IN ({','.join(values_in)})" + (f" AND Id > {soql.quote(last)}" if last else "")
                texts.append(soql.select(kind, asked, where, "Id ASC", PAGE))
            answers, _ = self._client.queries(texts, deleted_too=deleted_too)
            for (values_in, _), answer in zip(now, answers, strict=True):
                if not answer.ok:
                    raise refused_call(self._client.name, answer.status, answer.body, kind)
                records = read_records(rows_of(answer), fields)
                yield from records
                if records and is_full(answer):
                    open_lists.append((values_in, records[-1].id))


# ---------------------------------------------------------------------------------------------------------------------


def _person(row: Mapping[str, Any]) -> Person:
    """Only users of the standard kind own leads; others share their e-mail addresses with nobody that matters."""
    owns = bool(row.get("IsActive")) and row.get("UserType") == "Standard"
    return Person(id=row["Id"], email=str(row.get("Email") or "").lower() or None, active=owns)


def _once(names: Sequence[str]) -> list[str]:
    return list({name.lower(): name for name in names}.values())
