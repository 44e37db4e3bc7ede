"""What an answer tells beside its meaning, and the words for one that did not come; no value of a record is in them.

Sending calls, and waiting, is http.py's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from connectors.errors import Unavailable

CHUNK = 64 * 1024


def origin(url: str) -> str:
    """Return scheme://host[:port] of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def read_json(answer: requests.Response, system: str) -> Any:
    """Parse a JSON body; raise Unavailable when it is none (an HTML page of a proxy, a cut-off body)."""
    try:
        return parse_json(answer.content)
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise Unavailable(
            f"{system} answered {answer.status_code} with a body that is no JSON ({kind})",
            system=system,
            request_id=request_id(answer),
        ) from error


def parse_json(data: bytes | str) -> Any:
    """Parse a JSON document; raise ValueError when it is none.

    orjson is strict where one odd value (half a character, 10^400) would hold up a page of good records: such a
    character becomes a question mark, such a number stays text.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        return _cleaned(json.loads(text, parse_constant=str, parse_int=_number, parse_float=_number))
    except RecursionError as error:
        raise ValueError("the document is nested too deep") from error


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Take an answer apart; one whose JSON has another form than the contract's is Unavailable, as an error page is."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"{what} was answered in a form that is not known ({type(error).__name__})") from error


def retry_after(answer: requests.Response) -> float | None:
    """Return the Retry-After header in seconds, whether it was sent as a number or as a date; 0 names no time."""
    text = answer.headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text)) or None
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()) or None
    except (ValueError, TypeError):
        return None


def request_id(answer: requests.Response) -> str | None:
    """Return the remote side's own id of the call, for its support."""
    for name in ("x-hubspot-correlation-id", "X-Request-Id", "sfdc-request-id"):
        value = answer.headers.get(name)
        if value:
            return str(value)
    return None


def arriving(answer: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes in; a read that waits for a whole piece would let a slow drip outlast any limit."""
    try:
        while part := answer.raw.read1(CHUNK, decode_content=True):
            yield part
    except ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except HTTPError as error:  # a connection that ends half-way, TLS included
        raise requests.exceptions.ChunkedEncodingError(error) from error


def is_csv(answer: requests.Response) -> bool:
    """Tell whether the body is a table."""
    return str(answer.headers.get("Content-Type", "")).startswith("text/csv")


def no_answer(system: str, url: str, error: requests.exceptions.RequestException) -> str:
    """Say that a call was not answered, and why."""
    return (
        f"{system} at {origin(url)} did not answer ({_network_words(error)}); if it stays so, check the address in the "
        f"config and the network in between"
    )


def no_secure_answer(url: str, error: requests.exceptions.SSLError) -> str | None:
    """Say why the other side is not believed to be who it should be; None: the secure connection merely broke off."""
    if any(sign in str(error) for sign in _NO_TLS):
        return f"what answers at {origin(url)} does not speak https; correct the address or its port"
    if not any(sign in str(error) for sign in _NOT_BELIEVED):
        return None
    return (
        f"the certificate of {origin(url)} was not accepted; set `ca` to the file of your own authority, or correct "
        f"the address"
    )


# ---------------------------------------------------------------------------------------------------------------------


# How OpenSSL's versions say that the first bytes of the other side were no TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "wrong version number", "RECORD_LAYER_FAILURE", "record layer failure")
# ... and that a certificate, or our own file of authorities, is at fault.
_NOT_BELIEVED = ("CERTIFICATE", "certificate", "X509")
_DIGITS = 18  # of a whole number that 64 bits surely hold


def _number(text: str) -> int | float | str:
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= _DIGITS else text
    return float(text) if math.isfinite(float(text)) else text


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8") if not value.isascii() else value
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    return value


def _network_words(error: requests.exceptions.RequestException) -> str:
    """Name the kind of network trouble without repeating the URL, whose query may hold values."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "connection timed out"
    if isinstance(error, requests.exceptions.Timeout):
        return "timed out"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut off"
    if isinstance(error, requests.exceptions.SSLError):
        return "the secure connection broke off"
    if isinstance(error, requests.exceptions.ConnectionError):
        text = str(error)
        for sign, words in (
            ("Name or service not known", "no such host"),
            ("Temporary failure in name resolution", "its name could not be resolved"),
            ("Connection refused", "connection refused"),
            ("reset", "connection reset"),
        ):
            if sign in text:
                return words
        return "connection failed"
    return type(error).__name__
