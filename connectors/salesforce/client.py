"""One Salesforce org over HTTP: simple-salesforce on the shared session, composite calls, and the org's API budget.

It gives back parsed answers; what records and rows mean is left to the source and the destination.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, BinaryIO

import orjson
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connectors.contract import Usage
from connectors.errors import AuthExpired, ConnectorError, ReadingRests, Unavailable
from connectors.http import HttpSettings, Session, read_json
from connectors.salesforce import soql
from connectors.salesforce.auth import ClientCredentials, GivenSession, Identity
from connectors.salesforce.guard import Guard
from connectors.salesforce.judge import DAILY_WAIT, judge, refused_call
from connectors.salesforce.settings import SalesforceSettings

LISTS = 5  # queries or collections that one composite call takes
ROWS = 25  # calls on single rows that one composite call takes
_TABLE = {"Accept": "text/csv"}
_REFERENCE = b"@{"  # in a composite call such text is replaced by what another part answered
_SLACK = timedelta(
    seconds=2
)  # a second is over, and its rows are visible, this long after the server's clock passed it


@dataclass(frozen=True, slots=True)
class Part:
    """One call inside a composite call; `path` is relative to the version's root.

    `past_alerts`: duplicate rules that only alert do not stop it; those that block do. `since`: it is answered 412
    where the record was changed after that.
    """

    method: str
    path: str
    body: Any = None
    past_alerts: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call, alone or inside a composite, was answered."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """The calls that both directions share."""

    def __init__(self, name: str, settings: SalesforceSettings, sleep: Callable[[float], None]) -> None:
        self.name = name
        self.settings = settings
        self.session = Session(
            name,
            _http_settings(settings),
            origins=(settings.instance_url, settings.token_url),
            judge=judge(name),
            sleep=sleep,
        )
        self._assign = "TRUE" if settings.auto_assign else "FALSE"
        self.session.headers.update({"Sforce-Auto-Assign": self._assign, "Sforce-Call-Options": "client=syncd"})
        self.credential: ClientCredentials | GivenSession = (
            GivenSession(self.session, settings)
            if settings.auth.session_id is not None
            else ClientCredentials(self.session, settings)
        )
        self.session.credential = self.credential
        self.guard = Guard(self.session)
        self.meter = Meter(self.session, settings)
        self.session.hooks["response"].append(self.meter.read)
        self._library = Salesforce(
            session_id="kept by the session",
            instance_url=settings.instance_url,
            session=self.session,
            version=settings.api_version,
        )
        # In place of the library's own: it would send a second token and ask for indented bodies.
        self._library.headers = {"Content-Type": "application/json"}

    @property
    def root(self) -> str:
        """The path under which all resources of the configured version lie."""
        return f"/services/data/v{self.settings.api_version}/"

    def identity(self) -> Identity:
        """Return whose token this is; raise ConfigProblem when it is not the configured org's."""
        return self.credential.identity()

    def answer(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one call and return what was answered, be it a refusal; `path` is relative to the version's root."""
        self.meter.gate()
        data = None if body is None else orjson.dumps(body)
        try:
            sent = self._library._call_salesforce(method, self._url(path), data=data, headers=headers or {})
        except SalesforceError as error:
            return Answer(error.status, error.content)
        return Answer(sent.status_code, read_json(sent, self.name) if sent.content else None)

    def call(self, method: str, path: str, body: Any = None, *, what: str) -> Any:
        """Send one call about `what` and return the body; raise the ConnectorError that a refusal means."""
        answer = self.answer(method, path, body)
        if not answer.ok:
            raise refused_call(self.name, answer.status, answer.body, what)
        return answer.body

    def send(
        self, method: str, path: str, data: bytes | None = None, *, as_csv: bool = False, into: BinaryIO | None = None
    ) -> requests.Response:
        """Send one call of the Bulk API and return the answer, be it a refusal; a CSV body goes into the file."""
        self.meter.gate()
        headers = {"Content-Type": "text/csv" if as_csv else "application/json"} if into is None else _TABLE
        return self.session.request(method, self._url(path), data=data, headers=headers, into=into)

    def composite(self, parts: Sequence[Part]) -> list[Answer]:
        """Send up to ROWS parts in one call, LISTS of them queries or collections; return an answer for each.

        A part that Salesforce left without an answer gets status 0. A part whose text could be taken for a reference to
        another one's answer goes in a call of its own.
        """
        bodies = [None if part.body is None else orjson.dumps(part.body) for part in parts]
        apart = {number for number, body in enumerate(bodies) if body is not None and _REFERENCE in body}
        token = self.credential.token()
        answers = self._composite(parts, bodies, [number for number in range(len(parts)) if number not in apart])
        if expired := [number for number, one in answers.items() if one.status == 401]:
            self.credential.renew(token)
            try:
                answers |= self._composite(parts, bodies, expired)
            except Unavailable:
                answers |= dict.fromkeys(expired, Answer(0, None))  # what the others were answered stands
            if any(answers[number].status == 401 for number in expired):
                raise AuthExpired(
                    f"{self.name} refused a token it had just issued (part of a composite call, HTTP 401 twice); "
                    f"check the session policies of the external client app and the run-as user's login restrictions",
                    system=self.name,
                )
        self._answer_apart(parts, sorted(apart), answers)
        return [answers.get(number, Answer(0, None)) for number in range(len(parts))]

    def queries(self, texts: Sequence[str], *, deleted_too: bool) -> tuple[list[Answer], datetime | None]:
        """Ask every query, LISTS in a call; return the answers and the time up to which they are complete.

        That time is by Salesforce's own clock, and None when it sent none. Rows with a later stamp may yet be joined by
        rows of the same second.
        """
        answers: list[Answer] = []
        settled: list[datetime] = []
        for start in range(0, len(texts), LISTS):
            began = time.monotonic()
            parts = [
                Part("GET", soql.query_path(text, deleted_too=deleted_too)) for text in texts[start : start + LISTS]
            ]
            answers += self.composite(parts)
            took = timedelta(seconds=time.monotonic() - began)
            if self.session.server_time is not None:
                settled.append((self.session.server_time - took - _SLACK).replace(microsecond=0))
        return answers, min(settled, default=None)

    def _url(self, path: str) -> str:
        # The library's own addresses are https, and end after the host.
        return f"{self.settings.instance_url}{self.root}{path}"

    def _composite(
        self, parts: Sequence[Part], bodies: Sequence[bytes | None], numbers: Sequence[int]
    ) -> dict[int, Answer]:
        """Send those of the parts in one call; return number -> answer."""
        if not numbers:
            return {}
        joined = []
        for number in numbers:
            part, body = parts[number], bodies[number]
            call: dict[str, Any] = {"method": part.method, "url": self.root + part.path, "referenceId": f"p{number}"}
            if body is not None:
                call |= {"body": orjson.Fragment(body), "httpHeaders": self._headers(part)}
            joined.append(call)
        whole = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": joined}
        told = self.call("POST", "composite", whole, what="composite")
        parts_told = told.get("compositeResponse") if isinstance(told, dict) else None
        answers = {
            str(part.get("referenceId")): part
            for part in (parts_told if isinstance(parts_told, list) else ())
            if isinstance(part, dict) and isinstance(part.get("httpStatusCode"), int)
        }
        found = {}
        for number in numbers:
            part_told = answers.get(f"p{number}", {})
            found[number] = Answer(part_told.get("httpStatusCode", 0), part_told.get("body"))
        return found

    def _answer_apart(self, parts: Sequence[Part], numbers: Sequence[int], answers: dict[int, Answer]) -> None:
        """Send each part in a call of its own; raise only where no part at all was answered."""
        for number in numbers:
            part = parts[number]
            try:
                answers[number] = self.answer(part.method, part.path, part.body, self._headers(part))
            except ConnectorError as error:
                if error.status is not None and error.status >= 500:
                    answers[number] = Answer(error.status, None)
                elif not answers:
                    raise
                else:
                    return  # the others would hardly fare better

    def _headers(self, part: Part) -> dict[str, str]:
        headers = {"Sforce-Auto-Assign": self._assign}
        if part.past_alerts:
            headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
        if part.since is not None:
            headers["If-Unmodified-Since"] = format_datetime(part.since, usegmt=True)
        return headers


class Meter:
    """How many API calls the org and syncd have spent, as the org tells with every answer."""

    def __init__(self, session: Session, settings: SalesforceSettings) -> None:
        self._session = session
        self._budget = settings.budget
        self._used: int | None = None
        self._total: int | None = None
        self._read_at = 0.0

    def read(self, answer: requests.Response, **_: Any) -> None:
        """Take the figures from an answer's Sforce-Limit-Info header."""
        found = re.search(r"(?:^|[^-])api-usage=(\d+)/(\d+)", answer.headers.get("Sforce-Limit-Info", ""))
        if found is None:
            return
        self._used, self._total, self._read_at = int(found[1]), int(found[2]), time.monotonic()
        if self._budget.per_day is None:
            allowed = max(1, int(self._total * self._budget.share))
            if self._session.settings.per_day != allowed:
                self._session.settings = replace(self._session.settings, per_day=allowed)

    def gate(self) -> None:
        """Raise Unavailable while the org as a whole is near its limit; let a call through now and then to see."""
        name, share = "stop_at", self._budget.stop_at
        if self._session.reads and self._budget.reading_stops_at < share:
            name, share = "reading_stops_at", self._budget.reading_stops_at
        if self._used is None or not self._total or self._used < self._total * share:
            return
        left = DAILY_WAIT - (time.monotonic() - self._read_at)
        if left > 0:
            raise (ReadingRests if self._used < self._total * self._budget.stop_at else Unavailable)(
                f"{self._session.system}: the org has used {self._used} of its {self._total} API calls a day, more "
                f"than budget.{name} ({share:.0%}) allows; syncd waits so that others can work",
                system=self._session.system,
                retry_after=left,
            )

    def usage(self) -> Usage:
        """Return the org's figures when known, and syncd's own beside them."""
        own = {"own_used": self._session.used_today, "own_allowed": self._session.settings.per_day}
        if self._used is None:
            return Usage(used=self._session.used_today, allowed=self._session.settings.per_day, details=own)
        return Usage(used=self._used, allowed=self._total, source="Sforce-Limit-Info", details=own)


# ---------------------------------------------------------------------------------------------------------------------


def _http_settings(settings: SalesforceSettings) -> HttpSettings:
    return HttpSettings(
        connect_timeout=settings.timeouts.connect,
        read_timeout=settings.timeouts.read,
        total_timeout=settings.timeouts.total,
        per_day=settings.budget.per_day,
        reserve=settings.budget.reserve,
        ca=settings.ca,
        insecure_http=settings.insecure_http,
    )
