"""HubSpot's endpoints through its official client, as plain JSON over our own HTTP session.

It knows paths, batch sizes and body shapes; what to ask for and what an answer means for a record is left to the source
and the destination.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hubspot
import urllib3

from connectors.contract import Usage
from connectors.errors import ConfigProblem, ContractBroken, Unavailable, WrongAddress
from connectors.http import Session, StaticToken, parse_json
from connectors.hubspot.branches import BRANCH, KEY, Branches
from connectors.hubspot.judge import CallRefused, Forbidden, HubSpotJudge, Trouble, trouble_of
from connectors.hubspot.oauth import OAuthToken
from connectors.hubspot.settings import HubSpotSettings

BATCH = 100  # inputs of a batch call
LINKS = 2000  # inputs of a batch call for associations
UNLINKS = 100  # records whose associations one call takes away
PAGE = 200  # rows of a search
OWNERS = 100  # rows of a list of owners
IN_VALUES = 100  # values of one IN or NOT_IN
QUERY = 4000  # characters of a query string, well within what a URI may be long
SEARCH_BODY = 3000  # characters of a search body
REMEDY = "create a new token in HubSpot (service key or private app), set access_token to it and start again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One answer to a search. `total` should count every match, `end` say that none is left after these rows."""

    total: int
    rows: Sequence[Mapping[str, Any]]
    end: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One answer to a batch call: rows in no order, and errors that may each concern several rows."""

    rows: Sequence[Mapping[str, Any]]
    errors: Sequence[Trouble]


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkType:
    """One way in which two records are associated, as seen from the first."""

    category: str
    id: int

    def as_json(self) -> dict[str, Any]:
        return {"associationCategory": self.category, "associationTypeId": self.id}


class HubSpotClient:
    """The calls that syncd makes. Each raises a ConnectorError; CallRefused only where its docstring says so."""

    def __init__(self, name: str, settings: HubSpotSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        base = settings.base_url.rstrip("/")
        self._base = base
        self._version = settings.api_version
        self.judge = HubSpotJudge()
        self.session = Session(name, settings.http(), origins=[base], judge=self.judge, sleep=sleep)
        self.session.allowance = self.judge.allowance
        if settings.oauth is not None:
            self.session.credential = OAuthToken(self.session, base + self._path("/oauth/v1/token"), settings.oauth)
        elif settings.access_token is not None:
            self.session.credential = StaticToken(settings.access_token.get_secret_value().strip(), REMEDY)
        self.branches = Branches(settings.branches)
        self._labels: dict[tuple[str, str], Mapping[str, LinkType]] = {}
        self._left_out: set[tuple[str, str]] = set()  # (kind, property) that exists although answers lack it
        self._api_clients: dict[str, Any] = {}
        crm = hubspot.HubSpot(retry=False, api_factory=self._api).crm
        self._search_api, self._batch_api = crm.objects.search_api, crm.objects.batch_api
        self._basic_api = crm.objects.basic_api
        self._properties, self._property_batches = crm.properties.core_api, crm.properties.batch_api
        self._property_groups = crm.properties.groups_api
        self._schemas = crm.schemas.core_api
        self._links, self._link_labels = crm.associations.v4.batch_api, crm.associations.v4.schema.definitions_api
        self._owners_api = crm.owners.owners_api

    def search(self, kind: str, body: Mapping[str, Any]) -> Found:
        """Run one search of at most SEARCH_BODY characters."""
        answer = self._asked(
            kind, lambda: self._search_api.do_search(self.object(kind), dict(body), _preload_content=False)
        )
        rows, told = _rows(answer), answer.get("total")
        # Short pages come in the middle too, and `total` may lag behind: all signs together say that none is left.
        end = not rows or (not answer.get("paging") and isinstance(told, int) and told <= len(rows))
        return Found(total=told if isinstance(told, int) else len(rows) + (not end), rows=rows, end=end)

    def read(self, kind: str, ids: Sequence[str], properties: Sequence[str], key: str | None = None) -> Batch:
        """Read up to BATCH records by id, or by the unique property `key`; the errors name those that are not there.

        Raise Unavailable where one could not be read for another reason: it would be taken for deleted, or forgotten.
        """
        body: dict[str, Any] = {"properties": list(properties), "inputs": [{"id": value} for value in ids]}
        if key is not None:
            body["idProperty"] = key
        batch = _batch(self._asked(kind, lambda: self._batch_api.read(self.object(kind), body, _preload_content=False)))
        failed = sorted({error.code for error in batch.errors if not error.gone})
        if failed:
            raise Unavailable(f"HubSpot could not read all {kind} ({', '.join(failed)})", system=self.session.system)
        return batch

    def get(self, kind: str, record_id: str, properties: Sequence[str]) -> Mapping[str, Any] | None:
        """Read one record; None when there is none. A merged-away id answers with the survivor and its id.

        Properties that do not fit a URI are read by a batch, which knows the survivor's id only.
        """
        fits = sum(len(f"&properties={name}") for name in properties) <= QUERY
        names = list(properties) if fits else ["hs_object_id"]
        try:
            raw = self._basic_api.get_by_id(self.object(kind), record_id, properties=names, _preload_content=False)
        except CallRefused as refused:
            if refused.status == 404:
                return None
            raise self._as_problem(refused, kind) from refused
        found = self._json(raw)
        if not isinstance(found.get("id"), (str, int)):
            raise Unavailable(f"HubSpot answered for one of {kind} with no record", system=self.session.system)
        if fits:
            return found
        return next(iter(self.read(kind, [str(found["id"])], properties).rows), None)

    def listed(
        self, kind: str, after: str | None, properties: Sequence[str], *, archived: bool
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Return up to BATCH records by ascending ids, and where to go on; the list knows no index that could lag."""
        more = {"after": after} if after else {}
        scope = {str(one["operator"]) for one in self.scope(kind)}
        names = [*properties, *([KEY] if scope else [])]
        answer = self._asked(
            kind,
            lambda: self._basic_api.get_page(
                self.object(kind), limit=BATCH, archived=archived, properties=names, _preload_content=False, **more
            ),
        )
        paging = answer.get("paging")
        told = paging.get("next") if isinstance(paging, dict) else None
        then = str(told.get("after") or "") if isinstance(told, dict) else ""
        if then and then == after:
            raise ContractBroken(f"HubSpot's list of {kind} does not go on", system=self.session.system)
        return [row for row in _rows(answer) if _is_within(row, scope)], then or None

    def update(self, kind: str, inputs: Sequence[Mapping[str, Any]]) -> Batch:
        """Update up to BATCH records by id; raise CallRefused when the whole call was refused."""
        return _batch(
            self._json(self._batch_api.update(self.object(kind), {"inputs": list(inputs)}, _preload_content=False))
        )

    def upsert(self, kind: str, inputs: Sequence[Mapping[str, Any]]) -> Batch:
        """Upsert up to BATCH records by a unique property; raise CallRefused when the whole call was refused."""
        return _batch(
            self._json(self._batch_api.upsert(self.object(kind), {"inputs": list(inputs)}, _preload_content=False))
        )

    def properties(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Describe every property; raise ConfigProblem for a kind that the account does not have."""
        return _rows(self._asked(kind, lambda: self._properties.get_all(self.object(kind), _preload_content=False)))

    def unknown(self, kind: str, names: Iterable[str]) -> list[str]:
        """Return those properties that the account does not have; costs a call unless all were asked about before."""
        doubtful = [name for name in names if (kind, name) not in self._left_out]
        if not doubtful:
            return []
        known = {each.get("name") for each in self.properties(kind)}
        self._left_out |= {(kind, name) for name in doubtful if name in known}
        return [name for name in doubtful if name not in known]

    def create_group(self, kind: str, name: str, label: str) -> None:
        """Create a property group unless it is there."""
        try:
            self._property_groups.create(
                self.object(kind), {"name": name, "label": label, "displayOrder": -1}, _preload_content=False
            )
        except CallRefused as refused:
            if refused.status != 409:
                raise self._as_problem(refused, kind) from refused

    def create_properties(self, kind: str, definitions: Sequence[Mapping[str, Any]]) -> Batch:
        """Create up to BATCH properties; raise CallRefused when the whole call was refused."""
        body = {"inputs": list(definitions)}
        return _batch(self._json(self._property_batches.create(self.object(kind), body, _preload_content=False)))

    def object(self, kind: str) -> str:
        """Return HubSpot's name of a kind; raise ConfigProblem for branches that have no place yet."""
        return self.branches.object_of(self, kind)

    def scope(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the search filters that a kind takes besides its object."""
        return self.branches.scope(self, kind)

    def schemas(self) -> Sequence[Mapping[str, Any]]:
        """Describe the account's custom objects; raise ConfigProblem where plan or token have none."""
        return _rows(self._asked(BRANCH, lambda: self._schemas.get_all(_preload_content=False)))

    def create_schema(self, schema: Mapping[str, Any]) -> None:
        """Create a custom object; raise CallRefused or ConfigProblem where that is not allowed."""
        self._json(self._schemas.create(dict(schema), _preload_content=False))

    def label(self, kind: str, to: str, label: str) -> LinkType | None:
        """Return how a label is called in this direction, None when there is no such label; asked once."""
        if (kind, to) not in self._labels:
            ends = self.object(kind), self.object(to)
            rows = _rows(self._asked(kind, lambda: self._link_labels.get_all(*ends, _preload_content=False)))
            self._labels[(kind, to)] = {
                str(row["label"]): LinkType(category=str(row.get("category")), id=int(row["typeId"]))
                for row in rows
                if row.get("label") and row.get("typeId") is not None
            }
        return self._labels[(kind, to)].get(label)

    def create_label(self, kind: str, to: str, name: str, label: str, inverse: str) -> None:
        """Create an association label; raise CallRefused or ConfigProblem where that is not allowed."""
        body = {"name": name, "label": label, "inverseLabel": inverse}
        self._labels.clear()
        self._json(self._link_labels.create(self.object(kind), self.object(to), body, _preload_content=False))

    def associate(self, kind: str, to: str, pairs: Sequence[tuple[str, str]], type_: LinkType | None) -> Batch:
        """Associate up to LINKS pairs of ids, plainly or by a label; raise CallRefused when the call was refused."""
        inputs: list[dict[str, Any]] = [{"from": {"id": one}, "to": {"id": other}} for one, other in pairs]
        ends = self.object(kind), self.object(to)
        if type_ is None:
            return _batch(self._json(self._links.create_default(*ends, {"inputs": inputs}, _preload_content=False)))
        typed = [{**one, "types": [type_.as_json()]} for one in inputs]
        return _batch(self._json(self._links.create(*ends, {"inputs": typed}, _preload_content=False)))

    def dissociate(self, kind: str, to: str, pairs: Sequence[tuple[str, str]], type_: LinkType | None) -> None:
        """Take away associations, or only their label; raise CallRefused when a call was refused."""
        ends = self.object(kind), self.object(to)
        if type_ is not None:
            typed = [{"from": {"id": a}, "to": {"id": b}, "types": [type_.as_json()]} for a, b in pairs]
            self._links.archive_labels(*ends, {"inputs": typed}, _preload_content=False)
            return
        for start in range(0, len(pairs), UNLINKS):
            rows = [{"from": {"id": a}, "to": [{"id": b}]} for a, b in pairs[start : start + UNLINKS]]
            self._links.archive(*ends, {"inputs": rows}, _preload_content=False)

    def owners(self, after: str | None, *, archived: bool) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Return up to OWNERS owners, and where to go on; deactivated users are only among the archived ones."""
        more = {"after": after} if after else {}
        answer = self._asked(
            "owners",
            lambda: self._owners_api.get_page(limit=OWNERS, archived=archived, _preload_content=False, **more),
        )
        paging = answer.get("paging")
        told = paging.get("next") if isinstance(paging, dict) else None
        then = str(told.get("after") or "") if isinstance(told, dict) else ""
        if then and then == after:
            raise ContractBroken("HubSpot's list of owners does not go on", system=self.session.system)
        return _rows(answer), then or None

    def account(self) -> Mapping[str, Any]:
        """Return the account's own description, empty where the call for it is refused: other calls may not be.

        It is the cheapest call that any token may make.
        """
        try:
            answer = self.session.json("GET", self._base + self._path("/account-info/v3/details"))
        except (CallRefused, Forbidden):
            return {}
        if not isinstance(answer, dict) or "portalId" not in answer:
            raise WrongAddress(
                f"{self._base} does not answer like HubSpot; correct base_url", system=self.session.system
            )
        return answer

    def usage(self) -> Usage:
        """Return the account's own figures when an answer has carried them, else our own count."""
        details = {"calls_of_this_process": self.session.calls}
        if self.judge.daily is not None:
            allowed, remaining = self.judge.daily
            return Usage(used=allowed - remaining, allowed=allowed, source="HubSpot's own count", details=details)
        return Usage(used=self.session.used_today, allowed=self.session.settings.per_day, details=details)

    def _asked(self, kind: str, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            return self._json(call())
        except CallRefused as refused:
            raise self._as_problem(refused, kind) from refused

    def _as_problem(self, refused: CallRefused, kind: str) -> ConfigProblem | ContractBroken | Unavailable:
        """Say what a refused read means: no record is to blame for it."""
        trouble, system, call = refused.trouble, self.session.system, refused.request_id
        if trouble.code == "HTTP_404":  # HubSpot's own 404 has a body that says more
            return WrongAddress(
                f"{self._base} does not answer like HubSpot (HTTP 404); correct base_url", system=system
            )
        if refused.status == 409:
            return Unavailable(f"HubSpot could not read {kind} now ({trouble.code})", system=system, request_id=call)
        if refused.status == 404 or trouble.field is not None or trouble.code == "UNKNOWN_OBJECT_TYPE":
            what = f"property {trouble.field}" if trouble.field else "object"
            return ConfigProblem(
                f"HubSpot does not know the {what} that is to be read of {kind} ({trouble.code}); correct the mapping",
                system=system,
                request_id=call,
            )
        return ContractBroken(
            f"HubSpot refused to read {kind} (HTTP {refused.status}, {trouble.code})", system=system, request_id=call
        )

    def _json(self, raw: Any) -> Mapping[str, Any]:
        if not raw.data:
            return {}
        try:
            answer = parse_json(raw.data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable("HubSpot answered with a body that is cut off or no JSON", system=self.session.system)
        return answer

    def _path(self, path: str) -> str:
        return path if self._version == "v3" else dated_path(path, self._version)

    def _api(self, package: Any, name: str, config: Mapping[str, Any]) -> Any:
        """Build an API object of the official client on our session: one client per package, kept."""
        del config  # the token stays in the session
        client = self._api_clients.get(package.__name__)
        if client is None:
            configuration = package.Configuration()
            configuration.host, configuration.retries = self._base, False
            client = package.ApiClient(configuration=configuration)
            client.user_agent = "syncd"
            client.rest_client.pool_manager = _Pool(self.session)
            if self._version != "v3":
                client.call_api = _with_dated_paths(client.call_api, self._version)
            self._api_clients[package.__name__] = client
        return getattr(package, name)(api_client=client)


def dated_path(path: str, version: str) -> str:
    """Translate a v3 path of the official client to its date-based form; raise ContractBroken for an unknown area."""
    for pattern, template in _DATED:
        if pattern.match(path):
            return pattern.sub(template.format(version=version), path, count=1).rstrip("/")
    raise ContractBroken(f"no date-based form is known for the path {path}")


def body_length(body: Mapping[str, Any]) -> int:
    """Return the characters that the official client sends for `body`."""
    return len(json.dumps(body))


# ---------------------------------------------------------------------------------------------------------------------

_DATED = (
    (re.compile(r"/crm/v3/(objects|properties|owners)/"), r"/crm/\1/{version}/"),
    (re.compile(r"/crm/v4/associations/"), r"/crm/associations/{version}/"),
    (re.compile(r"/crm-object-schemas/v3/"), r"/crm-object-schemas/{version}/"),
    (re.compile(r"/account-info/v3/"), r"/account-info/{version}/"),
    (re.compile(r"/oauth/v1/token$"), r"/oauth/{version}/token"),
)


class _Pool:
    """Stands where the official client expects a urllib3 pool, and sends through the session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        fields: Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> urllib3.HTTPResponse:
        lane = "search" if url.endswith("/search") else None
        answer = self._session.request(method, url, params=fields, data=body, headers=headers, lane=lane)
        return urllib3.HTTPResponse(body=io.BytesIO(answer.content), status=answer.status_code)


def _with_dated_paths(call: Callable[..., Any], version: str) -> Callable[..., Any]:
    def call_api(path: str, *args: Any, **options: Any) -> Any:
        return call(dated_path(path, version), *args, **options)

    return call_api


def _is_within(row: Mapping[str, Any], scope: set[str]) -> bool:
    """Tell whether a listed row is of the kind that was listed: the list takes no filter."""
    if not scope:
        return True
    properties = row.get("properties")
    marked = isinstance(properties, dict) and properties.get(KEY) not in (None, "")
    return marked == ("HAS_PROPERTY" in scope)


def _rows(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the rows of an answer; raise Unavailable for one without: nothing is gone because of it."""
    told = answer.get("results")
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    if not rows and told != []:
        raise Unavailable("HubSpot answered in a form that is not known (no results)")
    return rows


def _batch(answer: Mapping[str, Any]) -> Batch:
    errors = answer.get("errors")
    known = [trouble_of(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return Batch(rows=_rows(answer), errors=known)
