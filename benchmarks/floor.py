"""The floor: the same calls in a bare loop, `requests` with keep-alive and orjson, no state and no logic.

Nothing is matched, judged, compared or remembered: what any program in this language pays for moving the records.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import orjson
import requests

from benchmarks import people
from benchmarks.child import measured, serve

PAGE, ROWS, COLLECTION = 200, 1000, 200
FIELDS = {
    "email": "Email", "mobilephone": "Phone", "firstname": "FirstName", "lastname": "LastName", "jobtitle": "Title",
    "job_level": "Level__c", "company": "Company", "industry": "Industry", "numberofemployees": "NumberOfEmployees",
    "website": "Website", "address": "Street", "city": "City", "state": "State", "zip": "PostalCode",
    "country": "Country", "problem": "Problem__c", "authority": "Authority__c", "buying_group": "Buying_Group__c",
    "budget_amount": "Budget__c", "competitors_considered": "Competitors__c", "decision_date": "Decision_Date__c",
    "hs_email_optout": "HasOptedOutOfEmail", "campaign": "Campaign__c", "hs_analytics_source": "LeadSource",
    **people.EXTRA,
}  # fmt: skip
_NUMBERS = people.NUMBERS | {"numberofemployees"}


class Floor:
    """One reader and writer."""

    def __init__(self, hubspot: str, salesforce: str) -> None:
        self._hubspot, self._salesforce = hubspot, salesforce
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Content-Type"] = "application/json"
        self._token = ""
        self._seen = 0  # the newest modified time read, ms

    def move(self) -> dict[str, Any]:
        """Read all that changed and upsert it; a first time that is everything."""
        rows: list[dict[str, Any]] = []
        count = 0
        for page in self._changes():
            rows += page
            count += len(page)
            while len(rows) >= ROWS:
                self._write(rows[:ROWS])
                del rows[:ROWS]
        if rows:
            self._write(rows)
        return {"records": count}

    def idle(self, count: int) -> dict[str, Any]:
        """Ask both systems for changes where there are none: one search per kind, one composite."""
        for _ in range(count):
            for kind in ("contacts", "companies"):
                self._search(kind, [_since(kind, 9_999_999_999_999)])
            where = "SystemModstamp >= 2100-01-01T00:00:00Z"
            self._composite(
                [
                    {"method": "GET", "url": f"{_ROOT}queryAll/?q=SELECT+Id+FROM+{kind}+WHERE+{where}"}
                    for kind in ("Lead", "Contact", "Account", "Branch__c")
                ]
            )
        return {}

    def loop(self, count: int) -> dict[str, Any]:
        """Write back to so many contacts, as feedback does."""
        ids = [row["id"] for row in self._search("contacts", [])["results"]][:count]
        self._post(
            f"{self._hubspot}/crm/v3/objects/contacts/batch/update",
            {"inputs": [{"id": one, "properties": {"syncd_stage": "mql"}} for one in ids]},
            "pat-na1-sandbox",
        )
        return {}

    def _changes(self) -> Iterator[list[dict[str, Any]]]:
        since, after = self._seen, "0"
        while True:
            beyond = {"propertyName": "hs_object_id", "operator": "GT", "value": after}
            found = self._search("contacts", [_since("contacts", since + 1), beyond] if since else [beyond])
            rows = found["results"]
            if rows:
                after = rows[-1]["id"]
                self._seen = max(self._seen, *(_ms(row["properties"]["lastmodifieddate"]) for row in rows))
                yield rows
            if len(rows) < PAGE:
                return

    def _search(self, kind: str, filters: list[dict[str, Any]]) -> Any:
        body = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": [*FIELDS, "lastmodifieddate"] if kind == "contacts" else ["name", "hs_lastmodifieddate"],
            "limit": PAGE,
        }
        return self._post(f"{self._hubspot}/crm/v3/objects/{kind}/search", body, "pat-na1-sandbox")

    def _write(self, rows: list[dict[str, Any]]) -> None:
        parts = []
        for start in range(0, len(rows), COLLECTION):
            records = [_lead(row) for row in rows[start : start + COLLECTION]]
            parts.append(
                {
                    "method": "PATCH",
                    "url": f"{_ROOT}composite/sobjects/Lead/Syncd_Key__c",
                    "body": {"allOrNone": False, "records": records},
                }
            )
        for answer in self._composite(parts)["compositeResponse"]:
            assert all(one["success"] for one in answer["body"]), answer["body"][:2]

    def _composite(self, parts: list[dict[str, Any]]) -> Any:
        if not self._token:
            login = self._http.post(
                f"{self._salesforce}/services/oauth2/token",
                data={"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"},
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            self._token = login.json()["access_token"]
        calls = [{**part, "referenceId": f"p{number}"} for number, part in enumerate(parts)]
        return self._post(f"{self._salesforce}{_ROOT}composite", {"compositeRequest": calls}, self._token)

    def _post(self, url: str, body: Any, token: str) -> Any:
        answer = self._http.post(url, data=orjson.dumps(body), headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        return orjson.loads(answer.content)


_ROOT = "/services/data/v66.0/"


def _lead(row: dict[str, Any]) -> dict[str, Any]:
    properties = row["properties"]
    lead: dict[str, Any] = {"attributes": {"type": "Lead"}, "Syncd_Key__c": row["id"]}
    for ours, theirs in FIELDS.items():
        value = properties[ours]
        if ours in _NUMBERS:
            value = float(value)
        elif ours == "hs_email_optout":
            value = value == "true"
        lead[theirs] = value
    return lead


def _since(kind: str, ms: int) -> dict[str, Any]:
    name = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
    return {"propertyName": name, "operator": "GTE", "value": str(ms)}


def _ms(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text).timestamp() * 1000)


def main() -> None:
    floor = Floor(*sys.argv[1:3])
    serve(
        {
            "move": lambda: measured(floor.move),
            "idle": lambda count: measured(lambda: floor.idle(count)),
            "loop": lambda count: measured(lambda: floor.loop(count)),
        }
    )


if __name__ == "__main__":
    main()
