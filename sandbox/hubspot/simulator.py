"""HubSpot as one object: the front door for calls, and what a person could do in its UI, for tests and the demo.

The endpoints are in objects, batches, search, properties and account; who may call and how often in access and limits.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path as File
from typing import Any
from urllib.parse import urlencode

from sandbox.hubspot import account, associations, objects, properties, schemas, snapshot
from sandbox.hubspot.access import Access
from sandbox.hubspot.call import Call
from sandbox.hubspot.errors import ApiError, not_found
from sandbox.hubspot.limits import Limits
from sandbox.hubspot.paths import label, parse
from sandbox.hubspot.portal import Lag, Owner, Portal, Rule, SearchSigns, StageBackwards
from sandbox.hubspot.records import IMPORT, PERSON, Record, Source
from sandbox.hubspot.schema import GROUPS, Option, Property
from sandbox.hubspot.table import Table
from sandbox.hubspot.values import epoch_ms
from sandbox.hubspot.writing import Writer
from sandbox.wire import Request, Response

_URI_LIMIT = 8_192


class HubSpot:
    """A HubSpot account behind the wire.

    `index_lag`: seconds until search sees a write, or a function of (kind, id) that says so. `stage_backwards`: what an
    earlier lifecyclestage meets, a 200 that keeps the old one or a 400. `search_signs`: what misleads about the end of
    a search, pages shorter than asked for that name no next one, or a `total` behind the rows. `search_per_second`
    (HubSpot: 5), `burst` (calls in 10 s; HubSpot: 100 to 250) and `daily` are off when None. `scopes` None grants all.
    `custom_objects` False: the plan has none. `links_move_stamps` False: an association changes the property that shows
    it and not the record's last-modified. `late_upserts`: an upsert looks for its record where search does, so that one
    repeated within `index_lag` meets "already has that value".
    """

    name = "hubspot"

    def __init__(
        self,
        token: str = "pat-na1-sandbox",  # noqa: S107  # nothing real is behind it
        *,
        index_lag: Lag = 0.0,
        stage_backwards: StageBackwards = "silent",
        search_signs: SearchSigns = "true",
        links_move_stamps: bool = True,
        search_per_second: int | None = None,
        burst: int | None = None,
        daily: int | None = None,
        retry_after: bool = False,
        scopes: Collection[str] | None = None,
        custom_objects: bool = True,
        late_upserts: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.portal = Portal(clock=clock, index_lag=index_lag, stage_backwards=stage_backwards)
        self.portal.search_signs = search_signs
        self.portal.links_move_stamps = links_move_stamps
        self.portal.late_upserts = late_upserts
        self.access = Access(
            token=token,
            clock=clock,
            portal_id=self.portal.portal_id,
            scopes=scopes,
            custom_objects=custom_objects,
        )
        self.limits = Limits(
            clock=clock, search_per_second=search_per_second, burst=burst, daily=daily, retry_after=retry_after
        )

    @property
    def writes(self) -> Counter[str]:
        """Records written through the API, per kind; what the other methods here do is not counted."""
        return self.portal.writes

    def label(self, request: Request) -> str:
        own = {table.type_id: table.kind for table in self.portal.tables.values() if table.type_id.startswith("2-")}
        parts = [own.get(part, part) for part in request.path.split("/")]
        return label(request.method, "/".join(parts))

    def handle(self, request: Request) -> Response:
        correlation_id = str(uuid.uuid4())
        headers: dict[str, str] = {}
        try:
            with self.portal.lock:
                response = self._answer(request, headers)
        except ApiError as error:
            response = Response(error.status, error.body(correlation_id), error.headers)
        response.headers = {**headers, **response.headers, "x-hubspot-correlation-id": correlation_id}
        return response

    def seed(self, kind: str, rows: Sequence[Mapping[str, Any]], modified: int | None = None) -> list[str]:
        """Add records as an import of long ago would have; return their ids.

        Read-only properties may be given, values are taken as they are. `modified` is epoch milliseconds (else now); a
        row's own `createdate` and last-modified property win over it. Raise ValueError for an unknown property and for
        an address or unique value that is taken.
        """
        with self.portal.lock:
            table = self.portal.table(kind)
            stamp = self.portal.now() if modified is None else modified
            records = [_imported(table, row, table.new_id(), stamp) for row in rows]
            _check_import(table, records)
            table.load(records)
            return [str(record.id) for record in records]

    def edit(self, kind: str, record_id: str, changes: Mapping[str, Any], source: Source = PERSON) -> None:
        """Change a record as a person in the UI does; read-only properties may be set, the stage may go back.

        Raise sandbox.hubspot.errors.ApiError for a value HubSpot refuses.
        """
        with self.portal.lock:
            table = self.portal.table(kind)
            writer = Writer(portal=self.portal, table=table, source=source)
            emptied = {name: "" if value is None else value for name, value in changes.items()}
            writer.commit(writer.plan_update(table.records[int(record_id)], emptied))

    def noise(self, kind: str, record_id: str) -> None:
        """Move last-modified and nothing that shows, as hidden properties and activities do."""
        with self.portal.lock:
            table = self.portal.table(kind)
            table.put(table.records[int(record_id)]._replace(modified=self.portal.now()))

    def archive(self, kind: str, record_id: str) -> None:
        with self.portal.lock:
            self._writer(kind).archive(int(record_id))

    def restore(self, kind: str, record_id: str) -> None:
        """Bring a record back from the recycle bin; its last-modified stays as it was."""
        with self.portal.lock:
            table = self.portal.table(kind)
            table.put(table.archive.pop(int(record_id))._replace(archived=None))

    def gdpr_delete(self, kind: str, record_id: str) -> None:
        with self.portal.lock:
            self._writer(kind).purge(int(record_id))

    def merge(self, kind: str, primary: str, other: str) -> str:
        """Merge two records and return the id of what they became."""
        with self.portal.lock:
            records = self.portal.table(kind).records
            return str(self._writer(kind).merge(records[int(primary)], records[int(other)]).id)

    def get(self, kind: str, record_id: str) -> dict[str, str]:
        """Return the properties that have a value, now and not as search sees them; raise KeyError for no record."""
        with self.portal.lock:
            table = self.portal.table(kind)
            return _properties(table, table.records[int(record_id)])

    def all(self, kind: str) -> list[dict[str, str]]:
        """Return every live record's properties, by id ascending."""
        with self.portal.lock:
            table = self.portal.table(kind)
            return [_properties(table, table.records[record_id]) for record_id in table.ids]

    def define_property(
        self,
        kind: str,
        name: str,
        type: str = "string",
        fieldType: str = "text",
        *,
        options: Sequence[str | tuple[str, str]] = (),
        unique: bool = False,
        read_only: bool = False,
        label: str | None = None,
    ) -> None:
        """Add a property as an admin does, or replace it. An option is a value or a pair (value, label)."""
        pairs = [(option, option) if isinstance(option, str) else option for option in options]
        with self.portal.lock:
            table = self.portal.table(kind)
            now = self.portal.now()
            table.define(
                Property(
                    name=name,
                    label=label or name.replace("_", " ").capitalize(),
                    type=type,
                    field_type=fieldType,
                    group=GROUPS.get(table.kind, f"{table.kind}_information"),
                    options=tuple(Option(label=b, value=a, display_order=i) for i, (a, b) in enumerate(pairs)),
                    unique=unique,
                    read_only=read_only,
                    calculated=read_only,
                    created=now,
                    updated=now,
                )
            )

    def define_object(self, name: str, *linked: str) -> str:
        """Add a custom object type, whose records may be associated with those `linked`; return its type id (2-n)."""
        with self.portal.lock:
            type_id = self.portal.define_object(name)
            for other in linked:
                self.portal.links.connect(name, self.portal.table(other).kind)
            return type_id

    def define_label(self, one: str, other: str, label: str, inverse: str) -> None:
        """Add an association label between two kinds, as an admin does."""
        with self.portal.lock:
            ends = (self.portal.table(one).kind, self.portal.table(other).kind)
            self.portal.links.add_label(ends, label, inverse)

    def linked(self, kind: str, record_id: str, other: str) -> dict[str, list[str]]:
        """Return what a record is associated with: id of the other -> the labels, plain links without one."""
        with self.portal.lock:
            ends = (self.portal.table(kind).kind, self.portal.table(other).kind)
            found = self.portal.links.of(ends, int(record_id))
            return {str(number): [each.label for each in types if each.label] for number, types in found.items()}

    def define_owner(self, email: str, first_name: str, last_name: str) -> str:
        """Add a user who can own records; return the owner id."""
        with self.portal.lock:
            number = len(self.portal.owners) + 1
            owner = Owner(
                id=str(700_100 + number),
                email=email.lower(),
                first_name=first_name,
                last_name=last_name,
                user_id=2000 + number,
            )
            self.portal.owners.append(owner)
            return owner.id

    def require(self, kind: str, name: str, when: str | None = None) -> None:
        """Make a property required on create, or in writes that set `when`; binds API writes from 2026-09 on only."""
        with self.portal.lock:
            self.portal.rules.append(Rule(kind=self.portal.table(kind).kind, name=name, when=when))

    def save(self, path: str | File) -> None:
        """Write the account's whole state to a JSON file, atomically."""
        snapshot.save(self.portal, File(path))

    def load(self, path: str | File) -> None:
        """Replace the account's state by a saved one."""
        snapshot.load(self.portal, File(path))

    def _writer(self, kind: str) -> Writer:
        return Writer(portal=self.portal, table=self.portal.table(kind), source=PERSON)

    def _answer(self, request: Request, headers: dict[str, str]) -> Response:
        """Answer a call; rate headers go into `headers`, for refusals carry them too."""
        if len(request.path) + len(urlencode(request.query, doseq=True)) > _URI_LIMIT:
            return Response(414, b"<html><body>414 Request-URI Too Large</body></html>", {"Content-Type": "text/html"})
        path = parse(request.path)
        if path is None:
            raise not_found()
        call = Call(request=request, path=path)
        if path.area == "oauth":
            return self.access.serve(call)
        token = self.access.admit(request.headers)
        if path.area == "objects" and path.parts[1:] == ("search",):
            self.limits.count_search()
        else:
            headers.update(self.limits.count(static=token == self.access.token))
        needs_type = path.area in ("objects", "properties", "associations")
        if needs_type and not path.parts:
            raise not_found()
        self.access.authorise(call, self.portal.table(path.parts[0]).kind if needs_type else "")
        match path.area:
            case "objects":
                return objects.serve(self.portal, call)
            case "associations":
                return associations.serve(self.portal, call)
            case "schemas":
                return schemas.serve(self.portal, call)
            case "properties":
                return properties.serve(self.portal, call)
            case "owners":
                return account.owners(self.portal, call)
        return account.details(self.portal)


def _imported(table: Table, row: Mapping[str, Any], record_id: int, stamp: int) -> Record:
    if not row.keys() <= table.definitions.keys():
        unknown = sorted(row.keys() - table.definitions.keys())
        raise ValueError(f"{table.kind} have no such property: {', '.join(unknown)}")
    kept = {name: _plain(value) for name, value in row.items() if value is not None and value != ""}
    created = epoch_ms(kept.pop("createdate", "")) or stamp
    modified = epoch_ms(kept.pop(table.modified_name, "")) or stamp
    kept.pop("hs_object_id", None)
    if "email" in kept:
        kept["email"] = kept["email"].strip().lower()
    return Record(record_id, kept, created, modified, IMPORT)


def _check_import(table: Table, records: Sequence[Record]) -> None:
    for name in table.unique_names:
        values = [value.lower() for record in records if (value := record.properties.get(name))]
        if len(set(values)) != len(values) or any(table.owner(name, value) is not None for value in values):
            raise ValueError(f"two {table.kind} would have the same {name}")


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _properties(table: Table, record: Record) -> dict[str, str]:
    shown = {name: value for name, value in record.properties.items() if value}
    return shown | {name: record.value(name, table.modified_name) or "" for name in table.stamps}
