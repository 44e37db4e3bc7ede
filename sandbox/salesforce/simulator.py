"""The Salesforce a test or a demo starts: the gate every call passes and the levers of its admins and people."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sandbox.salesforce import definitions, lifecycle, save, seeding, state
from sandbox.salesforce.call import Call, split_path
from sandbox.salesforce.errors import request_refused
from sandbox.salesforce.org import DuplicateRule, Lock, Org, Subset, ValidationRule, Writes, add_user, furnish
from sandbox.salesforce.router import Router
from sandbox.salesforce.schema import Field, standard_objects
from sandbox.salesforce.seeding import Moment
from sandbox.salesforce.sessions import Sessions
from sandbox.salesforce.table import Row
from sandbox.wire import Request, Response

OLDEST_VERSION = 31
MAX_URI = 16_384
MAX_HEAD = 16_384


class Salesforce:
    """One org behind its REST API. Everything is done under one lock, so that calls are as if one after the other."""

    def __init__(
        self,
        *,
        client_id: str = "sandbox",
        client_secret: str = "sandbox-secret",  # noqa: S107 a secret of a simulator guards nothing
        version: str = "66.0",
        instance_url: str | None = None,
        token_lifetime: float | None = None,
        daily: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = "salesforce"
        self.version = version
        self.lock = threading.RLock()
        self.org = Org(clock)
        furnish(self.org)
        self.sessions = Sessions(
            client_id=client_id,
            client_secret=client_secret,
            instance_url=instance_url,
            lifetime=token_lifetime,
            clock=clock,
        )
        self.router = Router(self.org, daily)

    # ------------------------------------------------------------------------------------------ the wire

    def handle(self, request: Request) -> Response:
        """Answer one call."""
        with self.lock:
            response = self._gate(request)
            usage = f"api-usage={self.org.calls_today()}/{self.router.daily}"
        if request.path.startswith("/services/data/v"):
            response = Response(response.status, response.body, {**response.headers, "Sforce-Limit-Info": usage})
        return response

    def label(self, request: Request) -> str:
        """Return the call's name in the counters, such as `PATCH sobjects/Lead/Source_Key__c/{value}`."""
        parts = list(split_path(request.path))
        if parts[:2] == ["services", "data"]:
            parts = parts[3:]
            if parts[:1] == ["sobjects"] and len(parts) == 3 and parts[2] not in ("describe", "updated", "deleted"):
                parts[2] = "{id}"
            if parts[:1] == ["sobjects"] and len(parts) == 4:
                parts[3] = "{value}"
            if parts[:1] in (["query"], ["queryAll"]) and len(parts) == 2:
                parts[1] = "{locator}"
            if parts[:1] == ["jobs"] and len(parts) > 2:
                parts[2] = "{id}"
        else:
            parts = parts[1:]
        return f"{request.method} {'/'.join(parts)}".rstrip()

    def _gate(self, request: Request) -> Response:
        too_long = _too_long(request)
        if too_long is not None:
            return too_long
        parts = split_path(request.path)
        if parts[:2] == ("services", "oauth2") and len(parts) == 3:
            return self.sessions.serve(self.org, request, parts[2])
        if parts[:2] != ("services", "data"):
            return request_refused("NOT_FOUND", "The requested resource does not exist").response()
        if len(parts) == 2:
            return Response(200, self._versions())
        if not self.sessions.alive(request):
            return request_refused("INVALID_SESSION_ID", "Session expired or invalid").response()
        return self._wrong_version(parts[2]) or self._counted(request, parts)

    def _counted(self, request: Request, parts: tuple[str, ...]) -> Response:
        if self.org.calls_today() >= self.router.daily:
            return request_refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").response()
        self.org.count_call()
        self.org.journal.clear()
        call = Call(
            method=request.method,
            parts=parts[3:],
            base=f"/services/data/{parts[2]}",
            query=request.query,
            headers=request.headers,
            body=request.body,
        )
        return self.router.answer(call)

    def _versions(self) -> list[dict[str, str]]:
        newest = int(float(self.version))
        numbers = [f"{number}.0" for number in range(OLDEST_VERSION, newest + 1)]
        return [{"label": f"v{one}", "url": f"/services/data/v{one}", "version": one} for one in numbers]

    def _wrong_version(self, part: str) -> Response | None:
        match = re.fullmatch(r"v(\d+)\.0", part)
        number = int(match.group(1)) if match else 0
        if match and number < OLDEST_VERSION:
            return request_refused("GONE", "The requested resource is no longer available").response()
        if match is None or number > float(self.version):
            return request_refused("NOT_FOUND", "The requested resource does not exist").response()
        return None

    # ------------------------------------------------------------------------------------------ people in the UI

    def seed(self, object: str, rows: Iterable[Mapping[str, Any]], modified: Moment = None) -> list[str]:
        """Store many rows unchecked and return their ids."""
        with self.lock:
            return seeding.seed(self.org, object, rows, modified)

    def edit(self, object: str, id: str, fields: Mapping[str, Any], by: str | None = None) -> None:
        """Change a row as a person does (default the rep); raise Refused for what the org forbids."""
        with self.lock:
            self.org.journal.clear()
            who = save.Caller(user=by or self.org.people.rep, api=False)
            save.update(self.org, who, self.org.types[object.lower()], id, fields)

    def delete(self, object: str, id: str, by: str | None = None) -> None:
        """Move a row and what hangs on it to the recycle bin."""
        with self.lock:
            lifecycle.delete(self.org, self.org.get(object, id)["Id"], by or self.org.people.rep)

    def undelete(self, object: str, id: str, by: str | None = None) -> None:
        """Bring a row back from the recycle bin."""
        with self.lock:
            lifecycle.undelete(self.org, self.org.get(object, id)["Id"], by or self.org.people.rep)

    def purge(self, object: str, id: str) -> None:
        """Remove a row for good: not even queryAll finds it."""
        with self.lock:
            lifecycle.purge(self.org, self.org.get(object, id)["Id"])

    def merge(self, object: str, winner: str, loser: str, *more: str, by: str | None = None) -> None:
        """Merge one or two losers into the winner."""
        with self.lock:
            lifecycle.merge(self.org, object, winner, [loser, *more], by or self.org.people.rep)

    def convert(
        self,
        lead_id: str,
        *,
        account: str | None = None,
        contact: str | None = None,
        opportunity: bool = True,
        by: str | None = None,
    ) -> tuple[str, str, str | None]:
        """Convert a lead and return the ids of account, contact and opportunity (None without one)."""
        with self.lock:
            who = by or self.org.people.rep
            return lifecycle.convert(self.org, lead_id, who, account=account, contact=contact, opportunity=opportunity)

    def touch(self, object: str, ids: Iterable[str] | None = None) -> None:
        """Move SystemModstamp alone, as sharing jobs and mass maintenance do."""
        with self.lock:
            for key in list(self.org.table(object).rows) if ids is None else ids:
                self.org.change(self.org.get(object, key), {}, quiet=True)

    def late_commit(self, object: str, fields: Mapping[str, Any], *, age: float, id: str | None = None) -> str:
        """Show now a row (new, or `id` changed) with a SystemModstamp `age` seconds old, as a long transaction does."""
        with self.lock:
            stamp = int(self.org.clock() - age)
            if id is None:
                return seeding.seed(self.org, object, [fields], stamp)[0]
            self.edit(object, id, fields)
            return str(
                self.org.change(self.org.get(object, id), {"LastModifiedDate": stamp}, stamp=stamp, quiet=True)["Id"]
            )

    def get(self, object: str, id: str) -> Row:
        """Return a row's stored fields, datetimes as epoch seconds, a deleted one's too; raise KeyError without one."""
        with self.lock:
            return dict(self.org.get(object, id))

    def all(self, object: str) -> list[Row]:
        """Return the rows that are not deleted, oldest first."""
        with self.lock:
            table = self.org.table(object)
            return [dict(table.rows[key]) for key in table.ids if not table.rows[key].get("IsDeleted")]

    # ------------------------------------------------------------------------------------------ the admin

    def define_object(self, name: str, fields: Sequence[Field] = (), key_prefix: str = "a00") -> None:
        """Add a custom object the integration user may see."""
        with self.lock:
            definitions.define_object(self.org, name, key_prefix)
            for field in fields:
                definitions.define_field(self.org, name, field)

    def define_field(
        self,
        object: str,
        name: str,
        type: str,
        *,
        length: int = 0,
        picklist: Sequence[str] = (),
        restricted: bool = False,
        unique: bool = False,
        external_id: bool = False,
        reference_to: str | Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Add a field (of a describe type) the integration user may see; `more` are further attributes of Field."""
        with self.lock:
            targets = (reference_to,) if isinstance(reference_to, str) else tuple(reference_to)
            made = definitions.make_field(
                name,
                type,
                length=length,
                picklist=tuple(picklist),
                restricted=restricted,
                unique=unique,
                external_id=external_id,
                reference_to=targets,
                **more,
            )
            definitions.define_field(self.org, object, made)

    def hide_field(self, object: str, name: str) -> None:
        """Take a field from the integration user's sight by field-level security."""
        self._secure(object, name, readable=False, editable=False)

    def lock_field(self, object: str, name: str) -> None:
        """Make a field read-only for the integration user."""
        self._secure(object, name, readable=True, editable=False)

    def show_field(self, object: str, name: str) -> None:
        """Give a field back to the integration user."""
        self._secure(object, name, readable=True, editable=True)

    def deny(self, object: str, *rights: str) -> None:
        """Take read, create, edit or delete of an object from the integration user."""
        with self.lock:
            self.org.denied.setdefault(object, set()).update(rights)
            self.org.schema_changed(object)

    def add_duplicate_rule(self, object: str, field: str, block: bool = True, match_object: str | None = None) -> None:
        """Refuse API writes whose field equals another row's; without `block` the caller may insist by header."""
        rule = DuplicateRule(object=object, field=field, match_object=match_object or object, block=block)
        with self.lock:
            self.org.duplicate_rules.append(rule)

    def add_validation_rule(
        self, object: str, predicate: Callable[[Mapping[str, Any]], bool], message: str, field: str | None = None
    ) -> None:
        """Refuse every save of a row for which `predicate` is true."""
        with self.lock:
            rule = ValidationRule(object=object, predicate=predicate, message=message, field=field)
            self.org.validation_rules.append(rule)

    def add_user(self, first: str, last: str, *, active: bool = True) -> str:
        """Add a person and return the id."""
        with self.lock:
            return add_user(self.org, first, last, active=active)

    def add_record_type(
        self,
        object: str,
        developer_name: str,
        *,
        picklists: Mapping[str, Sequence[str]] | None = None,
        default: bool = False,
    ) -> str:
        """Add a record type, which brings RecordTypeId to the object, and return its id.

        `picklists`: field -> the options it leaves of it. `default`: the integration user's rows get it.
        """
        with self.lock:
            self._switch_on(["RecordTypeId"], only=object)
            row = {"Name": developer_name, "DeveloperName": developer_name, "SobjectType": object, "IsActive": True}
            made = self.org.insert("RecordType", row)
            kept = {name: list(values) for name, values in (picklists or {}).items()}
            self.org.subsets[made] = Subset(object=object, default=default, picklists=kept)
            return made

    def enable_states(self, countries: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
        """Switch on state and country picklists: code -> (integration value, {state code: integration value})."""
        with self.lock:
            self.org.features.countries = {code: [name, dict(states)] for code, (name, states) in countries.items()}
            parts = [
                f"{prefix}{part}Code"
                for prefix in ("", "Billing", "Shipping", "Mailing")
                for part in ("State", "Country")
            ]
            self._switch_on(parts)

    def enable_currencies(self, corporate: str, rates: Mapping[str, float]) -> None:
        """Switch on several currencies; rows without one are in the corporate currency."""
        with self.lock:
            features = self.org.features
            features.corporate_currency, features.currencies = corporate, {corporate: 1.0, **rates}
            self._switch_on(["CurrencyIsoCode"], picklist=tuple(features.currencies), default=corporate)

    def lock_row(self, id: str, times: int = 1, code: str = "UNABLE_TO_LOCK_ROW") -> None:
        """Make the next writes of a row, or of rows that name it as parent, fail."""
        with self.lock:
            self.org.locks[id] = Lock(code=code, times=times)

    def set_bulk(self, **ways: Any) -> None:
        """Set how Bulk 2.0 jobs go from now on; see org.Bulk."""
        with self.lock:
            self.org.bulk = replace(self.org.bulk, **ways)

    def assign_leads_to(self, owner: str | None) -> None:
        """Set whom the lead assignment rule gives leads to; None switches the rule off. Default: a queue."""
        with self.lock:
            self.org.assigned_owner = owner

    def expire_tokens(self) -> None:
        """End every session."""
        with self.lock:
            self.sessions.tokens.clear()

    # ------------------------------------------------------------------------------------------ what was done

    @property
    def writes(self) -> dict[str, Writes]:
        """Return per object how many rows the API created, updated, saved unchanged and deleted."""
        with self.lock:
            return {name: replace(counts) for name, counts in self.org.writes.items()}

    @property
    def api_calls(self) -> int:
        """Return the calls that counted against the limit since the start."""
        with self.lock:
            return sum(self.org.calls_by_hour.values())

    def save(self, path: str | Path) -> None:
        """Write the whole state to a file."""
        with self.lock:
            state.save(Path(path), self.org, self.sessions)

    def load(self, path: str | Path) -> None:
        """Go on from a file that `save` wrote."""
        with self.lock:
            state.load(Path(path), self.org, self.sessions)

    def _secure(self, object: str, name: str, *, readable: bool, editable: bool) -> None:
        with self.lock:
            field = self.org.types[object.lower()].fields[name]
            definitions.define_field(self.org, object, replace(field, readable=readable, editable=editable))

    def _switch_on(self, names: list[str], *, only: str | None = None, **changes: Any) -> None:
        for made in standard_objects(names):
            for name in names:
                if name in made.fields and only in (None, made.name):
                    definitions.define_field(self.org, made.name, replace(made.fields[name], **changes))


def _too_long(request: Request) -> Response | None:
    uri = len(request.path) + len(urlencode(request.query, doseq=True))
    if uri > MAX_URI:
        return request_refused("URI_TOO_LONG", "URI Too Long").response()
    if uri + sum(len(name) + len(value) + 4 for name, value in request.headers.items()) > MAX_HEAD:
        return request_refused("HEADERS_TOO_LONG", "Request Header Fields Too Large").response()
    return None
