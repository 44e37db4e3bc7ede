"""The only place where an HTTP connection is opened: time-outs, retries, limits, credentials, size caps, redaction.

It does not know what a body means; each connector says, through its `judge`, which answers mean "wait and try again".
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import requests
from pyrate_limiter import Duration, Limiter, Rate
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import NewConnectionError

from connectors.answers import (
    arriving,
    is_csv,
    no_answer,
    no_secure_answer,
    origin,
    parse_json,
    read_json,
    request_id,
    retry_after,
    understood,
)
from connectors.errors import (
    AuthExpired,
    ConfigProblem,
    ConnectorError,
    ContractBroken,
    ReadingRests,
    Unavailable,
    WrongAddress,
)

__all__ = [
    "Allowance",
    "Credential",
    "HttpSettings",
    "Judge",
    "Session",
    "StaticToken",
    "Wait",
    "origin",
    "parse_json",
    "read_json",
    "refuse_plain_http",
    "request_id",
    "retry_after",
    "understood",
]

# A limit is counted where calls arrive: one that was sent a second after another may arrive sooner after it.
LATENESS = 0.25


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """How one system is called. Times in seconds.

    `per_second` holds further limits as name -> calls per second; a call names the one that it falls under.
    `insecure_http` permits http:// to a host other than this machine; without it such an address is refused.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    total_timeout: float = 120.0  # a body that drips slower than this is cut off
    attempts: int = 4
    longest_wait: float = 30.0  # a longer wait is the caller's to schedule
    largest_body: int = 64 * 1024 * 1024  # bytes, after decompression
    largest_file: int = 2 * 1024 * 1024 * 1024  # bytes of a body that goes into a file
    burst: tuple[int, float] | None = None  # calls, seconds
    per_second: Mapping[str, int] | None = None
    per_day: int | None = None
    reserve: float = 0.0  # the share of the day's calls that reading leaves to writing
    ca: str | None = None  # a file of certificate authorities in place of the system's
    insecure_http: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """A judge's word for "not now": try again, after `seconds` when the system named a time."""

    reason: str
    seconds: float | None = None
    now_or_later: bool = True  # False: do not wait here at all (a daily limit)


