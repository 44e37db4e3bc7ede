"""A simulated Salesforce org behind real HTTP: its inside, a clock, plain calls and simple-salesforce.

What the answers should say is for the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce as Client

from sandbox.salesforce import Salesforce
from sandbox.wire import Server

START = 1_800_000_000  # 2027-01-15T08:00:00Z
HOST = "acme.my.salesforce.com"
VERSION = "66.0"
KEY = "Source_Key__c"


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class Rewriting(HTTPAdapter):
    """Sends what is meant for the org's https host to the simulator: simple-salesforce knows https alone."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.target = urlsplit(url)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = urlsplit(request.url)._replace(scheme="http", netloc=self.target.netloc).geturl()
        return super().send(request, *args, **{**kwargs, "timeout": 10})


class Account:
    """What a test holds: the org's inside (`org`), its clock, and a logged-in caller on the outside."""

    def __init__(self, org: Salesforce, clock: Clock, server: Server) -> None:
        self.org, self.clock, self.server = org, clock, server
        self.session = requests.Session()
        self.login()

    def login(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
        answer = self.session.post(f"{self.server.url}/services/oauth2/token", data=form, timeout=60)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        root = "" if path.startswith("/") else f"/services/data/v{VERSION}/"
        return self.session.request(method, f"{self.server.url}{root}{path}", json=body, timeout=10, **more)

    def query(self, soql: str, path: str = "query", **headers: str) -> requests.Response:
        return self.call("GET", path, params={"q": soql}, headers=headers)

    def rows(self, soql: str, path: str = "query") -> list[dict[str, Any]]:
        answer = self.query(soql, path)
        assert answer.status_code == 200, answer.text
        return answer.json()["records"]

    def ids(self, soql: str, path: str = "query") -> list[str]:
        return [row["Id"] for row in self.rows(soql, path)]

    def create(self, name: str, headers: dict[str, str] | None = None, **fields: Any) -> str:
        answer = self.call("POST", f"sobjects/{name}/", fields, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def lead(self, **fields: Any) -> str:
        return self.create("Lead", **{"LastName": "Doe", "Company": "Acme", **fields})

    def upsert(self, key: str, fields: dict[str, Any], name: str = "Lead", **more: Any) -> requests.Response:
        return self.call("PATCH", f"sobjects/{name}/{KEY}/{quote(key, safe='')}", fields, **more)

    def client(self) -> Client:
        """Return simple-salesforce over a session whose adapter leads to the simulator."""
        session = requests.Session()
        session.mount(f"https://{HOST}", Rewriting(self.server.url))
        token = str(self.session.headers["Authorization"]).removeprefix("Bearer ")
        return Client(session_id=token, instance_url=f"https://{HOST}", session=session, version=VERSION)


@contextmanager
def open_org(**settings: Any) -> Iterator[Account]:
    """Serve a fresh org whose leads have a unique, case-sensitive external key."""
    clock = Clock()
    org = Salesforce(clock=clock, **settings)
    for name in ("Lead", "Contact", "Account"):
        org.define_field(name, KEY, "string", length=64, unique=True, external_id=True, case_sensitive=True)
    with Server(org) as server:
        account = Account(org, clock, server)
        yield account
        account.session.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Return status and first code of a top-level refusal."""
    return answer.status_code, answer.json()[0]["errorCode"]


def record(name: str, **fields: Any) -> dict[str, Any]:
    """Return a row of a collections call."""
    return {"attributes": {"type": name}, **fields}


def iso(epoch: float) -> str:
    """Return a moment as a SOQL literal."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printed(epoch: float) -> str:
    """Return a moment as JSON answers print it."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
