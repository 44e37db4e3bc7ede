"""Creates custom fields through the Tooling API and grants them to the integration user.

A new field is visible to nobody, not even to administrators, until a permission set grants it. Objects are not created
here: package.py writes them for an admin to deploy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import FieldWanted
from connectors.errors import ConfigProblem, ConnectorError, ContractBroken
from connectors.salesforce import soql
from connectors.salesforce.client import Client
from connectors.salesforce.destination import COLLECTION
from connectors.salesforce.judge import Trouble, troubles
from connectors.salesforce.package import describe_wanted, field_metadata
from connectors.salesforce.source import Reader

_THERE_ALREADY = frozenset({"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"})


class Preparer:
    """Brings the org's fields to what the mapping needs, or tells what is missing."""

    def __init__(self, client: Client, reader: Reader) -> None:
        self._client = client
        self._reader = reader
        self._set = client.settings.permission_set

    def prepare(self, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
        """Return a line for each field that is missing: what was done about it, or what an admin must do."""
        missing, lines = self._missing(wanted)
        if not missing:
            return lines
        if not apply:
            return lines + [f"would create {describe_wanted(field)} and grant it in {self._set}" for field in missing]
        made = [field for field in missing if self._create(field, lines)]
        if made:
            self._grant(made, lines)
            unseen, _ = self._missing(made)
            lines += [
                f"{field.kind}.{field.name} exists, but syncd's user still cannot see it: assign the permission set "
                f"{self._set} to that user and grant the field in it"
                for field in unseen
            ]
        return lines

    def _missing(self, wanted: Sequence[FieldWanted]) -> tuple[list[FieldWanted], list[str]]:
        missing: list[FieldWanted] = []
        lines: list[str] = []
        for kind in dict.fromkeys(field.kind for field in wanted):
            of_kind = [field for field in wanted if field.kind == kind]
            try:
                known = {field.name.lower() for field in self._reader.fields(kind)}
            except ConfigProblem:
                lines.append(self._unseen(kind, ", ".join(field.name for field in of_kind)))
                continue
            for field in of_kind:
                if field.name.lower() in known:
                    continue
                if field.name.endswith("__c"):
                    missing.append(field)
                else:
                    lines.append(
                        f"{kind}.{field.name} is a standard field that syncd's user may not see: grant it by hand"
                    )
        return missing, lines

    def _unseen(self, kind: str, names: str) -> str:
        if not kind.endswith("__c"):
            return (
                f"syncd's user may not see the object {kind}: grant it Read and View All by hand, and Read on {names} "
                f"(Create and Edit too where the mapping writes)"
            )
        return (
            f"there is no object {kind}, and it cannot be created over this API: deploy the package that setup "
            f"writes, or create the object by hand with {names} and assign {self._set} to syncd's user"
        )

    def _create(self, field: FieldWanted, lines: list[str]) -> bool:
        """Create one field; tell whether it is there now."""
        name = f"{soql.object_name(field.kind)}.{soql.object_name(field.name)}"
        try:
            body = {"FullName": name, "Metadata": field_metadata(field)}
        except ConfigProblem as error:
            lines.append(error.message)
            return False
        answer = self._client.answer("POST", "tooling/sobjects/CustomField", body)
        trouble = next(iter(troubles(answer.body)), Trouble(f"HTTP {answer.status}"))
        if answer.ok:
            lines.append(f"created {describe_wanted(field)}")
        elif trouble.code in _THERE_ALREADY:
            lines.append(f"{name} was there already, hidden from syncd's user")
        else:
            lines.append(
                f"could not create {name} ({trouble.code}): give syncd's user the right Customize Application, or "
                f"create {describe_wanted(field)} by hand"
            )
            return False
        return True

    def _grant(self, fields: Sequence[FieldWanted], lines: list[str]) -> None:
        try:
            parent = self._permission_set(lines)
            rows: list[dict[str, Any]] = [
                {
                    "attributes": {"type": "FieldPermissions"},
                    "ParentId": parent,
                    "SobjectType": field.kind,
                    "Field": f"{field.kind}.{field.name}",
                    "PermissionsRead": True,
                    "PermissionsEdit": True,
                }
                for field in fields
            ]
            for start in range(0, len(rows), COLLECTION):
                body = {"allOrNone": False, "records": rows[start : start + COLLECTION]}
                answers = self._client.call("POST", "composite/sobjects", body, what="FieldPermissions")
                for row, told in zip(rows[start:], answers, strict=False):
                    lines.append(_grant_line(row["Field"], self._set, told))
        except (ConfigProblem, ContractBroken) as error:
            lines.append(f"the new fields are not granted: {error.message}")

    def _permission_set(self, lines: list[str]) -> str:
        found = self._ids("PermissionSet", f"Name = {soql.quote(self._set)}")
        if found:
            parent = found[0]
        else:
            answer = self._client.answer("POST", "sobjects/PermissionSet", {"Name": self._set, "Label": self._set})
            if not answer.ok:
                raise ConfigProblem(
                    f"there is no permission set {self._set}, and syncd's user may not create it; create it and assign "
                    f"it to that user, or name one that the user has as permission_set"
                )
            parent = str(answer.body["id"])
            lines.append(f"created the permission set {self._set}")
        user = self._user()
        if not user:
            lines.append(f"assign the permission set {self._set} to syncd's user by hand: its id is not known")
            return parent
        where = f"AssigneeId = {soql.quote(user)} AND PermissionSetId = {soql.quote(parent)}"
        if not self._ids("PermissionSetAssignment", where):
            try:
                self._insert("PermissionSetAssignment", {"AssigneeId": user, "PermissionSetId": parent})
                lines.append(f"assigned the permission set {self._set} to syncd's user")
            except ConnectorError:
                lines.append(f"assign the permission set {self._set} to syncd's user ({user}) by hand")
        return parent

    def _user(self) -> str:
        known = self._client.identity().user
        if known:
            return known
        answer = self._client.session.request("GET", f"{self._client.settings.instance_url}/services/oauth2/userinfo")
        told: Any = answer.json() if answer.status_code == 200 else {}
        return soql.full_id(str(told.get("user_id", "")))

    def _ids(self, kind: str, where: str) -> list[str]:
        path = soql.query_path(soql.select(kind, ["Id"], where), deleted_too=False)
        return [row["Id"] for row in self._client.call("GET", path, what=kind)["records"]]

    def _insert(self, kind: str, fields: dict[str, Any]) -> str:
        return str(self._client.call("POST", f"sobjects/{kind}", fields, what=kind)["id"])


# ---------------------------------------------------------------------------------------------------------------------


def _grant_line(name: str, granting: str, told: Any) -> str:
    codes = [trouble.code for error in told.get("errors") or () for trouble in troubles(error)]
    if told.get("success") or "DUPLICATE_VALUE" in codes:
        return f"granted {name} in {granting}"
    return f"could not grant {name} ({', '.join(codes) or 'no reason given'}): grant it by hand in {granting}"