Judge = Callable[[requests.Response], Wait | ConnectorError | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What a system says of the calls of its day, all its clients together. `resets_in` seconds."""

    allowed: int
    remaining: int
    resets_in: float


class Credential(Protocol):
    """A bearer token and its life cycle."""

    def token(self) -> str:
        """Return the present token, fetching it first when there is none."""
        ...

    def renew(self, stale: str) -> str:
        """Return a token other than `stale`; raise AuthExpired when there is none to be had."""
        ...


class StaticToken:
    """A token that the operator configured; it cannot be renewed."""

    def __init__(self, value: str, remedy: str) -> None:
        self._value = value
        self._remedy = remedy

    def token(self) -> str:
        return self._value

    def renew(self, stale: str) -> str:
        del stale
        raise AuthExpired(f"the token was refused; {self._remedy}")


class Session(requests.Session):
    """A requests session that every client library of a connector is given.

    `request` returns an answer that the judge found final, or raises a ConnectorError. Redirects are never followed:
    no token leaves for a host that is not in `origins`.
    """

    def __init__(
        self,
        system: str,
        settings: HttpSettings,
        *,
        origins: Iterable[str],
        judge: Judge,
        credential: Credential | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.system = system
        self.settings = settings
        self.judge = judge
        self.credential = credential
        self.calls = 0  # of this process
        self.used_today = 0  # by all processes on one state, as far as `count_all` was told
        self.allowance: Callable[[], Allowance | None] = lambda: None
        self.server_time: datetime | None = None  # the Date header of the latest answer
        self.clock_ahead: timedelta | None = None  # of that before our own clock, when it came
        self._origins = {origin(url) for url in origins}
        for url in self._origins:
            refuse_plain_http(url, settings)
        self._sleep = sleep
        self._lock = threading.Lock()
        self._day = datetime.now(UTC).date()
        self._purpose = threading.local()
        self._quiet: dict[str | None, tuple[float, int, str]] = {}  # lane -> (until, monotonic; who waits; why)
        self._workers = 0
        self.share_among(1)
        # The environment may name a proxy. Without this, a ~/.netrc entry for the host would replace our token.
        self.auth = _leave_alone
        self._environment: dict[tuple[Any, ...], Any] = {}
        adapter = HTTPAdapter(pool_maxsize=16, max_retries=0)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(
        self, method: str | bytes, url: str | bytes, *args: Any, lane: str | None = None, **kwargs: Any
    ) -> requests.Response:
        """Send, wait and retry as the judge says; see the class. `lane` names a limit of `per_second`.

        While `writing`, what may have been written is not sent again: what a person entered meanwhile would be lost.

        `into`, a binary file, is given what a 200 brings as text/csv, however large; its answer's content stays empty.
        """
        verb, address = _text(method).upper(), _text(url)
        self._check_origin(address)
        with_token = kwargs.pop("with_token", True)
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_wait_as_told,
            stop=stop_after_attempt(self.settings.attempts),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, verb, address, lane, with_token, args, kwargs)
        except _Again as again:
            self._wait_no_more(lane)
            error = Unavailable(again.wait.reason, system=self.system, retry_after=again.wait.seconds)
            error.status = again.status
            raise error from again
        except Unavailable:
            self._wait_no_more(lane)
            raise

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Ask the environment once for what it says of a host: requests would read all of it for each call, twice."""
        asked = (origin(_text(url)), stream, verify, cert)
        if asked not in self._environment:
            self._environment[asked] = super().merge_environment_settings(url, proxies, stream, verify, cert)
        known = self._environment[asked]
        return {**known, "proxies": {**known["proxies"]}}

    def json(self, method: str, url: str, **kwargs: Any) -> Any:
        """Send and return the parsed JSON body; an answer that is no JSON is Unavailable (an error page in between)."""
        return read_json(self.request(method, url, **kwargs), self.system)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let the calls of this thread leave the reserve of a day's budget alone; they raise ReadingRests."""
        self._purpose.reads = True
        try:
            yield
        finally:
            self._purpose.reads = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let calls of this thread raise Unavailable at once where nobody can tell whether they were carried out."""
        self._purpose.writes = True
        try:
            yield
        finally:
            self._purpose.writes = False

    @property
    def reads(self) -> bool:
        """Whether this thread's calls are for reading."""
        return getattr(self._purpose, "reads", False)

    def count_all(self, used: int, own: int) -> None:
        """Take over what all processes spent today, in which `own` of this one's calls are counted already."""
        with self._lock:
            self.used_today = used + self.calls - own

    def share_among(self, workers: int) -> None:
        """Keep to this process's part of the burst limits, which so many share."""
        if workers == self._workers:
            return
        self._workers = workers
        burst = self.settings.burst
        self._burst = _limiter((max(1, burst[0] // workers), burst[1])) if burst else None
        lanes = self.settings.per_second or {}
        self._lanes = {
            name: _limiter((1, workers / n) if n < workers else (n // workers, 1.0)) for name, n in lanes.items()
        }

    def _once(
        self, method: str, url: str, lane: str | None, with_token: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> requests.Response:
        token = self.credential.token() if with_token and self.credential else None
        answer = self._send(method, url, lane, token, args, kwargs)
        if answer.status_code == 401 and token is not None and self.credential is not None:
            token = self.credential.renew(token)
            answer = self._send(method, url, lane, token, args, kwargs)
            if answer.status_code == 401:
                raise AuthExpired(
                    f"{self.system} refused a token it had just issued (HTTP 401 twice)",
                    system=self.system,
                    request_id=request_id(answer),
                )
        verdict = self.judge(answer)
        writes = with_token and getattr(self._purpose, "writes", False)
        if isinstance(verdict, Wait) and writes and not 400 <= answer.status_code < 500:
            error = Unavailable(verdict.reason, system=self.system, retry_after=verdict.seconds)
            error.status = answer.status_code
            raise error
        if isinstance(verdict, ConnectorError):
            verdict.system = verdict.system or self.system
            verdict.request_id = verdict.request_id or request_id(answer)
            raise verdict
        if verdict is not None:
            if answer.status_code == 429 and verdict.seconds is not None:
                self._quiet[lane] = (time.monotonic() + verdict.seconds, threading.get_ident(), verdict.reason)
            self._raise_wait(verdict, answer.status_code)
        return answer

    def _raise_wait(self, wait: Wait, status: int) -> None:
        if not wait.now_or_later or (wait.seconds or 0) > self.settings.longest_wait:
            raise Unavailable(wait.reason, system=self.system, retry_after=wait.seconds)
        raise _Again(wait, status)

    def _send(
        self,
        method: str,
        url: str,
        lane: str | None,
        token: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> requests.Response:
        self._take_turn(lane)
        options = dict(kwargs)
        into: BinaryIO | None = options.pop("into", None)
        options["headers"] = _with_bearer(options.get("headers"), token)
        options["timeout"] = (self.settings.connect_timeout, self.settings.read_timeout)
        options["allow_redirects"] = False
        options["stream"] = True
        if self.settings.ca:  # given with the call: what the session says, REQUESTS_CA_BUNDLE would overrule
            options["verify"] = self.settings.ca
        started = time.monotonic()
        try:
            answer = super().request(method, url, *args, **options)
            self._read_body(answer, started, into)
        except requests.exceptions.SSLError as error:
            disbelief = no_secure_answer(url, error)
            if disbelief is not None:
                raise WrongAddress(f"{self.system}: {disbelief}", system=self.system) from error
            raise _Again(Wait(no_answer(self.system, url, error))) from error
        except requests.exceptions.RequestException as error:
            reason = no_answer(self.system, url, error)
            if token is not None and getattr(self._purpose, "writes", False) and not _never_left(error):
                raise Unavailable(reason, system=self.system) from error
            raise _Again(Wait(reason)) from error
        if 300 < answer.status_code < 400 and answer.status_code != 304:
            raise WrongAddress(
                f"{self.system} at {origin(url)} answered with a redirect, which is not followed; set the address it "
                f"should be reached at",
                system=self.system,
            )
        self._note(answer)
        return answer

    def _read_body(self, answer: requests.Response, started: float, into: BinaryIO | None) -> None:
        """Read the whole body within the caps, so that nothing later touches the socket."""
        kept: BinaryIO = io.BytesIO()
        largest = self.settings.largest_body
        if into is not None and answer.status_code == 200 and is_csv(answer):
            kept, largest = into, self.settings.largest_file
            kept.seek(0)
            kept.truncate()
        size = 0
        for part in arriving(answer):
            kept.write(part)
            size += len(part)
            if size > largest:
                answer.close()
                raise ContractBroken(f"{self.system} sent a body of more than {largest} bytes", system=self.system)
            if time.monotonic() - started > self.settings.total_timeout:
                answer.close()
                raise requests.exceptions.ReadTimeout("the body took too long")
        answer._content = kept.getvalue() if isinstance(kept, io.BytesIO) and kept is not into else b""

    def _note(self, answer: requests.Response) -> None:
        stamp = answer.headers.get("Date")
        with self._lock:
            if stamp:
                try:
                    self.server_time = parsedate_to_datetime(stamp)
                    self.clock_ahead = self.server_time - datetime.now(UTC)
                except (TypeError, ValueError):  # no date; one without a zone
                    self.server_time = self.clock_ahead = None

    def _take_turn(self, lane: str | None) -> None:
        """Count the call against the day and wait for a place under the burst limits."""
        self._keep_quiet(lane)
        with self._lock:
            today = datetime.now(UTC).date()
            if today != self._day:
                self._day, self.used_today = today, 0
            self._check_day(today)
            self.calls += 1
            self.used_today += 1
        if lane is not None and lane in self._lanes:
            self._lanes[lane].try_acquire(lane)
        elif self._burst is not None:
            self._burst.try_acquire("burst")

    def _keep_quiet(self, lane: str | None) -> None:
        """Wait with a thread that was told to, on behalf of all, by an answer to another one's call."""
        until, waits, reason = self._quiet.get(lane, (0.0, 0, ""))
        left = until - time.monotonic()
        if left <= 0 or waits == threading.get_ident():
            return
        if left > self.settings.longest_wait:
            raise Unavailable(reason, system=self.system, retry_after=left)
        self._sleep(left)

    def _wait_no_more(self, lane: str | None) -> None:
        """Give up a call: this thread has not waited for the quiet that was asked for, so its next call has to."""
        until, waits, reason = self._quiet.get(lane, (0.0, 0, ""))
        if waits == threading.get_ident():
            self._quiet[lane] = (until, 0, reason)

    def _check_day(self, today: date) -> None:
        """Raise when the day's calls are spent: for reading, when only the reserve is left."""
        limit, reserve = self.settings.per_day, self.settings.reserve
        tomorrow = datetime.combine(today, datetime.min.time(), UTC).timestamp() + 86400
        if limit is not None and self.used_today >= limit:
            raise Unavailable(
                f"the budget of {limit} calls a day for {self.system} is spent",
                system=self.system,
                retry_after=tomorrow - time.time(),
            )
        if not self.reads:
            return
        if limit is not None and self.used_today >= int(limit * (1 - reserve)):
            raise ReadingRests(
                f"{self.used_today} of the budget of {limit} calls a day are spent, and the rest is kept for handoffs",
                system=self.system,
                retry_after=tomorrow - time.time(),
            )
        told = self.allowance()
        if told is not None and told.remaining <= told.allowed * reserve:
            raise ReadingRests(
                f"{told.remaining} of the account's {told.allowed} calls a day are left for all its apps, and they are "
                f"kept for handoffs",
                system=self.system,
                retry_after=told.resets_in,
            )

    def _check_origin(self, url: str) -> None:
        place = origin(url)
        if place not in self._origins:
            raise ContractBroken(
                f"{self.system}: refusing to send a request to {place}, which is not its configured address",
                system=self.system,
            )


def refuse_plain_http(url: str, settings: HttpSettings) -> None:
    """Raise ConfigProblem for http:// to anywhere but this machine, unless the operator said so aloud."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigProblem("the address must begin with https:// and name a host, such as https://api.example.com")
    if parts.scheme == "https" or settings.insecure_http:
        return
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    raise ConfigProblem(
        f"{url} is not https; a token would travel in the clear. Use https, or set `insecure_http: true` for a "
        f"test system on a network you trust"
    )


# ---------------------------------------------------------------------------------------------------------------------


class _Again(Exception):
    def __init__(self, wait: Wait, status: int | None = None) -> None:
        super().__init__(wait.reason)
        self.wait, self.status = wait, status


def _never_left(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection came about, so that the other side cannot have done anything."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(cause, NewConnectionError)


def _leave_alone(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _wait_as_told(state: RetryCallState) -> float:
    """Wait as long as the system asked; otherwise 0.5, 1, 2, ... seconds."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Again) and error.wait.seconds is not None:
        return error.wait.seconds
    return float(0.5 * 2 ** (state.attempt_number - 1))


def _limiter(limit: tuple[int, float]) -> Limiter:
    calls, seconds = limit
    return Limiter(Rate(calls, int((seconds + LATENESS) * Duration.SECOND)))


def _with_bearer(headers: Mapping[str, Any] | None, token: str | None) -> dict[str, Any]:
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "authorization" or token is None}
    if token is not None:
        kept["Authorization"] = f"Bearer {token}"
    return kept


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
