"""A desk on a few settled leads and a folder of files, and a person at it: real HTTP, forms as a browser sends them."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from edits.small_world import CRM_FIELDS, FACTS, FILES, OURS, PROPERTIES, SPARE, SYSTEMS, SmallWorld, Taking
from web_state import Answer

from connectors.contract import FieldInfo, FieldType
from syncd.daemon.live import Live
from syncd.edits.force import Running as InForce
from syncd.edits.passing import Folder, Limits
from syncd.health import Health
from syncd.web.desk import Desk
from syncd.web.serve import Running, start

FIELDS = {"hub": (*PROPERTIES, *OURS), "crm": (*CRM_FIELDS, *SPARE, *FACTS)}


class Describing(Taking):
    """A system that also says which fields it has."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.asked = 0

    def fields(self, kind: str) -> list[FieldInfo]:
        self.asked += 1
        return [
            FieldInfo(name=one, label=one, type=FieldType.TEXT, writable=True, unique=one == "Key__c")
            for one in self.names
        ]


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Person:
    """Somebody with the page open, and the daemon's own look at the files."""

    world: SmallWorld
    folder: Path
    desk: Desk
    server: Running
    live: Live
    systems: Mapping[str, Describing]
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        return self._ask(f"mappings/{path}", None, {})

    def post(self, path: str, fields: Mapping[str, str], **headers: str | None) -> Answer:
        """Send a form as the browser would; a header of None is left out."""
        body = urllib.parse.urlencode({name: value.replace("\n", "\r\n") for name, value in fields.items()}).encode()
        usual = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.server.url.rstrip("/"),
            "Sec-Fetch-Site": "same-origin",
        }
        asked = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._ask(f"mappings/{path}", body, {name: value for name, value in asked.items() if value is not None})

    def press(self, page: Answer, action: str, **changes: str) -> Answer:
        """Press a button of an open page."""
        fields = {**hidden(page.text), "action": action}
        if 'id="text"' in page.text:
            fields["text"] = text_of(page)
        path = re.findall(r'<form[^>]*method="post" action="(\w+)', page.text)[0]
        return self.post(path, {**fields, **changes})

    def write(self, text: str, name: str = "hub.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str = "hub.yaml") -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def daemon_looks(self) -> None:
        """As its thread does when the files stood still."""
        self.live.settle()

    def _ask(self, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        request = urllib.request.Request(self.server.url + path, data=body, headers=dict(headers))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Still())
        try:
            with opener.open(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())


@contextmanager
def person(
    template: Path, folder: Path, *, approves: bool = True, writes: bool = True, leads: int = 3, limits: Limits
) -> Iterator[Person]:
    made = SmallWorld.begin(template, folder / "state.db", FILES)
    made.hears("hub", "contacts", {str(number): contact(number) for number in range(1, leads + 1)})
    made.settle()
    files = folder / "mappings"
    files.mkdir()
    for name, text in FILES.items():
        (files / name).write_text(text, encoding="utf-8")
    systems = {name: Describing(FIELDS[name]) for name in SYSTEMS}
    where = Folder(path=files, systems=SYSTEMS, limits=limits, look=1.0, worker="desk")
    desk = Desk(engine=made.engine, folder=where, sources=systems, approves=approves, writes=writes)  # type: ignore
    server = start(made.engine, Health(), "127.0.0.1", 0, desk)
    running = InForce(made.engine, made.running, lambda _: None)
    live = Live(made.engine, running, systems, where, desk.stopping)  # type: ignore
    try:
        yield Person(made, files, desk, server, live, systems)
    finally:
        server.stop()
        made.engine.dispose()


def contact(number: int) -> dict[str, Any]:
    return {
        "email": f"ann{number}@works.example",
        "lastname": f"Lee{number}",
        "company": "Works Inc.",
        "jobtitle": f"Head of <b>line</b> {number}",
        "city": "Chicago",
        "budget": "50000",
        "employees": "500",
    }


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def text_of(page: Answer) -> str:
    """Return what stands in the text area, as a browser takes it: without the first line end, all others alike."""
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page.text, re.DOTALL)
    assert found is not None, page.text
    return unescape(found[1]).replace("\r\n", "\n")


def words(page: Answer) -> str:
    """Return what a person reads, without the tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def until(true: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
